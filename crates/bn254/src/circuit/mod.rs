//! The circuit of the verifier: [`zkml_iop::verifier::verify`] over wires instead of values.
//!
//! Nothing of the protocol is repeated here. [`CircuitContext`] says what receiving, drawing, multiplying and asserting mean in
//! a circuit; what is checked, and in which order, is the one verifier's business.

mod context;
mod wire;

pub use context::{Assignment, MAX_CONSTRAINTS, build};
