//! Concatenation: operands are brought to one scale, which they share from the start where possible.

use zkml_import::Node;
use zkml_ir::{Op, ops};

use crate::affine::Quantized;
use crate::error::QuantizeError;
use crate::lowering::{Lowered, Lowering};
use crate::scale::Format;

/// Joins tensors along an axis.
pub(super) fn lower(cx: &mut Lowering<'_>, node: &Node, axis: usize) -> Result<Lowered, QuantizeError> {
    let format = cx.formats.of(node.outputs[0]);
    let operands = unified(cx, node, format)?;
    if let [only] = operands[..] {
        return Ok(only.into());
    }
    let ids: Vec<_> = operands.iter().map(|x| x.tensor).collect();
    let tensor = cx.node(Op::Concat(ops::Concat { axis }), &ids)?;
    Ok(cx.quantized(tensor, operands[0].scale).into())
}

/// The node's operands in one scale: their own if they agree, else the group's.
pub(super) fn unified(
    cx: &mut Lowering<'_>,
    node: &Node,
    format: Format,
) -> Result<Vec<Quantized>, QuantizeError> {
    let mut operands = Vec::with_capacity(node.inputs.len());
    for &input in &node.inputs {
        operands.push(cx.narrow(input)?);
    }
    let agree = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-9;
    if operands.iter().all(|x| agree(x.scale, operands[0].scale)) {
        return Ok(operands);
    }
    operands
        .into_iter()
        .map(|x| {
            if agree(x.scale, format.scale) {
                return Ok(x);
            }
            cx.rescale_to(x, format)
        })
        .collect()
}
