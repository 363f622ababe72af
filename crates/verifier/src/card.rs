//! What the world knows of a model.

use serde::{Deserialize, Serialize};
use zkml_ir::Graph;

use crate::envelope::{self, Kind, damaged};
use crate::error::FormatError;
use crate::parameters::Parameters;

const KIND: Kind = Kind { magic: *b"ZKMC", version: 0, name: "model card" };
const ID_CONTEXT: &str = "starminer zkml 2026 model identifier v0";

/// A model's public graph, parameters and commitment to its weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// The graph, without weights.
    pub graph: Graph,
    /// The parameters of its proofs.
    pub parameters: Parameters,
    /// The commitment to the weights; absent for a model without any.
    pub weights: Option<[u8; 32]>,
    graph_digest: [u8; 32],
}

#[derive(Serialize, Deserialize)]
struct Stored {
    graph: Vec<u8>,
    parameters: Parameters,
    weights: Option<[u8; 32]>,
}

impl Card {
    /// A card from its parts.
    ///
    /// # Errors
    /// [`FormatError`] if graph, parameters and commitment do not fit together.
    pub fn new(graph: Graph, parameters: Parameters, weights: Option<[u8; 32]>) -> Result<Self, FormatError> {
        let known = matches!(parameters.security, 100 | 128) && parameters.config().is_ok();
        if !known || weights.is_some() != (graph.weights().count() > 0) {
            return Err(damaged(KIND, &"parameters, weights and graph do not fit together"));
        }
        let graph_digest = graph.digest()?;
        Ok(Self { graph, parameters, weights, graph_digest })
    }

    /// The canonical encoding.
    ///
    /// # Errors
    /// [`FormatError`] if the graph cannot be encoded.
    pub fn to_bytes(&self) -> Result<Vec<u8>, FormatError> {
        let stored =
            Stored { graph: self.graph.to_bytes()?, parameters: self.parameters, weights: self.weights };
        envelope::seal(KIND, &stored)
    }

    /// Reads a card.
    ///
    /// # Errors
    /// [`FormatError`] that says what is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        let stored: Stored = envelope::open(KIND, bytes)?;
        Self::new(Graph::from_bytes(&stored.graph)?, stored.parameters, stored.weights)
    }

    /// The model's identifier: a hash of graph, parameters and the commitment to the weights.
    pub fn id(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key(ID_CONTEXT);
        hasher.update(&self.graph_digest);
        hasher.update(&[self.parameters.log_rows, self.parameters.security]);
        hasher.update(&[u8::from(self.weights.is_some())]);
        hasher.update(&self.weights.unwrap_or_default());
        *hasher.finalize().as_bytes()
    }
}
