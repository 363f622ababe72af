//! Nodes on constants are computed when the model is read.

use tract_onnx::pb::{NodeProto, OperatorSetIdProto};
use tract_onnx::prelude::{DatumType, Tensor as RawTensor};

use crate::attribute::Attributes;
use crate::runtime::{guarded, run_node};
use crate::tensor::{MAX_ELEMENTS, broadcast_shape, num_elements};

/// The outputs of a node whose inputs are all known, in the order of its non-empty output names.
///
/// # Errors
/// A sentence where the node is random, cannot be run, or would be larger than
/// [`MAX_ELEMENTS`](crate::tensor::MAX_ELEMENTS).
pub(crate) fn fold(
    node: &NodeProto,
    opsets: &[OperatorSetIdProto],
    inputs: &[(String, std::sync::Arc<RawTensor>)],
) -> Result<Vec<RawTensor>, String> {
    if inputs.is_empty() {
        return Err("it has no input, and is no constant".into());
    }
    if node.op_type.starts_with("Random") || matches!(node.op_type.as_str(), "Bernoulli" | "Multinomial") {
        return Err("its result is random".into());
    }
    if bound(node, inputs)?.is_none_or(|n| n > MAX_ELEMENTS) {
        return Err(format!("its result is larger than {MAX_ELEMENTS} elements"));
    }
    let inputs: Vec<(String, RawTensor)> = inputs.iter().map(|(n, t)| (n.clone(), (**t).clone())).collect();
    let results = run_node(node, opsets, &inputs)?;
    results.into_iter().map(plain).collect()
}

/// Symbolic dimensions of the runtime become plain integers.
fn plain(tensor: RawTensor) -> Result<RawTensor, String> {
    if tensor.datum_type() == DatumType::TDim {
        guarded(|| Ok(tensor.cast_to::<i64>()?.into_owned()))
    } else {
        Ok(tensor)
    }
}

/// An upper bound on the number of elements of the result, so that nothing absurd is allocated; `None` on overflow.
fn bound(node: &NodeProto, inputs: &[(String, std::sync::Arc<RawTensor>)]) -> Result<Option<usize>, String> {
    let ints = |i: usize| -> Result<Vec<usize>, String> {
        let Some((_, tensor)) = inputs.get(i) else { return Ok(vec![]) };
        let values =
            guarded(|| Ok(tensor.cast_to::<i64>()?.try_as_plain_ram()?.as_slice::<i64>()?.to_vec()))?;
        Ok(values.iter().map(|&v| usize::try_from(v).unwrap_or(0)).collect())
    };
    let product = |dims: &[usize]| dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    let len = |i: usize| inputs.get(i).map_or(1, |(_, t)| t.len());
    Ok(match node.op_type.as_str() {
        "ConstantOfShape" => product(&ints(0)?),
        "Expand" => product(&ints(1)?).and_then(|n| n.checked_mul(len(0).max(1))),
        "Tile" => product(&ints(1)?).and_then(|n| n.checked_mul(len(0))),
        // The lowering bounds these, and the evaluator computes them.
        "Resize" | "Upsample" | "Pad" | "Conv" | "ConvTranspose" | "MatMul" | "Gemm" | "Einsum" => {
            return Err("the operator is not supported on constants".into());
        }
        "OneHot" | "Col2Im" | "CenterCropPad" | "EyeLike" => {
            return Err("the operator is not supported".into());
        }
        "Range" => {
            let value = |i: usize| -> Result<f64, String> {
                guarded(|| Ok(f64::from(inputs[i].1.cast_to_scalar::<f32>()?)))
            };
            if inputs.len() != 3 {
                return Err(format!("expected 3 inputs, got {}", inputs.len()));
            }
            let steps = (value(1)? - value(0)?) / value(2)?;
            // NaN and negative numbers become 0.
            Some(steps.ceil() as usize)
        }
        "Gather" | "GatherND" | "GatherElements" => len(0).checked_mul(len(1)),
        "Unsqueeze" | "Squeeze" | "Reshape" | "Transpose" => Some(len(0)),
        "Concat" => inputs.iter().try_fold(0usize, |n, (_, t)| n.checked_add(t.len())),
        "Split" if Attributes(node).has("num_outputs") && node.output.len() > 1 << 16 => None,
        _ => {
            let mut shape = vec![];
            for (_, tensor) in inputs {
                let Some(joined) = broadcast_shape(&shape, tensor.shape()) else {
                    return Ok(Some(inputs.iter().map(|(_, t)| t.len()).sum()));
                };
                shape = joined;
            }
            num_elements(&shape).ok()
        }
    })
}
