//! Two statements that name one commitment mean one tensor.

use zkml::verifier::ir::ops::{AxisMap, Linear, View};
use zkml::verifier::ir::{Graph, Interval, Op};
use zkml::verifier::{Parameters, TensorCommitment};
use zkml::{Card, Proof, Registered, verify};
use zkml_iop::prover::Randomness;
use zkml_stark::F;

use p3_field::PrimeCharacteristicRing;

use crate::forger::{Dice, commit, forge};

const PARAMETERS: Parameters = Parameters { log_rows: 9, security: 100, reserved: 0 };
const ROWS: usize = 1 << 9;
const U8: Interval = Interval::unsigned(8);

/// A model that shows the entries of its input from one on.
fn tail(shape: &[usize], from: usize) -> Card {
    let mut graph = Graph::new();
    let x = graph.add_input("x", shape.to_vec(), U8, 1.0).unwrap();
    let y = match shape {
        [length] => {
            let map = AxisMap { offset: from as i64, ..AxisMap::identity(0) };
            let view = View { shape: vec![length - from], axes: vec![map], fill: 0 };
            graph.add_node("tail", Op::View(view), &[x]).unwrap()
        }
        _ => graph.add_node("all", Op::Linear(Linear { coefficients: vec![1], constant: 0 }), &[x]).unwrap(),
    };
    graph.add_output("y", y, 1.0).unwrap();
    Card::new(graph, PARAMETERS, vec![]).unwrap()
}

fn accepted(card: &Card, proof: &Proof) -> bool {
    verify(&Registered::new(card.clone()).unwrap(), proof, 100).is_ok()
}

fn numbers(seed: u64, count: usize) -> Vec<i32> {
    let mut dice = Dice(seed);
    (0..count)
        .map(|_| {
            let _: F = dice.field();
            (dice.0 >> 40) as i32 & 255
        })
        .collect()
}

fn column(parts: &[(usize, &[i32])]) -> Vec<F> {
    let mut column = vec![F::ZERO; ROWS];
    for &(row, values) in parts {
        column[row..row + values.len()].iter_mut().zip(values).for_each(|(c, &v)| *c = F::from_u32(v as u32));
    }
    column
}

/// What a verifier compares.
fn same_commitment(a: &TensorCommitment, b: &TensorCommitment) -> bool {
    a.id() == b.id()
}

/// 17 slabs of 32 rows: without reserved rows the last two lie at (0, 480) and (1, 0), with 32 at (1, 0) and (1, 32).
#[test]
fn one_root_with_two_numbers_of_reserved_rows_is_not_one_commitment() {
    let card = tail(&[544], 480);
    let (head, x, y, z) = (numbers(1, 480), numbers(2, 32), numbers(3, 32), numbers(4, 32));
    let columns = vec![column(&[(0, &head), (480, &x)]), column(&[(0, &y), (32, &z)])];
    let suite = PARAMETERS.columns().unwrap();
    let (first, tree) = commit(&suite, columns.clone(), &[1, 544], 0);
    let (second, _) = commit(&suite, columns, &[1, 544], 32);
    let a = forge(&card, [head.clone(), x, y.clone()].concat(), (first, &tree)).unwrap();
    let b = forge(&card, [head, y, z].concat(), (second, &tree)).unwrap();
    let (one, other) = (&a.statement.commitments[0], &b.statement.commitments[0]);
    assert_eq!(one.root, other.root);
    assert_ne!(one.pin, other.pin, "another reading has another pin");
    assert!(accepted(&card, &a) && accepted(&card, &b), "each is true of its own commitment");
    assert_ne!(a.statement.outputs, b.statement.outputs);
    assert!(!same_commitment(one, other), "one root, two tensors");
}

/// `[10]` fills rows 0 to 9, `[2, 5]` rows 0 to 4 and 8 to 12.
#[test]
fn one_commitment_read_in_two_shapes_is_not_one_commitment() {
    let (flat, square) = (tail(&[10], 0), tail(&[2, 5], 0));
    let (data, beyond) = (numbers(5, 10), numbers(6, 3));
    let columns = vec![column(&[(0, &data), (10, &beyond)])];
    let suite = PARAMETERS.columns().unwrap();
    let (commitment, tree) = commit(&suite, columns.clone(), &[1, 10], 100);
    let (other, _) = commit(&suite, columns, &[1, 2, 5], 100);
    let read = [&data[..5], &data[8..], &beyond].concat();
    assert!(accepted(&flat, &forge(&flat, data, (commitment, &tree)).unwrap()));
    assert!(accepted(&square, &forge(&square, read.clone(), (other, &tree)).unwrap()));
    assert!(forge(&square, read, (commitment, &tree)).is_none(), "read in another shape, its pin is wrong");
}
