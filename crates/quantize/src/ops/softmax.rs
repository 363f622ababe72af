//! Softmax: an exact quotient of tabulated exponentials.

use zkml_import::Node;
use zkml_ir::{Op, Table, ops};

use crate::affine::Quantized;
use crate::error::QuantizeError;
use crate::lowering::{Lowered, Lowering};
use crate::scale::{Format, round};

/// `e^x / Σ e^x` over `axes`, and its logarithm as a table.
pub(super) fn lower(
    cx: &mut Lowering<'_>,
    node: &Node,
    axes: &[usize],
    log: bool,
) -> Result<Lowered, QuantizeError> {
    let x = cx.narrow(node.inputs[0])?;
    let shape = cx.shape(x);
    let others = (0..shape.len()).filter(|axis| !axes.contains(axis));
    let order: Vec<usize> = others.clone().chain(axes.iter().copied()).collect();
    let length: usize = axes.iter().map(|&axis| shape[axis]).product();
    let moved = cx.transpose(x, &order)?;
    let moved_shape = cx.shape(moved);
    let rows: Vec<usize> = others.map(|axis| shape[axis]).chain([length]).collect();
    let flat = cx.reshape(moved, &rows)?;
    let quotient = quotient(cx, flat, length)?;
    let quotient = if log { logarithm(cx, node, quotient)? } else { quotient };
    let back = cx.reshape(quotient, &moved_shape)?;
    let inverse: Vec<usize> =
        (0..order.len()).map(|axis| order.iter().position(|&o| o == axis).unwrap_or(axis)).collect();
    Ok(cx.transpose(back, &inverse)?.into())
}

/// The bits of the exponentials and of the quotient share what the bound `Σ·2^q < 2^30` leaves.
fn quotient(cx: &mut Lowering<'_>, x: Quantized, length: usize) -> Result<Quantized, QuantizeError> {
    let room = 29u32.saturating_sub(length.max(1).next_power_of_two().ilog2());
    let bits = (room / 2).clamp(1, 12);
    let ones = f64::from(1u32 << (room - bits).min(16)) - 1.0;
    let span = x.range.len().saturating_sub(1) as i64;
    let values = (0..=span).map(|d| round(ones * (-(d as f64) * x.scale).exp()) as i32).collect();
    let table = cx.graph.add_table(Table { name: "exponential".into(), start: 0, values })?;
    let tensor = cx.node(Op::Softmax(ops::Softmax { table, bits }), &[x.tensor])?;
    Ok(cx.quantized(tensor, 1.0 / f64::from(1u32 << bits)))
}

/// The quotient is rounded down; its middle is the best guess, and keeps the logarithm of 0 finite.
fn logarithm(cx: &mut Lowering<'_>, node: &Node, x: Quantized) -> Result<Quantized, QuantizeError> {
    let format = cx.formats.of(node.outputs[0]);
    let goal = Format { scale: format.scale / 16.0, codes: format.codes.scale(16) };
    let half = x.scale / 2.0;
    cx.lookup(x, "logarithm", &|v| (v + half).min(1.0).ln(), goal)
}
