//! The two representations of BN254's scalar field: the protocol's and the curve library's.
//!
//! Both hold Montgomery residues for 2^256, so that one direction is free and the other costs two multiplications.

use ark_bn254::{Fq, Fr, G1Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInt, BigInteger, PrimeField};
use p3_field::RawDataSerializable;

/// BN254's scalar field, as the protocol computes in it.
pub type F = p3_bn254::Bn254;

/// The bytes of a word.
pub const WORD: usize = 32;

/// The same element, for the curve library.
pub fn to_ark(value: F) -> Fr {
    let bytes = value.into_bytes();
    let limb = |i: usize| {
        let mut limb = [0; 8];
        limb.copy_from_slice(&bytes[8 * i..8 * i + 8]);
        u64::from_le_bytes(limb)
    };
    Fr::new_unchecked(BigInt::new(core::array::from_fn(limb)))
}

/// The same element, for the protocol.
pub fn from_ark(value: Fr) -> F {
    F::new(value.into_bigint().0)
}

/// The 32 bytes of an element, big-endian.
pub fn to_word(value: Fr) -> [u8; WORD] {
    big_endian(value.into_bigint())
}

/// The element of a word below the modulus.
pub fn from_word(word: &[u8; WORD]) -> Option<Fr> {
    Fr::from_bigint(integer(word))
}

/// The integer of a 32-byte digest, reduced.
pub fn reduce(digest: &[u8; 32]) -> Fr {
    Fr::from_be_bytes_mod_order(digest)
}

/// The two words of a point; zeros for the point at infinity.
pub fn point_words(point: &G1Affine) -> [[u8; WORD]; 2] {
    match point.xy() {
        Some((x, y)) => [big_endian(x.into_bigint()), big_endian(y.into_bigint())],
        None => [[0; WORD]; 2],
    }
}

/// The point with these coordinates; `None` for words that are not below the modulus, off the curve, or at infinity.
pub fn point_from_words(words: &[[u8; WORD]; 2]) -> Option<G1Affine> {
    let [x, y] = words;
    let (x, y) = (Fq::from_bigint(integer(x))?, Fq::from_bigint(integer(y))?);
    // The group has prime order, so that being on the curve is enough.
    let point = G1Affine::new_unchecked(x, y);
    (!point.is_zero() && point.is_on_curve()).then_some(point)
}

fn big_endian(value: BigInt<4>) -> [u8; WORD] {
    let mut word = [0; WORD];
    word.iter_mut().zip(value.to_bytes_be()).for_each(|(to, from)| *to = from);
    word
}

fn integer(word: &[u8; WORD]) -> BigInt<4> {
    let limb = |i: usize| {
        let end = WORD - 8 * i;
        word[end - 8..end].iter().fold(0u64, |limb, &byte| limb << 8 | u64::from(byte))
    };
    BigInt::new(core::array::from_fn(limb))
}

#[cfg(test)]
mod tests {
    use p3_field::PrimeCharacteristicRing;

    use super::*;

    #[test]
    fn both_representations_are_one_field() {
        let (a, b) = (F::from_u64(0x1234_5678_9abc_def1), F::from_i64(-77));
        assert_eq!(to_ark(a * b), to_ark(a) * to_ark(b));
        assert_eq!(from_ark(to_ark(a * b)), a * b);
        assert_eq!(from_word(&to_word(to_ark(b))), Some(to_ark(b)));
        assert_eq!(to_word(to_ark(F::from_u8(3)))[31], 3);
    }

    #[test]
    fn words_beyond_the_modulus_and_points_off_the_curve_are_refused() {
        let modulus = big_endian(Fr::MODULUS);
        assert_eq!(from_word(&modulus), None);
        let words = point_words(&G1Affine::generator());
        assert_eq!(point_from_words(&words), Some(G1Affine::generator()));
        assert_eq!(point_from_words(&[words[1], words[0]]), None);
        assert_eq!(point_from_words(&[[0; WORD]; 2]), None);
        let mut beyond = big_endian(Fq::MODULUS);
        beyond[31] += 1;
        assert_eq!(point_from_words(&[beyond, words[1]]), None);
    }
}
