//! The field with 193 elements: so few that a test sees every value of every coordinate of a view many times.
//!
//! `193 = 3·2^6 + 1`, so the subgroup of order 64 has a coset none of whose points has an order that is a power of two, as the
//! real suite demands of its domain.

use core::fmt::{Display, Formatter};
use core::iter::{Product, Sum};
use core::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use num_bigint::BigUint;
use p3_field::integers::QuotientMap;
use p3_field::op_assign_macros::{
    impl_add_assign, impl_div_methods, impl_mul_methods, impl_sub_assign, ring_sum,
};
use p3_field::{
    Field, Packable, PrimeCharacteristicRing, PrimeField, RawDataSerializable, quotient_map_large_iint,
    quotient_map_large_uint, quotient_map_small_int,
};
use serde::{Deserialize, Serialize};

/// The modulus.
pub const P: u32 = 193;

/// An element, reduced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct F(u32);

impl F {
    /// The element's least non-negative representative.
    pub fn value(self) -> usize {
        self.0 as usize
    }

    /// What the macros below find before the trait's method of this name.
    fn from_canonical_unchecked(int: impl Into<i128>) -> Self {
        Self(int.into().rem_euclid(i128::from(P)) as u32)
    }
}

impl Display for F {
    fn fmt(&self, f: &mut Formatter<'_>) -> core::fmt::Result {
        Display::fmt(&self.0, f)
    }
}

impl Add for F {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self((self.0 + other.0) % P)
    }
}

impl Sub for F {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self((self.0 + P - other.0) % P)
    }
}

impl Mul for F {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self(self.0 * other.0 % P)
    }
}

impl Neg for F {
    type Output = Self;
    fn neg(self) -> Self {
        Self((P - self.0) % P)
    }
}

impl_add_assign!(F);
impl_sub_assign!(F);
impl_mul_methods!(F);
impl_div_methods!(F, F);
ring_sum!(F);

impl PrimeCharacteristicRing for F {
    type PrimeSubfield = Self;
    const ZERO: Self = Self(0);
    const ONE: Self = Self(1);
    const TWO: Self = Self(2);
    const NEG_ONE: Self = Self(P - 1);

    fn from_prime_subfield(f: Self) -> Self {
        f
    }
}

impl RawDataSerializable for F {
    const NUM_BYTES: usize = 1;

    fn into_bytes(self) -> impl IntoIterator<Item = u8> {
        [self.0 as u8]
    }
}

impl Packable for F {}

impl Field for F {
    type Packing = Self;
    const GENERATOR: Self = Self(5);

    fn try_inverse(&self) -> Option<Self> {
        (self.0 != 0).then(|| self.exp_u64(u64::from(P) - 2))
    }

    fn order() -> BigUint {
        P.into()
    }
}

impl PrimeField for F {
    fn as_canonical_biguint(&self) -> BigUint {
        self.0.into()
    }
}

quotient_map_small_int!(F, u64, [u8, u16, u32]);
quotient_map_small_int!(F, i64, [i8, i16, i32]);
quotient_map_large_uint!(F, u32, P, "[0, 192]", "[0, 192]", [u64, u128]);
quotient_map_large_iint!(F, i32, "[0, 192]", "[0, 192]", [(i64, u64), (i128, u128)]);
