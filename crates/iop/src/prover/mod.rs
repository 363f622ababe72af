//! The prover: the same street as [`crate::verifier`], with the witness in hand.

mod bind;
mod columns;
mod fractions;
mod grid;
mod lookups;
mod packed;
mod products;
mod reduction;

use alloc::boxed::Box;
use alloc::vec::Vec;

use p3_field::{ExtensionField, Field, PrimeField};

pub use columns::Randomness;

use crate::claims::{Claim, Claims, ColumnClaim, Evaluation, PointId, Target};
use crate::commitment::ColumnCommitment;
use crate::error::ProveError;
use crate::layout::{Layout, TreeKind};
use crate::packing::PackedValue;
use crate::system::{System, ViewId};
use crate::transcript::Transcript;
use crate::verifier::{PACKED, equation_variables, weigh_packed};

/// The label under which commitments are absorbed.
pub const fn tree_label(tree: TreeKind) -> &'static str {
    match tree {
        TreeKind::Weights => "weights commitment",
        TreeKind::Copy(_) => "copy commitment",
        TreeKind::Committed(_) => "tensor commitment",
        TreeKind::Witness => "witness commitment",
        TreeKind::Helpers => "helpers commitment",
    }
}

/// What hides the scalars of a proof.
#[derive(Clone, Copy, Debug)]
pub enum Pads<'a, K> {
    /// Nothing: the proof stays inside of another argument that hides it.
    None,
    /// Uniform pads that are committed before the first challenge, one per scalar, each used once.
    OneTime(&'a [K]),
}

/// The prover's side of the transcript: whatever is sent is absorbed and becomes part of the proof.
pub struct Channel<'a, F, K> {
    transcript: &'a mut dyn Transcript<F, K>,
    pads: Pads<'a, K>,
    scalars: Vec<K>,
    spent: bool,
}

impl<'a, F, K: Field> Channel<'a, F, K> {
    /// A channel over a transcript that has absorbed the statement.
    pub fn new(transcript: &'a mut dyn Transcript<F, K>, pads: Pads<'a, K>) -> Self {
        Self { transcript, pads, scalars: Vec::new(), spent: false }
    }

    /// Sends a scalar behind its pad. Without a pad nothing is sent, and the proof fails in the end.
    pub fn send(&mut self, label: &'static str, value: K) {
        let sealed = match self.pads {
            Pads::None => value,
            Pads::OneTime(pads) => match pads.get(self.scalars.len()) {
                Some(&pad) => value + pad,
                None => {
                    self.spent = true;
                    return;
                }
            },
        };
        self.transcript.absorb_scalars(label, &[sealed]);
        self.scalars.push(sealed);
    }

    /// Sends a sum that is a factor of a product, where the verifier does not know the scalars that it is a sum of.
    pub fn send_factor(&mut self, label: &'static str, value: K) {
        if matches!(self.pads, Pads::OneTime(_)) {
            self.send(label, value);
        }
    }

    /// The scalars that were sent.
    ///
    /// # Errors
    /// [`ProveError::PadsSpent`] if there were more than pads.
    pub fn finish(self) -> Result<Vec<K>, ProveError> {
        if self.spent { Err(ProveError::PadsSpent) } else { Ok(self.scalars) }
    }

    /// Draws a challenge.
    pub fn challenge(&mut self, label: &'static str) -> K {
        self.transcript.challenge(label)
    }
}

/// A proof, still in memory.
#[derive(Clone, Debug)]
pub struct Proof<S: ColumnCommitment> {
    /// The commitment to the witness.
    pub witness: S::Commitment,
    /// The commitment to the lookup helpers, if there are any.
    pub helpers: Option<S::Commitment>,
    /// Every scalar in the order in which the verifier receives it.
    pub scalars: Vec<S::Challenge>,
    /// The opening of all trees.
    pub opening: S::Opening,
}

/// The stages of a proof, for progress and measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Committing to the witness.
    Commit,
    /// Lookup helpers, their commitment and the first sumcheck.
    Lookups,
    /// The second sumcheck.
    Products,
    /// The third sumcheck.
    Reduction,
    /// The opening of the commitments.
    Opening,
}

/// What a prover needs beside the statement.
pub struct Secrets<'a, S: ColumnCommitment> {
    /// The entries of every tensor of the system, as [`crate::builder::build_witness`] returns them.
    pub witness: Vec<Vec<i32>>,
    /// The trees that were committed before: of weights, their copies and committed tensors, in the layout's order.
    pub shared: Vec<(&'a S::Commitment, &'a S::Tree)>,
    /// The claims on whole columns of them.
    pub wide: Vec<ColumnClaim<S::Challenge>>,
    /// What hides the proof's scalars.
    pub pads: Pads<'a, S::Challenge>,
}

/// The columns of a tree that is committed once for many proofs: of the weights or of a committed tensor. `witness` holds
/// the entries at their tensors' indices.
pub fn shared_columns<F: PrimeField>(
    system: &System,
    layout: &Layout,
    kind: TreeKind,
    witness: &[Vec<i32>],
    randomness: &mut dyn Randomness<F>,
) -> Vec<Vec<F>> {
    columns::fill(system, layout, kind, witness, randomness)
}

/// Makes a proof. The transcript has absorbed the statement.
///
/// # Errors
/// [`ProveError`] if the commitment scheme fails or a challenge is unlucky.
pub fn prove<S: ColumnCommitment>(
    scheme: &S,
    system: &System,
    layout: &Layout,
    secrets: &Secrets<'_, S>,
    transcript: &mut S::Transcript,
    randomness: &mut dyn Randomness<S::Base>,
    progress: &mut dyn FnMut(Stage),
) -> Result<Proof<S>, ProveError> {
    let failed = |e: S::Error| ProveError::Commitment(Box::new(e));
    progress(Stage::Commit);
    let witness = &secrets.witness;
    let kinds = layout.trees.iter().map(|t| t.kind);
    let shared_kinds = kinds.filter(|k| !matches!(k, TreeKind::Witness | TreeKind::Helpers));
    for (kind, (commitment, _)) in shared_kinds.zip(&secrets.shared) {
        absorb::<S>(scheme, transcript, kind, commitment);
    }
    let mut columns = columns::fill(system, layout, TreeKind::Witness, witness, randomness);
    columns.extend(columns::mask(scheme, layout, randomness));
    let (witness_commitment, witness_tree) = scheme.commit(columns, randomness.seed()).map_err(failed)?;
    absorb::<S>(scheme, transcript, TreeKind::Witness, &witness_commitment);
    let packed = transcript.packed();

    progress(Stage::Lookups);
    let (alpha, beta) = (transcript.challenge("alpha"), transcript.challenge("beta"));
    let tree = if system.fractions.is_empty() {
        None
    } else {
        Some(fractions::Tree::<S::Base, S::Challenge>::new(system, witness, alpha, beta)?)
    };
    let mut arguments = lookups::Arguments::<S::Challenge>::new(system, witness, alpha, beta)?;
    let mut helpers = None;
    if layout.tree(TreeKind::Helpers).is_some() {
        let columns = columns::fill_limbs(system, layout, &arguments.helpers(), randomness);
        let (commitment, tree) = scheme.commit(columns, randomness.seed()).map_err(failed)?;
        absorb::<S>(scheme, transcript, TreeKind::Helpers, &commitment);
        helpers = Some((commitment, tree));
    }
    let mut prover = Prover::<S::Base, S::Challenge> {
        system,
        witness,
        claims: Claims::default(),
        channel: Channel::new(transcript, secrets.pads),
    };
    let mut z = match tree {
        Some(tree) => prover.fractions(tree)?,
        None => prover.lookups(&mut arguments),
    };
    let more = equation_variables(system).saturating_sub(z.len());
    z.extend((0..more).map(|_| prover.channel.challenge("equation point")));
    drop(arguments);
    if let Some(PackedValue { point, .. }) = packed {
        prover.packed(&point);
    }
    progress(Stage::Products);
    prover.products(&z);
    progress(Stage::Reduction);
    let Prover { claims, mut channel, .. } = prover;
    let mut trees: Vec<&S::Tree> = secrets.shared.iter().map(|s| s.1).collect();
    let mask_tree = trees.len();
    trees.push(&witness_tree);
    trees.extend(helpers.as_ref().map(|h| &h.1));
    let point = reduction::reduce::<S>(&mut channel, layout, (&claims, &secrets.wide), &trees, mask_tree);
    let scalars = channel.finish()?;
    progress(Stage::Opening);
    let opening = scheme.open(&trees, mask_tree, &point, transcript).map_err(failed)?;
    Ok(Proof { witness: witness_commitment, helpers: helpers.map(|h| h.0), scalars, opening })
}

fn absorb<S: ColumnCommitment>(
    scheme: &S,
    transcript: &mut S::Transcript,
    tree: TreeKind,
    commitment: &S::Commitment,
) {
    transcript.absorb_bytes(tree_label(tree), &scheme.commitment_bytes(commitment));
}

/// The prover between its first and its last challenge.
pub(crate) struct Prover<'a, F, K> {
    system: &'a System,
    witness: &'a [Vec<i32>],
    claims: Claims<K, K>,
    channel: Channel<'a, F, K>,
}

impl<F: PrimeField, K: ExtensionField<F>> Prover<'_, F, K> {
    /// The evaluation of a view at a point; sends it where the verifier receives it.
    fn evaluate(&mut self, view: ViewId, id: PointId, point: &[K]) -> K {
        let tensor = self.system.views[view.0].tensor;
        let (channel, witness) = (&mut self.channel, self.witness);
        let value = self.claims.evaluate::<core::convert::Infallible>(
            self.system,
            view,
            (id, point),
            |functional| functional.apply(&witness[tensor]),
            |map| {
                let value = bind::evaluate::<F, K>(map, &witness[tensor], point);
                channel.send("evaluation", value);
                Ok(value)
            },
        );
        match value {
            Ok(Evaluation::Public(value) | Evaluation::Sealed(value)) => value,
            Err(never) => match never {},
        }
    }

    /// Sends what every packed tensor adds to the polynomial of the words, up to a constant.
    fn packed(&mut self, point: &K) {
        for (weights, packed) in weigh_packed(self.system, point) {
            let functional = weights.functional();
            let value = functional.apply(&self.witness[packed.tensor]);
            self.channel.send(PACKED, value);
            self.claims.push(Claim { target: Target::Tensor(packed.tensor), functional, value });
        }
    }
}
