//! What the interactive oracle proof needs from a column commitment.

use alloc::vec::Vec;
use core::fmt::Debug;

use p3_field::{ExtensionField, PrimeField};

use crate::transcript::Transcript;

/// A commitment to *trees* of columns of equal height `2^log_rows`, opened together at one row point.
///
/// Row `i` of a column is both the coefficient of `X^i` and the value at the vertex `i` of the hypercube
/// (variable 0 is the lowest bit of `i`), so a column `f` has the multilinear evaluation
/// `f(z) = Σ_i eq(z, i)·f_i`.
///
/// The last [`ColumnCommitment::MASK_COLUMNS`] columns of one tree, the *mask tree*, are the limbs of a uniform mask
/// `s = Σ_j θ^j·s_j` over the challenge field, where `θ^j` is the extension's basis. An opening reveals only the
/// combination `q = s + Σ_c coef_c·f_c`.
pub trait ColumnCommitment {
    /// The field of the columns.
    type Base: PrimeField;
    /// The field of the challenges.
    type Challenge: ExtensionField<Self::Base>;
    /// The Fiat-Shamir transcript.
    type Transcript: Transcript<Self::Base, Self::Challenge>;
    /// What the verifier holds of a tree.
    type Commitment: Clone + Debug + PartialEq;
    /// What the prover holds of a tree.
    type Tree;
    /// The proof of an opening.
    type Opening: Clone + Debug;
    /// Why an opening is refused.
    type Error: core::error::Error + Send + Sync + 'static;

    /// The number of base columns that hold the mask.
    const MASK_COLUMNS: usize;

    /// Whether the mask is random in this row; elsewhere it is 0. Whoever returns `false` for a row shows that what the opening
    /// reveals stays uniform.
    fn masks_row(&self, _row: usize) -> bool {
        true
    }

    /// Commits to columns of height `2^log_rows` each. `salt_seed` is fresh randomness for the leaves' salts; the same
    /// columns and seed give the same tree, so that a long-lived tree can be rebuilt from its key.
    fn commit(
        &self,
        columns: Vec<Vec<Self::Base>>,
        salt_seed: [u8; 32],
    ) -> Result<(Self::Commitment, Self::Tree), Self::Error>;

    /// The canonical encoding of a commitment, as it is bound to the transcript.
    fn commitment_bytes(&self, commitment: &Self::Commitment) -> Vec<u8>;

    /// The committed columns of a tree, each of height `2^log_rows`.
    fn columns(tree: &Self::Tree) -> &[Vec<Self::Base>];

    /// Opens all columns of all trees at `point` (`log_rows` coordinates, variable 0 first).
    ///
    /// The caller has absorbed the commitments and the (sealed) evaluations of every column and of the mask.
    fn open(
        &self,
        trees: &[&Self::Tree],
        mask_tree: usize,
        point: &[Self::Challenge],
        transcript: &mut Self::Transcript,
    ) -> Result<Self::Opening, Self::Error>;

    /// Checks an opening of trees given as (commitment, number of columns including the mask's).
    ///
    /// # Soundness
    /// The opening binds the columns only through the returned combination: the caller must check
    /// `mask(point) + Σ_c coefficients[c]·column_c(point) = value` for the evaluations that it absorbed before the call.
    fn verify(
        &self,
        trees: &[(Self::Commitment, usize)],
        mask_tree: usize,
        point: &[Self::Challenge],
        opening: &Self::Opening,
        transcript: &mut Self::Transcript,
    ) -> Result<Combination<Self::Challenge>, Self::Error>;
}

/// The random combination of columns that an opening proves.
#[derive(Clone, Debug, PartialEq)]
pub struct Combination<K> {
    /// One coefficient per column in the order of the trees, without the mask's columns.
    pub coefficients: Vec<K>,
    /// The value of `mask + Σ_c coefficients[c]·column_c` at the point.
    pub value: K,
}
