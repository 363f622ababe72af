//! What a proof is about.

use serde::{Deserialize, Serialize};
use zkml_iop::builder::{Shape, Visibility};
use zkml_iop::transcript::Transcript;
use zkml_ir::{Graph, Port, Tensor};
use zkml_stark::{Blake3Transcript, F, K};

use crate::card::Card;
use crate::commitment::TensorCommitment;
use crate::error::Refusal;

/// The most bytes of a context.
pub const MAX_CONTEXT: usize = 64;

/// "I know the weights behind the model, and private tensors, such that its graph evaluates to these public outputs on these
/// public inputs", for a batch of samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    /// The model's identifier.
    pub model: [u8; 32],
    /// The batch and the visibilities.
    pub shape: Shape,
    /// The public inputs in the graph's order, with the batch as first axis.
    pub inputs: Vec<Tensor>,
    /// The public outputs in the graph's order, with the batch as first axis.
    pub outputs: Vec<Tensor>,
    /// The committed tensors: inputs first, then outputs, in the graph's order.
    pub commitments: Vec<TensorCommitment>,
    /// Free bytes that the proof is bound to, at most [`MAX_CONTEXT`]: a nonce, a requester, a chain.
    pub context: Vec<u8>,
}

impl Statement {
    /// Checks that the statement is about the card's model and that every public tensor has its shape and interval.
    ///
    /// # Errors
    /// [`Refusal`] that names what does not fit.
    pub fn check(&self, card: &Card) -> Result<(), Refusal> {
        let expected = card.id();
        if self.model != expected {
            return Err(Refusal::Model { expected: hex(&expected), got: hex(&self.model) });
        }
        let expected = self.shape.num_committed();
        if self.commitments.len() != expected {
            return Err(Refusal::Statement(format!(
                "it holds {} commitments, its visibilities say {expected}",
                self.commitments.len()
            )));
        }
        check_public(&card.graph, &self.shape, (&self.inputs, &self.outputs), &self.context)
    }

    /// Whether every field element in it is canonical.
    pub(crate) fn is_canonical(&self) -> bool {
        self.commitments.iter().all(|c| c.pin.is_canonical())
    }

    /// The transcript that has absorbed the statement, the model and all parameters.
    ///
    /// # Errors
    /// [`Refusal::Statement`] if the statement cannot be encoded.
    pub fn transcript(&self) -> Result<Blake3Transcript, Refusal> {
        let mut transcript = Blake3Transcript::new("starminer zkml stark, format 1");
        let bytes = postcard::to_stdvec(self).map_err(|e| Refusal::Statement(e.to_string()))?;
        Transcript::<F, K>::absorb_bytes(&mut transcript, "statement", &bytes);
        Ok(transcript)
    }
}

/// Checks the public part of a statement of any suite: its tensors have the shapes and intervals that graph, batch and
/// visibilities imply, and its context is not too long. `public` holds the inputs, then the outputs.
///
/// # Errors
/// [`Refusal::Statement`] that names what does not fit.
pub fn check_public(
    graph: &Graph,
    shape: &Shape,
    public: (&[Tensor], &[Tensor]),
    context: &[u8],
) -> Result<(), Refusal> {
    if context.len() > MAX_CONTEXT {
        return Err(Refusal::Statement(format!(
            "the context has {} bytes, at most {MAX_CONTEXT} are allowed",
            context.len()
        )));
    }
    check_ports(graph, "input", graph.inputs(), (shape.batch, &shape.inputs), public.0)?;
    check_ports(graph, "output", graph.outputs(), (shape.batch, &shape.outputs), public.1)
}

fn check_ports(
    graph: &Graph,
    what: &str,
    ports: &[Port],
    (batch, visibilities): (usize, &[Visibility]),
    tensors: &[Tensor],
) -> Result<(), Refusal> {
    if visibilities.len() != ports.len() {
        return Err(Refusal::Statement(format!(
            "it has {} {what}s, the model has {}",
            visibilities.len(),
            ports.len()
        )));
    }
    let public: Vec<&Port> =
        ports.iter().zip(visibilities).filter(|(_, v)| **v == Visibility::Public).map(|(p, _)| p).collect();
    if public.len() != tensors.len() {
        return Err(Refusal::Statement(format!(
            "it holds {} public {what}s, its visibilities say {}",
            tensors.len(),
            public.len()
        )));
    }
    for (port, tensor) in public.into_iter().zip(tensors) {
        let info = graph.tensor(port.tensor);
        let shape = [&[batch], info.shape.as_slice()].concat();
        tensor
            .check(&port.name, &shape, &info.range)
            .map_err(|e| Refusal::Statement(format!("{what} '{}': {e}", port.name)))?;
    }
    Ok(())
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
