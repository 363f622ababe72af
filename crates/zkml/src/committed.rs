//! Committed tensors: hand-offs that several statements share.
//!
//! Their holder knows the tensor and the randomness of its tree. Every proof that opens the commitment reveals random rows of
//! it, so it serves a bounded number of proofs; a debit is written before the proof is released.

use std::path::Path;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;
use zkml_iop::commitment::ColumnCommitment;
use zkml_iop::layout::{Layout, Reserved, TreeKind};
use zkml_iop::prover::{Randomness, shared_columns};
use zkml_iop::system::{Declared, Home, System};
use zkml_ir::{Interval, Tensor};
use zkml_stark::ColumnTree;
use zkml_verifier::envelope::{self, Kind};
use zkml_verifier::{FormatError, Parameters, Refusal, TensorCommitment};

use crate::error::Error;
use crate::files::{self, Access, Place, lock};
use crate::parameters::PIN_ROWS;
use crate::randomness::{Seed, Stream};

const KIND: Kind = Kind { magic: *b"ZKMT", version: 1, name: "secret of a committed tensor" };
/// The proofs that a commitment serves where nobody says otherwise.
pub const DEFAULT_OPENINGS: u32 = 8;

/// What the holder of a committed tensor knows of it. Secret, and not to be copied: shares of its budget are split off.
pub struct CommittedTensor {
    tensor: Tensor,
    parameters: Parameters,
    commitment: TensorCommitment,
    /// Random rows that are spoken for: by the pin, by proofs, and by holders of other shares.
    spent: u32,
    /// The end of this holder's share of the random rows.
    limit: u32,
    seed: Seed,
}

impl std::fmt::Debug for CommittedTensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CommittedTensor").field("commitment", &self.commitment).finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    tensor: Tensor,
    parameters: Parameters,
    commitment: TensorCommitment,
    spent: u32,
    limit: u32,
    seed: [u8; 32],
    /// The file that holds this secret; none before its first use, so that it can be handed on.
    place: Option<Place>,
}

impl Drop for CommittedTensor {
    fn drop(&mut self) {
        self.tensor.data.zeroize();
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.tensor.data.zeroize();
        self.seed.zeroize();
    }
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
        let columns = parameters.columns().map_err(Refusal::from)?;
        let commitment = TensorCommitment::of(&columns, &tree, &tensor.shape, reserved);
        Ok(Self { tensor, parameters, commitment, spent: PIN_ROWS, limit: reserved, seed })
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
        self.limit.saturating_sub(self.spent) / u32::try_from(queries).unwrap_or(u32::MAX)
    }

    /// Takes `openings` proofs out of this holder's share, for somebody else who shall open the same commitment. The
    /// returned share knows the tensor too.
    ///
    /// # Zero knowledge
    /// What is left of `self` must be stored before the share is handed out.
    ///
    /// # Errors
    /// [`Error::Usage`] if fewer are left.
    pub fn split(&mut self, openings: u32) -> Result<Self, Error> {
        let queries = self.parameters.config().map_err(Refusal::from)?.num_queries() as u32;
        let left = self.openings_left();
        if openings == 0 || openings > left {
            return Err(Error::Usage(format!(
                "the commitment has {left} proofs left, {openings} cannot be handed on"
            )));
        }
        let end = self.limit;
        self.limit -= openings * queries;
        Ok(Self {
            tensor: self.tensor.clone(),
            parameters: self.parameters,
            commitment: self.commitment,
            spent: self.limit,
            limit: end,
            seed: self.seed.clone(),
        })
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
        if spent > self.limit {
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
    /// [`Error::File`] or [`Error::Format`]; [`Error::Usage`] if the file is a copy, or an older version, of one that was used.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let (secret, place) = Self::decode(&files::read(path)?).map_err(Error::format(path))?;
        let here = Place::of(path)?;
        if place.is_some_and(|place| !place.may_be(&here)) {
            return Err(Error::Usage(format!(
                "{0} is a copy or an older version of a secret that was used: what it counts as left may be spent, and a \
                 proof could reveal the tensor. Hand shares on with `zkml lease --tensor`; if the file was moved and no \
                 other copy is in use, say so with `zkml adopt --tensor {0}`",
                path.display()
            )));
        }
        Ok(secret)
    }

    /// Makes a secret that was moved usable where it lies now.
    ///
    /// # Zero knowledge
    /// The caller knows that this is its newest version and that no copy of it is in use.
    ///
    /// # Errors
    /// [`Error`] if it cannot be read or written.
    pub fn adopt(path: &Path) -> Result<(), Error> {
        let _lock = lock(path)?;
        Self::from_bytes(&files::read(path)?).map_err(Error::format(path))?.write(path)
    }

    /// Decodes the secret of a committed tensor.
    ///
    /// # Errors
    /// [`FormatError`] that says what is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        Self::decode(bytes).map(|(secret, _)| secret)
    }

    fn decode(bytes: &[u8]) -> Result<(Self, Option<Place>), FormatError> {
        let mut stored: Stored = envelope::open(KIND, bytes)?;
        let tensor = std::mem::take(&mut stored.tensor);
        let Stored { parameters, commitment, spent, limit, seed, place, .. } = stored;
        let fits = zkml_ir::tensor::num_elements(&tensor.shape) == Some(tensor.data.len());
        let share = spent >= PIN_ROWS && limit <= commitment.reserved;
        if !fits || !share || parameters.config().is_err() || !commitment.pin.is_canonical() {
            let reason = "its parts do not fit together".to_string();
            return Err(FormatError::Damaged { kind: KIND.name, reason });
        }
        Ok((Self { tensor, parameters, commitment, spent, limit, seed: Seed(seed) }, place))
    }

    /// Writes the secret, with what is spent of it, for its owner alone. From then on copies of the file are refused.
    ///
    /// # Errors
    /// [`Error`] if it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        files::write_in_place(path, |place| self.encode(Some(place)))
    }

    /// Writes a share that somebody else shall use: until then the file can be copied.
    ///
    /// # Errors
    /// [`Error`] if the file exists or cannot be written.
    pub fn write_share(&self, path: &Path) -> Result<(), Error> {
        if path.exists() {
            return Err(Error::Usage(format!("{} exists; hand the share on in a new file", path.display())));
        }
        files::write(path, &self.encode(None)?, Access::Owner)
    }

    fn encode(&self, place: Option<Place>) -> Result<Vec<u8>, Error> {
        let stored = Stored {
            tensor: self.tensor.clone(),
            parameters: self.parameters,
            commitment: self.commitment,
            spent: self.spent,
            limit: self.limit,
            seed: self.seed.0,
            place,
        };
        Ok(envelope::seal(KIND, &stored)?)
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
