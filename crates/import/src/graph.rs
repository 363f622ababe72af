//! The float graph: what a model file becomes, and what is lowered to integers.

use std::fmt;

use crate::op::Op;
use crate::tensor::Tensor;

/// Index of a value in [`FloatGraph::values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub usize);

/// What a value's elements are. They are computed as f32 by the reference whichever they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DType {
    /// Real numbers.
    Float,
    /// Integers: token ids, indices, counts.
    Int,
    /// 0 or 1.
    Bool,
}

/// A tensor of the graph: a graph input, a constant, or a node's output.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// The ONNX tensor's name, or a derived one (`name/part`) for a value that the ONNX graph does not have.
    pub name: String,
    /// Whether the ONNX graph has this tensor, under `name`: only then the reference can report it.
    pub in_onnx: bool,
    /// Dimensions of one sample's tensor, with the batch dimension of the file (usually 1).
    pub shape: Vec<usize>,
    /// Kind of its elements.
    pub dtype: DType,
    /// Where it comes from.
    pub source: Source,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A graph input.
    Input,
    /// Known from the file. Always finite.
    Constant(Tensor),
    /// A node's output.
    Node {
        /// Index of the node in [`FloatGraph::nodes`].
        node: usize,
        /// Which of its outputs.
        output: usize,
    },
}

/// One operator.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Name of the ONNX node it comes from; several nodes may share one.
    pub name: String,
    /// Type of that ONNX node, as in `Gemm`.
    pub op_type: String,
    /// The operator.
    pub op: Op,
    /// Its operands, in the order that [`Op`] gives.
    pub inputs: Vec<ValueId>,
    /// Its results: one, but for [`Op::TopK`].
    pub outputs: Vec<ValueId>,
}

/// A graph output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphOutput {
    /// The ONNX output's name.
    pub name: String,
    /// Its value.
    pub value: ValueId,
}

/// A model on **one sample**: typed operators in topological order, every shape known, constants folded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FloatGraph {
    /// Every tensor.
    pub values: Vec<Value>,
    /// Every operator, each after the ones it reads.
    pub nodes: Vec<Node>,
    /// The inputs, in the file's order.
    pub inputs: Vec<ValueId>,
    /// The outputs, in the file's order.
    pub outputs: Vec<GraphOutput>,
}

impl FloatGraph {
    /// The value `id`.
    ///
    /// # Panics
    /// If `id` belongs to another graph.
    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id.0]
    }

    /// Dimensions of value `id`.
    ///
    /// # Panics
    /// If `id` belongs to another graph.
    pub fn shape(&self, id: ValueId) -> &[usize] {
        &self.value(id).shape
    }

    /// The tensor of value `id` where it is a constant.
    ///
    /// # Panics
    /// If `id` belongs to another graph.
    pub fn constant(&self, id: ValueId) -> Option<&Tensor> {
        match &self.value(id).source {
            Source::Constant(tensor) => Some(tensor),
            Source::Input | Source::Node { .. } => None,
        }
    }

    /// The node that computes value `id`; none for inputs and constants.
    ///
    /// # Panics
    /// If `id` belongs to another graph.
    pub fn producer(&self, id: ValueId) -> Option<&Node> {
        match self.value(id).source {
            Source::Node { node, .. } => Some(&self.nodes[node]),
            Source::Input | Source::Constant(_) => None,
        }
    }

    /// For every value, how often nodes and graph outputs read it.
    pub fn num_uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.values.len()];
        let reads = self.nodes.iter().flat_map(|n| n.inputs.iter().copied());
        for id in reads.chain(self.outputs.iter().map(|o| o.value)) {
            uses[id.0] += 1;
        }
        uses
    }

    /// Number of constant elements that nodes read: the model's parameters, batch normalisation folded.
    pub fn num_parameters(&self) -> usize {
        let uses = self.num_uses();
        let used = self.values.iter().zip(uses).filter(|(_, n)| *n > 0).map(|(v, _)| v);
        used.filter_map(|v| if let Source::Constant(t) = &v.source { Some(t.data().len()) } else { None })
            .sum()
    }
}

impl fmt::Display for FloatGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |id: &ValueId| {
            let value = self.value(*id);
            let kind = if self.constant(*id).is_some() { "const " } else { "" };
            format!("{kind}{}{:?}", value.name, value.shape)
        };
        let list = |ids: &[ValueId]| ids.iter().map(show).collect::<Vec<_>>().join(", ");
        writeln!(f, "inputs: {}", list(&self.inputs))?;
        for node in &self.nodes {
            let (outputs, inputs) = (list(&node.outputs), list(&node.inputs));
            writeln!(f, "{outputs} = {:?} ({inputs})  # {} `{}`", node.op, node.op_type, node.name)?;
        }
        for output in &self.outputs {
            writeln!(f, "output {}: {}", output.name, show(&output.value))?;
        }
        write!(f, "{} nodes, {} parameters", self.nodes.len(), self.num_parameters())
    }
}
