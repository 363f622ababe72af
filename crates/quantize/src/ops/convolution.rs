//! Convolutions and transposed convolutions: weight layers whose requantisation waits for what follows.

use zkml_import::{Conv, ConvTranspose, Node, Tensor};
use zkml_ir::ops;

use crate::affine::{Affine, Contraction, Quantized, Real, Term};
use crate::error::QuantizeError;
use crate::lowering::{Lowered, Lowering};
use crate::spread::Spread;

/// A convolution with constant weights.
pub(super) fn lower(cx: &mut Lowering<'_>, node: &Node, conv: &Conv) -> Result<Lowered, QuantizeError> {
    let op = ops::Conv {
        strides: conv.window.strides.clone(),
        dilations: conv.window.dilations.clone(),
        pads: conv.window.pads.clone(),
        groups: conv.groups,
        transposed: None,
    };
    let weight = weights(cx, node)?;
    let weight =
        Real { shape: weight.shape().to_vec(), data: weight.data().iter().map(|&w| f64::from(w)).collect() };
    layer(cx, node, weight, op)
}

/// A transposed convolution with constant weights.
pub(super) fn lower_transposed(
    cx: &mut Lowering<'_>,
    node: &Node,
    conv: &ConvTranspose,
) -> Result<Lowered, QuantizeError> {
    let op = ops::Conv {
        strides: conv.window.strides.clone(),
        dilations: conv.window.dilations.clone(),
        pads: conv.window.pads.clone(),
        groups: conv.groups,
        transposed: Some(conv.output_padding.clone()),
    };
    let weight = outputs_first(weights(cx, node)?, conv.groups);
    layer(cx, node, weight, op)
}

fn weights<'a>(cx: &Lowering<'a>, node: &Node) -> Result<&'a Tensor, QuantizeError> {
    cx.float.constant(node.inputs[1]).ok_or_else(|| {
        cx.unsupported(node, "its weights are computed at run time; freeze the input that they come from")
    })
}

/// From `[C, M/G, kernel…]` to `[M, C/G, kernel…]`.
fn outputs_first(weight: &Tensor, groups: usize) -> Real {
    let shape = weight.shape();
    let (inputs, outputs) = (shape[0] / groups.max(1), shape[1]);
    let taps: usize = shape[2..].iter().product();
    let mut data = Vec::with_capacity(weight.data().len());
    for output in 0..outputs * groups {
        let (group, inner) = (output / outputs, output % outputs);
        for input in 0..inputs {
            let start = ((group * inputs + input) * outputs + inner) * taps;
            data.extend(weight.data()[start..start + taps].iter().map(|&w| f64::from(w)));
        }
    }
    Real { shape: [&[outputs * groups, inputs], &shape[2..]].concat(), data }
}

fn layer(cx: &mut Lowering<'_>, node: &Node, weight: Real, op: ops::Conv) -> Result<Lowered, QuantizeError> {
    let taps = Term::row_length(&weight, &[1]);
    let x = layer_operand(cx, node, 0, taps)?;
    let term = Term::Weighted { x, weight, kept: vec![1], op: Contraction::Conv(op) };
    let sum = Affine::of(cx.float.shape(node.outputs[0]).to_vec(), term);
    Ok(match node.inputs.get(2).and_then(|id| cx.float.constant(*id)) {
        Some(bias) => {
            let bias = bias.data().iter().map(|&b| f64::from(b)).collect();
            sum.plus_bias(&Spread::along(1, bias)).into()
        }
        None => sum.into(),
    })
}

/// An operand of a weight layer that sums `count` products. Sums over windows stay as they are if enough bits are left
/// for the weights.
pub(super) fn layer_operand(
    cx: &mut Lowering<'_>,
    node: &Node,
    input: usize,
    count: usize,
) -> Result<Quantized, QuantizeError> {
    const WEIGHT_ROOM: u64 = 1 << 23;
    let x = cx.operand(node.inputs[input])?;
    if x.range.magnitude().saturating_mul(count as u64) <= WEIGHT_ROOM {
        return Ok(x);
    }
    cx.narrow(node.inputs[input])
}
