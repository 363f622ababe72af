#![doc = include_str!("../README.md")]

mod codec;
pub mod columns;
mod hash;
pub mod ligero;
mod merkle;
mod reed_solomon;
mod security;
mod transcript;
mod whir;

use p3_field::extension::QuinticTrinomialExtensionField;
use p3_field::{BasedVectorSpace, Field};
use p3_koala_bear::KoalaBear;

pub use codec::DecodeError;
pub use columns::{
    ColumnConfig, ColumnError, ColumnOpening, ColumnTree, ConfigError, PinPoint, SecurityLevel, StarkColumns,
};
pub use ligero::{Equation, Ligero, LigeroConfig, LigeroError, LigeroProof, PadTree, Relation};
pub use merkle::MerkleRoot;
pub use security::{ErrorTerm, SecurityReport};
pub use transcript::Blake3Transcript;

/// The field of committed columns: KoalaBear, `p = 2^31 − 2^24 + 1`.
pub type F = KoalaBear;

/// The field of challenges: the degree-5 extension `F[θ] / (θ^5 + θ^2 − 1)`, about `2^154.9` elements.
pub type K = QuinticTrinomialExtensionField<KoalaBear>;

/// The degree of [`K`] over [`F`].
pub(crate) const DEGREE: usize = 5;

/// Overwrites secrets in a way that is not optimised out.
pub(crate) fn wipe<T: Field>(values: &mut [T]) {
    values.fill(T::ZERO);
    zeroize::optimization_barrier(values);
}

/// The coordinates of a challenge in the basis `1, θ, …, θ^4`.
pub(crate) fn limbs(scalar: &K) -> &[F] {
    <K as BasedVectorSpace<F>>::as_basis_coefficients_slice(scalar)
}

/// The challenge with the given coordinates.
pub(crate) fn from_limbs(limb: impl FnMut(usize) -> F) -> K {
    <K as BasedVectorSpace<F>>::from_basis_coefficients_fn(limb)
}
