//! What the registry accepts, and what it keeps.

use zkml_evm::registry::{self, Submission};
use zkml_evm::{Address, Word, account, integer, keccak};

use crate::support::{
    Architecture, CARD, Deployed, GROTH16, Model, OWNER, PLONK, REQUESTER, SMALL, STRANGER, both,
};

/// A registry with a model, and a result for the requester.
fn case<'a>(architecture: &'a Architecture) -> (Deployed, Model<'a>, Word, Submission) {
    let (mut deployed, model) = (Deployed::default(), Model::new(architecture, 1));
    let id = deployed.register(&model, &CARD);
    let result = deployed.result(&model, id, &REQUESTER, 5);
    (deployed, model, id, result)
}

fn refused(deployed: &mut Deployed, from: &Address, data: &[u8], error: &str) {
    assert_eq!(deployed.refusal(from, data), Some(format!("{error}()")));
}

#[test]
fn an_honest_result_is_accepted_and_its_event_says_it() {
    for architecture in both() {
        let (mut deployed, _, id, result) = case(architecture);
        let data = registry::submit(&result);
        let executed = deployed.chain.call(&REQUESTER, &deployed.registry, &data).unwrap();
        println!("{:?}: {} gas, {} bytes of proof", architecture.suite, executed.gas, result.proof.len());
        let [(topics, event)] = &executed.events[..] else { panic!("one event is expected") };
        let signature = b"ResultAccepted(bytes32,address,uint256,uint256,uint256,bytes32,bytes32,bytes)";
        assert_eq!(topics[..], [keccak(signature), id, account(&REQUESTER)]);
        let (inputs, outputs) = result.tensors.split_at((SMALL.tensor_bytes - SMALL.output_bytes) as usize);
        let words = [
            result.nonce,
            integer(0),
            integer(0),
            keccak(inputs),
            keccak(&result.committed),
            integer(6 * 32),
            integer(outputs.len() as u128),
        ];
        assert_eq!(event[..7 * 32], words.concat());
        assert_eq!(event[7 * 32..7 * 32 + outputs.len()], *outputs);
    }
}

#[test]
fn a_nonce_serves_once() {
    let (mut deployed, model, id, result) = case(&GROTH16);
    let data = registry::submit(&result);
    assert_eq!(deployed.refusal(&REQUESTER, &registry::check(&REQUESTER, &result)), None);
    deployed.chain.call(&REQUESTER, &deployed.registry, &data).unwrap();
    refused(&mut deployed, &REQUESTER, &data, "NonceUsed");
    refused(&mut deployed, &REQUESTER, &registry::check(&REQUESTER, &result), "NonceUsed");
    // The others of its 256 are free, and so are the same of other requesters.
    for (requester, nonce) in [(REQUESTER, 6), (STRANGER, 5)] {
        let result = deployed.result(&model, id, &requester, nonce);
        assert_eq!(deployed.refusal(&requester, &registry::submit(&result)), None);
    }
}

#[test]
fn a_result_proven_for_somebody_else_is_refused() {
    for architecture in both() {
        let (mut deployed, _, _, result) = case(architecture);
        refused(&mut deployed, &STRANGER, &registry::submit(&result), "InvalidProof");
        refused(
            &mut deployed,
            &STRANGER,
            &registry::submit_batch(std::slice::from_ref(&result)),
            "InvalidProof",
        );
        refused(&mut deployed, &STRANGER, &registry::submit_for(&REQUESTER, &result), "NotRelayer");
    }
}

#[test]
fn a_relayer_submits_only_while_the_requester_allows_it() {
    let (mut deployed, _, _, result) = case(&PLONK);
    let data = registry::submit_for(&REQUESTER, &result);
    deployed.chain.call(&REQUESTER, &deployed.registry, &registry::set_relayer(&STRANGER, true)).unwrap();
    assert_eq!(deployed.refusal(&STRANGER, &data), None);
    // What is submitted in the name of one requester was not proven for another.
    refused(&mut deployed, &STRANGER, &registry::submit_for(&OWNER, &result), "NotRelayer");
    deployed.chain.call(&OWNER, &deployed.registry, &registry::set_relayer(&STRANGER, true)).unwrap();
    refused(&mut deployed, &STRANGER, &registry::submit_for(&OWNER, &result), "InvalidProof");
    deployed.chain.call(&REQUESTER, &deployed.registry, &registry::set_relayer(&STRANGER, false)).unwrap();
    refused(&mut deployed, &STRANGER, &data, "NotRelayer");
}

#[test]
fn a_result_for_another_chain_registry_model_epoch_or_nonce_is_refused() {
    for architecture in both() {
        let (mut deployed, model, id, result) = case(architecture);
        let twin = deployed.register(&model, &[0x44; 32]);
        deployed.chain.call(&OWNER, &deployed.registry, &registry::add_epoch(&id, &model.points)).unwrap();
        let changed: [fn(&mut Submission); 2] = [|r| r.epoch = 1, |r| r.nonce = integer(7)];
        for change in changed {
            let mut result = result.clone();
            change(&mut result);
            refused(&mut deployed, &REQUESTER, &registry::submit(&result), "InvalidProof");
        }
        let other = Submission { model_id: twin, ..result.clone() };
        refused(&mut deployed, &REQUESTER, &registry::submit(&other), "InvalidProof");
        let (chain, registry) = (crate::support::CHAIN, deployed.registry);
        for (chain, registry) in [(chain + 1, registry), (chain, [0x99; 20])] {
            let context = registry::context(chain, &registry, &REQUESTER, &id, 0, &result.nonce);
            let proven = model.prove(&context, 3);
            let result = Submission {
                tensors: proven.tensors,
                committed: proven.committed,
                proof: proven.proof,
                ..result.clone()
            };
            refused(&mut deployed, &REQUESTER, &registry::submit(&result), "InvalidProof");
        }
    }
}

#[test]
fn a_proof_of_another_model_or_suite_is_refused() {
    for architecture in both() {
        let (mut deployed, _, _, result) = case(architecture);
        let other = Model::new(architecture, 2);
        let other_id = deployed.register(&other, &[0x44; 32]);
        // Even a proof that its owner made for this very context.
        let context = registry::context(
            crate::support::CHAIN,
            &deployed.registry,
            &REQUESTER,
            &other_id,
            0,
            &result.nonce,
        );
        let wrong = Model::new(architecture, 1).prove(&context, 1);
        let result = Submission {
            model_id: other_id,
            tensors: wrong.tensors,
            committed: wrong.committed,
            proof: wrong.proof,
            ..result
        };
        refused(&mut deployed, &REQUESTER, &registry::submit(&result), "InvalidProof");
    }
    let (mut deployed, _, id, result) = case(&GROTH16);
    let plonk = deployed.result(&Model::new(&PLONK, 1), id, &REQUESTER, 5);
    refused(&mut deployed, &REQUESTER, &registry::submit(&plonk), "WrongLength");
    let unknown = Submission { model_id: [9; 32], ..result.clone() };
    refused(&mut deployed, &REQUESTER, &registry::submit(&unknown), "UnknownModel");
    let unknown = Submission { epoch: 1, ..result };
    refused(&mut deployed, &REQUESTER, &registry::submit(&unknown), "UnknownEpoch");
}

#[test]
fn a_batch_is_accepted_as_a_whole_or_not_at_all() {
    let (mut deployed, model, id, first) = case(&GROTH16);
    let second = deployed.result(&model, id, &REQUESTER, 6);
    let both = [first.clone(), second.clone()];
    let executed =
        deployed.chain.simulate(&REQUESTER, &deployed.registry, &registry::submit_batch(&both)).unwrap();
    assert_eq!(executed.events.len(), 2);
    println!("a batch of two: {} gas", executed.gas);
    assert!(
        deployed
            .chain
            .simulate(&REQUESTER, &deployed.registry, &registry::submit_batch(&[]))
            .unwrap()
            .events
            .is_empty()
    );
    // Nonces, tensors and proofs of two entries exchanged.
    let exchanged: [fn(&mut Submission, &Submission); 3] = [
        |a, b| a.nonce = b.nonce,
        |a, b| a.tensors.clone_from(&b.tensors),
        |a, b| a.proof.clone_from(&b.proof),
    ];
    for exchange in exchanged {
        let mut results = both.clone();
        exchange(&mut results[0], &second);
        exchange(&mut results[1], &first);
        refused(&mut deployed, &REQUESTER, &registry::submit_batch(&results), "InvalidProof");
    }
    refused(&mut deployed, &REQUESTER, &registry::submit_batch(&[first.clone(), first]), "NonceUsed");
}

#[test]
fn a_paused_model_takes_no_results() {
    let (mut deployed, _, id, result) = case(&GROTH16);
    let data = registry::submit(&result);
    refused(&mut deployed, &STRANGER, &registry::set_paused(&id, true), "NotOwner");
    deployed.chain.call(&OWNER, &deployed.registry, &registry::set_paused(&id, true)).unwrap();
    refused(&mut deployed, &REQUESTER, &data, "ModelPaused");
    deployed.chain.call(&OWNER, &deployed.registry, &registry::set_paused(&id, false)).unwrap();
    assert_eq!(deployed.refusal(&REQUESTER, &data), None);
}

#[test]
fn a_key_is_rotated_by_the_owner_to_one_of_the_same_architecture() {
    let (mut deployed, model, id, result) = case(&GROTH16);
    let fresh = Architecture::new(GROTH16.suite, SMALL);
    let taller = Architecture::new(GROTH16.suite, zkml_evm::key::Sizes { log_rows: 6, ..SMALL });
    for other in [&fresh, &taller, &PLONK] {
        deployed
            .chain
            .call(&STRANGER, &deployed.registry, &registry::register_key(other.suite, &other.key))
            .unwrap();
    }
    let id_of = |a: &Architecture| registry::key_id(a.suite, &a.key);
    refused(&mut deployed, &STRANGER, &registry::rotate_key(&id, &id_of(&fresh)), "NotOwner");
    refused(&mut deployed, &OWNER, &registry::rotate_key(&id, &id_of(&taller)), "OtherArchitecture");
    refused(&mut deployed, &OWNER, &registry::rotate_key(&id, &[7; 32]), "UnknownKey");
    deployed.chain.call(&OWNER, &deployed.registry, &registry::rotate_key(&id, &id_of(&fresh))).unwrap();
    // Proofs under the key before are void.
    refused(&mut deployed, &REQUESTER, &registry::submit(&result), "InvalidProof");
    // Another suite serves the same commitments.
    deployed.chain.call(&OWNER, &deployed.registry, &registry::rotate_key(&id, &id_of(&PLONK))).unwrap();
    let plonk = Model::new(&PLONK, 1);
    assert_eq!(plonk.points, model.points);
    let result = deployed.result(&plonk, id, &REQUESTER, 5);
    let executed = deployed.chain.call(&REQUESTER, &deployed.registry, &registry::submit(&result)).unwrap();
    assert_eq!(executed.events[0].1[64..96], integer(2), "the event names the key's version");
}

#[test]
fn ownership_changes_in_two_steps() {
    let (mut deployed, _, id, _) = case(&GROTH16);
    let pause = registry::set_paused(&id, true);
    refused(&mut deployed, &STRANGER, &registry::offer_ownership(&id, &STRANGER), "NotOwner");
    deployed.chain.call(&OWNER, &deployed.registry, &registry::offer_ownership(&id, &STRANGER)).unwrap();
    refused(&mut deployed, &STRANGER, &pause, "NotOwner");
    refused(&mut deployed, &REQUESTER, &registry::accept_ownership(&id), "NotPendingOwner");
    deployed.chain.call(&STRANGER, &deployed.registry, &registry::accept_ownership(&id)).unwrap();
    refused(&mut deployed, &OWNER, &pause, "NotOwner");
    assert_eq!(deployed.refusal(&STRANGER, &pause), None);
    refused(&mut deployed, &STRANGER, &registry::accept_ownership(&id), "NotPendingOwner");
}

#[test]
fn registrations_cannot_be_taken_over() {
    let (mut deployed, model, id, _) = case(&GROTH16);
    let key_id = registry::key_id(GROTH16.suite, &GROTH16.key);
    let again = registry::register(&CARD, &key_id, &model.points);
    refused(&mut deployed, &OWNER, &again, "AlreadyRegistered");
    // Who copies a registration gets another identifier.
    let copied = deployed.chain.simulate(&STRANGER, &deployed.registry, &again).unwrap();
    assert_ne!(copied.output, id);
    refused(&mut deployed, &STRANGER, &registry::add_epoch(&id, &model.points), "NotOwner");
    refused(&mut deployed, &STRANGER, &registry::register(&CARD, &[1; 32], &model.points), "UnknownKey");
}
