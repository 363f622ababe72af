//! Why something of the BN254 suite fails or is refused.

/// A failure of the BN254 suite.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Bn254Error {
    /// The reference string is a verifier's.
    #[error(
        "the reference string has no powers: it is enough to verify, and nothing can be committed under it"
    )]
    NoPowers,
    /// Columns have another height than the commitment.
    #[error("a column has {got} rows, the commitment's have {expected}")]
    Rows {
        /// The height of the commitment.
        expected: usize,
        /// The column's height.
        got: usize,
    },
    /// The height is out of range.
    #[error("columns of 2^{got} rows; 2^{min} to 2^{max} are possible")]
    Height {
        /// The least logarithm.
        min: usize,
        /// The greatest logarithm.
        max: usize,
        /// The logarithm asked for.
        got: usize,
    },
    /// A commitment has another number of columns than the statement implies.
    #[error("a commitment has {got} columns, the statement implies {expected}")]
    Columns {
        /// The number that the statement implies.
        expected: usize,
        /// The number found.
        got: usize,
    },
    /// More columns or public bytes than contracts take.
    #[error("{what} are {got}, contracts take at most {limit}: {advice}")]
    Contract {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        got: usize,
        /// The most there may be.
        limit: usize,
        /// What to do.
        advice: &'static str,
    },
    /// A commitment fell on a point that no proof can hold: an event of probability 2^-254.
    #[error("a commitment is at infinity; prove again with fresh randomness")]
    UnluckyPoint,
    /// A challenge of the opening met another one: an event of probability 2^-250.
    #[error("a challenge of the opening is degenerate; prove again")]
    UnluckyChallenge,
    /// The opening does not verify.
    #[error("the opening of the combined column does not verify")]
    Opening,
    /// A graph or statement has no relation.
    #[error(transparent)]
    Relation(#[from] zkml_iop::error::RelationError),
    /// The graph itself is refused.
    #[error(transparent)]
    Graph(#[from] zkml_ir::IrError),
    /// Bytes are no canonical encoding.
    #[error("{0}")]
    Encoding(&'static str),
}
