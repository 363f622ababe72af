//! A column commitment that is the real suite's down to the combination `q`, which it sends whole instead of by WHIR.
//!
//! Columns of 32 coefficients are encoded on a coset of 64 points; a leaf holds the values of all columns of a tree at one
//! point behind a salt. WHIR says nothing but what follows from `q` and the challenges, so sending `q` shows at least as much.

use p3_field::{Field, PrimeCharacteristicRing};
use zkml_iop::commitment::{ColumnCommitment, Combination};
use zkml_iop::eq::eq_table;
use zkml_iop::transcript::Transcript;

use crate::field::F;
use crate::oracle::Oracle;

/// log2 of the rows of a column.
pub const LOG_ROWS: usize = 5;
/// The rows of a column.
pub const ROWS: usize = 1 << LOG_ROWS;
/// The points of the code.
pub const POINTS: usize = 64;
/// The positions that one opening draws.
pub const QUERIES: usize = 3;

type Digest = [u8; 32];

/// The scheme. The real one always salts its leaves.
#[derive(Clone, Copy)]
pub struct Columns {
    pub salted: bool,
}

/// Columns of one tree, each of [`ROWS`] coefficients.
pub type TreeColumns = Vec<Vec<F>>;

/// A committed tree with its commitment.
pub type Committed = ([u8; 32], Tree);

/// A committed tree.
#[derive(Clone)]
pub struct Tree {
    pub columns: Vec<Vec<F>>,
    salts: Vec<[u8; 16]>,
    leaves: Vec<Digest>,
}

/// Opened rows of a tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// One row of values per position.
    pub rows: Vec<Vec<F>>,
    pub salts: Vec<[u8; 16]>,
    /// The digests of all leaves: the Merkle paths of all positions together show no more.
    pub leaves: Vec<Digest>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Opening {
    /// The coefficients of the combination.
    pub q: Vec<F>,
    /// Ascending, each once.
    pub positions: Vec<usize>,
    /// One per tree.
    pub trees: Vec<Rows>,
    /// What the prover committed to, for experiments that know it; no part of what a verifier sees.
    pub committed: Vec<Vec<Vec<F>>>,
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(&'static str);

/// The point of the code at a position: `g·ω^position` with `g` a generator of `F*` and `ω` of order 64.
pub fn point(position: usize) -> F {
    F::GENERATOR * F::GENERATOR.exp_u64(3).exp_u64(position as u64)
}

/// `Σ_i column_i·x^i`.
pub fn evaluate(column: &[F], x: F) -> F {
    column.iter().rev().fold(F::ZERO, |sum, &c| sum * x + c)
}

pub fn hash_leaf(salt: &[u8; 16], row: &[F]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(salt);
    row.iter().for_each(|v| _ = hasher.update(&[v.value() as u8]));
    *hasher.finalize().as_bytes()
}

pub fn root(leaves: &[Digest]) -> Digest {
    *blake3::hash(leaves.as_flattened()).as_bytes()
}

/// The positions of an opening, ascending and distinct.
pub fn positions(oracle: &mut Oracle) -> Vec<usize> {
    let mut positions: Vec<usize> = (0..QUERIES).map(|_| oracle.position(POINTS)).collect();
    positions.sort_unstable();
    positions.dedup();
    positions
}

/// `mask + Σ coefficient·column`, where the mask is the last column of its tree.
pub fn combine<'c>(
    trees: impl Iterator<Item = &'c [Vec<F>]>,
    mask_tree: usize,
    coefficients: &[F],
    length: usize,
) -> Vec<F> {
    let mut sums = vec![F::ZERO; length];
    let mut coefficients = coefficients.iter();
    for (index, columns) in trees.enumerate() {
        for (c, column) in columns.iter().enumerate() {
            let is_mask = index == mask_tree && c + 1 == columns.len();
            let factor = if is_mask { F::ONE } else { *coefficients.next().unwrap() };
            sums.iter_mut().zip(column).for_each(|(sum, &v)| *sum += factor * v);
        }
    }
    sums
}

impl ColumnCommitment for Columns {
    type Base = F;
    type Challenge = F;
    type Transcript = Oracle;
    type Commitment = Digest;
    type Tree = Tree;
    type Opening = Opening;
    type Error = Refused;

    const MASK_COLUMNS: usize = 1;

    fn commit(&self, columns: Vec<Vec<F>>, seed: [u8; 32]) -> Result<(Digest, Tree), Refused> {
        let salt = |position: usize| -> [u8; 16] {
            if !self.salted {
                return [0; 16];
            }
            let mut hasher = blake3::Hasher::new_keyed(&seed);
            hasher.update(&position.to_le_bytes());
            *hasher.finalize().as_bytes().first_chunk().unwrap()
        };
        let salts: Vec<_> = (0..POINTS).map(salt).collect();
        let leaf = |position: usize| {
            let row: Vec<F> = columns.iter().map(|column| evaluate(column, point(position))).collect();
            hash_leaf(&salts[position], &row)
        };
        let leaves: Vec<Digest> = (0..POINTS).map(leaf).collect();
        Ok((root(&leaves), Tree { columns, salts, leaves }))
    }

    fn commitment_bytes(&self, commitment: &Digest) -> Vec<u8> {
        commitment.to_vec()
    }

    fn columns(tree: &Tree) -> &[Vec<F>] {
        &tree.columns
    }

    fn open(
        &self,
        trees: &[&Tree],
        mask_tree: usize,
        _: &[F],
        oracle: &mut Oracle,
    ) -> Result<Opening, Refused> {
        let count = trees.iter().map(|t| t.columns.len()).sum::<usize>() - 1;
        let coefficients = oracle.challenges("columns", count);
        let columns = trees.iter().map(|t| t.columns.as_slice());
        let q = combine(columns, mask_tree, &coefficients, ROWS);
        let positions = positions(oracle);
        let open = |tree: &&Tree| {
            let row = |&position: &usize| {
                tree.columns.iter().map(|column| evaluate(column, point(position))).collect()
            };
            Rows {
                rows: positions.iter().map(row).collect(),
                salts: positions.iter().map(|&p| tree.salts[p]).collect(),
                leaves: tree.leaves.clone(),
            }
        };
        let opened = trees.iter().map(open).collect();
        let committed = trees.iter().map(|t| t.columns.clone()).collect();
        Ok(Opening { q, positions, trees: opened, committed })
    }

    fn verify(
        &self,
        trees: &[(Digest, usize)],
        mask_tree: usize,
        at: &[F],
        opening: &Opening,
        oracle: &mut Oracle,
    ) -> Result<Combination<F>, Refused> {
        let count = trees.iter().map(|t| t.1).sum::<usize>() - 1;
        let coefficients = oracle.challenges("columns", count);
        if positions(oracle) != opening.positions || opening.trees.len() != trees.len() {
            return Err(Refused("other positions"));
        }
        for ((commitment, width), rows) in trees.iter().zip(&opening.trees) {
            if root(&rows.leaves) != *commitment || rows.leaves.len() != POINTS {
                return Err(Refused("another tree"));
            }
            for ((row, salt), &position) in rows.rows.iter().zip(&rows.salts).zip(&opening.positions) {
                if row.len() != *width || hash_leaf(salt, row) != rows.leaves[position] {
                    return Err(Refused("another row"));
                }
            }
        }
        for (index, &position) in opening.positions.iter().enumerate() {
            let row: Vec<Vec<Vec<F>>> =
                opening.trees.iter().map(|t| t.rows[index].iter().map(|&v| vec![v]).collect()).collect();
            let expected = combine(row.iter().map(Vec::as_slice), mask_tree, &coefficients, 1)[0];
            if evaluate(&opening.q, point(position)) != expected {
                return Err(Refused("the combination differs from the rows"));
            }
        }
        let value = opening.q.iter().zip(eq_table(at, ROWS)).map(|(&v, e)| v * e).sum();
        Ok(Combination { coefficients, value })
    }
}
