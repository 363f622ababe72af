//! The chain of Keccak digests from which a contract draws its challenges.

use ark_bn254::{Fr, G1Affine};
use sha3::{Digest, Keccak256};

use crate::field::{point_words, reduce, to_word};

/// Ethereum's keccak256 of byte strings, one after the other.
pub fn keccak(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Keccak256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

/// A state of the chain.
#[derive(Clone, Debug)]
pub(crate) struct Chain(pub(crate) [u8; 32]);

impl Chain {
    /// The next challenge, after points.
    pub(crate) fn points(&mut self, points: &[G1Affine]) -> Fr {
        let words: Vec<u8> = points.iter().flat_map(point_words).flatten().collect();
        self.step(&words)
    }

    /// The next challenge, after scalars.
    pub(crate) fn scalars(&mut self, scalars: &[Fr]) -> Fr {
        let words: Vec<u8> = scalars.iter().copied().flat_map(to_word).collect();
        self.step(&words)
    }

    fn step(&mut self, message: &[u8]) -> Fr {
        self.0 = keccak(&[&self.0, message]);
        reduce(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_ethereums() {
        let expected = [
            0xc5, 0xd2, 0x46, 0x01, 0x86, 0xf7, 0x23, 0x3c, 0x92, 0x7e, 0x7d, 0xb2, 0xdc, 0xc7, 0x03, 0xc0,
            0xe5, 0x00, 0xb6, 0x53, 0xca, 0x82, 0x27, 0x3b, 0x7b, 0xfa, 0xd8, 0x04, 0x5d, 0x85, 0xa4, 0x70,
        ];
        assert_eq!(keccak(&[]), expected);
        assert_eq!(keccak(&[b"a", b"bc"]), keccak(&[b"abc"]));
    }
}
