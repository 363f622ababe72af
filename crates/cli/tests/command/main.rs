//! The command as people and scripts use it: every test runs the binary.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails here is a failed test")]

mod bench;
mod files;
mod openings;
mod proofs;
mod refusals;
mod street;
