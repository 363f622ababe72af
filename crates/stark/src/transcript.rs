//! The Fiat-Shamir transcript of the suite.

use p3_challenger::{
    CanObserve, CanSample, CanSampleBits, GrindingChallenger, HashChallenger, SerializingChallenger32,
};
use p3_symmetric::Hash;
use zkml_iop::transcript::Transcript;

use crate::hash::{Prefixed, TranscriptState};
use crate::{F, K, limbs};

/// The sponge that `p3-whir` shares with the protocol around it.
pub(crate) type Challenger = SerializingChallenger32<F, HashChallenger<u8, Prefixed<TranscriptState>, 32>>;

/// What follows in the sponge: every step is announced, so that no two sequences of steps absorb the same bytes.
#[derive(Clone, Copy)]
enum Step {
    Bytes = 1,
    Scalars = 2,
    Challenge = 3,
    Grinding = 4,
    Positions = 5,
    Delegation = 6,
}

/// A Blake3 sponge over [`F`] and [`K`].
///
/// Each step absorbs its kind, its label and its length before its content. Challenges are sampled by rejection, so they
/// are uniform.
#[derive(Clone, Debug)]
pub struct Blake3Transcript {
    challenger: Challenger,
}

impl Blake3Transcript {
    /// A transcript of the protocol named `protocol` (with its version).
    pub fn new(protocol: &str) -> Self {
        let hasher = HashChallenger::new(Vec::new(), Prefixed(TranscriptState));
        let mut transcript = Self { challenger: Challenger::new(hasher) };
        transcript.absorb_bytes("protocol", protocol.as_bytes());
        transcript
    }

    /// Searches a proof of work of `bits` bits (at most 30) and absorbs it. Zero bits cost nothing and answer zero.
    pub(crate) fn grind(&mut self, label: &'static str, bits: usize) -> F {
        self.announce(Step::Grinding, label, bits);
        self.challenger.grind(bits)
    }

    /// Replays [`Self::grind`]; the witness of a zero-bit grinding must be zero, so that it cannot be varied.
    pub(crate) fn check_grinding(&mut self, label: &'static str, bits: usize, witness: F) -> bool {
        self.announce(Step::Grinding, label, bits);
        self.challenger.check_witness(bits, witness) && (bits > 0 || witness == F::default())
    }

    /// Draws `count` independent uniform positions below `2^log_size` (`log_size` at most 30).
    pub(crate) fn positions(&mut self, label: &'static str, count: usize, log_size: usize) -> Vec<usize> {
        self.announce(Step::Positions, label, count);
        (0..count).map(|_| self.challenger.sample_bits(log_size)).collect()
    }

    /// Lends the sponge to a sub-protocol.
    pub(crate) fn delegate(&mut self, label: &'static str) -> &mut Challenger {
        self.announce(Step::Delegation, label, 0);
        &mut self.challenger
    }

    fn announce(&mut self, step: Step, label: &'static str, len: usize) {
        let mut header = Vec::with_capacity(label.len() + 17);
        header.push(step as u8);
        header.extend_from_slice(&(label.len() as u64).to_le_bytes());
        header.extend_from_slice(label.as_bytes());
        header.extend_from_slice(&(len as u64).to_le_bytes());
        self.absorb_raw(&header);
    }

    /// Absorbs bytes whose number was announced, so that padding the last block with zeros is injective.
    fn absorb_raw(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(32) {
            let mut block = [0; 32];
            block[..chunk.len()].copy_from_slice(chunk);
            self.challenger.observe(Hash::<F, u8, 32>::from(block));
        }
    }
}

impl Transcript<F, K> for Blake3Transcript {
    fn absorb_bytes(&mut self, label: &'static str, bytes: &[u8]) {
        self.announce(Step::Bytes, label, bytes.len());
        self.absorb_raw(bytes);
    }

    fn absorb_scalars(&mut self, label: &'static str, scalars: &[K]) {
        self.announce(Step::Scalars, label, scalars.len());
        for scalar in scalars {
            self.challenger.observe_slice(limbs(scalar));
        }
    }

    fn challenge(&mut self, label: &'static str) -> K {
        self.announce(Step::Challenge, label, 1);
        self.challenger.sample()
    }

    fn challenges(&mut self, label: &'static str, count: usize) -> Vec<K> {
        self.announce(Step::Challenge, label, count);
        (0..count).map(|_| self.challenger.sample()).collect()
    }
}

#[cfg(test)]
mod tests {
    use p3_field::PrimeCharacteristicRing;

    use super::*;

    fn challenge_after(steps: impl FnOnce(&mut Blake3Transcript)) -> K {
        let mut transcript = Blake3Transcript::new("test");
        steps(&mut transcript);
        transcript.challenge("challenge")
    }

    #[test]
    fn sequences_that_differ_in_label_length_split_or_kind_differ_in_challenges() {
        let challenges = [
            challenge_after(|_| ()),
            challenge_after(|t| t.absorb_bytes("a", &[])),
            challenge_after(|t| t.absorb_bytes("b", &[])),
            challenge_after(|t| t.absorb_bytes("a", &[0])),
            challenge_after(|t| t.absorb_bytes("a", &[0, 0])),
            challenge_after(|t| {
                t.absorb_bytes("a", &[0]);
                t.absorb_bytes("a", &[0]);
            }),
            challenge_after(|t| t.absorb_scalars("a", &[])),
            challenge_after(|t| t.absorb_scalars("a", &[K::ZERO])),
            challenge_after(|t| _ = t.challenge("a")),
            challenge_after(|t| _ = t.grind("a", 0)),
        ];
        for (i, a) in challenges.iter().enumerate() {
            assert!(challenges[..i].iter().all(|b| a != b), "sequence {i}");
        }
        assert_ne!(Blake3Transcript::new("other").challenge("challenge"), challenges[0]);
    }

    #[test]
    fn a_proof_of_work_is_found_and_only_it_is_accepted() {
        let start = Blake3Transcript::new("test");
        let mut prover = start.clone();
        let witness = prover.grind("work", 10);
        let mut verifier = start.clone();
        assert!(verifier.check_grinding("work", 10, witness));
        assert_eq!(prover.challenge("next"), verifier.challenge("next"));
        assert!(!start.clone().check_grinding("work", 10, witness + F::ONE));
        assert!(!{ start }.check_grinding("work", 0, F::ONE));
    }
}
