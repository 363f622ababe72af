//! Honest openings verify; for every message and every relation there is a prover that breaks it and is refused.

use p3_field::PrimeCharacteristicRing;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use zkml_iop::commitment::{ColumnCommitment, Combination};
use zkml_iop::transcript::Transcript;

use super::combination::{Statement, eq_weights};
use super::prover::Combined;
use super::{ColumnConfig, ColumnError, ColumnOpening, ColumnTree, SecurityLevel, StarkColumns};
use crate::merkle::MerkleRoot;
use crate::{Blake3Transcript, DEGREE, DecodeError, F, K, from_limbs};

/// The statement that the attacks are made on.
const LOG_ROWS: usize = 7;
const WIDTHS: [usize; 3] = [4, 9, 4];
const MASK_TREE: usize = 1;

/// Some committed trees and a point to open them at.
struct Case {
    suite: StarkColumns,
    trees: Vec<ColumnTree>,
    statement: Vec<(MerkleRoot, usize)>,
    mask_tree: usize,
    point: Vec<K>,
}

impl Case {
    fn new(log_rows: usize, widths: &[usize], mask_tree: usize) -> Self {
        Self::with_config(ColumnConfig::new(log_rows, SecurityLevel::Bits100).unwrap(), widths, mask_tree)
    }

    fn with_config(config: ColumnConfig, widths: &[usize], mask_tree: usize) -> Self {
        let log_rows = config.log_rows();
        let suite = StarkColumns::new(config).unwrap();
        let mut rng = StdRng::seed_from_u64(log_rows as u64);
        let trees: Vec<_> = widths
            .iter()
            .map(|&width| suite.commit(random_columns(&mut rng, width, log_rows), rng.random()).unwrap().1)
            .collect();
        let statement = trees.iter().map(|tree| (tree.root(), tree.columns().len())).collect();
        let point = (0..log_rows).map(|_| random_scalar(&mut rng)).collect();
        Self { suite, trees, statement, mask_tree, point }
    }

    fn attacked() -> Self {
        Self::new(LOG_ROWS, &WIDTHS, MASK_TREE)
    }

    fn open(&self) -> ColumnOpening {
        let trees: Vec<_> = self.trees.iter().collect();
        self.suite.open(&trees, self.mask_tree, &self.point, &mut transcript()).unwrap()
    }

    fn verify(&self, opening: &ColumnOpening) -> Result<Combination<K>, ColumnError> {
        self.suite.verify(&self.statement, self.mask_tree, &self.point, opening, &mut transcript())
    }

    /// The evaluations of all columns without the mask's, and of the mask.
    fn evaluations(&self) -> (Vec<K>, K) {
        let weights = eq_weights(&self.point);
        let evaluate = |column: &Vec<F>| column.iter().zip(&weights).map(|(&f, &w)| w * f).sum::<K>();
        let (mut columns, mut mask) = (Vec::new(), K::ZERO);
        for (i, tree) in self.trees.iter().enumerate() {
            let mut values: Vec<K> = tree.columns().iter().map(evaluate).collect();
            if i == self.mask_tree {
                let limbs = values.split_off(values.len() - DEGREE);
                mask = (0..DEGREE).map(|i| limbs[i] * from_limbs(|j| F::from_bool(i == j))).sum();
            }
            columns.extend(values);
        }
        (columns, mask)
    }

    /// An opening by a prover that changes the combination after the coefficients are drawn.
    fn open_with_other_combination(&self, change: impl FnOnce(&mut [Vec<F>; DEGREE])) -> ColumnOpening {
        let trees: Vec<_> = self.trees.iter().collect();
        let (roots, widths) = self.statement.iter().copied().unzip();
        let statement = Statement { roots, widths, mask_tree: self.mask_tree, point: &self.point };
        let mut transcript = transcript();
        statement.absorb(&self.suite, &mut transcript);
        let mut combined = Combined::new(&self.suite, &trees, &statement, &mut transcript);
        change(&mut combined.limbs);
        combined.commit(&mut transcript).unwrap().query(&mut transcript).finish(&mut transcript).unwrap()
    }
}

fn transcript() -> Blake3Transcript {
    Blake3Transcript::new("column tests")
}

fn random_scalar(rng: &mut StdRng) -> K {
    from_limbs(|_| F::from_u32(rng.random()))
}

fn random_columns(rng: &mut StdRng, width: usize, log_rows: usize) -> Vec<Vec<F>> {
    (0..width).map(|_| (0..1 << log_rows).map(|_| F::from_u32(rng.random())).collect()).collect()
}

/// The opening verifies and the combination of the true evaluations has the value in it.
fn accepts(case: &Case, opening: &ColumnOpening) -> bool {
    let Ok(combination) = case.verify(opening) else { return false };
    let (columns, mask) = case.evaluations();
    let products =
        combination.coefficients.iter().zip(&columns).map(|(&coefficient, &value)| coefficient * value);
    combination.coefficients.len() == columns.len() && mask + products.sum::<K>() == combination.value
}

#[test]
fn openings_of_one_to_three_trees_verify_at_every_height() {
    for (log_rows, widths, mask_tree) in [
        (6, vec![5], 0),
        (6, vec![6], 0),
        (7, vec![3, 5], 1),
        (8, vec![17, 13], 0),
        (9, vec![1, 12, 1], 1),
        (10, vec![40], 0),
        (11, vec![3, 8], 1),
        (12, vec![12, 1, 6], 2),
        (13, vec![2, 7], 1),
        (14, vec![1, 6, 2], 1),
    ] {
        let case = Case::new(log_rows, &widths, mask_tree);
        let opening = case.open();
        assert!(accepts(&case, &opening), "2^{log_rows} rows, widths {widths:?}");
        let bytes = case.suite.encode_opening(&opening);
        let decoded = case.suite.decode_opening(&widths, &bytes).unwrap();
        assert_eq!(case.suite.encode_opening(&decoded), bytes);
        assert!(accepts(&case, &decoded));
    }
}

#[test]
fn openings_at_the_higher_level_and_at_every_rate_verify() {
    for (level, log_inv_rate) in [
        (SecurityLevel::Bits128, 2),
        (SecurityLevel::Bits128, 1),
        (SecurityLevel::Bits100, 1),
        (SecurityLevel::Bits100, 3),
    ] {
        let case = Case::with_config(ColumnConfig::with_rate(8, level, log_inv_rate).unwrap(), &[3, 6], 1);
        let mut opening = case.open();
        assert!(accepts(&case, &opening), "{level:?} at rate 2^-{log_inv_rate}");
        opening.sample_values.pop();
        assert!(matches!(case.verify(&opening), Err(ColumnError::SampleCount { .. })));
    }
}

#[test]
fn every_height_rate_and_level_reaches_its_level() {
    for level in [SecurityLevel::Bits100, SecurityLevel::Bits128] {
        for log_rows in 6..=20 {
            for log_inv_rate in 1..=3 {
                let config = ColumnConfig::with_rate(log_rows, level, log_inv_rate).unwrap();
                let report = StarkColumns::new(config).unwrap().security(1000).unwrap();
                // What is left is for the protocol around the opening.
                assert!(
                    report.bits() >= f64::from(level.bits()) + 0.25,
                    "{log_rows} {log_inv_rate} {report:?}"
                );
            }
        }
    }
}

#[test]
fn a_report_that_falls_below_its_level_is_noticed() {
    let suite = StarkColumns::new(ColumnConfig::new(10, SecurityLevel::Bits100).unwrap()).unwrap();
    let mut report = suite.security(10).unwrap();
    report.add_algebraic("an outer sumcheck of degree 4 and 20 rounds", 80.0);
    assert!(report.reaches_level());
    report.add("a weak outer step", 99.0);
    assert!(!report.reaches_level());
}

#[test]
fn heights_rates_and_columns_out_of_range_are_refused() {
    assert!(ColumnConfig::new(5, SecurityLevel::Bits100).is_err());
    assert!(ColumnConfig::new(21, SecurityLevel::Bits100).is_err());
    assert!(ColumnConfig::with_rate(10, SecurityLevel::Bits100, 0).is_err());
    let suite = StarkColumns::new(ColumnConfig::new(6, SecurityLevel::Bits100).unwrap()).unwrap();
    assert!(matches!(suite.commit(vec![], [0; 32]), Err(ColumnError::Width { .. })));
    assert!(matches!(suite.commit(vec![vec![F::ONE; 63]], [0; 32]), Err(ColumnError::Height { .. })));
}

#[test]
fn the_same_seed_gives_the_same_tree_and_another_seed_another() {
    let suite = StarkColumns::new(ColumnConfig::new(6, SecurityLevel::Bits100).unwrap()).unwrap();
    let columns = random_columns(&mut StdRng::seed_from_u64(1), 3, 6);
    let root = |seed| suite.commit(columns.clone(), [seed; 32]).unwrap().0;
    assert_eq!(root(1), root(1));
    assert_ne!(root(1), root(2));
}

#[test]
fn a_wrong_value_of_the_combination_is_refused() {
    let case = Case::attacked();
    let mut opening = case.open();
    opening.value += K::ONE;
    assert!(case.verify(&opening).is_err());
}

#[test]
fn a_combination_that_is_not_that_of_the_columns_is_refused() {
    let case = Case::attacked();
    assert!(accepts(&case, &case.open_with_other_combination(|_| ())));
    let one_entry = case.open_with_other_combination(|limbs| limbs[2][5] += F::ONE);
    assert!(matches!(case.verify(&one_entry), Err(ColumnError::Reduction)));
    // One column with another coefficient.
    let column = case.trees[0].columns()[1].clone();
    let coefficient = case.open_with_other_combination(|limbs| {
        limbs[0].iter_mut().zip(&column).for_each(|(limb, &value)| *limb += value);
    });
    assert!(matches!(case.verify(&coefficient), Err(ColumnError::Reduction)));
}

#[test]
fn a_mask_fixed_after_the_coefficients_is_refused() {
    let mut case = Case::attacked();
    // The prover learns the coefficients for its first mask, then commits to the mask that makes the combination zero.
    let mut mask = Vec::new();
    let opening = case.open_with_other_combination(|limbs| mask = limbs.to_vec());
    let mut columns = case.trees[MASK_TREE].columns().to_vec();
    for (column, limb) in columns[WIDTHS[MASK_TREE] - DEGREE..].iter_mut().zip(&mask) {
        column.iter_mut().zip(limb).for_each(|(value, &combined)| *value -= combined);
    }
    let (root, tree) = case.suite.commit(columns, [9; 32]).unwrap();
    case.statement[MASK_TREE].0 = root;
    case.trees[MASK_TREE] = tree;
    let zero = case.open_with_other_combination(|limbs| limbs.iter_mut().for_each(|limb| limb.fill(F::ZERO)));
    assert!(case.verify(&zero).is_err());
    assert!(case.verify(&opening).is_err());
}

#[test]
fn the_mask_cannot_be_shifted_against_all_columns() {
    // With eight columns, eight coefficients of three challenges would sum to one.
    let case = Case::new(6, &[8, 5], 1);
    let combination = case.verify(&case.open()).unwrap();
    assert_eq!(combination.coefficients.len(), 8);
    assert_ne!(combination.coefficients.iter().copied().sum::<K>(), K::ONE);
}

#[test]
fn a_column_changed_after_the_commitment_is_refused() {
    let mut case = Case::attacked();
    case.trees[0].columns[0][3] += F::ONE;
    assert!(matches!(case.verify(&case.open()), Err(ColumnError::Reduction)));
    // Neither does it help to exchange the codeword under the old tree.
    case.trees[0].cosets = case.suite.code.encode(&case.trees[0].columns);
    assert!(matches!(case.verify(&case.open()), Err(ColumnError::Merkle { tree: 0, .. })));
}

#[test]
fn a_tree_that_is_not_of_codewords_is_refused() {
    let mut case = Case::attacked();
    let tree = &mut case.trees[2];
    for coset in &mut tree.cosets {
        coset.values.iter_mut().step_by(3).for_each(|value| *value += F::ONE);
    }
    tree.merkle = crate::merkle::MerkleTree::new(crate::hash::COLUMN_LEAF, &tree.cosets, &[1; 32]);
    case.statement[2].0 = tree.root();
    assert!(matches!(case.verify(&case.open()), Err(ColumnError::Reduction)));
}

#[test]
fn rows_of_another_tree_are_refused() {
    let case = Case::attacked();
    let mut opening = case.open();
    opening.trees.swap(0, 2);
    assert!(matches!(case.verify(&opening), Err(ColumnError::Merkle { tree: 0, .. })));
}

#[test]
fn a_changed_salt_is_refused() {
    let case = Case::attacked();
    let mut opening = case.open();
    opening.trees[1].salts[4][0] ^= 1;
    assert!(matches!(case.verify(&opening), Err(ColumnError::Merkle { tree: 1, .. })));
}

#[test]
fn a_repeated_or_missing_row_is_refused() {
    let case = Case::attacked();
    let honest = case.open();
    let mut opening = honest.clone();
    let row = opening.trees[0].rows[..WIDTHS[0]].to_vec();
    opening.trees[0].rows.extend(row);
    assert!(matches!(case.verify(&opening), Err(ColumnError::RowCount { tree: 0, what: "elements", .. })));
    let mut opening = honest.clone();
    opening.trees[2].salts.pop();
    assert!(matches!(case.verify(&opening), Err(ColumnError::RowCount { tree: 2, what: "salts", .. })));
    let mut opening = honest;
    opening.trees[2].siblings.push([0; 32]);
    assert!(matches!(case.verify(&opening), Err(ColumnError::Merkle { tree: 2, .. })));
}

#[test]
fn a_positions_grinding_that_was_skipped_is_refused() {
    let case = Case::attacked();
    let mut opening = case.open();
    opening.query_witness += F::ONE;
    assert!(matches!(case.verify(&opening), Err(ColumnError::QueryGrinding)));
    opening.batching_witness += F::ONE;
    assert!(matches!(case.verify(&opening), Err(ColumnError::BatchingGrinding)));
}

#[test]
fn an_opening_for_another_statement_is_refused() {
    let case = Case::attacked();
    let opening = case.open();
    let verify =
        |statement: &[(MerkleRoot, usize)], mask_tree, point: &[K], transcript: &mut Blake3Transcript| {
            case.suite.verify(statement, mask_tree, point, &opening, transcript)
        };
    let mut point = case.point.clone();
    point[2] += K::ONE;
    assert!(verify(&case.statement, MASK_TREE, &point, &mut transcript()).is_err());
    assert!(matches!(
        verify(&case.statement, MASK_TREE, &point[1..], &mut transcript()),
        Err(ColumnError::PointLength { .. })
    ));
    assert!(matches!(
        verify(&case.statement[..2], MASK_TREE, &case.point, &mut transcript()),
        Err(ColumnError::TreeCount { expected: 2, got: 3 })
    ));
    assert!(matches!(
        verify(&case.statement, 0, &case.point, &mut transcript()),
        Err(ColumnError::Width { .. })
    ));
    assert!(matches!(
        verify(&case.statement, 3, &case.point, &mut transcript()),
        Err(ColumnError::MaskTree { .. })
    ));
    let mut widths = case.statement.clone();
    (widths[0].1, widths[2].1) = (3, 5);
    assert!(verify(&widths, MASK_TREE, &case.point, &mut transcript()).is_err());
    let mut other = transcript();
    other.absorb_bytes("context", b"another statement");
    assert!(verify(&case.statement, MASK_TREE, &case.point, &mut other).is_err());
}

#[test]
fn an_opening_at_another_security_level_is_refused() {
    let case = Case::attacked();
    let opening = case.open();
    for config in [
        ColumnConfig::new(LOG_ROWS, SecurityLevel::Bits128).unwrap(),
        ColumnConfig::with_rate(LOG_ROWS, SecurityLevel::Bits100, 1).unwrap(),
        ColumnConfig::new(LOG_ROWS + 1, SecurityLevel::Bits100).unwrap(),
    ] {
        let other = StarkColumns::new(config).unwrap();
        assert!(other.verify(&case.statement, MASK_TREE, &case.point, &opening, &mut transcript()).is_err());
    }
}

#[test]
fn openings_truncated_extended_or_of_other_shapes_are_refused() {
    let case = Case::attacked();
    let bytes = case.suite.encode_opening(&case.open());
    let decode = |bytes: &[u8]| case.suite.decode_opening(&WIDTHS, bytes);
    for len in (0..bytes.len()).step_by(7) {
        assert!(decode(&bytes[..len]).is_err());
    }
    let trailing = [bytes.as_slice(), &[0]].concat();
    assert!(matches!(decode(&trailing), Err(DecodeError::Trailing { got: 1 })));
    assert!(case.suite.decode_opening(&[4, 9], &bytes).is_err());
    assert!(case.suite.decode_opening(&[4, 9, 5], &bytes).is_err());
    let mut unreduced = bytes;
    unreduced[4..8].copy_from_slice(&[0xff; 4]);
    assert!(matches!(decode(&unreduced), Err(DecodeError::NonCanonical { .. })));
}

#[test]
fn an_opening_with_any_byte_changed_is_refused() {
    let case = Case::attacked();
    let bytes = case.suite.encode_opening(&case.open());
    // The step is coprime to the sizes of elements and digests, so every field of the opening is hit.
    for at in (0..bytes.len()).step_by(53) {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 7);
        let refused = match case.suite.decode_opening(&WIDTHS, &changed) {
            Ok(opening) => case.verify(&opening).is_err(),
            Err(_) => true,
        };
        assert!(refused, "byte {at} of {} can be changed", bytes.len());
    }
}
