//! Budgets: every proof opens a commitment, and every commitment serves a bounded number of proofs.

use std::fs;

use crate::bench::{Bench, model};

/// A folder with a key of three openings and a next key's worth of data.
fn few_openings() -> Bench {
    let bench = Bench::new();
    bench.compile_mlp();
    let setup = ["--json", "setup", "mlp.zkm", "--out", "keys", "--openings", "1", "--log-rows", "10"];
    let set_up = bench.zkml(&setup).ok().json();
    assert_eq!((&set_up["openings"]["left"], &set_up["trees"]), (&3.into(), &1.into()), "{set_up}");
    bench
}

fn left(bench: &Bench, key: &str) -> u64 {
    bench.zkml(&["--json", "inspect", key]).ok().json()["openings"]["left"].as_u64().unwrap()
}

#[test]
fn a_spent_key_refuses_and_goes_on_after_a_refresh() {
    let bench = few_openings();
    for name in ["1.zkp", "2.zkp", "3.zkp"] {
        bench.prove(&["--out", name]).ok();
    }
    bench.prove(&["--out", "4.zkp"]).fails(2, &["every opening", "zkml refresh"]);
    assert!(!bench.path("4.zkp").exists());

    let old = bench.read("keys/model.card");
    let refreshed = bench.zkml(&["--json", "refresh", "--key", "keys/prover.key"]).ok().json();
    assert_eq!((&refreshed["epochs"], &refreshed["openings"]["left"]), (&2.into(), &3.into()));
    bench.prove(&["--out", "4.zkp"]).ok();
    // The new card serves the proofs of both epochs, the old one those of the first.
    for name in ["1.zkp", "3.zkp", "4.zkp"] {
        bench.verify(name, &[]).ok();
    }
    bench.write("old.card", &old);
    bench.zkml(&["verify", "--card", "old.card", "1.zkp"]).ok();
    bench.zkml(&["verify", "--card", "old.card", "4.zkp"]).fails(1, &["INVALID", "epoch 1"]);
}

#[test]
fn a_key_is_refreshed_once_and_older_copies_of_it_are_refused() {
    let bench = few_openings();
    let old = bench.read("keys/prover.key");
    bench.zkml(&["refresh", "--key", "keys/prover.key"]).ok();
    bench.write("keys/prover.key", &old);
    // The old epoch's only closing is spent.
    bench.zkml(&["refresh", "--key", "keys/prover.key"]).fails(2, &["every opening"]);
}

#[test]
fn a_lease_moves_openings_and_never_copies_them() {
    let bench = Bench::with_proof();
    let before = left(&bench, "keys/prover.key");
    let lease = ["--json", "lease", "--key", "keys/prover.key", "--openings", "5", "--out", "worker"];
    let leased = bench.zkml(&lease).ok().json();
    let moved = leased["openings"]["left"].as_u64().unwrap();
    assert!(moved >= 5 && left(&bench, "keys/prover.key") + moved == before, "{leased}");
    assert_eq!(left(&bench, "worker/prover.key"), moved);
    bench.zkml(&lease[1..]).fails(2, &["exists"]);

    let data = model("mlp_test.npz");
    bench.zkml(&["prove", "--key", "worker/prover.key", "--input", &data, "--out", "w.zkp"]).ok();
    bench.verify("w.zkp", &[]).ok();
    // Only the original holder may continue the model.
    bench.zkml(&["refresh", "--key", "worker/prover.key"]).fails(2, &["every opening"]);
    let all = (before * 2).to_string();
    bench.zkml(&["lease", "--key", "keys/prover.key", "--openings", &all, "--out", "more"]).fails(2, &[]);
    assert_eq!(left(&bench, "keys/prover.key") + moved, before, "a refused lease takes nothing");
}

#[test]
fn a_ledger_that_was_restored_copied_or_lost_is_refused() {
    let bench = Bench::with_proof();
    bench.prove(&["--out", "a.zkp"]).ok();
    let backup = bench.read("keys/prover.ledger");
    bench.prove(&["--out", "b.zkp"]).ok();
    bench.write("keys/prover.ledger", &backup);
    bench.prove(&["--out", "c.zkp"]).fails(2, &["copy or an older version", "zkml adopt"]);
    fs::remove_file(bench.path("keys/prover.ledger")).unwrap();
    bench.prove(&["--out", "c.zkp"]).fails(2, &["missing"]);
    assert!(!bench.path("c.zkp").exists());
    bench.write("keys/prover.ledger", &backup);
    bench.zkml(&["adopt", "--key", "keys/prover.key"]).ok();
    bench.prove(&["--out", "c.zkp"]).ok();
}

#[test]
fn one_committed_input_serves_several_proofs_and_no_other_tensor() {
    let bench = Bench::with_proof();
    let committed = ["--visibility", "input=committed", "--commitment", "input=x.secret"];
    let prove = |out: &str, more: &[&str]| bench.prove(&[&["--out", out], &committed[..], more].concat());
    prove("1.zkp", &[]).ok();
    prove("2.zkp", &["--context", "02"]).ok();
    let verified = |name: &str| {
        let answer = bench.zkml(&["--json", "verify", "--card", "keys/model.card", name]).ok().json();
        answer["commitments"]["input"].as_str().unwrap().to_owned()
    };
    let id = verified("1.zkp");
    assert_eq!(id, verified("2.zkp"));
    bench.verify("2.zkp", &["--commitment", &format!("input={id}")]).ok();
    let other = format!("input={}", "0".repeat(64));
    bench.verify("2.zkp", &["--commitment", &other]).fails(1, &["INVALID", "'input'"]);
    bench.verify("p.zkp", &["--commitment", &format!("input={id}")]).fails(1, &["INVALID"]);
    prove("3.zkp", &["--index", "1"]).fails(2, &["another tensor"]);
    // Eight proofs by default, of which two are made.
    for _ in 0..6 {
        prove("more.zkp", &[]).ok();
    }
    prove("ninth.zkp", &[]).fails(2, &["served all its proofs"]);
    assert!(!bench.path("ninth.zkp").exists());
}

#[test]
fn a_share_of_a_committed_tensor_is_split_off_and_copies_of_the_secret_are_refused() {
    let bench = Bench::with_proof();
    let prove = |secret: &str, out: &str| {
        let commitment = format!("output={secret}");
        bench.prove(&["--out", out, "--visibility", "output=committed", "--commitment", &commitment])
    };
    prove("y.secret", "1.zkp").ok();
    let lease = ["--json", "lease", "--tensor", "y.secret", "--openings", "2", "--out", "share.secret"];
    let leased = bench.zkml(&lease).ok().json();
    assert_eq!((&leased["openings"], &leased["left"]), (&2.into(), &5.into()), "{leased}");
    fs::copy(bench.path("y.secret"), bench.path("copy.secret")).unwrap();
    prove("copy.secret", "c.zkp").fails(2, &["copy or an older version", "zkml lease --tensor"]);
    for out in ["2.zkp", "3.zkp"] {
        prove("share.secret", out).ok();
    }
    prove("share.secret", "4.zkp").fails(2, &["served all its proofs"]);
    prove("y.secret", "4.zkp").ok();
    bench
        .zkml(&["lease", "--tensor", "y.secret", "--openings", "5", "--out", "s"])
        .fails(2, &["4 proofs left"]);
    bench.zkml(&["adopt", "--tensor", "copy.secret"]).ok();
    bench.zkml(&["adopt"]).expect(2);
}
