//! Layer, instance, group and RMS normalisation: the sum of squares is exact, its inverse root a table.

use zkml_import::Node;
use zkml_ir::ops::{Einsum, ReduceSum};
use zkml_ir::{Interval, Op};

use super::contraction::elementwise;
use crate::affine::{Affine, Quantized, Term};
use crate::error::QuantizeError;
use crate::lowering::{Lowered, Lowering};
use crate::requantize::Function;
use crate::scale::Format;

/// Bits of the inverse root.
const ROOT_BITS: u32 = 14;

/// `(x − μ)/√(σ² + ε)` over `axes`.
pub(super) fn lower(
    cx: &mut Lowering<'_>,
    node: &Node,
    axes: &[usize],
    epsilon: f32,
    centre: bool,
) -> Result<Lowered, QuantizeError> {
    let x = cx.narrow(node.inputs[0])?;
    let shape = cx.shape(x);
    let count: usize = axes.iter().map(|&axis| shape[axis]).product();
    let centred = centred(cx, x, axes, count, centre)?;
    let root = inverse_root(cx, node, centred, axes, count, f64::from(epsilon))?;
    let kept: Vec<usize> =
        (0..shape.len()).map(|axis| if axes.contains(&axis) { 1 } else { shape[axis] }).collect();
    let root = cx.reshape(root, &kept)?;
    Ok(elementwise(cx, centred, root, &shape)?.into())
}

/// `x − μ` in as many bits as leave room for the sum of squares.
fn centred(
    cx: &mut Lowering<'_>,
    x: Quantized,
    axes: &[usize],
    count: usize,
    centre: bool,
) -> Result<Quantized, QuantizeError> {
    let shape = cx.shape(x);
    let room = (29u32.saturating_sub(count.max(1).next_power_of_two().ilog2())) / 2;
    let bits = cx.options.bits().min(room + 1);
    let whole = Affine::of(shape.clone(), Term::Tensor { x, factor: 1.0 });
    let sum = if centre {
        let sums = cx.rearranged(x, Op::ReduceSum(ReduceSum { axes: axes.to_vec() }))?;
        let kept: Vec<usize> =
            (0..shape.len()).map(|axis| if axes.contains(&axis) { 1 } else { shape[axis] }).collect();
        let sums = cx.reshape(sums, &kept)?;
        let sums = cx.broadcast(sums, &shape)?;
        whole.plus(Affine::of(shape, Term::Tensor { x: sums, factor: -1.0 / count.max(1) as f64 }))
    } else if x.range.magnitude() < 1 << bits {
        return Ok(x);
    } else {
        whole
    };
    let reach = x.scale * x.range.magnitude() as f64;
    let codes = Interval::signed(bits);
    cx.requantize(&sum, &Function::IDENTITY, Format { scale: reach / codes.hi as f64, codes })
}

/// `1/√(Σ c²/n + ε)`, one per group of `axes`.
fn inverse_root(
    cx: &mut Lowering<'_>,
    node: &Node,
    x: Quantized,
    axes: &[usize],
    count: usize,
    epsilon: f64,
) -> Result<Quantized, QuantizeError> {
    let shape = cx.shape(x);
    let labels: Vec<u8> = (0..shape.len() as u8).collect();
    let out: Vec<u8> = labels.iter().copied().filter(|&l| !axes.contains(&usize::from(l))).collect();
    let kept = out.iter().map(|&l| shape[usize::from(l)]).collect();
    let op = Einsum { a: labels.clone(), b: labels, out };
    let factor = 1.0 / count.max(1) as f64;
    let squares = Affine::of(kept, Term::Product { a: x, b: x, op, count, factor });
    let least = cx.least_variance(node).max(0.0) + epsilon;
    let goal = Format::covering(0.0, cx.options.headroom() / least.max(1e-12).sqrt(), ROOT_BITS);
    // As many rows as a table may have, over all that the sum of squares can reach.
    let reach = x.scale * x.scale * x.range.magnitude().pow(2) as f64;
    let argument = Format { scale: reach / f64::from(1 << 15), codes: goal.codes };
    let f = move |v: f64| 1.0 / (v.max(0.0) + epsilon).max(1e-12).sqrt();
    cx.requantize(&squares, &Function::Table { name: "inverse root", f: &f, argument }, goal)
}
