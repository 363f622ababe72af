//! The verification of a proof against a card.

use zkml_iop::native::Native;
use zkml_stark::{MerkleRoot, SecurityReport};

use crate::card::Card;
use crate::error::Refusal;
use crate::proof::Proof;
use crate::relation::Relation;

/// What a verification found.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The provable security of the proof, term by term.
    pub security: SecurityReport,
}

/// Checks that `proof` proves its statement about the card's model with at least `min_security` bits.
///
/// # Errors
/// [`Refusal`] that names the check that fails.
///
/// # Soundness
/// The caller compares the statement (public tensors, context) with what it expects. Nothing else of a proof means anything.
pub fn verify(card: &Card, proof: &Proof, min_security: u32) -> Result<Verified, Refusal> {
    let statement = &proof.statement;
    statement.check(card)?;
    let relation = Relation::new(card, &statement.shape)?;
    let security = relation.security()?;
    if security.bits() < f64::from(min_security) {
        return Err(Refusal::Security { expected: min_security, got: security.bits() });
    }
    let parts = proof.parts(&relation)?;
    let public = relation.public(&statement.shape, &statement.inputs, &statement.outputs);
    let weights = card.weights.map(MerkleRoot);
    let mut transcript = statement.transcript()?;
    let mut cx = Native::new(&relation.columns, &mut transcript, &parts, weights.as_ref(), &relation.layout);
    zkml_iop::verifier::verify(&mut cx, &relation.system, &relation.layout, &public)?;
    cx.finish()?;
    Ok(Verified { security })
}
