//! A proof as the one verifier reads it: commitments, scalars and the opening, each bound to the transcript in its turn.

use alloc::boxed::Box;
use alloc::vec::Vec;

use p3_field::BasedVectorSpace;

use crate::commitment::{ColumnCommitment, Combination};
use crate::error::VerifyError;
use crate::layout::{Layout, TreeKind};
use crate::packing::PackedValue;
use crate::prover::{Proof, tree_label};
use crate::transcript::Transcript;

/// A proof, read once from its first commitment to its opening.
pub struct Reader<'a, S: ColumnCommitment> {
    scheme: &'a S,
    transcript: &'a mut S::Transcript,
    proof: &'a Proof<S>,
    shared: &'a [(TreeKind, S::Commitment)],
    layout: &'a Layout,
    position: usize,
}

impl<'a, S: ColumnCommitment> Reader<'a, S> {
    /// A reader over a transcript that has absorbed the statement; `shared` holds the commitments that are part of it: to
    /// the registered weights and to committed tensors.
    pub fn new(
        scheme: &'a S,
        transcript: &'a mut S::Transcript,
        proof: &'a Proof<S>,
        shared: &'a [(TreeKind, S::Commitment)],
        layout: &'a Layout,
    ) -> Self {
        Self { scheme, transcript, proof, shared, layout, position: 0 }
    }

    /// Checks that the proof holds nothing beyond what was received, and returns the number of scalars.
    ///
    /// # Errors
    /// [`VerifyError::TrailingScalars`] otherwise.
    pub fn finish(self) -> Result<usize, VerifyError> {
        let got = self.proof.scalars.len();
        let helpers = self.layout.tree(TreeKind::Helpers).is_some();
        if self.position != got || helpers != self.proof.helpers.is_some() {
            return Err(VerifyError::TrailingScalars { expected: self.position, got });
        }
        Ok(got)
    }

    fn commitment(&self, tree: TreeKind) -> Result<&'a S::Commitment, VerifyError> {
        let commitment = match tree {
            TreeKind::Witness => Some(&self.proof.witness),
            TreeKind::Helpers => self.proof.helpers.as_ref(),
            TreeKind::Weights | TreeKind::Copy(_) | TreeKind::Committed(_) => {
                self.shared.iter().find(|(kind, _)| *kind == tree).map(|(_, commitment)| commitment)
            }
        };
        commitment.ok_or(VerifyError::MissingScalar { expected: tree_label(tree) })
    }

    pub(crate) fn basis(index: usize) -> S::Challenge {
        <S::Challenge as BasedVectorSpace<S::Base>>::ith_basis_element(index).unwrap_or_default()
    }

    pub(crate) fn commit(&mut self, tree: TreeKind) -> Result<(), VerifyError> {
        let bytes = self.scheme.commitment_bytes(self.commitment(tree)?);
        self.transcript.absorb_bytes(tree_label(tree), &bytes);
        Ok(())
    }

    pub(crate) fn packed(&mut self) -> Option<PackedValue<S::Challenge>> {
        self.transcript.packed()
    }

    pub(crate) fn challenge(&mut self, label: &'static str) -> S::Challenge {
        self.transcript.challenge(label)
    }

    /// The position and the value of the next scalar.
    pub(crate) fn receive(&mut self, label: &'static str) -> Result<(usize, S::Challenge), VerifyError> {
        let position = self.position;
        let value =
            *self.proof.scalars.get(position).ok_or(VerifyError::MissingScalar { expected: label })?;
        self.position += 1;
        self.transcript.absorb_scalars(label, &[value]);
        Ok((position, value))
    }

    pub(crate) fn open(&mut self, point: &[S::Challenge]) -> Result<Combination<S::Challenge>, VerifyError> {
        let mut trees = Vec::with_capacity(self.layout.trees.len());
        let mut mask_tree = 0;
        for tree in &self.layout.trees {
            let mask = if tree.kind == TreeKind::Witness {
                mask_tree = trees.len();
                S::MASK_COLUMNS
            } else {
                0
            };
            trees.push((self.commitment(tree.kind)?.clone(), tree.columns + mask));
        }
        self.scheme
            .verify(&trees, mask_tree, point, &self.proof.opening, self.transcript)
            .map_err(|e| VerifyError::Opening(Box::new(e)))
    }
}
