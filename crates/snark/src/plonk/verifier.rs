//! The verifier.

use ark_bn254::{Bn254, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::pairing::Pairing;
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM};
use ark_ff::{One, Zero, batch_inversion};
use ark_poly::EvaluationDomain;

use super::polynomial::powers;
use super::transcript::Transcript;
use super::{Domain, PlonkError, Proof, VerifyingKey, cosets};

/// What is left of verification: `e(left, τ·G₂) = e(right, G₂)`. Checks against the same powers can be combined with
/// random coefficients drawn after all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairingCheck {
    /// The factor of `τ·G₂`.
    pub left: G1Affine,
    /// The factor of `G₂`.
    pub right: G1Affine,
}

impl PairingCheck {
    /// Whether it holds.
    pub fn holds(&self, tau_g2: &G2Affine) -> bool {
        Bn254::multi_pairing([self.left, -self.right], [*tau_g2, G2Affine::generator()]).is_zero()
    }
}

/// Checks a proof.
///
/// # Errors
/// [`PlonkError::Invalid`] if it does not verify, or the number of public inputs is wrong.
pub fn verify(key: &VerifyingKey, public_inputs: &[Fr], proof: &Proof) -> Result<(), PlonkError> {
    if reduce(key, public_inputs, proof)?.holds(&key.tau_g2) { Ok(()) } else { Err(PlonkError::Invalid) }
}

/// Everything but the pairings.
///
/// # Errors
/// If the number of public inputs is wrong, or a challenge is degenerate (probability n/r).
pub fn reduce(key: &VerifyingKey, public_inputs: &[Fr], proof: &Proof) -> Result<PairingCheck, PlonkError> {
    let expected = key.public_inputs();
    if public_inputs.len() != expected {
        return Err(PlonkError::PublicInputs { found: public_inputs.len(), expected });
    }
    let domain = key.domain().ok_or(PlonkError::Invalid)?;
    let challenges = Challenges::new(key, public_inputs, proof);
    let Challenges { beta, gamma, alpha, zeta, v, u } = challenges;
    let (vanishing, first, public) = at_zeta(&domain, zeta, public_inputs).ok_or(PlonkError::Invalid)?;
    let [a, b, c, sa, sb, z_next, c_next] = proof.evaluations;
    let [ka, kb, kc] = cosets();
    let step = beta * zeta;
    let above = (a + step * ka + gamma) * (b + step * kb + gamma) * (c + step * kc + gamma);
    let below = (a + beta * sa + gamma) * (b + beta * sb + gamma) * z_next;
    // The constant part of the linearisation, and the claimed evaluations, all with their batching coefficients.
    let constant = public - alpha * (below * (c + gamma) + alpha * first);
    let batch: Vec<Fr> = powers(v).skip(1).take(5).collect();
    let claimed: Fr = batch.iter().zip([a, b, c, sa, sb]).map(|(factor, value)| *factor * value).sum();
    let claimed = claimed - constant + u * (z_next + v * c_next);

    let [v1, v2, v3, v4, v5] = <[Fr; 5]>::try_from(batch).map_err(|_| PlonkError::Invalid)?;
    let power = vanishing + Fr::one();
    let [ql, qr, qo, qm, qn, qc] = key.selectors;
    let [sigma_a, sigma_b, sigma_c] = key.permutations;
    let [wire_a, wire_b, wire_c] = proof.wires;
    let [low, middle, high] = proof.quotient;
    let [at_zeta, at_shifted] = proof.openings;
    let terms = [
        (ql, a),
        (qr, b),
        (qo, c),
        (qm, a * b),
        (qn, c_next),
        (qc, Fr::one()),
        (proof.product, alpha * (above + alpha * first) + u),
        (sigma_c, -(alpha * below * beta)),
        (low, -vanishing),
        (middle, -vanishing * power),
        (high, -vanishing * power * power),
        (wire_a, v1),
        (wire_b, v2),
        (wire_c, v3 + u * v),
        (sigma_a, v4),
        (sigma_b, v5),
        (G1Affine::generator(), -claimed),
        (at_zeta, zeta),
        (at_shifted, u * zeta * domain.group_gen),
    ];
    let (points, scalars): (Vec<G1Affine>, Vec<Fr>) = terms.into_iter().unzip();
    Ok(PairingCheck {
        left: (at_zeta + at_shifted * u).into_affine(),
        right: G1Projective::msm_unchecked(&points, &scalars).into_affine(),
    })
}

struct Challenges {
    beta: Fr,
    gamma: Fr,
    alpha: Fr,
    zeta: Fr,
    v: Fr,
    u: Fr,
}

impl Challenges {
    fn new(key: &VerifyingKey, public_inputs: &[Fr], proof: &Proof) -> Self {
        let (mut transcript, mut messages) = Transcript::new(key, public_inputs);
        for point in &proof.wires {
            messages.g1(point);
        }
        Self {
            beta: transcript.challenge(&messages),
            gamma: transcript.after_scalars(&[]),
            alpha: transcript.after_points(&[proof.product]),
            zeta: transcript.after_points(&proof.quotient),
            v: transcript.after_scalars(&proof.evaluations),
            u: transcript.after_points(&proof.openings),
        }
    }
}

/// `ζⁿ − 1`, `L₁(ζ)` and the public inputs' polynomial `−Σ xᵢ·Lᵢ(ζ)`; nothing if ζ is a row of the domain.
fn at_zeta(domain: &Domain, zeta: Fr, public_inputs: &[Fr]) -> Option<(Fr, Fr, Fr)> {
    let vanishing = domain.evaluate_vanishing_polynomial(zeta);
    if vanishing.is_zero() {
        return None;
    }
    // Lᵢ(ζ) = ωⁱ·(ζⁿ − 1) / (n·(ζ − ωⁱ)); the first one is needed even without public inputs.
    let roots: Vec<Fr> = powers(domain.group_gen).take(public_inputs.len().max(1)).collect();
    let mut inverses: Vec<Fr> = roots.iter().map(|root| zeta - root).collect();
    batch_inversion(&mut inverses);
    let scale = vanishing * domain.size_inv;
    let lagrange = |(root, inverse): (&Fr, &Fr)| scale * root * inverse;
    let first = roots.iter().zip(&inverses).map(lagrange).next()?;
    let sum: Fr = roots
        .iter()
        .zip(&inverses)
        .map(lagrange)
        .zip(public_inputs)
        .map(|(value, input)| value * input)
        .sum();
    Some((vanishing, first, -sum))
}
