#![doc = include_str!("../README.md")]

pub mod circuit;
pub mod columns;
pub mod digest;
pub mod error;
pub mod field;
#[cfg(test)]
mod hiding;
pub mod mercury;
pub mod poseidon2;
pub mod proof;
pub mod relation;
#[cfg(test)]
mod testing;
pub mod transcript;

pub use columns::{ColumnOpening, ColumnPoints, ColumnTree, KzgColumns};
pub use error::Bn254Error;
pub use field::F;
pub use mercury::MercuryProof;
pub use proof::{ClearProof, OuterProof, prove};
pub use relation::{FIELD, Public, Relation};
pub use transcript::Poseidon2Transcript;
pub use zkml_snark::srs::Srs;
