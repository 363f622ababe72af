//! The key with δ = γ = 1 that circuit and phase 1 determine.

use ark_bn254::{Bn254, Fr, G1Affine, G2Affine};
use ark_ec::short_weierstrass::{Affine, Projective, SWCurveConfig};
use ark_ec::{AdditiveGroup, AffineRepr, CurveGroup, VariableBaseMSM};
use ark_ff::{BigInteger, BitIteratorBE, One, PrimeField, Zero};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use rayon::prelude::*;

use crate::circuit::Shape;
use crate::srs::PowersOfTau;

/// From this many terms on, a multi-scalar multiplication beats one multiplication per term.
const MSM_TERMS: usize = 16;

/// The most bits of a coefficient that is multiplied bit by bit.
const SHORT_BITS: u32 = 32;

/// The coefficients of every variable, (row, value), in one of the three matrices.
type Columns = Vec<Vec<(usize, Fr)>>;

/// `[Lᵢ(τ)]` for all i, from as many powers: the inverse transform of the powers.
fn lagrange<P: SWCurveConfig<ScalarField = Fr>>(powers: &[Affine<P>]) -> Vec<Affine<P>> {
    let Some(domain) = Radix2EvaluationDomain::<Fr>::new(powers.len()) else { return Vec::new() };
    let mut points: Vec<Projective<P>> = powers.iter().map(|point| point.into_group()).collect();
    domain.ifft_in_place(&mut points);
    Projective::normalize_batch(&points)
}

/// The key of the reduction that the prover uses: constraint i is evaluated at the i-th point of the domain, and each
/// public input has a further row that holds it alone, in A.
pub(super) fn key(shape: &Shape, phase1: &PowersOfTau) -> ark_groth16::ProvingKey<Bn254> {
    let n = phase1.domain();
    let tau = lagrange(phase1.tau_g1.get(..n).unwrap_or_default());
    let tau_g2 = lagrange(&phase1.tau_g2);
    let alpha = lagrange(&phase1.alpha_tau_g1);
    let beta = lagrange(&phase1.beta_tau_g1);
    let [a, b, c] = columns(shape);
    let a_query = combine(&[(&a, &tau)]);
    let b_g1_query = combine(&[(&b, &tau)]);
    let b_g2_query = combine(&[(&b, &tau_g2)]);
    let mut gamma_abc_g1 = combine(&[(&a, &beta), (&b, &alpha), (&c, &tau)]);
    let l_query = gamma_abc_g1.split_off(shape.public_inputs() + 1);
    let shifted = phase1.tau_g1.get(n..).unwrap_or_default();
    let h: Vec<_> = shifted.par_iter().zip(&phase1.tau_g1).map(|(high, low)| *high - *low).collect();
    let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
    ark_groth16::ProvingKey {
        vk: ark_groth16::VerifyingKey {
            alpha_g1: phase1.alpha_tau_g1.first().copied().unwrap_or_default(),
            beta_g2: phase1.beta_g2,
            gamma_g2: g2,
            delta_g2: g2,
            gamma_abc_g1,
        },
        beta_g1: phase1.beta_tau_g1.first().copied().unwrap_or_default(),
        delta_g1: g1,
        a_query,
        b_g1_query,
        b_g2_query,
        h_query: CurveGroup::normalize_batch(&h),
        l_query,
    }
}

fn columns(shape: &Shape) -> [Columns; 3] {
    let variables = shape.variables();
    let mut columns = [0; 3].map(|_| vec![Vec::new(); variables]);
    let [a, b, c] = &mut columns;
    for (row, constraint) in shape.constraints().iter().enumerate() {
        for (columns, combination) in
            [(&mut *a, &constraint.a), (&mut *b, &constraint.b), (&mut *c, &constraint.c)]
        {
            for &(variable, value) in combination.terms() {
                if let Some(column) = columns.get_mut(shape.column(variable)) {
                    column.push((row, value));
                }
            }
        }
    }
    for (input, column) in a.iter_mut().take(shape.public_inputs() + 1).enumerate() {
        column.push((shape.constraints().len() + input, Fr::one()));
    }
    columns
}

/// For every variable the sum over the given (matrix, basis) pairs of its coefficients times the basis.
fn combine<P: SWCurveConfig<ScalarField = Fr>>(parts: &[(&Columns, &[Affine<P>])]) -> Vec<Affine<P>> {
    let variables = parts.first().map_or(0, |(columns, _)| columns.len());
    let sums: Vec<Projective<P>> = (0..variables)
        .into_par_iter()
        .map(|variable| {
            let mut sum = Projective::zero();
            let (mut points, mut scalars) = (Vec::new(), Vec::new());
            let terms = parts.iter().flat_map(|(columns, basis)| {
                let column = columns.get(variable).map_or(&[][..], Vec::as_slice);
                column.iter().filter_map(|&(row, value)| Some((*basis.get(row)?, value)))
            });
            for (point, value) in terms {
                if let Some(multiple) = short_multiple(&point, &value) {
                    sum += multiple;
                } else {
                    points.push(point);
                    scalars.push(value);
                }
            }
            if points.len() < MSM_TERMS {
                points.iter().zip(&scalars).fold(sum, |sum, (point, value)| sum + *point * value)
            } else {
                sum + Projective::msm_unchecked(&points, &scalars)
            }
        })
        .collect();
    Projective::normalize_batch(&sums)
}

/// A multiple by an integer of few bits and either sign, as most coefficients of circuits are.
fn short_multiple<P: SWCurveConfig<ScalarField = Fr>>(
    point: &Affine<P>,
    value: &Fr,
) -> Option<Projective<P>> {
    let (positive, negative) = (value.into_bigint(), (-*value).into_bigint());
    let short = positive.min(negative);
    if short.num_bits() > SHORT_BITS {
        return None;
    }
    let mut sum = Projective::zero();
    for bit in BitIteratorBE::without_leading_zeros(short) {
        sum.double_in_place();
        if bit {
            sum += point;
        }
    }
    Some(if negative < positive { -sum } else { sum })
}
