//! `zkml lease`.

use std::path::Path;

use zkml::files::lock;
use zkml::key::KEY_FILE;
use zkml::{CommittedTensor, ProverKey};

use crate::arguments::Lease;
use crate::failure::Failure;
use crate::report::Report;

pub(crate) fn run(c: &Lease) -> Result<Report, Failure> {
    if c.openings == 0 {
        return Err(Failure::usage("--openings takes at least 1"));
    }
    match (&c.budget.key, &c.budget.tensor) {
        (Some(key), _) => of_key(c, key),
        (None, Some(tensor)) => of_tensor(c, tensor),
        (None, None) => Err(Failure::usage("--key or --tensor is missing")),
    }
}

fn of_key(c: &Lease, key: &Path) -> Result<Report, Failure> {
    let key = ProverKey::read(key)?;
    let share = key.lease(u64::from(c.openings), &c.out)?;
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

fn of_tensor(c: &Lease, path: &Path) -> Result<Report, Failure> {
    let _lock = lock(path)?;
    let mut secret = CommittedTensor::read(path)?;
    let share = secret.split(c.openings)?;
    // Debited here before it exists there: a crash in between wastes the share.
    secret.write(path)?;
    share.write_share(&c.out)?;
    let text = format!(
        "{} proofs are in {}, and no longer here: {} are left\nGive the file to one prover, and keep no copy of it. It holds the tensor.",
        share.openings_left(),
        c.out.display(),
        secret.openings_left(),
    );
    let json = serde_json::json!({
        "tensor": c.out, "openings": share.openings_left(), "left": secret.openings_left(),
    });
    Ok(Report::new(text, json))
}
