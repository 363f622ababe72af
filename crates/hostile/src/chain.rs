//! The same of the files for contracts: cards, proofs, reference strings, keys and ceremonies.

use std::error::Error;
use std::io::Cursor;
use std::sync::OnceLock;

use zkml::chain::{
    Card, ChainKey, ChainOptions, Policy, Proof, Registered, SrsSource, Statement, Suite, prove, setup,
    verify,
};
use zkml::{CompiledModel, DataFile, Options, ProveOptions, SourceModel, quantize_samples};
use zkml_snark::circuit::Shape;
use zkml_snark::groth16::ceremony::Ceremony;
use zkml_snark::groth16::{self, domain_size};
use zkml_snark::plonk;
use zkml_snark::srs::{PowersOfTau, Srs, write_testing_ptau};

#[path = "../../cli/tests/command/tiny.rs"]
mod tiny;

/// The power of the reference string that is read.
const POWER: u32 = 4;
const POLICY: Policy = Policy { allow_testing: true, min_security: 100 };

/// Honest files of one suite for a perceptron of 18 weights.
#[derive(Debug)]
pub struct Fixture {
    /// The card, checked.
    pub card: Registered,
    /// The card's file.
    pub card_bytes: Vec<u8>,
    /// What is proven.
    pub statement: Statement,
    /// The proof's file.
    pub proof: Vec<u8>,
}

/// The files of a suite, made on the first call.
pub fn fixture(suite: Suite) -> &'static Fixture {
    static FIXTURES: [OnceLock<Fixture>; 2] = [const { OnceLock::new() }; 2];
    let [groth16, plonk] = &FIXTURES;
    let slot = if suite == Suite::Groth16 { groth16 } else { plonk };
    slot.get_or_init(|| make(suite).expect("the model can be proven"))
}

fn make(suite: Suite) -> Result<Fixture, Box<dyn Error>> {
    let data = DataFile::parse("data.json", tiny::samples(40).as_bytes())?;
    let onnx = tiny::onnx();
    let source = SourceModel { name: "tiny.onnx".into(), onnx, dims: Default::default(), frozen: Vec::new() };
    let CompiledModel { compiled, .. } = source.compile(&data, &Options::default())?;
    let options = ChainOptions { suite, batch: 1, inputs: Vec::new(), outputs: Vec::new() };
    let key: ChainKey = setup(compiled, &options, SrsSource::Testing, &mut |_| {})?;
    let card = key.registered()?;
    let samples = quantize_samples(&key.compiled, &data, 0..1)?;
    let options = ProveOptions::default();
    let proof = prove(&key, &card, &samples, &options, &mut Default::default(), &mut |_| {})?.proof;
    Ok(Fixture {
        card_bytes: key.card().to_bytes()?,
        card,
        proof: proof.to_bytes()?,
        statement: proof.statement,
    })
}

/// Whether bytes are a proof that holds for the card.
pub fn accepts(suite: Suite, bytes: &[u8]) -> bool {
    Proof::from_bytes(bytes).is_ok_and(|proof| verify(&fixture(suite).card, &proof, &POLICY).is_ok())
}

/// A proof is read canonically, and accepted only for the statement that was proven.
pub fn proof(suite: Suite, bytes: &[u8]) {
    let Ok(proof) = Proof::from_bytes(bytes) else { return };
    assert_eq!(proof.to_bytes().expect("it was decoded"), bytes, "two encodings of one proof");
    let fixture = fixture(suite);
    if verify(&fixture.card, &proof, &POLICY).is_ok() {
        assert_eq!(proof.statement, fixture.statement, "nobody proved this");
    }
}

/// A card is read canonically. Where it holds, the proof for another card is refused, even where it claims to be about this one;
/// the origins of keys and reference string, which are what a card says, are the exception.
pub fn card(suite: Suite, bytes: &[u8]) {
    let Ok(card) = Card::from_bytes(bytes) else { return };
    assert_eq!(card.to_bytes().expect("it was decoded"), bytes, "two encodings of one card");
    let Ok(registered) = Registered::new(card) else { return };
    let fixture = fixture(suite);
    let mut proof = Proof::from_bytes(&fixture.proof).expect("it is honest");
    let (found, honest) = (registered.card(), fixture.card.card());
    proof.statement.model = found.id().expect("it was decoded");
    if verify(&registered, &proof, &POLICY).is_ok() {
        assert_eq!(found.id().ok(), honest.id().ok(), "a proof holds for another model");
        assert_eq!(found.key.evm_bytes(), honest.key.evm_bytes(), "a proof holds under another key");
    }
}

/// A phase 1 that is read.
pub fn powers_of_tau() -> Vec<u8> {
    let mut bytes = Vec::new();
    write_testing_ptau(POWER, &mut bytes).expect("a small file");
    bytes
}

/// A phase 1 is read by both of its readers, or refused.
pub fn srs(bytes: &[u8]) {
    for points in [2, 1 << POWER, usize::MAX] {
        if let Ok(srs) = Srs::read(&mut Cursor::new(bytes), points) {
            assert!(srs.g1.len() >= points, "fewer powers than asked for");
        }
        let _ = PowersOfTau::read(&mut Cursor::new(bytes), points);
    }
}

/// The circuit of the ceremony that is read: a square.
pub fn square() -> Shape {
    use zkml_snark::circuit::{Arithmetization, Builder};
    let mut builder = Builder::new(Arithmetization::R1cs);
    let square = builder.public_input(None);
    let root = builder.witness(None);
    builder.enforce(root, root, square);
    builder.shape().expect("a circuit")
}

/// A ceremony with one contribution, and the proving key that it ends in.
pub fn ceremony_files() -> [Vec<u8>; 2] {
    let circuit = square();
    let phase1 = PowersOfTau::read(&mut Cursor::new(powers_of_tau()), domain_size(&circuit).max(2));
    let phase1 = phase1.expect("it is honest");
    let mut ceremony = Ceremony::start(&circuit, &phase1).expect("phase 1 is long enough");
    ceremony.contribute(b"hostile").expect("it is open");
    let bytes = ceremony.to_bytes();
    let (key, _) = ceremony.finish(&circuit, &phase1).expect("it is honest");
    [bytes, key.to_bytes()]
}

/// A ceremony is read canonically or refused.
pub fn ceremony(bytes: &[u8]) {
    if let Ok(ceremony) = Ceremony::from_bytes(bytes, &square()) {
        assert_eq!(ceremony.to_bytes(), bytes, "two encodings of one ceremony");
    }
}

/// Keys and proofs of both SNARKs are read canonically or refused.
pub fn snark(bytes: &[u8]) {
    let check = zkml_snark::codec::Check::Full;
    let again = [
        groth16::ProvingKey::from_bytes(bytes, check).map(|key| key.to_bytes()),
        groth16::VerifyingKey::from_bytes(bytes).map(|key| key.to_bytes()),
        groth16::Proof::from_bytes(bytes).map(|proof| proof.to_bytes()),
        plonk::VerifyingKey::from_bytes(bytes).map(|key| key.to_bytes()),
        plonk::Proof::from_bytes(bytes).map(|proof| proof.to_bytes()),
    ];
    again.into_iter().flatten().for_each(|encoded| assert_eq!(encoded, bytes, "two encodings"));
}
