//! Proofs that contracts accept: the suites `groth16` and `plonk`.
//!
//! A model is set up for one suite, batch and choice of visibilities, because a SNARK's key belongs to one circuit. There is no
//! budget of openings: a commitment to weights or to a tensor serves any number of proofs.

pub mod ceremony;
mod committed;
mod key;
mod prove;

pub use committed::ChainTensor;
pub use key::{
    ChainKey, ChainOptions, PROVING_FILE, SETUP_PHASES, SRS_FILE, SrsSource, read_srs, setup,
    write_testing_srs,
};
pub use prove::{ChainProven, PROVE_PHASES, prove};
pub use zkml_chain::{
    Card, Policy, Proof, Refusal, Registered, SnarkKey, SrsOrigin, Statement, Statistics, Suite,
    TensorCommitment, Verified, verify,
};

use zkml_bn254::F;
use zkml_bn254::field::{from_ark, from_word};
use zkml_iop::error::ProveError;
use zkml_iop::prover::{Randomness, Stage};

use crate::argument::Clock;
use crate::error::Error;
use crate::prove::Phase;
use crate::randomness::{Seed, Stream};

/// Secret uniform elements of BN254's scalar field.
pub(crate) struct Scalars(Stream);

impl Scalars {
    /// The stream of a seed; every label is a stream of its own.
    pub(crate) fn new(seed: &Seed, label: &str) -> Self {
        Self(Stream::new(seed, label))
    }
}

impl Randomness<F> for Scalars {
    fn field(&mut self) -> F {
        loop {
            // 254 random bits, kept if they are below the modulus: uniform.
            let mut word: [u8; 32] = self.0.seed();
            word[0] &= 0x3f;
            if let Some(scalar) = from_word(&word) {
                return from_ark(scalar);
            }
        }
    }

    fn seed(&mut self) -> [u8; 32] {
        self.0.seed()
    }
}

/// Tells a clock about the protocol's stages.
pub(crate) fn staged<'c>(clock: &'c mut Clock<'_>) -> impl FnMut(Stage) + 'c {
    move |stage| match stage {
        Stage::Commit => {}
        Stage::Lookups => clock.begin(Phase::Lookups),
        Stage::Products => clock.begin(Phase::Products),
        Stage::Reduction => clock.begin(Phase::Reduction),
        Stage::Opening => clock.begin(Phase::Opening),
    }
}

/// A commitment that fails.
pub(crate) fn commitment(error: zkml_bn254::Bn254Error) -> Error {
    Error::Prove(ProveError::Commitment(Box::new(error)))
}
