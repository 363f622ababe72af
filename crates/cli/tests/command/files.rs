//! Files that are missing, secret, half-written or not files at all.

use std::process::{Command, Stdio};

use crate::bench::{Bench, model};

#[test]
fn missing_files_are_named() {
    let bench = Bench::with_proof();
    let data = model("mlp_test.npz");
    for command in [
        &["compile", "gone.onnx", "--calibrate", &data, "--out", "m.zkm"][..],
        &["compile", &model("mlp.onnx"), "--calibrate", "gone.npz", "--out", "m.zkm"],
        &["accuracy", "gone.zkm", "--data", &data],
        &["accuracy", "mlp.zkm", "--data", "gone.npz"],
        &["inspect", "gone.zkm"],
        &["setup", "gone.zkm", "--out", "other"],
        &["run", "gone.zkm", "--input", &data],
        &["run", "mlp.zkm", "--input", "gone.npz"],
        &["run", "mlp.zkm", "--input", &data, "--labels", "gone.txt"],
        &["prove", "--key", "gone.key", "--input", &data, "--out", "q.zkp"],
        &["verify", "--card", "gone.card", "p.zkp"],
        &["verify", "--card", "keys/model.card", "gone.zkp"],
    ] {
        let answer = bench.zkml(command).fails(3, &["gone."]);
        assert_eq!(answer.out, "", "{answer:?}");
        let json = bench.zkml(&[&["--json"], command].concat()).expect(3);
        assert_eq!((&json.json()["ok"], &json.json()["exit_code"]), (&false.into(), &3.into()));
        assert_eq!(json.err, "");
    }
}

#[test]
fn folders_that_cannot_be_written_are_named() {
    let bench = Bench::with_proof();
    bench.write("occupied", b"a file, no folder");
    bench.prove(&["--out", "occupied/p.zkp"]).fails(3, &["occupied/p.zkp"]);
    bench.prove(&["--out", "gone/p.zkp"]).fails(3, &["gone/p.zkp"]);
    bench.prove(&["--out", "keys"]).fails(3, &["keys"]);
    bench.zkml(&["setup", "mlp.zkm", "--out", "occupied"]).fails(3, &["occupied"]);
    bench.zkml(&["inspect", "mlp.zkm", "--svg", "gone/m.svg"]).fails(3, &["gone/m.svg"]);
    assert_eq!(bench.names(), ["keys", "mlp.zkm", "occupied", "p.zkp"]);
}

#[cfg(unix)]
#[test]
fn secrets_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    bench.compile_mlp();
    // Whatever the mask lets through.
    bench.zkml_after("umask 000", &["setup", "mlp.zkm", "--out", "keys"]).ok();
    let mode = |name: &str| std::fs::metadata(bench.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("mlp.zkm"), 0o600, "a compiled model holds the weights");
    assert_eq!(mode("keys/prover.key"), 0o600);
    assert_eq!(mode("keys/prover.ledger"), 0o600);
    assert_eq!(mode("keys/model.card"), 0o644);
}

#[cfg(unix)]
#[test]
fn a_disk_that_fills_up_leaves_the_old_file() {
    let bench = Bench::with_proof();
    let old = bench.read("p.zkp");
    let data = model("mlp_test.npz");
    let prove = ["prove", "--key", "keys/prover.key", "--input", &data, "--out", "p.zkp"];
    // A proof has more than 16 blocks; writes beyond them fail.
    bench.zkml_after("ulimit -f 16; trap '' XFSZ", &prove).fails(3, &["p.zkp"]);
    assert_eq!(bench.read("p.zkp"), old);
    assert_eq!(bench.names(), ["keys", "mlp.zkm", "p.zkp"], "nothing is left behind");
}

#[cfg(unix)]
#[test]
fn a_process_killed_while_it_writes_leaves_no_half_written_file() {
    let bench = Bench::with_proof();
    let old = bench.read("p.zkp");
    let data = model("mlp_test.npz");
    for out in ["p.zkp", "new.zkp"] {
        let prove = ["prove", "--key", "keys/prover.key", "--input", &data, "--out", out];
        // The signal that comes with the limit kills the process in the middle of its write.
        let answer = bench.zkml_after("ulimit -f 16", &prove);
        assert_eq!(answer.code, None, "{answer:?}");
    }
    assert_eq!(bench.read("p.zkp"), old);
    assert!(!bench.path("new.zkp").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn devices_are_written_through_and_stay_devices() {
    use std::os::unix::fs::FileTypeExt;
    let bench = Bench::with_proof();
    bench.prove(&["--out", "/dev/null"]).ok();
    bench.prove(&["--out", "/dev/full"]).fails(3, &["/dev/full"]);
    for device in ["/dev/null", "/dev/full"] {
        assert!(std::fs::metadata(device).unwrap().file_type().is_char_device());
    }
    std::os::unix::fs::symlink("/dev/full", bench.path("link")).unwrap();
    bench.prove(&["--out", "link"]).fails(3, &["link"]);
}

#[cfg(unix)]
#[test]
fn a_link_to_a_file_is_written_through() {
    let bench = Bench::with_proof();
    std::os::unix::fs::symlink("p.zkp", bench.path("link")).unwrap();
    let old = bench.read("p.zkp");
    bench.prove(&["--out", "link"]).ok();
    assert!(std::fs::symlink_metadata(bench.path("link")).unwrap().is_symlink());
    assert_ne!(bench.read("p.zkp"), old);
    bench.verify("p.zkp", &[]).ok();
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_standard_output_is_an_error_and_a_closed_one_is_none() {
    let bench = Bench::with_proof();
    let mut verify = Command::new(env!("CARGO_BIN_EXE_zkml"));
    verify.args(["verify", "--card", "keys/model.card", "p.zkp"]).current_dir(bench.root());
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = verify.stdout(full).stderr(Stdio::piped()).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{message}");
    assert!(message.contains("standard output") && !message.contains("panicked"), "{message}");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = verify.stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), vec![]));
}
