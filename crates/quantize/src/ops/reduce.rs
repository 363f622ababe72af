//! Reductions over axes: sums are rearrangements, maxima are committed.

use zkml_import::{Node, Reduce, ReduceOp};
use zkml_ir::ops::{Linear, Lookup, Max, ReduceSum};
use zkml_ir::{Interval, Op, Table};

use crate::affine::{Affine, Quantized, Term};
use crate::error::QuantizeError;
use crate::lowering::{Lowered, Lowering};
use crate::requantize::Function;
use crate::scale::{Format, round};
use crate::spread::Spread;

/// Bits of the logarithm of a sum.
const LOG_BITS: u32 = 14;

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
        ReduceOp::LogSumExp => log_sum_exp(cx, node, reduce, &out, count),
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

/// `[out…, n]`: the reduced axes move to the end and become one.
fn rows(
    cx: &mut Lowering<'_>,
    node: &Node,
    reduce: &Reduce,
    out: &[usize],
) -> Result<Quantized, QuantizeError> {
    let x = cx.narrow(node.inputs[0])?;
    let shape = cx.shape(x);
    let kept = (0..shape.len()).filter(|axis| !reduce.axes.contains(axis));
    let order: Vec<usize> = kept.chain(reduce.axes.iter().copied()).collect();
    let count: usize = reduce.axes.iter().map(|&axis| shape[axis]).product();
    let x = cx.transpose(x, &order)?;
    cx.reshape(x, &[out, &[count]].concat())
}

/// `m + ln Σ e^(x − m)` with `m = max x`: the sum is at least 1, so that its logarithm has the precision of its terms.
fn log_sum_exp(
    cx: &mut Lowering<'_>,
    node: &Node,
    reduce: &Reduce,
    out: &[usize],
    count: usize,
) -> Result<Lowered, QuantizeError> {
    let x = rows(cx, node, reduce, out)?;
    let max = cx.rearranged(x, Op::Max(Max {}))?;
    let shape = cx.shape(x);
    let top = cx.reshape(max, &[out, &[1]].concat())?;
    let top = cx.broadcast(top, &shape)?;
    let below =
        cx.node(Op::Linear(Linear { coefficients: vec![1, -1], constant: 0 }), &[top.tensor, x.tensor])?;
    // No entry exceeds the maximum, so that the table needs no negative argument: the clamp at 0 changes nothing.
    let span = x.range.len() as i64 - 1;
    let ones = (1i64 << 28) / (count.max(1) as i64).min(1 << 27);
    let ones = ones.min((1 << 16) - 1) as f64;
    let values = (-span..=span).map(|d| round(ones * (-(d.max(0) as f64) * x.scale).exp()) as i32).collect();
    let table = cx.graph.add_table(Table { name: "exponential".into(), start: -span, values })?;
    let exponentials = cx.node(Op::Lookup(Lookup { table }), &[below])?;
    let sums = cx.node(Op::ReduceSum(ReduceSum { axes: vec![out.len()] }), &[exponentials])?;
    let sums = cx.quantized(sums, 1.0 / ones);
    let most = (count.max(1) as f64).ln();
    let codes = Interval::unsigned(LOG_BITS);
    let goal = Format { scale: most.max(x.scale) / codes.hi as f64, codes };
    let argument = Format { scale: count.max(1) as f64 / f64::from(1 << 15), codes };
    let sum = Affine::of(out.to_vec(), Term::Tensor { x: sums, factor: 1.0 });
    let log = Function::Table { name: "logarithm", f: &|v: f64| v.max(1.0).ln(), argument };
    let log = cx.requantize(&sum, &log, goal)?;
    let log = Affine::of(out.to_vec(), Term::Tensor { x: log, factor: 1.0 });
    Ok(Affine::of(out.to_vec(), Term::Tensor { x: max, factor: 1.0 }).plus(log).into())
}

fn extreme(
    cx: &mut Lowering<'_>,
    node: &Node,
    reduce: &Reduce,
    out: &[usize],
    largest: bool,
) -> Result<Quantized, QuantizeError> {
    let x = rows(cx, node, reduce, out)?;
    let x = if largest { x } else { cx.negated(x)? };
    let max = cx.rearranged(x, Op::Max(Max {}))?;
    if largest { Ok(max) } else { cx.negated(max) }
}
