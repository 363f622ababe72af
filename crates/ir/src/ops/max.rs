//! The maximum over the last axis, for max pooling and reductions.

use serde::{Deserialize, Serialize};

use super::{Eval, Infer, Operator, Signature};
use crate::error::IrError;

/// The maximum over the last axis, which disappears and is not empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Max {}

impl Operator for Max {
    fn name(&self) -> &'static str {
        "Max"
    }

    fn infer(&self, cx: &Infer<'_>) -> Result<Signature, IrError> {
        let x = cx.one()?;
        match x.shape.split_last() {
            Some((&length, kept)) if length > 0 => Ok(Signature { shape: kept.to_vec(), range: x.range }),
            _ => Err(cx.refuse(format!("no maximum over the last axis of {:?}", x.shape))),
        }
    }

    fn eval(&self, cx: &Eval<'_>) -> Result<Vec<i32>, IrError> {
        let x = cx.operands[0];
        let length = x.shape.last().copied().unwrap_or(1).max(1);
        Ok(x.data.chunks_exact(length).map(|row| row.iter().copied().fold(i32::MIN, i32::max)).collect())
    }
}
