//! A plain f32 evaluator of the float graph, one file per operator family. It is written to be obviously right, and to
//! be compared with the reference runtime; it is also what folds constants.

mod contraction;
mod elementwise;
mod movement;
mod reduction;
mod window;

use crate::error::RunError;
use crate::graph::{FloatGraph, Source, ValueId};
use crate::op::Op;
use crate::shape;
use crate::tensor::Tensor;

/// A float graph whose shapes were checked, ready to be evaluated on many samples.
#[derive(Clone, Debug)]
pub struct Evaluator<'g> {
    graph: &'g FloatGraph,
}

impl<'g> Evaluator<'g> {
    /// Checks that every node's shapes and operands fit its operator, so that evaluation cannot fail on them.
    ///
    /// # Errors
    /// [`RunError::Node`] for the first node that does not.
    pub fn new(graph: &'g FloatGraph) -> Result<Self, RunError> {
        let mut known: Vec<bool> =
            graph.values.iter().map(|v| !matches!(v.source, Source::Node { .. })).collect();
        for node in &graph.nodes {
            let error = |reason: String| RunError::Node {
                node: node.name.clone(),
                op_type: node.op_type.clone(),
                reason,
            };
            if !node.inputs.iter().all(|id| known.get(id.0).copied().unwrap_or(false)) {
                return Err(error("it reads a value that no earlier node computes".into()));
            }
            let shapes: Vec<&[usize]> = node.inputs.iter().map(|id| graph.shape(*id)).collect();
            let outputs: Option<Vec<&Vec<usize>>> =
                node.outputs.iter().map(|id| graph.values.get(id.0).map(|v| &v.shape)).collect();
            let outputs =
                outputs.filter(|o| !o.is_empty()).ok_or_else(|| error("an output is unknown".into()))?;
            let inferred = shape::infer(&node.op, &shapes, outputs[0]).map_err(error)?;
            if !inferred.iter().eq(outputs.iter().copied()) {
                return Err(error(format!(
                    "its outputs are {outputs:?}, but its operator gives {inferred:?}"
                )));
            }
            for id in &node.outputs {
                known[id.0] = true;
            }
        }
        Ok(Self { graph })
    }

    /// The value of every tensor of the graph on one sample, indexed as [`FloatGraph::values`]. Constants, which are in
    /// the graph, are left out.
    ///
    /// # Errors
    /// [`RunError::NumInputs`] and [`RunError::InputShape`] where the inputs do not fit, [`RunError::Node`] where an
    /// index that was computed leaves its axis.
    pub fn run_all(&self, inputs: &[Tensor]) -> Result<Vec<Option<Tensor>>, RunError> {
        let graph = self.graph;
        check_inputs(graph, inputs)?;
        let mut values: Vec<Option<Tensor>> = vec![None; graph.values.len()];
        for (id, tensor) in graph.inputs.iter().zip(inputs) {
            values[id.0] = Some(tensor.clone());
        }
        for node in &graph.nodes {
            let error = |reason: String| RunError::Node {
                node: node.name.clone(),
                op_type: node.op_type.clone(),
                reason,
            };
            let operand = |id: &ValueId| values[id.0].as_ref().or_else(|| graph.constant(*id));
            let operands: Option<Vec<&Tensor>> = node.inputs.iter().map(operand).collect();
            let operands = operands.ok_or_else(|| error("an operand is not a graph input".into()))?;
            let results = apply(&node.op, &operands, graph.shape(node.outputs[0])).map_err(error)?;
            for (id, tensor) in node.outputs.iter().zip(results) {
                values[id.0] = Some(tensor);
            }
        }
        Ok(values)
    }

    /// The graph's outputs on one sample.
    ///
    /// # Errors
    /// As [`run_all`](Self::run_all).
    pub fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, RunError> {
        let mut values = self.run_all(inputs)?;
        let last_use =
            |i: usize| !self.graph.outputs[i + 1..].iter().any(|o| o.value == self.graph.outputs[i].value);
        let take = |(i, output): (usize, &crate::graph::GraphOutput)| {
            let slot = &mut values[output.value.0];
            let tensor = if last_use(i) { slot.take() } else { slot.clone() };
            tensor.or_else(|| self.graph.constant(output.value).cloned()).ok_or_else(|| RunError::Node {
                node: output.name.clone(),
                op_type: "output".into(),
                reason: "nothing computes it".into(),
            })
        };
        self.graph.outputs.iter().enumerate().map(take).collect()
    }
}

/// Checks number and shapes of a sample's tensors.
pub(crate) fn check_inputs(graph: &FloatGraph, inputs: &[Tensor]) -> Result<(), RunError> {
    if inputs.len() != graph.inputs.len() {
        return Err(RunError::NumInputs { expected: graph.inputs.len(), got: inputs.len() });
    }
    for (id, tensor) in graph.inputs.iter().zip(inputs) {
        let value = graph.value(*id);
        if value.shape != tensor.shape() {
            return Err(RunError::InputShape {
                input: value.name.clone(),
                expected: value.shape.clone(),
                got: tensor.shape().to_vec(),
            });
        }
    }
    Ok(())
}

/// Evaluates one operator; shapes have been checked by [`shape::infer`], `target` is the first output's.
///
/// # Errors
/// A sentence where an index that was computed leaves its axis.
pub(crate) fn apply(op: &Op, x: &[&Tensor], target: &[usize]) -> Result<Vec<Tensor>, String> {
    let output = match op {
        Op::Conv(conv) => window::conv(conv, x, target),
        Op::ConvTranspose(conv) => window::conv_transpose(conv, x, target),
        Op::Pool(pool) => window::pool(pool, x[0], target),
        Op::Einsum(einsum) => contraction::einsum(einsum, x, target),
        Op::ScaleShift { axis } => elementwise::scale_shift(*axis, x),
        Op::Binary(op) => elementwise::binary(*op, x[0], x[1], target),
        Op::Unary(op) => x[0].map(|v| op.eval(*v)),
        Op::PRelu => elementwise::prelu(x[0], x[1], target),
        Op::Where => elementwise::select(x, target),
        Op::Reduce(reduce) => reduction::reduce(reduce, x[0], target),
        Op::Softmax { axes, log } => reduction::softmax(axes, *log, x[0]),
        Op::Normalize { axes, epsilon, centre } => reduction::normalize(axes, *epsilon, *centre, x[0]),
        Op::Lrn { size, alpha, beta, bias } => reduction::lrn(*size, [*alpha, *beta, *bias], x[0]),
        Op::ArgExtreme { largest, axis, last, .. } => {
            reduction::arg_extreme(*largest, *axis, *last, x[0], target)
        }
        Op::TopK { axis, k, largest } => return Ok(reduction::top_k(*axis, *k, *largest, x[0], target)),
        Op::Concat { axis } => movement::concat(*axis, x, target),
        Op::Slice { axes } => movement::slice(axes, x[0], target),
        Op::Pad { pads, value } => movement::pad(pads, *value, x[0], target),
        Op::Reshape => movement::with_shape(target, x[0].data().to_vec()),
        Op::Transpose { perm } => movement::transpose(x[0], perm),
        Op::Expand => movement::expand(x[0], target),
        Op::Select { axis, indices } => movement::select(*axis, indices, x[0], target),
        Op::Gather { axis } => movement::gather(*axis, x[0], x[1], target)?,
    };
    Ok(vec![output])
}
