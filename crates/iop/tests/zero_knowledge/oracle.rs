//! Coins: the random oracle's, which a simulator programs, and the prover's, which it may not know.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use zkml_iop::prover::Randomness;
use zkml_iop::transcript::Transcript;

use crate::field::{F, P};

/// A seeded source of uniform elements.
pub struct Dice(StdRng);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    pub fn element(&mut self) -> F {
        <F as p3_field::integers::QuotientMap<u32>>::from_int(self.0.random_range(0..P))
    }

    pub fn elements(&mut self, count: usize) -> Vec<F> {
        (0..count).map(|_| self.element()).collect()
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0.random_range(0..bound)
    }

    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        core::array::from_fn(|_| self.0.random())
    }

    pub fn seed(&mut self) -> u64 {
        self.0.random()
    }
}

impl Randomness<F> for Dice {
    fn field(&mut self) -> F {
        self.element()
    }

    fn seed(&mut self) -> [u8; 32] {
        self.bytes()
    }
}

/// Randomness that is none: data rows alone remain of every column.
pub struct Zeros;

impl Randomness<F> for Zeros {
    fn field(&mut self) -> F {
        F::default()
    }

    fn seed(&mut self) -> [u8; 32] {
        [0; 32]
    }
}

/// Randomness that was chosen beforehand, in the order in which a prover asks for it.
pub struct Script {
    elements: std::vec::IntoIter<F>,
    seeds: std::vec::IntoIter<[u8; 32]>,
}

impl Script {
    pub fn new(elements: Vec<F>, seeds: Vec<[u8; 32]>) -> Self {
        Self { elements: elements.into_iter(), seeds: seeds.into_iter() }
    }

    /// Whether everything was asked for.
    pub fn is_spent(&self) -> bool {
        self.elements.len() == 0 && self.seeds.len() == 0
    }
}

impl Randomness<F> for Script {
    fn field(&mut self) -> F {
        self.elements.next().unwrap()
    }

    fn seed(&mut self) -> [u8; 32] {
        self.seeds.next().unwrap()
    }
}

/// The Fiat-Shamir transcript as the random oracle model sees it.
///
/// Every proof absorbs commitments that hold fresh salts before its first challenge, so that nobody has asked the oracle for
/// any of its challenges before: they are uniform and independent of whatever was absorbed. An honest prover's oracle draws
/// them lazily; a simulator's answers are drawn first and the transcript around them afterwards. Both are this sponge that
/// absorbs nothing, and its seed names the answers.
pub struct Oracle {
    answers: Dice,
}

impl Oracle {
    pub fn new(seed: u64) -> Self {
        Self { answers: Dice::new(seed) }
    }

    /// A uniform position below `bound`.
    pub fn position(&mut self, bound: usize) -> usize {
        self.answers.below(bound)
    }
}

impl Transcript<F, F> for Oracle {
    fn absorb_bytes(&mut self, _: &'static str, _: &[u8]) {}

    fn absorb_scalars(&mut self, _: &'static str, _: &[F]) {}

    fn challenge(&mut self, _: &'static str) -> F {
        self.answers.element()
    }
}
