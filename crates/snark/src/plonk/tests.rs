use ark_ff::{BigInteger, PrimeField, UniformRand};

use super::*;
use crate::circuit::examples::{chain, cubic, unusual};
use crate::circuit::{Arithmetization, Builder, Circuit, LinearCombination};
use ark_bn254::G1Affine;
use ark_ff::Zero;

struct Proven {
    key: VerifyingKey,
    inputs: Vec<Fr>,
    proof: Proof,
}

fn proven(build: impl Fn(bool) -> Builder) -> Proven {
    let shape = build(false).shape().unwrap();
    let srs = Srs::testing(srs_points(&shape)).unwrap();
    let key = setup(&shape, &srs).unwrap();
    let prover = Prover::new(&shape, &key).unwrap();
    let circuit = build(true).circuit().unwrap();
    let proof = prove(&prover, &srs, &circuit).unwrap();
    Proven { key, inputs: circuit.assignment.public_inputs().to_vec(), proof }
}

fn small() -> Proven {
    proven(|values| cubic(values.then_some(3)))
}

#[test]
fn a_proof_of_a_true_statement_verifies_and_of_another_does_not() {
    let Proven { key, inputs, proof } = small();
    assert_eq!(verify(&key, &inputs, &proof), Ok(()));
    assert_eq!(verify(&key, &[Fr::from(36)], &proof), Err(PlonkError::Invalid));
    assert_eq!(verify(&key, &[], &proof), Err(PlonkError::PublicInputs { found: 0, expected: 1 }));
}

#[test]
fn circuits_with_long_combinations_and_many_inputs_verify() {
    for (length, inputs) in [(1, 0), (2, 1), (7, 3), (300, 12)] {
        let Proven { key, inputs, proof } = proven(|values| chain(length, inputs, values.then_some(9)));
        assert_eq!(verify(&key, &inputs, &proof), Ok(()), "{length}");
        for index in 0..inputs.len() {
            let mut swapped = inputs.clone();
            swapped[index] += Fr::from(1);
            assert_eq!(verify(&key, &swapped, &proof), Err(PlonkError::Invalid));
        }
    }
}

#[test]
fn constraints_of_unusual_form_verify() {
    let Proven { key, inputs, proof } = proven(unusual);
    assert_eq!(verify(&key, &inputs, &proof), Ok(()));
}

#[test]
fn every_constraint_survives_the_lowering_to_rows() {
    let builds: [fn(bool) -> Builder; 2] = [|values| chain(60, 2, values.then_some(5)), unusual];
    for build in builds {
        let shape = build(false).shape().unwrap();
        let lowered = Lowered::new(&shape);
        let mut assignment = build(true).circuit().unwrap().assignment;
        let inputs = assignment.public_inputs().to_vec();
        let values = lowered.values(&assignment);
        assert_eq!(violated(&lowered, &values, &inputs), None);
        // No variable is free, whether or not the auxiliary ones follow a change.
        let mut rng = ark_std::test_rng();
        for cell in 1..values.len() {
            let mut changed = values.clone();
            changed[cell] = Fr::rand(&mut rng);
            assert!(violated(&lowered, &changed, &inputs).is_some(), "variable {cell} of {}", values.len());
        }
        for witness in 0..shape.witnesses() {
            assignment.tamper_witness(witness);
            let changed = lowered.values(&assignment);
            assert!(violated(&lowered, &changed, &inputs).is_some(), "witness {witness}");
        }
    }
}

/// The first row whose gate does not vanish.
fn violated(lowered: &Lowered, values: &[Fr], inputs: &[Fr]) -> Option<usize> {
    let value = |cell: u32| values.get(cell as usize).copied().unwrap_or_default();
    (0..lowered.rows.len()).find(|&index| {
        let row = &lowered.rows[index];
        let [a, b, c] = row.cells.map(value);
        let next = lowered.rows.get(index + 1).map_or(Fr::zero(), |row| value(row.cells[2]));
        let [ql, qr, qo, qm, qn, qc] = row.selectors;
        let public = inputs.get(index).copied().unwrap_or_default();
        !(ql * a + qr * b + qo * c + qm * a * b + qn * next + qc - public).is_zero()
    })
}

#[test]
fn a_long_combination_costs_a_row_per_two_terms_and_a_short_chained_one_a_row() {
    let rows_of = |terms: usize, repeat: usize, share: bool| {
        let mut builder = Builder::new(Arithmetization::Plonk);
        let mut shared = builder.witness(None);
        for _ in 0..repeat {
            let last = if share { shared } else { builder.witness(None) };
            let sum = (1..terms).fold(LinearCombination::from(last), |sum, _| {
                shared = builder.witness(None);
                sum + shared
            });
            builder.enforce_zero(sum);
        }
        rows(&builder.shape().unwrap()).0
    };
    assert_eq!([3, 4, 5, 7, 21].map(|terms| rows_of(terms, 1, false)), [1, 2, 2, 3, 10]);
    assert_eq!((rows_of(4, 10, true), rows_of(4, 10, false)), (11, 15));
}

#[test]
fn a_false_statement_is_not_proven() {
    let shape = cubic(None).shape().unwrap();
    let srs = Srs::testing(srs_points(&shape)).unwrap();
    let key = setup(&shape, &srs).unwrap();
    let prover = Prover::new(&shape, &key).unwrap();
    let mut circuit = cubic(Some(3)).circuit().unwrap();
    circuit.assignment.tamper_witness(0);
    assert!(matches!(
        prove(&prover, &srs, &circuit),
        Err(PlonkError::Circuit(CircuitError::Unsatisfied { .. }))
    ));
}

#[test]
fn keys_are_functions_of_circuit_and_reference_string() {
    let shape = chain(40, 2, None).shape().unwrap();
    let srs = Srs::testing(srs_points(&shape) + 5).unwrap();
    let key = setup(&shape, &srs).unwrap();
    assert_eq!(setup(&chain(40, 2, Some(1)).shape().unwrap(), &srs), Ok(key.clone()));
    assert_eq!(VerifyingKey::from_bytes(&key.to_bytes()), Ok(key.clone()));
    for length in 0..key.to_bytes().len() {
        assert!(VerifyingKey::from_bytes(&key.to_bytes()[..length]).is_err());
    }
    let other = chain(41, 2, None).shape().unwrap();
    assert!(matches!(Prover::new(&other, &key), Err(PlonkError::OtherCircuit)));
    let short = Srs::testing(srs_points(&shape) - 1).unwrap();
    assert!(matches!(setup(&shape, &short), Err(PlonkError::SrsTooSmall { .. })));
    let Circuit { shape, assignment } = chain(40, 2, Some(1)).circuit().unwrap();
    let prover = Prover::new(&shape, &key).unwrap();
    let stranger = Srs::testing(srs.g1.len()).unwrap();
    assert!(matches!(prove(&prover, &stranger, &Circuit { shape, assignment }), Err(PlonkError::OtherSrs)));
}

#[test]
fn a_proof_with_any_byte_changed_is_refused() {
    let Proven { key, inputs, proof } = small();
    let bytes = proof.to_bytes();
    assert_eq!(bytes.len(), Proof::BYTES);
    assert_eq!(Proof::from_bytes(&bytes), Ok(proof));
    for at in 0..bytes.len() {
        for bit in [1, 0x80] {
            let mut changed = bytes.clone();
            changed[at] ^= bit;
            if let Ok(proof) = Proof::from_bytes(&changed) {
                assert_eq!(verify(&key, &inputs, &proof), Err(PlonkError::Invalid), "byte {at}");
            }
        }
    }
    assert!(Proof::from_bytes(&bytes[1..]).is_err());
    assert_eq!(Proof::from_bytes(&[bytes.as_slice(), &[0]].concat()), Err(CodecError::Trailing(1)));
}

#[test]
fn scalars_at_or_above_the_modulus_and_points_at_infinity_are_refused() {
    let Proven { proof, .. } = small();
    for index in 0..keys::EVALUATIONS {
        let mut bytes = proof.to_bytes();
        let at = 7 * 64 + 32 * index;
        let mut raised = proof.evaluations[index].into_bigint();
        raised.add_with_carry(&Fr::MODULUS);
        bytes[at..at + 32].copy_from_slice(&raised.to_bytes_be());
        assert_eq!(Proof::from_bytes(&bytes), Err(CodecError::NotCanonical("an evaluation in the proof")));
    }
    for at in [0, 64, 128, 192, 256, 320, 384, 672, 736] {
        let mut bytes = proof.to_bytes();
        bytes[at..at + 64].fill(0);
        assert_eq!(Proof::from_bytes(&bytes), Err(CodecError::Infinity("a point of the proof")));
    }
}

#[test]
fn a_proof_for_another_key_or_with_its_parts_exchanged_is_refused() {
    let Proven { key, inputs, proof } = proven(|values| chain(20, 1, values.then_some(9)));
    let Proven { key: stranger, .. } = proven(|values| chain(20, 1, values.then_some(9)));
    assert_eq!(verify(&stranger, &inputs, &proof), Err(PlonkError::Invalid));
    let refused = |edit: &dyn Fn(&mut Proof)| {
        let mut changed = proof.clone();
        edit(&mut changed);
        assert_eq!(verify(&key, &inputs, &changed), Err(PlonkError::Invalid));
    };
    refused(&|proof| proof.wires.swap(0, 1));
    refused(&|proof| proof.quotient.swap(1, 2));
    refused(&|proof| proof.openings.swap(0, 1));
    refused(&|proof| proof.evaluations.swap(5, 6));
    refused(&|proof| proof.openings = [G1Affine::default(); 2]);
}

/// A prover that copies one value where the permutation demands another: rows hold, the running product does not close.
#[test]
fn a_broken_copy_is_refused() {
    let shape = cubic(None).shape().unwrap();
    let srs = Srs::testing(srs_points(&shape)).unwrap();
    let key = setup(&shape, &srs).unwrap();
    let prover = Prover::new(&shape, &key).unwrap();
    let circuit = cubic(Some(3)).circuit().unwrap();
    for (x, valid) in [(3u64, true), (4, false)] {
        // The row of the public input says 35 whatever the gates compute.
        let honest = cubic(Some(x)).circuit().unwrap();
        let values = prover.circuit.lowered.values(&honest.assignment);
        let mut columns: [_; WIRES] = std::array::from_fn(|wire| prover.column(wire, &values));
        columns[0][0] = Fr::from(35);
        let proof = prover.prove_columns(&srs, columns, circuit.assignment.public_inputs());
        let accepted = proof.is_ok_and(|proof| verify(&key, &[Fr::from(35)], &proof).is_ok());
        assert_eq!(accepted, valid);
    }
}

#[test]
fn two_proofs_of_one_statement_share_no_element() {
    let shape = cubic(None).shape().unwrap();
    let srs = Srs::testing(srs_points(&shape)).unwrap();
    let key = setup(&shape, &srs).unwrap();
    let prover = Prover::new(&shape, &key).unwrap();
    let circuit = cubic(Some(3)).circuit().unwrap();
    let (one, two) = (prove(&prover, &srs, &circuit).unwrap(), prove(&prover, &srs, &circuit).unwrap());
    assert_eq!(verify(&key, circuit.assignment.public_inputs(), &two), Ok(()));
    for (one, two) in one.to_bytes().chunks(32).zip(two.to_bytes().chunks(32)) {
        assert_ne!(one, two);
    }
}
