//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Measures compiling, setting up, proving and verifying models, and prints tables.
#[derive(Debug, Parser)]
#[command(name = "zkml-bench", version, about)]
pub(crate) struct Arguments {
    /// Measure these rows only, separated by commas; all of the catalogue by default.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub(crate) rows: Vec<String>,
    /// Proofs per row; the tables show medians.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) samples: u32,
    /// The folder of models with random weights that `bench/shapes.py` wrote.
    #[arg(long, value_name = "DIR")]
    pub(crate) shapes: Option<PathBuf>,
    /// Write everything measured into a file.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// One proof each of the small trained models.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Measure how cost grows with weights and with activations, instead of the catalogue.
    #[arg(long, conflicts_with = "rows")]
    pub(crate) curve: bool,
    /// Measure one row in this process and print JSON: what the fresh processes are told.
    #[arg(long, hide = true)]
    pub(crate) measure: Option<String>,
}

impl Arguments {
    /// Proofs per row.
    pub(crate) fn samples(&self) -> u32 {
        if self.quick { 1 } else { self.samples }
    }
}
