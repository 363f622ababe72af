#![doc = include_str!("../README.md")]

pub mod circuit;
pub mod codec;
pub mod groth16;
pub mod msm;
pub mod plonk;
mod random;
pub mod srs;

pub use ark_bn254::{Fr, G1Affine, G2Affine};
pub use random::EntropyError;
