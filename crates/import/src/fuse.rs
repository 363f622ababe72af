//! Batch normalisations and constant additions move into the weights and bias of the node before them; then what nothing
//! reads is removed.

use crate::eval::apply;
use crate::graph::{DType, FloatGraph, Source, Value, ValueId};
use crate::op::{BinaryOp, Op};
use crate::tensor::{Tensor, broadcast_shape};

/// Fuses where the intermediate value has no other reader, and drops unused nodes and values.
pub(crate) fn fuse(mut graph: FloatGraph) -> FloatGraph {
    let uses = graph.num_uses();
    let mut removed = vec![false; graph.nodes.len()];
    for i in 0..graph.nodes.len() {
        if let Some((producer, weights, bias)) = fused(&graph, &uses, i) {
            let operand = graph.nodes[producer].inputs[weights.0];
            let name = graph.value(operand).name.clone();
            if let Some(tensor) = weights.1 {
                graph.nodes[producer].inputs[weights.0] = constant(&mut graph, name.clone(), tensor);
            }
            let bias = constant(&mut graph, format!("{name}/bias"), bias);
            let node = &mut graph.nodes[producer];
            node.inputs.truncate(2);
            node.inputs.push(bias);
            let output = graph.nodes[i].outputs[0];
            graph.nodes[producer].outputs[0] = output;
            graph.values[output.0].source = Source::Node { node: producer, output: 0 };
            removed[i] = true;
        }
    }
    compact(graph, &removed)
}

fn constant(graph: &mut FloatGraph, name: String, tensor: Tensor) -> ValueId {
    let shape = tensor.shape().to_vec();
    let source = Source::Constant(tensor);
    graph.values.push(Value { name, in_onnx: false, shape, dtype: DType::Float, source });
    ValueId(graph.values.len() - 1)
}

/// A weight operand's position, and its tensor where it changes.
type Weights = (usize, Option<Tensor>);

/// The producer that node `i` can move into, its new weights and its new bias.
fn fused(graph: &FloatGraph, uses: &[usize], i: usize) -> Option<(usize, Weights, Tensor)> {
    let node = &graph.nodes[i];
    let (x, addend) = match node.op {
        Op::ScaleShift { .. } => (node.inputs[0], None),
        Op::Binary(BinaryOp::Add) => match [0, 1].map(|i| graph.constant(node.inputs[i])) {
            [None, Some(addend)] => (node.inputs[0], Some(addend)),
            [Some(addend), None] => (node.inputs[1], Some(addend)),
            _ => return None,
        },
        _ => return None,
    };
    let Source::Node { node: producer, .. } = graph.value(x).source else { return None };
    if *uses.get(x.0)? != 1 || graph.value(x).dtype != DType::Float {
        return None;
    }
    let target = graph.nodes.get(producer)?;
    let shape = graph.shape(x);
    let old_bias = match target.inputs.get(2) {
        Some(bias) => Some(graph.constant(*bias)?),
        None => None,
    };
    let channels_of = |t: &Tensor| per_channel(t, shape);
    // Scale and shift per channel, as vectors.
    let (axis, scale, shift) = match (&node.op, addend) {
        (Op::ScaleShift { axis }, _) => {
            (*axis, Some(graph.constant(node.inputs[1])?), graph.constant(node.inputs[2])?.clone())
        }
        (_, Some(addend)) if matches!(target.op, Op::Conv(_) | Op::ConvTranspose(_)) => {
            (1, None, channels_of(addend)?)
        }
        (_, Some(addend)) => {
            // An einsum's bias may have any shape that broadcasts.
            let fits = matches!(target.op, Op::Einsum(_)) && broadcast_shape(shape, addend.shape())? == shape;
            let weights = [1, 0].into_iter().find(|&w| graph.constant(target.inputs[w]).is_some())?;
            let bias = match old_bias {
                Some(bias) => combine(BinaryOp::Add, bias, addend)?,
                None => addend.clone(),
            };
            return fits.then_some((producer, (weights, None), bias));
        }
        _ => return None,
    };
    let (weights, wide) = match &target.op {
        Op::Conv(_) if axis == 1 => {
            let w = graph.constant(target.inputs[1])?;
            let row = w.data().len() / w.shape()[0].max(1);
            (scale.map(|s| scaled(w, |i| s.data()[i / row.max(1)])), vec![])
        }
        Op::ConvTranspose(conv) if axis == 1 => {
            let w = graph.constant(target.inputs[1])?;
            let (inputs, outputs) = (w.shape()[0], w.shape()[1]);
            let kernel: usize = w.shape()[2..].iter().product();
            let channel = |i: usize| {
                let (c, m) = (i / kernel / outputs, i / kernel % outputs);
                c / (inputs / conv.groups) * outputs + m
            };
            (scale.map(|s| scaled(w, |i| s.data()[channel(i)])), vec![])
        }
        Op::Einsum(einsum) => {
            let label = einsum.out[axis];
            let held = [&einsum.a, &einsum.b].map(|labels| labels.iter().position(|l| *l == label));
            // The channel must belong to the constant operand alone.
            let (operand, at) = match held {
                [None, Some(at)] => (1, at),
                [Some(at), None] => (0, at),
                _ => return None,
            };
            let w = graph.constant(target.inputs[operand])?;
            let inner: usize = w.shape()[at + 1..].iter().product();
            let weights = scale.map(|s| scaled(w, |i| s.data()[i / inner % w.shape()[at]]));
            let mut wide = vec![1; shape.len() - axis];
            wide[0] = shape[axis];
            let as_bias = |t: &Tensor| t.clone().reshaped(wide.clone()).ok();
            let mut bias = as_bias(&shift)?;
            if let Some(old) = old_bias {
                let old = match scale {
                    Some(scale) => combine(BinaryOp::Mul, old, &as_bias(scale)?)?,
                    None => old.clone(),
                };
                bias = combine(BinaryOp::Add, &old, &bias)?;
            }
            return Some((producer, (operand, weights), bias));
        }
        _ => return None,
    };
    debug_assert!(wide.iter().all(|d: &usize| *d == 0));
    let mut bias = shift;
    if let Some(old) = old_bias {
        let old = match scale {
            Some(scale) => combine(BinaryOp::Mul, old, scale)?,
            None => old.clone(),
        };
        bias = combine(BinaryOp::Add, &old, &bias)?;
    }
    Some((producer, (1, weights), bias))
}

/// `tensor` as one entry per channel (axis 1 of `shape`), if it does not vary otherwise.
fn per_channel(tensor: &Tensor, shape: &[usize]) -> Option<Tensor> {
    let channels = shape[1];
    if let [value] = tensor.data() {
        return (tensor.rank() <= shape.len()).then(|| Tensor::vector(vec![*value; channels]));
    }
    let channel_axis = tensor.rank().checked_add(1)?.checked_sub(shape.len())?;
    let varies_otherwise = tensor.shape().iter().enumerate().any(|(i, &d)| d != 1 && i != channel_axis);
    let fits = tensor.rank() <= shape.len() && tensor.data().len() == channels && !varies_otherwise;
    fits.then(|| Tensor::vector(tensor.data().to_vec()))
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
