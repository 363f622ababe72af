//! Every lowering, on small graphs: integers beside floats.

#![allow(clippy::unwrap_used, reason = "tests")]

mod model;

use model::{Net, assert_close, compiled, window};
use zkml_import::{BinaryOp, ConvTranspose, Einsum, Op, PoolKind, ReduceOp, SliceAxis, Tensor, UnaryOp};
use zkml_ir::Source;
use zkml_quantize::{Calibration, Options, accuracy, compile};

fn average(pad: usize) -> PoolKind {
    PoolKind::Average { counted: vec![(pad, pad); 2] }
}

/// How many operators of a kind the integer graph has.
fn count(graph: &zkml_import::FloatGraph, name: &str) -> usize {
    let compiled = compiled(graph, &Options::default());
    let ops = compiled.model.graph.tensors().iter().filter_map(|t| match &t.source {
        Source::Node { op, .. } => Some(op.semantics().name()),
        _ => None,
    });
    ops.filter(|n| *n == name).count()
}

#[test]
fn a_perceptron_keeps_its_outputs() {
    let mut net = Net::new();
    let x = net.input(&[1, 24]);
    let h = net.gemm(x, 16);
    let h = net.unary(UnaryOp::Relu, h);
    let y = net.gemm(h, 5);
    let graph = net.output(y);
    assert_close(&graph, 0.02);
    assert_eq!(count(&graph, "Requantize"), 1, "the output layer is not requantised, ReLU is fused");
}

#[test]
fn convolution_pool_and_flatten_keep_their_outputs() {
    let mut net = Net::new();
    let x = net.input(&[1, 2, 8, 8]);
    let c = net.conv(x, 4, 3, 1);
    let p = net.pool(c, PoolKind::Max, window(3, 2, 1));
    let r = net.unary(UnaryOp::Relu, p);
    let f = net.flatten(r);
    let y = net.gemm(f, 3);
    let graph = net.output(y);
    assert_close(&graph, 0.03);
    assert_eq!(count(&graph, "Requantize"), 1, "ReLU commutes with the pool before it");
}

#[test]
fn a_residual_branch_joins_the_accumulator() {
    let mut net = Net::new();
    let x = net.input(&[1, 4, 6, 6]);
    let a = net.conv(x, 4, 3, 1);
    let a = net.unary(UnaryOp::Relu, a);
    let b = net.conv(a, 4, 3, 4);
    let sum = net.binary(BinaryOp::Add, b, a);
    let y = net.unary(UnaryOp::Clip { min: 0.0, max: 6.0 }, sum);
    let graph = net.output(y);
    assert_close(&graph, 0.03);
    assert_eq!(count(&graph, "Requantize"), 2);
}

#[test]
fn two_convolutions_that_meet_are_summed_exactly() {
    let mut net = Net::new();
    let x = net.input(&[1, 3, 6, 6]);
    let (a, b) = (net.conv(x, 4, 3, 1), net.conv(x, 4, 1, 1));
    let sum = net.binary(BinaryOp::Add, a, b);
    let y = net.unary(UnaryOp::Relu, sum);
    let graph = net.output(y);
    assert_close(&graph, 0.02);
    assert_eq!(count(&graph, "Requantize"), 1);
}

#[test]
fn transposed_convolutions_with_groups_keep_their_outputs() {
    let mut net = Net::new();
    let x = net.input(&[1, 4, 5, 5]);
    let (w, b) = (net.weights(&[4, 3, 3, 3]), net.weights(&[6]));
    let conv = ConvTranspose { window: window(3, 2, 1), output_padding: vec![1, 1], groups: 2 };
    let y = net.node(Op::ConvTranspose(conv), &[x, w, b]);
    assert_close(&net.output(y), 0.02);
}

#[test]
fn average_pools_stay_virtual_before_a_layer() {
    let mut net = Net::new();
    let x = net.input(&[1, 3, 8, 8]);
    let c = net.conv(x, 4, 3, 1);
    let r = net.unary(UnaryOp::Relu, c);
    let p = net.pool(r, average(0), window(8, 8, 0));
    let f = net.flatten(p);
    let y = net.gemm(f, 3);
    let graph = net.output(y);
    assert_close(&graph, 0.04);
    assert_eq!(count(&graph, "Requantize"), 1);
}

#[test]
fn average_pools_divide_by_what_they_count_at_the_border() {
    for counted in [0, 1] {
        let mut net = Net::new();
        let x = net.input(&[1, 2, 7, 7]);
        let p = net.pool(x, average(counted), window(3, 2, 1));
        let y = net.unary(UnaryOp::Relu, p);
        assert_close(&net.output(y), 0.03);
    }
}

#[test]
fn means_sums_and_extremes_over_axes_keep_their_outputs() {
    for op in [ReduceOp::Mean, ReduceOp::Sum, ReduceOp::Max, ReduceOp::Min] {
        for keep_dims in [false, true] {
            let mut net = Net::new();
            let x = net.input(&[1, 4, 3, 5]);
            let y = net.reduce(x, op, &[1, 3], keep_dims);
            assert_close(&net.output(y), 0.02);
        }
    }
}

#[test]
fn sums_of_exponentials_of_all_magnitudes_keep_their_logarithm() {
    for (shape, axes) in [(vec![3, 4], vec![1]), (vec![4, 3, 2], vec![0, 2]), (vec![2, 1], vec![1])] {
        let mut net = Net::new();
        let x = net.input(&shape);
        let forty = net.constant(Tensor::vector(vec![40.0]));
        let wide = net.binary(BinaryOp::Mul, x, forty);
        let y = net.reduce(wide, ReduceOp::LogSumExp, &axes, false);
        assert_close(&net.output(y), 0.02);
    }
}

#[test]
fn greatest_and_least_entries_are_ranked_along_any_axis() {
    for (axis, k) in [(0, 2), (1, 4)] {
        for largest in [true, false] {
            let mut net = Net::new();
            let x = net.input(&[3, 4]);
            let [values, positions] = net.top_k(x, axis, k, largest);
            let mut graph = net.output(values);
            graph.outputs.push(zkml_import::GraphOutput { name: "positions".into(), value: positions });
            // Of equal entries, the first comes first.
            let data: Vec<f32> = (0..12).map(|i| ((i * 7 + 3) % 5) as f32 / 4.0 - 0.5).collect();
            let sample = vec![Tensor::new(vec![3, 4], data).unwrap()];
            let calibration = Calibration::collect(&graph, std::slice::from_ref(&sample)).unwrap();
            let compiled = compile(&graph, &calibration, &Options::default()).unwrap();
            let floats = zkml_import::Evaluator::new(&graph).unwrap().run_all(&sample).unwrap();
            let outputs = compiled.run(&[zkml_import::Array::F32(sample[0].clone())]).unwrap();
            assert_eq!(Some(&outputs[1]), floats[positions.0].as_ref());
            let values = floats[values.0].as_ref().unwrap();
            assert_eq!(outputs[0].shape(), values.shape());
            assert!(outputs[0].data().iter().zip(values.data()).all(|(a, b)| (a - b).abs() < 0.01));
        }
    }
}

#[test]
fn concatenated_tensors_share_a_scale() {
    let mut net = Net::new();
    let x = net.input(&[1, 3, 6, 6]);
    let (a, b) = (net.conv(x, 2, 1, 1), net.conv(x, 4, 3, 1));
    let (a, b) = (net.unary(UnaryOp::Relu, a), net.unary(UnaryOp::Relu, b));
    let both = net.node(Op::Concat { axis: 1 }, &[a, b]);
    let y = net.conv(both, 3, 3, 1);
    let graph = net.output(y);
    assert_close(&graph, 0.03);
    assert_eq!(count(&graph, "Requantize"), 2);
}

#[test]
fn channel_factors_and_shifts_enter_the_weights() {
    let mut net = Net::new();
    let x = net.input(&[1, 3, 6, 6]);
    let c = net.conv(x, 4, 3, 1);
    let (scale, shift) = (net.weights(&[4]), net.weights(&[4]));
    let s = net.node(Op::ScaleShift { axis: 1 }, &[c, scale, shift]);
    let y = net.unary(UnaryOp::Relu, s);
    let graph = net.output(y);
    assert_close(&graph, 0.02);
    assert_eq!(count(&graph, "Requantize"), 1);
}

#[test]
fn a_channel_factor_without_a_layer_becomes_one() {
    let mut net = Net::new();
    let x = net.input(&[1, 3, 4, 4]);
    let (scale, shift) = (net.weights(&[3]), net.weights(&[3]));
    let y = net.node(Op::ScaleShift { axis: 1 }, &[x, scale, shift]);
    assert_close(&net.output(y), 0.01);
}

#[test]
fn activations_become_tables() {
    let ops = [
        UnaryOp::Sigmoid,
        UnaryOp::Tanh,
        UnaryOp::HardSwish,
        UnaryOp::LeakyRelu { alpha: 0.1 },
        UnaryOp::Gelu { tanh: false },
        UnaryOp::Exp,
        UnaryOp::Abs,
        UnaryOp::Clip { min: -0.5, max: 0.25 },
    ];
    for op in ops {
        let mut net = Net::new();
        let x = net.input(&[1, 12]);
        let h = net.gemm(x, 8);
        let h = net.unary(op, h);
        let y = net.gemm(h, 4);
        assert_close(&net.output(y), 0.04);
        let mut net = Net::new();
        let x = net.input(&[1, 12]);
        let y = net.unary(op, x);
        assert_close(&net.output(y), 0.04);
    }
}

#[test]
fn a_prelu_has_private_slopes() {
    let mut net = Net::new();
    let x = net.input(&[1, 3, 4, 4]);
    let c = net.conv(x, 3, 3, 1);
    let slope = net.weights(&[3, 1, 1]);
    let p = net.node(Op::PRelu, &[c, slope]);
    let y = net.conv(p, 2, 1, 1);
    assert_close(&net.output(y), 0.03);
}

#[test]
fn arithmetic_on_computed_tensors_keeps_its_outputs() {
    for op in [BinaryOp::Add, BinaryOp::Sub, BinaryOp::Mul, BinaryOp::Max, BinaryOp::Min] {
        let mut net = Net::new();
        let (a, b) = (net.input(&[2, 3, 4]), net.input(&[3, 1]));
        let h = net.binary(op, a, b);
        let y = net.unary(UnaryOp::Relu, h);
        assert_close(&net.output(y), 0.03);
    }
}

#[test]
fn constants_fold_into_coefficients() {
    for op in [BinaryOp::Add, BinaryOp::Sub, BinaryOp::Mul, BinaryOp::Div] {
        let mut net = Net::new();
        let x = net.input(&[2, 3]);
        let c = net.constant(Tensor::vector(vec![0.5, 2.0, -1.5]));
        let y = net.binary(op, x, c);
        assert_close(&net.output(y), 0.02);
    }
}

#[test]
fn squared_distances_are_contractions() {
    let mut net = Net::new();
    let x = net.input(&[1, 1, 6]);
    let centres = net.weights(&[1, 4, 6]);
    let d = net.binary(BinaryOp::Sub, x, centres);
    let square = net.binary(BinaryOp::Mul, d, d);
    let y = net.reduce(square, ReduceOp::Sum, &[2], false);
    let graph = net.output(y);
    assert_close(&graph, 0.03);
    assert_eq!(count(&graph, "ReduceSum"), 0);
}

#[test]
fn attention_keeps_its_outputs() {
    let mut net = Net::new();
    let (q, k, v) = (net.input(&[2, 5, 4]), net.input(&[2, 5, 4]), net.input(&[2, 5, 4]));
    let scores = Einsum { a: b"hid".to_vec(), b: b"hjd".to_vec(), out: b"hij".to_vec() };
    let s = net.node(Op::Einsum(scores), &[q, k]);
    let p = net.node(Op::Softmax { axes: vec![2], log: false }, &[s]);
    let mix = Einsum { a: b"hij".to_vec(), b: b"hjd".to_vec(), out: b"hid".to_vec() };
    let y = net.node(Op::Einsum(mix), &[p, v]);
    assert_close(&net.output(y), 0.04);
}

#[test]
fn softmax_over_an_inner_axis_keeps_its_outputs() {
    let mut net = Net::new();
    let x = net.input(&[2, 5, 3]);
    let y = net.node(Op::Softmax { axes: vec![1], log: false }, &[x]);
    assert_close(&net.output(y), 0.03);
}

#[test]
fn rearrangements_are_exact() {
    let mut net = Net::new();
    let x = net.input(&[1, 4, 6]);
    let t = net.node(Op::Transpose { perm: vec![2, 0, 1] }, &[x]);
    let slice = SliceAxis { start: 4, step: -2, len: 3 };
    let axes = vec![slice, SliceAxis::whole(1), SliceAxis { start: 1, step: 1, len: 3 }];
    let s = net.node(Op::Slice { axes }, &[t]);
    let p = net.node(Op::Pad { pads: vec![(1, 0), (0, 0), (0, 2)], value: 0.0 }, &[s]);
    let g = net.node(Op::Select { axis: 2, indices: vec![4, 0, 0, 1] }, &[p]);
    let e = net.node_to(Op::Expand, &[g], &[2, 4, 1, 4]);
    let y = net.gemm_last(e, 3);
    assert_close(&net.output(y), 0.02);
}

#[test]
fn a_reshaped_output_is_the_exact_accumulator() {
    let mut net = Net::new();
    let x = net.input(&[1, 8]);
    let h = net.gemm(x, 6);
    let y = net.node_to(Op::Reshape, &[h], &[2, 3]);
    assert_close(&net.output(y), 0.02);
}

#[test]
fn normalisations_keep_their_outputs() {
    for (axes, centre) in [(vec![2], true), (vec![2], false), (vec![1, 2], true)] {
        let mut net = Net::new();
        let x = net.input(&[1, 4, 16]);
        let n = net.node(Op::Normalize { axes, epsilon: 1e-5, centre }, &[x]);
        let y = net.gemm_last(n, 5);
        assert_close(&net.output(y), 0.04);
    }
}

#[test]
fn embeddings_are_picked_by_private_indices() {
    for (shape, axis) in [(vec![6, 3], 0), (vec![3, 6], 1)] {
        let mut net = Net::new();
        let x = net.input(&[1, 4]);
        net.graph.values[x.0].dtype = zkml_import::DType::Int;
        let data = net.weights(&shape);
        let rows = net.node(Op::Gather { axis }, &[data, x]);
        let y = net.unary(UnaryOp::Tanh, rows);
        let graph = net.output(y);
        let samples: Vec<_> =
            (0..3).map(|i| vec![Tensor::new(vec![1, 4], vec![0.0, i as f32, 5.0, 3.0]).unwrap()]).collect();
        let calibration = Calibration::collect(&graph, &samples).unwrap();
        let compiled = compile(&graph, &calibration, &Options::default()).unwrap();
        let report = accuracy(&compiled, &graph, &samples, None).unwrap();
        assert!(report.outputs[0].max_error.unwrap() < 0.02, "{report}");
    }
}
