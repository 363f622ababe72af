//! Small graphs with random weights and inputs.

use zkml_iop::builder::Visibility::{self, Private, Public};
use zkml_ir::ops::{Activation, Conv, Einsum, Requantize};
use zkml_ir::{Graph, Interval, Model, Op, Tensor, TensorId};

use super::Case;

/// Reproducible integers in an interval.
#[derive(Clone)]
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, range: Interval) -> i32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (range.lo + ((self.0 >> 33) % range.len()) as i64) as i32
    }

    pub fn tensor(&mut self, shape: &[usize], range: Interval) -> Tensor {
        let data = (0..shape.iter().product::<usize>()).map(|_| self.roll(range)).collect();
        Tensor { shape: shape.to_vec(), data }
    }
}

pub const U8: Interval = Interval::unsigned(8);
pub const I8: Interval = Interval::signed(8);

/// A graph under construction with random weights and inputs.
#[derive(Clone)]
pub struct Sketch {
    pub graph: Graph,
    pub weights: Vec<Tensor>,
    pub dice: Dice,
}

impl Sketch {
    pub fn new() -> Self {
        Self { graph: Graph::new(), weights: vec![], dice: Dice(42) }
    }

    pub fn input(&mut self, shape: &[usize], range: Interval) -> TensorId {
        self.graph.add_input("x", shape.to_vec(), range, 1.0).unwrap()
    }

    pub fn weight(&mut self, shape: &[usize], range: Interval) -> TensorId {
        let tensor = self.dice.tensor(shape, range);
        self.weights.push(tensor);
        self.graph.add_weight("w", shape.to_vec(), range, None).unwrap()
    }

    pub fn node(&mut self, op: Op, operands: &[TensorId]) -> TensorId {
        let name = format!("{}_{}", op.semantics().name(), self.graph.tensors().len());
        self.graph.add_node(&name, op, operands).unwrap()
    }

    pub fn relu(&mut self, acc: TensorId, shift: u32, blocks: i64) -> TensorId {
        let op = Requantize {
            shift,
            domain: Interval::new(-blocks * 256, blocks * 256 - 1),
            activation: Activation::Clamp(U8),
        };
        self.node(Op::Requantize(op), &[acc])
    }

    /// The statement on `batch` random samples.
    pub fn case(mut self, output: TensorId, batch: usize, visible: (Visibility, Visibility)) -> Case {
        self.graph.add_output("y", output, 1.0).unwrap();
        let model = Model::new(self.graph, self.weights).unwrap();
        let samples: Vec<_> = (0..batch).map(|_| sample(&model.graph, &mut self.dice)).collect();
        Case::new(model, &samples, visible)
    }

    /// The statement on one sample, with a private input and a public output.
    pub fn single(self, output: TensorId) -> Case {
        self.case(output, 1, (Private, Public))
    }

    /// The statement on one given sample.
    pub fn on(mut self, output: TensorId, data: &[i32], visible: Visibility) -> Case {
        self.graph.add_output("y", output, 1.0).unwrap();
        let model = Model::new(self.graph, self.weights).unwrap();
        let shape = model.graph.tensor(model.graph.inputs()[0].tensor).shape.clone();
        let sample = vec![Tensor { shape, data: data.to_vec() }];
        Case::new(model, &[sample], (Private, visible))
    }

    /// Every kind of statement on random samples is proven.
    pub fn prove(self, output: TensorId) {
        for (batch, input, out) in
            [(1, Private, Public), (1, Public, Public), (1, Private, Private), (3, Private, Public)]
        {
            self.clone().case(output, batch, (input, out)).assert_complete();
        }
    }
}

/// Random inputs of a graph.
pub fn sample(graph: &Graph, dice: &mut Dice) -> Vec<Tensor> {
    let inputs = graph.inputs().iter().map(|p| graph.tensor(p.tensor));
    inputs.map(|t| dice.tensor(&t.shape, t.range)).collect()
}

pub fn conv(strides: [usize; 2], pads: [(usize, usize); 2], groups: usize) -> Conv {
    Conv { strides: strides.to_vec(), dilations: vec![1, 1], pads: pads.to_vec(), groups, transposed: None }
}

pub fn gemm() -> Op {
    Op::Einsum(Einsum { a: vec![0, 2], b: vec![1, 2], out: vec![0, 1] })
}
