//! Contract and Rust give one verdict on mutated statements.

use ark_bn254::{Fq, Fr};
use ark_ff::{BigInteger, PrimeField};
use zkml_evm::gas::MemoryChain;
use zkml_evm::verifier;

use crate::slow_tests;
use crate::support::reference::accepts;
use crate::support::{Dice, GROTH16, Model, OWNER, Proven, both};

const CONTEXT: &[u8] = b"mutations";

/// A value that a word may be replaced by.
fn value(dice: &mut Dice, words: &[u8]) -> [u8; 32] {
    let bytes = |integer: Vec<u8>| integer.try_into().unwrap();
    let word = |dice: &mut Dice| {
        let at = 32 * dice.below(words.len() / 32);
        words[at..at + 32].try_into().unwrap()
    };
    match dice.below(9) {
        0 => [0; 32],
        1 => [0xff; 32],
        2 => bytes(Fr::MODULUS.to_bytes_be()),
        3 => bytes(Fq::MODULUS.to_bytes_be()),
        4 => zkml_evm::integer(1),
        5 => zkml_evm::integer(2),
        6 => bytes((-Fr::from(1)).into_bigint().to_bytes_be()),
        7 => bytes(dice.scalar().into_bigint().to_bytes_be()),
        _ => word(dice),
    }
}

/// Changes one or two things.
fn mutate(dice: &mut Dice, proven: &mut Proven) {
    for _ in 0..=dice.below(2) {
        let part = match dice.below(8) {
            0 => &mut proven.tensors,
            1 => &mut proven.committed,
            _ => &mut proven.proof,
        };
        let length = part.len();
        match dice.below(10) {
            0 => part[dice.below(length)] ^= 1 << dice.below(8),
            1 => drop(part.pop()),
            2 => part.push(0),
            3 => part.extend([0; 32]),
            4 => part.truncate(length.saturating_sub(32)),
            5 if length >= 64 => {
                // Another point of the curve: the negative.
                let at = 64 * dice.below(length / 64);
                if let Some(y) = zkml_bn254::field::point_from_words(&[
                    part[at..at + 32].try_into().unwrap(),
                    part[at + 32..at + 64].try_into().unwrap(),
                ]) {
                    part[at + 32..at + 64].copy_from_slice(&(-y.y).into_bigint().to_bytes_be());
                }
            }
            _ if length >= 32 => {
                let at = 32 * dice.below(length / 32);
                let value = value(dice, part);
                part[at..at + 32].copy_from_slice(&value);
            }
            _ => part.push(1),
        }
    }
}

#[test]
fn contract_and_rust_agree_on_mutated_statements() {
    let rounds = if slow_tests() { 2000 } else { 100 };
    for architecture in both() {
        let model = Model::new(architecture, 1);
        let mut chain = MemoryChain::new(1);
        let code = verifier::deployment(architecture.suite, &architecture.key, &model.points);
        let (at, _) = chain.deploy(&OWNER, &code).unwrap();
        let mut contract = |context: &[u8], p: &Proven| {
            chain
                .simulate(&OWNER, &at, &verifier::verify(context, &p.tensors, &p.committed, &p.proof))
                .is_ok()
        };
        let mut dice = Dice::new(99);
        for seed in 0..3 {
            let honest = model.prove(CONTEXT, seed);
            assert!(accepts(&model, CONTEXT, &honest) && contract(CONTEXT, &honest));
            assert!(!accepts(&model, b"another", &honest) && !contract(b"another", &honest));
            for round in 0..rounds / 3 {
                let mut mutated = honest.clone();
                mutate(&mut dice, &mut mutated);
                let expected = accepts(&model, CONTEXT, &mutated);
                assert_eq!(
                    contract(CONTEXT, &mutated),
                    expected,
                    "{:?}, seed {seed}, round {round}",
                    architecture.suite
                );
            }
        }
    }
}

#[test]
fn a_statement_without_public_tensors_or_of_one_full_word_is_the_same_to_both() {
    use crate::support::{Architecture, SMALL};
    use zkml_evm::key::Sizes;
    for tensor_bytes in [0, 1, 27, 28, 29, 56] {
        for log_rows in [4, 7] {
            let sizes = Sizes { log_rows, tensor_bytes, output_bytes: 0, helpers: 0, weights: 0, ..SMALL };
            let architecture = Architecture::new(GROTH16.suite, sizes);
            let model = Model::new(&architecture, 1);
            let proven = model.prove(CONTEXT, 5);
            let mut chain = MemoryChain::new(1);
            let code = verifier::deployment(architecture.suite, &architecture.key, &model.points);
            let (at, _) = chain.deploy(&OWNER, &code).unwrap();
            let data = verifier::verify(CONTEXT, &proven.tensors, &proven.committed, &proven.proof);
            assert!(accepts(&model, CONTEXT, &proven));
            assert!(chain.simulate(&OWNER, &at, &data).is_ok(), "{tensor_bytes} bytes, 2^{log_rows} rows");
        }
    }
}
