//! Reproducible randomness for tests.

use ark_bn254::Fr;
use ark_ff::PrimeField;
use zkml_iop::prover::Randomness;

use crate::field::{F, from_ark};

/// A stream of scalars.
#[derive(Clone)]
pub(crate) struct Dice {
    seed: u64,
    position: u64,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, position: 0 }
    }

    fn block(&mut self) -> [u8; 32] {
        self.position += 1;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.seed.to_le_bytes());
        hasher.update(&self.position.to_le_bytes());
        *hasher.finalize().as_bytes()
    }

    pub(crate) fn scalar(&mut self) -> Fr {
        Fr::from_le_bytes_mod_order(&self.block())
    }
}

impl Randomness<F> for Dice {
    fn field(&mut self) -> F {
        from_ark(self.scalar())
    }

    fn seed(&mut self) -> [u8; 32] {
        self.block()
    }
}
