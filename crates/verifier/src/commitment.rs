//! Commitments to single tensors, shared by the statements that mean the same one.

use serde::{Deserialize, Serialize};

use crate::scalar::Limbs;

/// A hiding commitment to a tensor: the part of it that is public.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorCommitment {
    /// The root of its tree.
    pub root: [u8; 32],
    /// The value that pins the columns behind the root.
    pub pin: Limbs,
    /// The number of random rows of its tree: every proof that opens the commitment reveals some of them.
    pub reserved: u32,
}

impl TensorCommitment {
    /// The commitment's identifier: a hash of all of it. The root alone could stand for several tensors.
    pub fn id(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("starminer zkml 2026 tensor commitment v1");
        hasher.update(&self.root).update(&self.pin.bytes()).update(&self.reserved.to_le_bytes());
        *hasher.finalize().as_bytes()
    }
}
