//! Zero knowledge of the sealed transcript, on a field of 193 elements: a simulator, and tests that try to tell it from provers.
//!
//! # What is simulated
//! The whole *life* of a commitment to weights and to a committed input: both roots with their pins, and all proofs that open
//! them. The protocol is the library's own ([`zkml_iop::prover`], [`zkml_iop::verifier`], [`zkml_iop::sealed`]); only the field
//! is small, and the column commitment ([`columns`]) sends the combination `q` whole where the real one proves it by WHIR.
//! A view holds, in the order in which a verifier meets them,
//!
//! 1. roots and pins of the long-lived trees;
//! 2. for every proof, roots of its own trees, every sealed scalar `m + π`, and every challenge;
//! 3. `q = s + Σ coef_c·f_c` with its value `y = q(z)`, the positions, the opened rows with their salts, and the digests of all
//!    other leaves.
//!
//! The closing of the pads is not in it. The tests of the commitment to pads build, for every view of a closing and every
//! pads that satisfy its equations, the coins with which an honest prover shows this view: so it says that the equations
//! hold, and nothing else. That they *can* hold for a simulated view is shown here.
//!
//! # The simulator
//! It knows the statement: graph, layout and public tensors. It may program the random oracle, so it draws the oracle's answers
//! before it fits messages to them.
//!
//! * **Step 1, pins.** The point of a pin is an answer of the oracle. The value is uniform: it is a functional of at least
//!   three random rows that no opening determines, and nonzero on them but with probability `|F|^−3` (see *What is not perfect*).
//! * **Step 2, challenges.** All answers of the oracle for one proof are uniform. A prover starts again when `α` hits a
//!   fingerprint; honest lookups hit only rows of public tables, so the simulator knows when, and draws again too.
//! * **Step 3, scalars.** The one verifier runs, in a context of its own in which [`Context::receive`] draws a uniform scalar
//!   and no equation is looked at: `m + π` with a uniform `π` that nothing else depends on.
//! * **Step 4, the opening.** `q` is uniform in all rows, since the mask `s` is and enters `q` with coefficient one. The rows of
//!   all columns but the mask's are uniform at the drawn positions: `t` values at distinct points of the `T ≥ t` random rows,
//!   one run of exponents, are an invertible (Vandermonde) image of `t` of them. A position of a long-lived tree that was opened
//!   before shows the same row again. The mask's values are not free: `s(x_j) = q(x_j) − Σ coef_c·f_c(x_j)`.
//! * **Step 5, trees.** Salts of opened rows are uniform, and so are the digests of all other leaves, which hash salts that
//!   nobody sees; roots follow. A simulator that is asked for statements one after the other programs the leaves instead.
//!
//! # What is shown
//! * *Exactly*: [`explain`] takes a simulated view and **any** secret of the statement, and solves for random rows, mask and pads;
//!   the honest prover, run with these coins, makes this view, and the recorded equations hold. The coins of a view
//!   are an affine space whose dimension does not depend on the secret. So every view comes from every secret equally often.
//! * *Statistically*: chi-square tests of all coordinates of a view, of what is left of them when an attacker takes a candidate
//!   secret off, and of all pairs of these, cannot tell real lives from simulated ones, with a false alarm below `2^−30` in all.
//! * *That the tests see*: every sabotaged prover is told apart, by the same battery or by an attack written for it.
//!
//! # What is not perfect
//! The pin's functional may vanish on the random rows that the openings leave: with `d` rows left and one column, at
//! probability `|F|^−d` over the oracle here, and about `p^−(d−4)` for the real suite, whose pins are five functionals.
//!
//! [`Context::receive`]: zkml_iop::context::Context::receive
//! [`explain`]: explain::explain

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, unreachable_pub, reason = "tests")]

mod columns;
mod explain;
mod field;
mod linear;
mod oracle;
mod protocol;
mod simulator;
mod statistics;

use columns::{POINTS, QUERIES, ROWS, evaluate, hash_leaf, point};
use explain::{Unexplained, bare, explain, own_data, shared_trees};
use field::{F, P};
use linear::solve;
use oracle::Dice;
use p3_field::{Field, PrimeCharacteristicRing};
use protocol::{
    Life, OPENINGS, Prover, SHARED, SHARED_ROWS, Statement, Witness, data_columns, real, statement, violated,
};
use simulator::simulate;
use statistics::{Verdict, compare};
use zkml_iop::layout::TreeKind;

/// Lives per sample where an effect is certain, and where none is expected.
const FEW: usize = 250;
const MANY: usize = 1200;
/// The same for whoever sets this variable of the environment.
const SLOW: &str = "ZKML_SLOW_TESTS";
const VERY_MANY: usize = 20_000;

/// Buckets of a coordinate in the tests of pairs.
const BUCKETS: usize = 7;

fn many() -> usize {
    if std::env::var_os(SLOW).is_some() { VERY_MANY } else { MANY }
}

/// Whether no position is opened twice in a life: then all its opened rows are free.
fn is_spread(life: &Life) -> bool {
    let mut seen = [false; POINTS];
    let fresh = |&p: &usize| !core::mem::replace(&mut seen[p], true);
    let positions: Vec<usize> = life.proofs.iter().flat_map(|p| p.1.opening.positions.clone()).collect();
    positions.len() == QUERIES * life.proofs.len() && positions.iter().all(fresh)
}

/// What is left of values at distinct points when the highest rows, one fewer than points, and the data rows are taken off:
/// the share of the next lower row. It is the value of the functional that vanishes on those rows.
fn share_of_next_row(values: &[(usize, F)], data: &[F]) -> F {
    let points: Vec<F> = values.iter().map(|(p, _)| point(*p)).collect();
    let lowest = ROWS - points.len() + 1;
    let term = |(j, &(_, value)): (usize, &(usize, F))| {
        let x = points[j];
        let others = points.iter().enumerate().filter(|(k, _)| *k != j).map(|(_, &y)| x - y);
        (value - evaluate(data, x)) * (x.exp_u64(lowest as u64) * others.product::<F>()).inverse()
    };
    values.iter().enumerate().map(term).sum()
}

/// A view as numbers below [`P`], with what an attacker makes of it who guesses a secret: sealed scalars without the guess,
/// differences between proofs, and what one random row fewer would not hide.
fn coordinates(statement: &Statement, life: &Life, guess: &Witness) -> Vec<u8> {
    let layout = &statement.layout;
    let mut all: Vec<F> = life.pins.iter().map(|pin| pin.value).collect();
    let mut masks: Vec<Vec<F>> = Vec::new();
    for (index, (_, proof)) in life.proofs.iter().enumerate() {
        all.extend(&proof.scalars);
        all.extend(&proof.opening.q);
        all.extend(proof.opening.trees.iter().flat_map(|t| t.rows.iter().flatten()));
        let bare = bare(statement, life, index, guess);
        let mut left: Vec<F> = proof.scalars.iter().zip(&bare.scalars).map(|(&s, &m)| s - m).collect();
        all.extend(&left);
        left.extend(&proof.opening.q);
        masks.push(left);
        for (kind, data) in own_data(statement, &bare) {
            let rows = &proof.opening.trees[layout.tree(kind).unwrap()].rows;
            let positions = &proof.opening.positions;
            for (c, data) in data.iter().enumerate() {
                let values: Vec<_> = positions.iter().zip(rows).map(|(&p, row)| (p, row[c])).collect();
                all.push(share_of_next_row(&values, data));
            }
        }
    }
    for later in &masks[1..] {
        all.extend(later.iter().zip(&masks[0]).map(|(&a, &b)| a - b));
    }
    for kind in SHARED {
        let tree = layout.tree(kind).unwrap();
        for (c, data) in data_columns(statement, kind, guess).iter().enumerate() {
            let openings = life.proofs.iter().map(|p| &p.1.opening);
            let values: Vec<_> = openings
                .flat_map(|o| o.positions.iter().zip(&o.trees[tree].rows).map(|(&p, row)| (p, row[c])))
                .collect();
            all.push(share_of_next_row(&values, data));
        }
    }
    all.iter().map(|v| v.value() as u8).collect()
}

/// Real and simulated lives, as an attacker sees them who guesses right.
fn battery(prover: Prover, num_proofs: usize, count: usize, seed: u64) -> Verdict {
    let (statement, [secret, _]) = statement();
    let sample = |make: &(dyn Fn(&mut Dice) -> Life + Sync), seed: u64| -> Vec<Vec<u8>> {
        let dice = &mut Dice::new(seed);
        let lives = std::iter::repeat_with(|| make(dice)).filter(is_spread).take(count);
        lives.map(|life| coordinates(&statement, &life, &secret)).collect()
    };
    let (real, simulated) = std::thread::scope(|scope| {
        let real = scope.spawn(|| sample(&|dice| real(&statement, &secret, prover, num_proofs, dice), seed));
        let simulated = sample(&|dice| simulate(&statement, num_proofs, dice), !seed);
        (real.join().unwrap(), simulated)
    });
    compare(&real, &simulated, P as usize, BUCKETS)
}

#[test]
fn simulated_views_are_read_by_the_verifier_like_real_ones() {
    let (statement, [secret, _]) = statement();
    let dice = &mut Dice::new(1);
    for _ in 0..20 {
        for life in
            [real(&statement, &secret, Prover::Honest, OPENINGS, dice), simulate(&statement, OPENINGS, dice)]
        {
            for index in 0..OPENINGS {
                let shape = life.record(&statement, index).unwrap().shape;
                assert_eq!(shape.num_pads, life.proofs[index].1.scalars.len());
            }
        }
    }
}

#[test]
fn every_simulated_view_is_a_view_of_every_secret_for_equally_many_coins() {
    let (statement, secrets) = statement();
    let dice = &mut Dice::new(2);
    let mut dimensions = Vec::new();
    for _ in 0..40 {
        let life = simulate(&statement, OPENINGS, dice);
        let [first, second] = secrets.each_ref().map(|secret| explain(&statement, &life, secret).unwrap());
        assert_eq!(first, second);
        dimensions.push((is_spread(&life), first));
    }
    // Where no position repeats, every opened value takes one dimension of randomness and every pin one.
    let columns = SHARED.iter().map(|&kind| statement.layout.columns(kind)).sum::<usize>();
    let left = columns * (SHARED_ROWS - OPENINGS * QUERIES) - SHARED.len();
    assert!(dimensions.iter().any(|d| d.0));
    assert!(dimensions.iter().all(|&(spread, dimension)| if spread {
        dimension == left
    } else {
        dimension > left
    }));
}

#[test]
fn every_real_view_is_a_view_of_the_other_secret_too() {
    let (statement, [first, second]) = statement();
    let dice = &mut Dice::new(3);
    for _ in 0..20 {
        let life = real(&statement, &first, Prover::Honest, OPENINGS, dice);
        assert_eq!(explain(&statement, &life, &second), explain(&statement, &life, &first));
        explain(&statement, &life, &second).unwrap();
    }
}

#[test]
fn no_statistic_tells_real_from_simulated_views() {
    let verdict = battery(Prover::Honest, OPENINGS, many(), 4);
    let (largest, coordinates) = verdict.largest;
    println!("{} statistics, the largest at {largest:.2} of its threshold", verdict.num_statistics);
    assert!(verdict.num_statistics > 10_000);
    assert!(!verdict.distinguishes(), "coordinates {coordinates:?} differ by {largest} thresholds");
}

#[test]
fn the_battery_tells_every_sabotaged_prover_apart() {
    for (prover, num_proofs) in [
        (Prover::NoPads, OPENINGS),
        (Prover::ReusedPads, OPENINGS),
        (Prover::MissingRow, OPENINGS),
        (Prover::ReusedMask, OPENINGS),
        // Honest, but opened more often than the trees have rows for.
        (Prover::Honest, SHARED_ROWS / QUERIES + 1),
    ] {
        let verdict = battery(prover, num_proofs, FEW, 5);
        println!(
            "{prover:?}, {num_proofs} proofs: {} of {} statistics exceed, the largest by a factor of {:.1}",
            verdict.num_excesses, verdict.num_statistics, verdict.largest.0
        );
        assert!(verdict.distinguishes(), "{prover:?} passes for the simulator");
    }
}

#[test]
fn without_pads_the_recorded_equations_hold_for_zeros() {
    let (statement, [secret, _]) = statement();
    let dice = &mut Dice::new(6);
    let mut passed = [0; 3];
    for _ in 0..50 {
        let lives = [
            real(&statement, &secret, Prover::NoPads, 1, dice),
            real(&statement, &secret, Prover::Honest, 1, dice),
            simulate(&statement, 1, dice),
        ];
        for (passed, life) in passed.iter_mut().zip(lives) {
            let relation = life.record(&statement, 0).unwrap();
            let zeros = vec![F::ZERO; relation.shape.num_pads];
            *passed += usize::from(violated(&relation, &zeros) == 0);
        }
    }
    assert_eq!(passed, [50, 0, 0]);
}

/// The equations of all proofs of a life as one linear system in the pads and products of pads of a single one: its rank, and
/// whether it has a solution.
fn one_set_of_pads(statement: &Statement, life: &Life) -> (usize, bool) {
    let (mut rows, mut right, mut unknowns) = (Vec::new(), Vec::new(), 0);
    for index in 0..life.proofs.len() {
        let relation = life.record(statement, index).unwrap();
        let pads = relation.shape.num_pads;
        unknowns = pads + relation.shape.products.len();
        for equation in &relation.equations {
            let mut row = vec![F::ZERO; unknowns];
            equation.terms.iter().for_each(|&(pad, k)| row[pad] += k);
            equation.products.iter().for_each(|&(product, k)| row[pads + product] += k);
            rows.push(row);
            right.push(-equation.constant);
        }
    }
    let solved = solve(rows, right, unknowns);
    (solved.rank, solved.solution.is_some())
}

#[test]
fn reused_pads_give_an_overdetermined_system_that_stays_solvable() {
    let (statement, [secret, _]) = statement();
    let dice = &mut Dice::new(7);
    let num_proofs = 40;
    let reused =
        one_set_of_pads(&statement, &real(&statement, &secret, Prover::ReusedPads, num_proofs, dice));
    let honest = one_set_of_pads(&statement, &real(&statement, &secret, Prover::Honest, num_proofs, dice));
    let simulated = one_set_of_pads(&statement, &simulate(&statement, num_proofs, dice));
    let equations = simulate(&statement, 1, dice).record(&statement, 0).unwrap().equations.len();
    assert!(equations * num_proofs > simulated.0, "more equations than independent ones");
    assert_eq!([reused.1, honest.1, simulated.1], [true, false, false]);
}

#[test]
fn with_a_random_row_missing_only_the_right_secret_explains_a_view() {
    let (statement, [secret, other]) = statement();
    let dice = &mut Dice::new(8);
    let (mut right, mut wrong) = (0, 0);
    let lives = std::iter::repeat_with(|| real(&statement, &secret, Prover::MissingRow, 1, dice));
    for life in lives.filter(is_spread).take(30) {
        right += usize::from(own_trees_lack_a_row(&statement, &life, &secret));
        wrong += usize::from(own_trees_lack_a_row(&statement, &life, &other));
        let simulated = simulate(&statement, 1, &mut Dice::new(right as u64 + 1000));
        assert!(!is_spread(&simulated) || !own_trees_lack_a_row(&statement, &simulated, &secret));
    }
    assert_eq!((right, wrong), (30, 0));
}

/// Whether the functional that vanishes on all random rows but the lowest gives zero for every column of a guess.
fn own_trees_lack_a_row(statement: &Statement, life: &Life, guess: &Witness) -> bool {
    let opening = &life.proofs[0].1.opening;
    own_data(statement, &bare(statement, life, 0, guess)).iter().all(|(kind, data)| {
        let rows = &opening.trees[statement.layout.tree(*kind).unwrap()].rows;
        data.iter().enumerate().all(|(c, data)| {
            let values: Vec<_> = opening.positions.iter().zip(rows).map(|(&p, row)| (p, row[c])).collect();
            share_of_next_row(&values, data).is_zero()
        })
    })
}

#[test]
fn a_tree_opened_once_too_often_is_explained_by_its_own_weights_alone() {
    let (statement, [secret, other]) = statement();
    let dice = &mut Dice::new(9);
    // Within the budget both secrets explain the trees; beyond it one does.
    for (num_proofs, hidden) in [(OPENINGS, true), (SHARED_ROWS / QUERIES + 1, false)] {
        let lives = std::iter::repeat_with(|| real(&statement, &secret, Prover::Honest, num_proofs, dice));
        for life in lives.filter(is_spread).take(20) {
            shared_trees(&statement, &life, &secret).unwrap();
            match shared_trees(&statement, &life, &other) {
                Ok(_) => assert!(hidden),
                Err(Unexplained::Rows(kind)) => assert!(!hidden && SHARED.contains(&kind)),
                Err(Unexplained::Other) => panic!("the trees alone are explained"),
            }
        }
    }
}

#[test]
fn a_reused_mask_cancels_and_shows_the_data_of_both_proofs() {
    let (statement, [secret, other]) = statement();
    // The difference of both combinations, in the rows with data alone, is that of a guess.
    let cancels = |life: &Life, guess: &Witness| {
        let [a, b] = [0, 1].map(|i| {
            let bare = bare(&statement, life, i, guess).opening.q;
            life.proofs[i].1.opening.q.iter().zip(bare).map(|(&q, c)| q - c).collect::<Vec<F>>()
        });
        a[..ROWS - SHARED_ROWS] == b[..ROWS - SHARED_ROWS]
    };
    let dice = &mut Dice::new(10);
    for _ in 0..20 {
        let reused = real(&statement, &secret, Prover::ReusedMask, 2, dice);
        assert!(cancels(&reused, &secret) && !cancels(&reused, &other));
        assert!(!cancels(&real(&statement, &secret, Prover::Honest, 2, dice), &secret));
        assert!(!cancels(&simulate(&statement, 2, dice), &secret));
    }
}

#[test]
fn leaves_without_salts_give_rows_away_that_nobody_opened() {
    let (statement, [secret, other]) = statement();
    // The narrowest tree: one column, 193 candidates for a leaf.
    let kind = TreeKind::Committed(0);
    let (tree, width) = (statement.layout.tree(kind).unwrap(), statement.layout.columns(kind));
    assert_eq!(width, 1);
    let search = |life: &Life| -> Vec<(usize, F)> {
        let leaves = &life.proofs[0].1.opening.trees[tree].leaves;
        let candidates = (0..P).map(F::from_u32).collect::<Vec<F>>();
        let found = |position: &usize| {
            let value = candidates.iter().find(|&&v| hash_leaf(&[0; 16], &[v]) == leaves[*position])?;
            Some((*position, *value))
        };
        (0..POINTS).collect::<Vec<_>>().iter().filter_map(found).collect()
    };
    let dice = &mut Dice::new(11);
    for _ in 0..10 {
        let rows = search(&real(&statement, &secret, Prover::Unsalted, 1, dice));
        assert_eq!(rows.len(), POINTS, "every row is found");
        // More rows than random ones: the guess that takes off everything but them is the secret.
        let values = &rows[..SHARED_ROWS + 1];
        let share = |guess| share_of_next_row(values, &data_columns(&statement, kind, guess)[0]);
        assert!(share(&secret).is_zero() && !share(&other).is_zero());
        assert!(search(&real(&statement, &secret, Prover::Honest, 1, dice)).is_empty());
        assert!(search(&simulate(&statement, 1, dice)).is_empty());
    }
}
