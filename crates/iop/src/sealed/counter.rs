//! A dry run of the verifier that counts scalars and products, and computes nothing.

use core::ops::{Add, Mul, Sub};

use alloc::vec;
use alloc::vec::Vec;

use super::{Pairs, Shape};
use crate::claims::ColumnClaim;
use crate::commitment::Combination;
use crate::context::Context;
use crate::error::VerifyError;
use crate::layout::{Layout, TreeKind};
use crate::scalar::Scalar;
use crate::system::System;
use crate::verifier::verify;

/// The pads and products of a statement's proof, with `num_wide` claims on whole columns.
///
/// # Errors
/// Whatever [`verify`] says of the statement.
pub fn count(
    system: &System,
    layout: &Layout,
    public: &[Vec<i32>],
    num_wide: usize,
) -> Result<Shape, VerifyError> {
    let wide = ColumnClaim {
        trees: Vec::new(),
        point: vec![Nothing; layout.log_rows],
        batching: Nothing,
        rows: 0,
        value: Nothing,
    };
    let mut counter = Counter { num_pads: 0, pairs: Pairs::default(), num_columns: layout.num_columns() };
    verify(&mut counter, system, layout, public, &vec![wide; num_wide])?;
    Ok(Shape { num_pads: counter.num_pads, products: counter.pairs.list })
}

struct Counter {
    num_pads: usize,
    pairs: Pairs,
    num_columns: usize,
}

/// A scalar of which nothing matters.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Nothing;

impl Add for Nothing {
    type Output = Self;
    fn add(self, _: Self) -> Self {
        self
    }
}

impl Sub for Nothing {
    type Output = Self;
    fn sub(self, _: Self) -> Self {
        self
    }
}

impl Mul for Nothing {
    type Output = Self;
    fn mul(self, _: Self) -> Self {
        self
    }
}

impl Scalar for Nothing {
    fn integer(_: i64) -> Self {
        Self
    }

    fn integer_inverse(_: i64) -> Self {
        Self
    }
}

impl Context for Counter {
    type Public = Nothing;
    type Sealed = usize;
    type Linear = ();

    fn basis(&self, _: usize) -> Nothing {
        Nothing
    }

    fn commit(&mut self, _: TreeKind) -> Result<(), VerifyError> {
        Ok(())
    }

    fn challenge(&mut self, _: &'static str) -> Nothing {
        Nothing
    }

    fn receive(&mut self, _: &'static str) -> Result<usize, VerifyError> {
        self.num_pads += 1;
        Ok(self.num_pads - 1)
    }

    fn affine(&mut self, value: &usize, _: &Nothing, _: &Nothing) -> usize {
        *value
    }

    fn zero(&self) {}

    fn add_public(&mut self, (): &mut (), _: &Nothing) {}

    fn add(&mut self, (): &mut (), _: &Nothing, _: &usize) {}

    fn add_product(&mut self, (): &mut (), _: &Nothing, a: &usize, b: &usize) {
        self.pairs.position(*a, *b);
    }

    fn scale(&mut self, (): &(), _: &Nothing) {}

    fn add_linear(&mut self, (): &mut (), (): &()) {}

    fn assert_zero(&mut self, (): (), _: &'static str) -> Result<(), VerifyError> {
        Ok(())
    }

    fn open(&mut self, _: &[Nothing]) -> Result<Combination<Nothing>, VerifyError> {
        Ok(Combination { coefficients: vec![Nothing; self.num_columns], value: Nothing })
    }
}
