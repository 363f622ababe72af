//! Pins: one evaluation per tree that fixes which of the columns near a commitment are meant.

use p3_field::PrimeCharacteristicRing;
use p3_maybe_rayon::prelude::*;
use zkml_iop::transcript::Transcript;

use super::combination::eq_weights;
use super::{ColumnTree, StarkColumns};
use crate::merkle::MerkleRoot;
use crate::transcript::Blake3Transcript;
use crate::{F, K};

/// Where a tree is pinned, as its root alone decides.
#[derive(Clone, Debug, PartialEq)]
pub struct PinPoint {
    /// The row point.
    pub point: Vec<K>,
    /// The base of the columns' coefficients.
    pub batching: K,
}

impl StarkColumns {
    /// Where a tree of `width` columns is pinned. `reading` is what else decides what its columns mean, such as the shape
    /// of the tensor in them: another reading has another pin.
    ///
    /// # Soundness
    /// Inside the Johnson radius a root can mean one of several tuples of columns; point and coefficients depend on the root
    /// alone, so that no two of them agree there but with probability `list²/2 · (log_rows + width)/|K|`.
    pub fn pin_point(&self, root: &MerkleRoot, width: usize, reading: &[u8]) -> PinPoint {
        let mut transcript = Blake3Transcript::new("starminer zkml pin, format 1");
        let shape = [self.config.log_rows(), self.config.log_inv_rate(), width];
        let shape: Vec<u8> = shape.iter().flat_map(|&n| (n as u64).to_le_bytes()).collect();
        Transcript::<F, K>::absorb_bytes(&mut transcript, "shape", &shape);
        Transcript::<F, K>::absorb_bytes(&mut transcript, "reading", reading);
        Transcript::<F, K>::absorb_bytes(&mut transcript, "root", &root.0);
        let point = transcript.challenges("point", self.config.log_rows());
        PinPoint { point, batching: transcript.challenge("batching") }
    }

    /// The value of a tree's pin: `Σ_c batching^c · column_c(point)` over all rows, the random ones included.
    ///
    /// # Zero knowledge
    /// It is public, and takes five random rows of every column to hide what else it says.
    pub fn pin_value(&self, tree: &ColumnTree, reading: &[u8]) -> K {
        let PinPoint { point, batching } = self.pin_point(&tree.root(), tree.columns().len(), reading);
        let weights = eq_weights(&point);
        let values: Vec<K> = tree
            .columns()
            .par_iter()
            .map(|column| column.iter().zip(&weights).map(|(&value, &weight)| weight * value).sum())
            .collect();
        values.iter().rev().fold(K::ZERO, |sum, &value| sum * batching + value)
    }

    /// The bits of the error that a root and its pin still mean two tuples of columns, for trees of `width` columns.
    pub fn pin_bits(&self, width: usize) -> f64 {
        let list = self.config.list_size_bits();
        crate::security::algebraic_bits((self.config.log_rows() + width) as f64, 2.0 * list - 1.0)
    }
}
