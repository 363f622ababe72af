//! A proof holds for its own statement about its own card, byte for byte, and for nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod file;

use std::sync::OnceLock;

use file::{KIND, ProofFile};
use zkml::verifier::envelope::seal;
use zkml::verifier::ir::{Graph, Interval, Tensor};
use zkml::verifier::{FormatError, Parameters, Refusal, TreeId};
use zkml::{
    Card, DataFile, Options, ProveOptions, ProverKey, Registered, SetupOptions, SourceModel, Visibility,
    prove, quantize_samples, setup, verify,
};

const MODULUS: u32 = (1 << 31) - (1 << 24) + 1;
/// The statement's head: magic, version, the model's identifier.
const HEAD: usize = 4 + 2 + 32;

/// A card, and proofs about two samples and a batch of both.
struct Fixture {
    model: Registered,
    /// The same weights under another commitment.
    other_model: Registered,
    first: ProofFile,
    second: ProofFile,
    both: ProofFile,
    /// The first sample, shown.
    shown: ProofFile,
}

fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(|| {
        let bytes = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/mlp.npz")).unwrap();
        let data = DataFile::parse("mlp.npz", &bytes).unwrap();
        let onnx = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/mlp.onnx"));
        let compiled = SourceModel::read(onnx).unwrap().compile(&data, &Options::default()).unwrap().compiled;
        // Two trees, so that proofs can name the wrong one.
        let options = SetupOptions { openings: Some(4), log_rows: Some(11), ..SetupOptions::default() };
        let set_up = |compiled| -> ProverKey { setup(compiled, options, &mut |_| {}).unwrap() };
        let other_model = set_up(compiled.clone()).registered().unwrap();
        let key = set_up(compiled);
        let proof = |range, inputs: &[Visibility]| {
            let samples = quantize_samples(&key.compiled, &data, range).unwrap();
            let options =
                ProveOptions { context: b"nonce".to_vec(), inputs: inputs.to_vec(), ..Default::default() };
            let proven = prove(&key, &samples, &options, &mut |_| {}).unwrap();
            ProofFile::read(&proven.proof.to_bytes().unwrap())
        };
        let (first, second, both) = (proof(0..1, &[]), proof(1..2, &[]), proof(0..2, &[]));
        let shown = proof(0..1, &[Visibility::Public]);
        Fixture { model: key.registered().unwrap(), other_model, first, second, both, shown }
    })
}

fn check(model: &Registered, bytes: &[u8]) -> Result<(), Refusal> {
    let proof = zkml::Proof::from_bytes(bytes)?;
    verify(model, &proof, 100).map(|_| ())
}

/// The refusal of a changed proof; `what` names the change where it is accepted.
#[track_caller]
fn refused(proof: &ProofFile, what: &str) -> Refusal {
    check(&fixture().model, &proof.to_bytes()).expect_err(what)
}

/// The refusal of the first proof after a change.
#[track_caller]
fn changed(what: &str, change: impl FnOnce(&mut ProofFile)) -> Refusal {
    let mut proof = fixture().first.clone();
    change(&mut proof);
    assert_ne!(proof, fixture().first, "{what}: nothing was changed");
    refused(&proof, what)
}

#[test]
fn the_honest_proofs_are_accepted() {
    let f = fixture();
    for proof in [&f.first, &f.second, &f.both, &f.shown] {
        check(&f.model, &proof.to_bytes()).unwrap();
    }
}

#[test]
fn another_model_is_refused_and_named() {
    for byte in 0..32 {
        let refusal = changed("model", |p| p.statement.model[byte] ^= 0x10);
        assert!(matches!(refusal, Refusal::Model { .. }), "{refusal}");
    }
    let refusal = check(&fixture().other_model, &fixture().first.to_bytes()).unwrap_err();
    assert!(matches!(refusal, Refusal::Model { .. }), "{refusal}");
    // A liar names the other card's model.
    let mut liar = fixture().first.clone();
    liar.statement.model = fixture().other_model.card().id();
    check(&fixture().other_model, &liar.to_bytes()).unwrap_err();
}

#[test]
fn another_batch_is_refused() {
    for batch in [0, 2, 3, 1 << 16, (1 << 16) + 1, 1 << 31, usize::MAX] {
        changed("batch", |p| p.statement.shape.batch = batch);
        changed("batch with its shape", |p| {
            p.statement.shape.batch = batch;
            p.statement.outputs[0].shape[0] = batch;
        });
    }
    changed("batch of two of the same", |p| {
        p.statement.shape.batch = 2;
        let tensor = &mut p.statement.outputs[0];
        tensor.shape[0] = 2;
        tensor.data.extend_from_within(..);
    });
}

#[test]
fn other_visibilities_are_refused() {
    use Visibility::{Private, Public};
    changed("no inputs", |p| p.statement.shape.inputs.clear());
    changed("two inputs", |p| p.statement.shape.inputs.push(Private));
    changed("a public input without a tensor", |p| p.statement.shape.inputs[0] = Public);
    changed("a public input with another proof's tensor", |p| {
        p.statement.shape.inputs[0] = Public;
        p.statement.inputs = fixture().shown.statement.inputs.clone();
    });
    changed("a hidden output that is shown", |p| p.statement.shape.outputs[0] = Private);
    changed("a hidden output", |p| {
        p.statement.shape.outputs[0] = Private;
        p.statement.outputs.clear();
    });
    let mut hidden = fixture().shown.clone();
    hidden.statement.shape.inputs[0] = Private;
    hidden.statement.inputs.clear();
    refused(&hidden, "a public input that is hidden");
}

#[test]
fn other_public_tensors_are_refused() {
    let honest = &fixture().first.statement.outputs[0];
    for index in 0..honest.data.len() {
        for delta in [1, -1, i32::MAX / 2] {
            let refusal = changed("output", |p| {
                let value = &mut p.statement.outputs[0].data[index];
                *value = value.wrapping_add(delta);
            });
            assert!(matches!(refusal, Refusal::Proof(_) | Refusal::Statement(_)), "{refusal}");
        }
        // The same element of the field.
        changed("output modulo p", |p| {
            let value = &mut p.statement.outputs[0].data[index];
            *value = value.wrapping_sub(MODULUS.cast_signed());
        });
    }
    let output = |what: &str, change: &dyn Fn(&mut Tensor)| {
        let refusal = changed(what, |p| change(&mut p.statement.outputs[0]));
        assert!(matches!(refusal, Refusal::Statement(_)), "{what}: {refusal}");
    };
    output("shorter", &|t| t.data.truncate(t.data.len() - 1));
    output("longer", &|t| t.data.push(0));
    output("empty", &|t| t.data.clear());
    output("another shape", &|t| t.shape.reverse());
    output("no shape", &|t| t.shape.clear());
    output("a huge shape", &|t| t.shape = vec![usize::MAX, usize::MAX]);
    output("the least integer", &|t| t.data[0] = i32::MIN);
    changed("no output", |p| p.statement.outputs.clear());
    changed("two outputs", |p| p.statement.outputs.push(honest.clone()));
    changed("outputs as inputs", |p| p.statement.inputs.push(honest.clone()));
    for index in (0..784).step_by(97) {
        let mut shown = fixture().shown.clone();
        let value = &mut shown.statement.inputs[0].data[index];
        *value += if *value == 0 { 1 } else { -1 };
        refused(&shown, "public input");
    }
}

#[test]
fn another_context_is_refused() {
    changed("no context", |p| p.statement.context.clear());
    changed("longer", |p| p.statement.context.push(0));
    changed("other", |p| p.statement.context[0] ^= 1);
    let refusal = changed("too long", |p| p.statement.context = vec![7; 65]);
    assert!(matches!(refusal, Refusal::Statement(_)), "{refusal}");
}

#[test]
fn another_tree_of_the_weights_is_refused() {
    let trees = fixture().model.card().epochs[0].trees.len() as u32;
    let TreeId { epoch, tree } = fixture().first.tree.unwrap();
    assert!(trees > 1);
    changed("no tree", |p| p.tree = None);
    for other in (0..trees + 2).filter(|&other| other != tree).chain([u32::MAX]) {
        changed("another tree", |p| p.tree = Some(TreeId { epoch, tree: other }));
    }
    for other in [1, u32::MAX] {
        changed("another epoch", |p| p.tree = Some(TreeId { epoch: other, tree }));
    }
}

#[test]
fn other_commitments_are_refused() {
    for byte in 0..32 {
        changed("pads", |p| p.pads[byte] ^= 2);
        changed("witness", |p| p.witness[byte] ^= 1);
    }
    changed("pads for witness", |p| p.witness = p.pads);
    changed("witness for pads", |p| p.pads = p.witness);
    changed("exchanged", |p| std::mem::swap(&mut p.pads, &mut p.witness));
}

#[test]
fn every_other_scalar_is_refused() {
    let limbs = fixture().first.scalars.len() / 4;
    assert!(limbs > 500 && limbs.is_multiple_of(5), "{limbs}");
    for limb in 0..limbs {
        let honest = fixture().first.limb(limb);
        changed("another limb", |p| p.set_limb(limb, if honest == 0 { 1 } else { honest - 1 }));
        let refusal = changed("a limb that is not canonical", |p| p.set_limb(limb, honest + MODULUS));
        assert!(matches!(refusal, Refusal::Format(FormatError::Damaged { .. })), "{refusal}");
    }
    for limb in (0..limbs).step_by(17) {
        changed("the modulus", |p| p.set_limb(limb, MODULUS));
        changed("the largest word", |p| p.set_limb(limb, u32::MAX));
    }
}

#[test]
fn more_or_fewer_scalars_are_refused() {
    changed("none", |p| p.scalars.clear());
    for bytes in [1, 4, 16, 20, 40, 1000] {
        changed("fewer", |p| p.scalars.truncate(p.scalars.len() - bytes));
        changed("fewer at the front", |p| drop(p.scalars.drain(..bytes)));
        changed("more", |p| p.scalars.extend(vec![0; bytes]));
    }
    changed("one twice", |p| p.scalars.splice(20..20, fixture().first.scalars[..20].to_vec()).for_each(drop));
    for start in (0..fixture().first.scalars.len() - 40).step_by(20 * 13) {
        let scalars = &fixture().first.scalars;
        if scalars[start..start + 20] != scalars[start + 20..start + 40] {
            changed("two swapped", |p| p.scalars[start..start + 40].rotate_left(20));
        }
    }
}

#[test]
fn any_other_byte_of_the_opening_is_refused() {
    let length = fixture().first.opening.len();
    for at in (0..200).chain((200..length).step_by(length / 700)).chain(length - 100..length) {
        changed(&format!("byte {at} of the opening"), |p| p.opening[at] ^= 1 << (at % 8));
    }
}

#[test]
fn any_other_byte_of_the_closing_is_refused() {
    let length = fixture().first.closing.len();
    for at in (0..200).chain((200..length).step_by(length / 700)).chain(length - 100..length) {
        changed(&format!("byte {at} of the closing"), |p| p.closing[at] ^= 1 << (at % 8));
    }
    for cut in (0..length).step_by(length / 100).chain([length - 1, length - 4]) {
        changed("a shorter closing", |p| p.closing.truncate(cut));
    }
    for more in [1, 4, 32, 1000] {
        changed("a longer closing", |p| p.closing.resize(length + more, 0));
    }
}

#[test]
fn openings_of_another_length_are_refused() {
    let length = fixture().first.opening.len();
    for cut in (0..length).step_by(length / 200).chain([length - 1, length - 4]) {
        let refusal = changed("shorter", |p| p.opening.truncate(cut));
        assert!(matches!(refusal, Refusal::Opening(_)), "{refusal}");
    }
    for more in [1, 4, 32, 1000] {
        let refusal = changed("longer", |p| p.opening.extend(vec![0; more]));
        assert!(matches!(refusal, Refusal::Opening(_)), "{refusal}");
    }
    for at in (0..length - 64).step_by(length / 40) {
        changed("32 bytes gone", |p| drop(p.opening.drain(at..at + 32)));
        changed("32 bytes twice", |p| {
            p.opening.splice(at..at, fixture().first.opening[at..at + 32].to_vec()).for_each(drop);
        });
    }
}

#[test]
fn parts_of_another_proof_are_refused() {
    let f = fixture();
    for other in [&f.second, &f.both, &f.shown] {
        changed("statement", |p| p.statement = other.statement.clone());
        changed("witness", |p| p.witness = other.witness);
        changed("scalars", |p| p.scalars.clone_from(&other.scalars));
        changed("opening", |p| p.opening.clone_from(&other.opening));
        changed("pads", |p| p.pads = other.pads);
        changed("closing", |p| p.closing.clone_from(&other.closing));
        changed("pads and their closing", |p| {
            (p.pads, p.closing) = (other.pads, other.closing.clone());
        });
        changed("commitments", |p| (p.witness, p.pads) = (other.witness, other.pads));
        changed("all but the statement", |p| {
            *p = ProofFile { statement: p.statement.clone(), ..other.clone() };
        });
    }
}

#[test]
fn truncated_and_extended_files_are_refused() {
    let bytes = fixture().first.to_bytes();
    for length in (0..600).chain((600..bytes.len()).step_by(997)).chain([bytes.len() - 1]) {
        let refusal = check(&fixture().model, &bytes[..length]).unwrap_err();
        assert!(matches!(refusal, Refusal::Format(_)), "{length}: {refusal}");
    }
    for more in [1, 2, 100] {
        let longer = [bytes.as_slice(), &vec![0; more]].concat();
        let refusal = check(&fixture().model, &longer).unwrap_err();
        assert!(matches!(refusal, Refusal::Format(_)), "{refusal}");
    }
    let twice = [bytes.as_slice(), &bytes].concat();
    check(&fixture().model, &twice).unwrap_err();
}

#[test]
fn lengths_that_lie_are_refused_without_memory_for_them() {
    let bytes = fixture().first.to_bytes();
    for at in HEAD..HEAD + 40 {
        for lie in [
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01][..],
            &[0x80, 0x80, 0x80, 0x80, 0x08],
        ] {
            let mut lying = bytes.clone();
            lying.splice(at..=at, lie.iter().copied());
            check(&fixture().model, &lying).unwrap_err();
        }
    }
    // A second encoding of a number.
    let mut padded = bytes;
    padded[HEAD] |= 0x80;
    padded.insert(HEAD + 1, 0);
    let refusal = check(&fixture().model, &padded).unwrap_err();
    assert!(matches!(refusal, Refusal::Format(FormatError::Damaged { .. })), "{refusal}");
}

#[test]
fn every_changed_card_is_refused_with_every_claim() {
    let bytes = fixture().model.card().to_bytes().unwrap();
    // Every byte of the graph, the parameters and the commitments; of the registration's proof, which has tests of its own,
    // a sample.
    let head = bytes.len() - registration(fixture().model.card()).len();
    let mut decoded = 0;
    for at in (0..head).chain((head..bytes.len()).step_by(1009)) {
        for mask in [0x01, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[at] ^= mask;
            let Ok(card) = Card::from_bytes(&changed) else { continue };
            decoded += 1;
            let id = card.id();
            let Ok(model) = Registered::new(card) else { continue };
            let mut proof = fixture().first.clone();
            let refusal = check(&model, &proof.to_bytes()).unwrap_err();
            assert!(matches!(refusal, Refusal::Model { .. }), "byte {at}: {refusal}");
            proof.statement.model = id;
            assert!(check(&model, &proof.to_bytes()).is_err(), "byte {at} of the card may be {mask:#x} off");
        }
    }
    assert!(decoded > 100, "{decoded}");
    for length in (0..bytes.len()).step_by(7).chain(bytes.len() - 300..bytes.len()) {
        Card::from_bytes(&bytes[..length]).unwrap_err();
    }
    Card::from_bytes(&[bytes, vec![0]].concat()).unwrap_err();
}

/// The encoding of the registration's proof: the last bytes of a card.
fn registration(card: &Card) -> Vec<u8> {
    seal(KIND, &card.epochs[0].proof).unwrap().split_off(6)
}

#[test]
fn cards_whose_parts_do_not_fit_are_refused() {
    let card = fixture().model.card();
    let epochs = || card.epochs.clone();
    for security in [0, 99, 101, 127, 255] {
        let parameters = Parameters { security, ..card.parameters };
        Card::new(card.graph.clone(), parameters, epochs()).unwrap_err();
    }
    for log_rows in [0, 1, 63, 64, 255] {
        let parameters = Parameters { log_rows, ..card.parameters };
        Card::new(card.graph.clone(), parameters, epochs()).unwrap_err();
    }
    Card::new(card.graph.clone(), card.parameters, vec![]).unwrap_err();
    let mut empty = Graph::new();
    empty.add_input("x", vec![1], Interval::unsigned(8), 1.0).unwrap();
    Card::new(empty, card.parameters, epochs()).unwrap_err();
}

#[test]
fn a_card_with_other_parameters_registers_nothing() {
    let card = fixture().model.card();
    let other = |parameters| {
        let card = Card::new(card.graph.clone(), parameters, card.epochs.clone()).unwrap();
        Registered::new(card).unwrap_err();
    };
    other(Parameters { log_rows: card.parameters.log_rows + 1, ..card.parameters });
    other(Parameters { log_rows: card.parameters.log_rows - 1, ..card.parameters });
    other(Parameters { security: 128, ..card.parameters });
    other(Parameters { reserved: card.parameters.reserved - 1, ..card.parameters });
    other(Parameters { reserved: card.parameters.reserved + 1, ..card.parameters });
}
