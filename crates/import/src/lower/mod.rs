//! One ONNX node becomes one or more nodes of the float graph. One file per operator family; [`find`] is the registry.

mod activation;
mod arithmetic;
mod context;
mod contraction;
mod convolution;
mod index;
mod layout;
mod norm;
mod pool;
mod reduce;
mod resize;

pub(crate) use context::{Context, Known, Refusal};

use crate::graph::ValueId;

/// What a lowering returns: the values of the node's outputs, in their order; unused ones may be missing at the end.
pub(crate) type Lowered = Result<Vec<ValueId>, Refusal>;

/// Lowers one node.
pub(crate) type Lowering = fn(&mut Context<'_>) -> Lowered;

/// The lowering of an ONNX operator type, if it is supported.
pub(crate) fn find(op_type: &str) -> Option<Lowering> {
    Some(match op_type {
        "Identity" | "Dropout" => arithmetic::identity,
        "Cast" => arithmetic::cast,
        "Add" | "Sub" | "Mul" | "Div" | "Equal" | "Greater" | "GreaterOrEqual" | "And" | "Or" | "Mod" => {
            arithmetic::binary
        }
        "Less" | "LessOrEqual" => arithmetic::reversed_comparison,
        "Pow" => arithmetic::pow,
        "Sum" | "Mean" | "Max" | "Min" => arithmetic::variadic,
        "Where" => arithmetic::select_where,
        "Clip" => activation::clip,
        "PRelu" => activation::prelu,
        name if activation::is_unary(name) => activation::unary,
        "Conv" => convolution::conv,
        "ConvTranspose" => convolution::conv_transpose,
        "MatMul" => contraction::matmul,
        "Gemm" => contraction::gemm,
        "Einsum" => contraction::einsum,
        "MaxPool" | "AveragePool" => pool::pool,
        "GlobalMaxPool" | "GlobalAveragePool" => pool::global,
        "ReduceSum" | "ReduceMean" | "ReduceMax" | "ReduceMin" | "ReduceProd" | "ReduceL1" | "ReduceL2"
        | "ReduceSumSquare" | "ReduceLogSum" | "ReduceLogSumExp" => reduce::reduce,
        "Softmax" | "LogSoftmax" => reduce::softmax,
        "ArgMax" | "ArgMin" => reduce::arg_extreme,
        "TopK" => reduce::top_k,
        "BatchNormalization" => norm::batch,
        "InstanceNormalization" => norm::instance,
        "GroupNormalization" => norm::group,
        "LayerNormalization" | "RMSNormalization" => norm::layer,
        "MeanVarianceNormalization" => norm::mean_variance,
        "LRN" => norm::local_response,
        "Reshape" => layout::reshape,
        "Flatten" => layout::flatten,
        "Squeeze" => layout::squeeze,
        "Unsqueeze" => layout::unsqueeze,
        "Transpose" => layout::transpose,
        "Expand" => layout::expand,
        "Tile" => layout::tile,
        "Concat" => layout::concat,
        "DepthToSpace" | "SpaceToDepth" => layout::depth_space,
        "Split" => index::split,
        "Slice" => index::slice,
        "Pad" => index::pad,
        "Gather" => index::gather,
        "Resize" | "Upsample" => resize::resize,
        _ => return None,
    })
}
