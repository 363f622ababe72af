//! The greatest entries along the last axis, in descending order; of equal entries, the first comes first.

use serde::{Deserialize, Serialize};

use super::{Eval, Infer, Operator, Signature};
use crate::error::IrError;
use crate::graph::MAX_ELEMENTS;
use crate::interval::Interval;

/// What a [`TopK`] tells of the entries that it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ranked {
    /// The entries themselves.
    Values,
    /// Their positions.
    Positions,
}

/// The `k` greatest entries over the last axis, which becomes `k` long: descending, equal ones by ascending position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopK {
    /// The number of entries, from 1 to the axis's length.
    pub k: usize,
    /// What is told of them.
    pub ranked: Ranked,
}

impl Operator for TopK {
    fn name(&self) -> &'static str {
        "TopK"
    }

    fn infer(&self, cx: &Infer<'_>) -> Result<Signature, IrError> {
        let x = cx.one()?;
        let Some((&length, kept)) = x.shape.split_last().filter(|(n, _)| (1..=**n).contains(&self.k)) else {
            return Err(cx.refuse(format!("no {} entries over the last axis of {:?}", self.k, x.shape)));
        };
        // A proof commits to one row of the axis's length per entry.
        if x.num_elements().saturating_mul(self.k) > MAX_ELEMENTS {
            return Err(cx.refuse(format!("{} of {:?} entries are too many to rank", self.k, x.shape)));
        }
        let range = match self.ranked {
            Ranked::Values => x.range,
            Ranked::Positions => Interval::new(0, length as i64 - 1),
        };
        Ok(Signature { shape: [kept, &[self.k]].concat(), range })
    }

    fn eval(&self, cx: &Eval<'_>) -> Result<Vec<i32>, IrError> {
        let x = cx.operands[0];
        let length = x.shape.last().copied().unwrap_or(1).max(1);
        let mut out = Vec::with_capacity(x.data.len() / length * self.k);
        for row in x.data.chunks_exact(length) {
            out.extend(ranking(row, self.k).into_iter().map(|position| match self.ranked {
                Ranked::Values => row[position],
                Ranked::Positions => position as i32,
            }));
        }
        Ok(out)
    }
}

/// The positions of the `k` greatest entries of a row, in order.
pub fn ranking<T: Ord + Copy>(row: &[T], k: usize) -> Vec<usize> {
    let key = |&position: &usize| (core::cmp::Reverse(row[position]), position);
    let mut order: Vec<usize> = (0..row.len()).collect();
    if k < order.len() {
        order.select_nth_unstable_by_key(k, key);
        order.truncate(k);
    }
    order.sort_unstable_by_key(key);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_entries_are_ranked_by_their_position() {
        assert_eq!(ranking(&[3, 9, 1, 9, 3, 9], 4), [1, 3, 5, 0]);
        assert_eq!(ranking(&[7, 7, 7], 3), [0, 1, 2]);
        assert_eq!(ranking(&[-1], 1), [0]);
    }
}
