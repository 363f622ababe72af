//! The multi-party ceremony for Groth16 keys, after Bowe, Gabizon and Miers (eprint 2017/1050).
//!
//! Phase 1, the powers of τ, α and β, is universal and comes from a public ceremony. Phase 2 belongs to one circuit:
//! every participant multiplies δ by a secret factor, divides the two queries that carry 1/δ by it, and proves
//! knowledge of it. Unless all participants of a phase collude, nobody knows its secrets. The README argues why.
//!
//! [`Ceremony::start`] is deterministic; [`Ceremony::contribute`] is what a participant runs; [`Ceremony::verify`]
//! recomputes the start and checks the whole chain; [`Ceremony::finish`] does so and yields the keys.

mod contribution;
mod file;
mod initial;
#[cfg(test)]
mod tests;

use ark_bn254::{Bn254, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::pairing::Pairing;
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM};
use ark_ff::{Field, Zero};
use rayon::prelude::*;
use zeroize::Zeroizing;

pub use contribution::{Beacon, Contribution};

use super::{Groth16Error, Origin, ProvingKey, VerifyingKey};
use crate::circuit::{Shape, ShapeDigest};
use crate::codec::{CodecError, Encoder};
use crate::random::{self, EntropyError};
use crate::srs::{PowersOfTau, SrsError};

/// The most contributions a file may hold.
pub const MAX_CONTRIBUTIONS: usize = 1 << 14;

/// Why a ceremony, or a step of it, is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CeremonyError {
    /// The ceremony is another circuit's.
    #[error("the ceremony is for circuit {ceremony}, not for {circuit}")]
    OtherCircuit {
        /// The digest in the ceremony's file.
        ceremony: ShapeDigest,
        /// The digest of the circuit at hand.
        circuit: ShapeDigest,
    },
    /// The ceremony started from other powers of tau.
    #[error("the ceremony did not start from this phase 1: take the .ptau file that its transcript names")]
    OtherPhase1,
    /// What the ceremony started from is not what circuit and phase 1 yield.
    #[error("the key does not come from this circuit and this phase 1: {0} differs")]
    WrongStart(&'static str),
    /// A contribution does not prove what it must.
    #[error("contribution {number} is refused: {reason}")]
    Contribution {
        /// Its number, from 1.
        number: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The key does not fit the last contribution.
    #[error("the key is not the one the contributions lead to: {0}")]
    Key(&'static str),
    /// Two states of which the second is not one contribution later.
    #[error("the second file is not the first one after one more contribution: {0}")]
    NotSuccessor(&'static str),
    /// Nobody has contributed.
    #[error("there is no contribution by a participant: somebody has to contribute before keys can be used")]
    NoContribution,
    /// The circuit has a size that the formats or phase 1 do not allow.
    #[error(transparent)]
    Groth16(#[from] Groth16Error),
    /// Phase 1 is malformed, too small or inconsistent.
    #[error(transparent)]
    Srs(#[from] SrsError),
    /// A file is malformed.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// The state of a phase 2: the transcript so far and the key it leads to.
#[derive(Clone, Debug, PartialEq)]
pub struct Ceremony {
    circuit: ShapeDigest,
    phase1: [u8; 32],
    initial: [u8; 32],
    contributions: Vec<Contribution>,
    key: ark_groth16::ProvingKey<Bn254>,
}

impl Ceremony {
    /// The start of a ceremony for a circuit: a key with δ = 1, the same for everybody. Phase 1 may serve a larger
    /// domain than the circuit's; it is checked.
    ///
    /// # Errors
    /// If phase 1 is inconsistent or too small.
    pub fn start(shape: &Shape, phase1: &PowersOfTau) -> Result<Self, CeremonyError> {
        super::check_public_inputs(shape)?;
        phase1.check()?;
        let phase1 = Self::needed(shape, phase1)?;
        let key = initial::key(shape, &phase1);
        let circuit = shape.digest();
        let initial = key_digest(&key);
        Ok(Self { circuit, phase1: phase1.digest(), initial, contributions: Vec::new(), key })
    }

    /// As much of phase 1 as the circuit needs.
    fn needed(shape: &Shape, phase1: &PowersOfTau) -> Result<PowersOfTau, CeremonyError> {
        let domain = super::domain_size(shape).max(2);
        let too_small = SrsError::TooSmall {
            what: "the evaluation domain of phase 1",
            found: phase1.domain() as u64,
            needed: domain as u64,
        };
        Ok(phase1.truncated(domain).ok_or(too_small)?)
    }

    /// The circuit this ceremony is for.
    pub fn circuit(&self) -> ShapeDigest {
        self.circuit
    }

    /// The contributions so far.
    pub fn contributions(&self) -> &[Contribution] {
        &self.contributions
    }

    /// The digest of the transcript: of circuit, phase 1, start and all contributions. After contributing, a
    /// participant publishes it; it must reappear among the digests of the final transcript.
    pub fn digest(&self) -> [u8; 32] {
        self.digests().pop().unwrap_or_default()
    }

    /// The digests after the start and after every contribution, in order.
    pub fn digests(&self) -> Vec<[u8; 32]> {
        let mut encoder = Encoder::default();
        encoder.bytes(&self.circuit.0).bytes(&self.phase1).bytes(&self.initial);
        let mut digests = vec![blake3::derive_key("zkml-snark 2026-01 ceremony start", &encoder.0)];
        for contribution in &self.contributions {
            let last = digests.last().copied().unwrap_or_default();
            digests.push(contribution.digest(&last));
        }
        digests
    }

    /// Multiplies δ by a fresh secret, which is wiped; `entropy` is mixed into the operating system's randomness and
    /// may be empty. Returns the digest to publish.
    ///
    /// # Errors
    /// If there is no randomness or no room for another contribution.
    pub fn contribute(&mut self, entropy: &[u8]) -> Result<[u8; 32], CeremonyError> {
        let mut factor = Zeroizing::new(contribution::secret(entropy)?);
        while factor.is_zero() {
            factor = Zeroizing::new(contribution::secret(entropy)?);
        }
        self.apply(&factor, None)
    }

    /// Closes the ceremony with a factor that follows from a public beacon: a value nobody could predict when the
    /// last participant contributed. Returns the digest to publish.
    ///
    /// # Errors
    /// If the beacon is out of bounds or there is no room for another contribution.
    pub fn contribute_beacon(&mut self, beacon: Beacon) -> Result<[u8; 32], CeremonyError> {
        let factor = beacon.factor();
        self.apply(&factor, Some(beacon))
    }

    fn apply(&mut self, factor: &Fr, beacon: Option<Beacon>) -> Result<[u8; 32], CeremonyError> {
        let number = self.contributions.len() + 1;
        if number > MAX_CONTRIBUTIONS {
            return Err(CeremonyError::Contribution { number, reason: "the transcript is full" });
        }
        if self.contributions.last().is_some_and(Contribution::is_beacon) {
            return Err(CeremonyError::Contribution { number, reason: "a beacon has closed the ceremony" });
        }
        let Some(inverse) = factor.inverse() else {
            return Err(CeremonyError::Contribution { number, reason: "its factor is zero" });
        };
        let inverse = Zeroizing::new(inverse);
        let contribution = Contribution::new(&self.digest(), self.key.delta_g1, factor, beacon);
        self.key.delta_g1 = contribution.delta;
        self.key.vk.delta_g2 = (self.key.vk.delta_g2 * factor).into_affine();
        scale(&mut self.key.h_query, &inverse);
        scale(&mut self.key.l_query, &inverse);
        self.contributions.push(contribution);
        Ok(self.digest())
    }

    /// Checks everything: that the ceremony starts from this circuit and this phase 1, that every contribution
    /// follows from the one before with proof of knowledge, and that the key is what they lead to.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(&self, shape: &Shape, phase1: &PowersOfTau) -> Result<(), CeremonyError> {
        let circuit = shape.digest();
        if self.circuit != circuit {
            return Err(CeremonyError::OtherCircuit { ceremony: self.circuit, circuit });
        }
        // What takes minutes comes last.
        if self.phase1 != Self::needed(shape, phase1)?.digest() {
            return Err(CeremonyError::OtherPhase1);
        }
        self.check_chain()?;
        let start = Self::start(shape, phase1)?;
        if self.initial != start.initial {
            return Err(CeremonyError::WrongStart("the digest of the start"));
        }
        self.check_key(&start.key)
    }

    /// Checks that `self` is `before` plus one valid contribution: what a coordinator runs on each file received,
    /// without recomputing the start.
    ///
    /// # Errors
    /// What is wrong.
    pub fn verify_successor(&self, before: &Self) -> Result<(), CeremonyError> {
        if (self.circuit, self.phase1, self.initial) != (before.circuit, before.phase1, before.initial) {
            return Err(CeremonyError::NotSuccessor("the starts differ"));
        }
        match self.contributions.split_last() {
            Some((_, earlier)) if earlier == before.contributions => {}
            _ => return Err(CeremonyError::NotSuccessor("the earlier contributions differ")),
        }
        self.check_chain()?;
        self.check_key(&before.key)
    }

    /// The keys, after a full verification.
    ///
    /// # Errors
    /// As [`Ceremony::verify`], and if nobody has contributed.
    pub fn finish(
        self,
        shape: &Shape,
        phase1: &PowersOfTau,
    ) -> Result<(ProvingKey, VerifyingKey), CeremonyError> {
        if self.contributions.iter().all(|contribution| contribution.beacon.is_some()) {
            return Err(CeremonyError::NoContribution);
        }
        self.verify(shape, phase1)?;
        let origin = Origin::Ceremony(self.digest());
        let key = ProvingKey { origin, circuit: self.circuit, key: self.key };
        let verifying = key.verifying_key();
        Ok((key, verifying))
    }

    fn check_chain(&self) -> Result<(), CeremonyError> {
        // Before any check, since recomputing a beacon takes time.
        let closed = self.contributions.iter().position(Contribution::is_beacon).map(|index| index + 1);
        if let Some(number) = closed.filter(|&number| number < self.contributions.len()) {
            return Err(CeremonyError::Contribution {
                number,
                reason: "a beacon must be the last contribution",
            });
        }
        let mut delta = G1Affine::generator();
        for (index, (contribution, digest)) in self.contributions.iter().zip(self.digests()).enumerate() {
            contribution
                .check(&digest, delta)
                .map_err(|reason| CeremonyError::Contribution { number: index + 1, reason })?;
            delta = contribution.delta;
        }
        if delta == self.key.delta_g1 {
            Ok(())
        } else {
            Err(CeremonyError::Key("delta is not that of the last contribution"))
        }
    }

    /// Checks the key against one that differs from it by a factor of δ, with pairings on random combinations.
    fn check_key(&self, base: &ark_groth16::ProvingKey<Bn254>) -> Result<(), CeremonyError> {
        let key = &self.key;
        let fixed = [
            ("alpha", key.vk.alpha_g1 == base.vk.alpha_g1),
            ("beta", key.vk.beta_g2 == base.vk.beta_g2 && key.beta_g1 == base.beta_g1),
            ("gamma", key.vk.gamma_g2 == base.vk.gamma_g2),
            ("the points of the public inputs", key.vk.gamma_abc_g1 == base.vk.gamma_abc_g1),
            ("the A query", key.a_query == base.a_query),
            ("the B query", key.b_g1_query == base.b_g1_query && key.b_g2_query == base.b_g2_query),
            ("the size of the H query", key.h_query.len() == base.h_query.len()),
            ("the size of the L query", key.l_query.len() == base.l_query.len()),
        ];
        if let Some((part, _)) = fixed.iter().find(|(_, equal)| !equal) {
            return Err(CeremonyError::WrongStart(part));
        }
        let product = Bn254::multi_pairing(
            [key.delta_g1, -G1Affine::generator()],
            [G2Affine::generator(), key.vk.delta_g2],
        );
        if !product.is_zero() {
            return Err(CeremonyError::Key("delta differs between G1 and G2"));
        }
        let weights = random::check_coefficients(key.h_query.len() + key.l_query.len())?;
        let combine = |key: &ark_groth16::ProvingKey<Bn254>| {
            let (h, l) = weights.split_at(key.h_query.len());
            (G1Projective::msm_unchecked(&key.h_query, h) + G1Projective::msm_unchecked(&key.l_query, l))
                .into_affine()
        };
        let product =
            Bn254::multi_pairing([combine(key), -combine(base)], [key.vk.delta_g2, base.vk.delta_g2]);
        if product.is_zero() { Ok(()) } else { Err(CeremonyError::Key("a query was not divided by delta")) }
    }
}

/// Multiplies every point by one scalar.
fn scale(points: &mut Vec<G1Affine>, factor: &Fr) {
    let scaled: Vec<G1Projective> = points.par_iter().map(|point| *point * factor).collect();
    *points = G1Projective::normalize_batch(&scaled);
}

/// Digest of a whole key.
fn key_digest(key: &ark_groth16::ProvingKey<Bn254>) -> [u8; 32] {
    let mut encoder = Encoder::default();
    file::encode_key(key, &mut encoder);
    blake3::derive_key("zkml-snark 2026-01 ceremony key", &encoder.0)
}
