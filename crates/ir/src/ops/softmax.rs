//! Softmax along the last axis as an exact quotient.

use serde::{Deserialize, Serialize};

use super::{Eval, Infer, Operator, Signature};
use crate::error::IrError;
use crate::interval::Interval;

/// With `m = max x`, `e = T[m − x]` and `S = Σ e` over the last axis: `out = floor(2^q·e / S)`.
///
/// `T` is a table of non-negative integers on `[0, max − min]` whose first value is positive, so `S ≥ 1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Softmax {
    /// The table of the exponential of `−d`, its index in the graph.
    pub table: u32,
    /// The bits `q` of the output, from 1 to 16.
    pub bits: u32,
}

impl Operator for Softmax {
    fn name(&self) -> &'static str {
        "Softmax"
    }

    fn infer(&self, cx: &Infer<'_>) -> Result<Signature, IrError> {
        let x = cx.one()?;
        let table = cx.table(self.table)?;
        let span = i64::try_from(x.range.len()).unwrap_or(i64::MAX) - 1;
        let positive = table.values.iter().all(|&v| v >= 0) && table.values.first().is_some_and(|&v| v > 0);
        if table.domain() != Interval::new(0, span) || !positive {
            return Err(cx.refuse(format!("table '{}' is no exponential on [0, {span}]", table.name)));
        }
        let length = x.shape.last().copied().unwrap_or(0);
        let sum = table.range().times(length);
        if length == 0 || self.bits == 0 || self.bits > 16 || sum.hi.saturating_mul(1 << self.bits) >= 1 << 30
        {
            return Err(cx.refuse(format!(
                "{} bits over {length} entries up to {} exceed 2^30",
                self.bits,
                table.range().hi
            )));
        }
        Ok(Signature { shape: x.shape.clone(), range: Interval::new(0, 1 << self.bits) })
    }

    fn eval(&self, cx: &Eval<'_>) -> Result<Vec<i32>, IrError> {
        let x = cx.operands[0];
        let table = &cx.tables[self.table as usize];
        let length = x.shape.last().copied().unwrap_or(1).max(1);
        let mut out = Vec::with_capacity(x.data.len());
        for row in x.data.chunks_exact(length) {
            let max = i64::from(row.iter().copied().fold(i32::MIN, i32::max));
            let e: Vec<i64> = row.iter().map(|&v| i64::from(table.at_clamped(max - i64::from(v)))).collect();
            let sum: i64 = e.iter().sum::<i64>().max(1);
            out.extend(e.iter().map(|&e| ((e << self.bits) / sum) as i32));
        }
        Ok(out)
    }
}
