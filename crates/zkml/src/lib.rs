//! Proofs of machine-learning inference: compile a model, set it up, prove its outputs, verify the proofs.
//!
//! ```
//! use std::path::Path;
//! use zkml::{DataFile, Options, Proof, ProveOptions, SourceModel, prove, quantize_samples, setup, verify};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let models = Path::new("../../models");
//! // Once per model: floats become integers, and the weights are committed.
//! let calibration = DataFile::read(&models.join("mlp.npz"))?;
//! let model = SourceModel::read(&models.join("mlp.onnx"))?.compile(&calibration, &Options::default())?;
//! let key = setup(model.compiled, 100)?;
//! // Once per statement: the image stays private, the scores are public.
//! let digits = DataFile::read(&models.join("mlp_test.npz"))?;
//! let samples = quantize_samples(&key.compiled, &digits, 0..1)?;
//! let proven = prove(&key, &samples, &ProveOptions::default(), &mut |_| {})?;
//! let bytes = proven.proof.to_bytes()?;
//! // Anyone, with the public card alone.
//! let proof = Proof::from_bytes(&bytes)?;
//! verify(&key.card, &proof, 100)?;
//! println!("scores: {:?}", proof.statement.outputs[0].data);
//! # Ok(())
//! # }
//! ```
//!
//! Proofs of format version 0 are **not zero knowledge** yet.

pub mod cost;
pub mod error;
pub mod files;
pub mod key;
pub mod model;
pub mod prove;
mod randomness;

pub use error::Error;
pub use key::{ProverKey, setup};
pub use model::{CompiledModel, SourceModel, quantize_samples};
pub use prove::{Phase, ProveOptions, Proven, prove};
pub use zkml_import::data::DataFile;
pub use zkml_quantize::{AccuracyReport, Options, OutputMode, Profile, dequantize};
pub use zkml_verifier as verifier;
pub use zkml_verifier::{Card, Proof, Statement, Visibility, verify};
