//! The column commitment of the suite: trees of Reed-Solomon encoded columns, opened together at one row point.

mod combination;
mod config;
mod error;
#[cfg(test)]
mod hiding;
mod pin;
mod proof;
mod prover;
mod reduction;
#[cfg(test)]
mod tests;
mod verifier;

pub use config::{ColumnConfig, SecurityLevel};
pub use error::{ColumnError, ConfigError};
pub use pin::PinPoint;
pub use proof::ColumnOpening;
pub use prover::ColumnTree;

use zkml_iop::commitment::{ColumnCommitment, Combination};

use crate::merkle::MerkleRoot;
use crate::reed_solomon::ReedSolomon;
use crate::transcript::Blake3Transcript;
use crate::whir::Whir;
use crate::{DEGREE, DecodeError, F, K, SecurityReport};

/// A column commitment with fixed parameters: all its trees have the same height, domain and positions.
#[derive(Debug)]
pub struct StarkColumns {
    config: ColumnConfig,
    code: ReedSolomon,
    whir: Whir,
}

impl StarkColumns {
    /// A commitment of the given configuration.
    ///
    /// # Errors
    /// If WHIR has no instance with the configuration's parameters.
    pub fn new(config: ColumnConfig) -> Result<Self, ConfigError> {
        let code = ReedSolomon::new(config.log_rows(), config.log_inv_rate());
        let whir = Whir::new(&config.whir)?;
        Ok(Self { config, code, whir })
    }

    /// The configuration.
    pub fn config(&self) -> &ColumnConfig {
        &self.config
    }

    /// Every soundness error of an opening of `num_columns` columns (all trees together, without the mask's).
    ///
    /// # Errors
    /// If WHIR states no bound, or if the composed error exceeds `2^−level`.
    pub fn security(&self, num_columns: usize) -> Result<SecurityReport, ConfigError> {
        let report = self.config.security(&self.whir, num_columns)?;
        if !report.reaches_level() {
            return Err(ConfigError::BelowLevel { expected: report.level, got: report.bits() });
        }
        Ok(report)
    }

    /// The canonical encoding of an opening made with this configuration.
    pub fn encode_opening(&self, opening: &ColumnOpening) -> Vec<u8> {
        proof::encode(&self.whir, opening)
    }

    /// Reads an opening of trees with `widths` columns each (the mask's included). Never allocates more than a constant
    /// times the number of bytes.
    ///
    /// # Errors
    /// If the bytes are not what [`Self::encode_opening`] writes for such trees.
    pub fn decode_opening(&self, widths: &[usize], bytes: &[u8]) -> Result<ColumnOpening, DecodeError> {
        proof::decode(&self.config, &self.whir, widths, bytes)
    }
}

impl ColumnCommitment for StarkColumns {
    type Base = F;
    type Challenge = K;
    type Transcript = Blake3Transcript;
    type Commitment = MerkleRoot;
    type Tree = ColumnTree;
    type Opening = ColumnOpening;
    type Error = ColumnError;

    const MASK_COLUMNS: usize = DEGREE;

    fn commit(
        &self,
        columns: Vec<Vec<F>>,
        salt_seed: [u8; 32],
    ) -> Result<(MerkleRoot, ColumnTree), ColumnError> {
        prover::commit(self, columns, &salt_seed)
    }

    fn commitment_bytes(&self, commitment: &MerkleRoot) -> Vec<u8> {
        commitment.0.to_vec()
    }

    fn columns(tree: &ColumnTree) -> &[Vec<F>] {
        tree.columns()
    }

    fn open(
        &self,
        trees: &[&ColumnTree],
        mask_tree: usize,
        point: &[K],
        transcript: &mut Blake3Transcript,
    ) -> Result<ColumnOpening, ColumnError> {
        prover::open(self, trees, mask_tree, point, transcript)
    }

    fn verify(
        &self,
        trees: &[(MerkleRoot, usize)],
        mask_tree: usize,
        point: &[K],
        opening: &ColumnOpening,
        transcript: &mut Blake3Transcript,
    ) -> Result<Combination<K>, ColumnError> {
        verifier::verify(self, trees, mask_tree, point, opening, transcript)
    }
}
