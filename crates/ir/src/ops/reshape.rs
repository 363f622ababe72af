//! The same entries in row-major order under another shape.

use serde::{Deserialize, Serialize};

use super::{Eval, Infer, Operator, Signature};
use crate::error::IrError;
use crate::tensor::num_elements;

/// The operand's entries in row-major order, with the shape `shape`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reshape {
    /// The output's shape, with as many entries as the operand's.
    pub shape: Vec<usize>,
}

impl Operator for Reshape {
    fn name(&self) -> &'static str {
        "Reshape"
    }

    fn infer(&self, cx: &Infer<'_>) -> Result<Signature, IrError> {
        let x = cx.one()?;
        if num_elements(&self.shape) != num_elements(&x.shape) {
            return Err(cx.refuse(format!("cannot reshape {:?} to {:?}", x.shape, self.shape)));
        }
        Ok(Signature { shape: self.shape.clone(), range: x.range })
    }

    fn eval(&self, cx: &Eval<'_>) -> Result<Vec<i32>, IrError> {
        Ok(cx.operands[0].data.clone())
    }
}
