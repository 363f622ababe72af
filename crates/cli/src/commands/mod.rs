//! One file per command.

pub(crate) mod accuracy;
pub(crate) mod adopt;
pub(crate) mod chain;
pub(crate) mod claim;
pub(crate) mod compile;
pub(crate) mod demo;
pub(crate) mod inspect;
pub(crate) mod lease;
pub(crate) mod prove;
pub(crate) mod refresh;
pub(crate) mod run;
pub(crate) mod setup;
pub(crate) mod verify;

use std::path::Path;

use zkml::verifier::Shape;
use zkml::{DataFile, Error, ProverKey, Visibility};
use zkml_ir::ops::Ranked;
use zkml_ir::{Graph, Op, Port, Source, Tensor};

use crate::arguments::{Samples, hex};
use crate::failure::Failure;

pub(crate) fn data(path: &Path) -> Result<DataFile, Failure> {
    Ok(DataFile::read(path).map_err(Error::from)?)
}

pub(crate) fn range(samples: &Samples) -> Result<std::ops::Range<usize>, Failure> {
    samples
        .chosen()
        .filter(|r| !r.is_empty())
        .ok_or_else(|| Failure::usage("--range takes A..B with A < B, such as 0..8"))
}

pub(crate) fn context(text: Option<&str>) -> Result<Option<Vec<u8>>, Failure> {
    match text {
        None => Ok(None),
        Some(text) => match hex(text).filter(|bytes| bytes.len() <= 64) {
            Some(bytes) => Ok(Some(bytes)),
            None => Err(Failure::usage("--context takes at most 64 bytes in hexadecimal digits")),
        },
    }
}

/// The integers of a tensor as reals.
pub(crate) fn reals(port: &Port, tensor: &Tensor) -> Vec<f64> {
    tensor.data.iter().map(|&v| f64::from(v) * port.scale).collect()
}

/// The rows of a batched tensor in words: few values are shown, of many the largest.
pub(crate) fn describe(graph: &Graph, port: &Port, tensor: &Tensor, labels: &[String]) -> Vec<String> {
    const SHOWN: usize = 12;
    let ranked = match &graph.tensor(port.tensor).source {
        Source::Node { op: Op::TopK(op), .. } => op.ranked == Ranked::Positions,
        _ => false,
    };
    let batch = tensor.shape.first().copied().unwrap_or(1).max(1);
    let width = (tensor.data.len() / batch).max(1);
    let name = |class: usize| labels.get(class).map_or_else(String::new, |l| format!(" ({l})"));
    reals(port, tensor)
        .chunks(width)
        .map(|row| match row {
            [value] => format!(
                "{value}{}",
                if value.fract() == 0.0 && *value >= 0.0 { name(*value as usize) } else { String::new() }
            ),
            _ if ranked => {
                let shown = row.iter().take(SHOWN).map(|v| format!("{v}{}", name(*v as usize)));
                format!("largest first: {}", shown.collect::<Vec<_>>().join(", "))
            }
            _ => {
                let top = (0..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best });
                let shown: Vec<String> = row.iter().take(SHOWN).map(|v| format!("{v:.3}")).collect();
                let more =
                    if row.len() > SHOWN { format!(", … {} values", row.len()) } else { String::new() };
                format!("largest at {top}{}   [{}{more}]", name(top), shown.join(", "))
            }
        })
        .collect()
}

/// A tensor for scripts.
pub(crate) fn tensor_json(port: &Port, tensor: &Tensor) -> serde_json::Value {
    serde_json::json!({
        "name": port.name, "shape": tensor.shape, "scale": port.scale,
        "integers": tensor.data, "values": reals(port, tensor),
    })
}

/// The committed ports of a statement, in its order.
pub(crate) fn committed_ports<'p>(graph: &'p Graph, shape: &Shape) -> Vec<&'p Port> {
    let ports = graph.inputs().iter().zip(&shape.inputs).chain(graph.outputs().iter().zip(&shape.outputs));
    ports.filter(|(_, v)| **v == Visibility::Committed).map(|(p, _)| p).collect()
}

/// The openings that a key has left, in words.
pub(crate) fn budget(key: &ProverKey) -> Result<String, Failure> {
    Ok(match key.budget()? {
        None => "the model has no weights, so it needs no openings".into(),
        Some(budget) => format!("{} proofs are left before `zkml refresh`", budget.left),
    })
}

/// The ports that a statement shows.
pub(crate) fn public_ports<'p>(ports: &'p [Port], visibilities: &[Visibility]) -> Vec<&'p Port> {
    ports.iter().zip(visibilities).filter(|(_, v)| **v == Visibility::Public).map(|(p, _)| p).collect()
}
