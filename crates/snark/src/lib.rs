#![doc = include_str!("../README.md")]

pub mod circuit;

pub use ark_bn254::Fr;
