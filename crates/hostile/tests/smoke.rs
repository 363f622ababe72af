//! Some thousand fixed mutations of honest files, the same in every run. `ZKML_MUTATIONS` sets how many of each file.
//!
//! `ZKML_FUZZ_SECONDS` asks for other ones in every run, as many as there are seconds for; `ZKML_FUZZ_SEED` repeats such a run.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use zkml_hostile::{Suite, chain, fixture};

/// A generator of numbers, always the same for one seed.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// The largest number that a variable-length integer holds, and others near the edges.
const EDGES: [&[u8]; 7] = [
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0x80, 0x80, 0x80, 0x80, 0x08],
    &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
    &[0x00],
    &[0x01],
    &[0x7f],
];

fn mutate(honest: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = honest.to_vec();
    for _ in 0..1 + numbers.below(3) {
        // Half of the changes hit the first bytes, where shapes and counts are.
        let reach = if numbers.below(2) == 0 { bytes.len().min(400) } else { bytes.len() };
        let at = numbers.below(reach);
        let most = 1 + numbers.below(64);
        let length = numbers.below(most).min(bytes.len() - at);
        match numbers.below(7) {
            0 | 1 if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
            2 if at < bytes.len() => bytes[at] = numbers.next() as u8,
            3 => drop(bytes.drain(at..at + length)),
            4 => {
                let copy = bytes[at..at + length].to_vec();
                bytes.splice(at..at, copy);
            }
            5 => {
                let edge = EDGES[numbers.below(EDGES.len())];
                bytes.splice(at..(at + 1).min(bytes.len()), edge.iter().copied());
            }
            _ => bytes.truncate(bytes.len() - length),
        }
    }
    bytes
}

/// A number from the environment.
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|n| n.parse().unwrap())
}

/// Runs a target on mutations of an honest file; `default` of them where the environment does not say.
fn run(honest: &[u8], default: usize, target: impl Fn(&[u8])) {
    let time = setting("ZKML_FUZZ_SECONDS").map(Duration::from_secs);
    let count = match time {
        Some(_) => usize::MAX,
        None => setting("ZKML_MUTATIONS").map_or(default, |n| n as usize),
    };
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |t| t.as_nanos() as u64 | 1);
    let fixed = 0x9e37_79b9_7f4a_7c15;
    let seed = setting("ZKML_FUZZ_SEED").unwrap_or_else(|| if time.is_some() { now() } else { fixed });
    // What a failed test shows.
    println!("ZKML_FUZZ_SEED={seed}");
    let (mut numbers, begin) = (Numbers(seed), Instant::now());
    target(honest);
    target(&[]);
    for index in 0..count {
        if time.is_some_and(|time| begin.elapsed() > time) {
            break;
        }
        let bytes = mutate(honest, &mut numbers);
        let start = Instant::now();
        target(&bytes);
        let seconds = start.elapsed().as_secs();
        assert!(seconds < 60, "mutation {index} takes {seconds} s");
    }
    assert!(peak_gigabytes() < 4.0, "{} GB", peak_gigabytes());
}

/// The most memory that this process ever had, where the system tells.
fn peak_gigabytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok()).map_or(0.0, |kb: f64| kb / 1e6)
}

#[test]
fn mutated_proofs_are_refused() {
    run(&fixture().proof, 1000, zkml_hostile::proof);
}

#[test]
fn mutated_cards_are_refused_and_proofs_for_them_too() {
    run(&fixture().card_bytes, 4000, zkml_hostile::card);
}

#[test]
fn mutated_compiled_models_are_read_or_refused() {
    run(&fixture().model, 400, zkml_hostile::model);
}

#[test]
fn mutated_prover_keys_are_read_or_refused() {
    run(&fixture().key, 600, zkml_hostile::key);
}

#[test]
fn mutated_onnx_files_are_imported_or_refused() {
    run(fixture().onnx, 300, zkml_hostile::onnx);
}

#[test]
fn mutated_data_files_are_read_or_refused() {
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1, 28, 28), }\n";
    let mut npy = b"\x93NUMPY\x01\x00".to_vec();
    npy.extend((header.len() as u16).to_le_bytes());
    npy.extend(header.as_bytes());
    npy.extend(vec![0u8; 2 * 28 * 28 * 4]);
    let row = vec!["0.5"; 28 * 28].join(",");
    let json = format!("{{\"input\": [[{row}]], \"label\": [3], \"input_data\": [[{row}]]}}");
    run(&npy, 3000, |bytes| zkml_hostile::data("x.npy", bytes));
    run(json.as_bytes(), 3000, |bytes| zkml_hostile::data("x.json", bytes));
    run(fixture().npz, 300, |bytes| zkml_hostile::data("x.npz", bytes));
}

#[test]
fn mutated_proofs_for_contracts_are_refused() {
    for suite in [Suite::Groth16, Suite::Plonk] {
        run(&chain::fixture(suite).proof, 400, |bytes| chain::proof(suite, bytes));
    }
}

#[test]
fn a_proof_for_contracts_with_any_byte_changed_is_refused() {
    let step = if std::env::var_os("ZKML_SLOW_TESTS").is_some() { 1 } else { 13 };
    for suite in [Suite::Groth16, Suite::Plonk] {
        let honest = &chain::fixture(suite).proof;
        assert!(chain::accepts(suite, honest));
        for position in (0..honest.len()).step_by(step) {
            let mut bytes = honest.clone();
            bytes[position] ^= 1 << (position % 8);
            assert!(!chain::accepts(suite, &bytes), "{suite:?}: byte {position} of {}", honest.len());
        }
    }
}

#[test]
fn mutated_cards_for_contracts_are_refused_and_proofs_for_them_too() {
    for suite in [Suite::Groth16, Suite::Plonk] {
        run(&chain::fixture(suite).card_bytes, 200, |bytes| chain::card(suite, bytes));
    }
}

#[test]
fn mutated_reference_strings_ceremonies_and_keys_are_read_or_refused() {
    let [ceremony, key] = chain::ceremony_files();
    run(&chain::powers_of_tau(), 200, chain::srs);
    run(&ceremony, 400, chain::ceremony);
    run(&key, 400, chain::snark);
    for suite in [Suite::Groth16, Suite::Plonk] {
        let card = chain::fixture(suite).card.card();
        run(&card.key.to_bytes(), 400, chain::snark);
    }
}
