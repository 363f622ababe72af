//! The border with tract, which may panic on malformed models: every call goes through [`guarded`].

use std::panic::{AssertUnwindSafe, catch_unwind};

use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::TractResult;

/// Runs `f`, turning an error or a panic inside of it into its message.
pub(crate) fn guarded<T>(f: impl FnOnce() -> TractResult<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(format!("{error:#}")),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_string()));
            Err(text.unwrap_or_else(|| "panicked".into()))
        }
    }
}

/// Runs one node on constant inputs; `inputs` are named as the node names them.
pub(crate) fn run_node(
    node: &NodeProto,
    opsets: &[OperatorSetIdProto],
    inputs: &[(String, Tensor)],
) -> Result<Vec<Tensor>, String> {
    guarded(|| {
        let initializer = inputs.iter().map(|(name, t)| tensor_proto(name, t)).collect::<TractResult<_>>()?;
        let outputs = node.output.iter().filter(|name| !name.is_empty());
        let output =
            outputs.map(|name| ValueInfoProto { name: name.clone(), ..Default::default() }).collect();
        let graph = GraphProto { node: vec![node.clone()], initializer, output, ..Default::default() };
        let proto = ModelProto { graph: Some(graph), opset_import: opsets.to_vec(), ..Default::default() };
        let model = tract_onnx::onnx().parse(&proto, None)?.model.into_typed()?;
        let results = model.into_runnable()?.run(tvec!())?;
        results.into_iter().map(|t| Ok(t.into_tensor())).collect()
    })
}

/// A constant as a protobuf message, so that a model can hold it as an initialiser.
pub(crate) fn tensor_proto(name: &str, tensor: &Tensor) -> TractResult<TensorProto> {
    use tract_onnx::pb::tensor_proto::DataType;
    let mut proto = TensorProto {
        name: name.into(),
        dims: tensor.shape().iter().map(|&d| d as i64).collect(),
        ..Default::default()
    };
    macro_rules! raw {
        ($t:ty) => {
            tensor.try_as_plain_ram()?.as_slice::<$t>()?.iter().flat_map(|v| v.to_le_bytes()).collect()
        };
    }
    let (data_type, raw) = match tensor.datum_type() {
        DatumType::F32 => (DataType::Float, raw!(f32)),
        DatumType::F64 => (DataType::Double, raw!(f64)),
        DatumType::I64 => (DataType::Int64, raw!(i64)),
        DatumType::I32 => (DataType::Int32, raw!(i32)),
        DatumType::I16 => (DataType::Int16, raw!(i16)),
        DatumType::I8 => (DataType::Int8, raw!(i8)),
        DatumType::U64 => (DataType::Uint64, raw!(u64)),
        DatumType::U32 => (DataType::Uint32, raw!(u32)),
        DatumType::U16 => (DataType::Uint16, raw!(u16)),
        DatumType::U8 => (DataType::Uint8, raw!(u8)),
        DatumType::Bool => {
            let bytes = tensor.try_as_plain_ram()?.as_slice::<bool>()?.iter().map(|&b| u8::from(b)).collect();
            (DataType::Bool, bytes)
        }
        other => tract_onnx::tract_hir::internal::bail!("a constant of type {other:?}"),
    };
    proto.data_type = data_type as i32;
    // The runtime takes an empty raw_data for "look into the typed field", which is empty too: the same thing.
    proto.raw_data = raw;
    Ok(proto)
}
