//! Tensors in packs of challenge-field elements, laid out so that folding a variable never mixes the lanes of a pack.
//!
//! The sumchecks bind the variables of a tensor from its last axis to its first. A grid stores the last axis outermost and
//! the first one innermost: binding a variable folds whole rows, pair by pair. Only what is valid is stored: an axis of `n`
//! entries becomes one of `⌈n/2⌉`, not a half of the next power of two. When an axis is used up, the next one becomes
//! the rows; the last axis of all is cut in two, so that its rows fill packs as well.

use alloc::vec;
use alloc::vec::Vec;

use p3_field::{BasedVectorSpace, ExtensionField, Field, PackedFieldExtension, PackedValue};

use crate::eq::num_variables;

/// A pack of challenge-field elements.
pub(super) type Pack<F, K> = <K as ExtensionField<F>>::ExtensionPacking;

/// The number of elements in a pack.
pub(super) const fn width<F: Field>() -> usize {
    F::Packing::WIDTH
}

/// The axes of a grid in the order in which they are folded: the first one counts rows, the others share a row, the last one
/// running fastest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Axes {
    lengths: Vec<usize>,
}

impl Axes {
    /// The axes of a tensor; none where it has one entry.
    pub(super) fn of_tensor(shape: &[usize]) -> Self {
        Self { lengths: shape.iter().rev().copied().filter(|&n| n != 1).collect() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// The number of rows.
    pub(super) fn rows(&self) -> usize {
        self.lengths.first().copied().unwrap_or(1)
    }

    /// The axes within a row.
    pub(super) fn inner(&self) -> &[usize] {
        self.lengths.get(1..).unwrap_or_default()
    }

    /// The number of packs of a row.
    pub(super) fn packs<F: Field>(&self) -> usize {
        self.inner().iter().product::<usize>().div_ceil(width::<F>())
    }

    /// The variables of the rows.
    pub(super) fn row_variables(&self) -> usize {
        num_variables(self.rows())
    }

    /// The variables within a row.
    pub(super) fn inner_variables(&self) -> usize {
        self.inner().iter().map(|&n| num_variables(n)).sum()
    }

    /// Halves the rows.
    pub(super) fn halve(&mut self) {
        if let Some(rows) = self.lengths.first_mut() {
            *rows = rows.div_ceil(2);
        }
    }

    /// Whether the only axis is cut in two before it is folded: then its low variables count rows.
    pub(super) fn is_cut<F: Field>(&self) -> bool {
        is_cut::<F>(&self.lengths)
    }

    /// Whether that happens to the next axis, once the rows are used up.
    pub(super) fn cuts_next<F: Field>(&self) -> bool {
        is_cut::<F>(self.inner())
    }

    /// Cuts the only axis. Entries beyond its end are padding that is stored.
    pub(super) fn cut<F: Field>(&mut self) {
        const LONG: usize = 64;
        if let [n] = self.lengths.as_slice() {
            let lanes = if *n > LONG * width::<F>() { 4 * width::<F>() } else { width::<F>() };
            let rows = n.next_power_of_two() / lanes;
            self.lengths = vec![rows, n.div_ceil(rows)];
        }
    }

    /// Drops the axis of the rows.
    fn drop_rows(&mut self) {
        self.lengths.remove(0);
    }
}

fn is_cut<F: Field>(lengths: &[usize]) -> bool {
    matches!(lengths, [n] if *n > width::<F>() && width::<F>() > 1)
}

/// Entries of a tensor of shape `shape`, row-major, as the rows of a grid with zeros in unused lanes.
pub(super) fn arrange<F: Field>(values: &[F], shape: &[usize]) -> Vec<F> {
    let axes = Axes::of_tensor(shape);
    let strides = |lengths: &[usize]| -> Vec<usize> {
        // Folded first means lowest in the row-major order.
        lengths.iter().scan(1, |stride, &n| Some(core::mem::replace(stride, *stride * n))).collect()
    };
    if axes.is_cut::<F>() {
        let mut cut = axes;
        cut.cut::<F>();
        let steps = strides(&cut.lengths);
        return gather(values, &cut, &steps);
    }
    let steps = strides(&axes.lengths);
    gather(values, &axes, &steps)
}

/// The grid whose entry at an index is the value at `Σ index·step`, zero beyond the end.
fn gather<F: Field>(values: &[F], axes: &Axes, steps: &[usize]) -> Vec<F> {
    const TILE: usize = 16;
    let (rows, packs) = (axes.rows(), axes.packs::<F>());
    let stride = packs * width::<F>();
    let mut out = F::zero_vec(rows * stride);
    let row_step = steps.first().copied().unwrap_or(1);
    let (lanes, lane_step) = match axes.inner() {
        [] => (1, 1),
        inner => (inner[inner.len() - 1], steps[steps.len() - 1]),
    };
    let middle = axes.inner().len().saturating_sub(1);
    let (lengths, steps) =
        (&axes.lengths[axes.lengths.len().min(1)..][..middle], &steps[steps.len().min(1)..]);
    for outer in 0..lengths.iter().product() {
        let (mut rest, mut source) = (outer, 0);
        for (&n, &step) in lengths.iter().zip(steps).rev() {
            source += rest % n * step;
            rest /= n;
        }
        // Tiles of lanes, so that the lines that are read stay in the cache over the rows.
        for first in (0..lanes).step_by(TILE) {
            for row in 0..rows {
                let target = &mut out[row * stride + outer * lanes..];
                let tile = target.iter_mut().enumerate().take(lanes.min(first + TILE)).skip(first);
                for (lane, target) in tile {
                    if let Some(&value) = values.get(source + row * row_step + lane * lane_step) {
                        *target = value;
                    }
                }
            }
        }
    }
    out
}

/// Makes the next axis the rows, once the rows are used up: `parts` grids of one row each, side by side in `data`, become
/// rows of as many parts. `padding` holds the entry of each part beyond the end of an axis that is cut.
pub(super) fn regroup<F: Field, K: ExtensionField<F>>(
    axes: &mut Axes,
    data: &[Pack<F, K>],
    padding: &[K],
) -> Vec<Pack<F, K>> {
    let packs = axes.packs::<F>();
    axes.drop_rows();
    let total: usize = axes.lengths.iter().product();
    let cut = axes.is_cut::<F>();
    if cut {
        axes.cut::<F>();
    }
    let (rows, new_packs) = (axes.rows(), axes.packs::<F>());
    let lanes: usize = axes.inner().iter().product();
    let mut out = Vec::with_capacity(rows.next_multiple_of(2) * padding.len() * new_packs);
    for row in 0..rows {
        for (part, &padding) in data.chunks_exact(packs).zip(padding) {
            for pack in 0..new_packs {
                let at = |lane: usize| {
                    let lane = pack * width::<F>() + lane;
                    let at = if cut { lane * rows + row } else { row * lanes + lane };
                    (lane < lanes && at < total).then_some(at)
                };
                out.push(collect::<F, K>(part, at, padding));
            }
        }
    }
    out
}

/// A pack of the entries at `at(lane)`.
fn collect<F: Field, K: ExtensionField<F>>(
    part: &[Pack<F, K>],
    at: impl Fn(usize) -> Option<usize>,
    padding: K,
) -> Pack<F, K> {
    let limbs: &[F] = padding.as_basis_coefficients_slice();
    Pack::<F, K>::from_basis_coefficients_fn(|limb| {
        F::Packing::from_fn(|lane| match at(lane) {
            Some(at) => {
                let pack = &part[at / width::<F>()];
                pack.as_basis_coefficients_slice()[limb].as_slice()[at % width::<F>()]
            }
            None => limbs[limb],
        })
    })
}

/// The first lane of a pack.
pub(super) fn first<F: Field, K: ExtensionField<F>>(pack: &Pack<F, K>) -> K {
    pack.extract(0)
}

/// The sum of the lanes of a pack.
pub(super) fn sum_lanes<F: Field, K: ExtensionField<F>>(pack: &Pack<F, K>) -> K {
    K::from_basis_coefficients_fn(|limb| {
        pack.as_basis_coefficients_slice()[limb].as_slice().iter().copied().sum()
    })
}

/// Elements in packs, the last one filled with zeros.
pub(super) fn pack<F: Field, K: ExtensionField<F>>(values: &[K]) -> Vec<Pack<F, K>> {
    values
        .chunks(width::<F>())
        .map(|chunk| Pack::<F, K>::from_ext_fn(|lane| chunk.get(lane).copied().unwrap_or(K::ZERO)))
        .collect()
}

/// Binds the variable of pairs of units of `length` packs, in place.
pub(super) fn fold<F: Field, K: ExtensionField<F>>(data: &mut Vec<Pack<F, K>>, length: usize, x: K) {
    let x = Pack::<F, K>::from(x);
    let units = data.len() / (2 * length);
    for unit in 0..units {
        for i in 0..length {
            let low = data[2 * unit * length + i];
            let high = data[(2 * unit + 1) * length + i];
            data[unit * length + i] = low + x * (high - low);
        }
    }
    data.truncate(units * length);
}
