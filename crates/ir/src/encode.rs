//! The canonical encoding of graphs and models, and the graph's digest.

use serde::{Deserialize, Serialize};

use crate::error::IrError;
use crate::graph::{Graph, Model, Port, Source, TensorId};
use crate::interval::Interval;
use crate::ops::Op;
use crate::table::Table;
use crate::tensor::Tensor;

const DIGEST_CONTEXT: &str = "starminer zkml 2026 integer graph v1";

/// What is stored of a graph: shapes and intervals of nodes are inferred anew.
#[derive(Serialize, Deserialize)]
struct Stored {
    tables: Vec<Table>,
    tensors: Vec<Definition>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
}

#[derive(Serialize, Deserialize)]
enum Definition {
    Input { name: String, shape: Vec<usize>, range: Interval },
    Weight { name: String, shape: Vec<usize>, range: Interval, l1_cap: Option<u64> },
    Constant { name: String, shape: Vec<usize>, data: Vec<i32> },
    Node { name: String, op: Op, operands: Vec<TensorId> },
}

#[derive(Serialize, Deserialize)]
struct StoredModel {
    graph: Vec<u8>,
    weights: Vec<Tensor>,
}

fn invalid(reason: impl std::fmt::Display) -> IrError {
    IrError::Encoding(reason.to_string())
}

impl Graph {
    /// The canonical encoding.
    ///
    /// # Errors
    /// [`IrError::Encoding`] if memory for it cannot be had.
    pub fn to_bytes(&self) -> Result<Vec<u8>, IrError> {
        let tensors = self.tensors().iter().map(|t| {
            let (name, shape, range) = (t.name.clone(), t.shape.clone(), t.range);
            match &t.source {
                Source::Input => Definition::Input { name, shape, range },
                Source::Weight => Definition::Weight { name, shape, range, l1_cap: t.l1_cap },
                Source::Constant(data) => Definition::Constant { name, shape, data: data.clone() },
                Source::Node { op, operands } => {
                    Definition::Node { name, op: op.clone(), operands: operands.clone() }
                }
            }
        });
        let stored = Stored {
            tables: self.tables().to_vec(),
            tensors: tensors.collect(),
            inputs: self.inputs().to_vec(),
            outputs: self.outputs().to_vec(),
        };
        postcard::to_stdvec(&stored).map_err(invalid)
    }

    /// Decodes a graph, checks every definition and refuses any encoding but the canonical one.
    ///
    /// # Errors
    /// [`IrError`] that names what is refused.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IrError> {
        let stored: Stored = postcard::from_bytes(bytes).map_err(invalid)?;
        let mut graph = Self::new();
        for table in stored.tables {
            graph.add_table(table)?;
        }
        let mut inputs = stored.inputs.iter();
        for definition in stored.tensors {
            match definition {
                Definition::Input { name, shape, range } => {
                    let port = inputs.next().ok_or_else(|| invalid("an input without a port"))?;
                    if port.name != name || !(port.scale.is_finite() && port.scale > 0.0) {
                        return Err(invalid(format!("the port of input '{name}'")));
                    }
                    graph.add_input(&name, shape, range, port.scale)?;
                }
                Definition::Weight { name, shape, range, l1_cap } => {
                    graph.add_weight(&name, shape, range, l1_cap)?;
                }
                Definition::Constant { name, shape, data } => {
                    graph.add_constant(&name, Tensor { shape, data })?;
                }
                Definition::Node { name, op, operands } => {
                    graph.add_node(&name, op, &operands)?;
                }
            }
        }
        for port in &stored.outputs {
            if !(port.scale.is_finite() && port.scale > 0.0) {
                return Err(invalid(format!("the scale of output '{}'", port.name)));
            }
            graph.add_output(&port.name, port.tensor, port.scale)?;
        }
        if graph.to_bytes()? != bytes {
            return Err(invalid("another encoding of the same graph exists"));
        }
        Ok(graph)
    }

    /// The Blake3 digest of the canonical encoding.
    ///
    /// # Errors
    /// [`IrError::Encoding`] if the graph cannot be encoded.
    pub fn digest(&self) -> Result<[u8; 32], IrError> {
        Ok(blake3::derive_key(DIGEST_CONTEXT, &self.to_bytes()?))
    }
}

impl Model {
    /// The canonical encoding of graph and weights.
    ///
    /// # Errors
    /// [`IrError::Encoding`] if memory for it cannot be had.
    pub fn to_bytes(&self) -> Result<Vec<u8>, IrError> {
        let stored = StoredModel { graph: self.graph.to_bytes()?, weights: self.weights.clone() };
        postcard::to_stdvec(&stored).map_err(invalid)
    }

    /// Decodes a model, checks graph and weights and refuses any encoding but the canonical one.
    ///
    /// # Errors
    /// [`IrError`] that names what is refused.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IrError> {
        let stored: StoredModel = postcard::from_bytes(bytes).map_err(invalid)?;
        let model = Self::new(Graph::from_bytes(&stored.graph)?, stored.weights)?;
        if model.to_bytes()? != bytes {
            return Err(invalid("another encoding of the same model exists"));
        }
        Ok(model)
    }
}
