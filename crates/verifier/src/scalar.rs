//! Elements of the challenge field in files.

use p3_field::{BasedVectorSpace, PrimeField32};
use serde::{Deserialize, Serialize};
use zkml_stark::{F, K};

/// The number of limbs of an element.
pub(crate) const DEGREE: usize = <K as BasedVectorSpace<F>>::DIMENSION;

/// An element of the challenge field by its canonical limbs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Limbs(pub [u32; DEGREE]);

impl Limbs {
    /// The limbs of an element.
    pub fn of(element: &K) -> Self {
        let limbs: &[F] = element.as_basis_coefficients_slice();
        Self(std::array::from_fn(|i| limbs.get(i).map_or(0, PrimeField32::as_canonical_u32)))
    }

    /// Whether every limb is below the modulus.
    pub fn is_canonical(&self) -> bool {
        self.0.iter().all(|&limb| limb < F::ORDER_U32)
    }

    /// The element.
    pub fn value(&self) -> K {
        K::from_basis_coefficients_fn(|i| F::new(self.0.get(i).copied().unwrap_or_default()))
    }

    pub(crate) fn bytes(&self) -> [u8; 4 * DEGREE] {
        let mut bytes = [0; 4 * DEGREE];
        for (chunk, limb) in bytes.chunks_exact_mut(4).zip(self.0) {
            chunk.copy_from_slice(&limb.to_le_bytes());
        }
        bytes
    }
}

/// Words of four bytes, so that a scalar's size does not depend on its value.
pub(crate) mod words {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(words: &[u32], to: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        serde_bytes::serialize(bytes.as_slice(), to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u32>, D::Error> {
        let bytes = serde_bytes::ByteBuf::deserialize(from)?;
        let (words, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(de::Error::invalid_length(bytes.len(), &"a multiple of four bytes"));
        }
        Ok(words.iter().map(|w| u32::from_le_bytes(*w)).collect())
    }
}
