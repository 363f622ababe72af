//! The sealed transcript: every scalar of the prover behind a committed one-time pad.
//!
//! Before any challenge the prover commits to one uniform pad per scalar that it will send and to the products of pads that
//! the verifier's checks will need ([`Shape`]). It sends every scalar `m` as `m + π`. The verifier checks nothing on the way:
//! [`Recorder`] collects what it would have checked as [`Equation`]s over the pads, and one argument about the committed pads
//! proves them all.
//!
//! # Zero knowledge
//! Masked scalars are uniform, whatever the witness. What the argument about the pads reveals is its own business.
//!
//! # Soundness
//! The pads are bound before the first challenge, so the scalars are bound when they are sent: a sealed proof errs as often as
//! one in the clear, and as the argument about the pads.

mod counter;
mod recorder;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

pub use counter::count;
pub use recorder::Recorder;

/// How many pads a proof needs, and the pairs of them whose products are committed too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// The number of pads: one per scalar of the proof.
    pub num_pads: usize,
    /// Pairs of pads, the lower index first, each pair once.
    pub products: Vec<(usize, usize)>,
}

/// `Σ coefficient·pad + Σ coefficient·product + constant = 0`; an index may occur several times.
#[derive(Clone, Debug, PartialEq)]
pub struct Equation<K> {
    /// What is checked.
    pub check: &'static str,
    /// Pads and their coefficients.
    pub terms: Vec<(usize, K)>,
    /// Products, by their position in [`Shape::products`], and their coefficients.
    pub products: Vec<(usize, K)>,
    /// The constant.
    pub constant: K,
}

/// What the pads of a proof must satisfy.
#[derive(Clone, Debug, PartialEq)]
pub struct Relation<K> {
    /// The pads.
    pub shape: Shape,
    /// The equations.
    pub equations: Vec<Equation<K>>,
}

/// The pairs of scalars that were multiplied so far.
#[derive(Default)]
struct Pairs {
    list: Vec<(usize, usize)>,
    known: BTreeMap<(usize, usize), usize>,
}

impl Pairs {
    /// The position of a pair; a new one is appended.
    fn position(&mut self, a: usize, b: usize) -> usize {
        let pair = (a.min(b), a.max(b));
        let list = &mut self.list;
        *self.known.entry(pair).or_insert_with(|| {
            list.push(pair);
            list.len() - 1
        })
    }
}
