//! The structured reference string of the column commitment: powers of a secret `τ` in the group.

use ark_bn254::{Bn254, Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::pairing::Pairing;
use ark_ec::scalar_mul::BatchMulPreprocessing;
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};
use ark_ff::One;

use crate::error::Bn254Error;
use crate::msm::msm;

/// The most rows of a column: 2^24.
pub const MAX_LOG_ROWS: usize = 24;

/// `[1], [τ], [τ²], …` in G1, and `[τ]` in G2.
#[derive(Clone, Debug, PartialEq)]
pub struct Srs {
    powers: Vec<G1Affine>,
    tau_g2: G2Affine,
}

impl Srs {
    /// An SRS from its parts, checked: powers of one `τ` beside the generators.
    ///
    /// `challenge` is a scalar that is unpredictable to whoever made the SRS.
    ///
    /// # Errors
    /// [`Bn254Error::Srs`] if it is none.
    pub fn new(powers: Vec<G1Affine>, tau_g2: G2Affine, challenge: Fr) -> Result<Self, Bn254Error> {
        let refuse = |what| Err(Bn254Error::Srs(what));
        if powers.len() < 2 || powers[0] != G1Affine::generator() {
            return refuse("its first power is not the generator");
        }
        if powers.iter().any(|p| p.is_zero() || !p.is_on_curve()) {
            return refuse("a power is not on the curve");
        }
        if tau_g2.is_zero() || !tau_g2.is_on_curve() || !tau_g2.is_in_correct_subgroup_assuming_on_curve() {
            return refuse("its point of G2 is not in the group");
        }
        // Σ c^i·[τ^(i+1)] = τ·Σ c^i·[τ^i]
        let mut power = Fr::one();
        let weights: Vec<Fr> = (1..powers.len())
            .map(|_| {
                let weight = power;
                power *= challenge;
                weight
            })
            .collect();
        let low = msm(&powers[..weights.len()], &weights);
        let high = msm(&powers[1..], &weights);
        let paired = Bn254::multi_pairing([high.into_affine(), (-low).into_affine()], [G2Affine::generator(), tau_g2]);
        if !paired.0.is_one() {
            return refuse("its points are not powers of one secret");
        }
        Ok(Self { powers, tau_g2 })
    }

    /// The powers for columns of `2^log_rows` rows from a known secret. **For testing only**: whoever knows `τ` can prove anything.
    pub fn testing(log_rows: usize, tau: Fr) -> Self {
        let count = 1usize << log_rows.min(MAX_LOG_ROWS);
        let mut power = Fr::one();
        let scalars: Vec<Fr> = (0..count)
            .map(|_| {
                let scalar = power;
                power *= tau;
                scalar
            })
            .collect();
        let table = BatchMulPreprocessing::new(G1Projective::generator(), count);
        Self { powers: table.batch_mul(&scalars), tau_g2: (G2Projective::generator() * tau).into_affine() }
    }

    /// The powers in G1.
    pub fn powers(&self) -> &[G1Affine] {
        &self.powers
    }

    /// `[τ]` in G2.
    pub fn tau_g2(&self) -> G2Affine {
        self.tau_g2
    }

    /// Whether `τ` is one that everybody knows: 0, 1 or another small integer.
    pub fn is_trivial(&self) -> bool {
        (0..64u64).any(|small| self.powers.get(1) == Some(&(G1Affine::generator() * Fr::from(small)).into_affine()))
    }
}
