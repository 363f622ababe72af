//! Selection by public indices along one axis.

use serde::{Deserialize, Serialize};

use super::{Eval, Infer, Operator, Signature};
use crate::error::IrError;

/// `out[…, j, …] = x[…, indices[j], …]` along one axis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gather {
    /// The axis.
    pub axis: usize,
    /// The positions to read, each below the axis's length.
    pub indices: Vec<u32>,
}

impl Operator for Gather {
    fn name(&self) -> &'static str {
        "Gather"
    }

    fn infer(&self, cx: &Infer<'_>) -> Result<Signature, IrError> {
        let x = cx.one()?;
        let Some(&length) = x.shape.get(self.axis) else {
            return Err(cx.refuse(format!("axis {} of shape {:?}", self.axis, x.shape)));
        };
        if let Some(i) = self.indices.iter().find(|&&i| i as usize >= length) {
            return Err(cx.refuse(format!("index {i} on an axis of {length}")));
        }
        let mut shape = x.shape.clone();
        shape[self.axis] = self.indices.len();
        Ok(Signature { shape, range: x.range })
    }

    fn eval(&self, cx: &Eval<'_>) -> Result<Vec<i32>, IrError> {
        let x = cx.operands[0];
        let inner: usize = x.shape[self.axis + 1..].iter().product();
        let length = x.shape[self.axis];
        let mut out = Vec::with_capacity(cx.shape.iter().product());
        for outer in x.data.chunks_exact((length * inner).max(1)) {
            for &i in &self.indices {
                out.extend_from_slice(&outer[i as usize * inner..(i as usize + 1) * inner]);
            }
        }
        Ok(out)
    }
}
