//! The native context: every scalar in the clear, every equation checked at once.
//!
//! It checks proofs that are not sealed: inside of another argument that hides them, and in tests of the relations.

use p3_field::PrimeCharacteristicRing;

use crate::commitment::{ColumnCommitment, Combination};
use crate::context::Context;
use crate::error::VerifyError;
use crate::layout::TreeKind;
use crate::packing::PackedValue;
use crate::reader::Reader;

/// A verification in the clear.
pub struct Native<'a, S: ColumnCommitment> {
    reader: Reader<'a, S>,
}

impl<'a, S: ColumnCommitment> Native<'a, S> {
    /// A context that reads a proof.
    pub fn new(reader: Reader<'a, S>) -> Self {
        Self { reader }
    }

    /// Checks that the proof holds nothing beyond what was received.
    ///
    /// # Errors
    /// [`VerifyError::TrailingScalars`] otherwise.
    pub fn finish(self) -> Result<(), VerifyError> {
        self.reader.finish().map(|_| ())
    }
}

impl<S: ColumnCommitment> Context for Native<'_, S> {
    type Public = S::Challenge;
    type Sealed = S::Challenge;
    type Linear = S::Challenge;

    fn basis(&self, index: usize) -> S::Challenge {
        Reader::<S>::basis(index)
    }

    fn commit(&mut self, tree: TreeKind) -> Result<(), VerifyError> {
        self.reader.commit(tree)
    }

    fn packed(&mut self) -> Option<PackedValue<S::Challenge>> {
        self.reader.packed()
    }

    fn challenge(&mut self, label: &'static str) -> S::Challenge {
        self.reader.challenge(label)
    }

    fn receive(&mut self, label: &'static str) -> Result<S::Challenge, VerifyError> {
        self.reader.receive(label).map(|(_, value)| value)
    }

    fn factor(&mut self, _: &'static str, sum: S::Challenge) -> Result<S::Challenge, VerifyError> {
        Ok(sum)
    }

    fn affine(
        &mut self,
        value: &S::Challenge,
        factor: &S::Challenge,
        constant: &S::Challenge,
    ) -> S::Challenge {
        *value * *factor + *constant
    }

    fn zero(&self) -> S::Challenge {
        S::Challenge::ZERO
    }

    fn add_public(&mut self, sum: &mut S::Challenge, value: &S::Challenge) {
        *sum += *value;
    }

    fn add(&mut self, sum: &mut S::Challenge, factor: &S::Challenge, value: &S::Challenge) {
        *sum += *factor * *value;
    }

    fn add_product(
        &mut self,
        sum: &mut S::Challenge,
        factor: &S::Challenge,
        a: &S::Challenge,
        b: &S::Challenge,
    ) {
        *sum += *factor * *a * *b;
    }

    fn scale(&mut self, sum: &S::Challenge, factor: &S::Challenge) -> S::Challenge {
        *sum * *factor
    }

    fn add_linear(&mut self, sum: &mut S::Challenge, other: &S::Challenge) {
        *sum += *other;
    }

    fn assert_zero(&mut self, sum: S::Challenge, check: &'static str) -> Result<(), VerifyError> {
        if sum == S::Challenge::ZERO { Ok(()) } else { Err(VerifyError::Unequal { check }) }
    }

    fn open(&mut self, point: &[S::Challenge]) -> Result<Combination<S::Challenge>, VerifyError> {
        self.reader.open(point)
    }
}
