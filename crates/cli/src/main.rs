//! The `zkml` command.

mod arguments;
mod commands;
mod drawing;
mod failure;
mod picture;
mod progress;
mod report;
mod table;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Cli, Command};
use crate::failure::Failure;
use crate::report::Report;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let json = cli.json;
    let result = match &cli.command {
        Command::Demo(c) => commands::demo::run(c, &cli),
        Command::Compile(c) => commands::compile::run(c, &cli),
        Command::Accuracy(c) => commands::accuracy::run(c),
        Command::Inspect(c) => commands::inspect::run(c),
        Command::Setup(c) => commands::setup::run(c, &cli),
        Command::Run(c) => commands::run::run(c),
        Command::Prove(c) => commands::prove::run(c, &cli),
        Command::Refresh(c) => commands::refresh::run(c, &cli),
        Command::Lease(c) => commands::lease::run(c),
        Command::Adopt(c) => commands::adopt::run(c),
        Command::Verify(c) => commands::verify::run(c),
    };
    match result.and_then(|report| report.print(json).map(|()| report)) {
        Ok(report) => report.exit_code(),
        Err(failure) => failure.print(json),
    }
}

impl Report {
    fn exit_code(&self) -> ExitCode {
        ExitCode::from(if self.valid { 0 } else { Failure::INVALID })
    }
}
