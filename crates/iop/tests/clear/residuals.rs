//! A verifier that notes by how much a check fails, and goes on.

use zkml_iop::commitment::Combination;
use zkml_iop::context::Context;
use zkml_iop::error::VerifyError;
use zkml_iop::layout::TreeKind;
use zkml_iop::native::Native;
use zkml_iop::prover::Proof;
use zkml_iop::reader::Reader;

use super::{Case, Clear, K};

/// The native context, without its refusals.
pub struct Residuals<'a> {
    native: Native<'a, Clear>,
    /// The labels of the scalars in the order in which they are received.
    pub labels: Vec<&'static str>,
    /// The checks and what they leave.
    pub checks: Vec<(&'static str, K)>,
}

impl Residuals<'_> {
    /// Verifies a proof of the statement with these public tensors.
    pub fn of(
        case: &Case,
        public: &[Vec<i32>],
        proof: &Proof<Clear>,
    ) -> (Vec<&'static str>, Vec<(&'static str, K)>) {
        let (scheme, mut transcript) = (Clear::honest(), case.transcript.clone());
        let shared = case.commitments();
        let native = Native::new(Reader::new(&scheme, &mut transcript, proof, &shared, &case.layout));
        let mut cx = Residuals { native, labels: vec![], checks: vec![] };
        zkml_iop::verifier::verify(&mut cx, &case.system, &case.layout, public, &[]).unwrap();
        (cx.labels, cx.checks)
    }
}

impl Context for Residuals<'_> {
    type Public = K;
    type Sealed = K;
    type Linear = K;

    fn basis(&self, index: usize) -> K {
        self.native.basis(index)
    }

    fn commit(&mut self, tree: TreeKind) -> Result<(), VerifyError> {
        self.native.commit(tree)
    }

    fn challenge(&mut self, label: &'static str) -> K {
        self.native.challenge(label)
    }

    fn receive(&mut self, label: &'static str) -> Result<K, VerifyError> {
        self.labels.push(label);
        self.native.receive(label)
    }

    fn affine(&mut self, value: &K, factor: &K, constant: &K) -> K {
        self.native.affine(value, factor, constant)
    }

    fn zero(&self) -> K {
        self.native.zero()
    }

    fn add_public(&mut self, sum: &mut K, value: &K) {
        self.native.add_public(sum, value);
    }

    fn add(&mut self, sum: &mut K, factor: &K, value: &K) {
        self.native.add(sum, factor, value);
    }

    fn add_product(&mut self, sum: &mut K, factor: &K, a: &K, b: &K) {
        self.native.add_product(sum, factor, a, b);
    }

    fn scale(&mut self, sum: &K, factor: &K) -> K {
        self.native.scale(sum, factor)
    }

    fn add_linear(&mut self, sum: &mut K, other: &K) {
        self.native.add_linear(sum, other);
    }

    fn assert_zero(&mut self, sum: K, check: &'static str) -> Result<(), VerifyError> {
        self.checks.push((check, sum));
        Ok(())
    }

    fn open(&mut self, point: &[K]) -> Result<Combination<K>, VerifyError> {
        self.native.open(point)
    }
}
