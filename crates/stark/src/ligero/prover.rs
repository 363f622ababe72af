//! Committing to pads and answering the tests.

use p3_field::{Field, PrimeCharacteristicRing};
use p3_matrix::dense::RowMajorMatrix;
use p3_maybe_rayon::prelude::*;
use tracing::instrument;
use zkml_iop::prover::Randomness;

use super::Ligero;
use super::config::{LigeroConfig, MASKS};
use super::error::LigeroError;
use super::pads::{Pads, matrix, vanishing};
use super::proof::{
    Challenges, LigeroProof, Responses, Split, absorb_opening, draw_positions, leaf_element, product_errors,
};
use super::relation::{Functional, Relation, check_products};
use crate::hash::PAD_LEAF;
use crate::merkle::{MerkleRoot, MerkleTree};
use crate::transcript::Blake3Transcript;
use crate::{DEGREE, F, K, limbs, wipe};

/// The coset on which products of rows are computed.
const WORK_COSET: usize = 0;
/// Points of it worked on by one task.
const POINTS_PER_TASK: usize = 64;

/// Committed pads with their masks, for the prover alone and for one proof. Wiped when dropped.
pub struct PadTree {
    pub(super) products: Vec<(usize, usize)>,
    pub(super) pads: Pads,
    /// The leaves, one matrix per coset of the domain.
    pub(super) cosets: Vec<RowMajorMatrix<F>>,
    pub(super) merkle: MerkleTree,
}

impl core::fmt::Debug for PadTree {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PadTree").field("products", &self.products.len()).finish_non_exhaustive()
    }
}

impl PadTree {
    /// Commits to the leaves of a matrix.
    pub(super) fn new(
        products: &[(usize, usize)],
        pads: Pads,
        cosets: Vec<RowMajorMatrix<F>>,
        salt_seed: &[u8; 32],
    ) -> Self {
        let merkle = MerkleTree::new(PAD_LEAF, &cosets, salt_seed);
        Self { products: products.to_vec(), pads, cosets, merkle }
    }

    /// The commitment.
    pub fn root(&self) -> MerkleRoot {
        self.merkle.root()
    }
}

impl Drop for PadTree {
    fn drop(&mut self) {
        self.cosets.iter_mut().for_each(|coset| wipe(&mut coset.values));
        self.merkle.wipe();
    }
}

/// Commits to scalars and to the products of the given pairs of them.
#[instrument(name = "commit pads", skip_all)]
pub(super) fn commit(
    suite: &Ligero,
    scalars: &[K],
    products: &[(usize, usize)],
    randomness: &mut dyn Randomness<F>,
) -> Result<(MerkleRoot, PadTree), LigeroError> {
    let expected = suite.config.num_scalars;
    if scalars.len() != expected {
        return Err(LigeroError::Count { what: "scalars", expected, got: scalars.len() });
    }
    check_products(&suite.config, products)?;
    let pads = Pads::new(&suite.config, scalars, products, randomness);
    let cosets = pads.encode(&suite.code);
    let tree = PadTree::new(products, pads, cosets, &randomness.seed());
    Ok((tree.root(), tree))
}

/// Proves that committed pads satisfy a relation.
#[instrument(name = "prove pads", skip_all)]
pub(super) fn prove(
    suite: &Ligero,
    tree: &PadTree,
    relation: &Relation<'_>,
    transcript: &mut Blake3Transcript,
) -> Result<LigeroProof, LigeroError> {
    let config = &suite.config;
    relation.check(config)?;
    if tree.products != relation.products {
        return Err(LigeroError::OtherProducts);
    }
    relation.absorb(config, &tree.root(), transcript);
    let challenges = Challenges::draw(transcript);
    let functional = relation.combine(config, challenges.linear);
    let polynomials = respond(suite, tree, &functional, &challenges);
    if polynomials[1].low.iter().copied().sum::<K>() != functional.target {
        return Err(LigeroError::Unsatisfied);
    }
    Ok(query(suite, tree, Responses::new(config, polynomials), transcript))
}

/// Sends the responses and opens the leaves at random positions.
pub(super) fn query(
    suite: &Ligero,
    tree: &PadTree,
    responses: Responses,
    transcript: &mut Blake3Transcript,
) -> LigeroProof {
    responses.absorb(transcript);
    let grinding_witness = transcript.grind("pads: positions", suite.config.grinding_bits);
    let positions = draw_positions(&suite.config, transcript);
    let opening = tree.merkle.open(&tree.cosets, &positions);
    absorb_opening(&opening, transcript);
    LigeroProof { responses, grinding_witness, opening }
}

/// The polynomials of the three responses.
#[instrument(name = "combine pads", skip_all)]
pub(super) fn respond(
    suite: &Ligero,
    tree: &PadTree,
    functional: &Functional,
    challenges: &Challenges,
) -> [Split; MASKS] {
    let mut linear = tree.pads.masks[1].clone();
    let mut product = tree.pads.masks[2].clone();
    let [dot, hadamard] = quadratic(suite, tree, functional, challenges.product);
    linear.add_scaled(K::ONE, &dot);
    product.add_scaled(K::ONE, &hadamard);
    for mut secret in [dot, hadamard] {
        wipe(&mut secret.low);
        wipe(&mut secret.high);
    }
    [proximity(&tree.pads, challenges.proximity), linear, product]
}

/// `f0 + Σ_i (γ^{2i+1} + γ^{2i+2}·X^k)·w_i + γ^{2R+1}·f1 + γ^{2R+2}·f2`.
fn proximity(pads: &Pads, gamma: K) -> Split {
    let [sum, linear, product] = &pads.masks;
    let mut sum = sum.clone();
    let mut powers = gamma.shifted_powers(gamma);
    for (row, power) in pads.rows.iter().zip((&mut powers).step_by(2)) {
        // X^k = 1 + (X^k − 1), so the second coefficient goes to both parts.
        let high = power * gamma;
        let low = power + high;
        for ((low_sum, high_sum), &value) in sum.low.iter_mut().zip(&mut sum.high).zip(row) {
            *low_sum += low * value;
            *high_sum += high * value;
        }
    }
    let power = gamma.exp_u64(2 * pads.rows.len() as u64 + 1);
    sum.add_scaled(power, linear);
    sum.add_scaled(power * gamma, product);
    sum
}

/// `Σ u_i·w_i` and `Σ ξ^{i+1}·(A_i·B_i − C_i)`.
///
/// On the subgroup they are sums of products of values. Their values on another coset, where the leaves hold the rows'
/// values, give the multiple of `X^k − 1` that is missing.
fn quadratic(suite: &Ligero, tree: &PadTree, functional: &Functional, xi: K) -> [Split; 2] {
    let (config, code) = (&suite.config, &suite.code);
    let powers = xi.shifted_powers(xi).collect_n(config.product_rows());
    let lows = on_subgroup(config, &tree.pads, functional, &powers);
    let columns: Vec<&[K]> =
        functional.cells.chunks_exact(config.slots()).chain(lows.iter().map(Vec::as_slice)).collect();
    let extended = code.interpolate(matrix(config.degree(), &columns));
    let mut extended = code.evaluate_on_coset(WORK_COSET, extended);
    let leaves = &tree.cosets[WORK_COSET];
    let inverse = vanishing(code, WORK_COSET).inverse();
    let num_rows = config.num_rows();
    let mut highs = F::zero_vec(2 * DEGREE * config.degree());
    highs
        .par_chunks_exact_mut(2 * DEGREE)
        .zip(extended.values.par_chunks_exact(extended.width))
        .zip(leaves.values.par_chunks_exact(leaves.width))
        .with_min_len(POINTS_PER_TASK)
        .for_each(|((highs, extended), leaf)| {
            let dot = (0..num_rows).map(|i| leaf_element(extended, i) * leaf_element(leaf, i)).sum();
            let hadamard = product_errors(config, &powers, |row| leaf_element(leaf, row));
            for (part, value) in [dot, hadamard].into_iter().enumerate() {
                let high: K = (value - leaf_element(extended, num_rows + part)) * inverse;
                highs[DEGREE * part..][..DEGREE].copy_from_slice(limbs(&high));
            }
        });
    wipe(&mut extended.values);
    let mut highs = code.subgroup_from_coset(WORK_COSET, RowMajorMatrix::new(highs, 2 * DEGREE));
    let high = |part| highs.values.chunks_exact(2 * DEGREE).map(|row| leaf_element(row, part)).collect();
    let (dot, hadamard) = (high(0), high(1));
    wipe(&mut highs.values);
    let [dot_low, hadamard_low] = lows;
    [Split { low: dot_low, high: dot }, Split { low: hadamard_low, high: hadamard }]
}

/// The values of both sums on the subgroup.
fn on_subgroup(config: &LigeroConfig, pads: &Pads, functional: &Functional, powers: &[K]) -> [Vec<K>; 2] {
    let mut dot = K::zero_vec(config.degree());
    for (row, cells) in pads.rows.iter().zip(functional.cells.chunks_exact(config.slots())) {
        for ((sum, &cell), &value) in dot.iter_mut().zip(cells).zip(row) {
            *sum += cell * value;
        }
    }
    let hadamard = (0..config.degree())
        .map(|point| product_errors(config, powers, |row| pads.rows[row][point]))
        .collect();
    [dot, hadamard]
}
