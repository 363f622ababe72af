//! The lowering as a whole: inputs, nodes in order, outputs.

use zkml_import::{DType, FloatGraph, Node, Op as FloatOp, Source, UnaryOp, ValueId};
use zkml_ir::ops::{ArgMax, Ranked, TopK};
use zkml_ir::{Model, Op};

use crate::calibrate::Calibration;
use crate::compiled::{Compiled, InputKind, Metadata};
use crate::error::{QuantizeError, UnsupportedNode};
use crate::lowering::{Lowered, Lowering};
use crate::ops;
use crate::options::{Options, OutputMode};
use crate::precision::precise;
use crate::scale::Formats;

/// Turns a float graph into an integer model.
///
/// Scales come from `calibration`, which must have seen samples; `options` says how many bits there are at least and what
/// becomes of the outputs. Where the outputs of some calibration samples miss the profile's accuracy, there are more bits.
///
/// # Errors
/// [`QuantizeError::NoCalibration`]; [`QuantizeError::Unsupported`] with all nodes that have no integer semantics;
/// [`QuantizeError::Range`] where the integers of a layer do not fit the field; [`QuantizeError::Inaccurate`] where they lose
/// what the outputs need.
pub fn compile(
    graph: &FloatGraph,
    calibration: &Calibration,
    options: &Options,
) -> Result<Compiled, QuantizeError> {
    options.check()?;
    calibration.check(graph)?;
    // Scores tell more about bits than the positions of the greatest ones.
    let raw = Options { output: OutputMode::Raw, ..options.clone() };
    let compiled = match precise(graph, calibration, &raw, |options| lower(graph, calibration, options)) {
        Err(QuantizeError::Unsupported { .. } | QuantizeError::Range { .. }) if raw != *options => {
            // Ranking may need fewer operators than the scores themselves.
            return lower(graph, calibration, options);
        }
        compiled => compiled?,
    };
    if raw == *options {
        return Ok(compiled);
    }
    lower(graph, calibration, &Options { output: options.output, ..compiled.metadata.options })
}

/// An integer model of exactly these bits.
fn lower(
    graph: &FloatGraph,
    calibration: &Calibration,
    options: &Options,
) -> Result<Compiled, QuantizeError> {
    let outputs: Vec<ValueId> =
        graph.outputs.iter().map(|o| scored(graph, o.value, options.output)).collect();
    let live = live_nodes(graph, &outputs);
    let formats = Formats::assign(graph, calibration, options);
    let mut cx = Lowering::new(graph, &outputs, &live, formats, calibration, options);
    let inputs = lower_inputs(&mut cx)?;
    lower_nodes(&mut cx, &live)?;
    for (output, &value) in graph.outputs.iter().zip(&outputs) {
        lower_output(&mut cx, &output.name, value)?;
    }
    let bindings = cx.bindings();
    let model = Model::new(cx.graph, cx.weights)?;
    Ok(Compiled { model, metadata: Metadata { options: options.clone(), inputs, bindings } })
}

/// What is ranked for an output: the maximum of a softmax is where its operand's is.
fn scored(graph: &FloatGraph, output: ValueId, mode: OutputMode) -> ValueId {
    let mut value = output;
    while let (true, Some(node)) = (mode != OutputMode::Raw, graph.producer(value)) {
        let last = graph.shape(value).len().checked_sub(1);
        let monotone = match &node.op {
            FloatOp::Softmax { axes, .. } => axes.iter().all(|&axis| Some(axis) == last),
            FloatOp::Unary(op) => {
                matches!(op, UnaryOp::Sigmoid | UnaryOp::Tanh | UnaryOp::Exp | UnaryOp::Log)
            }
            _ => false,
        };
        if !monotone {
            break;
        }
        value = node.inputs[0];
    }
    value
}

/// Which nodes the outputs depend on.
fn live_nodes(graph: &FloatGraph, outputs: &[ValueId]) -> Vec<bool> {
    let mut needed = vec![false; graph.values.len()];
    outputs.iter().for_each(|id| needed[id.0] = true);
    let mut live = vec![false; graph.nodes.len()];
    for (index, node) in graph.nodes.iter().enumerate().rev() {
        live[index] = node.outputs.iter().any(|id| needed[id.0]);
        if live[index] {
            node.inputs.iter().for_each(|id| needed[id.0] = true);
        }
    }
    live
}

fn lower_inputs(cx: &mut Lowering<'_>) -> Result<Vec<InputKind>, QuantizeError> {
    let mut kinds = Vec::new();
    for &id in &cx.float.inputs {
        let (value, format) = (cx.float.value(id), cx.formats.of(id));
        let tensor = cx.graph.add_input(&value.name, value.shape.clone(), format.codes, format.scale)?;
        let input = cx.quantized(tensor, format.scale);
        cx.define(id, input.into())?;
        kinds.push(if value.dtype == DType::Float { InputKind::Real } else { InputKind::Integer });
    }
    Ok(kinds)
}

/// Lowers every live node, and collects all that are refused before giving up.
fn lower_nodes(cx: &mut Lowering<'_>, live: &[bool]) -> Result<(), QuantizeError> {
    let mut refused = Vec::new();
    let float = cx.float;
    for (node, _) in float.nodes.iter().zip(live).filter(|(_, live)| **live) {
        cx.current = (node.name.clone(), node.op_type.clone());
        if cx.is_blocked(node) {
            refused.extend(ops::unsupported(&node.op).map(|reason| refusal(float, node, reason.into())));
            continue;
        }
        let define = |cx: &mut Lowering<'_>, lowered: Vec<Lowered>| {
            node.outputs.iter().zip(lowered).try_for_each(|(&output, lowered)| cx.define(output, lowered))
        };
        match ops::lower(cx, node).and_then(|lowered| define(cx, lowered)) {
            Ok(()) => {}
            Err(QuantizeError::Unsupported { nodes }) => refused.extend(nodes),
            Err(error) => return Err(error),
        }
    }
    if refused.is_empty() { Ok(()) } else { Err(QuantizeError::Unsupported { nodes: refused }) }
}

pub(crate) fn refusal(graph: &FloatGraph, node: &Node, reason: String) -> UnsupportedNode {
    UnsupportedNode {
        name: node.name.clone(),
        op_type: node.op_type.clone(),
        shapes: node.inputs.iter().map(|id| graph.shape(*id).to_vec()).collect(),
        reason,
    }
}

/// A graph output: the accumulator itself, or the exact positions of its greatest entries.
fn lower_output(cx: &mut Lowering<'_>, name: &str, id: ValueId) -> Result<(), QuantizeError> {
    let (float, value) = (cx.float, cx.float.value(id));
    cx.current = match &value.source {
        Source::Node { node, .. } => (float.nodes[*node].name.clone(), float.nodes[*node].op_type.clone()),
        _ => (value.name.clone(), "output".into()),
    };
    let (suffix, op) = match cx.options.output {
        mode if mode.positions(value) == 0 => {
            let x = match cx.lowered(id).cloned() {
                Some(Lowered::Sum(sum)) => cx.accumulator(&sum)?,
                _ => cx.operand(id)?,
            };
            cx.settle(id, x);
            return Ok(cx.graph.add_output(name, x.tensor, x.scale)?);
        }
        OutputMode::TopK(k) => ("topk", Op::TopK(TopK { k, ranked: Ranked::Positions })),
        _ => ("argmax", Op::ArgMax(ArgMax {})),
    };
    let x = cx.ranked_operand(id)?;
    cx.settle(id, x);
    cx.current.0 = format!("{}/{suffix}", cx.current.0);
    let positions = cx.rearranged(x, op)?;
    Ok(cx.graph.add_output(name, positions.tensor, 1.0)?)
}
