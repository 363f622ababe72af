//! The sealed transcript: the verifier records equations over one-time pads, and they hold exactly where it would accept.

#![allow(clippy::unwrap_used, reason = "tests")]

mod clear;

/// About 2^155 elements.
type Challenge = p3_field::extension::QuinticTrinomialExtensionField<p3_koala_bear::KoalaBear>;

use clear::sketch::{I8, Sketch, U8, gemm};
use clear::{Case, Counter, K};
use p3_field::{BasedVectorSpace, PrimeCharacteristicRing};
use zkml_iop::builder::Visibility::{Committed, Public};
use zkml_iop::error::ProveError;
use zkml_iop::prover::{Pads, Proof, Randomness};
use zkml_iop::sealed::{Equation, Relation, count};
use zkml_ir::Op;
use zkml_ir::ops::{Einsum, Max};

/// A network with every kind of message.
fn network() -> Case {
    let mut s = Sketch::new();
    let x = s.input(&[1, 3], U8);
    let w = s.weight(&[3, 3], I8);
    let acc = s.node(gemm(), &[x, w]);
    let hidden = s.relu(acc, 7, 8);
    let best = s.node(Op::Max(Max {}), &[hidden]);
    let square = s.node(Op::Einsum(Einsum::elementwise(1)), &[best, best]);
    s.case(square, 2, (Committed, Public))
}

fn pads(case: &Case) -> Vec<K> {
    let shape = count(&case.system, &case.layout, &case.public(), 0).unwrap();
    let mut dice = Counter(99);
    (0..shape.num_pads).map(|_| K::from_basis_coefficients_fn(|_| dice.field())).collect()
}

fn sealed(case: &Case, pads: &[K]) -> Proof<clear::Clear> {
    case.prove_sealed(case.witness.clone(), &[], Pads::OneTime(pads)).unwrap()
}

/// The equations that pads do not satisfy.
fn violated(relation: &Relation<K>, pads: &[K]) -> Vec<&'static str> {
    let value = |e: &Equation<K>| {
        let terms: K = e.terms.iter().map(|&(pad, k)| k * pads[pad]).sum();
        let product = |&(product, k): &(usize, K)| {
            let (a, b) = relation.shape.products[product];
            k * pads[a] * pads[b]
        };
        terms + e.products.iter().map(product).sum::<K>() + e.constant
    };
    relation.equations.iter().filter(|e| value(e) != K::ZERO).map(|e| e.check).collect()
}

#[test]
fn the_dry_run_counts_the_pads_and_products_that_the_recorder_needs() {
    let case = network();
    let pads = pads(&case);
    let relation = case.record(&[], &sealed(&case, &pads)).unwrap();
    assert_eq!(count(&case.system, &case.layout, &case.public(), 0).unwrap(), relation.shape);
    assert_eq!(relation.shape.num_pads, sealed(&case, &pads).scalars.len());
    assert!(!relation.shape.products.is_empty());
}

#[test]
fn every_pad_occurs_in_a_recorded_equation() {
    let case = network();
    let relation = case.record(&[], &sealed(&case, &pads(&case))).unwrap();
    let products = &relation.shape.products;
    for pad in 0..relation.shape.num_pads {
        let occurs = relation.equations.iter().any(|e| {
            let coefficient: K = e.terms.iter().filter(|t| t.0 == pad).map(|t| t.1).sum();
            coefficient != K::ZERO
                || e.products.iter().any(|p| [products[p.0].0, products[p.0].1].contains(&pad))
        });
        assert!(occurs, "scalar {pad} is received and never constrained");
    }
}

#[test]
fn an_honest_sealed_proof_satisfies_every_equation_and_other_pads_do_not() {
    let case = network();
    let mut pads = pads(&case);
    let relation = case.record(&[], &sealed(&case, &pads)).unwrap();
    assert_eq!(violated(&relation, &pads), [""; 0]);
    for pad in 0..pads.len() {
        pads[pad] += K::ONE;
        assert_ne!(violated(&relation, &pads), [""; 0], "pad {pad}");
        pads[pad] -= K::ONE;
    }
}

#[test]
fn the_recorder_and_the_native_check_agree_on_every_changed_scalar() {
    let case = network();
    let honest = case.prove(case.witness.clone());
    let zeros = vec![K::ZERO; honest.scalars.len()];
    let agree = |proof: &Proof<clear::Clear>| {
        let accepted = case.verify(proof).is_ok();
        let recorded = case.record(&[], proof).is_ok_and(|r| violated(&r, &zeros).is_empty());
        assert_eq!(accepted, recorded);
        accepted
    };
    assert!(agree(&honest));
    for position in 0..honest.scalars.len() {
        let mut forged = honest.clone();
        forged.scalars[position] += K::TWO;
        assert!(!agree(&forged), "scalar {position}");
    }
}

#[test]
fn a_wrong_witness_satisfies_no_recorded_relation() {
    let case = network();
    let pads = pads(&case);
    let tensor = case.system.tensors.iter().position(|t| t.name == "relu").unwrap_or(5);
    let mut witness = case.witness.clone();
    if let Some(entry) = witness[tensor].first_mut() {
        *entry += 1;
    }
    match case.prove_sealed(witness, &[], Pads::OneTime(&pads)) {
        Err(error) => assert!(matches!(error, ProveError::Relation(_))),
        Ok(proof) => assert_ne!(violated(&case.record(&[], &proof).unwrap(), &pads), [""; 0]),
    }
}

#[test]
fn a_proof_with_too_few_pads_is_never_released() {
    let case = network();
    let pads = pads(&case);
    let proof = case.prove_sealed(case.witness.clone(), &[], Pads::OneTime(&pads[1..]));
    assert!(matches!(proof, Err(ProveError::PadsSpent)));
}

#[test]
fn missing_and_trailing_sealed_scalars_are_refused() {
    let case = network();
    let proof = sealed(&case, &pads(&case));
    let mut long = proof.clone();
    long.scalars.push(K::ZERO);
    case.record(&[], &long).unwrap_err();
    let mut short = proof;
    short.scalars.pop();
    case.record(&[], &short).unwrap_err();
}
