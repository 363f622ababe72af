//! Canonical bytes of field elements and points: the EVM's.
//!
//! A base field element or scalar is 32 bytes big-endian and below its modulus; a G1 point is `x ‖ y`; a G2 point
//! `x₁ ‖ x₀ ‖ y₁ ‖ y₀` for `x = x₀ + x₁·u`; the point at infinity is all zeros. So every element has one encoding, and
//! bytes go to the precompiles of EIP-196 and EIP-197 as they are.

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInteger, PrimeField, Zero};
use rayon::prelude::*;

/// Bytes of a scalar.
pub const SCALAR_BYTES: usize = 32;
/// Bytes of a G1 point.
pub const G1_BYTES: usize = 64;
/// Bytes of a G2 point.
pub const G2_BYTES: usize = 128;

/// Why bytes are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The bytes end within the named thing.
    #[error("truncated: the bytes end within {0}")]
    Truncated(&'static str),
    /// Bytes follow where the thing ends.
    #[error("{0} bytes follow the end: drop them")]
    Trailing(usize),
    /// A number at or above its modulus.
    #[error("{0} is not below its modulus")]
    NotCanonical(&'static str),
    /// Coordinates of no point of the curve.
    #[error("{0} is not on the curve")]
    OffCurve(&'static str),
    /// A G2 point whose order is not r.
    #[error("{0} is not in the subgroup of order r")]
    OutsideSubgroup(&'static str),
    /// The point at infinity where none may be.
    #[error("{0} is the point at infinity")]
    Infinity(&'static str),
    /// A count that contradicts its context or exceeds the format's bound.
    #[error("{what} is {found}, expected {expected}")]
    Count {
        /// What is counted.
        what: &'static str,
        /// The number found.
        found: u64,
        /// The number, or the bound, expected.
        expected: u64,
    },
    /// A file of another kind or version.
    #[error("this is no {0}, or of another version")]
    Magic(&'static str),
}

/// How much a decoder checks of points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// On the curve and in the subgroup: for anything that someone else may have written.
    Full,
    /// Canonical coordinates only: for a file that this program wrote and that nobody else can write.
    Trusted,
}

/// The encoding of a G2 point.
pub fn g2_to_bytes(point: &G2Affine) -> [u8; G2_BYTES] {
    let mut encoder = Encoder::default();
    encoder.g2(point);
    encoder.0.try_into().unwrap_or([0; G2_BYTES])
}

/// The G2 point with this encoding, fully checked; `what` names it in errors.
///
/// # Errors
/// If it is not canonical, off the curve, outside the subgroup, or at infinity.
pub fn g2_from_bytes(bytes: &[u8], what: &'static str) -> Result<G2Affine, CodecError> {
    let mut decoder = Decoder::new(bytes, Check::Full);
    let point = decoder.finite_g2(what)?;
    decoder.finish()?;
    Ok(point)
}

/// Appends canonical bytes.
#[derive(Debug, Default)]
pub(crate) struct Encoder(pub(crate) Vec<u8>);

impl Encoder {
    pub(crate) fn with_magic(magic: &[u8; 8]) -> Self {
        Self(magic.to_vec())
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(crate) fn scalar(&mut self, value: &Fr) -> &mut Self {
        self.bytes(&value.into_bigint().to_bytes_be())
    }

    fn base(&mut self, value: &Fq) -> &mut Self {
        self.bytes(&value.into_bigint().to_bytes_be())
    }

    pub(crate) fn g1(&mut self, point: &G1Affine) -> &mut Self {
        let (x, y) = point.xy().unwrap_or_default();
        self.base(&x).base(&y)
    }

    pub(crate) fn g2(&mut self, point: &G2Affine) -> &mut Self {
        let (x, y) = point.xy().unwrap_or_default();
        self.base(&x.c1).base(&x.c0).base(&y.c1).base(&y.c0)
    }

    /// A count and that many points.
    pub(crate) fn g1_list(&mut self, points: &[G1Affine]) -> &mut Self {
        self.u32(points.len() as u32);
        points.iter().fold(self, |encoder, point| encoder.g1(point))
    }

    /// A count and that many points.
    pub(crate) fn g2_list(&mut self, points: &[G2Affine]) -> &mut Self {
        self.u32(points.len() as u32);
        points.iter().fold(self, |encoder, point| encoder.g2(point))
    }
}

/// Reads canonical bytes.
#[derive(Debug)]
pub(crate) struct Decoder<'a> {
    rest: &'a [u8],
    check: Check,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(bytes: &'a [u8], check: Check) -> Self {
        Self { rest: bytes, check }
    }

    pub(crate) fn with_magic(
        bytes: &'a [u8],
        check: Check,
        magic: &[u8; 8],
        kind: &'static str,
    ) -> Result<Self, CodecError> {
        let mut decoder = Self::new(bytes, check);
        match decoder.take(magic.len(), kind)? == magic {
            true => Ok(decoder),
            false => Err(CodecError::Magic(kind)),
        }
    }

    pub(crate) fn take(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], CodecError> {
        let (head, rest) = self.rest.split_at_checked(length).ok_or(CodecError::Truncated(what))?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], CodecError> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(CodecError::Truncated(what))?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self, what: &'static str) -> Result<u8, CodecError> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    pub(crate) fn u32(&mut self, what: &'static str) -> Result<u32, CodecError> {
        self.array(what).map(u32::from_be_bytes)
    }

    pub(crate) fn scalar(&mut self, what: &'static str) -> Result<Fr, CodecError> {
        big_endian(&self.array(what)?).ok_or(CodecError::NotCanonical(what))
    }

    pub(crate) fn g1(&mut self, what: &'static str) -> Result<G1Affine, CodecError> {
        g1(&self.array(what)?, self.check, what)
    }

    pub(crate) fn g2(&mut self, what: &'static str) -> Result<G2Affine, CodecError> {
        g2(&self.array(what)?, self.check, what)
    }

    /// A G1 point other than infinity.
    pub(crate) fn finite_g1(&mut self, what: &'static str) -> Result<G1Affine, CodecError> {
        self.g1(what).and_then(|point| finite(point, what))
    }

    /// A G2 point other than infinity.
    pub(crate) fn finite_g2(&mut self, what: &'static str) -> Result<G2Affine, CodecError> {
        self.g2(what).and_then(|point| finite(point, what))
    }

    /// A count, which must be the expected one, and that many points.
    pub(crate) fn g1_list(
        &mut self,
        expected: usize,
        what: &'static str,
    ) -> Result<Vec<G1Affine>, CodecError> {
        let check = self.check;
        self.list::<G1_BYTES, _>(expected, what, |bytes| g1(bytes, check, what))
    }

    /// A count, which must be the expected one, and that many points.
    pub(crate) fn g2_list(
        &mut self,
        expected: usize,
        what: &'static str,
    ) -> Result<Vec<G2Affine>, CodecError> {
        let check = self.check;
        self.list::<G2_BYTES, _>(expected, what, |bytes| g2(bytes, check, what))
    }

    fn list<const N: usize, T: Send>(
        &mut self,
        expected: usize,
        what: &'static str,
        decode: impl Fn(&[u8; N]) -> Result<T, CodecError> + Send + Sync,
    ) -> Result<Vec<T>, CodecError> {
        let found = self.u32(what)?;
        if found as usize != expected {
            return Err(CodecError::Count { what, found: found.into(), expected: expected as u64 });
        }
        let bytes = self.take(expected.checked_mul(N).ok_or(CodecError::Truncated(what))?, what)?;
        bytes.as_chunks::<N>().0.par_iter().map(decode).collect()
    }

    pub(crate) fn finish(self) -> Result<(), CodecError> {
        match self.rest.len() {
            0 => Ok(()),
            trailing => Err(CodecError::Trailing(trailing)),
        }
    }
}

fn finite<P: AffineRepr>(point: P, what: &'static str) -> Result<P, CodecError> {
    if point.is_zero() { Err(CodecError::Infinity(what)) } else { Ok(point) }
}

/// The element with these big-endian bytes, or nothing if they are not below the modulus.
pub(crate) fn big_endian<F: PrimeField>(bytes: &[u8; 32]) -> Option<F> {
    let mut integer = F::BigInt::default();
    for (limb, word) in integer.as_mut().iter_mut().rev().zip(bytes.as_chunks::<8>().0) {
        *limb = u64::from_be_bytes(*word);
    }
    F::from_bigint(integer)
}

fn g1(bytes: &[u8; G1_BYTES], check: Check, what: &'static str) -> Result<G1Affine, CodecError> {
    let (words, _) = bytes.as_chunks::<32>();
    let mut words = words.iter();
    let mut base = || words.next().and_then(big_endian::<Fq>).ok_or(CodecError::NotCanonical(what));
    point(G1Affine::new_unchecked(base()?, base()?), check, what)
}

fn g2(bytes: &[u8; G2_BYTES], check: Check, what: &'static str) -> Result<G2Affine, CodecError> {
    let (words, _) = bytes.as_chunks::<32>();
    let mut words = words.iter();
    let mut base = || words.next().and_then(big_endian::<Fq>).ok_or(CodecError::NotCanonical(what));
    let [x1, x0, y1, y0] = [base()?, base()?, base()?, base()?];
    point(G2Affine::new_unchecked(Fq2::new(x0, x1), Fq2::new(y0, y1)), check, what)
}

/// Checks a point given by its coordinates, (0, 0) standing for infinity.
pub(crate) fn point<P: ark_ec::short_weierstrass::SWCurveConfig>(
    point: ark_ec::short_weierstrass::Affine<P>,
    check: Check,
    what: &'static str,
) -> Result<ark_ec::short_weierstrass::Affine<P>, CodecError> {
    if point.x.is_zero() && point.y.is_zero() {
        return Ok(ark_ec::short_weierstrass::Affine::zero());
    }
    match check {
        Check::Trusted => Ok(point),
        Check::Full if !point.is_on_curve() => Err(CodecError::OffCurve(what)),
        Check::Full if !point.is_in_correct_subgroup_assuming_on_curve() => {
            Err(CodecError::OutsideSubgroup(what))
        }
        Check::Full => Ok(point),
    }
}

#[cfg(test)]
mod tests {
    use ark_ec::CurveGroup;
    use ark_ff::BigInteger256;

    use super::*;

    fn encoded(write: impl FnOnce(&mut Encoder)) -> Vec<u8> {
        let mut encoder = Encoder::default();
        write(&mut encoder);
        encoder.0
    }

    #[test]
    fn points_return_from_their_bytes() {
        let p = (G1Affine::generator() * Fr::from(7)).into_affine();
        let q = (G2Affine::generator() * Fr::from(7)).into_affine();
        let bytes = encoded(|e| {
            e.g1(&p).g2(&q).g1(&G1Affine::zero()).g2_list(&[q, q]);
        });
        let mut decoder = Decoder::new(&bytes, Check::Full);
        assert_eq!(decoder.g1("p"), Ok(p));
        assert_eq!(decoder.g2("q"), Ok(q));
        assert_eq!(decoder.g1("infinity"), Ok(G1Affine::zero()));
        assert_eq!(decoder.g2_list(2, "list"), Ok(vec![q, q]));
        assert_eq!(decoder.finish(), Ok(()));
    }

    #[test]
    fn a_coordinate_at_or_above_its_modulus_is_refused() {
        let mut above = Fq::MODULUS;
        above.add_with_carry(&BigInteger256::from(1u64));
        let bytes = [above.to_bytes_be(), Fq::from(2).into_bigint().to_bytes_be()].concat();
        assert_eq!(Decoder::new(&bytes, Check::Full).g1("p"), Err(CodecError::NotCanonical("p")));
        assert_eq!(Decoder::new(&bytes, Check::Trusted).g1("p"), Err(CodecError::NotCanonical("p")));
        let modulus = Fr::MODULUS.to_bytes_be();
        assert_eq!(Decoder::new(&modulus, Check::Full).scalar("s"), Err(CodecError::NotCanonical("s")));
    }

    #[test]
    fn points_off_the_curve_or_outside_the_subgroup_are_refused() {
        let off = encoded(|e| {
            e.g1(&G1Affine::new_unchecked(Fq::from(1), Fq::from(3)));
        });
        assert_eq!(Decoder::new(&off, Check::Full).g1("p"), Err(CodecError::OffCurve("p")));
        let outside = (0u64..)
            .find_map(|x| G2Affine::get_point_from_x_unchecked(Fq2::new(Fq::from(x), Fq::from(1)), false))
            .filter(|point| !point.is_in_correct_subgroup_assuming_on_curve())
            .unwrap();
        let bytes = encoded(|e| {
            e.g2(&outside);
        });
        assert_eq!(Decoder::new(&bytes, Check::Full).g2("q"), Err(CodecError::OutsideSubgroup("q")));
    }

    #[test]
    fn a_count_that_differs_from_the_context_allocates_nothing() {
        let error = Decoder::new(&[0xff; 8], Check::Full).g1_list(2, "points").unwrap_err();
        assert_eq!(error, CodecError::Count { what: "points", found: 0xffff_ffff, expected: 2 });
        let error = Decoder::new(&[0, 0, 0, 2, 9], Check::Full).g1_list(2, "points").unwrap_err();
        assert_eq!(error, CodecError::Truncated("points"));
    }
}
