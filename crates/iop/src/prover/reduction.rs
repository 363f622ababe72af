//! The third sumcheck: all claims become evaluations of the columns at one row point.
//!
//! Columns are read in blocks of a sixteenth of their height. Weights of claims on whole blocks factor into one coefficient per
//! block and one vector that many blocks share, so those blocks are added up first and the sumcheck over the low variables runs
//! on the sums. A second pass evaluates every block where the low variables end; the last rounds run on those values.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use p3_field::{BasedVectorSpace, ExtensionField, Field, PrimeField};

use super::Channel;
use super::packed::{Limbs, combine};
use crate::claims::{AllClaims, Claim, Claims, ColumnClaim, Target};
use crate::commitment::ColumnCommitment;
use crate::eq::{eq_table, eq_vertex};
use crate::functional::{AxisCut, Factor, Functional, product_table};
use crate::layout::{Layout, Placement, visit_slab};
use crate::parallel;
use crate::sumcheck::{self, Instance, fold};
use crate::verifier::powers;

/// `Σ_i values(i)·weights(i)`.
struct Pair<K> {
    values: Vec<K>,
    weights: Vec<K>,
}

/// A sum of such pairs over equally many variables.
struct Pairs<K> {
    variables: usize,
    pairs: Vec<Pair<K>>,
}

impl<K: Field> Instance<K> for Pairs<K> {
    fn num_variables(&self) -> usize {
        self.variables
    }

    fn round(&self, out: &mut [K]) {
        let sums = parallel::map_tasks(self.pairs.len(), |p| {
            let Pair { values, weights } = &self.pairs[p];
            let (mut zero, mut two) = (K::ZERO, K::ZERO);
            for (f, w) in values.chunks_exact(2).zip(weights.chunks_exact(2)) {
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
        self.variables -= 1;
        parallel::for_each_chunk(&mut self.pairs, 1, |_, pairs| {
            for pair in pairs {
                fold(&mut pair.values, x);
                fold(&mut pair.weights, x);
            }
        });
    }

    fn value(&self) -> K {
        self.pairs.iter().map(|p| p.values[0] * p.weights[0]).sum()
    }
}

/// Runs the sumcheck, sends every column's evaluation and the mask's, and returns the row point.
pub(super) fn reduce<S: ColumnCommitment>(
    channel: &mut Channel<'_, S::Base, S::Challenge>,
    layout: &Layout,
    (claims, wide): AllClaims<'_, S::Challenge, S::Challenge>,
    trees: &[&S::Tree],
    mask_tree: usize,
) -> Vec<S::Challenge> {
    let batching = channel.challenge("claim batching");
    let coefficients = powers(&batching, claims.list().len() + wide.len());
    let mut columns: Vec<&[S::Base]> = Vec::with_capacity(layout.num_columns());
    let mut mask: &[Vec<S::Base>] = &[];
    for (index, tree) in layout.trees.iter().enumerate() {
        let all = S::columns(trees[index]);
        columns.extend(all[..tree.columns].iter().map(Vec::as_slice));
        if index == mask_tree {
            mask = &all[tree.columns..];
        }
    }
    let low = layout.log_rows.saturating_sub(4);
    let mut reduction = Reduction::new(layout, &columns, claims, &coefficients, low);
    for (claim, &coefficient) in wide.iter().zip(&coefficients[claims.list().len()..]) {
        reduction.add_wide(layout, claim, coefficient, low);
    }
    let (mut point, blocks) = reduction.low_rounds(channel, low);
    let mut high = [Pairs { variables: layout.log_rows - low, pairs: blocks }];
    point.extend(sumcheck::prove(channel, &mut high, layout.log_rows - low, 2));
    for column in &high[0].pairs {
        channel.send("column", column.values[0]);
    }
    channel.send("mask", evaluate_mask(mask, &point));
    point
}

/// `Σ_j θ^j·s_j(point)` for the mask's limbs.
fn evaluate_mask<F: PrimeField, K: ExtensionField<F>>(limbs: &[Vec<F>], point: &[K]) -> K {
    let eq = Limbs::new(&eq_table(point, 1 << point.len()));
    let basis = |j: usize| <K as BasedVectorSpace<F>>::ith_basis_element(j).unwrap_or(K::ZERO);
    limbs.iter().enumerate().map(|(j, limb)| basis(j) * eq.dot::<K>(limb)).sum()
}

/// A block of a column.
type Block = (usize, usize);

/// Whole blocks whose weights are multiples of one vector.
struct Bundle<K> {
    weights: Vec<K>,
    members: Vec<(Block, K)>,
}

/// The claims, sorted by the blocks that they weigh.
struct Reduction<'a, F, K> {
    columns: &'a [&'a [F]],
    num_blocks: usize,
    bundles: Vec<Bundle<K>>,
    /// Blocks shared by several small tensors, each with weights of its own.
    mixed: BTreeMap<Block, Vec<K>>,
}

impl<'a, F: PrimeField, K: ExtensionField<F>> Reduction<'a, F, K> {
    fn new(
        layout: &Layout,
        columns: &'a [&'a [F]],
        claims: &Claims<K, K>,
        coefficients: &[K],
        low: usize,
    ) -> Self {
        let num_blocks = 1 << (layout.log_rows - low);
        let mut reduction = Self { columns, num_blocks, bundles: Vec::new(), mixed: BTreeMap::new() };
        for (functional, targets) in group(claims, coefficients) {
            let placed = placed::<F, K>(layout, &targets);
            let Some((_, placement, _)) = placed.first() else { continue };
            if placement.log_slab() == low {
                reduction.add_whole(functional, &placed, low);
            } else {
                reduction.add_small(functional, &placed, low);
            }
        }
        reduction
    }

    /// A claim on whole columns weighs all full blocks by multiples of one vector, and the last one by a part of it.
    fn add_wide(&mut self, layout: &Layout, claim: &ColumnClaim<K>, coefficient: K, low: usize) {
        let high = eq_table(&claim.point[low..], self.num_blocks);
        let (full, rest) = (claim.rows >> low, claim.rows & ((1 << low) - 1));
        let (mut whole, mut cut) = (Vec::new(), Vec::new());
        for &(tree, k) in &claim.trees {
            let (first, columns) = (layout.first_column(tree), layout.columns(tree));
            let mut factor = coefficient * k;
            for column in first..first + columns {
                let member = |(block, &h): (usize, &K)| ((column, block), factor * h);
                whole.extend(high.iter().enumerate().take(full).map(member));
                cut.extend(high.iter().enumerate().skip(full).take(usize::from(rest > 0)).map(member));
                factor *= claim.batching;
            }
        }
        for (members, rows) in [(whole, 1 << low), (cut, rest)] {
            if !members.is_empty() {
                let mut weights = eq_table(&claim.point[..low], rows);
                weights.resize(1 << low, K::ZERO);
                self.bundles.push(Bundle { weights, members });
            }
        }
    }

    fn add_whole(&mut self, functional: &Functional<K>, placed: &[(usize, &Placement, K)], low: usize) {
        let cuts = &placed[0].1.cuts;
        for (weights, slabs) in slab_vectors(functional, cuts) {
            let mut members = Vec::with_capacity(slabs.len() * placed.len());
            for &(first, placement, coefficient) in placed {
                for &(slab, factor) in &slabs {
                    let at = placement.slabs[slab];
                    members.push(((first + at.column, at.row >> low), coefficient * factor));
                }
            }
            self.bundles.push(Bundle { weights, members });
        }
    }

    fn add_small(&mut self, functional: &Functional<K>, placed: &[(usize, &Placement, K)], low: usize) {
        let table = entry_weights(functional);
        for &(first, placement, coefficient) in placed {
            for (index, slab) in placement.slabs.iter().enumerate() {
                let block = (first + slab.column, slab.row >> low);
                let weights = self.mixed.entry(block).or_insert_with(|| vec![K::ZERO; 1 << low]);
                let base = slab.row & ((1 << low) - 1);
                visit_slab(&placement.cuts, index, |row, entry, run| {
                    let target = &mut weights[base + row..base + row + run];
                    target
                        .iter_mut()
                        .zip(&table[entry..entry + run])
                        .for_each(|(t, &w)| *t += coefficient * w);
                });
            }
        }
    }

    fn block(&self, (column, block): Block) -> &'a [F] {
        let length = self.columns[column].len() / self.num_blocks;
        &self.columns[column][block * length..(block + 1) * length]
    }

    /// Binds the low variables; returns their point and, per column, values and weights of its blocks there.
    fn low_rounds(mut self, channel: &mut Channel<'_, F, K>, low: usize) -> (Vec<K>, Vec<Pair<K>>) {
        let bundles = core::mem::take(&mut self.bundles);
        let mixed = core::mem::take(&mut self.mixed);
        let mut pairs: Vec<Pair<K>> =
            bundles.iter().map(|b| Pair { values: self.merge(b, low), weights: b.weights.clone() }).collect();
        let blocks: Vec<Block> = mixed.keys().copied().collect();
        pairs.extend(mixed.into_iter().map(|(block, weights)| {
            let values = self.block(block).iter().map(|&v| K::from(v)).collect();
            Pair { values, weights }
        }));
        let mut instances = [Pairs { variables: low, pairs }];
        let point = sumcheck::prove(channel, &mut instances, low, 2);
        let ends = &instances[0].pairs;
        let mut columns = self.block_values(&point);
        for (bundle, end) in bundles.iter().zip(ends) {
            for &((column, block), coefficient) in &bundle.members {
                columns[column].weights[block] += coefficient * end.weights[0];
            }
        }
        for (&(column, block), end) in blocks.iter().zip(&ends[bundles.len()..]) {
            columns[column].weights[block] += end.weights[0];
        }
        (point, columns)
    }

    /// The sum of a bundle's blocks with their coefficients.
    fn merge(&self, bundle: &Bundle<K>, low: usize) -> Vec<K> {
        const CHUNK: usize = 512;
        let length = 1usize << low;
        let chunks = parallel::map_tasks(length.div_ceil(CHUNK), |chunk| {
            let rows = chunk * CHUNK..length.min((chunk + 1) * CHUNK);
            let members = bundle.members.iter().map(|&(block, k)| (k, &self.block(block)[rows.clone()]));
            combine::<F, K>(rows.len(), members)
        });
        chunks.concat()
    }

    /// The multilinear extension of every block at the low point; weights are still zero.
    fn block_values(&self, point: &[K]) -> Vec<Pair<K>> {
        let eq = Limbs::new(&eq_table(point, 1 << point.len()));
        parallel::map_tasks(self.columns.len(), |column| {
            let values = (0..self.num_blocks).map(|block| eq.dot(self.block((column, block)))).collect();
            Pair { values, weights: vec![K::ZERO; self.num_blocks] }
        })
    }
}

/// A functional and the targets of its claims, with their coefficients.
type ClaimGroup<'c, K> = (&'c Functional<K>, Vec<(Target, K)>);

/// Claims with one functional together.
fn group<'c, K: Field>(claims: &'c Claims<K, K>, coefficients: &[K]) -> Vec<ClaimGroup<'c, K>> {
    let mut groups: Vec<ClaimGroup<'c, K>> = Vec::new();
    for (claim, &coefficient) in claims.list().iter().zip(coefficients) {
        let Claim { target, functional, .. } = claim;
        match groups.iter_mut().find(|(f, _)| *f == functional) {
            Some((_, targets)) => targets.push((*target, coefficient)),
            None => groups.push((functional, vec![(*target, coefficient)])),
        }
    }
    groups
}

/// The committed tensors behind targets of one shape: the tree's first column, the placement, the coefficient.
fn placed<'l, F: PrimeField, K: ExtensionField<F>>(
    layout: &'l Layout,
    targets: &[(Target, K)],
) -> Vec<(usize, &'l Placement, K)> {
    let mut placed = Vec::with_capacity(targets.len());
    for &(target, coefficient) in targets {
        let (first, count) = match target {
            Target::Tensor(tensor) => (tensor, 1),
            Target::Limbs { first, count } => (first, count),
        };
        for limb in 0..count {
            let Some(placement) = layout.placements[first + limb].as_ref() else { continue };
            let basis: K = <K as BasedVectorSpace<F>>::ith_basis_element(limb).unwrap_or(K::ZERO);
            placed.push((layout.first_column(placement.tree), placement, coefficient * basis));
        }
    }
    placed
}

/// Slabs and factors.
type Members<K> = Vec<(usize, K)>;

/// Vectors of weights on slabs, each with the slabs whose weights are a multiple of it.
type SlabVectors<K> = Vec<(Vec<K>, Members<K>)>;

fn slab_vectors<K: Field>(functional: &Functional<K>, cuts: &[AxisCut]) -> SlabVectors<K> {
    let mut points: Vec<Option<&[K]>> = vec![None; cuts.len()];
    for factor in &functional.factors {
        match factor {
            Factor::Eq { axis, point } => points[*axis] = Some(point),
            Factor::Dense { .. } => return dense_vectors(functional, cuts),
        }
    }
    let points: Vec<&[K]> = points.into_iter().map(Option::unwrap_or_default).collect();
    // Slabs that are full along the same axes share a vector; the others are cut off at the end of an axis.
    let mut vectors: Vec<(Vec<usize>, Members<K>)> = Vec::new();
    for slab in 0..cuts.iter().map(|c| c.blocks).product() {
        let blocks = unravel(slab, cuts);
        let valid: Vec<usize> = cuts.iter().zip(&blocks).map(|(c, &b)| c.valid(b)).collect();
        if valid.contains(&0) {
            continue;
        }
        let high = |(cut, (&block, point)): (&AxisCut, (&usize, &&[K]))| eq_vertex(&point[cut.log..], block);
        let factor: K = cuts.iter().zip(blocks.iter().zip(&points)).map(high).product();
        let member = (slab, factor * functional.scale);
        match vectors.iter_mut().find(|(v, _)| *v == valid) {
            Some((_, slabs)) => slabs.push(member),
            None => vectors.push((valid, vec![member])),
        }
    }
    let vector = |valid: &[usize]| {
        let tables: Vec<Vec<K>> = cuts
            .iter()
            .zip(valid.iter().zip(&points))
            .map(|(cut, (&n, point))| {
                let mut table = eq_table(&point[..cut.log], n);
                table.resize(1 << cut.log, K::ZERO);
                table
            })
            .collect();
        product_table(&tables)
    };
    vectors.into_iter().map(|(valid, slabs)| (vector(&valid), slabs)).collect()
}

/// One vector per slab, for weights that do not factor over blocks.
fn dense_vectors<K: Field>(functional: &Functional<K>, cuts: &[AxisCut]) -> SlabVectors<K> {
    let table = entry_weights(functional);
    let log: usize = cuts.iter().map(|c| c.log).sum();
    let slabs = cuts.iter().map(|c| c.blocks).product();
    parallel::map_tasks(slabs, |slab| {
        let mut weights = vec![K::ZERO; 1 << log];
        visit_slab(cuts, slab, |row, entry, run| {
            weights[row..row + run].copy_from_slice(&table[entry..entry + run]);
        });
        (weights, vec![(slab, K::ONE)])
    })
}

fn unravel(mut slab: usize, cuts: &[AxisCut]) -> Vec<usize> {
    let mut blocks = vec![0; cuts.len()];
    for (block, cut) in blocks.iter_mut().zip(cuts).rev() {
        *block = slab % cut.blocks;
        slab /= cut.blocks;
    }
    blocks
}

/// The weight of every entry of a tensor, row-major.
fn entry_weights<K: Field>(functional: &Functional<K>) -> Vec<K> {
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
    let mut table = vec![functional.scale];
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
