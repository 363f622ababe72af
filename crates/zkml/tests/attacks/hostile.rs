//! A small card and a proof of zeros do not exhaust a verifier.

use zkml::verifier::ir::ops::{AxisMap, Einsum, Linear, View};
use zkml::verifier::ir::{Graph, Interval, Op, Tensor, TensorId};
use zkml::verifier::{Parameters, Refusal, Relation, Shape};
use zkml::{Card, Proof, Registered, Statement, Visibility, verify};
use zkml_iop::error::RelationError;
use zkml_stark::DecodeError;

use crate::file::ProofFile;

const LOG_LENGTH: usize = 20;

/// A long private input and the same in reverse order.
fn reversed(graph: &mut Graph) -> (TensorId, TensorId) {
    let length = 1usize << LOG_LENGTH;
    let x = graph.add_input("x", vec![length], Interval::unsigned(1), 1.0).unwrap();
    let map = AxisMap { offset: length as i64 - 1, divisor: 1, terms: vec![(0, -1)] };
    let view = View { shape: vec![length], axes: vec![map], fill: 0 };
    (x, graph.add_node("reversed", Op::View(view), &[x]).unwrap())
}

/// `count` products of one rearranged tensor.
fn products(count: usize) -> Card {
    let mut graph = Graph::new();
    let (x, back) = reversed(&mut graph);
    let dot = Einsum { a: vec![0], b: vec![0], out: vec![] };
    let terms: Vec<TensorId> =
        (0..count).map(|_| graph.add_node("dot", Op::Einsum(dot.clone()), &[back, x]).unwrap()).collect();
    let sum = Op::Linear(Linear { coefficients: vec![1; count], constant: 0 });
    let y = graph.add_node("sum", sum, &terms).unwrap();
    graph.add_output("y", y, 1.0).unwrap();
    Card::new(graph, Parameters { log_rows: 18, security: 100, reserved: 0 }, vec![]).unwrap()
}

fn hidden() -> Shape {
    Shape { batch: 1, inputs: vec![Visibility::Private], outputs: vec![Visibility::Private] }
}

/// A proof of zeros that opens no rows.
fn zeros(card: &Card) -> Vec<u8> {
    let shape = Shape { outputs: vec![Visibility::Public], ..hidden() };
    let outputs = vec![Tensor { shape: vec![1], data: vec![0] }];
    let relation = Relation::new(card, &shape, &[]).unwrap();
    let mut opening = Vec::new();
    while let Err(DecodeError::Truncated { expected, got }) =
        relation.columns.decode_opening(&relation.widths(), &opening)
    {
        opening.resize(opening.len() + expected - got, 0);
    }
    let statement =
        Statement { model: card.id(), shape, inputs: vec![], outputs, commitments: vec![], context: vec![] };
    let zeros = ProofFile {
        statement,
        tree: None,
        pads: [0; 32],
        witness: [0; 32],
        scalars: vec![0; 20 * 5000],
        opening,
        closing: vec![],
    };
    zeros.to_bytes()
}

/// `count` products of one long tensor with itself, which lies in many slabs.
fn squares(count: usize) -> Card {
    let mut graph = Graph::new();
    let x = graph.add_input("x", vec![1 << 21], Interval::unsigned(1), 1.0).unwrap();
    let dot = Einsum { a: vec![0], b: vec![0], out: vec![] };
    for i in 0..count {
        let y = graph.add_node("dot", Op::Einsum(dot.clone()), &[x, x]).unwrap();
        graph.add_output(&format!("y{i}"), y, 1.0).unwrap();
    }
    Card::new(graph, Parameters { log_rows: 9, security: 100, reserved: 0 }, vec![]).unwrap()
}

/// `count` products of one public constant with a private tensor.
fn weighted(count: usize) -> Card {
    let mut graph = Graph::new();
    let length = 1 << 18;
    let x = graph.add_input("x", vec![length], Interval::unsigned(1), 1.0).unwrap();
    let c = Tensor { shape: vec![length], data: vec![1; length] };
    let c = graph.add_constant("c", c).unwrap();
    let dot = Einsum { a: vec![0], b: vec![0], out: vec![] };
    for i in 0..count {
        let y = graph.add_node("dot", Op::Einsum(dot.clone()), &[c, x]).unwrap();
        graph.add_output(&format!("y{i}"), y, 1.0).unwrap();
    }
    Card::new(graph, Parameters { log_rows: 18, security: 100, reserved: 0 }, vec![]).unwrap()
}

#[test]
fn a_proof_is_as_long_as_the_columns_that_it_claims() {
    let card = weighted(1);
    let proof = Proof::from_bytes(&zeros(&card)).unwrap();
    let error = verify(&Registered::new(card).unwrap(), &proof, 100).unwrap_err();
    assert!(matches!(error, Refusal::Opening(DecodeError::TooFew { got: 0, .. })), "{error}");
}

#[test]
fn products_of_one_rearrangement_are_bounded_together() {
    let statement = Shape { outputs: vec![Visibility::Public], ..hidden() };
    Relation::new(&products(4), &statement, &[]).unwrap();
    let error = Relation::new(&products(40), &statement, &[]).unwrap_err();
    assert!(matches!(error, Refusal::Relation(RelationError::TooLarge { .. })), "{error}");
}

#[test]
fn repeated_slices_of_one_rearrangement_are_bounded_together() {
    let slices = |count: usize| {
        let mut graph = Graph::new();
        let (_, back) = reversed(&mut graph);
        let slice = View { shape: vec![], axes: vec![AxisMap::fixed(5)], fill: 0 };
        let parts: Vec<TensorId> =
            (0..count).map(|_| graph.add_node("s", Op::View(slice.clone()), &[back]).unwrap()).collect();
        graph.add_output("y", parts[0], 1.0).unwrap();
        Card::new(graph, Parameters { log_rows: 18, security: 100, reserved: 0 }, vec![]).unwrap()
    };
    Relation::new(&slices(2), &hidden(), &[]).unwrap();
    let error = Relation::new(&slices(1000), &hidden(), &[]).unwrap_err();
    assert!(matches!(error, Refusal::Relation(RelationError::Unsupported { .. })), "{error}");
}

#[test]
fn claims_on_large_tensors_are_bounded_together() {
    let relation = |card: Card| {
        let outputs = vec![Visibility::Public; card.graph.outputs().len()];
        Relation::new(&card, &Shape { outputs, ..hidden() }, &[])
    };
    for card in [squares as fn(usize) -> Card, weighted] {
        relation(card(2)).unwrap();
        let error = relation(card(2000)).unwrap_err();
        assert!(matches!(error, Refusal::Relation(RelationError::TooLarge { .. })), "{error}");
    }
}
