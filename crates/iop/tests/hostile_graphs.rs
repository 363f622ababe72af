//! Graphs that would make the relation unsound, or the verifier panic or run out of memory, are refused or handled.

#![allow(clippy::unwrap_used, reason = "tests")]

mod clear;

/// About 2^155 elements.
type Challenge = p3_field::extension::QuinticTrinomialExtensionField<p3_koala_bear::KoalaBear>;

use clear::sketch::{I8, Sketch, U8, conv, gemm};
use clear::{Case, FIELD};
use zkml_iop::builder::Visibility::{Private, Public};
use zkml_iop::builder::{FieldShape, Shape, build_system};
use zkml_iop::error::{RelationError, VerifyError};
use zkml_iop::layout::{Layout, Reserved};
use zkml_iop::system::System;
use zkml_ir::ops::{
    Activation, ArgMax, AxisMap, Concat, Conv, Einsum, Gather, Linear, Lookup, Max, Ranked, Requantize,
    Reshape, TopK, View,
};
use zkml_ir::{Graph, Interval, Op, Table, TensorId};

fn relation(graph: &Graph, field: FieldShape) -> Result<System, RelationError> {
    let shape = Shape {
        batch: 1,
        inputs: vec![Private; graph.inputs().len()],
        outputs: vec![Public; graph.outputs().len()],
    };
    build_system(graph, &shape, field)
}

fn refused(mut s: Sketch, output: TensorId) -> RelationError {
    s.graph.add_output("y", output, 1.0).unwrap();
    relation(&s.graph, FIELD).unwrap_err()
}

fn scale(k: i64) -> Op {
    Op::Linear(Linear { coefficients: vec![k], constant: 0 })
}

#[test]
fn distances_that_reach_around_the_field_are_refused() {
    // −2^29 − (2^29 − 1) is a positive number of 30 bits modulo the field: the smaller of both would pass for their maximum.
    for op in [Op::Max(Max {}), Op::ArgMax(ArgMax {}), Op::TopK(TopK { k: 2, ranked: Ranked::Positions })] {
        for range in [Interval::signed(30), Interval::new(-(1 << 29), (1 << 29) - 1000)] {
            let mut s = Sketch::new();
            let x = s.input(&[1, 2], range);
            let y = s.node(op.clone(), &[x]);
            assert!(matches!(refused(s, y), RelationError::Wraps { .. }));
        }
        let mut s = Sketch::new();
        let x = s.input(&[1, 2], Interval::signed(29));
        let y = s.node(op, &[x]);
        s.prove(y);
    }
}

#[test]
fn an_einsum_may_use_every_label() {
    let mut s = Sketch::new();
    let x = s.input(&[3, 4], I8);
    let w = s.weight(&[3, 4], I8);
    let y = s.node(Op::Einsum(Einsum { a: vec![255, 1], b: vec![254, 1], out: vec![254, 255] }), &[x, w]);
    s.prove(y);
}

#[test]
fn products_of_weights_enter_every_sample() {
    let mut s = Sketch::new();
    let x = s.input(&[3, 3], I8);
    let (v, w) = (s.weight(&[3, 3], I8), s.weight(&[3, 3], I8));
    let (xw, vw) = (s.node(gemm(), &[x, w]), s.node(gemm(), &[v, w]));
    let y = s.node(Op::Linear(Linear { coefficients: vec![1, 2], constant: 0 }), &[xw, vw]);
    s.clone().prove(y);
    s.prove(vw);
}

#[test]
fn coefficients_that_leave_their_machine_word_are_refused() {
    let mut s = Sketch::new();
    let x = s.input(&[2], Interval::point(0));
    let mut y = x;
    for _ in 0..3 {
        y = s.node(scale(1 << 31), &[y]);
    }
    assert!(matches!(refused(s, y), RelationError::Unsupported { .. }));
}

#[test]
fn rearrangements_that_need_too_much_memory_are_refused() {
    let wide = |n: usize| Op::View(View { shape: vec![1, n], axes: vec![AxisMap::fixed(0); 2], fill: 0 });
    let concat = Op::Concat(Concat { axis: 1 });
    let mut s = Sketch::new();
    let x = s.input(&[1, 1], U8);
    let long = s.node(wide(1 << 29), &[x]);
    let y = s.node(Op::ArgMax(ArgMax {}), &[long]);
    refused(s.clone(), y);
    let y = s.node(Op::TopK(TopK { k: 3, ranked: Ranked::Values }), &[long]);
    refused(s.clone(), y);
    let many = Op::TopK(TopK { k: 5, ranked: Ranked::Values });
    assert!(s.graph.clone().add_node("many", many, &[long]).is_err());
    let y = s.node(concat.clone(), &[long, x]);
    refused(s.clone(), y);
    let y = s.node(Op::Gather(Gather { axis: 1, indices: vec![5] }), &[long]);
    refused(s.clone(), y);
    let y = s.node(Op::Reshape(Reshape { shape: vec![1 << 15, 1 << 14] }), &[long]);
    refused(s.clone(), y);
    let part = s.node(wide(1 << 21), &[x]);
    let y = s.node(concat, &vec![part; 100]);
    refused(s, y);
    let mut s = Sketch::new();
    let mut sum = s.input(&[1], U8);
    for i in 0..20 {
        // One entry of each of many long axes.
        let w = s.graph.add_weight("w", vec![1 << 23], I8, None).unwrap();
        let entry = s.node(Op::Gather(Gather { axis: 0, indices: vec![i] }), &[w]);
        sum = s.node(Op::Linear(Linear { coefficients: vec![1, 1], constant: 0 }), &[sum, entry]);
    }
    refused(s, sum);
}

#[test]
fn depthwise_convolutions_of_too_many_channels_are_refused() {
    let mut s = Sketch::new();
    let channels = 1 << 20;
    let x = s.input(&[1, channels, 1, 1], U8);
    let w = s.graph.add_weight("w", vec![channels, 1, 1, 1], I8, None).unwrap();
    let y = s.node(Op::Conv(conv([1, 1], [(0, 0), (0, 0)], channels)), &[x, w]);
    refused(s, y);
}

#[test]
fn tensors_that_fit_no_columns_are_refused() {
    let mut s = Sketch::new();
    let x = s.input(&[1], U8);
    s.graph.add_weight("w", vec![1 << 15, 1 << 16], I8, None).unwrap();
    s.graph.add_output("y", x, 1.0).unwrap();
    let system = relation(&s.graph, FIELD).unwrap();
    for log_rows in [0, 4, 10, 16] {
        assert!(matches!(
            Layout::new(&system, log_rows, &Reserved::uniform(0, 0)),
            Err(RelationError::TooLarge { .. })
        ));
    }
}

#[test]
fn lookups_that_read_a_long_public_tensor_too_often_are_refused() {
    let layout = |lookups: usize| {
        let mut s = Sketch::new();
        let x = s.input(&[1 << 18], Interval::unsigned(1));
        let table = |k| Table { name: "t".into(), start: 0, values: vec![k, k + 1] };
        for k in 0..lookups {
            let table = s.graph.add_table(table(k as i32)).unwrap();
            let y = s.node(Op::Lookup(Lookup { table }), &[x]);
            s.graph.add_output(&format!("y{k}"), y, 1.0).unwrap();
        }
        let shape = Shape { batch: 1, inputs: vec![Public], outputs: vec![Private; lookups] };
        let system = build_system(&s.graph, &shape, FIELD).unwrap();
        Layout::new(&system, 14, &Reserved::uniform(0, 0))
    };
    layout(8).unwrap();
    assert!(matches!(layout(70), Err(RelationError::TooLarge { what, .. }) if what.contains("claims read")));
}

#[test]
fn absurd_parameters_of_operators_are_refused() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 1, 2, 2], U8);
    let w = s.weight(&[1, 1, 2, 2], I8);
    let far = usize::MAX / 2;
    for conv in [
        Conv { transposed: Some(vec![usize::MAX - 1, 0]), ..conv([1, 1], [(0, 0); 2], 1) },
        Conv { transposed: Some(vec![far, 0]), ..conv([1, 1], [(far, 0), (0, 0)], 1) },
        conv([1, 1], [(far, far), (0, 0)], 1),
    ] {
        s.graph.add_node("conv", Op::Conv(conv), &[x, w]).unwrap_err();
    }
    let strides = vec![(0, 1 << 40); 8];
    let far = AxisMap { offset: 0, divisor: 1, terms: strides };
    let view = View { shape: vec![1 << 30], axes: vec![far; 4], fill: 0 };
    s.graph.add_node("view", Op::View(view), &[x]).unwrap_err();
    let domain = Interval::new((1 << 31) - 3, 1 << 31);
    let op = Requantize { shift: 0, domain, activation: Activation::Clamp(U8) };
    s.graph.add_node("requantize", Op::Requantize(op), &[x]).unwrap_err();
}

#[test]
fn more_lookups_than_the_field_has_elements_are_refused() {
    // A value in no table that is looked up p times would vanish from the sum of all fractions.
    let mut s = Sketch::new();
    let x = s.input(&[300], Interval::unsigned(1));
    s.graph.add_output("y", x, 1.0).unwrap();
    relation(&s.graph, FieldShape { modulus: 307, degree: 5, packs: false }).unwrap();
    let error = relation(&s.graph, FieldShape { modulus: 293, degree: 5, packs: false }).unwrap_err();
    assert!(matches!(error, RelationError::TooLarge { .. }));
}

#[test]
fn accumulators_that_could_wrap_around_the_field_are_refused() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 4], Interval::new(0, 1000));
    let y = s.node(scale(100), &[x]);
    s.graph.add_output("y", y, 1.0).unwrap();
    relation(&s.graph, FieldShape { modulus: 200_003, degree: 5, packs: false }).unwrap();
    let error = relation(&s.graph, FieldShape { modulus: 99_991, degree: 5, packs: false }).unwrap_err();
    assert!(matches!(error, RelationError::Wraps { .. }));
}

fn public_statement() -> Case {
    let mut s = Sketch::new();
    let x = s.input(&[1, 3], U8);
    let y = s.node(scale(-2), &[x]);
    s.case(y, 2, (Public, Public))
}

#[test]
fn statements_without_secrets_are_proven() {
    let case = public_statement();
    assert_eq!(case.layout.num_columns(), 0);
    case.assert_complete();
}

#[test]
fn public_tensors_of_another_size_are_refused() {
    let case = public_statement();
    let proof = case.prove(case.witness.clone());
    let honest = case.public();
    for index in 0..honest.len() {
        for change in [|t: &mut Vec<i32>| t.push(0), |t: &mut Vec<i32>| t.truncate(t.len() - 1)] {
            let mut public = honest.clone();
            change(&mut public[index]);
            let error = case.verify_public(&public, &proof).unwrap_err();
            assert!(matches!(error, VerifyError::Relation(RelationError::Public { .. })), "{error}");
        }
    }
    case.verify_public(&[], &proof).unwrap_err();
}

#[test]
fn public_tensors_outside_of_their_intervals_are_refused() {
    let case = public_statement();
    let mut forged = case.forge();
    // The entry stands for itself in the field, and for another integer.
    forged.at("x", 0)[1] = 256;
    forged.output()[1] = -512;
    assert_eq!(forged.broken(), [""; 0]);
    forged.verdict().unwrap_err();
}

#[test]
fn constants_are_the_graphs_own() {
    let mut s = Sketch::new();
    let x = s.input(&[2], U8);
    let c = s.graph.add_constant("c", zkml_ir::Tensor { shape: vec![2], data: vec![3, 9] }).unwrap();
    let y = s.node(Op::Linear(Linear { coefficients: vec![1, 1], constant: 0 }), &[x, c]);
    let case = s.single(y);
    let mut forged = case.forge();
    forged.at("c", 0)[0] += 1;
    forged.output()[0] += 1;
    assert_eq!(forged.broken(), [""; 0]);
    forged.verdict().unwrap_err();
}
