//! Why a configuration or an opening is refused.

use p3_whir::{VerifierError, WhirConfigError};
use thiserror::Error;

use crate::merkle::MerkleError;

/// Why there is no configuration for given parameters.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The columns are too short or too long.
    #[error("columns of 2^{got} rows are outside 2^{min}..=2^{max}")]
    LogRows {
        /// The smallest supported logarithm.
        min: usize,
        /// The largest supported logarithm.
        max: usize,
        /// The requested logarithm.
        got: usize,
    },
    /// The rate of the code is not supported.
    #[error("a rate of 2^-{got} is outside 2^-{max}..=2^-{min}")]
    Rate {
        /// The smallest supported logarithm.
        min: usize,
        /// The largest supported logarithm.
        max: usize,
        /// The requested logarithm.
        got: usize,
    },
    /// No proximity radius reaches the level.
    #[error("no proximity radius reaches {level} bits for columns of 2^{log_rows} rows")]
    Proximity {
        /// The requested level.
        level: u32,
        /// log2 of the rows.
        log_rows: usize,
    },
    /// There are too many pads or products of pads.
    #[error("{got} {what} of pads exceed the bound {max}")]
    Pads {
        /// Scalars or products.
        what: &'static str,
        /// The largest supported number.
        max: usize,
        /// The requested number.
        got: usize,
    },
    /// WHIR has no instance with these parameters.
    #[error(transparent)]
    Whir(#[from] WhirConfigError),
    /// WHIR states no bound for its instance.
    #[error("WHIR states no security bound")]
    NoWhirBound,
    /// The errors add up to more than the level allows.
    #[error("{got:.2} bits of security, {expected} were asked for")]
    BelowLevel {
        /// The requested level.
        expected: u32,
        /// The bits that the errors leave.
        got: f64,
    },
}

/// Why columns are not committed or an opening is refused.
#[derive(Debug, Error)]
pub enum ColumnError {
    /// The configuration is below its level.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A tree has no columns or too many.
    #[error("a tree has {got} columns, between {min} and {max} are possible")]
    Width {
        /// The fewest columns.
        min: usize,
        /// The most columns.
        max: usize,
        /// The columns of the tree.
        got: usize,
    },
    /// A column has another height than the configuration.
    #[error("column {column} has {got} rows instead of {expected}")]
    Height {
        /// The index of the column.
        column: usize,
        /// The rows of the configuration.
        expected: usize,
        /// The rows of the column.
        got: usize,
    },
    /// There is no tree with the index of the mask tree.
    #[error("tree {got} cannot hold the mask: there are {expected} trees")]
    MaskTree {
        /// The number of trees.
        expected: usize,
        /// The index of the mask tree.
        got: usize,
    },
    /// The point has another number of coordinates than the rows have bits.
    #[error("the point has {got} coordinates instead of {expected}")]
    PointLength {
        /// log2 of the rows.
        expected: usize,
        /// The coordinates of the point.
        got: usize,
    },
    /// The opening has openings of another number of trees.
    #[error("the opening covers {got} trees instead of {expected}")]
    TreeCount {
        /// The trees of the statement.
        expected: usize,
        /// The trees in the opening.
        got: usize,
    },
    /// The opening answers another number of out-of-domain samples.
    #[error("the opening answers {got} out-of-domain samples instead of {expected}")]
    SampleCount {
        /// The samples of the configuration.
        expected: usize,
        /// The answers in the opening.
        got: usize,
    },
    /// The opening has rows of another number of positions than were drawn.
    #[error("tree {tree} opens {got} {what} instead of {expected}")]
    RowCount {
        /// The index of the tree.
        tree: usize,
        /// Elements or salts.
        what: &'static str,
        /// The number that the drawn positions imply.
        expected: usize,
        /// The number in the opening.
        got: usize,
    },
    /// The proof of work in front of the column combination is missing.
    #[error("no proof of work before the columns are combined")]
    BatchingGrinding,
    /// The proof of work in front of the positions is missing.
    #[error("no proof of work before positions are drawn")]
    QueryGrinding,
    /// The rows of a tree do not belong to its root.
    #[error("tree {tree}: {source}")]
    Merkle {
        /// The index of the tree.
        tree: usize,
        /// What is wrong with the proof.
        source: MerkleError,
    },
    /// The sumcheck has another number of rounds.
    #[error("the claim reduction has {got} rounds instead of {expected}")]
    Rounds {
        /// log2 of the rows.
        expected: usize,
        /// The rounds in the opening.
        got: usize,
    },
    /// The sumcheck does not end at the claimed limb values.
    #[error("the claim reduction does not end at the claimed value of the combination")]
    Reduction,
    /// The WHIR opening has the shape of other parameters.
    #[error("the WHIR opening has the shape of another instance")]
    WhirShape,
    /// WHIR refuses the opening.
    #[error("WHIR: {0}")]
    Whir(#[from] VerifierError),
    /// WHIR cannot commit or open.
    #[error("WHIR: {0}")]
    WhirProver(#[from] WhirConfigError),
}
