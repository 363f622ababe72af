//! Closed integer intervals: what is known of every entry of a tensor.

use serde::{Deserialize, Serialize};

/// The integers from `lo` to `hi`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Interval {
    /// The least integer.
    pub lo: i64,
    /// The greatest integer.
    pub hi: i64,
}

impl Interval {
    /// The interval from `lo` to `hi`; the caller keeps `lo <= hi`.
    pub const fn new(lo: i64, hi: i64) -> Self {
        Self { lo, hi }
    }

    /// The interval that holds one integer.
    pub const fn point(value: i64) -> Self {
        Self { lo: value, hi: value }
    }

    /// `[0, 2^bits − 1]`; `bits` is at most 62.
    pub const fn unsigned(bits: u32) -> Self {
        Self { lo: 0, hi: (1 << bits) - 1 }
    }

    /// `[−2^(bits−1), 2^(bits−1) − 1]`; `bits` is from 1 to 62.
    pub const fn signed(bits: u32) -> Self {
        Self { lo: -(1 << (bits - 1)), hi: (1 << (bits - 1)) - 1 }
    }

    /// Whether the interval holds an integer at all.
    pub const fn is_valid(&self) -> bool {
        self.lo <= self.hi
    }

    /// Whether `value` lies inside.
    pub const fn contains(&self, value: i64) -> bool {
        self.lo <= value && value <= self.hi
    }

    /// Whether `other` lies inside.
    pub const fn covers(&self, other: &Self) -> bool {
        self.lo <= other.lo && other.hi <= self.hi
    }

    /// The number of integers inside, saturating.
    pub const fn len(&self) -> u64 {
        if self.lo > self.hi { 0 } else { self.hi.abs_diff(self.lo).saturating_add(1) }
    }

    /// Whether no integer lies inside.
    pub const fn is_empty(&self) -> bool {
        self.lo > self.hi
    }

    /// The greatest absolute value, saturating.
    pub const fn magnitude(&self) -> u64 {
        let (a, b) = (self.lo.unsigned_abs(), self.hi.unsigned_abs());
        if a > b { a } else { b }
    }

    /// The smallest interval that holds both, the union's hull.
    pub fn hull(&self, other: &Self) -> Self {
        Self { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
    }

    /// All sums of two members, saturating.
    pub const fn add(&self, other: &Self) -> Self {
        Self { lo: self.lo.saturating_add(other.lo), hi: self.hi.saturating_add(other.hi) }
    }

    /// All multiples by a constant, saturating.
    pub const fn scale(&self, k: i64) -> Self {
        let (a, b) = (self.lo.saturating_mul(k), self.hi.saturating_mul(k));
        if k >= 0 { Self { lo: a, hi: b } } else { Self { lo: b, hi: a } }
    }

    /// The hull of all products of two members, saturating.
    pub fn mul(&self, other: &Self) -> Self {
        let products = [
            self.lo.saturating_mul(other.lo),
            self.lo.saturating_mul(other.hi),
            self.hi.saturating_mul(other.lo),
            self.hi.saturating_mul(other.hi),
        ];
        Self {
            lo: products.into_iter().fold(i64::MAX, i64::min),
            hi: products.into_iter().fold(i64::MIN, i64::max),
        }
    }

    /// All sums of `count` members, saturating.
    pub fn times(&self, count: usize) -> Self {
        self.scale(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

impl core::fmt::Display for Interval {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "[{}, {}]", self.lo, self.hi)
    }
}
