//! Times one opening: `cargo run --release -p zkml-stark --example opening -- LOG_ROWS COLUMNS [TREES [LEVEL [LOG_INV_RATE]]]`.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::{Duration, Instant};

use p3_field::PrimeCharacteristicRing;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use zkml_iop::commitment::ColumnCommitment;
use zkml_iop::transcript::Transcript;
use zkml_stark::{Blake3Transcript, ColumnConfig, F, SecurityLevel, StarkColumns};

/// Runs timed after one that warms the caches.
const RUNS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let mut argument = |default| arguments.next().unwrap_or(Ok(default));
    let (log_rows, columns, trees) = (argument(12)?, argument(60)?, argument(3)?);
    let level = if argument(100)? > 100 { SecurityLevel::Bits128 } else { SecurityLevel::Bits100 };
    let config = match argument(0)? {
        0 => ColumnConfig::new(log_rows, level)?,
        log_inv_rate => ColumnConfig::with_rate(log_rows, level, log_inv_rate)?,
    };
    let suite = StarkColumns::new(config)?;
    println!("{:?}", suite.config());
    let report = suite.security(columns)?;
    for term in &report.terms {
        println!("  {:7.2} bits  {}", term.bits, term.name);
    }
    println!("  {:7.2} bits  composed; list size 2^{:.1}", report.bits(), report.list_size_bits);

    let mut rng = StdRng::seed_from_u64(1);
    // The mask's columns are in the second tree if there is one.
    let mask_tree = usize::from(trees > 1);
    let widths: Vec<usize> = (0..trees)
        .map(|tree| {
            columns * (tree + 1) / trees - columns * tree / trees + if tree == mask_tree { 5 } else { 0 }
        })
        .collect();
    let mut times = [Duration::MAX; 3];
    let mut size = 0;
    for _ in 0..=RUNS {
        let data: Vec<Vec<Vec<F>>> = widths
            .iter()
            .map(|&width| {
                (0..width)
                    .map(|_| (0..1 << log_rows).map(|_| F::from_u32(rng.random::<u32>())).collect())
                    .collect()
            })
            .collect();
        let start = Instant::now();
        let mut roots = Vec::new();
        let mut committed = Vec::new();
        for columns in data {
            let width = columns.len();
            let (root, tree) = suite.commit(columns, rng.random())?;
            roots.push((root, width));
            committed.push(tree);
        }
        times[0] = times[0].min(start.elapsed());

        let mut transcript = Blake3Transcript::new("example");
        let point = transcript.challenges("point", log_rows);
        let mut verifier = transcript.clone();
        let start = Instant::now();
        let opening =
            suite.open(&committed.iter().collect::<Vec<_>>(), mask_tree, &point, &mut transcript)?;
        times[1] = times[1].min(start.elapsed());
        let bytes = suite.encode_opening(&opening);

        let start = Instant::now();
        let opening = suite.decode_opening(&widths, &bytes)?;
        suite.verify(&roots, mask_tree, &point, &opening, &mut verifier)?;
        times[2] = times[2].min(start.elapsed());
        size = bytes.len();
    }
    println!("2^{log_rows} rows, {columns} columns and the mask in {trees} trees");
    println!("commit {:.2?}  open {:.2?}  verify {:.2?}", times[0], times[1], times[2]);
    println!("opening {size} bytes");
    Ok(())
}
