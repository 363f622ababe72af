//! Every operator's relation, proven and verified over a commitment in the clear.

mod clear;

use clear::sketch::{I8, Sketch, U8, conv, gemm};
use zkml_ir::ops::{
    Activation, ArgMax, AxisMap, Concat, Conv, Einsum, Gather, Linear, Lookup, Max, Ranked, ReduceSum,
    Requantize, Reshape, Softmax, TopK, View,
};
use zkml_ir::{Interval, Op, Table};

#[test]
fn a_perceptron_is_proven() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 5], U8);
    let (w, b) = (s.weight(&[6, 5], I8), s.weight(&[6], Interval::signed(12)));
    let acc = s.node(gemm(), &[x, w]);
    let bias = s.node(Op::View(View::broadcast(&[6], &[1, 6])), &[b]);
    let acc = s.node(Op::Linear(Linear { coefficients: vec![1, 1], constant: 0 }), &[acc, bias]);
    let hidden = s.relu(acc, 7, 8);
    let w = s.weight(&[3, 6], I8);
    let y = s.node(gemm(), &[hidden, w]);
    s.prove(y);
}

#[test]
fn strided_padded_and_grouped_convolutions_are_proven() {
    for (channels, outputs, groups) in [(3, 5, 1), (4, 4, 4), (4, 6, 2)] {
        let mut s = Sketch::new();
        let x = s.input(&[1, channels, 6, 5], U8);
        let w = s.weight(&[outputs, channels / groups, 3, 2], I8);
        let acc = s.node(Op::Conv(conv([2, 1], [(1, 1), (0, 1)], groups)), &[x, w]);
        let y = s.relu(acc, 8, 6);
        s.prove(y);
    }
}

#[test]
fn a_transposed_convolution_is_proven() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 2, 3, 3], U8);
    let w = s.weight(&[3, 2, 3, 3], I8);
    let op = Conv { transposed: Some(vec![1, 0]), ..conv([2, 2], [(1, 1), (0, 1)], 1) };
    let acc = s.node(Op::Conv(op), &[x, w]);
    let y = s.relu(acc, 8, 6);
    s.prove(y);
}

#[test]
fn max_and_average_pooling_are_proven() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 2, 4, 4], I8);
    let axes = |pad: i64| {
        let spatial = |p, k| AxisMap { offset: -pad, divisor: 1, terms: vec![(p, 2), (k, 1)] };
        vec![AxisMap::identity(0), AxisMap::identity(1), spatial(2, 4), spatial(3, 5)]
    };
    let window = View { shape: vec![1, 2, 2, 2, 3, 3], axes: axes(1), fill: -128 };
    let view = s.node(Op::View(window), &[x]);
    let flat = s.node(Op::Reshape(Reshape { shape: vec![1, 2, 2, 2, 9] }), &[view]);
    let max = s.node(Op::Max(Max {}), &[flat]);
    let window = View { shape: vec![1, 2, 2, 2, 2, 2], axes: axes(0), fill: 0 };
    let view = s.node(Op::View(window), &[x]);
    let sum = s.node(Op::ReduceSum(ReduceSum { axes: vec![4, 5] }), &[view]);
    let op = Requantize { shift: 2, domain: Interval::new(-256, 255), activation: Activation::Clamp(I8) };
    let average = s.node(Op::Requantize(op), &[sum]);
    let y = s.node(Op::Linear(Linear { coefficients: vec![1, -3], constant: 5 }), &[max, average]);
    s.prove(y);
}

#[test]
fn concat_gather_reshape_and_products_are_proven() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 3, 2], I8);
    let shifted = s.node(Op::Linear(Linear { coefficients: vec![1], constant: 7 }), &[x]);
    let picked = s.node(Op::Gather(Gather { axis: 1, indices: vec![2, 0, 2] }), &[x]);
    let both = s.node(Op::Concat(Concat { axis: 1 }), &[shifted, picked]);
    let flat = s.node(Op::Reshape(Reshape { shape: vec![4, 6] }), &[both]);
    let square = s.node(Op::Einsum(Einsum::elementwise(2)), &[flat, flat]);
    let op = Requantize { shift: 9, domain: Interval::new(-256, 255), activation: Activation::Clamp(U8) };
    let y = s.node(Op::Requantize(op), &[square]);
    let padded = View {
        shape: vec![6, 6],
        axes: vec![AxisMap { offset: -1, divisor: 1, terms: vec![(0, 1)] }, AxisMap::identity(1)],
        fill: 3,
    };
    let y = s.node(Op::View(padded), &[y]);
    s.prove(y);
}

#[test]
fn attention_with_two_runtime_operands_is_proven() {
    let mut s = Sketch::new();
    let x = s.input(&[3, 2, 4], I8);
    let scores =
        s.node(Op::Einsum(Einsum { a: vec![0, 1, 2], b: vec![3, 1, 2], out: vec![1, 0, 3] }), &[x, x]);
    let op = Requantize { shift: 9, domain: Interval::new(-256, 255), activation: Activation::Clamp(I8) };
    let scores = s.node(Op::Requantize(op), &[scores]);
    let values = (0..256).map(|d| (1024.0 * f64::exp(-f64::from(d) / 20.0)).round() as i32).collect();
    let table = s.graph.add_table(Table { name: "exp".into(), start: 0, values }).unwrap();
    let y = s.node(Op::Softmax(Softmax { table, bits: 8 }), &[scores]);
    s.prove(y);
}

#[test]
fn tables_and_argmax_are_proven() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 7], I8);
    let table =
        Table { name: "square".into(), start: -128, values: (-128..128).map(|v| v * v / 64).collect() };
    let table = s.graph.add_table(table).unwrap();
    let y = s.node(Op::Lookup(Lookup { table }), &[x]);
    let y = s.node(Op::ArgMax(ArgMax {}), &[y]);
    s.prove(y);
}

#[test]
fn raw_scores_are_committed_exactly_before_argmax() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 5], U8);
    let w = s.weight(&[4, 5], I8);
    let acc = s.node(gemm(), &[x, w]);
    let range = s.graph.tensor(acc).range;
    let exact = Requantize { shift: 0, domain: range, activation: Activation::Clamp(range) };
    let exact = s.node(Op::Requantize(exact), &[acc]);
    let y = s.node(Op::ArgMax(ArgMax {}), &[exact]);
    s.prove(y);
}

#[test]
fn rankings_of_any_length_are_proven() {
    for (length, k, range) in [
        (1, 1, U8),
        (5, 1, I8),
        (5, 2, I8),
        (6, 6, Interval::new(0, 2)),
        (3, 3, Interval::point(7)),
        (7, 4, Interval::signed(29)),
    ] {
        for ranked in [Ranked::Values, Ranked::Positions] {
            let mut s = Sketch::new();
            let x = s.input(&[2, length], range);
            let y = s.node(Op::TopK(TopK { k, ranked }), &[x]);
            s.prove(y);
        }
    }
}

#[test]
fn values_and_positions_of_one_tensor_share_a_ranking() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 5], I8);
    let shifted = s.node(Op::Linear(Linear { coefficients: vec![-1], constant: 9 }), &[x]);
    let values = s.node(Op::TopK(TopK { k: 3, ranked: Ranked::Values }), &[shifted]);
    let positions = s.node(Op::TopK(TopK { k: 3, ranked: Ranked::Positions }), &[shifted]);
    let y = s.node(Op::Linear(Linear { coefficients: vec![1, 1000], constant: 0 }), &[values, positions]);
    let case = s.clone().single(y);
    let rankings = case.system.tensors.iter().filter(|t| t.shape == [1, 2, 3, 5]).count();
    assert_eq!(rankings, 1);
    s.prove(y);
}

#[test]
fn an_argmax_over_a_long_axis_is_linear_in_its_length() {
    let length = 6_000;
    let mut s = Sketch::new();
    let x = s.input(&[1, length], I8);
    let y = s.node(Op::ArgMax(ArgMax {}), &[x]);
    let case = s.single(y);
    let pairs = case.system.views.iter().flat_map(|v| &v.map.groups).map(|g| match &g.relation {
        zkml_iop::map::Relation::Identity => 0,
        zkml_iop::map::Relation::Pairs(pairs) => pairs.len(),
    });
    assert!(pairs.sum::<usize>() < 10 * length);
    case.assert_complete();
}
