//! Rows one after another, each in a process of its own.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::arguments::Arguments;
use crate::catalogue::{Place, Row, curve_rows, find, rows};
use crate::curve::curves;
use crate::failure::Failure;
use crate::machine::Machine;
use crate::measure::measure;
use crate::report::{Entry, Outcome, Report};

/// Measures the rows that are asked for, and reports them.
pub(crate) fn all(arguments: &Arguments) -> Result<(), Failure> {
    let chosen = chosen(arguments)?;
    let machine = Machine::here();
    let mut entries = Vec::with_capacity(chosen.len());
    for row in &chosen {
        say(&mut std::io::stderr(), &format!("measuring {}\n", row.name))?;
        entries.push(Entry::new(row, outcome(row, arguments), &machine));
    }
    let report = Report { machine, samples: arguments.samples(), rows: entries };
    let text = if arguments.curve { curves(&report) } else { report.to_string() };
    say(&mut std::io::stdout(), &text)?;
    if let Some(path) = &arguments.json {
        let file = |source| Failure::File { file: path.display().to_string(), source };
        std::fs::write(path, serde_json::to_string_pretty(&report)? + "\n").map_err(file)?;
    }
    Ok(())
}

/// Measures one row in this process, and prints what became of it as JSON.
pub(crate) fn child(name: &str, arguments: &Arguments) -> Result<(), Failure> {
    let outcome = match find(name)?.files(arguments.shapes.as_deref()) {
        Err(command) => Outcome::Skipped(command),
        Ok((model, data)) => match measure(&model, &data, arguments.samples()) {
            Ok(measurement) => Outcome::Measured(Box::new(measurement)),
            Err(failure) => Outcome::Failed(failure.to_string()),
        },
    };
    say(&mut std::io::stdout(), &serde_json::to_string(&outcome)?)
}

fn chosen(arguments: &Arguments) -> Result<Vec<Row>, Failure> {
    if arguments.curve {
        return Ok(curve_rows());
    }
    if !arguments.rows.is_empty() {
        return arguments.rows.iter().map(|name| find(name)).collect();
    }
    Ok(rows().into_iter().filter(|r| !arguments.quick || r.place == Place::Models).collect())
}

/// What becomes of a row in a fresh process.
fn outcome(row: &Row, arguments: &Arguments) -> Outcome {
    spawn(row, arguments).unwrap_or_else(|failure| Outcome::Failed(failure.to_string()))
}

fn spawn(row: &Row, arguments: &Arguments) -> Result<Outcome, Failure> {
    let fail = |error: std::io::Error| Failure::Child(error.to_string());
    let mut command = Command::new(std::env::current_exe().map_err(fail)?);
    command.arg("--measure").arg(&row.name).arg("--samples").arg(arguments.samples().to_string());
    if let Some(shapes) = &arguments.shapes {
        command.arg("--shapes").arg(shapes);
    }
    let output = command.stderr(Stdio::inherit()).output().map_err(fail)?;
    if !output.status.success() {
        return Err(Failure::Child(output.status.to_string()));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn say(to: &mut dyn Write, text: &str) -> Result<(), Failure> {
    match to.write_all(text.as_bytes()) {
        // Whoever reads may stop early.
        Err(source) if source.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::File { file: "standard output".into(), source })
        }
        _ => Ok(()),
    }
}
