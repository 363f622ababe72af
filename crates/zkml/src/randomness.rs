//! Secret randomness: the operating system's seed, expanded by Blake3.

use p3_field::{PrimeCharacteristicRing, PrimeField32};
use zeroize::{Zeroize, ZeroizeOnDrop};
use zkml_iop::prover::Randomness;
use zkml_stark::F;

use crate::error::Error;

const CONTEXT: &str = "starminer zkml 2026 prover randomness v0";
const BUFFER: usize = 4096;

/// A 32-byte secret.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Seed(pub(crate) [u8; 32]);

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(..)")
    }
}

impl Seed {
    /// A fresh seed from the operating system.
    pub(crate) fn fresh() -> Result<Self, Error> {
        let mut seed = Self([0; 32]);
        getrandom::fill(&mut seed.0).map_err(|e| Error::Randomness(e.to_string()))?;
        Ok(seed)
    }
}

/// A stream of secret field elements and seeds.
pub(crate) struct Stream {
    reader: blake3::OutputReader,
    buffer: [u8; BUFFER],
    position: usize,
}

impl Stream {
    /// The stream of a seed; every label is a stream of its own.
    pub(crate) fn new(seed: &Seed, label: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(&seed.0).update(label.as_bytes());
        let reader = hasher.finalize_xof();
        hasher.zeroize();
        Self { reader, buffer: [0; BUFFER], position: BUFFER }
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        if self.position + N > BUFFER {
            self.reader.fill(&mut self.buffer);
            self.position = 0;
        }
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.buffer[self.position..self.position + N]);
        self.position += N;
        bytes
    }
}

impl Randomness<F> for Stream {
    fn field(&mut self) -> F {
        loop {
            // 31 random bits, kept if they are below the modulus: uniform.
            let candidate = u32::from_le_bytes(self.take()) >> 1;
            if candidate < F::ORDER_U32 {
                return F::from_u32(candidate);
            }
        }
    }

    fn seed(&mut self) -> [u8; 32] {
        self.take()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.buffer.zeroize();
        self.reader.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_and_labels_give_equal_streams_and_others_do_not() {
        let draw = |seed: u8, label: &str| {
            let mut stream = Stream::new(&Seed([seed; 32]), label);
            (0..3000).map(|_| stream.field()).collect::<Vec<_>>()
        };
        assert_eq!(draw(1, "a"), draw(1, "a"));
        assert_ne!(draw(1, "a"), draw(1, "b"));
        assert_ne!(draw(1, "a"), draw(2, "a"));
    }
}
