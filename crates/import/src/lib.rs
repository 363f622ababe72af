//! ONNX model files become a *float graph*: a small set of typed operators with explicit shapes and padding, which the
//! quantiser lowers to integers.

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
