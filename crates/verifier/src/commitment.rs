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
