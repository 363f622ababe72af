//! Committed tensors of the suites for contracts: hand-offs that any number of statements share.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use zkml_bn254::columns::RESERVED_ROWS;
use zkml_bn254::{ColumnTree, KzgColumns, Srs};
use zkml_chain::card::commitment_id;
use zkml_chain::{Points, TauG2};
use zkml_iop::commitment::ColumnCommitment;
use zkml_iop::layout::{Layout, Reserved, TreeKind};
use zkml_iop::prover::{Randomness, shared_columns};
use zkml_iop::system::{Declared, Home, System};
use zkml_ir::{Interval, Tensor};
use zkml_verifier::FormatError;
use zkml_verifier::envelope::{self, Kind};

use super::{Scalars, commitment};
use crate::error::Error;
use crate::files::{self, Access};
use crate::randomness::Seed;

const KIND: Kind = Kind { magic: *b"ZKGT", version: 1, name: "secret of a committed tensor for contracts" };

/// What the holder of a committed tensor knows of it. Secret. It belongs to one reference string and one height of columns.
#[derive(Debug)]
pub struct ChainTensor {
    tensor: Tensor,
    points: Points,
    log_rows: u8,
    tau_g2: TauG2,
    seed: Seed,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    tensor: Tensor,
    points: Points,
    log_rows: u8,
    tau_g2: TauG2,
    seed: [u8; 32],
}

impl ChainTensor {
    /// Commits to a tensor, the batch being its first axis.
    pub(super) fn new(tensor: Tensor, srs: &Arc<Srs>, log_rows: u8) -> Result<Self, Error> {
        let seed = Seed::fresh()?;
        let points = Points(commit(&tensor, srs, log_rows, &seed)?.points().clone());
        Ok(Self { tensor, points, log_rows, tau_g2: TauG2(srs.tau_g2), seed })
    }

    /// The columns, for a model under the same reference string and of the same height.
    pub(super) fn open(&self, name: &str, srs: &Arc<Srs>, log_rows: u8) -> Result<ColumnTree, Error> {
        if self.tau_g2.0 != srs.tau_g2 || self.log_rows != log_rows {
            return Err(Error::Usage(format!(
                "the commitment of '{name}' belongs to another reference string or to columns of 2^{} rows, this model's \
                 have 2^{log_rows}: commit anew",
                self.log_rows
            )));
        }
        let tree = commit(&self.tensor, srs, log_rows, &self.seed)?;
        if *tree.points() != self.points.0 {
            return Err(Error::Usage(format!(
                "the secret of '{name}' is damaged: it is not what was committed"
            )));
        }
        Ok(tree)
    }

    /// The tensor, with the batch as first axis.
    pub fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    /// The public part.
    pub fn points(&self) -> &Points {
        &self.points
    }

    /// The commitment's identifier.
    pub fn id(&self) -> [u8; 32] {
        commitment_id(&self.tau_g2, self.log_rows, &self.tensor.shape, &self.points)
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
        let Stored { tensor, points, log_rows, tau_g2, seed } = envelope::open(KIND, bytes)?;
        if zkml_ir::tensor::num_elements(&tensor.shape) != Some(tensor.data.len()) {
            let reason = "its parts do not fit together".to_string();
            return Err(FormatError::Damaged { kind: KIND.name, reason });
        }
        Ok(Self { tensor, points, log_rows, tau_g2, seed: Seed(seed) })
    }

    /// Writes the secret for its owner alone.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let stored = Stored {
            tensor: self.tensor.clone(),
            points: self.points.clone(),
            log_rows: self.log_rows,
            tau_g2: self.tau_g2,
            seed: self.seed.0,
        };
        files::write(path, &envelope::seal(KIND, &stored)?, Access::Owner)
    }
}

/// The tree of a tensor: the one that a statement's layout gives it, because it is alone in it.
fn commit(tensor: &Tensor, srs: &Arc<Srs>, log_rows: u8, seed: &Seed) -> Result<ColumnTree, Error> {
    let mut system = System::default();
    system.declare(Declared {
        name: "committed tensor".into(),
        shape: tensor.shape.clone(),
        range: Interval::point(0),
        home: Home::Committed(0),
    });
    let columns = KzgColumns::new(srs.clone(), log_rows.into()).map_err(commitment)?;
    let layout = Layout::new(&system, log_rows.into(), &Reserved::uniform(RESERVED_ROWS, 1))?;
    let mut randomness = Scalars::new(seed, "bn254 committed tensor");
    let witness = [tensor.data.clone()];
    let values = shared_columns(&system, &layout, TreeKind::Committed(0), &witness, &mut randomness);
    Ok(columns.commit(values, randomness.seed()).map_err(commitment)?.1)
}
