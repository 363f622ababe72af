//! The Reed-Solomon code of the columns.
//!
//! The domain is a union of cosets of the subgroup of order `2^log_rows`. Its common shift generates `F*`, so that no
//! point of the domain has an order that is a power of two: no row of a codeword is a plain linear image of few
//! coefficients, which hiding needs.

use p3_dft::{Radix2DFTSmallBatch, TwoAdicSubgroupDft};
use p3_field::{Field, PrimeCharacteristicRing, TwoAdicField, scale_slice_in_place_single_core};
use p3_matrix::dense::RowMajorMatrix;
use p3_maybe_rayon::prelude::*;

use crate::{F, K, wipe};

/// Rows of a matrix filled by one task.
const ROWS_PER_TASK: usize = 64;

/// A code of degree below `2^log_rows` and length `2^(log_rows + log_inv_rate)`.
///
/// Position `p` of a codeword is the value at `shift · ω^c · g^k` with `c = p >> log_rows`, `k = p mod 2^log_rows`, `ω`
/// the generator of the roots of unity of order `2^(log_rows + log_inv_rate)` and `g` of order `2^log_rows`.
#[derive(Clone, Debug)]
pub(crate) struct ReedSolomon {
    pub(crate) log_rows: usize,
    pub(crate) log_inv_rate: usize,
    dft: Radix2DFTSmallBatch<F>,
}

impl ReedSolomon {
    pub(crate) fn new(log_rows: usize, log_inv_rate: usize) -> Self {
        Self { log_rows, log_inv_rate, dft: Radix2DFTSmallBatch::default() }
    }

    /// log2 of the number of positions.
    pub(crate) fn log_len(&self) -> usize {
        self.log_rows + self.log_inv_rate
    }

    /// The point of the domain at a position below `2^log_len`.
    pub(crate) fn point(&self, position: usize) -> F {
        let (coset, index) = (position >> self.log_rows, position & ((1 << self.log_rows) - 1));
        self.coset_shift(coset) * F::two_adic_generator(self.log_rows).exp_u64(index as u64)
    }

    /// Encodes columns of `2^log_rows` coefficients: one row-major matrix of `2^log_rows × columns` per coset.
    pub(crate) fn encode(&self, columns: &[Vec<F>]) -> Vec<RowMajorMatrix<F>> {
        let width = columns.len();
        let mut coefficients = F::zero_vec(width << self.log_rows);
        coefficients.par_chunks_mut(ROWS_PER_TASK * width).enumerate().for_each(|(task, rows)| {
            for (c, column) in columns.iter().enumerate() {
                for (row, &coefficient) in rows.chunks_exact_mut(width).zip(&column[task * ROWS_PER_TASK..]) {
                    row[c] = coefficient;
                }
            }
        });
        let cosets = (0..1 << self.log_inv_rate)
            .map(|coset| self.evaluate_on_coset(coset, RowMajorMatrix::new(coefficients.clone(), width)))
            .collect();
        wipe(&mut coefficients);
        cosets
    }

    /// The values on one coset, from the coefficients: each column of the matrix is a polynomial.
    pub(crate) fn evaluate_on_coset(
        &self,
        coset: usize,
        mut coefficients: RowMajorMatrix<F>,
    ) -> RowMajorMatrix<F> {
        let width = coefficients.width;
        let powers = self.coset_powers(coset);
        coefficients
            .values
            .par_chunks_mut(ROWS_PER_TASK * width)
            .zip(powers.par_chunks(ROWS_PER_TASK))
            .for_each(|(rows, powers)| {
                for (row, &power) in rows.chunks_exact_mut(width).zip(powers) {
                    scale_slice_in_place_single_core(row, power);
                }
            });
        self.dft.dft_batch(coefficients)
    }

    /// The coefficients, from the values on the subgroup of order `2^log_rows` in the order of its generator's powers.
    pub(crate) fn interpolate(&self, values: RowMajorMatrix<F>) -> RowMajorMatrix<F> {
        self.dft.idft_batch(values)
    }

    /// The values on the subgroup, from the values on one coset.
    pub(crate) fn subgroup_from_coset(&self, coset: usize, values: RowMajorMatrix<F>) -> RowMajorMatrix<F> {
        self.dft.dft_batch(self.dft.coset_idft_batch(values, self.coset_shift(coset)))
    }

    /// The sums `Σ_j weights_j · x_j^b` for all `b < 2^log_rows`, where `x_j` are the points at `positions`.
    ///
    /// This is the transposed encoding of a sparse vector: one Fourier transform per coset, whatever their number.
    pub(crate) fn transposed(&self, positions: &[usize], weights: &[K]) -> Vec<K> {
        let rows = 1 << self.log_rows;
        let cosets = 1 << self.log_inv_rate;
        let mut sparse = K::zero_vec(rows * cosets);
        for (&position, &weight) in positions.iter().zip(weights) {
            sparse[(position & (rows - 1)) * cosets + (position >> self.log_rows)] += weight;
        }
        let transformed = self.dft.dft_algebra_batch(RowMajorMatrix::new(sparse, cosets));
        let powers: Vec<Vec<F>> = (0..cosets).map(|coset| self.coset_powers(coset)).collect();
        transformed
            .values
            .par_chunks_exact(cosets)
            .enumerate()
            .map(|(b, sums)| sums.iter().zip(&powers).map(|(&sum, powers)| sum * powers[b]).sum())
            .collect()
    }

    /// The common factor of the points of a coset.
    pub(crate) fn coset_shift(&self, coset: usize) -> F {
        F::GENERATOR * F::two_adic_generator(self.log_len()).exp_u64(coset as u64)
    }

    fn coset_powers(&self, coset: usize) -> Vec<F> {
        self.coset_shift(coset).powers().collect_n(1 << self.log_rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG_ROWS: usize = 4;

    fn column() -> Vec<F> {
        (1..17).map(|i| F::from_u32(i * i + 3)).collect()
    }

    #[test]
    fn a_codeword_holds_the_values_at_the_points_of_the_domain() {
        let code = ReedSolomon::new(LOG_ROWS, 2);
        let cosets = code.encode(&[column(), vec![F::ONE; 16]]);
        for position in 0..64 {
            let x = code.point(position);
            let value: F = column().into_iter().zip(x.powers()).map(|(c, power)| c * power).sum();
            assert_eq!(cosets[position / 16].values[2 * (position % 16)], value);
            // The order of no point is a power of two.
            assert_ne!(x.exp_power_of_2(LOG_ROWS + 2), F::ONE);
        }
    }

    #[test]
    fn the_transposed_code_sums_powers_of_points() {
        let code = ReedSolomon::new(LOG_ROWS, 2);
        let positions = [0, 17, 18, 63];
        let weights: Vec<K> = K::from_u32(12345).powers().take(4).collect();
        let sums = code.transposed(&positions, &weights);
        for (b, &sum) in sums.iter().enumerate() {
            let expected =
                positions.iter().zip(&weights).map(|(&p, &w)| w * code.point(p).exp_u64(b as u64)).sum::<K>();
            assert_eq!(sum, expected);
        }
    }
}
