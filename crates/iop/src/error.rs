//! Why a statement cannot be expressed, a proof cannot be made, or a proof is refused.

use alloc::boxed::Box;
use alloc::string::String;

use zkml_ir::{Interval, IrError};

/// A graph, a batch or a witness that this protocol cannot prove.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RelationError {
    /// A node's operands or parameters have no relation.
    #[error("node '{node}' ({op}): {reason}")]
    Unsupported {
        /// The node's name.
        node: String,
        /// The operator.
        op: &'static str,
        /// What is missing.
        reason: String,
    },
    /// An identity over the integers may wrap around the field.
    #[error(
        "'{name}': both sides of an identity differ by {range}, which reaches the field's modulus {modulus}; use fewer bits"
    )]
    Wraps {
        /// The node whose identity it is.
        name: String,
        /// The interval of the difference.
        range: Interval,
        /// The modulus.
        modulus: i64,
    },
    /// The statement is larger than the protocol's bounds.
    #[error("{what} is {got}, more than the {limit} that one proof can hold")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size.
        got: u64,
        /// The bound.
        limit: u64,
    },
    /// A value of the execution is outside of what its relation can prove.
    #[error("'{name}': value {value:?} is in no row of its table; the execution left the declared intervals")]
    NotInTable {
        /// The node whose lookup it is.
        name: String,
        /// The tuple that was looked up.
        value: alloc::vec::Vec<i64>,
    },
    /// Public data has another size than the statement's tensors.
    #[error("public tensor '{name}': {reason}")]
    Public {
        /// The tensor's name.
        name: String,
        /// What does not fit.
        reason: String,
    },
    /// The graph itself is refused.
    #[error(transparent)]
    Graph(#[from] IrError),
}

/// A failure to make a proof.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The statement has no relation.
    #[error(transparent)]
    Relation(#[from] RelationError),
    /// The commitment scheme failed.
    #[error("the column commitment failed: {0}")]
    Commitment(Box<dyn core::error::Error + Send + Sync>),
    /// The operating system gave no randomness.
    #[error("no randomness from the operating system: {0}")]
    Randomness(String),
    /// The proof needs more scalars than there are pads to seal them; nothing of it may be released.
    #[error("the proof sends more scalars than it has one-time pads")]
    PadsSpent,
    /// A lookup challenge hit a fingerprint, an event of probability below 2^-100; a retry uses fresh randomness.
    #[error("a challenge hit a fingerprint; prove again")]
    UnluckyChallenge,
}

/// Why a proof is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The statement itself is refused.
    #[error(transparent)]
    Relation(#[from] RelationError),
    /// The proof has fewer scalars than the statement implies.
    #[error("the proof ends where the scalar '{expected}' is expected")]
    MissingScalar {
        /// What the scalar is.
        expected: &'static str,
    },
    /// The proof has more scalars than the statement implies.
    #[error("the proof has {got} scalars, the statement implies {expected}")]
    TrailingScalars {
        /// The number that the statement implies.
        expected: usize,
        /// The number found.
        got: usize,
    },
    /// The point of a claim on whole columns has another number of coordinates than the columns have variables.
    #[error(
        "the point of a claim on whole columns has {got} coordinates, the columns have {expected} variables"
    )]
    ClaimPoint {
        /// The number of variables of a column.
        expected: usize,
        /// The number of coordinates.
        got: usize,
    },
    /// An equation of the protocol does not hold.
    #[error("the proof is wrong: the check '{check}' fails")]
    Unequal {
        /// The name of the check.
        check: &'static str,
    },
    /// The opening of the commitments is refused.
    #[error("the opening of the commitments is refused: {0}")]
    Opening(Box<dyn core::error::Error + Send + Sync>),
}
