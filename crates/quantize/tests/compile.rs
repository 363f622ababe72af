//! Compilation as a whole: refusals, outputs, inputs, the report.

#![allow(clippy::unwrap_used, reason = "tests")]

mod model;

use model::{Net, compiled, error, samples};
use proptest::prelude::*;
use zkml_import::{Array, Evaluator, Op, Tensor, UnaryOp};
use zkml_ir::Source;
use zkml_quantize::{
    Calibration, Metadata, Options, OutputMode, Profile, QuantizeError, accuracy, compile, quantize_input,
};

fn perceptron() -> zkml_import::FloatGraph {
    let mut net = Net::new();
    let x = net.input(&[1, 12]);
    let h = net.gemm(x, 9);
    let h = net.unary(UnaryOp::Relu, h);
    let y = net.gemm(h, 5);
    let y = net.node(Op::Softmax { axes: vec![1], log: false }, &[y]);
    net.output(y)
}

#[test]
fn compilation_without_calibration_data_fails_with_advice() {
    let graph = perceptron();
    let refused = compile(&graph, &Calibration::new(&graph), &Options::default());
    assert!(matches!(&refused, Err(QuantizeError::NoCalibration)));
    assert!(refused.unwrap_err().to_string().contains("give a few dozen typical inputs"));
    assert!(matches!(Calibration::collect(&graph, &[]), Err(QuantizeError::NoCalibration)));
}

#[test]
fn a_sample_that_becomes_infinite_is_named() {
    let graph = perceptron();
    let sample = vec![Tensor::filled(vec![1, 12], f32::INFINITY).unwrap()];
    let refused = Calibration::collect(&graph, &[sample]);
    assert!(matches!(refused, Err(QuantizeError::NotFinite { sample: 0, .. })));
}

#[test]
fn all_unsupported_operators_are_reported_together() {
    let mut net = Net::new();
    let x = net.input(&[1, 4, 3]);
    let lrn = |size| Op::Lrn { size, alpha: 1.0, beta: 0.5, bias: 1.0 };
    let a = net.node(lrn(2), &[x]);
    let b = net.unary(UnaryOp::Relu, a);
    let y = net.node(lrn(3), &[b]);
    let graph = net.output(y);
    let calibration = Calibration::collect(&graph, &samples(&graph, 2, 1)).unwrap();
    let Err(QuantizeError::Unsupported { nodes }) = compile(&graph, &calibration, &Options::default()) else {
        panic!("compiled");
    };
    let names: Vec<&str> = nodes.iter().map(|n| n.name.as_str()).collect();
    assert_eq!(names, ["node0", "node2"]);
    assert_eq!(nodes[1].shapes, vec![vec![1, 4, 3]]);
}

#[test]
fn absurd_options_are_refused() {
    let graph = perceptron();
    let calibration = Calibration::collect(&graph, &samples(&graph, 2, 1)).unwrap();
    let refused = [
        Options { headroom: Some(0.5), ..Options::default() },
        Options { percentile: Some(0.6), ..Options::default() },
        Options { activation_bits: Some(20), ..Options::default() },
        Options { weight_bits: Some(1), ..Options::default() },
        Options { output: OutputMode::TopK(0), ..Options::default() },
    ];
    for options in refused {
        assert!(matches!(compile(&graph, &calibration, &options), Err(QuantizeError::Option { .. })));
    }
}

#[test]
fn argmax_ranks_the_exact_scores_before_the_softmax() {
    let graph = perceptron();
    let options = Options { output: OutputMode::ArgMax, ..Options::default() };
    let compiled = compiled(&graph, &options);
    let ops: Vec<_> = compiled
        .model
        .graph
        .tensors()
        .iter()
        .filter_map(|t| match &t.source {
            Source::Node { op, .. } => Some(op.semantics().name()),
            _ => None,
        })
        .collect();
    assert!(!ops.contains(&"Softmax") && ops.ends_with(&["Requantize", "ArgMax"]), "{ops:?}");
    let report = accuracy(&compiled, &graph, &samples(&graph, 50, 5), None).unwrap();
    assert!(report.outputs[0].top1_agreement.unwrap() >= 0.96);
    assert_eq!(report.outputs[0].max_error, None);
}

#[test]
fn the_greatest_scores_are_told_by_their_positions() {
    let graph = perceptron();
    let options = |output| Options { output, ..Options::default() };
    let (first, three) =
        (compiled(&graph, &options(OutputMode::ArgMax)), compiled(&graph, &options(OutputMode::TopK(3))));
    for sample in samples(&graph, 20, 5) {
        let sample = [Array::F32(sample[0].clone())];
        let (first, three) = (first.run(&sample).unwrap(), three.run(&sample).unwrap());
        assert_eq!(three[0].shape(), [1, 3]);
        assert_eq!(three[0].data()[0], first[0].data()[0]);
        assert!(three[0].data()[1..].iter().all(|p| *p != first[0].data()[0]));
    }
    let report = accuracy(&three, &graph, &samples(&graph, 50, 5), None).unwrap();
    assert!(report.outputs[0].top1_agreement.unwrap() >= 0.96);
    let calibration = Calibration::collect(&graph, &samples(&graph, 2, 1)).unwrap();
    assert!(compile(&graph, &calibration, &options(OutputMode::TopK(99))).is_err());
}

/// Layers that each amplify what the one before them rounds.
fn deep(layers: usize) -> zkml_import::FloatGraph {
    let mut net = Net::new();
    let mut x = net.input(&[1, 16]);
    for _ in 0..layers {
        x = net.gemm(x, 16);
        x = net.unary(UnaryOp::Relu, x);
    }
    net.output(x)
}

#[test]
fn deep_networks_get_the_bits_that_their_accuracy_needs() {
    let shallow = compiled(&deep(2), &Options::default());
    assert_eq!(shallow.metadata.options, Options::default());
    let graph = deep(32);
    let options = Options { activation_bits: Some(8), weight_bits: Some(10), ..Options::default() };
    let error = |options: &Options| {
        let compiled = compiled(&graph, options);
        let report = accuracy(&compiled, &graph, &samples(&graph, 40, 5), None).unwrap();
        (report.outputs[0].max_error.unwrap(), compiled.metadata.options.bits())
    };
    let ((coarse, _), (fine, bits)) = (error(&options), error(&Options::default()));
    assert!(bits > 8 && fine < coarse && fine < 0.04, "{coarse} with 8 bits, {fine} with {bits}");
}

#[test]
fn a_model_whose_integers_lose_its_outputs_is_refused_by_name() {
    let mut net = Net::new();
    let x = net.input(&[3, 4]);
    let forty = net.constant(Tensor::vector(vec![40.0]));
    let wide = net.binary(zkml_import::BinaryOp::Mul, x, forty);
    let exp = net.unary(UnaryOp::Exp, wide);
    let sum = net.reduce(exp, zkml_import::ReduceOp::Sum, &[1], false);
    let y = net.unary(UnaryOp::Log, sum);
    let graph = net.output(y);
    let calibration = Calibration::collect(&graph, &samples(&graph, 10, 1)).unwrap();
    let error = compile(&graph, &calibration, &Options::default()).unwrap_err();
    assert!(matches!(&error, QuantizeError::Inaccurate { node, .. } if node == "node3"), "{error}");
}

#[test]
fn integers_never_pass_through_floats() {
    let mut net = Net::new();
    let x = net.input(&[3]);
    net.graph.values[x.0].dtype = zkml_import::DType::Int;
    let y = net.unary(UnaryOp::NonZero, x);
    let graph = net.output(y);
    let sample = vec![Tensor::vector(vec![0.0, 5.0, 7.0])];
    let calibration = Calibration::collect(&graph, &[sample]).unwrap();
    let compiled = compile(&graph, &calibration, &Options::default()).unwrap();
    let quantize = |array| compiled.quantize_inputs(&[array]).map(|t| t[0].data.clone());
    let tensor = |data| Array::I64(Tensor::vector(data));
    assert_eq!(quantize(tensor(vec![7i64, 0, 3])).unwrap(), vec![7, 0, 3]);
    assert!(quantize(tensor(vec![8i64, 0, 0])).is_err(), "beyond three bits");
    assert!(quantize(Array::F32(Tensor::vector(vec![0.5, 1.0, 2.0]))).is_err());
}

#[test]
fn an_input_of_another_shape_is_refused() {
    let compiled = compiled(&perceptron(), &Options::default());
    let refused = compiled.run(&[Array::F32(Tensor::filled(vec![1, 11], 0.0).unwrap())]);
    assert!(matches!(refused, Err(QuantizeError::Port { .. })));
}

#[test]
fn pixels_are_quantised_without_error() {
    let mut net = Net::new();
    let x = net.input(&[1, 6]);
    let y = net.gemm(x, 2);
    let graph = net.output(y);
    let levels: Vec<f32> = [0u8, 1, 17, 128, 200, 250].iter().map(|&v| f32::from(v) / 255.0).collect();
    let sample = vec![Tensor::new(vec![1, 6], levels.clone()).unwrap()];
    let calibration = Calibration::collect(&graph, std::slice::from_ref(&sample)).unwrap();
    for profile in [Profile::Fast, Profile::Accurate] {
        let compiled = compile(&graph, &calibration, &Options::new(profile)).unwrap();
        let port = &compiled.model.graph.inputs()[0];
        let codes = compiled.quantize_inputs(&[Array::F32(sample[0].clone())]).unwrap().remove(0);
        for (&code, level) in codes.data.iter().zip(&levels) {
            assert!((f64::from(code) * port.scale - f64::from(*level)).abs() < 1e-7);
        }
    }
}

#[test]
fn the_report_is_a_table_and_survives_serialisation() {
    let graph = perceptron();
    let compiled = compiled(&graph, &Options::default());
    let report = accuracy(&compiled, &graph, &samples(&graph, 20, 3), Some(&[0; 20])).unwrap();
    assert_eq!(report.samples, 20);
    assert_eq!(report.operators.len(), compiled.metadata.bindings.len());
    assert!(report.operators.iter().all(|o| o.drift < 0.1 && o.saturation <= 0.05), "{report}");
    let text = report.to_string();
    assert!(text.contains("saturation") && text.contains("node1"), "{text}");
    let stored = postcard::to_stdvec(&report).unwrap();
    assert_eq!(postcard::from_bytes::<zkml_quantize::AccuracyReport>(&stored).unwrap(), report);
    let metadata = postcard::to_stdvec(&compiled.metadata).unwrap();
    assert_eq!(postcard::from_bytes::<Metadata>(&metadata).unwrap(), compiled.metadata);
    assert!(accuracy(&compiled, &graph, &samples(&graph, 20, 3), Some(&[0; 19])).is_err());
}

#[test]
fn a_wide_layer_is_capped_rather_than_refused() {
    let mut net = Net::new();
    let x = net.input(&[1, 20_000]);
    let y = net.gemm(x, 2);
    let graph = net.output(y);
    let compiled = compiled(&graph, &Options::default());
    assert!(compiled.model.graph.weights().any(|(_, info)| info.l1_cap.is_some()));
    assert!(error(&graph, Profile::Fast) < 0.02);
}

#[test]
fn every_input_in_range_stays_inside_every_domain() {
    // The largest codes of both signs drive each accumulator to the ends that the compiler computed from real weights.
    let graph = perceptron();
    let compiled = compiled(&graph, &Options::default());
    for extreme in [-1e9f32, 1e9] {
        let sample = [Array::F32(Tensor::filled(vec![1, 12], extreme).unwrap())];
        let inputs = compiled.quantize_inputs(&sample).unwrap();
        let trace = zkml_ir::execute(&compiled.model, &inputs).unwrap();
        for (_, info) in compiled.model.graph.iter() {
            let Source::Node { op: zkml_ir::Op::Requantize(op), operands } = &info.source else { continue };
            for &acc in &trace.value(operands[0]).data {
                let hi = zkml_ir::ops::floor_shift(i64::from(acc), op.shift);
                assert!(op.domain.contains(hi), "{hi} outside of {}", op.domain);
            }
        }
    }
}

proptest! {
    #[test]
    fn inputs_are_rounded_half_up_and_clamped(x in -10.0f32..10.0) {
        let graph = perceptron();
        let compiled = compiled(&graph, &Options::default());
        let port = &compiled.model.graph.inputs()[0];
        let array = Array::F32(Tensor::filled(vec![1, 12], x).unwrap());
        let kind = compiled.metadata.inputs[0];
        let code = quantize_input(&compiled.model.graph, port, kind, &array).unwrap().data[0];
        let exact = (f64::from(x) / port.scale + 0.5).floor().clamp(-128.0, 127.0);
        prop_assert_eq!(f64::from(code), exact);
    }

    #[test]
    fn a_layer_errs_by_no_more_than_its_roundings(seed in 0u64..1000) {
        let mut net = Net::new();
        net.random.0 = seed;
        let x = net.input(&[1, 7]);
        let y = net.gemm(x, 3);
        let graph = net.output(y);
        let compiled = compiled(&graph, &Options::default());
        let scale = compiled.model.graph.inputs()[0].scale;
        let unit = compiled.model.graph.outputs()[0].scale;
        let weights = graph.values[1].clone();
        let zkml_import::Source::Constant(weights) = weights.source else { unreachable!() };
        let evaluator = Evaluator::new(&graph).unwrap();
        for sample in samples(&graph, 5, seed) {
            let float = evaluator.run_all(&sample).unwrap()[y.0].clone().unwrap();
            let integer = compiled.run(&[Array::F32(sample[0].clone())]).unwrap().remove(0);
            for (row, (f, i)) in weights.data().chunks(7).zip(float.data().iter().zip(integer.data())) {
                let of_inputs: f64 = row.iter().map(|w| f64::from(w.abs()) * scale / 2.0).sum();
                // Each weight is off by half a unit per code of its operand, and the bias by half a unit.
                let of_weights = 7.0 * 128.0 * unit / 2.0 + unit / 2.0;
                prop_assert!(f64::from((f - i).abs()) <= of_inputs + of_weights + 1e-4);
            }
        }
    }
}
