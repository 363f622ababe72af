//! The `k` greatest entries over the last axis, in order; of equal entries, the first comes first.
//!
//! The position `q` of an entry is a row of steps, `g_j = [j ≤ q]`, so that `g_j − g_(j+1) = [j = q]` picks it and
//! `Σ_(j≥1) g_j = q` is its position; everything is linear in the axis's length. With `n` entries `x_j`, rows `g_1 … g_k` and
//! `t` for the value of the last:
//!
//! * **A row is a position.** `g·g = g`, `g_(j+1)·g_j = g_(j+1)`, `g_0 = 1`: a row of ones, then zeros.
//! * **A value is the entry.** `v_i = Σ_j (g_ij − g_i(j+1))·x_j`. These hold exactly in the field, hence over the integers.
//! * **The rows are in order**, hence distinct. With a committed bit `e`: `v_i − v_(i+1) − e ≥ 0` and
//!   `q_(i+1) − q_i − 1 + n·e ≥ 0`. Either the value falls, or it does not rise and the position does.
//! * **Nothing else comes first.** `t − x_j − g_k(j+1) + (span + 1)·Σ_(i<k) [j = q_i] ≥ 0`: an entry that is not picked is at
//!   most `t`, and less than it before the last pick's position. Distinct picks add `span + 1` once, which no difference of
//!   two entries exceeds, so that picks pass.
//!
//! "≥ 0" is a range lookup; [`Builder::range_check`] refuses ranges that could reach around the field.

use alloc::vec;
use alloc::vec::Vec;

use zkml_ir::Interval;
use zkml_ir::ops::{Einsum, Label, Ranked, TopK, ranking};

use super::Node;
use crate::builder::{Builder, Expr};
use crate::error::RelationError;
use crate::map::{Map, Relation};
use crate::system::{Affine, Bilinear};

/// The picked entries of a tensor: `[…, k]` each.
#[derive(Clone)]
pub(crate) struct Ranking {
    values: Affine,
    pub(super) positions: Affine,
}

pub(super) fn relate(b: &mut Builder<'_>, node: &Node<'_>, op: &TopK) -> Result<Expr, RelationError> {
    let ranking = rank(b, node, op.k)?;
    let affine = match op.ranked {
        Ranked::Values => ranking.values,
        Ranked::Positions => ranking.positions,
    };
    Ok(b.committed(affine, node.info.range))
}

/// Ranks the node's operand; values and positions of one tensor share a ranking.
pub(super) fn rank(b: &mut Builder<'_>, node: &Node<'_>, k: usize) -> Result<Ranking, RelationError> {
    let key = (node.operands[0], k);
    if let Some(ranking) = b.rankings.get(&key) {
        return Ok(ranking.clone());
    }
    let x = node.committed_operand(b, 0)?;
    let range = b.graph.tensor(node.operands[0]).range;
    let steps = Steps::commit(b, node, &x, k)?;
    let values = values(b, node, &x, &steps, range)?;
    let axis = steps.whole.shape.len() - 1;
    let positions = steps.seen(b, node, &steps.whole, axis, 1..steps.length)?;
    if k > 1 {
        in_order(b, node, (&values, range), (&positions, steps.length))?;
    }
    nothing_before(b, node, &x, &values, &steps, range)?;
    let ranking = Ranking { values, positions };
    b.rankings.insert(key, ranking.clone());
    Ok(ranking)
}

/// The rows of steps `[…, k, n]`.
struct Steps {
    /// `g_j`.
    whole: Affine,
    /// `g_(j+1)`, 0 at the end.
    next: Affine,
    k: usize,
    length: usize,
}

impl Steps {
    fn commit(b: &mut Builder<'_>, node: &Node<'_>, x: &Affine, k: usize) -> Result<Self, RelationError> {
        let (name, axis) = (&node.info.name, x.shape.len());
        let length = x.shape[axis - 1];
        let shape = [&x.shape[..axis - 1], &[k, length]].concat();
        let shift = Map::along(&shape, axis, length, (1..length as u32).map(|j| (j - 1, j)))
            .map_err(|e| node.refuse(e))?;
        let whole = b.commit(name, &shape, Interval::new(0, 1), |b| {
            let mut steps = Vec::with_capacity(shape.iter().product());
            for row in b.evaluate(x).chunks_exact(length) {
                for position in ranking(row, k) {
                    steps.extend((0..length).map(|j| i32::from(j <= position)));
                }
            }
            steps
        });
        let next = b.map_affine(&whole, &shift).map_err(|e| node.refuse(e))?;
        let steps = Self { whole, next, k, length };
        let rank = shape.len();
        for falling in [&steps.whole, &steps.next] {
            let products = vec![Builder::elementwise(rank, 1, steps.whole.terms[0].1, falling.terms[0].1)];
            let zero = Affine { shape: shape.clone(), terms: vec![], constant: 0 };
            b.field_equation(name, zero.plus(-1, falling), products);
        }
        let first = steps.seen(b, node, &steps.whole, axis, 0..1)?;
        b.field_equation(name, first.plus_constant(-1), vec![]);
        Ok(steps)
    }

    /// The sum of some entries along one axis of the steps, which disappears.
    fn seen(
        &self,
        b: &mut Builder<'_>,
        node: &Node<'_>,
        affine: &Affine,
        axis: usize,
        entries: core::ops::Range<usize>,
    ) -> Result<Affine, RelationError> {
        let mut map = Map::sum(&affine.shape, &[axis]).map_err(|e| node.refuse(e))?;
        map.groups[axis].relation = Relation::Pairs(entries.map(|i| (0, i as u32)).collect());
        b.map_affine(affine, &map).map_err(|e| node.refuse(e))
    }
}

/// Commits `v_i = Σ_j (g_ij − g_i(j+1))·x_j`.
fn values(
    b: &mut Builder<'_>,
    node: &Node<'_>,
    x: &Affine,
    steps: &Steps,
    range: Interval,
) -> Result<Affine, RelationError> {
    let kept = x.shape.len() - 1;
    let (k, length) = (steps.k, steps.length);
    let values = b.commit(&node.info.name, &steps.whole.shape[..=kept], range, |b| {
        let mut values = Vec::with_capacity(k);
        for row in b.evaluate(x).chunks_exact(length) {
            values.extend(ranking(row, k).into_iter().map(|position| row[position] as i32));
        }
        values
    });
    let labels =
        |extra: &[usize]| (0..kept).chain(extra.iter().copied()).map(|l| l as Label).collect::<Vec<_>>();
    let op = Einsum { a: labels(&[kept, kept + 1]), b: labels(&[kept + 1]), out: labels(&[kept]) };
    // A constant enters as a view of the public scalar 1.
    let entries = b.map_affine(x, &Map::identity(&x.shape)).map_err(|e| node.refuse(e))?;
    let mut bilinear = Vec::with_capacity(2 * entries.terms.len());
    for (sign, picked) in [(1, &steps.whole), (-1, &steps.next)] {
        for &(k, view) in &entries.terms {
            bilinear.push(Bilinear {
                coefficient: sign * k,
                a: picked.terms[0].1,
                b: view,
                labels: op.clone(),
            });
        }
    }
    let zero = Affine { shape: values.shape.clone(), terms: vec![], constant: 0 };
    b.field_equation(&node.info.name, zero.plus(-1, &values), bilinear);
    Ok(values)
}

/// Proves that every pair of neighbours is in order.
fn in_order(
    b: &mut Builder<'_>,
    node: &Node<'_>,
    (values, range): (&Affine, Interval),
    (positions, length): (&Affine, usize),
) -> Result<(), RelationError> {
    let (name, axis) = (&node.info.name, values.shape.len() - 1);
    let pairs = values.shape[axis] - 1;
    let mut neighbours = Vec::with_capacity(4);
    for affine in [values, positions] {
        for first in 0..2u32 {
            let picked = (0..pairs as u32).map(|i| (i, i + first));
            let map = Map::along(&values.shape, axis, pairs, picked).map_err(|e| node.refuse(e))?;
            neighbours.push(b.map_affine(affine, &map).map_err(|e| node.refuse(e))?);
        }
    }
    let [value, next_value, position, next_position] = &neighbours[..] else {
        return Err(node.refuse("no neighbours"));
    };
    let risen = position.clone().plus(-1, next_position);
    let turns_back = b.commit(name, &value.shape, Interval::new(0, 1), |b| {
        b.evaluate(&risen).into_iter().map(|d| i32::from(d > 0)).collect()
    });
    let square = Builder::elementwise(axis + 1, 1, turns_back.terms[0].1, turns_back.terms[0].1);
    let zero = Affine { shape: value.shape.clone(), terms: vec![], constant: 0 };
    b.field_equation(name, zero.plus(-1, &turns_back), vec![square]);
    let (span, n) = (range.hi - range.lo, length as i64);
    let falls = value.clone().plus(-1, next_value).plus(-1, &turns_back);
    not_negative(b, node, falls, Interval::new(-span - 1, span), span)?;
    let rises = next_position.clone().plus(-1, position).plus(n, &turns_back).plus_constant(-1);
    not_negative(b, node, rises, Interval::new(-n, 2 * n - 2), 2 * n - 2)
}

/// Proves `t − x_j − g_k(j+1) + (span + 1)·Σ_(i<k) [j = q_i] ≥ 0`.
fn nothing_before(
    b: &mut Builder<'_>,
    node: &Node<'_>,
    x: &Affine,
    values: &Affine,
    steps: &Steps,
    range: Interval,
) -> Result<(), RelationError> {
    let (axis, last, length) = (x.shape.len() - 1, steps.k - 1, steps.length);
    let span = range.hi - range.lo;
    let least = Map::sum(&values.shape, &[axis]).and_then(|mut map| {
        map.groups[axis].relation = Relation::Pairs(vec![(0, last as u32)]);
        map.then(&Map::broadcast(&values.shape[..axis], axis, length))
    });
    let least = b.map_affine(values, &least.map_err(|e| node.refuse(e))?).map_err(|e| node.refuse(e))?;
    let before = steps.seen(b, node, &steps.next, axis, last..steps.k)?;
    let distance = least.plus(-1, x).plus(-1, &before);
    if last == 0 {
        return not_negative(b, node, distance, Interval::new(-span - 1, span), span);
    }
    let picked = steps.seen(b, node, &steps.whole, axis, 0..last)?;
    let picked = picked.plus(-1, &steps.seen(b, node, &steps.next, axis, 0..last)?);
    let distance = distance.plus(span + 1, &picked);
    not_negative(b, node, distance, Interval::new(-span - 1, 2 * span + 1), span + 1)
}

/// Proves `expr ≥ 0`, where `reach` holds whatever it may be so far and `most` what it is in an honest witness.
fn not_negative(
    b: &mut Builder<'_>,
    node: &Node<'_>,
    expr: Affine,
    reach: Interval,
    most: i64,
) -> Result<(), RelationError> {
    // A power of two needs no second check of its top limb.
    let length = (most.unsigned_abs() + 1).next_power_of_two();
    b.range_check(&node.info.name, expr, &reach, length)
}
