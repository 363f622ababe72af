//! Passes over small integers, vectorised where the processor allows it, each beside a portable twin that gives the
//! same result. The only crate of the workspace with `unsafe` code.

mod dot;

pub use dot::{dot_i32, dot_i32_portable, dot4_i32, dot4_i32_portable};
