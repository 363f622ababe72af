//! `zkml lease`.

use zkml::ProverKey;
use zkml::key::KEY_FILE;

use crate::arguments::Lease;
use crate::failure::Failure;
use crate::report::Report;

pub(crate) fn run(c: &Lease) -> Result<Report, Failure> {
    if c.openings == 0 {
        return Err(Failure::usage("--openings takes at least 1"));
    }
    let key = ProverKey::read(&c.key)?;
    let share = key.lease(c.openings, &c.out)?;
    let text = format!(
        "{} openings are in {}, and no longer here: {}\nGive the folder to one prover, and keep no copy of it.",
        share.left,
        c.out.display(),
        super::budget(&key)?,
    );
    let json = serde_json::json!({
        "key": c.out.join(KEY_FILE), "openings": share, "left": key.budget()?,
    });
    Ok(Report::new(text, json))
}
