//! Small float graphs built by hand, and the comparison of their integers with their floats.

#![allow(dead_code, clippy::unwrap_used, reason = "tests; each file uses a part")]

use zkml_import::{
    Array, BinaryOp, Conv, DType, Einsum, Evaluator, FloatGraph, GraphOutput, Node, Op, Pool, PoolKind,
    Reduce, ReduceOp, Source, Tensor, UnaryOp, Value, ValueId, Window, shape,
};
use zkml_quantize::{Calibration, Compiled, Options, OutputMode, Profile, compile};

/// Reproducible pseudo-random numbers in [−1, 1).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    pub(crate) fn tensor(&mut self, shape: &[usize]) -> Tensor {
        let data = (0..shape.iter().product()).map(|_| self.next()).collect();
        Tensor::new(shape.to_vec(), data).unwrap()
    }
}

/// A graph under construction.
pub(crate) struct Net {
    pub(crate) graph: FloatGraph,
    pub(crate) random: Random,
}

impl Net {
    pub(crate) fn new() -> Self {
        Self { graph: FloatGraph::default(), random: Random(7) }
    }

    fn value(&mut self, name: String, shape: &[usize], dtype: DType, source: Source) -> ValueId {
        self.graph.values.push(Value { name, in_onnx: true, shape: shape.to_vec(), dtype, source });
        ValueId(self.graph.values.len() - 1)
    }

    pub(crate) fn input(&mut self, shape: &[usize]) -> ValueId {
        let id = self.value(format!("x{}", self.graph.inputs.len()), shape, DType::Float, Source::Input);
        self.graph.inputs.push(id);
        id
    }

    pub(crate) fn constant(&mut self, tensor: Tensor) -> ValueId {
        let name = format!("c{}", self.graph.values.len());
        let shape = tensor.shape().to_vec();
        self.value(name, &shape, DType::Float, Source::Constant(tensor))
    }

    pub(crate) fn weights(&mut self, shape: &[usize]) -> ValueId {
        let tensor = self.random.tensor(shape);
        self.constant(tensor)
    }

    /// Adds a node; `target` is the output shape of a reshape or an expansion.
    pub(crate) fn node_to(&mut self, op: Op, inputs: &[ValueId], target: &[usize]) -> ValueId {
        let shapes: Vec<&[usize]> = inputs.iter().map(|id| self.graph.shape(*id)).collect();
        let out = shape::infer(&op, &shapes, target).unwrap().remove(0);
        let node = self.graph.nodes.len();
        let dtype = if matches!(op, Op::ArgExtreme { .. }) { DType::Int } else { DType::Float };
        let id = self.value(format!("v{node}"), &out, dtype, Source::Node { node, output: 0 });
        let name = format!("node{node}");
        self.graph.nodes.push(Node {
            name,
            op_type: "Test".into(),
            op,
            inputs: inputs.to_vec(),
            outputs: vec![id],
        });
        id
    }

    pub(crate) fn node(&mut self, op: Op, inputs: &[ValueId]) -> ValueId {
        self.node_to(op, inputs, &[])
    }

    /// The `k` greatest or least entries along an axis, and their positions.
    pub(crate) fn top_k(&mut self, x: ValueId, axis: usize, k: usize, largest: bool) -> [ValueId; 2] {
        let values = self.node(Op::TopK { axis, k, largest }, &[x]);
        let node = self.graph.nodes.len() - 1;
        let (shape, source) = (self.graph.shape(values).to_vec(), Source::Node { node, output: 1 });
        let positions = self.value(format!("v{node}/positions"), &shape, DType::Int, source);
        self.graph.nodes[node].outputs.push(positions);
        [values, positions]
    }

    pub(crate) fn unary(&mut self, op: UnaryOp, x: ValueId) -> ValueId {
        self.node(Op::Unary(op), &[x])
    }

    pub(crate) fn binary(&mut self, op: BinaryOp, a: ValueId, b: ValueId) -> ValueId {
        self.node(Op::Binary(op), &[a, b])
    }

    pub(crate) fn gemm(&mut self, x: ValueId, outputs: usize) -> ValueId {
        let inputs = self.graph.shape(x)[1];
        let (w, b) = (self.weights(&[outputs, inputs]), self.weights(&[outputs]));
        let einsum = Einsum { a: b"mk".to_vec(), b: b"nk".to_vec(), out: b"mn".to_vec() };
        self.node(Op::Einsum(einsum), &[x, w, b])
    }

    pub(crate) fn conv(&mut self, x: ValueId, outputs: usize, kernel: usize, groups: usize) -> ValueId {
        let channels = self.graph.shape(x)[1];
        let (w, b) = (self.weights(&[outputs, channels / groups, kernel, kernel]), self.weights(&[outputs]));
        let pad = kernel / 2;
        self.node(Op::Conv(Conv { window: window(kernel, 1, pad), groups }), &[x, w, b])
    }

    pub(crate) fn pool(&mut self, x: ValueId, kind: PoolKind, window: Window) -> ValueId {
        self.node(Op::Pool(Pool { window, kind }), &[x])
    }

    pub(crate) fn reduce(&mut self, x: ValueId, op: ReduceOp, axes: &[usize], keep_dims: bool) -> ValueId {
        self.node(Op::Reduce(Reduce { op, axes: axes.to_vec(), keep_dims }), &[x])
    }

    pub(crate) fn flatten(&mut self, x: ValueId) -> ValueId {
        let shape = self.graph.shape(x);
        let target = [shape[0], shape[1..].iter().product()];
        self.node_to(Op::Reshape, &[x], &target)
    }

    pub(crate) fn output(mut self, id: ValueId) -> FloatGraph {
        self.graph.outputs.push(GraphOutput { name: "y".into(), value: id });
        self.graph
    }
}

pub(crate) fn window(kernel: usize, stride: usize, pad: usize) -> Window {
    Window {
        kernel: vec![kernel; 2],
        strides: vec![stride; 2],
        dilations: vec![1; 2],
        pads: vec![(pad, pad); 2],
    }
}

pub(crate) fn samples(graph: &FloatGraph, count: usize, seed: u64) -> Vec<Vec<Tensor>> {
    let mut random = Random(seed);
    (0..count).map(|_| graph.inputs.iter().map(|id| random.tensor(graph.shape(*id))).collect()).collect()
}

pub(crate) fn compiled(graph: &FloatGraph, options: &Options) -> Compiled {
    let calibration = Calibration::collect(graph, &samples(graph, 40, 1)).unwrap();
    compile(graph, &calibration, options).unwrap()
}

/// The largest error on samples that calibration has not seen, relative to the output's range.
pub(crate) fn error(graph: &FloatGraph, profile: Profile) -> f64 {
    let compiled = compiled(graph, &Options::new(profile));
    let evaluator = Evaluator::new(graph).unwrap();
    let (mut worst, mut lo, mut hi) = (0f64, f64::INFINITY, f64::NEG_INFINITY);
    for sample in samples(graph, 30, 99) {
        let float = evaluator.run_all(&sample).unwrap()[graph.outputs[0].value.0].clone().unwrap();
        let arrays: Vec<Array> = sample.into_iter().map(Array::F32).collect();
        let integer = compiled.run(&arrays).unwrap().remove(0);
        assert_eq!(float.shape(), integer.shape());
        for (&f, &i) in float.data().iter().zip(integer.data()) {
            worst = worst.max(f64::from(f - i).abs());
            lo = lo.min(f64::from(f));
            hi = hi.max(f64::from(f));
        }
    }
    worst / (hi - lo).max(1e-9)
}

/// Both profiles stay within their tolerance, the accurate one within an eighth of it.
pub(crate) fn assert_close(graph: &FloatGraph, tolerance: f64) {
    let fast = error(graph, Profile::Fast);
    assert!(fast <= tolerance, "fast: {fast}");
    let accurate = error(graph, Profile::Accurate);
    assert!(accurate <= tolerance / 8.0, "accurate: {accurate}, fast: {fast}");
    let compiled = compiled(graph, &Options { output: OutputMode::Raw, ..Options::default() });
    let bytes = compiled.model.to_bytes().unwrap();
    assert_eq!(zkml_ir::Model::from_bytes(&bytes).unwrap(), compiled.model);
}

impl Net {
    /// A matrix product over the last axis.
    pub(crate) fn gemm_last(&mut self, x: ValueId, outputs: usize) -> ValueId {
        let rank = self.graph.shape(x).len();
        let inputs = self.graph.shape(x)[rank - 1];
        let w = self.weights(&[outputs, inputs]);
        let a: Vec<u8> = (0..rank as u8).collect();
        let last = rank as u8 - 1;
        let out = [&a[..rank - 1], b"n"].concat();
        self.node(Op::Einsum(Einsum { a, b: vec![b'n', last], out }), &[x, w])
    }
}
