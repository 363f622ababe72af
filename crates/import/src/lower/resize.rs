//! `Resize` and `Upsample`: axis by axis, nearest as a selection, linear and cubic as a contraction with a constant
//! matrix.

use super::{Context, Lowered, Refusal};
use crate::attribute::normalise_axis;
use crate::op::{Einsum, Label, Op};
use crate::tensor::Tensor;

/// One resized axis.
struct Axis {
    axis: usize,
    input: usize,
    output: usize,
    /// Output length over input length, as the model states it.
    scale: f64,
}

pub(super) fn resize(ctx: &mut Context<'_>) -> Lowered {
    let mode = ctx.attributes.string("mode", "nearest")?;
    let mut x = ctx.value(0)?;
    for axis in resized_axes(ctx)? {
        x = match mode {
            "nearest" => {
                let indices = (0..axis.output).map(|o| nearest(ctx, &axis, o)).collect::<Result<_, _>>()?;
                ctx.emit(Op::Select { axis: axis.axis, indices }, &[x])?
            }
            "linear" | "bilinear" | "cubic" => {
                let rank = ctx.shape_of(x).len();
                let matrix = Tensor::filled(vec![axis.output, axis.input], 0f32);
                let mut matrix = matrix.map_err(|e| e.to_string())?;
                for (o, row) in matrix.data_mut().chunks_exact_mut(axis.input).enumerate() {
                    interpolate(ctx, &axis, o, mode == "cubic", row)?;
                }
                let matrix = ctx.constant(&format!("axis{}", axis.axis), matrix)?;
                let labels: Vec<Label> = (0..rank as u8).map(|i| b'a' + i).collect();
                let mut out = labels.clone();
                out[axis.axis] = b'z';
                let b = vec![b'z', labels[axis.axis]];
                ctx.emit(Op::Einsum(Einsum { a: labels, b, out }), &[x, matrix])?
            }
            other => return Err(format!("mode `{other}`").into()),
        };
    }
    Ok(vec![x])
}

fn resized_axes(ctx: &Context<'_>) -> Result<Vec<Axis>, Refusal> {
    let shape = ctx.shape(0)?;
    if shape.len() > 20 {
        return Err(format!("{} axes", shape.len()).into());
    }
    if ctx.attributes.flag("antialias", false) {
        return Err("antialias".into());
    }
    let axes: Vec<usize> = match ctx.attributes.ints("axes") {
        Some(axes) => axes.iter().map(|&a| normalise_axis(a, shape.len())).collect::<Result<_, _>>()?,
        None => (0..shape.len()).collect(),
    };
    // Upsample and Resize-10 have (x, scales); later Resize (x, roi, scales, sizes).
    let scales_at = if ctx.op_type == "Upsample" || ctx.opset < 11 { 1 } else { 2 };
    let listed = |i: usize| ctx.has(i) && ctx.shape(i).is_ok_and(|s| s != [0]);
    let mut resized = vec![];
    if scales_at == 2 && listed(3) {
        let sizes = ctx.ints(3)?;
        check_len(sizes.len(), axes.len())?;
        let policy = ctx.attributes.string("keep_aspect_ratio_policy", "stretch")?;
        let ratios = sizes.iter().zip(&axes).map(|(s, &axis)| *s as f64 / shape[axis] as f64);
        let common = match policy {
            "stretch" => None,
            "not_larger" => ratios.reduce(f64::min),
            "not_smaller" => ratios.reduce(f64::max),
            other => return Err(format!("keep_aspect_ratio_policy `{other}`").into()),
        };
        for (&axis, &size) in axes.iter().zip(&sizes) {
            let input = shape[axis];
            let output = match common {
                Some(scale) => (scale * input as f64 + 0.5).floor() as usize,
                None => usize::try_from(size).map_err(|_| format!("size {size}"))?,
            };
            let scale = common.unwrap_or(output as f64 / input as f64);
            resized.push(Axis { axis, input, output, scale });
        }
    } else {
        let scales = match ctx.attributes.floats("scales") {
            Some(scales) => scales.to_vec(),
            None => ctx.tensor(scales_at)?.into_data(),
        };
        check_len(scales.len(), axes.len())?;
        for (&axis, &scale) in axes.iter().zip(&scales) {
            let (input, scale) = (shape[axis], f64::from(scale));
            // A float beyond usize saturates, and is refused below.
            resized.push(Axis { axis, input, output: (input as f64 * scale).floor() as usize, scale });
        }
    }
    let fits = |a: &Axis| a.input > 0 && (1..1 << 20).contains(&a.output);
    if !resized.iter().all(fits) {
        return Err("an axis becomes empty or too large".into());
    }
    resized.retain(|a| a.input != a.output || a.scale != 1.0);
    Ok(resized)
}

fn check_len(got: usize, expected: usize) -> Result<(), Refusal> {
    if got == expected { Ok(()) } else { Err(format!("{got} scales or sizes for {expected} axes").into()) }
}

/// Where output `o` lies on the input's axis.
fn coordinate(ctx: &Context<'_>, axis: &Axis, o: usize) -> Result<f64, Refusal> {
    let old = ctx.op_type == "Upsample" || ctx.opset < 11;
    let default = if old { "asymmetric" } else { "half_pixel" };
    let (out, input, o) = (axis.output as f64, axis.input as f64, o as f64);
    Ok(match ctx.attributes.string("coordinate_transformation_mode", default)? {
        "asymmetric" => o / axis.scale,
        "half_pixel" => (o + 0.5) / axis.scale - 0.5,
        "pytorch_half_pixel" if axis.output == 1 => 0.0,
        "pytorch_half_pixel" => (o + 0.5) / axis.scale - 0.5,
        "half_pixel_symmetric" => {
            let adjustment = out / (axis.scale * input);
            let offset = input / 2.0 * (1.0 - adjustment);
            offset + (o + 0.5) / axis.scale - 0.5
        }
        "align_corners" if axis.output == 1 => 0.0,
        "align_corners" => o * (input - 1.0) / (axis.scale * input - 1.0),
        other => return Err(format!("coordinate_transformation_mode `{other}`").into()),
    })
}

fn nearest(ctx: &Context<'_>, axis: &Axis, o: usize) -> Result<usize, Refusal> {
    let x = coordinate(ctx, axis, o)?;
    let old = ctx.op_type == "Upsample" || ctx.opset < 11;
    let rounded =
        match ctx.attributes.string("nearest_mode", if old { "floor" } else { "round_prefer_floor" })? {
            "floor" => x.floor(),
            "ceil" => x.ceil(),
            "round_prefer_floor" => (x - 0.5).ceil(),
            "round_prefer_ceil" => (x + 0.5).floor(),
            other => return Err(format!("nearest_mode `{other}`").into()),
        };
    Ok(rounded.clamp(0.0, (axis.input - 1) as f64) as usize)
}

/// The weights of output `o` over the input's axis.
fn interpolate(
    ctx: &Context<'_>,
    axis: &Axis,
    o: usize,
    cubic: bool,
    row: &mut [f32],
) -> Result<(), Refusal> {
    let x = coordinate(ctx, axis, o)?;
    let (floor, t) = (x.floor(), x - x.floor());
    let taps: Vec<(f64, f64)> = if cubic {
        let a = f64::from(ctx.attributes.float("cubic_coeff_a", -0.75)?);
        let near = |d: f64| ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
        let far = |d: f64| a * (((d - 5.0) * d + 8.0) * d - 4.0);
        vec![(-1.0, far(1.0 + t)), (0.0, near(t)), (1.0, near(1.0 - t)), (2.0, far(2.0 - t))]
    } else {
        vec![(0.0, 1.0 - t), (1.0, t)]
    };
    let last = (axis.input - 1) as f64;
    let excludes = ctx.attributes.flag("exclude_outside", false);
    let inside = |position: f64| (0.0..=last).contains(&position);
    let kept = taps.iter().filter(|(offset, _)| !excludes || inside(floor + offset));
    let total: f64 = if excludes { kept.clone().map(|(_, w)| w).sum() } else { 1.0 };
    for (offset, weight) in kept {
        // Beyond the border the edge is repeated.
        row[(floor + offset).clamp(0.0, last) as usize] += (weight / total) as f32;
    }
    Ok(())
}
