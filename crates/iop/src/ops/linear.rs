//! Sums with integer coefficients: bias and residual branches enter an accumulator here.

use alloc::vec::Vec;

use zkml_ir::ops::Linear;

use super::Node;
use crate::builder::{Builder, Expr};
use crate::error::RelationError;
use crate::system::{Affine, Bilinear};

pub(super) fn relate(b: &mut Builder<'_>, node: &Node<'_>, op: &Linear) -> Result<Expr, RelationError> {
    let operands: Vec<Expr> = (0..node.operands.len()).map(|i| node.operand(b, i)).collect();
    let batched = operands.iter().any(|e| e.batched);
    let mut sum: Option<Affine> = None;
    let mut bilinear = Vec::new();
    for (expr, &k) in operands.into_iter().zip(&op.coefficients) {
        let expr = if batched { b.batched(expr).map_err(|e| node.refuse(e))? } else { expr };
        bilinear.extend(
            expr.bilinear.into_iter().map(|term| Bilinear { coefficient: term.coefficient * k, ..term }),
        );
        let shape = expr.affine.shape.clone();
        let before = sum.unwrap_or(Affine { shape, terms: Vec::new(), constant: 0 });
        let after = before.plus(k, &expr.affine);
        // One step at a time, so that no coefficient wraps around its machine word before it is refused.
        after.check_coefficients().map_err(|e| node.refuse(e))?;
        sum = Some(after);
    }
    let affine = sum.ok_or_else(|| node.refuse("no operands"))?.plus_constant(op.constant);
    Ok(Expr { affine, bilinear, batched, range: node.info.range })
}
