//! Mercury (Eagen, Gabizon: eprint 2025/385): a multilinear opening of a KZG commitment with seven points and six scalars.
//!
//! The column `f` of `2^ρ` rows is a matrix of `2^t2` rows of `b = 2^t1` coefficients. `h` is its partial evaluation at the low
//! variables, `g` its remainder modulo `X^b − α`; two inner products tie them to the claim, and a reversed copy bounds `g`'s
//! degree. All is opened at `ζ`, `1/ζ` and `α` at once (Boneh, Drake, Fisch, Gabizon: eprint 2020/081). The protocol is written
//! down, with its arguments for soundness and zero knowledge, in this crate's README.

use ark_bn254::{Bn254, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::pairing::Pairing;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, Field, One, Zero};
use rayon::prelude::*;

use zkml_snark::msm::{msm, to_affine};

use crate::digest::Chain;
use crate::error::Bn254Error;

/// The opening of a column at a point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MercuryProof {
    /// The column at the low variables.
    pub h: G1Affine,
    /// The remainder modulo `X^b − α`.
    pub g: G1Affine,
    /// The quotient.
    pub q: G1Affine,
    /// The witness of the inner products.
    pub s: G1Affine,
    /// The remainder, reversed.
    pub d: G1Affine,
    /// `g(ζ)`, `g(1/ζ)`, `h(ζ)`, `h(1/ζ)`, `h(α)`, `s(ζ)`.
    pub values: [Fr; 6],
    /// The quotient of the batched openings.
    pub w: G1Affine,
    /// The quotient of their check.
    pub v: G1Affine,
}

/// The variables of `b`: half of them, the odd one included.
pub(crate) const fn low_variables(rho: usize) -> usize {
    rho.div_ceil(2)
}

/// Where the challenges come from: the transcript, or a test that fixes them.
pub(crate) trait Challenges {
    /// The next challenge, after polynomials; their commitments are kept.
    fn after(&mut self, polynomials: &[&[Fr]]) -> Fr;
    /// The next challenge, after scalars.
    fn after_scalars(&mut self, scalars: &[Fr]) -> Fr;
}

/// The challenges of a proof, and the commitments it has sent.
struct Transcript<'a> {
    powers: &'a [G1Affine],
    chain: Chain,
    sent: Vec<G1Affine>,
}

impl Challenges for Transcript<'_> {
    fn after(&mut self, polynomials: &[&[Fr]]) -> Fr {
        let sums: Vec<G1Projective> = polynomials.par_iter().map(|p| msm(self.powers, p)).collect();
        let points = to_affine(&sums);
        self.sent.extend_from_slice(&points);
        self.chain.points(&points)
    }

    fn after_scalars(&mut self, scalars: &[Fr]) -> Fr {
        self.chain.scalars(scalars)
    }
}

/// Opens the column `f`, a power of two of rows and at most as many as powers, at `point`. `seed` is a digest of everything
/// that the opening is about.
///
/// # Errors
/// [`Bn254Error::UnluckyChallenge`] or [`Bn254Error::UnluckyPoint`] with negligible probability.
pub fn open(powers: &[G1Affine], f: &[Fr], point: &[Fr], seed: [u8; 32]) -> Result<MercuryProof, Bn254Error> {
    let mut transcript = Transcript { powers, chain: Chain(seed), sent: Vec::with_capacity(7) };
    let values = run(f, point, &mut transcript)?;
    match transcript.sent.as_slice() {
        &[h, g, q, s, d, w, v] => {
            if transcript.sent.iter().any(AffineRepr::is_zero) {
                return Err(Bn254Error::UnluckyPoint);
            }
            Ok(MercuryProof { h, g, q, s, d, values, w, v })
        }
        _ => Err(Bn254Error::Opening),
    }
}

/// The prover: sends the polynomials `h; g, q; s, d; w; v`, and returns the values between `d` and `w`.
pub(crate) fn run(f: &[Fr], point: &[Fr], challenges: &mut impl Challenges) -> Result<[Fr; 6], Bn254Error> {
    let (low, high) = point.split_at(low_variables(point.len()));
    let b = 1usize << low.len();
    let (eq_low, eq_high) = (eq_coefficients(low), eq_coefficients(high));
    let h: Vec<Fr> = f.par_chunks(b).map(|row| dot(row, &eq_low)).collect();
    let alpha = challenges.after(&[&h]);
    let (g, q) = divide_rows(f, b, alpha);
    let beta = challenges.after(&[&g, &q]);
    let s = inner_products_witness(&[(&g, &eq_low, Fr::one()), (&h, &eq_high, beta)]);
    let d: Vec<Fr> = g.iter().rev().copied().collect();
    let zeta = challenges.after(&[&s, &d]);
    let points = OpeningPoints::new(alpha, zeta)?;
    let at = |p: &[Fr], x: Fr| horner(p, x);
    let inverse = points.zeta_inverse;
    let values = [at(&g, zeta), at(&g, inverse), at(&h, zeta), at(&h, inverse), at(&h, alpha), at(&s, zeta)];
    let delta = challenges.after_scalars(&values);
    // F − (ζ^b − α)·q − g vanishes at ζ.
    let mut shifted = f.to_vec();
    let factor = zeta.pow([b as u64]) - alpha;
    shifted.par_iter_mut().zip(&q).for_each(|(c, q)| *c -= factor * q);
    shifted.iter_mut().zip(&g).for_each(|(c, g)| *c -= g);
    let mut w = quotient(&shifted, &[zeta]);
    let mut power = delta;
    for (polynomial, at) in
        [(&d, &[zeta][..]), (&g, &[zeta, inverse]), (&s, &[zeta, inverse]), (&h, &[zeta, inverse, alpha])]
    {
        add_scaled(&mut w, power, &quotient(polynomial, at));
        power *= delta;
    }
    let x = challenges.after(&[&w]);
    let weights = points.weights(delta, x)?;
    // The check of the batch at x, as a polynomial that vanishes there.
    let mut linear = shifted;
    add_scaled(&mut linear, weights.d, &d);
    add_scaled(&mut linear, weights.g, &g);
    add_scaled(&mut linear, weights.s, &s);
    add_scaled(&mut linear, weights.h, &h);
    add_scaled(&mut linear, -(x - zeta), &w);
    challenges.after(&[&quotient(&linear, &[x])]);
    Ok(values)
}

/// What is claimed: the column behind `column` has the multilinear evaluation `value` at `point`.
///
/// # Errors
/// [`Bn254Error::Opening`] if the proof does not show it.
pub fn verify(
    tau_g2: G2Affine,
    column: G1Projective,
    point: &[Fr],
    value: Fr,
    seed: [u8; 32],
    proof: &MercuryProof,
) -> Result<(), Bn254Error> {
    let (low, high) = point.split_at(low_variables(point.len()));
    let b = 1u64 << low.len();
    let mut chain = Chain(seed);
    let alpha = chain.points(&[proof.h]);
    let beta = chain.points(&[proof.g, proof.q]);
    let zeta = chain.points(&[proof.s, proof.d]);
    let delta = chain.scalars(&proof.values);
    let x = chain.points(&[proof.w]);
    let points = OpeningPoints::new(alpha, zeta)?;
    let weights = points.weights(delta, x)?;
    let inverse = points.zeta_inverse;
    let [g, g_inverse, h, h_inverse, h_alpha, s] = proof.values;
    let inner = g * eq_polynomial(low, inverse)
        + g_inverse * eq_polynomial(low, zeta)
        + beta * (h * eq_polynomial(high, inverse) + h_inverse * eq_polynomial(high, zeta))
        - (h_alpha + beta * value).double();
    let s_inverse = zeta * (inner - zeta * s);
    let d = zeta.pow([b - 1]) * g_inverse;
    let constant = weights.d * d
        + weights.g * interpolate(&[(zeta, g), (inverse, g_inverse)], x)
        + weights.s * interpolate(&[(zeta, s), (inverse, s_inverse)], x)
        + weights.h * interpolate(&[(zeta, h), (inverse, h_inverse), (alpha, h_alpha)], x);
    let bases = [proof.q, proof.g, proof.d, proof.s, proof.h, G1Affine::generator(), proof.w, proof.v];
    let scalars = [
        alpha - zeta.pow([b]),
        weights.g - Fr::one(),
        weights.d,
        weights.s,
        weights.h,
        -constant,
        zeta - x,
        x,
    ];
    let sum = column + msm(&bases, &scalars);
    let paired = Bn254::multi_pairing([sum.into_affine(), -proof.v], [G2Affine::generator(), tau_g2]);
    if paired.0.is_one() { Ok(()) } else { Err(Bn254Error::Opening) }
}

/// The points at which polynomials are opened.
struct OpeningPoints {
    alpha: Fr,
    zeta: Fr,
    zeta_inverse: Fr,
}

/// The coefficients of the polynomials in the check at `x`; the shifted column's is 1.
struct Weights {
    d: Fr,
    g: Fr,
    s: Fr,
    h: Fr,
}

impl OpeningPoints {
    fn new(alpha: Fr, zeta: Fr) -> Result<Self, Bn254Error> {
        let zeta_inverse = zeta.inverse().ok_or(Bn254Error::UnluckyChallenge)?;
        if zeta == zeta_inverse || alpha == zeta || alpha == zeta_inverse {
            return Err(Bn254Error::UnluckyChallenge);
        }
        Ok(Self { alpha, zeta, zeta_inverse })
    }

    fn weights(&self, delta: Fr, x: Fr) -> Result<Weights, Bn254Error> {
        if x == self.zeta {
            return Err(Bn254Error::UnluckyChallenge);
        }
        let pair = (x - self.zeta_inverse).inverse().ok_or(Bn254Error::UnluckyChallenge)?;
        let third = (x - self.alpha).inverse().ok_or(Bn254Error::UnluckyChallenge)?;
        let square = delta.square();
        Ok(Weights {
            d: delta,
            g: square * pair,
            s: square * delta * pair,
            h: square.square() * pair * third,
        })
    }
}

/// The value at `x` of the polynomial through distinct points.
fn interpolate(through: &[(Fr, Fr)], x: Fr) -> Fr {
    let term = |i: usize| {
        let (xi, yi) = through[i];
        let others = through.iter().enumerate().filter(|(j, _)| *j != i);
        let (top, bottom) =
            others.fold((yi, Fr::one()), |(n, d), (_, (xj, _))| (n * (x - xj), d * (xi - xj)));
        top * bottom.inverse().unwrap_or_default()
    };
    (0..through.len()).map(term).sum()
}

/// The coefficients of `Π (1 − z_i + z_i·X^(2^i))`.
fn eq_coefficients(point: &[Fr]) -> Vec<Fr> {
    let mut table = Vec::with_capacity(1 << point.len());
    table.push(Fr::one());
    for z in point {
        let high: Vec<Fr> = table.iter().map(|c| *c * z).collect();
        table.iter_mut().zip(&high).for_each(|(low, high)| *low -= high);
        table.extend(high);
    }
    table
}

/// `Π (1 − z_i + z_i·x^(2^i))`.
fn eq_polynomial(point: &[Fr], x: Fr) -> Fr {
    let mut power = x;
    point.iter().fold(Fr::one(), |product, z| {
        let factor = Fr::one() - z + *z * power;
        power.square_in_place();
        product * factor
    })
}

fn dot(a: &[Fr], b: &[Fr]) -> Fr {
    a.iter().zip(b).map(|(a, b)| *a * b).sum()
}

/// The multilinear evaluation of a column at a point.
pub(crate) fn evaluate(f: &[Fr], point: &[Fr]) -> Fr {
    let (low, high) = point.split_at(low_variables(point.len()));
    let (eq_low, eq_high) = (eq_coefficients(low), eq_coefficients(high));
    f.par_chunks(eq_low.len()).zip(&eq_high).map(|(row, e)| dot(row, &eq_low) * e).sum()
}

fn horner(polynomial: &[Fr], x: Fr) -> Fr {
    polynomial.iter().rev().fold(Fr::zero(), |sum, c| sum * x + c)
}

fn add_scaled(sum: &mut [Fr], factor: Fr, polynomial: &[Fr]) {
    sum.iter_mut().zip(polynomial).for_each(|(c, p)| *c += factor * p);
}

/// Remainder and quotient of `f` by `X^b − α`.
fn divide_rows(f: &[Fr], b: usize, alpha: Fr) -> (Vec<Fr>, Vec<Fr>) {
    let mut q = f[b.min(f.len())..].to_vec();
    let rows = q.len() / b;
    // Columns of the matrix are independent, and so are ranges of them.
    for row in (0..rows.saturating_sub(1)).rev() {
        let (this, next) = q[row * b..(row + 2) * b].split_at_mut(b);
        this.iter_mut().zip(next).for_each(|(c, n)| *c += alpha * n);
    }
    let g = (0..b).map(|i| f[i] + if rows > 0 { alpha * q[i] } else { Fr::zero() }).collect();
    (g, q)
}

/// The quotient by `Π (X − x_i)`, the remainder dropped.
fn quotient(polynomial: &[Fr], roots: &[Fr]) -> Vec<Fr> {
    let mut quotient = polynomial.to_vec();
    for x in roots {
        let mut carry = Fr::zero();
        for coefficient in quotient.iter_mut().rev() {
            let next = *coefficient + carry * x;
            *coefficient = carry;
            carry = next;
        }
    }
    quotient
}

/// `S` with `Σ k·(a(X)·p(1/X) + a(1/X)·p(X)) = constant + X·S(X) + S(1/X)/X`.
fn inner_products_witness(terms: &[(&[Fr], &[Fr], Fr)]) -> Vec<Fr> {
    let length = terms.iter().map(|t| t.0.len()).max().unwrap_or(0);
    (1..length.max(2))
        .into_par_iter()
        .map(|shift| {
            let term = |(a, p, k): &(&[Fr], &[Fr], Fr)| {
                let late = |values: &[Fr]| values.len().min(shift);
                *k * (dot(&a[late(a)..], p) + dot(a, &p[late(p)..]))
            };
            terms.iter().map(term).sum()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use zkml_snark::srs::Srs;

    use super::*;
    use crate::testing::Dice;

    const SEED: [u8; 32] = [3; 32];

    struct Case {
        srs: Srs,
        f: Vec<Fr>,
        point: Vec<Fr>,
        value: Fr,
    }

    fn case(rho: usize) -> Case {
        let mut dice = Dice::new(rho as u64);
        let srs = Srs::testing(2 << rho).unwrap();
        let f: Vec<Fr> = (0..1 << rho).map(|_| dice.scalar()).collect();
        let point: Vec<Fr> = (0..rho).map(|_| dice.scalar()).collect();
        let value = dot(&f, &eq_coefficients(&point));
        Case { srs, f, point, value }
    }

    impl Case {
        fn column(&self) -> G1Projective {
            msm(&self.srs.g1, &self.f)
        }

        fn open(&self) -> MercuryProof {
            open(&self.srs.g1, &self.f, &self.point, SEED).unwrap()
        }

        fn check(&self, proof: &MercuryProof) -> Result<(), Bn254Error> {
            verify(self.srs.tau_g2, self.column(), &self.point, self.value, SEED, proof)
        }
    }

    #[test]
    fn openings_of_even_and_odd_numbers_of_variables_verify() {
        for rho in 3..=9 {
            let case = case(rho);
            case.check(&case.open()).unwrap();
        }
    }

    #[test]
    fn coefficients_beyond_the_height_do_not_count() {
        let mut case = case(6);
        let short = case.f.clone();
        let beyond: Vec<Fr> = (0..64).map(|i| Fr::from(i * i + 5u64)).collect();
        case.f.extend(beyond);
        // The commitment is to all of them, the evaluation that it opens to is of the first ones.
        let proof = case.open();
        case.check(&proof).unwrap();
        case.value = dot(&short, &eq_coefficients(&case.point)) + Fr::one();
        assert_eq!(case.check(&proof), Err(Bn254Error::Opening));
    }

    #[test]
    fn every_changed_part_of_an_opening_is_refused() {
        let case = case(6);
        let proof = case.open();
        let moved = |p: G1Affine| (p + G1Affine::generator()).into_affine();
        let mut changed = Vec::new();
        for i in 0..6 {
            let mut p = proof;
            p.values[i] += Fr::one();
            changed.push(p);
        }
        let points: [fn(&mut MercuryProof) -> &mut G1Affine; 7] = [
            |p| &mut p.h,
            |p| &mut p.g,
            |p| &mut p.q,
            |p| &mut p.s,
            |p| &mut p.d,
            |p| &mut p.w,
            |p| &mut p.v,
        ];
        for part in points {
            let mut p = proof;
            *part(&mut p) = moved(*part(&mut p));
            changed.push(p);
            *part(&mut p) = G1Affine::zero();
            changed.push(p);
        }
        for p in changed {
            assert_eq!(case.check(&p), Err(Bn254Error::Opening));
        }
    }

    #[test]
    fn an_opening_of_another_claim_is_refused() {
        let case = case(5);
        let (proof, column) = (case.open(), case.column());
        let check =
            |column, point: &[Fr], value, seed| verify(case.srs.tau_g2, column, point, value, seed, &proof);
        assert!(check(column, &case.point, case.value, SEED).is_ok());
        assert!(check(column, &case.point, case.value + Fr::one(), SEED).is_err());
        assert!(check(column + G1Affine::generator(), &case.point, case.value, SEED).is_err());
        assert!(check(column, &case.point, case.value, [4; 32]).is_err());
        for i in 0..5 {
            let mut other = case.point.clone();
            other[i] += Fr::one();
            assert!(check(column, &other, case.value, SEED).is_err());
        }
    }
}
