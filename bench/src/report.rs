//! The tables of measured rows.

use serde::{Deserialize, Serialize};

use crate::catalogue::{Row, Target};
use crate::machine::Machine;
use crate::measure::{Clocks, Measurement};
use crate::spread::Spread;
use crate::table::Table;

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// It was measured.
    Measured(Box<Measurement>),
    /// Its files are missing; this makes them.
    Skipped(String),
    /// It could not be measured, for this reason.
    Failed(String),
}

/// A row of the report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The row's name.
    pub(crate) name: String,
    /// What it is.
    pub(crate) title: String,
    /// What it should cost.
    pub(crate) target: Option<Target>,
    /// Core-seconds below which no prover of this kind gets.
    pub(crate) lower_bound: Option<f64>,
    /// What became of it.
    pub(crate) outcome: Outcome,
}

/// All rows, and the machine that measured them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// The machine.
    pub(crate) machine: Machine,
    /// Proofs per row.
    pub(crate) samples: u32,
    /// The rows.
    pub(crate) rows: Vec<Entry>,
}

impl Entry {
    pub(crate) fn new(row: &Row, outcome: Outcome, machine: &Machine) -> Self {
        let lower_bound = match &outcome {
            Outcome::Measured(m) => Some(m.work.lower_bound(machine.gigahertz)),
            _ => None,
        };
        Self { name: row.name.clone(), title: row.title.into(), target: row.target, lower_bound, outcome }
    }

    pub(crate) fn measurement(&self) -> Option<&Measurement> {
        match &self.outcome {
            Outcome::Measured(measurement) => Some(measurement),
            _ => None,
        }
    }
}

impl Report {
    fn measured(&self) -> impl Iterator<Item = (&Entry, &Measurement)> {
        self.rows.iter().filter_map(|e| Some((e, e.measurement()?)))
    }

    /// Proving: time beside the target and the lower bound.
    fn proving(&self) -> Table {
        let head = ["model", "prove, ms", "target", "ratio", "cpu, ms", "lower bound, cpu ms", "ratio"];
        let mut table = Table::new(head);
        for (entry, m) in self.measured() {
            let target = entry.target.map(|t| t.prove);
            table.row([
                entry.title.clone(),
                spread(&m.prove.wall),
                target.map_or_else(absent, milliseconds),
                ratio(m.prove.wall.median, target),
                spread(&m.prove.cpu),
                entry.lower_bound.map_or_else(absent, milliseconds),
                ratio(m.prove.cpu.median, entry.lower_bound),
            ]);
        }
        table
    }

    /// Everything around proving.
    fn surroundings(&self) -> Table {
        let head = [
            "model",
            "compile, s",
            "commit, s",
            "verify, ms",
            "target",
            "proof, KB",
            "target",
            "peak set-up, MB",
            "peak prove, MB",
            "target",
            "bits",
        ];
        let mut table = Table::new(head);
        for (entry, m) in self.measured() {
            table.row([
                entry.title.clone(),
                format!("{:.2}", m.compile),
                format!("{:.2}", m.commit),
                spread(&m.verify.wall),
                entry.target.map_or_else(absent, |t| milliseconds(t.verify)),
                kilobytes(m.bytes.total),
                entry.target.map_or_else(absent, |t| format!("{:.0}", t.bytes / 1e3)),
                m.setup_memory.map_or_else(absent, megabytes),
                m.prove_memory.map_or_else(absent, megabytes),
                format!("{:.0}", m.work.memory_target() / 1e6),
                format!("{:.1}", m.security),
            ]);
        }
        table
    }

    /// Phases: wall time and share of the sum.
    fn phases(&self, what: &dyn Fn(&Clocks) -> Spread) -> Option<Table> {
        let (_, first) = self.measured().next()?;
        let names = first.phases.iter().map(|p| p.name.clone());
        let mut table = Table::new(std::iter::once("model".to_owned()).chain(names));
        for (entry, m) in self.measured() {
            let medians: Vec<f64> = m.phases.iter().map(|p| what(&p.clocks).median).collect();
            let sum: f64 = medians.iter().sum();
            let cell = |&median: &f64| format!("{} ({:.0} %)", milliseconds(median), 100.0 * median / sum);
            table.row(std::iter::once(entry.title.clone()).chain(medians.iter().map(cell)));
        }
        Some(table)
    }

    /// What is proven, and where the bytes are.
    fn sizes(&self) -> Table {
        let head = [
            "model",
            "weights",
            "cells",
            "lookups",
            "MACs",
            "rows",
            "columns",
            "statement, KB",
            "scalars, KB",
            "opening, KB",
            "sealing, KB",
        ];
        let mut table = Table::new(head);
        for (entry, m) in self.measured() {
            table.row([
                entry.title.clone(),
                count(m.work.weights),
                count(m.work.cells),
                count(m.work.lookups),
                count(m.work.macs),
                format!("2^{}", m.log_rows),
                m.columns.to_string(),
                kilobytes(m.bytes.statement),
                kilobytes(m.bytes.scalars),
                kilobytes(m.bytes.opening),
                kilobytes(m.bytes.sealing),
            ]);
        }
        table
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}\nMedians of {} proofs (min–max).\n", self.machine, self.samples)?;
        writeln!(f, "Proving, with a warm key:\n\n{}", self.proving())?;
        writeln!(f, "Set-up, verification, bytes, memory:\n\n{}", self.surroundings())?;
        if let (Some(wall), Some(cpu)) = (self.phases(&|c| c.wall), self.phases(&|c| c.cpu)) {
            writeln!(f, "Phases, wall ms (share):\n\n{wall}\nPhases, processor ms (share):\n\n{cpu}")?;
        }
        writeln!(f, "Sizes:\n\n{}", self.sizes())?;
        for entry in &self.rows {
            match &entry.outcome {
                Outcome::Measured(_) => {}
                Outcome::Skipped(command) => writeln!(f, "skipped {}; make it: {command}", entry.name)?,
                Outcome::Failed(reason) => writeln!(f, "FAILED {}: {reason}", entry.name)?,
            }
        }
        Ok(())
    }
}

pub(crate) fn absent() -> String {
    "–".into()
}

/// Seconds as milliseconds, with three significant digits.
pub(crate) fn milliseconds(seconds: f64) -> String {
    match seconds * 1e3 {
        m if m < 0.005 => "0".into(),
        m if m < 10.0 => format!("{m:.2}"),
        m if m < 100.0 => format!("{m:.1}"),
        m => format!("{m:.0}"),
    }
}

/// A median in milliseconds, and its extremes.
pub(crate) fn spread(s: &Spread) -> String {
    if s.min == s.max {
        return milliseconds(s.median);
    }
    format!("{} ({}–{})", milliseconds(s.median), milliseconds(s.min), milliseconds(s.max))
}

fn ratio(measured: f64, reference: Option<f64>) -> String {
    reference.filter(|&r| r > 0.0).map_or_else(absent, |r| format!("{:.1}", measured / r))
}

fn kilobytes(bytes: usize) -> String {
    format!("{:.1}", bytes as f64 / 1e3)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.0}", bytes as f64 / 1e6)
}

/// A count with three significant digits.
pub(crate) fn count(count: u64) -> String {
    match count as f64 {
        n if n < 1e4 => format!("{n}"),
        n if n < 1e6 => format!("{:.0} k", n / 1e3),
        n if n < 1e9 => format!("{:.1} M", n / 1e6),
        n => format!("{:.2} G", n / 1e9),
    }
}
