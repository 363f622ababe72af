//! Proofs as files.

use serde::{Deserialize, Serialize};
use zkml_verifier::FormatError;
use zkml_verifier::envelope::{self, Kind};

use crate::statement::Statement;

const KIND: Kind = Kind { magic: *b"ZKGP", version: 1, name: "proof for contracts" };

/// A statement and the proof of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    /// What is proven.
    pub statement: Statement,
    /// The outer proof: `docs/bn254.md`, section 3, without the SNARK's.
    #[serde(with = "serde_bytes")]
    pub outer: Vec<u8>,
    /// The SNARK's proof.
    #[serde(with = "serde_bytes")]
    pub snark: Vec<u8>,
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
        envelope::open(KIND, bytes)
    }

    /// Whether bytes are those of a proof of this kind, whatever follows.
    pub fn recognises(bytes: &[u8]) -> bool {
        bytes.starts_with(&KIND.magic)
    }

    /// The proof as a contract takes it: the outer proof, then the SNARK's.
    pub fn evm_bytes(&self) -> Vec<u8> {
        [self.outer.as_slice(), &self.snark].concat()
    }
}
