//! Whole proofs: the opening of the columns, and the SNARK of everything before it.

use std::sync::Arc;

use zkml_iop::error::VerifyError;
use zkml_iop::layout::TreeKind;
use zkml_snark::circuit::{Arithmetization, CircuitError, ShapeDigest};
use zkml_snark::codec::CodecError;
use zkml_snark::groth16::{self, Groth16Error};
use zkml_snark::plonk::{self, PlonkError};
use zkml_snark::srs::Srs;

use crate::columns::ColumnPoints;
use crate::error::Bn254Error;
use crate::proof::{ClearProof, OuterProof};
use crate::relation::{Public, Relation};

/// The number of public inputs of every circuit.
pub const PUBLIC_INPUTS: usize = 3;

/// Why a whole proof cannot be made or is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SuiteError {
    /// The opening or the statement is refused.
    #[error(transparent)]
    Outer(#[from] Bn254Error),
    /// The circuit cannot be built.
    #[error("the circuit of the verifier cannot be built: {0}")]
    Verifier(#[from] VerifyError),
    /// The circuit is refused.
    #[error(transparent)]
    Circuit(#[from] CircuitError),
    /// Groth16 failed.
    #[error(transparent)]
    Groth16(#[from] Groth16Error),
    /// PLONK failed.
    #[error(transparent)]
    Plonk(#[from] PlonkError),
    /// The SNARK's proof is malformed.
    #[error("the SNARK's proof is malformed: {0}")]
    Codec(#[from] CodecError),
    /// The key belongs to another statement.
    #[error(
        "the key belongs to circuit {key}, the statement's circuit is {circuit}: run the setup of this model"
    )]
    OtherCircuit {
        /// The key's circuit.
        key: ShapeDigest,
        /// The statement's.
        circuit: ShapeDigest,
    },
    /// PLONK and the columns have different reference strings: no contract could check both at once.
    #[error("the key and the columns have different reference strings: set both up from one file")]
    OtherSrs,
    /// Key and proof are of different suites.
    #[error("the key is for {key}, the proof is of {proof}")]
    OtherSuite {
        /// The key's suite.
        key: &'static str,
        /// The proof's.
        proof: &'static str,
    },
}

/// What a circuit is proven with.
#[derive(Clone, Copy)]
pub enum ProvingKey<'a> {
    /// Groth16.
    Groth16(&'a groth16::ProvingKey),
    /// PLONK, with powers of its setup.
    Plonk(&'a plonk::Prover, &'a Srs),
}

/// What a SNARK is verified with.
#[derive(Clone, Debug, PartialEq)]
pub enum VerifyingKey {
    /// Groth16.
    Groth16(groth16::VerifyingKey),
    /// PLONK.
    Plonk(plonk::VerifyingKey),
}

/// The proof of a SNARK.
#[derive(Clone, Debug, PartialEq)]
pub enum Snark {
    /// Groth16.
    Groth16(Box<groth16::Proof>),
    /// PLONK.
    Plonk(Box<plonk::Proof>),
}

/// A whole proof.
#[derive(Clone, Debug, PartialEq)]
pub struct SuiteProof {
    /// Commitments, row point, value and opening.
    pub outer: OuterProof,
    /// The proof that they belong to an accepted proof in the clear.
    pub snark: Snark,
}

impl ProvingKey<'_> {
    const fn arithmetization(&self) -> Arithmetization {
        match self {
            Self::Groth16(_) => Arithmetization::R1cs,
            Self::Plonk(..) => Arithmetization::Plonk,
        }
    }
}

impl VerifyingKey {
    const fn arithmetization(&self) -> Arithmetization {
        match self {
            Self::Groth16(_) => Arithmetization::R1cs,
            Self::Plonk(_) => Arithmetization::Plonk,
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Groth16(_) => "groth16",
            Self::Plonk(_) => "plonk",
        }
    }

    fn circuit(&self) -> ShapeDigest {
        match self {
            Self::Groth16(key) => key.circuit(),
            Self::Plonk(key) => key.circuit(),
        }
    }
}

impl ClearProof {
    /// The whole proof.
    ///
    /// # Errors
    /// [`SuiteError`] if the key is another circuit's.
    pub fn finish(
        &self,
        key: ProvingKey<'_>,
        relation: &Relation,
        public: &Public,
        shared: &[(TreeKind, ColumnPoints)],
    ) -> Result<SuiteProof, SuiteError> {
        let circuit = self.circuit(key.arithmetization(), relation, public, shared)?.circuit()?;
        let snark = match key {
            ProvingKey::Groth16(key) => Snark::Groth16(Box::new(groth16::prove(key, &circuit)?)),
            ProvingKey::Plonk(prover, srs) => Snark::Plonk(Box::new(plonk::prove(prover, srs, &circuit)?)),
        };
        Ok(SuiteProof { outer: self.outer(), snark })
    }
}

impl SuiteProof {
    /// The encoding: the outer proof (`docs/bn254.md`, section 3), then the SNARK's.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.outer.to_bytes();
        bytes.extend(match &self.snark {
            Snark::Groth16(proof) => proof.to_bytes(),
            Snark::Plonk(proof) => proof.to_bytes(),
        });
        bytes
    }
}

/// A relation with its key and the commitments that its statements share: what proofs are verified against.
#[derive(Clone, Debug)]
pub struct Verifier {
    relation: Arc<Relation>,
    key: VerifyingKey,
    weights: Option<ColumnPoints>,
}

impl Verifier {
    /// A verifier of statements about a model whose weights are committed in `weights`. Builds the circuit once, so that the
    /// key is the relation's and no other.
    ///
    /// # Errors
    /// [`SuiteError`] if key and relation do not belong together.
    ///
    /// # Soundness
    /// That the weights lie in their intervals is the registration's to prove: a proof of [`Relation::registration`] for the
    /// same commitments.
    pub fn new(
        relation: Arc<Relation>,
        key: VerifyingKey,
        weights: Option<ColumnPoints>,
    ) -> Result<Self, SuiteError> {
        let circuit = relation.circuit(key.arithmetization())?.shape()?.digest();
        if key.circuit() != circuit {
            return Err(SuiteError::OtherCircuit { key: key.circuit(), circuit });
        }
        if matches!(&key, VerifyingKey::Plonk(key) if key.tau_g2() != relation.columns.srs().tau_g2) {
            return Err(SuiteError::OtherSrs);
        }
        Ok(Self { relation, key, weights })
    }

    /// The relation.
    pub fn relation(&self) -> &Relation {
        &self.relation
    }

    /// Checks a proof of a statement; `committed` are the commitments to its committed tensors, in its order.
    ///
    /// # Errors
    /// [`SuiteError`] that names what is refused.
    pub fn verify(
        &self,
        public: &Public,
        committed: &[ColumnPoints],
        proof: &SuiteProof,
    ) -> Result<(), SuiteError> {
        let weights = self.weights.iter().map(|points| (TreeKind::Weights, points.clone()));
        let committed =
            committed.iter().enumerate().map(|(i, points)| (TreeKind::Committed(i), points.clone()));
        let shared: Vec<_> = weights.chain(committed).collect();
        let inputs = proof.outer.public_inputs(&self.relation, public, &shared)?;
        match (&self.key, &proof.snark) {
            (VerifyingKey::Groth16(key), Snark::Groth16(proof)) => groth16::verify(key, &inputs, proof)?,
            (VerifyingKey::Plonk(key), Snark::Plonk(proof)) => plonk::verify(key, &inputs, proof)?,
            (key, Snark::Groth16(_)) => {
                return Err(SuiteError::OtherSuite { key: key.name(), proof: "groth16" });
            }
            (key, Snark::Plonk(_)) => return Err(SuiteError::OtherSuite { key: key.name(), proof: "plonk" }),
        }
        Ok(())
    }

    /// Reads a proof for this verifier's key.
    ///
    /// # Errors
    /// [`SuiteError`] for another length, or anything that is not canonical.
    pub fn decode(&self, bytes: &[u8]) -> Result<SuiteProof, SuiteError> {
        let short = Bn254Error::Encoding("the proof ends early");
        let (outer, snark) = bytes.split_at_checked(OuterProof::length(&self.relation)).ok_or(short)?;
        let outer = OuterProof::from_bytes(&self.relation, outer)?;
        let snark = match &self.key {
            VerifyingKey::Groth16(_) => Snark::Groth16(Box::new(groth16::Proof::from_bytes(snark)?)),
            VerifyingKey::Plonk(_) => Snark::Plonk(Box::new(plonk::Proof::from_bytes(snark)?)),
        };
        Ok(SuiteProof { outer, snark })
    }
}
