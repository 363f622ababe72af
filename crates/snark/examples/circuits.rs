//! Times and sizes of both proof systems: `cargo run --release -p zkml-snark --example circuits -- 14 16`, each number
//! the base-2 logarithm of the constraints. Peak memory is the process's, so measure one size and system at a time:
//! `-- groth16 16`.

#![allow(clippy::print_stdout)]

use std::time::Instant;

use zkml_snark::Fr;
use zkml_snark::circuit::{Arithmetization, Builder, Circuit, LinearCombination};
use zkml_snark::srs::Srs;
use zkml_snark::{groth16, plonk};

type Failure = Box<dyn std::error::Error>;

/// Rounds of a permutation of three words with fifth powers and dense mixing, as circuits of verifiers are full of.
fn rounds(arithmetization: Arithmetization, constraints: usize, values: bool) -> Builder {
    let mut builder = Builder::new(arithmetization);
    let input = builder.public_input(values.then_some(Fr::from(11)));
    let mut state: [LinearCombination; 3] = [input.into(), Fr::from(1).into(), Fr::from(2).into()];
    let mut round = 0u64;
    while builder.constraints() + 10 < constraints {
        let [x, y, z] = state;
        let x = builder.narrow(x + Fr::from(round), 3);
        let square = builder.multiply(x.clone(), x.clone());
        let fourth = builder.multiply(square, square);
        let x = LinearCombination::from(builder.multiply(fourth, x));
        let sum = builder.narrow(x.clone() + y.clone() + z.clone(), 3);
        state = [x + sum.clone(), y * Fr::from(2) + sum.clone(), z * Fr::from(3) + sum]
            .map(|word| builder.narrow(word, 3));
        if round % 16 == 15 {
            state = state.map(|word| builder.materialise(word).into());
        }
        round += 1;
    }
    builder
}

fn timed<T>(what: &str, body: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let start = Instant::now();
    let result = body()?;
    println!("  {what:<28}{:>9.3} s", start.elapsed().as_secs_f64());
    Ok(result)
}

fn measure_groth16(log: u32) -> Result<(), Failure> {
    let circuit = rounds(Arithmetization::R1cs, 1 << log, true).circuit()?;
    println!("groth16, {} constraints", circuit.shape.constraints().len());
    let (key, verifying) = timed("testing setup", || Ok(groth16::testing_setup(&circuit.shape)?))?;
    let proof = timed("prove", || Ok(groth16::prove(&key, &circuit)?))?;
    timed("verify", || Ok(groth16::verify(&verifying, circuit.assignment.public_inputs(), &proof)?))?;
    let bytes = key.to_bytes();
    println!("  proving key {} bytes, proof {} bytes", bytes.len(), proof.to_bytes().len());
    Ok(())
}

fn measure_plonk(log: u32) -> Result<(), Failure> {
    let Circuit { shape, assignment } = rounds(Arithmetization::Plonk, 1 << log, true).circuit()?;
    let (used, rows) = plonk::rows(&shape);
    println!("plonk, {} constraints, {used} rows of {rows}", shape.constraints().len());
    let srs = timed("testing SRS", || Ok(Srs::testing(rows + 8)?))?;
    let key = timed("setup", || Ok(plonk::setup(&shape, &srs)?))?;
    let prover = timed("prepare the prover", || Ok(plonk::Prover::new(&shape, &key)?))?;
    let circuit = Circuit { shape, assignment };
    let proof = timed("prove", || Ok(plonk::prove(&prover, &srs, &circuit)?))?;
    timed("verify", || Ok(plonk::verify(&key, circuit.assignment.public_inputs(), &proof)?))?;
    println!("  verifying key {} bytes, proof {} bytes", key.to_bytes().len(), proof.to_bytes().len());
    Ok(())
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let wants = |system: &str| arguments.iter().all(|word| word.parse::<u32>().is_ok() || word == system);
    for log in arguments.iter().filter_map(|word| word.parse().ok()) {
        if wants("groth16") {
            measure_groth16(log)?;
        }
        if wants("plonk") {
            measure_plonk(log)?;
        }
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(line) = status.lines().find(|line| line.starts_with("VmHWM")) {
        println!("peak memory {}", line.trim_start_matches("VmHWM:").trim());
    }
    Ok(())
}
