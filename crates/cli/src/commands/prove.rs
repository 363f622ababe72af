//! `zkml prove`.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

use zkml::files::{Access, lock, write};
use zkml::verifier::Shape;
use zkml::{
    CommittedTensor, Phase, ProveOptions, Proven, ProverKey, Visibility, prove_with, quantize_samples,
};
use zkml_ir::{Graph, Port};

use crate::arguments::{Cli, Prove, pair};
use crate::failure::Failure;
use crate::progress::Phases;
use crate::report::{Report, bytes, time};
use crate::table::Table;

pub(crate) fn run(c: &Prove, cli: &Cli) -> Result<Report, Failure> {
    let range = super::range(&c.samples)?;
    let context = super::context(c.context.as_deref())?.unwrap_or_default();
    let key = ProverKey::read(&c.key)?;
    let samples = quantize_samples(&key.compiled, &super::data(&c.samples.input)?, range)?;
    let graph = &key.compiled.model.graph;
    let (inputs, outputs) = visibilities(&c.visibility, graph.inputs(), graph.outputs())?;
    let shape = Shape { batch: samples.len(), inputs, outputs };
    let secrets = secrets(c, &super::committed_ports(graph, &shape))?;
    // Held until the debits are written, so that no two proofs spend the same rows; in the order of the paths, so that no two
    // provers wait for each other.
    let mut paths: Vec<&PathBuf> = secrets.values().collect();
    paths.sort_unstable();
    if let Some(pair) = paths.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Failure::usage(format!("{} is given for two tensors", pair[0].display())));
    }
    let _locks: Vec<File> = paths.into_iter().map(|path| lock(path)).collect::<Result<_, _>>()?;
    let known = secrets.iter().filter(|(_, path)| path.exists());
    let mut commitments: BTreeMap<String, CommittedTensor> = known
        .map(|(name, path)| Ok((name.clone(), CommittedTensor::read(path)?)))
        .collect::<Result<_, zkml::Error>>()?;
    let options = ProveOptions { inputs: shape.inputs, outputs: shape.outputs, context };
    let proven = {
        let bar = Phases::new(cli, "proving");
        prove_with(&key, &samples, &options, &mut commitments, &mut |phase| bar.begin(phase))?
    };
    for (name, tensor) in &commitments {
        if let Some(path) = secrets.get(name) {
            tensor.write(path)?;
        }
    }
    let encoded = proven.proof.to_bytes().map_err(zkml::Error::from)?;
    write(&c.out, &encoded, Access::Everyone)?;
    report(&key, &proven, c, (&secrets, &commitments), encoded.len())
}

/// Where the secrets of committed tensors lie, by the tensors' names.
fn secrets(c: &Prove, ports: &[&Port]) -> Result<BTreeMap<String, PathBuf>, Failure> {
    let mut secrets = BTreeMap::new();
    for port in ports {
        let mut file = c.out.as_os_str().to_owned();
        // A name may hold a separator, which is no folder here.
        file.push(format!(".{}.secret", port.name.replace(['/', '\\'], "_")));
        secrets.insert(port.name.clone(), PathBuf::from(file));
    }
    for text in &c.commitment {
        let (name, file) = pair(text)
            .ok_or_else(|| Failure::usage(format!("--commitment takes NAME=FILE, got '{text}'")))?;
        match secrets.get_mut(name) {
            Some(path) => *path = PathBuf::from(file),
            None => {
                return Err(Failure::usage(format!(
                    "'{name}' is not committed: add --visibility {name}=committed"
                )));
            }
        }
    }
    Ok(secrets)
}

fn visibilities(
    given: &[String],
    inputs: &[Port],
    outputs: &[Port],
) -> Result<(Vec<Visibility>, Vec<Visibility>), Failure> {
    let mut of_inputs = vec![Visibility::Private; inputs.len()];
    let mut of_outputs = vec![Visibility::Public; outputs.len()];
    for text in given {
        let (name, value) = pair(text)
            .ok_or_else(|| Failure::usage(format!("--visibility takes NAME=VISIBILITY, got '{text}'")))?;
        let visibility = match value {
            "private" => Visibility::Private,
            "public" => Visibility::Public,
            "committed" => Visibility::Committed,
            other => {
                return Err(Failure::usage(format!(
                    "--visibility takes private, public or committed, got '{other}'"
                )));
            }
        };
        let mut found = false;
        for (ports, list) in [(inputs, &mut of_inputs), (outputs, &mut of_outputs)] {
            for (port, slot) in ports.iter().zip(list).filter(|(p, _)| p.name == name) {
                found |= port.name == name;
                *slot = visibility;
            }
        }
        if !found {
            let names: Vec<&str> = inputs.iter().chain(outputs).map(|p| p.name.as_str()).collect();
            return Err(Failure::usage(format!(
                "the model has no input or output '{name}'; it has {}",
                names.join(", ")
            )));
        }
    }
    Ok((of_inputs, of_outputs))
}

fn report(
    key: &ProverKey,
    proven: &Proven,
    c: &Prove,
    (secrets, commitments): (&BTreeMap<String, PathBuf>, &BTreeMap<String, CommittedTensor>),
    size: usize,
) -> Result<Report, Failure> {
    let graph = &key.compiled.model.graph;
    let statement = &proven.proof.statement;
    let total: std::time::Duration = proven.phases.iter().map(|p| p.1).sum();
    let text = format!(
        "proven and verified in {}: {} ({}), zero knowledge, {:.1} bits of provable security\n{}\n{}{}{}",
        time(total),
        c.out.display(),
        bytes(size),
        proven.security.bits(),
        phase_table(&proven.phases),
        outputs(graph, statement),
        super::commitments(graph, statement),
        after(key, secrets, commitments)?,
    );
    let sizes = proven.proof.sizes().map_err(zkml::Error::from)?;
    let phases: serde_json::Map<String, serde_json::Value> =
        proven.phases.iter().map(|(p, d)| (p.name().into(), d.as_secs_f64().into())).collect();
    let public = super::public_ports(graph.outputs(), &statement.shape.outputs);
    let json = serde_json::json!({
        "proof": c.out, "bytes": size, "sizes": sizes, "seconds": total.as_secs_f64(), "phases": phases,
        "security_bits": proven.security.bits(), "batch": statement.shape.batch, "zero_knowledge": true,
        "commitments": super::commitments_json(graph, statement), "secrets": secrets, "openings": key.budget()?,
        "outputs": public.iter().zip(&statement.outputs).map(|(p, t)| super::tensor_json(p, t)).collect::<Vec<_>>(),
    });
    Ok(Report::new(text, json))
}

/// What is left of the budgets.
fn after(
    key: &ProverKey,
    secrets: &BTreeMap<String, PathBuf>,
    commitments: &BTreeMap<String, CommittedTensor>,
) -> Result<String, Failure> {
    let mut text = String::new();
    for (name, tensor) in commitments {
        if let Some(path) = secrets.get(name) {
            text.push_str(&format!(
                "  {}  SECRET: opens '{name}' in {} more proofs\n",
                path.display(),
                tensor.openings_left()
            ));
        }
    }
    text.push_str(&super::budget(key)?);
    Ok(text)
}

/// Time and share of every phase.
pub(crate) fn phase_table(phases: &[(Phase, std::time::Duration)]) -> Table {
    let total: f64 = phases.iter().map(|p| p.1.as_secs_f64()).sum();
    let mut table = Table::new(&["phase", "time", "share"]);
    for (phase, duration) in phases {
        let share = format!("{:.0} %", 100.0 * duration.as_secs_f64() / total.max(1e-9));
        table.row(vec![phase.name().into(), time(*duration), share]);
    }
    table
}

/// The public outputs of a statement in words.
pub(crate) fn outputs(graph: &Graph, statement: &zkml::Statement) -> String {
    let public = super::public_ports(graph.outputs(), &statement.shape.outputs);
    let mut text = String::new();
    for (port, tensor) in public.iter().zip(&statement.outputs) {
        for (sample, line) in super::describe(graph, port, tensor, &[]).into_iter().enumerate() {
            text.push_str(&format!("  sample {sample}  {} = {line}\n", port.name));
        }
    }
    text
}
