//! Hostile bytes.

use ark_bn254::{Fq, Fr};
use ark_ff::{BigInteger, PrimeField};
use zkml_evm::registry::{self, Submission, Suite};
use zkml_evm::verifier;

use crate::slow_tests;
use crate::support::{
    Architecture, CARD, Deployed, FIXED_WORDS, GROTH16, Model, OWNER, PLONK, REQUESTER, SMALL, STRANGER,
    both, points_bytes,
};

struct Case {
    deployed: Deployed,
    result: Submission,
}

impl Case {
    fn new(architecture: &Architecture) -> Self {
        let (mut deployed, model) = (Deployed::default(), Model::new(architecture, 1));
        let id = deployed.register(&model, &CARD);
        let result = deployed.result(&model, id, &REQUESTER, 5);
        assert_eq!(deployed.refusal(&REQUESTER, &registry::submit(&result)), None);
        Self { deployed, result }
    }

    fn refused(&mut self, change: impl Fn(&mut Submission), error: &str) {
        let mut result = self.result.clone();
        change(&mut result);
        let refusal = self.deployed.refusal(&REQUESTER, &registry::submit(&result));
        assert_eq!(refusal, Some(format!("{error}()")));
    }
}

/// `a + b` as 256-bit integers.
fn add(a: &mut [u8], b: &[u8]) {
    let mut carry = 0u16;
    for (a, b) in a.iter_mut().zip(b).rev() {
        carry += u16::from(*a) + u16::from(*b);
        *a = carry as u8;
        carry >>= 8;
    }
    assert_eq!(carry, 0, "the sum fits");
}

fn modulus<F: PrimeField<BigInt: BigInteger>>() -> Vec<u8> {
    F::MODULUS.to_bytes_be()
}

/// Where a proof's parts lie.
struct Parts {
    columns: Vec<usize>,
    scalars: Vec<usize>,
    points: Vec<usize>,
    /// Points of G1 in the SNARK's proof, and the one of G2.
    snark_points: Vec<usize>,
    snark_scalars: Vec<usize>,
    g2: Option<usize>,
}

fn parts(suite: Suite) -> Parts {
    let columns = usize::from(SMALL.witness + 1 + SMALL.helpers);
    let row = 64 * columns;
    let opening = row + 32 * (usize::from(SMALL.log_rows) + 2);
    let snark = opening + 32 * (FIXED_WORDS - 2);
    let words = |from: usize, count: usize, step: usize| (0..count).map(move |i| from + step * i);
    let scalars =
        words(row, usize::from(SMALL.log_rows) + 2, 32).chain(words(opening + 320, 6, 32)).collect();
    let points = words(opening, 5, 64).chain(words(opening + 512, 2, 64)).collect();
    let (snark_points, snark_scalars, g2) = match suite {
        Suite::Groth16 => (vec![snark, snark + 192], vec![], Some(snark + 64)),
        Suite::Plonk => {
            let points = words(snark, 7, 64).chain(words(snark + 672, 2, 64)).collect();
            (points, words(snark + 448, 7, 32).collect(), None)
        }
    };
    Parts { columns: words(0, columns, 64).collect(), scalars, points, snark_points, snark_scalars, g2 }
}

#[test]
fn a_changed_bit_anywhere_in_the_calldata_is_refused() {
    let all = slow_tests();
    for architecture in both() {
        let Case { mut deployed, result } = Case::new(architecture);
        let data = registry::submit(&result);
        // Selector, heads and lengths: all bits. The rest: one bit of some bytes, all of them in slow tests.
        let tensors = 4 + 32 * 7;
        let committed = tensors + 32 + result.tensors.len().next_multiple_of(32);
        let proof = committed + 32 + result.committed.len();
        let structural = |at: usize| {
            at < tensors + 32
                || (committed..committed + 32).contains(&at)
                || (proof..proof + 32).contains(&at)
        };
        for at in 0..data.len() {
            let bits: Vec<u32> = match () {
                () if all || structural(at) && at % 32 >= 28 => (0..8).collect(),
                () if structural(at) || at % 13 == 0 || at < proof && at > tensors => vec![at as u32 % 8],
                () => vec![],
            };
            for bit in bits {
                let mut changed = data.clone();
                changed[at] ^= 1 << bit;
                assert!(
                    deployed.refusal(&REQUESTER, &changed).is_some(),
                    "{:?}: byte {at}, bit {bit}",
                    architecture.suite
                );
            }
        }
    }
}

#[test]
fn calldata_that_is_too_short_or_too_long_is_refused() {
    let Case { mut deployed, result } = Case::new(&GROTH16);
    for data in [registry::submit(&result), registry::submit_batch(&[result.clone(), result.clone()])] {
        for length in [0, 3, 4, 36, 100, data.len() / 2, data.len() - 32, data.len() - 1] {
            assert!(deployed.refusal(&REQUESTER, &data[..length]).is_some(), "{length}");
        }
        for extra in [1, 31, 32] {
            let longer = [&data[..], &vec![0; extra]].concat();
            assert!(deployed.refusal(&REQUESTER, &longer).is_some());
        }
    }
    // An unused word between head and tail, all offsets moved: decoders that are not strict take it.
    let mut loose = registry::submit(&result);
    for at in [4 + 32 * 4, 4 + 32 * 5, 4 + 32 * 6] {
        add(&mut loose[at..at + 32], &zkml_evm::integer(32));
    }
    let tail = loose.split_off(4 + 32 * 7);
    loose.extend([0; 32]);
    loose.extend(tail);
    assert_eq!(deployed.refusal(&REQUESTER, &loose), Some("NonCanonicalCalldata()".into()));
}

#[test]
fn points_at_infinity_are_refused() {
    for architecture in both() {
        let mut case = Case::new(architecture);
        let parts = parts(architecture.suite);
        for at in [parts.columns, parts.points, parts.snark_points].concat() {
            case.refused(|r| r.proof[at..at + 64].fill(0), "InvalidPoint");
        }
        if let Some(at) = parts.g2 {
            case.refused(|r| r.proof[at..at + 128].fill(0), "InvalidPoint");
        }
        case.refused(|r| r.committed.fill(0), "InvalidPoint");
    }
}

#[test]
fn points_off_the_curve_are_refused() {
    for architecture in both() {
        let mut case = Case::new(architecture);
        let parts = parts(architecture.suite);
        for at in [parts.columns, parts.points, parts.snark_points].concat() {
            case.refused(|r| r.proof[at + 63] ^= 1, "InvalidPoint");
        }
        if let Some(at) = parts.g2 {
            case.refused(|r| r.proof[at + 127] ^= 1, "InvalidPoint");
        }
        case.refused(|r| r.committed[63] ^= 1, "InvalidPoint");
    }
}

#[test]
fn a_point_of_g2_outside_of_the_subgroup_is_refused() {
    use ark_bn254::{Fq2, G2Affine};
    let outside = (0u64..)
        .find_map(|x| G2Affine::get_point_from_x_unchecked(Fq2::new(Fq::from(x), Fq::from(1)), false))
        .filter(|p| !p.is_in_correct_subgroup_assuming_on_curve())
        .unwrap();
    let coordinates = [outside.x.c1, outside.x.c0, outside.y.c1, outside.y.c0];
    let bytes: Vec<u8> = coordinates.iter().flat_map(|c| c.into_bigint().to_bytes_be()).collect();
    let mut case = Case::new(&GROTH16);
    let at = parts(Suite::Groth16).g2.unwrap();
    case.refused(|r| r.proof[at..at + 128].copy_from_slice(&bytes), "InvalidPoint");
}

#[test]
fn coordinates_and_scalars_beyond_their_modulus_are_refused() {
    let (r, p) = (modulus::<Fr>(), modulus::<Fq>());
    for architecture in both() {
        let mut case = Case::new(architecture);
        let parts = parts(architecture.suite);
        for at in parts.columns {
            for at in [at, at + 32] {
                case.refused(|s| add(&mut s.proof[at..at + 32], &p), "InvalidPoint");
            }
        }
        for at in [parts.points, parts.snark_points].concat() {
            for at in [at, at + 32] {
                case.refused(|s| add(&mut s.proof[at..at + 32], &p), "InvalidPoint");
            }
        }
        for at in parts.g2.into_iter().flat_map(|at| [at, at + 32, at + 64, at + 96]) {
            case.refused(|s| add(&mut s.proof[at..at + 32], &p), "InvalidPoint");
        }
        for at in [parts.scalars, parts.snark_scalars].concat() {
            case.refused(|s| add(&mut s.proof[at..at + 32], &r), "NotCanonical");
        }
        case.refused(|s| add(&mut s.committed[..32], &p), "InvalidPoint");
    }
}

#[test]
fn exchanged_inputs_points_and_scalars_are_refused() {
    for architecture in both() {
        let mut case = Case::new(architecture);
        let parts = parts(architecture.suite);
        case.refused(|r| r.tensors.rotate_left(1), "InvalidProof");
        for list in [parts.columns, parts.points, parts.snark_points] {
            for pair in list.windows(2) {
                let exchange = |r: &mut Submission| {
                    let first: Vec<u8> = r.proof[pair[0]..pair[0] + 64].to_vec();
                    r.proof.copy_within(pair[1]..pair[1] + 64, pair[0]);
                    r.proof[pair[1]..pair[1] + 64].copy_from_slice(&first);
                };
                case.refused(exchange, "InvalidProof");
            }
        }
        for list in [parts.scalars, parts.snark_scalars] {
            for pair in list.windows(2) {
                let exchange = |r: &mut Submission| {
                    let first: Vec<u8> = r.proof[pair[0]..pair[0] + 32].to_vec();
                    r.proof.copy_within(pair[1]..pair[1] + 32, pair[0]);
                    r.proof[pair[1]..pair[1] + 32].copy_from_slice(&first);
                };
                case.refused(exchange, "InvalidProof");
            }
        }
    }
}

#[test]
fn lists_of_another_length_are_refused() {
    for architecture in both() {
        let mut case = Case::new(architecture);
        case.refused(|r| r.tensors.truncate(r.tensors.len() - 1), "WrongLength");
        case.refused(|r| r.tensors.push(0), "WrongLength");
        case.refused(|r| r.committed.truncate(0), "WrongLength");
        case.refused(|r| r.committed.extend([0; 64]), "WrongLength");
        case.refused(|r| r.proof.truncate(r.proof.len() - 32), "WrongLength");
        case.refused(|r| r.proof.extend([0; 32]), "WrongLength");
        case.refused(|r| r.proof.truncate(r.proof.len() - 1), "WrongLength");
    }
}

#[test]
fn keys_and_weights_that_are_none_are_refused() {
    let mut deployed = Deployed::default();
    for architecture in both() {
        let Architecture { suite, key, .. } = architecture;
        let mut refused = |key: &[u8], at: usize| {
            let refusal = deployed.refusal(&STRANGER, &registry::register_key(*suite, key));
            assert_eq!(refusal, Some("InvalidKey()".into()), "{suite:?}: byte {at}");
        };
        refused(&key[..key.len() - 32], 0);
        refused(&[&key[..], &[0; 32]].concat(), 0);
        // The last bit of every word, but of sizes and of the circuit's digest, which mean something whatever they are.
        for word in 1..key.len() / 32 {
            if *suite == Suite::Plonk && word == 5 {
                continue;
            }
            let mut key = key.clone();
            key[32 * word + 31] ^= 1;
            refused(&key, word);
        }
        for (byte, value) in [(31, 1), (31, 29), (30, 64), (0, 1), (21, 1)] {
            let mut key = key.clone();
            key[byte] = value;
            refused(&key, byte);
        }
        for point in [32, key.len() - 64] {
            let mut key = key.clone();
            key[point..point + if point == 32 { 128 } else { 64 }].fill(0);
            refused(&key, point);
        }
    }
    let model = Model::new(&GROTH16, 1);
    deployed.register(&model, &CARD);
    let key_id = registry::key_id(GROTH16.suite, &GROTH16.key);
    let mut weights = |change: fn(&mut Vec<u8>), error: &str| {
        let mut points = model.points.clone();
        change(&mut points);
        let data = registry::register(&[1; 32], &key_id, &points);
        assert_eq!(deployed.refusal(&OWNER, &data), Some(format!("{error}()")));
    };
    weights(|p| p.truncate(64), "WrongLength");
    weights(|p| p.extend([0; 64]), "WrongLength");
    weights(|p| p[64..].fill(0), "InvalidPoint");
    weights(|p| p[63] ^= 1, "InvalidPoint");
    weights(|p| add(&mut p[..32], &modulus::<Fq>()), "InvalidPoint");
}

#[test]
fn a_rerandomised_groth16_proof_is_another_proof_of_the_same_result() {
    use ark_ec::CurveGroup;
    use zkml_snark::groth16::Proof;
    let Case { mut deployed, result } = Case::new(&GROTH16);
    let mut other = result.clone();
    let at = other.proof.len() - Proof::BYTES;
    let proof = Proof::from_bytes(&other.proof[at..]).unwrap();
    let (k, inverse) = (Fr::from(7), ark_ff::Field::inverse(&Fr::from(7)).unwrap());
    let proof = Proof { a: (proof.a * k).into_affine(), b: (proof.b * inverse).into_affine(), c: proof.c };
    other.proof[at..].copy_from_slice(&proof.to_bytes());
    assert_ne!(other.proof, result.proof);
    // Accepted, but not beside the first: the nonce counts, not the bytes.
    assert_eq!(deployed.refusal(&REQUESTER, &registry::submit(&other)), None);
    deployed.chain.call(&REQUESTER, &deployed.registry, &registry::submit(&result)).unwrap();
    assert_eq!(deployed.refusal(&REQUESTER, &registry::submit(&other)), Some("NonceUsed()".into()));
}

#[test]
fn the_verifier_of_one_model_refuses_other_contexts_and_long_ones() {
    for architecture in both() {
        let (mut deployed, model) = (Deployed::default(), Model::new(architecture, 1));
        let code = verifier::deployment(architecture.suite, &architecture.key, &model.points);
        let (at, _) = deployed.chain.deploy(&STRANGER, &code).unwrap();
        for length in [0, 1, 32, 64] {
            let context = vec![7; length];
            let proven = model.prove(&context, 1);
            let mut call = |context: &[u8]| {
                let data = verifier::verify(context, &proven.tensors, &proven.committed, &proven.proof);
                deployed.chain.simulate(&STRANGER, &at, &data).map(|e| e.output)
            };
            assert_eq!(call(&context).unwrap(), zkml_evm::integer(1));
            assert!(call(&[&context[..], &[0]].concat()).is_err());
        }
        // A verifier is not deployed with weights that are none.
        let weights = points_bytes(&[ark_bn254::G1Affine::default(); 2]);
        assert!(
            deployed
                .chain
                .deploy(&OWNER, &verifier::deployment(architecture.suite, &architecture.key, &weights))
                .is_err()
        );
    }
    // The keys of one suite are none of the other.
    let code = verifier::deployment(Suite::Plonk, &GROTH16.key, &Model::new(&PLONK, 1).points);
    assert!(Deployed::default().chain.deploy(&OWNER, &code).is_err());
}
