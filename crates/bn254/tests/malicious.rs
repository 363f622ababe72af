//! A malicious prover that owns its witness, recounts the multiplicities, and states whatever outputs suit it is refused by the
//! native verifier and by the circuit.

#![allow(clippy::unwrap_used, reason = "tests")]

mod case;

use case::Case;
use case::sketch::{I8, Sketch, U8, conv, gemm};
use zkml_iop::builder::Visibility::{Private, Public};
use zkml_iop::system::{Home, System};
use zkml_ir::ops::{ArgMax, Lookup, Max};
use zkml_ir::{Op, Table};

/// Counts the rows of every table anew; a tuple in no row is not counted.
fn recount(system: &System, witness: &mut [Vec<i32>]) {
    let mut counts: Vec<Vec<i32>> = system.tables.iter().map(|t| vec![0; t.rows]).collect();
    for fraction in system.helpers.iter().flat_map(|h| &h.fractions).filter(|f| f.multiplicity.is_none()) {
        let table = &system.tables[fraction.table];
        let tuple: Vec<Vec<i64>> = fraction.tuple.iter().map(|e| system.evaluate(witness, e)).collect();
        for index in 0..tuple[0].len() {
            let holds = |&row: &usize| {
                table.columns.iter().zip(&tuple).all(|(&c, entry)| i64::from(witness[c][row]) == entry[index])
            };
            if let Some(row) = (0..table.rows).find(holds) {
                counts[fraction.table][row] += 1;
            }
        }
    }
    for (table, counts) in system.tables.iter().zip(counts) {
        witness[table.multiplicity] = counts;
    }
}

/// Every tensor that the prover commits or states is moved by one in one entry, in both directions.
fn assert_bound(case: &Case, relation_count: usize) {
    let system = &case.relation.system;
    let committed = |home: &Home| matches!(home, Home::Witness | Home::PublicOutput(_));
    let mut attacks = 0;
    for (tensor, declared) in system.tensors.iter().enumerate().filter(|(_, t)| committed(&t.home)) {
        for (change, at) in [(1, 0), (-1, usize::MAX)] {
            let mut witness = case.witness.clone();
            let at = at.min(witness[tensor].len() - 1);
            witness[tensor][at] += change;
            if matches!(declared.home, Home::PublicOutput(_))
                && !declared.range.contains(witness[tensor][at].into())
            {
                continue;
            }
            if !system.tables.iter().any(|t| t.multiplicity == tensor) {
                recount(system, &mut witness);
            }
            let (public, proof) = case.prove(witness);
            let name = &declared.name;
            assert!(proof.verify(&case.relation, &public, &case.points()).is_err(), "{name} {change}");
            assert!(!case.satisfied(&public, &proof), "{name} {change}");
            attacks += 1;
        }
    }
    assert!(attacks >= relation_count, "{attacks} attacks");
}

#[test]
fn every_tensor_of_a_layer_with_relu_is_bound() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 4], U8);
    let w = s.weight(&[3, 4], I8);
    let acc = s.node(gemm(), &[x, w]);
    let y = s.relu(acc, 7, 8);
    assert_bound(&s.case(y, 1, (Private, Public)), 12);
}

#[test]
fn every_tensor_of_a_convolution_and_a_maximum_is_bound() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 1, 4, 4], U8);
    let w = s.weight(&[2, 1, 3, 3], I8);
    let acc = s.node(Op::Conv(conv([1, 1], [(0, 0), (0, 0)], 1)), &[x, w]);
    let x = s.relu(acc, 8, 8);
    let y = s.node(Op::Max(Max {}), &[x]);
    assert_bound(&s.case(y, 1, (Private, Public)), 14);
}

#[test]
fn every_tensor_of_a_table_lookup_and_an_argmax_is_bound() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 5], I8);
    // Another input has another value, so that every change breaks something.
    let values = (-128..128).map(|v| -1 - v).collect();
    let table = s.graph.add_table(Table { name: "mirror".into(), start: -128, values }).unwrap();
    let x = s.node(Op::Lookup(Lookup { table }), &[x]);
    let y = s.node(Op::ArgMax(ArgMax {}), &[x]);
    assert_bound(&s.on(y, &[1, 90, -128, 70, 64], Public), 6);
}
