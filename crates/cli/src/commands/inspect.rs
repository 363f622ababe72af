//! `zkml inspect`.

use std::path::Path;

use zkml::cost::{Cost, cost};
use zkml::files::{Access, read, write};
use zkml::verifier::statement::hex;
use zkml::{Card, CommittedTensor, CompiledModel, Proof, ProverKey};
use zkml_ir::Graph;

use crate::arguments::Inspect;
use crate::drawing;
use crate::failure::Failure;
use crate::report::{Report, bytes, count, time};
use crate::table::Table;

pub(crate) fn run(c: &Inspect) -> Result<Report, Failure> {
    let content = read(&c.file)?;
    match content.get(..4) {
        Some(b"ZKMM") => {
            let model = CompiledModel::read(&c.file)?;
            graph(&model.compiled.model.graph, &cost(&model.compiled.model.graph, None)?, c)
        }
        Some(b"ZKMC") => {
            let card = Card::from_bytes(&content)
                .map_err(|e| Failure::file(format!("{}: {e}", c.file.display())))?;
            graph(&card.graph, &cost(&card.graph, Some(card.parameters))?, c)
        }
        Some(b"ZKMP") => proof(&c.file, &content),
        Some(b"ZKMK") => key(&c.file),
        Some(b"ZKMT") => tensor(&CommittedTensor::read(&c.file)?),
        _ => Err(Failure::file(format!(
            "{}: this is no compiled model, model card, prover key, committed tensor or proof",
            c.file.display()
        ))),
    }
}

fn graph(graph: &Graph, cost: &Cost, c: &Inspect) -> Result<Report, Failure> {
    if let Some(path) = &c.svg {
        write(path, drawing::svg(graph, cost).as_bytes(), Access::Everyone)?;
    }
    let mut table = Table::new(&["tensor", "operator", "shape", "bits", "cells", "lookups", "MACs"]);
    for node in cost.nodes.iter().filter(|n| n.op != "weight" && n.op != "constant") {
        let shape: Vec<String> = node.shape.iter().map(ToString::to_string).collect();
        table.row(vec![
            node.name.chars().take(40).collect(),
            node.op.into(),
            shape.join("×"),
            node.bits.to_string(),
            count(node.cells),
            count(node.lookups),
            count(node.macs),
        ]);
    }
    let text = format!(
        "{table}\n  weights {}   committed cells {}   lookups {}   MACs {}\n  {} columns of 2^{} rows\n  predicted: {} to prove, {} of memory",
        count(cost.weights),
        count(cost.cells),
        count(cost.lookups),
        count(cost.macs),
        cost.columns,
        cost.log_rows,
        time(std::time::Duration::from_secs_f64(cost.predicted_seconds)),
        bytes(cost.predicted_bytes as usize),
    );
    let json = serde_json::to_value(cost).map_err(|e| Failure::file(e.to_string()))?;
    Ok(Report::new(text, json))
}

/// What is left of a prover key's openings.
fn key(path: &Path) -> Result<Report, Failure> {
    let key = ProverKey::read(path)?;
    let (card, budget) = (key.card(), key.budget()?);
    let text = format!(
        "SECRET prover key of model {}\n  {} epochs, the last one of {} trees\n  {}",
        hex(&card.id()),
        card.epochs.len(),
        card.epochs.last().map_or(0, |e| e.trees.len()),
        super::budget(&key)?,
    );
    let json = serde_json::json!({
        "model": hex(&card.id()), "epochs": card.epochs.len(), "openings": budget,
    });
    Ok(Report::new(text, json))
}

fn tensor(tensor: &CommittedTensor) -> Result<Report, Failure> {
    let id = hex(&tensor.commitment().id());
    let shape: Vec<String> = tensor.tensor().shape.iter().map(ToString::to_string).collect();
    let text = format!(
        "SECRET of a committed tensor of shape {}\n  identifier {id}\n  it serves {} more proofs",
        shape.join("×"),
        tensor.openings_left(),
    );
    let json = serde_json::json!({
        "id": id, "shape": tensor.tensor().shape, "openings_left": tensor.openings_left(),
    });
    Ok(Report::new(text, json))
}

fn proof(path: &Path, content: &[u8]) -> Result<Report, Failure> {
    let proof = Proof::from_bytes(content).map_err(|e| Failure::file(format!("{}: {e}", path.display())))?;
    let sizes = proof.sizes().map_err(zkml::Error::from)?;
    let statement = &proof.statement;
    let text = format!(
        "proof about model {}\n  samples    {}\n  context    {}\n  statement  {}\n  scalars    {}\n  opening    {}\n  sealing    {}\n  total      {}\nNothing is checked here: use zkml verify.",
        hex(&statement.model),
        statement.shape.batch,
        if statement.context.is_empty() { "none".into() } else { hex(&statement.context) },
        bytes(sizes.statement),
        bytes(sizes.scalars),
        bytes(sizes.opening),
        bytes(sizes.sealing),
        bytes(sizes.total),
    );
    let json = serde_json::json!({
        "model": hex(&statement.model), "batch": statement.shape.batch, "context": hex(&statement.context),
        "sizes": sizes, "zero_knowledge": true, "tree": proof.tree,
    });
    Ok(Report::new(text, json))
}
