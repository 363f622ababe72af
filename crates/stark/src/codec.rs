//! The canonical byte encoding of proofs.
//!
//! No tags and no lengths where the statement implies them; elements are 4 little-endian bytes below the modulus.

use p3_field::PrimeField32;
use p3_field::integers::QuotientMap;
use thiserror::Error;

use crate::hash::Digest;
use crate::{DEGREE, F, K, from_limbs, limbs};

/// Why bytes are not the encoding of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The bytes end too early.
    #[error("the encoding ends after {got} bytes where {expected} were needed")]
    Truncated {
        /// Bytes needed to go on.
        expected: usize,
        /// Bytes there are.
        got: usize,
    },
    /// There are bytes after the proof.
    #[error("{got} bytes follow the end of the encoding")]
    Trailing {
        /// The number of superfluous bytes.
        got: usize,
    },
    /// A field element is not reduced.
    #[error("a field element is encoded as {got}, which is not below the modulus {expected}")]
    NonCanonical {
        /// The modulus.
        expected: u32,
        /// The encoded integer.
        got: u32,
    },
    /// A count exceeds what the statement allows.
    #[error("a count of {name} is {got}, above the bound {expected}")]
    Count {
        /// What is counted.
        name: &'static str,
        /// The largest allowed count.
        expected: usize,
        /// The encoded count.
        got: usize,
    },
    /// A count is lower than chance allows.
    #[error("a count of {name} is {got}, there are at least {expected}")]
    TooFew {
        /// What is counted.
        name: &'static str,
        /// The smallest plausible count.
        expected: usize,
        /// The encoded count.
        got: usize,
    },
}

/// Appends to an encoding.
#[derive(Default)]
pub(crate) struct Writer(pub(crate) Vec<u8>);

impl Writer {
    pub(crate) fn base(&mut self, element: F) {
        self.0.extend_from_slice(&element.as_canonical_u32().to_le_bytes());
    }

    pub(crate) fn scalar(&mut self, scalar: K) {
        limbs(&scalar).iter().for_each(|&limb| self.base(limb));
    }

    pub(crate) fn digest(&mut self, digest: &Digest) {
        self.0.extend_from_slice(digest);
    }

    /// A count below `2^32`, which every count of a proof is.
    pub(crate) fn count(&mut self, count: usize) {
        self.0.extend_from_slice(&(count as u32).to_le_bytes());
    }

    pub(crate) fn digests(&mut self, digests: &[Digest]) {
        self.count(digests.len());
        digests.iter().for_each(|digest| self.digest(digest));
    }
}

/// Consumes an encoding. Allocates at most what it has bytes for.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl Reader<'_> {
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, tail) =
            self.0.split_first_chunk().ok_or(DecodeError::Truncated { expected: N, got: self.0.len() })?;
        self.0 = tail;
        Ok(*head)
    }

    pub(crate) fn base(&mut self) -> Result<F, DecodeError> {
        let got = u32::from_le_bytes(self.array()?);
        F::from_canonical_checked(got).ok_or(DecodeError::NonCanonical { expected: F::ORDER_U32, got })
    }

    pub(crate) fn scalar(&mut self) -> Result<K, DecodeError> {
        let mut limbs = [F::default(); DEGREE];
        for limb in &mut limbs {
            *limb = self.base()?;
        }
        Ok(from_limbs(|i| limbs[i]))
    }

    /// A count of at most `bound`.
    pub(crate) fn count(&mut self, name: &'static str, bound: usize) -> Result<usize, DecodeError> {
        let got = u32::from_le_bytes(self.array()?) as usize;
        if got > bound { Err(DecodeError::Count { name, expected: bound, got }) } else { Ok(got) }
    }

    /// `count` items of `bytes` bytes each, refused before anything is allocated if they are not there.
    pub(crate) fn items<T>(
        &mut self,
        count: usize,
        bytes: usize,
        mut item: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let expected = count.saturating_mul(bytes);
        if expected > self.0.len() {
            return Err(DecodeError::Truncated { expected, got: self.0.len() });
        }
        (0..count).map(|_| item(self)).collect()
    }

    pub(crate) fn bases(&mut self, count: usize) -> Result<Vec<F>, DecodeError> {
        self.items(count, 4, Self::base)
    }

    pub(crate) fn scalars(&mut self, count: usize) -> Result<Vec<K>, DecodeError> {
        self.items(count, 4 * DEGREE, Self::scalar)
    }

    pub(crate) fn digests(&mut self, bound: usize) -> Result<Vec<Digest>, DecodeError> {
        let count = self.count("sibling digests", bound)?;
        self.items(count, 32, Self::array)
    }

    pub(crate) fn finish(self) -> Result<(), DecodeError> {
        if self.0.is_empty() { Ok(()) } else { Err(DecodeError::Trailing { got: self.0.len() }) }
    }
}
