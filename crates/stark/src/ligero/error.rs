//! Why pads are not committed or a proof about them is refused.

use thiserror::Error;

use crate::merkle::MerkleError;

/// Why pads are not committed or a proof about them is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LigeroError {
    /// There are more or fewer pads, or pairs of factors, than the parameters are for.
    #[error("{got} {what} instead of {expected}")]
    Count {
        /// Scalars or products.
        what: &'static str,
        /// The number of the configuration.
        expected: usize,
        /// The number that was given.
        got: usize,
    },
    /// A relation refers to a scalar or a product that does not exist.
    #[error("a relation refers to {what} {got} of {bound}")]
    Index {
        /// Scalar or product.
        what: &'static str,
        /// The number of scalars or products.
        bound: usize,
        /// The index in the relation.
        got: usize,
    },
    /// The products to prove are not those that were committed.
    #[error("the relation has other products than the committed pads")]
    OtherProducts,
    /// The equations do not hold for the committed pads, so nothing may be released.
    #[error("the equations do not hold for the committed pads")]
    Unsatisfied,
    /// A part of the proof has another length than the statement implies.
    #[error("the proof holds {got} {what} instead of {expected}")]
    Length {
        /// The part.
        what: &'static str,
        /// The length that statement and positions imply.
        expected: usize,
        /// The length in the proof.
        got: usize,
    },
    /// The proof of work in front of the positions is missing.
    #[error("no proof of work before the positions of the pads are drawn")]
    Grinding,
    /// The opened rows do not belong to the root.
    #[error("pads: {0}")]
    Merkle(#[from] MerkleError),
    /// A response is not the combination of the opened rows.
    #[error("the {response} response differs from the committed pads at position {position}")]
    Response {
        /// Proximity, linear or product.
        response: &'static str,
        /// The first such position of a coset.
        position: usize,
    },
}
