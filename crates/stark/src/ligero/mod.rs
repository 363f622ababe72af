//! A commitment to one-time pads, of which linear equations and products are proven in zero knowledge.
//!
//! The sealed transcript commits to a uniform scalar, a *pad*, for everything the prover will send, and to products of
//! pads, before any challenge. At the end the verifier knows which equations the pads satisfy if all was honest; this
//! module proves them. It follows Ligero (Ames, Hazay, Ishai, Venkitasubramaniam, CCS 2017, section 4) with an additive
//! subgroup sum in the place of the sum over message slots.
//!
//! # The commitment
//! `H` is the subgroup of order `k` of `F*`. A row is a polynomial over `K` of degree below `k`, by its values on `H`: the
//! first `ℓ = k − t` are message slots, the last `t` uniform, where `t` is the number of opened positions. The rows hold
//! `[X: scalars | A: first factors | B: second factors | C: products]`; each part starts a row, and unused slots are zero.
//! Rows are encoded on the coset `GENERATOR·⟨ω⟩` of `16k` points, and a leaf of the Merkle tree is the values of all rows
//! and of three uniform masks at one point: `f0` of degree below `2k`, `f1` of degree below `2k` whose sum over `H` is
//! zero, and `f2` of degree below `2k` that vanishes on the message slots.
//!
//! # The proof
//! With challenges `γ, λ, ξ`, drawn once the commitment and the relation are bound, the prover sends
//!
//! * `p0 = f0 + Σ_i (γ^{2i+1} + γ^{2i+2}·X^k)·w_i + γ^{2R+1}·f1 + γ^{2R+2}·f2` for the `R` rows `w_i`,
//! * `p1 = f1 + Σ_i u_i·w_i`, where `u_i` interpolates the coefficients of row `i` in `Σ_j λ^j·equation_j`, zero beyond the
//!   slots; the equations `A_p = X_{a_p}`, `B_p = X_{b_p}` are among them; its sum over `H` is `−Σ_j λ^j·constant_j`,
//! * `p2 = f2 + Σ_i ξ^{i+1}·(A_i·B_i − C_i)`, which vanishes on the message slots,
//!
//! and opens the leaves at `t` random positions, where the verifier compares. A response is sent as
//! `low + (X^k − 1)·high` by the values of `low` and `high` on `H`, without the values that are known: the last one of
//! `p1`'s `low`, and the message slots of `p2`'s. What is not sent cannot be wrong, so neither the sum nor the zeros are
//! checks of their own.
//!
//! # Soundness
//! Let `n = 16k`. Unless `p0` differs from its combination at more than `7n/16` positions for all but a share
//! `(2R + 2)·n/|K|` of the `γ`, the words `w_i`, `X^k·w_i`, `f1` and `f2` agree with codewords of degree below `2k` on one
//! set of `9n/16` positions (correlated agreement on curves within the unique-decoding radius `(1 − 1/8)/2 = 7/16`;
//! Ben-Sasson, Carmon, Ishai, Kopparty, Saraf, FOCS 2020, Theorems 1.5 and 6.1). Codewords of `w_i` and `X^k·w_i` that do
//! so satisfy `X^k·W_i = V_i`, because the difference has degree below `3k`, so `W_i` has degree below `k`. The codewords
//! are unique, hence fixed before the challenges. Then
//!
//! * an equation or a copy that does not hold for the `W_i` makes `Σ_H` of `f1 + Σ u_i·W_i` minus its target a non-zero
//!   polynomial in `λ` of degree at most the number of equations and copies, whatever the sum of `f1`, which is its constant
//!   term: the powers of `λ` start at one;
//! * a product that does not hold makes `f2 + Σ ξ^{i+1}·(A_i·B_i − C_i)` at its slot a non-zero polynomial in `ξ` of degree
//!   at most the number of rows of products;
//! * a response that is not the combination of the codewords agrees with it at fewer than `2k` positions, so a random
//!   position passes with probability at most `7/16 + 2/16 = 9/16`, as it does if the words are far from codewords.
//!
//! [`LigeroConfig::security`] lists the errors; there is no list of candidates to multiply them.
//!
//! # Zero knowledge
//! Given the challenges, the view is simulated perfectly: the masks make `p0`, `p1` and `p2` uniform among the polynomials
//! of their form whatever the rows are; the `t` uniform values of a row make its values at any `t` points outside `H`
//! uniform (two sets of interpolation points for polynomials that vanish on the slots); and the opened values of the masks
//! follow from the responses and the opened rows. Leaves that are not opened are hidden by salts of 128 bits. This holds for
//! *one* proof per commitment: a second one, with other challenges, would open more positions than a row has uniform values.

mod config;
mod error;
mod pads;
mod proof;
mod prover;
mod relation;
#[cfg(test)]
mod tests;
mod verifier;

pub use config::LigeroConfig;
pub use error::LigeroError;
pub use proof::LigeroProof;
pub use prover::PadTree;
pub use relation::{Equation, Relation};

use zkml_iop::prover::Randomness;

use crate::columns::{ConfigError, SecurityLevel};
use crate::merkle::MerkleRoot;
use crate::reed_solomon::ReedSolomon;
use crate::transcript::Blake3Transcript;
use crate::{DecodeError, ErrorTerm, F, K};

/// A commitment to a fixed number of pads and of products of two of them.
#[derive(Clone, Debug)]
pub struct Ligero {
    config: LigeroConfig,
    code: ReedSolomon,
}

impl Ligero {
    /// The commitment to `num_scalars` pads and `num_products` products (at most `2^20` each) with the smallest proof.
    ///
    /// # Errors
    /// If there are too many, or if no parameters reach the level.
    pub fn new(num_scalars: usize, num_products: usize, level: SecurityLevel) -> Result<Self, ConfigError> {
        Ok(Self::with_config(LigeroConfig::new(num_scalars, num_products, level)?))
    }

    fn with_config(config: LigeroConfig) -> Self {
        Self { config, code: ReedSolomon::new(config.log_degree, config::LOG_INV_RATE) }
    }

    /// The parameters.
    pub fn config(&self) -> &LigeroConfig {
        &self.config
    }

    /// Every soundness error of a proof of `num_equations` equations, to be composed with those of the other parts.
    pub fn security(&self, num_equations: usize) -> Vec<ErrorTerm> {
        self.config.security(num_equations)
    }

    /// Commits to scalars and to the products of pairs of them, given by their indices.
    ///
    /// # Zero knowledge
    /// `randomness` must be secret and fresh: neither it nor the scalars may serve another commitment.
    ///
    /// # Errors
    /// If the numbers are not the configuration's, or an index is out of range.
    pub fn commit(
        &self,
        scalars: &[K],
        products: &[(usize, usize)],
        randomness: &mut dyn Randomness<F>,
    ) -> Result<(MerkleRoot, PadTree), LigeroError> {
        prover::commit(self, scalars, products, randomness)
    }

    /// Proves that the committed pads satisfy a relation with the committed products.
    ///
    /// The caller's transcript holds everything that the equations depend on.
    ///
    /// # Zero knowledge
    /// At most one proof may be released per commitment, and none after an error.
    ///
    /// # Errors
    /// If the relation does not fit the commitment or does not hold.
    pub fn prove(
        &self,
        tree: &PadTree,
        relation: &Relation<'_>,
        transcript: &mut Blake3Transcript,
    ) -> Result<LigeroProof, LigeroError> {
        prover::prove(self, tree, relation, transcript)
    }

    /// Checks that the pads behind a root satisfy a relation.
    ///
    /// # Soundness
    /// The root must have been absorbed before every challenge on which the equations depend.
    ///
    /// # Errors
    /// If the relation does not fit the configuration, or the proof does not prove it.
    pub fn verify(
        &self,
        root: &MerkleRoot,
        relation: &Relation<'_>,
        proof: &LigeroProof,
        transcript: &mut Blake3Transcript,
    ) -> Result<(), LigeroError> {
        verifier::verify(self, root, relation, proof, transcript)
    }

    /// The canonical encoding of a proof made with this configuration.
    pub fn encode(&self, proof: &LigeroProof) -> Vec<u8> {
        proof::encode(proof)
    }

    /// Reads a proof. Never allocates more than a constant times the number of bytes.
    ///
    /// # Errors
    /// If the bytes are not what [`Self::encode`] writes with this configuration.
    pub fn decode(&self, bytes: &[u8]) -> Result<LigeroProof, DecodeError> {
        proof::decode(&self.config, bytes)
    }
}
