//! The third sumcheck: all claims become evaluations of the columns at one row point.

use alloc::vec;
use alloc::vec::Vec;

use p3_field::{BasedVectorSpace, ExtensionField, Field, PrimeField};

use super::Channel;
use crate::claims::{Claim, Claims, Target};
use crate::commitment::ColumnCommitment;
use crate::eq::eq_table;
use crate::functional::{Factor, Functional};
use crate::layout::{Layout, visit_slab};
use crate::parallel;
use crate::sumcheck::{self, Instance, fold};
use crate::verifier::powers;

/// `Σ_row f(row)·w(row)` for one column.
struct Column<K> {
    values: Vec<K>,
    weights: Vec<K>,
}

/// All columns.
struct Columns<K>(Vec<Column<K>>);

impl<K: Field> Instance<K> for Columns<K> {
    fn num_variables(&self) -> usize {
        self.0.first().map_or(0, |c| c.values.len().trailing_zeros() as usize)
    }

    fn round(&self, out: &mut [K]) {
        let sums = parallel::map_tasks(self.0.len(), |c| {
            let Column { values, weights } = &self.0[c];
            let (mut zero, mut two) = (K::ZERO, K::ZERO);
            for (f, w) in values.chunks_exact(2).zip(weights.chunks_exact(2)) {
                if w[0].is_zero() && w[1].is_zero() {
                    continue;
                }
                zero += f[0] * w[0];
                two += (f[1].double() - f[0]) * (w[1].double() - w[0]);
            }
            [zero, two]
        });
        for [zero, two] in sums {
            out[0] += zero;
            out[1] += two;
        }
    }

    fn fold(&mut self, x: K) {
        parallel::for_each_chunk(&mut self.0, 1, |_, column| {
            for c in column {
                fold(&mut c.values, x);
                fold(&mut c.weights, x);
            }
        });
    }

    fn value(&self) -> K {
        self.0.iter().map(|c| c.values[0] * c.weights[0]).sum()
    }
}

/// Runs the sumcheck, sends every column's evaluation and the mask's, and returns the row point.
pub(super) fn reduce<S: ColumnCommitment>(
    channel: &mut Channel<'_, S::Base, S::Challenge>,
    layout: &Layout,
    claims: &Claims<S::Challenge, S::Challenge>,
    trees: &[&S::Tree],
    mask_tree: usize,
) -> Vec<S::Challenge> {
    let batching = channel.challenge("claim batching");
    let coefficients = powers(&batching, claims.list().len());
    let mut columns: Vec<&[S::Base]> = Vec::with_capacity(layout.num_columns());
    let mut mask: &[Vec<S::Base>] = &[];
    for (tree, &(_, count)) in layout.trees.iter().enumerate() {
        let all = S::columns(trees[tree]);
        columns.extend(all[..count].iter().map(Vec::as_slice));
        if tree == mask_tree {
            mask = &all[count..];
        }
    }
    let weights = weights::<S::Base, S::Challenge>(layout, claims, &coefficients);
    let instance = parallel::map_tasks(columns.len(), |c| Column {
        values: columns[c].iter().map(|&v| S::Challenge::from(v)).collect(),
        weights: weights[c].clone(),
    });
    drop(weights);
    let mut instances = [Columns(instance)];
    let point = sumcheck::prove(channel, &mut instances, layout.log_rows, 2);
    for column in &instances[0].0 {
        channel.send("column", column.values[0]);
    }
    channel.send("mask", evaluate_mask(mask, &point));
    point
}

/// `Σ_j θ^j·s_j(point)` for the mask's limbs.
fn evaluate_mask<F: PrimeField, K: ExtensionField<F>>(limbs: &[Vec<F>], point: &[K]) -> K {
    let eq = eq_table(point, 1 << point.len());
    let dot = |limb: &Vec<F>| limb.iter().zip(&eq).map(|(&v, &e)| e * v).sum::<K>();
    limbs
        .iter()
        .enumerate()
        .map(|(j, limb)| <K as BasedVectorSpace<F>>::ith_basis_element(j).unwrap_or(K::ZERO) * dot(limb))
        .sum()
}

/// The weights that the claims put on every row of every column.
fn weights<F: PrimeField, K: ExtensionField<F>>(
    layout: &Layout,
    claims: &Claims<K, K>,
    coefficients: &[K],
) -> Vec<Vec<K>> {
    let mut weights = vec![vec![K::ZERO; 1 << layout.log_rows]; layout.num_columns()];
    for (claim, &coefficient) in claims.list().iter().zip(coefficients) {
        add_claim::<F, K>(layout, claim, coefficient, &mut weights);
    }
    weights
}

fn add_claim<F: PrimeField, K: ExtensionField<F>>(
    layout: &Layout,
    claim: &Claim<K, K>,
    coefficient: K,
    weights: &mut [Vec<K>],
) {
    let (first, count) = match claim.target {
        Target::Tensor(tensor) => (tensor, 1),
        Target::Limbs { first, count } => (first, count),
    };
    let Some(placement) = layout.placements[first].as_ref() else { return };
    let table = entry_weights(&claim.functional, coefficient);
    for limb in 0..count {
        let Some(own) = layout.placements[first + limb].as_ref() else { continue };
        let base = layout.first_column(own.tree);
        let basis: K = <K as BasedVectorSpace<F>>::ith_basis_element(limb).unwrap_or(K::ZERO);
        for (index, slab) in own.slabs.iter().enumerate() {
            let column = &mut weights[base + slab.column];
            visit_slab(&placement.cuts, index, |row, entry, run| {
                let target = &mut column[slab.row + row..slab.row + row + run];
                let source = &table[entry..entry + run];
                if limb == 0 {
                    target.iter_mut().zip(source).for_each(|(t, &w)| *t += w);
                } else {
                    target.iter_mut().zip(source).for_each(|(t, &w)| *t += w * basis);
                }
            });
        }
    }
}

/// The weight of every entry of a tensor, row-major.
fn entry_weights<K: Field>(functional: &Functional<K>, coefficient: K) -> Vec<K> {
    let rank = functional.shape.len();
    let mut factors: Vec<(Vec<usize>, Vec<K>)> = functional
        .factors
        .iter()
        .map(|f| match f {
            Factor::Eq { axis, point } => (vec![*axis], eq_table(point, functional.shape[*axis])),
            Factor::Dense { axes, weights } => (axes.clone(), weights.clone()),
        })
        .collect();
    factors.sort_by(|a, b| a.0.cmp(&b.0));
    let order: Vec<usize> = factors.iter().flat_map(|f| f.0.iter().copied()).collect();
    let mut table = vec![coefficient * functional.scale];
    for (_, weights) in &factors {
        let width = weights.len();
        table = parallel::map_range(table.len() * width, |i| table[i / width] * weights[i % width]);
    }
    if order.windows(2).all(|w| w[0] < w[1]) {
        return table;
    }
    // Factors over interleaved axes: from the factors' order to row-major.
    let lengths: Vec<usize> = order.iter().map(|&a| functional.shape[a]).collect();
    let steps = zkml_ir::tensor::strides(&functional.shape);
    let mut out = vec![K::ZERO; table.len()];
    let mut index = vec![0usize; rank];
    for weight in table {
        let at: usize = index.iter().zip(&order).map(|(&i, &a)| i * steps[a]).sum();
        out[at] = weight;
        for (i, &n) in index.iter_mut().zip(&lengths).rev() {
            *i += 1;
            if *i < n {
                break;
            }
            *i = 0;
        }
    }
    out
}
