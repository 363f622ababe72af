//! Rearrangements: free for a prover, exact, and in the operand's scale.

use zkml_import::{Node, Op as FloatOp};
use zkml_ir::Op;
use zkml_ir::ops::{AxisMap, Gather, View};

use crate::affine::Quantized;
use crate::error::QuantizeError;
use crate::lowering::{Lowered, Lowering};
use crate::scale::round;

/// Reshape, transpose, expand, slice, pad, selection by constant indices.
pub(super) fn lower(cx: &mut Lowering<'_>, node: &Node) -> Result<Lowered, QuantizeError> {
    let x = cx.operand(node.inputs[0])?;
    let shape = cx.float.shape(node.outputs[0]).to_vec();
    let moved = match &node.op {
        FloatOp::Transpose { perm } => cx.transpose(x, perm)?,
        FloatOp::Expand => cx.broadcast(x, &shape)?,
        FloatOp::Select { axis, indices } => {
            let indices = indices.iter().map(|&i| i as u32).collect();
            cx.rearranged(x, Op::Gather(Gather { axis: *axis, indices }))?
        }
        FloatOp::Slice { axes } => {
            let starts = axes.iter().map(|slice| (slice.start as i64, slice.step as i64));
            strided(cx, x, shape, starts, 0)?
        }
        FloatOp::Pad { pads, value } => {
            let code = round(f64::from(*value) / x.scale).clamp(x.range.lo.min(0), x.range.hi.max(0));
            let starts = pads.iter().map(|(before, _)| (-(*before as i64), 1));
            strided(cx, x, shape, starts, code)?
        }
        _ => cx.reshape(x, &shape)?,
    };
    Ok(moved.into())
}

/// The view that reads each axis from a start in steps.
fn strided(
    cx: &mut Lowering<'_>,
    x: Quantized,
    shape: Vec<usize>,
    starts: impl Iterator<Item = (i64, i64)>,
    fill: i64,
) -> Result<Quantized, QuantizeError> {
    let starts: Vec<(i64, i64)> = starts.collect();
    if cx.shape(x) == shape && starts.iter().all(|&start| start == (0, 1)) {
        return Ok(x);
    }
    let axes = starts.into_iter().enumerate();
    let axes = axes
        .map(|(axis, (offset, step))| AxisMap { offset, divisor: 1, terms: vec![(axis as u32, step)] })
        .collect();
    cx.rearranged(x, Op::View(View { shape, axes, fill }))
}
