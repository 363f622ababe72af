//! What the world knows of a model that is proven on chain.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use zkml_bn254::digest::keccak;
use zkml_bn254::{Relation, Srs};
use zkml_ir::Graph;
use zkml_verifier::envelope::{self, Kind};
use zkml_verifier::statement::hex;
use zkml_verifier::{FormatError, Shape};

use crate::error::Refusal;
use crate::points::{Points, TauG2};
use crate::snark::{SnarkKey, Suite};

const KIND: Kind = Kind { magic: *b"ZKGC", version: 1, name: "card of a model for contracts" };
const ID_CONTEXT: &str = "starminer zkml 2026 bn254 model identifier v1";
const COMMITMENT_CONTEXT: &str = "starminer zkml 2026 bn254 tensor commitment v1";

/// Where a reference string comes from, as the card's author says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SrsOrigin {
    /// One process knew its secret: fit for tests only.
    Testing,
    /// A file of a public ceremony: the digest of the powers that were read of it.
    File([u8; 32]),
}

impl fmt::Display for SrsOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Testing => f.write_str("FOR TESTING ONLY: whoever made it can forge proofs"),
            Self::File(digest) => write!(f, "file with powers {}", hex(digest)),
        }
    }
}

/// The proof that every weight lies in its interval: of PLONK in both suites, because its setup is universal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationProof {
    /// The file of the PLONK key of the registration's circuit.
    #[serde(with = "serde_bytes")]
    pub key: Vec<u8>,
    /// The outer proof: `docs/bn254.md`, section 3, without the SNARK's.
    #[serde(with = "serde_bytes")]
    pub outer: Vec<u8>,
    /// The PLONK proof.
    #[serde(with = "serde_bytes")]
    pub snark: Vec<u8>,
}

/// A model's public graph, the shape of its statements, the commitment to its weights, and its keys.
///
/// Nothing of it is checked yet: [`crate::Registered`] does that.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// The graph, without weights.
    pub graph: Graph,
    /// The batch and the visibilities of all statements.
    pub shape: Shape,
    /// The base-2 logarithm of the height of the columns.
    pub log_rows: u8,
    /// Where the reference string comes from.
    pub srs: SrsOrigin,
    /// `[τ]₂` of the columns.
    pub tau_g2: TauG2,
    /// The commitments to the columns of the weights; absent for a model without weights.
    pub weights: Option<Points>,
    /// The SNARK's verification key.
    pub key: SnarkKey,
    /// The registration of the weights.
    pub registration: Option<RegistrationProof>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(with = "serde_bytes")]
    graph: Vec<u8>,
    shape: Shape,
    log_rows: u8,
    srs: SrsOrigin,
    tau_g2: TauG2,
    weights: Option<Points>,
    suite: Suite,
    #[serde(with = "serde_bytes")]
    key: Vec<u8>,
    registration: Option<RegistrationProof>,
}

impl Card {
    /// The suite.
    pub fn suite(&self) -> Suite {
        self.key.suite()
    }

    /// The canonical encoding.
    ///
    /// # Errors
    /// [`FormatError`] if the graph cannot be encoded.
    pub fn to_bytes(&self) -> Result<Vec<u8>, FormatError> {
        let stored = Stored {
            graph: self.graph.to_bytes()?,
            shape: self.shape.clone(),
            log_rows: self.log_rows,
            srs: self.srs,
            tau_g2: self.tau_g2,
            weights: self.weights.clone(),
            suite: self.suite(),
            key: self.key.to_bytes(),
            registration: self.registration.clone(),
        };
        envelope::seal(KIND, &stored)
    }

    /// Reads a card. Allocates at most a constant times the number of bytes.
    ///
    /// # Errors
    /// [`Refusal`] that says what is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        let stored: Stored = envelope::open(KIND, bytes)?;
        let graph = Graph::from_bytes(&stored.graph).map_err(FormatError::from)?;
        let key = SnarkKey::from_bytes(stored.suite, &stored.key)?;
        let Stored { shape, log_rows, srs, tau_g2, weights, registration, .. } = stored;
        Ok(Self { graph, shape, log_rows, srs, tau_g2, weights, key, registration })
    }

    /// Whether bytes are those of a card of this kind, whatever follows.
    pub fn recognises(bytes: &[u8]) -> bool {
        bytes.starts_with(&KIND.magic)
    }

    /// The relation of the card's statements, for verification.
    ///
    /// # Errors
    /// [`Refusal`] if the graph cannot be proven in columns of this height, or not with these visibilities.
    pub fn relation(&self) -> Result<Relation, Refusal> {
        Ok(Relation::of(&self.graph, &self.shape, self.verifying_srs(), self.log_rows.into())?)
    }

    /// The relation of the registration of the weights, for verification.
    ///
    /// # Errors
    /// [`Refusal`] if an interval or a cap has no proof.
    pub fn registration_relation(&self) -> Result<Relation, Refusal> {
        Ok(Relation::registration(&self.graph, self.verifying_srs(), self.log_rows.into())?)
    }

    fn verifying_srs(&self) -> Arc<Srs> {
        Arc::new(Srs::verifying(self.tau_g2.0))
    }

    /// The model's identifier: a hash of graph, statement's shape, height, reference string and commitments to the weights.
    ///
    /// The SNARK's key is left out: the model stays the same when a ceremony makes a better one.
    ///
    /// # Errors
    /// [`FormatError`] if the graph cannot be encoded.
    pub fn id(&self) -> Result<[u8; 32], FormatError> {
        model_id(&self.graph, &self.shape, self.log_rows, &self.tau_g2, self.weights.as_ref())
    }

    /// The identifier of a commitment to a tensor of the given shape, the batch being its first axis.
    pub fn commitment_id(&self, shape: &[usize], points: &Points) -> [u8; 32] {
        commitment_id(&self.tau_g2, self.log_rows, shape, points)
    }

    /// The digest of the whole card, Ethereum's hash of its bytes: what a registry records.
    ///
    /// # Errors
    /// [`FormatError`] if the graph cannot be encoded.
    pub fn digest(&self) -> Result<[u8; 32], FormatError> {
        Ok(keccak(&[&self.to_bytes()?]))
    }
}

/// The identifier of a model that has no card yet.
///
/// # Errors
/// [`FormatError`] if the graph cannot be encoded.
pub fn model_id(
    graph: &Graph,
    shape: &Shape,
    log_rows: u8,
    tau_g2: &TauG2,
    weights: Option<&Points>,
) -> Result<[u8; 32], FormatError> {
    let points = weights.map(Points::bytes).unwrap_or_default();
    let mut hasher = blake3::Hasher::new_derive_key(ID_CONTEXT);
    hasher.update(&graph.digest()?).update(&[log_rows]);
    hasher.update(&(shape.batch as u64).to_le_bytes());
    for list in [&shape.inputs, &shape.outputs] {
        hasher.update(&(list.len() as u64).to_le_bytes());
        list.iter().for_each(|&visibility| {
            hasher.update(&[visibility as u8]);
        });
    }
    hasher.update(&tau_g2.bytes()).update(&(points.len() as u64).to_le_bytes()).update(&points);
    Ok(*hasher.finalize().as_bytes())
}

/// The identifier of a commitment to a tensor: what decides, beside the points, which tensor they hold, is part of it.
pub fn commitment_id(tau_g2: &TauG2, log_rows: u8, shape: &[usize], points: &Points) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(COMMITMENT_CONTEXT);
    hasher.update(&tau_g2.bytes()).update(&[log_rows]).update(&(shape.len() as u64).to_le_bytes());
    shape.iter().for_each(|&size| {
        hasher.update(&(size as u64).to_le_bytes());
    });
    hasher.update(&points.bytes());
    *hasher.finalize().as_bytes()
}
