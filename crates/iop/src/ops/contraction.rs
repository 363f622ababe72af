//! Einsum: a sum of products that stays virtual until it is requantised.

use alloc::vec::Vec;

use zkml_ir::ops::{Einsum, Label};

use super::{Factor, Node};
use crate::builder::{Builder, Expr};
use crate::error::RelationError;
use crate::system::{Affine, Bilinear};

pub(super) fn relate(b: &mut Builder<'_>, node: &Node<'_>, op: &Einsum) -> Result<Expr, RelationError> {
    let (x, y) = (node.factor(b, 0)?, node.factor(b, 1)?);
    Ok(product(b, node, &x, &y, op))
}

/// The products of two factors; the batch becomes the first axis of whatever depends on it.
pub(super) fn product(b: &Builder<'_>, node: &Node<'_>, x: &Factor, y: &Factor, op: &Einsum) -> Expr {
    let batched = x.batched || y.batched;
    let labels = with_batch(op, x.batched, y.batched);
    let mut bilinear = Vec::with_capacity(x.terms.len() * y.terms.len());
    for &(j, a) in &x.terms {
        for &(k, c) in &y.terms {
            bilinear.push(Bilinear { coefficient: j * k, a, b: c, labels: labels.clone() });
        }
    }
    let mut shape = node.info.shape.clone();
    if batched {
        shape.insert(0, b.batch);
    }
    let affine = Affine { shape, terms: Vec::new(), constant: 0 };
    Expr { affine, bilinear, batched, range: node.info.range }
}

/// The einsum with one more label for the batch.
pub(crate) fn with_batch(op: &Einsum, a: bool, b: bool) -> Einsum {
    let used = |l: &Label| op.a.contains(l) || op.b.contains(l) || op.out.contains(l);
    let batch = (0..=Label::MAX).find(|l| !used(l)).unwrap_or(Label::MAX);
    let prepend = |labels: &[Label], batched: bool| {
        let mut with: Vec<Label> = if batched { alloc::vec![batch] } else { Vec::new() };
        with.extend_from_slice(labels);
        with
    };
    Einsum { a: prepend(&op.a, a), b: prepend(&op.b, b), out: prepend(&op.out, a || b) }
}
