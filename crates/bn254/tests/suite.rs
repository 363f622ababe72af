//! Whole proofs by Groth16 and PLONK, and registrations.

#![allow(clippy::unwrap_used, reason = "tests")]

mod case;

use std::sync::Arc;

use case::sketch::{I8, Sketch, U8, gemm};
use case::{CONTEXT, Case, Counter};
use zkml_bn254::columns::ColumnTree;
use zkml_bn254::relation::choose_log_rows;
use zkml_bn254::{
    FIELD, ProvingKey, Public, Relation, Srs, SuiteError, SuiteProof, Verifier, VerifyingKey, prove,
};
use zkml_iop::builder::Visibility::{Private, Public as Visible};
use zkml_iop::commitment::ColumnCommitment;
use zkml_iop::layout::TreeKind;
use zkml_iop::prover::shared_columns;
use zkml_iop::registration::{registration_system, registration_witness};
use zkml_ir::Tensor;
use zkml_snark::circuit::Arithmetization;
use zkml_snark::{groth16, plonk};

/// `y = W·x` on one sample, everything else private.
fn product() -> Case {
    let mut s = Sketch::new();
    let x = s.input(&[1, 3], U8);
    let w = s.weight(&[2, 3], I8);
    let y = s.node(gemm(), &[x, w]);
    s.case(y, 1, (Private, Visible))
}

/// A case with its keys for both suites.
struct Keyed {
    case: Case,
    relation: Arc<Relation>,
    proofs: Vec<(Verifier, SuiteProof)>,
}

fn keyed(case: Case) -> Keyed {
    let relation = Arc::new(case.relation.clone());
    let (shared, clear) = (case.points(), case.honest());
    let weights = shared.first().map(|s| s.1.clone());
    let shape = relation.circuit(Arithmetization::R1cs).unwrap().shape().unwrap();
    let (proving, key) = groth16::testing_setup(&shape).unwrap();
    let finish = |key| clear.finish(key, &relation, &case.public, &shared).unwrap();
    let groth16 = finish(ProvingKey::Groth16(&proving));
    let groth16_verifier =
        Verifier::new(relation.clone(), VerifyingKey::Groth16(key), weights.clone()).unwrap();
    let shape = relation.circuit(Arithmetization::Plonk).unwrap().shape().unwrap();
    let srs = case::srs();
    assert!(plonk::srs_points(&shape) <= srs.g1.len());
    let key = plonk::setup(&shape, &srs).unwrap();
    let prover = plonk::Prover::new(&shape, &key).unwrap();
    let plonk = finish(ProvingKey::Plonk(&prover, &srs));
    let plonk_verifier = Verifier::new(relation.clone(), VerifyingKey::Plonk(key), weights).unwrap();
    Keyed { case, relation, proofs: vec![(groth16_verifier, groth16), (plonk_verifier, plonk)] }
}

#[test]
fn whole_proofs_verify_and_anything_changed_is_refused() {
    let Keyed { case, proofs, .. } = keyed(product());
    for (verifier, proof) in &proofs {
        verifier.verify(&case.public, &[], proof).unwrap();
        let bytes = proof.to_bytes();
        assert_eq!(&verifier.decode(&bytes).unwrap(), proof);
        // Every field is hit at several places.
        for byte in (0..bytes.len()).step_by(11) {
            let mut changed = bytes.clone();
            changed[byte] ^= 1 << (byte % 8);
            let verdict = verifier.decode(&changed).and_then(|p| verifier.verify(&case.public, &[], &p));
            assert!(verdict.is_err(), "byte {byte} of {}", bytes.len());
        }
        assert!(verifier.decode(&bytes[..bytes.len() - 1]).is_err());
        assert!(verifier.decode(&[&bytes[..], &[0]].concat()).is_err());
    }
}

#[test]
fn another_statement_or_suite_is_refused() {
    let Keyed { case, relation, proofs } = keyed(product());
    let (verifier, proof) = &proofs[0];
    let output = relation.tensors[0].tensor;
    let mut other = case.public.clone();
    other.tensors[output][0] += 1;
    assert!(verifier.verify(&other, &[], proof).is_err());
    let other = Public { context: b"nonce 18".to_vec(), ..case.public.clone() };
    assert!(verifier.verify(&other, &[], proof).is_err());
    let refusal = verifier.verify(&case.public, &[], &proofs[1].1).unwrap_err();
    assert!(matches!(refusal, SuiteError::OtherSuite { .. }));
    let mut swapped = proof.clone();
    swapped.snark = proofs[1].1.snark.clone();
    assert!(verifier.verify(&case.public, &[], &swapped).is_err());
}

#[test]
fn a_key_of_another_circuit_is_refused() {
    let case = product();
    let shape = case.relation.circuit(Arithmetization::R1cs).unwrap().shape().unwrap();
    let (_, key) = groth16::testing_setup(&shape).unwrap();
    let mut s = Sketch::new();
    let x = s.input(&[1, 4], U8);
    let w = s.weight(&[2, 4], I8);
    let y = s.node(gemm(), &[x, w]);
    let other = Arc::new(s.case(y, 1, (Private, Visible)).relation);
    let refusal = Verifier::new(other, VerifyingKey::Groth16(key), None).unwrap_err();
    assert!(matches!(refusal, SuiteError::OtherCircuit { .. }));
}

#[test]
fn registrations_prove_that_weights_lie_in_their_intervals() {
    let case = product();
    let graph = &case.model.graph;
    let log_rows = case.relation.layout.log_rows;
    assert!(choose_log_rows(&registration_system(graph, FIELD).unwrap(), 0) <= log_rows);
    let relation =
        Relation::registration(graph, Arc::new(Srs::testing(1 << log_rows).unwrap()), log_rows).unwrap();
    let register = |weights: &[Tensor], claimed: &[Tensor]| {
        let (_, mut witness) = registration_witness(graph, FIELD, claimed).unwrap();
        witness[0] = weights[0].data.clone();
        let columns =
            shared_columns(&relation.system, &relation.layout, TreeKind::Weights, &witness, &mut Counter(5));
        let (points, tree): (_, ColumnTree) = relation.columns.commit(columns, [0; 32]).unwrap();
        let public = relation.public_of(&witness, CONTEXT);
        let proof = prove(&relation, &public, witness, &[&tree], &mut Counter(6), &mut |_| {}).unwrap();
        let shared = vec![(TreeKind::Weights, points)];
        let native = proof.verify(&relation, &public, &shared).is_ok();
        let circuit = proof.circuit(Arithmetization::R1cs, &relation, &public, &shared).unwrap();
        (native, circuit.check().is_ok())
    };
    let honest = case.model.weights.clone();
    assert_eq!(register(&honest, &honest), (true, true));
    let mut out_of_range = honest.clone();
    out_of_range[0].data[1] = 128;
    assert_eq!(register(&out_of_range, &honest), (false, false));
}
