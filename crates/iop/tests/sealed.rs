//! The sealed transcript: the verifier records equations over one-time pads, and they hold exactly where it would accept.

#![allow(clippy::unwrap_used, reason = "tests")]

mod clear;

/// About 2^155 elements.
type Challenge = p3_field::extension::QuinticTrinomialExtensionField<p3_koala_bear::KoalaBear>;

use clear::sketch::{I8, Sketch, U8, conv, gemm};
use clear::{Case, Counter, K};
use p3_field::{BasedVectorSpace, PrimeCharacteristicRing};
use zkml_iop::builder::Visibility::{Committed, Private, Public};
use zkml_iop::commitment::Combination;
use zkml_iop::context::Context;
use zkml_iop::error::{ProveError, VerifyError};
use zkml_iop::layout::TreeKind;
use zkml_iop::native::Native;
use zkml_iop::prover::{Pads, Proof, Randomness};
use zkml_iop::reader::Reader;
use zkml_iop::sealed::{Equation, Recorder, Relation, count};
use zkml_iop::transcript::Transcript;
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

/// A context that writes down what the verifier asks of another one.
struct Logged<C: Context> {
    inner: C,
    events: Vec<String>,
    /// Every challenge, with the number of scalars that were received before it.
    challenges: Vec<(usize, C::Public)>,
    received: usize,
    /// Pairs of scalars that were multiplied, in the order of their first products.
    products: Vec<(usize, usize)>,
}

impl<C: Context> Logged<C> {
    fn new(inner: C) -> Self {
        Self { inner, events: vec![], challenges: vec![], received: 0, products: vec![] }
    }
}

impl<C: Context> Context for Logged<C> {
    type Public = C::Public;
    /// The scalar's number, and the scalar.
    type Sealed = (usize, C::Sealed);
    type Linear = C::Linear;

    fn basis(&self, index: usize) -> C::Public {
        self.inner.basis(index)
    }

    fn commit(&mut self, tree: TreeKind) -> Result<(), VerifyError> {
        self.events.push(format!("commit {tree:?}"));
        self.inner.commit(tree)
    }

    fn challenge(&mut self, label: &'static str) -> C::Public {
        self.events.push(format!("challenge {label}"));
        let challenge = self.inner.challenge(label);
        self.challenges.push((self.received, challenge.clone()));
        challenge
    }

    fn receive(&mut self, label: &'static str) -> Result<Self::Sealed, VerifyError> {
        self.events.push(format!("receive {label}"));
        self.received += 1;
        Ok((self.received - 1, self.inner.receive(label)?))
    }

    fn affine(&mut self, value: &Self::Sealed, factor: &C::Public, constant: &C::Public) -> Self::Sealed {
        (value.0, self.inner.affine(&value.1, factor, constant))
    }

    fn zero(&self) -> C::Linear {
        self.inner.zero()
    }

    fn add_public(&mut self, sum: &mut C::Linear, value: &C::Public) {
        self.inner.add_public(sum, value);
    }

    fn add(&mut self, sum: &mut C::Linear, factor: &C::Public, value: &Self::Sealed) {
        self.events.push(format!("add {}", value.0));
        self.inner.add(sum, factor, &value.1);
    }

    fn add_product(&mut self, sum: &mut C::Linear, factor: &C::Public, a: &Self::Sealed, b: &Self::Sealed) {
        let pair = (a.0.min(b.0), a.0.max(b.0));
        self.events.push(format!("product {pair:?}"));
        if !self.products.contains(&pair) {
            self.products.push(pair);
        }
        self.inner.add_product(sum, factor, &a.1, &b.1);
    }

    fn scale(&mut self, sum: &C::Linear, factor: &C::Public) -> C::Linear {
        self.inner.scale(sum, factor)
    }

    fn add_linear(&mut self, sum: &mut C::Linear, other: &C::Linear) {
        self.inner.add_linear(sum, other);
    }

    fn assert_zero(&mut self, sum: C::Linear, check: &'static str) -> Result<(), VerifyError> {
        self.events.push(format!("check {check}"));
        self.inner.assert_zero(sum, check)
    }

    fn open(&mut self, point: &[C::Public]) -> Result<Combination<C::Public>, VerifyError> {
        self.events.push("open".into());
        self.inner.open(point)
    }
}

/// One convolution with padding, one residual, private output in limbs.
fn convolution() -> Case {
    let mut s = Sketch::new();
    let x = s.input(&[1, 2, 5, 5], U8);
    let w = s.weight(&[2, 2, 3, 3], I8);
    let acc = s.node(Op::Conv(conv([2, 2], [(1, 1), (1, 1)], 1)), &[x, w]);
    let hidden = s.relu(acc, 7, 8);
    s.case(hidden, 1, (Private, Private))
}

/// Nothing to look up.
fn linear_layer() -> Case {
    let mut s = Sketch::new();
    let x = s.input(&[1, 3], U8);
    let w = s.weight(&[2, 3], I8);
    let y = s.node(gemm(), &[x, w]);
    s.case(y, 1, (Public, Public))
}

#[test]
fn all_contexts_are_asked_for_the_same_scalars_products_and_checks() {
    for case in [network(), convolution(), linear_layer()] {
        let proof = case.prove(case.witness.clone());
        let (scheme, shared, public) = (clear::Clear::honest(), case.commitments(), case.public());
        let reader = |transcript| Reader::new(&scheme, transcript, &proof, &shared, &case.layout);
        let mut sponges = [case.transcript.clone(), case.transcript.clone()];
        let [first, second] = &mut sponges;
        let mut native = Logged::new(Native::new(reader(first)));
        zkml_iop::verifier::verify(&mut native, &case.system, &case.layout, &public, &[]).unwrap();
        let mut recorder = Logged::new(Recorder::new(reader(second)));
        zkml_iop::verifier::verify(&mut recorder, &case.system, &case.layout, &public, &[]).unwrap();
        assert_eq!(native.events, recorder.events);
        assert_eq!(native.challenges, recorder.challenges);

        let relation = recorder.inner.finish().unwrap();
        let counted = count(&case.system, &case.layout, &public, 0).unwrap();
        assert_eq!(counted, relation.shape);
        assert_eq!((counted.num_pads, counted.products), (native.received, native.products));
        let checks: Vec<_> = native.events.iter().filter_map(|e| e.strip_prefix("check ")).collect();
        assert_eq!(checks, relation.equations.iter().map(|e| e.check).collect::<Vec<_>>());
    }
}

#[test]
fn a_dry_run_of_another_statement_does_not_fit_the_proof() {
    let case = network();
    let shape = count(&case.system, &case.layout, &case.public(), 0).unwrap();
    for other in [convolution(), linear_layer()] {
        assert_ne!(count(&other.system, &other.layout, &other.public(), 0).unwrap(), shape);
    }
    // Claims on whole columns bring no scalars of their own.
    assert_eq!(count(&case.system, &case.layout, &case.public(), 1).unwrap(), shape);
}

/// Every challenge that the recorder draws of a proof, with the number of scalars before it.
fn challenges(case: &Case, proof: &Proof<clear::Clear>) -> Vec<(usize, K)> {
    let (scheme, shared, mut transcript) =
        (clear::Clear::honest(), case.commitments(), case.transcript.clone());
    let mut cx =
        Logged::new(Recorder::new(Reader::new(&scheme, &mut transcript, proof, &shared, &case.layout)));
    // A proof with another commitment is refused at its opening: after the last challenge.
    let _ = zkml_iop::verifier::verify(&mut cx, &case.system, &case.layout, &case.public(), &[]);
    cx.challenges
}

#[test]
fn every_scalar_is_absorbed_before_the_next_challenge_is_drawn() {
    let case = network();
    let proof = sealed(&case, &pads(&case));
    let honest = challenges(&case, &proof);
    for position in 0..proof.scalars.len() {
        let mut changed = proof.clone();
        changed.scalars[position] += K::ONE;
        for (a, b) in honest.iter().zip(challenges(&case, &changed)) {
            assert_eq!(a.1 == b.1, a.0 <= position, "scalar {position}, a challenge after {} scalars", a.0);
        }
    }
}

#[test]
fn every_commitment_is_absorbed_before_the_next_challenge_is_drawn() {
    let case = network();
    let proof = sealed(&case, &pads(&case));
    let honest = challenges(&case, &proof);
    let other = challenges(&case, &Proof { witness: [7; 32], ..proof.clone() });
    assert_eq!(honest.len(), other.len());
    for (index, (a, b)) in honest.iter().zip(&other).enumerate() {
        assert!(a.1 != b.1, "challenge {index}");
    }
    assert!(proof.helpers.is_none(), "lookups in an extension field have no helpers");
    // The statement and the pads' commitment come before everything.
    let mut other = network();
    other.transcript.absorb_bytes("pads commitment", &[7; 32]);
    let other = challenges(&other, &proof);
    assert!(honest.iter().zip(&other).all(|(a, b)| a.1 != b.1));
}

#[test]
fn pads_of_another_proof_satisfy_nothing_but_what_holds_for_any() {
    let case = network();
    let own = pads(&case);
    let relation = case.record(&[], &sealed(&case, &own)).unwrap();
    let mut dice = Counter(1234);
    let other: Vec<K> = own.iter().map(|_| K::from_basis_coefficients_fn(|_| dice.field())).collect();
    assert_eq!(violated(&relation, &other).len(), relation.equations.len());
}
