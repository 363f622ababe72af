//! Small ONNX models, built in memory.
#![allow(dead_code, clippy::unwrap_used)] // Each test binary uses its part; what fails here is a failed test.

use prost::Message;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto,
    TypeProto, ValueInfoProto, type_proto,
};
use zkml_import::{Backend, Evaluator, ImportError, ImportOptions, ImportedModel, Tensor, import_bytes};

/// Numbers of `TensorProto.DataType`.
pub(crate) const FLOAT: i32 = 1;
pub(crate) const INT64: i32 = 7;
pub(crate) const FLOAT16: i32 = 10;

pub(crate) enum Attr<'a> {
    Int(i64),
    Ints(&'a [i64]),
    Float(f32),
    Text(&'a str),
}

pub(crate) struct Model {
    pub(crate) graph: GraphProto,
    pub(crate) opset: i64,
}

impl Model {
    pub(crate) fn new(opset: i64) -> Self {
        Self { graph: GraphProto { name: "test".into(), ..Default::default() }, opset }
    }

    /// Adds an input; an `Err` dimension is symbolic.
    pub(crate) fn input(mut self, name: &str, dims: &[Result<i64, &str>]) -> Self {
        let value = |d: &Result<i64, &str>| match d {
            Ok(v) => dimension::Value::DimValue(*v),
            Err(s) => dimension::Value::DimParam((*s).into()),
        };
        let dim = dims.iter().map(|d| Dimension { value: Some(value(d)), ..Default::default() }).collect();
        let tensor = type_proto::Tensor { elem_type: FLOAT, shape: Some(TensorShapeProto { dim }) };
        let r#type =
            Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() });
        self.graph.input.push(ValueInfoProto { name: name.into(), r#type, ..Default::default() });
        self
    }

    pub(crate) fn x(self, shape: &[usize]) -> Self {
        let dims: Vec<Result<i64, &str>> = shape.iter().map(|&d| Ok(d as i64)).collect();
        self.input("x", &dims)
    }

    pub(crate) fn floats(mut self, name: &str, dims: &[i64], data: &[f32]) -> Self {
        let raw_data = data.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.graph.initializer.push(TensorProto {
            name: name.into(),
            dims: dims.to_vec(),
            data_type: FLOAT,
            raw_data,
            ..Default::default()
        });
        self
    }

    /// Pseudo-random weights.
    pub(crate) fn weights(self, name: &str, dims: &[i64]) -> Self {
        let n = dims.iter().product::<i64>() as usize;
        let data = random(&[n], name.bytes().map(u64::from).sum());
        self.floats(name, dims, data.data())
    }

    pub(crate) fn ints(mut self, name: &str, data: &[i64]) -> Self {
        let raw_data = data.iter().flat_map(|v| v.to_le_bytes()).collect();
        let dims = vec![data.len() as i64];
        let tensor =
            TensorProto { name: name.into(), dims, data_type: INT64, raw_data, ..Default::default() };
        self.graph.initializer.push(tensor);
        self
    }

    pub(crate) fn node(
        mut self,
        op_type: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: &[(&str, Attr<'_>)],
    ) -> Self {
        let list = |names: &[&str]| names.iter().map(|n| (*n).to_string()).collect();
        self.graph.node.push(NodeProto {
            op_type: op_type.into(),
            name: format!("{op_type}_{}", self.graph.node.len()),
            input: list(inputs),
            output: list(outputs),
            attribute: attributes.iter().map(|(name, value)| attribute(name, value)).collect(),
            ..Default::default()
        });
        self
    }

    pub(crate) fn output(mut self, name: &str) -> Self {
        self.graph.output.push(ValueInfoProto { name: name.into(), ..Default::default() });
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let opset = OperatorSetIdProto { domain: String::new(), version: self.opset };
        let proto = ModelProto {
            ir_version: 8,
            opset_import: vec![opset],
            graph: Some(self.graph.clone()),
            ..Default::default()
        };
        proto.encode_to_vec()
    }

    pub(crate) fn import(&self) -> Result<ImportedModel, ImportError> {
        self.import_with(&ImportOptions::default())
    }

    pub(crate) fn import_with(&self, options: &ImportOptions) -> Result<ImportedModel, ImportError> {
        import_bytes("test.onnx", &self.bytes(), options)
    }
}

fn attribute(name: &str, value: &Attr<'_>) -> AttributeProto {
    let mut proto = AttributeProto { name: name.into(), ..Default::default() };
    match value {
        Attr::Int(i) => (proto.r#type, proto.i) = (2, *i),
        Attr::Ints(ints) => (proto.r#type, proto.ints) = (7, ints.to_vec()),
        Attr::Float(f) => (proto.r#type, proto.f) = (1, *f),
        Attr::Text(s) => (proto.r#type, proto.s) = (3, s.as_bytes().to_vec()),
    }
    proto
}

/// Numbers in [−2, 2), always the same for one seed.
pub(crate) fn random(shape: &[usize], seed: u64) -> Tensor {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let n = shape.iter().product();
    let data = (0..n).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u32 << 22) as f32 - 2.0
    });
    Tensor::new(shape.to_vec(), data.collect()).unwrap()
}

/// Imports the model and checks that evaluator and reference agree on a random sample, on every value that both know.
/// Returns the outputs.
#[track_caller]
pub(crate) fn agree(model: &Model) -> Vec<Tensor> {
    let model = model.import().unwrap();
    let shapes = model.graph.inputs.iter().map(|id| model.graph.shape(*id));
    let inputs: Vec<Tensor> = shapes.enumerate().map(|(i, shape)| random(shape, i as u64 + 7)).collect();
    let evaluator = Evaluator::new(&model.graph).unwrap();
    let ours = evaluator.run_all(&inputs).unwrap();
    let reference = model.reference(true).unwrap();
    assert_eq!(*reference.backend(), Backend::Tract);
    let theirs = reference.run_all(&inputs).unwrap();
    let mut compared = 0;
    for (value, pair) in model.graph.values.iter().zip(ours.iter().zip(&theirs)) {
        let (Some(ours), Some(theirs)) = pair else { continue };
        assert_eq!(ours.shape(), theirs.shape(), "{}", value.name);
        for (a, b) in ours.data().iter().zip(theirs.data()) {
            assert!(
                (a - b).abs() <= 1e-4 * b.abs().max(1.0),
                "{}: {a} is not {b}\n{}",
                value.name,
                model.graph
            );
        }
        compared += 1;
    }
    assert!(compared > model.graph.inputs.len(), "nothing was compared\n{}", model.graph);
    evaluator.run(&inputs).unwrap()
}
