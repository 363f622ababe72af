//! The opening and its encoding.

use p3_field::PrimeCharacteristicRing;
use zkml_iop::transcript::Transcript;

use super::config::{ColumnConfig, MAX_COLUMNS};
use crate::codec::{DecodeError, Reader, Writer};
use crate::merkle::{MerkleRoot, TreeOpening};
use crate::transcript::Blake3Transcript;
use crate::whir::{Whir, WhirOpening};
use crate::{DEGREE, F, K, from_limbs};

/// An opening of all columns of some trees at one row point.
#[derive(Clone, Debug)]
pub struct ColumnOpening {
    /// The proof of work before the coefficients are drawn.
    pub(super) batching_witness: F,
    /// The combination `q` at the point.
    pub(super) value: K,
    /// The commitment to `q`.
    pub(super) root: MerkleRoot,
    /// `q`, as a univariate polynomial, at the out-of-domain samples.
    pub(super) sample_values: Vec<K>,
    /// The proof of work before the positions are drawn.
    pub(super) query_witness: F,
    /// The opened rows of each tree.
    pub(super) trees: Vec<TreeOpening>,
    /// The claim reduction's messages.
    pub(super) rounds: Vec<[K; 2]>,
    /// The limbs of `q` at the end of the claim reduction.
    pub(super) limbs: [K; DEGREE],
    /// The opening of `q`.
    pub(super) whir: WhirOpening,
}

impl ColumnOpening {
    /// The number of opened trees.
    pub fn num_trees(&self) -> usize {
        self.trees.len()
    }

    /// The opened rows of a tree, one after the other by position: what an opening shows of it beside the combination of all
    /// columns. Empty if there is no such tree.
    pub fn rows(&self, tree: usize) -> &[F] {
        self.trees.get(tree).map_or(&[], |opening| &opening.rows)
    }
}

/// Absorbs the opened rows. They follow from roots and positions, but an alternative encoding must not leave the
/// transcript as it was.
pub(super) fn absorb_trees(trees: &[TreeOpening], transcript: &mut Blake3Transcript) {
    let mut writer = Writer::default();
    trees.iter().for_each(|tree| tree.write(&mut writer));
    let digest = blake3::Hasher::new_derive_key("zkml stark opened rows v1").update(&writer.0).finalize();
    transcript.absorb_bytes("opened rows", digest.as_bytes());
}

/// The element of `K` with the given limbs, themselves in `K`: `Σ_i θ^i·limbs_i`.
pub(super) fn join_limbs(limbs: &[K; DEGREE]) -> K {
    limbs.iter().enumerate().map(|(i, &limb)| limb * theta_power(i)).sum()
}

/// `θ^i` for `i` below the degree.
pub(super) fn theta_power(i: usize) -> K {
    from_limbs(|j| if i == j { F::ONE } else { F::ZERO })
}

pub(super) fn encode(whir: &Whir, opening: &ColumnOpening) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.base(opening.batching_witness);
    writer.scalar(opening.value);
    writer.digest(&opening.root.0);
    opening.sample_values.iter().for_each(|&value| writer.scalar(value));
    writer.base(opening.query_witness);
    writer.count(opening.trees.first().map_or(0, |tree| tree.salts.len()));
    opening.trees.iter().for_each(|tree| tree.write(&mut writer));
    opening.rounds.iter().flatten().for_each(|&value| writer.scalar(value));
    opening.limbs.iter().for_each(|&limb| writer.scalar(limb));
    whir.write(&opening.whir, &mut writer);
    writer.0
}

pub(super) fn decode(
    config: &ColumnConfig,
    whir: &Whir,
    widths: &[usize],
    bytes: &[u8],
) -> Result<ColumnOpening, DecodeError> {
    let mut reader = Reader(bytes);
    let batching_witness = reader.base()?;
    let value = reader.scalar()?;
    let root = MerkleRoot(reader.array()?);
    let sample_values = reader.scalars(config.num_samples)?;
    let query_witness = reader.base()?;
    let height = config.log_rows() + config.log_inv_rate();
    let num_rows = reader.count("opened rows", config.num_queries())?;
    // So few distinct positions are never drawn. A proof is as long as the columns that it claims to open, before a verifier
    // computes anything about them.
    let expected = config.num_queries().min(1 << height) / 4;
    if num_rows < expected {
        return Err(DecodeError::TooFew { name: "opened rows", expected, got: num_rows });
    }
    let trees = widths
        .iter()
        .map(|&width| {
            if width > MAX_COLUMNS {
                return Err(DecodeError::Count { name: "columns", expected: MAX_COLUMNS, got: width });
            }
            TreeOpening::read(&mut reader, num_rows, width, height)
        })
        .collect::<Result<_, _>>()?;
    let rounds =
        reader.items(config.log_rows(), 8 * DEGREE, |reader| Ok([reader.scalar()?, reader.scalar()?]))?;
    let mut limbs = [K::ZERO; DEGREE];
    for limb in &mut limbs {
        *limb = reader.scalar()?;
    }
    let whir = whir.read(&mut reader)?;
    reader.finish()?;
    Ok(ColumnOpening {
        batching_witness,
        value,
        root,
        sample_values,
        query_witness,
        trees,
        rounds,
        limbs,
        whir,
    })
}
