//! Proofs of different secrets with one statement differ in nothing that can be told: not in sizes, counts or lengths, and not
//! in low-order statistics. Through the public interface, with the operating system's randomness.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod file;
mod workshop;

use std::collections::HashSet;

use file::ProofFile;
use workshop::{graph, input, weights};
use zkml::verifier::ir::{Model, Tensor, execute};
use zkml::{Options, ProveOptions, ProverKey, SetupOptions, prove, setup};
use zkml_quantize::{Compiled, Metadata};

/// Proofs per secret, and for whoever sets this variable of the environment.
const PROOFS: usize = 24;
const SLOW: &str = "ZKML_SLOW_TESTS";
const MANY_PROOFS: usize = 200;

fn num_proofs() -> usize {
    if std::env::var_os(SLOW).is_some() { MANY_PROOFS } else { PROOFS }
}

fn key(weights: Vec<Tensor>) -> ProverKey {
    let model = Model::new(graph(), weights).unwrap();
    let metadata = Metadata { options: Options::default(), inputs: vec![], bindings: vec![] };
    let options = SetupOptions {
        openings: Some(num_proofs() as u32 + 4),
        log_rows: Some(11),
        ..SetupOptions::default()
    };
    setup(Compiled { model, metadata }, options, &mut |_| {}).unwrap()
}

fn proofs(key: &ProverKey, input: &Tensor) -> Vec<ProofFile> {
    let samples = [vec![input.clone()]];
    let made =
        (0..num_proofs()).map(|_| prove(key, &samples, &ProveOptions::default(), &mut |_| {}).unwrap());
    made.map(|proven| ProofFile::read(&proven.proof.to_bytes().unwrap())).collect()
}

fn output(weights: &[Tensor], input: &Tensor) -> Tensor {
    let model = Model::new(graph(), weights.to_vec()).unwrap();
    let sample = [input.clone()];
    execute(&model, &sample).unwrap().value(model.graph.outputs()[0].tensor).clone()
}

/// The honest secret, one with another pixel, and one with another weight; the scores are the same.
fn secrets() -> [(Vec<Tensor>, Tensor); 3] {
    let expected = output(&weights(), &input());
    let pixels = (0..4).flat_map(|at| [1, -1, 2, -2].map(|change| (at, change)));
    let other_input = pixels
        .map(|(at, change)| {
            let mut other = input();
            other.data[at] = (other.data[at] + change).clamp(0, 255);
            other
        })
        .find(|other| *other != input() && output(&weights(), other) == expected);
    let entries = (0..12).flat_map(|at| [1, -1].map(|change| (at, change)));
    let other_weights = entries
        .map(|(at, change)| {
            let mut other = weights();
            other[0].data[at] += change;
            other
        })
        .find(|other| output(other, &input()) == expected);
    [(weights(), input()), (weights(), other_input.unwrap()), (other_weights.unwrap(), input())]
}

/// The lowest two bits and the highest of a word.
const BITS: [u32; 3] = [0, 1, 30];

/// The collective chi-square statistic of two samples of words and its threshold for a false alarm of `2^−30`; see the tests
/// of sealing.
fn collective(a: &[Vec<u32>], b: &[Vec<u32>]) -> (f64, f64) {
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
    let x = 30.0 * core::f64::consts::LN_2;
    (sum, freedom + 2.0 * f64::sqrt(freedom * x) + 2.0 * x)
}

/// Sealed scalars, and the responses of the closing: three polynomials, two of them of at least 1275 words.
fn words(parts: &ProofFile) -> Vec<u32> {
    let scalars = parts.scalars.as_chunks::<4>().0.iter();
    let closing = parts.closing.as_chunks::<4>().0[..2550].iter();
    scalars.chain(closing).map(|w| u32::from_le_bytes(*w)).collect()
}

/// Mean and variance.
fn moments(values: impl Iterator<Item = usize> + Clone) -> (f64, f64) {
    let count = values.clone().count() as f64;
    let mean = values.clone().sum::<usize>() as f64 / count;
    let variance = values.map(|v| (v as f64 - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, variance)
}

#[test]
fn proofs_of_other_secrets_with_one_statement_look_alike() {
    let samples = secrets().map(|(weights, input)| {
        let key = key(weights);
        (key.card().clone(), proofs(&key, &input))
    });
    let [(card, honest), others @ ..] = &samples;
    for (other_card, other) in others {
        // Whoever reads the cards learns sizes, and these are the same.
        assert_eq!(card.parameters, other_card.parameters);
        assert_eq!(card.graph, other_card.graph);
        assert_eq!(card.epochs[0].trees.len(), other_card.epochs[0].trees.len());
        for parts in honest.iter().chain(other) {
            assert_eq!(parts.statement.outputs, honest[0].statement.outputs);
            assert_eq!(parts.statement.shape, honest[0].statement.shape);
            assert_eq!(parts.scalars.len(), honest[0].scalars.len(), "scalars, hence rounds");
        }
        // Openings have as many rows as positions are distinct, and shared paths: chance that no secret touches. Eight
        // standard deviations of the difference of means are exceeded with probability below 2^-49.
        let lengths: [fn(&ProofFile) -> usize; 2] = [|p| p.opening.len(), |p| p.closing.len()];
        for length in lengths {
            let [(a, va), (b, vb)] = [honest, other].map(|s| moments(s.iter().map(length)));
            let deviation = ((va + vb) / honest.len() as f64).sqrt();
            println!("mean lengths {a:.0} and {b:.0}, standard deviation of the difference {deviation:.0}");
            assert!((a - b).abs() < 8.0 * deviation.max(1.0), "{a} and {b}");
        }
        let [a, b] = [honest, other].map(|s| s.iter().map(words).collect::<Vec<_>>());
        let (statistic, threshold) = collective(&a, &b);
        println!("{} proofs each: {statistic:.0}, threshold {threshold:.0}", a.len());
        assert!(statistic < threshold);
    }
}

#[test]
fn nothing_that_hides_a_proof_occurs_in_another() {
    let key = key(weights());
    let proofs = proofs(&key, &input());
    // The chance of one repeated scalar among all is below 2^-120; opened rows of the weights may repeat, their tree is shared.
    let mut scalars = HashSet::new();
    let mut roots = HashSet::new();
    for parts in &proofs {
        assert!(parts.scalars.chunks(20).all(|scalar| scalars.insert(scalar.to_vec())), "a scalar repeats");
        assert!(
            [parts.pads, parts.witness].into_iter().all(|root| roots.insert(root)),
            "a commitment repeats"
        );
        assert!(parts.closing.chunks(20).take(100).all(|scalar| scalars.insert(scalar.to_vec())));
    }
}

#[test]
fn a_debited_opening_stays_debited_when_no_proof_comes_of_it() {
    let key = key(weights());
    let left = || key.budget().unwrap().unwrap().left;
    let before = left();
    let options = ProveOptions::default();
    prove(&key, &[vec![input()]], &options, &mut |_| {}).unwrap();
    assert_eq!(left(), before - 1);
    // An input that does not fit fails before anything is spent, and says nothing of a proof.
    let mut outside = input();
    outside.data[0] = 256;
    prove(&key, &[vec![outside]], &options, &mut |_| {}).unwrap_err();
    assert_eq!(left(), before - 1);
}
