//! Commitments to a model's weights: forests of trees, and the proofs that register them.

use serde::{Deserialize, Serialize};
use zkml_iop::claims::ColumnClaim;
use zkml_iop::layout::TreeKind;
use zkml_iop::transcript::Transcript;
use zkml_stark::{Blake3Transcript, F, K, MerkleRoot, PinPoint, SecurityReport, StarkColumns};

use crate::argument::{Argument, Task};
use crate::card::Card;
use crate::error::Refusal;
use crate::relation::Relation;
use crate::scalar::Limbs;

/// The most trees of one epoch.
pub const MAX_TREES: usize = 1 << 12;
/// The most epochs of a model.
pub const MAX_EPOCHS: usize = 1 << 10;

/// One commitment to the weights, with randomness of its own.
///
/// Every proof that opens a tree reveals some of its random rows, so a tree serves a bounded number of proofs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// The root.
    pub root: [u8; 32],
    /// The value that pins the columns behind it.
    pub pin: Limbs,
}

/// Trees of the same weights, and the proof that registers them.
///
/// The first epoch's proof shows that the weights lie in their intervals and keep their caps, and that all trees hold the
/// same ones. A later epoch's shows that its trees hold the weights of the epoch before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// The tree of the epoch before whose weights these are; 0 for the first epoch.
    pub source: u32,
    /// The trees.
    pub trees: Vec<Tree>,
    /// The registration.
    pub proof: Argument,
}

/// Which tree a proof opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TreeId {
    /// The epoch.
    pub epoch: u32,
    /// The tree's position in it.
    pub tree: u32,
}

impl Tree {
    /// The tree of columns, as the world knows it.
    pub fn of(columns: &StarkColumns, tree: &zkml_stark::ColumnTree) -> Self {
        // What the weights' columns mean is part of the model's identifier.
        Self { root: tree.root().0, pin: Limbs::of(&columns.pin_value(tree, &[])) }
    }

    /// The claim that pins it, for columns of a relation.
    pub fn claim(&self, relation: &Relation, kind: TreeKind) -> ColumnClaim<K> {
        pin_claim(relation, kind, (&MerkleRoot(self.root), &self.pin), &[])
    }
}

/// The claim that pins a tree of a relation.
pub(crate) fn pin_claim(
    relation: &Relation,
    kind: TreeKind,
    (root, pin): (&MerkleRoot, &Limbs),
    reading: &[u8],
) -> ColumnClaim<K> {
    let width = relation.layout.columns(kind);
    let PinPoint { point, batching } = relation.columns.pin_point(root, width, reading);
    let rows = 1 << relation.layout.log_rows;
    ColumnClaim {
        trees: vec![(kind, <K as zkml_iop::scalar::Scalar>::integer(1))],
        point,
        batching,
        rows,
        value: pin.value(),
    }
}

/// What the registration of an epoch proves, and the transcript that has absorbed it.
///
/// `trees` are those of the relation, in its order: of a first epoch its own trees; of a later one its source in the epoch
/// before, then its own.
///
/// # Errors
/// [`Refusal`] if the relation has other trees.
pub fn registration_task<'r>(
    relation: &'r Relation,
    trees: &[Tree],
    transcript: &mut Blake3Transcript,
) -> Result<Task<'r>, Refusal> {
    let layout = &relation.layout;
    let kinds: Vec<TreeKind> = layout.trees.iter().map(|t| t.kind).collect();
    let kinds: Vec<TreeKind> =
        kinds.into_iter().filter(|k| matches!(k, TreeKind::Weights | TreeKind::Copy(_))).collect();
    if kinds.len() != trees.len() {
        return Err(Refusal::Statement(format!(
            "a registration of {} trees for {} of the relation",
            trees.len(),
            kinds.len()
        )));
    }
    for tree in trees {
        Transcript::<F, K>::absorb_bytes(transcript, "tree root", &tree.root);
        Transcript::<F, K>::absorb_bytes(transcript, "tree pin", &tree.pin.bytes());
    }
    let mut wide: Vec<ColumnClaim<K>> =
        kinds.iter().zip(trees).map(|(&kind, tree)| tree.claim(relation, kind)).collect();
    if trees.len() > 1 {
        wide.push(equality(relation, &kinds, transcript));
    }
    let shared = kinds.into_iter().zip(trees.iter().map(|t| MerkleRoot(t.root))).collect();
    Ok(Task { relation, shared, wide, public: relation.constants() })
}

/// The claim that all trees hold the same data: `Σ_i λ^i·(W_i − W_0)` vanishes at a random point, over all rows but the random
/// ones. The transcript holds every root and pin.
fn equality(relation: &Relation, kinds: &[TreeKind], transcript: &mut Blake3Transcript) -> ColumnClaim<K> {
    use zkml_iop::scalar::Scalar;
    let layout = &relation.layout;
    let point: Vec<K> = transcript.challenges("equality point", layout.log_rows);
    let batching: K = transcript.challenge("equality of columns");
    let lambda: K = transcript.challenge("equality of trees");
    let mut trees = Vec::with_capacity(kinds.len());
    let (mut sum, mut power) = (K::integer(0), lambda);
    for &kind in &kinds[1..] {
        trees.push((kind, power));
        sum += power;
        power *= lambda;
    }
    trees.push((kinds[0], -sum));
    let reserved = layout.trees.iter().find(|t| t.kind == kinds[0]).map_or(0, |t| t.reserved);
    ColumnClaim { trees, point, batching, rows: (1 << layout.log_rows) - reserved, value: K::integer(0) }
}

/// A card whose registrations have been checked: what proofs are verified against.
#[derive(Clone, Debug)]
pub struct Registered {
    card: Card,
    /// The weakest registration's security; absent for a model without weights.
    security: Option<f64>,
}

impl Registered {
    /// Checks every registration of a card.
    ///
    /// # Errors
    /// [`Refusal`] that names the check that fails.
    pub fn new(card: Card) -> Result<Self, Refusal> {
        if card.epochs.is_empty() != (card.graph.weights().count() == 0) {
            return Err(Refusal::Statement("the card registers no weights".into()));
        }
        let mut security: Option<f64> = None;
        for index in 0..card.epochs.len() {
            let bits = check_epoch(&card, index)?.bits();
            security = Some(security.map_or(bits, |least| least.min(bits)));
        }
        Ok(Self { card, security })
    }

    /// The card.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The provable security of the weakest registration, in bits; absent for a model without weights.
    pub fn security(&self) -> Option<f64> {
        self.security
    }
}

fn check_epoch(card: &Card, index: usize) -> Result<SecurityReport, Refusal> {
    let epoch = &card.epochs[index];
    let source = match index.checked_sub(1) {
        None => None,
        Some(before) => {
            let id = TreeId { epoch: before as u32, tree: epoch.source };
            Some(card.tree(id).ok_or_else(|| unknown_tree(id))?)
        }
    };
    let trees: Vec<Tree> = source.into_iter().chain(&epoch.trees).copied().collect();
    let relation = Relation::registration(&card.graph, card.parameters, index == 0, trees.len())?;
    let mut transcript = card.transcript(index);
    let task = registration_task(&relation, &trees, &mut transcript)?;
    let mut report = task.check(&mut transcript, &epoch.proof)?;
    if trees.len() > 1 {
        let columns = relation.layout.columns(TreeKind::Weights) + relation.layout.log_rows + trees.len();
        report.add_algebraic("equal weights", columns as f64);
    }
    let level = u32::from(card.parameters.security);
    if !report.reaches_level() {
        return Err(Refusal::Security { expected: level, got: report.bits() });
    }
    Ok(report)
}

/// The refusal of a tree that a card does not have.
pub(crate) fn unknown_tree(id: TreeId) -> Refusal {
    Refusal::Statement(format!("the card has no tree {} of epoch {}", id.tree, id.epoch))
}
