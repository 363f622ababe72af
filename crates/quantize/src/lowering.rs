//! The state of a lowering: which values have become integers, and how to make more.

use std::collections::HashSet;

use zkml_import::{DType, FloatGraph, Node, Op as FloatOp, PoolKind, Source, UnaryOp, ValueId};
use zkml_ir::graph::MAX_MAGNITUDE;
use zkml_ir::ops::{Linear, Reshape, View};
use zkml_ir::{Graph, Op, Tensor, TensorId};

use crate::affine::{Affine, Contraction, Quantized, Term};
use crate::calibrate::Calibration;
use crate::compiled::Binding;
use crate::error::QuantizeError;
use crate::integers::{Integers, Weights};
use crate::options::{Options, OutputMode};
use crate::requantize::{Function, MAX_RANKED};
use crate::scale::{Format, Formats};
use crate::spread::Spread;

/// What a float value has become.
#[derive(Clone, Debug)]
pub(crate) enum Lowered {
    /// Integers that operators can read.
    Tensor(Quantized),
    /// A sum that its only consumer completes.
    Sum(Box<Affine>),
}

impl From<Quantized> for Lowered {
    fn from(x: Quantized) -> Self {
        Self::Tensor(x)
    }
}

impl From<Affine> for Lowered {
    fn from(sum: Affine) -> Self {
        Self::Sum(Box::new(sum))
    }
}

/// Where the single path that starts at a value leads.
enum Fate {
    /// To an activation that commutes with everything before it, over these values.
    Activation(usize, Vec<ValueId>),
    /// To a graph output, rearranged at most.
    Output,
    /// Anywhere else.
    Other,
}

/// The integer graph under construction.
pub(crate) struct Lowering<'a> {
    pub(crate) float: &'a FloatGraph,
    pub(crate) options: &'a Options,
    pub(crate) formats: Formats,
    calibration: &'a Calibration,
    pub(crate) graph: Graph,
    pub(crate) weights: Vec<Tensor>,
    /// Name and ONNX type of the node that is being lowered.
    pub(crate) current: (String, String),
    values: Vec<Option<Lowered>>,
    consumers: Vec<Vec<usize>>,
    /// How often a graph output reads a value.
    outputs: Vec<usize>,
    /// Activations that an earlier requantisation already applied.
    absorbed: HashSet<usize>,
    /// Values whose integers have such an activation applied already.
    changed: HashSet<ValueId>,
}

impl<'a> Lowering<'a> {
    pub(crate) fn new(
        float: &'a FloatGraph,
        outputs: &[ValueId],
        live: &[bool],
        formats: Formats,
        calibration: &'a Calibration,
        options: &'a Options,
    ) -> Self {
        let mut consumers = vec![Vec::new(); float.values.len()];
        for (index, node) in float.nodes.iter().enumerate().filter(|(index, _)| live[*index]) {
            for input in &node.inputs {
                consumers[input.0].push(index);
            }
        }
        let mut reads = vec![0; float.values.len()];
        for output in outputs {
            reads[output.0] += 1;
        }
        Self {
            float,
            options,
            formats,
            calibration,
            graph: Graph::new(),
            weights: Vec::new(),
            current: Default::default(),
            values: vec![None; float.values.len()],
            consumers,
            outputs: reads,
            absorbed: HashSet::new(),
            changed: HashSet::new(),
        }
    }

    /// What a value has become; none if it is not lowered, or refused.
    pub(crate) fn lowered(&self, id: ValueId) -> Option<&Lowered> {
        self.values[id.0].as_ref()
    }

    /// Records what a value has become. A sum with several readers is committed at once, so that all read the same.
    pub(crate) fn define(&mut self, id: ValueId, lowered: Lowered) -> Result<(), QuantizeError> {
        self.values[id.0] = Some(lowered);
        if self.consumers[id.0].len() + self.outputs[id.0] > 1 {
            self.operand(id)?;
        }
        Ok(())
    }

    /// Records the integers of an output.
    pub(crate) fn settle(&mut self, id: ValueId, x: Quantized) {
        self.values[id.0] = Some(x.into());
    }

    /// The integers of every value that has some which mean the same.
    pub(crate) fn bindings(&self) -> Vec<Binding> {
        let mut bindings = Vec::new();
        for (value, lowered) in self.values.iter().enumerate() {
            let Some(Lowered::Tensor(x)) = lowered else { continue };
            if self.changed.contains(&ValueId(value)) {
                continue;
            }
            let info = &self.float.values[value];
            let (node, op_type) = match info.source {
                Source::Node { node, .. } => {
                    (self.float.nodes[node].name.clone(), self.float.nodes[node].op_type.clone())
                }
                _ => (String::new(), "input".into()),
            };
            let name = info.name.clone();
            bindings.push(Binding { value, name, node, op_type, tensor: x.tensor, scale: x.scale });
        }
        bindings
    }

    /// Whether an operand that is no constant has not been lowered, because an earlier node is refused.
    pub(crate) fn is_blocked(&self, node: &Node) -> bool {
        node.inputs.iter().any(|id| self.values[id.0].is_none() && self.float.constant(*id).is_none())
    }

    /// Whether the activation `node` was applied earlier.
    pub(crate) fn is_absorbed(&self, node: &Node) -> bool {
        node.outputs.first().is_some_and(|id| match self.float.value(*id).source {
            Source::Node { node, .. } => self.absorbed.contains(&node),
            _ => false,
        })
    }

    /// A value as an operand: committed, or a linear rearrangement of committed tensors.
    pub(crate) fn operand(&mut self, id: ValueId) -> Result<Quantized, QuantizeError> {
        match self.values[id.0].clone() {
            Some(Lowered::Tensor(x)) => Ok(x),
            Some(Lowered::Sum(sum)) => {
                let x = self.commit(id, &sum)?;
                self.values[id.0] = Some(x.into());
                Ok(x)
            }
            None => self.constant_operand(id),
        }
    }

    /// A value as an operand of few bits: sums over windows or axes are requantised.
    pub(crate) fn narrow(&mut self, id: ValueId) -> Result<Quantized, QuantizeError> {
        let x = self.operand(id)?;
        let format = self.formats.of(id);
        if x.range.magnitude() < 1 << format.bits() || self.float.value(id).dtype != DType::Float {
            return Ok(x);
        }
        let x = self.rescale(x, format)?;
        self.values[id.0] = Some(x.into());
        Ok(x)
    }

    /// A value whose entries are compared: a sum is committed exactly.
    pub(crate) fn ranked_operand(&mut self, id: ValueId) -> Result<Quantized, QuantizeError> {
        match self.values[id.0].clone() {
            Some(Lowered::Sum(sum)) => self.commit_exactly(&sum, MAX_RANKED),
            _ => self.operand(id),
        }
    }

    /// An operand in another format.
    pub(crate) fn rescale(&mut self, x: Quantized, format: Format) -> Result<Quantized, QuantizeError> {
        let shape = self.shape(x);
        let sum = Affine::of(shape, Term::Tensor { x, factor: 1.0 });
        self.requantize(&sum, &Function::IDENTITY, format)
    }

    /// An operand in exactly this scale.
    pub(crate) fn rescale_to(&mut self, x: Quantized, format: Format) -> Result<Quantized, QuantizeError> {
        let sum = Affine::of(self.shape(x), Term::Tensor { x, factor: 1.0 });
        self.requantize_at(&sum, format)
    }

    /// A value as a symbolic sum of the given shape, to which it broadcasts.
    pub(crate) fn sum(&mut self, id: ValueId, shape: &[usize]) -> Result<Affine, QuantizeError> {
        if let Some(constant) = self.float.constant(id) {
            let data = constant.data().iter().map(|&v| f64::from(v)).collect();
            let bias = Spread::broadcast(constant.shape(), data, shape.len());
            return Ok(Affine { shape: shape.to_vec(), terms: Vec::new(), bias });
        }
        match self.values[id.0].clone() {
            Some(Lowered::Sum(sum)) if sum.shape == shape => Ok(*sum),
            _ => {
                let x = self.operand(id)?;
                let x = self.broadcast(x, shape)?;
                Ok(Affine::of(shape.to_vec(), Term::Tensor { x, factor: 1.0 }))
            }
        }
    }

    /// Commits a sum under the name of the node that made it, not of the one that needs it now.
    fn commit(&mut self, id: ValueId, sum: &Affine) -> Result<Quantized, QuantizeError> {
        let current = self.current.clone();
        if let Some(node) = self.float.producer(id) {
            self.current = (node.name.clone(), node.op_type.clone());
        }
        let committed = self.commit_with_activation(id, sum);
        self.current = current;
        committed
    }

    /// The activation that follows the sum's rearrangements, if there is one, is applied at once.
    fn commit_with_activation(&mut self, id: ValueId, sum: &Affine) -> Result<Quantized, QuantizeError> {
        match self.fate(id) {
            Fate::Activation(node, path) => {
                self.absorbed.insert(node);
                self.changed.extend(path);
                let output = self.float.nodes[node].outputs[0];
                let FloatOp::Unary(unary) = self.float.nodes[node].op else {
                    return self.requantize(sum, &Function::IDENTITY, self.formats.of(id));
                };
                let (lo, hi) = clip_bounds(unary).unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
                self.requantize(sum, &Function::Clip(lo, hi), self.formats.of(output))
            }
            Fate::Output => {
                let raw = self.options.output == OutputMode::Raw;
                self.commit_exactly(sum, if raw { MAX_MAGNITUDE } else { MAX_RANKED })
            }
            Fate::Other => self.requantize(sum, &Function::IDENTITY, self.formats.of(id)),
        }
    }

    fn fate(&self, start: ValueId) -> Fate {
        let (mut id, mut rearranged_only, mut path) = (start, true, Vec::new());
        loop {
            path.push(id);
            match (&self.consumers[id.0][..], self.outputs[id.0]) {
                ([], 1) if rearranged_only => return Fate::Output,
                (&[node], 0) => {
                    let next = &self.float.nodes[node];
                    match &next.op {
                        FloatOp::Unary(unary) if clip_bounds(*unary).is_some() => {
                            return Fate::Activation(node, path);
                        }
                        FloatOp::Reshape | FloatOp::Transpose { .. } | FloatOp::Slice { .. } => {}
                        FloatOp::Expand | FloatOp::Select { .. } => {}
                        FloatOp::Pool(pool) if pool.kind == PoolKind::Max => rearranged_only = false,
                        _ => return Fate::Other,
                    }
                    id = next.outputs[0];
                }
                _ => return Fate::Other,
            }
        }
    }

    /// The least variance that calibration saw in a normalisation.
    pub(crate) fn least_variance(&self, node: &Node) -> f64 {
        let output = node.outputs.first().map_or(0, |id| id.0);
        self.calibration.least_variance(output)
    }

    /// Whether only a graph output reads the value.
    pub(crate) fn is_only_output(&self, id: ValueId) -> bool {
        self.consumers[id.0].is_empty() && self.outputs[id.0] > 0
    }

    /// A constant as private integers in its own format.
    fn constant_operand(&mut self, id: ValueId) -> Result<Quantized, QuantizeError> {
        let Some(constant) = self.float.constant(id) else {
            return Err(
                self.malformed(format!("`{}` is read before it is computed", self.float.value(id).name))
            );
        };
        let format = self.formats.of(id);
        let data = constant.data().iter().map(|&v| format.encode(f64::from(v)) as i32).collect();
        let name = self.float.value(id).name.clone();
        let tensor = Tensor::new(&name, constant.shape().to_vec(), data)?;
        let id = self.graph.add_weight(&name, tensor.shape.clone(), format.codes, None)?;
        self.weights.push(tensor);
        Ok(self.quantized(id, format.scale))
    }

    pub(crate) fn quantized(&self, tensor: TensorId, scale: f64) -> Quantized {
        Quantized { tensor, scale, range: self.graph.tensor(tensor).range }
    }

    pub(crate) fn shape(&self, x: Quantized) -> Vec<usize> {
        self.graph.tensor(x.tensor).shape.clone()
    }

    /// Adds a node under the current node's name.
    pub(crate) fn node(&mut self, op: Op, operands: &[TensorId]) -> Result<TensorId, QuantizeError> {
        Ok(self.graph.add_node(&self.current.0, op, operands)?)
    }

    /// An operator that moves entries, applied to an operand.
    pub(crate) fn rearranged(&mut self, x: Quantized, op: Op) -> Result<Quantized, QuantizeError> {
        let tensor = self.node(op, &[x.tensor])?;
        Ok(self.quantized(tensor, x.scale))
    }

    /// Numpy's broadcasting; nothing where the shape is right already.
    pub(crate) fn broadcast(&mut self, x: Quantized, shape: &[usize]) -> Result<Quantized, QuantizeError> {
        let from = self.shape(x);
        if from == shape {
            return Ok(x);
        }
        self.rearranged(x, Op::View(View::broadcast(&from, shape)))
    }

    /// The same entries under another shape; nothing where the shape is right already.
    pub(crate) fn reshape(&mut self, x: Quantized, shape: &[usize]) -> Result<Quantized, QuantizeError> {
        if self.shape(x) == shape {
            return Ok(x);
        }
        self.rearranged(x, Op::Reshape(Reshape { shape: shape.to_vec() }))
    }

    /// A permutation of axes; nothing where it is the identity.
    pub(crate) fn transpose(&mut self, x: Quantized, order: &[usize]) -> Result<Quantized, QuantizeError> {
        if order.iter().copied().eq(0..order.len()) {
            return Ok(x);
        }
        let view = View::transpose(&self.shape(x), order);
        self.rearranged(x, Op::View(view))
    }

    /// The operand multiplied by a small integer, a rearrangement with one term.
    pub(crate) fn negated(&mut self, x: Quantized) -> Result<Quantized, QuantizeError> {
        self.rearranged(x, Op::Linear(Linear { coefficients: vec![-1], constant: 0 }))
    }

    /// Adds the nodes and weights of a sum; its accumulator.
    pub(crate) fn emit_sum(&mut self, sum: &Affine, integers: &Integers) -> Result<TensorId, QuantizeError> {
        let (mut operands, mut coefficients) = (Vec::new(), Vec::new());
        for (term, integer) in sum.terms.iter().zip(&integers.terms) {
            operands.push(self.emit_term(term, integer.weights.as_ref())?);
            coefficients.push(integer.coefficient);
        }
        if let Some((bias, range)) = &integers.bias {
            let data = bias.data.iter().map(|&b| b as i32).collect();
            let name = format!("{}/bias", self.current.0);
            let tensor = Tensor::new(&name, bias.lengths.clone(), data)?;
            let weight = self.graph.add_weight(&name, tensor.shape.clone(), *range, None)?;
            self.weights.push(tensor);
            let axes = bias.axes.iter().map(|&axis| zkml_ir::ops::AxisMap::identity(axis as u32)).collect();
            let view = View { shape: sum.shape.clone(), axes, fill: 0 };
            operands.push(self.node(Op::View(view), &[weight])?);
            coefficients.push(1);
        }
        match (&operands[..], &coefficients[..]) {
            (&[only], [1]) => Ok(only),
            ([], _) => Err(self.malformed("a sum without operands")),
            _ => self.node(Op::Linear(Linear { coefficients, constant: 0 }), &operands),
        }
    }

    fn emit_term(&mut self, term: &Term, weights: Option<&Weights>) -> Result<TensorId, QuantizeError> {
        match (term, weights) {
            (Term::Tensor { x, .. }, _) => Ok(x.tensor),
            (Term::Product { a, b, op, .. }, _) => self.node(Op::Einsum(op.clone()), &[a.tensor, b.tensor]),
            (Term::Weighted { x, weight, op, .. }, Some(weights)) => {
                let name = format!("{}/weight", self.current.0);
                let tensor = Tensor::new(&name, weight.shape.clone(), weights.data.clone())?;
                let range = self.options.weight_range();
                let id = self.graph.add_weight(&name, tensor.shape.clone(), range, weights.cap)?;
                self.weights.push(tensor);
                let op = match op {
                    Contraction::Conv(conv) => Op::Conv(conv.clone()),
                    Contraction::Einsum(einsum) => Op::Einsum(einsum.clone()),
                };
                self.node(op, &[x.tensor, id])
            }
            (Term::Weighted { .. }, None) => Err(self.malformed("weights without integers")),
        }
    }

    pub(crate) fn malformed(&self, reason: impl Into<String>) -> QuantizeError {
        QuantizeError::Malformed {
            node: self.current.0.clone(),
            op: self.current.1.clone(),
            reason: reason.into(),
        }
    }

    /// A refusal of the current node, collected with all others.
    pub(crate) fn unsupported(&self, node: &Node, reason: impl Into<String>) -> QuantizeError {
        QuantizeError::Unsupported { nodes: vec![crate::compile::refusal(self.float, node, reason.into())] }
    }
}

/// The bounds of an activation that only clamps.
pub(crate) fn clip_bounds(unary: UnaryOp) -> Option<(f64, f64)> {
    match unary {
        UnaryOp::Relu => Some((0.0, f64::INFINITY)),
        UnaryOp::Clip { min, max } => Some((f64::from(min), f64::from(max))),
        _ => None,
    }
}
