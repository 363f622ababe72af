//! The third sumcheck: all claims become evaluations of the columns at one row point.
//!
//! Weights of claims on slabs factor into one coefficient per slab and one vector that many slabs share, so those slabs are added
//! up first and the sumcheck over their variables runs on the sums. Where these variables end, a second pass evaluates every
//! slab, and the sumcheck goes on over slabs: first within blocks of a sixteenth of a column, the longest that slabs can be, and
//! at last over blocks.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use p3_field::{BasedVectorSpace, ExtensionField, Field, PrimeField};

use super::Channel;
use super::packed::{Limbs, combine};
use crate::claims::{AllClaims, Claim, Claims, ColumnClaim, Target};
use crate::commitment::ColumnCommitment;
use crate::eq::{eq_table, eq_vertex};
use crate::functional::{AxisCut, Factor, Functional};
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

/// A slab: a column and its first row.
type Start = (usize, usize);

/// Slabs whose weights are multiples of one vector.
struct Bundle<K> {
    weights: Vec<K>,
    members: Vec<(Start, K)>,
}

impl<K> Bundle<K> {
    fn log(&self) -> usize {
        self.weights.len().trailing_zeros() as usize
    }
}

/// Slabs below this size are too short to be added up: they share a vector of weights per block.
const MIN_LOG_SLAB: usize = 5;

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
            if placement.log_slab() >= MIN_LOG_SLAB.min(low) {
                reduction.add_slabs(functional, &placed);
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
                let member = |(block, &h): (usize, &K)| ((column, block << low), factor * h);
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

    fn add_slabs(&mut self, functional: &Functional<K>, placed: &[(usize, &Placement, K)]) {
        let cuts = &placed[0].1.cuts;
        for (weights, slabs) in slab_vectors(functional, cuts) {
            let mut members = Vec::with_capacity(slabs.len() * placed.len());
            for &(first, placement, coefficient) in placed {
                for &(slab, factor) in &slabs {
                    let at = placement.slabs[slab];
                    members.push(((first + at.column, at.row), coefficient * factor));
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

    /// The rows of a column from `start` on.
    fn rows(&self, (column, start): Start, length: usize) -> &'a [F] {
        &self.columns[column][start..start + length]
    }

    /// Binds the low variables; returns their point and, per column, values and weights of its blocks there.
    fn low_rounds(mut self, channel: &mut Channel<'_, F, K>, low: usize) -> (Vec<K>, Vec<Pair<K>>) {
        let mut bundles = core::mem::take(&mut self.bundles);
        bundles.sort_by_key(Bundle::log);
        let mixed = core::mem::take(&mut self.mixed);
        let blocks: Vec<Block> = mixed.keys().copied().collect();
        // Pairs of slabs that open up later come last.
        let mut pairs: Vec<Pair<K>> = mixed
            .into_iter()
            .map(|((column, block), weights)| {
                let rows = self.rows((column, block << low), 1 << low);
                Pair { values: rows.iter().map(|&v| K::from(v)).collect(), weights }
            })
            .collect();
        let merged = bundles.iter().rev().map(|b| Pair { values: self.merge(b), weights: b.weights.clone() });
        pairs.extend(merged);
        let mut instances = [Pairs { variables: 0, pairs }];
        let mut point = Vec::with_capacity(low);
        // For every block, the position of its pair: first those with weights for every row, then those of opened slabs.
        let mut opened: Vec<Block> = Vec::new();
        while point.len() < low {
            let log = bundles.first().map_or(low, Bundle::log);
            instances[0].variables = log - point.len();
            let rounds = log - point.len();
            point.extend(sumcheck::prove(channel, &mut instances, rounds, 2));
            if log == low {
                break;
            }
            let count = bundles.iter().take_while(|b| b.log() == log).count();
            let pairs = &mut instances[0].pairs;
            let ends = pairs.split_off(pairs.len() - count);
            // The first bundle's pair is the last one.
            let of_bundles: Vec<_> = bundles.drain(..count).zip(ends.into_iter().rev()).collect();
            let (open, values) = self.open_slabs(&of_bundles, &point, low);
            let at = blocks.len() + opened.len();
            pairs.splice(at..at, values);
            opened.extend(open);
        }
        let mut columns = self.block_values(&point);
        let ends = &instances[0].pairs;
        for (&(column, block), end) in blocks.iter().chain(&opened).zip(ends) {
            columns[column].weights[block] += end.weights[0];
        }
        for (bundle, end) in bundles.iter().rev().zip(&ends[blocks.len() + opened.len()..]) {
            for &((column, row), coefficient) in &bundle.members {
                columns[column].weights[row >> low] += coefficient * end.weights[0];
            }
        }
        (point, columns)
    }

    /// Evaluates the slabs of bundles where their variables end: for every block that they touch, the values of all its slabs,
    /// and weights for theirs.
    fn open_slabs(
        &self,
        bundles: &[(Bundle<K>, Pair<K>)],
        point: &[K],
        low: usize,
    ) -> (Vec<Block>, Vec<Pair<K>>) {
        let log = point.len();
        let mut weights: BTreeMap<Block, Vec<K>> = BTreeMap::new();
        for (bundle, end) in bundles {
            for &((column, row), coefficient) in &bundle.members {
                let of_block =
                    weights.entry((column, row >> low)).or_insert_with(|| vec![K::ZERO; 1 << (low - log)]);
                of_block[(row & ((1 << low) - 1)) >> log] += coefficient * end.weights[0];
            }
        }
        let eq = Limbs::new(&eq_table(point, 1 << log));
        let opened: Vec<(Block, Vec<K>)> = weights.into_iter().collect();
        let pairs = parallel::map_tasks(opened.len(), |i| {
            let ((column, block), weights) = &opened[i];
            let slabs = self.rows((*column, block << low), 1 << low).chunks_exact(1 << log);
            Pair { values: slabs.map(|slab| eq.dot(slab)).collect(), weights: weights.clone() }
        });
        (opened.into_iter().map(|(block, _)| block).collect(), pairs)
    }

    /// The sum of a bundle's slabs with their coefficients.
    fn merge(&self, bundle: &Bundle<K>) -> Vec<K> {
        const CHUNK: usize = 512;
        let length = bundle.weights.len();
        let chunks = parallel::map_tasks(length.div_ceil(CHUNK), |chunk| {
            let (start, end) = (chunk * CHUNK, length.min((chunk + 1) * CHUNK));
            let members = bundle
                .members
                .iter()
                .map(|&((column, row), k)| (k, self.rows((column, row + start), end - start)));
            combine::<F, K>(end - start, members)
        });
        chunks.concat()
    }

    /// The multilinear extension of every block at the low point; weights are still zero.
    fn block_values(&self, point: &[K]) -> Vec<Pair<K>> {
        let length = 1 << point.len();
        let eq = Limbs::new(&eq_table(point, length));
        parallel::map_tasks(self.columns.len(), |column| {
            let values = self.columns[column].chunks_exact(length).map(|block| eq.dot(block)).collect();
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
    let dense: Vec<usize> = functional
        .factors
        .iter()
        .filter_map(|f| match f {
            Factor::Eq { .. } => None,
            Factor::Dense { axes, .. } => Some(axes.clone()),
            Factor::Packed(packed) => Some(packed.axes()),
        })
        .flatten()
        .collect();
    // Slabs that are full along the same axes, and in the same blocks of axes whose weights have no structure, share a vector.
    type Key = (Vec<usize>, Vec<usize>);
    let mut vectors: BTreeMap<Key, (usize, Members<K>)> = BTreeMap::new();
    for slab in 0..cuts.iter().map(|c| c.blocks).product() {
        let blocks = unravel(slab, cuts);
        let valid: Vec<usize> = cuts.iter().zip(&blocks).map(|(c, &b)| c.valid(b)).collect();
        if valid.contains(&0) {
            continue;
        }
        let mut coefficient = functional.scale;
        for factor in &functional.factors {
            if let Factor::Eq { axis, point } = factor {
                coefficient *= eq_vertex(&point[cuts[*axis].log..], blocks[*axis]);
            }
        }
        let key = (valid, dense.iter().map(|&axis| blocks[axis]).collect());
        vectors.entry(key).or_insert_with(|| (slab, Vec::new())).1.push((slab, coefficient));
    }
    let vectors: Vec<(usize, Members<K>)> = vectors.into_values().collect();
    let weights = parallel::map_tasks(vectors.len(), |i| slab_vector(functional, cuts, vectors[i].0));
    weights.into_iter().zip(vectors).map(|(weights, (_, members))| (weights, members)).collect()
}

/// The weights on one slab, without the scale and what is constant along axes with `eq` weights.
fn slab_vector<K: Field>(functional: &Functional<K>, cuts: &[AxisCut], slab: usize) -> Vec<K> {
    let blocks = unravel(slab, cuts);
    let logs = |axes: &[usize]| axes.iter().map(|&a| cuts[a].log).sum::<usize>();
    let log = cuts.iter().map(|c| c.log).sum::<usize>();
    // Where the bits of an axis start within a row of the slab.
    let shift = |axis: usize| cuts[axis + 1..].iter().map(|c| c.log).sum::<usize>();
    let mut vector = vec![K::ONE; 1 << log];
    for factor in &functional.factors {
        let (axes, table) = match factor {
            Factor::Eq { axis, point } => {
                let mut table = eq_table(&point[..cuts[*axis].log], cuts[*axis].valid(blocks[*axis]));
                table.resize(1 << cuts[*axis].log, K::ZERO);
                (vec![*axis], table)
            }
            Factor::Dense { .. } | Factor::Packed(_) => {
                let (axes, weights) = factor.table(&functional.shape);
                let cuts: Vec<AxisCut> = axes.iter().map(|&a| cuts[a]).collect();
                let block = axes.iter().zip(&cuts).fold(0, |block, (&a, c)| block * c.blocks + blocks[a]);
                let mut table = vec![K::ZERO; 1 << logs(&axes)];
                visit_slab(&cuts, block, |row, entry, run| {
                    table[row..row + run].copy_from_slice(&weights[entry..entry + run]);
                });
                (axes, table)
            }
        };
        let digits: Vec<(usize, usize)> = axes.iter().map(|&a| (shift(a), cuts[a].log)).collect();
        for (row, weight) in vector.iter_mut().enumerate() {
            let digit =
                |at: usize, &(shift, log): &(usize, usize)| (at << log) + (row >> shift & ((1 << log) - 1));
            *weight *= table[digits.iter().fold(0, digit)];
        }
    }
    vector
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
    let mut factors: Vec<(Vec<usize>, Cow<'_, [K]>)> =
        functional.factors.iter().map(|f| f.table(&functional.shape)).collect();
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

#[cfg(test)]
mod tests {
    use p3_field::extension::QuinticTrinomialExtensionField;
    use p3_field::{BasedVectorSpace, PrimeCharacteristicRing};
    use p3_koala_bear::KoalaBear;
    use zkml_ir::Interval;
    use zkml_ir::ops::{AxisMap, View};

    use super::*;
    use crate::eq::cube_variables;
    use crate::layout::Reserved;
    use crate::map::Map;
    use crate::prover::Pads;
    use crate::sumcheck::lagrange;
    use crate::system::{Declared, Home, System};
    use crate::transcript::Transcript;

    type F = KoalaBear;
    type K = QuinticTrinomialExtensionField<KoalaBear>;

    const LOG_ROWS: usize = 12;
    const LOW: usize = LOG_ROWS - 4;

    struct Dice(u64);

    impl Dice {
        fn field(&mut self) -> F {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            F::from_u32((self.0 >> 33) as u32)
        }
    }

    impl Transcript<F, K> for Dice {
        fn absorb_bytes(&mut self, _: &'static str, _: &[u8]) {}

        fn absorb_scalars(&mut self, _: &'static str, _: &[K]) {}

        fn challenge(&mut self, _: &'static str) -> K {
            K::from_basis_coefficients_fn(|_| self.field())
        }
    }

    /// Maps of tensors whose slabs have all sizes from one row to a whole block.
    fn maps() -> Vec<Map> {
        let window = |shape: [usize; 3]| {
            let axes = vec![
                AxisMap::identity(0),
                AxisMap { offset: -1, divisor: 1, terms: vec![(1, 2), (3, 1)] },
                AxisMap::identity(2),
            ];
            let view = vec![shape[0], shape[1].div_ceil(2), shape[2], 3];
            Map::strided(&shape, &View { shape: view, axes, fill: 0 }).unwrap()
        };
        vec![
            Map::identity(&[]),
            Map::identity(&[3]),
            Map::identity(&[24, 7, 7]),
            Map::identity(&[5, 14, 14]),
            window([5, 14, 14]),
            Map::identity(&[3, 40, 33]),
            window([3, 40, 33]),
            Map::identity(&[1000]),
            Map::reshape(&[6, 10, 9], &[60, 9]).unwrap(),
            // Evaluated at points: splits, merges, parts and strides.
            Map::reshape(&[20, 64], &[20, 4, 16]).unwrap(),
            Map::reshape(&[24, 4, 8], &[24, 32]).unwrap(),
            Map::along(&[3, 40], 1, 8, (0..8).map(|i| (i, 32 + i))).unwrap(),
            Map::along(&[300], 0, 150, (0..150).map(|i| (i, 2 * i + 1))).unwrap(),
            Map::along(&[257], 0, 128, (0..128).map(|i| (i, 2 * i + 1))).unwrap(),
            Map::along(&[33], 0, 16, (0..16).map(|i| (i, 2 * i + 1))).unwrap(),
            Map::sum(&[6, 10, 9], &[1]).unwrap(),
        ]
    }

    #[test]
    fn low_rounds_end_with_the_weights_and_values_of_every_block() {
        let mut system = System::default();
        let maps = maps();
        for map in &maps {
            let (name, shape) = ("tensor".into(), map.source.clone());
            system.declare(Declared { name, shape, range: Interval::unsigned(8), home: Home::Witness });
        }
        let layout = Layout::new(&system, LOG_ROWS, &Reserved::uniform(100, 0)).unwrap();
        let mut dice = Dice(7);
        let columns: Vec<Vec<F>> =
            (0..layout.num_columns()).map(|_| (0..1 << LOG_ROWS).map(|_| dice.field()).collect()).collect();
        let mut claims = Claims::<K, K>::default();
        for (tensor, map) in maps.iter().enumerate() {
            let point = dice.challenges("point", cube_variables(&map.view));
            let functional = Functional::new(map, &point);
            claims.push(Claim { target: Target::Tensor(tensor), functional, value: K::ZERO });
        }
        let coefficients = dice.challenges("coefficient", maps.len());

        // Every row's weight, entry by entry.
        let mut weights = vec![vec![K::ZERO; 1 << LOG_ROWS]; layout.num_columns()];
        for (claim, &coefficient) in claims.list().iter().zip(&coefficients) {
            let Target::Tensor(tensor) = claim.target else { continue };
            let (table, placement) =
                (entry_weights(&claim.functional), layout.placements[tensor].as_ref().unwrap());
            for (index, slab) in placement.slabs.iter().enumerate() {
                visit_slab(&placement.cuts, index, |row, entry, run| {
                    for i in 0..run {
                        weights[slab.column][slab.row + row + i] += coefficient * table[entry + i];
                    }
                });
            }
        }
        let logs: Vec<usize> = layout.placements.iter().flatten().map(Placement::log_slab).collect();
        assert!(logs.contains(&LOW) && logs.iter().any(|l| (MIN_LOG_SLAB..LOW).contains(l)), "{logs:?}");

        let views: Vec<&[F]> = columns.iter().map(Vec::as_slice).collect();
        let reduction = Reduction::new(&layout, &views, &claims, &coefficients, LOW);
        let mut channel = Channel::new(&mut dice, Pads::None);
        let (point, ends) = reduction.low_rounds(&mut channel, LOW);
        assert_eq!(point.len(), LOW);
        let eq = eq_table(&point, 1 << LOW);
        let mut end = K::ZERO;
        for (column, pair) in ends.iter().enumerate() {
            for block in 0..1 << (LOG_ROWS - LOW) {
                let rows = block << LOW..(block + 1) << LOW;
                let value: K = columns[column][rows.clone()].iter().zip(&eq).map(|(&v, &e)| e * v).sum();
                let weight: K = weights[column][rows].iter().zip(&eq).map(|(&w, &e)| w * e).sum();
                assert_eq!(pair.values[block], value);
                assert_eq!(pair.weights[block], weight, "column {column}, block {block}");
                end += value * weight;
            }
        }
        let total = |(c, w): (&Vec<F>, &Vec<K>)| c.iter().zip(w).map(|(&v, &w)| w * v).sum::<K>();
        let mut claim: K = columns.iter().zip(&weights).map(total).sum();
        for (message, x) in channel.finish().unwrap().chunks(2).zip(&point) {
            let at = lagrange(2, x);
            claim = at[0] * message[0] + at[1] * (claim - message[0]) + at[2] * message[1];
        }
        assert_eq!(claim, end);
    }
}
