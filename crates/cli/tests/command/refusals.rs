//! Models, data and arguments that cannot be used: an error that says what to do, never a panic.

use crate::bench::{Bench, model, npy, samples};

const WIDTH: usize = 784;

fn compile(bench: &Bench, onnx: &str, calibration: &str) -> crate::bench::Answer {
    bench.zkml(&["compile", onnx, "--calibrate", calibration, "--out", "m.zkm"])
}

#[test]
fn compiling_without_samples_says_what_to_give() {
    let bench = Bench::new();
    let answer = bench.zkml(&["compile", &model("mlp.onnx"), "--out", "m.zkm"]);
    answer.fails(2, &["--calibrate", "32"]);
    bench.write("empty.npy", &npy("<f4", "(0, 784)", &[]));
    compile(&bench, &model("mlp.onnx"), "empty.npy").fails(3, &["empty.npy"]);
    assert_eq!(bench.names(), ["empty.npy"]);
}

#[test]
fn truncated_model_files_are_refused() {
    let bench = Bench::new();
    let onnx = std::fs::read(model("mlp.onnx")).unwrap();
    let data = model("mlp.npz");
    for length in [0, 1, 10, 100, 1000, onnx.len() / 2, onnx.len() - 1000, onnx.len() - 1] {
        bench.write("cut.onnx", &onnx[..length]);
        compile(&bench, "cut.onnx", &data).fails(3, &["cut.onnx"]);
    }
    assert_eq!(bench.names(), ["cut.onnx"]);
}

#[test]
fn weights_that_are_no_numbers_are_refused() {
    let bench = Bench::new();
    let mut onnx = std::fs::read(model("mlp.onnx")).unwrap();
    // The middle of the file is the middle of the largest weight.
    let middle = onnx.len() / 2;
    onnx[middle..middle + 8].fill(0xff);
    bench.write("nan.onnx", &onnx);
    compile(&bench, "nan.onnx", &model("mlp.npz")).fails(3, &["nan.onnx", "NaN"]);
}

#[test]
fn samples_of_another_shape_or_kind_are_refused() {
    let bench = Bench::with_proof();
    let reals = |count: usize| vec![0u8; 4 * count];
    for (name, bytes, says) in [
        ("narrow.npy", samples(2, WIDTH - 1, 0.5), "783"),
        ("flat.npy", npy("<f4", "(3,)", &reals(3)), "shape"),
        ("deep.npy", npy("<f4", "(1, 1, 1, 1, 784)", &reals(WIDTH)), "shape"),
        ("complex.npy", npy("<c8", "(1, 784)", &reals(2 * WIDTH)), "c8"),
        ("text.npy", npy("<U4", "(1, 784)", &reals(4 * WIDTH)), "U4"),
        ("short.npy", npy("<f4", "(2, 784)", &reals(WIDTH)), "short.npy"),
        ("huge.npy", npy("<f4", "(1152921504606846976, 784)", &reals(WIDTH)), "huge.npy"),
        ("nan.npy", samples(2, WIDTH, f32::NAN), "NaN"),
        ("infinite.npy", samples(2, WIDTH, f32::INFINITY), "finite"),
        ("noise.npz", b"no zip at all".to_vec(), "noise.npz"),
        ("noise.json", b"{\"input\": [[1, 2,".to_vec(), "noise.json"),
        ("strange.json", b"{\"input\": \"text\"}".to_vec(), "strange.json"),
        ("other.json", b"{\"other\": [[1, 2]]}".to_vec(), "other.json"),
        ("data.csv", b"1,2,3".to_vec(), ".npz, .npy or .json"),
    ] {
        bench.write(name, &bytes);
        compile(&bench, &model("mlp.onnx"), name).fails(3, &[says]);
        bench.zkml(&["run", "mlp.zkm", "--input", name]).fails(3, &[says]);
    }
    assert!(!bench.path("m.zkm").exists());
}

#[test]
fn samples_that_are_not_there_are_named() {
    let bench = Bench::with_proof();
    let data = model("mlp_test.npz");
    let run = |more: &[&str]| bench.zkml(&[&["run", "mlp.zkm", "--input", &data], more].concat());
    run(&["--index", "100"]).fails(2, &["100..101", "holds 100"]);
    run(&["--index", "18446744073709551615"]).fails(2, &["--range"]);
    run(&["--range", "0..99999999999999"]).fails(2, &["holds 100"]);
    for range in ["5..5", "6..5", "5", "a..b", "..", "-1..2", "0..99999999999999999999999"] {
        run(&[&format!("--range={range}")]).fails(2, &["A < B"]);
    }
    run(&["--index", "1", "--range", "0..2"]).expect(2);
}

#[test]
fn arguments_without_meaning_are_refused_with_the_choices() {
    let bench = Bench::with_proof();
    let prove = |more: &[&str]| bench.prove(&[&["--out", "q.zkp"], more].concat());
    prove(&["--visibility", "input"]).fails(2, &["NAME=VISIBILITY"]);
    prove(&["--visibility", "input=secret"]).fails(2, &["private, public or committed"]);
    prove(&["--commitment", "input=secret"]).fails(2, &["not committed", "--visibility input=committed"]);
    prove(&["--visibility", "weights=public"]).fails(2, &["it has input, output"]);
    for context in ["abc", "xyz0", &"00".repeat(65), "äöäö"] {
        prove(&["--context", context]).fails(2, &["64 bytes"]);
    }
    let (onnx, data) = (model("mlp.onnx"), model("mlp.npz"));
    let compile = |more: &[&str]| {
        bench.zkml(&[&["compile", &onnx, "--calibrate", &data, "--out", "m.zkm"], more].concat())
    };
    compile(&["--output", "best"]).fails(2, &["raw, argmax or topk=K"]);
    compile(&["--dim", "batch=many"]).fails(2, &["NAME=VALUE"]);
    compile(&["--dim", "batch=18446744073709551615"]).expect(3);
    compile(&["--freeze", "input"]).fails(2, &["INPUT=FILE"]);
    compile(&["--percentile", "7"]).fails(3, &["percentile"]);
    compile(&["--percentile", "nan"]).fails(3, &["percentile"]);
    bench.zkml(&["prove"]).expect(2);
    bench.zkml(&["fly"]).expect(2);
    assert!(!bench.path("q.zkp").exists() && !bench.path("m.zkm").exists());
}

#[test]
fn damaged_models_cards_and_keys_are_refused() {
    let bench = Bench::with_proof();
    for (file, command) in [
        ("mlp.zkm", &["inspect", "mlp.zkm"][..]),
        ("keys/model.card", &["inspect", "keys/model.card"]),
        ("keys/prover.key", &["prove", "--key", "keys/prover.key", "--input", "x.npy", "--out", "q.zkp"]),
    ] {
        let bytes = bench.read(file);
        for length in [0, 3, 4, 5, 6, 20, bytes.len() / 2, bytes.len() - 1] {
            bench.write(file, &bytes[..length]);
            bench.zkml(command).fails(3, &[]);
        }
        bench.write(file, &[bytes, vec![0]].concat());
        bench.zkml(command).fails(3, &[]);
    }
}

#[test]
fn a_key_with_other_weights_than_its_card_proves_nothing() {
    let bench = Bench::with_proof();
    let mut key = bench.read("keys/prover.key");
    // The key starts with the model: hardly more than a byte for each of a hundred thousand weights.
    let middle = 50_000;
    key[middle] ^= 2;
    bench.write("keys/prover.key", &key);
    let answer = bench.prove(&["--out", "q.zkp"]);
    assert!(matches!(answer.code, Some(2 | 3)) && !answer.err.contains("panicked"), "{answer:?}");
    assert!(!bench.path("q.zkp").exists());
}
