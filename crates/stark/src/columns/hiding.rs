//! What an opening shows of its trees: nothing of their data, if nobody spares randomness; everything needed to recognise it, if
//! somebody does.
//!
//! An opening shows the opened rows and whatever follows from the combination `q`: WHIR hides nothing of it. So a view is
//! `(rows, q)`, beside pins. Each test takes a view of real openings and asks which data *explains* it: for which there are
//! random rows and a mask that give this view. Honest openings are explained by any data; those of a sabotaged prover by its
//! own data alone, so that whoever guesses it knows that the guess is right.

use p3_field::{Field, PrimeCharacteristicRing};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use zkml_iop::commitment::ColumnCommitment;
use zkml_iop::transcript::Transcript;

use super::combination::{Statement, draw_coefficients, draw_positions, eq_weights};
use super::prover::Combined;
use super::{ColumnConfig, ColumnOpening, ColumnTree, PinPoint, SecurityLevel, StarkColumns};
use crate::codec::Writer;
use crate::hash::COLUMN_LEAF;
use crate::merkle::{MerkleTree, TreeOpening};
use crate::{Blake3Transcript, DEGREE, F, K, limbs};

const LOG_ROWS: usize = 9;
const ROWS: usize = 1 << LOG_ROWS;
/// Rows with data; between them and the random ones all columns are zero.
const DATA_ROWS: usize = 64;
/// The trees: of weights, which several proofs open, and of one proof's witness, with the mask.
const WEIGHTS: usize = 0;
const WITNESS: usize = 1;
const WIDTHS: [usize; 2] = [2, 3];
/// Random rows that a pin takes.
const PIN_ROWS: usize = 10;

fn suite() -> StarkColumns {
    StarkColumns::new(ColumnConfig::new(LOG_ROWS, SecurityLevel::Bits100).unwrap()).unwrap()
}

fn element(rng: &mut StdRng) -> F {
    F::from_u32(rng.random())
}

/// Small integers, as weights are.
fn data(seed: u64, width: usize) -> Vec<Vec<F>> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..width)
        .map(|_| {
            let mut column = F::zero_vec(ROWS);
            column[..DATA_ROWS].iter_mut().for_each(|v| *v = F::from_i32(rng.random_range(-128..128)));
            column
        })
        .collect()
}

/// The data with random rows at the end.
fn hidden(mut data: Vec<Vec<F>>, reserved: usize, rng: &mut StdRng) -> Vec<Vec<F>> {
    for column in &mut data {
        column[ROWS - reserved..].iter_mut().for_each(|v| *v = element(rng));
    }
    data
}

fn mask(rng: &mut StdRng) -> Vec<Vec<F>> {
    (0..DEGREE).map(|_| (0..ROWS).map(|_| element(rng)).collect()).collect()
}

/// One opening of both trees with what a verifier derives from it.
struct Seen {
    opening: ColumnOpening,
    coefficients: Vec<K>,
    positions: Vec<usize>,
    /// The limbs of the combination, which WHIR does not hide.
    q: [Vec<F>; DEGREE],
}

fn open(suite: &StarkColumns, trees: [&ColumnTree; 2], proof: u64) -> Seen {
    let mut transcript = Blake3Transcript::new("hiding tests");
    transcript.absorb_bytes("proof", &proof.to_le_bytes());
    let point = transcript.challenges("point", LOG_ROWS);
    let statement = Statement {
        roots: trees.iter().map(|t| t.root()).collect(),
        widths: trees.iter().map(|t| t.columns().len()).collect(),
        mask_tree: WITNESS,
        point: &point,
    };
    let mut replay = transcript.clone();
    statement.absorb(suite, &mut replay);
    let q = Combined::new(suite, &trees, &statement, &mut replay.clone()).limbs;
    let opening = suite.open(&trees, WITNESS, &point, &mut transcript).unwrap();

    let config = &suite.config;
    let grinding = config.batching_grinding_bits;
    assert!(replay.check_grinding("column combination", grinding, opening.batching_witness));
    let coefficients = draw_coefficients(statement.num_columns(), &mut replay);
    replay.absorb_scalars("combination value", &[opening.value]);
    suite.whir.observe(&opening.root, replay.delegate("combination"));
    replay.challenges("out-of-domain samples", config.num_samples);
    replay.absorb_scalars("out-of-domain values", &opening.sample_values);
    assert!(replay.check_grinding("positions", config.query_grinding_bits, opening.query_witness));
    let positions = draw_positions(suite, &mut replay);
    Seen { opening, coefficients, positions, q }
}

/// What is known of a column: its values at points, and nothing else.
type Known = Vec<(F, F)>;

/// What openings show of one column of a tree, each position once.
fn known(suite: &StarkColumns, seen: &[&Seen], tree: usize, column: usize) -> Known {
    let mut known: Known = Vec::new();
    for Seen { opening, positions, .. } in seen {
        let rows = opening.trees[tree].rows.chunks_exact(opening.trees[tree].rows.len() / positions.len());
        for (&position, row) in positions.iter().zip(rows) {
            let x = suite.code.point(position);
            if known.iter().all(|(y, _)| *y != x) {
                known.push((x, row[column]));
            }
        }
    }
    known
}

fn evaluate(column: &[F], x: F) -> F {
    column.iter().rev().fold(F::ZERO, |sum, &c| sum * x + c)
}

/// Random rows that give a column with this data the known values and, with them, the given functionals; none if there are
/// none.
fn explain(data: &[F], reserved: usize, known: &Known, functionals: &[(Vec<F>, F)]) -> Option<Vec<F>> {
    let first = ROWS - reserved;
    let points = known.iter().map(|&(x, value)| {
        let powers = x.shifted_powers(x.exp_u64(first as u64)).collect_n(reserved);
        (powers, value - evaluate(&data[..first], x))
    });
    let functionals = functionals.iter().map(|(weights, value)| {
        let fixed: F = weights[..first].iter().zip(data).map(|(&w, &v)| w * v).sum();
        (weights[first..].to_vec(), *value - fixed)
    });
    let random = solve(points.chain(functionals).collect(), reserved)?;
    Some([&data[..first], &random].concat())
}

/// A solution of linear equations, if there is one.
fn solve(mut equations: Vec<(Vec<F>, F)>, unknowns: usize) -> Option<Vec<F>> {
    let mut pivots = Vec::new();
    for unknown in 0..unknowns {
        let rank = pivots.len();
        let Some(pivot) = (rank..equations.len()).find(|&r| equations[r].0[unknown] != F::ZERO) else {
            continue;
        };
        equations.swap(rank, pivot);
        let inverse = equations[rank].0[unknown].inverse();
        equations[rank].0.iter_mut().for_each(|v| *v *= inverse);
        equations[rank].1 *= inverse;
        let (own, right) = equations[rank].clone();
        for (row, value) in
            equations.iter_mut().enumerate().filter(|(r, _)| *r != rank).map(|(_, e)| (&mut e.0, &mut e.1))
        {
            let factor = row[unknown];
            row.iter_mut().zip(&own).for_each(|(v, &o)| *v -= factor * o);
            *value -= factor * right;
        }
        pivots.push(unknown);
    }
    let mut solution = F::zero_vec(unknowns);
    pivots.iter().zip(&equations).for_each(|(&unknown, equation)| solution[unknown] = equation.1);
    equations[pivots.len()..].iter().all(|e| e.1 == F::ZERO).then_some(solution)
}

/// The pin as functionals of the first column, given the others: one per limb.
fn pin_functionals(suite: &StarkColumns, tree: &ColumnTree, others: &[Vec<F>]) -> Vec<(Vec<F>, F)> {
    let PinPoint { point, batching } = suite.pin_point(&tree.root(), WIDTHS[WEIGHTS], &[]);
    let weights = eq_weights(&point);
    let at = |column: &Vec<F>| column.iter().zip(&weights).map(|(&v, &w)| w * v).sum::<K>();
    let rest: K =
        others.iter().zip(batching.powers().skip(1)).map(|(column, power)| power * at(column)).sum();
    let value = suite.pin_value(tree, &[]) - rest;
    let limb = |i: usize| (weights.iter().map(|w| limbs(w)[i]).collect(), limbs(&value)[i]);
    (0..DEGREE).map(limb).collect()
}

/// The columns of a tree with other data that openings cannot tell from its own.
fn explain_tree(
    suite: &StarkColumns,
    seen: &[&Seen],
    (index, tree): (usize, Option<&ColumnTree>),
    data: &[Vec<F>],
    reserved: usize,
) -> Option<Vec<Vec<F>>> {
    let column =
        |c: usize, pin: &[(Vec<F>, F)]| explain(&data[c], reserved, &known(suite, seen, index, c), pin);
    let others: Vec<Vec<F>> = (1..data.len()).map(|c| column(c, &[])).collect::<Option<_>>()?;
    let pin = tree.map(|tree| pin_functionals(suite, tree, &others)).unwrap_or_default();
    Some([vec![column(0, &pin)?], others].concat())
}

/// Trees of a prover with so many random rows in each.
struct Prover {
    suite: StarkColumns,
    rng: StdRng,
    reserved: [usize; 2],
    weights: ColumnTree,
}

impl Prover {
    fn new(reserved: [usize; 2]) -> Self {
        let (suite, mut rng) = (suite(), StdRng::seed_from_u64(3));
        let columns = hidden(data(1, WIDTHS[WEIGHTS]), reserved[WEIGHTS], &mut rng);
        let weights = suite.commit(columns, rng.random()).unwrap().1;
        Self { suite, rng, reserved, weights }
    }

    fn queries(suite: &StarkColumns) -> usize {
        suite.config.num_queries()
    }

    fn prove(&mut self, proof: u64, mask: Vec<Vec<F>>) -> Seen {
        let mut columns = hidden(data(2, WIDTHS[WITNESS]), self.reserved[WITNESS], &mut self.rng);
        columns.extend(mask);
        let witness = self.suite.commit(columns, self.rng.random()).unwrap().1;
        open(&self.suite, [&self.weights, &witness], proof)
    }
}

/// Random rows for so many openings of the weights.
fn budget(openings: usize) -> [usize; 2] {
    let queries = Prover::queries(&suite());
    [openings * queries + PIN_ROWS, queries]
}

#[test]
fn openings_within_the_budget_are_openings_of_any_other_data() {
    let mut prover = Prover::new(budget(2));
    let masks = [mask(&mut prover.rng), mask(&mut prover.rng)];
    let seen =
        [1, 2].into_iter().zip(masks).map(|(proof, mask)| prover.prove(proof, mask)).collect::<Vec<_>>();
    let (suite, [of_weights, of_witness]) = (&prover.suite, prover.reserved);
    let both: Vec<&Seen> = seen.iter().collect();
    let other = data(77, WIDTHS[WEIGHTS]);
    let weights = explain_tree(suite, &both, (WEIGHTS, Some(&prover.weights)), &other, of_weights).unwrap();
    assert!(weights.iter().zip(&other).all(|(a, b)| a[..DATA_ROWS] == b[..DATA_ROWS]));
    for seen in &seen {
        let other = data(78, WIDTHS[WITNESS]);
        let witness = explain_tree(suite, &[seen], (WITNESS, None), &other, of_witness).unwrap();
        // The mask is what is left of q, and its opened values are those that were seen.
        let columns: Vec<&Vec<F>> = weights.iter().chain(&witness).collect();
        for limb in 0..DEGREE {
            let mask: Vec<F> = (0..ROWS)
                .map(|row| {
                    let combined = columns.iter().zip(&seen.coefficients);
                    seen.q[limb][row] - combined.map(|(column, k)| limbs(k)[limb] * column[row]).sum::<F>()
                })
                .collect();
            for (x, value) in known(suite, &[seen], WITNESS, WIDTHS[WITNESS] + limb) {
                assert_eq!(evaluate(&mask, x), value);
            }
        }
    }
}

#[test]
fn a_pin_and_all_openings_of_a_narrow_tree_are_independent() {
    // One column, and as many opened rows as its random ones allow beside the pin: the five functionals must add five ranks.
    let suite = suite();
    let queries = Prover::queries(&suite);
    let reserved = 2 * queries + PIN_ROWS;
    let first = ROWS - reserved;
    let mut rng = StdRng::seed_from_u64(21);
    for _ in 0..10 {
        let (root, tree) = suite.commit(hidden(data(1, 1), reserved, &mut rng), rng.random()).unwrap();
        let PinPoint { point, .. } = suite.pin_point(&root, tree.columns().len(), &[]);
        let weights = eq_weights(&point);
        let mut equations: Vec<(Vec<F>, F)> = (0..DEGREE)
            .map(|i| (weights[first..].iter().map(|w| limbs(w)[i]).collect(), element(&mut rng)))
            .collect();
        let mut positions: Vec<usize> = (0..ROWS << 2).collect();
        while positions.len() > 2 * queries {
            positions.swap_remove(rng.random_range(0..positions.len()));
        }
        equations.extend(positions.into_iter().map(|position| {
            let x = suite.code.point(position);
            (x.powers().collect_n(reserved), element(&mut rng))
        }));
        // Any right side has a solution exactly if the rank is full.
        assert!(solve(equations, reserved).is_some());
    }
}

#[test]
fn a_random_row_too_few_leaves_one_explanation() {
    // As many random rows as one opening shows rows, and one fewer.
    let mut prover = Prover::new(budget(1));
    let fresh = mask(&mut prover.rng);
    let shown = prover.prove(1, fresh.clone()).positions.len();
    for (reserved, hidden) in [(shown, true), (shown - 1, false)] {
        // Other roots have other positions: go on until as many of them are distinct.
        let mut prover = Prover::new([budget(1)[WEIGHTS], reserved]);
        let seen = (1..).map(|proof| prover.prove(proof, fresh.clone())).find(|s| s.positions.len() == shown);
        let seen = seen.unwrap();
        let explains = |data: &[Vec<F>]| {
            explain_tree(&prover.suite, &[&seen], (WITNESS, None), data, reserved).is_some()
        };
        assert!(explains(&data(2, WIDTHS[WITNESS])));
        assert_eq!(explains(&data(78, WIDTHS[WITNESS])), hidden);
        let mut one_off = data(2, WIDTHS[WITNESS]);
        one_off[1][17] += F::ONE;
        assert_eq!(explains(&one_off), hidden);
    }
}

#[test]
fn an_opening_beyond_the_budget_leaves_one_explanation() {
    let mut prover = Prover::new(budget(2));
    let masks: Vec<_> = (0..3).map(|_| mask(&mut prover.rng)).collect();
    let seen: Vec<Seen> = (0..).zip(masks).map(|(proof, mask)| prover.prove(proof, mask)).collect();
    let explains = |count: usize, data: &[Vec<F>]| {
        let seen: Vec<&Seen> = seen[..count].iter().collect();
        let tree = (WEIGHTS, Some(&prover.weights));
        explain_tree(&prover.suite, &seen, tree, data, prover.reserved[WEIGHTS]).is_some()
    };
    let own = data(1, WIDTHS[WEIGHTS]);
    let mut one_off = own.clone();
    one_off[0][5] += F::ONE;
    for other in [data(77, WIDTHS[WEIGHTS]), one_off] {
        assert!(explains(2, &own) && explains(2, &other));
        assert!(explains(3, &own) && !explains(3, &other));
    }
}

#[test]
fn a_reused_mask_cancels_in_the_rows_without_data() {
    let mut prover = Prover::new(budget(2));
    let first = mask(&mut prover.rng);
    let second = mask(&mut prover.rng);
    let free = DATA_ROWS..ROWS - prover.reserved[WEIGHTS].max(prover.reserved[WITNESS]);
    assert!(free.len() > 50);
    let width = WIDTHS[WITNESS] + DEGREE;
    let row = |seen: &Seen, p: usize| {
        let at = seen.positions.binary_search(&p).ok()?;
        Some(seen.opening.trees[WITNESS].rows[at * width..][WIDTHS[WITNESS]..width].to_vec())
    };
    let a = prover.prove(1, first.clone());
    for (mask, equal) in [(first, true), (second, false)] {
        // The combination is not sent whole; where both proofs open one position, its mask is. Most proofs have such positions.
        let (b, common) = (2..)
            .find_map(|proof| {
                let b = prover.prove(proof, mask.clone());
                let common: Vec<_> =
                    a.positions.iter().filter_map(|&p| Some((row(&a, p)?, row(&b, p)?))).collect();
                (!common.is_empty()).then_some((b, common))
            })
            .unwrap();
        assert!(common.iter().all(|(a, b)| (a == b) == equal));
        let same = |limb: usize| a.q[limb][free.clone()] == b.q[limb][free.clone()];
        assert_eq!((0..DEGREE).all(same), equal);
        assert_eq!((0..DEGREE).any(same), equal);
    }
}

#[test]
fn a_leaf_whose_salt_is_known_is_found_by_search_and_one_with_a_secret_salt_is_not() {
    let suite = suite();
    let mut rng = StdRng::seed_from_u64(5);
    let column = hidden(data(1, 1), 100, &mut rng);
    let seeds = [[0; 32], rng.random()];
    for (seed, found) in seeds.into_iter().zip([true, false]) {
        let (_, tree) = suite.commit(column.clone(), seed).unwrap();
        // Opening position 6 shows the digest of its neighbour, position 7.
        let shown = tree.merkle.open(&tree.cosets, &[6]);
        let digest = shown.siblings[0];
        // The attacker recomputes the salts from a seed of zeros and tries values. A window of 2^16 stands for all 2^31.
        let value = tree.cosets[0].values[7];
        let salts = MerkleTree::new(COLUMN_LEAF, &tree.cosets, &[0; 32]).open(&tree.cosets, &[7]).salts;
        let start = value - F::from_u32(31_337);
        let candidates: Vec<F> = (0..1 << 16).map(|i| start + F::from_u32(i)).collect();
        let trial =
            TreeOpening { salts: vec![salts[0]; candidates.len()], rows: candidates, siblings: vec![] };
        let position = trial.leaves(COLUMN_LEAF, 1).iter().position(|leaf| *leaf == digest);
        assert_eq!(position.map(|i| trial.rows[i]), found.then_some(value));
    }
}

#[test]
fn an_openings_length_follows_from_its_positions_alone() {
    let suite = suite();
    let mut rng = StdRng::seed_from_u64(9);
    let bytes_without_paths = |seed: u64, rng: &mut StdRng| {
        let mut columns = hidden(data(seed, WIDTHS[WITNESS]), 100, rng);
        columns.extend(mask(rng));
        let weights =
            suite.commit(hidden(data(seed + 1, WIDTHS[WEIGHTS]), 200, rng), rng.random()).unwrap().1;
        let witness = suite.commit(columns, rng.random()).unwrap().1;
        let seen = open(&suite, [&weights, &witness], seed);
        let rows = seen.positions.len() * (4 * (WIDTHS[WEIGHTS] + WIDTHS[WITNESS] + DEGREE) + 2 * 16);
        let siblings: usize = seen.opening.trees.iter().map(|t| 32 * t.siblings.len()).sum();
        let expected = 2 * 32 * crate::merkle::num_siblings(suite.code.log_len(), &seen.positions);
        assert_eq!(siblings, expected);
        let mut whir = Writer::default();
        suite.whir.write(&seen.opening.whir, &mut whir);
        suite.encode_opening(&seen.opening).len() - rows - siblings - whir.0.len()
    };
    let lengths: Vec<usize> = (0..6).map(|seed| bytes_without_paths(10 * seed, &mut rng)).collect();
    assert!(lengths.iter().all(|l| *l == lengths[0]), "{lengths:?}");
}

#[test]
fn a_dropped_tree_leaves_neither_columns_nor_codewords_nor_salts() {
    let suite = suite();
    let mut rng = StdRng::seed_from_u64(11);
    let (_, mut tree) = suite.commit(mask(&mut rng), rng.random()).unwrap();
    // What dropping does, looked at before the memory is gone.
    tree.wipe();
    assert!(tree.columns().iter().flatten().all(Field::is_zero));
    assert!(tree.cosets.iter().flat_map(|coset| &coset.values).all(Field::is_zero));
    assert!(tree.merkle.open(&tree.cosets, &[0, 5, 700]).salts.iter().all(|salt| *salt == [0; 16]));
}
