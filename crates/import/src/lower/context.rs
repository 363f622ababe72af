//! What a lowering sees of its node, and how it appends to the float graph.

use std::collections::HashMap;
use std::sync::Arc;

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{DatumType, Tensor as RawTensor};

use crate::attribute::Attributes;
use crate::builder::Builder;
use crate::graph::{DType, ValueId};
use crate::op::Op;
use crate::runtime::guarded;
use crate::tensor::Tensor;

/// What is known of an ONNX tensor.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    /// Its value, and its ONNX name.
    Constant(String, Arc<RawTensor>),
    /// Its place in the float graph.
    Value(ValueId),
    /// Nothing: it comes from a node that was refused.
    Hidden,
}

/// Why a node is refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It is not supported as it stands.
    Unsupported(String),
    /// A weight is not finite.
    NotFinite { tensor: String, index: usize, value: f32 },
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::Unsupported(reason)
    }
}

impl From<&str> for Refusal {
    fn from(reason: &str) -> Self {
        Self::Unsupported(reason.into())
    }
}

/// One ONNX node being lowered.
pub(crate) struct Context<'a> {
    pub(crate) op_type: &'a str,
    pub(crate) attributes: Attributes<'a>,
    pub(crate) opset: i64,
    name: &'a str,
    base: &'a str,
    inputs: Vec<Option<Known>>,
    num_outputs: usize,
    builder: &'a mut Builder,
    constants: &'a mut HashMap<String, ValueId>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(
        node: &'a NodeProto,
        name: &'a str,
        opset: i64,
        inputs: Vec<Option<Known>>,
        builder: &'a mut Builder,
        constants: &'a mut HashMap<String, ValueId>,
    ) -> Self {
        let base = node.output.iter().find(|o| !o.is_empty()).map_or(name, String::as_str);
        let num_outputs = node.output.len();
        let attributes = Attributes(node);
        Self {
            op_type: &node.op_type,
            attributes,
            opset,
            name,
            base,
            inputs,
            num_outputs,
            builder,
            constants,
        }
    }

    pub(crate) fn num_inputs(&self) -> usize {
        self.inputs.len()
    }

    pub(crate) fn num_outputs(&self) -> usize {
        self.num_outputs
    }

    /// Whether input `i` is given.
    pub(crate) fn has(&self, i: usize) -> bool {
        self.inputs.get(i).is_some_and(Option::is_some)
    }

    fn known(&self, i: usize) -> Result<&Known, Refusal> {
        self.inputs.get(i).and_then(Option::as_ref).ok_or_else(|| format!("input {i} is missing").into())
    }

    /// Whether input `i` is given and constant.
    pub(crate) fn is_constant(&self, i: usize) -> bool {
        matches!(self.known(i), Ok(Known::Constant(..)))
    }

    /// Dimensions of input `i`.
    pub(crate) fn shape(&self, i: usize) -> Result<Vec<usize>, Refusal> {
        match self.known(i)? {
            Known::Constant(_, tensor) => Ok(tensor.shape().to_vec()),
            Known::Value(id) => Ok(self.shape_of(*id)),
            Known::Hidden => Err(format!("input {i} is unknown").into()),
        }
    }

    /// Dimensions of a value.
    pub(crate) fn shape_of(&self, id: ValueId) -> Vec<usize> {
        self.builder.graph.shape(id).to_vec()
    }

    /// Kind of a value's elements.
    pub(crate) fn dtype_of(&self, id: ValueId) -> DType {
        self.builder.graph.value(id).dtype
    }

    /// Input `i` as a value; a constant is added to the graph.
    pub(crate) fn value(&mut self, i: usize) -> Result<ValueId, Refusal> {
        match self.known(i)?.clone() {
            Known::Value(id) => Ok(id),
            Known::Hidden => Err(format!("input {i} is unknown").into()),
            Known::Constant(name, raw) => {
                if let Some(id) = self.constants.get(&name) {
                    return Ok(*id);
                }
                let tensor = finite(&name, &raw)?;
                let id = self.builder.constant(name.clone(), tensor, dtype(raw.datum_type()));
                self.constants.insert(name, id);
                Ok(id)
            }
        }
    }

    /// Constant input `i` as floats, all finite.
    pub(crate) fn tensor(&self, i: usize) -> Result<Tensor, Refusal> {
        let (name, raw) = self.raw(i)?;
        finite(name, raw)
    }

    /// Constant input `i` as floats; infinities become the largest floats, which act alike under a softmax, a
    /// maximum or a minimum.
    pub(crate) fn saturated(&self, i: usize) -> Result<Tensor, Refusal> {
        let (name, raw) = self.raw(i)?;
        let tensor = floats(raw)?.map(|v| if v.is_infinite() { f32::MAX.copysign(*v) } else { *v });
        check_finite(name, &tensor)?;
        Ok(tensor)
    }

    /// Constant input `i` as one float, which may be infinite.
    pub(crate) fn scalar(&self, i: usize) -> Result<f32, Refusal> {
        let (name, raw) = self.raw(i)?;
        match floats(raw)?.data() {
            [value] if value.is_nan() => {
                Err(Refusal::NotFinite { tensor: name.into(), index: 0, value: *value })
            }
            [value] => Ok(*value),
            data => Err(format!("input {i} must be a scalar, got {} elements", data.len()).into()),
        }
    }

    /// Constant input `i` as integers.
    pub(crate) fn ints(&self, i: usize) -> Result<Vec<i64>, Refusal> {
        let (_, raw) = self.raw(i)?;
        if raw.datum_type().is_float() {
            return Err(format!("input {i} must hold integers, got {:?}", raw.datum_type()).into());
        }
        let cast = guarded(|| Ok(raw.cast_to::<i64>()?.try_as_plain_ram()?.as_slice::<i64>()?.to_vec()));
        Ok(cast?)
    }

    fn raw(&self, i: usize) -> Result<(&str, &RawTensor), Refusal> {
        match self.known(i)? {
            Known::Constant(name, raw) => Ok((name, raw)),
            _ => Err(format!("input {i} must be constant; `--freeze` makes a model input constant").into()),
        }
    }

    /// Adds a constant that the lowering computed.
    pub(crate) fn constant(&mut self, part: &str, tensor: Tensor) -> Result<ValueId, Refusal> {
        let name = format!("{}/{part}", self.base);
        check_finite(&name, &tensor)?;
        Ok(self.builder.constant(name, tensor, DType::Float))
    }

    /// Appends an operator with one output, of the element kind of its first input.
    pub(crate) fn emit(&mut self, op: Op, inputs: &[ValueId]) -> Result<ValueId, Refusal> {
        let dtype = self.dtype_of(inputs[0]);
        self.emit_typed(op, inputs, &[], dtype)
    }

    /// As [`emit`](Self::emit), for an operator that needs its output shape.
    pub(crate) fn emit_to(&mut self, op: Op, input: ValueId, shape: &[usize]) -> Result<ValueId, Refusal> {
        if self.builder.graph.shape(input) == shape {
            return Ok(input);
        }
        let dtype = self.dtype_of(input);
        self.emit_typed(op, &[input], shape, dtype)
    }

    /// Appends an operator whose output has elements of kind `dtype`.
    pub(crate) fn emit_typed(
        &mut self,
        op: Op,
        inputs: &[ValueId],
        target: &[usize],
        dtype: DType,
    ) -> Result<ValueId, Refusal> {
        Ok(self.emit_all(op, inputs, target, dtype)?[0])
    }

    /// Appends an operator, returning all of its outputs.
    pub(crate) fn emit_all(
        &mut self,
        op: Op,
        inputs: &[ValueId],
        target: &[usize],
        dtype: DType,
    ) -> Result<Vec<ValueId>, Refusal> {
        Ok(self.builder.emit((self.name, self.op_type, self.base), op, inputs, target, dtype)?)
    }
}

/// Kind of an element type.
pub(crate) fn dtype(datum: DatumType) -> DType {
    match datum {
        DatumType::Bool => DType::Bool,
        d if d.is_float() => DType::Float,
        _ => DType::Int,
    }
}

fn floats(raw: &RawTensor) -> Result<Tensor, Refusal> {
    if dtype(raw.datum_type()) == DType::Int {
        let wide = guarded(|| Ok(raw.cast_to::<i64>()?.try_as_plain_ram()?.as_slice::<i64>()?.to_vec()))?;
        if let Some(value) = wide.iter().find(|v| v.unsigned_abs() > 1 << 24) {
            return Err(format!("the integer constant {value} is beyond 2^24, and not exact as f32").into());
        }
    }
    let data = guarded(|| Ok(raw.cast_to::<f32>()?.try_as_plain_ram()?.as_slice::<f32>()?.to_vec()))?;
    Ok(Tensor::new(raw.shape().to_vec(), data).map_err(|e| e.to_string())?)
}

fn finite(name: &str, raw: &RawTensor) -> Result<Tensor, Refusal> {
    let tensor = floats(raw)?;
    check_finite(name, &tensor)?;
    Ok(tensor)
}

fn check_finite(name: &str, tensor: &Tensor) -> Result<(), Refusal> {
    match tensor.data().iter().enumerate().find(|(_, v)| !v.is_finite()) {
        Some((index, &value)) => Err(Refusal::NotFinite { tensor: name.into(), index, value }),
        None => Ok(()),
    }
}
