//! The interactive oracle proof: sumcheck, lookups, claims, column layout and one relation per operator.
#![no_std]
extern crate alloc;

pub mod commitment;
pub mod eq;
pub mod functional;
pub mod map;
pub mod scalar;
pub mod transcript;
