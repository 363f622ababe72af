//! Secret randomness, from the operating system only.

use ark_bn254::Fr;
use ark_ff::PrimeField;
use ark_std::rand::{CryptoRng, RngCore};
use zeroize::Zeroize;

/// The operating system yields no randomness.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system yields no randomness: {0}")]
pub struct EntropyError(String);

/// Uniform bytes.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], EntropyError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| EntropyError(error.to_string()))?;
    Ok(bytes)
}

/// A scalar at distance at most 2^-256 from uniform.
pub(crate) fn scalar() -> Result<Fr, EntropyError> {
    let mut bytes = bytes::<64>()?;
    let scalar = Fr::from_le_bytes_mod_order(&bytes);
    bytes.zeroize();
    Ok(scalar)
}

/// `count` coefficients for a random combination of checks: 128 uniform bits each, which halve the work.
pub(crate) fn check_coefficients(count: usize) -> Result<Vec<Fr>, EntropyError> {
    (0..count).map(|_| Ok(Fr::from(u128::from_le_bytes(bytes()?)))).collect()
}

/// The generator that arkworks takes, each draw from the operating system.
///
/// Its trait has no way to report failure, so a failure is kept and must be asked for with [`OsRandom::finish`]
/// before anything drawn is used.
#[derive(Debug, Default)]
pub(crate) struct OsRandom(Option<EntropyError>);

impl OsRandom {
    /// Whether every draw succeeded.
    pub(crate) fn finish(self) -> Result<(), EntropyError> {
        self.0.map_or(Ok(()), Err)
    }
}

impl RngCore for OsRandom {
    fn next_u32(&mut self) -> u32 {
        self.next_u64() as u32
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            self.0 = Some(EntropyError(error.to_string()));
            // Constant non-zero bytes, so that no rejection sampler loops; the caller discards the result.
            bytes.fill(1);
        }
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), ark_std::rand::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for OsRandom {}
