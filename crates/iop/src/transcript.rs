//! The Fiat-Shamir transcript that provers and verifiers share.

use alloc::vec::Vec;

use crate::packing::PackedValue;

/// A Fiat-Shamir sponge over a base field `F` and a challenge field `K`.
///
/// Every absorbed message is domain-separated by its label and length-prefixed by the implementation, so that
/// two different sequences of messages never produce the same state.
///
/// # Soundness
/// A caller must absorb every message before it draws any challenge that may depend on it.
pub trait Transcript<F, K> {
    /// Absorbs a byte string.
    fn absorb_bytes(&mut self, label: &'static str, bytes: &[u8]);

    /// Absorbs challenge-field scalars.
    fn absorb_scalars(&mut self, label: &'static str, scalars: &[K]);

    /// The value of the statement's packed words at a point that depends on them and on everything that was absorbed as bytes;
    /// both are absorbed. `None` where statements are not packed.
    fn packed(&mut self) -> Option<PackedValue<K>> {
        None
    }

    /// Draws one uniform challenge-field element.
    fn challenge(&mut self, label: &'static str) -> K;

    /// Draws `count` uniform challenge-field elements.
    fn challenges(&mut self, label: &'static str, count: usize) -> Vec<K> {
        (0..count).map(|_| self.challenge(label)).collect()
    }
}
