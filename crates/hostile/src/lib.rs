//! What must hold of every byte string from outside. Each function takes bytes as an attacker may hand them over, and panics only
//! where something is broken: the code under test panics, or accepts what nobody proved.
//!
//! `fuzz/` runs these functions under libFuzzer; `tests/smoke.rs` runs them on some thousand fixed mutations of honest files.

#![allow(clippy::expect_used, reason = "a panic is how a fuzz target speaks")]

pub mod chain;
mod fixture;

pub use fixture::{Fixture, fixture};
pub use zkml::chain::Suite;

use zkml::cost::cost;
use zkml::verifier::TreeId;
use zkml::{Card, CommittedTensor, CompiledModel, DataFile, Proof, ProverKey, Registered, verify};
use zkml_import::{FloatGraph, ImportOptions, import_bytes};

/// A proof is read canonically, and accepted only for the statement that was proven.
pub fn proof(bytes: &[u8]) {
    let Ok(proof) = Proof::from_bytes(bytes) else { return };
    assert_eq!(proof.to_bytes().expect("it was decoded"), bytes, "two encodings of one proof");
    let fixture = fixture();
    if verify(&fixture.card, &proof, 100).is_ok() {
        assert_eq!(proof.statement, fixture.statement, "nobody proved this");
    }
}

/// A card is read canonically; whatever its graph, its cost is told or refused. Where its registrations hold, a proof about another card is refused even where it claims to be about this one.
pub fn card(bytes: &[u8]) {
    let Ok(card) = Card::from_bytes(bytes) else { return };
    assert_eq!(card.to_bytes().expect("it was decoded"), bytes, "two encodings of one card");
    let fixture = fixture();
    let _ = cost(&card.graph, Some(card.parameters));
    let Ok(registered) = Registered::new(card) else { return };
    let mut proof = Proof::from_bytes(&fixture.proof).expect("it is honest");
    proof.statement.model = registered.card().id();
    let accepted = verify(&registered, &proof, 100).is_ok();
    assert_eq!(accepted, registered.card() == fixture.card.card(), "a proof holds for another card");
}

/// A compiled model is read or refused.
pub fn model(bytes: &[u8]) {
    if let Ok(model) = CompiledModel::from_bytes(bytes) {
        let _ = cost(&model.compiled.model.graph, None);
        let _ = zkml::quantize_samples(&model.compiled, &fixture().data, 0..1);
    }
}

/// A prover key is read or refused.
pub fn key(bytes: &[u8]) {
    if let Ok(key) = ProverKey::from_bytes(bytes) {
        let _ = key.tree(TreeId::default());
    }
}

/// The secret of a committed tensor is read or refused.
pub fn tensor(bytes: &[u8]) {
    if let Ok(tensor) = CommittedTensor::from_bytes(bytes) {
        let _ = tensor.openings_left();
    }
}

/// An ONNX file is imported or refused.
pub fn onnx(bytes: &[u8]) {
    if let Ok(imported) = import_bytes("model.onnx", bytes, &ImportOptions::default()) {
        let _ = imported.reference(false);
    }
}

/// A data file of the kind that `name` says is read or refused, and its samples fit the model or are refused.
pub fn data(name: &str, bytes: &[u8]) {
    let Ok(file) = DataFile::parse(name, bytes) else { return };
    let graph: &FloatGraph = &fixture().float;
    if let Ok(samples) = file.samples(graph) {
        let shape = graph.shape(graph.inputs[0]);
        assert_eq!(samples.sample_f32(samples.len - 1)[0].shape(), shape);
    }
}
