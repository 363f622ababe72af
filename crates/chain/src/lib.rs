#![doc = include_str!("../README.md")]

pub mod card;
pub mod error;
pub mod points;
pub mod proof;
pub mod security;
pub mod snark;
pub mod statement;
pub mod verify;

pub use card::{Card, SrsOrigin};
pub use error::Refusal;
pub use points::{Points, TauG2};
pub use proof::Proof;
pub use snark::{SnarkKey, Suite};
pub use statement::{Statement, TensorCommitment};
pub use verify::{ColumnCounts, Policy, Registered, Registration, Verified, verify};
pub use zkml_bn254 as bn254;
pub use zkml_snark as snark_suites;
pub use zkml_snark::circuit::Statistics;
