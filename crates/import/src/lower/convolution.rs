//! Convolutions, and the padding that they and pools share.

use super::{Context, Lowered, Refusal};
use crate::graph::ValueId;
use crate::op::{Conv, ConvTranspose, Op, Window};

/// The window of a convolution or pool with kernel `kernel` on spatial dimensions `spatial`, without `ceil_mode`.
pub(super) fn window(ctx: &Context<'_>, kernel: Vec<usize>, spatial: &[usize]) -> Result<Window, Refusal> {
    let (rank, attributes) = (spatial.len(), ctx.attributes);
    let strides = attributes.sizes("strides", rank, 1)?;
    let dilations = attributes.sizes("dilations", rank, 1)?;
    let zero = kernel.iter().chain(&strides).chain(&dilations).any(|&n| n == 0);
    if zero || kernel.len() != rank {
        return Err(format!("kernel {kernel:?}, strides {strides:?}, dilations {dilations:?}").into());
    }
    let mut window = Window { kernel, strides, dilations, pads: vec![(0, 0); rank] };
    match attributes.string("auto_pad", "NOTSET")? {
        "NOTSET" | "" => {
            let pads = attributes.sizes("pads", 2 * rank, 0)?;
            window.pads = (0..rank).map(|axis| (pads[axis], pads[axis + rank])).collect();
        }
        "VALID" => {}
        mode @ ("SAME_UPPER" | "SAME_LOWER") => {
            for (axis, &dim) in spatial.iter().enumerate() {
                let last = (dim.div_ceil(window.strides[axis]).max(1) - 1) * window.strides[axis];
                let total = (last + window.extent(axis)).saturating_sub(dim);
                window.pads[axis] = halves(total, mode == "SAME_UPPER");
            }
        }
        other => return Err(format!("auto_pad `{other}`").into()),
    }
    Ok(window)
}

/// Begin and end of a padding; where it is odd, the larger half is at the end for `upper`.
fn halves(total: usize, upper: bool) -> (usize, usize) {
    let (small, large) = (total / 2, total - total / 2);
    if upper { (small, large) } else { (large, small) }
}

/// Kernel size: the attribute, or the weights' trailing dimensions, which it must equal.
fn kernel(ctx: &Context<'_>, weights: &[usize]) -> Result<Vec<usize>, Refusal> {
    let kernel = weights.get(2..).unwrap_or_default().to_vec();
    let given = ctx.attributes.ints("kernel_shape");
    if let Some(given) = given
        && !given.iter().copied().eq(kernel.iter().map(|&k| k as i64))
    {
        return Err(format!("kernel_shape {given:?} with weights {weights:?}").into());
    }
    Ok(kernel)
}

fn spatial(x: &[usize]) -> Result<&[usize], Refusal> {
    x.get(2..).filter(|s| !s.is_empty()).ok_or_else(|| format!("needs [N, C, spatial…], got {x:?}").into())
}

fn operands(ctx: &mut Context<'_>) -> Result<Vec<ValueId>, Refusal> {
    let mut operands = vec![ctx.value(0)?, ctx.value(1)?];
    if ctx.has(2) {
        operands.push(ctx.value(2)?);
    }
    Ok(operands)
}

fn groups(ctx: &Context<'_>) -> Result<usize, Refusal> {
    let groups = ctx.attributes.int("group", 1);
    usize::try_from(groups).map_err(|_| format!("{groups} groups").into())
}

pub(super) fn conv(ctx: &mut Context<'_>) -> Lowered {
    let (x, w) = (ctx.shape(0)?, ctx.shape(1)?);
    let window = window(ctx, kernel(ctx, &w)?, spatial(&x)?)?;
    let groups = groups(ctx)?;
    let operands = operands(ctx)?;
    Ok(vec![ctx.emit(Op::Conv(Conv { window, groups }), &operands)?])
}

/// A given `output_shape` (or `SAME_*`: input times stride) decides the padding; where it asks for more than the full
/// output, zeros are added at the end.
pub(super) fn conv_transpose(ctx: &mut Context<'_>) -> Lowered {
    let (x, w) = (ctx.shape(0)?, ctx.shape(1)?);
    let spatial = spatial(&x)?;
    let rank = spatial.len();
    let mut window = window(ctx, kernel(ctx, &w)?, spatial)?;
    let mut output_padding = ctx.attributes.sizes("output_padding", rank, 0)?;
    let auto_pad = ctx.attributes.string("auto_pad", "NOTSET")?;
    let wanted = match ctx.attributes.ints("output_shape") {
        Some(_) => Some(ctx.attributes.sizes("output_shape", rank, 0)?),
        None if auto_pad.starts_with("SAME") => {
            Some(spatial.iter().zip(&window.strides).map(|(d, s)| d.saturating_mul(*s)).collect())
        }
        None => None,
    };
    for (axis, wanted) in wanted.unwrap_or_default().into_iter().enumerate() {
        let steps = spatial[axis].saturating_sub(1).saturating_mul(window.strides[axis]);
        let full = steps.saturating_add(window.extent(axis)).saturating_add(output_padding[axis]);
        window.pads[axis] = halves(full.saturating_sub(wanted), auto_pad == "SAME_UPPER");
        output_padding[axis] += wanted.saturating_sub(full);
    }
    let groups = groups(ctx)?;
    let operands = operands(ctx)?;
    Ok(vec![ctx.emit(Op::ConvTranspose(ConvTranspose { window, output_padding, groups }), &operands)?])
}
