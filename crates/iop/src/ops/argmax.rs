//! The first position of the maximum over the last axis.

use alloc::vec;
use alloc::vec::Vec;

use zkml_ir::Interval;

use super::{Node, max};
use crate::builder::{Builder, Expr};
use crate::error::RelationError;
use crate::map::{Group, Map, Relation, check_pairs};

pub(super) fn relate(b: &mut Builder<'_>, node: &Node<'_>) -> Result<Expr, RelationError> {
    let x = node.committed_operand(b, 0)?;
    let (name, shape) = (&node.info.name, x.shape.clone());
    let (last, length) = (shape.len() - 1, shape[shape.len() - 1]);
    let range = b.graph.tensor(node.operands[0]).range;
    let top = max::maximum(b, node, &x, range);
    let distance = max::distance(b, node, &x, &top)?;
    let chosen = max::chosen(b, node, &shape, &distance);
    let bit = b.range_table(2);
    b.lookup(name, bit, vec![chosen.clone()]);
    max::attained(b, node, &chosen, &distance)?;
    // Entries before the chosen one are strictly smaller, the others at most equal.
    let mut strict = Map::identity(&shape);
    check_pairs(length.saturating_mul(length) / 2).map_err(|e| node.refuse(e))?;
    let pairs = (0..length).flat_map(|k| (k + 1..length).map(move |j| (k as u32, j as u32))).collect();
    strict.groups[last] = Group { source: vec![last], view: vec![last], relation: Relation::Pairs(pairs) };
    let before = b.map_affine(&chosen, &strict).map_err(|e| node.refuse(e))?;
    let reach = max::differences(&range).add(&Interval::new(-1, 0));
    b.range_check(name, distance.plus(-1, &before), &reach, range.len())?;
    // Σ_k k·chosen_k counts, for every entry, the chosen ones behind it.
    let count = Map::sum(&shape, &[last]).map_err(|e| node.refuse(e))?;
    let affine = b.map_affine(&before, &count).map_err(|e| node.refuse(e))?;
    Ok(Expr { affine, bilinear: Vec::new(), batched: true, range: node.info.range })
}
