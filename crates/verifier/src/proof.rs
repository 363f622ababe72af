//! Proofs as files.

use serde::{Deserialize, Serialize};

use crate::argument::Argument;
use crate::envelope::{self, Kind, damaged};
use crate::epoch::TreeId;
use crate::error::FormatError;
use crate::statement::Statement;

/// Version 0 was not zero knowledge, and is refused.
const KIND: Kind = Kind { magic: *b"ZKMP", version: 1, name: "proof" };

/// A statement and the proof of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    /// What is proven.
    pub statement: Statement,
    /// The tree of the weights that was opened; absent for a model without weights.
    pub tree: Option<TreeId>,
    /// The sealed argument.
    pub argument: Argument,
}

/// The bytes of a proof by part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Sizes {
    /// The statement with its public tensors.
    pub statement: usize,
    /// The scalars of the sumchecks and evaluations.
    pub scalars: usize,
    /// The opening of the columns.
    pub opening: usize,
    /// The pads of the sealed transcript: their commitment and closing.
    pub sealing: usize,
    /// The whole file.
    pub total: usize,
}

impl Proof {
    /// The canonical encoding.
    ///
    /// # Errors
    /// [`FormatError`] if memory for it cannot be had.
    pub fn to_bytes(&self) -> Result<Vec<u8>, FormatError> {
        envelope::seal(KIND, self)
    }

    /// Reads a proof. Allocates at most a constant times the number of bytes.
    ///
    /// # Errors
    /// [`FormatError`] that says what is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        let proof: Self = envelope::open(KIND, bytes)?;
        if !proof.argument.is_canonical() || !proof.statement.is_canonical() {
            return Err(damaged(KIND, &"a scalar is not canonical"));
        }
        Ok(proof)
    }

    /// The bytes by part.
    ///
    /// # Errors
    /// [`FormatError`] if the proof cannot be encoded.
    pub fn sizes(&self) -> Result<Sizes, FormatError> {
        let statement = postcard::to_stdvec(&self.statement).map_err(|e| damaged(KIND, &e))?;
        let [scalars, opening, sealing] = self.argument.sizes();
        Ok(Sizes { statement: statement.len(), scalars, opening, sealing, total: self.to_bytes()?.len() })
    }
}
