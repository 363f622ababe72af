//! Proofs of models, as the suite makes them.

#[path = "../../../bn254/tests/case/mod.rs"]
mod case;

use std::sync::Arc;

use case::sketch::{I8, Sketch, U8, gemm};
use case::{CONTEXT, Case, Counter};
use zkml_bn254::{Relation, Srs};
use zkml_evm::gas::{MemoryChain, Statement, estimate_verification};
use zkml_evm::key::{self, Sizes};
use zkml_evm::registry::Suite;
use zkml_evm::verifier;
use zkml_iop::builder::Visibility::{Committed, Public as Visible};
use zkml_iop::commitment::ColumnCommitment;
use zkml_iop::layout::TreeKind;
use zkml_iop::prover::shared_columns;
use zkml_snark::circuit::Arithmetization;
use zkml_snark::{groth16, plonk};

use crate::slow_tests;
use crate::support::{OWNER, g2_bytes, points_bytes};

/// The same case under a reference string that is long enough for its circuit, which the columns share with PLONK.
fn with_long_string(mut case: Case) -> Case {
    let shape = case.relation.circuit(Arithmetization::Plonk).unwrap().shape().unwrap();
    let points = plonk::srs_points(&shape).max(1 << case.relation.layout.log_rows);
    let srs = Arc::new(Srs::testing(points.next_power_of_two()).unwrap());
    let (system, log_rows) = (case.relation.system.clone(), case.relation.layout.log_rows);
    case.relation =
        Relation::with_system(system, &case.model.graph, Some(&case.shape), srs, log_rows).unwrap();
    for shared in &mut case.shared {
        let relation = &case.relation;
        let columns =
            shared_columns(&relation.system, &relation.layout, shared.0, &case.witness, &mut Counter(1));
        let (points, tree) = relation.columns.commit(columns, [0; 32]).unwrap();
        (shared.1, shared.2) = (points, tree);
    }
    case
}

fn sizes(case: &Case, tensor_bytes: usize) -> Sizes {
    let relation = &case.relation;
    let count = |kind| relation.num_points(kind) as u8;
    let is_committed = |kind: &TreeKind| matches!(kind, TreeKind::Committed(_));
    Sizes {
        log_rows: relation.layout.log_rows as u8,
        weights: count(TreeKind::Weights),
        committed: relation
            .layout
            .trees
            .iter()
            .filter(|t| is_committed(&t.kind))
            .map(|t| count(t.kind))
            .sum(),
        witness: count(TreeKind::Witness) - 1,
        helpers: count(TreeKind::Helpers),
        tensor_bytes: tensor_bytes as u32,
        output_bytes: 0,
    }
}

#[test]
fn proofs_of_a_model_are_accepted_and_its_other_results_refused() {
    if !slow_tests() {
        return;
    }
    let layer = |input| {
        let mut s = Sketch::new();
        let x = s.input(&[1, 4], U8);
        let w = s.weight(&[3, 4], I8);
        let product = s.node(gemm(), &[x, w]);
        let y = s.relu(product, 7, 8);
        s.case(y, 1, (input, Visible))
    };
    for case in [layer(Committed), case::mixed()] {
        let input = case.shape.inputs[0];
        let case = with_long_string(case);
        let (clear, shared, relation) = (case.honest(), case.points(), &case.relation);
        let srs = relation.columns.srs();
        let tensors = relation.packing.pack(&relation.system, &case.public.tensors).unwrap();
        let (sizes, tau_g2) = (sizes(&case, tensors.len()), g2_bytes(&srs.tau_g2));
        let points = |committed: bool| {
            let trees = shared.iter().filter(|s| (s.0 != TreeKind::Weights) == committed);
            trees.flat_map(|s| points_bytes(s.1.points())).collect::<Vec<u8>>()
        };
        let (weights, committed) = (points(false), points(true));
        for suite in [Suite::Groth16, Suite::Plonk] {
            let arithmetization = match suite {
                Suite::Groth16 => Arithmetization::R1cs,
                Suite::Plonk => Arithmetization::Plonk,
            };
            let circuit = clear.circuit(arithmetization, relation, &case.public, &shared).unwrap();
            let circuit = circuit.circuit().unwrap();
            let (key, snark) = match suite {
                Suite::Groth16 => {
                    let (proving, verifying) = groth16::testing_setup(&circuit.shape).unwrap();
                    let key = key::groth16(&sizes, &tau_g2, &verifying.evm_bytes()).unwrap();
                    (key, groth16::prove(&proving, &circuit).unwrap().to_bytes())
                }
                Suite::Plonk => {
                    let verifying = plonk::setup(&circuit.shape, srs).unwrap();
                    let prover = plonk::Prover::new(&circuit.shape, &verifying).unwrap();
                    let key = key::plonk(&sizes, &tau_g2, &verifying.evm_bytes()).unwrap();
                    (key, plonk::prove(&prover, srs, &circuit).unwrap().to_bytes())
                }
            };
            let proof = [clear.outer().to_bytes(), snark].concat();
            let statement = Statement {
                suite,
                key: &key,
                weights: &weights,
                tensors: &tensors,
                committed: &committed,
                proof: &proof,
            };
            let report = estimate_verification(&statement, CONTEXT).unwrap();
            println!("{suite:?} {input:?}, {} columns, {} bytes: {report:?}", sizes.columns(), proof.len());
            let mut chain = MemoryChain::new(1);
            let (at, _) = chain.deploy(&OWNER, &verifier::deployment(suite, &key, &weights)).unwrap();
            let mut accepts = |context: &[u8], tensors: &[u8], proof: &[u8]| {
                chain.simulate(&OWNER, &at, &verifier::verify(context, tensors, &committed, proof)).is_ok()
            };
            assert!(accepts(CONTEXT, &tensors, &proof));
            assert!(!accepts(b"nonce 18", &tensors, &proof));
            for byte in 0..tensors.len() {
                let mut other = tensors.clone();
                other[byte] ^= 1;
                assert!(!accepts(CONTEXT, &other, &proof), "{suite:?}: another value at byte {byte}");
            }
            for byte in (0..proof.len()).step_by(61) {
                let mut other = proof.clone();
                other[byte] ^= 1 << (byte % 8);
                assert!(!accepts(CONTEXT, &tensors, &other), "{suite:?}: byte {byte}");
            }
        }
    }
}
