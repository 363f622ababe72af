//! A public unary table applied to every entry.

use serde::{Deserialize, Serialize};

use super::{Eval, Infer, Operator, Signature};
use crate::error::IrError;

/// `out = T[x]`; the table's domain covers the operand's interval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookup {
    /// The table's index in the graph.
    pub table: u32,
}

impl Operator for Lookup {
    fn name(&self) -> &'static str {
        "Lookup"
    }

    fn infer(&self, cx: &Infer<'_>) -> Result<Signature, IrError> {
        let x = cx.one()?;
        let table = cx.table(self.table)?;
        if !table.domain().covers(&x.range) {
            return Err(cx.refuse(format!(
                "table '{}' covers {}, the operand reaches {}",
                table.name,
                table.domain(),
                x.range
            )));
        }
        Ok(Signature { shape: x.shape.clone(), range: table.range() })
    }

    fn eval(&self, cx: &Eval<'_>) -> Result<Vec<i32>, IrError> {
        let table = &cx.tables[self.table as usize];
        Ok(cx.operands[0].data.iter().map(|&x| table.at_clamped(i64::from(x))).collect())
    }
}
