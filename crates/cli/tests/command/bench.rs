//! A folder to run the binary in, and what it answers.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

/// A committed model or data file.
pub(crate) fn model(name: &str) -> String {
    format!("{}/../../models/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The answer of one command.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Answer {
    /// The command did what it was asked to do.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.expect(0)
    }

    /// The exit code is this one, and nothing panicked.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert!(self.code == Some(code), "expected exit code {code}: {self:#?}");
        assert!(!self.err.contains("panicked"), "{self:#?}");
        self
    }

    /// The command failed with this code, and its message says all of this.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, says: &[&str]) -> Self {
        let answer = self.expect(code);
        for part in says {
            assert!(answer.err.contains(part), "'{part}' is not said: {answer:#?}");
        }
        answer
    }

    /// The one JSON object on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let value: Value = serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:#?}"));
        assert!(value.is_object(), "{value}");
        value
    }
}

/// A folder of its own, gone with the test.
pub(crate) struct Bench {
    folder: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A folder with `mlp.zkm`, `keys/` and a proof `p.zkp` of sample 0 under the context `c0ffee`.
    pub(crate) fn with_proof() -> Self {
        static FILES: OnceLock<Vec<(&str, Vec<u8>)>> = OnceLock::new();
        let files = FILES.get_or_init(|| {
            let bench = Self::new();
            bench.compile_mlp();
            bench.zkml(&["setup", "mlp.zkm", "--out", "keys", "--openings", "40"]).ok();
            bench.prove(&["--out", "p.zkp", "--context", "c0ffee"]).ok();
            let names = ["mlp.zkm", "keys/prover.key", "keys/prover.ledger", "keys/model.card", "p.zkp"];
            names.into_iter().map(|name| (name, bench.read(name))).collect()
        });
        let bench = Self::new();
        std::fs::create_dir(bench.path("keys")).unwrap();
        files.iter().for_each(|(name, bytes)| bench.write(name, bytes));
        // A ledger knows its place, and this is another.
        bench.zkml(&["adopt", "--key", "keys/prover.key"]).ok();
        bench
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// The names in the folder, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.root()).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn zkml(&self, arguments: &[&str]) -> Answer {
        self.answer(Command::new(env!("CARGO_BIN_EXE_zkml")).args(arguments))
    }

    /// The binary in a shell that runs `before` first.
    pub(crate) fn zkml_after(&self, before: &str, arguments: &[&str]) -> Answer {
        let script = format!("{before}; exec \"$@\"");
        let mut shell = Command::new("sh");
        self.answer(shell.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_zkml")]).args(arguments))
    }

    fn answer(&self, command: &mut Command) -> Answer {
        let output = command.current_dir(self.root()).stdin(Stdio::null()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Answer { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    pub(crate) fn compile_mlp(&self) -> Answer {
        let (onnx, data) = (model("mlp.onnx"), model("mlp.npz"));
        self.zkml(&["compile", &onnx, "--calibrate", &data, "--out", "mlp.zkm"]).ok()
    }

    /// Proves with the key of the small model and its test data.
    pub(crate) fn prove(&self, more: &[&str]) -> Answer {
        let data = model("mlp_test.npz");
        self.zkml(&[&["prove", "--key", "keys/prover.key", "--input", &data], more].concat())
    }

    pub(crate) fn verify(&self, proof: &str, more: &[&str]) -> Answer {
        self.zkml(&[&["verify", "--card", "keys/model.card", proof], more].concat())
    }
}

/// A `.npy` file, as `numpy.save` writes it.
pub(crate) fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(data);
    file
}

/// `count` samples of the small model's input, all `value`.
pub(crate) fn samples(count: usize, width: usize, value: f32) -> Vec<u8> {
    let data: Vec<u8> = (0..count * width).flat_map(|_| value.to_le_bytes()).collect();
    npy("<f4", &format!("({count}, {width})"), &data)
}
