//! The reference executor.

use std::borrow::Cow;

use crate::error::IrError;
use crate::graph::{Graph, Model, Source, TensorId};
use crate::ops::Eval;
use crate::tensor::Tensor;

/// The value of every tensor of a graph for one sample.
#[derive(Clone, Debug)]
pub struct Trace<'m> {
    values: Vec<Cow<'m, Tensor>>,
}

impl Trace<'_> {
    /// The value of a tensor of the executed graph; panics on an identifier of another graph.
    pub fn value(&self, id: TensorId) -> &Tensor {
        &self.values[id.index()]
    }

    /// The outputs in the graph's order.
    pub fn outputs(&self, graph: &Graph) -> Vec<Tensor> {
        graph.outputs().iter().map(|port| self.value(port.tensor).clone()).collect()
    }
}

/// Executes a model on one sample: `inputs` in the graph's order.
///
/// # Errors
/// [`IrError`] if an input has another shape than declared or leaves its interval.
pub fn execute<'m>(model: &'m Model, inputs: &[Tensor]) -> Result<Trace<'m>, IrError> {
    let graph = &model.graph;
    if inputs.len() != graph.inputs().len() {
        return Err(IrError::Count { what: "inputs", expected: graph.inputs().len(), got: inputs.len() });
    }
    let (mut inputs, mut weights) = (inputs.iter(), model.weights.iter());
    let missing = |what| IrError::Count { what, expected: 1, got: 0 };
    let mut values: Vec<Cow<'m, Tensor>> = Vec::with_capacity(graph.tensors().len());
    for info in graph.tensors() {
        let value = match &info.source {
            Source::Input => {
                let input = inputs.next().ok_or_else(|| missing("inputs"))?;
                input.check(&info.name, &info.shape, &info.range)?;
                Cow::Owned(input.clone())
            }
            Source::Weight => Cow::Borrowed(weights.next().ok_or_else(|| missing("weights"))?),
            Source::Constant(data) => Cow::Owned(Tensor { shape: info.shape.clone(), data: data.clone() }),
            Source::Node { op, operands } => {
                let cx = Eval {
                    node: &info.name,
                    operands: operands.iter().map(|id| &*values[id.index()]).collect(),
                    shape: &info.shape,
                    tables: graph.tables(),
                };
                let data = op.semantics().eval(&cx)?;
                Cow::Owned(Tensor::new(&info.name, info.shape.clone(), data)?)
            }
        };
        values.push(value);
    }
    Ok(Trace { values })
}
