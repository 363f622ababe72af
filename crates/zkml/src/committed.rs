//! Committed tensors: hand-offs that several statements share.
//!
//! Their holder knows the tensor and the randomness of its tree. Every proof that opens the commitment reveals random rows of
//! it, so it serves a bounded number of proofs; a debit is written before the proof is released.

use std::path::Path;

use serde::{Deserialize, Serialize};
use zkml_iop::commitment::ColumnCommitment;
use zkml_iop::layout::{Layout, Reserved, TreeKind};
use zkml_iop::prover::{Randomness, shared_columns};
use zkml_iop::system::{Declared, Home, System};
use zkml_ir::{Interval, Tensor};
use zkml_stark::ColumnTree;
use zkml_verifier::envelope::{self, Kind};
use zkml_verifier::{FormatError, Parameters, Refusal, TensorCommitment, Tree};

use crate::error::Error;
use crate::files::{self, Access};
use crate::parameters::PIN_ROWS;
use crate::randomness::{Seed, Stream};

const KIND: Kind = Kind { magic: *b"ZKMT", version: 1, name: "secret of a committed tensor" };
/// The proofs that a commitment serves where nobody says otherwise.
pub const DEFAULT_OPENINGS: u32 = 8;

/// What the holder of a committed tensor knows of it. Secret.
#[derive(Clone, Debug)]
pub struct CommittedTensor {
    tensor: Tensor,
    parameters: Parameters,
    commitment: TensorCommitment,
    /// Rows that proofs have revealed.
    spent: u32,
    seed: Seed,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    tensor: Tensor,
    parameters: Parameters,
    commitment: TensorCommitment,
    spent: u32,
    seed: [u8; 32],
}

impl CommittedTensor {
    /// Commits to a tensor (the batch is its first axis), in columns that fit the models whose cards have these parameters,
    /// for `openings` proofs.
    ///
    /// # Errors
    /// [`Error`] if the columns are too short for so many openings.
    pub fn new(tensor: Tensor, parameters: Parameters, openings: u32) -> Result<Self, Error> {
        let config = parameters.config().map_err(Refusal::from)?;
        let rows = u64::from(openings) * config.num_queries() as u64 + u64::from(PIN_ROWS);
        let most = (1u64 << parameters.log_rows) / 2;
        let reserved = u32::try_from(rows.min(most + 1)).unwrap_or(u32::MAX);
        if rows > most {
            return Err(Error::Usage(format!(
                "a committed tensor can serve at most {} proofs with this model, not {openings}",
                (most - u64::from(PIN_ROWS)) / config.num_queries() as u64
            )));
        }
        let seed = Seed::fresh()?;
        let tree = commit(&tensor, parameters, reserved, &seed)?;
        let Tree { root, pin } = Tree::of(&parameters.columns().map_err(Refusal::from)?, &tree);
        let commitment = TensorCommitment { root, pin, reserved };
        Ok(Self { tensor, parameters, commitment, spent: PIN_ROWS, seed })
    }

    /// The public part.
    pub fn commitment(&self) -> &TensorCommitment {
        &self.commitment
    }

    /// The tensor, with the batch as first axis.
    pub fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    /// The proofs that it still serves, with models of its parameters.
    pub fn openings_left(&self) -> u32 {
        let queries = self.parameters.config().map_or(usize::MAX, |c| c.num_queries());
        self.commitment.reserved.saturating_sub(self.spent) / u32::try_from(queries).unwrap_or(u32::MAX)
    }

    /// Debits the rows that a proof with these parameters reveals, and returns the tree.
    ///
    /// # Errors
    /// [`Error::Usage`] if the commitment serves no more proofs, or was made for other columns.
    pub(crate) fn open(&mut self, name: &str, parameters: Parameters) -> Result<ColumnTree, Error> {
        if parameters.log_rows != self.parameters.log_rows {
            return Err(Error::Usage(format!(
                "the commitment of '{name}' has columns of 2^{} rows, this model's have 2^{}: set it up with \
                 --log-rows {}",
                self.parameters.log_rows, parameters.log_rows, self.parameters.log_rows
            )));
        }
        let queries = parameters.config().map_err(Refusal::from)?.num_queries() as u32;
        let spent = self.spent.saturating_add(queries);
        if spent > self.commitment.reserved {
            return Err(Error::Usage(format!(
                "the commitment of '{name}' has served all its proofs, one more could reveal the tensor; commit to it anew"
            )));
        }
        self.spent = spent;
        commit(&self.tensor, self.parameters, self.commitment.reserved, &self.seed)
    }

    /// Reads the secret of a committed tensor.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Format`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::from_bytes(&files::read(path)?).map_err(Error::format(path))
    }

    /// Decodes the secret of a committed tensor.
    ///
    /// # Errors
    /// [`FormatError`] that says what is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        let Stored { tensor, parameters, commitment, spent, seed } = envelope::open(KIND, bytes)?;
        let fits = zkml_ir::tensor::num_elements(&tensor.shape) == Some(tensor.data.len());
        if !fits || parameters.config().is_err() || !commitment.pin.is_canonical() {
            let reason = "its parts do not fit together".to_string();
            return Err(FormatError::Damaged { kind: KIND.name, reason });
        }
        Ok(Self { tensor, parameters, commitment, spent, seed: Seed(seed) })
    }

    /// Writes the secret, with what is spent of it, for its owner alone.
    ///
    /// # Errors
    /// [`Error`] if it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let stored = Stored {
            tensor: self.tensor.clone(),
            parameters: self.parameters,
            commitment: self.commitment,
            spent: self.spent,
            seed: self.seed.0,
        };
        files::write(path, &envelope::seal(KIND, &stored)?, Access::Owner)
    }
}

/// The tree of a tensor: the one that a statement's layout gives it, because it is alone in it.
fn commit(tensor: &Tensor, parameters: Parameters, reserved: u32, seed: &Seed) -> Result<ColumnTree, Error> {
    let mut system = System::default();
    system.declare(Declared {
        name: "committed tensor".into(),
        shape: tensor.shape.clone(),
        range: Interval::point(0),
        home: Home::Committed(0),
    });
    let columns = parameters.columns().map_err(Refusal::from)?;
    let rows = Reserved { fresh: 0, weights: 0, committed: vec![reserved as usize] };
    let layout = Layout::new(&system, usize::from(parameters.log_rows), &rows)?;
    let mut randomness = Stream::new(seed, "committed tensor");
    let witness = [tensor.data.clone()];
    let kind = TreeKind::Committed(0);
    let values = shared_columns(&system, &layout, kind, &witness, &mut randomness);
    let tree = columns.commit(values, randomness.seed());
    Ok(tree.map_err(|e| Error::Prove(zkml_iop::error::ProveError::Commitment(Box::new(e))))?.1)
}
