//! A context that knows no scalar of the prover: it counts the pads, products and equations that a sealed transcript needs.

#![allow(clippy::unwrap_used, reason = "tests")]

mod clear;

use std::collections::BTreeMap;

use clear::{Case, Chain, F, K};
use p3_field::{BasedVectorSpace, PrimeCharacteristicRing};
use zkml_iop::builder::Visibility::{Private, Public};
use zkml_iop::commitment::Combination;
use zkml_iop::context::Context;
use zkml_iop::error::VerifyError;
use zkml_iop::layout::TreeKind;
use zkml_iop::transcript::Transcript;
use zkml_iop::verifier::verify;
use zkml_ir::ops::{Activation, Einsum, Requantize};
use zkml_ir::{Graph, Interval, Model, Op, Tensor};

/// `factor·pad + constant` for one pad.
#[derive(Clone, Copy)]
struct Affine {
    pad: usize,
    factor: K,
    constant: K,
}

/// A linear function of pads and products of pads.
#[derive(Clone, Default)]
struct Form {
    pads: BTreeMap<usize, K>,
    products: BTreeMap<(usize, usize), K>,
    constant: K,
}

#[derive(Default)]
struct Recorder {
    transcript: Chain,
    pads: usize,
    equations: Vec<(&'static str, Form)>,
    num_columns: usize,
}

impl Context for Recorder {
    type Public = K;
    type Sealed = Affine;
    type Linear = Form;

    fn basis(&self, index: usize) -> K {
        <K as BasedVectorSpace<F>>::ith_basis_element(index).unwrap()
    }

    fn commit(&mut self, _: TreeKind) -> Result<(), VerifyError> {
        self.transcript.absorb_bytes("commitment", b"");
        Ok(())
    }

    fn challenge(&mut self, label: &'static str) -> K {
        self.transcript.challenge(label)
    }

    fn receive(&mut self, _: &'static str) -> Result<Affine, VerifyError> {
        self.pads += 1;
        Ok(Affine { pad: self.pads - 1, factor: K::ONE, constant: K::ZERO })
    }

    fn affine(&mut self, value: &Affine, factor: &K, constant: &K) -> Affine {
        Affine {
            pad: value.pad,
            factor: value.factor * *factor,
            constant: value.constant * *factor + *constant,
        }
    }

    fn zero(&self) -> Form {
        Form::default()
    }

    fn add_public(&mut self, sum: &mut Form, value: &K) {
        sum.constant += *value;
    }

    fn add(&mut self, sum: &mut Form, factor: &K, value: &Affine) {
        *sum.pads.entry(value.pad).or_default() += *factor * value.factor;
        sum.constant += *factor * value.constant;
    }

    fn add_product(&mut self, sum: &mut Form, factor: &K, a: &Affine, b: &Affine) {
        let key = (a.pad.min(b.pad), a.pad.max(b.pad));
        *sum.products.entry(key).or_default() += *factor * a.factor * b.factor;
        *sum.pads.entry(a.pad).or_default() += *factor * a.factor * b.constant;
        *sum.pads.entry(b.pad).or_default() += *factor * b.factor * a.constant;
        sum.constant += *factor * a.constant * b.constant;
    }

    fn scale(&mut self, sum: &Form, factor: &K) -> Form {
        let mut sum = sum.clone();
        sum.pads.values_mut().chain(sum.products.values_mut()).for_each(|v| *v *= *factor);
        sum.constant *= *factor;
        sum
    }

    fn add_linear(&mut self, sum: &mut Form, other: &Form) {
        other.pads.iter().for_each(|(&pad, &v)| *sum.pads.entry(pad).or_default() += v);
        other.products.iter().for_each(|(&pair, &v)| *sum.products.entry(pair).or_default() += v);
        sum.constant += other.constant;
    }

    fn assert_zero(&mut self, sum: Form, check: &'static str) -> Result<(), VerifyError> {
        self.equations.push((check, sum));
        Ok(())
    }

    fn open(&mut self, _: &[K]) -> Result<Combination<K>, VerifyError> {
        let coefficients = (0..self.num_columns).map(|_| self.transcript.challenge("column")).collect();
        Ok(Combination { coefficients, value: K::ONE })
    }
}

fn perceptron() -> Case {
    let mut graph = Graph::new();
    let bytes = Interval::unsigned(8);
    let x = graph.add_input("x", vec![1, 4], bytes, 1.0).unwrap();
    let w = graph.add_weight("w", vec![3, 4], Interval::signed(8), None).unwrap();
    let gemm = Op::Einsum(Einsum { a: vec![0, 2], b: vec![1, 2], out: vec![0, 1] });
    let acc = graph.add_node("acc", gemm, &[x, w]).unwrap();
    let relu =
        Requantize { shift: 8, domain: Interval::new(-2048, 2047), activation: Activation::Clamp(bytes) };
    let y = graph.add_node("relu", Op::Requantize(relu), &[acc]).unwrap();
    graph.add_output("y", y, 1.0).unwrap();
    let weight = Tensor { shape: vec![3, 4], data: (0..12).map(|v| 9 * v - 50).collect() };
    let model = Model::new(graph, vec![weight]).unwrap();
    let input = Tensor { shape: vec![1, 4], data: vec![3, 250, 77, 0] };
    Case::new(model, &[vec![input]], (Private, Public))
}

#[test]
fn a_recorder_counts_as_many_pads_as_the_prover_sends_scalars() {
    let case = perceptron();
    let proof = case.prove(case.witness.clone());
    let mut recorder = Recorder { num_columns: case.layout.num_columns(), ..Recorder::default() };
    verify(&mut recorder, &case.system, &case.layout, &case.public()).unwrap();
    assert_eq!(recorder.pads, proof.scalars.len());
}

#[test]
fn every_received_scalar_occurs_in_a_recorded_equation() {
    let case = perceptron();
    let mut recorder = Recorder { num_columns: case.layout.num_columns(), ..Recorder::default() };
    verify(&mut recorder, &case.system, &case.layout, &case.public()).unwrap();
    let occurs = |pad: usize| {
        recorder.equations.iter().any(|(_, form)| {
            let linear = form.pads.get(&pad).is_some_and(|v| *v != K::ZERO);
            linear || form.products.keys().any(|&(a, b)| a == pad || b == pad)
        })
    };
    for pad in 0..recorder.pads {
        assert!(occurs(pad), "scalar {pad} is received and never constrained");
    }
}
