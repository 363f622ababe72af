//! What a command answers: words for people, JSON for scripts.

use std::io::Write;

use crate::failure::Failure;

/// The answer of a command.
#[derive(Debug)]
pub(crate) struct Report {
    /// For people.
    pub(crate) text: String,
    /// For scripts; an object.
    pub(crate) json: serde_json::Value,
    /// False if a proof was refused.
    pub(crate) valid: bool,
}

impl Report {
    pub(crate) fn new(text: String, json: serde_json::Value) -> Self {
        Self { text, json, valid: true }
    }

    pub(crate) fn print(&self, json: bool) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        let written = if json {
            let mut value = self.json.clone();
            if let Some(object) = value.as_object_mut() {
                object.insert("ok".into(), self.valid.into());
            }
            writeln!(out, "{value}")
        } else {
            writeln!(out, "{}", self.text.trim_end())
        };
        match written {
            // Whoever reads may stop early.
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(Failure::file(format!("standard output: {error}")))
            }
            _ => Ok(()),
        }
    }
}

/// A duration for people.
pub(crate) fn time(duration: std::time::Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        s if s < 0.001 => format!("{:.0} µs", s * 1e6),
        s if s < 1.0 => format!("{:.1} ms", s * 1e3),
        s if s < 120.0 => format!("{s:.2} s"),
        s => format!("{:.1} min", s / 60.0),
    }
}

/// A number of bytes for people.
pub(crate) fn bytes(count: usize) -> String {
    match count as f64 {
        n if n < 1e3 => format!("{n} B"),
        n if n < 1e6 => format!("{:.1} KB", n / 1e3),
        n if n < 1e9 => format!("{:.1} MB", n / 1e6),
        n => format!("{:.2} GB", n / 1e9),
    }
}

/// A count for people.
pub(crate) fn count(count: u64) -> String {
    match count as f64 {
        n if n < 1e4 => format!("{n}"),
        n if n < 1e6 => format!("{:.1} k", n / 1e3),
        n if n < 1e9 => format!("{:.1} M", n / 1e6),
        n => format!("{:.1} G", n / 1e9),
    }
}
