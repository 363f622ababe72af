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
    /// Commit to the weights and register them: writes prover.key (secret) and model.card (public).
    #[command(
        after_help = "Examples:\n  zkml setup lenet5.zkm --out keys\n  zkml setup lenet5.zkm --out keys --openings 5000\n  zkml setup lenet5.zkm --out keys --suite plonk --srs powersOfTau28_hez_final_18.ptau\n  zkml setup lenet5.zkm --out keys --suite groth16 --testing-srs --visibility input=public\n\nProofs of groth16 and plonk are for contracts. Their keys belong to one batch and one choice of visibilities. The keys of\ngroth16 that this command makes are for testing: see zkml ceremony."
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
        after_help = "Examples:\n  zkml verify --card keys/model.card proof.zkp\n  zkml verify --card keys/model.card proof.zkp --context c0ffee --min-security 100\n  zkml verify --card keys/model.card proof.zkp --srs powersOfTau28_hez_final_18.ptau"
    )]
    Verify(Verify),
    /// Make a reference string for tests, in the .ptau format.
    #[command(
        after_help = "Example:\n  zkml srs --power 12 --out testing.ptau\n\nFor tests alone: whoever makes the file can forge proofs. Public ceremonies offer files for real use."
    )]
    Srs(Srs),
    /// Make the Groth16 keys of a model together: nobody can forge proofs unless all participants collude.
    #[command(
        after_help = "Example, with the card of a model that is set up for groth16:\n  zkml ceremony start --card keys/model.card --phase1 powers.ptau --out 0.ceremony\n  zkml ceremony contribute --card keys/model.card 0.ceremony --out 1.ceremony      (every participant in turn)\n  zkml ceremony contribute --card keys/model.card 1.ceremony --out 2.ceremony --beacon 00ff11ee...\n  zkml ceremony verify --card keys/model.card 2.ceremony --phase1 powers.ptau\n  zkml ceremony finish --key keys/prover.key 2.ceremony --phase1 powers.ptau"
    )]
    Ceremony(CeremonyCommand),
    /// Write contracts, deployment code and calls for a model, and for a proof of it.
    #[command(
        after_help = "Examples:\n  zkml contract --card keys/model.card --out chain\n  zkml contract --card keys/model.card proof.zkp --out chain\n  zkml contract --card keys/model.card proof.zkp --out chain --chain-id 1 --registry 0x... --requester 0x... --owner 0x... --nonce 7"
    )]
    Contract(Contract),
    /// The context that a proof needs for a registry to accept it.
    #[command(
        after_help = "Example:\n  zkml prove --key keys/prover.key --input digits.npz --out proof.zkp --context $(zkml context --card keys/model.card \\\n    --chain-id 1 --registry 0x... --requester 0x... --owner 0x... --nonce 7)"
    )]
    Context(Context),
    /// What the verification of a proof costs on chain, by part.
    #[command(
        after_help = "Examples:\n  zkml estimate-gas --card keys/model.card proof.zkp\n  zkml estimate-gas --card keys/model.card proof.zkp --json --chain-id 1 --registry 0x... --requester 0x... --owner 0x... --nonce 7\n\nWithout a registry: a call of the model's verifier. With one: the submission of a result, with the event and the nonce."
    )]
    EstimateGas(EstimateGas),
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
    /// The proof system: stark off chain, groth16 or plonk for contracts.
    #[arg(long, value_enum, default_value = "stark")]
    pub(crate) suite: SuiteName,
    /// groth16, plonk: a file of powers of tau, .ptau or a first Ignition transcript.
    #[arg(long, value_name = "FILE", conflicts_with = "testing_srs")]
    pub(crate) srs: Option<PathBuf>,
    /// groth16, plonk: make powers of tau here. For tests alone: whoever runs this can forge proofs.
    #[arg(long)]
    pub(crate) testing_srs: bool,
    /// groth16, plonk: who sees an input or output in every proof: private, public or committed. Inputs are private and
    /// outputs public by default.
    #[arg(long, value_name = "NAME=VISIBILITY")]
    pub(crate) visibility: Vec<String>,
    /// groth16, plonk: the samples in every proof; 1 by default.
    #[arg(long, value_name = "N")]
    pub(crate) batch: Option<usize>,
    /// stark: provable security in bits, 100 or 128; 100 by default.
    #[arg(long)]
    pub(crate) security: Option<u8>,
    /// stark: how many proofs the commitment serves before `zkml refresh`: by default about 1000, fewer for large models.
    #[arg(long, value_name = "N")]
    pub(crate) openings: Option<u32>,
    /// stark: the base-2 logarithm of the columns' height, 9 to 20. Models that hand committed tensors to each other need the same.
    #[arg(long, value_name = "LOG")]
    pub(crate) log_rows: Option<u8>,
    /// Replace the key of another set-up in the folder: nobody can prove for that one's card any more.
    #[arg(long)]
    pub(crate) force: bool,
}

/// A proof system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SuiteName {
    /// Transparent and hash based, for verification off chain.
    Stark,
    /// The cheapest on chain, with a ceremony for every architecture.
    Groth16,
    /// On chain with a universal setup.
    Plonk,
}

#[derive(Debug, Args)]
pub(crate) struct Srs {
    /// The base-2 logarithm of the number of powers, 3 to 24.
    #[arg(long, value_name = "N")]
    pub(crate) power: u32,
    /// Where the file goes.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

/// A registry and who asks: what the context of a result is made from.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The chain's number.
    #[arg(long, value_name = "N")]
    pub(crate) chain_id: Option<u64>,
    /// The address of the registry.
    #[arg(long, value_name = "ADDRESS", requires = "chain_id")]
    pub(crate) registry: Option<String>,
    /// The address for which the result is proven.
    #[arg(long, value_name = "ADDRESS", requires = "chain_id")]
    pub(crate) requester: Option<String>,
    /// The address that registered the model.
    #[arg(long, value_name = "ADDRESS", requires = "chain_id")]
    pub(crate) owner: Option<String>,
    /// A number that the requester has not used.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) nonce: u128,
    /// Which commitment to the weights.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) epoch: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Contract {
    /// The card of a model that is set up for groth16 or plonk.
    #[arg(long)]
    pub(crate) card: PathBuf,
    /// A proof, whose calls are written too.
    pub(crate) proof: Option<PathBuf>,
    /// The folder for everything.
    #[arg(long)]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct Context {
    /// The card of the model.
    #[arg(long)]
    pub(crate) card: PathBuf,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct EstimateGas {
    /// The card of the model.
    #[arg(long)]
    pub(crate) card: PathBuf,
    /// The proof.
    pub(crate) proof: PathBuf,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct CeremonyCommand {
    #[command(subcommand)]
    pub(crate) step: CeremonyStep,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CeremonyStep {
    /// Start from a model's circuit and a phase 1. Everybody who does so gets the same file.
    Start(CeremonyStart),
    /// Contribute a secret, which is wiped, or close the ceremony with a public beacon.
    Contribute(CeremonyContribute),
    /// Check the start, every contribution and the key.
    Verify(CeremonyVerify),
    /// Check everything and put the keys into a set-up folder.
    Finish(CeremonyFinish),
}

#[derive(Debug, Args)]
pub(crate) struct CeremonyStart {
    /// The card of a model that is set up for groth16.
    #[arg(long)]
    pub(crate) card: PathBuf,
    /// The .ptau file of a phase 1.
    #[arg(long, value_name = "FILE")]
    pub(crate) phase1: PathBuf,
    /// Where the ceremony's file goes.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct CeremonyContribute {
    /// The ceremony's file so far.
    pub(crate) ceremony: PathBuf,
    /// The card of the model.
    #[arg(long)]
    pub(crate) card: PathBuf,
    /// Where the ceremony's file with the contribution goes.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// A file whose bytes are mixed into the operating system's randomness.
    #[arg(long, value_name = "FILE", conflicts_with = "beacon")]
    pub(crate) entropy: Option<PathBuf>,
    /// Close the ceremony with a public value that nobody could predict, at most 255 bytes in hexadecimal digits.
    #[arg(long, value_name = "HEX")]
    pub(crate) beacon: Option<String>,
    /// The base-2 logarithm of the number of hashes that the beacon takes, at most 28.
    #[arg(long, value_name = "LOG", default_value_t = 20, requires = "beacon")]
    pub(crate) iterations: u8,
}

#[derive(Debug, Args)]
pub(crate) struct CeremonyVerify {
    /// The ceremony's file.
    pub(crate) ceremony: PathBuf,
    /// The card of the model. Its key is compared if it comes from a ceremony.
    #[arg(long)]
    pub(crate) card: PathBuf,
    /// The .ptau file that the ceremony started from.
    #[arg(long, value_name = "FILE")]
    pub(crate) phase1: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct CeremonyFinish {
    /// The ceremony's file.
    pub(crate) ceremony: PathBuf,
    /// The prover key; key and card in its folder are replaced.
    #[arg(long)]
    pub(crate) key: PathBuf,
    /// The .ptau file that the ceremony started from.
    #[arg(long, value_name = "FILE")]
    pub(crate) phase1: PathBuf,
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
    /// Refuse proofs with fewer bits of security.
    #[arg(long, value_name = "BITS", default_value_t = 100)]
    pub(crate) min_security: u32,
    /// groth16, plonk: accept keys that are marked as made for testing. Whoever made them can forge proofs.
    #[arg(long)]
    pub(crate) allow_testing: bool,
    /// groth16, plonk: recompute the card's PLONK keys from this file of powers of tau, and compare.
    #[arg(long, value_name = "FILE")]
    pub(crate) srs: Option<PathBuf>,
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
