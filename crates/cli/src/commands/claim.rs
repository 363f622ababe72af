//! What a proof of any suite says.

use zkml::verifier::Shape;
use zkml::verifier::statement::hex;
use zkml::{Card, Statement, Visibility, chain};
use zkml_ir::{Graph, Port, Tensor};

/// A statement about a model, of any suite.
pub(crate) struct Claim<'s> {
    pub(crate) model: [u8; 32],
    pub(crate) graph: &'s Graph,
    pub(crate) shape: &'s Shape,
    pub(crate) inputs: &'s [Tensor],
    pub(crate) outputs: &'s [Tensor],
    /// The identifiers of the committed tensors.
    pub(crate) commitments: Vec<[u8; 32]>,
    pub(crate) context: &'s [u8],
}

impl<'s> Claim<'s> {
    pub(crate) fn stark(card: &'s Card, statement: &'s Statement) -> Self {
        Self {
            model: statement.model,
            graph: &card.graph,
            shape: &statement.shape,
            inputs: &statement.inputs,
            outputs: &statement.outputs,
            commitments: statement.commitments.iter().map(|c| c.id()).collect(),
            context: &statement.context,
        }
    }

    pub(crate) fn chain(card: &'s chain::Card, statement: &'s chain::Statement) -> Self {
        let (graph, shape) = (&card.graph, &statement.shape);
        let ports = super::committed_ports(graph, shape);
        let id = |(port, points): (&&Port, &chain::TensorCommitment)| {
            let dimensions = [&[shape.batch], graph.tensor(port.tensor).shape.as_slice()].concat();
            card.commitment_id(&dimensions, points)
        };
        Self {
            model: statement.model,
            graph,
            shape,
            inputs: &statement.inputs,
            outputs: &statement.outputs,
            commitments: ports.iter().zip(&statement.commitments).map(id).collect(),
            context: &statement.context,
        }
    }

    /// The public outputs in words.
    pub(crate) fn outputs(&self) -> String {
        let public = super::public_ports(self.graph.outputs(), &self.shape.outputs);
        let mut text = String::new();
        for (port, tensor) in public.iter().zip(self.outputs) {
            for (sample, line) in super::describe(self.graph, port, tensor, &[]).into_iter().enumerate() {
                text.push_str(&format!("  sample {sample}  {} = {line}\n", port.name));
            }
        }
        text
    }

    /// The committed tensors in words.
    pub(crate) fn commitments(&self) -> String {
        let ports = super::committed_ports(self.graph, self.shape);
        let lines = ports.iter().zip(&self.commitments);
        lines.map(|(port, id)| format!("  committed  {} = {}\n", port.name, hex(id))).collect()
    }

    /// The committed tensors for scripts.
    pub(crate) fn commitments_json(&self) -> serde_json::Value {
        let ports = super::committed_ports(self.graph, self.shape);
        let pairs = ports.iter().zip(&self.commitments);
        pairs.map(|(port, id)| (port.name.clone(), hex(id).into())).collect::<serde_json::Map<_, _>>().into()
    }

    /// The public outputs for scripts.
    pub(crate) fn outputs_json(&self) -> Vec<serde_json::Value> {
        tensors_json(self.graph.outputs(), &self.shape.outputs, self.outputs)
    }

    /// The public inputs for scripts.
    pub(crate) fn inputs_json(&self) -> Vec<serde_json::Value> {
        tensors_json(self.graph.inputs(), &self.shape.inputs, self.inputs)
    }
}

fn tensors_json(ports: &[Port], visibilities: &[Visibility], tensors: &[Tensor]) -> Vec<serde_json::Value> {
    let public = super::public_ports(ports, visibilities);
    public.iter().zip(tensors).map(|(port, tensor)| super::tensor_json(port, tensor)).collect()
}
