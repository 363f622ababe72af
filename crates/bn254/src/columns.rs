//! KZG commitments to columns, opened together at one row point.
//!
//! A column is a polynomial: its row `i` is the coefficient of `X^i`. An opening combines all columns with powers of a challenge,
//! the mask with coefficient 1, and opens the combination by [`crate::mercury`].

use std::sync::Arc;

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::AffineRepr;
use ark_ff::{PrimeField, Zero};
use rayon::prelude::*;

use zkml_iop::commitment::{ColumnCommitment, Combination};
use zkml_iop::packing;
use zkml_iop::transcript::Transcript;
use zkml_snark::msm::{msm, to_affine};
use zkml_snark::srs::Srs;

use crate::digest::keccak;
use crate::error::Bn254Error;
use crate::field::{F, from_ark, point_words, reduce, to_ark, to_word};
use crate::mercury::{self, MercuryProof, low_variables};
use crate::transcript::Poseidon2Transcript;

/// The fewest rows: 2^8, so that the mask's grid has room.
pub const MIN_LOG_ROWS: usize = 8;
/// The most rows: 2^24.
pub const MAX_LOG_ROWS: usize = 24;
/// Rows and columns of the grid of the coefficient matrix on which the mask is random.
pub const MASK_GRID: usize = 8;
/// The number of random rows of every column beside the mask: its commitment is the only thing that shows of it.
pub const RESERVED_ROWS: usize = 2;
/// The label of the combination challenge.
pub(crate) const COMBINATION: &str = "column combination";

/// The column commitment of the suite.
#[derive(Clone, Debug)]
pub struct KzgColumns {
    srs: Arc<Srs>,
    log_rows: usize,
}

/// The commitments to the columns of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnPoints(Vec<G1Affine>);

/// Columns and the commitments to them.
#[derive(Clone, Debug)]
pub struct ColumnTree {
    columns: Vec<Vec<F>>,
    points: ColumnPoints,
}

/// The opening of all columns, with everything that a verifier outside of the SNARK needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnOpening {
    /// The combination challenge.
    pub challenge: Fr,
    /// The row point.
    pub point: Vec<Fr>,
    /// The value of the combined column.
    pub value: Fr,
    /// The proof of it.
    pub proof: MercuryProof,
}

impl ColumnPoints {
    /// Commitments as a proof or a card holds them.
    ///
    /// # Errors
    /// [`Bn254Error::UnluckyPoint`] for points at infinity.
    pub fn new(points: Vec<G1Affine>) -> Result<Self, Bn254Error> {
        if points.iter().any(AffineRepr::is_zero) { Err(Bn254Error::UnluckyPoint) } else { Ok(Self(points)) }
    }

    /// The points.
    pub fn points(&self) -> &[G1Affine] {
        &self.0
    }

    /// The words, `x` then `y` of every point.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(point_words).flatten().collect()
    }
}

impl ColumnTree {
    /// The commitments.
    pub fn points(&self) -> &ColumnPoints {
        &self.points
    }
}

impl KzgColumns {
    /// Columns of `2^log_rows` rows under an SRS.
    ///
    /// # Errors
    /// [`Bn254Error`] if the height is out of range or beyond the SRS.
    pub fn new(srs: Arc<Srs>, log_rows: usize) -> Result<Self, Bn254Error> {
        // A verifier's reference string has no powers, and fits every height.
        let max = srs.g1.len().checked_ilog2().map_or(MAX_LOG_ROWS, |log| log as usize);
        if !(MIN_LOG_ROWS..=max).contains(&log_rows) {
            return Err(Bn254Error::Height { min: MIN_LOG_ROWS, max, got: log_rows });
        }
        Ok(Self { srs, log_rows })
    }

    /// The SRS.
    pub fn srs(&self) -> &Srs {
        &self.srs
    }

    /// The base-2 logarithm of the height.
    pub fn log_rows(&self) -> usize {
        self.log_rows
    }

    fn rows(&self) -> Result<&[G1Affine], Bn254Error> {
        self.srs.g1.get(..1 << self.log_rows).ok_or(Bn254Error::NoPowers)
    }
}

/// What a verifier outside of the SNARK knows of a statement beside the commitments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackedStatement {
    /// The context's element.
    pub context: Fr,
    /// The packed public tensors.
    pub bytes: Vec<u8>,
}

impl PackedStatement {
    /// `ρ`, a hash of the context, the packed tensors and the points of all columns but the helpers', and the polynomial of the packed
    /// words there: see `docs/bn254.md`, section 6.
    pub fn evaluate(&self, points: &[u8]) -> (Fr, Fr) {
        let rho = reduce(&keccak(&[&to_word(self.context), &keccak(&[&self.bytes]), points]));
        let words = self.bytes.chunks(packing::WORD).map(|chunk| {
            let mut word = [0; packing::WORD];
            word[..chunk.len()].copy_from_slice(chunk);
            Fr::from_be_bytes_mod_order(&word)
        });
        (rho, words.rev().fold(Fr::zero(), |sum, word| sum * rho + word))
    }
}

/// `η`, which stands for the points of the helpers' columns.
pub fn helpers_digest(points: &[u8]) -> Fr {
    reduce(&keccak(&[points]))
}

/// What a contract reads beside the SNARK, in the order in which it is hashed: see `docs/bn254.md`, section 6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    challenge: Fr,
    words: Vec<Fr>,
}

impl Listed {
    /// The combination challenge, and the words: `ρ`, the value there, `η`, the row point, the value.
    pub fn of(challenge: Fr, words: Vec<Fr>) -> Self {
        Self { challenge, words }
    }

    fn new(statement: [Fr; 3], opening: &ColumnOpening) -> Self {
        let words = statement.into_iter().chain(opening.point.iter().copied());
        Self { challenge: opening.challenge, words: words.chain([opening.value]).collect() }
    }

    /// The digest of the challenge and the words: where the opening's challenges start from.
    pub fn digest(&self) -> [u8; 32] {
        let all = core::iter::once(&self.challenge).chain(&self.words);
        let bytes: Vec<u8> = all.copied().flat_map(to_word).collect();
        keccak(&[&bytes])
    }

    /// The public inputs of the SNARK: the challenge, `ξ` and `e = Σ word_i·ξ^i`.
    pub fn public_inputs(&self) -> [Fr; 3] {
        let xi = reduce(&self.digest());
        let e = self.words.iter().rev().fold(Fr::zero(), |sum, word| sum * xi + word);
        [self.challenge, xi, e]
    }
}

/// Checks the opening of trees of columns, the mask last in its tree, under `ρ`, `v` and `η` of a statement: the combined column has the claimed
/// value at the claimed point. Returns what the SNARK must prove about it.
///
/// # Errors
/// [`Bn254Error::Opening`] if it does not.
///
/// # Soundness
/// Challenge, point and value are the prover's until the SNARK's proof for the returned public inputs is checked, or a
/// transcript.
pub fn check_opening(
    srs: &Srs,
    trees: &[&ColumnPoints],
    mask_tree: usize,
    statement: [Fr; 3],
    opening: &ColumnOpening,
) -> Result<Listed, Bn254Error> {
    let points: Vec<&[G1Affine]> = trees.iter().map(|t| t.points()).collect();
    let (others, mask) = split_mask(&points, mask_tree).ok_or(Bn254Error::Columns { expected: 1, got: 0 })?;
    let others: Vec<G1Affine> = others.into_iter().copied().collect();
    let column = msm(&others, &powers(opening.challenge, others.len())) + mask;
    let listed = Listed::new(statement, opening);
    mercury::verify(srs.tau_g2, column, &opening.point, opening.value, listed.digest(), &opening.proof)?;
    Ok(listed)
}

/// The columns of all trees but the mask, and the mask.
fn split_mask<'t, T>(trees: &[&'t [T]], mask_tree: usize) -> Option<(Vec<&'t T>, &'t T)> {
    let (mask, _) = trees.get(mask_tree)?.split_last()?;
    let others = trees
        .iter()
        .enumerate()
        .flat_map(|(i, tree)| &tree[..tree.len() - usize::from(i == mask_tree)])
        .collect();
    Some((others, mask))
}

/// `γ, γ², …`
fn powers(challenge: Fr, count: usize) -> Vec<Fr> {
    let next = |power: &Fr| Some(*power * challenge);
    core::iter::successors(Some(challenge), next).take(count).collect()
}

impl ColumnCommitment for KzgColumns {
    type Base = F;
    type Challenge = F;
    type Transcript = Poseidon2Transcript;
    type Commitment = ColumnPoints;
    type Tree = ColumnTree;
    type Opening = ColumnOpening;
    type Error = Bn254Error;

    const MASK_COLUMNS: usize = 1;

    /// The last rows and columns of the coefficient matrix.
    fn masks_row(&self, row: usize) -> bool {
        let low = low_variables(self.log_rows);
        let (column, line) = (row & ((1 << low) - 1), row >> low);
        column + MASK_GRID >= 1 << low && line + MASK_GRID >= 1 << (self.log_rows - low)
    }

    /// The commitment hides by the columns' random rows; there is no salt.
    fn commit(&self, columns: Vec<Vec<F>>, _: [u8; 32]) -> Result<(ColumnPoints, ColumnTree), Bn254Error> {
        let expected = 1usize << self.log_rows;
        if let Some(column) = columns.iter().find(|c| c.len() != expected) {
            return Err(Bn254Error::Rows { expected, got: column.len() });
        }
        let rows = self.rows()?;
        let sum = |column: &Vec<F>| {
            let scalars: Vec<Fr> =
                column.par_iter().with_min_len(1 << 10).map(|&value| to_ark(value)).collect();
            msm(rows, &scalars)
        };
        let sums: Vec<G1Projective> = columns.par_iter().map(sum).collect();
        let points = ColumnPoints::new(to_affine(&sums))?;
        Ok((points.clone(), ColumnTree { columns, points }))
    }

    fn commitment_bytes(&self, commitment: &ColumnPoints) -> Vec<u8> {
        commitment.to_bytes()
    }

    fn columns(tree: &ColumnTree) -> &[Vec<F>] {
        &tree.columns
    }

    fn open(
        &self,
        trees: &[&ColumnTree],
        mask_tree: usize,
        point: &[F],
        transcript: &mut Poseidon2Transcript,
    ) -> Result<ColumnOpening, Bn254Error> {
        let columns: Vec<&[Vec<F>]> = trees.iter().map(|t| t.columns.as_slice()).collect();
        let (others, mask) =
            split_mask(&columns, mask_tree).ok_or(Bn254Error::Columns { expected: 1, got: 0 })?;
        let challenge = to_ark(transcript.challenge(COMBINATION));
        let coefficients = powers(challenge, others.len());
        let combined: Vec<Fr> = (0..1usize << self.log_rows)
            .into_par_iter()
            .with_min_len(1 << 8)
            .map(|row| {
                let terms =
                    others.iter().zip(&coefficients).filter(|(column, _)| column[row] != F::default());
                terms.fold(to_ark(mask[row]), |sum, (column, k)| sum + *k * to_ark(column[row]))
            })
            .collect();
        let point: Vec<Fr> = point.iter().map(|&z| to_ark(z)).collect();
        let value = mercury::evaluate(&combined, &point);
        let mut opening = ColumnOpening { challenge, point, value, proof: MercuryProof::default() };
        let seed = Listed::new(transcript.listed(), &opening).digest();
        opening.proof = mercury::open(self.rows()?, &combined, &opening.point, seed)?;
        Ok(opening)
    }

    fn verify(
        &self,
        trees: &[(ColumnPoints, usize)],
        mask_tree: usize,
        point: &[F],
        opening: &ColumnOpening,
        transcript: &mut Poseidon2Transcript,
    ) -> Result<Combination<F>, Bn254Error> {
        for (points, expected) in trees {
            if points.0.len() != *expected {
                return Err(Bn254Error::Columns { expected: *expected, got: points.0.len() });
            }
        }
        let challenge = to_ark(transcript.challenge(COMBINATION));
        let same = opening.point.len() == point.len()
            && opening.point.iter().zip(point).all(|(a, &b)| *a == to_ark(b));
        if opening.challenge != challenge || !same {
            return Err(Bn254Error::Opening);
        }
        let points: Vec<&ColumnPoints> = trees.iter().map(|t| &t.0).collect();
        check_opening(&self.srs, &points, mask_tree, transcript.listed(), opening)?;
        let columns = trees.iter().map(|t| t.1).sum::<usize>().saturating_sub(1);
        let coefficients = powers(challenge, columns);
        Ok(Combination {
            coefficients: coefficients.into_iter().map(from_ark).collect(),
            value: from_ark(opening.value),
        })
    }
}
