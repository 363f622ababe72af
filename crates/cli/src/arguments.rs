//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Proofs of machine-learning inference with private weights.
#[derive(Debug, Parser)]
#[command(
    name = "zkml",
    version,
    about,
    after_help = "Start with `zkml demo`.\n\nExit codes: 0 done or valid, 1 invalid proof, 2 wrong usage, 3 input or output failed."
)]
pub(crate) struct Cli {
    /// Print one JSON object instead of words.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Show no progress.
    #[arg(long, global = true)]
    pub(crate) quiet: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Classify a handwritten digit with LeNet-5, prove it and verify the proof.
    Demo(Demo),
    /// Turn an ONNX model into integers.
    #[command(after_help = "Example:\n  zkml compile lenet5.onnx --calibrate lenet5.npz --out lenet5.zkm")]
    Compile(Compile),
    /// Compare the integers with the float model on a data set.
    #[command(after_help = "Example:\n  zkml accuracy lenet5.zkm --data lenet5_test.npz")]
    Accuracy(Accuracy),
    /// Show what is inside a compiled model, a card or a proof, and what it costs.
    #[command(
        after_help = "Examples:\n  zkml inspect lenet5.zkm --svg lenet5.svg\n  zkml inspect keys/model.card\n  zkml inspect proof.zkp"
    )]
    Inspect(Inspect),
    /// Commit to the weights and register them: writes prover.key and prover.ledger (secret) and model.card (public).
    #[command(
        after_help = "Examples:\n  zkml setup lenet5.zkm --out keys\n  zkml setup lenet5.zkm --out keys --openings 5000"
    )]
    Setup(Setup),
    /// Run the integer model without a proof.
    #[command(after_help = "Example:\n  zkml run lenet5.zkm --input lenet5_test.npz --index 3")]
    Run(Run),
    /// Run the model and prove its outputs.
    #[command(
        after_help = "Examples:\n  zkml prove --key keys/prover.key --input digits.npz --index 3 --out proof.zkp\n  zkml prove --key keys/prover.key --input digits.npz --range 0..8 --out batch.zkp --context c0ffee\n  zkml prove --key keys/prover.key --input digits.npz --out proof.zkp --visibility input=public\n  zkml prove --key keys/prover.key --input digits.npz --out proof.zkp --visibility output=committed"
    )]
    Prove(Prove),
    /// Commit to the same weights anew, when the openings are spent.
    #[command(after_help = "Example:\n  zkml refresh --key keys/prover.key")]
    Refresh(Refresh),
    /// Hand a share of the openings to another prover.
    #[command(
        after_help = "Examples:\n  zkml lease --key keys/prover.key --openings 200 --out worker\n  zkml lease --tensor proof.zkp.output.secret --openings 3 --out share.secret"
    )]
    Lease(Lease),
    /// Go on with a key folder or a committed tensor's secret that was moved.
    #[command(
        after_help = "Examples:\n  zkml adopt --key keys/prover.key\n  zkml adopt --tensor share.secret\n\nOnly for the newest version, of which no copy is in use: what a copy spends is counted nowhere, and too many proofs reveal secrets."
    )]
    Adopt(Adopt),
    /// Check a proof against a model card.
    #[command(
        after_help = "Examples:\n  zkml verify --card keys/model.card proof.zkp\n  zkml verify --card keys/model.card proof.zkp --context c0ffee --min-security 100"
    )]
    Verify(Verify),
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Which of the 100 digits.
    #[arg(long, default_value_t = 0)]
    pub(crate) index: usize,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ProfileName {
    /// 8-bit activations.
    Fast,
    /// 11 to 12-bit activations.
    Accurate,
}

#[derive(Debug, Args)]
pub(crate) struct Compile {
    /// The ONNX file.
    pub(crate) model: PathBuf,
    /// Samples to calibrate with: .npz, .npy or JSON with arrays named after the model's inputs (or x).
    #[arg(long, value_name = "DATA")]
    pub(crate) calibrate: Option<PathBuf>,
    /// Where the compiled model goes.
    #[arg(long, value_name = "MODEL.zkm")]
    pub(crate) out: PathBuf,
    /// Speed or precision.
    #[arg(long, value_enum, default_value = "fast")]
    pub(crate) profile: ProfileName,
    /// What becomes of the outputs: raw, argmax (the position of the largest) or topk=K (of the K largest, in order).
    #[arg(long, default_value = "raw")]
    pub(crate) output: String,
    /// The size of a symbolic dimension.
    #[arg(long = "dim", value_name = "NAME=VALUE")]
    pub(crate) dims: Vec<String>,
    /// Turn an input into a constant of the model.
    #[arg(long = "freeze", value_name = "INPUT=FILE")]
    pub(crate) freeze: Vec<String>,
    /// Leave this share of calibration values outside of the range, such as 0.0001.
    #[arg(long)]
    pub(crate) percentile: Option<f64>,
}

#[derive(Debug, Args)]
pub(crate) struct Accuracy {
    /// The compiled model.
    pub(crate) model: PathBuf,
    /// Samples, optionally with `label`.
    #[arg(long)]
    pub(crate) data: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// A compiled model, a card or a proof.
    pub(crate) file: PathBuf,
    /// Draw the graph into a file.
    #[arg(long)]
    pub(crate) svg: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Setup {
    /// The compiled model.
    pub(crate) model: PathBuf,
    /// The folder for prover.key and model.card.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Provable security in bits: 100 or 128.
    #[arg(long, default_value_t = 100)]
    pub(crate) security: u8,
    /// How many proofs the commitment serves before `zkml refresh`: by default about 1000, fewer for large models.
    #[arg(long, value_name = "N")]
    pub(crate) openings: Option<u32>,
    /// The base-2 logarithm of the columns' height, 9 to 20. Models that hand committed tensors to each other need the same.
    #[arg(long, value_name = "LOG")]
    pub(crate) log_rows: Option<u8>,
    /// Replace the key of another set-up in the folder: nobody can prove for that one's card any more.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Refresh {
    /// The prover key; key, ledger and card in its folder are replaced.
    #[arg(long)]
    pub(crate) key: PathBuf,
    /// How many proofs the new commitment serves; by default as many as the last one.
    #[arg(long, value_name = "N")]
    pub(crate) openings: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct Lease {
    #[command(flatten)]
    pub(crate) budget: Budgeted,
    /// How many openings; of a key at least so many, in whole trees.
    #[arg(long, value_name = "N")]
    pub(crate) openings: u32,
    /// A new folder for the other prover's key, ledger and card, or a new file for the share of a committed tensor.
    #[arg(long)]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Adopt {
    #[command(flatten)]
    pub(crate) budget: Budgeted,
}

/// Something with a budget of openings.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Budgeted {
    /// The prover key.
    #[arg(long)]
    pub(crate) key: Option<PathBuf>,
    /// The secret of a committed tensor.
    #[arg(long, value_name = "FILE")]
    pub(crate) tensor: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Samples {
    /// Samples: .npz, .npy or JSON.
    #[arg(long)]
    pub(crate) input: PathBuf,
    /// Which sample, counted from 0.
    #[arg(long, conflicts_with = "range")]
    pub(crate) index: Option<usize>,
    /// Which samples, A..B without B.
    #[arg(long, value_name = "A..B")]
    pub(crate) range: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The compiled model.
    pub(crate) model: PathBuf,
    #[command(flatten)]
    pub(crate) samples: Samples,
    /// Names of the classes, one per line.
    #[arg(long)]
    pub(crate) labels: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Prove {
    /// The prover key.
    #[arg(long)]
    pub(crate) key: PathBuf,
    #[command(flatten)]
    pub(crate) samples: Samples,
    /// Where the proof goes.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Who sees an input or output: private, public or committed. Inputs are private and outputs public by default.
    #[arg(long, value_name = "NAME=VISIBILITY")]
    pub(crate) visibility: Vec<String>,
    /// The secret of a committed input or output: read if the file exists, made otherwise. By default it is written beside
    /// the proof, to OUT.NAME.secret.
    #[arg(long, value_name = "NAME=FILE")]
    pub(crate) commitment: Vec<String>,
    /// Bytes that the proof is bound to, at most 64, in hexadecimal: a nonce, a requester.
    #[arg(long, value_name = "HEX")]
    pub(crate) context: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The model card.
    #[arg(long)]
    pub(crate) card: PathBuf,
    /// The proof.
    pub(crate) proof: PathBuf,
    /// Samples that the public inputs must be.
    #[arg(long)]
    pub(crate) input: Option<PathBuf>,
    /// Values that the public outputs must be.
    #[arg(long)]
    pub(crate) output: Option<PathBuf>,
    /// The identifier that the commitment to an input or output must have.
    #[arg(long, value_name = "NAME=HEX")]
    pub(crate) commitment: Vec<String>,
    /// The context that the proof must be bound to.
    #[arg(long, value_name = "HEX")]
    pub(crate) context: Option<String>,
    /// Refuse proofs with fewer bits of provable security.
    #[arg(long, value_name = "BITS", default_value_t = 100)]
    pub(crate) min_security: u32,
}

/// Splits `NAME=VALUE`.
pub(crate) fn pair(text: &str) -> Option<(&str, &str)> {
    text.split_once('=').filter(|(name, value)| !name.is_empty() && !value.is_empty())
}

/// Bytes from hexadecimal digits, with or without `0x`.
pub(crate) fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    if !digits.len().is_multiple_of(2) || !digits.is_ascii() {
        return None;
    }
    (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(digits.get(i..i + 2)?, 16).ok()).collect()
}

impl Samples {
    /// The samples asked for; the first one by default.
    pub(crate) fn chosen(&self) -> Option<std::ops::Range<usize>> {
        match (&self.range, self.index) {
            (Some(range), _) => {
                let (start, end) = range.split_once("..")?;
                Some(start.trim().parse().ok()?..end.trim().parse().ok()?)
            }
            (None, index) => {
                let index = index.unwrap_or(0);
                Some(index..index.checked_add(1)?)
            }
        }
    }
}
