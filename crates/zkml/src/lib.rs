//! Zero-knowledge proofs of machine-learning inference: compile a model, set it up, prove its outputs, verify the proofs.

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
