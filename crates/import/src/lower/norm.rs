//! Normalisations.

use super::{Context, Lowered, Refusal};
use crate::attribute::{normalise_axes, normalise_axis};
use crate::graph::ValueId;
use crate::op::{BinaryOp, Op};
use crate::tensor::Tensor;

/// scale·(x − mean)/√(var + ε) + shift with constant parameters: a factor and a term per channel, computed in f64.
pub(super) fn batch(ctx: &mut Context<'_>) -> Lowered {
    if ctx.attributes.flag("training_mode", false) || !ctx.attributes.flag("spatial", true) {
        return Err("training mode or per-element statistics; export the model in evaluation mode".into());
    }
    let epsilon = f64::from(ctx.attributes.float("epsilon", 1e-5)?);
    let parameters: Vec<Tensor> = (1..5).map(|i| ctx.tensor(i)).collect::<Result<_, _>>()?;
    let n = parameters[0].data().len();
    if parameters.iter().any(|p| p.shape() != [n]) {
        return Err("scale, bias, mean and variance must be vectors of one length".into());
    }
    let of = |parameter: usize, channel: usize| f64::from(parameters[parameter].data()[channel]);
    let factors: Vec<f64> = (0..n).map(|c| of(0, c) / (of(3, c) + epsilon).sqrt()).collect();
    let terms = (0..n).map(|c| (of(1, c) - of(2, c) * factors[c]) as f32).collect();
    let scale = ctx.constant("scale", Tensor::vector(factors.iter().map(|f| *f as f32).collect()))?;
    let shift = ctx.constant("shift", Tensor::vector(terms))?;
    let x = ctx.value(0)?;
    // A matrix has its channels on axis 1 as well; a vector is one channel.
    let axis = 1.min(ctx.shape_of(x).len().saturating_sub(1));
    Ok(vec![ctx.emit(Op::ScaleShift { axis }, &[x, scale, shift])?])
}

pub(super) fn instance(ctx: &mut Context<'_>) -> Lowered {
    let epsilon = ctx.attributes.float("epsilon", 1e-5)?;
    let x = ctx.value(0)?;
    let axes = (2..ctx.shape_of(x).len()).collect();
    let y = ctx.emit(Op::Normalize { axes, epsilon, centre: true }, &[x])?;
    let (scale, bias) = (ctx.value(1)?, ctx.value(2)?);
    Ok(vec![per_channel(ctx, y, scale, bias)?])
}

/// Factor and term per channel, on axis 1.
fn per_channel(ctx: &mut Context<'_>, x: ValueId, scale: ValueId, bias: ValueId) -> Result<ValueId, Refusal> {
    if ctx.is_constant(1) && ctx.is_constant(2) {
        return ctx.emit(Op::ScaleShift { axis: 1 }, &[x, scale, bias]);
    }
    let shape = ctx.shape_of(x);
    let mut wide = vec![1; shape.len() - 1];
    wide[0] = shape[1];
    let (scale, bias) = (ctx.emit_to(Op::Reshape, scale, &wide)?, ctx.emit_to(Op::Reshape, bias, &wide)?);
    let y = ctx.emit(Op::Binary(BinaryOp::Mul), &[x, scale])?;
    ctx.emit(Op::Binary(BinaryOp::Add), &[y, bias])
}

/// Before opset 21 scale and bias have an entry per group, then one per channel.
pub(super) fn group(ctx: &mut Context<'_>) -> Lowered {
    let epsilon = ctx.attributes.float("epsilon", 1e-5)?;
    let x = ctx.value(0)?;
    let shape = ctx.shape_of(x);
    let groups = usize::try_from(ctx.attributes.int("num_groups", 0)).unwrap_or(0);
    if shape.len() < 3 || groups == 0 || !shape[1].is_multiple_of(groups) {
        return Err(format!("{groups} groups on {shape:?}").into());
    }
    let split = [&[shape[0], groups, shape[1] / groups], &shape[2..]].concat();
    let y = ctx.emit_to(Op::Reshape, x, &split)?;
    let axes = (2..split.len()).collect();
    let y = ctx.emit(Op::Normalize { axes, epsilon, centre: true }, &[y])?;
    if ctx.opset < 21 {
        let (scale, bias) = (ctx.value(1)?, ctx.value(2)?);
        let y = per_channel(ctx, y, scale, bias)?;
        return Ok(vec![ctx.emit_to(Op::Reshape, y, &shape)?]);
    }
    let y = ctx.emit_to(Op::Reshape, y, &shape)?;
    let (scale, bias) = (ctx.value(1)?, ctx.value(2)?);
    Ok(vec![per_channel(ctx, y, scale, bias)?])
}

/// `LayerNormalization` and `RMSNormalization` over the axes from `axis` on.
pub(super) fn layer(ctx: &mut Context<'_>) -> Lowered {
    let epsilon = ctx.attributes.float("epsilon", 1e-5)?;
    let centre = ctx.op_type == "LayerNormalization";
    let x = ctx.value(0)?;
    let rank = ctx.shape_of(x).len();
    let first = normalise_axis(ctx.attributes.int("axis", -1), rank)?;
    let mut y = ctx.emit(Op::Normalize { axes: (first..rank).collect(), epsilon, centre }, &[x])?;
    let channels = ctx.shape_of(x)[rank - 1];
    let has_bias = centre && ctx.has(2);
    let fits = ctx.is_constant(1) && ctx.shape(1)? == [channels];
    let fits = fits && (!has_bias || (ctx.is_constant(2) && ctx.shape(2)? == [channels]));
    let scale = ctx.value(1)?;
    if fits {
        let shift = match has_bias {
            true => ctx.value(2)?,
            false => ctx.constant("shift", Tensor::vector(vec![0.0; channels]))?,
        };
        return Ok(vec![ctx.emit(Op::ScaleShift { axis: rank - 1 }, &[y, scale, shift])?]);
    }
    y = ctx.emit(Op::Binary(BinaryOp::Mul), &[y, scale])?;
    if has_bias {
        let bias = ctx.value(2)?;
        y = ctx.emit(Op::Binary(BinaryOp::Add), &[y, bias])?;
    }
    Ok(vec![y])
}

pub(super) fn mean_variance(ctx: &mut Context<'_>) -> Lowered {
    let x = ctx.value(0)?;
    let axes = normalise_axes(ctx.attributes.ints("axes").unwrap_or(&[0, 2, 3]), ctx.shape_of(x).len())?;
    // The ε of the specification's reference implementation, outside of its root there.
    Ok(vec![ctx.emit(Op::Normalize { axes, epsilon: 1e-18, centre: true }, &[x])?])
}

pub(super) fn local_response(ctx: &mut Context<'_>) -> Lowered {
    let size = ctx.attributes.int("size", 0);
    let size = usize::try_from(size).map_err(|_| format!("size {size}"))?;
    let alpha = ctx.attributes.float("alpha", 1e-4)?;
    let beta = ctx.attributes.float("beta", 0.75)?;
    let bias = ctx.attributes.float("bias", 1.0)?;
    let x = ctx.value(0)?;
    Ok(vec![ctx.emit(Op::Lrn { size, alpha, beta, bias }, &[x])?])
}
