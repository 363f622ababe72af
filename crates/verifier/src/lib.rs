//! Statements, cards, proofs and their verification: what a browser, a node or an auditor needs, and nothing that proves.
//!
//! A [`Card`] is what the world knows of a model: its graph, without weights, and the commitment to them. A [`Proof`] carries
//! the [`Statement`] it proves. [`verify`] checks one against the other.

pub mod card;
pub mod envelope;
pub mod error;
pub mod parameters;
pub mod proof;
pub mod relation;
pub mod statement;
pub mod verify;

pub use card::Card;
pub use error::{FormatError, Refusal};
pub use parameters::Parameters;
pub use proof::Proof;
pub use relation::Relation;
pub use statement::Statement;
pub use verify::{Verified, verify};
pub use zkml_iop::builder::{Shape, Visibility};
pub use zkml_ir as ir;
pub use zkml_stark::{ErrorTerm, SecurityLevel, SecurityReport};
