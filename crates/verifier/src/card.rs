//! What the world knows of a model.

use serde::{Deserialize, Serialize};
use zkml_iop::transcript::Transcript;
use zkml_ir::Graph;
use zkml_stark::{Blake3Transcript, F, K};

use crate::envelope::{self, Kind, damaged};
use crate::epoch::{Epoch, MAX_EPOCHS, MAX_TREES, Tree, TreeId};
use crate::error::FormatError;
use crate::parameters::Parameters;

const KIND: Kind = Kind { magic: *b"ZKMC", version: 1, name: "model card" };
const ID_CONTEXT: &str = "starminer zkml 2026 model identifier v1";

/// A model's public graph, parameters and commitments to its weights.
///
/// Its registrations are not checked yet: [`crate::Registered`] does that.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// The graph, without weights.
    pub graph: Graph,
    /// The parameters of its proofs.
    pub parameters: Parameters,
    /// The commitments to the weights, in the order in which they were made; none for a model without weights.
    pub epochs: Vec<Epoch>,
    graph_digest: [u8; 32],
}

#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(with = "serde_bytes")]
    graph: Vec<u8>,
    parameters: Parameters,
    epochs: Vec<Epoch>,
}

impl Card {
    /// A card from its parts.
    ///
    /// # Errors
    /// [`FormatError`] if graph, parameters and commitments do not fit together.
    pub fn new(graph: Graph, parameters: Parameters, epochs: Vec<Epoch>) -> Result<Self, FormatError> {
        if epochs.is_empty() != (graph.weights().count() == 0) {
            return Err(damaged(
                KIND,
                &"it has weights without a commitment, or a commitment without weights",
            ));
        }
        epochs.into_iter().try_fold(Self::unregistered(graph, parameters)?, Self::push)
    }

    /// The card of a model whose weights, if it has any, are not committed yet.
    ///
    /// # Errors
    /// [`FormatError`] if the parameters are unknown.
    pub fn unregistered(graph: Graph, parameters: Parameters) -> Result<Self, FormatError> {
        if !matches!(parameters.security, 100 | 128) || parameters.config().is_err() {
            return Err(damaged(KIND, &"its parameters are unknown"));
        }
        let graph_digest = graph.digest()?;
        Ok(Self { graph, parameters, epochs: Vec::new(), graph_digest })
    }

    /// The same card with one more epoch.
    ///
    /// # Errors
    /// [`FormatError`] if the epoch does not fit.
    pub fn with_epoch(&self, epoch: Epoch) -> Result<Self, FormatError> {
        self.clone().push(epoch)
    }

    fn push(mut self, epoch: Epoch) -> Result<Self, FormatError> {
        let bounded = self.epochs.len() < MAX_EPOCHS && (1..=MAX_TREES).contains(&epoch.trees.len());
        let sourced = !self.epochs.is_empty() || epoch.source == 0;
        if !bounded || !sourced || self.graph.weights().count() == 0 {
            return Err(damaged(KIND, &"an epoch does not fit the model"));
        }
        if !epoch.trees.iter().all(|t| t.pin.is_canonical()) || !epoch.proof.is_canonical() {
            return Err(damaged(KIND, &"a scalar is not canonical"));
        }
        self.epochs.push(epoch);
        Ok(self)
    }

    /// The canonical encoding.
    ///
    /// # Errors
    /// [`FormatError`] if the graph cannot be encoded.
    pub fn to_bytes(&self) -> Result<Vec<u8>, FormatError> {
        let stored = Stored {
            graph: self.graph.to_bytes()?,
            parameters: self.parameters,
            epochs: self.epochs.clone(),
        };
        envelope::seal(KIND, &stored)
    }

    /// Reads a card.
    ///
    /// # Errors
    /// [`FormatError`] that says what is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        let stored: Stored = envelope::open(KIND, bytes)?;
        Self::new(Graph::from_bytes(&stored.graph)?, stored.parameters, stored.epochs)
    }

    /// A tree of the weights.
    pub fn tree(&self, id: TreeId) -> Option<&Tree> {
        self.epochs.get(id.epoch as usize)?.trees.get(id.tree as usize)
    }

    /// The model's identifier: a hash of graph, parameters and the first commitments to the weights. It outlives epochs.
    pub fn id(&self) -> [u8; 32] {
        let trees = self.epochs.first().map_or(&[][..], |e| &e.trees);
        model_id(&self.graph_digest, &self.parameters, trees)
    }

    /// The transcript of the registration of an epoch: it has absorbed the model and the epoch's position.
    pub fn transcript(&self, epoch: usize) -> Blake3Transcript {
        registration_transcript(&self.id(), epoch)
    }
}

/// The identifier of a model that has no card yet.
pub fn model_id(graph_digest: &[u8; 32], parameters: &Parameters, trees: &[Tree]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(ID_CONTEXT);
    hasher.update(graph_digest);
    hasher.update(&[parameters.log_rows, parameters.security]);
    hasher.update(&parameters.reserved.to_le_bytes());
    hasher.update(&(trees.len() as u64).to_le_bytes());
    for tree in trees {
        hasher.update(&tree.root);
        hasher.update(&tree.pin.bytes());
    }
    *hasher.finalize().as_bytes()
}

/// The transcript of the registration of a model's epoch.
pub fn registration_transcript(model: &[u8; 32], epoch: usize) -> Blake3Transcript {
    let mut transcript = Blake3Transcript::new("starminer zkml stark registration, format 1");
    Transcript::<F, K>::absorb_bytes(&mut transcript, "model", model);
    Transcript::<F, K>::absorb_bytes(&mut transcript, "epoch", &(epoch as u64).to_le_bytes());
    transcript
}
