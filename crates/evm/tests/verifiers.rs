//! The verifier contracts, run in an EVM against the verifiers in Rust.

use ark_bn254::{Fq, Fr, G1Affine};
use ark_ff::{BigInteger, PrimeField};
use revm::context::TxEnv;
use revm::context::result::ExecutionResult;
use revm::database::InMemoryDB;
use revm::primitives::{Address, TxKind};
use revm::{Context, ExecuteCommitEvm, ExecuteEvm, MainBuilder, MainContext};
use sha3::{Digest, Keccak256};
use zkml_evm::{GROTH16_VERIFIER, PLONK_VERIFIER, verify_calldata};
use zkml_snark::circuit::{Arithmetization, Builder, LinearCombination};
use zkml_snark::srs::Srs;
use zkml_snark::{groth16, plonk};

const INPUTS: usize = 12;

/// Twelve public inputs in a few dozen constraints.
fn circuit(arithmetization: Arithmetization, seed: Option<u64>) -> Builder {
    let mut builder = Builder::new(arithmetization);
    let mut last = builder.witness(seed.map(Fr::from));
    for step in 0..INPUTS as u64 {
        let factor = LinearCombination::from(last) + Fr::from(step);
        last = builder.multiply(factor, last);
        let known = builder.value(&last.into());
        let input = builder.public_input(known);
        builder.enforce_zero(last - input);
    }
    builder
}

struct Deployed {
    call: Box<dyn FnMut(Vec<u8>) -> (Option<Vec<u8>>, u64)>,
    deployment_gas: u64,
}

/// A chain on which one contract is deployed.
fn deploy(code: Vec<u8>) -> Option<Deployed> {
    let mut evm = Context::mainnet()
        .with_db(InMemoryDB::default())
        .modify_cfg_chained(|config| config.disable_nonce_check = true)
        .build_mainnet();
    let transaction = |kind: TxKind, data: Vec<u8>| {
        let builder = TxEnv::builder().caller(Address::repeat_byte(7)).gas_limit(10_000_000);
        builder.kind(kind).data(data.into()).build().unwrap()
    };
    let result = evm.transact_commit(transaction(TxKind::Create, code)).unwrap();
    let address = result.is_success().then(|| result.created_address())??;
    let call = move |data| {
        let result = evm.transact(transaction(TxKind::Call(address), data)).unwrap().result;
        let gas = result.tx_gas_used();
        match result {
            ExecutionResult::Success { output, .. } => (Some(output.into_data().to_vec()), gas),
            _ => (None, gas),
        }
    };
    Some(Deployed { call: Box::new(call), deployment_gas: result.tx_gas_used() })
}

impl Deployed {
    /// Whether a call of `verify` returns true; a revert counts as refusal.
    fn accepts(&mut self, calldata: Vec<u8>) -> (bool, u64) {
        let (output, gas) = (self.call)(calldata);
        let accepted = output.is_some_and(|output| output.len() == 32 && output[31] == 1);
        (accepted, gas)
    }
}

fn words(inputs: &[Fr]) -> Vec<[u8; 32]> {
    inputs.iter().map(|input| input.into_bigint().to_bytes_be().try_into().unwrap()).collect()
}

struct Case {
    contract: Deployed,
    inputs: Vec<[u8; 32]>,
    proof: Vec<u8>,
    points: Vec<usize>,
    scalars: Vec<usize>,
}

fn plonk_case() -> (Case, plonk::VerifyingKey) {
    let shape = circuit(Arithmetization::Plonk, None).shape().unwrap();
    let srs = Srs::testing(plonk::srs_points(&shape)).unwrap();
    let key = plonk::setup(&shape, &srs).unwrap();
    let prover = plonk::Prover::new(&shape, &key).unwrap();
    let circuit = circuit(Arithmetization::Plonk, Some(3)).circuit().unwrap();
    let proof = plonk::prove(&prover, &srs, &circuit).unwrap().to_bytes();
    let contract = deploy(PLONK_VERIFIER.deployment(&key.evm_bytes()).unwrap()).unwrap();
    let inputs = words(circuit.assignment.public_inputs());
    let points = (0..7).map(|index| 64 * index).chain([672, 736]).collect();
    let scalars = (0..7).map(|index| 448 + 32 * index).collect();
    (Case { contract, inputs, proof, points, scalars }, key)
}

fn groth16_case() -> Case {
    let shape = circuit(Arithmetization::R1cs, None).shape().unwrap();
    let (key, verifying) = groth16::testing_setup(&shape).unwrap();
    let circuit = circuit(Arithmetization::R1cs, Some(3)).circuit().unwrap();
    let proof = groth16::prove(&key, &circuit).unwrap().to_bytes();
    let contract = deploy(GROTH16_VERIFIER.deployment(&verifying.evm_bytes()).unwrap()).unwrap();
    let inputs = words(circuit.assignment.public_inputs());
    Case { contract, inputs, proof, points: vec![0, 64, 128, 192], scalars: Vec::new() }
}

#[test]
fn an_honest_plonk_proof_is_accepted_for_less_than_310_000_gas() {
    let (mut case, _) = plonk_case();
    let (accepted, gas) = case.contract.accepts(verify_calldata(&case.inputs, &case.proof));
    println!("plonk: verify {gas}, deploy {}", case.contract.deployment_gas);
    assert!(accepted && gas < 310_000, "{gas}");
}

#[test]
fn an_honest_groth16_proof_is_accepted_for_less_than_310_000_gas() {
    let mut case = groth16_case();
    let (accepted, gas) = case.contract.accepts(verify_calldata(&case.inputs, &case.proof));
    println!("groth16: verify {gas}, deploy {}", case.contract.deployment_gas);
    assert!(accepted && gas < 310_000, "{gas}");
}

fn refuse_tampering(mut case: Case) {
    let mut refused = |inputs: &[[u8; 32]], proof: &[u8], what: &str| {
        let (accepted, gas) = case.contract.accepts(verify_calldata(inputs, proof));
        assert!(!accepted, "{what}");
        assert!(gas < 1_500_000, "{what} burns {gas} gas");
    };
    for at in 0..case.proof.len() {
        let mut proof = case.proof.clone();
        proof[at] ^= 1 << (at % 8);
        refused(&case.inputs, &proof, &format!("proof byte {at}"));
    }
    for (index, at) in (0..INPUTS).flat_map(|index| (0..32).map(move |at| (index, at))) {
        let mut inputs = case.inputs.clone();
        inputs[index][at] ^= 1 << (at % 8);
        refused(&inputs, &case.proof, &format!("input {index} byte {at}"));
    }
    let raised = |bytes: &[u8], modulus: &[u8]| -> Vec<u8> {
        let mut carry = 0u16;
        let mut sum: Vec<u8> = bytes.to_vec();
        for (byte, more) in sum.iter_mut().rev().zip(modulus.iter().rev()) {
            let total = u16::from(*byte) + u16::from(*more) + carry;
            (*byte, carry) = (total as u8, total >> 8);
        }
        assert_eq!(carry, 0);
        sum
    };
    let (r, q) = (Fr::MODULUS.to_bytes_be(), Fq::MODULUS.to_bytes_be());
    for index in 0..INPUTS {
        let mut inputs = case.inputs.clone();
        inputs[index] = raised(&inputs[index], &r).try_into().unwrap();
        refused(&inputs, &case.proof, "an input raised by r");
    }
    for &at in &case.scalars {
        let mut proof = case.proof.clone();
        proof[at..at + 32].copy_from_slice(&raised(&case.proof[at..at + 32], &r));
        refused(&case.inputs, &proof, "a scalar raised by r");
    }
    for at in case.points.iter().flat_map(|&at| [at, at + 32]) {
        let mut proof = case.proof.clone();
        proof[at..at + 32].copy_from_slice(&raised(&case.proof[at..at + 32], &q));
        refused(&case.inputs, &proof, "a coordinate raised by q");
    }
    for &at in &case.points {
        let mut proof = case.proof.clone();
        proof[at..at + 64].fill(0);
        refused(&case.inputs, &proof, "half a G2 point, or a G1 point, at infinity");
    }
    refused(&case.inputs[1..], &case.proof, "an input missing");
    refused(&[case.inputs.as_slice(), &[[0; 32]]].concat(), &case.proof, "an input more");
    refused(&case.inputs, &case.proof[1..], "a byte missing");
    refused(&case.inputs, &[case.proof.as_slice(), &[0]].concat(), "a byte more");
    let mut swapped = case.inputs.clone();
    swapped.swap(3, 4);
    refused(&swapped, &case.proof, "two inputs exchanged");
    let honest = verify_calldata(&case.inputs, &case.proof);
    for length in (0..honest.len()).step_by(31) {
        assert!(!case.contract.accepts(honest[..length].to_vec()).0, "cut at {length}");
    }
}

/// The points that a call of `reduce` leaves to the pairings, or nothing if it calls the proof malformed.
fn reduced(case: &mut Case, proof: &[u8]) -> Option<[Vec<u8>; 2]> {
    let mut calldata = verify_calldata(&case.inputs, proof);
    calldata[..4].copy_from_slice(&Keccak256::digest("reduce(uint256[],bytes)")[..4]);
    let output = (case.contract.call)(calldata).0.unwrap();
    assert_eq!(output.len(), 13 * 32);
    (output[31] == 1).then(|| [output[32..96].to_vec(), output[32 + 192..32 + 256].to_vec()])
}

#[test]
fn the_plonk_contract_leaves_the_same_points_to_the_pairings_as_the_verifier_in_rust() {
    let (mut case, key) = plonk_case();
    let inputs: Vec<Fr> = case.inputs.iter().map(|word| Fr::from_be_bytes_mod_order(word)).collect();
    let bytes = |point: G1Affine| [point.x, point.y].map(|x| x.into_bigint().to_bytes_be()).concat();
    for change in 0..60 {
        // Honest, then other evaluations, then points exchanged: all well formed, most of them wrong.
        let mut proof = case.proof.clone();
        match change {
            0 => {}
            1..30 => proof[448 + 32 * (change % 7) + 31 - change % 5] ^= change as u8,
            _ => {
                let (one, two) = (64 * (change % 7), 64 * (change / 7 % 7));
                let [one, two] = [one, two].map(|at| (at, proof[at..at + 64].to_vec()));
                proof[one.0..one.0 + 64].copy_from_slice(&two.1);
                proof[two.0..two.0 + 64].copy_from_slice(&one.1);
            }
        }
        let check = plonk::reduce(&key, &inputs, &plonk::Proof::from_bytes(&proof).unwrap()).unwrap();
        assert_eq!(
            reduced(&mut case, &proof),
            Some([bytes(check.left), bytes(-check.right)]),
            "change {change}"
        );
        let accepted = case.contract.accepts(verify_calldata(&case.inputs, &proof)).0;
        assert_eq!(accepted, check.holds(&key.tau_g2()), "change {change}");
    }
}

#[test]
fn the_plonk_contract_refuses_every_change_of_a_proof_or_an_input() {
    refuse_tampering(plonk_case().0);
}

#[test]
fn the_groth16_contract_refuses_every_change_of_a_proof_or_an_input() {
    refuse_tampering(groth16_case());
}

#[test]
fn proofs_of_other_keys_are_refused() {
    let ((mut one, _), (two, _)) = (plonk_case(), plonk_case());
    assert!(!one.contract.accepts(verify_calldata(&two.inputs, &two.proof)).0);
    let (mut one, two) = (groth16_case(), groth16_case());
    assert!(!one.contract.accepts(verify_calldata(&two.inputs, &two.proof)).0);
}

#[test]
fn keys_that_make_no_sense_are_not_deployed() {
    let (_, key) = plonk_case();
    let key = key.evm_bytes();
    for at in [32 + 31, 64 + 29, 96 + 31, 128 + 31] {
        let mut changed = key.clone();
        changed[at] ^= 1;
        assert!(deploy(PLONK_VERIFIER.deployment(&changed).unwrap()).is_none(), "byte {at}");
    }
    assert!(deploy(PLONK_VERIFIER.deployment(&key[1..]).unwrap()).is_none());
    assert!(deploy(GROTH16_VERIFIER.deployment(&key[..447]).unwrap()).is_none());
}
