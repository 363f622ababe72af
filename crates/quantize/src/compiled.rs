//! The result of a compilation: the integer model, and what its integers mean.

use serde::{Deserialize, Serialize};
use zkml_import::{Array, Tensor};
use zkml_ir::{Graph, Model, Port, TensorId, execute};

use crate::error::QuantizeError;
use crate::options::Options;

/// What an input holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InputKind {
    /// Real numbers, rounded to codes.
    Real,
    /// Integers, which are their own codes.
    Integer,
}

/// The integers that stand for a tensor of the float graph: `real = scale · integer`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Binding {
    /// Index of the tensor in the float graph.
    pub value: usize,
    /// Its name there.
    pub name: String,
    /// The ONNX node that computes it; empty for inputs.
    pub node: String,
    /// That node's operator; `input` for inputs.
    pub op_type: String,
    /// The tensor of the integer graph.
    pub tensor: TensorId,
    /// The scale.
    pub scale: f64,
}

/// What is known of a compilation beside the model. Not needed to prove or verify.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// The options it was compiled with.
    pub options: Options,
    /// What each input holds.
    pub inputs: Vec<InputKind>,
    /// The integers of every float tensor that has some of its own.
    pub bindings: Vec<Binding>,
}

/// An integer model with its meaning.
#[derive(Clone, Debug, PartialEq)]
pub struct Compiled {
    /// Graph and weights.
    pub model: Model,
    /// Meaning and origin.
    pub metadata: Metadata,
}

impl Compiled {
    /// The integers of one sample, the graph's inputs in order.
    ///
    /// # Errors
    /// As [`quantize_input`].
    pub fn quantize_inputs(&self, sample: &[Array]) -> Result<Vec<zkml_ir::Tensor>, QuantizeError> {
        let ports = self.model.graph.inputs();
        if ports.len() != sample.len() {
            return Err(QuantizeError::Port {
                port: "inputs".into(),
                expected: format!("{} tensors", ports.len()),
                got: sample.len().to_string(),
            });
        }
        let kinds = self.metadata.inputs.iter().chain(std::iter::repeat(&InputKind::Real));
        let ports = ports.iter().zip(kinds).zip(sample);
        ports.map(|((port, kind), array)| quantize_input(&self.model.graph, port, *kind, array)).collect()
    }

    /// Executes the integer model on one sample and gives its outputs their real meaning.
    ///
    /// # Errors
    /// As [`quantize_input`], and those of the executor.
    pub fn run(&self, sample: &[Array]) -> Result<Vec<Tensor>, QuantizeError> {
        let inputs = self.quantize_inputs(sample)?;
        let outputs = execute(&self.model, &inputs)?.outputs(&self.model.graph);
        let ports = self.model.graph.outputs().iter().zip(&outputs);
        ports.map(|(port, tensor)| dequantize(port, tensor)).collect()
    }
}

/// Codes of one input: `clamp(floor(x/scale + ½))` in double precision; integers are taken as they are.
///
/// # Errors
/// [`QuantizeError::Port`] for another shape, for NaN, for an integer outside of the declared interval, and for
/// fractions where integers are expected.
pub fn quantize_input(
    graph: &Graph,
    port: &Port,
    kind: InputKind,
    array: &Array,
) -> Result<zkml_ir::Tensor, QuantizeError> {
    let info = graph.tensor(port.tensor);
    let refuse =
        |expected: String, got: String| QuantizeError::Port { port: port.name.clone(), expected, got };
    if array.shape() != info.shape {
        return Err(refuse(format!("shape {:?}", info.shape), format!("{:?}", array.shape())));
    }
    let integer = |v: i64| {
        let inside = info.range.contains(v);
        inside.then_some(v as i32).ok_or_else(|| refuse(format!("integers in {}", info.range), v.to_string()))
    };
    let real = |v: f64| match (v / port.scale + 0.5).floor() {
        code if code.is_nan() => Err(refuse("real numbers".into(), v.to_string())),
        code => Ok((code as i64).clamp(info.range.lo, info.range.hi) as i32),
    };
    let whole = |v: f32| match f64::from(v) {
        v if v.fract() == 0.0 && v.abs() < f64::from(1 << 24) => integer(v as i64),
        v => Err(refuse("integers".into(), v.to_string())),
    };
    let data: Result<Vec<i32>, QuantizeError> = match (kind, array) {
        (InputKind::Integer, Array::I64(t)) => t.data().iter().map(|&v| integer(v)).collect(),
        (InputKind::Integer, Array::F32(t)) => t.data().iter().map(|&v| whole(v)).collect(),
        (InputKind::Real, Array::F32(t)) => t.data().iter().map(|&v| real(f64::from(v))).collect(),
        (InputKind::Real, Array::I64(t)) => t.data().iter().map(|&v| real(v as f64)).collect(),
    };
    Ok(zkml_ir::Tensor::new(&port.name, info.shape.clone(), data?)?)
}

/// The reals that an output's integers stand for.
///
/// # Errors
/// [`QuantizeError::Port`] if the tensor is too large for a float tensor.
pub fn dequantize(port: &Port, tensor: &zkml_ir::Tensor) -> Result<Tensor, QuantizeError> {
    let data = tensor.data.iter().map(|&v| (f64::from(v) * port.scale) as f32).collect();
    Tensor::new(tensor.shape.clone(), data).map_err(|error| QuantizeError::Port {
        port: port.name.clone(),
        expected: "a tensor that fits into memory".into(),
        got: error.to_string(),
    })
}
