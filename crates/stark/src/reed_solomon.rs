//! The Reed-Solomon code of the columns.
//!
//! The domain is a union of cosets of the subgroup of order `2^log_rows`. Its common shift generates `F*`, so that no
//! point of the domain has an order that is a power of two: no row of a codeword is a plain linear image of few
//! coefficients, which hiding needs.

use p3_dft::{Radix2DFTSmallBatch, TwoAdicSubgroupDft};
use p3_field::{Field, PrimeCharacteristicRing, TwoAdicField};
use p3_matrix::dense::RowMajorMatrix;
use p3_maybe_rayon::prelude::*;

use crate::{F, K};

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
        (0..1 << self.log_inv_rate)
            .map(|coset| {
                let powers = self.coset_powers(coset);
                let mut values = F::zero_vec(width << self.log_rows);
                values.par_chunks_mut(ROWS_PER_TASK * width).enumerate().for_each(|(task, rows)| {
                    let first = task * ROWS_PER_TASK;
                    for (c, column) in columns.iter().enumerate() {
                        let coefficients = column[first..].iter().zip(&powers[first..]);
                        for (row, (&coefficient, &power)) in rows.chunks_exact_mut(width).zip(coefficients) {
                            row[c] = coefficient * power;
                        }
                    }
                });
                self.dft.dft_batch(RowMajorMatrix::new(values, width))
            })
            .collect()
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

    fn coset_shift(&self, coset: usize) -> F {
        F::GENERATOR * F::two_adic_generator(self.log_len()).exp_u64(coset as u64)
    }

    fn coset_powers(&self, coset: usize) -> Vec<F> {
        self.coset_shift(coset).powers().collect_n(1 << self.log_rows)
    }
}
