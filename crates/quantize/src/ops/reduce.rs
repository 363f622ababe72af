//! Reductions over axes: sums are rearrangements, maxima are committed.

use zkml_import::{Node, Reduce, ReduceOp};
use zkml_ir::Op;
use zkml_ir::ops::{Max, ReduceSum};

use crate::affine::{Affine, Quantized, Term};
use crate::error::QuantizeError;
use crate::lowering::{Lowered, Lowering};
use crate::spread::Spread;

/// Sum, mean, maximum and minimum.
pub(super) fn lower(cx: &mut Lowering<'_>, node: &Node, reduce: &Reduce) -> Result<Lowered, QuantizeError> {
    let out = cx.float.shape(node.outputs[0]).to_vec();
    let input = cx.float.shape(node.inputs[0]);
    let count: usize = reduce.axes.iter().map(|&axis| input[axis]).product();
    match reduce.op {
        ReduceOp::Sum => sum(cx, node, reduce, &out, 1.0),
        ReduceOp::Mean => sum(cx, node, reduce, &out, 1.0 / count.max(1) as f64),
        ReduceOp::Max => Ok(extreme(cx, node, reduce, &out, true)?.into()),
        ReduceOp::Min => Ok(extreme(cx, node, reduce, &out, false)?.into()),
        ReduceOp::Product => Err(super::refused(cx, node)),
    }
}

fn sum(
    cx: &mut Lowering<'_>,
    node: &Node,
    reduce: &Reduce,
    out: &[usize],
    factor: f64,
) -> Result<Lowered, QuantizeError> {
    if let Some(Lowered::Sum(products)) = cx.lowered(node.inputs[0])
        && let Some(summed) = summed_products(products, reduce, out)
    {
        return Ok(summed.scaled(factor).into());
    }
    let x = cx.narrow(node.inputs[0])?;
    let sums = cx.rearranged(x, Op::ReduceSum(ReduceSum { axes: reduce.axes.clone() }))?;
    let sums = cx.reshape(sums, out)?;
    Ok(Quantized { scale: sums.scale * factor, ..sums }.into())
}

/// A product whose summed axes both operands have is a contraction: `Σ a·b` without a tensor of products.
fn summed_products(sum: &Affine, reduce: &Reduce, out: &[usize]) -> Option<Affine> {
    let [Term::Product { a, b, op, count, factor }] = &sum.terms[..] else { return None };
    let summed: Vec<u8> = reduce.axes.iter().map(|&axis| op.out[axis]).collect();
    let shared = summed.iter().all(|l| op.a.contains(l) && op.b.contains(l));
    if sum.has_bias() || !shared || reduce.keep_dims {
        return None;
    }
    let lengths = reduce.axes.iter().map(|&axis| sum.shape[axis]).product::<usize>();
    let mut op = op.clone();
    op.out.retain(|l| !summed.contains(l));
    let term = Term::Product { a: *a, b: *b, op, count: count * lengths, factor: *factor };
    Some(Affine { shape: out.to_vec(), terms: vec![term], bias: Spread::scalar(0.0) })
}

/// The reduced axes move to the end and become one, over which the maximum is taken.
fn extreme(
    cx: &mut Lowering<'_>,
    node: &Node,
    reduce: &Reduce,
    out: &[usize],
    largest: bool,
) -> Result<Quantized, QuantizeError> {
    let x = cx.narrow(node.inputs[0])?;
    let shape = cx.shape(x);
    let kept = (0..shape.len()).filter(|axis| !reduce.axes.contains(axis));
    let order: Vec<usize> = kept.chain(reduce.axes.iter().copied()).collect();
    let count: usize = reduce.axes.iter().map(|&axis| shape[axis]).product();
    let x = cx.transpose(x, &order)?;
    let x = cx.reshape(x, &[out, &[count]].concat())?;
    let x = if largest { x } else { cx.negated(x)? };
    let max = cx.rearranged(x, Op::Max(Max {}))?;
    if largest { Ok(max) } else { cx.negated(max) }
}
