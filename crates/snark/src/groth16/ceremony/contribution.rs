//! One factor of δ, with proof that its author knows it.

use ark_bn254::{Bn254, Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ec::pairing::Pairing;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{PrimeField, Zero};
use zeroize::Zeroize;

use crate::codec::{CodecError, Decoder, Encoder};
use crate::random::{self, EntropyError};

/// A public value that could not be predicted before a known time, such as a block hash or a lottery's numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beacon {
    value: Vec<u8>,
    log_iterations: u8,
}

impl Beacon {
    /// The longest value, in bytes.
    pub const MAX_VALUE: usize = 255;
    /// The largest base-2 logarithm of the number of hashes; about twenty seconds of one core.
    pub const MAX_LOG_ITERATIONS: u8 = 28;

    /// A beacon; its factor takes 2^`log_iterations` successive hashes, so that whoever sees the value first cannot
    /// try many variants of the last contribution.
    ///
    /// # Errors
    /// If a bound is exceeded.
    pub fn new(value: &[u8], log_iterations: u8) -> Result<Self, CodecError> {
        for (what, found, expected) in [
            ("the length of the beacon", value.len(), Self::MAX_VALUE),
            ("the beacon's iterations", log_iterations.into(), Self::MAX_LOG_ITERATIONS.into()),
        ] {
            if found > expected {
                return Err(CodecError::Count { what, found: found as u64, expected: expected as u64 });
            }
        }
        Ok(Self { value: value.to_vec(), log_iterations })
    }

    /// The factor of δ that the value determines.
    pub(super) fn factor(&self) -> Fr {
        let mut state = blake3::derive_key("zkml-snark 2026-01 ceremony beacon", &self.value);
        for _ in 0..1u64 << self.log_iterations {
            state = *blake3::hash(&state).as_bytes();
        }
        let mut wide = [0; 64];
        blake3::Hasher::new_derive_key("zkml-snark 2026-01 ceremony beacon factor")
            .update(&state)
            .finalize_xof()
            .fill(&mut wide);
        Fr::from_le_bytes_mod_order(&wide)
    }
}

/// One step of phase 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contribution {
    /// δ after this step.
    pub(super) delta: G1Affine,
    /// The factor in G1.
    factor: G1Affine,
    /// The factor times a G2 point that hashes everything before it and itself: the proof of knowledge.
    proof: G2Affine,
    /// The public origin of the factor, if it is no secret.
    pub(super) beacon: Option<Beacon>,
}

impl Contribution {
    pub(super) fn new(before: &[u8; 32], delta: G1Affine, factor: &Fr, beacon: Option<Beacon>) -> Self {
        let point = (G1Affine::generator() * factor).into_affine();
        Self {
            delta: (delta * factor).into_affine(),
            factor: point,
            proof: (challenge(before, &point) * factor).into_affine(),
            beacon,
        }
    }

    /// Whether this step is no participant's but a public beacon's.
    pub fn is_beacon(&self) -> bool {
        self.beacon.is_some()
    }

    /// Checks the step from `delta`, given the transcript's digest before it.
    pub(super) fn check(&self, before: &[u8; 32], delta: G1Affine) -> Result<(), &'static str> {
        if self.factor.is_zero() || self.delta.is_zero() {
            return Err("its factor is zero");
        }
        let challenge = challenge(before, &self.factor);
        let same = |left: G1Affine, right: G1Affine| {
            // The factor between left and right is the one between the challenge and the proof.
            Bn254::multi_pairing([left, -right], [self.proof, challenge]).is_zero()
        };
        if !same(G1Affine::generator(), self.factor) {
            return Err("its proof of knowledge is wrong, or made for another transcript");
        }
        if !same(delta, self.delta) {
            return Err("it does not follow from the contribution before it");
        }
        match &self.beacon {
            Some(beacon) if (G1Affine::generator() * beacon.factor()).into_affine() != self.factor => {
                Err("its factor is not the beacon's")
            }
            _ => Ok(()),
        }
    }

    /// The transcript's digest after this step.
    pub(super) fn digest(&self, before: &[u8; 32]) -> [u8; 32] {
        let mut encoder = Encoder::default();
        encoder.bytes(before);
        self.encode(&mut encoder);
        blake3::derive_key("zkml-snark 2026-01 ceremony contribution", &encoder.0)
    }

    pub(super) fn encode(&self, encoder: &mut Encoder) {
        encoder.g1(&self.delta).g1(&self.factor).g2(&self.proof);
        match &self.beacon {
            None => encoder.bytes(&[0]),
            Some(Beacon { value, log_iterations }) => {
                encoder.bytes(&[1, *log_iterations, value.len() as u8]).bytes(value)
            }
        };
    }

    pub(super) fn decode(decoder: &mut Decoder<'_>) -> Result<Self, CodecError> {
        let delta = decoder.finite_g1("a contribution's delta")?;
        let factor = decoder.finite_g1("a contribution's factor")?;
        let proof = decoder.finite_g2("a contribution's proof")?;
        let beacon = match decoder.u8("a contribution's kind")? {
            0 => None,
            1 => {
                let (iterations, length) = (decoder.u8("a beacon")?, decoder.u8("a beacon")?);
                Some(Beacon::new(decoder.take(length.into(), "a beacon")?, iterations)?)
            }
            _ => return Err(CodecError::NotCanonical("a contribution's kind")),
        };
        Ok(Self { delta, factor, proof, beacon })
    }

    #[cfg(test)]
    pub(super) fn forge(&mut self, edit: impl FnOnce(&mut G1Affine, &mut G1Affine, &mut G2Affine)) {
        edit(&mut self.delta, &mut self.factor, &mut self.proof);
    }
}

/// A factor from the operating system's randomness and the participant's own.
pub(super) fn secret(entropy: &[u8]) -> Result<Fr, EntropyError> {
    let mut system = random::bytes::<64>()?;
    let mut wide = [0; 64];
    let mut hasher = blake3::Hasher::new_derive_key("zkml-snark 2026-01 ceremony secret");
    hasher.update(&system).update(entropy);
    let mut stream = hasher.finalize_xof();
    stream.fill(&mut wide);
    let secret = Fr::from_le_bytes_mod_order(&wide);
    system.zeroize();
    wide.zeroize();
    hasher.zeroize();
    stream.zeroize();
    Ok(secret)
}

/// A G2 point of unknown logarithm that depends on the transcript before a contribution and on its factor. Inputs are
/// public, so trying x-coordinates until one is on the curve leaks nothing.
fn challenge(before: &[u8; 32], factor: &G1Affine) -> G2Affine {
    let mut encoder = Encoder::default();
    encoder.bytes(before).g1(factor);
    let mut hasher = blake3::Hasher::new_derive_key("zkml-snark 2026-01 ceremony challenge");
    let mut stream = hasher.update(&encoder.0).finalize_xof();
    loop {
        let mut bytes = [0; 97];
        stream.fill(&mut bytes);
        let (x, sign) = bytes.split_at(96);
        let (x0, x1) = x.split_at(48);
        let x = Fq2::new(Fq::from_le_bytes_mod_order(x0), Fq::from_le_bytes_mod_order(x1));
        let greatest = sign.first().is_some_and(|byte| byte & 1 == 1);
        if let Some(point) = G2Affine::get_point_from_x_unchecked(x, greatest) {
            let point = point.clear_cofactor();
            if !point.is_zero() {
                return point;
            }
        }
    }
}
