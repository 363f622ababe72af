//! The recording context: it knows every scalar only behind its pad, and turns checks into equations over the pads.

use alloc::vec::Vec;

use p3_field::PrimeCharacteristicRing;

use super::{Equation, Pairs, Relation, Shape};
use crate::commitment::{ColumnCommitment, Combination};
use crate::context::Context;
use crate::error::VerifyError;
use crate::layout::TreeKind;
use crate::reader::Reader;

/// A verification that records what it checks.
pub struct Recorder<'a, S: ColumnCommitment> {
    reader: Reader<'a, S>,
    pairs: Pairs,
    equations: Vec<Equation<S::Challenge>>,
}

/// `value − factor·pad`.
#[derive(Clone, Copy, Debug)]
pub struct Masked<K> {
    pad: usize,
    factor: K,
    value: K,
}

/// A sum of multiples of pads, of products of pads, and of a constant.
#[derive(Clone, Debug)]
pub struct Form<K> {
    terms: Vec<(usize, K)>,
    products: Vec<(usize, K)>,
    constant: K,
}

impl<'a, S: ColumnCommitment> Recorder<'a, S> {
    /// A context that reads a sealed proof.
    pub fn new(reader: Reader<'a, S>) -> Self {
        Self { reader, pairs: Pairs::default(), equations: Vec::new() }
    }

    /// What the pads must satisfy for the proof to hold.
    ///
    /// # Errors
    /// [`VerifyError::TrailingScalars`] if the proof holds anything beyond what was received.
    ///
    /// # Soundness
    /// Nothing is proven before the equations are.
    pub fn finish(self) -> Result<Relation<S::Challenge>, VerifyError> {
        let num_pads = self.reader.finish()?;
        Ok(Relation { shape: Shape { num_pads, products: self.pairs.list }, equations: self.equations })
    }
}

impl<S: ColumnCommitment> Context for Recorder<'_, S> {
    type Public = S::Challenge;
    type Sealed = Masked<S::Challenge>;
    type Linear = Form<S::Challenge>;

    fn basis(&self, index: usize) -> S::Challenge {
        Reader::<S>::basis(index)
    }

    fn commit(&mut self, tree: TreeKind) -> Result<(), VerifyError> {
        self.reader.commit(tree)
    }

    fn challenge(&mut self, label: &'static str) -> S::Challenge {
        self.reader.challenge(label)
    }

    fn receive(&mut self, label: &'static str) -> Result<Self::Sealed, VerifyError> {
        let (pad, value) = self.reader.receive(label)?;
        Ok(Masked { pad, factor: S::Challenge::ONE, value })
    }

    fn affine(
        &mut self,
        value: &Self::Sealed,
        factor: &S::Challenge,
        constant: &S::Challenge,
    ) -> Self::Sealed {
        Masked { pad: value.pad, factor: value.factor * *factor, value: value.value * *factor + *constant }
    }

    fn zero(&self) -> Self::Linear {
        Form { terms: Vec::new(), products: Vec::new(), constant: S::Challenge::ZERO }
    }

    fn add_public(&mut self, sum: &mut Self::Linear, value: &S::Challenge) {
        sum.constant += *value;
    }

    fn add(&mut self, sum: &mut Self::Linear, factor: &S::Challenge, value: &Self::Sealed) {
        sum.terms.push((value.pad, -(*factor * value.factor)));
        sum.constant += *factor * value.value;
    }

    fn add_product(
        &mut self,
        sum: &mut Self::Linear,
        factor: &S::Challenge,
        a: &Self::Sealed,
        b: &Self::Sealed,
    ) {
        // (A − f·π)·(B − g·ρ) = AB − A·g·ρ − B·f·π + fg·πρ
        let product = self.pairs.position(a.pad, b.pad);
        sum.products.push((product, *factor * a.factor * b.factor));
        sum.terms.push((a.pad, -(*factor * a.factor * b.value)));
        sum.terms.push((b.pad, -(*factor * b.factor * a.value)));
        sum.constant += *factor * a.value * b.value;
    }

    fn scale(&mut self, sum: &Self::Linear, factor: &S::Challenge) -> Self::Linear {
        let scaled = |entries: &[(usize, S::Challenge)]| {
            entries.iter().map(|&(index, coefficient)| (index, coefficient * *factor)).collect()
        };
        Form { terms: scaled(&sum.terms), products: scaled(&sum.products), constant: sum.constant * *factor }
    }

    fn add_linear(&mut self, sum: &mut Self::Linear, other: &Self::Linear) {
        sum.terms.extend_from_slice(&other.terms);
        sum.products.extend_from_slice(&other.products);
        sum.constant += other.constant;
    }

    fn assert_zero(&mut self, sum: Self::Linear, check: &'static str) -> Result<(), VerifyError> {
        let Form { terms, products, constant } = sum;
        self.equations.push(Equation { check, terms, products, constant });
        Ok(())
    }

    fn open(&mut self, point: &[S::Challenge]) -> Result<Combination<S::Challenge>, VerifyError> {
        self.reader.open(point)
    }
}
