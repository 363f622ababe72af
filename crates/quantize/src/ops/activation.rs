//! Functions of one element: fused into the requantisation of the sum before them, or tables.

use zkml_import::{DType, Node, UnaryOp};
use zkml_ir::ops::{Activation, Requantize};
use zkml_ir::{Interval, Op};

use crate::affine::{Affine, Quantized, Term, per_index};
use crate::error::QuantizeError;
use crate::lowering::{Lowered, Lowering, clip_bounds};
use crate::requantize::Function;
use crate::scale::Format;
use crate::spread::Spread;

/// Bits of a table's values where they leave the graph: nothing multiplies them any more.
const OUTPUT_BITS: u32 = 15;

/// An element-wise function.
pub(super) fn unary(cx: &mut Lowering<'_>, node: &Node, op: UnaryOp) -> Result<Lowered, QuantizeError> {
    let input = node.inputs[0];
    if cx.is_absorbed(node) {
        return Ok(cx.operand(input)?.into());
    }
    let sum = match cx.lowered(input) {
        Some(Lowered::Sum(sum)) => Some(sum.clone()),
        _ => None,
    };
    if op == UnaryOp::Neg {
        let x = match sum {
            Some(sum) => *sum,
            None => cx.sum(input, cx.float.shape(input))?,
        };
        return Ok(x.scaled(-1.0).into());
    }
    let goal = output_format(cx, node);
    if let Some((lo, hi)) = clip_bounds(op) {
        return Ok(match sum {
            Some(sum) => cx.requantize(&sum, &Function::Clip(lo, hi), goal)?.into(),
            None => clip(cx, node, lo, hi)?.into(),
        });
    }
    let (name, f) = (format!("{op:?}"), |x: f64| f64::from(op.eval(x as f32)));
    Ok(match sum {
        Some(sum) => {
            let argument = cx.formats.of(input);
            cx.requantize(&sum, &Function::Table { name: &name, f: &f, argument }, goal)?.into()
        }
        None => {
            let x = cx.narrow(input)?;
            cx.lookup(x, &name, &f, goal)?.into()
        }
    })
}

/// The format of a table's values.
fn output_format(cx: &Lowering<'_>, node: &Node) -> Format {
    let output = node.outputs[0];
    let format = cx.formats.of(output);
    let is_clip = matches!(node.op, zkml_import::Op::Unary(op) if clip_bounds(op).is_some());
    if is_clip || !cx.is_only_output(output) || cx.float.value(output).dtype != DType::Float {
        return format;
    }
    let extra = OUTPUT_BITS.saturating_sub(format.bits());
    let codes = Interval::new(format.codes.lo << extra, ((format.codes.hi + 1) << extra) - 1);
    Format { scale: format.scale * format.codes.hi as f64 / codes.hi as f64, codes }
}

/// A clamp of a tensor that is committed already: a clamp of codes where the scale stays.
fn clip(cx: &mut Lowering<'_>, node: &Node, lo: f64, hi: f64) -> Result<Quantized, QuantizeError> {
    let x = cx.operand(node.inputs[0])?;
    let real = (x.range.lo as f64 * x.scale, x.range.hi as f64 * x.scale);
    if lo <= real.0 && real.1 <= hi {
        return Ok(x);
    }
    let bits = cx.formats.of(node.outputs[0]).bits();
    if lo == 0.0 && hi >= real.1 && x.range.hi < 1 << bits {
        // Negative codes become 0, the others stay as they are.
        let mask = -(1i64 << bits);
        let domain = Interval::new(x.range.lo & mask, (x.range.hi & mask) + (1 << bits) - 1);
        let activation = Activation::Clamp(Interval::unsigned(bits));
        return cx.rearranged(x, Op::Requantize(Requantize { shift: 0, domain, activation }));
    }
    let goal = cx.formats.of(node.outputs[0]);
    let sum = Affine::of(cx.shape(x), Term::Tensor { x, factor: 1.0 });
    cx.requantize(&sum, &Function::Clip(lo, hi), goal)
}

/// `x + (slope − 1)·min(x, 0)`: one table, and the slopes as weights.
pub(super) fn prelu(cx: &mut Lowering<'_>, node: &Node) -> Result<Lowered, QuantizeError> {
    let shape = cx.float.shape(node.outputs[0]).to_vec();
    let x = cx.narrow(node.inputs[0])?;
    let Some(slope) = cx.float.constant(node.inputs[1]) else {
        return Err(
            cx.unsupported(node, "its slope is computed at run time; freeze the input that it comes from")
        );
    };
    let data = slope.data().iter().map(|&v| f64::from(v) - 1.0).collect();
    let slope = Spread::broadcast(slope.shape(), data, shape.len());
    let goal = Format { scale: x.scale, codes: Interval::new(x.range.lo.min(0), 0) };
    let negative = cx.lookup(x, "negative part", &|v| v.min(0.0), goal)?;
    let whole = Affine::of(shape.clone(), Term::Tensor { x, factor: 1.0 });
    Ok(whole.plus(Affine::of(shape.clone(), per_index(negative, &slope, shape.len()))).into())
}
