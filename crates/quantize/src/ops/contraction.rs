//! Contractions: matrix products with weights, and of two tensors computed at run time.

use zkml_import::{Einsum, Label, Node, Tensor};
use zkml_ir::{Op, ops};

use super::convolution::layer_operand;
use crate::affine::{Affine, Contraction, Quantized, Real, Term};
use crate::error::QuantizeError;
use crate::lowering::{Lowered, Lowering};
use crate::spread::Spread;

/// An einsum of a tensor with weights or with another tensor, and its bias.
pub(super) fn lower(cx: &mut Lowering<'_>, node: &Node, einsum: &Einsum) -> Result<Lowered, QuantizeError> {
    let shape = cx.float.shape(node.outputs[0]).to_vec();
    let term = match (cx.float.constant(node.inputs[0]), cx.float.constant(node.inputs[1])) {
        (None, Some(weight)) => weighted(cx, node, 0, (&einsum.a, &einsum.b, &einsum.out), weight)?,
        (Some(weight), None) => weighted(cx, node, 1, (&einsum.b, &einsum.a, &einsum.out), weight)?,
        _ => product(cx, node, einsum)?,
    };
    let sum = Affine::of(shape.clone(), term);
    Ok(match node.inputs.get(2) {
        Some(&bias) => {
            let bias = cx.sum(bias, &shape)?;
            sum.plus(bias).into()
        }
        None => sum.into(),
    })
}

/// The weights are stored with the labels of the output first, so that a row makes one output.
fn weighted(
    cx: &mut Lowering<'_>,
    node: &Node,
    input: usize,
    (a, b, out): (&[Label], &[Label], &[Label]),
    weight: &Tensor,
) -> Result<Term, QuantizeError> {
    let kept: Vec<Label> = out.iter().copied().filter(|l| b.contains(l)).collect();
    let summed: Vec<Label> = b.iter().copied().filter(|l| !out.contains(l) && a.contains(l)).collect();
    let order = [&kept[..], &summed].concat();
    let weight = reordered(weight, b, &order);
    let kept_axes = out.iter().enumerate().filter(|(_, l)| b.contains(l)).map(|(axis, _)| axis).collect();
    let count = weight.shape[kept.len()..].iter().product();
    let x = layer_operand(cx, node, input, count)?;
    let (x, a) = without_unshared(cx, x, a, &|l| order.contains(&l) || out.contains(&l))?;
    let op = ops::Einsum { a, b: order, out: out.to_vec() };
    Ok(Term::Weighted { x, weight, kept: kept_axes, op: Contraction::Einsum(op) })
}

/// The weight with its axes in `order`; axes whose labels are missing there are summed.
fn reordered(weight: &Tensor, labels: &[Label], order: &[Label]) -> Real {
    let lengths: Vec<usize> = order
        .iter()
        .map(|l| labels.iter().position(|m| m == l).map_or(1, |axis| weight.shape()[axis]))
        .collect();
    let target_steps = zkml_ir::tensor::strides(&lengths);
    let steps: Vec<usize> =
        labels.iter().map(|l| order.iter().position(|m| m == l).map_or(0, |i| target_steps[i])).collect();
    let mut data = vec![0f64; lengths.iter().product()];
    let mut index = vec![0usize; labels.len()];
    let mut target = 0;
    for &w in weight.data() {
        data[target] += f64::from(w);
        for axis in (0..index.len()).rev() {
            index[axis] += 1;
            target += steps[axis];
            if index[axis] < weight.shape()[axis] {
                break;
            }
            target -= steps[axis] * index[axis];
            index[axis] = 0;
        }
    }
    Real { shape: lengths, data }
}

/// The operand summed over the labels that nothing else has.
fn without_unshared(
    cx: &mut Lowering<'_>,
    x: Quantized,
    labels: &[Label],
    is_shared: &dyn Fn(Label) -> bool,
) -> Result<(Quantized, Vec<Label>), QuantizeError> {
    let axes: Vec<usize> = (0..labels.len()).filter(|&axis| !is_shared(labels[axis])).collect();
    let left = labels.iter().copied().filter(|&l| is_shared(l)).collect();
    if axes.is_empty() {
        return Ok((x, left));
    }
    Ok((cx.rearranged(x, Op::ReduceSum(ops::ReduceSum { axes }))?, left))
}

fn product(cx: &mut Lowering<'_>, node: &Node, einsum: &Einsum) -> Result<Term, QuantizeError> {
    let (a, b) = (cx.narrow(node.inputs[0])?, cx.narrow(node.inputs[1])?);
    let in_out = |l: Label| einsum.out.contains(&l);
    let (a, labels_a) = without_unshared(cx, a, &einsum.a, &|l| in_out(l) || einsum.b.contains(&l))?;
    let (b, labels_b) = without_unshared(cx, b, &einsum.b, &|l| in_out(l) || einsum.a.contains(&l))?;
    let shape = cx.shape(a);
    let count = labels_a.iter().zip(&shape).filter(|(l, _)| !in_out(**l)).map(|(_, n)| n).product();
    let op = ops::Einsum { a: labels_a, b: labels_b, out: einsum.out.clone() };
    Ok(Term::Product { a, b, op, count, factor: 1.0 })
}

/// The product, entry by entry, of two operands that broadcast to `shape`.
pub(super) fn elementwise(
    cx: &mut Lowering<'_>,
    a: Quantized,
    b: Quantized,
    shape: &[usize],
) -> Result<Affine, QuantizeError> {
    let (a, b) = (cx.broadcast(a, shape)?, cx.broadcast(b, shape)?);
    let op = ops::Einsum::elementwise(shape.len());
    Ok(Affine {
        shape: shape.to_vec(),
        terms: vec![Term::Product { a, b, op, count: 1, factor: 1.0 }],
        bias: Spread::scalar(0.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_reordered_and_unshared_axes_summed() -> Result<(), Box<dyn std::error::Error>> {
        // Labels k, n, z of shape [2, 3, 2]; z is summed.
        let weight = Tensor::new(vec![2, 3, 2], (0..12).map(|v| v as f32).collect())?;
        let got = reordered(&weight, b"knz", b"nk");
        assert_eq!(got.shape, vec![3, 2]);
        assert_eq!(got.data, vec![1.0, 13.0, 5.0, 17.0, 9.0, 21.0]);
        Ok(())
    }
}
