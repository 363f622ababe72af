//! Proofs as files.

use p3_field::{BasedVectorSpace, PrimeField32};
use serde::{Deserialize, Serialize};
use zkml_iop::prover::Proof as Parts;
use zkml_stark::{F, K, MerkleRoot, StarkColumns};

use crate::envelope::{self, Kind, damaged};
use crate::error::{FormatError, Refusal};
use crate::relation::Relation;
use crate::statement::Statement;

/// Version 0 is not zero knowledge: scalars travel in the clear.
const KIND: Kind = Kind { magic: *b"ZKMP", version: 0, name: "proof" };
const DEGREE: usize = <K as BasedVectorSpace<F>>::DIMENSION;

/// A statement and the proof of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    /// What is proven.
    pub statement: Statement,
    /// The commitment to the witness.
    witness: [u8; 32],
    /// The commitment to the lookup helpers.
    helpers: Option<[u8; 32]>,
    /// The limbs of every scalar.
    #[serde(with = "words")]
    scalars: Vec<u32>,
    /// The opening of the commitments.
    #[serde(with = "serde_bytes")]
    opening: Vec<u8>,
}

/// The bytes of a proof by part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Sizes {
    /// The statement with its public tensors.
    pub statement: usize,
    /// The scalars of the sumchecks and evaluations.
    pub scalars: usize,
    /// The opening of the commitments.
    pub opening: usize,
    /// The whole file.
    pub total: usize,
}

impl Proof {
    /// A proof from its parts.
    pub fn new(statement: Statement, parts: &Parts<StarkColumns>, columns: &StarkColumns) -> Self {
        let limbs = |scalar: &K| {
            let limbs: &[F] = scalar.as_basis_coefficients_slice();
            limbs.iter().map(PrimeField32::as_canonical_u32).collect::<Vec<_>>()
        };
        Self {
            statement,
            witness: parts.witness.0,
            helpers: parts.helpers.map(|h| h.0),
            scalars: parts.scalars.iter().flat_map(limbs).collect(),
            opening: columns.encode_opening(&parts.opening),
        }
    }

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
        let canonical = proof.scalars.iter().all(|&limb| limb < F::ORDER_U32);
        if !canonical || !proof.scalars.len().is_multiple_of(DEGREE) {
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
        Ok(Sizes {
            statement: statement.len(),
            scalars: 4 * self.scalars.len(),
            opening: self.opening.len(),
            total: self.to_bytes()?.len(),
        })
    }

    /// The proof's parts as the relation's verifier reads them.
    pub(crate) fn parts(&self, relation: &Relation) -> Result<Parts<StarkColumns>, Refusal> {
        let scalar = |limbs: &[u32]| {
            K::from_basis_coefficients_fn(|i| F::new(limbs.get(i).copied().unwrap_or_default()))
        };
        let opening = relation.columns.decode_opening(&relation.widths(), &self.opening)?;
        Ok(Parts {
            witness: MerkleRoot(self.witness),
            helpers: self.helpers.map(MerkleRoot),
            scalars: self.scalars.chunks(DEGREE).map(scalar).collect(),
            opening,
        })
    }
}

/// Words of four bytes, so that a scalar's size does not depend on its value.
mod words {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(words: &[u32], to: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        serde_bytes::serialize(bytes.as_slice(), to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u32>, D::Error> {
        let bytes = serde_bytes::ByteBuf::deserialize(from)?;
        let (words, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(de::Error::invalid_length(bytes.len(), &"a multiple of four bytes"));
        }
        Ok(words.iter().map(|w| u32::from_le_bytes(*w)).collect())
    }
}
