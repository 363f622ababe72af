//! What a cheating prover or a careless holder of a key may try: each must be refused.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod budgets;
mod forger;
mod hostile;
mod linking;
