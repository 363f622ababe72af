//! What a model costs to prove: per operator, and predicted in time and memory.

use std::collections::BTreeMap;

use serde::Serialize;
use zkml_iop::system::{Home, System};
use zkml_ir::{Graph, Op, Source};
use zkml_verifier::{Parameters, Relation};

use crate::error::Error;
use crate::parameters::{choose, typical};

/// The cost of one tensor of the graph.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeCost {
    /// The name.
    pub name: String,
    /// The operator, `input`, `weight` or `constant`.
    pub op: &'static str,
    /// The shape.
    pub shape: Vec<usize>,
    /// The bits that hold every integer of the tensor.
    pub bits: u32,
    /// Entries committed for it in every proof, without lookup helpers.
    pub cells: u64,
    /// Tuples looked up for it in every proof.
    pub lookups: u64,
    /// Multiplications of the model itself.
    pub macs: u64,
}

/// The cost of a model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cost {
    /// Per tensor, in the order of definition.
    pub nodes: Vec<NodeCost>,
    /// The base-2 logarithm of the height of the columns.
    pub log_rows: u8,
    /// The columns of all trees.
    pub columns: usize,
    /// Entries of weights.
    pub weights: u64,
    /// Entries committed in every proof, helpers included.
    pub cells: u64,
    /// Tuples looked up in every proof.
    pub lookups: u64,
    /// Multiplications of the model.
    pub macs: u64,
    /// Predicted seconds to prove, on two cores of a server.
    pub predicted_seconds: f64,
    /// Predicted peak memory in bytes.
    pub predicted_bytes: f64,
}

/// The cost of proving one private sample with public outputs.
///
/// # Errors
/// [`Error`] if the graph cannot be proven.
pub fn cost(graph: &Graph, parameters: Option<Parameters>) -> Result<Cost, Error> {
    let parameters = match parameters {
        Some(parameters) => parameters,
        None => choose(graph, 100, None, None)?.parameters,
    };
    let relation = Relation::of(graph, &typical(graph), parameters, &[])?;
    let (cells, lookups) = by_name(&relation.system);
    let nodes: Vec<NodeCost> = graph
        .tensors()
        .iter()
        .map(|info| {
            let (op, macs) = match &info.source {
                Source::Input => ("input", 0),
                Source::Weight => ("weight", 0),
                Source::Constant(_) => ("constant", 0),
                Source::Node { op, operands } => {
                    let second = operands.get(1).map_or(&[][..], |o| graph.tensor(*o).shape.as_slice());
                    let first = operands.first().map_or(&[][..], |o| graph.tensor(*o).shape.as_slice());
                    (op.semantics().name(), macs(op, &info.shape, first, second))
                }
            };
            let of = |map: &BTreeMap<&str, u64>| {
                if matches!(info.source, Source::Weight | Source::Constant(_)) {
                    0
                } else {
                    map.get(info.name.as_str()).copied().unwrap_or(0)
                }
            };
            let magnitude = info.range.magnitude();
            let sign = u32::from(info.range.lo < 0);
            NodeCost {
                name: info.name.clone(),
                op,
                shape: info.shape.clone(),
                bits: 64 - magnitude.leading_zeros() + sign,
                cells: of(&cells),
                lookups: of(&lookups),
                macs,
            }
        })
        .collect();
    Ok(total(nodes, &relation, parameters))
}

/// Committed cells and lookups by the name of the node that they serve.
fn by_name(system: &System) -> (BTreeMap<&str, u64>, BTreeMap<&str, u64>) {
    let (mut cells, mut lookups) = (BTreeMap::new(), BTreeMap::new());
    for tensor in system.tensors.iter().filter(|t| t.home == Home::Witness) {
        *cells.entry(tensor.name.as_str()).or_default() += tensor.shape.iter().product::<usize>() as u64;
    }
    for fraction in system.all_fractions().filter(|f| f.multiplicity.is_none()) {
        let size = fraction.shape().iter().product::<usize>() as u64;
        *lookups.entry(fraction.name.as_str()).or_default() += size;
    }
    (cells, lookups)
}

fn macs(op: &Op, out: &[usize], first: &[usize], second: &[usize]) -> u64 {
    let size = |shape: &[usize]| shape.iter().product::<usize>() as u64;
    match op {
        Op::Conv(_) => size(out) * size(second.get(1..).unwrap_or_default()),
        Op::Einsum(einsum) => {
            let summed = einsum.a.iter().zip(first).filter(|(l, _)| !einsum.out.contains(l));
            size(out) * summed.map(|(_, &n)| n as u64).product::<u64>()
        }
        _ => 0,
    }
}

fn total(nodes: Vec<NodeCost>, relation: &Relation, parameters: Parameters) -> Cost {
    let size = |wanted: &dyn Fn(&Home) -> bool| -> u64 {
        let tensors = relation.system.tensors.iter().filter(|t| wanted(&t.home));
        tensors.map(|t| t.shape.iter().product::<usize>() as u64).sum()
    };
    let weights = size(&|home| matches!(home, Home::Weight(_)));
    let cells = size(&|home| matches!(home, Home::Witness | Home::Helper { .. }));
    let lookups = relation.system.num_lookups();
    let macs = nodes.iter().map(|n| n.macs).sum();
    let rows = (1u64 << parameters.log_rows) as f64;
    // Nanoseconds per unit, measured with `bench/` on two cores.
    let nanoseconds = 10.0 * weights as f64
        + 60.0 * cells as f64
        + 130.0 * lookups as f64
        + 0.12 * macs as f64
        + 2_400.0 * rows;
    Cost {
        nodes,
        log_rows: parameters.log_rows,
        columns: relation.layout.num_columns(),
        weights,
        cells,
        lookups,
        macs,
        predicted_seconds: 0.02 + nanoseconds * 1e-9,
        predicted_bytes: 1e8
            + 45.0 * weights as f64
            + 50.0 * cells as f64
            + 60.0 * lookups as f64
            + 800.0 * rows,
    }
}
