//! Positions of extremes, exact on accumulators.

use zkml_import::Node;
use zkml_ir::Op;
use zkml_ir::ops::{self, AxisMap, Linear, View};

use crate::affine::Quantized;
use crate::error::QuantizeError;
use crate::lowering::{Lowered, Lowering};

/// Which extreme, along which axis.
pub(super) struct Extreme {
    pub(super) largest: bool,
    pub(super) axis: usize,
    pub(super) keep_dims: bool,
    pub(super) last: bool,
}

/// The position of the largest or smallest entry along an axis.
pub(super) fn lower(cx: &mut Lowering<'_>, node: &Node, extreme: &Extreme) -> Result<Lowered, QuantizeError> {
    let x = cx.ranked_operand(node.inputs[0])?;
    let shape = cx.shape(x);
    let others = (0..shape.len()).filter(|&axis| axis != extreme.axis);
    let order: Vec<usize> = others.chain([extreme.axis]).collect();
    let x = cx.transpose(x, &order)?;
    let x = if extreme.largest { x } else { cx.negated(x)? };
    let position =
        if extreme.last { last_position(cx, x)? } else { cx.rearranged(x, Op::ArgMax(ops::ArgMax {}))? };
    let out = cx.float.shape(node.outputs[0]).to_vec();
    debug_assert!(extreme.keep_dims || out.len() < shape.len());
    let position = cx.reshape(position, &out)?;
    Ok(Quantized { scale: 1.0, ..position }.into())
}

/// Of equal entries the last: the first of the reversed axis.
fn last_position(cx: &mut Lowering<'_>, x: Quantized) -> Result<Quantized, QuantizeError> {
    let shape = cx.shape(x);
    let Some(last) = shape.len().checked_sub(1) else { return cx.rearranged(x, Op::ArgMax(ops::ArgMax {})) };
    let end = shape[last] as i64 - 1;
    let mut axes: Vec<AxisMap> = (0..shape.len()).map(|axis| AxisMap::identity(axis as u32)).collect();
    axes[last] = AxisMap { offset: end, divisor: 1, terms: vec![(last as u32, -1)] };
    let reversed = cx.rearranged(x, Op::View(View { shape, axes, fill: 0 }))?;
    let position = cx.rearranged(reversed, Op::ArgMax(ops::ArgMax {}))?;
    cx.rearranged(position, Op::Linear(Linear { coefficients: vec![-1], constant: end }))
}
