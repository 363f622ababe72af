//! `zkml inspect` of the files of the suites for contracts.

use std::path::Path;

use zkml::Error;
use zkml::chain::{ChainKey, ChainTensor, Proof};
use zkml::verifier::Shape;
use zkml::verifier::statement::hex;
use zkml_ir::Graph;

use super::{origins, origins_json};
use crate::failure::Failure;
use crate::report::{Report, bytes};

pub(crate) fn card(path: &Path, content: &[u8]) -> Result<Report, Failure> {
    let card = zkml::chain::Card::from_bytes(content)
        .map_err(|e| Failure::file(format!("{}: {e}", path.display())))?;
    let id = hex(&card.id().map_err(Error::from)?);
    let digest = hex(&card.digest().map_err(Error::from)?);
    let relation = card.relation().map_err(Error::from)?;
    let columns = relation.layout.num_columns() + 1;
    let text = format!(
        "card of model {id} for {}\n  digest         {digest}\n{}{}  {columns} columns of 2^{} rows\n  circuit        {}\nNothing is checked here: use zkml verify.",
        card.suite().name(),
        origins(&card),
        shape(&card.graph, &card.shape),
        card.log_rows,
        card.key.circuit(),
    );
    let mut json = serde_json::json!({
        "model": id, "suite": card.suite().name(), "digest": digest, "batch": card.shape.batch, "columns": columns,
        "log_rows": card.log_rows, "circuit": card.key.circuit().to_string(),
        "visibility": visibility_json(&card.graph, &card.shape),
    });
    json["setup"] = origins_json(&card);
    Ok(Report::new(text, json))
}

fn shape(graph: &Graph, shape: &Shape) -> String {
    let ports = graph.inputs().iter().zip(&shape.inputs).chain(graph.outputs().iter().zip(&shape.outputs));
    let words: Vec<String> = ports.map(|(port, v)| format!("{} {}", port.name, word(*v))).collect();
    format!(
        "  statements     {} sample{} each: {}\n",
        shape.batch,
        if shape.batch == 1 { "" } else { "s" },
        words.join(", ")
    )
}

fn visibility_json(graph: &Graph, shape: &Shape) -> serde_json::Value {
    let ports = graph.inputs().iter().zip(&shape.inputs).chain(graph.outputs().iter().zip(&shape.outputs));
    ports.map(|(port, v)| (port.name.clone(), word(*v).into())).collect::<serde_json::Map<_, _>>().into()
}

const fn word(visibility: zkml::Visibility) -> &'static str {
    match visibility {
        zkml::Visibility::Private => "private",
        zkml::Visibility::Public => "public",
        zkml::Visibility::Committed => "committed",
    }
}

pub(crate) fn key(path: &Path) -> Result<Report, Failure> {
    let key = ChainKey::read(path)?;
    let card = key.card();
    let id = hex(&card.id().map_err(Error::from)?);
    let text = format!(
        "SECRET prover key of model {id} for {}\n{}{}",
        card.suite().name(),
        origins(card),
        shape(&card.graph, &card.shape),
    );
    let mut json =
        serde_json::json!({ "model": id, "suite": card.suite().name(), "batch": card.shape.batch });
    json["setup"] = origins_json(card);
    Ok(Report::new(text, json))
}

pub(crate) fn proof(path: &Path, content: &[u8]) -> Result<Report, Failure> {
    let proof = Proof::from_bytes(content).map_err(|e| Failure::file(format!("{}: {e}", path.display())))?;
    let statement = &proof.statement;
    let text = format!(
        "proof about model {}\n  samples      {}\n  context      {}\n  outer proof  {}\n  SNARK        {}\n  total        {}\nNothing is checked here: use zkml verify.",
        hex(&statement.model),
        statement.shape.batch,
        if statement.context.is_empty() { "none".into() } else { hex(&statement.context) },
        bytes(proof.outer.len()),
        bytes(proof.snark.len()),
        bytes(content.len()),
    );
    let json = serde_json::json!({
        "model": hex(&statement.model), "batch": statement.shape.batch, "context": hex(&statement.context),
        "sizes": { "outer": proof.outer.len(), "snark": proof.snark.len(), "total": content.len() },
        "zero_knowledge": true,
    });
    Ok(Report::new(text, json))
}

pub(crate) fn tensor(path: &Path) -> Result<Report, Failure> {
    let tensor = ChainTensor::read(path)?;
    let shape: Vec<String> = tensor.tensor().shape.iter().map(ToString::to_string).collect();
    let text = format!(
        "SECRET of a committed tensor of shape {}\n  identifier {}\n  it serves any number of proofs",
        shape.join("×"),
        hex(&tensor.id()),
    );
    let json = serde_json::json!({ "id": hex(&tensor.id()), "shape": tensor.tensor().shape });
    Ok(Report::new(text, json))
}
