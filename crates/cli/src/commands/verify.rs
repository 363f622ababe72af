//! `zkml verify`.

use std::time::{Duration, Instant};

use zkml::files::read;
use zkml::verifier::ErrorTerm;
use zkml::verifier::statement::hex;
use zkml::{Card, DataFile, Error, Proof, Registered, Visibility, chain, verify};
use zkml_ir::{Graph, Port, Tensor};

use crate::arguments::{Verify, pair};
use crate::commands::claim::Claim;
use crate::failure::Failure;
use crate::report::{Report, bytes, time};

/// What a verification found, whatever the suite.
pub(crate) struct Found {
    pub(crate) suite: &'static str,
    pub(crate) bits: f64,
    pub(crate) terms: Vec<ErrorTerm>,
    /// Whether a part of the setup is for testing.
    pub(crate) testing: bool,
    /// The time that the card took, and the proof.
    pub(crate) times: (Duration, Duration),
    /// The bytes of the proof.
    pub(crate) size: usize,
}

pub(crate) fn run(c: &Verify) -> Result<Report, Failure> {
    let context = super::context(c.context.as_deref())?;
    let card_bytes = read(&c.card)?;
    if chain::Card::recognises(&card_bytes) {
        return super::chain::verify::run(c, &card_bytes, context.as_deref());
    }
    if c.srs.is_some() {
        return Err(Failure::usage(
            "--srs is for cards of suite groth16 and plonk: this one has no reference string",
        ));
    }
    let card =
        Card::from_bytes(&card_bytes).map_err(|e| Failure::file(format!("{}: {e}", c.card.display())))?;
    let start = Instant::now();
    let model = Registered::new(card).map_err(|e| {
        Failure::invalid(format!("INVALID: the registration in {} is refused: {e}", c.card.display()))
    })?;
    let registered = start.elapsed();
    let proof_bytes = read(&c.proof)?;
    // A damaged proof is an invalid proof.
    let proof = Proof::from_bytes(&proof_bytes)
        .map_err(|e| Failure::invalid(format!("INVALID: {}: {e}", c.proof.display())))?;
    let start = Instant::now();
    let verified =
        verify(&model, &proof, c.min_security).map_err(|e| Failure::invalid(format!("INVALID: {e}")))?;
    let found = Found {
        suite: "stark",
        bits: verified.bits(),
        terms: verified.security.terms,
        testing: false,
        times: (registered, start.elapsed()),
        size: proof_bytes.len(),
    };
    conclude(c, &Claim::stark(model.card(), &proof.statement), context.as_deref(), &found)
}

/// Compares a statement that is proven with what the caller expects, and reports it.
pub(crate) fn conclude(
    c: &Verify,
    claim: &Claim<'_>,
    context: Option<&[u8]>,
    found: &Found,
) -> Result<Report, Failure> {
    let clamped = expect(c, claim, context)?;
    Ok(report(claim, found, clamped))
}

/// Compares the statement with what the caller expects. Answers how many of the expected inputs lie outside of what the
/// model's inputs hold, and were compared as its ends.
fn expect(c: &Verify, claim: &Claim<'_>, context: Option<&[u8]>) -> Result<usize, Failure> {
    if let Some(context) = context.filter(|x| *x != claim.context) {
        return Err(Failure::invalid(format!(
            "INVALID: the proof is bound to context '{}', not to '{}'",
            hex(claim.context),
            hex(context)
        )));
    }
    let (graph, shape) = (claim.graph, claim.shape);
    for text in &c.commitment {
        let (name, root) = pair(text)
            .and_then(|(name, root)| Some((name, crate::arguments::hex(root)?)))
            .ok_or_else(|| Failure::usage(format!("--commitment takes NAME=HEX, got '{text}'")))?;
        let ports = super::committed_ports(graph, shape);
        // An input that is passed through has the name of its output.
        let named = ports.iter().zip(&claim.commitments).filter(|(port, _)| port.name == name);
        let ids: Vec<&[u8; 32]> = named.map(|(_, id)| id).collect();
        if ids.is_empty() || ids.iter().any(|id| id[..] != *root) {
            return Err(Failure::invalid(format!("INVALID: '{name}' is not committed to as {}", hex(&root))));
        }
    }
    let mut clamped = 0;
    if let Some(path) = &c.input {
        let data = super::data(path)?;
        clamped = compare(&data, "input", graph, (graph.inputs(), &shape.inputs), claim.inputs)?;
    }
    if let Some(path) = &c.output {
        let data = super::data(path)?;
        compare(&data, "output", graph, (graph.outputs(), &shape.outputs), claim.outputs)?;
    }
    Ok(clamped)
}

/// Every public input must be the integers that the prover makes of the file's values, every public output the nearest
/// integers. Answers how many inputs lie outside of their interval.
fn compare(
    data: &DataFile,
    what: &str,
    graph: &Graph,
    (ports, visibilities): (&[Port], &[Visibility]),
    tensors: &[Tensor],
) -> Result<usize, Failure> {
    let mut clamped = 0;
    let public = super::public_ports(ports, visibilities);
    if public.is_empty() {
        return Err(Failure::invalid(format!(
            "INVALID: no {what} of this proof is public, so none can be compared"
        )));
    }
    let fallback = if what == "input" { "x" } else { "y" };
    for (port, tensor) in public.into_iter().zip(tensors) {
        let named = data.arrays.get(&port.name);
        let array = named.or_else(|| data.arrays.get(fallback).filter(|_| ports.len() == 1));
        let array = array.ok_or_else(|| {
            Failure::from(Error::Usage(format!("{}: it holds no array '{}'", data.file, port.name)))
        })?;
        let values = array.to_f32();
        if values.data().len() != tensor.data.len() {
            return Err(Failure::invalid(format!(
                "INVALID: {what} '{}' has {} values, {} holds {}",
                port.name,
                tensor.data.len(),
                data.file,
                values.data().len()
            )));
        }
        let range = graph.tensor(port.tensor).range;
        let mut differs = |(&integer, &real): (&i32, &f32)| {
            let code = f64::from(real) / port.scale;
            if what == "output" {
                let tolerance = 0.5 + 1e-6 * f64::from(integer).abs();
                // What is no number is not near anything.
                let near = (f64::from(integer) - code).abs() <= tolerance;
                return !near;
            }
            let nearest = (code + 0.5).floor();
            let inside = nearest.clamp(range.lo as f64, range.hi as f64);
            clamped += usize::from(inside != nearest);
            inside != f64::from(integer)
        };
        let wrong = tensor.data.iter().zip(values.data()).position(&mut differs);
        if let Some(index) = wrong {
            return Err(Failure::invalid(format!(
                "INVALID: {what} '{}' is {} at entry {index}, {} says {}",
                port.name,
                f64::from(tensor.data[index]) * port.scale,
                data.file,
                values.data()[index]
            )));
        }
    }
    Ok(clamped)
}

fn report(claim: &Claim<'_>, found: &Found, clamped: usize) -> Report {
    let shape = claim.shape;
    let id = hex(&claim.model);
    let (registered, elapsed) = found.times;
    let number = |wanted: Visibility| shape.inputs.iter().filter(|v| **v == wanted).count();
    let mut text = format!(
        "VALID ({}, {} in {}, the card's registration in {}; zero knowledge, {:.1} bits of {}security)\n\
         Somebody who knows the weights behind model {id}\nran it on {} sample{} with {} private, {} public and {} committed inputs, and got:\n{}{}\
         Context: {}",
        found.suite,
        bytes(found.size),
        time(elapsed),
        time(registered),
        found.bits,
        if found.suite == "stark" { "provable " } else { "" },
        shape.batch,
        if shape.batch == 1 { "" } else { "s" },
        number(Visibility::Private),
        number(Visibility::Public),
        number(Visibility::Committed),
        claim.outputs(),
        claim.commitments(),
        if claim.context.is_empty() { "none".into() } else { hex(claim.context) },
    );
    if clamped > 0 {
        text.push_str(&format!(
            "\nNote: {clamped} values of the input file lie outside of what the model's inputs hold, and count as its ends"
        ));
    }
    if found.testing {
        text.push_str(
            "\nTESTING SETUP: whoever ran it can forge such proofs; to anybody else nothing is proven",
        );
    }
    let terms = found.terms.iter().map(|t| serde_json::json!({ "name": t.name, "bits": t.bits }));
    let json = serde_json::json!({
        "valid": true, "suite": found.suite, "model": id, "batch": shape.batch, "context": hex(claim.context),
        "security_bits": found.bits, "seconds": elapsed.as_secs_f64(), "bytes": found.size,
        "security_terms": terms.collect::<Vec<_>>(), "inputs_outside": clamped, "testing": found.testing,
        "zero_knowledge": true, "register_seconds": registered.as_secs_f64(),
        "commitments": claim.commitments_json(), "inputs": claim.inputs_json(), "outputs": claim.outputs_json(),
    });
    Report::new(text, json)
}
