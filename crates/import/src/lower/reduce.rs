//! Reductions, softmax and the positions of extremes.

use super::{Context, Lowered, Refusal};
use crate::attribute::{normalise_axes, normalise_axis};
use crate::graph::{DType, ValueId};
use crate::op::{BinaryOp, Op, Reduce, ReduceOp};
use crate::unary::UnaryOp;

/// The reduced axes: an attribute in old opsets, an input in new ones. `None` means nothing is reduced.
fn axes(ctx: &Context<'_>, rank: usize) -> Result<Option<Vec<usize>>, Refusal> {
    let axes = if ctx.has(1) { Some(ctx.ints(1)?) } else { ctx.attributes.ints("axes").map(<[i64]>::to_vec) };
    match axes {
        Some(axes) if !axes.is_empty() => Ok(Some(normalise_axes(&axes, rank)?)),
        _ if ctx.attributes.flag("noop_with_empty_axes", false) => Ok(None),
        _ => Ok(Some((0..rank).collect())),
    }
}

pub(super) fn reduce(ctx: &mut Context<'_>) -> Lowered {
    let x = ctx.value(0)?;
    let axes = axes(ctx, ctx.shape_of(x).len())?;
    let keep_dims = ctx.attributes.flag("keepdims", true);
    let unary = |ctx: &mut Context<'_>, op, x: ValueId| ctx.emit(Op::Unary(op), &[x]);
    let (op, before, after) = match ctx.op_type {
        "ReduceSum" => (ReduceOp::Sum, None, None),
        "ReduceMean" => (ReduceOp::Mean, None, None),
        "ReduceMax" => (ReduceOp::Max, None, None),
        "ReduceMin" => (ReduceOp::Min, None, None),
        "ReduceProd" => (ReduceOp::Product, None, None),
        "ReduceL1" => (ReduceOp::Sum, Some(UnaryOp::Abs), None),
        "ReduceLogSum" => (ReduceOp::Sum, None, Some(UnaryOp::Log)),
        "ReduceLogSumExp" => (ReduceOp::LogSumExp, None, None),
        "ReduceL2" => (ReduceOp::Sum, None, Some(UnaryOp::Sqrt)),
        _ => (ReduceOp::Sum, None, None),
    };
    let squares = matches!(ctx.op_type, "ReduceL2" | "ReduceSumSquare");
    let mut y = if squares { ctx.emit(Op::Binary(BinaryOp::Mul), &[x, x])? } else { x };
    if let Some(before) = before {
        y = unary(ctx, before, y)?;
    }
    if let Some(axes) = axes {
        y = ctx.emit(Op::Reduce(Reduce { op, axes, keep_dims }), &[y])?;
    }
    if let Some(after) = after {
        y = unary(ctx, after, y)?;
    }
    Ok(vec![y])
}

/// Below opset 13 the axes from `axis` on are flattened into one, and `axis` defaults to 1.
pub(super) fn softmax(ctx: &mut Context<'_>) -> Lowered {
    let log = ctx.op_type == "LogSoftmax";
    let x = ctx.value(0)?;
    let rank = ctx.shape_of(x).len();
    let axes = if ctx.opset < 13 {
        (normalise_axis(ctx.attributes.int("axis", 1), rank)?..rank).collect()
    } else {
        vec![normalise_axis(ctx.attributes.int("axis", -1), rank)?]
    };
    Ok(vec![ctx.emit(Op::Softmax { axes, log }, &[x])?])
}

pub(super) fn arg_extreme(ctx: &mut Context<'_>) -> Lowered {
    let x = ctx.value(0)?;
    let axis = normalise_axis(ctx.attributes.int("axis", 0), ctx.shape_of(x).len())?;
    let keep_dims = ctx.attributes.flag("keepdims", true);
    let last = ctx.attributes.flag("select_last_index", false);
    let op = Op::ArgExtreme { largest: ctx.op_type == "ArgMax", axis, keep_dims, last };
    Ok(vec![ctx.emit_typed(op, &[x], &[], DType::Int)?])
}

/// k is an attribute below opset 10. An unsorted result may have any order, so that the sorted one serves.
pub(super) fn top_k(ctx: &mut Context<'_>) -> Lowered {
    let x = ctx.value(0)?;
    let k = match ctx.has(1) {
        true => ctx.ints(1)?.first().copied().unwrap_or(-1),
        false => ctx.attributes.int("k", -1),
    };
    let k = usize::try_from(k).map_err(|_| format!("k = {k}"))?;
    let axis = normalise_axis(ctx.attributes.int("axis", -1), ctx.shape_of(x).len())?;
    let largest = ctx.attributes.flag("largest", true);
    let dtype = ctx.dtype_of(x);
    ctx.emit_all(Op::TopK { axis, k, largest }, &[x], &[], dtype)
}
