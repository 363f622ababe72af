//! From tensors to columns.

use alloc::vec;
use alloc::vec::Vec;

use p3_field::{ExtensionField, PrimeCharacteristicRing, PrimeField};

use crate::commitment::ColumnCommitment;
use crate::layout::{Layout, TreeKind, visit_slab};
use crate::system::System;

/// The prover's source of secret randomness.
pub trait Randomness<F> {
    /// A uniform field element.
    fn field(&mut self) -> F;
    /// A fresh seed for a tree's salts.
    fn seed(&mut self) -> [u8; 32];
}

/// The columns of a tree of small integers, with fresh random rows at the end.
pub(super) fn fill<F: PrimeField>(
    system: &System,
    layout: &Layout,
    kind: TreeKind,
    witness: &[Vec<i32>],
    randomness: &mut dyn Randomness<F>,
) -> Vec<Vec<F>> {
    let mut columns = empty(layout, kind, randomness);
    for (tensor, placement) in layout.placements.iter().enumerate() {
        let Some(placement) = placement.as_ref().filter(|p| p.tree == kind) else { continue };
        debug_assert_eq!(witness[tensor].len(), system.tensors[tensor].shape.iter().product());
        for (index, slab) in placement.slabs.iter().enumerate() {
            let column = &mut columns[slab.column];
            visit_slab(&placement.cuts, index, |row, entry, run| {
                let target = &mut column[slab.row + row..slab.row + row + run];
                target
                    .iter_mut()
                    .zip(&witness[tensor][entry..entry + run])
                    .for_each(|(t, &v)| *t = F::from_int(v));
            });
        }
    }
    columns
}

/// The columns of the helpers' limbs.
pub(super) fn fill_limbs<F: PrimeField, K: ExtensionField<F>>(
    system: &System,
    layout: &Layout,
    helpers: &[&[K]],
    randomness: &mut dyn Randomness<F>,
) -> Vec<Vec<F>> {
    let mut columns = empty(layout, TreeKind::Helpers, randomness);
    for (helper, values) in system.helpers.iter().zip(helpers) {
        for limb in 0..K::DIMENSION {
            let Some(placement) = layout.placements[helper.first_limb + limb].as_ref() else { continue };
            for (index, slab) in placement.slabs.iter().enumerate() {
                let column = &mut columns[slab.column];
                visit_slab(&placement.cuts, index, |row, entry, run| {
                    let target = &mut column[slab.row + row..slab.row + row + run];
                    target
                        .iter_mut()
                        .zip(&values[entry..entry + run])
                        .for_each(|(t, v)| *t = v.as_basis_coefficients_slice()[limb]);
                });
            }
        }
    }
    columns
}

/// Columns that are uniform in the rows that the scheme masks.
pub(super) fn mask<S: ColumnCommitment>(
    scheme: &S,
    layout: &Layout,
    randomness: &mut dyn Randomness<S::Base>,
) -> Vec<Vec<S::Base>> {
    let mut value = |row| if scheme.masks_row(row) { randomness.field() } else { S::Base::ZERO };
    (0..S::MASK_COLUMNS).map(|_| (0..1usize << layout.log_rows).map(&mut value).collect()).collect()
}

fn empty<F: PrimeField>(layout: &Layout, kind: TreeKind, randomness: &mut dyn Randomness<F>) -> Vec<Vec<F>> {
    let rows = 1usize << layout.log_rows;
    let Some(tree) = layout.tree(kind).map(|t| layout.trees[t]) else { return Vec::new() };
    (0..tree.columns)
        .map(|_| {
            let mut column = vec![F::ZERO; rows];
            column[rows - tree.reserved..].iter_mut().for_each(|v| *v = randomness.field());
            column
        })
        .collect()
}
