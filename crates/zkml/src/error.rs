//! Errors of the library.

use std::path::{Path, PathBuf};

use zkml_import::data::DataError;
use zkml_import::{ImportError, RunError};
use zkml_iop::error::{ProveError, RelationError};
use zkml_ir::IrError;
use zkml_quantize::QuantizeError;
use zkml_verifier::{FormatError, Refusal};

/// Why something could not be compiled, set up, proven or verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// A file's content is refused.
    #[error("{path}: {source}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: FormatError,
    },
    /// The model file is refused.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The float model does not run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The data file is refused.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The model has no integer form.
    #[error(transparent)]
    Quantize(#[from] QuantizeError),
    /// The integer model is refused.
    #[error(transparent)]
    Ir(#[from] IrError),
    /// The model or statement cannot be proven.
    #[error(transparent)]
    Relation(#[from] RelationError),
    /// A proof could not be made.
    #[error(transparent)]
    Prove(#[from] ProveError),
    /// The operating system gave no randomness.
    #[error("no randomness from the operating system: {0}")]
    Randomness(String),
    /// A card, key or proof in memory is refused.
    #[error(transparent)]
    Content(#[from] FormatError),
    /// A proof is refused, or a statement has no relation.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A card or proof for contracts is refused, or a statement has no circuit.
    #[error(transparent)]
    Chain(#[from] zkml_chain::Refusal),
    /// A reference string is refused.
    #[error("{file}: {source}")]
    Srs {
        /// The file.
        file: String,
        /// What is wrong with it.
        source: zkml_snark::srs::SrsError,
    },
    /// A ceremony is refused.
    #[error(transparent)]
    Ceremony(#[from] zkml_snark::groth16::ceremony::CeremonyError),
    /// The budget of openings is spent.
    #[error(
        "every opening of the committed weights is spent, and one more proof could reveal some of them; \
         commit to them anew with `zkml refresh`"
    )]
    Spent,
    /// The options do not fit the model or the data.
    #[error("{0}")]
    Usage(String),
}

impl Error {
    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { path, source }
    }

    pub(crate) fn format(path: &Path) -> impl FnOnce(FormatError) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Format { path, source }
    }
}
