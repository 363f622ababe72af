//! Multi-scalar multiplication where most scalars are small integers.

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{AdditiveGroup, CurveGroup, VariableBaseMSM};
use ark_ff::{BigInt, PrimeField};
use rayon::prelude::*;

use crate::field::{F, to_ark};

/// Bits of a digit; digits are signed, so that half as many buckets do.
const WINDOW: u32 = 8;
const BUCKETS: usize = 1 << (WINDOW - 1);
/// Magnitudes up to here are small.
const SMALL: u64 = 1 << 31;

/// `Σ scalar·base` over the shorter length.
pub fn msm(bases: &[G1Affine], scalars: &[Fr]) -> G1Projective {
    let length = bases.len().min(scalars.len());
    let scalars: Vec<BigInt<4>> =
        scalars[..length].par_iter().with_min_len(1 << 10).map(|s| s.into_bigint()).collect();
    G1Projective::msm_bigint(&bases[..length], &scalars)
}

/// `Σ value·base` for a column: zeros cost nothing, small integers one addition per byte, and only the rest a full multiplication.
pub fn msm_column(bases: &[G1Affine], column: &[F]) -> G1Projective {
    let mut small: Vec<(u32, i64)> = Vec::with_capacity(column.len());
    let (mut full_bases, mut full) = (Vec::new(), Vec::new());
    for (index, (&value, base)) in column.iter().zip(bases).enumerate() {
        let integer = to_ark(value).into_bigint();
        match small_integer(&integer) {
            Some(0) => {}
            Some(value) => small.push((index as u32, value)),
            None => {
                full_bases.push(*base);
                full.push(integer);
            }
        }
    }
    let (small, full) =
        rayon::join(|| small_msm(bases, small), || G1Projective::msm_bigint(&full_bases, &full));
    small + full
}

/// The integer behind an element, if it is small.
fn small_integer(value: &BigInt<4>) -> Option<i64> {
    let magnitude = |v: &BigInt<4>| {
        let [low, rest @ ..] = v.0;
        (rest == [0; 3] && low < SMALL).then_some(low as i64)
    };
    magnitude(value).or_else(|| {
        let mut negative = Fr::MODULUS;
        ark_ff::BigInteger::sub_with_borrow(&mut negative, value);
        magnitude(&negative).map(|m| -m)
    })
}

fn small_msm(bases: &[G1Affine], mut entries: Vec<(u32, i64)>) -> G1Projective {
    let mut windows: Vec<Vec<(u32, i16)>> = Vec::new();
    while !entries.is_empty() {
        let mut digits = Vec::with_capacity(entries.len());
        entries.retain_mut(|(index, value)| {
            let mut digit = *value & ((1 << WINDOW) - 1);
            if digit >= BUCKETS as i64 {
                digit -= 1 << WINDOW;
            }
            if digit != 0 {
                digits.push((*index, digit as i16));
            }
            *value = (*value - digit) >> WINDOW;
            *value != 0
        });
        windows.push(digits);
    }
    let sums: Vec<G1Projective> = windows.into_par_iter().map(|digits| window_sum(bases, &digits)).collect();
    sums.into_iter().rev().fold(G1Projective::ZERO, |mut total, sum| {
        (0..WINDOW).for_each(|_| {
            total.double_in_place();
        });
        total + sum
    })
}

/// `Σ digit·base` by one bucket per magnitude.
fn window_sum(bases: &[G1Affine], digits: &[(u32, i16)]) -> G1Projective {
    let mut buckets = [G1Projective::ZERO; BUCKETS];
    for &(index, digit) in digits {
        let bucket = &mut buckets[usize::from(digit.unsigned_abs()) - 1];
        if digit < 0 {
            *bucket -= bases[index as usize];
        } else {
            *bucket += bases[index as usize];
        }
    }
    let (mut running, mut total) = (G1Projective::ZERO, G1Projective::ZERO);
    for bucket in buckets.iter().rev() {
        running += bucket;
        total += running;
    }
    total
}

/// The affine points of several sums, with one inversion.
pub fn to_affine(sums: &[G1Projective]) -> Vec<G1Affine> {
    G1Projective::normalize_batch(sums)
}

#[cfg(test)]
mod tests {
    use ark_ec::AffineRepr;
    use p3_field::PrimeCharacteristicRing;

    use super::*;

    #[test]
    fn small_and_large_scalars_agree_with_the_general_algorithm() {
        let generator = G1Affine::generator();
        let bases: Vec<G1Affine> = (1..60u64).map(|i| (generator * Fr::from(i * i)).into_affine()).collect();
        let integers = [
            0i64,
            1,
            -1,
            127,
            128,
            -128,
            -129,
            255,
            256,
            32_767,
            -32_768,
            i64::from(i32::MIN),
            i64::from(i32::MAX),
        ];
        let mut column: Vec<F> = integers.iter().map(|&i| F::from_i64(i)).collect();
        column.extend((0..40u32).map(|i| F::from_u32(i + 3).exp_u64(77)));
        let scalars: Vec<Fr> = column.iter().map(|&v| to_ark(v)).collect();
        let expected = bases.iter().zip(&scalars).fold(G1Projective::ZERO, |sum, (&b, s)| sum + b * s);
        assert_eq!(msm_column(&bases, &column), expected);
        assert_eq!(msm(&bases, &scalars), expected);
        assert_eq!(msm_column(&bases, &[]), G1Projective::ZERO);
    }
}
