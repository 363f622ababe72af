//! What a cheating prover or a careless holder of a key may try: each must be refused.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod budgets;
#[path = "../file/mod.rs"]
mod file;
mod forger;
mod hostile;
mod linking;
