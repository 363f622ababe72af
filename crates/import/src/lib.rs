//! ONNX model files become a *float graph*: a small set of typed operators with explicit shapes and padding, which the
//! quantiser lowers to integers.

pub mod graph;
pub mod op;
pub mod tensor;
pub mod unary;

pub use graph::{DType, FloatGraph, GraphOutput, Node, Source, Value, ValueId};
pub use op::{
    BinaryOp, Conv, ConvTranspose, Einsum, Label, Op, Pool, PoolKind, Reduce, ReduceOp, SliceAxis, Window,
};
pub use tensor::{Array, Tensor, TensorError};
pub use unary::UnaryOp;
