//! Functions of one element.

/// A function applied to every element of a tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum UnaryOp {
    /// max(x, 0)
    Relu,
    /// min(max(x, min), max); an absent bound is infinite. Relu6 is `Clip { min: 0, max: 6 }`.
    Clip {
        /// Lower bound, `-inf` if there is none.
        min: f32,
        /// Upper bound, `inf` if there is none.
        max: f32,
    },
    /// x if x ≥ 0, else alpha·x
    LeakyRelu {
        /// Slope of the negative side.
        alpha: f32,
    },
    /// x if x > alpha, else 0
    ThresholdedRelu {
        /// The threshold.
        alpha: f32,
    },
    /// x if x ≥ 0, else alpha·(e^x − 1)
    Elu {
        /// Negative of the limit at −∞.
        alpha: f32,
    },
    /// gamma·x if x > 0, else gamma·alpha·(e^x − 1)
    Selu {
        /// Scale of the negative side.
        alpha: f32,
        /// Scale of both sides.
        gamma: f32,
    },
    /// max(x, 0) + min(0, alpha·(e^(x/alpha) − 1))
    Celu {
        /// Negative of the limit at −∞.
        alpha: f32,
    },
    /// 1/(1 + e^(−x))
    Sigmoid,
    /// max(0, min(1, alpha·x + beta))
    HardSigmoid {
        /// Slope.
        alpha: f32,
        /// Value at 0.
        beta: f32,
    },
    /// x·max(0, min(1, x/6 + ½))
    HardSwish,
    /// x·sigmoid(alpha·x); Silu where alpha = 1.
    Swish {
        /// Factor inside of the sigmoid.
        alpha: f32,
    },
    /// x·tanh(ln(1 + e^x))
    Mish,
    /// x·Φ(x), Φ being the normal distribution's cumulative function
    Gelu {
        /// Whether Φ is the tanh approximation rather than erf.
        tanh: bool,
    },
    /// ln(1 + e^x)
    Softplus,
    /// x/(1 + |x|)
    Softsign,
    /// x − bias if x > lambd, x + bias if x < −lambd, else 0
    Shrink {
        /// Half width of the zero zone.
        lambd: f32,
        /// Shift towards zero outside of it.
        bias: f32,
    },
    /// tanh x
    Tanh,
    /// The error function.
    Erf,
    /// e^x
    Exp,
    /// ln x
    Log,
    /// √x
    Sqrt,
    /// 1/x
    Reciprocal,
    /// x^exponent
    Pow {
        /// The constant exponent.
        exponent: f32,
    },
    /// −x
    Neg,
    /// |x|
    Abs,
    /// Rounding down.
    Floor,
    /// Rounding up.
    Ceil,
    /// Rounding to the nearest integer, halves to even.
    Round,
    /// Rounding towards zero: a cast from float to an integer type.
    Trunc,
    /// −1, 0 or 1
    Sign,
    /// 1 if x = 0, else 0 (logical not).
    Not,
    /// 0 if x = 0, else 1: a cast to bool.
    NonZero,
    /// sin x
    Sin,
    /// cos x
    Cos,
    /// tan x
    Tan,
    /// arcsin x
    Asin,
    /// arccos x
    Acos,
    /// arctan x
    Atan,
    /// sinh x
    Sinh,
    /// cosh x
    Cosh,
    /// arsinh x
    Asinh,
    /// arcosh x
    Acosh,
    /// artanh x
    Atanh,
}

impl UnaryOp {
    /// The function's value at `x`. NaN and infinities follow IEEE 754.
    pub fn eval(self, x: f32) -> f32 {
        match self {
            Self::Relu => x.max(0.0),
            Self::Clip { min, max } => x.max(min).min(max),
            Self::LeakyRelu { alpha } => {
                if x >= 0.0 {
                    x
                } else {
                    alpha * x
                }
            }
            Self::ThresholdedRelu { alpha } => {
                if x > alpha {
                    x
                } else {
                    0.0
                }
            }
            Self::Elu { alpha } => {
                if x >= 0.0 {
                    x
                } else {
                    alpha * x.exp_m1()
                }
            }
            Self::Selu { alpha, gamma } => gamma * if x > 0.0 { x } else { alpha * x.exp_m1() },
            Self::Celu { alpha } => x.max(0.0) + (alpha * (x / alpha).exp_m1()).min(0.0),
            Self::Sigmoid => sigmoid(x),
            Self::HardSigmoid { alpha, beta } => (alpha * x + beta).clamp(0.0, 1.0),
            Self::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
            Self::Swish { alpha } => x * sigmoid(alpha * x),
            Self::Mish => x * softplus(x).tanh(),
            Self::Gelu { tanh: false } => 0.5 * x * (1.0 + libm::erff(x * std::f32::consts::FRAC_1_SQRT_2)),
            Self::Gelu { tanh: true } => {
                let sqrt_2_over_pi = (2.0 / std::f32::consts::PI).sqrt();
                0.5 * x * (1.0 + (sqrt_2_over_pi * (x + 0.044_715 * x * x * x)).tanh())
            }
            Self::Softplus => softplus(x),
            Self::Softsign => x / (1.0 + x.abs()),
            Self::Shrink { lambd, bias } if x > lambd => x - bias,
            Self::Shrink { lambd, bias } if x < -lambd => x + bias,
            Self::Shrink { .. } => 0.0,
            Self::Tanh => x.tanh(),
            Self::Erf => libm::erff(x),
            Self::Exp => x.exp(),
            Self::Log => x.ln(),
            Self::Sqrt => x.sqrt(),
            Self::Reciprocal => x.recip(),
            Self::Pow { exponent } => x.powf(exponent),
            Self::Neg => -x,
            Self::Abs => x.abs(),
            Self::Floor => x.floor(),
            Self::Ceil => x.ceil(),
            Self::Round => x.round_ties_even(),
            Self::Trunc => x.trunc(),
            Self::Sign => {
                if x == 0.0 {
                    0.0
                } else {
                    x.signum()
                }
            }
            Self::Not => f32::from(u8::from(x == 0.0)),
            Self::NonZero => f32::from(u8::from(x != 0.0)),
            Self::Sin => x.sin(),
            Self::Cos => x.cos(),
            Self::Tan => x.tan(),
            Self::Asin => x.asin(),
            Self::Acos => x.acos(),
            Self::Atan => x.atan(),
            Self::Sinh => x.sinh(),
            Self::Cosh => x.cosh(),
            Self::Asinh => x.asinh(),
            Self::Acosh => x.acosh(),
            Self::Atanh => x.atanh(),
        }
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// e^x overflows long before ln(1 + e^x) does, which is x there.
fn softplus(x: f32) -> f32 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(op: UnaryOp, x: f32, expected: f32) {
        let got = op.eval(x);
        assert!(
            (got - expected).abs() <= 1e-6 * expected.abs().max(1.0),
            "{op:?}({x}) = {got}, not {expected}"
        );
    }

    #[test]
    fn values_agree_with_pytorch() {
        // torch.nn.functional.{gelu, gelu(approximate='tanh'), softplus, mish, silu, selu, celu, hardswish}
        close(UnaryOp::Gelu { tanh: false }, 1.0, 0.841_344_7);
        close(UnaryOp::Gelu { tanh: true }, 1.0, 0.841_191_95);
        close(UnaryOp::Softplus, 1.0, 1.313_261_7);
        close(UnaryOp::Mish, 1.0, 0.865_098_4);
        close(UnaryOp::Swish { alpha: 1.0 }, 1.0, 0.731_058_6);
        close(UnaryOp::Selu { alpha: 1.673_263_2, gamma: 1.050_701 }, -1.0, -1.111_330_7);
        close(UnaryOp::Celu { alpha: 2.0 }, -1.0, -0.786_938_7);
        close(UnaryOp::HardSwish, 1.0, 0.666_666_7);
    }

    #[test]
    fn extremes_neither_overflow_nor_become_nan() {
        close(UnaryOp::Softplus, 1000.0, 1000.0);
        close(UnaryOp::Mish, 1000.0, 1000.0);
        close(UnaryOp::Sigmoid, -1000.0, 0.0);
        close(UnaryOp::Round, 2.5, 2.0);
        close(UnaryOp::Sign, 0.0, 0.0);
    }
}
