//! Operators that choose elements by position.

use super::{Context, Lowered, Refusal};
use crate::attribute::normalise_axis;
use crate::op::{Op, SliceAxis};

/// Each part is a slice.
pub(super) fn split(ctx: &mut Context<'_>) -> Lowered {
    let x = ctx.value(0)?;
    let shape = ctx.shape_of(x);
    let axis = normalise_axis(ctx.attributes.int("axis", 0), shape.len())?;
    let dim = shape[axis];
    let sizes: Vec<i64> = if ctx.has(1) {
        ctx.ints(1)?
    } else if let Some(sizes) = ctx.attributes.ints("split") {
        sizes.to_vec()
    } else {
        // Equal parts; the last one may be smaller.
        let parts = ctx.num_outputs().max(1);
        let part = dim.div_ceil(parts);
        (0..parts).map(|i| part.min(dim.saturating_sub(i * part)) as i64).collect()
    };
    let sizes: Option<Vec<usize>> = sizes.iter().map(|&s| usize::try_from(s).ok()).collect();
    let total = |s: &Vec<usize>| s.iter().try_fold(0usize, |sum, n| sum.checked_add(*n)) == Some(dim);
    let sizes =
        sizes.filter(total).ok_or_else(|| format!("the parts of axis {axis} do not add up to {dim}"))?;
    let (mut start, mut parts) = (0, vec![]);
    for len in sizes {
        let mut axes: Vec<SliceAxis> = shape.iter().map(|&d| SliceAxis::whole(d)).collect();
        axes[axis] = SliceAxis { start, step: 1, len };
        parts.push(ctx.emit(Op::Slice { axes }, &[x])?);
        start += len;
    }
    Ok(parts)
}

/// Starts and ends are attributes below opset 10, inputs from then on; both are clamped to the axis.
pub(super) fn slice(ctx: &mut Context<'_>) -> Lowered {
    let x = ctx.value(0)?;
    let shape = ctx.shape_of(x);
    let list = |i: usize, name: &str| -> Result<Option<Vec<i64>>, Refusal> {
        if ctx.has(i) { Ok(Some(ctx.ints(i)?)) } else { Ok(ctx.attributes.ints(name).map(<[i64]>::to_vec)) }
    };
    let starts = list(1, "starts")?.ok_or("no starts")?;
    let ends = list(2, "ends")?.ok_or("no ends")?;
    let axes = list(3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = list(4, "steps")?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Err("starts, ends, axes and steps differ in length".into());
    }
    let mut slices: Vec<SliceAxis> = shape.iter().map(|&d| SliceAxis::whole(d)).collect();
    for i in 0..starts.len() {
        let axis = normalise_axis(axes[i], shape.len())?;
        slices[axis] = slice_axis(starts[i], ends[i], steps[i], shape[axis])?;
    }
    Ok(vec![ctx.emit(Op::Slice { axes: slices }, &[x])?])
}

fn slice_axis(start: i64, end: i64, step: i64, dim: usize) -> Result<SliceAxis, Refusal> {
    let too_large = || Refusal::from(format!("axis of {dim}"));
    let d = i64::try_from(dim).map_err(|_| too_large())?;
    let from_end = |i: i64| if i < 0 { i.saturating_add(d) } else { i };
    // Backwards, the end may lie before the first element, at −1.
    let (low, high) = if step > 0 { (0, d) } else { (-1, d - 1) };
    let first = from_end(start).clamp(if step > 0 { 0 } else { low }, high);
    let end = from_end(end).clamp(low, high);
    let len = match step {
        0 => return Err("a step of 0".into()),
        1.. => (end - first).max(0) as u64,
        _ => (first - end).max(0) as u64,
    };
    let len = usize::try_from(len.div_ceil(step.unsigned_abs())).map_err(|_| too_large())?;
    // A step beyond the axis gives one element whichever it is; the smaller one keeps the arithmetic in range.
    let step = step.clamp(-d.max(1), d.max(1)) as isize;
    Ok(SliceAxis { start: usize::try_from(first).unwrap_or(0), step, len })
}

/// Other modes than a constant choose elements, axis by axis.
pub(super) fn pad(ctx: &mut Context<'_>) -> Lowered {
    let mut x = ctx.value(0)?;
    let shape = ctx.shape_of(x);
    let given =
        if ctx.has(1) { ctx.ints(1)? } else { ctx.attributes.ints("pads").ok_or("no pads")?.to_vec() };
    let axes: Vec<usize> = if ctx.has(3) {
        ctx.ints(3)?.iter().map(|&a| normalise_axis(a, shape.len())).collect::<Result<_, _>>()?
    } else {
        (0..shape.len()).collect()
    };
    if given.len() != 2 * axes.len() {
        return Err(format!("{} pads for {} axes", given.len(), axes.len()).into());
    }
    let mut pads = vec![(0, 0); shape.len()];
    for (i, &axis) in axes.iter().enumerate() {
        pads[axis] = (given[i], given[i + axes.len()]);
    }
    let limit = |p: i64| p.unsigned_abs() < 1 << 24;
    if !pads.iter().all(|&(b, e)| limit(b) && limit(e)) {
        return Err(format!("pads {pads:?}").into());
    }
    let mode = ctx.attributes.string("mode", "constant")?;
    if mode == "constant" {
        let value = if ctx.has(2) { ctx.scalar(2)? } else { ctx.attributes.float("value", 0.0)? };
        if value.is_infinite() {
            return Err("padding with an infinity".into());
        }
        x = crop(ctx, x, &pads)?;
        let pads: Vec<_> = pads.iter().map(|&(b, e)| (b.max(0) as usize, e.max(0) as usize)).collect();
        return Ok(vec![if pads.iter().all(|p| *p == (0, 0)) {
            x
        } else {
            ctx.emit(Op::Pad { pads, value }, &[x])?
        }]);
    }
    for (axis, &(begin, end)) in pads.iter().enumerate().filter(|(_, p)| **p != (0, 0)) {
        let d = shape[axis] as i64;
        if d == 0 {
            return Err(format!("mode `{mode}` on the empty axis {axis}").into());
        }
        let position = |i: i64| match mode {
            "edge" => Ok(i.clamp(0, d - 1)),
            "wrap" => Ok(i.rem_euclid(d)),
            "reflect" => {
                let period = (2 * (d - 1)).max(1);
                let i = i.rem_euclid(period);
                Ok(i.min(period - i).min(d - 1))
            }
            other => Err(Refusal::from(format!("mode `{other}`"))),
        };
        let indices =
            (-begin..d + end).map(|i| position(i).map(|i| i as usize)).collect::<Result<Vec<_>, _>>()?;
        x = ctx.emit(Op::Select { axis, indices }, &[x])?;
    }
    Ok(vec![x])
}

/// Negative pads take elements away.
fn crop(
    ctx: &mut Context<'_>,
    x: crate::graph::ValueId,
    pads: &[(i64, i64)],
) -> Result<crate::graph::ValueId, Refusal> {
    if pads.iter().all(|&(b, e)| b >= 0 && e >= 0) {
        return Ok(x);
    }
    let shape = ctx.shape_of(x);
    let mut axes = vec![];
    for (&dim, &(begin, end)) in shape.iter().zip(pads) {
        let (start, cut) = (begin.min(0).unsigned_abs() as usize, end.min(0).unsigned_abs() as usize);
        let len = dim.checked_sub(start + cut).ok_or("negative pads remove more than there is")?;
        axes.push(SliceAxis { start, step: 1, len });
    }
    ctx.emit(Op::Slice { axes }, &[x])
}

/// Constant indices select; indices known only at run time remain a gather.
pub(super) fn gather(ctx: &mut Context<'_>) -> Lowered {
    let x = ctx.value(0)?;
    let shape = ctx.shape_of(x);
    let axis = normalise_axis(ctx.attributes.int("axis", 0), shape.len())?;
    if !ctx.is_constant(1) {
        let indices = ctx.value(1)?;
        return Ok(vec![ctx.emit(Op::Gather { axis }, &[x, indices])?]);
    }
    let indices: Vec<usize> = ctx
        .ints(1)?
        .iter()
        .map(|&i| normalise_axis(i, shape[axis]))
        .collect::<Result<_, _>>()
        .map_err(|_| format!("an index leaves axis {axis} of {shape:?}"))?;
    let target = [&shape[..axis], &ctx.shape(1)?, &shape[axis + 1..]].concat();
    let y = ctx.emit(Op::Select { axis, indices }, &[x])?;
    Ok(vec![ctx.emit_to(Op::Reshape, y, &target)?])
}
