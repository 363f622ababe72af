//! The files of a ceremony: the state that is handed on, and the transcript that is published.

use ark_bn254::Bn254;

use super::{Ceremony, Contribution, MAX_CONTRIBUTIONS};
use crate::circuit::{Shape, ShapeDigest};
use crate::codec::{Check, CodecError, Decoder, Encoder};
use crate::groth16::domain_size;

const STATE_MAGIC: &[u8; 8] = b"zkmlcer1";
const TRANSCRIPT_MAGIC: &[u8; 8] = b"zkmlctr1";

impl Ceremony {
    /// The state: transcript and key. This is what one participant hands to the next.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut encoder = Encoder::with_magic(STATE_MAGIC);
        self.encode_transcript(&mut encoder);
        encode_key(&self.key, &mut encoder);
        encoder.0
    }

    /// The transcript alone, for publication: digests of circuit, phase 1 and start, and all contributions.
    pub fn transcript(&self) -> Vec<u8> {
        let mut encoder = Encoder::with_magic(TRANSCRIPT_MAGIC);
        self.encode_transcript(&mut encoder);
        encoder.0
    }

    fn encode_transcript(&self, encoder: &mut Encoder) {
        encoder.bytes(&self.circuit.0).bytes(&self.phase1).bytes(&self.initial);
        encoder.u32(self.contributions.len() as u32);
        for contribution in &self.contributions {
            contribution.encode(encoder);
        }
    }

    /// The state in a file of a ceremony for this circuit, whose sizes bound everything. Every point is checked, but
    /// not what the points mean: see [`Ceremony::verify`].
    ///
    /// # Errors
    /// If anything but one canonical encoding of a state for a circuit of this size is found.
    pub fn from_bytes(bytes: &[u8], shape: &Shape) -> Result<Self, CodecError> {
        let mut decoder = Decoder::with_magic(bytes, Check::Full, STATE_MAGIC, "ceremony state")?;
        let circuit = ShapeDigest(decoder.array("the circuit's digest")?);
        let phase1 = decoder.array("the digest of phase 1")?;
        let initial = decoder.array("the digest of the start")?;
        let found = decoder.u32("the number of contributions")?;
        if found as usize > MAX_CONTRIBUTIONS {
            let (what, expected) = ("the number of contributions", MAX_CONTRIBUTIONS as u64);
            return Err(CodecError::Count { what, found: found.into(), expected });
        }
        let contributions =
            (0..found).map(|_| Contribution::decode(&mut decoder)).collect::<Result<_, _>>()?;
        let key = decode_key(&mut decoder, shape)?;
        decoder.finish()?;
        Ok(Self { circuit, phase1, initial, contributions, key })
    }
}

pub(super) fn encode_key(key: &ark_groth16::ProvingKey<Bn254>, encoder: &mut Encoder) {
    encoder.g1(&key.vk.alpha_g1).g2(&key.vk.beta_g2).g2(&key.vk.gamma_g2).g2(&key.vk.delta_g2);
    encoder.g1(&key.beta_g1).g1(&key.delta_g1).g1_list(&key.vk.gamma_abc_g1);
    encoder.g1_list(&key.a_query).g1_list(&key.b_g1_query).g2_list(&key.b_g2_query);
    encoder.g1_list(&key.h_query).g1_list(&key.l_query);
}

fn decode_key(
    decoder: &mut Decoder<'_>,
    shape: &Shape,
) -> Result<ark_groth16::ProvingKey<Bn254>, CodecError> {
    let variables = shape.variables();
    let (alpha_g1, beta_g2) = (decoder.finite_g1("alpha")?, decoder.finite_g2("beta")?);
    let (gamma_g2, delta_g2) = (decoder.finite_g2("gamma")?, decoder.finite_g2("delta")?);
    let (beta_g1, delta_g1) = (decoder.finite_g1("beta")?, decoder.finite_g1("delta")?);
    let gamma_abc_g1 = decoder.g1_list(shape.public_inputs() + 1, "IC")?;
    Ok(ark_groth16::ProvingKey {
        vk: ark_groth16::VerifyingKey { alpha_g1, beta_g2, gamma_g2, delta_g2, gamma_abc_g1 },
        beta_g1,
        delta_g1,
        a_query: decoder.g1_list(variables, "the A query")?,
        b_g1_query: decoder.g1_list(variables, "the B query in G1")?,
        b_g2_query: decoder.g2_list(variables, "the B query in G2")?,
        h_query: decoder.g1_list(domain_size(shape).max(2) - 1, "the H query")?,
        l_query: decoder.g1_list(shape.witnesses(), "the L query")?,
    })
}
