//! The float graph while it is being built.

use crate::eval::apply;
use crate::graph::{DType, FloatGraph, Node, Source, Value, ValueId};
use crate::op::Op;
use crate::shape;
use crate::tensor::Tensor;

/// Appends nodes whose shapes are inferred and checked.
#[derive(Default)]
pub(crate) struct Builder {
    pub(crate) graph: FloatGraph,
}

impl Builder {
    pub(crate) fn input(&mut self, name: &str, shape: &[usize], dtype: DType) -> ValueId {
        let id = self.push(name.into(), true, shape.to_vec(), dtype, Source::Input);
        self.graph.inputs.push(id);
        id
    }

    pub(crate) fn constant(&mut self, name: String, tensor: Tensor, dtype: DType) -> ValueId {
        let shape = tensor.shape().to_vec();
        self.push(name, false, shape, dtype, Source::Constant(tensor))
    }

    /// Appends `op`, or its result where all operands are constant. `name` is the ONNX node's, `base` what its values are named after.
    pub(crate) fn emit(
        &mut self,
        (name, op_type, base): (&str, &str, &str),
        op: Op,
        inputs: &[ValueId],
        target: &[usize],
        dtype: DType,
    ) -> Result<Vec<ValueId>, String> {
        let shapes: Vec<&[usize]> = inputs.iter().map(|id| self.graph.shape(*id)).collect();
        let shapes = shape::infer(&op, &shapes, target)?;
        let constants: Option<Vec<&Tensor>> = inputs.iter().map(|id| self.graph.constant(*id)).collect();
        if let Some(constants) = constants {
            let results = apply(&op, &constants, &shapes[0])?;
            if results.iter().any(|t| t.data().iter().any(|v| !v.is_finite())) {
                return Err("its result, which is constant, is not finite".into());
            }
            return Ok(results.into_iter().map(|tensor| self.constant(base.into(), tensor, dtype)).collect());
        }
        let node = self.graph.nodes.len();
        let second = if matches!(op, Op::TopK { .. }) { DType::Int } else { dtype };
        let outputs: Vec<ValueId> = shapes
            .into_iter()
            .enumerate()
            .map(|(output, shape)| {
                let dtype = if output == 0 { dtype } else { second };
                self.push(
                    format!("{base}/{node}.{output}"),
                    false,
                    shape,
                    dtype,
                    Source::Node { node, output },
                )
            })
            .collect();
        self.graph.nodes.push(Node {
            name: name.into(),
            op_type: op_type.into(),
            op,
            inputs: inputs.to_vec(),
            outputs: outputs.clone(),
        });
        Ok(outputs)
    }

    /// Records that value `id` is the ONNX tensor `name`; of several names the first stays.
    pub(crate) fn name(&mut self, id: ValueId, name: &str) {
        let value = &mut self.graph.values[id.0];
        if !value.in_onnx && matches!(value.source, Source::Node { .. }) {
            value.name = name.into();
            value.in_onnx = true;
        }
    }

    fn push(
        &mut self,
        name: String,
        in_onnx: bool,
        shape: Vec<usize>,
        dtype: DType,
        source: Source,
    ) -> ValueId {
        self.graph.values.push(Value { name, in_onnx, shape, dtype, source });
        ValueId(self.graph.values.len() - 1)
    }
}
