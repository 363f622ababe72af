//! One relation per operator: what is committed, looked up and equated for it.

mod argmax;
pub(crate) mod contraction;
mod convolution;
mod linear;
mod lookup;
mod max;
mod rearrange;
mod requantize;
mod softmax;
pub(crate) mod topk;

use alloc::string::String;

use zkml_ir::{Op, TensorId, TensorInfo};

use crate::builder::{Builder, Expr};
use crate::error::RelationError;
use crate::system::{Affine, ViewId};

/// Adds the relation of one node and returns what its output is: the one registry of operators in this crate.
pub(crate) fn relate(
    b: &mut Builder<'_>,
    id: TensorId,
    info: &TensorInfo,
    op: &Op,
    operands: &[TensorId],
) -> Result<Expr, RelationError> {
    let node = Node { id, info, op, operands };
    match op {
        Op::ArgMax(_) => argmax::relate(b, &node),
        Op::Concat(op) => rearrange::concat(b, &node, op),
        Op::Conv(op) => convolution::relate(b, &node, op),
        Op::Einsum(op) => contraction::relate(b, &node, op),
        Op::Gather(op) => rearrange::gather(b, &node, op),
        Op::Linear(op) => linear::relate(b, &node, op),
        Op::Lookup(op) => lookup::relate(b, &node, op),
        Op::Max(_) => max::relate(b, &node),
        Op::ReduceSum(op) => rearrange::reduce_sum(b, &node, op),
        Op::Requantize(op) => requantize::relate(b, &node, op),
        Op::Reshape(op) => rearrange::reshape(b, &node, op),
        Op::Softmax(op) => softmax::relate(b, &node, op),
        Op::View(op) => rearrange::view(b, &node, op),
        Op::TopK(op) => topk::relate(b, &node, op),
        _ => Err(node.refuse("this version has no relation for it")),
    }
}

/// A node of the graph whose relation is being added.
pub(crate) struct Node<'a> {
    pub(crate) id: TensorId,
    pub(crate) info: &'a TensorInfo,
    pub(crate) op: &'a Op,
    pub(crate) operands: &'a [TensorId],
}

impl Node<'_> {
    pub(crate) fn refuse(&self, reason: impl Into<String>) -> RelationError {
        RelationError::Unsupported {
            node: self.info.name.clone(),
            op: self.op.semantics().name(),
            reason: reason.into(),
        }
    }

    /// The expression of an operand.
    pub(crate) fn operand(&self, b: &Builder<'_>, index: usize) -> Expr {
        b.expr(self.operands[index]).clone()
    }

    /// An operand that holds no products, with the batch as first axis.
    pub(crate) fn committed_operand(
        &self,
        b: &mut Builder<'_>,
        index: usize,
    ) -> Result<Affine, RelationError> {
        let expr = self.operand(b, index);
        if !expr.bilinear.is_empty() {
            return Err(self.refuse("its operand is an accumulator; requantise it first"));
        }
        Ok(b.batched(expr).map_err(|e| self.refuse(e))?.affine)
    }

    /// The views of an operand of a product, and their coefficients.
    pub(crate) fn factor(&self, b: &mut Builder<'_>, index: usize) -> Result<Factor, RelationError> {
        let expr = self.operand(b, index);
        if !expr.bilinear.is_empty() {
            return Err(self.refuse("an operand is an accumulator; requantise it first"));
        }
        // A constant enters as a view of the public scalar 1.
        let identity = crate::map::Map::identity(&expr.affine.shape);
        let affine = if expr.affine.constant == 0 {
            expr.affine
        } else {
            b.map_affine(&expr.affine, &identity).map_err(|e| self.refuse(e))?
        };
        Ok(Factor { terms: affine.terms, batched: expr.batched })
    }
}

/// One operand of a product: `Σ coefficient·view`.
pub(crate) struct Factor {
    pub(crate) terms: alloc::vec::Vec<(i64, ViewId)>,
    pub(crate) batched: bool,
}
