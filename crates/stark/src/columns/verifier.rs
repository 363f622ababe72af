//! Checking an opening.

use p3_field::PrimeCharacteristicRing;
use zkml_iop::commitment::Combination;
use zkml_iop::transcript::Transcript;

use super::StarkColumns;
use super::combination::{Statement, draw_coefficients, draw_positions, eq, eq_weights, power_weight};
use super::error::ColumnError;
use super::proof::{ColumnOpening, absorb_trees, join_limbs, theta_power};
use super::reduction;
use crate::hash::COLUMN_LEAF;
use crate::merkle::{MerkleRoot, TreeOpening, verify_siblings};
use crate::transcript::Blake3Transcript;
use crate::{DEGREE, K};

/// Checks an opening of trees of the given roots and widths at a point.
pub(super) fn verify(
    suite: &StarkColumns,
    trees: &[(MerkleRoot, usize)],
    mask_tree: usize,
    point: &[K],
    opening: &ColumnOpening,
    transcript: &mut Blake3Transcript,
) -> Result<Combination<K>, ColumnError> {
    let (roots, widths) = trees.iter().copied().unzip();
    let statement = Statement { roots, widths, mask_tree, point };
    statement.check(suite)?;
    check_shape(suite, &statement, opening)?;
    statement.absorb(suite, transcript);

    let config = &suite.config;
    let grinding = config.batching_grinding_bits;
    if !transcript.check_grinding("column combination", grinding, opening.batching_witness) {
        return Err(ColumnError::BatchingGrinding);
    }
    let coefficients = draw_coefficients(statement.num_columns(), transcript);
    transcript.absorb_scalars("combination value", &[opening.value]);
    suite.whir.observe(&opening.root, transcript.delegate("combination"));
    let samples = transcript.challenges("out-of-domain samples", config.num_samples);
    transcript.absorb_scalars("out-of-domain values", &opening.sample_values);

    if !transcript.check_grinding("positions", config.query_grinding_bits, opening.query_witness) {
        return Err(ColumnError::QueryGrinding);
    }
    let positions = draw_positions(suite, transcript);
    for (tree, tree_opening) in opening.trees.iter().enumerate() {
        check_rows(suite, &statement, tree, tree_opening, &positions)?;
    }
    absorb_trees(&opening.trees, transcript);
    let row_values = combine_rows(&statement, &opening.trees, &coefficients, positions.len());

    let lambda = transcript.challenge("claim combination");
    let claims = [opening.value].into_iter().chain(opening.sample_values.iter().copied()).chain(row_values);
    let claim = claims.zip(lambda.powers()).map(|(claim, power)| claim * power).sum();
    let (mut end, claim) = reduction::verify(claim, &opening.rounds, transcript);
    let mut weight = eq(point, &end);
    for (&sample, power) in samples.iter().zip(lambda.powers().skip(1)) {
        weight += power * power_weight(&end, sample);
    }
    for (&position, power) in positions.iter().zip(lambda.powers().skip(1 + samples.len())) {
        weight += power * power_weight(&end, suite.code.point(position));
    }
    if claim != weight * join_limbs(&opening.limbs) {
        return Err(ColumnError::Reduction);
    }

    transcript.absorb_scalars("limb values", &opening.limbs);
    let limb_point = transcript.challenges("limb combination", 3);
    let value =
        eq_weights(&limb_point).into_iter().zip(opening.limbs).map(|(weight, limb)| weight * limb).sum();
    end.extend(limb_point);
    suite.whir.verify(
        &opening.root,
        &end,
        value,
        &opening.whir,
        transcript.delegate("combination opening"),
    )?;
    Ok(Combination { coefficients, value: opening.value })
}

/// Refuses an opening whose lists do not have the lengths of the statement, as far as no challenge decides them.
fn check_shape(
    suite: &StarkColumns,
    statement: &Statement<'_>,
    opening: &ColumnOpening,
) -> Result<(), ColumnError> {
    let expected = statement.widths.len();
    if opening.trees.len() != expected {
        return Err(ColumnError::TreeCount { expected, got: opening.trees.len() });
    }
    let expected = suite.config.num_samples;
    if opening.sample_values.len() != expected {
        return Err(ColumnError::SampleCount { expected, got: opening.sample_values.len() });
    }
    let expected = suite.config.log_rows();
    if opening.rounds.len() != expected {
        return Err(ColumnError::Rounds { expected, got: opening.rounds.len() });
    }
    if !suite.whir.fits(&opening.whir) {
        return Err(ColumnError::WhirShape);
    }
    Ok(())
}

/// Checks that a tree's rows stand at the positions.
fn check_rows(
    suite: &StarkColumns,
    statement: &Statement<'_>,
    tree: usize,
    opening: &TreeOpening,
    positions: &[usize],
) -> Result<(), ColumnError> {
    let (root, width) = (&statement.roots[tree], statement.widths[tree]);
    let lengths = [
        ("elements", positions.len() * width, opening.rows.len()),
        ("salts", positions.len(), opening.salts.len()),
    ];
    for (what, expected, got) in lengths {
        if got != expected {
            return Err(ColumnError::RowCount { tree, what, expected, got });
        }
    }
    let leaves = opening.leaves(COLUMN_LEAF, width);
    verify_siblings(root, suite.code.log_len(), positions, leaves, &opening.siblings)
        .map_err(|source| ColumnError::Merkle { tree, source })
}

/// The combination of each opened row: what `q` must be there.
fn combine_rows(
    statement: &Statement<'_>,
    trees: &[TreeOpening],
    coefficients: &[K],
    num_rows: usize,
) -> Vec<K> {
    let mut values = vec![K::ZERO; num_rows];
    let mut left = coefficients;
    for (tree, opening) in trees.iter().enumerate() {
        let (own, after) = left.split_at(statement.num_columns_of(tree));
        left = after;
        for (value, row) in values.iter_mut().zip(opening.rows.chunks_exact(statement.widths[tree])) {
            *value += own.iter().zip(row).map(|(&coefficient, &element)| coefficient * element).sum::<K>();
            if tree == statement.mask_tree {
                let mask = &row[own.len()..];
                *value +=
                    (0..DEGREE).zip(mask).map(|(limb, &element)| theta_power(limb) * element).sum::<K>();
            }
        }
    }
    values
}
