//! Statements, cards, proofs and their verification: what a browser, a node or an auditor needs, and nothing that proves.
//!
//! A [`Card`] is what the world knows of a model: its graph, without weights, and commitments to them. Once its registration
//! is checked it is [`Registered`]. A [`Proof`] carries the [`Statement`] it proves, and [`verify`] checks one against the other.

pub mod argument;
pub mod card;
pub mod commitment;
pub mod envelope;
pub mod epoch;
pub mod error;
pub mod parameters;
pub mod proof;
pub mod relation;
pub mod scalar;
pub mod statement;
pub mod verify;

pub use argument::Argument;
pub use card::Card;
pub use commitment::TensorCommitment;
pub use epoch::{Epoch, Registered, Tree, TreeId};
pub use error::{FormatError, Refusal};
pub use parameters::Parameters;
pub use proof::Proof;
pub use relation::Relation;
pub use statement::Statement;
pub use verify::{Verified, verify};
pub use zkml_iop::builder::{Shape, Visibility};
pub use zkml_ir as ir;
pub use zkml_stark::{ErrorTerm, SecurityLevel, SecurityReport};
