//! Element-wise arithmetic, comparisons, casts.

use super::{Context, Lowered};
use crate::graph::DType;
use crate::op::{BinaryOp, Op};
use crate::tensor::Tensor;
use crate::unary::UnaryOp;

/// `Identity`, and `Dropout` at inference.
pub(super) fn identity(ctx: &mut Context<'_>) -> Lowered {
    let training = ctx.op_type == "Dropout" && ctx.has(2) && ctx.scalar(2)? != 0.0;
    if training {
        return Err("dropout in training mode is random; export the model in evaluation mode".into());
    }
    Ok(vec![ctx.value(0)?])
}

pub(super) fn cast(ctx: &mut Context<'_>) -> Lowered {
    let x = ctx.value(0)?;
    let from = ctx.dtype_of(x);
    // Numbers of TensorProto.DataType. Floats were unified when the file was read.
    let to = match ctx.attributes.int("to", 0) {
        1 => DType::Float,
        6 | 7 => DType::Int,
        9 => DType::Bool,
        other => {
            return Err(format!("a cast to element type {other}; int32, int64, bool and floats are").into());
        }
    };
    let op = match (from, to) {
        _ if from == to => return Ok(vec![x]),
        (DType::Float, DType::Int) => Op::Unary(UnaryOp::Trunc),
        (_, DType::Bool) => Op::Unary(UnaryOp::NonZero),
        // The same numbers under another kind.
        _ => Op::Reshape,
    };
    let shape = ctx.shape_of(x);
    Ok(vec![ctx.emit_typed(op, &[x], &shape, to)?])
}

pub(super) fn binary(ctx: &mut Context<'_>) -> Lowered {
    let (a, b) = (ctx.value(0)?, ctx.value(1)?);
    let int = ctx.dtype_of(a) == DType::Int;
    let (op, dtype) = match ctx.op_type {
        "Add" => (BinaryOp::Add, ctx.dtype_of(a)),
        "Sub" => (BinaryOp::Sub, ctx.dtype_of(a)),
        "Mul" => (BinaryOp::Mul, ctx.dtype_of(a)),
        "Div" => (BinaryOp::Div, ctx.dtype_of(a)),
        "Mod" if ctx.attributes.flag("fmod", false) => return Err("Mod with fmod=1".into()),
        "Mod" => (BinaryOp::Mod, ctx.dtype_of(a)),
        "Equal" => (BinaryOp::Equal, DType::Bool),
        "Greater" => (BinaryOp::Greater, DType::Bool),
        "GreaterOrEqual" => (BinaryOp::GreaterOrEqual, DType::Bool),
        "And" => (BinaryOp::Mul, DType::Bool),
        _ => (BinaryOp::Max, DType::Bool),
    };
    let y = ctx.emit_typed(Op::Binary(op), &[a, b], &[], dtype)?;
    // Integer division rounds towards zero.
    let truncates = int && op == BinaryOp::Div;
    Ok(vec![if truncates { ctx.emit(Op::Unary(UnaryOp::Trunc), &[y])? } else { y }])
}

/// `Less` and `LessOrEqual`: the greater ones with operands exchanged.
pub(super) fn reversed_comparison(ctx: &mut Context<'_>) -> Lowered {
    let op = if ctx.op_type == "Less" { BinaryOp::Greater } else { BinaryOp::GreaterOrEqual };
    let inputs = [ctx.value(1)?, ctx.value(0)?];
    Ok(vec![ctx.emit_typed(Op::Binary(op), &inputs, &[], DType::Bool)?])
}

pub(super) fn pow(ctx: &mut Context<'_>) -> Lowered {
    let x = ctx.value(0)?;
    if ctx.is_constant(1)
        && let [exponent] = *ctx.tensor(1)?.data()
        && ctx.shape(1)?.len() <= ctx.shape_of(x).len()
    {
        return Ok(vec![ctx.emit(Op::Unary(UnaryOp::Pow { exponent }), &[x])?]);
    }
    let exponent = ctx.value(1)?;
    Ok(vec![ctx.emit(Op::Binary(BinaryOp::Pow), &[x, exponent])?])
}

/// `Sum`, `Mean`, `Max`, `Min` of any number of tensors.
pub(super) fn variadic(ctx: &mut Context<'_>) -> Lowered {
    let op = match ctx.op_type {
        "Max" => BinaryOp::Max,
        "Min" => BinaryOp::Min,
        _ => BinaryOp::Add,
    };
    let mut y = ctx.value(0)?;
    for i in 1..ctx.num_inputs() {
        let x = ctx.value(i)?;
        y = ctx.emit(Op::Binary(op), &[y, x])?;
    }
    if ctx.op_type == "Mean" && ctx.num_inputs() > 1 {
        let factor = ctx.constant("factor", Tensor::scalar(1.0 / ctx.num_inputs() as f32))?;
        y = ctx.emit(Op::Binary(BinaryOp::Mul), &[y, factor])?;
    }
    Ok(vec![y])
}

pub(super) fn select_where(ctx: &mut Context<'_>) -> Lowered {
    let condition = ctx.value(0)?;
    let mut branches = [0; 2].map(|_| condition);
    for (i, branch) in branches.iter_mut().enumerate() {
        // Masks of attention are −∞.
        *branch = if ctx.is_constant(i + 1) {
            let tensor = ctx.saturated(i + 1)?;
            ctx.constant(if i == 0 { "then" } else { "else" }, tensor)?
        } else {
            ctx.value(i + 1)?
        };
    }
    let [a, b] = branches;
    let dtype = if ctx.is_constant(1) { ctx.dtype_of(b) } else { ctx.dtype_of(a) };
    Ok(vec![ctx.emit_typed(Op::Where, &[condition, a, b], &[], dtype)?])
}
