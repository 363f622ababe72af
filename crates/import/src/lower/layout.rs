//! Operators that move elements without choosing among them.

use super::{Context, Lowered, Refusal};
use crate::attribute::{normalise_axes, normalise_axis};
use crate::op::Op;
use crate::tensor::{broadcast_shape, num_elements};

fn to_shape(ctx: &mut Context<'_>, shape: &[usize]) -> Lowered {
    let x = ctx.value(0)?;
    Ok(vec![ctx.emit_to(Op::Reshape, x, shape)?])
}

/// Dimensions given as integers; 0 copies the input's (unless `allowzero`), one −1 takes what is left.
pub(super) fn reshape(ctx: &mut Context<'_>) -> Lowered {
    let (x, wanted) = (ctx.shape(0)?, ctx.ints(1)?);
    let allow_zero = ctx.attributes.flag("allowzero", false);
    let malformed = || Refusal::from(format!("{x:?} cannot be reshaped to {wanted:?}"));
    let mut shape = vec![];
    for (axis, &dim) in wanted.iter().enumerate() {
        shape.push(match dim {
            -1 => 1,
            0 if !allow_zero => *x.get(axis).ok_or_else(malformed)?,
            _ => usize::try_from(dim).map_err(|_| malformed())?,
        });
    }
    let open: Vec<usize> = (0..wanted.len()).filter(|&i| wanted[i] == -1).collect();
    if let [open] = open[..] {
        let (total, known) = (num_elements(&x), num_elements(&shape));
        let (Ok(total), Ok(known)) = (total, known) else { return Err(malformed()) };
        shape[open] = total.checked_div(known).unwrap_or(0);
    } else if !open.is_empty() {
        return Err(malformed());
    }
    to_shape(ctx, &shape)
}

pub(super) fn flatten(ctx: &mut Context<'_>) -> Lowered {
    let x = ctx.shape(0)?;
    // The axis may be the rank itself.
    let axis = match ctx.attributes.int("axis", 1) {
        axis if axis == x.len() as i64 => x.len(),
        axis => normalise_axis(axis, x.len())?,
    };
    let shape = [x[..axis].iter().product(), x[axis..].iter().product()];
    to_shape(ctx, &shape)
}

/// The axes of `Squeeze` and `Unsqueeze`: an attribute below opset 13, an input from then on.
fn axes(ctx: &Context<'_>) -> Result<Option<Vec<i64>>, Refusal> {
    if ctx.has(1) { Ok(Some(ctx.ints(1)?)) } else { Ok(ctx.attributes.ints("axes").map(<[i64]>::to_vec)) }
}

pub(super) fn squeeze(ctx: &mut Context<'_>) -> Lowered {
    let x = ctx.shape(0)?;
    let axes = match axes(ctx)? {
        Some(axes) => normalise_axes(&axes, x.len())?,
        None => (0..x.len()).filter(|&axis| x[axis] == 1).collect(),
    };
    let shape: Vec<usize> = (0..x.len()).filter(|axis| !axes.contains(axis)).map(|axis| x[axis]).collect();
    to_shape(ctx, &shape)
}

pub(super) fn unsqueeze(ctx: &mut Context<'_>) -> Lowered {
    let x = ctx.shape(0)?;
    let axes = axes(ctx)?.ok_or("no axes")?;
    let axes = normalise_axes(&axes, x.len() + axes.len())?;
    let mut shape = x;
    // Ascending, so that each insertion finds the ones before it in place.
    for axis in axes {
        shape.insert(axis, 1);
    }
    to_shape(ctx, &shape)
}

pub(super) fn transpose(ctx: &mut Context<'_>) -> Lowered {
    let x = ctx.value(0)?;
    let rank = ctx.shape_of(x).len();
    let perm = match ctx.attributes.ints("perm") {
        Some(perm) => perm.iter().map(|&axis| normalise_axis(axis, rank)).collect::<Result<_, _>>()?,
        None => (0..rank).rev().collect::<Vec<_>>(),
    };
    Ok(vec![ctx.emit(Op::Transpose { perm }, &[x])?])
}

pub(super) fn expand(ctx: &mut Context<'_>) -> Lowered {
    let wanted: Option<Vec<usize>> = ctx.ints(1)?.iter().map(|&d| usize::try_from(d).ok()).collect();
    let wanted = wanted.ok_or("negative dimension")?;
    let x = ctx.value(0)?;
    let from = ctx.shape_of(x);
    let shape =
        broadcast_shape(&from, &wanted).ok_or_else(|| format!("{from:?} does not expand to {wanted:?}"))?;
    Ok(vec![ctx.emit_to(Op::Expand, x, &shape)?])
}

/// `[d]` repeated r times is `[1, d]` expanded to `[r, d]` and flattened.
pub(super) fn tile(ctx: &mut Context<'_>) -> Lowered {
    let x = ctx.value(0)?;
    let shape = ctx.shape_of(x);
    let repeats: Option<Vec<usize>> = ctx.ints(1)?.iter().map(|&r| usize::try_from(r).ok()).collect();
    let repeats = repeats.filter(|r| r.len() == shape.len()).ok_or("repeats do not fit the input")?;
    let pairs = |first: &dyn Fn(usize) -> usize| -> Vec<usize> {
        (0..shape.len()).flat_map(|axis| [first(axis), shape[axis]]).collect()
    };
    let tiled: Option<Vec<usize>> = shape.iter().zip(&repeats).map(|(d, r)| d.checked_mul(*r)).collect();
    let tiled = tiled.ok_or("too large")?;
    let y = ctx.emit_to(Op::Reshape, x, &pairs(&|_| 1))?;
    let y = ctx.emit_to(Op::Expand, y, &pairs(&|axis| repeats[axis]))?;
    Ok(vec![ctx.emit_to(Op::Reshape, y, &tiled)?])
}

pub(super) fn concat(ctx: &mut Context<'_>) -> Lowered {
    let inputs = (0..ctx.num_inputs()).map(|i| ctx.value(i)).collect::<Result<Vec<_>, _>>()?;
    let Some(&first) = inputs.first() else { return Err("no operand".into()) };
    let axis = normalise_axis(ctx.attributes.int("axis", 0), ctx.shape_of(first).len())?;
    Ok(vec![ctx.emit(Op::Concat { axis }, &inputs)?])
}

/// Blocks of b·b pixels become channels, or back: a reshape, a transposition, a reshape.
pub(super) fn depth_space(ctx: &mut Context<'_>) -> Lowered {
    let x = ctx.value(0)?;
    let shape = ctx.shape_of(x);
    let block = usize::try_from(ctx.attributes.int("blocksize", 0)).unwrap_or(0);
    let malformed = || Refusal::from(format!("blocks of {block} in {shape:?}"));
    let [n, c, h, w] = shape[..] else { return Err(malformed()) };
    let area = block.checked_mul(block).filter(|&a| a > 0).ok_or_else(malformed)?;
    let to_space = ctx.op_type == "DepthToSpace";
    let fits = if to_space { c % area == 0 } else { h % block == 0 && w % block == 0 };
    if !fits {
        return Err(malformed());
    }
    let (b, channels) = (block, c / area);
    let (split, perm, joined) = match (to_space, ctx.attributes.string("mode", "DCR")?) {
        (true, "CRD") => ([n, channels, b, b, h, w], [0, 1, 4, 2, 5, 3], [n, channels, h * b, w * b]),
        (true, _) => ([n, b, b, channels, h, w], [0, 3, 4, 1, 5, 2], [n, channels, h * b, w * b]),
        (false, _) => ([n, c, h / b, b, w / b, b], [0, 3, 5, 1, 2, 4], [n, c * area, h / b, w / b]),
    };
    let y = ctx.emit_to(Op::Reshape, x, &split)?;
    let y = ctx.emit(Op::Transpose { perm: perm.to_vec() }, &[y])?;
    Ok(vec![ctx.emit_to(Op::Reshape, y, &joined)?])
}
