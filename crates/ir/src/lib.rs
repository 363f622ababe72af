//! The integer graph: tensors of bounded integers, operators with exact semantics, the reference executor, the
//! canonical encoding and its digest.
//!
//! This crate *is* the meaning of a model: executor, provers, verifiers and generated code compute these integers, bit for
//! bit. It holds no cryptography.

pub mod encode;
pub mod error;
pub mod execute;
pub mod graph;
pub mod interval;
pub mod ops;
mod parallel;
pub mod table;
pub mod tensor;

pub use error::IrError;
pub use execute::{Trace, execute};
pub use graph::{Graph, Model, Port, Source, TensorId, TensorInfo};
pub use interval::Interval;
pub use ops::Op;
pub use table::Table;
pub use tensor::Tensor;
