//! The maximum over the last axis: a tournament whose matches are lookups, or, where their table would be too large, no entry
//! exceeds it and some entry equals it.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use zkml_ir::Interval;

use super::Node;
use crate::builder::{Builder, Expr, direct_rows};
use crate::error::RelationError;
use crate::map::Map;
use crate::system::{Affine, Bilinear, ViewId};

pub(super) fn relate(b: &mut Builder<'_>, node: &Node<'_>) -> Result<Expr, RelationError> {
    let x = node.committed_operand(b, 0)?;
    let range = node.info.range;
    let table = differences(&range);
    if table.len() <= direct_rows(2 * x.shape.iter().product::<usize>() as u64) {
        // Entries are proven integers of `range`: a difference is one row of the table and no other modulo p.
        b.check_wrap(&node.info.name, &table.add(&table))?;
        let out = tournament(b, node, &x)?;
        return Ok(b.committed(out, range));
    }
    let out = maximum(b, node, &x, range);
    let distance = distance(b, node, &x, &out)?;
    b.range_check(&node.info.name, distance.clone(), &differences(&range), range.len())?;
    let chosen = chosen(b, node, &x.shape, &distance);
    attained(b, node, &chosen, &distance)?;
    Ok(b.committed(out, node.info.range))
}

/// The maximum over the last axis by matches of its halves; an odd entry plays last.
fn tournament(b: &mut Builder<'_>, node: &Node<'_>, x: &Affine) -> Result<Affine, RelationError> {
    let length = x.shape.last().copied().unwrap_or(1);
    if length == 1 {
        return cut(b, node, x, 0..1);
    }
    if length % 2 == 1 {
        let others = cut(b, node, x, 0..length - 1)?;
        let best = tournament(b, node, &others)?;
        let last = cut(b, node, x, length - 1..length)?;
        return Ok(winners(b, node, &best, &last));
    }
    let (first, second) = (cut(b, node, x, 0..length / 2)?, cut(b, node, x, length / 2..length)?);
    let best = winners(b, node, &first, &second);
    if length == 2 { Ok(best) } else { tournament(b, node, &best) }
}

/// Commits the greater one of two entries, `m = max(x, y)`: `(y − x, m − x)` is a row `(d, max(d, 0))`, so that `m` is known as
/// soon as `x` and `y` are, and is one of them.
fn winners(b: &mut Builder<'_>, node: &Node<'_>, x: &Affine, y: &Affine) -> Affine {
    let range = node.info.range;
    let best = b.commit(&node.info.name, &x.shape, range, |b| {
        let entries = b.evaluate(x).into_iter().zip(b.evaluate(y));
        entries.map(|(x, y)| x.max(y) as i32).collect()
    });
    let domain = differences(&range);
    let arguments: Vec<i32> = (domain.lo..=domain.hi).map(|d| d as i32).collect();
    let values = arguments.iter().map(|&d| d.max(0)).collect();
    let table =
        b.table(&format!("positive part of {domain}"), vec![arguments, values], vec![(domain.lo, 1), (0, 0)]);
    b.lookup(&node.info.name, table, vec![y.clone().plus(-1, x), best.clone().plus(-1, x)]);
    best
}

/// Some entries of the last axis; a single one is left without the axis.
fn cut(
    b: &mut Builder<'_>,
    node: &Node<'_>,
    x: &Affine,
    entries: Range<usize>,
) -> Result<Affine, RelationError> {
    let axis = x.shape.len() - 1;
    let (start, length) = (entries.start as u32, entries.len());
    let pairs = (0..length as u32).map(|i| (i, start + i));
    let mut map = Map::along(&x.shape, axis, length, pairs).map_err(|e| node.refuse(e))?;
    if length == 1 {
        map.view.pop();
        map.groups[axis].view.clear();
    }
    b.map_affine(x, &map).map_err(|e| node.refuse(e))
}

/// Commits the maximum over the last axis; that some entry equals it and none exceeds it proves its range.
pub(super) fn maximum(b: &mut Builder<'_>, node: &Node<'_>, x: &Affine, range: Interval) -> Affine {
    let (length, kept) = x.shape.split_last().map_or((1, &[][..]), |(&n, kept)| (n, kept));
    b.commit(&node.info.name, kept, range, |b| {
        let rows = b.evaluate(x);
        rows.chunks(length).map(|row| row.iter().copied().fold(i64::MIN, i64::max) as i32).collect()
    })
}

/// The differences of two integers of an interval.
pub(super) fn differences(range: &Interval) -> Interval {
    range.add(&range.scale(-1))
}

/// `out − x`, with `out` repeated along the last axis.
pub(super) fn distance(
    b: &mut Builder<'_>,
    node: &Node<'_>,
    x: &Affine,
    out: &Affine,
) -> Result<Affine, RelationError> {
    let last = x.shape.len() - 1;
    let map = Map::broadcast(&out.shape, last, x.shape[last]);
    Ok(b.map_affine(out, &map).map_err(|e| node.refuse(e))?.plus(-1, x))
}

/// Commits the indicator of the first entry at distance 0.
pub(super) fn chosen(b: &mut Builder<'_>, node: &Node<'_>, shape: &[usize], distance: &Affine) -> Affine {
    let length = shape[shape.len() - 1];
    b.commit(&node.info.name, shape, Interval::new(0, 1), |b| {
        let mut indicator = Vec::with_capacity(shape.iter().product());
        for row in b.evaluate(distance).chunks(length) {
            let first = row.iter().position(|&d| d == 0);
            indicator.extend((0..length).map(|i| i32::from(Some(i) == first)));
        }
        indicator
    })
}

/// Adds `chosen·distance = 0` and `Σ chosen = 1`: some chosen entry is not 0, so its distance is.
///
/// Both only have to hold in the field: distances are proven integers, and no range of `chosen` is needed.
pub(super) fn attained(
    b: &mut Builder<'_>,
    node: &Node<'_>,
    chosen: &Affine,
    distance: &Affine,
) -> Result<(), RelationError> {
    let name = &node.info.name;
    let rank = chosen.shape.len();
    let products = times(b, node, rank, chosen.terms[0].1, distance)?;
    let zero = Affine { shape: chosen.shape.clone(), terms: vec![], constant: 0 };
    b.field_equation(name, zero, products);
    let sum = Map::sum(&chosen.shape, &[rank - 1]).map_err(|e| node.refuse(e))?;
    let total = b.map_affine(chosen, &sum).map_err(|e| node.refuse(e))?;
    b.field_equation(name, total.plus_constant(-1), vec![]);
    Ok(())
}

/// The elementwise products of a view and an affine expression.
pub(super) fn times(
    b: &mut Builder<'_>,
    node: &Node<'_>,
    rank: usize,
    view: ViewId,
    expr: &Affine,
) -> Result<Vec<Bilinear>, RelationError> {
    let terms = if expr.constant == 0 {
        expr.terms.clone()
    } else {
        // The constant enters as a view of the public scalar 1.
        b.map_affine(expr, &Map::identity(&expr.shape)).map_err(|e| node.refuse(e))?.terms
    };
    Ok(terms.into_iter().map(|(k, term)| Builder::elementwise(rank, k, view, term)).collect())
}
