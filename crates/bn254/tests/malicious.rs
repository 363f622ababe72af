//! A malicious prover that owns its witness, recounts the multiplicities, and states whatever outputs suit it is refused by the
//! native verifier and by the circuit: the attacks on relations are those that every commitment is tested with.

#![allow(clippy::unwrap_used, reason = "tests")]

mod case;
#[path = "../../iop/tests/relations/mod.rs"]
mod relations;

use case as clear;
use case::Case;
use case::sketch::{I8, Sketch, U8, conv, gemm};
use zkml_iop::builder::Visibility::{Private, Public};
use zkml_iop::error::VerifyError;
use zkml_iop::packing::WORD;
use zkml_iop::system::Home;
use zkml_ir::ops::{ArgMax, Lookup, Max};
use zkml_ir::{Interval, Op, Table};

/// Every tensor that the prover commits is moved by one in one entry, in both directions.
fn assert_bound(case: &Case, relation_count: usize) {
    let stated = |tensor| case.system.packed.iter().any(|packed| packed.0 == tensor);
    let mut attacks = 0;
    for (tensor, declared) in case.system.tensors.iter().enumerate().filter(|(_, t)| t.home == Home::Witness)
    {
        for (change, at) in [(1, 0), (-1, usize::MAX)] {
            let mut f = case.forge();
            let at = at.min(f.witness[tensor].len() - 1);
            f.witness[tensor][at] += change;
            // No contract takes a statement of such an entry.
            if stated(tensor) && !declared.range.contains(f.witness[tensor][at].into()) {
                continue;
            }
            if !case.system.tables.iter().any(|t| t.multiplicity == tensor) {
                f.recount();
            }
            assert!(f.verdict().is_err(), "{} {change}", declared.name);
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

/// Both entries of a pair have no weight, so that nothing but their range and the statement's words says anything about them.
fn idle_pair() -> Case {
    let mut s = Sketch::new();
    let x = s.input(&[1, 4], U8);
    let w = s.weight(&[3, 4], I8);
    let weights = &mut s.weights[0].data;
    (0..3).for_each(|row| weights[4 * row..4 * row + 2].fill(0));
    let acc = s.node(gemm(), &[x, w]);
    let y = s.relu(acc, 7, 8);
    s.case(y, 1, (Public, Public))
}

#[test]
fn a_statement_of_other_tensors_than_those_in_the_columns_is_refused() {
    let case = case::mixed();
    case.assert_complete();
    let refused = |public: &zkml_bn254::Public| {
        let fresh = case.prove_under(&case.relation, public, case.witness.clone());
        // Nor does a proof of the honest statement serve another one.
        [fresh, case.honest()].iter().all(|proof| case.verify_public(public, proof).is_err())
    };
    for packed in &case.relation.packing.tensors {
        for at in (0..packed.entries()).step_by(9) {
            let mut public = case.public.clone();
            public.tensors[packed.tensor][at] ^= 1;
            assert!(refused(&public), "{:?} entry {at}", packed.port);
        }
        // The same words in another order.
        let mut public = case.public.clone();
        public.tensors[packed.tensor].rotate_left(WORD / packed.width() % packed.entries());
        assert!(public == case.public || refused(&public), "{:?} in another order", packed.port);
    }
}

#[test]
fn values_of_packed_tensors_that_fit_the_statement_but_not_the_columns_are_refused() {
    let case = case::mixed();
    let [(x, first), (other, second)] = [case.system.packed[0], case.system.packed[1]];
    // The statement exchanges both inputs. So does the prover where it weighs packed tensors, and nowhere else: the values that it
    // sends add up to the statement's.
    let mut public = case.public.clone();
    public.tensors.swap(x, other);
    let mut system = case.system.clone();
    system.packed[0] = (other, first);
    system.packed[1] = (x, second);
    let mut relation = case.relation.clone();
    relation.system = system;
    let proof = case.prove_under(&relation, &public, case.witness.clone());
    let error = case.verify_public(&public, &proof).unwrap_err();
    assert!(matches!(error, VerifyError::Unequal { check: "claim reduction" }), "{error}");
}

#[test]
fn an_entry_beyond_its_interval_that_fits_its_byte_is_refused() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 4], Interval::new(0, 199));
    let w = s.weight(&[3, 4], I8);
    s.weights[0].data.fill(0);
    let y = s.node(gemm(), &[x, w]);
    let mut case = s.case(y, 1, (Public, Public));
    case.assert_complete();
    // A verifier that takes every byte, as a contract does.
    let x = case.system.packed[0].0;
    case.relation.system.tensors[x].range = U8;
    case.relation.packing.tensors[0].range = U8;
    for (value, verdict) in [(199, true), (200, false), (255, false)] {
        let mut f = case.forge();
        f.witness[x][2] = value;
        f.recount();
        assert_eq!(f.verdict().is_ok(), verdict, "{value}");
    }
}

#[test]
fn entries_that_carry_into_each_other_pack_to_one_word_and_are_refused_by_their_ranges() {
    let case = idle_pair();
    let input = case.relation.packing.tensors[0].tensor;
    let mut f = case.forge();
    f.witness[input][0] -= 1;
    f.witness[input][1] += 256;
    f.recount();
    assert_eq!(f.broken(), ["range 256"]);
    let proof = case.prove_under(&case.relation, &case.public, f.witness);
    case.verify(&proof).unwrap_err();
    // What the ranges allow is accepted: another pair, and the statement of it.
    let mut f = case.forge();
    f.witness[input][0] ^= 1;
    f.recount();
    f.verdict().unwrap();
}
