//! The node tests of the ONNX project, from the model file to the verified proof.
//!
//! `ZKML_ONNX_NODE_TESTS` names the folder `onnx/backend/test/data/node` of the package onnx 1.17.0. Without it the tests say so
//! and do nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod case;

use std::fmt::Write;
use std::path::PathBuf;

use case::Case;
use zkml::{Card, Proof, ProveOptions, Registered, SetupOptions, prove, setup, verify};

/// The largest error of a proven output, as a share of the largest magnitude expected of it.
const TOLERANCE: f64 = 0.01;
const SECURITY: u32 = 100;

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("ZKML_ONNX_NODE_TESTS").map(PathBuf::from);
    if folder.is_none() {
        eprintln!(
            "skipped: set ZKML_ONNX_NODE_TESTS to the folder onnx/backend/test/data/node of onnx 1.17.0"
        );
    }
    folder
}

/// Compiles, executes, sets up, proves and verifies a case; says how large the error is.
fn attempt(case: &Case) -> Result<f64, String> {
    let integers = case.integers()?;
    if integers.is_constant() {
        return Err("no output depends on an input: nothing is left to prove".into());
    }
    let executed = integers.executed()?;
    let error = integers.error(&executed)?;
    let tolerance = if integers.is_exact() { 0.0 } else { TOLERANCE };
    if error > tolerance {
        return Err(format!("off by {:.2} %", 100.0 * error));
    }
    let options = SetupOptions { openings: Some(1), ..SetupOptions::default() };
    let key = setup(integers.compiled, options, &mut |_| {}).map_err(|e| e.to_string())?;
    let proven =
        prove(&key, &[integers.sample], &ProveOptions::default(), &mut |_| {}).map_err(|e| e.to_string())?;
    let card = Card::from_bytes(&key.card().to_bytes().unwrap()).map_err(|e| e.to_string())?;
    let model = Registered::new(card).map_err(|e| e.to_string())?;
    let proof = Proof::from_bytes(&proven.proof.to_bytes().unwrap()).map_err(|e| e.to_string())?;
    verify(&model, &proof, SECURITY).map_err(|e| e.to_string())?;
    let shown: Vec<&[i32]> = proof.statement.outputs.iter().map(|t| t.data.as_slice()).collect();
    let executed: Vec<&[i32]> = executed.iter().map(|t| t.data.as_slice()).collect();
    if shown == executed { Ok(error) } else { Err("the proof shows other outputs".into()) }
}

#[test]
fn listed_node_tests_are_proven_and_verified() {
    let Some(folder) = folder() else { return };
    let list = include_str!("proven.txt");
    let mut failures = String::new();
    for name in list.lines() {
        if let Err(reason) = Case::read(&folder.join(name)).and_then(|case| attempt(&case)) {
            let _ = writeln!(failures, "{name}: {reason}");
        }
    }
    assert!(list.lines().count() > 0 && failures.is_empty(), "{failures}");
}

/// Prints the outcome of every node test there is: what `proven.txt` and the tables of `docs/onnx.md` are made of.
#[test]
#[ignore = "a survey, not a test"]
fn survey_of_all_node_tests() {
    let Some(folder) = folder() else { return };
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("test_"))
        .collect();
    names.sort();
    for name in names {
        let case = Case::read(&folder.join(&name));
        let operators = case.as_ref().map_or(String::new(), Case::operators);
        let (outcome, detail) = match case.and_then(|case| attempt(&case)) {
            Ok(error) => ("proven", format!("{:.4} %", 100.0 * error)),
            Err(reason) => ("refused", reason.replace('\n', " ")),
        };
        println!("{name}\t{operators}\t{outcome}\t{detail}");
    }
}
