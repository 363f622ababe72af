//! Batch normalisations and constant additions move into the weights and bias of the node before them, the logarithm of a sum
//! of exponentials becomes one node; then what nothing reads is removed.

use crate::eval::apply;
use crate::graph::{DType, FloatGraph, Node, Source, Value, ValueId};
use crate::op::{BinaryOp, Op, Reduce, ReduceOp};
use crate::tensor::{Tensor, broadcast_shape};
use crate::unary::UnaryOp;

/// Fuses where the intermediate value has no other reader, and drops unused nodes and values.
pub(crate) fn fuse(mut graph: FloatGraph) -> FloatGraph {
    let uses = graph.num_uses();
    let mut removed = vec![false; graph.nodes.len()];
    for (i, removed) in removed.iter_mut().enumerate() {
        if let Some(Change { producer, weights: (operand, weights), bias }) = fused(&graph, &uses, i) {
            let name = graph.value(graph.nodes[producer].inputs[operand]).name.clone();
            let bias = constant(&mut graph, format!("{name}/bias"), bias);
            if let Some(weights) = weights {
                graph.nodes[producer].inputs[operand] = constant(&mut graph, name, weights);
            }
            let output = graph.nodes[i].outputs[0];
            let node = &mut graph.nodes[producer];
            node.inputs.truncate(2);
            node.inputs.push(bias);
            node.outputs[0] = output;
            graph.values[output.0].source = Source::Node { node: producer, output: 0 };
            *removed = true;
        }
        if let Some((reduce, x)) = log_sum_exp(&graph, &uses, i) {
            graph.nodes[i].op = Op::Reduce(reduce);
            graph.nodes[i].inputs = vec![x];
        }
    }
    compact(graph, &removed)
}

/// The reduction that a logarithm of a sum of exponentials is, and its operand. Exponentials alone span too many magnitudes
/// for integers of one scale.
fn log_sum_exp(graph: &FloatGraph, uses: &[usize], i: usize) -> Option<(Reduce, ValueId)> {
    let before = |node: &Node| {
        let x = *node.inputs.first()?;
        graph.producer(x).filter(|_| uses[x.0] == 1)
    };
    let log = &graph.nodes[i];
    let sum = before(log).filter(|_| log.op == Op::Unary(UnaryOp::Log))?;
    let exp = before(sum).filter(|exp| exp.op == Op::Unary(UnaryOp::Exp))?;
    match &sum.op {
        Op::Reduce(reduce) if reduce.op == ReduceOp::Sum => {
            Some((Reduce { op: ReduceOp::LogSumExp, ..reduce.clone() }, exp.inputs[0]))
        }
        _ => None,
    }
}

fn constant(graph: &mut FloatGraph, name: String, tensor: Tensor) -> ValueId {
    let shape = tensor.shape().to_vec();
    let source = Source::Constant(tensor);
    graph.values.push(Value { name, in_onnx: false, shape, dtype: DType::Float, source });
    ValueId(graph.values.len() - 1)
}

/// What a fused node changes in the node before it.
struct Change {
    producer: usize,
    /// Position of the constant operand, and its new tensor if it changes.
    weights: (usize, Option<Tensor>),
    bias: Tensor,
}

/// The change that lets node `i` move into its producer, if it can.
fn fused(graph: &FloatGraph, uses: &[usize], i: usize) -> Option<Change> {
    let node = &graph.nodes[i];
    let (x, added) = match node.op {
        Op::ScaleShift { .. } => (node.inputs[0], node.inputs[2]),
        Op::Binary(BinaryOp::Add) if graph.constant(node.inputs[1]).is_some() => {
            (node.inputs[0], node.inputs[1])
        }
        Op::Binary(BinaryOp::Add) => (node.inputs[1], node.inputs[0]),
        _ => return None,
    };
    let added = graph.constant(added)?;
    let Source::Node { node: producer, .. } = graph.value(x).source else { return None };
    let target = &graph.nodes[producer];
    if uses[x.0] != 1 || graph.value(x).dtype != DType::Float {
        return None;
    }
    // A bias that is not constant cannot be scaled or added to.
    let bias = match target.inputs.get(2) {
        Some(bias) => Some(graph.constant(*bias)?),
        None => None,
    };
    let shape = graph.shape(x);
    let (operand, weights, bias) = match node.op {
        Op::ScaleShift { axis } => {
            let scale = graph.constant(node.inputs[1])?;
            let (operand, weights) = scale_weights(graph, target, axis, scale)?;
            let (scale, shift) = match target.op {
                Op::Einsum(_) => (on_axis(scale, axis, shape)?, on_axis(added, axis, shape)?),
                _ => (scale.clone(), added.clone()),
            };
            let scaled = bias.map(|bias| combine(BinaryOp::Mul, bias, &scale));
            let bias = match scaled {
                Some(bias) => combine(BinaryOp::Add, &bias?, &shift)?,
                None => shift,
            };
            (operand, Some(weights), bias)
        }
        _ => {
            let (operand, added) = match target.op {
                Op::Conv(_) | Op::ConvTranspose(_) => (1, per_channel(added, shape)?),
                // An einsum's bias may have any shape that does not enlarge the output.
                Op::Einsum(_) if broadcast_shape(shape, added.shape())? == shape => {
                    let constant = |&w: &usize| graph.constant(target.inputs[w]).is_some();
                    ([1, 0].into_iter().find(constant)?, added.clone())
                }
                _ => return None,
            };
            graph.constant(target.inputs[operand])?;
            let bias = match bias {
                Some(bias) => combine(BinaryOp::Add, bias, &added)?,
                None => added,
            };
            (operand, None, bias)
        }
    };
    // Factors near the end of the floats' range stay outside.
    let finite = |t: &Tensor| t.data().iter().all(|v| v.is_finite());
    let change = Change { producer, weights: (operand, weights), bias };
    (finite(&change.bias) && change.weights.1.as_ref().is_none_or(finite)).then_some(change)
}

/// The constant operand of `node` that holds the output's axis `axis`, scaled along it.
fn scale_weights(graph: &FloatGraph, node: &Node, axis: usize, scale: &Tensor) -> Option<(usize, Tensor)> {
    let scale = scale.data();
    match &node.op {
        Op::Conv(_) if axis == 1 => {
            let w = graph.constant(node.inputs[1])?;
            let row = w.shape()[1..].iter().product::<usize>();
            Some((1, scaled(w, |i| scale[i / row])))
        }
        Op::ConvTranspose(conv) if axis == 1 => {
            let w = graph.constant(node.inputs[1])?;
            let (inputs, outputs) = (w.shape()[0], w.shape()[1]);
            let kernel = w.shape()[2..].iter().product::<usize>();
            let per_group = inputs / conv.groups;
            let channel = |i: usize| i / kernel / outputs / per_group * outputs + i / kernel % outputs;
            Some((1, scaled(w, |i| scale[channel(i)])))
        }
        Op::Einsum(einsum) => {
            let label = einsum.out[axis];
            let held = [&einsum.a, &einsum.b].map(|labels| labels.iter().position(|l| *l == label));
            // The channel must belong to one operand alone, or the other's elements would be scaled too.
            let (operand, at) = match held {
                [None, Some(at)] => (1, at),
                [Some(at), None] => (0, at),
                _ => return None,
            };
            let w = graph.constant(node.inputs[operand])?;
            let inner = w.shape()[at + 1..].iter().product::<usize>();
            Some((operand, scaled(w, |i| scale[i / inner % w.shape()[at]])))
        }
        _ => None,
    }
}

/// A vector that broadcasts along `axis` of `shape`.
fn on_axis(vector: &Tensor, axis: usize, shape: &[usize]) -> Option<Tensor> {
    let mut wide = vec![1; shape.len() - axis];
    wide[0] = shape[axis];
    vector.clone().reshaped(wide).ok()
}

/// `tensor` as one entry per channel (axis 1 of `shape`), if it does not vary otherwise nor enlarge the shape.
fn per_channel(tensor: &Tensor, shape: &[usize]) -> Option<Tensor> {
    if broadcast_shape(shape, tensor.shape())? != shape {
        return None;
    }
    if let [value] = tensor.data() {
        return Some(Tensor::vector(vec![*value; shape[1]]));
    }
    // Aligned at the end, the tensor's axes are 1 but for the channels.
    let missing = shape.len() - tensor.rank();
    let only_channels = tensor.shape().iter().enumerate().all(|(i, &d)| d == 1 || i + missing == 1);
    only_channels.then(|| Tensor::vector(tensor.data().to_vec()))
}

fn scaled(w: &Tensor, factor: impl Fn(usize) -> f32) -> Tensor {
    let mut w = w.clone();
    w.data_mut().iter_mut().enumerate().for_each(|(i, v)| *v *= factor(i));
    w
}

fn combine(op: BinaryOp, a: &Tensor, b: &Tensor) -> Option<Tensor> {
    let shape = broadcast_shape(a.shape(), b.shape())?;
    apply(&Op::Binary(op), &[a, b], &shape).ok()?.pop()
}

/// Drops the removed nodes, and then every node and constant that no output needs.
fn compact(graph: FloatGraph, removed: &[bool]) -> FloatGraph {
    let mut needed = vec![false; graph.values.len()];
    for id in graph.outputs.iter().map(|o| o.value).chain(graph.inputs.iter().copied()) {
        needed[id.0] = true;
    }
    let mut keep = vec![false; graph.nodes.len()];
    for (i, node) in graph.nodes.iter().enumerate().rev() {
        if !removed[i] && node.outputs.iter().any(|id| needed[id.0]) {
            keep[i] = true;
            for id in node.inputs.iter().chain(&node.outputs) {
                needed[id.0] = true;
            }
        }
    }
    let new_index = |kept: &[bool]| -> Vec<usize> {
        kept.iter()
            .scan(0, |n, k| {
                let i = *n;
                *n += usize::from(*k);
                Some(i)
            })
            .collect()
    };
    let (value_index, node_index) = (new_index(&needed), new_index(&keep));
    let moved = |id: &ValueId| ValueId(value_index[id.0]);
    let mut values: Vec<Value> =
        graph.values.into_iter().zip(&needed).filter(|(_, needed)| **needed).map(|(v, _)| v).collect();
    for value in &mut values {
        if let Source::Node { node, .. } = &mut value.source {
            *node = node_index[*node];
        }
    }
    let mut nodes: Vec<_> =
        graph.nodes.into_iter().zip(&keep).filter(|(_, keep)| **keep).map(|(n, _)| n).collect();
    for node in &mut nodes {
        node.inputs = node.inputs.iter().map(moved).collect();
        node.outputs = node.outputs.iter().map(moved).collect();
    }
    let mut outputs = graph.outputs;
    outputs.iter_mut().for_each(|o| o.value = moved(&o.value));
    FloatGraph { values, nodes, inputs: graph.inputs.iter().map(moved).collect(), outputs }
}
