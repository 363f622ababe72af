//! The interactive oracle proof: sumcheck, lookups, claims, column layout and one relation per operator.
#![no_std]
extern crate alloc;

pub mod builder;
pub mod claims;
pub mod commitment;
pub mod context;
pub mod eq;
pub mod error;
mod fractions;
pub mod functional;
pub mod layout;
pub mod map;
pub mod native;
mod ops;
pub mod packing;
mod parallel;
pub mod prover;
pub mod reader;
pub mod registration;
pub mod scalar;
pub mod sealed;
pub mod soundness;
pub mod sumcheck;
pub mod system;
pub mod transcript;
pub mod verifier;
