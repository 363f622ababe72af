//! Proofs for contracts: the suites `groth16` and `plonk`.
//!
//! What takes more than seconds runs where `ZKML_SLOW_TESTS` is set.

use std::sync::OnceLock;

use crate::bench::Bench;
use crate::tiny;

const SUITES: [&str; 2] = ["groth16", "plonk"];

fn slow() -> bool {
    std::env::var_os("ZKML_SLOW_TESTS").is_some()
}

/// A folder with `tiny.zkm` and `data.json`.
fn compiled() -> Bench {
    static MODEL: OnceLock<Vec<u8>> = OnceLock::new();
    let bench = Bench::new();
    bench.write("data.json", tiny::samples(40).as_bytes());
    let model = MODEL.get_or_init(|| {
        bench.write("tiny.onnx", &tiny::onnx());
        bench.zkml(&["compile", "tiny.onnx", "--calibrate", "data.json", "--out", "tiny.zkm"]).ok();
        bench.read("tiny.zkm")
    });
    bench.write("tiny.zkm", model);
    bench
}

fn set_up(bench: &Bench, suite: &str, out: &str, more: &[&str]) -> crate::bench::Answer {
    bench.zkml(&[&["setup", "tiny.zkm", "--out", out, "--suite", suite], more].concat())
}

fn prove(bench: &Bench, keys: &str, out: &str, more: &[&str]) -> crate::bench::Answer {
    let key = format!("{keys}/prover.key");
    bench.zkml(&[&["prove", "--key", &key, "--input", "data.json", "--out", out], more].concat())
}

fn verify(bench: &Bench, keys: &str, proof: &str, more: &[&str]) -> crate::bench::Answer {
    let card = format!("{keys}/model.card");
    bench.zkml(&[&["verify", "--card", &card, proof], more].concat())
}

const ALLOWED: [&str; 1] = ["--allow-testing"];

/// A folder with the model, keys of a suite for testing in `keys/`, and a proof `p.zkp` under the context `c0ffee`.
fn with_proof(suite: &str) -> Bench {
    type Files = Vec<(String, Vec<u8>)>;
    static FILES: [OnceLock<Files>; 2] = [OnceLock::new(), OnceLock::new()];
    let index = SUITES.iter().position(|name| *name == suite).unwrap();
    let files = FILES[index].get_or_init(|| {
        let bench = compiled();
        set_up(&bench, suite, "keys", &["--testing-srs"]).ok();
        prove(&bench, "keys", "p.zkp", &["--context", "c0ffee"]).ok();
        let keys = std::fs::read_dir(bench.path("keys")).unwrap();
        let keys = keys.map(|e| format!("keys/{}", e.unwrap().file_name().into_string().unwrap()));
        let names: Vec<String> =
            keys.chain(["p.zkp".into(), "tiny.zkm".into(), "data.json".into()]).collect();
        names.into_iter().map(|name| (name.clone(), bench.read(&name))).collect()
    });
    let bench = Bench::new();
    std::fs::create_dir(bench.path("keys")).unwrap();
    files.iter().for_each(|(name, bytes)| bench.write(name, bytes));
    bench
}

#[test]
fn one_sample_has_the_same_statement_in_all_three_suites() {
    let bench = compiled();
    bench.zkml(&["setup", "tiny.zkm", "--out", "stark", "--openings", "4"]).ok();
    let public = ["--visibility", "x=public"];
    for suite in SUITES {
        set_up(&bench, suite, suite, &[&["--testing-srs"], &public[..]].concat()).ok();
    }
    let run = bench.zkml(&["--json", "run", "tiny.zkm", "--input", "data.json", "--index", "7"]).ok().json();
    let statements: Vec<serde_json::Value> = ["stark", "groth16", "plonk"]
        .into_iter()
        .map(|suite| {
            let proof = format!("{suite}.zkp");
            let sample = [&["--index", "7", "--context", "0102"], &public[..]].concat();
            prove(&bench, suite, &proof, &sample).ok();
            let card = format!("{suite}/model.card");
            let verify =
                ["--json", "verify", "--card", &card, &proof, "--context", "0102", "--allow-testing"];
            let found = bench.zkml(&verify).ok().json();
            assert_eq!((&found["suite"], &found["valid"]), (&suite.into(), &true.into()));
            assert_eq!(found["outputs"][0]["integers"], run["samples"][0]["outputs"][0]["integers"]);
            assert_eq!(found["inputs"][0]["integers"].as_array().unwrap().len(), tiny::WIDTH);
            let parts = ["batch", "context", "inputs", "outputs", "commitments"];
            parts
                .into_iter()
                .map(|part| (part.to_string(), found[part].clone()))
                .collect::<serde_json::Map<_, _>>()
                .into()
        })
        .collect();
    assert_eq!(statements[0], statements[1]);
    assert_eq!(statements[0], statements[2]);
}

#[test]
fn setups_for_testing_are_loud_and_their_proofs_are_refused_unless_allowed() {
    for suite in SUITES {
        let bench = with_proof(suite);
        let set_up = set_up(&bench, suite, "again", &["--testing-srs"]).ok();
        assert!(set_up.err.contains("WARNING") && set_up.err.contains("forge"), "{set_up:?}");
        assert!(set_up.out.contains("FOR TESTING ONLY"), "{set_up:?}");
        verify(&bench, "keys", "p.zkp", &[]).fails(1, &["INVALID", "forge", "--allow-testing"]);
        let answer = verify(&bench, "keys", "p.zkp", &ALLOWED).ok();
        assert!(answer.out.starts_with("VALID") && answer.out.contains("TESTING SETUP"), "{answer:?}");
        let card = bench.zkml(&["--json", "inspect", "keys/model.card"]).ok().json();
        assert_eq!(card["setup"]["testing"], true, "{card}");
        let card = bench.zkml(&["inspect", "keys/model.card"]).ok();
        assert!(card.out.contains("FOR TESTING ONLY") && card.out.contains("x private"), "{card:?}");
    }
}

#[test]
fn a_setup_without_a_reference_string_or_with_options_of_another_suite_is_refused() {
    let bench = compiled();
    for suite in SUITES {
        set_up(&bench, suite, "k", &[]).fails(2, &["--srs", "--testing-srs"]);
        set_up(&bench, suite, "k", &["--testing-srs", "--openings", "5"]).fails(2, &["stark"]);
        set_up(&bench, suite, "k", &["--testing-srs", "--batch", "0"]).fails(2, &["--batch"]);
        set_up(&bench, suite, "k", &["--testing-srs", "--visibility", "z=public"]).fails(2, &["it has x, y"]);
        set_up(&bench, suite, "k", &["--srs", "gone.ptau"]).fails(3, &["gone.ptau"]);
        set_up(&bench, suite, "k", &["--srs", "tiny.zkm"]).fails(3, &["tiny.zkm"]);
        set_up(&bench, suite, "k", &["--srs", "gone.ptau", "--testing-srs"]).expect(2);
    }
    for option in [&["--testing-srs"][..], &["--batch", "2"], &["--visibility", "x=public"]] {
        set_up(&bench, "stark", "k", option).fails(2, &["groth16 and plonk"]);
    }
    set_up(&bench, "halo", "k", &[]).expect(2);
    assert!(!bench.path("k").exists());
}

#[test]
fn keys_prove_what_they_are_set_up_for_and_nothing_else() {
    let bench = with_proof("plonk");
    let refused = |more: &[&str], says: &str| {
        prove(&bench, "keys", "q.zkp", more).fails(2, &[says]);
    };
    refused(&["--range", "0..2"], "set up for 1");
    refused(&["--visibility", "x=public"], "other visibilities");
    refused(&["--visibility", "y=private"], "other visibilities");
    refused(&["--commitment", "x=file"], "not committed");
    assert!(!bench.path("q.zkp").exists());
    prove(&bench, "keys", "q.zkp", &["--visibility", "x=private"]).ok();
    set_up(&bench, "plonk", "two", &["--testing-srs", "--batch", "2", "--visibility", "y=private"]).ok();
    prove(&bench, "two", "two.zkp", &["--range", "3..5"]).ok();
    let found = bench
        .zkml(&["--json", "verify", "--card", "two/model.card", "two.zkp", "--allow-testing"])
        .ok()
        .json();
    assert_eq!((&found["batch"], &found["outputs"]), (&2.into(), &serde_json::json!([])));
}

#[test]
fn another_context_card_or_reference_string_is_refused() {
    for suite in SUITES {
        let bench = with_proof(suite);
        let check = |more: &[&str]| verify(&bench, "keys", "p.zkp", &[&ALLOWED[..], more].concat());
        check(&["--context", "c0ffee"]).ok();
        check(&["--context", "c0ffef"]).fails(1, &["INVALID", "c0ffee", "c0ffef"]);
        check(&["--min-security", "101"]).fails(1, &["INVALID", "101"]);
        bench.zkml(&["srs", "--power", "16", "--out", "other.ptau"]).ok();
        check(&["--srs", "other.ptau"]).fails(1, &["INVALID", "does not follow"]);
        // The same weights under other powers of tau are another model.
        set_up(&bench, suite, "other", &["--srs", "other.ptau"]).ok();
        verify(&bench, "other", "p.zkp", &ALLOWED).fails(1, &["INVALID", "about model"]);
        prove(&bench, "other", "other.zkp", &[]).ok();
        let other = |more: &[&str]| verify(&bench, "other", "other.zkp", more);
        match suite {
            // The program cannot know that the file is its own, and says which one it was.
            "plonk" => other(&["--srs", "other.ptau"]).ok(),
            _ => other(&[]).fails(1, &["local setup"]),
        };
        bench
            .zkml(&["verify", "--card", "keys/model.card", "p.zkp", "--srs", "gone.ptau"])
            .fails(3, &["gone.ptau"]);
    }
}

#[test]
fn a_proof_of_the_other_suite_is_refused() {
    let (bench, other) = (with_proof("groth16"), with_proof("plonk"));
    bench.write("other.zkp", &other.read("p.zkp"));
    verify(&bench, "keys", "other.zkp", &ALLOWED).fails(1, &["INVALID"]);
    verify(&bench, "keys", "keys/model.card", &ALLOWED).fails(1, &["INVALID", "no proof"]);
    let stark = Bench::with_proof();
    bench.write("stark.zkp", &stark.read("p.zkp"));
    verify(&bench, "keys", "stark.zkp", &ALLOWED).fails(1, &["INVALID", "no proof"]);
    stark.write("chain.zkp", &bench.read("p.zkp"));
    stark.verify("chain.zkp", &[]).fails(1, &["INVALID", "no proof"]);
    stark.verify("p.zkp", &["--srs", "x.ptau"]).fails(2, &["groth16 and plonk"]);
}

#[test]
fn a_flipped_bit_anywhere_makes_a_proof_for_contracts_invalid() {
    for suite in SUITES {
        let bench = with_proof(suite);
        let proof = bench.read("p.zkp");
        for position in (0..proof.len()).step_by(proof.len() / 40).chain([proof.len() - 1]) {
            let mut changed = proof.clone();
            changed[position] ^= 1 << (position % 8);
            bench.write("changed.zkp", &changed);
            verify(&bench, "keys", "changed.zkp", &ALLOWED).fails(1, &["INVALID"]);
        }
        for length in [0, 3, 4, 6, 40, proof.len() / 2, proof.len() - 1] {
            bench.write("cut.zkp", &proof[..length]);
            verify(&bench, "keys", "cut.zkp", &ALLOWED).fails(1, &["INVALID"]);
        }
        bench.write("long.zkp", &[proof, vec![0]].concat());
        verify(&bench, "keys", "long.zkp", &ALLOWED).fails(1, &["INVALID"]);
    }
}

#[test]
fn a_card_with_a_flipped_bit_verifies_nothing() {
    let bench = with_proof("plonk");
    let card = bench.read("keys/model.card");
    for position in (0..card.len()).step_by(card.len() / 40) {
        let mut changed = card.clone();
        changed[position] ^= 1 << (position % 8);
        bench.write("keys/model.card", &changed);
        let answer = verify(&bench, "keys", "p.zkp", &ALLOWED);
        assert!(
            matches!(answer.code, Some(1 | 3)) && !answer.err.contains("panicked"),
            "{position}: {answer:?}"
        );
    }
}

#[test]
fn a_key_whose_files_were_exchanged_proves_nothing() {
    let bench = with_proof("groth16");
    set_up(&bench, "groth16", "other", &["--testing-srs"]).ok();
    for file in ["setup.srs", "groth16.key"] {
        let own = bench.read(&format!("keys/{file}"));
        bench.write(&format!("keys/{file}"), &bench.read(&format!("other/{file}")));
        prove(&bench, "keys", "q.zkp", &[]).fails(2, &[file]);
        bench.write(&format!("keys/{file}"), &own[1..]);
        prove(&bench, "keys", "q.zkp", &[]).fails(2, &[file]);
        bench.write(&format!("keys/{file}"), &own);
    }
    let key = bench.read("keys/prover.key");
    for length in [4, 6, 20, key.len() / 2, key.len() - 1] {
        bench.write("keys/prover.key", &key[..length]);
        prove(&bench, "keys", "q.zkp", &[]).fails(3, &["prover key"]);
    }
    assert!(!bench.path("q.zkp").exists());
}

#[cfg(unix)]
#[test]
fn the_key_and_committed_tensors_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let bench = compiled();
    set_up(&bench, "plonk", "keys", &["--testing-srs", "--visibility", "x=committed"]).ok();
    prove(&bench, "keys", "p.zkp", &[]).ok();
    let mode = |name: &str| std::fs::metadata(bench.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("keys/prover.key"), mode("p.zkp.x.secret")), (0o600, 0o600));
    assert_eq!((mode("keys/model.card"), mode("p.zkp")), (0o644, 0o644));
}

#[test]
fn a_committed_tensor_is_shared_by_proofs_and_another_one_is_refused() {
    let bench = compiled();
    set_up(&bench, "plonk", "keys", &["--testing-srs", "--visibility", "x=committed"]).ok();
    let first = prove(&bench, "keys", "p.zkp", &["--commitment", "x=x.secret"]).ok();
    assert!(first.out.contains("committed  x = "), "{first:?}");
    let id = |proof: &str| {
        let card = ["--json", "verify", "--card", "keys/model.card", proof, "--allow-testing"];
        bench.zkml(&card).ok().json()["commitments"]["x"].as_str().unwrap().to_owned()
    };
    prove(&bench, "keys", "same.zkp", &["--commitment", "x=x.secret"]).ok();
    prove(&bench, "keys", "fresh.zkp", &[]).ok();
    let (own, same, fresh) = (id("p.zkp"), id("same.zkp"), id("fresh.zkp"));
    assert_eq!(own, same);
    assert_ne!(own, fresh, "commitments hide whether tensors are equal");
    let inspected = bench.zkml(&["--json", "inspect", "x.secret"]).ok().json();
    assert_eq!(inspected["id"], own.as_str());
    let expected = |id: &str| format!("x={id}");
    verify(&bench, "keys", "p.zkp", &["--allow-testing", "--commitment", &expected(&own)]).ok();
    verify(&bench, "keys", "p.zkp", &["--allow-testing", "--commitment", &expected(&fresh)])
        .fails(1, &["INVALID"]);
    prove(&bench, "keys", "q.zkp", &["--index", "1", "--commitment", "x=x.secret"])
        .fails(2, &["another tensor"]);
    // A secret belongs to one reference string.
    set_up(&bench, "plonk", "other", &["--testing-srs", "--visibility", "x=committed"]).ok();
    prove(&bench, "other", "q.zkp", &["--commitment", "x=x.secret"]).fails(2, &["another reference string"]);
}

#[test]
fn every_file_of_a_model_for_contracts_is_described() {
    let bench = with_proof("groth16");
    let said = |file: &str, parts: &[&str]| {
        let answer = bench.zkml(&["inspect", file]).ok();
        parts.iter().for_each(|part| assert!(answer.out.contains(part), "'{part}' is not said: {answer:#?}"));
    };
    said("keys/model.card", &["groth16", "digest", "columns", "Nothing is checked"]);
    said("keys/prover.key", &["SECRET", "groth16"]);
    said("p.zkp", &["c0ffee", "SNARK", "Nothing is checked"]);
    let help = bench.zkml(&["ceremony", "--help"]).ok();
    assert!(help.out.contains("zkml ceremony contribute"), "{help:?}");
}

#[test]
fn a_ceremony_makes_keys_whose_proofs_are_accepted() {
    if !slow() {
        return;
    }
    let bench = compiled();
    bench.zkml(&["srs", "--power", "15", "--out", "powers.ptau"]).ok();
    set_up(&bench, "groth16", "keys", &["--srs", "powers.ptau"]).ok();
    let step = |step: &str, more: &[&str]| {
        bench.zkml(&[&["ceremony", step, "--card", "keys/model.card"], more].concat())
    };
    step("start", &["--phase1", "powers.ptau", "--out", "0.ceremony"]).ok();
    let finish = |file: &str| {
        bench.zkml(&["ceremony", "finish", "--key", "keys/prover.key", file, "--phase1", "powers.ptau"])
    };
    finish("0.ceremony").fails(1, &["contribute"]);
    bench.write("dice", b"thrown by hand");
    step("contribute", &["0.ceremony", "--out", "1.ceremony", "--entropy", "dice"]).ok();
    step("contribute", &["1.ceremony", "--out", "2.ceremony", "--beacon", "00ff", "--iterations", "8"]).ok();
    step("contribute", &["2.ceremony", "--out", "3.ceremony"]).fails(1, &["beacon"]);
    bench.zkml(&["srs", "--power", "15", "--out", "other.ptau"]).ok();
    step("verify", &["2.ceremony", "--phase1", "other.ptau"]).fails(1, &["phase 1"]);
    let mut changed = bench.read("2.ceremony");
    // The digest of phase 1; what only a new start would tell takes minutes, and is tested on small circuits.
    changed[40] ^= 1;
    bench.write("changed.ceremony", &changed);
    step("verify", &["changed.ceremony", "--phase1", "powers.ptau"]).expect(1);
    let before = bench.zkml(&["--json", "inspect", "keys/model.card"]).ok().json();
    finish("2.ceremony").ok();
    let after = bench.zkml(&["--json", "inspect", "keys/model.card"]).ok().json();
    assert_eq!(before["model"], after["model"], "the model stays the same");
    assert!(after["setup"]["ceremony"].is_string() && after["setup"]["testing"] == false, "{after}");
    let checked = step("verify", &["2.ceremony", "--phase1", "powers.ptau"]).ok();
    assert!(checked.out.contains("card's key is this ceremony's"), "{checked:?}");
    prove(&bench, "keys", "p.zkp", &[]).ok();
    verify(&bench, "keys", "p.zkp", &[]).ok();
}
