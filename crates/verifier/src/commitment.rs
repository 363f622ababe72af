//! Commitments to single tensors, shared by the statements that mean the same one.

use serde::{Deserialize, Serialize};

use zkml_stark::{ColumnTree, StarkColumns};

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
    /// A commitment to the tensor of the given shape in a tree.
    pub fn of(columns: &StarkColumns, tree: &ColumnTree, shape: &[usize], reserved: u32) -> Self {
        let mut commitment = Self { root: tree.root().0, pin: Limbs::default(), reserved };
        commitment.pin = Limbs::of(&columns.pin_value(tree, &commitment.reading(shape)));
        commitment
    }

    /// What decides, beside the root, which tensor the columns hold: the pin depends on it, so that equal commitments mean
    /// equal tensors of one shape.
    pub fn reading(&self, shape: &[usize]) -> Vec<u8> {
        let numbers = [self.reserved as usize, shape.len()].into_iter().chain(shape.iter().copied());
        numbers.flat_map(|n| (n as u64).to_le_bytes()).collect()
    }

    /// The commitment's identifier: a hash of all of it. The root alone could stand for several tensors.
    pub fn id(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("starminer zkml 2026 tensor commitment v1");
        hasher.update(&self.root).update(&self.pin.bytes()).update(&self.reserved.to_le_bytes());
        *hasher.finalize().as_bytes()
    }
}
