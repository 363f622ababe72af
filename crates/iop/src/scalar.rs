//! The arithmetic that a verifier needs of public values, in the clear or inside a circuit.

use core::ops::{Add, Mul, Sub};

/// A public value of a verification: a constant, a challenge, or something computed from them.
///
/// Natively it is an element of the challenge field; in a circuit it is a variable.
pub trait Scalar: Clone + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> {
    /// The image of an integer.
    fn integer(value: i64) -> Self;

    /// The inverse of a small non-zero integer.
    fn integer_inverse(value: i64) -> Self;

    /// The same value, cheap to add to others: a circuit makes a variable of a long sum.
    #[must_use]
    fn shortened(self) -> Self {
        self
    }
}

impl<K: p3_field::Field> Scalar for K {
    fn integer(value: i64) -> Self {
        let magnitude = K::from_u64(value.unsigned_abs());
        if value < 0 { -magnitude } else { magnitude }
    }

    fn integer_inverse(value: i64) -> Self {
        <K as Scalar>::integer(value).inverse()
    }
}
