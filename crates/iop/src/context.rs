//! What the one verifier needs of its surroundings: scalars, challenges, and the equations between them.
//!
//! `verify` is written once against [`Context`]. The native context checks every equation at once; a recorder of a sealed
//! transcript collects them as linear equations and products over masked scalars; circuit builders turn them into constraints.

use crate::commitment::Combination;
use crate::error::VerifyError;
use crate::layout::TreeKind;
use crate::packing::PackedValue;
use crate::scalar::Scalar;

/// The surroundings of a verification.
///
/// Scalars that the prover sends are [`Context::Sealed`]: a context may know them only through a mask. A sealed value is an
/// affine function of *one* such scalar, so that it can be a factor of a product; sums of several are
/// [`Context::Linear`] and can only be asserted to vanish.
pub trait Context {
    /// Constants, challenges and what is computed from them.
    type Public: Scalar;
    /// An affine function of one scalar of the prover.
    type Sealed: Clone;
    /// A sum of sealed values, products and public values.
    type Linear: Clone;

    /// The basis element `index` of the challenge field over the base field.
    fn basis(&self, index: usize) -> Self::Public;

    /// Binds the commitment of a tree to the transcript.
    ///
    /// # Errors
    /// [`VerifyError`] if the proof has no such commitment.
    fn commit(&mut self, tree: TreeKind) -> Result<(), VerifyError>;

    /// The value of the statement's packed words at a point that depends on them and on all commitments so far, bound to the
    /// transcript; `None` where statements are not packed.
    fn packed(&mut self) -> Option<PackedValue<Self::Public>> {
        None
    }

    /// Draws a challenge.
    fn challenge(&mut self, label: &'static str) -> Self::Public;

    /// Receives the prover's next scalar and binds it to the transcript.
    ///
    /// # Errors
    /// [`VerifyError::MissingScalar`] if the proof ends.
    fn receive(&mut self, label: &'static str) -> Result<Self::Sealed, VerifyError>;

    /// A sum as one factor of a product: where scalars are masked, a message of its own that the sum is checked against.
    ///
    /// # Errors
    /// Those of [`Context::receive`] and [`Context::assert_zero`].
    fn factor(&mut self, label: &'static str, mut sum: Self::Linear) -> Result<Self::Sealed, VerifyError> {
        let value = self.receive(label)?;
        self.add(&mut sum, &Self::Public::integer(-1), &value);
        self.assert_zero(sum, label)?;
        Ok(value)
    }

    /// `factor·value + constant`.
    fn affine(
        &mut self,
        value: &Self::Sealed,
        factor: &Self::Public,
        constant: &Self::Public,
    ) -> Self::Sealed;

    /// The empty sum.
    fn zero(&self) -> Self::Linear;

    /// Adds a public value.
    fn add_public(&mut self, sum: &mut Self::Linear, value: &Self::Public);

    /// Adds `factor·value`.
    fn add(&mut self, sum: &mut Self::Linear, factor: &Self::Public, value: &Self::Sealed);

    /// Adds `factor·a·b`.
    fn add_product(
        &mut self,
        sum: &mut Self::Linear,
        factor: &Self::Public,
        a: &Self::Sealed,
        b: &Self::Sealed,
    );

    /// `factor·sum`.
    fn scale(&mut self, sum: &Self::Linear, factor: &Self::Public) -> Self::Linear;

    /// Adds another sum.
    fn add_linear(&mut self, sum: &mut Self::Linear, other: &Self::Linear);

    /// Requires a sum to vanish.
    ///
    /// # Errors
    /// [`VerifyError::Unequal`] where the context can tell at once.
    fn assert_zero(&mut self, sum: Self::Linear, check: &'static str) -> Result<(), VerifyError>;

    /// Checks the opening of all trees at a row point and returns the combination that it proves.
    ///
    /// # Errors
    /// [`VerifyError::Opening`] if the opening is refused.
    fn open(&mut self, point: &[Self::Public]) -> Result<Combination<Self::Public>, VerifyError>;
}
