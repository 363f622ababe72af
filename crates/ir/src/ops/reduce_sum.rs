//! Sums over axes.

use serde::{Deserialize, Serialize};

use super::{Eval, Infer, Operator, Signature};
use crate::error::IrError;
use crate::tensor::strides;

/// The exact sum over `axes`, which disappear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReduceSum {
    /// The axes summed over, ascending.
    pub axes: Vec<usize>,
}

impl Operator for ReduceSum {
    fn name(&self) -> &'static str {
        "ReduceSum"
    }

    fn infer(&self, cx: &Infer<'_>) -> Result<Signature, IrError> {
        let x = cx.one()?;
        let ascending = self.axes.windows(2).all(|w| w[0] < w[1]);
        if !ascending || self.axes.last().is_some_and(|&a| a >= x.shape.len()) {
            return Err(cx.refuse(format!("axes {:?} of shape {:?}", self.axes, x.shape)));
        }
        let count = self.axes.iter().map(|&a| x.shape[a]).product();
        let kept = (0..x.shape.len()).filter(|a| !self.axes.contains(a));
        Ok(Signature { shape: kept.map(|a| x.shape[a]).collect(), range: x.range.times(count) })
    }

    fn eval(&self, cx: &Eval<'_>) -> Result<Vec<i32>, IrError> {
        let x = cx.operands[0];
        let kept: Vec<usize> = (0..x.shape.len()).filter(|a| !self.axes.contains(a)).collect();
        let steps = strides(cx.shape);
        let mut out = vec![0i32; cx.shape.iter().product()];
        for (flat, &value) in x.data.iter().enumerate() {
            let mut rest = flat;
            let mut target = 0;
            let mut kept_left = kept.len();
            for axis in (0..x.shape.len()).rev() {
                let i = rest % x.shape[axis];
                rest /= x.shape[axis];
                if kept_left > 0 && kept[kept_left - 1] == axis {
                    kept_left -= 1;
                    target += i * steps[kept_left];
                }
            }
            out[target] += value;
        }
        Ok(out)
    }
}
