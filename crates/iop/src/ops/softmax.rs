//! Softmax along the last axis as an exact quotient: `2^q·e = y·S + rem` with `0 ≤ rem < S = Σ e`.

use alloc::vec;
use alloc::vec::Vec;

use zkml_ir::Interval;
use zkml_ir::ops::Softmax;

use super::{Node, lookup::function_table, max};
use crate::builder::{Builder, Expr};
use crate::error::RelationError;
use crate::map::Map;
use crate::system::{Affine, Bilinear};

pub(super) fn relate(b: &mut Builder<'_>, node: &Node<'_>, op: &Softmax) -> Result<Expr, RelationError> {
    let x = node.committed_operand(b, 0)?;
    let (name, shape) = (&node.info.name, x.shape.clone());
    let length = shape[shape.len() - 1];
    let range = b.graph.tensor(node.operands[0]).range;
    let top = max::maximum(b, node, &x, range);
    let distance = max::distance(b, node, &x, &top)?;
    let chosen = max::chosen(b, node, &shape, &distance);
    max::attained(b, node, &chosen, &distance)?;
    // The exponential's table starts at 0 and so proves that no distance is negative.
    let exponentials = b.graph.tables()[op.table as usize].clone();
    let e = b.commit(name, &shape, exponentials.range(), |b| {
        b.evaluate(&distance).iter().map(|&d| exponentials.at_clamped(d)).collect()
    });
    let table = function_table(b, op.table);
    b.lookup(name, table, vec![distance, e.clone()]);
    let y = quotient(b, node, op, &e, exponentials.range().times(length))?;
    Ok(b.committed(y, node.info.range))
}

/// Commits `y` and `rem` and proves `2^q·e − y·S − rem = 0`, `0 ≤ y ≤ 2^q`, `0 ≤ rem < S`.
fn quotient(
    b: &mut Builder<'_>,
    node: &Node<'_>,
    op: &Softmax,
    e: &Affine,
    sum_range: Interval,
) -> Result<Affine, RelationError> {
    let (name, id) = (&node.info.name, node.id);
    let (rank, last) = (e.shape.len(), e.shape.len() - 1);
    let length = e.shape[last];
    let one = 1i64 << op.bits;
    let y = b.commit(name, &e.shape, Interval::new(0, one), |b| b.values(id));
    b.range_check(name, y.clone(), &Interval::new(0, one), one as u64 + 1)?;
    // The sum of a row, repeated along the row, is a linear rearrangement of `e`.
    let sum = Map::sum(&e.shape, &[last])
        .and_then(|m| b.compose(&m, &Map::broadcast(&e.shape[..last], last, length)))
        .map_err(|m| node.refuse(m))?;
    let sum = b.map_affine(e, &sum).map_err(|m| node.refuse(m))?;
    let rem = b.commit(name, &e.shape, sum_range, |b| {
        let (sums, e, y) = (b.evaluate(&sum), b.evaluate(e), b.evaluate(&y));
        let rows = e.iter().zip(y).zip(sums);
        rows.map(|((e, y), s)| (one * e - y * s) as i32).collect::<Vec<_>>()
    });
    let (bound, remainders) = (sum_range.hi.unsigned_abs(), Interval::new(0, sum_range.hi - 1));
    b.range_check(name, rem.clone(), &remainders, bound)?;
    let below = sum.clone().plus(-1, &rem).plus_constant(-1);
    b.range_check(name, below, &max::differences(&Interval::new(0, sum_range.hi)), bound)?;
    let products: Vec<Bilinear> = max::times(b, node, rank, y.terms[0].1, &sum)?;
    let bilinear = products.into_iter().map(|p| Bilinear { coefficient: -p.coefficient, ..p }).collect();
    let affine = Affine { shape: e.shape.clone(), terms: vec![], constant: 0 }.plus(one, e).plus(-1, &rem);
    // 2^q·e and y·S + rem are both at most 2^q·S_max + S_max.
    let range = Interval::new(-(one + 1) * sum_range.hi, one * sum_range.hi);
    let expr = Expr { affine, bilinear, batched: true, range: Interval::point(0) };
    b.integer_equation(name, expr, &range)?;
    Ok(y)
}
