//! The proof, its encoding and what it adds to the transcript.

use p3_field::PrimeCharacteristicRing;
use zkml_iop::transcript::Transcript;

use super::config::{LigeroConfig, MASKS};
use super::error::LigeroError;
use crate::codec::{DecodeError, Reader, Writer};
use crate::merkle::TreeOpening;
use crate::transcript::Blake3Transcript;
use crate::{DEGREE, F, K, from_limbs, limbs};

/// The names of the responses.
pub(super) const RESPONSES: [&str; MASKS] = ["proximity", "linear", "product"];

/// A proof that committed pads satisfy a relation.
#[derive(Clone, Debug)]
pub struct LigeroProof {
    pub(super) responses: Responses,
    /// The proof of work before the positions are drawn.
    pub(super) grinding_witness: F,
    pub(super) opening: TreeOpening,
}

/// The challenges of the three tests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Challenges {
    /// `γ`, of the proximity test.
    pub(super) proximity: K,
    /// `λ`, of the linear test.
    pub(super) linear: K,
    /// `ξ`, of the product test.
    pub(super) product: K,
}

impl Challenges {
    /// Draws them once commitment and relation are bound; none of them depends on a response.
    pub(super) fn draw(transcript: &mut Blake3Transcript) -> Self {
        Self {
            proximity: transcript.challenge("pads: proximity"),
            linear: transcript.challenge("pads: linear"),
            product: transcript.challenge("pads: product"),
        }
    }
}

/// A polynomial `low + (X^k − 1)·high` of degree below `2k`, its parts by their values on the subgroup of order `k`.
///
/// On the subgroup it has the values of `low`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Split {
    pub(super) low: Vec<K>,
    pub(super) high: Vec<K>,
}

impl Split {
    pub(super) fn zero(degree: usize) -> Self {
        Self { low: K::zero_vec(degree), high: K::zero_vec(degree) }
    }

    pub(super) fn add_scaled(&mut self, factor: K, other: &Self) {
        for (sums, terms) in [(&mut self.low, &other.low), (&mut self.high, &other.high)] {
            sums.iter_mut().zip(terms).for_each(|(sum, &term)| *sum += factor * term);
        }
    }
}

/// The responses as far as the statement leaves them open.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Responses {
    /// The elements of each, `low` before `high`.
    ///
    /// Of the linear response's `low` the last value is omitted: the sum over the subgroup implies it. Of the product
    /// response's `low` only the values beyond the message slots are there: it vanishes on the others.
    elements: [Vec<K>; MASKS],
}

impl Responses {
    /// Keeps what the statement does not imply.
    pub(super) fn new(config: &LigeroConfig, [proximity, linear, product]: [Split; MASKS]) -> Self {
        let join = |low: &[K], high: Vec<K>| [low, &high].concat();
        Self {
            elements: [
                join(&proximity.low, proximity.high),
                join(&linear.low[..config.degree() - 1], linear.high),
                join(&product.low[config.slots()..], product.high),
            ],
        }
    }

    /// Refuses responses of other lengths than the configuration's.
    pub(super) fn check(&self, config: &LigeroConfig) -> Result<(), LigeroError> {
        for ((what, elements), expected) in ["proximity elements", "linear elements", "product elements"]
            .into_iter()
            .zip(&self.elements)
            .zip(config.response_lengths())
        {
            if elements.len() != expected {
                return Err(LigeroError::Length { what, expected, got: elements.len() });
            }
        }
        Ok(())
    }

    /// The polynomials; the linear one has the sum `target` over the subgroup. The lengths have been checked.
    pub(super) fn complete(&self, config: &LigeroConfig, target: K) -> [Split; MASKS] {
        let degree = config.degree();
        let [proximity, linear, product] = &self.elements;
        let split =
            |low: Vec<K>, elements: &[K]| Split { low, high: elements[elements.len() - degree..].to_vec() };
        let mut linear_low = linear[..degree - 1].to_vec();
        linear_low.push(target - linear_low.iter().copied().sum::<K>());
        let mut product_low = K::zero_vec(config.slots());
        product_low.extend_from_slice(&product[..config.num_queries]);
        [
            split(proximity[..degree].to_vec(), proximity),
            split(linear_low, linear),
            split(product_low, product),
        ]
    }

    /// Binds the responses.
    pub(super) fn absorb(&self, transcript: &mut Blake3Transcript) {
        let mut writer = Writer::default();
        self.write(&mut writer);
        let digest =
            blake3::Hasher::new_derive_key("zkml stark pad responses v1").update(&writer.0).finalize();
        transcript.absorb_bytes("pads: responses", digest.as_bytes());
    }

    fn write(&self, writer: &mut Writer) {
        self.elements.iter().flatten().for_each(|&element| writer.scalar(element));
    }
}

/// Draws the positions to open, ascending and distinct.
pub(super) fn draw_positions(config: &LigeroConfig, transcript: &mut Blake3Transcript) -> Vec<usize> {
    let mut positions = transcript.positions("pads: positions", config.num_queries, config.log_len());
    positions.sort_unstable();
    positions.dedup();
    positions
}

/// Absorbs the opened rows. They follow from root and positions, but an alternative encoding must not leave the
/// transcript as it was.
pub(super) fn absorb_opening(opening: &TreeOpening, transcript: &mut Blake3Transcript) {
    let mut writer = Writer::default();
    opening.write(&mut writer);
    let digest = blake3::Hasher::new_derive_key("zkml stark opened pads v1").update(&writer.0).finalize();
    transcript.absorb_bytes("pads: opened rows", digest.as_bytes());
}

pub(super) fn encode(proof: &LigeroProof) -> Vec<u8> {
    let mut writer = Writer::default();
    proof.responses.write(&mut writer);
    writer.base(proof.grinding_witness);
    writer.count(proof.opening.salts.len());
    proof.opening.write(&mut writer);
    writer.0
}

pub(super) fn decode(config: &LigeroConfig, bytes: &[u8]) -> Result<LigeroProof, DecodeError> {
    let mut reader = Reader(bytes);
    let mut elements: [Vec<K>; MASKS] = Default::default();
    for (elements, length) in elements.iter_mut().zip(config.response_lengths()) {
        *elements = reader.scalars(length)?;
    }
    let grinding_witness = reader.base()?;
    let num_rows = reader.count("opened rows", config.num_queries)?;
    let opening = TreeOpening::read(&mut reader, num_rows, config.width(), config.log_len())?;
    reader.finish()?;
    Ok(LigeroProof { responses: Responses { elements }, grinding_witness, opening })
}

/// Element `index` of `K` in a leaf.
pub(super) fn leaf_element(leaf: &[F], index: usize) -> K {
    from_limbs(|limb| leaf[DEGREE * index + limb])
}

/// Elements of `K` as base columns, one per limb.
pub(super) fn limb_columns(values: &[K]) -> [Vec<F>; DEGREE] {
    core::array::from_fn(|limb| values.iter().map(|value| limbs(value)[limb]).collect())
}

/// `Σ ξ^{i+1}·(A_i·B_i − C_i)` at one point, from the values of the rows there.
pub(super) fn product_errors(config: &LigeroConfig, powers: &[K], row: impl Fn(usize) -> K) -> K {
    let [left, right, product] = config.product_starts();
    powers
        .iter()
        .enumerate()
        .map(|(i, &power)| power * (row(left + i) * row(right + i) - row(product + i)))
        .sum()
}
