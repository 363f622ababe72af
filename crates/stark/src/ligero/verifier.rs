//! Checking a proof about pads.

use p3_field::{Field, PackedValue, PrimeCharacteristicRing, TwoAdicField, batch_multiplicative_inverse};
use p3_maybe_rayon::prelude::*;

use super::Ligero;
use super::config::{LigeroConfig, MASKS};
use super::error::LigeroError;
use super::pads::vanishing;
use super::proof::{
    Challenges, LigeroProof, RESPONSES, Split, absorb_opening, draw_positions, leaf_element, limb_columns,
    product_errors,
};
use super::relation::Relation;
use crate::hash::PAD_LEAF;
use crate::merkle::{MerkleRoot, verify_siblings};
use crate::reed_solomon::ReedSolomon;
use crate::transcript::Blake3Transcript;
use crate::{DEGREE, F, K, from_limbs};

type Packed = <F as Field>::Packing;

/// Packed products summed with one reduction.
const PRODUCTS: usize = 4;

/// Checks that the pads behind a root satisfy a relation.
pub(super) fn verify(
    suite: &Ligero,
    root: &MerkleRoot,
    relation: &Relation<'_>,
    proof: &LigeroProof,
    transcript: &mut Blake3Transcript,
) -> Result<(), LigeroError> {
    let config = &suite.config;
    relation.check(config)?;
    proof.responses.check(config)?;
    relation.absorb(config, root, transcript);
    let challenges = Challenges::draw(transcript);
    proof.responses.absorb(transcript);
    if !transcript.check_grinding("pads: positions", config.grinding_bits, proof.grinding_witness) {
        return Err(LigeroError::Grinding);
    }
    let positions = draw_positions(config, transcript);
    check_opening(config, root, proof, &positions)?;
    absorb_opening(&proof.opening, transcript);

    let functional = relation.combine(config, challenges.linear);
    let checks = Checks {
        config,
        code: &suite.code,
        responses: proof.responses.complete(config, functional.target).map(Columns::new),
        functional: functional.columns(config),
        challenges,
        product_powers: challenges
            .product
            .shifted_powers(challenges.product)
            .collect_n(config.product_rows()),
    };
    checks.run(&positions, &proof.opening.rows)
}

/// Checks that the opened rows stand at the positions.
fn check_opening(
    config: &LigeroConfig,
    root: &MerkleRoot,
    proof: &LigeroProof,
    positions: &[usize],
) -> Result<(), LigeroError> {
    let opening = &proof.opening;
    for (what, expected, got) in [
        ("opened elements", positions.len() * config.width(), opening.rows.len()),
        ("salts", positions.len(), opening.salts.len()),
    ] {
        if got != expected {
            return Err(LigeroError::Length { what, expected, got });
        }
    }
    let leaves = opening.leaves(PAD_LEAF, config.width());
    Ok(verify_siblings(root, config.log_len(), positions, leaves, &opening.siblings)?)
}

/// A response as base columns, one per limb.
struct Columns {
    low: [Vec<F>; DEGREE],
    high: [Vec<F>; DEGREE],
}

impl Columns {
    fn new(split: Split) -> Self {
        let Split { low, high } = split;
        Self { low: limb_columns(&low), high: limb_columns(&high) }
    }

    /// The values on the subgroup of the polynomial of degree below `k` that agrees with the response on a coset.
    fn on_coset(&self, vanishing: F) -> [Vec<F>; DEGREE] {
        core::array::from_fn(|limb| {
            self.low[limb].iter().zip(&self.high[limb]).map(|(&low, &high)| low + vanishing * high).collect()
        })
    }
}

/// The relations between responses and opened rows.
struct Checks<'a> {
    config: &'a LigeroConfig,
    code: &'a ReedSolomon,
    responses: [Columns; MASKS],
    /// The `u_i`.
    functional: Vec<[Vec<F>; DEGREE]>,
    challenges: Challenges,
    /// `ξ, ξ², …`.
    product_powers: Vec<K>,
}

impl Checks<'_> {
    /// Checks every opened row, coset by coset.
    fn run(&self, positions: &[usize], rows: &[F]) -> Result<(), LigeroError> {
        let mut left = rows;
        let groups: Vec<(&[usize], &[F])> = positions
            .chunk_by(|a, b| a >> self.config.log_degree == b >> self.config.log_degree)
            .map(|positions| {
                let (own, after) = left.split_at(positions.len() * self.config.width());
                left = after;
                (positions, own)
            })
            .collect();
        groups.par_iter().map(|(positions, rows)| self.check_coset(positions, rows)).collect()
    }

    /// Checks rows of one coset.
    fn check_coset(&self, positions: &[usize], rows: &[F]) -> Result<(), LigeroError> {
        let Some(coset) = positions.first().map(|first| first >> self.config.log_degree) else {
            return Ok(());
        };
        let vanishing = vanishing(self.code, coset);
        let responses = self.responses.each_ref().map(|response| response.on_coset(vanishing));
        let weights = lagrange_weights(self.code, coset);
        let degree = self.config.degree();
        let proximity = self.proximity_coefficients(vanishing);
        for (&position, row) in positions.iter().zip(rows.chunks_exact(self.config.width())) {
            let weights = &weights[degree - position % degree..][..degree];
            let expected = self.combine(weights, &proximity, row);
            for ((response, expected), name) in responses.iter().zip(expected).zip(RESPONSES) {
                if evaluate(weights, response) != expected {
                    return Err(LigeroError::Response { response: name, position });
                }
            }
        }
        Ok(())
    }

    /// What the responses must be at the point of an opened row.
    fn combine(&self, weights: &[F], proximity: &[K], row: &[F]) -> [K; MASKS] {
        let num_rows = self.config.num_rows();
        let element = |index| leaf_element(row, index);
        let combined = proximity.iter().enumerate().map(|(i, &coefficient)| coefficient * element(i));
        let dot = self.functional.iter().enumerate().map(|(i, u)| evaluate(weights, u) * element(i));
        [
            combined.sum(),
            element(num_rows + 1) + dot.sum::<K>(),
            element(num_rows + 2) + product_errors(self.config, &self.product_powers, element),
        ]
    }

    /// The coefficients of all elements of a leaf in the proximity response, on one coset.
    fn proximity_coefficients(&self, vanishing: F) -> Vec<K> {
        let gamma = self.challenges.proximity;
        // γ^{2i+1} + γ^{2i+2}·X^k
        let factor = K::ONE + gamma * (vanishing + F::ONE);
        let num_rows = self.config.num_rows();
        let mut coefficients: Vec<K> =
            gamma.square().shifted_powers(gamma).take(num_rows).map(|power| power * factor).collect();
        let power = gamma.exp_u64(2 * num_rows as u64 + 1);
        coefficients.extend([K::ONE, power, power * gamma]);
        coefficients
    }
}

/// Weights that evaluate polynomials of degree below `k`, given by their values on the subgroup, on one coset: those of
/// its point `j` are the `k` elements from index `k − j` on.
///
/// The weight of the value at `g^i` for the point `s·g^j` is `(s^k − 1) / (k·(s·g^{j−i} − 1))`, so it depends on `j − i`
/// alone.
fn lagrange_weights(code: &ReedSolomon, coset: usize) -> Vec<F> {
    let degree = 1 << code.log_rows;
    let step = F::two_adic_generator(code.log_rows).inverse();
    let differences: Vec<F> =
        step.shifted_powers(code.coset_shift(coset)).take(degree).map(|point| point - F::ONE).collect();
    let scale = vanishing(code, coset).div_2exp_u64(code.log_rows as u64);
    let weights = batch_multiplicative_inverse(&differences).into_iter().map(|inverse| inverse * scale);
    let mut weights: Vec<F> = weights.collect();
    weights.extend_from_within(..);
    weights
}

/// The value at a point of its weights, from limbs of at most as many values as weights.
fn evaluate(weights: &[F], limbs: &[Vec<F>; DEGREE]) -> K {
    from_limbs(|limb| inner_product(&weights[..limbs[limb].len()], &limbs[limb]))
}

/// The inner product of slices of equal length.
fn inner_product(a: &[F], b: &[F]) -> F {
    let chunk = PRODUCTS * Packed::WIDTH;
    let (a_chunks, b_chunks) = (a.chunks_exact(chunk), b.chunks_exact(chunk));
    let rest: F = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(&a, &b)| a * b).sum();
    let mut sums = Packed::ZERO;
    for (a, b) in a_chunks.zip(b_chunks) {
        let (a, b) = (Packed::pack_slice(a), Packed::pack_slice(b));
        sums +=
            Packed::dot_product::<PRODUCTS>(&core::array::from_fn(|i| a[i]), &core::array::from_fn(|i| b[i]));
    }
    sums.as_slice().iter().copied().sum::<F>() + rest
}
