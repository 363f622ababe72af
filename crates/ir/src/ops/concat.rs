//! Tensors side by side along one axis.

use serde::{Deserialize, Serialize};

use super::{Eval, Infer, Operator, Signature};
use crate::error::IrError;

/// The operands one after the other along `axis`. They share a scale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concat {
    /// The axis.
    pub axis: usize,
}

impl Operator for Concat {
    fn name(&self) -> &'static str {
        "Concat"
    }

    fn infer(&self, cx: &Infer<'_>) -> Result<Signature, IrError> {
        let Some(first) = cx.operands.first() else {
            return Err(cx.refuse("no operands"));
        };
        let (mut shape, mut range, mut length) = (first.shape.clone(), first.range, 0usize);
        if self.axis >= shape.len() {
            return Err(cx.refuse(format!("axis {} of shape {shape:?}", self.axis)));
        }
        for x in &cx.operands {
            let alike = x.shape.len() == shape.len()
                && x.shape.iter().zip(&shape).enumerate().all(|(i, (a, b))| i == self.axis || a == b);
            if !alike {
                return Err(cx.refuse(format!("shapes {shape:?} and {:?} do not concatenate", x.shape)));
            }
            length = length.saturating_add(x.shape[self.axis]);
            range = range.hull(&x.range);
        }
        shape[self.axis] = length;
        Ok(Signature { shape, range })
    }

    fn eval(&self, cx: &Eval<'_>) -> Result<Vec<i32>, IrError> {
        let outer: usize = cx.shape[..self.axis].iter().product();
        let mut out = Vec::with_capacity(cx.shape.iter().product());
        for block in 0..outer {
            for x in &cx.operands {
                let size: usize = x.shape[self.axis..].iter().product();
                out.extend_from_slice(&x.data[block * size..(block + 1) * size]);
            }
        }
        Ok(out)
    }
}
