//! `zkml adopt`.

use zkml::{CommittedTensor, ProverKey};

use crate::arguments::Adopt;
use crate::failure::Failure;
use crate::report::Report;

pub(crate) fn run(c: &Adopt) -> Result<Report, Failure> {
    if let Some(path) = &c.budget.tensor {
        CommittedTensor::adopt(path)?;
        let left = CommittedTensor::read(path)?.openings_left();
        let text = format!("{} serves {left} more proofs from here", path.display());
        return Ok(Report::new(text, serde_json::json!({ "tensor": path, "openings": left })));
    }
    let Some(path) = &c.budget.key else { return Err(Failure::usage("--key or --tensor is missing")) };
    let key = ProverKey::read(path)?;
    key.adopt()?;
    let json = serde_json::json!({ "key": path, "openings": key.budget()? });
    Ok(Report::new(super::budget(&key)?, json))
}
