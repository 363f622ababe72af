//! `zkml prove` with a key for contracts.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use zkml::chain::{ChainKey, ChainProven, ChainTensor, PROVE_PHASES, prove};
use zkml::files::{Access, write};
use zkml::{ProveOptions, quantize_samples};

use super::is_testing;
use crate::arguments::{Cli, Prove};
use crate::commands::claim::Claim;
use crate::commands::prove::{phase_table, secrets, visibilities};
use crate::failure::Failure;
use crate::progress::Phases;
use crate::report::{Report, bytes, time};

pub(crate) fn run(c: &Prove, cli: &Cli, range: Range<usize>, context: Vec<u8>) -> Result<Report, Failure> {
    let key = ChainKey::read(&c.key)?;
    let model = key.registered()?;
    let data = crate::commands::data(&c.samples.input)?;
    let samples = quantize_samples(&key.compiled, &data, range)?;
    let graph = &key.compiled.model.graph;
    let shape = &key.card().shape;
    let (inputs, outputs) = visibilities(&c.visibility, graph, Some(shape))?;
    let secrets = secrets(c, &crate::commands::committed_ports(graph, shape))?;
    let known = secrets.iter().filter(|(_, path)| path.exists());
    let mut commitments: BTreeMap<String, ChainTensor> = known
        .map(|(name, path)| Ok((name.clone(), ChainTensor::read(path)?)))
        .collect::<Result<_, zkml::Error>>()?;
    let options = ProveOptions { inputs, outputs, context };
    let proven = {
        let bar = Phases::of(cli, "proving", PROVE_PHASES);
        prove(&key, &model, &samples, &options, &mut commitments, &mut |phase| bar.begin(phase))?
    };
    for (name, tensor) in &commitments {
        if let Some(path) = secrets.get(name) {
            tensor.write(path)?;
        }
    }
    let encoded = proven.proof.to_bytes().map_err(zkml::Error::from)?;
    write(&c.out, &encoded, Access::Everyone)?;
    Ok(report(&key, &proven, c, &secrets, encoded.len()))
}

fn report(
    key: &ChainKey,
    proven: &ChainProven,
    c: &Prove,
    secrets: &BTreeMap<String, PathBuf>,
    size: usize,
) -> Report {
    let (card, proof) = (key.card(), &proven.proof);
    let claim = Claim::chain(card, &proof.statement);
    let total: Duration = proven.phases.iter().map(|p| p.1).sum();
    let suite = card.suite().name();
    let mut text = format!(
        "proven and verified in {}: {} ({}, of which {} go on chain beside tensors and context), {suite}, zero knowledge\n{}\n{}{}",
        time(total),
        c.out.display(),
        bytes(size),
        bytes(proof.evm_bytes().len()),
        phase_table(&proven.phases),
        claim.outputs(),
        claim.commitments(),
    );
    for (name, path) in secrets {
        text.push_str(&format!("  {}  SECRET: opens '{name}'\n", path.display()));
    }
    if is_testing(card) {
        text.push_str("  TESTING SETUP: verifiers refuse this proof unless they allow such setups\n");
    }
    let phases: serde_json::Map<String, serde_json::Value> =
        proven.phases.iter().map(|(p, d)| (p.name().into(), d.as_secs_f64().into())).collect();
    let json = serde_json::json!({
        "proof": c.out, "suite": suite, "bytes": size, "seconds": total.as_secs_f64(), "phases": phases,
        "sizes": { "outer": proof.outer.len(), "snark": proof.snark.len(), "total": size },
        "constraints": proven.constraints, "security_bits": proven.verified.bits(), "batch": card.shape.batch,
        "zero_knowledge": true, "testing": is_testing(card), "commitments": claim.commitments_json(),
        "secrets": secrets, "outputs": claim.outputs_json(),
    });
    Report::new(text, json)
}
