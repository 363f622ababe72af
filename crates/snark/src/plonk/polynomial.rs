//! Dense polynomials as coefficient vectors, the constant first.

use ark_bn254::Fr;
use ark_ff::{One, Zero};
use ark_poly::EvaluationDomain;
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::Domain;
use crate::random::{self, EntropyError};

/// A polynomial that depends on the witness: wiped when dropped, and never moved to a larger buffer on the way.
pub(super) type Secret = Zeroizing<Vec<Fr>>;

/// The polynomial with these values on the domain, plus `N` random coefficients times the domain's vanishing
/// polynomial.
pub(super) fn blinded<const N: usize>(domain: &Domain, values: &[Fr]) -> Result<Secret, EntropyError> {
    let mut polynomial = Secret::new(Vec::with_capacity(values.len() + N));
    polynomial.extend_from_slice(values);
    domain.ifft_in_place(&mut *polynomial);
    for index in 0..N {
        let blind = random::scalar()?;
        if let Some(low) = polynomial.get_mut(index) {
            *low -= blind;
        }
        polynomial.push(blind);
    }
    Ok(polynomial)
}

pub(super) fn evaluate(polynomial: &[Fr], point: Fr) -> Fr {
    const CHUNK: usize = 1 << 10;
    let step = (0..CHUNK.trailing_zeros()).fold(point, |power, _| power * power);
    let horner =
        |chunk: &[Fr]| chunk.iter().rev().fold(Fr::zero(), |sum, coefficient| sum * point + coefficient);
    let parts: Vec<Fr> = polynomial.par_chunks(CHUNK).map(horner).collect();
    parts.into_iter().rev().fold(Fr::zero(), |sum, part| sum * step + part)
}

/// The sum of scaled polynomials.
pub(super) fn combine(terms: &[(Fr, &[Fr])]) -> Secret {
    let length = terms.iter().map(|(_, polynomial)| polynomial.len()).max().unwrap_or(0);
    let coefficient = |index: usize| {
        let parts = terms.iter().filter_map(|(factor, polynomial)| Some(*factor * polynomial.get(index)?));
        parts.sum()
    };
    Secret::new((0..length).into_par_iter().map(coefficient).collect())
}

/// The quotient by `X − point`; the remainder, which the caller knows to be zero, is dropped.
pub(super) fn divide(mut polynomial: Secret, point: Fr) -> Secret {
    let mut carry = Fr::zero();
    for coefficient in polynomial.iter_mut().rev() {
        let quotient = carry;
        carry = *coefficient + point * carry;
        *coefficient = quotient;
    }
    polynomial.pop();
    polynomial
}

/// Values on the coset that a domain with offset is.
pub(super) fn extend(larger: &Domain, polynomial: &[Fr]) -> Secret {
    let mut values = Secret::new(Vec::with_capacity(larger.size()));
    values.extend_from_slice(polynomial);
    larger.fft_in_place(&mut *values);
    values
}

/// `1, base, base², …`
pub(super) fn powers(base: Fr) -> impl Iterator<Item = Fr> {
    std::iter::successors(Some(Fr::one()), move |power| Some(*power * base))
}
