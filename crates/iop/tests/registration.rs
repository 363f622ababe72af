//! Registered weights lie in their intervals and keep their caps, and copies hold the same weights.

#![allow(clippy::unwrap_used, reason = "tests")]

mod clear;

/// About 2^155 elements.
type Challenge = p3_field::extension::QuinticTrinomialExtensionField<p3_koala_bear::KoalaBear>;

use clear::forgery::counts;
use clear::{Chain, Clear, Counter, F, FIELD, K, LOG_ROWS, RESERVED};
use p3_field::PrimeCharacteristicRing;
use zkml_iop::claims::ColumnClaim;
use zkml_iop::commitment::ColumnCommitment;
use zkml_iop::error::{RelationError, VerifyError};
use zkml_iop::layout::{Layout, Reserved, TreeKind};
use zkml_iop::native::Native;
use zkml_iop::prover::{Pads, Secrets, prove, shared_columns};
use zkml_iop::reader::Reader;
use zkml_iop::registration::{registration_system, registration_witness};
use zkml_iop::system::System;
use zkml_iop::transcript::Transcript;
use zkml_ir::{Graph, Interval, Tensor};

const CAP: u64 = 300;

fn graph() -> Graph {
    let mut graph = Graph::new();
    graph.add_weight("plain", vec![3, 5], Interval::new(-7, 12), None).unwrap();
    graph.add_weight("capped", vec![2, 2, 3], Interval::signed(8), Some(CAP)).unwrap();
    graph
}

fn weights() -> Vec<Tensor> {
    let plain = (0..15).map(|i| i % 20 - 7).collect();
    let capped = vec![-128, 127, 0, 0, -45, 0, 50, -50, 50, -50, 50, -50];
    vec![Tensor { shape: vec![3, 5], data: plain }, Tensor { shape: vec![2, 2, 3], data: capped }]
}

struct Registration {
    system: System,
    layout: Layout,
    witness: Vec<Vec<i32>>,
}

fn registration(weights: &[Tensor], copies: usize) -> Registration {
    let (system, witness) = registration_witness(&graph(), FIELD, weights).unwrap();
    assert_eq!(registration_system(&graph(), FIELD).unwrap(), system, "both sides derive one system");
    let layout = Layout::new(&system, LOG_ROWS, &Reserved::uniform(RESERVED, 0)).unwrap().with_copies(copies);
    Registration { system, layout, witness }
}

impl Registration {
    fn columns(&self, seed: u64) -> Vec<Vec<F>> {
        shared_columns(&self.system, &self.layout, TreeKind::Weights, &self.witness, &mut Counter(seed))
    }

    /// Proves, and verifies, about these trees.
    fn check(&self, trees: &[Vec<Vec<F>>], wide: &[ColumnClaim<K>]) -> Result<(), VerifyError> {
        let scheme = Clear::honest();
        let trees: Vec<_> = trees.iter().map(|t| scheme.commit(t.clone(), [0; 32]).unwrap()).collect();
        let kinds = self.layout.trees.iter().map(|t| t.kind);
        let shared: Vec<_> = kinds.zip(&trees).map(|(kind, tree)| (kind, tree.0)).collect();
        let secrets = Secrets::<Clear> {
            witness: self.witness.clone(),
            shared: trees.iter().map(|(commitment, tree)| (commitment, tree)).collect(),
            wide: wide.to_vec(),
            pads: Pads::None,
        };
        let mut transcript = Chain::default();
        let randomness = &mut Counter(5);
        let proof =
            prove(&scheme, &self.system, &self.layout, &secrets, &mut transcript, randomness, &mut |_| {})
                .map_err(|e| match e {
                    zkml_iop::error::ProveError::Relation(e) => VerifyError::Relation(e),
                    _ => VerifyError::Unequal { check: "the prover gave up" },
                })?;
        let mut transcript = Chain::default();
        let mut cx = Native::new(Reader::new(&scheme, &mut transcript, &proof, &shared, &self.layout));
        let public: Vec<Vec<i32>> = self.public();
        zkml_iop::verifier::verify(&mut cx, &self.system, &self.layout, &public, wide)?;
        cx.finish()
    }

    /// The tensor `u = a − w` of the capped weight.
    fn bound(&self) -> usize {
        let named = self.system.tensors.iter().enumerate().filter(|(_, t)| t.name == "capped");
        named.map(|(index, _)| index).nth(1).unwrap()
    }

    /// Counts the rows of every table anew; a tuple in no row is not counted.
    fn recount(&mut self) {
        for (table, counts) in counts(&self.system, &self.witness).1.into_iter().enumerate() {
            let multiplicity = self.system.tables[table].multiplicity;
            self.witness[multiplicity] = counts.into_iter().map(|c| c as i32).collect();
        }
    }

    fn public(&self) -> Vec<Vec<i32>> {
        let entries = self.system.tensors.iter().zip(&self.witness);
        entries
            .map(|(t, w)| match t.home {
                zkml_iop::system::Home::Constant(_) => w.clone(),
                _ => Vec::new(),
            })
            .collect()
    }

    /// The claim that all trees hold the same data.
    fn equal(&self) -> ColumnClaim<K> {
        let mut dice = Chain::default();
        let (point, batching) = (dice.challenges("point", LOG_ROWS), dice.challenge("batching"));
        let copies = self.layout.trees.iter().filter(|t| matches!(t.kind, TreeKind::Copy(_))).count();
        let powers: Vec<K> = dice.challenge("copies").powers().skip(1).take(copies).collect();
        let mut trees = vec![(TreeKind::Weights, -powers.iter().copied().sum::<K>())];
        trees.extend(powers.into_iter().enumerate().map(|(i, power)| (TreeKind::Copy(i), power)));
        ColumnClaim { trees, point, batching, rows: (1 << LOG_ROWS) - RESERVED, value: K::ZERO }
    }
}

/// The verdict on weights; where they have no witness, on that of the honest ones with theirs in its place.
fn single(given: &[Tensor]) -> Result<(), VerifyError> {
    let registration = match registration_witness(&graph(), FIELD, given) {
        Ok(_) => registration(given, 0),
        Err(_) => {
            let mut registration = registration(&weights(), 0);
            for (index, weight) in given.iter().enumerate() {
                registration.witness[index].clone_from(&weight.data);
            }
            let u = registration.bound();
            registration.witness[u] = given[1].data.iter().map(|w| w.abs() - w).collect();
            registration.recount();
            registration
        }
    };
    registration.check(&[registration.columns(1)], &[])
}

#[test]
fn honest_weights_are_registered() {
    single(&weights()).unwrap();
}

#[test]
fn a_weight_outside_of_its_interval_is_refused() {
    for value in [-8, 13, 1 << 20, -(1 << 30)] {
        let mut forged = weights();
        forged[0].data[4] = value;
        single(&forged).unwrap_err();
    }
    let mut forged = weights();
    forged[1].data[2] = 128;
    single(&forged).unwrap_err();
}

#[test]
fn weights_that_exceed_their_cap_are_refused() {
    for row in 0..2 {
        let mut exact = weights();
        exact[1].data[6 * row..6 * (row + 1)].copy_from_slice(&[-100, 100, -50, 50, 0, 0]);
        single(&exact).unwrap();
        exact[1].data[6 * row + 5] = -1;
        single(&exact).unwrap_err();
    }
}

#[test]
fn a_bound_below_a_weights_magnitude_is_refused() {
    let honest = registration(&weights(), 0);
    // u = a − w: any smaller u makes a − |w| negative on one side or the other.
    for (entry, value) in [(0, 255), (1, -1), (0, 0)] {
        let mut forged = registration(&weights(), 0);
        let u = forged.bound();
        forged.witness[u][entry] = value;
        forged.recount();
        forged.check(&[honest.columns(1)], &[]).unwrap_err();
    }
}

#[test]
fn registered_weights_lie_where_statements_read_them() {
    use zkml_iop::builder::{Shape, Visibility, build_system};
    let (mut graph, weights) = (graph(), weights());
    let x = graph.add_input("x", vec![2], Interval::unsigned(4), 1.0).unwrap();
    graph.add_output("x", x, 1.0).unwrap();
    let shape = Shape { batch: 3, inputs: vec![Visibility::Private], outputs: vec![Visibility::Public] };
    let system = build_system(&graph, &shape, FIELD).unwrap();
    let layout = Layout::new(&system, LOG_ROWS, &Reserved::uniform(RESERVED, 0)).unwrap();
    let registered = registration(&weights, 0).layout;
    assert_eq!(layout.placements[..2], registered.placements[..2]);
    assert_eq!(layout.trees[0], registered.trees[0]);
}

#[test]
fn copies_of_the_same_weights_are_accepted_and_others_refused() {
    let registration = registration(&weights(), 3);
    let claim = [registration.equal()];
    let honest: Vec<_> = (1..5).map(|seed| registration.columns(seed)).collect();
    assert_ne!(honest[0], honest[1]);
    registration.check(&honest, &claim).unwrap();
    for tree in 1..4 {
        let mut forged = honest.clone();
        forged[tree][0][1] += F::ONE;
        registration.check(&forged, &claim).unwrap_err();
    }
    // Random rows are no data.
    let mut other = honest;
    other[2][0][(1 << LOG_ROWS) - 1] += F::ONE;
    registration.check(&other, &claim).unwrap();
}

#[test]
fn changes_that_cancel_between_copies_are_refused() {
    let registration = registration(&weights(), 2);
    let mut forged: Vec<_> = (1..4).map(|seed| registration.columns(seed)).collect();
    forged[1][0][1] += F::ONE;
    forged[2][0][1] -= F::ONE;
    registration.check(&forged, &[registration.equal()]).unwrap_err();
}

#[test]
fn a_cap_that_no_arithmetic_holds_has_no_registration() {
    let mut graph = Graph::new();
    graph.add_weight("huge", vec![1, 1 << 16], Interval::signed(24), Some(1 << 29)).unwrap();
    assert!(matches!(registration_system(&graph, FIELD), Err(RelationError::Wraps { .. })));
}
