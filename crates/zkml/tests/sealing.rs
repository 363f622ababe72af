//! The sealing of whole proofs: an honest one shows nothing of its secrets that statistics see, a sabotaged one is seen
//! through, and a prover that bends the sealing itself is refused.
//!
//! Everything here runs on the real suite: KoalaBear, challenges of degree 5, 100 bits. The exact argument that a view comes
//! from every secret equally often is made part by part: for the sealed transcript on a small field in the tests of the
//! interactive proof, for openings and for the closing of the pads in those of the suite.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod workshop;

use p3_field::PrimeCharacteristicRing;
use workshop::{
    Claim, Coins, Made, Registrar, Sealing, argue, claim, input, limbs, parts, solve, verify, violated,
    weights,
};
use zkml::verifier::Refusal;
use zkml::verifier::argument::{Argument, Recorded, Task};
use zkml_iop::sealed::count;
use zkml_stark::K;

/// Proofs per sample, and for whoever sets this variable of the environment.
const PROOFS: usize = 48;
const SLOW: &str = "ZKML_SLOW_TESTS";
const MANY_PROOFS: usize = 200;

fn num_proofs() -> usize {
    if std::env::var_os(SLOW).is_some() { MANY_PROOFS } else { PROOFS }
}

/// The tree of weights is opened far more often here than its budget allows, unless a test looks at its rows.
fn registrar(coins: &mut Coins) -> Registrar {
    Registrar::honest(3, 1, coins)
}

fn prove(registrar: &Registrar, claim: &Claim, sealing: &Sealing, coins: &mut Coins) -> Made {
    let (task, start) = claim.task(&registrar.card, 0);
    argue(&task, &[&registrar.trees[0]], claim.witness.clone(), &start, sealing, coins).unwrap()
}

#[test]
fn a_proof_made_in_pieces_is_accepted() {
    let coins = &mut Coins::new(1);
    let registrar = registrar(coins);
    let claim = claim(&registrar.card, &weights(), &input());
    let made = prove(&registrar, &claim, &Sealing::Fresh, coins);
    assert_eq!(violated(&made.recorded, &made.pads), 0);
    verify(&registrar.card, &claim.proof(made.argument, 0)).unwrap();
}

#[test]
fn without_pads_zeros_satisfy_every_recorded_equation() {
    let coins = &mut Coins::new(2);
    let registrar = registrar(coins);
    let claim = claim(&registrar.card, &weights(), &input());
    let zeros = |made: &Made| violated(&made.recorded, &vec![K::ZERO; made.pads.len()]);
    let bare = prove(&registrar, &claim, &Sealing::None, coins);
    assert_eq!(zeros(&bare), 0);
    // It is a proof all the same: the verifier cannot know.
    verify(&registrar.card, &claim.proof(bare.argument, 0)).unwrap();
    let honest = prove(&registrar, &claim, &Sealing::Fresh, coins);
    assert_eq!(zeros(&honest), honest.recorded.equations.len());
}

/// The equations of several proofs as one linear system in one set of pads and products: rank, and whether it is solvable.
fn one_set_of_pads(proofs: &[Made]) -> (usize, bool) {
    let shape = &proofs[0].recorded.shape;
    let unknowns = shape.num_pads + shape.products.len();
    let (mut rows, mut right) = (Vec::new(), Vec::new());
    for equation in proofs.iter().flat_map(|made| &made.recorded.equations) {
        let mut row = vec![K::ZERO; unknowns];
        equation.terms.iter().for_each(|&(pad, k)| row[pad] += k);
        equation.products.iter().for_each(|&(product, k)| row[shape.num_pads + product] += k);
        rows.push(row);
        right.push(-equation.constant);
    }
    let (rank, solution) = solve(rows, right, unknowns);
    (rank, solution.is_some())
}

#[test]
fn reused_pads_give_an_overdetermined_system_that_stays_solvable() {
    let coins = &mut Coins::new(3);
    let registrar = registrar(coins);
    let claim = claim(&registrar.card, &weights(), &input());
    let first = prove(&registrar, &claim, &Sealing::Fresh, coins);
    let per_proof = first.recorded.equations.len();
    let unknowns = first.pads.len() + first.recorded.shape.products.len();
    // Some unknowns stand alone in few equations, so the rank is less than their number.
    let count = unknowns / per_proof + 2;
    let given = Sealing::Given(first.pads.clone());
    let mut reused: Vec<Made> = (1..count).map(|_| prove(&registrar, &claim, &given, coins)).collect();
    let mut fresh: Vec<Made> =
        (1..count).map(|_| prove(&registrar, &claim, &Sealing::Fresh, coins)).collect();
    reused.push(prove(&registrar, &claim, &given, coins));
    fresh.push(first);
    let (rank, solvable) = one_set_of_pads(&reused);
    println!("{} equations of rank {rank} in {unknowns} unknowns", per_proof * count);
    assert!(solvable && rank < per_proof * count);
    assert!(!one_set_of_pads(&fresh).1);
}

/// What a proof shows, as 31-bit words in a fixed order: sealed scalars, then responses of the closing, then opened rows.
fn shown(made: &Made) -> Vec<u32> {
    const RESPONSE_WORDS: usize = 3 * 128 * 5;
    let mut words: Vec<u32> = made.parts.scalars.iter().flat_map(limbs).collect();
    let closing = made.closing.as_chunks::<4>().0;
    words.extend(closing[..RESPONSE_WORDS].iter().map(|w| u32::from_le_bytes(*w)));
    for tree in 0..made.parts.opening.num_trees() {
        use p3_field::PrimeField32;
        // Some positions may repeat, so that few rows are there in every proof.
        words.extend(made.parts.opening.rows(tree)[..40].iter().map(PrimeField32::as_canonical_u32));
    }
    words
}

/// The bits of a word that are looked at: the lowest three and the highest.
const BITS: [u32; 4] = [0, 1, 2, 30];

/// The collective chi-square statistic of samples of words: for each word and bit, the squared difference of the numbers of
/// ones in both samples over its variance. With its threshold for a false alarm of `2^−30`.
fn collective(a: &[Vec<u32>], b: &[Vec<u32>]) -> (f64, f64) {
    assert!(a.iter().chain(b).all(|words| words.len() == a[0].len()));
    let (mut sum, mut freedom) = (0.0, 0.0);
    for word in 0..a[0].len() {
        for bit in BITS {
            let ones = |sample: &[Vec<u32>]| sample.iter().filter(|s| s[word] >> bit & 1 == 1).count() as f64;
            let (x, y, n) = (ones(a), ones(b), a.len() as f64);
            let share = (x + y) / (2.0 * n);
            if share > 0.0 && share < 1.0 {
                sum += (x - y) * (x - y) / (2.0 * n * share * (1.0 - share));
                freedom += 1.0;
            }
        }
    }
    // Laurent and Massart, Annals of Statistics 28 (2000), Lemma 1.
    let x = 30.0 * core::f64::consts::LN_2;
    (sum, freedom + 2.0 * f64::sqrt(freedom * x) + 2.0 * x)
}

fn sample(registrar: &Registrar, claim: &Claim, sealing: &Sealing, coins: &mut Coins) -> Vec<Made> {
    (0..num_proofs()).map(|_| prove(registrar, claim, sealing, coins)).collect()
}

/// Sealed scalars with the scalars of a guess taken off: an attacker's view who guesses the secret and its random rows.
fn without_guess(made: &Made) -> Vec<u32> {
    made.pads.iter().flat_map(limbs).collect()
}

#[test]
fn what_proofs_of_two_secrets_show_has_the_same_low_order_statistics() {
    let coins = &mut Coins::new(4);
    let registrar = registrar(coins);
    let first = claim(&registrar.card, &weights(), &input());
    // Another image with the same scores: a pixel that no hidden value sees after rounding.
    let second = same_output(&registrar, &first);
    let [a, b] = [&first, &second].map(|claim| sample(&registrar, claim, &Sealing::Fresh, coins));
    let words = |sample: &[Made]| sample.iter().map(shown).collect::<Vec<_>>();
    let (statistic, threshold) = collective(&words(&a), &words(&b));
    println!("{} proofs each: {statistic:.0}, threshold {threshold:.0}", a.len());
    assert!(statistic < threshold);

    // The same against uniform words, and for what is left when the right secret is taken off.
    let uniform = |count: usize, coins: &mut Coins| -> Vec<Vec<u32>> {
        (0..a.len())
            .map(|_| coins.scalars(count.div_ceil(5)).iter().flat_map(limbs).take(count).collect())
            .collect()
    };
    for sample in [&a, &b] {
        for words in [words(sample), sample.iter().map(without_guess).collect()] {
            let (statistic, threshold) = collective(&words, &uniform(words[0].len(), coins));
            assert!(statistic < threshold, "{statistic} > {threshold}");
        }
    }
}

/// A statement with another input and the same output.
fn same_output(registrar: &Registrar, first: &Claim) -> Claim {
    let inputs = (0..4).flat_map(|pixel| [1, -1].map(|change| (pixel, change)));
    let mut others = inputs.map(|(pixel, change)| {
        let mut other = input();
        other.data[pixel] += change;
        claim(&registrar.card, &weights(), &other)
    });
    let fits = |other: &Claim| other.statement == first.statement && other.witness != first.witness;
    others.find(fits).unwrap()
}

#[test]
fn the_statistics_see_missing_and_reused_pads() {
    let coins = &mut Coins::new(5);
    let registrar = registrar(coins);
    let claim = claim(&registrar.card, &weights(), &input());
    let honest = sample(&registrar, &claim, &Sealing::Fresh, coins);
    let reused = sample(&registrar, &claim, &Sealing::Given(honest[0].pads.clone()), coins);
    let none = sample(&registrar, &claim, &Sealing::None, coins);
    let words = |sample: &[Made]| sample.iter().map(without_guess).collect::<Vec<_>>();
    for sabotaged in [reused, none] {
        let (statistic, threshold) = collective(&words(&sabotaged), &words(&honest));
        assert!(statistic > threshold, "{statistic} < {threshold}");
    }
}

#[test]
fn a_false_statement_whose_pads_are_chosen_after_the_challenges_is_refused() {
    let coins = &mut Coins::new(6);
    let registrar = registrar(coins);
    let mut false_claim = claim(&registrar.card, &weights(), &input());
    false_claim.statement.outputs[0].data[0] += 1;
    let (task, start) = false_claim.task(&registrar.card, 0);
    let trees = [&registrar.trees[0]];
    // The attacker runs the protocol behind some commitment, and then looks for pads that satisfy what is recorded.
    let (system, layout) = (&task.relation.system, &task.relation.layout);
    let shape = count(system, layout, &task.public, task.wide.len()).unwrap();
    let suite = task.ligero(shape.num_pads, shape.products.len()).unwrap();
    let zeros = vec![K::ZERO; shape.num_pads];
    let (first_root, _) = suite.commit(&zeros, &shape.products, coins).unwrap();
    let parts =
        parts(&task, &trees, false_claim.witness.clone(), (&start, &first_root), &zeros, coins).unwrap();
    let mut transcript = start.clone();
    Task::absorb_pads(&mut transcript, &first_root);
    let recorded = task.record(&mut transcript, &parts).unwrap();
    let pads = fitting_pads(&recorded, coins);
    assert_eq!(violated(&recorded, &pads), 0);
    let (second_root, tree) = suite.commit(&pads, &shape.products, coins).unwrap();
    let closing = suite.prove(&tree, &recorded.relation(), &mut transcript.clone()).unwrap();

    // Had the commitment not been bound before the challenges, this would be a proof of the false statement.
    suite.verify(&second_root, &recorded.relation(), &closing, &mut transcript.clone()).unwrap();
    for root in [first_root, second_root] {
        let argument = Argument::new(root, &parts, &task.relation.columns, suite.encode(&closing));
        verify(&registrar.card, &false_claim.proof(argument, 0)).unwrap_err();
    }
}

/// Pads that satisfy recorded equations with products of their own. Some are random, so that no product has two unknown
/// factors; the others solve a linear system. Which ones can is tried.
fn fitting_pads(recorded: &Recorded, coins: &mut Coins) -> Vec<K> {
    let shape = &recorded.shape;
    for _ in 0..1000 {
        let mut order: Vec<([u8; 8], usize)> = (0..shape.num_pads).map(|pad| (coins.bytes(), pad)).collect();
        order.sort_unstable();
        let mut unknown: Vec<Option<usize>> = vec![None; shape.num_pads];
        let mut count = 0;
        for (_, pad) in order {
            let meets = |&(a, b): &(usize, usize)| {
                (a == pad && (b == pad || unknown[b].is_some())) || (b == pad && unknown[a].is_some())
            };
            if !shape.products.iter().any(meets) {
                unknown[pad] = Some(count);
                count += 1;
            }
        }
        let mut pads = coins.scalars(shape.num_pads);
        let (mut rows, mut right) = (Vec::new(), Vec::new());
        for equation in &recorded.equations {
            let (mut row, mut known) = (vec![K::ZERO; count], equation.constant);
            let mut add = |pad: usize, k: K| match unknown[pad] {
                Some(index) => row[index] += k,
                None => known += k * pads[pad],
            };
            equation.terms.iter().for_each(|&(pad, k)| add(pad, k));
            for &(product, k) in &equation.products {
                let (a, b) = shape.products[product];
                let (fixed, other) = if unknown[a].is_some() { (b, a) } else { (a, b) };
                add(other, k * pads[fixed]);
            }
            rows.push(row);
            right.push(-known);
        }
        if let (_, Some(solution)) = solve(rows, right, count) {
            for (pad, index) in unknown.iter().enumerate() {
                pads[pad] = index.map_or(pads[pad], |index| solution[index]);
            }
            return pads;
        }
    }
    panic!("no choice of unknown pads solves the equations");
}

#[test]
fn a_recorded_equation_that_the_prover_drops_is_missed() {
    let coins = &mut Coins::new(7);
    let registrar = registrar(coins);
    let mut false_claim = claim(&registrar.card, &weights(), &input());
    false_claim.statement.outputs[0].data[1] -= 1;
    // Closed with a valid proof of all equations that hold.
    let made = prove(&registrar, &false_claim, &Sealing::Fresh, coins);
    assert!(!made.holds && violated(&made.recorded, &made.pads) < made.recorded.equations.len());
    let refusal = verify(&registrar.card, &false_claim.proof(made.argument, 0)).unwrap_err();
    assert!(matches!(refusal, Refusal::Closing(_)), "{refusal}");
}

#[test]
fn a_closing_of_another_proof_is_refused() {
    let coins = &mut Coins::new(8);
    let registrar = registrar(coins);
    let claim = claim(&registrar.card, &weights(), &input());
    let [a, b] = [(); 2].map(|()| prove(&registrar, &claim, &Sealing::Fresh, coins));
    // The same pads under the same statement, but another transcript.
    let same = prove(&registrar, &claim, &Sealing::Given(a.pads.clone()), coins);
    let (task, _) = claim.task(&registrar.card, 0);
    let suite = task.ligero(a.pads.len(), a.recorded.shape.products.len()).unwrap();
    for other in [&b, &same] {
        let (root, _) = suite.commit(&a.pads, &a.recorded.shape.products, &mut Coins::new(1)).unwrap();
        let argument = Argument::new(root, &a.parts, &task.relation.columns, other.closing.clone());
        verify(&registrar.card, &claim.proof(argument, 0)).unwrap_err();
    }
}
