//! Proofs of machine-learning inference: compile a model, set it up, prove its outputs, verify the proofs.
//!
//! ```
//! use std::path::Path;
//! use zkml::{Card, DataFile, Options, Proof, ProveOptions, Registered, SetupOptions, SourceModel};
//! use zkml::{prove, quantize_samples, setup, verify};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let models = Path::new("../../models");
//! // Once per model: floats become integers, and the weights are committed and registered.
//! let calibration = DataFile::read(&models.join("mlp.npz"))?;
//! let model = SourceModel::read(&models.join("mlp.onnx"))?.compile(&calibration, &Options::default())?;
//! let key = setup(model.compiled, SetupOptions::default(), &mut |_| {})?;
//! // Once per statement: the image stays private, the scores are public.
//! let digits = DataFile::read(&models.join("mlp_test.npz"))?;
//! let samples = quantize_samples(&key.compiled, &digits, 0..1)?;
//! let proven = prove(&key, &samples, &ProveOptions::default(), &mut |_| {})?;
//! let (card, proof) = (key.card().to_bytes()?, proven.proof.to_bytes()?);
//! // Anyone, with the public card alone.
//! let model = Registered::new(Card::from_bytes(&card)?)?;
//! let proof = Proof::from_bytes(&proof)?;
//! verify(&model, &proof, 100)?;
//! println!("scores: {:?}", proof.statement.outputs[0].data);
//! # Ok(())
//! # }
//! ```
//!
//! Proofs are zero knowledge: beside the statement they reveal sizes, the graph, and which commitment to the weights was opened.
//! Every commitment serves a bounded number of proofs, which a ledger beside the key counts.

mod argument;
pub mod committed;
pub mod cost;
pub mod error;
pub mod files;
pub mod key;
pub mod ledger;
pub mod model;
pub mod parameters;
pub mod prove;
mod randomness;

pub use committed::CommittedTensor;
pub use error::Error;
pub use key::{ProverKey, SetupOptions, setup};
pub use model::{CompiledModel, SourceModel, quantize_samples};
pub use prove::{Phase, ProveOptions, Proven, prove, prove_with};
pub use zkml_import::data::DataFile;
pub use zkml_quantize::{AccuracyReport, Options, OutputMode, Profile, dequantize};
pub use zkml_verifier as verifier;
pub use zkml_verifier::{Card, Proof, Registered, Statement, Visibility, verify};
