//! Lookups by helpers, where the field of challenges is the base field: the commitment in the clear, with challenges in a field
//! of 31 bits. The attacks on relations are those that every commitment is tested with.

#![allow(clippy::unwrap_used, reason = "tests")]

mod clear;
mod relations;

/// The base field itself: helpers take one column each.
type Challenge = p3_koala_bear::KoalaBear;

use clear::residuals::Residuals;
use clear::sketch::{I8, Sketch, U8, gemm};
use clear::{Case, Clear, K};
use p3_field::PrimeCharacteristicRing;
use relations::squares;
use zkml_iop::builder::Visibility::{Private, Public};
use zkml_iop::prover::{Pads, Proof};
use zkml_iop::sealed::count;
use zkml_ir::Op;
use zkml_ir::ops::{Einsum, Max};

/// A small network with every kind of message.
fn network(batch: usize) -> Case {
    let mut s = Sketch::new();
    let x = s.input(&[1, 3], U8);
    let w = s.weight(&[3, 3], I8);
    let acc = s.node(gemm(), &[x, w]);
    let hidden = s.relu(acc, 7, 8);
    let best = s.node(Op::Max(Max {}), &[hidden]);
    let square = s.node(Op::Einsum(Einsum::elementwise(1)), &[best, best]);
    s.case(square, batch, (Private, Public))
}

/// A proof as behind pads, which are all zero.
fn behind_zeros(case: &Case, witness: Vec<Vec<i32>>) -> Proof<Clear> {
    let shape = count(&case.system, &case.layout, &case.public(), 0).unwrap();
    let proof = case.prove_sealed(witness, &[], Pads::OneTime(&vec![K::ZERO; shape.num_pads])).unwrap();
    assert_eq!(shape.num_pads, proof.scalars.len());
    proof
}

#[test]
fn lookups_in_a_field_without_extension_are_proven_by_helpers() {
    for case in [network(1), network(3), squares()] {
        assert!(case.system.fractions.is_empty() && !case.system.helpers.is_empty());
        let proof = case.prove(case.witness.clone());
        case.verify(&proof).unwrap();
        // Behind pads, factors that are sums are messages of their own.
        let sealed = behind_zeros(&case, case.witness.clone());
        let (labels, checks) = Residuals::of(&case, &case.public(), &sealed);
        assert!(checks.iter().all(|c| c.1 == K::ZERO));
        let factors = labels.iter().filter(|l| l.starts_with("denominator")).count();
        assert!(factors > 0 && sealed.scalars.len() == proof.scalars.len() + factors);
    }
}

#[test]
fn every_scalar_changed_by_one_is_refused() {
    let case = network(1);
    let proof = case.prove(case.witness.clone());
    for position in 0..proof.scalars.len() {
        let mut forged = proof.clone();
        forged.scalars[position] += K::ONE;
        case.verify(&forged).unwrap_err();
    }
}

#[test]
fn missing_superfluous_and_exchanged_commitments_are_refused() {
    let case = network(1);
    let proof = case.prove(case.witness.clone());
    let helpers = proof.helpers.unwrap();
    for (witness, helpers) in [
        (proof.witness, None),
        (proof.witness, Some([0; 32])),
        (proof.witness, Some(proof.witness)),
        (helpers, Some(proof.witness)),
        ([0; 32], Some(helpers)),
    ] {
        case.verify(&Proof { witness, helpers, ..proof.clone() }).unwrap_err();
    }
}

/// A wrong value, and a prover that fits its last messages to the sumcheck whose challenges it knows.
struct Fitted {
    case: Case,
    public: Vec<Vec<i32>>,
    proof: Proof<Clear>,
}

impl Fitted {
    fn new() -> Self {
        let mut case = squares();
        case.transcript.deaf = true;
        case.assert_complete();
        let mut f = case.forge();
        f.at("Lookup_1", 0)[1] += 1;
        f.output()[1] += 1;
        f.recount();
        let (public, proof) = (case.public_of(&f.witness), behind_zeros(&case, f.witness.clone()));
        Self { case, public, proof }
    }

    /// What a check leaves.
    fn residual(&self, check: &str) -> K {
        let checks = Residuals::of(&self.case, &self.public, &self.proof).1;
        checks
            .iter()
            .find(|c| c.0 == check && (c.1 != K::ZERO || check == "lookups"))
            .map_or(K::ZERO, |c| c.1)
    }

    /// The position of the first scalar of this label.
    fn position(&self, label: &str) -> usize {
        let labels = Residuals::of(&self.case, &self.public, &self.proof).0;
        labels.iter().position(|l| *l == label).unwrap()
    }

    /// Solves for a scalar on which a residual depends linearly; `settle` lets other scalars follow.
    fn fit(&mut self, position: usize, settle: impl Fn(&mut Self), check: &str) {
        let mut at = |x: K| {
            self.proof.scalars[position] = x;
            settle(self);
            self.residual(check)
        };
        let (zero, one) = (at(K::ZERO), at(K::ONE));
        assert_eq!(at(-zero / (one - zero)), K::ZERO);
    }

    /// Exactly the checks of this name fail.
    fn assert_refused_by(&self, check: &str) {
        let checks = Residuals::of(&self.case, &self.public, &self.proof).1;
        let failed: Vec<&str> = checks.iter().filter(|c| c.1 != K::ZERO).map(|c| c.0).collect();
        assert!(!failed.is_empty() && failed.iter().all(|name| *name == check), "{failed:?}");
    }
}

#[test]
fn a_product_of_denominators_that_fits_the_sumcheck_is_refused() {
    let mut fitted = Fitted::new();
    let product = fitted.position("denominators");
    fitted.fit(product, |_| (), "lookups");
    fitted.assert_refused_by("denominators");
}

#[test]
fn a_denominator_that_fits_the_sumcheck_is_refused() {
    let mut fitted = Fitted::new();
    let (single, product) = (fitted.position("denominator"), fitted.position("denominators"));
    let settle = |f: &mut Fitted| {
        let residual = f.residual("denominators");
        f.proof.scalars[product] += residual;
    };
    fitted.fit(single, settle, "lookups");
    fitted.assert_refused_by("denominator");
}

#[test]
fn an_evaluation_that_fits_the_sumcheck_is_refused() {
    let mut fitted = Fitted::new();
    let helper = fitted.position("helper");
    fitted.fit(helper, |_| (), "lookups");
    fitted.assert_refused_by("claim reduction");
}
