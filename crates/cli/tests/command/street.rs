//! From the ONNX file to the verified proof.

use serde_json::Value;

use crate::bench::{Bench, model};

/// The position of the largest value of an output.
fn class(output: &Value) -> usize {
    let values: Vec<f64> = output["values"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    (0..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
}

/// Every verb on one model; sample 0 of its test data has the given class.
fn street(name: &str, expected: usize) {
    let bench = Bench::new();
    let (onnx, calibration, data) =
        (model(&format!("{name}.onnx")), model(&format!("{name}.npz")), model(&format!("{name}_test.npz")));
    let compiled =
        bench.zkml(&["--json", "compile", &onnx, "--calibrate", &calibration, "--out", "m.zkm"]).ok().json();
    assert_eq!(compiled["ok"], true);
    assert!(compiled["parameters"].as_u64().unwrap() > 10_000);

    let accuracy = bench.zkml(&["--json", "accuracy", "m.zkm", "--data", &data]).ok().json();
    assert_eq!(accuracy["samples"], 100, "{accuracy}");

    let inspected = bench.zkml(&["--json", "inspect", "m.zkm", "--svg", "m.svg"]).ok().json();
    assert!(inspected["macs"].as_u64().unwrap() > 10_000, "{inspected}");
    let svg = String::from_utf8(bench.read("m.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n") && svg.contains("Requantize"));

    let set_up = bench.zkml(&["--json", "setup", "m.zkm", "--out", "keys"]).ok().json();
    let id = set_up["model"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 64);

    let run = bench.zkml(&["--json", "run", "m.zkm", "--input", &data]).ok().json();
    let output = &run["samples"][0]["outputs"][0];
    assert_eq!(class(output), expected);

    let key = ["--key", "keys/prover.key", "--input", &data, "--out", "p.zkp"];
    let proven = bench.zkml(&[&["--json", "prove"], &key[..]].concat()).ok().json();
    assert_eq!(proven["outputs"][0]["integers"], output["integers"]);
    assert!(proven["security_bits"].as_f64().unwrap() >= 100.0);
    assert_eq!(proven["bytes"].as_u64().unwrap(), bench.read("p.zkp").len() as u64);

    let verify = ["verify", "--card", "keys/model.card", "p.zkp"];
    let verified = bench.zkml(&[&["--json"], &verify[..]].concat()).ok().json();
    assert_eq!(
        (&verified["valid"], &verified["model"], &verified["batch"]),
        (&true.into(), &set_up["model"], &1.into())
    );
    assert_eq!(verified["outputs"][0]["integers"], output["integers"]);
    assert_eq!(verified["inputs"], Value::Array(vec![]), "the input is private");
    let words = bench.zkml(&verify).ok();
    assert!(words.out.starts_with("VALID") && words.out.contains(&id), "{words:?}");
    assert!(words.out.contains("zero knowledge") && verified["zero_knowledge"] == true, "{words:?}");
}

#[test]
fn the_perceptron_goes_from_onnx_to_a_verified_proof() {
    street("mlp", 2);
}

#[test]
fn lenet_goes_from_onnx_to_a_verified_proof() {
    street("lenet5", 2);
}

#[test]
fn the_three_best_classes_are_proven_in_order() {
    let bench = Bench::new();
    let (onnx, calibration, data) = (model("mlp.onnx"), model("mlp.npz"), model("mlp_test.npz"));
    let compile = |output: &str| {
        bench.zkml(&["compile", &onnx, "--calibrate", &calibration, "--out", "m.zkm", "--output", output])
    };
    compile("topk=0").fails(3, &["topk=1"]);
    compile("topk=11").fails(3, &["11"]);
    compile("topk=3").ok();
    bench.zkml(&["setup", "m.zkm", "--out", "keys"]).ok();
    let run = bench.zkml(&["--json", "run", "m.zkm", "--input", &data]).ok().json();
    let best = run["samples"][0]["outputs"][0]["integers"].clone();
    assert_eq!((best.as_array().unwrap().len(), &best[0]), (3, &2.into()), "{run}");
    bench.zkml(&["prove", "--key", "keys/prover.key", "--input", &data, "--out", "p.zkp"]).ok();
    let verify = ["verify", "--card", "keys/model.card", "p.zkp"];
    let verified = bench.zkml(&[&["--json"], &verify[..]].concat()).ok().json();
    assert_eq!(verified["outputs"][0]["integers"], best);
    let words = bench.zkml(&verify).ok();
    assert!(words.out.contains("largest first: 2, "), "{words:?}");
}

#[test]
fn every_verb_speaks_to_people_without_json() {
    let bench = Bench::with_proof();
    let data = model("mlp_test.npz");
    let said = |arguments: &[&str], parts: &[&str]| {
        let answer = bench.zkml(arguments).ok();
        for part in parts {
            assert!(answer.out.contains(part), "'{part}' is not said: {answer:#?}");
        }
    };
    said(&["setup", "mlp.zkm", "--out", "other"], &["SECRET", "public", "zkml prove"]);
    said(&["accuracy", "mlp.zkm", "--data", &data], &["%"]);
    said(&["inspect", "mlp.zkm"], &["Einsum", "predicted"]);
    said(&["inspect", "keys/model.card"], &["Einsum", "predicted"]);
    said(&["inspect", "p.zkp"], &["c0ffee", "sealing", "Nothing is checked"]);
    said(&["run", "mlp.zkm", "--input", &data, "--index", "99"], &["sample 99", "largest at"]);
    said(&["--help"], &["Exit codes", "demo"]);
    assert!(bench.compile_mlp().out.contains("zkml setup"));
}

#[test]
fn classes_have_names_where_labels_are_given() {
    let bench = Bench::with_proof();
    bench.write("labels.txt", b"zero\none\ntwo\n");
    let data = model("mlp_test.npz");
    let answer = bench.zkml(&["run", "mlp.zkm", "--input", &data, "--labels", "labels.txt"]).ok();
    assert!(answer.out.contains("largest at 2 (two)"), "{answer:?}");
}

#[test]
fn a_batch_is_one_proof_of_every_sample() {
    let bench = Bench::with_proof();
    let data = model("mlp_test.npz");
    bench.prove(&["--range", "3..6", "--out", "batch.zkp"]).ok();
    let verified = bench.zkml(&["--json", "verify", "--card", "keys/model.card", "batch.zkp"]).ok().json();
    let run = bench.zkml(&["--json", "run", "mlp.zkm", "--input", &data, "--range", "3..6"]).ok().json();
    assert_eq!(verified["batch"], 3);
    let one_by_one: Vec<Value> = (0..3)
        .flat_map(|i| run["samples"][i]["outputs"][0]["integers"].as_array().unwrap().clone())
        .collect();
    assert_eq!(verified["outputs"][0]["integers"], Value::Array(one_by_one));
}

#[test]
fn a_public_input_is_compared_with_a_file() {
    let bench = Bench::with_proof();
    let data = model("mlp_test.npz");
    bench.prove(&["--out", "public.zkp", "--visibility", "input=public"]).ok();
    // The file holds a hundred samples, the statement one.
    bench.verify("public.zkp", &["--input", &data]).fails(1, &["INVALID", "784"]);
    let shown = bench.zkml(&["--json", "verify", "--card", "keys/model.card", "public.zkp"]).ok().json();
    let input = |values: &Value| serde_json::json!({ "input": [values] }).to_string();
    let mut values = shown["inputs"][0]["values"].clone();
    bench.write("same.json", input(&values).as_bytes());
    bench.verify("public.zkp", &["--input", "same.json"]).ok();
    let spot = (0..784).find(|&i| (0.2..0.8).contains(&values[i].as_f64().unwrap())).unwrap();
    values[spot] = (values[spot].as_f64().unwrap() + 0.1).into();
    bench.write("other.json", input(&values).as_bytes());
    bench.verify("public.zkp", &["--input", "other.json"]).fails(1, &["INVALID", "input 'input'"]);
    // Black and white pixels are compared like all others.
    for value in [0.0, 0.5, 1.0] {
        bench.write("flat.json", input(&Value::from(vec![value; 784])).as_bytes());
        bench.verify("public.zkp", &["--input", "flat.json"]).fails(1, &["INVALID", "input 'input'"]);
    }
    bench.verify("p.zkp", &["--input", "same.json"]).fails(1, &["no input of this proof is public"]);
}

#[test]
fn a_picture_of_extremes_is_no_other_picture() {
    let bench = Bench::with_proof();
    let picture = |value: f32| serde_json::json!({ "input": [vec![value; 784]] }).to_string();
    bench.write("black.json", picture(0.0).as_bytes());
    bench.write("white.json", picture(1.0).as_bytes());
    bench.write("brighter.json", picture(9.0).as_bytes());
    let key = ["--key", "keys/prover.key", "--input", "black.json", "--visibility", "input=public"];
    bench.zkml(&[&["prove", "--out", "black.zkp"], &key[..]].concat()).ok();
    bench.verify("black.zkp", &["--input", "black.json"]).ok();
    bench.verify("black.zkp", &["--input", "white.json"]).fails(1, &["INVALID"]);
    let key = ["--key", "keys/prover.key", "--input", "brighter.json", "--visibility", "input=public"];
    bench.zkml(&[&["prove", "--out", "bright.zkp"], &key[..]].concat()).ok();
    let answer = bench.verify("bright.zkp", &["--input", "brighter.json"]).ok();
    assert!(answer.out.contains("784 values of the input file lie outside"), "{answer:?}");
}

#[test]
fn public_outputs_are_compared_with_a_file() {
    let bench = Bench::with_proof();
    let shown = bench.zkml(&["--json", "verify", "--card", "keys/model.card", "p.zkp"]).ok().json();
    let mut values = shown["outputs"][0]["values"].clone();
    let output = |values: &Value| serde_json::json!({ "output": [values] }).to_string();
    bench.write("same.json", output(&values).as_bytes());
    bench.verify("p.zkp", &["--output", "same.json"]).ok();
    values[7] = (values[7].as_f64().unwrap() + 0.5).into();
    bench.write("other.json", output(&values).as_bytes());
    bench.verify("p.zkp", &["--output", "other.json"]).fails(1, &["INVALID", "entry 7"]);
    bench.prove(&["--out", "silent.zkp", "--visibility", "output=private"]).ok();
    bench.verify("silent.zkp", &["--output", "same.json"]).fails(1, &["no output of this proof is public"]);
    let silent = bench.zkml(&["--json", "verify", "--card", "keys/model.card", "silent.zkp"]).ok().json();
    assert_eq!(silent["outputs"], Value::Array(vec![]));
}
