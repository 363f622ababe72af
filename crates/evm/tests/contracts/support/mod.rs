//! Statements of any size, proven without a model: a prover of everything that a contract checks.
//!
//! Columns are random, the SNARK proves a circuit that any three public inputs satisfy. To a contract that is a proof like any other.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure of the support is a failure of its test")]

pub mod reference;

use std::sync::{Arc, LazyLock};

use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM};
use ark_ff::{AdditiveGroup, BigInteger, One, PrimeField};
use zkml_bn254::columns::{Listed, PackedStatement, helpers_digest};
use zkml_bn254::field::{point_words, reduce, to_word};
use zkml_bn254::mercury;
use zkml_evm::gas::MemoryChain;
use zkml_evm::key::{self, Sizes};
use zkml_evm::registry::{self, Submission, Suite};
use zkml_evm::{Address, Word, integer, keccak};
use zkml_snark::circuit::{Arithmetization, Builder};
use zkml_snark::srs::Srs;
use zkml_snark::{groth16, plonk};

pub const CHAIN: u64 = 31_337;
pub const OWNER: Address = [0xaa; 20];
pub const REQUESTER: Address = [0xbb; 20];
pub const STRANGER: Address = [0xcc; 20];
pub const CARD: Word = [0x33; 32];

/// The words of a proof after the row point: value, challenge, opening.
pub const FIXED_WORDS: usize = 22;

/// A small statement with every kind of column, and a number of public bytes that fills no word.
pub const SMALL: Sizes = Sizes {
    log_rows: 5,
    weights: 2,
    committed: 1,
    witness: 1,
    helpers: 1,
    tensor_bytes: 40,
    output_bytes: 7,
};

/// Sizes of LeNet-5 with a public image and ten raw scores.
pub const QUOTED: Sizes = Sizes {
    log_rows: 16,
    weights: 2,
    committed: 0,
    witness: 1,
    helpers: 1,
    tensor_bytes: 824,
    output_bytes: 40,
};

/// Scalars that a test can reproduce.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed << 32)
    }

    pub fn bytes(&mut self) -> Word {
        self.0 += 1;
        *blake3::hash(&self.0.to_le_bytes()).as_bytes()
    }

    pub fn scalar(&mut self) -> Fr {
        reduce(&self.bytes())
    }

    pub fn below(&mut self, bound: usize) -> usize {
        let [a, b, c, d, ..] = self.bytes();
        u32::from_le_bytes([a, b, c, d]) as usize % bound
    }
}

/// The reference string of small columns: one for all, so that keys of both suites serve the same commitments.
static SRS: LazyLock<Arc<Srs>> = LazyLock::new(|| Arc::new(Srs::testing(1 << 10).unwrap()));

fn reference_string(log_rows: u8) -> Arc<Srs> {
    if log_rows <= 10 { SRS.clone() } else { Arc::new(Srs::testing(1 << log_rows).unwrap()) }
}

/// The proving and verifying keys of the circuit that accepts everything.
pub enum Snark {
    Groth16(Box<(groth16::ProvingKey, groth16::VerifyingKey)>),
    Plonk(Box<(plonk::Prover, plonk::VerifyingKey)>),
}

/// An architecture: sizes, strings, keys.
pub struct Architecture {
    pub suite: Suite,
    pub sizes: Sizes,
    pub srs: Arc<Srs>,
    pub snark: Snark,
    pub key: Vec<u8>,
}

fn circuit(arithmetization: Arithmetization, inputs: Option<[Fr; 3]>) -> Builder {
    let mut builder = Builder::new(arithmetization);
    let [a, b, c] = [0, 1, 2].map(|i| builder.public_input(inputs.map(|inputs| inputs[i])));
    let product = builder.multiply(a, b);
    builder.multiply(product, c);
    builder
}

impl Architecture {
    pub fn new(suite: Suite, sizes: Sizes) -> Self {
        let srs = reference_string(sizes.log_rows);
        let tau_g2 = g2_bytes(&srs.tau_g2);
        let (snark, key) = match suite {
            Suite::Groth16 => {
                let shape = circuit(Arithmetization::R1cs, None).shape().unwrap();
                let keys = groth16::testing_setup(&shape).unwrap();
                let key = key::groth16(&sizes, &tau_g2, &keys.1.evm_bytes()).unwrap();
                (Snark::Groth16(Box::new(keys)), key)
            }
            Suite::Plonk => {
                let shape = circuit(Arithmetization::Plonk, None).shape().unwrap();
                let verifying = plonk::setup(&shape, &srs).unwrap();
                let prover = plonk::Prover::new(&shape, &verifying).unwrap();
                let key = key::plonk(&sizes, &tau_g2, &verifying.evm_bytes()).unwrap();
                (Snark::Plonk(Box::new((prover, verifying))), key)
            }
        };
        Self { suite, sizes, srs, snark, key }
    }

    fn prove_snark(&self, inputs: [Fr; 3]) -> Vec<u8> {
        match &self.snark {
            Snark::Groth16(keys) => {
                let circuit = circuit(Arithmetization::R1cs, Some(inputs)).circuit().unwrap();
                groth16::prove(&keys.0, &circuit).unwrap().to_bytes()
            }
            Snark::Plonk(keys) => {
                let circuit = circuit(Arithmetization::Plonk, Some(inputs)).circuit().unwrap();
                plonk::prove(&keys.0, &self.srs, &circuit).unwrap().to_bytes()
            }
        }
    }
}

/// The small architectures, made once.
pub static GROTH16: LazyLock<Architecture> = LazyLock::new(|| Architecture::new(Suite::Groth16, SMALL));
pub static PLONK: LazyLock<Architecture> = LazyLock::new(|| Architecture::new(Suite::Plonk, SMALL));

pub fn both() -> [&'static Architecture; 2] {
    [&GROTH16, &PLONK]
}

pub fn g2_bytes(point: &G2Affine) -> [u8; 128] {
    let (x, y) = point.xy().unwrap();
    let bytes: Vec<u8> =
        [x.c1, x.c0, y.c1, y.c0].iter().flat_map(|c| c.into_bigint().to_bytes_be()).collect();
    bytes.try_into().unwrap()
}

pub fn points_bytes(points: &[G1Affine]) -> Vec<u8> {
    points.iter().flat_map(point_words).flatten().collect()
}

/// A model: columns of weights under an architecture.
pub struct Model<'a> {
    pub architecture: &'a Architecture,
    weights: Vec<Vec<Fr>>,
    pub points: Vec<u8>,
}

/// A statement with its proof.
#[derive(Clone, Debug)]
pub struct Proven {
    pub tensors: Vec<u8>,
    pub committed: Vec<u8>,
    pub proof: Vec<u8>,
}

/// Few non-zero rows: commitments to tall columns cost little.
fn column(rows: usize, dice: &mut Dice) -> Vec<Fr> {
    let mut column = vec![Fr::ZERO; rows];
    for _ in 0..8 {
        column[dice.below(rows)] = dice.scalar();
    }
    column
}

fn evaluate(column: &[Fr], point: &[Fr]) -> Fr {
    let fold = |column: Vec<Fr>, z: &Fr| column.chunks(2).map(|c| c[0] + *z * (c[1] - c[0])).collect();
    point.iter().fold(column.to_vec(), fold)[0]
}

impl<'a> Model<'a> {
    pub fn new(architecture: &'a Architecture, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let Sizes { log_rows, weights, .. } = architecture.sizes;
        let weights: Vec<_> = (0..weights).map(|_| column(1 << log_rows, &mut dice)).collect();
        let mut model = Self { architecture, weights, points: Vec::new() };
        model.points = points_bytes(&model.weights.iter().map(|c| model.commit(c)).collect::<Vec<_>>());
        model
    }

    fn commit(&self, column: &[Fr]) -> G1Affine {
        let (bases, scalars): (Vec<G1Affine>, Vec<Fr>) =
            self.architecture.srs.g1.iter().zip(column).filter(|(_, c)| **c != Fr::ZERO).unzip();
        G1Projective::msm(&bases, &scalars).unwrap().into_affine()
    }

    /// Proves a statement whose public tensors have a share of zero bytes, as images have.
    pub fn prove(&self, context: &[u8], seed: u64) -> Proven {
        let mut dice = Dice::new(seed + 1000);
        let Sizes { log_rows, committed, witness, helpers, tensor_bytes, .. } = self.architecture.sizes;
        let tensors: Vec<u8> =
            (0..tensor_bytes).map(|_| if dice.below(5) == 0 { dice.bytes()[0] } else { 0 }).collect();
        let (rows, helpers_count) = (1usize << log_rows, helpers);
        let mut make = |count: u8| (0..count).map(|_| column(rows, &mut dice)).collect::<Vec<_>>();
        let (committed, witness, helpers) = (make(committed), make(witness + 1), make(helpers));
        let commit = |columns: &[Vec<Fr>]| columns.iter().map(|c| self.commit(c)).collect::<Vec<_>>();
        let (committed_points, own) = (commit(&committed), [commit(&witness), commit(&helpers)].concat());
        let challenge = dice.scalar();
        let point: Vec<Fr> = (0..log_rows).map(|_| dice.scalar()).collect();
        let combined = combine(&[&self.weights, &committed, &witness, &helpers], challenge);
        let value = evaluate(&combined, &point);

        let all = [&self.points[..], &points_bytes(&committed_points), &points_bytes(&own)].concat();
        let statement = PackedStatement { context: reduce(&keccak(context)), bytes: tensors.clone() };
        let (early, late) = all.split_at(all.len() - 64 * usize::from(helpers_count));
        let (rho, packed) = statement.evaluate(early);
        let mut list = vec![rho, packed, helpers_digest(late)];
        list.extend(&point);
        list.push(value);
        let listed = Listed::of(challenge, list);
        let opening = mercury::open(&self.architecture.srs.g1, &combined, &point, listed.digest()).unwrap();
        let mut proof = points_bytes(&own);
        let scalars = |scalars: &[Fr]| scalars.iter().map(|&s| to_word(s)).collect::<Vec<_>>().concat();
        proof.extend(scalars(&point));
        proof.extend(scalars(&[value, challenge]));
        proof.extend(points_bytes(&[opening.h, opening.g, opening.q, opening.s, opening.d]));
        proof.extend(scalars(&opening.values));
        proof.extend(points_bytes(&[opening.w, opening.v]));
        assert_eq!(proof.len(), self.architecture.sizes.outer_bytes());
        proof.extend(self.architecture.prove_snark(listed.public_inputs()));
        Proven { tensors, committed: points_bytes(&committed_points), proof }
    }
}

/// The mask, which is the last column of the third tree, and the others with powers of the challenge.
fn combine(trees: &[&[Vec<Fr>]; 4], challenge: Fr) -> Vec<Fr> {
    let mut combined = trees[2].last().unwrap().clone();
    let mask = trees[0].len() + trees[1].len() + trees[2].len() - 1;
    let mut power = Fr::one();
    for (_, column) in trees.iter().copied().flatten().enumerate().filter(|(i, _)| *i != mask) {
        power *= challenge;
        combined
            .iter_mut()
            .zip(column)
            .filter(|(_, c)| **c != Fr::ZERO)
            .for_each(|(sum, c)| *sum += power * c);
    }
    combined
}

/// A chain with a registry, on which models are registered.
pub struct Deployed {
    pub chain: MemoryChain,
    pub registry: Address,
}

impl Default for Deployed {
    fn default() -> Self {
        let mut chain = MemoryChain::new(CHAIN);
        let (registry, gas) = chain.deploy(&OWNER, zkml_evm::artifact::MODEL_REGISTRY.creation).unwrap();
        println!("deployment of the registry: {gas} gas");
        Self { chain, registry }
    }
}

impl Deployed {
    /// Registers a model under a card, and returns its identifier.
    pub fn register(&mut self, model: &Model<'_>, card: &Word) -> Word {
        let Architecture { suite, key, .. } = model.architecture;
        self.chain.call(&OWNER, &self.registry, &registry::register_key(*suite, key)).unwrap();
        let key_id = registry::key_id(*suite, key);
        self.chain.call(&OWNER, &self.registry, &registry::register(card, &key_id, &model.points)).unwrap();
        registry::model_id(&OWNER, card)
    }

    /// A result for a requester.
    pub fn result(&self, model: &Model<'_>, model_id: Word, requester: &Address, nonce: u64) -> Submission {
        let nonce = integer(nonce.into());
        let context = registry::context(CHAIN, &self.registry, requester, &model_id, 0, &nonce);
        let Proven { tensors, committed, proof } = model.prove(&context, u64::from(nonce[31]));
        Submission { model_id, epoch: 0, nonce, tensors, committed, proof }
    }

    /// The name of the error with which a call is refused; nothing if it is accepted.
    pub fn refusal(&mut self, from: &Address, data: &[u8]) -> Option<String> {
        match self.chain.simulate(from, &self.registry, data) {
            Ok(_) => None,
            Err(zkml_evm::gas::CallError::Refused { name, .. }) => Some(name.to_owned()),
            Err(other) => Some(other.to_string()),
        }
    }
}
