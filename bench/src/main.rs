//! `zkml-bench`: what whole proofs cost, beside targets and a lower bound.
//!
//! Every row runs in a fresh process of this program, so that its peak memory is its own.

mod arguments;
mod bound;
mod catalogue;
mod curve;
mod failure;
mod machine;
mod measure;
mod process;
mod report;
mod run;
mod spread;
mod table;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.measure {
        Some(name) => run::child(name, &arguments),
        None => run::all(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nothing is left to do if standard error is closed.
            let _ = writeln!(std::io::stderr(), "zkml-bench: {failure}");
            ExitCode::FAILURE
        }
    }
}
