//! The statement of an opening and the random combination of its columns, on both sides.

use p3_field::PrimeCharacteristicRing;
use p3_maybe_rayon::prelude::*;
use zkml_iop::transcript::Transcript;

use super::StarkColumns;
use super::config::MAX_COLUMNS;
use super::error::ColumnError;
use crate::merkle::MerkleRoot;
use crate::transcript::Blake3Transcript;
use crate::{DEGREE, K};

/// What both sides know of an opening.
#[derive(Clone, Debug)]
pub(super) struct Statement<'a> {
    pub(super) roots: Vec<MerkleRoot>,
    /// Columns of each tree, the mask's included.
    pub(super) widths: Vec<usize>,
    pub(super) mask_tree: usize,
    pub(super) point: &'a [K],
}

impl Statement<'_> {
    /// The number of columns without the mask's.
    pub(super) fn num_columns(&self) -> usize {
        self.widths.iter().sum::<usize>() - DEGREE
    }

    /// The columns of a tree without the mask's.
    pub(super) fn num_columns_of(&self, tree: usize) -> usize {
        self.widths[tree] - if tree == self.mask_tree { DEGREE } else { 0 }
    }

    /// Checks the shape of the statement against the configuration, and the security of the configuration for it.
    pub(super) fn check(&self, suite: &StarkColumns) -> Result<(), ColumnError> {
        let trees = self.widths.len();
        if self.mask_tree >= trees {
            return Err(ColumnError::MaskTree { expected: trees, got: self.mask_tree });
        }
        let mut total = 0usize;
        for (tree, &got) in self.widths.iter().enumerate() {
            let min = if tree == self.mask_tree { DEGREE } else { 1 };
            total = total.saturating_add(got);
            if got < min || total > MAX_COLUMNS {
                return Err(ColumnError::Width { min, max: MAX_COLUMNS, got });
            }
        }
        let expected = suite.config.log_rows();
        if self.point.len() != expected {
            return Err(ColumnError::PointLength { expected, got: self.point.len() });
        }
        suite.security(self.num_columns())?;
        Ok(())
    }

    /// Absorbs parameters, shapes, roots and point.
    pub(super) fn absorb(&self, suite: &StarkColumns, transcript: &mut Blake3Transcript) {
        transcript.absorb_bytes("column opening", &suite.config.to_bytes());
        let shape = [self.mask_tree]
            .iter()
            .chain(&self.widths)
            .flat_map(|&n| (n as u64).to_le_bytes())
            .collect::<Vec<_>>();
        transcript.absorb_bytes("tree shapes", &shape);
        let roots: Vec<[u8; 32]> = self.roots.iter().map(|root| root.0).collect();
        transcript.absorb_bytes("tree roots", roots.as_flattened());
        transcript.absorb_scalars("row point", self.point);
    }
}

/// The challenges that the coefficients of `num_columns` columns take.
///
/// One coefficient more than there are columns must exist: the combination `s + Σ coef_c·f_c` is `Σ_i eq(γ,i)·g_i` with
/// `g_0 = s` and `g_c = s + f_c`, so without `g_0` the mask could be shifted against all columns at once.
pub(super) fn num_coefficient_challenges(num_columns: usize) -> usize {
    (num_columns + 1).next_power_of_two().trailing_zeros() as usize
}

/// Draws the coefficients `eq(γ, 1), …, eq(γ, num_columns)`.
pub(super) fn draw_coefficients(num_columns: usize, transcript: &mut Blake3Transcript) -> Vec<K> {
    let gamma = transcript.challenges("column coefficients", num_coefficient_challenges(num_columns));
    let mut weights = eq_weights(&gamma);
    weights.truncate(num_columns + 1);
    weights.split_off(1)
}

/// The positions of an opening: `num_queries` independent draws, in ascending order, repeated ones once.
pub(super) fn draw_positions(suite: &StarkColumns, transcript: &mut Blake3Transcript) -> Vec<usize> {
    let mut positions =
        transcript.positions("row positions", suite.config.num_queries(), suite.code.log_len());
    positions.sort_unstable();
    positions.dedup();
    positions
}

/// `eq(point, b)` for all `b`, variable 0 in the lowest bit.
pub(super) fn eq_weights(point: &[K]) -> Vec<K> {
    let mut weights = Vec::with_capacity(1 << point.len());
    weights.push(K::ONE);
    for &coordinate in point {
        let half = weights.len();
        weights.resize(2 * half, K::ZERO);
        let (low, high) = weights.split_at_mut(half);
        low.par_iter_mut().zip(high.par_iter_mut()).with_min_len(1 << 10).for_each(|(low, high)| {
            *high = *low * coordinate;
            *low -= *high;
        });
    }
    weights
}

/// `Π_i (1 − u_i + u_i·x^(2^i))`: the multilinear extension of the powers of `x` at `u`.
pub(super) fn power_weight<X>(u: &[K], mut x: X) -> K
where
    X: PrimeCharacteristicRing + Copy,
    K: core::ops::Mul<X, Output = K>,
{
    let mut product = K::ONE;
    for &coordinate in u {
        product *= K::ONE - coordinate + coordinate * x;
        x = x.square();
    }
    product
}

/// `eq(a, b)`.
pub(super) fn eq(a: &[K], b: &[K]) -> K {
    a.iter().zip(b).map(|(&a, &b)| (a * b).double() + K::ONE - a - b).product()
}
