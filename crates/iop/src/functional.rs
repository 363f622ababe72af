//! Public linear functionals on tensors: what a claim on a view at a point says about its source.

use alloc::borrow::Cow;
use alloc::vec;
use alloc::vec::Vec;

use crate::eq::{eq_table, eq_valid, extension, split_point, valid};
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
            match (&group.relation, group.source.as_slice()) {
                (Relation::Identity, &[axis]) => {
                    factors.push(Factor::Eq { axis, point: parts[group.view[0]].to_vec() });
                }
                (_, []) => scale = scale * group_weights(map, group, &parts)[0].clone(),
                (_, axes) => factors
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
    /// For every slab of a tensor cut along its axes (row-major over blocks), the multilinear extension at `inner` of the
    /// functional's weights on the slab. `inner` has `Σ log` coordinates, those of the last axis first.
    pub fn slab_weights(&self, cuts: &[AxisCut], inner: &[P]) -> Vec<P> {
        let mut starts = vec![0; cuts.len()];
        let mut start = 0;
        for (axis, cut) in cuts.iter().enumerate().rev() {
            starts[axis] = start;
            start += cut.log;
        }
        let part = |axis: usize| &inner[starts[axis]..starts[axis] + cuts[axis].log];
        let mut weights = vec![self.scale.clone(); cuts.iter().map(|c| c.blocks).product()];
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
