//! The interactive oracle proof: sumcheck, lookups, claims, column layout and one relation per operator.
#![no_std]
extern crate alloc;

pub mod commitment;
pub mod transcript;
