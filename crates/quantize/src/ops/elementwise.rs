//! Functions of two elements, with numpy's broadcasting.

use zkml_import::{BinaryOp, Node, ValueId};
use zkml_ir::Op;
use zkml_ir::ops::{Concat, Max};

use super::concat::unified;
use super::contraction::elementwise;
use crate::affine::{Affine, Quantized, Term};
use crate::error::QuantizeError;
use crate::lowering::{Lowered, Lowering};
use crate::requantize::Function;
use crate::scale::Format;
use crate::spread::Spread;

/// Arithmetic, extremes and comparisons.
pub(super) fn binary(cx: &mut Lowering<'_>, node: &Node, op: BinaryOp) -> Result<Lowered, QuantizeError> {
    match op {
        BinaryOp::Add => add(cx, node, 1.0),
        BinaryOp::Sub => add(cx, node, -1.0),
        BinaryOp::Mul => multiply(cx, node),
        BinaryOp::Div => divide(cx, node),
        BinaryOp::Max | BinaryOp::Min => extreme(cx, node, op == BinaryOp::Max),
        BinaryOp::Equal => compare(cx, node, |d| f64::from(d == 0.0)),
        BinaryOp::Greater => compare(cx, node, |d| f64::from(d > 0.0)),
        BinaryOp::GreaterOrEqual => compare(cx, node, |d| f64::from(d >= 0.0)),
        BinaryOp::Pow => power(cx, node),
        BinaryOp::Mod => Err(super::refused(cx, node)),
    }
}

fn output_shape(cx: &Lowering<'_>, node: &Node) -> Vec<usize> {
    cx.float.shape(node.outputs[0]).to_vec()
}

/// Sums stay symbolic: residual branches enter the accumulator of the layer that they join.
fn add(cx: &mut Lowering<'_>, node: &Node, sign: f64) -> Result<Lowered, QuantizeError> {
    let shape = output_shape(cx, node);
    let a = cx.sum(node.inputs[0], &shape)?;
    let b = cx.sum(node.inputs[1], &shape)?.scaled(sign);
    Ok(a.plus(b).into())
}

/// A constant as factors that vary along axes of a tensor of `rank` axes.
fn factors(cx: &Lowering<'_>, id: ValueId, rank: usize, f: impl Fn(f64) -> f64) -> Option<Spread<f64>> {
    let constant = cx.float.constant(id)?;
    let data = constant.data().iter().map(|&v| f(f64::from(v))).collect();
    Some(Spread::broadcast(constant.shape(), data, rank))
}

fn multiply(cx: &mut Lowering<'_>, node: &Node) -> Result<Lowered, QuantizeError> {
    let (a, b) = (node.inputs[0], node.inputs[1]);
    let rank = output_shape(cx, node).len();
    if let Some(by) = factors(cx, b, rank, |v| v) {
        return scale(cx, node, a, &by);
    }
    if let Some(by) = factors(cx, a, rank, |v| v) {
        return scale(cx, node, b, &by);
    }
    let shape = output_shape(cx, node);
    let (a, b) = (cx.narrow(a)?, cx.narrow(b)?);
    Ok(elementwise(cx, a, b, &shape)?.into())
}

/// A value times constant factors, which a sum takes in where its weights vary along the same axes.
fn scale(
    cx: &mut Lowering<'_>,
    node: &Node,
    id: ValueId,
    by: &Spread<f64>,
) -> Result<Lowered, QuantizeError> {
    let shape = output_shape(cx, node);
    if let Some(Lowered::Sum(sum)) = cx.lowered(id)
        && !sum.takes_factors(&by.axes)
    {
        cx.operand(id)?;
    }
    Ok(cx.sum(id, &shape)?.scaled_by(by).into())
}

fn divide(cx: &mut Lowering<'_>, node: &Node) -> Result<Lowered, QuantizeError> {
    let shape = output_shape(cx, node);
    if let Some(by) = factors(cx, node.inputs[1], shape.len(), |v| 1.0 / v) {
        if by.data.iter().any(|v| !v.is_finite()) {
            return Err(cx.malformed("it divides by a constant 0"));
        }
        return scale(cx, node, node.inputs[0], &by);
    }
    let divisor = cx.narrow(node.inputs[1])?;
    // The quotients of the least and the largest divisor that occur span the table's values.
    let reach = (divisor.range.lo.min(-1) as f64 * divisor.scale, divisor.range.hi as f64 * divisor.scale);
    let signed = if divisor.range.lo < 0 { -1.0 / divisor.scale } else { 0.0 };
    let goal = Format::covering(signed, 1.0 / divisor.scale, 15);
    let inverse = move |v: f64| if v == 0.0 { 1.0 / reach.1 } else { 1.0 / v };
    let inverse = cx.lookup(divisor, "reciprocal", &inverse, goal)?;
    let numerator = match cx.float.constant(node.inputs[0]) {
        Some(_) => return scale_operand(cx, node, inverse),
        None => cx.narrow(node.inputs[0])?,
    };
    Ok(elementwise(cx, numerator, inverse, &shape)?.into())
}

/// A constant numerator times a reciprocal.
fn scale_operand(cx: &mut Lowering<'_>, node: &Node, inverse: Quantized) -> Result<Lowered, QuantizeError> {
    let shape = output_shape(cx, node);
    let x = cx.broadcast(inverse, &shape)?;
    let sum = Affine::of(shape.clone(), Term::Tensor { x, factor: 1.0 });
    match factors(cx, node.inputs[0], shape.len(), |v| v) {
        Some(by) => Ok(sum.scaled_by(&by).into()),
        None => Ok(sum.into()),
    }
}

/// The larger or smaller of two tensors: side by side along a new axis, then the maximum.
fn extreme(cx: &mut Lowering<'_>, node: &Node, largest: bool) -> Result<Lowered, QuantizeError> {
    let shape = output_shape(cx, node);
    let format = cx.formats.of(node.outputs[0]);
    let column = [&shape[..], &[1]].concat();
    let mut ids = Vec::new();
    let mut scale = format.scale;
    for x in unified(cx, node, format)? {
        scale = x.scale;
        let x = cx.broadcast(x, &shape)?;
        let x = if largest { x } else { cx.negated(x)? };
        ids.push(cx.reshape(x, &column)?.tensor);
    }
    let pairs = cx.node(Op::Concat(Concat { axis: shape.len() }), &ids)?;
    let pairs = cx.quantized(pairs, scale);
    let max = cx.rearranged(pairs, Op::Max(Max {}))?;
    Ok(if largest { max.into() } else { cx.negated(max)?.into() })
}

/// A comparison is a table of the difference.
fn compare(cx: &mut Lowering<'_>, node: &Node, f: fn(f64) -> f64) -> Result<Lowered, QuantizeError> {
    let shape = output_shape(cx, node);
    let a = cx.sum(node.inputs[0], &shape)?;
    let difference = a.plus(cx.sum(node.inputs[1], &shape)?.scaled(-1.0));
    let goal = cx.formats.of(node.outputs[0]);
    let formats = (cx.formats.of(node.inputs[0]), cx.formats.of(node.inputs[1]));
    let finer = if formats.0.scale < formats.1.scale { formats.0 } else { formats.1 };
    let function = Function::Table { name: "comparison", f: &f, argument: finer };
    Ok(cx.requantize(&difference, &function, goal)?.into())
}

/// Powers with constant exponents are tables.
fn power(cx: &mut Lowering<'_>, node: &Node) -> Result<Lowered, QuantizeError> {
    let exponent = cx.float.constant(node.inputs[1]).map(|t| t.data().to_vec());
    let Some([exponent]) = exponent.as_deref() else {
        return Err(cx.unsupported(node, "powers need one constant exponent"));
    };
    let (exponent, goal) = (f64::from(*exponent), cx.formats.of(node.outputs[0]));
    let x = cx.narrow(node.inputs[0])?;
    Ok(cx.lookup(x, "power", &|v| v.powf(exponent), goal)?.into())
}

/// `x·scale + shift` per channel, taken in by the layer before.
pub(super) fn scale_shift(cx: &mut Lowering<'_>, node: &Node, axis: usize) -> Result<Lowered, QuantizeError> {
    let channels = |id: ValueId| {
        let data = cx.float.constant(id).map(|t| t.data().iter().map(|&v| f64::from(v)).collect());
        data.map(|data| Spread::along(axis, data))
    };
    let (Some(by), Some(shift)) = (channels(node.inputs[1]), channels(node.inputs[2])) else {
        return Err(cx.unsupported(node, "its scale or shift is computed at run time; freeze them"));
    };
    match scale(cx, node, node.inputs[0], &by)? {
        Lowered::Sum(sum) => Ok(sum.plus_bias(&shift).into()),
        other => Ok(other),
    }
}

/// `b + condition·(a − b)` for a condition of 0 and 1.
pub(super) fn select(cx: &mut Lowering<'_>, node: &Node) -> Result<Lowered, QuantizeError> {
    let shape = output_shape(cx, node);
    if let Some(condition) = factors(cx, node.inputs[0], shape.len(), |v| f64::from(v != 0.0)) {
        let a = cx.sum(node.inputs[1], &shape)?;
        let b = cx.sum(node.inputs[2], &shape)?;
        if !a.takes_factors(&condition.axes) || !b.takes_factors(&condition.axes) {
            cx.operand(node.inputs[1])?;
            cx.operand(node.inputs[2])?;
        }
        let a = cx.sum(node.inputs[1], &shape)?.scaled_by(&condition);
        let b = cx.sum(node.inputs[2], &shape)?.scaled_by(&condition.map(|c| 1.0 - c));
        return Ok(a.plus(b).into());
    }
    let condition = cx.narrow(node.inputs[0])?;
    let inverted = Format { scale: 1.0, codes: zkml_ir::Interval::new(0, 1) };
    let otherwise = cx.lookup(condition, "not", &|v| f64::from(v == 0.0), inverted)?;
    let (a, b) = (cx.narrow(node.inputs[1])?, cx.narrow(node.inputs[2])?);
    let a = elementwise(cx, condition, a, &shape)?;
    Ok(a.plus(elementwise(cx, otherwise, b, &shape)?).into())
}
