//! The greatest or least entries along an axis and their positions, exact on accumulators.

use zkml_import::Node;
use zkml_ir::Op;
use zkml_ir::ops::{Ranked, TopK};

use crate::affine::Quantized;
use crate::error::QuantizeError;
use crate::lowering::{Lowered, Lowering};

/// Values and positions, in this order.
pub(super) fn lower(
    cx: &mut Lowering<'_>,
    node: &Node,
    axis: usize,
    k: usize,
    largest: bool,
) -> Result<Vec<Lowered>, QuantizeError> {
    if k == 0 {
        return Err(cx.unsupported(node, "it keeps no entries, and empty tensors have no integers"));
    }
    let x = cx.ranked_operand(node.inputs[0])?;
    let rank = cx.shape(x).len();
    let to_end: Vec<usize> = (0..rank).filter(|&a| a != axis).chain([axis]).collect();
    let back: Vec<usize> = (0..axis).chain([rank - 1]).chain(axis..rank - 1).collect();
    let rows = cx.transpose(x, &to_end)?;
    let rows = if largest { rows } else { cx.negated(rows)? };
    let values = cx.rearranged(rows, Op::TopK(TopK { k, ranked: Ranked::Values }))?;
    let values = if largest { values } else { cx.negated(values)? };
    let positions = cx.rearranged(rows, Op::TopK(TopK { k, ranked: Ranked::Positions }))?;
    let positions = Quantized { scale: 1.0, ..positions };
    Ok(vec![cx.transpose(values, &back)?.into(), cx.transpose(positions, &back)?.into()])
}
