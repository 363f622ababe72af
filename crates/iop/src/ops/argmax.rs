//! The first position of the maximum over the last axis.

use alloc::vec;
use alloc::vec::Vec;

use zkml_ir::Interval;
use zkml_ir::ops::Einsum;

use super::{Node, max};
use crate::builder::{Builder, Expr};
use crate::error::RelationError;
use crate::map::{Group, Map, Relation, check_pairs};
use crate::system::{Affine, Bilinear, Declared, Home};

pub(super) fn relate(b: &mut Builder<'_>, node: &Node<'_>) -> Result<Expr, RelationError> {
    let x = node.committed_operand(b, 0)?;
    let (name, shape) = (&node.info.name, x.shape.clone());
    let (last, length) = (shape.len() - 1, shape[shape.len() - 1]);
    let range = b.graph.tensor(node.operands[0]).range;
    let top = b.commit(name, &shape[..last], range, |b| {
        let rows = b.evaluate(&x);
        rows.chunks(length).map(|row| row.iter().copied().fold(i64::MIN, i64::max) as i32).collect()
    });
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
    Ok(position(b, node, &chosen, length))
}

/// `Σ_k k·chosen_k`, a product with public positions.
fn position(b: &mut Builder<'_>, node: &Node<'_>, chosen: &Affine, length: usize) -> Expr {
    let positions = b.public(Declared {
        name: alloc::format!("positions up to {length}"),
        shape: vec![length],
        range: Interval::new(0, length as i64 - 1),
        home: Home::Constant((0..length as i32).collect()),
    });
    let labels: Vec<u8> = (0..chosen.shape.len() as u8).collect();
    let last = labels.len() - 1;
    let labels = Einsum { a: labels.clone(), b: vec![labels[last]], out: labels[..last].to_vec() };
    let bilinear = chosen.terms.iter().map(|&(coefficient, a)| Bilinear {
        coefficient,
        a,
        b: positions,
        labels: labels.clone(),
    });
    let bilinear = bilinear.collect();
    let affine = Affine { shape: chosen.shape[..last].to_vec(), terms: vec![], constant: 0 };
    Expr { affine, bilinear, batched: true, range: node.info.range }
}
