//! A proof's file by its parts, for tests that look inside or change it.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use serde::{Deserialize, Serialize};
use zkml::Statement;
use zkml::verifier::TreeId;
use zkml::verifier::envelope::{Kind, open, seal};

pub const KIND: Kind = Kind { magic: *b"ZKMP", version: 1, name: "proof" };

/// A proof's parts, in the order of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProofFile {
    pub statement: Statement,
    pub tree: Option<TreeId>,
    pub pads: [u8; 32],
    pub witness: [u8; 32],
    #[serde(with = "serde_bytes")]
    pub scalars: Vec<u8>,
    #[serde(with = "serde_bytes")]
    pub opening: Vec<u8>,
    #[serde(with = "serde_bytes")]
    pub closing: Vec<u8>,
}

impl ProofFile {
    pub fn read(bytes: &[u8]) -> Self {
        open(KIND, bytes).unwrap()
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        seal(KIND, self).unwrap()
    }

    /// A word of the sealed scalars.
    pub fn limb(&self, index: usize) -> u32 {
        u32::from_le_bytes(*self.scalars[4 * index..].first_chunk().unwrap())
    }

    pub fn set_limb(&mut self, index: usize, value: u32) {
        self.scalars[4 * index..4 * index + 4].copy_from_slice(&value.to_le_bytes());
    }
}
