//! What no prover of this kind gets below, and the limit of its memory.

use serde::{Deserialize, Serialize};
use zkml::cost::Cost;

/// What a proof has to process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Work {
    /// Committed weights.
    pub(crate) weights: u64,
    /// Entries committed in every proof, lookup helpers included.
    pub(crate) cells: u64,
    /// Tuples looked up.
    pub(crate) lookups: u64,
    /// Multiplications of the model.
    pub(crate) macs: u64,
    /// Elements of requantised activations.
    pub(crate) requantised: u64,
}

impl Work {
    /// The work that a model costs.
    pub(crate) fn of(cost: &Cost) -> Self {
        let size = |shape: &[usize]| shape.iter().product::<usize>() as u64;
        let requantised = cost.nodes.iter().filter(|n| n.op == "Requantize");
        Self {
            weights: cost.weights,
            cells: cost.cells,
            lookups: cost.lookups,
            macs: cost.macs,
            requantised: requantised.map(|n| size(&n.shape)).sum(),
        }
    }

    /// Core-seconds below which no prover of this kind gets: three passes over the weights, one fraction per lookup,
    /// encoding and hashing of what is committed, and the multiplications at full vector width.
    pub(crate) fn lower_bound(&self, gigahertz: f64) -> f64 {
        const PASS: f64 = 0.34;
        const LOOKUP: f64 = 58.0;
        // Encoding, and eight bytes hashed, per committed element.
        const COMMIT: f64 = 8.7 + 8.0 * 0.31;
        const MACS_PER_CYCLE: f64 = 32.0;
        let nanoseconds = 3.0 * PASS * self.weights as f64
            + LOOKUP * self.lookups as f64
            + COMMIT * self.cells as f64
            + self.macs as f64 / (MACS_PER_CYCLE * gigahertz);
        nanoseconds * 1e-9
    }

    /// The most bytes of memory that a prover should need.
    pub(crate) fn memory_target(&self) -> f64 {
        24.0 * self.weights as f64 + 200.0 * self.requantised as f64 + 300e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_bound_is_the_sum_of_its_terms() {
        let none = Work { weights: 0, cells: 0, lookups: 0, macs: 0, requantised: 0 };
        assert_eq!(none.lower_bound(2.0), 0.0);
        let million = 1_000_000;
        let close = |work: Work, milliseconds: f64| (work.lower_bound(2.0) * 1e3 - milliseconds).abs() < 1e-9;
        assert!(close(Work { weights: million, ..none }, 1.02));
        assert!(close(Work { lookups: million, ..none }, 58.0));
        assert!(close(Work { cells: million, ..none }, 11.18));
        assert!(close(Work { macs: 64 * million, ..none }, 1.0));
    }
}
