//! Functions of one element.

use super::{Context, Lowered, Refusal};
use crate::op::Op;
use crate::unary::UnaryOp;

/// Operator types that [`unary`] lowers.
pub(super) fn is_unary(op_type: &str) -> bool {
    plain(op_type).is_some() || PARAMETRIC.contains(&op_type)
}

/// Functions without attributes.
fn plain(op_type: &str) -> Option<UnaryOp> {
    Some(match op_type {
        "Relu" => UnaryOp::Relu,
        "Sigmoid" => UnaryOp::Sigmoid,
        "HardSwish" => UnaryOp::HardSwish,
        "Mish" => UnaryOp::Mish,
        "Softplus" => UnaryOp::Softplus,
        "Softsign" => UnaryOp::Softsign,
        "Tanh" => UnaryOp::Tanh,
        "Erf" => UnaryOp::Erf,
        "Exp" => UnaryOp::Exp,
        "Log" => UnaryOp::Log,
        "Sqrt" => UnaryOp::Sqrt,
        "Reciprocal" => UnaryOp::Reciprocal,
        "Neg" => UnaryOp::Neg,
        "Abs" => UnaryOp::Abs,
        "Floor" => UnaryOp::Floor,
        "Ceil" => UnaryOp::Ceil,
        "Round" => UnaryOp::Round,
        "Sign" => UnaryOp::Sign,
        "Not" => UnaryOp::Not,
        "Sin" => UnaryOp::Sin,
        "Cos" => UnaryOp::Cos,
        "Tan" => UnaryOp::Tan,
        "Asin" => UnaryOp::Asin,
        "Acos" => UnaryOp::Acos,
        "Atan" => UnaryOp::Atan,
        "Sinh" => UnaryOp::Sinh,
        "Cosh" => UnaryOp::Cosh,
        "Asinh" => UnaryOp::Asinh,
        "Acosh" => UnaryOp::Acosh,
        "Atanh" => UnaryOp::Atanh,
        _ => return None,
    })
}

const PARAMETRIC: [&str; 9] =
    ["LeakyRelu", "ThresholdedRelu", "Elu", "Selu", "Celu", "HardSigmoid", "Swish", "Gelu", "Shrink"];

/// Functions with attributes, with the defaults of their specifications.
fn parametric(ctx: &Context<'_>) -> Result<UnaryOp, Refusal> {
    let float = |name: &str, default: f32| ctx.attributes.float(name, default);
    Ok(match ctx.op_type {
        "LeakyRelu" => UnaryOp::LeakyRelu { alpha: float("alpha", 0.01)? },
        "ThresholdedRelu" => UnaryOp::ThresholdedRelu { alpha: float("alpha", 1.0)? },
        "Elu" => UnaryOp::Elu { alpha: float("alpha", 1.0)? },
        "Selu" => UnaryOp::Selu { alpha: float("alpha", 1.673_263_2)?, gamma: float("gamma", 1.050_701)? },
        "Celu" => UnaryOp::Celu { alpha: float("alpha", 1.0)? },
        "HardSigmoid" => UnaryOp::HardSigmoid { alpha: float("alpha", 0.2)?, beta: float("beta", 0.5)? },
        "Swish" => UnaryOp::Swish { alpha: float("alpha", 1.0)? },
        "Gelu" => UnaryOp::Gelu { tanh: ctx.attributes.string("approximate", "none")? == "tanh" },
        _ => UnaryOp::Shrink { lambd: float("lambd", 0.5)?, bias: float("bias", 0.0)? },
    })
}

pub(super) fn unary(ctx: &mut Context<'_>) -> Lowered {
    let op = match plain(ctx.op_type) {
        Some(op) => op,
        None => parametric(ctx)?,
    };
    let x = ctx.value(0)?;
    Ok(vec![ctx.emit(Op::Unary(op), &[x])?])
}

/// The bounds are attributes before opset 11, inputs from then on.
pub(super) fn clip(ctx: &mut Context<'_>) -> Lowered {
    let mut bounds = [f32::NEG_INFINITY, f32::INFINITY];
    for (i, name) in ["min", "max"].into_iter().enumerate() {
        if ctx.has(i + 1) {
            bounds[i] = ctx.scalar(i + 1)?;
        } else {
            bounds[i] = ctx.attributes.float(name, bounds[i])?;
        }
    }
    let [min, max] = bounds;
    let x = ctx.value(0)?;
    Ok(vec![ctx.emit(Op::Unary(UnaryOp::Clip { min, max }), &[x])?])
}

pub(super) fn prelu(ctx: &mut Context<'_>) -> Lowered {
    let inputs = [ctx.value(0)?, ctx.value(1)?];
    Ok(vec![ctx.emit(Op::PRelu, &inputs)?])
}
