//! The verification of a proof against a registered card.

use zkml_iop::layout::TreeKind;
use zkml_iop::system::Home;
use zkml_iop::transcript::Transcript;
use zkml_stark::{Blake3Transcript, F, K, MerkleRoot, SecurityReport};

use crate::argument::Task;
use crate::card::Card;
use crate::epoch::{Registered, TreeId, pin_claim, unknown_tree};
use crate::error::Refusal;
use crate::proof::Proof;
use crate::relation::Relation;
use crate::statement::Statement;

/// What a verification found.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The provable security of the proof, term by term.
    pub security: SecurityReport,
    /// The bits of the model's weakest registration; absent for a model without weights.
    pub registration: Option<f64>,
}

impl Verified {
    /// The provable security of the statement in bits: of the proof or of a registration, whichever is less.
    ///
    /// Whoever forges one of them asks the random oracle about that one, so their work splits, and their errors do not add.
    pub fn bits(&self) -> f64 {
        self.registration.into_iter().fold(self.security.bits(), f64::min)
    }
}

/// Checks that `proof` proves its statement about the registered model with at least `min_security` bits.
///
/// # Errors
/// [`Refusal`] that names the check that fails.
///
/// # Soundness
/// The caller compares the statement (public tensors, commitments, context) with what it expects. Nothing else of a proof
/// means anything.
pub fn verify(model: &Registered, proof: &Proof, min_security: u32) -> Result<Verified, Refusal> {
    let (card, statement) = (model.card(), &proof.statement);
    statement.check(card)?;
    let relation = Relation::new(card, &statement.shape, &statement.commitments)?;
    let mut transcript = statement.transcript()?;
    let task = statement_task(card, &relation, statement, proof.tree, &mut transcript)?;
    let security = task.check(&mut transcript, &proof.argument)?;
    let verified = Verified { security, registration: model.security() };
    // What is no number is not enough.
    let enough = verified.bits() >= f64::from(min_security);
    if !enough {
        return Err(Refusal::Security { expected: min_security, got: verified.bits() });
    }
    Ok(verified)
}

/// What the proof of a statement proves; the transcript, which holds the statement, absorbs the opened tree of the weights.
///
/// # Errors
/// [`Refusal::Statement`] if the card has no such tree.
pub fn statement_task<'r>(
    card: &Card,
    relation: &'r Relation,
    statement: &Statement,
    tree: Option<TreeId>,
    transcript: &mut Blake3Transcript,
) -> Result<Task<'r>, Refusal> {
    let mut shared = Vec::with_capacity(1 + statement.commitments.len());
    let mut wide = Vec::with_capacity(shared.capacity());
    match (tree, card.epochs.is_empty()) {
        (None, true) => {}
        (Some(id), false) => {
            let tree = card.tree(id).ok_or_else(|| unknown_tree(id))?;
            Transcript::<F, K>::absorb_bytes(transcript, "weights epoch", &id.epoch.to_le_bytes());
            Transcript::<F, K>::absorb_bytes(transcript, "weights tree", &id.tree.to_le_bytes());
            Transcript::<F, K>::absorb_bytes(transcript, "weights pin", &tree.pin.bytes());
            shared.push((TreeKind::Weights, MerkleRoot(tree.root)));
            wide.push(tree.claim(relation, TreeKind::Weights));
        }
        _ => {
            return Err(Refusal::Statement(
                "the proof and the card disagree on whether there are weights".into(),
            ));
        }
    }
    for (index, commitment) in statement.commitments.iter().enumerate() {
        let (kind, root) = (TreeKind::Committed(index), MerkleRoot(commitment.root));
        shared.push((kind, root));
        let reading = commitment.reading(shape_of(relation, index));
        wide.push(pin_claim(relation, kind, (&root, &commitment.pin), &reading));
    }
    let public = relation.public(&statement.shape, &statement.inputs, &statement.outputs);
    Ok(Task { relation, shared, wide, public })
}

/// The shape of a statement's committed tensor.
fn shape_of(relation: &Relation, index: usize) -> &[usize] {
    let tensor = relation.system.tensors.iter().find(|t| t.home == Home::Committed(index));
    tensor.map_or(&[], |t| &t.shape)
}
