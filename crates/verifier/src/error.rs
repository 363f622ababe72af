//! Why a file is no card or proof, and why a proof is refused.

use zkml_iop::error::{RelationError, VerifyError};
use zkml_ir::IrError;
use zkml_stark::{ConfigError, DecodeError, LigeroError};

/// Bytes that are not what they claim to be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The file is of another kind.
    #[error("this is no {expected} (it starts with {got:02x?}); check that the right file was given")]
    Kind {
        /// The kind expected, in words.
        expected: &'static str,
        /// The first bytes.
        got: Vec<u8>,
    },
    /// The file has a version that this program does not read.
    #[error(
        "this {kind} has format version {got}, this program reads version {expected}; update the older of the two"
    )]
    Version {
        /// The kind of file.
        kind: &'static str,
        /// The version that this program reads.
        expected: u16,
        /// The version found.
        got: u16,
    },
    /// The file ends early, holds trailing bytes, or another encoding of the same content exists.
    #[error("this {kind} is damaged: {reason}; get a fresh copy")]
    Damaged {
        /// The kind of file.
        kind: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The graph in a file is refused.
    #[error("the graph is refused: {0}")]
    Graph(#[from] IrError),
}

/// Why a proof is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The bytes are no proof.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The proof is about another model.
    #[error("the proof is about model {got}, the card describes model {expected}")]
    Model {
        /// The card's model identifier.
        expected: String,
        /// The statement's.
        got: String,
    },
    /// The statement does not fit the card's graph.
    #[error("the statement does not fit the model: {0}")]
    Statement(String),
    /// The statement has no relation, or one that is too large.
    #[error(transparent)]
    Relation(#[from] RelationError),
    /// The opening's bytes are refused.
    #[error("the opening is damaged: {0}")]
    Opening(#[from] DecodeError),
    /// The closing of the pads is refused.
    #[error("the closing of the sealed transcript is refused: {0}")]
    Closing(#[from] LigeroError),
    /// The parameters have no provable security.
    #[error(transparent)]
    Parameters(#[from] ConfigError),
    /// The proof is less secure than asked for.
    #[error("the proof has {got:.1} bits of provable security, {expected} are asked for")]
    Security {
        /// The bits asked for.
        expected: u32,
        /// The bits that the parameters give.
        got: f64,
    },
    /// The proof is wrong.
    #[error(transparent)]
    Proof(#[from] VerifyError),
}
