//! Registrations.

#![allow(clippy::unwrap_used, reason = "tests")]

mod case;

use std::sync::Arc;

use case::sketch::{I8, Sketch, U8, gemm};
use case::{CONTEXT, Counter};
use zkml_bn254::columns::ColumnTree;
use zkml_bn254::relation::choose_log_rows;
use zkml_bn254::{FIELD, Relation, Srs, prove};
use zkml_iop::builder::Visibility::{Private, Public as Visible};
use zkml_iop::commitment::ColumnCommitment;
use zkml_iop::layout::TreeKind;
use zkml_iop::prover::shared_columns;
use zkml_iop::registration::{registration_system, registration_witness};
use zkml_ir::Tensor;
use zkml_snark::circuit::Arithmetization;

/// `y = W·x` on one sample, everything else private.
fn product() -> case::Case {
    let mut s = Sketch::new();
    let x = s.input(&[1, 3], U8);
    let w = s.weight(&[2, 3], I8);
    let y = s.node(gemm(), &[x, w]);
    s.case(y, 1, (Private, Visible))
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
