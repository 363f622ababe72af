//! `zkml accuracy`.

use zkml::CompiledModel;

use crate::arguments::Accuracy;
use crate::failure::Failure;
use crate::report::Report;

pub(crate) fn run(c: &Accuracy) -> Result<Report, Failure> {
    let model = CompiledModel::read(&c.model)?;
    let report = model.accuracy(&super::data(&c.data)?)?;
    let json = serde_json::to_value(&report).map_err(|e| Failure::file(e.to_string()))?;
    Ok(Report::new(report.to_string(), json))
}
