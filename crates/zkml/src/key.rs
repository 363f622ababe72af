//! Setting a model up: the commitment to its weights, the prover's key and the public card.

use std::path::Path;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use zkml_iop::builder::{Shape, Visibility};
use zkml_iop::commitment::ColumnCommitment;
use zkml_iop::layout::{Layout, TreeKind};
use zkml_iop::prover::{Randomness, weight_columns};
use zkml_iop::system::Home;
use zkml_ir::{Graph, Model};
use zkml_quantize::{Compiled, Metadata};
use zkml_stark::{ColumnTree, MerkleRoot};
use zkml_verifier::envelope::{self, Kind};
use zkml_verifier::relation::FIELD;
use zkml_verifier::{Card, FormatError, Parameters, Refusal, Relation};

use crate::error::Error;
use crate::files::{self, Access};
use crate::randomness::{Seed, Stream};

const KIND: Kind = Kind { magic: *b"ZKMK", version: 0, name: "prover key" };
/// The file of the secret key in a set-up folder.
pub const KEY_FILE: &str = "prover.key";
/// The file of the public card in a set-up folder.
pub const CARD_FILE: &str = "model.card";

/// What a prover of a model holds. Secret: it contains the weights.
#[derive(Debug)]
pub struct ProverKey {
    /// The model and its meaning.
    pub compiled: Compiled,
    /// The public card.
    pub card: Card,
    seed: KeySeed,
    /// The committed weights; rebuilt from the seed when first needed.
    tree: OnceLock<Option<ColumnTree>>,
}

struct KeySeed(Seed);

impl std::fmt::Debug for KeySeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeySeed(..)")
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(with = "serde_bytes")]
    model: Vec<u8>,
    metadata: Metadata,
    parameters: Parameters,
    seed: [u8; 32],
    weights: Option<[u8; 32]>,
}

/// Commits to a model's weights.
///
/// # Errors
/// [`Error`] if the model cannot be proven at this security (100 or 128 bits).
pub fn setup(compiled: Compiled, security: u8) -> Result<ProverKey, Error> {
    let parameters = choose_parameters(&compiled.model.graph, security)?;
    let seed = Seed::fresh()?;
    let tree = commit_weights(&compiled.model, parameters, &seed)?;
    let weights = tree.as_ref().map(|(root, _)| root.0);
    let card = Card::new(compiled.model.graph.clone(), parameters, weights)?;
    Ok(ProverKey { compiled, card, seed: KeySeed(seed), tree: OnceLock::from(tree.map(|(_, tree)| tree)) })
}

/// The relation of one private sample with public outputs: what parameters are chosen for.
pub(crate) fn typical(graph: &Graph) -> Shape {
    Shape {
        batch: 1,
        inputs: vec![Visibility::Private; graph.inputs().len()],
        outputs: vec![Visibility::Public; graph.outputs().len()],
    }
}

/// The height of the columns that minimises a weighted sum of proof size and time for one sample.
pub(crate) fn choose_parameters(graph: &Graph, security: u8) -> Result<Parameters, Error> {
    const HEIGHTS: std::ops::RangeInclusive<u8> = 9..=20;
    let system = zkml_iop::builder::build_system(graph, &typical(graph), FIELD)?;
    let mut best: Option<(f64, Parameters)> = None;
    let mut refusal = None;
    for log_rows in HEIGHTS {
        let parameters = Parameters { log_rows, security };
        let config = parameters.config().map_err(Refusal::from)?;
        match Layout::new(&system, usize::from(log_rows), config.num_queries()) {
            Ok(layout) => {
                let cost = cost(&layout, config.num_queries());
                if best.is_none_or(|(least, _)| cost < least) {
                    best = Some((cost, parameters));
                }
            }
            Err(error) => refusal = Some(error),
        }
    }
    match (best, refusal) {
        (Some((_, parameters)), _) => Ok(parameters),
        (None, Some(error)) => Err(error.into()),
        (None, None) => Err(Error::Usage("no column height fits the model".into())),
    }
}

/// Nanoseconds of proving, and bytes of the proof at a microsecond each: 300 KB weigh as much as 0.3 s.
fn cost(layout: &Layout, queries: usize) -> f64 {
    let rows = (1u64 << layout.log_rows) as f64;
    let columns = layout.num_columns() as f64 + 5.0;
    let bytes = queries as f64 * 4.0 * columns + 9_000.0 * layout.log_rows as f64;
    let time = 60.0 * rows * columns + 5_000.0 * rows;
    time + 1_000.0 * bytes
}

fn commit_weights(
    model: &Model,
    parameters: Parameters,
    seed: &Seed,
) -> Result<Option<(MerkleRoot, ColumnTree)>, Error> {
    let relation = Relation::of(&model.graph, &typical(&model.graph), parameters)?;
    if relation.layout.tree(TreeKind::Weights).is_none() {
        return Ok(None);
    }
    let weight = |home: &Home| match home {
        Home::Weight(index) => model.weights.get(*index).map(|w| w.data.clone()).unwrap_or_default(),
        _ => Vec::new(),
    };
    let values: Vec<Vec<i32>> = relation.system.tensors.iter().map(|t| weight(&t.home)).collect();
    let mut randomness = Stream::new(seed, "weights");
    let columns = weight_columns(&relation.system, &relation.layout, &values, &mut randomness);
    let tree = relation.columns.commit(columns, randomness.seed());
    Ok(Some(tree.map_err(|e| Error::Prove(zkml_iop::error::ProveError::Commitment(Box::new(e))))?))
}

impl ProverKey {
    /// Reads a prover key.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Format`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::from_bytes(&files::read(path)?).map_err(Error::format(path))
    }

    /// Decodes a prover key.
    ///
    /// # Errors
    /// [`FormatError`] that says what is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        let stored: Stored = envelope::open(KIND, bytes)?;
        let model = Model::from_bytes(&stored.model)?;
        let card = Card::new(model.graph.clone(), stored.parameters, stored.weights)?;
        let compiled = Compiled { model, metadata: stored.metadata };
        Ok(Self { compiled, card, seed: KeySeed(Seed(stored.seed)), tree: OnceLock::new() })
    }

    /// The encoding. Secret: it contains the weights.
    ///
    /// # Errors
    /// [`Error`] if the key cannot be encoded.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let stored = Stored {
            model: self.compiled.model.to_bytes()?,
            metadata: self.compiled.metadata.clone(),
            parameters: self.card.parameters,
            seed: self.seed.0.0,
            weights: self.card.weights,
        };
        Ok(envelope::seal(KIND, &stored)?)
    }

    /// Writes key and card into a folder, which is created if it is missing.
    ///
    /// # Errors
    /// [`Error::File`] if a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), Error> {
        std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
        files::write(&folder.join(KEY_FILE), &self.to_bytes()?, Access::Owner)?;
        files::write(&folder.join(CARD_FILE), &self.card.to_bytes()?, Access::Everyone)
    }

    /// The committed weights; builds the tree on the first call.
    ///
    /// # Errors
    /// [`Error`] if the key does not reproduce the card's commitment.
    pub fn tree(&self) -> Result<Option<&ColumnTree>, Error> {
        if let Some(tree) = self.tree.get() {
            return Ok(tree.as_ref());
        }
        let built = commit_weights(&self.compiled.model, self.card.parameters, &self.seed.0)?;
        if built.as_ref().map(|(root, _)| root.0) != self.card.weights {
            return Err(Error::Usage("the prover key is damaged: its weights are not the card's".into()));
        }
        Ok(self.tree.get_or_init(|| built.map(|(_, tree)| tree)).as_ref())
    }
}
