//! Proofs that are not what the verifier asks for.

use crate::bench::Bench;

#[test]
fn another_context_is_refused() {
    let bench = Bench::with_proof();
    bench.verify("p.zkp", &["--context", "c0ffee"]).ok();
    bench.verify("p.zkp", &["--context", "0xC0FFEE"]).ok();
    bench.verify("p.zkp", &["--context", "c0ffef"]).fails(1, &["INVALID", "c0ffee", "c0ffef"]);
    bench.verify("p.zkp", &["--context", ""]).fails(1, &["INVALID"]);
    let answer =
        bench.zkml(&["--json", "verify", "--card", "keys/model.card", "p.zkp", "--context", "00"]).expect(1);
    assert_eq!((&answer.json()["ok"], &answer.json()["exit_code"]), (&false.into(), &1.into()));
}

#[test]
fn a_proof_about_another_model_is_refused() {
    let bench = Bench::with_proof();
    // The same weights, committed with other randomness, are another model.
    bench.zkml(&["setup", "mlp.zkm", "--out", "other"]).ok();
    bench.zkml(&["verify", "--card", "other/model.card", "p.zkp"]).fails(1, &["INVALID", "about model"]);
}

#[test]
fn more_security_than_the_proof_has_is_refused() {
    let bench = Bench::with_proof();
    bench.verify("p.zkp", &["--min-security", "100"]).ok();
    bench.verify("p.zkp", &["--min-security", "128"]).fails(1, &["INVALID", "128"]);
}

#[test]
fn a_proof_of_128_bits_is_one() {
    let bench = Bench::with_proof();
    let strong = ["setup", "mlp.zkm", "--out", "keys", "--security", "128"];
    bench.zkml(&strong).fails(2, &["another set-up", "--force"]);
    bench.verify("p.zkp", &[]).ok();
    bench.zkml(&[&strong[..], &["--force"]].concat()).ok();
    bench.prove(&["--out", "strong.zkp"]).ok();
    bench.verify("strong.zkp", &["--min-security", "128"]).ok();
    bench.zkml(&["setup", "mlp.zkm", "--out", "weak", "--security", "80"]).fails(2, &["100 or 128"]);
}

#[test]
fn a_flipped_bit_anywhere_makes_a_proof_invalid() {
    let bench = Bench::with_proof();
    let proof = bench.read("p.zkp");
    let dense = 0..96.min(proof.len());
    let sparse = (96..proof.len()).step_by(proof.len() / 60);
    for position in dense.chain(sparse).chain([proof.len() - 1]) {
        let mut changed = proof.clone();
        changed[position] ^= 1 << (position % 8);
        bench.write("changed.zkp", &changed);
        bench.verify("changed.zkp", &[]).fails(1, &["INVALID"]);
    }
}

#[test]
fn a_cut_or_extended_proof_is_invalid() {
    let bench = Bench::with_proof();
    let proof = bench.read("p.zkp");
    for length in [0, 1, 3, 4, 5, 6, 7, 40, 100, 1000, proof.len() / 2, proof.len() - 1] {
        bench.write("cut.zkp", &proof[..length]);
        bench.verify("cut.zkp", &[]).fails(1, &["INVALID"]);
    }
    bench.write("long.zkp", &[proof, vec![0]].concat());
    bench.verify("long.zkp", &[]).fails(1, &["INVALID"]);
}

#[test]
fn a_newer_format_says_that_the_program_is_older() {
    let bench = Bench::with_proof();
    for (file, command, code) in [
        ("p.zkp", &["verify", "--card", "keys/model.card", "p.zkp"][..], 1),
        ("keys/model.card", &["verify", "--card", "keys/model.card", "p.zkp"], 3),
        ("mlp.zkm", &["inspect", "mlp.zkm"], 3),
        ("keys/prover.key", &["prove", "--key", "keys/prover.key", "--input", "x.npy", "--out", "q.zkp"], 3),
    ] {
        let bytes = bench.read(file);
        let mut newer = bytes.clone();
        newer[4] = 7;
        bench.write(file, &newer);
        bench.zkml(command).fails(code, &["format version 7", "update"]);
        bench.write(file, &bytes);
    }
}

#[test]
fn files_of_another_kind_are_named() {
    let bench = Bench::with_proof();
    bench.zkml(&["verify", "--card", "p.zkp", "keys/model.card"]).fails(3, &["no model card"]);
    bench.verify("keys/model.card", &[]).fails(1, &["no proof"]);
    bench.zkml(&["setup", "keys/model.card", "--out", "k"]).fails(3, &["no compiled model"]);
    let prove = ["prove", "--key", "mlp.zkm", "--input", "x.npy", "--out", "q.zkp"];
    bench.zkml(&prove).fails(3, &["no prover key"]);
    bench.write("noise", b"hello, world");
    bench
        .zkml(&["inspect", "noise"])
        .fails(3, &["no compiled model, model card, prover key, committed tensor or proof"]);
}
