//! Public unary tables: data under the graph's digest, never recomputed.

use serde::{Deserialize, Serialize};

use crate::error::IrError;
use crate::interval::Interval;

/// The most rows that a table may have.
pub const MAX_TABLE_ROWS: usize = 1 << 16;

/// A function on an interval of integers, given by its values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// A name for messages, such as `sigmoid`.
    pub name: String,
    /// The first argument; the arguments are `start, start + 1, …`.
    pub start: i64,
    /// The values, 1 to [`MAX_TABLE_ROWS`] of them.
    pub values: Vec<i32>,
}

impl Table {
    /// The arguments.
    pub fn domain(&self) -> Interval {
        Interval::new(self.start, self.start.saturating_add(self.values.len() as i64 - 1))
    }

    /// The hull of the values.
    pub fn range(&self) -> Interval {
        let lo = self.values.iter().copied().min().unwrap_or(0);
        let hi = self.values.iter().copied().max().unwrap_or(0);
        Interval::new(i64::from(lo), i64::from(hi))
    }

    /// The value at `x`, or at the nearest end of the domain.
    pub fn at_clamped(&self, x: i64) -> i32 {
        let last = self.values.len().saturating_sub(1);
        let index = usize::try_from(x.saturating_sub(self.start).max(0)).unwrap_or(last).min(last);
        self.values.get(index).copied().unwrap_or(0)
    }

    /// Checks the number of rows.
    ///
    /// # Errors
    /// [`IrError::TooLarge`] for an empty table or one with more than [`MAX_TABLE_ROWS`] rows.
    pub fn check(&self) -> Result<(), IrError> {
        if self.values.is_empty() || self.values.len() > MAX_TABLE_ROWS || self.start.unsigned_abs() > 1 << 31
        {
            return Err(IrError::TooLarge {
                what: format!("the number of rows of table '{}'", self.name),
                got: self.values.len() as u64,
                limit: MAX_TABLE_ROWS as u64,
            });
        }
        Ok(())
    }
}
