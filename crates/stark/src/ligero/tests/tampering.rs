use super::*;
use crate::DecodeError;
use crate::codec::Writer;

fn case() -> Case {
    let mut suite = small(15, 9, 4, 5);
    suite.config.grinding_bits = 6;
    Case::new(suite, 2)
}

#[test]
fn every_changed_byte_is_refused() {
    let case = case();
    let (root, proof) = case.prove();
    let bytes = case.suite.encode(&proof);
    assert_eq!(case.verify(&root, &case.suite.decode(&bytes).unwrap()), Ok(()));
    for index in 0..bytes.len() {
        for bit in [0, 7] {
            let mut changed = bytes.clone();
            changed[index] ^= 1 << bit;
            if let Ok(proof) = case.suite.decode(&changed) {
                assert!(case.verify(&root, &proof).is_err(), "byte {index} of {}", bytes.len());
            }
        }
    }
}

#[test]
fn encodings_that_end_early_or_late_are_refused() {
    let case = case();
    let bytes = case.suite.encode(&case.prove().1);
    for len in 0..bytes.len() {
        assert!(case.suite.decode(&bytes[..len]).is_err(), "{len} bytes");
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_eq!(case.suite.decode(&longer).unwrap_err(), DecodeError::Trailing { got: 1 });
}

#[test]
fn counts_above_the_statement_and_elements_above_the_modulus_are_refused() {
    let case = case();
    let (_, proof) = case.prove();
    let bytes = case.suite.encode(&proof);
    let count = 20 * case.suite.config.response_lengths().iter().sum::<usize>() + 4;
    let mut changed = bytes.clone();
    changed[count..count + 4].copy_from_slice(&6u32.to_le_bytes());
    assert!(matches!(
        case.suite.decode(&changed).unwrap_err(),
        DecodeError::Count { expected: 5, got: 6, .. }
    ));
    changed[count..count + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(case.suite.decode(&changed).unwrap_err(), DecodeError::Count { .. }));

    let siblings = bytes.len() - 32 * proof.opening.siblings.len() - 4;
    let mut changed = bytes.clone();
    changed[siblings..siblings + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(case.suite.decode(&changed).unwrap_err(), DecodeError::Count { .. }));

    for element in [0, count - 4, count + 4] {
        let mut changed = bytes.clone();
        changed[element..element + 4].copy_from_slice(&0x7f00_0001u32.to_le_bytes());
        assert!(matches!(case.suite.decode(&changed).unwrap_err(), DecodeError::NonCanonical { .. }));
    }
}

#[test]
fn parts_that_are_too_long_or_too_short_are_refused_without_panic() {
    let case = case();
    let (root, proof) = case.prove();
    let changes: [fn(&mut LigeroProof); 6] = [
        |proof| _ = proof.opening.rows.pop(),
        |proof| proof.opening.rows.push(F::ONE),
        |proof| _ = proof.opening.salts.pop(),
        |proof| proof.opening.salts.push([0; 16]),
        |proof| {
            proof.opening.rows.clear();
            proof.opening.salts.clear();
        },
        |proof| proof.opening.rows.clear(),
    ];
    for change in changes {
        let mut proof = proof.clone();
        change(&mut proof);
        assert!(matches!(case.verify(&root, &proof), Err(LigeroError::Length { .. })));
    }
    for change in [|s: &mut Vec<_>| _ = s.pop(), |s: &mut Vec<_>| s.push([0; 32])] {
        let mut proof = proof.clone();
        change(&mut proof.opening.siblings);
        assert!(matches!(case.verify(&root, &proof), Err(LigeroError::Merkle(_))));
    }
    // Responses of the wrong length only come from another configuration.
    for (log_degree, num_queries) in [(5, 5), (4, 6), (4, 4)] {
        let other = Case::new(small(15, 9, log_degree, num_queries), 2);
        let (other_root, other_proof) = other.prove();
        assert!(matches!(case.verify(&other_root, &other_proof), Err(LigeroError::Length { .. })));
    }
}

#[test]
fn the_proof_of_work_must_be_the_one_that_was_found() {
    let case = case();
    let (root, proof) = case.prove();
    let mut refused = 0;
    for change in 1..64 {
        let mut proof = proof.clone();
        proof.grinding_witness += F::from_u32(change);
        let result = case.verify(&root, &proof);
        assert!(result.is_err());
        refused += usize::from(result == Err(LigeroError::Grinding));
    }
    assert!(refused > 48, "{refused}");
    let mut idle = Case::attacked();
    idle.suite.config.grinding_bits = 0;
    let (root, mut proof) = idle.prove();
    proof.grinding_witness = F::ONE;
    assert_eq!(idle.verify(&root, &proof), Err(LigeroError::Grinding));
}

#[test]
fn rows_salts_and_siblings_are_bound_by_the_root() {
    let case = case();
    let (root, proof) = case.prove();
    let changes: [fn(&mut LigeroProof); 4] = [
        |proof| proof.opening.rows[7] += F::ONE,
        |proof| proof.opening.salts[1][3] ^= 1,
        |proof| proof.opening.siblings[2][31] ^= 128,
        |proof| proof.opening.salts.swap(0, 1),
    ];
    for change in changes {
        let mut proof = proof.clone();
        change(&mut proof);
        assert!(matches!(case.verify(&root, &proof), Err(LigeroError::Merkle(_))));
    }
    let mut other = root;
    other.0[0] ^= 1;
    assert!(case.verify(&other, &proof).is_err());
}

#[test]
fn the_encoding_is_as_long_as_its_parts() {
    let case = case();
    let (_, proof) = case.prove();
    let mut opening = Writer::default();
    proof.opening.write(&mut opening);
    // 2k + (2k − 1) + (k + t) elements, the proof of work and the number of rows.
    let expected = 20 * (5 * 16 + 5 - 1) + 4 + 4 + opening.0.len();
    assert_eq!(case.suite.encode(&proof).len(), expected);
}
