//! Blake3 in separated domains: the leaves of each kind of tree, nodes and the transcript.
//!
//! A node hashes exactly two digests: 64 bytes. A leaf hashes field elements (and a salt) behind a two-byte domain, so
//! its length is never a multiple of 4. The transcript hashes behind a 16-byte domain that starts with another byte
//! than a leaf's.

use p3_blake3::{Blake3, LANES};
use p3_symmetric::{CompressionFunctionFromHasher, CryptographicHasher, SerializingHasher};

/// A 256-bit Blake3 digest.
pub(crate) type Digest = [u8; 32];

/// The domain of one kind of leaves.
pub(crate) type LeafDomain = [u8; 2];

/// The domain of salted rows of columns.
pub(crate) const COLUMN_LEAF: &LeafDomain = b"LS";
/// The domain of salted rows of committed pads.
pub(crate) const PAD_LEAF: &LeafDomain = b"LZ";
/// The domain of unsalted rows in the trees of WHIR.
const PLAIN_LEAF: &LeafDomain = b"LP";
/// The domain of the Fiat-Shamir transcript.
const TRANSCRIPT: &[u8; 16] = b"T zkml stark v1\0";

/// Hashes rows of WHIR's own trees.
pub(crate) type PlainLeafHasher = SerializingHasher<Prefixed<PlainLeaf>>;
/// Hashes two digests into their parent.
pub(crate) type NodeHasher = CompressionFunctionFromHasher<Blake3, 2, 32>;

pub(crate) const PLAIN_LEAF_HASHER: PlainLeafHasher = SerializingHasher::new(Prefixed(PlainLeaf));
pub(crate) const NODE_HASHER: NodeHasher = CompressionFunctionFromHasher::new(Blake3);

/// A constant prefix that separates one use of the hash function from the others.
pub(crate) trait Domain: Copy + Send + Sync + 'static {
    const PREFIX: &'static [u8];
}

/// The domain of WHIR's rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlainLeaf;

impl Domain for PlainLeaf {
    const PREFIX: &'static [u8] = PLAIN_LEAF;
}

/// The domain of the transcript.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TranscriptState;

impl Domain for TranscriptState {
    const PREFIX: &'static [u8] = TRANSCRIPT;
}

/// Blake3 behind the prefix of a domain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prefixed<D>(pub(crate) D);

impl<D: Domain> CryptographicHasher<u8, Digest> for Prefixed<D> {
    const LANES: usize = LANES;

    fn hash_iter<I: IntoIterator<Item = u8>>(&self, input: I) -> Digest {
        Blake3.hash_iter(D::PREFIX.iter().copied().chain(input))
    }

    fn hash_iter_slices<'a, I: IntoIterator<Item = &'a [u8]>>(&self, input: I) -> Digest {
        Blake3.hash_iter_slices(core::iter::once(D::PREFIX).chain(input))
    }

    fn hash_many(&self, input: &[u8], out: &mut [Digest]) {
        if out.is_empty() {
            return;
        }
        let len = input.len() / out.len();
        // The vectorised hash wants whole messages end to end, so the prefix costs one copy.
        let mut messages = Vec::with_capacity(input.len() + out.len() * D::PREFIX.len());
        for message in 0..out.len() {
            messages.extend_from_slice(D::PREFIX);
            messages.extend_from_slice(&input[message * len..(message + 1) * len]);
        }
        Blake3.hash_many(&messages, out);
    }
}
