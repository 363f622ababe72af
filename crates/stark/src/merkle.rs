//! Merkle trees over salted rows, opened at many positions with one pruned proof.

use p3_blake3::Blake3;
use p3_field::PrimeField32;
use p3_matrix::dense::RowMajorMatrix;
use p3_maybe_rayon::prelude::*;
use p3_symmetric::{CryptographicHasher, PseudoCompressionFunction};
use thiserror::Error;
use zeroize::Zeroize;

use crate::F;
use crate::codec::{DecodeError, Reader, Writer};
use crate::hash::{Digest, LeafDomain, NODE_HASHER};

/// Bytes of a leaf's salt.
pub(crate) const SALT_BYTES: usize = 16;
/// A leaf's salt: 128 bits, so that an opened tree says nothing about its other rows.
pub(crate) type Salt = [u8; SALT_BYTES];

/// Leaves or nodes hashed by one task.
const HASHES_PER_TASK: usize = 128;

/// The root of a tree of columns: its commitment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MerkleRoot(pub [u8; 32]);

/// Why a pruned proof is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MerkleError {
    /// The positions imply another number of sibling digests.
    #[error("a pruned Merkle proof needs {expected} siblings, got {got}")]
    SiblingCount {
        /// The number that the positions imply.
        expected: usize,
        /// The number in the proof.
        got: usize,
    },
    /// The rows do not hash to the root.
    #[error("the opened rows do not hash to the root of the tree")]
    Root,
}

/// A tree over `2^height` salted rows.
#[derive(Clone, Debug)]
pub(crate) struct MerkleTree {
    salts: Vec<Salt>,
    /// From the leaves' digests up to the root.
    levels: Vec<Vec<Digest>>,
}

impl MerkleTree {
    /// Builds the tree over the rows of the cosets, one after the other, hashed in the domain of their kind.
    pub(crate) fn new(domain: &LeafDomain, cosets: &[RowMajorMatrix<F>], salt_seed: &[u8; 32]) -> Self {
        let num_leaves: usize = cosets.iter().map(|coset| coset.values.len() / coset.width.max(1)).sum();
        let salts = derive_salts(salt_seed, num_leaves);
        let mut leaves = vec![[0; 32]; num_leaves];
        let mut first = 0;
        for coset in cosets {
            let rows = coset.values.len() / coset.width.max(1);
            leaves[first..first + rows]
                .par_chunks_mut(HASHES_PER_TASK)
                .zip(coset.values.par_chunks(HASHES_PER_TASK * coset.width))
                .zip(salts[first..first + rows].par_chunks(HASHES_PER_TASK))
                .for_each(|((digests, rows), salts)| hash_rows(domain, rows, coset.width, salts, digests));
            first += rows;
        }
        let mut levels = vec![leaves];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            let mut above = vec![[0; 32]; below.len() / 2];
            above
                .par_chunks_mut(HASHES_PER_TASK)
                .zip(below.par_chunks(2 * HASHES_PER_TASK))
                .for_each(|(above, below)| Blake3.hash_many(below.as_flattened(), above));
            levels.push(above);
        }
        Self { salts, levels }
    }

    /// The root.
    pub(crate) fn root(&self) -> MerkleRoot {
        MerkleRoot(self.levels.last().and_then(|level| level.first()).copied().unwrap_or_default())
    }

    /// The salt of a leaf.
    fn salt(&self, position: usize) -> Salt {
        self.salts[position]
    }

    /// Overwrites the salts.
    pub(crate) fn wipe(&mut self) {
        self.salts.as_flattened_mut().zeroize();
    }

    /// Opens the rows at `positions` (ascending, distinct) of the cosets that the tree was built over.
    pub(crate) fn open(&self, cosets: &[RowMajorMatrix<F>], positions: &[usize]) -> TreeOpening {
        let rows_per_coset = self.salts.len() / cosets.len();
        let rows = positions
            .iter()
            .flat_map(|&position| {
                let coset = &cosets[position / rows_per_coset];
                &coset.values[position % rows_per_coset * coset.width..][..coset.width]
            })
            .copied()
            .collect();
        TreeOpening {
            rows,
            salts: positions.iter().map(|&position| self.salt(position)).collect(),
            siblings: self.siblings(positions),
        }
    }

    /// The siblings that a verifier cannot compute from the leaves at `positions` (ascending, distinct), from the leaves
    /// up, from left to right.
    fn siblings(&self, positions: &[usize]) -> Vec<Digest> {
        let mut siblings = Vec::new();
        let mut nodes = positions.to_vec();
        for level in &self.levels[..self.levels.len() - 1] {
            nodes = parents(&nodes, |sibling| siblings.push(level[sibling]));
        }
        siblings
    }
}

/// Rows of one tree at drawn positions, in ascending order and once each.
#[derive(Clone, Debug)]
pub(crate) struct TreeOpening {
    /// The rows, one after the other.
    pub(crate) rows: Vec<F>,
    pub(crate) salts: Vec<Salt>,
    pub(crate) siblings: Vec<Digest>,
}

impl TreeOpening {
    /// Appends the canonical encoding without the number of rows.
    pub(crate) fn write(&self, writer: &mut Writer) {
        self.rows.iter().for_each(|&element| writer.base(element));
        writer.0.extend_from_slice(self.salts.as_flattened());
        writer.digests(&self.siblings);
    }

    /// Reads `num_rows` rows of `width` elements of a tree of `2^height` leaves.
    pub(crate) fn read(
        reader: &mut Reader<'_>,
        num_rows: usize,
        width: usize,
        height: usize,
    ) -> Result<Self, DecodeError> {
        Ok(Self {
            rows: reader.bases(num_rows.saturating_mul(width))?,
            salts: reader.items(num_rows, SALT_BYTES, Reader::array)?,
            siblings: reader.digests(num_rows * height)?,
        })
    }

    /// The digests of the opened leaves; the caller has checked that there are as many rows of `width` as salts.
    pub(crate) fn leaves(&self, domain: &LeafDomain, width: usize) -> Vec<Digest> {
        let mut leaves = vec![[0; 32]; self.salts.len()];
        hash_rows(domain, &self.rows, width, &self.salts, &mut leaves);
        leaves
    }
}

/// Checks that leaves with the given digests at `positions` (ascending, distinct, below `2^height`) belong to `root`.
pub(crate) fn verify_siblings(
    root: &MerkleRoot,
    height: usize,
    positions: &[usize],
    leaves: Vec<Digest>,
    siblings: &[Digest],
) -> Result<(), MerkleError> {
    let expected = num_siblings(height, positions);
    if siblings.len() != expected {
        return Err(MerkleError::SiblingCount { expected, got: siblings.len() });
    }
    let mut siblings = siblings.iter().copied();
    let mut nodes = positions.to_vec();
    let mut digests = leaves;
    for _ in 0..height {
        let mut pairs = Vec::with_capacity(digests.len());
        let mut known = nodes.iter().copied().zip(digests).peekable();
        while let Some((node, digest)) = known.next() {
            let sibling = match known.next_if(|&(next, _)| next == node ^ 1 && node & 1 == 0) {
                Some((_, sibling)) => sibling,
                None => siblings.next().ok_or(MerkleError::SiblingCount { expected, got: 0 })?,
            };
            pairs.push(if node & 1 == 0 { [digest, sibling] } else { [sibling, digest] });
        }
        let mut above = vec![[0; 32]; pairs.len()];
        NODE_HASHER.compress_many(&pairs, &mut above);
        digests = above;
        nodes = parents(&nodes, |_| ());
    }
    (digests.as_slice() == [root.0]).then_some(()).ok_or(MerkleError::Root)
}

/// The number of siblings in a pruned proof of `positions` (ascending, distinct).
pub(crate) fn num_siblings(height: usize, positions: &[usize]) -> usize {
    let mut count = 0;
    let mut nodes = positions.to_vec();
    for _ in 0..height {
        nodes = parents(&nodes, |_| count += 1);
    }
    count
}

/// The parents of `nodes` (ascending, distinct); `missing` is told each child of theirs that is not among `nodes`.
fn parents(nodes: &[usize], mut missing: impl FnMut(usize)) -> Vec<usize> {
    let mut parents = Vec::with_capacity(nodes.len());
    let mut nodes = nodes.iter().copied().peekable();
    while let Some(node) = nodes.next() {
        if nodes.next_if(|&next| next == node ^ 1 && node & 1 == 0).is_none() {
            missing(node ^ 1);
        }
        parents.push(node >> 1);
    }
    parents
}

/// Hashes `salts.len()` rows of `width` elements, each behind its salt.
fn hash_rows(domain: &LeafDomain, rows: &[F], width: usize, salts: &[Salt], digests: &mut [Digest]) {
    let start = domain.len() + SALT_BYTES;
    let mut messages = vec![0; salts.len() * (start + 4 * width)];
    for ((message, row), salt) in
        messages.chunks_exact_mut(start + 4 * width).zip(rows.chunks_exact(width)).zip(salts)
    {
        message[..domain.len()].copy_from_slice(domain);
        message[domain.len()..start].copy_from_slice(salt);
        for (bytes, element) in message[start..].chunks_exact_mut(4).zip(row) {
            bytes.copy_from_slice(&element.to_unique_u32().to_le_bytes());
        }
    }
    Blake3.hash_many(&messages, digests);
    messages.zeroize();
}

/// One salt per leaf from the seed, by Blake3's extendable output.
fn derive_salts(seed: &[u8; 32], count: usize) -> Vec<Salt> {
    let mut salts = vec![[0; SALT_BYTES]; count];
    let mut hasher = blake3::Hasher::new_keyed(seed);
    hasher.update(b"zkml stark leaf salts v1");
    let mut output = hasher.finalize_xof();
    salts.par_chunks_mut(HASHES_PER_TASK).enumerate().for_each(|(task, salts)| {
        let mut reader = output.clone();
        reader.set_position((task * HASHES_PER_TASK * SALT_BYTES) as u64);
        reader.fill(salts.as_flattened_mut());
        reader.zeroize();
    });
    output.zeroize();
    hasher.zeroize();
    salts
}

#[cfg(test)]
mod tests {
    use p3_field::PrimeCharacteristicRing;

    use super::*;
    use crate::hash::{COLUMN_LEAF, PAD_LEAF};

    fn tree() -> (RowMajorMatrix<F>, MerkleTree) {
        let rows = RowMajorMatrix::new((0..96).map(F::from_u32).collect(), 3);
        let tree = MerkleTree::new(COLUMN_LEAF, core::slice::from_ref(&rows), &[7; 32]);
        (rows, tree)
    }

    fn leaves(rows: &RowMajorMatrix<F>, tree: &MerkleTree, positions: &[usize]) -> Vec<Digest> {
        tree.open(core::slice::from_ref(rows), positions).leaves(COLUMN_LEAF, 3)
    }

    #[test]
    fn the_same_rows_and_salts_have_another_root_in_another_domain() {
        let (rows, tree) = tree();
        let other = MerkleTree::new(PAD_LEAF, core::slice::from_ref(&rows), &[7; 32]);
        assert_eq!(tree.salts, other.salts);
        assert_ne!(tree.root(), other.root());
        let opening = tree.open(core::slice::from_ref(&rows), &[3]);
        let verify =
            |domain| verify_siblings(&tree.root(), 5, &[3], opening.leaves(domain, 3), &opening.siblings);
        assert_eq!(verify(COLUMN_LEAF), Ok(()));
        assert_eq!(verify(PAD_LEAF), Err(MerkleError::Root));
    }

    #[test]
    fn any_set_of_rows_opens_with_no_redundant_digest() {
        let (rows, tree) = tree();
        for positions in [vec![0], vec![31], vec![0, 1], vec![1, 2], vec![3, 8, 9, 30], (0..32).collect()] {
            let siblings = tree.siblings(&positions);
            let leaves = leaves(&rows, &tree, &positions);
            assert_eq!(verify_siblings(&tree.root(), 5, &positions, leaves, &siblings), Ok(()));
        }
        assert!(tree.siblings(&(0..32).collect::<Vec<_>>()).is_empty());
        assert_eq!(tree.siblings(&[0, 1]).len(), 4);
    }

    #[test]
    fn rows_at_other_positions_and_changed_siblings_are_refused() {
        let (rows, tree) = tree();
        let siblings = tree.siblings(&[4, 9]);
        let verify = |positions: &[usize], siblings: &[Digest]| {
            verify_siblings(&tree.root(), 5, positions, leaves(&rows, &tree, &[4, 9]), siblings)
        };
        assert_eq!(verify(&[4, 9], &siblings), Ok(()));
        assert_eq!(verify(&[4, 8], &siblings), Err(MerkleError::Root));
        let mut changed = siblings.clone();
        changed[2][31] ^= 1;
        assert_eq!(verify(&[4, 9], &changed), Err(MerkleError::Root));
        assert!(matches!(verify(&[4, 9], &siblings[1..]), Err(MerkleError::SiblingCount { .. })));
    }
}
