//! A model file, read and made uniform: every float type becomes f32, every input has its shape, and initialisers,
//! `Constant` nodes and frozen inputs are one table of constants.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto,
    TypeProto, ValueInfoProto, type_proto,
};
use tract_onnx::prelude::{DatumType, Framework, Tensor as RawTensor};

use crate::ImportOptions;
use crate::error::ImportError;
use crate::runtime::{guarded, tensor_proto};
use crate::tensor::{Array, num_elements};

/// The largest model file that is read: the limit of the protobuf format itself. Weights may lie in files of their own.
pub const MAX_FILE_BYTES: u64 = 1 << 31;

/// The oldest operator set that is read.
pub const MIN_OPSET: i64 = 7;

/// A model file.
#[derive(Debug)]
pub(crate) struct ModelFile {
    pub(crate) file: String,
    pub(crate) opset: i64,
    pub(crate) opsets: Vec<OperatorSetIdProto>,
    pub(crate) nodes: Vec<NodeProto>,
    pub(crate) inputs: Vec<FileInput>,
    pub(crate) outputs: Vec<String>,
    pub(crate) constants: HashMap<String, Arc<RawTensor>>,
}

/// An input which the user has to give, of known shape.
#[derive(Debug)]
pub(crate) struct FileInput {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) data_type: DataType,
}

impl ModelFile {
    /// Reads `bytes`; `file` names them in messages, `directory` holds external weights.
    pub(crate) fn parse(
        file: &str,
        bytes: &[u8],
        directory: Option<&Path>,
        options: &ImportOptions,
    ) -> Result<Self, ImportError> {
        let not_onnx = |reason: String| ImportError::NotOnnx { file: file.into(), reason };
        let mut cursor = bytes;
        let proto = guarded(|| tract_onnx::onnx().proto_model_for_read(&mut cursor)).map_err(not_onnx)?;
        let graph = proto.graph.ok_or_else(|| not_onnx("it holds no graph".into()))?;
        let own = |o: &&OperatorSetIdProto| o.domain.is_empty() || o.domain == "ai.onnx";
        let opset = proto.opset_import.iter().find(own).map_or(1, |o| o.version);
        if opset < MIN_OPSET {
            return Err(ImportError::Opset { file: file.into(), got: opset, expected: MIN_OPSET });
        }
        if graph.output.is_empty() {
            return Err(not_onnx("its graph has no output".into()));
        }
        if let Some(sparse) = graph.sparse_initializer.first() {
            let tensor = sparse.values.as_ref().map(|v| v.name.clone()).unwrap_or_default();
            return Err(tensor_error(
                file,
                &tensor,
                "sparse tensors are not supported; store it densely".into(),
            ));
        }

        let mut constants = HashMap::new();
        for tensor in &graph.initializer {
            constants.insert(tensor.name.clone(), Arc::new(load(file, tensor, directory)?));
        }
        let mut nodes = Vec::with_capacity(graph.node.len());
        for mut node in graph.node {
            if let Some(value) = constant_value(file, &node, directory)? {
                constants.insert(node.output.first().cloned().unwrap_or_default(), Arc::new(value));
                continue;
            }
            for attribute in &mut node.attribute {
                floats_become_f32(file, attribute, directory)?;
            }
            nodes.push(node);
        }
        let free: Vec<ValueInfoProto> =
            graph.input.into_iter().filter(|i| !constants.contains_key(&i.name)).collect();
        let inputs = resolve_inputs(file, &free, options, &mut constants)?;
        let outputs = graph.output.into_iter().map(|o| o.name).collect();
        let opsets = proto.opset_import;
        Ok(Self { file: file.into(), opset, opsets, nodes, inputs, outputs, constants })
    }

    /// The uniform model as a message for the reference runtime, with the tensors `outputs` as its outputs.
    pub(crate) fn to_proto(&self, outputs: &[String]) -> Result<ModelProto, String> {
        guarded(|| {
            let mut names: Vec<&String> = self.constants.keys().collect();
            names.sort_unstable();
            let initializer = names.iter().map(|name| tensor_proto(name, &self.constants[*name]));
            let graph = GraphProto {
                node: self.nodes.clone(),
                initializer: initializer.collect::<Result<_, _>>()?,
                input: self.inputs.iter().map(FileInput::to_proto).collect(),
                output: outputs
                    .iter()
                    .map(|o| ValueInfoProto { name: o.clone(), ..Default::default() })
                    .collect(),
                ..Default::default()
            };
            Ok(ModelProto { opset_import: self.opsets.clone(), graph: Some(graph), ..Default::default() })
        })
    }
}

impl FileInput {
    fn to_proto(&self) -> ValueInfoProto {
        let dim = |&d: &usize| Dimension {
            value: Some(dimension::Value::DimValue(d as i64)),
            ..Default::default()
        };
        let shape = Some(TensorShapeProto { dim: self.shape.iter().map(dim).collect() });
        let tensor = type_proto::Tensor { elem_type: self.data_type as i32, shape };
        let r#type =
            Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() });
        ValueInfoProto { name: self.name.clone(), r#type, ..Default::default() }
    }
}

fn tensor_error(file: &str, tensor: &str, reason: String) -> ImportError {
    ImportError::Tensor { file: file.into(), tensor: tensor.into(), reason }
}

/// The tensor of a message, f16, bf16 and f64 converted to f32.
fn load(file: &str, proto: &TensorProto, directory: Option<&Path>) -> Result<RawTensor, ImportError> {
    let error = |reason: String| tensor_error(file, &proto.name, reason);
    let dims: Option<Vec<usize>> = proto.dims.iter().map(|&d| usize::try_from(d).ok()).collect();
    let dims = dims.ok_or_else(|| error(format!("negative dimension in {:?}", proto.dims)))?;
    let expected = num_elements(&dims).map_err(|e| error(e.to_string()))?;
    let data_type = DataType::try_from(proto.data_type)
        .map_err(|_| error(format!("unknown element type {}", proto.data_type)))?;
    if !proto.raw_data.is_empty() {
        let width =
            width(data_type).ok_or_else(|| error(format!("element type {data_type:?} is not supported")))?;
        let got = proto.raw_data.len();
        if expected * width != got {
            return Err(error(format!("shape {dims:?} needs {} bytes, got {got}", expected * width)));
        }
    }
    if data_type == DataType::Bfloat16 {
        let bits: Vec<u16> = if proto.raw_data.is_empty() {
            proto.int32_data.iter().map(|&v| v as u16).collect()
        } else {
            proto.raw_data.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]])).collect()
        };
        let values: Vec<f32> = bits.iter().map(|&b| f32::from_bits(u32::from(b) << 16)).collect();
        return guarded(|| RawTensor::from_shape(&dims, &values)).map_err(error);
    }
    let directory = directory.and_then(Path::to_str);
    let resolver = tract_onnx::data_resolver::MmapDataResolver;
    guarded(|| {
        let tensor = tract_onnx::tensor::load_tensor(&resolver, proto, directory)?;
        Ok(match tensor.datum_type() {
            DatumType::F16 | DatumType::F64 => tensor.cast_to::<f32>()?.into_owned(),
            _ => tensor,
        })
    })
    .map_err(error)
}

/// Bytes of one element.
fn width(data_type: DataType) -> Option<usize> {
    match data_type {
        DataType::Uint8 | DataType::Int8 | DataType::Bool => Some(1),
        DataType::Uint16 | DataType::Int16 | DataType::Float16 | DataType::Bfloat16 => Some(2),
        DataType::Float | DataType::Int32 | DataType::Uint32 => Some(4),
        DataType::Double | DataType::Int64 | DataType::Uint64 => Some(8),
        _ => None,
    }
}

/// The value of a `Constant` node.
fn constant_value(
    file: &str,
    node: &NodeProto,
    directory: Option<&Path>,
) -> Result<Option<RawTensor>, ImportError> {
    if node.op_type != "Constant" || !(node.domain.is_empty() || node.domain == "ai.onnx") {
        return Ok(None);
    }
    for attribute in &node.attribute {
        let value = match attribute.name.as_str() {
            "value" => attribute.t.as_ref().map(|t| load(file, t, directory)).transpose()?,
            "value_float" => Some(RawTensor::from(attribute.f)),
            "value_int" => Some(RawTensor::from(attribute.i)),
            "value_floats" => RawTensor::from_shape(&[attribute.floats.len()], &attribute.floats).ok(),
            "value_ints" => RawTensor::from_shape(&[attribute.ints.len()], &attribute.ints).ok(),
            _ => None,
        };
        if value.is_some() {
            return Ok(value);
        }
    }
    Ok(None)
}

/// f16, bf16 and f64 in a node's attributes become f32: the reference computes in f32 throughout.
fn floats_become_f32(
    file: &str,
    attribute: &mut AttributeProto,
    directory: Option<&Path>,
) -> Result<(), ImportError> {
    let wide = [DataType::Float16, DataType::Bfloat16, DataType::Double].map(|t| t as i32);
    if let Some(t) = &mut attribute.t
        && wide.contains(&t.data_type)
    {
        let tensor = load(file, t, directory)?;
        *t = guarded(|| tensor_proto(&t.name, &tensor)).map_err(|e| tensor_error(file, &t.name, e))?;
    }
    let names_a_type = matches!(attribute.name.as_str(), "to" | "dtype");
    if names_a_type && i32::try_from(attribute.i).is_ok_and(|i| wide.contains(&i)) {
        attribute.i = DataType::Float as i64;
    }
    Ok(())
}

fn resolve_inputs(
    file: &str,
    free: &[ValueInfoProto],
    options: &ImportOptions,
    constants: &mut HashMap<String, Arc<RawTensor>>,
) -> Result<Vec<FileInput>, ImportError> {
    let unknown = |what, name: &String, known| ImportError::UnknownName {
        file: file.into(),
        what,
        name: name.clone(),
        known,
    };
    for name in options.freeze.keys() {
        if !free.iter().any(|i| i.name == *name) {
            return Err(unknown("input", name, free.iter().map(|i| i.name.clone()).collect()));
        }
    }
    let symbols: BTreeSet<String> = free.iter().flat_map(dims).filter_map(|(_, _, d)| d.err()).collect();
    for name in options.dims.keys() {
        if !symbols.contains(name) {
            return Err(unknown("symbolic dimension", name, symbols.into_iter().collect()));
        }
    }
    // A dimension that is the first of some input is the batch: the graph is one sample.
    let leading = free.iter().flat_map(dims).filter(|(_, axis, _)| *axis == 0);
    let mut sizes: BTreeMap<String, usize> =
        leading.filter_map(|(_, _, d)| d.err()).map(|s| (s, 1)).collect();
    sizes.extend(options.dims.iter().map(|(name, size)| (name.clone(), *size)));

    let mut inputs = vec![];
    for info in free {
        let error =
            |reason: String| ImportError::Input { file: file.into(), input: info.name.clone(), reason };
        let tensor = tensor_type(info).ok_or_else(|| error("its type is not a tensor".into()))?;
        let data_type = DataType::try_from(tensor.elem_type).unwrap_or(DataType::Undefined);
        let data_type = match data_type {
            DataType::Float16 | DataType::Bfloat16 | DataType::Double => DataType::Float,
            other if width(other).is_some() => other,
            other => return Err(error(format!("its element type {other:?} is not supported"))),
        };
        if let Some(array) = options.freeze.get(&info.name) {
            constants.insert(info.name.clone(), Arc::new(frozen(array, data_type).map_err(error)?));
            continue;
        }
        if tensor.shape.is_none() {
            return Err(error("the file does not give its shape; export the model with it".into()));
        }
        let resolve = |(_, _, dim): (String, usize, Result<usize, String>)| match dim {
            Ok(size) => Ok(size),
            Err(symbol) => sizes.get(&symbol).copied().ok_or_else(|| {
                error(format!("its dimension `{symbol}` is symbolic; fix it with `--dim {symbol}=SIZE`"))
            }),
        };
        let shape: Vec<usize> = dims(info).into_iter().map(resolve).collect::<Result<_, _>>()?;
        num_elements(&shape).map_err(|e| error(e.to_string()))?;
        inputs.push(FileInput { name: info.name.clone(), shape, data_type });
    }
    Ok(inputs)
}

fn tensor_type(info: &ValueInfoProto) -> Option<&type_proto::Tensor> {
    info.r#type.as_ref()?.value.as_ref().map(|type_proto::Value::TensorType(t)| t)
}

/// Input name, axis and size of every dimension; where the size is open, its symbol (`input.axis` for a nameless one).
fn dims(info: &ValueInfoProto) -> Vec<(String, usize, Result<usize, String>)> {
    let shape = tensor_type(info).and_then(|t| t.shape.as_ref());
    let dims = shape.map_or(&[][..], |s| &s.dim);
    let nameless = |axis: usize| format!("{}.{axis}", info.name);
    let size = |(axis, dim): (usize, &Dimension)| match &dim.value {
        Some(dimension::Value::DimValue(v)) => usize::try_from(*v).map_err(|_| nameless(axis)),
        Some(dimension::Value::DimParam(symbol)) if !symbol.is_empty() => Err(symbol.clone()),
        _ => Err(nameless(axis)),
    };
    dims.iter().enumerate().map(|(axis, dim)| (info.name.clone(), axis, size((axis, dim)))).collect()
}

/// A frozen input's tensor, of the type that the model declares.
fn frozen(array: &Array, data_type: DataType) -> Result<RawTensor, String> {
    guarded(|| {
        let tensor = match array {
            Array::F32(t) => RawTensor::from_shape(t.shape(), t.data())?,
            Array::I64(t) => RawTensor::from_shape(t.shape(), t.data())?,
        };
        Ok(tensor.cast_to_dt(data_type.try_into()?)?.into_owned())
    })
}
