//! The provable security of an opening, term by term.

use libm::{exp2, log2};
use p3_field::PrimeField32;

use crate::{DEGREE, F};

/// One source of soundness error.
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorTerm {
    /// Where the error comes from.
    pub name: &'static str,
    /// `−log2` of its probability.
    pub bits: f64,
}

/// Every soundness error of a proof, composed by a union bound.
///
/// All terms are proven in the random-oracle model: Reed-Solomon proximity in the Johnson regime with mutual correlated
/// agreement, never up to capacity. Collisions of 256-bit digests (`2^128` work) are not counted.
#[derive(Clone, Debug, PartialEq)]
pub struct SecurityReport {
    /// The level asked for, in bits.
    pub level: u32,
    /// `log2` of the number of column tuples that a root can still mean.
    pub list_size_bits: f64,
    /// The errors.
    pub terms: Vec<ErrorTerm>,
}

impl SecurityReport {
    pub(crate) fn new(level: u32, list_size_bits: f64) -> Self {
        Self { level, list_size_bits, terms: Vec::new() }
    }

    /// Adds an error of probability `2^−bits`.
    pub fn add(&mut self, name: &'static str, bits: f64) {
        self.terms.push(ErrorTerm { name, bits });
    }

    /// Adds the error of a challenge drawn after the columns are committed: `degree` bad values in `K` for each tuple
    /// of columns that the roots can still mean.
    pub fn add_algebraic(&mut self, name: &'static str, degree: f64) {
        self.add(name, algebraic_bits(degree, self.list_size_bits));
    }

    /// `−log2` of the sum of all errors.
    pub fn bits(&self) -> f64 {
        -log2(self.terms.iter().map(|term| exp2(-term.bits)).sum())
    }

    /// Whether the errors stay below `2^−level`. False if any term is not a number.
    pub fn reaches_level(&self) -> bool {
        self.bits() >= f64::from(self.level)
    }
}

/// `log2 |K|`.
pub(crate) fn challenge_field_bits() -> f64 {
    DEGREE as f64 * log2(f64::from(F::ORDER_U32))
}

/// The bits of an error of `degree · 2^list_size_bits / |K|`.
pub(crate) fn algebraic_bits(degree: f64, list_size_bits: f64) -> f64 {
    challenge_field_bits() - log2(degree) - list_size_bits
}
