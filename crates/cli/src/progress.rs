//! Progress on standard error, for terminals only.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use zkml::Phase;

use crate::arguments::Cli;

/// A progress bar over the phases of proving.
pub(crate) struct Phases(ProgressBar);

impl Phases {
    pub(crate) fn new(cli: &Cli, work: &str) -> Self {
        Self::of(cli, work, Phase::COUNT)
    }

    /// A bar for another number of phases than a proof of the `stark` suite has.
    pub(crate) fn of(cli: &Cli, work: &str, count: usize) -> Self {
        let bar = if cli.json || cli.quiet { ProgressBar::hidden() } else { ProgressBar::new(count as u64) };
        if let Ok(style) = ProgressStyle::with_template(&format!("  {work} {{bar:24}} {{msg}} {{elapsed}}")) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    pub(crate) fn begin(&self, phase: Phase) {
        self.0.set_message(phase.name());
        self.0.inc(1);
    }
}

impl Drop for Phases {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A spinner for one step whose length is unknown.
pub(crate) struct Step(ProgressBar);

impl Step {
    pub(crate) fn new(cli: &Cli, message: &'static str) -> Self {
        let bar = if cli.json || cli.quiet { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        bar.set_message(message);
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
