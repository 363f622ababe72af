//! Every operator family: the evaluator of the float graph agrees with the runtime that executes the ONNX graph.

mod onnx;

use onnx::{Attr, Model, agree};
use zkml_import::{Backend, BinaryOp, Op, Tensor};

fn one(
    opset: i64,
    x: &[usize],
    op_type: &str,
    extra: &[&str],
    attributes: &[(&str, Attr<'_>)],
    with: impl Fn(Model) -> Model,
) -> Model {
    let inputs: Vec<&str> = [&["x"], extra].concat();
    with(Model::new(opset).x(x)).node(op_type, &inputs, &["y"], attributes).output("y")
}

fn same(model: Model) -> Model {
    model
}

#[test]
fn convolutions_agree_with_the_runtime() {
    for (pads, strides, dilations) in
        [([0, 0, 0, 0], [1, 1], [1, 1]), ([1, 0, 2, 1], [2, 1], [1, 2]), ([2, 2, 2, 2], [3, 2], [2, 1])]
    {
        let attributes = [
            ("pads", Attr::Ints(&pads)),
            ("strides", Attr::Ints(&strides)),
            ("dilations", Attr::Ints(&dilations)),
        ];
        let weights = |m: Model| m.weights("w", &[4, 3, 3, 3]).weights("b", &[4]);
        agree(&one(13, &[1, 3, 9, 10], "Conv", &["w", "b"], &attributes, weights));
    }
    for mode in ["SAME_UPPER", "SAME_LOWER", "VALID"] {
        let attributes =
            [("auto_pad", Attr::Text(mode)), ("strides", Attr::Ints(&[2, 2])), ("group", Attr::Int(2))];
        agree(&one(13, &[1, 4, 7, 8], "Conv", &["w"], &attributes, |m| m.weights("w", &[6, 2, 2, 3])));
    }
    agree(&one(13, &[1, 3, 11], "Conv", &["w"], &[("strides", Attr::Ints(&[2]))], |m| {
        m.weights("w", &[2, 3, 4])
    }));
    let depthwise = [("group", Attr::Int(4)), ("pads", Attr::Ints(&[1, 1, 1, 1]))];
    agree(&one(13, &[1, 4, 5, 5], "Conv", &["w"], &depthwise, |m| m.weights("w", &[4, 1, 3, 3])));
}

#[test]
fn transposed_convolutions_agree_with_the_runtime() {
    let attributes = [
        ("strides", Attr::Ints(&[2, 2])),
        ("pads", Attr::Ints(&[1, 1, 1, 1])),
        ("output_padding", Attr::Ints(&[1, 1])),
    ];
    let weights = |m: Model| m.weights("w", &[3, 2, 3, 3]).weights("b", &[2]);
    agree(&one(13, &[1, 3, 4, 5], "ConvTranspose", &["w", "b"], &attributes, weights));
}

#[test]
fn pools_agree_with_the_runtime() {
    for op_type in ["MaxPool", "AveragePool"] {
        for (ceil, pads) in [(0, [0, 0, 0, 0]), (1, [0, 0, 0, 0]), (0, [1, 0, 1, 1]), (0, [0, 1, 1, 1])] {
            let attributes = [
                ("kernel_shape", Attr::Ints(&[3, 2])),
                ("strides", Attr::Ints(&[2, 2])),
                ("pads", Attr::Ints(&pads)),
                ("ceil_mode", Attr::Int(ceil)),
            ];
            agree(&one(13, &[1, 2, 8, 9], op_type, &[], &attributes, same));
        }
    }
    let counted = [
        ("kernel_shape", Attr::Ints(&[3, 3])),
        ("pads", Attr::Ints(&[1, 1, 1, 1])),
        ("count_include_pad", Attr::Int(1)),
    ];
    agree(&one(13, &[1, 2, 5, 5], "AveragePool", &[], &counted, same));
    agree(&one(13, &[1, 2, 5, 5], "GlobalAveragePool", &[], &[], same));
    agree(&one(13, &[1, 2, 5, 5], "GlobalMaxPool", &[], &[], same));
}

#[test]
fn products_of_matrices_agree_with_the_runtime() {
    for trans_b in [0, 1] {
        let shape = if trans_b == 1 { [4, 6] } else { [6, 4] };
        let attributes =
            [("transB", Attr::Int(trans_b)), ("alpha", Attr::Float(0.5)), ("beta", Attr::Float(2.0))];
        agree(&one(13, &[1, 6], "Gemm", &["w", "c"], &attributes, |m| {
            m.weights("w", &shape).weights("c", &[4])
        }));
    }
    for (x, w) in [
        (&[1, 6][..], &[6, 4][..]),
        (&[2, 3, 6], &[6, 4]),
        (&[2, 1, 3, 6], &[5, 6, 4]),
        (&[3, 6], &[2, 6, 4]),
        (&[2, 3, 6], &[6]),
    ] {
        agree(&one(13, x, "MatMul", &["w"], &[], |m| m.weights("w", w)));
    }
    for equation in ["bij,kj->bik", "bij,jk->bik", "bij,jk->kbi"] {
        let shape: &[i64] = if equation.contains("jk") { &[4, 5] } else { &[5, 4] };
        let attributes = [("equation", Attr::Text(equation))];
        agree(&one(13, &[2, 3, 4], "Einsum", &["w"], &attributes, |m| m.weights("w", shape)));
    }
    agree(
        &Model::new(13)
            .x(&[2, 3, 4])
            .node("MatMul", &["x", "x2"], &["y"], &[])
            .input("x2", &[Ok(2), Ok(4), Ok(5)])
            .output("y"),
    );
}

#[test]
fn a_bias_after_a_product_becomes_its_operand() {
    let model = Model::new(13).x(&[1, 3, 6]).weights("w", &[6, 4]).weights("c", &[4]);
    let model =
        model.node("MatMul", &["x", "w"], &["h"], &[]).node("Add", &["c", "h"], &["y"], &[]).output("y");
    let graph = model.import().unwrap().graph;
    assert_eq!(graph.nodes.len(), 1, "{graph}");
    assert!(matches!(graph.nodes[0].op, Op::Einsum(_)) && graph.nodes[0].inputs.len() == 3, "{graph}");
    assert_eq!(graph.value(graph.nodes[0].outputs[0]).name, "y");
    agree(&model);
}

#[test]
fn batch_normalisation_moves_into_the_weights_before_it() {
    let parameters = |m: Model| {
        let m = m.weights("scale", &[4]).weights("shift", &[4]).weights("mean", &[4]);
        m.floats("var", &[4], &[0.5, 1.0, 2.0, 3.0])
    };
    let norm = ["h", "scale", "shift", "mean", "var"];
    let conv = parameters(Model::new(13).x(&[1, 4, 5, 5])).weights("w", &[4, 2, 3, 3]).weights("b", &[4]);
    let conv = conv.node("Conv", &["x", "w", "b"], &["h"], &[("group", Attr::Int(2))]);
    let transposed = parameters(Model::new(13).x(&[1, 6, 3, 3])).weights("w", &[6, 2, 2, 2]);
    let transposed = transposed.node("ConvTranspose", &["x", "w"], &["h"], &[("group", Attr::Int(2))]);
    let gemm = parameters(Model::new(13).x(&[1, 3])).weights("w", &[3, 4]).weights("b", &[4]);
    let gemm = gemm.node("Gemm", &["x", "w", "b"], &["h"], &[]);
    for model in [conv, transposed, gemm] {
        let model = model.node("BatchNormalization", &norm, &["y"], &[]).output("y");
        let graph = model.import().unwrap().graph;
        assert_eq!(graph.nodes.len(), 1, "{graph}");
        agree(&model);
    }
}

#[test]
fn batch_normalisation_of_a_value_with_other_readers_stays() {
    let model = Model::new(13).x(&[1, 4, 5, 5]).weights("w", &[4, 4, 1, 1]).weights("s", &[4]);
    let model = model.floats("var", &[4], &[0.5, 1.0, 2.0, 3.0]).node("Conv", &["x", "w"], &["h"], &[]);
    let model = model.node("BatchNormalization", &["h", "s", "s", "s", "var"], &["n"], &[]);
    let model = model.node("Add", &["h", "n"], &["y"], &[]).output("y");
    let graph = model.import().unwrap().graph;
    assert!(graph.nodes.iter().any(|n| matches!(n.op, Op::ScaleShift { axis: 1 })), "{graph}");
    agree(&model);
}

#[test]
fn functions_of_one_element_agree_with_the_runtime() {
    for op_type in [
        "Relu",
        "Sigmoid",
        "HardSwish",
        "Mish",
        "Softplus",
        "Softsign",
        "Tanh",
        "Erf",
        "Exp",
        "Neg",
        "Abs",
        "Floor",
        "Ceil",
        "Round",
        "Sign",
        "Sin",
        "Cos",
        "Atan",
        "LeakyRelu",
        "ThresholdedRelu",
        "Elu",
        "Selu",
        "Celu",
        "HardSigmoid",
    ] {
        agree(&one(15, &[2, 7], op_type, &[], &[], same));
    }
    agree(&one(20, &[2, 7], "Gelu", &[], &[], same));
    agree(&one(20, &[2, 7], "Gelu", &[], &[("approximate", Attr::Text("tanh"))], same));
    agree(&one(15, &[2, 7], "LeakyRelu", &[], &[("alpha", Attr::Float(0.3))], same));
    let clip = one(13, &[2, 7], "Clip", &["lo", "hi"], &[], |m| {
        m.floats("lo", &[], &[0.0]).floats("hi", &[], &[1.5])
    });
    agree(&clip);
    agree(&one(9, &[2, 7], "Clip", &[], &[("min", Attr::Float(-1.0))], same));
    agree(&one(13, &[1, 3, 4], "PRelu", &["s"], &[], |m| m.weights("s", &[3, 1])));
}

#[test]
fn arithmetic_broadcasts_as_the_runtime_does() {
    for (op_type, op) in
        [("Add", BinaryOp::Add), ("Sub", BinaryOp::Sub), ("Mul", BinaryOp::Mul), ("Div", BinaryOp::Div)]
    {
        let model = one(13, &[2, 3, 4], op_type, &["c"], &[], |m| m.weights("c", &[3, 1]));
        let graph = model.import().unwrap().graph;
        assert_eq!(graph.nodes[0].op, Op::Binary(op));
        agree(&model);
    }
    for op_type in ["Max", "Min", "Sum", "Mean"] {
        agree(&one(13, &[2, 3], op_type, &["c", "d"], &[], |m| m.weights("c", &[3]).weights("d", &[1])));
    }
    agree(&one(13, &[2, 3], "Pow", &["c"], &[], |m| m.floats("c", &[], &[2.0])));
}

#[test]
fn softmax_flattens_its_axes_before_opset_13() {
    let old = agree(&one(11, &[2, 3, 4], "Softmax", &[], &[], same));
    let new = agree(&one(13, &[2, 3, 4], "Softmax", &[], &[], same));
    assert_ne!(old, new);
    assert!((old[0].data()[..12].iter().sum::<f32>() - 1.0).abs() < 1e-5);
    assert!((new[0].data()[..4].iter().sum::<f32>() - 1.0).abs() < 1e-5);
    agree(&one(13, &[2, 3, 4], "LogSoftmax", &[], &[("axis", Attr::Int(1))], same));
}

#[test]
fn reductions_agree_with_the_runtime() {
    for op_type in [
        "ReduceSum",
        "ReduceMean",
        "ReduceMax",
        "ReduceMin",
        "ReduceProd",
        "ReduceL1",
        "ReduceL2",
        "ReduceLogSumExp",
    ] {
        for keep in [0, 1] {
            let attributes = [("axes", Attr::Ints(&[-1, 0])), ("keepdims", Attr::Int(keep))];
            agree(&one(11, &[2, 3, 4], op_type, &[], &attributes, same));
        }
    }
    agree(&one(13, &[2, 3, 4], "ReduceSum", &["axes"], &[], |m| m.ints("axes", &[1])));
    agree(&one(13, &[2, 3], "ArgMax", &[], &[("axis", Attr::Int(1)), ("keepdims", Attr::Int(0))], same));
    let top = Model::new(13).x(&[2, 5]).ints("k", &[3]).node("TopK", &["x", "k"], &["y", "i"], &[]);
    agree(&top.output("y").output("i"));
}

#[test]
fn the_logarithm_of_a_sum_of_exponentials_becomes_one_node() {
    let axes = [("axes", Attr::Ints(&[1])), ("keepdims", Attr::Int(0))];
    let model = Model::new(11).x(&[2, 3, 4]).node("Exp", &["x"], &["e"], &[]);
    let model = model.node("ReduceSum", &["e"], &["s"], &axes).node("Log", &["s"], &["y"], &[]).output("y");
    let graph = model.import().unwrap().graph;
    assert!(matches!(&graph.nodes[..], [only] if matches!(only.op, Op::Reduce(_))), "{graph}");
    agree(&model);
}

#[test]
fn layouts_agree_with_the_runtime() {
    agree(&one(13, &[2, 3, 4], "Reshape", &["s"], &[], |m| m.ints("s", &[0, -1])));
    agree(&one(13, &[2, 3, 4], "Flatten", &[], &[("axis", Attr::Int(2))], same));
    agree(&one(13, &[2, 3, 4], "Transpose", &[], &[("perm", Attr::Ints(&[2, 0, 1]))], same));
    agree(&one(13, &[2, 3], "Unsqueeze", &["a"], &[], |m| m.ints("a", &[0, -1])));
    agree(&one(11, &[1, 3, 1], "Squeeze", &[], &[("axes", Attr::Ints(&[0]))], same));
    agree(&one(13, &[2, 1], "Expand", &["s"], &[], |m| m.ints("s", &[3, 1, 4])));
    agree(&one(13, &[2, 3], "Tile", &["r"], &[], |m| m.ints("r", &[2, 3])));
    agree(&one(13, &[1, 8, 2, 3], "DepthToSpace", &[], &[("blocksize", Attr::Int(2))], same));
    agree(&one(13, &[1, 2, 4, 6], "SpaceToDepth", &[], &[("blocksize", Attr::Int(2))], same));
    agree(&one(13, &[2, 3], "Concat", &["c"], &[("axis", Attr::Int(-1))], |m| m.weights("c", &[2, 4])));
    let split = Model::new(13).x(&[2, 6]).ints("s", &[2, 4]);
    let split = split.node("Split", &["x", "s"], &["a", "b"], &[("axis", Attr::Int(1))]);
    agree(&split.output("a").output("b"));
}

#[test]
fn slices_run_in_both_directions() {
    for (start, end, step) in
        [(1, 4, 1), (-1, i64::MIN, -2), (i64::MAX, 0, -1), (0, i64::MAX, 3), (4, 1, 1), (-3, -1, 1)]
    {
        let bounds = |m: Model| m.ints("s", &[start]).ints("e", &[end]).ints("a", &[1]).ints("t", &[step]);
        let model = one(13, &[2, 6], "Slice", &["s", "e", "a", "t"], &[], bounds);
        let graph = model.import().unwrap().graph;
        if graph.shape(graph.outputs[0].value).contains(&0) {
            continue;
        }
        agree(&model);
    }
}

#[test]
fn gathers_pads_and_resizes_agree_with_the_runtime() {
    agree(&one(13, &[2, 5], "Gather", &["i"], &[("axis", Attr::Int(1))], |m| m.ints("i", &[4, 0, -2])));
    for mode in ["constant", "reflect", "edge"] {
        let attributes = [("mode", Attr::Text(mode))];
        agree(&one(13, &[1, 4, 5], "Pad", &["p"], &attributes, |m| m.ints("p", &[0, 1, 2, 0, 0, 3])));
    }
    let nearest = [
        ("mode", Attr::Text("nearest")),
        ("coordinate_transformation_mode", Attr::Text("asymmetric")),
        ("nearest_mode", Attr::Text("floor")),
    ];
    let scales = |m: Model| m.floats("s", &[4], &[1.0, 1.0, 2.0, 3.0]);
    agree(&one(13, &[1, 2, 3, 2], "Resize", &["", "s"], &nearest, scales));
    agree(&one(13, &[1, 2, 3, 2], "Resize", &["", "s"], &[("mode", Attr::Text("linear"))], scales));
}

#[test]
fn what_the_runtime_does_not_know_is_evaluated_by_the_float_graph() {
    let scales = |m: Model| m.floats("s", &[4], &[1.0, 1.0, 2.0, 2.0]);
    let model = one(9, &[1, 1, 1, 2], "Upsample", &["s"], &[("mode", Attr::Text("nearest"))], scales);
    let model = model.import().unwrap();
    let reference = model.reference(false).unwrap();
    assert!(matches!(reference.backend(), Backend::Evaluator { .. }));
    let x = Tensor::new(vec![1, 1, 1, 2], vec![1.0, 2.0]).unwrap();
    assert_eq!(reference.run(&[x]).unwrap()[0].data(), [1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0]);
}

#[test]
fn normalisations_agree_with_the_runtime() {
    let two = |m: Model| m.weights("s", &[4]).weights("b", &[4]);
    agree(&one(17, &[2, 3, 4], "LayerNormalization", &["s", "b"], &[], two));
    agree(&one(13, &[1, 4, 3, 3], "InstanceNormalization", &["s", "b"], &[], two));
    agree(&one(13, &[1, 4, 3, 3], "LRN", &[], &[("size", Attr::Int(3))], same));
}

#[test]
fn operators_on_weights_alone_are_computed_at_import() {
    let model =
        Model::new(13).x(&[1, 4]).weights("a", &[4, 6]).weights("b", &[6, 3]).ints("p", &[0, 0, 0, 2]);
    let model = model.node("MatMul", &["a", "b"], &["ab"], &[]).node("Pad", &["ab", "p"], &["w"], &[]);
    let model = model.node("MatMul", &["x", "w"], &["y"], &[]).output("y");
    let graph = model.import().unwrap().graph;
    assert_eq!((graph.nodes.len(), graph.num_parameters()), (1, 20), "{graph}");
    agree(&model);
}

#[test]
fn an_addition_after_a_function_stays() {
    let model = Model::new(13).x(&[2, 3]).weights("c", &[3]).node("Relu", &["x"], &["h"], &[]);
    let model = model.node("Add", &["h", "c"], &["y"], &[]).output("y");
    assert_eq!(model.import().unwrap().graph.nodes.len(), 2);
    agree(&model);
}

#[test]
fn shape_arithmetic_is_folded_away() {
    let model = Model::new(13).x(&[1, 3, 4]).ints("zero", &[0]).ints("rest", &[-1]);
    let model = model.node("Shape", &["x"], &["shape"], &[]).node("Gather", &["shape", "zero"], &["n"], &[]);
    let model = model.node("Concat", &["n", "rest"], &["target"], &[("axis", Attr::Int(0))]);
    let model = model.node("Reshape", &["x", "target"], &["y"], &[]).output("y");
    let graph = model.import().unwrap().graph;
    assert_eq!(graph.nodes.len(), 1, "{graph}");
    assert_eq!(graph.shape(graph.outputs[0].value), [1, 12]);
    agree(&model);
}
