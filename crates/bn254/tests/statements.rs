//! Statements are proven, and the circuit agrees with the native verifier on honest and changed proofs.

#![allow(clippy::unwrap_used, reason = "tests")]

mod case;

use case::Case;
use case::sketch::{I8, Sketch, U8, conv, gemm};
use p3_field::PrimeCharacteristicRing;
use zkml_bn254::relation::{MAX_COLUMNS, MAX_PUBLIC_BYTES};
use zkml_bn254::{Bn254Error, F, OuterProof, Relation};
use zkml_iop::builder::Visibility::{Committed, Private, Public as Visible};
use zkml_iop::builder::{Shape, Visibility};
use zkml_ir::Op;
use zkml_ir::ops::Max;

/// `y = relu(W·x)`.
fn layer() -> (Sketch, zkml_ir::TensorId) {
    let mut s = Sketch::new();
    let x = s.input(&[1, 4], U8);
    let w = s.weight(&[3, 4], I8);
    let acc = s.node(gemm(), &[x, w]);
    let y = s.relu(acc, 7, 8);
    (s, y)
}

fn layer_case() -> Case {
    let (s, y) = layer();
    s.case(y, 1, (Private, Visible))
}

#[test]
fn layers_are_proven_for_every_visibility_and_batch() {
    let (s, y) = layer();
    for (batch, input, output) in [
        (1, Private, Visible),
        (1, Visible, Visible),
        (1, Private, Private),
        (3, Visible, Visible),
        (1, Committed, Committed),
    ] {
        s.clone().case(y, batch, (input, output)).assert_complete();
    }
}

#[test]
fn what_no_contract_takes_has_no_relation() {
    let relation = |entries: usize, input: Visibility, log_rows: usize| {
        let mut s = Sketch::new();
        let x = s.input(&[1, entries], U8);
        let y = s.relu(x, 7, 8);
        s.graph.add_output("y", y, 1.0).unwrap();
        let shape = Shape { batch: 1, inputs: vec![input], outputs: vec![Private] };
        Relation::of(&s.graph, &shape, case::srs(), log_rows)
    };
    let limit = MAX_PUBLIC_BYTES;
    assert!(relation(limit, Visible, 14).is_ok());
    assert!(relation(limit + 1, Private, 14).is_ok());
    let too_long = relation(limit + 1, Visible, 14).unwrap_err();
    assert!(matches!(too_long, Bn254Error::Contract { got, .. } if got == limit + 1), "{too_long}");
    let too_wide = relation(limit, Private, 9).unwrap_err();
    assert!(matches!(too_wide, Bn254Error::Contract { limit: MAX_COLUMNS, .. }), "{too_wide}");
}

#[test]
fn convolutions_are_proven() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 2, 5, 5], U8);
    let w = s.weight(&[2, 2, 3, 3], I8);
    let acc = s.node(Op::Conv(conv([1, 1], [(1, 1), (0, 1)], 1)), &[x, w]);
    let y = s.relu(acc, 9, 8);
    s.case(y, 1, (Private, Visible)).assert_complete();
}

#[test]
fn a_proof_with_any_scalar_changed_is_refused_natively_and_by_the_circuit() {
    let case = layer_case();
    let proof = case.honest();
    let count = proof.clone().parts_mut().scalars.len();
    case.verify(&proof).unwrap();
    for index in 0..count {
        let mut changed = proof.clone();
        changed.parts_mut().scalars[index] += F::ONE;
        // The circuit derives other challenges, so it fails or is about another opening.
        assert!(case.verify(&changed).is_err(), "scalar {index}");
    }
}

#[test]
fn missing_and_trailing_scalars_are_refused() {
    let case = layer_case();
    let mut proof = case.honest();
    proof.parts_mut().scalars.pop();
    case.verify(&proof).unwrap_err();
    let mut proof = case.honest();
    proof.parts_mut().scalars.push(F::ZERO);
    // The circuit has no witness for it.
    proof.verify(&case.relation, &case.public, &case.points()).unwrap_err();
}

#[test]
fn exchanged_repeated_and_dropped_scalars_are_refused() {
    let case = layer_case();
    let honest = case.honest();
    let scalars = honest.clone().parts_mut().scalars.clone();
    for index in (1..scalars.len()).filter(|&i| scalars[i] != scalars[i - 1]) {
        let refused = |change: &dyn Fn(&mut Vec<F>)| {
            let mut proof = honest.clone();
            change(&mut proof.parts_mut().scalars);
            case.verify(&proof).unwrap_err();
        };
        refused(&|scalars| scalars.swap(index - 1, index));
        refused(&|scalars| scalars[index] = scalars[index - 1]);
        refused(&|scalars| scalars[index - 1..].rotate_left(1));
    }
}

#[test]
fn commitments_and_proofs_of_another_statement_are_refused() {
    let (s, y) = layer();
    let case = s.clone().case(y, 1, (Private, Visible));
    let others = [(1, Visible, Visible), (1, Private, Private), (2, Private, Visible)];
    let others = others.map(|(batch, input, output)| s.clone().case(y, batch, (input, output)));
    for other in &others {
        case.verify(&other.honest()).unwrap_err();
        other.verify(&case.honest()).unwrap_err();
    }
    // Of more samples, so that the columns hold something else.
    let other = others[2].honest().outer();
    let mut proof = case.honest();
    proof.parts_mut().witness = other.witness;
    case.verify(&proof).unwrap_err();
    let mut proof = case.honest();
    proof.parts_mut().helpers = other.helpers;
    case.verify(&proof).unwrap_err();
    let mut proof = case.honest();
    proof.parts_mut().helpers = None;
    case.verify(&proof).unwrap_err();
}

#[test]
fn another_output_or_context_is_refused() {
    let case = layer_case();
    let proof = case.honest();
    let output = case.relation.packing.tensors.last().unwrap().tensor;
    for change in [-1, 1] {
        let mut public = case.public.clone();
        let entry = &mut public.tensors[output][1];
        *entry = (*entry + change).rem_euclid(256);
        case.verify_public(&public, &proof).unwrap_err();
    }
    let mut public = case.public.clone();
    public.context.push(0);
    case.verify_public(&public, &proof).unwrap_err();
}

#[test]
fn another_models_weights_are_refused() {
    let case = layer_case();
    let mut witness = case.witness.clone();
    let weights = case.relation.system.tensors.iter().position(|t| t.name == "w").unwrap();
    witness[weights][0] ^= 1;
    let (public, proof) = (case.public_of(&witness), case.prove(witness));
    case.verify_public(&public, &proof).unwrap_err();
}

#[test]
fn outer_proofs_survive_their_encoding_and_every_flipped_bit_is_refused() {
    let case = layer_case();
    let outer = case.honest().outer();
    let bytes = outer.to_bytes();
    assert_eq!(bytes.len(), OuterProof::length(&case.relation));
    assert_eq!(OuterProof::from_bytes(&case.relation, &bytes).unwrap(), outer);
    let expected = case.public_inputs(&case.public, &outer).unwrap();
    for byte in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[byte] ^= 1 << (byte % 8);
        let refused = match OuterProof::from_bytes(&case.relation, &changed) {
            Err(_) => true,
            // An opening that still verifies would have to be for other public inputs.
            Ok(outer) => case.public_inputs(&case.public, &outer).is_none_or(|inputs| inputs != expected),
        };
        assert!(refused, "byte {byte}");
    }
    assert!(OuterProof::from_bytes(&case.relation, &bytes[1..]).is_err());
    assert!(OuterProof::from_bytes(&case.relation, &[&bytes[..], &[0; 32]].concat()).is_err());
}

#[test]
fn maxima_are_proven() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 3], I8);
    let y = s.node(Op::Max(Max {}), &[x]);
    s.case(y, 2, (Private, Visible)).assert_complete();
}
