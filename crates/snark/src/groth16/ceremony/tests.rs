use std::io::Cursor;

use super::*;
use crate::circuit::examples::{chain, cubic, cubic_plus};
use crate::groth16::{prove, verify};
use crate::srs::write_testing_ptau;

fn powers(power: u32) -> PowersOfTau {
    let mut file = Vec::new();
    write_testing_ptau(power, &mut file).unwrap();
    PowersOfTau::read(&mut Cursor::new(file), 1 << power).unwrap()
}

/// A ceremony with two participants, and the states after 0, 1 and 2 contributions.
fn ceremony() -> (Shape, PowersOfTau, [Ceremony; 3]) {
    let (shape, phase1) = (cubic(None).shape().unwrap(), powers(3));
    let start = Ceremony::start(&shape, &phase1).unwrap();
    let mut one = start.clone();
    one.contribute(b"dice").unwrap();
    let mut two = one.clone();
    two.contribute(b"").unwrap();
    (shape, phase1, [start, one, two])
}

#[test]
fn a_ceremony_yields_keys_that_prove_and_verify() {
    let (shape, phase1, [start, one, two]) = ceremony();
    assert_eq!(one.verify_successor(&start).map_err(|error| error.to_string()), Ok(()));
    assert_eq!(two.verify_successor(&one).map_err(|error| error.to_string()), Ok(()));
    let digest = two.digest();
    assert_eq!(two.digests()[..2], one.digests());
    let (key, verifying) = two.finish(&shape, &phase1).unwrap();
    assert_eq!(verifying.origin(), Origin::Ceremony(digest));
    let circuit = cubic(Some(3)).circuit().unwrap();
    let proof = prove(&key, &circuit).unwrap();
    assert_eq!(verify(&verifying, &[Fr::from(35)], &proof), Ok(()));
    assert_eq!(verify(&verifying, &[Fr::from(36)], &proof), Err(Groth16Error::Invalid));
}

#[test]
fn a_larger_circuit_with_long_combinations_gets_keys_too() {
    let (shape, phase1) = (chain(50, 3, None).shape().unwrap(), powers(7));
    let mut state = Ceremony::start(&shape, &phase1).unwrap();
    state.contribute(b"").unwrap();
    let (key, verifying) = state.finish(&shape, &phase1).unwrap();
    let circuit = chain(50, 3, Some(4)).circuit().unwrap();
    let proof = prove(&key, &circuit).unwrap();
    assert_eq!(verify(&verifying, circuit.assignment.public_inputs(), &proof), Ok(()));
}

#[test]
fn the_start_is_a_function_of_circuit_and_phase_1() {
    let (shape, phase1, [start, ..]) = ceremony();
    assert_eq!(Ceremony::start(&shape, &phase1).unwrap(), start);
    let smaller = phase1.truncated(crate::groth16::domain_size(&shape)).unwrap();
    assert_eq!(Ceremony::start(&shape, &smaller).unwrap(), start);
}

#[test]
fn states_return_from_their_files() {
    let (shape, _, [_, _, two]) = ceremony();
    assert_eq!(Ceremony::from_bytes(&two.to_bytes(), &shape), Ok(two.clone()));
    let other = chain(3, 1, None).shape().unwrap();
    assert!(Ceremony::from_bytes(&two.to_bytes(), &other).is_err());
}

#[test]
fn a_file_cut_anywhere_is_refused_without_a_panic() {
    let (shape, _, [_, _, two]) = ceremony();
    let bytes = two.to_bytes();
    for length in 0..bytes.len() {
        assert!(Ceremony::from_bytes(&bytes[..length], &shape).is_err(), "{length}");
    }
    assert!(Ceremony::from_bytes(&[&bytes[..], &[0]].concat(), &shape).is_err());
}

#[test]
fn a_file_with_any_byte_changed_is_refused() {
    let (shape, phase1, [_, _, two]) = ceremony();
    let bytes = two.to_bytes();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        if let Ok(state) = Ceremony::from_bytes(&changed, &shape) {
            assert!(state.verify(&shape, &phase1).is_err(), "byte {at}");
        }
    }
}

#[test]
fn a_contribution_with_a_wrong_proof_is_refused() {
    let (shape, phase1, [_, one, two]) = ceremony();
    let other = one.contributions[0].clone();
    let refused = |edit: &dyn Fn(&mut Ceremony)| {
        let mut state = two.clone();
        edit(&mut state);
        let error = state.verify(&shape, &phase1).unwrap_err();
        assert!(
            matches!(error, CeremonyError::Contribution { number: 2, .. } | CeremonyError::Key(_)),
            "{error}"
        );
    };
    // A proof made for another transcript, by an author who did know that factor.
    refused(&|state| {
        state.contributions[1].forge(|_, _, proof| other.clone().forge(|_, _, made| *proof = *made));
    });
    refused(&|state| state.contributions[1] = other.clone());
    // A factor whose author does not know it.
    refused(&|state| {
        state.contributions[1]
            .forge(|_, factor, _| *factor = (*factor + G1Affine::generator()).into_affine());
    });
    // A δ that does not follow.
    refused(&|state| state.contributions[1].forge(|delta, _, _| *delta = G1Affine::generator()));
    // A key that does not follow.
    refused(&|state| state.key.delta_g1 = G1Affine::generator());
    refused(&|state| state.key.vk.delta_g2 = G2Affine::generator());
    refused(&|state| state.key.l_query[0] = G1Affine::generator());
    refused(&|state| state.key.h_query[1] = G1Affine::generator());
}

#[test]
fn a_skipped_contribution_is_refused() {
    let (shape, phase1, [start, one, two]) = ceremony();
    let mut skipped = two.clone();
    skipped.contributions.remove(0);
    assert!(matches!(skipped.verify(&shape, &phase1), Err(CeremonyError::Contribution { number: 1, .. })));
    let mut dropped = two.clone();
    dropped.contributions.pop();
    assert!(matches!(dropped.verify(&shape, &phase1), Err(CeremonyError::Key(_))));
    assert!(matches!(two.verify_successor(&start), Err(CeremonyError::NotSuccessor(_))));
    assert!(matches!(one.verify_successor(&two), Err(CeremonyError::NotSuccessor(_))));
    assert!(matches!(start.finish(&shape, &phase1), Err(CeremonyError::NoContribution)));
}

#[test]
fn swapped_contributions_are_refused() {
    let (shape, phase1, [_, _, mut two]) = ceremony();
    two.contributions.swap(0, 1);
    assert!(matches!(two.verify(&shape, &phase1), Err(CeremonyError::Contribution { number: 1, .. })));
}

#[test]
fn a_replaced_tau_is_refused() {
    let (shape, phase1, [_, _, two]) = ceremony();
    let other = powers(3);
    assert!(matches!(two.verify(&shape, &other), Err(CeremonyError::OtherPhase1)));
    // The organiser claims the true phase 1, but started from one whose tau it knows.
    let mut forged = Ceremony::start(&shape, &other).unwrap();
    forged.phase1 = two.phase1;
    forged.contribute(b"").unwrap();
    assert!(matches!(forged.verify(&shape, &phase1), Err(CeremonyError::WrongStart(_))));
    forged = Ceremony::start(&shape, &other).unwrap();
    (forged.phase1, forged.initial) = (two.phase1, two.initial);
    forged.contribute(b"").unwrap();
    assert!(matches!(forged.verify(&shape, &phase1), Err(CeremonyError::WrongStart(_))));
}

#[test]
fn a_key_finished_from_another_circuit_is_refused() {
    let (_, phase1, [start, _, two]) = ceremony();
    let other = cubic_plus(None, 6).shape().unwrap();
    assert!(matches!(two.verify(&other, &phase1), Err(CeremonyError::OtherCircuit { .. })));
    // The same with the digests forged: contributions are proofs about them, and a start is what it must be.
    let forge = |mut ceremony: Ceremony| {
        ceremony.circuit = other.digest();
        ceremony
    };
    assert!(matches!(forge(start).verify(&other, &phase1), Err(CeremonyError::WrongStart(_))));
    let mut forged = forge(two.clone());
    assert!(matches!(forged.verify(&other, &phase1), Err(CeremonyError::Contribution { number: 1, .. })));
    forged.initial = Ceremony::start(&other, &phase1).unwrap().initial;
    assert!(matches!(forged.verify(&other, &phase1), Err(CeremonyError::Contribution { number: 1, .. })));
    assert!(matches!(two.finish(&other, &phase1), Err(CeremonyError::OtherCircuit { .. })));
}

#[test]
fn an_inconsistent_phase_1_is_refused() {
    let (shape, mut phase1) = (cubic(None).shape().unwrap(), powers(3));
    phase1.tau_g1[2] = phase1.tau_g1[3];
    assert!(matches!(Ceremony::start(&shape, &phase1), Err(CeremonyError::Srs(SrsError::Inconsistent(_)))));
    let small = powers(1);
    assert!(matches!(Ceremony::start(&shape, &small), Err(CeremonyError::Srs(SrsError::TooSmall { .. }))));
}

#[test]
fn a_beacon_closes_a_ceremony_but_does_not_replace_participants() {
    let (shape, phase1, [start, _, two]) = ceremony();
    let beacon = Beacon::new(b"a block hash", 4).unwrap();
    let mut closed = two;
    closed.contribute_beacon(beacon.clone()).unwrap();
    assert!(closed.verify(&shape, &phase1).is_ok());
    assert_eq!(Ceremony::from_bytes(&closed.to_bytes(), &shape), Ok(closed.clone()));
    let mut lying = closed.clone();
    lying.contributions[2].beacon = Some(Beacon::new(b"another hash", 4).unwrap());
    assert!(matches!(lying.verify(&shape, &phase1), Err(CeremonyError::Contribution { number: 3, .. })));
    assert!(matches!(closed.contribute(b""), Err(CeremonyError::Contribution { number: 4, .. })));
    let mut late = closed;
    late.contributions.push(late.contributions[0].clone());
    assert!(matches!(late.verify(&shape, &phase1), Err(CeremonyError::Contribution { number: 3, .. })));
    let mut alone = start;
    alone.contribute_beacon(beacon).unwrap();
    assert!(matches!(alone.finish(&shape, &phase1), Err(CeremonyError::NoContribution)));
    assert!(Beacon::new(&[0; 256], 4).is_err() && Beacon::new(b"", 29).is_err());
}
