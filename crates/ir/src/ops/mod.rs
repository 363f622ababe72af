//! The operators: one file each, with shapes, intervals and exact integer semantics.

mod argmax;
mod concat;
mod conv;
mod einsum;
mod gather;
mod linear;
mod lookup;
mod max;
mod reduce_sum;
mod requantize;
mod reshape;
mod softmax;
mod topk;
mod view;

use serde::{Deserialize, Serialize};

pub use argmax::ArgMax;
pub use concat::Concat;
pub use conv::Conv;
pub use einsum::{Einsum, Label};
pub use gather::Gather;
pub use linear::Linear;
pub use lookup::Lookup;
pub use max::Max;
pub use reduce_sum::ReduceSum;
pub use requantize::{Activation, Requantize, floor_shift};
pub use reshape::Reshape;
pub use softmax::Softmax;
pub use topk::{Ranked, TopK, ranking};
pub use view::{AxisMap, View};

use crate::error::IrError;
use crate::graph::TensorInfo;
use crate::interval::Interval;
use crate::table::Table;
use crate::tensor::Tensor;

/// An operator and its parameters. Every operator has one output. Encodings number the variants: new ones come last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each variant is its struct, which is documented")]
pub enum Op {
    ArgMax(ArgMax),
    Concat(Concat),
    Conv(Conv),
    Einsum(Einsum),
    Gather(Gather),
    Linear(Linear),
    Lookup(Lookup),
    Max(Max),
    ReduceSum(ReduceSum),
    Requantize(Requantize),
    Reshape(Reshape),
    Softmax(Softmax),
    View(View),
    TopK(TopK),
}

impl Op {
    /// The semantics behind the variant: the one registry of operators in this crate.
    pub fn semantics(&self) -> &dyn Operator {
        match self {
            Self::ArgMax(op) => op,
            Self::Concat(op) => op,
            Self::Conv(op) => op,
            Self::Einsum(op) => op,
            Self::Gather(op) => op,
            Self::Linear(op) => op,
            Self::Lookup(op) => op,
            Self::Max(op) => op,
            Self::ReduceSum(op) => op,
            Self::Requantize(op) => op,
            Self::Reshape(op) => op,
            Self::Softmax(op) => op,
            Self::View(op) => op,
            Self::TopK(op) => op,
        }
    }
}

/// What an operator is: a rule for shapes and intervals, and exact integer semantics.
pub trait Operator {
    /// The operator's name in messages.
    fn name(&self) -> &'static str;

    /// The shape and interval of the output.
    ///
    /// # Errors
    /// An [`IrError`] that names the node if operands and parameters do not fit, or if the integers may overflow.
    fn infer(&self, cx: &Infer<'_>) -> Result<Signature, IrError>;

    /// The output's entries in row-major order. Operands have the shapes and intervals that `infer` saw.
    ///
    /// # Errors
    /// An [`IrError`] that names the node.
    fn eval(&self, cx: &Eval<'_>) -> Result<Vec<i32>, IrError>;
}

/// What an operator sees while shapes are inferred.
pub struct Infer<'a> {
    /// The node's name.
    pub node: &'a str,
    /// The operator's name.
    pub op: &'static str,
    /// The operands' declarations.
    pub operands: Vec<&'a TensorInfo>,
    /// The graph's tables.
    pub tables: &'a [Table],
}

/// What an operator sees while it is executed.
pub struct Eval<'a> {
    /// The node's name.
    pub node: &'a str,
    /// The operands.
    pub operands: Vec<&'a Tensor>,
    /// The output's shape.
    pub shape: &'a [usize],
    /// The graph's tables.
    pub tables: &'a [Table],
}

/// The shape and the interval of an operator's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The output's shape.
    pub shape: Vec<usize>,
    /// An interval that holds every entry, derived from the operands' intervals alone.
    pub range: Interval,
}

impl<'a> Infer<'a> {
    /// The single operand.
    pub fn one(&self) -> Result<&'a TensorInfo, IrError> {
        self.exactly::<1>().map(|[x]| x)
    }

    /// The two operands.
    pub fn two(&self) -> Result<[&'a TensorInfo; 2], IrError> {
        self.exactly::<2>()
    }

    fn exactly<const N: usize>(&self) -> Result<[&'a TensorInfo; N], IrError> {
        <[&TensorInfo; N]>::try_from(self.operands.clone()).map_err(|_| IrError::Arity {
            node: self.node.into(),
            op: self.op,
            expected: N,
            got: self.operands.len(),
        })
    }

    /// A refusal of shapes or parameters.
    pub fn refuse(&self, reason: impl Into<String>) -> IrError {
        IrError::Shape { node: self.node.into(), op: self.op, reason: reason.into() }
    }

    /// A table of the graph.
    pub fn table(&self, index: u32) -> Result<&'a Table, IrError> {
        self.tables.get(index as usize).ok_or_else(|| self.refuse(format!("table {index} does not exist")))
    }
}
