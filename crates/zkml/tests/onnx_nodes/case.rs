//! One ONNX node test: a model of one operator (or its expansion), input tensors and the outputs that ONNX expects.

use std::path::{Path, PathBuf};

use prost::Message;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{ModelProto, TensorProto};
use zkml_import::{Array, ImportOptions, ImportedModel, Tensor, import_bytes};
use zkml_ir::{Port, Source, execute};
use zkml_quantize::{Calibration, Compiled, InputKind, Options, Profile, compile};

/// Operators whose later operands are activations too. Everywhere else they are parameters, and frozen.
const ACTIVATIONS_ONLY: [&str; 18] = [
    "Add",
    "And",
    "Concat",
    "Div",
    "Einsum",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "MatMul",
    "Max",
    "Mean",
    "Min",
    "Mul",
    "Or",
    "Sub",
    "Sum",
];

/// A node test as it is stored.
pub(crate) struct Case {
    folder: PathBuf,
    onnx: Vec<u8>,
    proto: ModelProto,
}

/// What the integers made of a case.
pub(crate) struct Integers {
    pub(crate) compiled: Compiled,
    pub(crate) sample: Vec<zkml_ir::Tensor>,
    /// What ONNX expects of every output.
    expected: Vec<Array>,
}

impl Case {
    pub(crate) fn read(folder: &Path) -> Result<Self, String> {
        let onnx = std::fs::read(folder.join("model.onnx")).map_err(|e| format!("model.onnx: {e}"))?;
        let proto = ModelProto::decode(onnx.as_slice()).map_err(|e| e.to_string())?;
        Ok(Self { folder: folder.join("test_data_set_0"), onnx, proto })
    }

    /// The operators, each once, in alphabetical order.
    pub(crate) fn operators(&self) -> String {
        let nodes = self.proto.graph.iter().flat_map(|g| &g.node);
        let set: std::collections::BTreeSet<&str> = nodes.map(|n| n.op_type.as_str()).collect();
        set.into_iter().collect::<Vec<_>>().join(",")
    }

    fn tensors(&self, kind: &str, count: usize) -> Result<Vec<Array>, String> {
        (0..count).map(|i| tensor(&self.folder.join(format!("{kind}_{i}.pb")))).collect()
    }

    /// Compiles the case accurately, with its own input and smaller copies of it as calibration data.
    pub(crate) fn integers(&self) -> Result<Integers, String> {
        let graph = self.proto.graph.as_ref().ok_or("no graph")?;
        let inputs = self.tensors("input", graph.input.len())?;
        let expected = self.tensors("output", graph.output.len())?;
        let all_dynamic =
            matches!(&graph.node[..], [node] if ACTIVATIONS_ONLY.contains(&node.op_type.as_str()));
        let mut options = ImportOptions::default();
        for (input, array) in graph.input.iter().zip(&inputs).skip(if all_dynamic { inputs.len() } else { 1 })
        {
            options.freeze.insert(input.name.clone(), array.clone());
        }
        let name = self.folder.display().to_string();
        let imported = import_bytes(&name, &self.onnx, &options).map_err(|e| e.to_string())?;
        let kept = if all_dynamic { inputs.len() } else { 1 };
        let sample = inputs.get(..kept).unwrap_or(&inputs);
        let compiled = compiled(&imported, sample)?;
        let sample = compiled.quantize_inputs(sample).map_err(|e| e.to_string())?;
        Ok(Integers { compiled, sample, expected })
    }
}

fn compiled(imported: &ImportedModel, sample: &[Array]) -> Result<Compiled, String> {
    let samples: Vec<Vec<Tensor>> = [1.0, 0.97, 0.9, 0.75]
        .iter()
        .map(|factor| sample.iter().map(|array| scaled(array, *factor)).collect())
        .collect();
    let calibration = Calibration::collect(&imported.graph, &samples).map_err(|e| e.to_string())?;
    let options = Options::new(Profile::Accurate);
    compile(&imported.graph, &calibration, &options).map_err(|e| e.to_string())
}

/// Reals times a factor; integers as they are.
fn scaled(array: &Array, factor: f32) -> Tensor {
    match array {
        Array::F32(t) => t.map(|v| v * factor),
        Array::I64(_) => array.to_f32(),
    }
}

impl Integers {
    /// The outputs of the executor.
    pub(crate) fn executed(&self) -> Result<Vec<zkml_ir::Tensor>, String> {
        let trace = execute(&self.compiled.model, &self.sample).map_err(|e| e.to_string())?;
        Ok(trace.outputs(&self.compiled.model.graph))
    }

    /// The largest error of any output, as a share of the largest magnitude that ONNX expects of it.
    pub(crate) fn error(&self, outputs: &[zkml_ir::Tensor]) -> Result<f64, String> {
        let ports = self.compiled.model.graph.outputs();
        if ports.len() != self.expected.len() || ports.len() != outputs.len() {
            return Err(format!("{} outputs, ONNX expects {}", outputs.len(), self.expected.len()));
        }
        let pairs = ports.iter().zip(outputs).zip(&self.expected);
        pairs.map(|((port, got), expected)| error(port, got, expected)).try_fold(0.0, |m, e| Ok(e?.max(m)))
    }

    /// Whether the integers are the values themselves, so that nothing is rounded.
    pub(crate) fn is_exact(&self) -> bool {
        !self.compiled.metadata.inputs.contains(&InputKind::Real)
            && self.compiled.model.graph.outputs().iter().all(|port| port.scale == 1.0)
    }

    /// Whether no output depends on an input.
    pub(crate) fn is_constant(&self) -> bool {
        let graph = &self.compiled.model.graph;
        let mut depends = Vec::with_capacity(graph.tensors().len());
        for info in graph.tensors() {
            depends.push(match &info.source {
                Source::Input => true,
                Source::Weight | Source::Constant(_) => false,
                Source::Node { operands, .. } => operands.iter().any(|o| depends[o.index()]),
            });
        }
        !graph.outputs().iter().any(|port| depends[port.tensor.index()])
    }
}

fn error(port: &Port, got: &zkml_ir::Tensor, expected: &Array) -> Result<f64, String> {
    let expected = expected.to_f32();
    if got.shape != expected.shape() {
        return Err(format!(
            "`{}` has shape {:?}, ONNX expects {:?}",
            port.name,
            got.shape,
            expected.shape()
        ));
    }
    let largest = expected.data().iter().fold(0f64, |m, &v| m.max(f64::from(v).abs()));
    let worst = got
        .data
        .iter()
        .zip(expected.data())
        .fold(0f64, |m, (&code, &v)| m.max((f64::from(code) * port.scale - f64::from(v)).abs()));
    match worst {
        0.0 => Ok(0.0),
        worst if largest > 0.0 => Ok(worst / largest),
        worst => Err(format!("`{}` is off by {worst} where ONNX expects 0", port.name)),
    }
}

/// A tensor as ONNX stores it.
fn tensor(path: &Path) -> Result<Array, String> {
    let named = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let bytes = std::fs::read(path).map_err(|e| named(&e))?;
    let proto = TensorProto::decode(bytes.as_slice()).map_err(|e| named(&e))?;
    let shape: Vec<usize> = proto.dims.iter().map(|&d| d as usize).collect();
    let kind = DataType::try_from(proto.data_type).map_err(|e| named(&e))?;
    let array = match kind {
        DataType::Float => {
            Tensor::new(shape, words(&proto, &proto.float_data, f32::from_le_bytes)).map(Array::F32)
        }
        DataType::Double => {
            let wide = words(&proto, &proto.double_data, f64::from_le_bytes);
            Tensor::new(shape, wide.into_iter().map(|v| v as f32).collect()).map(Array::F32)
        }
        DataType::Int64 => {
            Tensor::new(shape, words(&proto, &proto.int64_data, i64::from_le_bytes)).map(Array::I64)
        }
        DataType::Int32 => Tensor::new(shape, integers(&proto, i32::from_le_bytes)).map(Array::I64),
        DataType::Int16 => Tensor::new(shape, integers(&proto, i16::from_le_bytes)).map(Array::I64),
        DataType::Uint16 => Tensor::new(shape, integers(&proto, u16::from_le_bytes)).map(Array::I64),
        DataType::Int8 => Tensor::new(shape, integers(&proto, i8::from_le_bytes)).map(Array::I64),
        DataType::Uint8 | DataType::Bool => {
            Tensor::new(shape, integers(&proto, u8::from_le_bytes)).map(Array::I64)
        }
        other => return Err(format!("a tensor of {}", other.as_str_name())),
    };
    array.map_err(|e| named(&e))
}

fn words<T: Copy, const N: usize>(proto: &TensorProto, typed: &[T], read: fn([u8; N]) -> T) -> Vec<T> {
    match proto.raw_data.as_chunks::<N>().0 {
        [] => typed.to_vec(),
        raw => raw.iter().map(|bytes| read(*bytes)).collect(),
    }
}

/// Integers of at most 32 bits, which share one field where they are not raw.
fn integers<T: Into<i64>, const N: usize>(proto: &TensorProto, read: fn([u8; N]) -> T) -> Vec<i64> {
    match proto.raw_data.as_chunks::<N>().0 {
        [] => proto.int32_data.iter().map(|&v| i64::from(v)).collect(),
        raw => raw.iter().map(|bytes| read(*bytes).into()).collect(),
    }
}
