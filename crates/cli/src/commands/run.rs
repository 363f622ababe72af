//! `zkml run`.

use zkml::{CompiledModel, quantize_samples};
use zkml_ir::execute;

use crate::arguments::Run;
use crate::failure::Failure;
use crate::report::Report;

pub(crate) fn run(c: &Run) -> Result<Report, Failure> {
    let model = CompiledModel::read(&c.model)?;
    let range = super::range(&c.samples)?;
    let samples = quantize_samples(&model.compiled, &super::data(&c.samples.input)?, range.clone())?;
    let labels = labels(c)?;
    let graph = &model.compiled.model.graph;
    let (mut text, mut json) = (String::new(), Vec::new());
    for (index, sample) in range.zip(&samples) {
        let trace = execute(&model.compiled.model, sample).map_err(zkml::Error::from)?;
        let mut outputs = Vec::new();
        for port in graph.outputs() {
            let mut tensor = trace.value(port.tensor).clone();
            tensor.shape.insert(0, 1);
            for line in super::describe(graph, port, &tensor, &labels) {
                text.push_str(&format!("sample {index}  {}: {line}\n", port.name));
            }
            outputs.push(super::tensor_json(port, &tensor));
        }
        json.push(serde_json::json!({ "index": index, "outputs": outputs }));
    }
    Ok(Report::new(text, serde_json::json!({ "samples": json })))
}

fn labels(c: &Run) -> Result<Vec<String>, Failure> {
    let Some(path) = &c.labels else { return Ok(Vec::new()) };
    let text =
        std::fs::read_to_string(path).map_err(|e| Failure::file(format!("{}: {e}", path.display())))?;
    Ok(text.lines().map(str::to_owned).collect())
}
