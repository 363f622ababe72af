//! Public linear functionals on tensors: what a claim on a view at a point says about its source.

use alloc::borrow::Cow;
use alloc::vec;
use alloc::vec::Vec;

use crate::eq::{eq_table, eq_valid, extension, num_variables, split_point, valid};
use crate::map::{Group, Map, Relation};
use crate::packing::PackedWeights;
use crate::scalar::Scalar;

/// The weights of a functional along some axes of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Factor<P> {
    /// `eq(point, i)` along one axis.
    Eq {
        /// The axis.
        axis: usize,
        /// One coordinate per variable of the axis.
        point: Vec<P>,
    },
    /// One weight per index, row-major over the axes in their order.
    Dense {
        /// The axes.
        axes: Vec<usize>,
        /// The weights.
        weights: Vec<P>,
    },
    /// The weights of packed entries, along all axes.
    Packed(PackedWeights<P>),
}

impl<P: Scalar> Factor<P> {
    /// The axes, and one weight per index, row-major over them.
    pub(crate) fn table(&self, shape: &[usize]) -> (Vec<usize>, Cow<'_, [P]>) {
        match self {
            Self::Eq { axis, point } => (vec![*axis], Cow::Owned(eq_table(point, shape[*axis]))),
            Self::Dense { axes, weights } => (axes.clone(), Cow::Borrowed(weights)),
            Self::Packed(packed) => (packed.axes(), Cow::Owned(packed.table())),
        }
    }
}

/// `x ↦ scale · Σ_i x_i · Π_factors weight(i)`, over the valid region of a tensor of shape `shape`.
#[derive(Clone, Debug, PartialEq)]
pub struct Functional<P> {
    /// The tensor's shape.
    pub shape: Vec<usize>,
    /// The constant factor.
    pub scale: P,
    /// Factors that cover every axis once.
    pub factors: Vec<Factor<P>>,
}

impl<P: Scalar> Functional<P> {
    /// The functional that evaluates the multilinear extension of a view at `point`.
    pub fn new(map: &Map, point: &[P]) -> Self {
        let parts = split_point(&map.view, point);
        let mut scale = P::integer(1);
        let mut factors = Vec::with_capacity(map.groups.len());
        for (axis, &length) in map.view.iter().enumerate() {
            if !map.groups.iter().any(|g| g.view.contains(&axis)) {
                scale = scale * valid(parts[axis], length);
            }
        }
        for group in &map.groups {
            match (group.source.as_slice(), axis_points(map, group, &parts)) {
                (axes @ [_, ..], Some(points)) => {
                    let points = axes.iter().zip(points);
                    factors.extend(points.map(|(&axis, point)| Factor::Eq { axis, point }));
                }
                ([], _) => scale = scale * group_weights(map, group, &parts)[0].clone(),
                (axes, _) => factors
                    .push(Factor::Dense { axes: axes.to_vec(), weights: group_weights(map, group, &parts) }),
            }
        }
        Self { shape: map.source.clone(), scale, factors }
    }

    /// The functional applied to public data, row-major.
    pub fn apply(&self, data: &[i32]) -> P {
        // Tables have one axis, and most of them are stretches of arithmetic progressions.
        if let ([Factor::Eq { point, .. }], &[length]) = (self.factors.as_slice(), self.shape.as_slice())
            && data.len() == length
            && let Some(value) = extension(point, data)
        {
            return value * self.scale.clone();
        }
        let mut values: Vec<P> = data.iter().map(|&v| P::integer(i64::from(v))).collect();
        let mut order: Vec<usize> = (0..self.shape.len()).collect();
        // Axes are summed one factor at a time; `order` lists those that remain, row-major.
        for factor in &self.factors {
            let (axes, weights) = factor.table(&self.shape);
            values = self.sum_axes(&values, &order, &axes, &weights);
            order.retain(|axis| !axes.contains(axis));
        }
        values.pop().unwrap_or_else(|| P::integer(0)) * self.scale.clone()
    }

    fn sum_axes(&self, values: &[P], order: &[usize], axes: &[usize], weights: &[P]) -> Vec<P> {
        let kept: Vec<usize> = order.iter().copied().filter(|a| !axes.contains(a)).collect();
        let mut out = vec![P::integer(0); kept.iter().map(|&a| self.shape[a]).product()];
        let mut index = vec![0usize; self.shape.len()];
        for value in values {
            let flat = |axes: &[usize]| axes.iter().fold(0, |flat, &a| flat * self.shape[a] + index[a]);
            let target = flat(&kept);
            accumulate(&mut out[target], value.clone() * weights[flat(axes)].clone());
            for &axis in order.iter().rev() {
                index[axis] += 1;
                if index[axis] < self.shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        out
    }
}

/// The points at which a group evaluates its source axes, one for each, where it does: axes that are split or merged at powers of two.
fn axis_points<P: Scalar>(map: &Map, group: &Group, parts: &[&[P]]) -> Option<Vec<Vec<P>>> {
    let (_, inner) = group.source.split_first()?;
    if inner.iter().any(|&a| !map.source[a].is_power_of_two()) {
        return None;
    }
    let mut high = flat_point(map, group, parts)?;
    let mut points = Vec::with_capacity(group.source.len());
    for &axis in inner.iter().rev() {
        let rest = high.split_off(num_variables(map.source[axis]).min(high.len()));
        points.push(core::mem::replace(&mut high, rest));
    }
    points.push(high);
    points.reverse();
    Some(points)
}

/// The point at which a group evaluates its source axes as if they were one, where it does: all of it, an aligned part whose length is a
/// power of two, or every `2^a`-th entry. Some coordinates are then bits.
fn flat_point<P: Scalar>(map: &Map, group: &Group, parts: &[&[P]]) -> Option<Vec<P>> {
    let inner = group.view.get(1..).unwrap_or_default();
    if inner.iter().any(|&a| !map.view[a].is_power_of_two()) {
        return None;
    }
    let point = group.view.iter().rev().flat_map(|&a| parts[a].iter().cloned());
    let Relation::Pairs(pairs) = &group.relation else { return Some(point.collect()) };
    let length = group.source.iter().map(|&a| map.source[a]).product::<usize>();
    let variables = group.view.iter().map(|&a| parts[a].len()).sum::<usize>();
    let start = pairs.first().filter(|_| variables < 32)?.1 as usize;
    let step = pairs.get(1).map_or(1, |second| (second.1 as usize).wrapping_sub(start));
    let regular = |(k, &(v, s)): (usize, &(u32, u32))| {
        v as usize == k && s as usize == start.wrapping_add(k.wrapping_mul(step))
    };
    if !pairs.iter().enumerate().all(regular) {
        return None;
    }
    let bits =
        |integer: usize, count: usize| (0..count).map(move |bit| P::integer((integer >> bit & 1) as i64));
    if step == 1
        && start.is_multiple_of(1 << variables)
        && pairs.len() == (length.saturating_sub(start)).min(1 << variables)
    {
        let rest = num_variables(length).saturating_sub(variables);
        return Some(point.chain(bits(start >> variables, rest)).collect());
    }
    let log = step.checked_ilog2().filter(|_| step.is_power_of_two() && start < step)? as usize;
    if pairs.len() != length.saturating_sub(start).div_ceil(step) {
        return None;
    }
    // Entries between the last one and the end may need a coordinate more.
    let rest = num_variables(length).saturating_sub(log + variables);
    Some(bits(start, log).chain(point).chain(bits(0, rest)).collect())
}

/// The weight of every source index of a group (one weight, their sum, where the group has no source axes).
fn group_weights<P: Scalar>(map: &Map, group: &Group, parts: &[&[P]]) -> Vec<P> {
    let tables: Vec<Vec<P>> = group.view.iter().map(|&a| eq_table(parts[a], map.view[a])).collect();
    let Relation::Pairs(pairs) = &group.relation else { return product_table(&tables) };
    let length = group.source.iter().map(|&a| map.source[a]).product();
    let mut weights = vec![P::integer(0); length];
    let mut add = |source: u32, weight: P| accumulate(&mut weights[source as usize], weight);
    let entries = tables.iter().fold(1usize, |product, table| product.saturating_mul(table.len()));
    // The diagonal of a grouped convolution relates few of the view's entries.
    if pairs.len().saturating_mul(tables.len().saturating_sub(1)) < entries {
        pairs.iter().for_each(|&(v, s)| add(s, product_at(&tables, v as usize)));
    } else {
        let view = product_table(&tables);
        pairs.iter().for_each(|&(v, s)| add(s, view[v as usize].clone()));
    }
    weights
}

/// Adds to a sum without a copy of it: in circuits sums are long.
pub(crate) fn accumulate<P: Scalar>(sum: &mut P, term: P) {
    let before = core::mem::replace(sum, P::integer(0));
    *sum = before + term;
}

/// One entry of [`product_table`].
fn product_at<P: Scalar>(tables: &[Vec<P>], mut index: usize) -> P {
    let mut entries = tables.iter().rev().map(|table| {
        let entry = &table[index % table.len()];
        index /= table.len();
        entry
    });
    let last = entries.next().cloned().unwrap_or_else(|| P::integer(1));
    entries.fold(last, |product, entry| product * entry.clone())
}

/// The products of one entry of every table, the last table's index running fastest.
pub(crate) fn product_table<P: Scalar>(tables: &[Vec<P>]) -> Vec<P> {
    let Some((first, rest)) = tables.split_first() else { return vec![P::integer(1)] };
    rest.iter().fold(first.clone(), |product, table| {
        product.iter().flat_map(|a| table.iter().map(move |b| a.clone() * b.clone())).collect()
    })
}

/// How one axis of a tensor is cut: index `i = block·2^log + j` with `j < 2^log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AxisCut {
    /// The axis's length.
    pub length: usize,
    /// The number of blocks; the last may be partly padding.
    pub blocks: usize,
    /// The base-2 logarithm of a block's length.
    pub log: usize,
}

impl AxisCut {
    /// The number of valid indices in a block.
    pub fn valid(&self, block: usize) -> usize {
        (self.length - (block << self.log).min(self.length)).min(1 << self.log)
    }
}

impl<P: Scalar> Functional<P> {
    /// For every slab of a tensor cut along its axes (row-major over blocks), `coefficient` times the multilinear extension at
    /// `inner` of the functional's weights on the slab. `inner` has `Σ log` coordinates, those of the last axis first.
    pub fn slab_weights(&self, coefficient: &P, cuts: &[AxisCut], inner: &[P]) -> Vec<P> {
        let mut starts = vec![0; cuts.len()];
        let mut start = 0;
        for (axis, cut) in cuts.iter().enumerate().rev() {
            starts[axis] = start;
            start += cut.log;
        }
        let part = |axis: usize| &inner[starts[axis]..starts[axis] + cuts[axis].log];
        let scale = coefficient.clone() * self.scale.clone();
        let mut weights = vec![scale; cuts.iter().map(|c| c.blocks).product()];
        for factor in &self.factors {
            let (axes, values) = match factor {
                Factor::Eq { axis, point } => {
                    (vec![*axis], eq_block_weights(&cuts[*axis], point, part(*axis)))
                }
                Factor::Dense { axes, weights } => {
                    let inner: Vec<Vec<P>> =
                        axes.iter().map(|&a| eq_table(part(a), 1 << cuts[a].log)).collect();
                    let cuts: Vec<AxisCut> = axes.iter().map(|&a| cuts[a]).collect();
                    (axes.clone(), dense_block_weights(&cuts, weights, &inner))
                }
                Factor::Packed(packed) => (packed.axes(), packed.slab_weights(cuts, inner)),
            };
            for (slab, weight) in weights.iter_mut().enumerate() {
                let mut index = vec![0; cuts.len()];
                let mut rest = slab;
                for axis in (0..cuts.len()).rev() {
                    index[axis] = rest % cuts[axis].blocks;
                    rest /= cuts[axis].blocks;
                }
                let at = axes.iter().fold(0, |flat, &a| flat * cuts[a].blocks + index[a]);
                *weight = weight.clone() * values[at].clone();
            }
        }
        weights
    }
}

/// For every block, `Σ_j eq(point, block·2^log + j)·eq(inner, j)` over the valid `j`.
fn eq_block_weights<P: Scalar>(cut: &AxisCut, point: &[P], inner: &[P]) -> Vec<P> {
    // A block may be longer than the axis has variables for: then the missing high coordinates are 0.
    let known = cut.log.min(point.len());
    let (low, high) = point.split_at(known);
    let padding = inner[known..].iter().fold(P::integer(1), |p, x| p * (P::integer(1) - x.clone()));
    let high = eq_table(high, cut.blocks);
    (0..cut.blocks)
        .map(|block| {
            let valid = cut.valid(block).min(1 << known);
            high[block].clone() * padding.clone() * eq_valid(low, &inner[..known], valid)
        })
        .collect()
}

fn dense_block_weights<P: Scalar>(cuts: &[AxisCut], weights: &[P], inner: &[Vec<P>]) -> Vec<P> {
    let mut out = vec![P::integer(0); cuts.iter().map(|c| c.blocks).product()];
    let mut index = vec![0usize; cuts.len()];
    for weight in weights {
        let mut slab = 0;
        let mut value = weight.clone();
        for ((cut, eq), &i) in cuts.iter().zip(inner).zip(&index) {
            slab = slab * cut.blocks + (i >> cut.log);
            value = value * eq[i & ((1 << cut.log) - 1)].clone();
        }
        accumulate(&mut out[slab], value);
        for (i, cut) in index.iter_mut().zip(cuts).rev() {
            *i += 1;
            if *i < cut.length {
                break;
            }
            *i = 0;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use p3_field::PrimeCharacteristicRing;
    use p3_koala_bear::KoalaBear as F;
    use zkml_ir::ops::{AxisMap, View};

    use super::*;
    use crate::eq::cube_variables;
    use crate::layout::visit_slab;

    /// Maps whose groups evaluate an axis at a point, and similar ones whose groups do not.
    fn maps() -> Vec<(Map, bool)> {
        let strided = |length: usize, view: usize, offset: i64, step: i64| {
            let axes = vec![AxisMap { offset, divisor: 1, terms: vec![(0, step)] }];
            Map::strided(&[length], &View { shape: vec![view], axes, fill: 0 }).unwrap()
        };
        let part = |length: usize, from: u32, count: usize| {
            Map::along(&[length], 0, count, (0..count as u32).map(|i| (i, from + i))).unwrap()
        };
        vec![
            (Map::reshape(&[48], &[3, 4, 4]).unwrap(), true),
            (Map::reshape(&[48], &[1, 3, 16]).unwrap(), true),
            (Map::reshape(&[48], &[4, 4, 3]).unwrap(), false),
            (Map::reshape(&[3, 16], &[48]).unwrap(), true),
            (Map::reshape(&[3, 4, 2, 2], &[12, 4]).unwrap(), true),
            (Map::reshape(&[6, 4, 2], &[3, 16]).unwrap(), true),
            (Map::reshape(&[4, 3], &[12]).unwrap(), false),
            (Map::reshape(&[4, 4], &[2, 8]).unwrap(), true),
            (part(64, 32, 32), true),
            (part(40, 32, 8), true),
            (part(40, 16, 8), true),
            (part(28, 14, 14), false),
            (part(40, 4, 8), false),
            (part(40, 0, 7), false),
            (part(40, 39, 1), true),
            (strided(28, 14, 0, 2), true),
            (strided(28, 14, 1, 2), true),
            (strided(27, 14, 0, 2), true),
            (strided(27, 14, 1, 2), true),
            (strided(28, 13, 1, 2), false),
            // One variable more than step and view have.
            (strided(5, 2, 1, 2), true),
            (strided(9, 2, 3, 4), true),
            (strided(33, 16, 1, 2), true),
            (strided(28, 7, 3, 4), true),
            (strided(28, 9, 1, 3), false),
            (strided(28, 28, -1, 1), false),
            (strided(6, 3, 5, 0), false),
        ]
    }

    /// Slabs of half an axis weigh their entries as the whole functional does.
    fn assert_slabs(functional: &Functional<F>) {
        let halved = |&length: &usize| {
            let log = num_variables(length).saturating_sub(1);
            AxisCut { length, blocks: length.div_ceil(1 << log), log }
        };
        let cuts: Vec<AxisCut> = functional.shape.iter().map(halved).collect();
        let inner: Vec<F> =
            (0..cuts.iter().map(|c| c.log).sum()).map(|i| F::from_usize(5 + 91 * i)).collect();
        let eq = eq_table(&inner, 1 << inner.len());
        let found = functional.slab_weights(&F::from_usize(3), &cuts, &inner);
        for (slab, found) in found.into_iter().enumerate() {
            let mut expected = F::ZERO;
            visit_slab(&cuts, slab, |row, entry, run| {
                for i in 0..run {
                    let mut unit = vec![0; functional.shape.iter().product()];
                    unit[entry + i] = 3;
                    expected += eq[row + i] * functional.apply(&unit);
                }
            });
            assert_eq!(found, expected, "{functional:?} slab {slab}");
        }
    }

    #[test]
    fn groups_that_evaluate_an_axis_weigh_its_entries_as_their_relations_do() {
        for (map, regular) in maps() {
            let variables = cube_variables(&map.view);
            let point: Vec<F> = (0..variables).map(|i| F::from_usize(1000 + 77 * i)).collect();
            let parts = split_point(&map.view, &point);
            for group in &map.groups {
                let Some(points) = axis_points(&map, group, &parts) else { continue };
                let axes = points.iter().zip(&group.source);
                let tables: Vec<_> = axes.map(|(point, &axis)| eq_table(point, map.source[axis])).collect();
                assert_eq!(product_table(&tables), group_weights(&map, group, &parts), "{map:?}");
            }
            let all = map.groups.iter().all(|g| axis_points(&map, g, &parts).is_some());
            assert_eq!(all, regular, "{map:?}");
            assert_slabs(&Functional::new(&map, &point));
            let data: Vec<i32> =
                (0..map.source.iter().product::<usize>()).map(|i| (i * i % 23) as i32).collect();
            let view = map.materialize(&data);
            let eq = eq_table(&point, 1 << variables);
            let mut expected = F::ZERO;
            for (entry, value) in view.iter().enumerate() {
                let (mut row, mut rest, mut shift) = (0, entry, 0);
                for &length in map.view.iter().rev() {
                    row += (rest % length) << shift;
                    (rest, shift) = (rest / length, shift + num_variables(length));
                }
                expected += eq[row] * <F as Scalar>::integer(i64::from(*value));
            }
            assert_eq!(Functional::new(&map, &point).apply(&data), expected, "{map:?}");
        }
    }
}
