//! A malicious prover that breaks exactly one relation is refused, and so is one that wraps around a small field or fits its
//! messages to a tree of fractions.

#![allow(clippy::unwrap_used, reason = "tests")]

mod clear;
mod relations;

/// About 2^155 elements.
type Challenge = p3_field::extension::QuinticTrinomialExtensionField<p3_koala_bear::KoalaBear>;

use clear::residuals::Residuals;
use clear::{Case, Clear, F, K};
use p3_field::{Field, PrimeCharacteristicRing, PrimeField32};
use relations::{CLASSES, E, RELU, REM, REST, SOFTMAX, U, Y, relu, requantized, softmax, squares};
use zkml_iop::builder::Visibility::Private;
use zkml_iop::error::VerifyError;
use zkml_iop::prover::Proof;
use zkml_ir::Interval;
use zkml_ir::ops::Activation;

/// `−1/n` in the field.
fn minus_inverse(n: u32) -> i32 {
    (-F::from_u32(n).inverse()).as_canonical_u32() as i32
}

#[test]
fn a_quotient_that_wraps_around_the_field_is_refused() {
    let (case, _) = relu(7);
    let mut f = case.forge();
    let i = f.at(RELU, REST).iter().position(|&r| r < 127).unwrap();
    // 2^15·u + r keeps its value modulo p.
    f.at(RELU, U)[i] += minus_inverse(1 << 15);
    f.at(RELU, REST)[i] += 1;
    f.assert_breaks(&[CLASSES]);
}

#[test]
fn an_unclamped_quotient_outside_of_its_domain_is_refused() {
    // Lengths that are a power of two, and that are none: the distance to the end has limbs too.
    for (domain, remainder) in
        [(Interval::new(-(1 << 16), (1 << 16) - 1), 4), (Interval::new(-40_000, 39_998), 7)]
    {
        let case = requantized(2, domain, Activation::Clamp(domain), Private);
        let mut f = case.forge();
        let i = f.at(RELU, remainder).iter().position(|&r| r < 3).unwrap();
        let change = F::from_i32(minus_inverse(4));
        let limbs = [(0, change), (1, change), (4, -change)];
        for (tensor, change) in limbs.into_iter().filter(|l| l.0 < remainder) {
            let entry = &mut f.at(RELU, tensor)[i];
            *entry = (F::from_i32(*entry) + change).as_canonical_u32() as i32;
        }
        f.at(RELU, remainder)[i] += 1;
        f.assert_breaks(&["range 256"]);
    }
}

#[test]
fn a_softmax_whose_quotient_wraps_around_the_field_is_refused() {
    let case = softmax(Private);
    let mut f = case.forge();
    let sum: i32 = f.at(SOFTMAX, E)[..4].iter().sum();
    f.at(SOFTMAX, Y)[1] += minus_inverse(sum as u32);
    f.at(SOFTMAX, REM)[1] += 1;
    f.assert_breaks(&["range 33"]);
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
        let (public, proof) = (case.public_of(&f.witness), case.prove(f.witness.clone()));
        Self { case, public, proof }
    }

    /// What the checks of this name leave, in order.
    fn residuals(&self, check: &str) -> Vec<K> {
        let checks = Residuals::of(&self.case, &self.public, &self.proof).1;
        checks.into_iter().filter(|c| c.0 == check).map(|c| c.1).collect()
    }

    /// The positions of the scalars of this label.
    fn positions(&self, label: &str) -> Vec<usize> {
        let labels = Residuals::of(&self.case, &self.public, &self.proof).0;
        (0..labels.len()).filter(|&i| labels[i] == label).collect()
    }

    /// Solves for a scalar on which a check depends linearly; says whether it does.
    fn fit(&mut self, position: usize, check: &str, nth: usize) -> bool {
        let honest = self.proof.scalars[position];
        let mut at = |x: K| {
            self.proof.scalars[position] = x;
            self.residuals(check)[nth]
        };
        let (zero, one) = (at(K::ZERO), at(K::ONE));
        if zero == one {
            self.proof.scalars[position] = honest;
            return false;
        }
        assert_eq!(at(-zero / (one - zero)), K::ZERO);
        true
    }

    /// Numerators of every layer that add up to those above.
    fn fit_layers(&mut self) {
        // A layer sends two numerators and two denominators.
        let numerators: Vec<usize> = self.positions("fraction").into_iter().step_by(4).collect();
        for (layer, position) in numerators.into_iter().enumerate() {
            assert!(self.fit(position, "sum of fractions", layer));
        }
    }

    fn assert_refused_by(&self, check: &str) {
        for (name, residual) in Residuals::of(&self.case, &self.public, &self.proof).1 {
            assert!(residual == K::ZERO || name == check, "{name}");
        }
        let error = self.case.verify_public(&self.public, &self.proof).unwrap_err();
        assert!(matches!(error, VerifyError::Unequal { check: name } if name == check), "{error}");
    }
}

#[test]
fn fractions_that_do_not_sum_to_zero_are_refused_at_the_root() {
    Fitted::new().assert_refused_by("sum of fractions");
}

#[test]
fn numerators_that_fit_every_layer_are_refused_at_the_leaves() {
    let mut fitted = Fitted::new();
    fitted.fit_layers();
    fitted.assert_refused_by("numerators of the lookups");
}

#[test]
fn denominators_that_fit_every_layer_are_refused_at_the_leaves() {
    let mut fitted = Fitted::new();
    // Two numerators and two denominators per layer.
    for (layer, position) in fitted.positions("fraction").into_iter().skip(3).step_by(4).enumerate() {
        assert!(fitted.fit(position, "sum of fractions", layer));
    }
    fitted.assert_refused_by("denominators of the lookups");
}

#[test]
fn an_evaluation_that_fits_the_leaves_is_refused() {
    let mut fitted = Fitted::new();
    fitted.fit_layers();
    let mut evaluations = fitted.positions("evaluation").into_iter();
    assert!(evaluations.any(|position| fitted.fit(position, "numerators of the lookups", 0)));
    fitted.assert_refused_by("claim reduction");
}

#[test]
fn a_tree_of_fractions_without_denominators_is_refused() {
    let mut fitted = Fitted::new();
    let fractions = fitted.positions("fraction");
    let last = fractions[fractions.len() - 1];
    // 0/0 is the sum of 0/0 and 0/0, in every layer.
    fitted.proof.scalars[..=last].fill(K::ZERO);
    assert!(fitted.residuals("sum of fractions").iter().all(|&r| r == K::ZERO));
    let error = fitted.case.verify_public(&fitted.public, &fitted.proof).unwrap_err();
    assert!(matches!(error, VerifyError::Unequal { check: "root of the fractions" }), "{error}");
}
