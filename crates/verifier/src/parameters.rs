//! The parameters of a model's proofs, fixed when the model is set up.

use serde::{Deserialize, Serialize};
use zkml_stark::{ColumnConfig, ConfigError, SecurityLevel, StarkColumns};

/// The parameters of the `stark` suite that a card fixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameters {
    /// The base-2 logarithm of the height of the columns.
    pub log_rows: u8,
    /// The provable security in bits: 100 or 128.
    pub security: u8,
    /// The number of random rows of every tree of the weights.
    pub reserved: u32,
}

impl Parameters {
    /// The security level.
    pub fn level(&self) -> SecurityLevel {
        if self.security <= 100 { SecurityLevel::Bits100 } else { SecurityLevel::Bits128 }
    }

    /// The configuration of the column commitment.
    ///
    /// # Errors
    /// [`ConfigError`] if the height is out of range.
    pub fn config(&self) -> Result<ColumnConfig, ConfigError> {
        ColumnConfig::new(usize::from(self.log_rows), self.level())
    }

    /// The column commitment.
    ///
    /// # Errors
    /// [`ConfigError`] if the height is out of range.
    pub fn columns(&self) -> Result<StarkColumns, ConfigError> {
        StarkColumns::new(self.config()?)
    }
}
