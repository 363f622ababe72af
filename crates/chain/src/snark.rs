//! The two SNARKs behind one name.

use serde::{Deserialize, Serialize};
use zkml_snark::circuit::{Arithmetization, Shape, ShapeDigest};
use zkml_snark::groth16::Origin;
use zkml_snark::{Fr, groth16, plonk};

use crate::error::Refusal;

/// A suite whose proofs contracts accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Suite {
    /// Groth16: the least gas, and a ceremony for every architecture.
    Groth16,
    /// PLONK: a universal setup.
    Plonk,
}

impl Suite {
    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Groth16 => "groth16",
            Self::Plonk => "plonk",
        }
    }

    /// The arithmetization of its circuits.
    pub const fn arithmetization(self) -> Arithmetization {
        match self {
            Self::Groth16 => Arithmetization::R1cs,
            Self::Plonk => Arithmetization::Plonk,
        }
    }
}

/// A verification key.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "there is one of it per model")]
pub enum SnarkKey {
    /// Of Groth16.
    Groth16(groth16::VerifyingKey),
    /// Of PLONK.
    Plonk(plonk::VerifyingKey),
}

/// The number of public inputs of every circuit here: `γ`, `ξ`, `e`.
pub const PUBLIC_INPUTS: usize = 3;

impl SnarkKey {
    /// The suite.
    pub const fn suite(&self) -> Suite {
        match self {
            Self::Groth16(_) => Suite::Groth16,
            Self::Plonk(_) => Suite::Plonk,
        }
    }

    /// The file of the key.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Groth16(key) => key.to_bytes(),
            Self::Plonk(key) => key.to_bytes(),
        }
    }

    /// The key of a suite in a file.
    ///
    /// # Errors
    /// [`Refusal::Snark`] for anything but one canonical encoding.
    pub fn from_bytes(suite: Suite, bytes: &[u8]) -> Result<Self, Refusal> {
        let key = match suite {
            Suite::Groth16 => groth16::VerifyingKey::from_bytes(bytes).map(Self::Groth16),
            Suite::Plonk => plonk::VerifyingKey::from_bytes(bytes).map(Self::Plonk),
        };
        key.map_err(Refusal::snark("the verification key"))
    }

    /// Whether the secrets of the key were known to one process. PLONK's are those of the reference string.
    pub fn is_testing(&self) -> bool {
        matches!(self, Self::Groth16(key) if key.origin() == Origin::Testing)
    }

    /// The digest of the ceremony's transcript, where there was one.
    pub fn ceremony(&self) -> Option<[u8; 32]> {
        match self {
            Self::Groth16(key) => match key.origin() {
                Origin::Ceremony(digest) => Some(digest),
                Origin::Testing => None,
            },
            Self::Plonk(_) => None,
        }
    }

    /// The digest of the circuit that the key says it is for.
    pub fn circuit(&self) -> ShapeDigest {
        match self {
            Self::Groth16(key) => key.circuit(),
            Self::Plonk(key) => key.circuit(),
        }
    }

    fn public_inputs(&self) -> usize {
        match self {
            Self::Groth16(key) => key.public_inputs(),
            Self::Plonk(key) => key.public_inputs(),
        }
    }

    /// Whether the key says that it is for this circuit.
    pub fn fits(&self, shape: &Shape) -> bool {
        self.circuit() == shape.digest() && self.public_inputs() == PUBLIC_INPUTS
    }

    /// The key as contracts take it.
    pub fn evm_bytes(&self) -> Vec<u8> {
        match self {
            Self::Groth16(key) => key.evm_bytes(),
            Self::Plonk(key) => key.evm_bytes(),
        }
    }

    /// Checks the bytes of a proof.
    ///
    /// # Errors
    /// [`Refusal`] that says why it is none.
    pub fn verify(&self, public_inputs: &[Fr], proof: &[u8]) -> Result<(), Refusal> {
        let malformed = Refusal::snark("the SNARK's proof");
        match self {
            Self::Groth16(key) => {
                let proof = groth16::Proof::from_bytes(proof).map_err(malformed)?;
                Ok(groth16::verify(key, public_inputs, &proof)?)
            }
            Self::Plonk(key) => {
                let proof = plonk::Proof::from_bytes(proof).map_err(malformed)?;
                Ok(plonk::verify(key, public_inputs, &proof)?)
            }
        }
    }
}
