//! The secret matrix: pads, copies and products in rows with uniform values beside them, and the masks.

use p3_field::PrimeCharacteristicRing;
use p3_matrix::dense::RowMajorMatrix;
use p3_maybe_rayon::prelude::*;
use zkml_iop::prover::Randomness;

use super::config::{LOG_INV_RATE, LigeroConfig, MASKS};
use super::proof::Split;
use crate::reed_solomon::ReedSolomon;
use crate::{DEGREE, F, K, from_limbs, limbs, wipe};

/// Rows of coefficients prepared by one task.
const ROWS_PER_TASK: usize = 64;

/// What is committed. Wiped when dropped.
pub(super) struct Pads {
    /// The values of each row on the subgroup: message slots, then uniform values.
    pub(super) rows: Vec<Vec<K>>,
    /// Of the proximity, the linear and the product response.
    pub(super) masks: [Split; MASKS],
}

impl Pads {
    /// Lays out the scalars, a copy of both factors of each product, and the products. The indices have been checked.
    pub(super) fn new(
        config: &LigeroConfig,
        scalars: &[K],
        products: &[(usize, usize)],
        randomness: &mut dyn Randomness<F>,
    ) -> Self {
        let slots = config.slots();
        let mut rows = vec![K::zero_vec(config.degree()); config.num_rows()];
        let mut set = |cell: usize, value| rows[cell / slots][cell % slots] = value;
        scalars.iter().enumerate().for_each(|(cell, &scalar)| set(cell, scalar));
        let [left, right, product] = config.product_cells();
        for (p, &(a, b)) in products.iter().enumerate() {
            set(left + p, scalars[a]);
            set(right + p, scalars[b]);
            set(product + p, scalars[a] * scalars[b]);
        }
        rows.iter_mut().for_each(|row| fill_uniform(&mut row[slots..], randomness));
        Self { rows, masks: masks(config, randomness) }
    }

    /// The leaves: the values of all rows and masks on the domain of the code, one matrix per coset.
    pub(super) fn encode(&self, code: &ReedSolomon) -> Vec<RowMajorMatrix<F>> {
        let height = 1 << code.log_rows;
        let masks = self.masks.iter().flat_map(|mask| [&mask.low, &mask.high]);
        let columns: Vec<&[K]> = self.rows.iter().chain(masks).map(Vec::as_slice).collect();
        let mut coefficients = code.interpolate(matrix(height, &columns));
        let (own, width) = (DEGREE * self.rows.len(), DEGREE * (self.rows.len() + MASKS));
        let cosets = (0..1 << LOG_INV_RATE)
            .map(|coset| {
                // X^k is constant on a coset.
                let high = vanishing(code, coset);
                let mut values = F::zero_vec(width * height);
                values
                    .par_chunks_exact_mut(width)
                    .zip(coefficients.values.par_chunks_exact(coefficients.width))
                    .with_min_len(ROWS_PER_TASK)
                    .for_each(|(row, coefficients)| {
                        row[..own].copy_from_slice(&coefficients[..own]);
                        let masks = coefficients[own..].chunks_exact(2 * DEGREE);
                        for (mask, parts) in row[own..].chunks_exact_mut(DEGREE).zip(masks) {
                            for limb in 0..DEGREE {
                                mask[limb] = parts[limb] + high * parts[DEGREE + limb];
                            }
                        }
                    });
                code.evaluate_on_coset(coset, RowMajorMatrix::new(values, width))
            })
            .collect();
        wipe(&mut coefficients.values);
        cosets
    }
}

impl Drop for Pads {
    fn drop(&mut self) {
        self.rows.iter_mut().for_each(|row| wipe(row));
        for mask in &mut self.masks {
            wipe(&mut mask.low);
            wipe(&mut mask.high);
        }
    }
}

/// Uniform masks of degree below `2k`: any polynomial, one whose values on the subgroup add up to zero, and one that
/// vanishes on the message slots.
fn masks(config: &LigeroConfig, randomness: &mut dyn Randomness<F>) -> [Split; MASKS] {
    let degree = config.degree();
    let [mut proximity, mut linear, mut product] = [(); MASKS].map(|()| Split::zero(degree));
    fill_uniform(&mut proximity.low, randomness);
    fill_uniform(&mut linear.low[..degree - 1], randomness);
    linear.low[degree - 1] = -linear.low.iter().copied().sum::<K>();
    fill_uniform(&mut product.low[config.slots()..], randomness);
    for mask in [&mut proximity, &mut linear, &mut product] {
        fill_uniform(&mut mask.high, randomness);
    }
    [proximity, linear, product]
}

fn fill_uniform(values: &mut [K], randomness: &mut dyn Randomness<F>) {
    values.iter_mut().for_each(|value| *value = from_limbs(|_| randomness.field()));
}

/// Vectors over `K` side by side, limb by limb, with zeros below those that are shorter than `height`.
pub(super) fn matrix(height: usize, columns: &[&[K]]) -> RowMajorMatrix<F> {
    let width = DEGREE * columns.len();
    let mut values = F::zero_vec(width * height);
    if width > 0 {
        for (index, row) in values.chunks_exact_mut(width).enumerate() {
            for (limb, column) in row.chunks_exact_mut(DEGREE).zip(columns) {
                if let Some(value) = column.get(index) {
                    limb.copy_from_slice(limbs(value));
                }
            }
        }
    }
    RowMajorMatrix::new(values, width)
}

/// The value of `X^k − 1` on a coset: never zero, because the coset is disjoint from the subgroup.
pub(super) fn vanishing(code: &ReedSolomon, coset: usize) -> F {
    code.coset_shift(coset).exp_power_of_2(code.log_rows) - F::ONE
}
