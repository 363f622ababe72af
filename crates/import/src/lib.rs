//! ONNX model files become a *float graph*: a small set of typed operators with explicit shapes and padding, which the
//! quantiser lowers to integers.
//!
//! * [`import_file`] reads a file (opset 7 and newer; f16, bf16 and f64 become f32) and lowers each ONNX node by itself, so
//!   that every operator keeps its node's name. Constants are folded, batch normalisations move into the weights before
//!   them, and every operator that is not supported is reported at once.
//! * [`FloatGraph`] is **one sample**: every shape is known, the batch dimension is 1 unless the file fixes another.
//!   [`Op`] documents the operators; the lowering to integers needs no other knowledge of ONNX.
//! * [`ImportedModel::reference`] executes the ONNX graph itself through tract and reports every tensor that both graphs
//!   know, for measuring drift operator by operator. [`Evaluator`] executes the float graph. That both agree is what this
//!   crate's tests check.
//! * [`DataFile`] reads samples, expected outputs and labels.
//!
//! Nothing here panics on what a file holds: tract may, and is called behind a guard that turns a panic into an error
//! (its message still reaches standard error through the process's panic hook).

mod attribute;
mod builder;
pub mod data;
mod error;
pub mod eval;
mod file;
mod fold;
mod fuse;
pub mod graph;
mod import;
mod lower;
pub mod op;
mod reference;
mod runtime;
pub mod shape;
pub mod tensor;
pub mod unary;

pub use data::{DataError, DataFile, Samples};
pub use error::{ImportError, RunError, UnsupportedNode};
pub use eval::Evaluator;
pub use file::{MAX_FILE_BYTES, MIN_OPSET};
pub use graph::{DType, FloatGraph, GraphOutput, Node, Source, Value, ValueId};
pub use import::{ImportOptions, ImportedModel, import_bytes, import_file};
pub use op::{
    BinaryOp, Conv, ConvTranspose, Einsum, Label, Op, Pool, PoolKind, Reduce, ReduceOp, SliceAxis, Window,
};
pub use reference::{Backend, Reference};
pub use tensor::{Array, Tensor, TensorError};
pub use unary::UnaryOp;
