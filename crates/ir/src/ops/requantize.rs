//! From an accumulator back to few bits: a rounded shift, fused with clamp and activation.

use serde::{Deserialize, Serialize};

use super::{Eval, Infer, Operator, Signature};
use crate::error::IrError;
use crate::interval::Interval;

/// `acc + 2^(s−1) = 2^s·hi + r` with `0 ≤ r < 2^s`, then `out = T(hi)`; at `s = 0`, `hi = acc`.
///
/// A proof exists only where every `hi` lies in `domain` (a clamp may round it outwards to whole blocks). The compiler picks a
/// domain that holds `hi` for every input in range of its type, computed from the real weights. Beyond its domain a table
/// continues with its end values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requantize {
    /// The shift `s`, from 0 to 30.
    pub shift: u32,
    /// The values of `hi` that a proof expresses.
    pub domain: Interval,
    /// The function from `hi` to the output.
    pub activation: Activation,
}

/// The function `T` of a [`Requantize`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activation {
    /// Clamp to an interval: the identity, ReLU or ReLU6 with saturation.
    Clamp(Interval),
    /// A table of the graph whose domain is the requantisation's.
    Table(u32),
}

/// `floor(acc/2^s + ½)`.
pub const fn floor_shift(acc: i64, shift: u32) -> i64 {
    if shift == 0 { acc } else { (acc + (1 << (shift - 1))) >> shift }
}

impl Operator for Requantize {
    fn name(&self) -> &'static str {
        "Requantize"
    }

    fn infer(&self, cx: &Infer<'_>) -> Result<Signature, IrError> {
        let x = cx.one()?;
        // Quotients are 32-bit words, and so are their differences from a clamp's end.
        const BOUND: u64 = 1 << 30;
        if self.shift > 30 || !self.domain.is_valid() || self.domain.magnitude() > BOUND {
            return Err(cx.refuse(format!("shift {} with domain {}", self.shift, self.domain)));
        }
        let range = match self.activation {
            Activation::Clamp(range) => {
                if !range.is_valid() || range.magnitude() > BOUND {
                    return Err(cx.refuse(format!("clamp to {range}")));
                }
                range
            }
            Activation::Table(table) => {
                let table = cx.table(table)?;
                if table.domain() != self.domain {
                    return Err(cx.refuse(format!(
                        "table '{}' covers {}, not the domain {}",
                        table.name,
                        table.domain(),
                        self.domain
                    )));
                }
                table.range()
            }
        };
        Ok(Signature { shape: x.shape.clone(), range })
    }

    fn eval(&self, cx: &Eval<'_>) -> Result<Vec<i32>, IrError> {
        let apply = |acc: i32| {
            let hi = floor_shift(i64::from(acc), self.shift);
            match self.activation {
                Activation::Clamp(range) => hi.clamp(range.lo, range.hi) as i32,
                Activation::Table(table) => cx.tables[table as usize].at_clamped(hi),
            }
        };
        Ok(cx.operands[0].data.iter().map(|&acc| apply(acc)).collect())
    }
}
