//! What is wrong with a file is said in a typed error, and nothing panics.

mod onnx;

use std::collections::BTreeMap;

use onnx::{Attr, FLOAT16, Model};
use tract_onnx::pb::TensorProto;
use zkml_import::{Array, ImportError, ImportOptions, Tensor, import_bytes};

fn mlp() -> Model {
    let model = Model::new(13).x(&[1, 4]).weights("w", &[4, 3]).weights("b", &[3]);
    model.node("Gemm", &["x", "w", "b"], &["h"], &[]).node("Relu", &["h"], &["y"], &[]).output("y")
}

#[test]
fn garbage_and_truncated_files_are_refused() {
    for garbage in [&b""[..], b"\x00", b"not a model", &[0xff; 64]] {
        let error = import_bytes("bad.onnx", garbage, &ImportOptions::default()).unwrap_err();
        assert!(matches!(error, ImportError::NotOnnx { .. }), "{error}");
        assert!(error.to_string().contains("bad.onnx"));
    }
    let bytes = mlp().bytes();
    for end in 0..bytes.len() {
        assert!(import_bytes("cut.onnx", &bytes[..end], &ImportOptions::default()).is_err(), "cut at {end}");
    }
}

#[test]
fn flipped_bytes_never_panic() {
    let bytes = mlp().bytes();
    for i in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[i] ^= 0x5a;
        if let Ok(model) = import_bytes("flipped.onnx", &bytes, &ImportOptions::default()) {
            let _ = model.reference(true);
        }
    }
}

#[test]
fn an_absurd_tensor_is_refused_before_it_is_allocated() {
    for dims in [[1 << 40, 1 << 40], [i64::MAX, 2], [-1, 4]] {
        let model = Model::new(13).x(&[1, 4]).floats("w", &dims, &[1.0]);
        let error = model.node("MatMul", &["x", "w"], &["y"], &[]).output("y").import().unwrap_err();
        assert!(matches!(&error, ImportError::Tensor { tensor, .. } if tensor == "w"), "{error}");
    }
    let model = Model::new(13).x(&[1, 4]).ints("s", &[1 << 40, 1 << 20]);
    let model =
        model.node("ConstantOfShape", &["s"], &["c"], &[]).node("Add", &["x", "c"], &["y"], &[]).output("y");
    assert!(matches!(model.import().unwrap_err(), ImportError::Unsupported { .. }));
    let model = Model::new(13).x(&[1, 4]).ints("s", &[1 << 30, 1 << 30]);
    let model = model.node("Tile", &["x", "s"], &["y"], &[]).output("y");
    assert!(matches!(model.import().unwrap_err(), ImportError::Unsupported { .. }));
}

#[test]
fn a_weight_that_is_not_finite_is_named() {
    for value in [f32::NAN, f32::INFINITY] {
        let model = Model::new(13).x(&[1, 2]).floats("kernel", &[2, 1], &[1.0, value]);
        let error = model.node("MatMul", &["x", "kernel"], &["y"], &[]).output("y").import().unwrap_err();
        assert!(
            matches!(&error, ImportError::NotFinite { tensor, index: 1, .. } if tensor == "kernel"),
            "{error}"
        );
    }
}

#[test]
fn all_unsupported_operators_are_listed_at_once() {
    let model =
        Model::new(13).x(&[1, 4]).node("NonZero", &["x"], &["a"], &[]).node("Det", &["x"], &["b"], &[]);
    let model =
        model.node("Relu", &["a"], &["c"], &[]).node("Hardmax", &["c"], &["d"], &[]).output("d").output("b");
    let error = model.import().unwrap_err();
    let ImportError::Unsupported { nodes, .. } = &error else { panic!("{error}") };
    let listed: Vec<(&str, &str)> = nodes.iter().map(|n| (n.name.as_str(), n.op_type.as_str())).collect();
    assert_eq!(listed, [("NonZero_0", "NonZero"), ("Det_1", "Det"), ("Hardmax_3", "Hardmax")]);
    assert_eq!(nodes[0].shapes, [Some(vec![1, 4])]);
    assert_eq!(nodes[2].shapes, [None]);
}

#[test]
fn shapes_that_do_not_fit_are_refused_with_the_node() {
    let model =
        Model::new(13).x(&[1, 4]).weights("w", &[5, 3]).node("MatMul", &["x", "w"], &["y"], &[]).output("y");
    let message = model.import().unwrap_err().to_string();
    assert!(
        message.contains("MatMul_0") && message.contains("[1, 4]") && message.contains("[5, 3]"),
        "{message}"
    );
}

#[test]
fn a_tensor_that_nothing_computes_is_named() {
    let model = Model::new(13).x(&[1, 4]).node("Add", &["x", "ghost"], &["y"], &[]).output("y");
    let error = model.import().unwrap_err();
    assert!(matches!(&error, ImportError::Undefined { tensor, .. } if tensor == "ghost"), "{error}");
    let error = Model::new(13).x(&[1, 4]).output("ghost").import().unwrap_err();
    assert!(matches!(&error, ImportError::Undefined { tensor, .. } if tensor == "ghost"), "{error}");
}

#[test]
fn old_operator_sets_are_refused() {
    let mut model = mlp();
    model.opset = 6;
    assert!(matches!(model.import().unwrap_err(), ImportError::Opset { got: 6, expected: 7, .. }));
}

#[test]
fn a_symbolic_batch_is_one_and_others_must_be_given() {
    let model = |dims: &[Result<i64, &str>]| {
        Model::new(13).input("x", dims).node("Relu", &["x"], &["y"], &[]).output("y")
    };
    let graph = model(&[Err("batch"), Ok(4)]).import().unwrap().graph;
    assert_eq!(graph.shape(graph.inputs[0]), [1, 4]);

    let open = model(&[Err("batch"), Err("length")]);
    let message = open.import().unwrap_err().to_string();
    assert!(message.contains("--dim length=SIZE"), "{message}");
    let dims = BTreeMap::from([("length".to_string(), 7)]);
    let options = ImportOptions { dims, ..ImportOptions::default() };
    let graph = open.import_with(&options).unwrap().graph;
    assert_eq!(graph.shape(graph.inputs[0]), [1, 7]);

    let error = model(&[Ok(1), Ok(4)]).import_with(&options).unwrap_err();
    assert!(matches!(error, ImportError::UnknownName { .. }), "{error}");
}

#[test]
fn an_initialiser_listed_as_an_input_is_not_an_input() {
    let graph = mlp().input("w", &[Ok(4), Ok(3)]).import().unwrap().graph;
    assert_eq!(graph.inputs.len(), 1);
    assert!(graph.inputs.iter().all(|id| graph.value(*id).name == "x"));
}

#[test]
fn a_frozen_input_becomes_a_constant() {
    let model = Model::new(13).x(&[1, 4]).input("factor", &[Ok(4)]);
    let model = model.node("Mul", &["x", "factor"], &["y"], &[]).output("y");
    assert_eq!(model.import().unwrap().graph.inputs.len(), 2);
    let tensor = Array::F32(Tensor::vector(vec![1.0, 2.0, 3.0, 4.0]));
    let freeze = BTreeMap::from([("factor".to_string(), tensor)]);
    let imported = model.import_with(&ImportOptions { freeze, ..ImportOptions::default() }).unwrap();
    assert_eq!(imported.graph.inputs.len(), 1);
    let x = Tensor::new(vec![1, 4], vec![1.0; 4]).unwrap();
    let y = imported.reference(false).unwrap().run(&[x]).unwrap();
    assert_eq!(y[0].data(), [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn half_precision_weights_are_read_as_f32() {
    let mut model = Model::new(13).x(&[1, 2]);
    // 1.5 and −2 as f16.
    let raw_data = [0x3e00u16, 0xc000].iter().flat_map(|v| v.to_le_bytes()).collect();
    let tensor =
        TensorProto { name: "w".into(), dims: vec![2], data_type: FLOAT16, raw_data, ..Default::default() };
    model.graph.initializer.push(tensor);
    let model = model.node("Cast", &["w"], &["wide"], &[("to", Attr::Int(1))]);
    let model = model.node("Mul", &["x", "wide"], &["y"], &[]).output("y").import().unwrap();
    let x = Tensor::new(vec![1, 2], vec![1.0; 2]).unwrap();
    assert_eq!(model.reference(false).unwrap().run(&[x]).unwrap()[0].data(), [1.5, -2.0]);
}
