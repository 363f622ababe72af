use super::*;
use crate::circuit::examples::{chain, cubic, unusual};
use crate::codec::Check;

fn proven() -> (VerifyingKey, Vec<Fr>, Proof) {
    let (key, verifying) = testing_setup(&cubic(None).shape().unwrap()).unwrap();
    let circuit = cubic(Some(3)).circuit().unwrap();
    let proof = prove(&key, &circuit).unwrap();
    (verifying, circuit.assignment.public_inputs().to_vec(), proof)
}

#[test]
fn a_proof_of_a_true_statement_verifies_and_of_another_does_not() {
    let (key, inputs, proof) = proven();
    assert_eq!(verify(&key, &inputs, &proof), Ok(()));
    assert_eq!(verify(&key, &[Fr::from(36)], &proof), Err(Groth16Error::Invalid));
    assert_eq!(verify(&key, &[], &proof), Err(Groth16Error::PublicInputs { found: 0, expected: 1 }));
}

#[test]
fn circuits_with_long_combinations_and_many_inputs_verify() {
    let (key, verifying) = testing_setup(&chain(300, 5, None).shape().unwrap()).unwrap();
    let circuit = chain(300, 5, Some(9)).circuit().unwrap();
    let proof = prove(&key, &circuit).unwrap();
    let inputs = circuit.assignment.public_inputs();
    assert_eq!(verify(&verifying, inputs, &proof), Ok(()));
    for index in 0..inputs.len() {
        let mut swapped = inputs.to_vec();
        swapped[index] += Fr::from(1);
        assert_eq!(verify(&verifying, &swapped, &proof), Err(Groth16Error::Invalid));
    }
}

#[test]
fn constraints_of_unusual_form_verify() {
    let (key, verifying) = testing_setup(&unusual(false).shape().unwrap()).unwrap();
    let proof = prove(&key, &unusual(true).circuit().unwrap()).unwrap();
    assert_eq!(verify(&verifying, &[Fr::from(3)], &proof), Ok(()));
}

#[test]
fn a_false_statement_is_not_proven() {
    let (key, _) = testing_setup(&cubic(None).shape().unwrap()).unwrap();
    let mut circuit = cubic(Some(3)).circuit().unwrap();
    circuit.assignment = cubic(Some(4)).circuit().unwrap().assignment;
    assert!(prove(&key, &circuit).is_ok());
    circuit.assignment.tamper_witness(0);
    assert!(matches!(prove(&key, &circuit), Err(Groth16Error::Circuit(CircuitError::Unsatisfied { .. }))));
}

#[test]
fn a_key_of_another_circuit_is_refused() {
    let (key, _) = testing_setup(&chain(3, 1, None).shape().unwrap()).unwrap();
    let circuit = cubic(Some(3)).circuit().unwrap();
    assert!(matches!(prove(&key, &circuit), Err(Groth16Error::OtherCircuit { .. })));
}

#[test]
fn a_proof_with_any_byte_changed_is_refused() {
    let (key, inputs, proof) = proven();
    let bytes = proof.to_bytes();
    assert_eq!(bytes.len(), Proof::BYTES);
    assert_eq!(Proof::from_bytes(&bytes), Ok(proof));
    for at in 0..bytes.len() {
        for bit in [1, 0x80] {
            let mut changed = bytes.clone();
            changed[at] ^= bit;
            let refused = Proof::from_bytes(&changed).is_err_and(|_| true)
                || Proof::from_bytes(&changed).is_ok_and(|proof| verify(&key, &inputs, &proof).is_err());
            assert!(refused, "byte {at}");
        }
    }
    assert!(Proof::from_bytes(&bytes[1..]).is_err());
    assert_eq!(Proof::from_bytes(&[bytes.as_slice(), &[0]].concat()), Err(CodecError::Trailing(1)));
}

#[test]
fn a_proof_with_points_at_infinity_is_refused() {
    let (_, _, proof) = proven();
    for (from, to, name) in
        [(0, 64, "A of the proof"), (64, 192, "B of the proof"), (192, 256, "C of the proof")]
    {
        let mut bytes = proof.to_bytes();
        bytes[from..to].fill(0);
        assert_eq!(Proof::from_bytes(&bytes), Err(CodecError::Infinity(name)));
    }
}

#[test]
fn two_proofs_of_one_statement_differ() {
    let (key, verifying) = testing_setup(&cubic(None).shape().unwrap()).unwrap();
    let circuit = cubic(Some(3)).circuit().unwrap();
    let (one, two) = (prove(&key, &circuit).unwrap(), prove(&key, &circuit).unwrap());
    assert_ne!(one, two);
    assert_eq!(verify(&verifying, circuit.assignment.public_inputs(), &two), Ok(()));
}

#[test]
fn keys_return_from_their_files_and_say_that_they_are_for_testing() {
    let (key, verifying) = testing_setup(&chain(20, 2, None).shape().unwrap()).unwrap();
    assert_eq!(VerifyingKey::from_bytes(&verifying.to_bytes()), Ok(verifying.clone()));
    assert_eq!(ProvingKey::from_bytes(&key.to_bytes(), Check::Full), Ok(key.clone()));
    assert_eq!(ProvingKey::from_bytes(&key.to_bytes(), Check::Trusted), Ok(key));
    assert!(verifying.origin().to_string().contains("FOR TESTING ONLY"));
}

#[test]
fn a_key_file_cut_anywhere_is_refused_without_a_panic() {
    let (key, verifying) = testing_setup(&cubic(None).shape().unwrap()).unwrap();
    for bytes in [key.to_bytes(), verifying.to_bytes()] {
        for length in 0..bytes.len() {
            assert!(ProvingKey::from_bytes(&bytes[..length], Check::Trusted).is_err());
            assert!(VerifyingKey::from_bytes(&bytes[..length]).is_err());
        }
    }
}
