//! Pools.

use super::convolution::window;
use super::{Context, Lowered};
use crate::op::{Op, Pool, PoolKind, Reduce, ReduceOp};

pub(super) fn pool(ctx: &mut Context<'_>) -> Lowered {
    let x = ctx.shape(0)?;
    if x.len() < 3 {
        return Err(format!("needs [N, C, spatial…], got {x:?}").into());
    }
    let spatial = &x[2..];
    let kernel = ctx.attributes.sizes("kernel_shape", spatial.len(), 0)?;
    let mut window = window(ctx, kernel, spatial)?;
    let counted = if ctx.attributes.flag("count_include_pad", false) {
        window.pads.clone()
    } else {
        vec![(0, 0); spatial.len()]
    };
    if ctx.attributes.flag("ceil_mode", false) {
        for (axis, &dim) in spatial.iter().enumerate() {
            let (begin, end) = window.pads[axis];
            let (extent, stride) = (window.extent(axis), window.strides[axis]);
            let Some(room) = (dim + begin + end).checked_sub(extent) else { continue };
            // A last window that would begin in the end padding is dropped.
            let steps = room.div_ceil(stride);
            let steps = if steps * stride >= dim + begin { steps.saturating_sub(1) } else { steps };
            window.pads[axis].1 += (steps * stride + extent).saturating_sub(dim + begin + end);
        }
    }
    let kind = if ctx.op_type == "MaxPool" { PoolKind::Max } else { PoolKind::Average { counted } };
    let x = ctx.value(0)?;
    Ok(vec![ctx.emit(Op::Pool(Pool { window, kind }), &[x])?])
}

/// Global pools are reductions of the spatial axes.
pub(super) fn global(ctx: &mut Context<'_>) -> Lowered {
    let op = if ctx.op_type == "GlobalMaxPool" { ReduceOp::Max } else { ReduceOp::Mean };
    let x = ctx.value(0)?;
    let axes = (2..ctx.shape_of(x).len()).collect();
    Ok(vec![ctx.emit(Op::Reduce(Reduce { op, axes, keep_dims: true }), &[x])?])
}
