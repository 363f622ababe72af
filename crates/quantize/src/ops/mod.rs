//! Lowering rules, one file per operator family, named as the integer operators' files are.

mod activation;
mod argmax;
mod concat;
mod contraction;
mod convolution;
mod elementwise;
mod gather;
mod norm;
mod pool;
mod rearrange;
mod reduce;
mod softmax;
mod topk;

use zkml_import::{BinaryOp, Node, Op, ReduceOp};

use crate::error::QuantizeError;
use crate::lowering::{Lowered, Lowering};

/// Why an operator has no integer semantics at all, whatever its operands.
pub(crate) fn unsupported(op: &Op) -> Option<&'static str> {
    match op {
        Op::Lrn { .. } => Some("local response normalisation is not available yet; use batch normalisation"),
        Op::Binary(BinaryOp::Mod) => Some("remainders have no integers here; compute them before the model"),
        Op::Reduce(reduce) if reduce.op == ReduceOp::Product => {
            Some("products over an axis are not available; use a sum of logarithms")
        }
        _ => None,
    }
}

/// Lowers one node, to as many values as it has outputs: the one registry of operators in this crate.
pub(crate) fn lower(cx: &mut Lowering<'_>, node: &Node) -> Result<Vec<Lowered>, QuantizeError> {
    let lowered = match &node.op {
        Op::TopK { axis, k, largest } => return topk::lower(cx, node, *axis, *k, *largest),
        Op::Conv(conv) => convolution::lower(cx, node, conv),
        Op::ConvTranspose(conv) => convolution::lower_transposed(cx, node, conv),
        Op::Einsum(einsum) => contraction::lower(cx, node, einsum),
        Op::ScaleShift { axis } => elementwise::scale_shift(cx, node, *axis),
        Op::Binary(binary) => elementwise::binary(cx, node, *binary),
        Op::Unary(unary) => activation::unary(cx, node, *unary),
        Op::PRelu => activation::prelu(cx, node),
        Op::Where => elementwise::select(cx, node),
        Op::Pool(pool) => pool::lower(cx, node, pool),
        Op::Reduce(reduce) => reduce::lower(cx, node, reduce),
        Op::Softmax { axes, log } => softmax::lower(cx, node, axes, *log),
        Op::Normalize { axes, epsilon, centre } => norm::lower(cx, node, axes, *epsilon, *centre),
        Op::Concat { axis } => concat::lower(cx, node, *axis),
        Op::Slice { .. } | Op::Pad { .. } | Op::Reshape => rearrange::lower(cx, node),
        Op::Transpose { .. } | Op::Expand | Op::Select { .. } => rearrange::lower(cx, node),
        Op::Gather { axis } => gather::lower(cx, node, *axis),
        Op::ArgExtreme { largest, axis, keep_dims, last } => argmax::lower(
            cx,
            node,
            &argmax::Extreme { largest: *largest, axis: *axis, keep_dims: *keep_dims, last: *last },
        ),
        Op::Lrn { .. } => Err(refused(cx, node)),
    };
    Ok(vec![lowered?])
}

/// The refusal of an operator that is never available.
fn refused(cx: &Lowering<'_>, node: &Node) -> QuantizeError {
    cx.unsupported(node, unsupported(&node.op).unwrap_or("it has no integer semantics"))
}
