//! The native context: every scalar in the clear, every equation checked at once.

use alloc::boxed::Box;
use alloc::vec::Vec;

use p3_field::{BasedVectorSpace, PrimeCharacteristicRing};

use crate::commitment::{ColumnCommitment, Combination};
use crate::context::Context;
use crate::error::VerifyError;
use crate::layout::{Layout, TreeKind};
use crate::prover::{Proof, tree_label};
use crate::transcript::Transcript;

/// A verification in the clear.
pub struct Native<'a, S: ColumnCommitment> {
    scheme: &'a S,
    transcript: &'a mut S::Transcript,
    proof: &'a Proof<S>,
    weights: Option<&'a S::Commitment>,
    layout: &'a Layout,
    position: usize,
}

impl<'a, S: ColumnCommitment> Native<'a, S> {
    /// A context over a transcript that has absorbed the statement; `weights` is the registered commitment.
    pub fn new(
        scheme: &'a S,
        transcript: &'a mut S::Transcript,
        proof: &'a Proof<S>,
        weights: Option<&'a S::Commitment>,
        layout: &'a Layout,
    ) -> Self {
        Self { scheme, transcript, proof, weights, layout, position: 0 }
    }

    /// Checks that the proof holds nothing beyond what was received.
    ///
    /// # Errors
    /// [`VerifyError::TrailingScalars`] otherwise.
    pub fn finish(self) -> Result<(), VerifyError> {
        let got = self.proof.scalars.len();
        let helpers = self.layout.tree(TreeKind::Helpers).is_some();
        if self.position != got || helpers != self.proof.helpers.is_some() {
            return Err(VerifyError::TrailingScalars { expected: self.position, got });
        }
        Ok(())
    }

    fn commitment(&self, tree: TreeKind) -> Result<&'a S::Commitment, VerifyError> {
        let commitment = match tree {
            TreeKind::Weights => self.weights,
            TreeKind::Witness => Some(&self.proof.witness),
            TreeKind::Helpers => self.proof.helpers.as_ref(),
        };
        commitment.ok_or(VerifyError::MissingScalar { expected: tree_label(tree) })
    }
}

impl<S: ColumnCommitment> Context for Native<'_, S> {
    type Public = S::Challenge;
    type Sealed = S::Challenge;
    type Linear = S::Challenge;

    fn basis(&self, index: usize) -> S::Challenge {
        <S::Challenge as BasedVectorSpace<S::Base>>::ith_basis_element(index).unwrap_or_default()
    }

    fn commit(&mut self, tree: TreeKind) -> Result<(), VerifyError> {
        let bytes = self.scheme.commitment_bytes(self.commitment(tree)?);
        self.transcript.absorb_bytes(tree_label(tree), &bytes);
        Ok(())
    }

    fn challenge(&mut self, label: &'static str) -> S::Challenge {
        self.transcript.challenge(label)
    }

    fn receive(&mut self, label: &'static str) -> Result<S::Challenge, VerifyError> {
        let value =
            *self.proof.scalars.get(self.position).ok_or(VerifyError::MissingScalar { expected: label })?;
        self.position += 1;
        self.transcript.absorb_scalars(label, &[value]);
        Ok(value)
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
        let mut trees = Vec::with_capacity(self.layout.trees.len());
        let mut mask_tree = 0;
        for &(kind, columns) in &self.layout.trees {
            let mask = if kind == TreeKind::Witness {
                mask_tree = trees.len();
                S::MASK_COLUMNS
            } else {
                0
            };
            trees.push((self.commitment(kind)?.clone(), columns + mask));
        }
        self.scheme
            .verify(&trees, mask_tree, point, &self.proof.opening, self.transcript)
            .map_err(|e| VerifyError::Opening(Box::new(e)))
    }
}
