//! The position of the maximum along the last axis; of equal entries, the first.

use serde::{Deserialize, Serialize};

use super::{Eval, Infer, Operator, Signature};
use crate::error::IrError;
use crate::interval::Interval;

/// The lowest position of the maximum over the last axis, which disappears and is not empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArgMax {}

impl Operator for ArgMax {
    fn name(&self) -> &'static str {
        "ArgMax"
    }

    fn infer(&self, cx: &Infer<'_>) -> Result<Signature, IrError> {
        let x = cx.one()?;
        match x.shape.split_last() {
            Some((&length, kept)) if length > 0 => {
                Ok(Signature { shape: kept.to_vec(), range: Interval::new(0, length as i64 - 1) })
            }
            _ => Err(cx.refuse(format!("no maximum over the last axis of {:?}", x.shape))),
        }
    }

    fn eval(&self, cx: &Eval<'_>) -> Result<Vec<i32>, IrError> {
        let x = cx.operands[0];
        let length = x.shape.last().copied().unwrap_or(1).max(1);
        Ok(x.data.chunks_exact(length).map(|row| first_maximum(row) as i32).collect())
    }
}

/// The lowest position of the greatest entry; 0 for an empty row.
fn first_maximum(row: &[i32]) -> usize {
    row.iter().enumerate().fold(0, |best, (i, v)| if *v > row[best] { i } else { best })
}
