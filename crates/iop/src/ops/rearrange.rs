//! Views, reshapes, gathers, sums and concatenations: rewritings of claims, without commitments of their own.

use alloc::vec::Vec;

use zkml_ir::ops::{Concat, Gather, ReduceSum, Reshape, View};

use super::Node;
use crate::builder::{Builder, Expr};
use crate::error::RelationError;
use crate::map::Map;
use crate::system::Affine;

/// An operand without products, seen through a map of its unbatched shape.
fn seen(b: &mut Builder<'_>, node: &Node<'_>, index: usize, map: &Map) -> Result<Expr, RelationError> {
    let expr = node.operand(b, index);
    if !expr.bilinear.is_empty() {
        return Err(node.refuse("its operand is an accumulator; requantise it first"));
    }
    let affine = if expr.batched {
        b.map_affine(&expr.affine, &map.batched(b.batch))
    } else {
        b.map_affine(&expr.affine, map)
    };
    let affine = affine.map_err(|e| node.refuse(e))?;
    Ok(Expr { affine, range: node.info.range, ..expr })
}

fn operand_shape(b: &Builder<'_>, node: &Node<'_>, index: usize) -> Vec<usize> {
    b.graph.tensor(node.operands[index]).shape.clone()
}

pub(super) fn view(b: &mut Builder<'_>, node: &Node<'_>, op: &View) -> Result<Expr, RelationError> {
    let source = operand_shape(b, node, 0);
    let map = Map::strided(&source, op).map_err(|e| node.refuse(e))?;
    let mut expr = seen(b, node, 0, &map)?;
    if op.fill != 0 && op.leaves(&source) {
        // Outside of the operand: fill·(1 − inside), where `inside` is the same view of a tensor of ones.
        let ones = Affine { shape: source, terms: Vec::new(), constant: 1 };
        let inside = b.map_affine(&ones, &map).map_err(|e| node.refuse(e))?;
        let inside = Expr { affine: inside, batched: false, ..expr.clone() };
        let inside = if expr.batched { b.batched(inside).map_err(|e| node.refuse(e))? } else { inside };
        expr.affine = expr.affine.plus(-op.fill, &inside.affine).plus_constant(op.fill);
    }
    Ok(expr)
}

pub(super) fn reshape(b: &mut Builder<'_>, node: &Node<'_>, op: &Reshape) -> Result<Expr, RelationError> {
    let map = Map::reshape(&operand_shape(b, node, 0), &op.shape).map_err(|e| node.refuse(e))?;
    seen(b, node, 0, &map)
}

pub(super) fn gather(b: &mut Builder<'_>, node: &Node<'_>, op: &Gather) -> Result<Expr, RelationError> {
    let pairs = op.indices.iter().enumerate().map(|(i, &s)| (i as u32, s));
    let map = Map::along(&operand_shape(b, node, 0), op.axis, op.indices.len(), pairs);
    seen(b, node, 0, &map.map_err(|e| node.refuse(e))?)
}

pub(super) fn reduce_sum(
    b: &mut Builder<'_>,
    node: &Node<'_>,
    op: &ReduceSum,
) -> Result<Expr, RelationError> {
    let map = Map::sum(&operand_shape(b, node, 0), &op.axes).map_err(|e| node.refuse(e))?;
    seen(b, node, 0, &map)
}

pub(super) fn concat(b: &mut Builder<'_>, node: &Node<'_>, op: &Concat) -> Result<Expr, RelationError> {
    let length = node.info.shape[op.axis];
    let batched = (0..node.operands.len()).any(|i| node.operand(b, i).batched);
    let mut sum: Option<Expr> = None;
    let mut start = 0;
    for index in 0..node.operands.len() {
        let source = operand_shape(b, node, index);
        let own = source[op.axis];
        let pairs = (0..own).map(|i| ((start + i) as u32, i as u32));
        let map = Map::along(&source, op.axis, length, pairs).map_err(|e| node.refuse(e))?;
        start += own;
        let part = seen(b, node, index, &map)?;
        let part = if batched { b.batched(part).map_err(|e| node.refuse(e))? } else { part };
        sum = Some(match sum {
            None => part,
            Some(sum) => Expr { affine: sum.affine.plus(1, &part.affine), ..sum },
        });
    }
    sum.ok_or_else(|| node.refuse("no operands"))
}
