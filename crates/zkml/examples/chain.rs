//! What proofs for contracts cost, by part: `cargo run --release -p zkml --example chain -- MODEL.zkm DATA.npz groth16 public`.
//!
//! The last argument is the visibility of the inputs. Peak memory is the process's, so measure one statement at a time.
#![allow(clippy::print_stdout, reason = "a command that prints")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use zkml::chain::{ChainOptions, Policy, SrsSource, Suite, prove, setup, verify};
use zkml::{CompiledModel, DataFile, ProveOptions, Visibility, quantize_samples};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, data, suite, visibility] = arguments.as_slice() else {
        return Err("usage: MODEL.zkm DATA.npz groth16|plonk private|public|committed".into());
    };
    let model = CompiledModel::read(Path::new(model))?;
    let data = DataFile::read(Path::new(data))?;
    let suite = if suite == "plonk" { Suite::Plonk } else { Suite::Groth16 };
    let visibility = match visibility.as_str() {
        "public" => Visibility::Public,
        "committed" => Visibility::Committed,
        _ => Visibility::Private,
    };
    let inputs = vec![visibility; model.compiled.model.graph.inputs().len()];
    let options = ChainOptions { suite, batch: 1, inputs, outputs: Vec::new() };
    let start = Instant::now();
    let key = setup(model.compiled, &options, SrsSource::Testing, &mut |_| {})?;
    let set_up = start.elapsed();
    let start = Instant::now();
    let registered = key.registered()?;
    let checked = start.elapsed();
    let samples = quantize_samples(&key.compiled, &data, 0..1)?;
    let mut commitments = BTreeMap::new();
    let proven = prove(&key, &registered, &samples, &ProveOptions::default(), &mut commitments, &mut |_| {})?;
    let start = Instant::now();
    verify(&registered, &proven.proof, &Policy { allow_testing: true, ..Policy::default() })?;
    let verified = start.elapsed();
    let columns = registered.columns();
    println!(
        "{} constraints (of PLONK rows), columns {columns:?} of 2^{} rows",
        proven.constraints,
        key.card().log_rows
    );
    println!("  set up {set_up:.2?}, card checked {checked:.2?}, verified {verified:.2?}");
    println!("  proof: {} bytes for a contract", proven.proof.evm_bytes().len());
    for (phase, duration) in &proven.phases {
        println!("  {:<16} {duration:.2?}", phase.name());
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(line) = status.lines().find(|line| line.starts_with("VmHWM")) {
        println!("  peak memory {}", line.trim_start_matches("VmHWM:").trim());
    }
    Ok(())
}
