//! Structured reference strings: powers of a secret τ in both groups, from public ceremonies.
//!
//! [`Srs`] is what KZG commitments and PLONK need, [`PowersOfTau`] what a Groth16 ceremony starts from. Both read no
//! more of a file than asked for, and check what they read: coordinates canonical, points on the curve and in the
//! subgroup, and by pairings that the points are successive powers of one τ. Nothing can check that nobody knows τ:
//! that rests on the ceremony behind the file.

mod file;
mod ignition;
mod ptau;
#[cfg(test)]
mod tests;

use std::io::{Read, Seek, SeekFrom};

use ark_bn254::{Bn254, Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::pairing::Pairing;
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM};
use ark_ff::Zero;

pub use ptau::write_testing_ptau;

use crate::codec::{CodecError, Encoder};
use crate::msm::msm;
use crate::random::{self, EntropyError};

/// The largest power of two of points that the public ceremonies over BN254 provide.
pub const MAX_POWER: u32 = 28;

/// Why a reference string cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SrsError {
    /// The file cannot be read or written.
    #[error("the reference string cannot be read or written: {0}")]
    Io(#[from] std::io::Error),
    /// The file is malformed.
    #[error("the reference string is malformed: {0}")]
    Codec(#[from] CodecError),
    /// A malformed structure, named.
    #[error("the reference string is malformed: {0}")]
    Format(&'static str),
    /// The file has fewer points than needed.
    #[error("{what}: {needed} points are needed and {found} are there; take a larger file")]
    TooSmall {
        /// Which points.
        what: &'static str,
        /// How many there are.
        found: u64,
        /// How many are needed.
        needed: u64,
    },
    /// The points are not powers of one secret.
    #[error("the reference string is inconsistent: {0}; take the file from another source")]
    Inconsistent(&'static str),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// Powers of τ for KZG commitments: `g1[i] = τ^i·G₁`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srs {
    /// `τ^0·G₁, τ·G₁, …`; at least two.
    pub g1: Vec<G1Affine>,
    /// The generator of G2.
    pub g2: G2Affine,
    /// `τ·G₂`.
    pub tau_g2: G2Affine,
}

impl Srs {
    /// The first `points` powers in a `.ptau` file or a first Ignition transcript, which of the two its first bytes
    /// say, read lazily and checked.
    ///
    /// # Errors
    /// If the file is malformed, too small or inconsistent.
    pub fn read(source: &mut (impl Read + Seek), points: usize) -> Result<Self, SrsError> {
        if !(2..=1 << MAX_POWER).contains(&points) {
            return Err(SrsError::Format("the number of points asked for is not between 2 and 2^28"));
        }
        let mut magic = [0; 4];
        source.seek(SeekFrom::Start(0))?;
        source.read_exact(&mut magic)?;
        let srs = match &magic {
            ptau::MAGIC => ptau::read_srs(source, points)?,
            _ => ignition::read_srs(source, points)?,
        };
        srs.check()?;
        Ok(srs)
    }

    /// A string whose τ this process knew. For testing.
    ///
    /// # Errors
    /// If there is no randomness.
    pub fn testing(points: usize) -> Result<Self, SrsError> {
        let tau = zeroize::Zeroizing::new(random::scalar()?);
        let g1 = ptau::powers_g1(Fr::from(1), *tau, points.max(2));
        let g2 = G2Affine::generator();
        Ok(Self { g1, g2, tau_g2: (g2 * *tau).into_affine() })
    }

    /// What a verifier needs: no powers at all. Nothing can be committed under it.
    pub fn verifying(tau_g2: G2Affine) -> Self {
        Self { g1: Vec::new(), g2: G2Affine::generator(), tau_g2 }
    }

    /// Checks that the points are successive powers of one non-zero τ. That they are on the curve and in the subgroup
    /// is the reader's to check.
    ///
    /// # Errors
    /// If they are not.
    pub fn check(&self) -> Result<(), SrsError> {
        check_generators(&self.g1, &self.g2)?;
        if self.tau_g2.is_zero() {
            return Err(SrsError::Inconsistent("tau is zero"));
        }
        check_ratio(&self.g1, &self.g2, &self.tau_g2, "the powers in G1 are not those of tau in G2")
    }

    /// Digest of all points.
    pub fn digest(&self) -> [u8; 32] {
        let mut encoder = Encoder::default();
        encoder.g1_list(&self.g1).g2(&self.g2).g2(&self.tau_g2);
        blake3::derive_key("zkml-snark 2026-01 srs", &encoder.0)
    }

    /// The commitment `Σ coefficients[i]·τ^i·G₁`, or nothing if there are more coefficients than powers.
    pub fn commit(&self, coefficients: &[Fr]) -> Option<G1Projective> {
        Some(msm(self.g1.get(..coefficients.len())?, coefficients))
    }
}

/// What phase 1 of a Groth16 ceremony leaves behind, for evaluation domains of up to `n` points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PowersOfTau {
    /// `τ^i·G₁` for `i < 2n − 1`.
    pub tau_g1: Vec<G1Affine>,
    /// `τ^i·G₂` for `i < n`.
    pub tau_g2: Vec<G2Affine>,
    /// `α·τ^i·G₁` for `i < n`.
    pub alpha_tau_g1: Vec<G1Affine>,
    /// `β·τ^i·G₁` for `i < n`.
    pub beta_tau_g1: Vec<G1Affine>,
    /// `β·G₂`.
    pub beta_g2: G2Affine,
}

impl PowersOfTau {
    /// The powers for a domain of `domain` points, at least two, in a `.ptau` file: read lazily and checked.
    ///
    /// # Errors
    /// If the file is malformed, too small or inconsistent.
    pub fn read(source: &mut (impl Read + Seek), domain: usize) -> Result<Self, SrsError> {
        if !(2..=1 << MAX_POWER).contains(&domain) {
            return Err(SrsError::Format("the domain asked for is not between 2 and 2^28"));
        }
        let powers = ptau::read_powers(source, domain)?;
        powers.check()?;
        Ok(powers)
    }

    /// The domain these powers serve.
    pub fn domain(&self) -> usize {
        self.tau_g2.len()
    }

    /// Checks by pairings that all points come from one (τ, α, β), none of them zero.
    ///
    /// # Errors
    /// If they do not.
    pub fn check(&self) -> Result<(), SrsError> {
        let n = self.domain();
        if n < 2
            || self.tau_g1.len() + 1 != 2 * n
            || self.alpha_tau_g1.len() != n
            || self.beta_tau_g1.len() != n
        {
            return Err(SrsError::Format("the lists of powers have other lengths than the domain demands"));
        }
        let (Some(g2), Some(tau_g2)) = (self.tau_g2.first(), self.tau_g2.get(1)) else {
            return Err(SrsError::Format("there are no powers in G2"));
        };
        check_generators(&self.tau_g1, g2)?;
        let (alpha, beta) =
            (self.alpha_tau_g1.first(), self.beta_tau_g1.first().copied().unwrap_or_default());
        if tau_g2.is_zero() || alpha.is_none_or(AffineRepr::is_zero) || beta.is_zero() {
            return Err(SrsError::Inconsistent("tau, alpha or beta is zero"));
        }
        check_ratio(&self.tau_g1, g2, tau_g2, "the powers in G1 are not those of tau in G2")?;
        check_ratio(&self.alpha_tau_g1, g2, tau_g2, "the multiples of alpha are not powers of tau")?;
        check_ratio(&self.beta_tau_g1, g2, tau_g2, "the multiples of beta are not powers of tau")?;
        self.check_g2(beta)
    }

    /// `e(τ·G₁, Σ ρᵢ·Pᵢ) = e(G₁, Σ ρᵢ·Pᵢ₊₁)`, and β is the same in both groups.
    fn check_g2(&self, beta_g1: G1Affine) -> Result<(), SrsError> {
        let weights = random::check_coefficients(self.domain() - 1)?;
        let low = G2Projective::msm_unchecked(&self.tau_g2, &weights);
        let high = G2Projective::msm_unchecked(self.tau_g2.get(1..).unwrap_or_default(), &weights);
        let (g1, tau_g1) = (G1Affine::generator(), self.tau_g1.get(1).copied().unwrap_or_default());
        let product = Bn254::multi_pairing([tau_g1, -g1], [low.into_affine(), high.into_affine()]);
        if !product.is_zero() {
            return Err(SrsError::Inconsistent("the powers in G2 are not those of tau in G1"));
        }
        let product = Bn254::multi_pairing([beta_g1, -g1], [G2Affine::generator(), self.beta_g2]);
        if product.is_zero() { Ok(()) } else { Err(SrsError::Inconsistent("beta differs between G1 and G2")) }
    }

    /// The same powers for a smaller domain, or nothing if these do not reach.
    pub fn truncated(&self, domain: usize) -> Option<Self> {
        Some(Self {
            tau_g1: self.tau_g1.get(..(2 * domain).checked_sub(1)?)?.to_vec(),
            tau_g2: self.tau_g2.get(..domain)?.to_vec(),
            alpha_tau_g1: self.alpha_tau_g1.get(..domain)?.to_vec(),
            beta_tau_g1: self.beta_tau_g1.get(..domain)?.to_vec(),
            beta_g2: self.beta_g2,
        })
    }

    /// Digest of all points.
    pub fn digest(&self) -> [u8; 32] {
        let mut encoder = Encoder::default();
        encoder.g1_list(&self.tau_g1).g2_list(&self.tau_g2);
        encoder.g1_list(&self.alpha_tau_g1).g1_list(&self.beta_tau_g1).g2(&self.beta_g2);
        blake3::derive_key("zkml-snark 2026-01 powers of tau", &encoder.0)
    }
}

fn check_generators(g1: &[G1Affine], g2: &G2Affine) -> Result<(), SrsError> {
    if g1.first() != Some(&G1Affine::generator()) || *g2 != G2Affine::generator() {
        return Err(SrsError::Inconsistent("the first points are not the generators"));
    }
    Ok(())
}

/// Checks `Pᵢ₊₁ = τ·Pᵢ` for all i at once: `e(Σ ρᵢ·Pᵢ, τ·G₂) = e(Σ ρᵢ·Pᵢ₊₁, G₂)`, wrong with probability 2^-128.
fn check_ratio(
    points: &[G1Affine],
    g2: &G2Affine,
    tau_g2: &G2Affine,
    failure: &'static str,
) -> Result<(), SrsError> {
    let weights = random::check_coefficients(points.len().saturating_sub(1))?;
    let low = G1Projective::msm_unchecked(points, &weights);
    let high = G1Projective::msm_unchecked(points.get(1..).unwrap_or_default(), &weights);
    let product = Bn254::multi_pairing([low.into_affine(), -high.into_affine()], [*tau_g2, *g2]);
    if product.is_zero() { Ok(()) } else { Err(SrsError::Inconsistent(failure)) }
}
