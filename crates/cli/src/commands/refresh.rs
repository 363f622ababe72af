//! `zkml refresh`.

use std::path::Path;
use std::time::Instant;

use zkml::ProverKey;

use crate::arguments::{Cli, Refresh};
use crate::failure::Failure;
use crate::progress::Phases;
use crate::report::Report;

pub(crate) fn run(c: &Refresh, cli: &Cli) -> Result<Report, Failure> {
    if c.openings == Some(0) {
        return Err(Failure::usage("--openings takes at least 1"));
    }
    let mut key = ProverKey::read(&c.key)?;
    let folder = c.key.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let start = Instant::now();
    {
        let bar = Phases::new(cli, "refreshing");
        key.refresh(c.openings, folder, &mut |phase| bar.begin(phase))?;
    }
    let refreshed = start.elapsed();
    let start = Instant::now();
    key.registered()?;
    super::setup::report(&key, folder, "is committed anew", (refreshed, start.elapsed()))
}
