//! Setting a model up: the commitments to its weights, the prover's key and the public card.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;
use zkml_iop::commitment::ColumnCommitment;
use zkml_iop::layout::TreeKind;
use zkml_iop::prover::{Randomness, shared_columns};
use zkml_iop::registration::registration_witness;
use zkml_iop::system::Home;
use zkml_ir::Model;
use zkml_quantize::{Compiled, Metadata};
use zkml_stark::ColumnTree;
use zkml_verifier::card::{model_id, registration_transcript};
use zkml_verifier::envelope::{self, Kind};
use zkml_verifier::epoch::{Epoch, Tree, registration_task};
use zkml_verifier::relation::FIELD;
use zkml_verifier::statement::hex;
use zkml_verifier::{Card, FormatError, Parameters, Registered, Relation, TreeId};

use crate::argument::{self, Clock};
use crate::error::Error;
use crate::files::{self, Access};
use crate::ledger::{Budget, Ledger};
use crate::parameters::{Choice, choose, typical, uses};
use crate::prove::Phase;
use crate::randomness::{Seed, Stream};

const KIND: Kind = Kind { magic: *b"ZKMK", version: 1, name: "prover key" };
/// The file of the secret key in a set-up folder.
pub const KEY_FILE: &str = "prover.key";
/// The file of the public card in a set-up folder.
pub const CARD_FILE: &str = "model.card";
/// The extension of the ledger of openings beside a key.
pub const LEDGER_EXTENSION: &str = "ledger";

/// What a prover of a model holds. Secret: it contains the weights.
pub struct ProverKey {
    /// The model and its meaning.
    pub compiled: Compiled,
    card: Card,
    /// What the trees of every epoch are made from.
    seeds: Vec<Seed>,
    ledger: Option<Ledger>,
    /// The tree that was opened last; rebuilt from its seed when another is needed.
    tree: Mutex<Option<(TreeId, Arc<ColumnTree>)>>,
}

impl std::fmt::Debug for ProverKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProverKey").field("model", &hex(&self.card.id())).finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(with = "serde_bytes")]
    model: Vec<u8>,
    metadata: Metadata,
    parameters: Parameters,
    epochs: Vec<Epoch>,
    seeds: Vec<[u8; 32]>,
}

/// How a model is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetupOptions {
    /// The provable security in bits: 100 or 128.
    pub security: u8,
    /// How many proofs the commitment to the weights serves before `refresh`; by default about
    /// [`crate::parameters::DEFAULT_OPENINGS`], fewer for models whose registration would need much memory.
    pub openings: Option<u32>,
    /// The base-2 logarithm of the height of the columns, 9 to 20; by default the best for the model. Models that hand
    /// committed tensors to each other need the same.
    pub log_rows: Option<u8>,
}

impl Default for SetupOptions {
    fn default() -> Self {
        Self { security: 100, openings: None, log_rows: None }
    }
}

/// Commits to a model's weights and registers them.
///
/// `progress` is told about every phase of the registration's proof.
///
/// # Errors
/// [`Error`] if the model cannot be proven at this security (100 or 128 bits).
pub fn setup(
    compiled: Compiled,
    options: SetupOptions,
    progress: &mut dyn FnMut(Phase),
) -> Result<ProverKey, Error> {
    if options.openings == Some(0) {
        return Err(Error::Usage("a set-up for no proof at all: ask for at least one opening".into()));
    }
    let graph = compiled.model.graph.clone();
    let Choice { parameters, num_trees } =
        choose(&graph, options.security, options.openings, options.log_rows)?;
    let mut clock = Clock::new(progress);
    clock.begin(Phase::Weights);
    let mut key = ProverKey {
        card: Card::unregistered(graph, parameters)?,
        compiled,
        seeds: Vec::new(),
        ledger: None,
        tree: Mutex::new(None),
    };
    if num_trees > 0 {
        key.add_epoch(None, num_trees, &mut clock)?;
    }
    key.ledger = Some(Ledger::new(key.card.id(), key.last_trees(), key.uses()?));
    Ok(key)
}

impl Drop for ProverKey {
    /// Overwrites the weights. The seeds and the tree do it themselves.
    fn drop(&mut self) {
        self.compiled.model.weights.iter_mut().for_each(|weight| weight.data.zeroize());
    }
}

impl ProverKey {
    /// The public card.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The card with its registrations checked.
    ///
    /// # Errors
    /// [`Error::Refused`] if one is wrong.
    pub fn registered(&self) -> Result<Registered, Error> {
        Ok(Registered::new(self.card.clone())?)
    }

    /// What is left of the budget of openings; absent for a model without weights, which needs none.
    ///
    /// # Errors
    /// [`Error`] if the ledger cannot be read.
    pub fn budget(&self) -> Result<Option<Budget>, Error> {
        match self.last_trees() {
            [] => Ok(None),
            trees => self.ledger()?.budget(trees).map(Some),
        }
    }

    /// Reads a prover key, whose ledger lies beside it.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Format`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let mut bytes = files::read(path)?;
        let key = Self::from_bytes(&bytes);
        bytes.zeroize();
        let mut key = key.map_err(Error::format(path))?;
        key.ledger = Some(Ledger::at(&path.with_extension(LEDGER_EXTENSION), key.card.id()));
        Ok(key)
    }

    /// Decodes a prover key. It has no ledger, so it can make no proof.
    ///
    /// # Errors
    /// [`FormatError`] that says what is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut stored: Stored = envelope::open(KIND, bytes)?;
        let model = Model::from_bytes(&stored.model)?;
        if stored.seeds.len() != stored.epochs.len() {
            let reason = format!("{} seeds for {} epochs", stored.seeds.len(), stored.epochs.len());
            return Err(FormatError::Damaged { kind: KIND.name, reason });
        }
        let card = Card::new(model.graph.clone(), stored.parameters, stored.epochs)?;
        let compiled = Compiled { model, metadata: stored.metadata };
        let seeds = stored.seeds.iter().map(|&seed| Seed(seed)).collect();
        stored.seeds.zeroize();
        stored.model.zeroize();
        Ok(Self { compiled, card, seeds, ledger: None, tree: Mutex::new(None) })
    }

    /// The encoding. Secret: it contains the weights.
    ///
    /// # Errors
    /// [`Error`] if the key cannot be encoded.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let mut stored = Stored {
            model: self.compiled.model.to_bytes()?,
            metadata: self.compiled.metadata.clone(),
            parameters: self.card.parameters,
            epochs: self.card.epochs.clone(),
            seeds: self.seeds.iter().map(|seed| seed.0).collect(),
        };
        let sealed = envelope::seal(KIND, &stored);
        stored.seeds.zeroize();
        stored.model.zeroize();
        Ok(sealed?)
    }

    /// Writes key, ledger and card into a folder, which is created if it is missing. From then on openings are debited in
    /// that ledger; it is never copied to another folder.
    ///
    /// # Errors
    /// [`Error::File`] if a file cannot be written; [`Error::Usage`] if the ledger lies in another folder.
    pub fn write(&mut self, folder: &Path) -> Result<(), Error> {
        std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
        let path = folder.join(KEY_FILE);
        let _lock = files::lock(&path)?;
        self.check_newest(&path)?;
        if let Some(ledger) = &mut self.ledger {
            ledger.store(&path.with_extension(LEDGER_EXTENSION))?;
        }
        self.write_files(folder)
    }

    fn write_files(&self, folder: &Path) -> Result<(), Error> {
        let mut bytes = self.to_bytes()?;
        let written = files::write(&folder.join(KEY_FILE), &bytes, Access::Owner);
        bytes.zeroize();
        written?;
        files::write(&folder.join(CARD_FILE), &self.card.to_bytes()?, Access::Everyone)
    }

    /// Hands at least `openings` openings to another prover: writes a copy of key and card, and a ledger of the share, into
    /// a new folder. No opening is in both ledgers.
    ///
    /// # Errors
    /// [`Error::Spent`] if fewer are left; [`Error`] if the folder holds a ledger already.
    pub fn lease(&self, openings: u64, folder: &Path) -> Result<Budget, Error> {
        std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
        let ledger = folder.join(KEY_FILE).with_extension(LEDGER_EXTENSION);
        if self.last_trees().is_empty() {
            return Err(no_weights());
        }
        let share = self.ledger()?.lease(self.last_trees(), openings, &ledger)?;
        self.write_files(folder)?;
        Ok(share)
    }

    /// Makes the ledger of a folder that was moved usable again.
    ///
    /// # Zero knowledge
    /// The caller knows that this is the newest version of the ledger and that no copy of it is in use.
    ///
    /// # Errors
    /// [`Error`] if the ledger cannot be read or written.
    pub fn adopt(&self) -> Result<(), Error> {
        self.ledger()?.adopt()
    }

    /// Commits to the same weights anew, with a proof that they are the same, and replaces key and card in a folder. The
    /// model keeps its identifier; verifiers need the new card.
    ///
    /// # Errors
    /// [`Error::Spent`] if no tree can prove the continuation: the holder of the original ledger must refresh.
    pub fn refresh(
        &mut self,
        openings: Option<u32>,
        folder: &Path,
        progress: &mut dyn FnMut(Phase),
    ) -> Result<(), Error> {
        let last = self.last_epoch().ok_or_else(no_weights)?;
        let path = folder.join(KEY_FILE);
        let _lock = files::lock(&path)?;
        self.check_newest(&path)?;
        let uses = self.uses()?;
        let num_trees = match openings {
            Some(openings) => openings.div_ceil(uses.max(1)) as usize,
            None => self.card.epochs.last().map_or(1, |epoch| epoch.trees.len()),
        };
        let mut clock = Clock::new(progress);
        clock.begin(Phase::Weights);
        // Debited before it is spent: whatever happens next, this closing is gone.
        let before = self.last_trees().to_vec();
        let tree = u32::try_from(self.ledger()?.debit_closing(&before)?).unwrap_or(u32::MAX);
        self.add_epoch(Some(TreeId { epoch: last, tree }), num_trees.max(1), &mut clock)?;
        // The ledger knows the new trees before the key does, so that no key is without a ledger.
        self.ledger()?.open_epoch(&before, self.last_trees(), uses)?;
        self.write_files(folder)
    }

    /// Refuses to replace the file of a key that somebody else has continued in between: its newest epoch would be lost. Files
    /// of other models are not spared.
    fn check_newest(&self, path: &Path) -> Result<(), Error> {
        if !path.exists() {
            return Ok(());
        }
        match Self::from_bytes(&files::read(path)?) {
            Ok(stored) if stored.card.id() == self.card.id() && stored.card != self.card => Err(
                Error::Usage(format!("{} holds another epoch of this key: read it again", path.display())),
            ),
            _ => Ok(()),
        }
    }

    /// The trees that are opened; none for a model without weights.
    fn last_trees(&self) -> &[Tree] {
        self.card.epochs.last().map_or(&[], |epoch| &epoch.trees)
    }

    /// The epoch that is opened; none for a model without weights.
    fn last_epoch(&self) -> Option<u32> {
        u32::try_from(self.seeds.len().checked_sub(1)?).ok()
    }

    pub(crate) fn ledger(&self) -> Result<&Ledger, Error> {
        self.ledger.as_ref().ok_or_else(|| {
            Error::Usage("the prover key has no ledger of openings: read it from its folder".into())
        })
    }

    /// Debits an opening and returns its tree; none for a model without weights.
    pub(crate) fn debit(&self) -> Result<Option<(TreeId, Arc<ColumnTree>)>, Error> {
        let Some(epoch) = self.last_epoch() else { return Ok(None) };
        let warm = self.cached().as_ref().filter(|(id, _)| id.epoch == epoch).map(|(id, _)| id.tree as usize);
        let at = self.ledger()?.debit(self.last_trees(), warm)?;
        let id = TreeId { epoch, tree: u32::try_from(at).unwrap_or(u32::MAX) };
        Ok(Some((id, self.tree(id)?)))
    }

    /// How many proofs each tree serves.
    fn uses(&self) -> Result<u32, Error> {
        let config = self.card.parameters.config().map_err(zkml_verifier::Refusal::from)?;
        Ok(uses(self.card.parameters.reserved, config.num_queries()))
    }

    fn cached(&self) -> std::sync::MutexGuard<'_, Option<(TreeId, Arc<ColumnTree>)>> {
        // The slot is replaced whole, so a panic elsewhere leaves it in order.
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A tree of the weights, rebuilt from its seed unless it was opened last.
    ///
    /// # Errors
    /// [`Error`] if the key does not reproduce the card's commitment.
    pub fn tree(&self, id: TreeId) -> Result<Arc<ColumnTree>, Error> {
        if let Some((_, tree)) = self.cached().as_ref().filter(|(cached, _)| *cached == id) {
            return Ok(tree.clone());
        }
        let damaged = || Error::Usage("the prover key is damaged: its weights are not the card's".into());
        let seed = self.seeds.get(id.epoch as usize).ok_or_else(damaged)?;
        let relation = self.weights_relation()?;
        let tree = Arc::new(commit_weights(&self.compiled.model, &relation, seed, id.tree)?);
        if self.card.tree(id).is_none_or(|known| known.root != tree.root().0) {
            return Err(damaged());
        }
        *self.cached() = Some((id, tree.clone()));
        Ok(tree)
    }

    fn weights_relation(&self) -> Result<Relation, Error> {
        let graph = &self.compiled.model.graph;
        Ok(Relation::of(graph, &typical(graph), self.card.parameters, &[])?)
    }

    /// Commits to the weights in new trees and proves what their registration needs.
    fn add_epoch(
        &mut self,
        source: Option<TreeId>,
        num_trees: usize,
        clock: &mut Clock<'_>,
    ) -> Result<(), Error> {
        let (model, parameters) = (&self.compiled.model, self.card.parameters);
        let (seed, weights) = (Seed::fresh()?, self.weights_relation()?);
        let mut columns: Vec<Arc<ColumnTree>> = Vec::with_capacity(num_trees + 1);
        for index in 0..num_trees as u32 {
            columns.push(Arc::new(commit_weights(model, &weights, &seed, index)?));
        }
        let trees: Vec<Tree> = columns.iter().map(|tree| Tree::of(&weights.columns, tree)).collect();
        let mut proven = trees.clone();
        if let Some(id) = source {
            columns.insert(0, self.tree(id)?);
            proven.insert(0, self.card.tree(id).copied().ok_or(Error::Spent)?);
        }
        let epoch = self.card.epochs.len();
        let id = match epoch {
            0 => model_id(&model.graph.digest()?, &parameters, &trees),
            _ => self.card.id(),
        };
        let relation = Relation::registration(&model.graph, parameters, epoch == 0, proven.len())?;
        let witness = match epoch {
            0 => registration_witness(&model.graph, FIELD, &model.weights)?.1,
            _ => model.weights.iter().map(|w| w.data.clone()).collect(),
        };
        let mut transcript = registration_transcript(&id, epoch);
        let task = registration_task(&relation, &proven, &mut transcript)?;
        let opened: Vec<&ColumnTree> = columns.iter().map(Arc::as_ref).collect();
        let (proof, _) = argument::prove(&task, &opened, witness, &transcript, clock)?;
        let source = source.map_or(0, |id| id.tree);
        self.card = self.card.with_epoch(Epoch { source, trees, proof })?;
        self.seeds.push(seed);
        Ok(())
    }
}

/// Commits to a model's weights, with the randomness of one tree of an epoch.
fn commit_weights(model: &Model, relation: &Relation, seed: &Seed, index: u32) -> Result<ColumnTree, Error> {
    let weight = |home: &Home| match home {
        Home::Weight(index) => model.weights.get(*index).map(|w| w.data.clone()).unwrap_or_default(),
        _ => Vec::new(),
    };
    let values: Vec<Vec<i32>> = relation.system.tensors.iter().map(|t| weight(&t.home)).collect();
    let mut randomness = Stream::new(seed, &format!("weights, tree {index}"));
    let columns =
        shared_columns(&relation.system, &relation.layout, TreeKind::Weights, &values, &mut randomness);
    let tree = relation.columns.commit(columns, randomness.seed());
    Ok(tree.map_err(|e| Error::Prove(zkml_iop::error::ProveError::Commitment(Box::new(e))))?.1)
}

fn no_weights() -> Error {
    Error::Usage("the model has no weights, so there is no budget of openings".into())
}
