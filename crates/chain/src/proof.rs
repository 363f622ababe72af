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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "what fails here is a failed test")]
mod tests {
    use super::*;
    use zkml_ir::Tensor;
    use zkml_verifier::{Shape, Visibility};

    fn proof() -> Proof {
        let shape = Shape { batch: 1, inputs: vec![Visibility::Private], outputs: vec![Visibility::Public] };
        let outputs = vec![Tensor { shape: vec![1, 2], data: vec![-3, 70_000] }];
        let (model, context) = ([7; 32], vec![0xc0, 0xff, 0xee]);
        let statement =
            Statement { model, shape, inputs: Vec::new(), outputs, commitments: Vec::new(), context };
        Proof { statement, outer: vec![1; 300], snark: vec![2; 256] }
    }

    #[test]
    fn a_proof_has_one_encoding() {
        let bytes = proof().to_bytes().unwrap();
        assert_eq!(Proof::from_bytes(&bytes).unwrap(), proof());
        assert!(Proof::recognises(&bytes));
        for length in 0..bytes.len() {
            assert!(Proof::from_bytes(&bytes[..length]).is_err(), "{length} bytes");
        }
        assert!(Proof::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
        for bit in 0..8 * bytes.len() {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            if let Ok(other) = Proof::from_bytes(&changed) {
                assert_ne!(other, proof(), "bit {bit}");
                assert_eq!(other.to_bytes().unwrap(), changed, "bit {bit}");
            }
        }
    }

    #[test]
    fn a_length_beyond_the_bytes_allocates_nothing() {
        let mut bytes = b"ZKGP\x01\x00".to_vec();
        bytes.extend([7; 32]);
        // A batch, then a list of 2^63 visibilities.
        bytes.extend([1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
        assert!(Proof::from_bytes(&bytes).is_err());
    }
}
