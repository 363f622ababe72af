//! Sums of tensors with integer coefficients: bias, residual branches, zero points.

use serde::{Deserialize, Serialize};

use super::{Eval, Infer, Operator, Signature};
use crate::error::IrError;
use crate::interval::Interval;

/// `out = Σ_j k_j·x_j + constant`, exact; every operand has the output's shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linear {
    /// One coefficient per operand, each at most 2^31 in magnitude.
    pub coefficients: Vec<i64>,
    /// Added to every entry.
    pub constant: i64,
}

impl Operator for Linear {
    fn name(&self) -> &'static str {
        "Linear"
    }

    fn infer(&self, cx: &Infer<'_>) -> Result<Signature, IrError> {
        let Some(first) = cx.operands.first().filter(|_| cx.operands.len() == self.coefficients.len()) else {
            return Err(cx.refuse(format!(
                "{} coefficients for {} operands",
                self.coefficients.len(),
                cx.operands.len()
            )));
        };
        const LIMIT: u64 = 1 << 31;
        // Below it no sum saturates: an interval that did could come back narrower than the integers it stands for.
        const PARTIAL: u64 = 1 << 62;
        let mut range = Interval::point(self.constant);
        for (x, &k) in cx.operands.iter().zip(&self.coefficients) {
            if x.shape != first.shape {
                return Err(cx.refuse(format!("shapes {:?} and {:?} differ", first.shape, x.shape)));
            }
            if k.unsigned_abs() > LIMIT || self.constant.unsigned_abs() > LIMIT {
                return Err(cx.refuse(format!("coefficient {k} or constant {} beyond 2^31", self.constant)));
            }
            range = range.add(&x.range.scale(k));
            if range.magnitude() > PARTIAL {
                return Err(cx.refuse(format!("its partial sums may reach {range}")));
            }
        }
        Ok(Signature { shape: first.shape.clone(), range })
    }

    fn eval(&self, cx: &Eval<'_>) -> Result<Vec<i32>, IrError> {
        let mut sums = vec![self.constant; cx.shape.iter().product()];
        for (x, &k) in cx.operands.iter().zip(&self.coefficients) {
            for (sum, &v) in sums.iter_mut().zip(&x.data) {
                *sum += k * i64::from(v);
            }
        }
        // `infer` bounds every entry within 32 bits.
        Ok(sums.into_iter().map(|v| v as i32).collect())
    }
}
