//! Committing to columns and opening them, in stages that can only be taken in order.

use p3_field::{Field, PackedValue, PrimeCharacteristicRing};
use p3_matrix::dense::RowMajorMatrix;
use p3_maybe_rayon::prelude::*;
use tracing::instrument;
use zkml_iop::transcript::Transcript;

use super::StarkColumns;
use super::combination::{Statement, draw_coefficients, draw_positions, eq_weights};
use super::config::MAX_COLUMNS;
use super::error::ColumnError;
use super::proof::{ColumnOpening, absorb_trees};
use super::reduction;
use crate::hash::COLUMN_LEAF;
use crate::merkle::{MerkleRoot, MerkleTree, TreeOpening};
use crate::transcript::Blake3Transcript;
use crate::whir::Committed;
use crate::{DEGREE, F, K, from_limbs, wipe};

type Packed = <F as Field>::Packing;

/// Rows combined by one task.
const ROWS_PER_TASK: usize = 1 << 10;

/// Committed columns with their codewords, for the prover alone. Wiped when dropped.
#[derive(Clone)]
pub struct ColumnTree {
    pub(super) columns: Vec<Vec<F>>,
    /// The codewords' rows, one matrix per coset of the domain.
    pub(super) cosets: Vec<RowMajorMatrix<F>>,
    pub(super) merkle: MerkleTree,
}

impl core::fmt::Debug for ColumnTree {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ColumnTree").field("root", &self.root()).finish_non_exhaustive()
    }
}

impl ColumnTree {
    /// The committed columns.
    pub fn columns(&self) -> &[Vec<F>] {
        &self.columns
    }

    /// The commitment.
    pub fn root(&self) -> MerkleRoot {
        self.merkle.root()
    }

    /// Overwrites data, random rows, masks and salts.
    pub(super) fn wipe(&mut self) {
        self.columns.iter_mut().for_each(|column| wipe(column));
        self.cosets.iter_mut().for_each(|coset| wipe(&mut coset.values));
        self.merkle.wipe();
    }
}

impl Drop for ColumnTree {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// Commits to columns.
#[instrument(name = "commit columns", skip_all, fields(columns = columns.len()))]
pub(super) fn commit(
    suite: &StarkColumns,
    columns: Vec<Vec<F>>,
    salt_seed: &[u8; 32],
) -> Result<(MerkleRoot, ColumnTree), ColumnError> {
    if columns.is_empty() || columns.len() > MAX_COLUMNS {
        return Err(ColumnError::Width { min: 1, max: MAX_COLUMNS, got: columns.len() });
    }
    let expected = 1 << suite.config.log_rows();
    if let Some((column, values)) = columns.iter().enumerate().find(|(_, values)| values.len() != expected) {
        return Err(ColumnError::Height { column, expected, got: values.len() });
    }
    let cosets = suite.code.encode(&columns);
    let merkle = MerkleTree::new(COLUMN_LEAF, &cosets, salt_seed);
    Ok((merkle.root(), ColumnTree { columns, cosets, merkle }))
}

/// Opens trees at a point.
#[instrument(name = "open columns", skip_all)]
pub(super) fn open(
    suite: &StarkColumns,
    trees: &[&ColumnTree],
    mask_tree: usize,
    point: &[K],
    transcript: &mut Blake3Transcript,
) -> Result<ColumnOpening, ColumnError> {
    let statement = Statement {
        roots: trees.iter().map(|tree| tree.root()).collect(),
        widths: trees.iter().map(|tree| tree.columns.len()).collect(),
        mask_tree,
        point,
    };
    statement.check(suite)?;
    statement.absorb(suite, transcript);
    Combined::new(suite, trees, &statement, transcript)
        .commit(transcript)?
        .query(transcript)
        .finish(transcript)
}

/// The columns are combined.
pub(super) struct Combined<'a> {
    suite: &'a StarkColumns,
    trees: &'a [&'a ColumnTree],
    pub(super) batching_witness: F,
    /// The limbs of `q`, each of `2^log_rows` rows.
    pub(super) limbs: [Vec<F>; DEGREE],
    /// `eq(point, ·)`.
    point_weights: Vec<K>,
}

impl<'a> Combined<'a> {
    /// Draws the coefficients and combines.
    pub(super) fn new(
        suite: &'a StarkColumns,
        trees: &'a [&'a ColumnTree],
        statement: &Statement<'_>,
        transcript: &mut Blake3Transcript,
    ) -> Self {
        let batching_witness = transcript.grind("column combination", suite.config.batching_grinding_bits);
        let coefficients = draw_coefficients(statement.num_columns(), transcript);
        Self {
            suite,
            trees,
            batching_witness,
            limbs: combine(trees, statement, &coefficients),
            point_weights: eq_weights(statement.point),
        }
    }

    /// Sends the value of `q` at the point, commits to `q` and answers the out-of-domain samples.
    #[instrument(name = "commit combination", skip_all)]
    pub(super) fn commit(
        self,
        transcript: &mut Blake3Transcript,
    ) -> Result<CombinationCommitted<'a>, ColumnError> {
        let rows = self.point_weights.len();
        let q: Vec<K> = (0..rows)
            .into_par_iter()
            .with_min_len(ROWS_PER_TASK)
            .map(|row| from_limbs(|limb| self.limbs[limb][row]))
            .collect();
        let value = inner_product(&q, &self.point_weights);
        transcript.absorb_scalars("combination value", &[value]);

        let mut stacked = Vec::with_capacity(8 * rows);
        self.limbs.iter().for_each(|limb| stacked.extend_from_slice(limb));
        stacked.resize(8 * rows, F::ZERO);
        let (root, committed) = self.suite.whir.commit(stacked, transcript.delegate("combination"))?;

        let samples = transcript.challenges("out-of-domain samples", self.suite.config.num_samples);
        let sample_powers: Vec<Vec<K>> =
            samples.iter().map(|sample| sample.powers().collect_n(rows)).collect();
        let sample_values: Vec<K> = sample_powers.iter().map(|powers| inner_product(&q, powers)).collect();
        transcript.absorb_scalars("out-of-domain values", &sample_values);
        Ok(CombinationCommitted { combined: self, q, value, root, committed, sample_powers, sample_values })
    }
}

/// The combination is committed.
pub(super) struct CombinationCommitted<'a> {
    combined: Combined<'a>,
    q: Vec<K>,
    pub(super) value: K,
    pub(super) root: MerkleRoot,
    committed: Committed,
    /// For each sample its powers.
    sample_powers: Vec<Vec<K>>,
    sample_values: Vec<K>,
}

impl<'a> CombinationCommitted<'a> {
    /// Draws positions and opens them in every tree.
    pub(super) fn query(self, transcript: &mut Blake3Transcript) -> Queried<'a> {
        let Combined { suite, trees, .. } = self.combined;
        let query_witness = transcript.grind("positions", suite.config.query_grinding_bits);
        let positions = draw_positions(suite, transcript);
        let openings: Vec<_> = trees.iter().map(|tree| tree.merkle.open(&tree.cosets, &positions)).collect();
        absorb_trees(&openings, transcript);
        Queried { committed: self, query_witness, positions, openings }
    }
}

/// The positions are opened.
pub(super) struct Queried<'a> {
    committed: CombinationCommitted<'a>,
    query_witness: F,
    positions: Vec<usize>,
    openings: Vec<TreeOpening>,
}

impl Queried<'_> {
    /// Reduces all claims about `q` to one and lets WHIR prove it.
    #[instrument(name = "prove combination", skip_all)]
    pub(super) fn finish(self, transcript: &mut Blake3Transcript) -> Result<ColumnOpening, ColumnError> {
        let CombinationCommitted { combined, q, value, root, committed, sample_powers, sample_values } =
            self.committed;
        let lambda = transcript.challenge("claim combination");
        let powers: Vec<K> =
            lambda.powers().skip(1 + sample_powers.len()).take(self.positions.len()).collect();
        let mut weights = combined.suite.code.transposed(&self.positions, &powers);
        add_scaled(&mut weights, K::ONE, &combined.point_weights);
        for (powers, power) in sample_powers.iter().zip(lambda.powers().skip(1)) {
            add_scaled(&mut weights, power, powers);
        }
        let (rounds, mut end) = reduction::prove(q, weights, transcript);

        let end_weights = eq_weights(&end);
        let limbs = core::array::from_fn(|limb| {
            let limb = &combined.limbs[limb];
            limb.par_iter().zip(&end_weights).with_min_len(ROWS_PER_TASK).map(|(&f, &w)| w * f).sum()
        });
        transcript.absorb_scalars("limb values", &limbs);
        end.extend(transcript.challenges("limb combination", 3));
        let whir = combined.suite.whir.open(committed, &end, transcript.delegate("combination opening"))?;
        Ok(ColumnOpening {
            batching_witness: combined.batching_witness,
            value,
            root,
            sample_values,
            query_witness: self.query_witness,
            trees: self.openings,
            rounds,
            limbs,
            whir,
        })
    }
}

/// The limbs of `s + Σ_c coefficients_c·f_c`.
#[instrument(name = "combine columns", skip_all)]
fn combine(trees: &[&ColumnTree], statement: &Statement<'_>, coefficients: &[K]) -> [Vec<F>; DEGREE] {
    let (columns, mask): (Vec<_>, Vec<_>) = trees
        .iter()
        .enumerate()
        .flat_map(|(tree, columns)| {
            let own = statement.num_columns_of(tree);
            columns.columns.iter().enumerate().map(move |(c, column)| (column, c < own))
        })
        .partition(|&(_, own)| own);
    let mut limbs: [Vec<F>; DEGREE] = core::array::from_fn(|limb| mask[limb].0.clone());
    for (limb, sums) in limbs.iter_mut().enumerate() {
        let coefficients: Vec<F> =
            coefficients.iter().map(|coefficient| crate::limbs(coefficient)[limb]).collect();
        sums.par_chunks_mut(ROWS_PER_TASK).enumerate().for_each(|(task, sums)| {
            let sums_packed = Packed::pack_slice_mut(sums);
            for (&(column, _), &coefficient) in columns.iter().zip(&coefficients) {
                let values =
                    Packed::pack_slice(&column[task * ROWS_PER_TASK..][..sums_packed.len() * Packed::WIDTH]);
                for (sum, &value) in sums_packed.iter_mut().zip(values) {
                    *sum += value * coefficient;
                }
            }
        });
    }
    limbs
}

fn inner_product(a: &[K], b: &[K]) -> K {
    a.par_iter().zip(b).with_min_len(ROWS_PER_TASK).map(|(&a, &b)| a * b).sum()
}

fn add_scaled(sums: &mut [K], factor: K, terms: &[K]) {
    sums.par_iter_mut().zip(terms).with_min_len(ROWS_PER_TASK).for_each(|(sum, &term)| *sum += factor * term);
}
