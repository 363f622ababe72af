//! What calls cost.

use zkml_evm::gas::{Destination, GasReport, Statement, estimate_submission, estimate_verification};
use zkml_evm::integer;
use zkml_evm::key::Sizes;
use zkml_evm::registry::{self, Suite};

use crate::slow_tests;
use crate::support::{Architecture, CARD, CHAIN, Model, OWNER, QUOTED, REQUESTER};

fn print(what: &str, report: &GasReport, bytes: usize) {
    let GasReport { base, calldata, pairings, group, field, storage, event, total } = report;
    println!(
        "{what}: base {base} calldata {calldata} pairings {pairings} group {group} field {field} storage {storage} event {event} total {total}; proof {bytes} B"
    );
}

/// The costs of the verifier alone, and of the registry with the first nonce of its 256.
fn measure(suite: Suite, sizes: Sizes) -> (GasReport, GasReport, usize) {
    let architecture = Architecture::new(suite, sizes);
    let model = Model::new(&architecture, 1);
    let to = Destination {
        chain_id: CHAIN,
        registry: [0x77; 20],
        requester: REQUESTER,
        nonce: integer(0),
        owner: OWNER,
        card: CARD,
        epoch: 0,
    };
    let id = registry::model_id(&OWNER, &CARD);
    let context = registry::context(CHAIN, &to.registry, &REQUESTER, &id, 0, &to.nonce);
    let proven = model.prove(&context, 1);
    let statement = Statement {
        suite,
        key: &architecture.key,
        weights: &model.points,
        tensors: &proven.tensors,
        committed: &proven.committed,
        proof: &proven.proof,
    };
    let verification = estimate_verification(&statement, &context).unwrap();
    let submission = estimate_submission(&statement, &to).unwrap();
    (verification, submission, proven.proof.len())
}

#[test]
fn an_image_is_verified_below_450_000_gas() {
    // The height changes a call by some hundred gas per variable.
    let sizes = if slow_tests() { QUOTED } else { Sizes { log_rows: 10, ..QUOTED } };
    for (suite, bound) in [(Suite::Groth16, 430_000), (Suite::Plonk, 440_000)] {
        let (verification, submission, bytes) = measure(suite, sizes);
        print(&format!("{suite:?} verifier"), &verification, bytes);
        print(&format!("{suite:?} registry"), &submission, bytes);
        assert!(verification.total < bound, "{suite:?}: {verification:?}");
        assert_eq!(submission.pairings, verification.pairings);
    }
}

#[test]
fn an_estimate_of_a_proof_that_does_not_hold_is_refused() {
    let architecture = Architecture::new(Suite::Groth16, crate::support::SMALL);
    let model = Model::new(&architecture, 1);
    let proven = model.prove(b"here", 1);
    let statement = Statement {
        suite: Suite::Groth16,
        key: &architecture.key,
        weights: &model.points,
        tensors: &proven.tensors,
        committed: &proven.committed,
        proof: &proven.proof,
    };
    assert!(estimate_verification(&statement, b"here").is_ok());
    assert!(estimate_verification(&statement, b"there").is_err());
}
