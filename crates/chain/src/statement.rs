//! What a proof is about.

use serde::{Deserialize, Serialize};
use zkml_bn254::{ColumnPoints, Public, Relation};
use zkml_iop::layout::TreeKind;
use zkml_iop::system::{Port, System};
use zkml_ir::Tensor;
use zkml_verifier::statement::{check_public, hex};
use zkml_verifier::{Shape, Visibility};

use crate::card::Card;
use crate::error::Refusal;
use crate::points::Points;

/// A hiding commitment to a tensor: the points of its columns.
pub type TensorCommitment = Points;

/// The content of [`zkml_verifier::Statement`], about a model of a suite for contracts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    /// The model's identifier.
    pub model: [u8; 32],
    /// The batch and the visibilities, which the model's card fixes.
    pub shape: Shape,
    /// The public inputs in the graph's order, with the batch as first axis.
    pub inputs: Vec<Tensor>,
    /// The public outputs in the graph's order, with the batch as first axis.
    pub outputs: Vec<Tensor>,
    /// The committed tensors: inputs first, then outputs, in the graph's order.
    pub commitments: Vec<TensorCommitment>,
    /// Free bytes that the proof is bound to, at most [`zkml_verifier::statement::MAX_CONTEXT`].
    #[serde(with = "serde_bytes")]
    pub context: Vec<u8>,
}

impl Statement {
    /// Checks that the statement is about the card's model and that every public tensor has its shape and interval.
    ///
    /// # Errors
    /// [`Refusal`] that names what does not fit.
    pub fn check(&self, card: &Card) -> Result<(), Refusal> {
        let expected = card.id()?;
        if self.model != expected {
            return Err(Refusal::Model { expected: hex(&expected), got: hex(&self.model) });
        }
        if self.shape != card.shape {
            return Err(Refusal::Statement(
                "it has another batch or other visibilities than the card's keys are made for".into(),
            ));
        }
        if self.commitments.len() != self.shape.num_committed() {
            return Err(Refusal::Statement(format!(
                "it holds {} commitments, its visibilities say {}",
                self.commitments.len(),
                self.shape.num_committed()
            )));
        }
        Ok(check_public(&card.graph, &self.shape, (&self.inputs, &self.outputs), &self.context)?)
    }

    /// What the suite absorbs of the statement beside the commitments.
    pub fn public(&self, system: &System) -> Public {
        let mut tensors = vec![Vec::new(); system.tensors.len()];
        for &(tensor, port) in &system.packed {
            tensors[tensor] = match port {
                Port::Input(index) => find(&self.shape.inputs, &self.inputs, index),
                Port::Output(index) => find(&self.shape.outputs, &self.outputs, index),
            };
        }
        Public { tensors, context: self.context.clone() }
    }

    /// The public tensors as contracts take them: `docs/bn254.md`, section 4, without padding.
    ///
    /// # Errors
    /// [`Refusal`] if a tensor does not fit.
    pub fn packed(&self, relation: &Relation) -> Result<Vec<u8>, Refusal> {
        Ok(relation.statement(&self.public(&relation.system))?.bytes)
    }

    /// The commitments that the proof opens beside its own: the card's weights, then the committed tensors.
    pub fn shared(&self, card: &Card) -> Vec<(TreeKind, ColumnPoints)> {
        let weights = card.weights.iter().map(|points| (TreeKind::Weights, points.0.clone()));
        let committed = self.commitments.iter().enumerate();
        weights.chain(committed.map(|(index, c)| (TreeKind::Committed(index), c.0.clone()))).collect()
    }
}

/// The entries of a port that is public; `tensors` are those of the public ports, in order.
fn find(visibilities: &[Visibility], tensors: &[Tensor], index: usize) -> Vec<i32> {
    let rank = visibilities.iter().take(index).filter(|v| **v == Visibility::Public).count();
    tensors.get(rank).map(|tensor| tensor.data.clone()).unwrap_or_default()
}
