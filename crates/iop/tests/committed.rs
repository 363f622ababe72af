//! Committed tensors, and the pins of commitments that several proofs share.

#![allow(clippy::unwrap_used, reason = "tests")]

mod clear;

/// About 2^155 elements.
type Challenge = p3_field::extension::QuinticTrinomialExtensionField<p3_koala_bear::KoalaBear>;

use clear::sketch::{I8, Sketch, U8, gemm};
use clear::{Case, Chain, Clear, F, K, LOG_ROWS, RESERVED};
use p3_field::PrimeCharacteristicRing;
use zkml_iop::builder::Visibility::{Committed, Private, Public};
use zkml_iop::claims::ColumnClaim;
use zkml_iop::eq::eq_table;
use zkml_iop::error::{RelationError, VerifyError};
use zkml_iop::layout::{Layout, Reserved, TreeKind};
use zkml_iop::native::Native;
use zkml_iop::prover::{Pads, Proof};
use zkml_iop::reader::Reader;
use zkml_iop::system::Home;
use zkml_iop::transcript::Transcript;

/// One layer; input and output are committed.
fn layer() -> Case {
    let mut s = Sketch::new();
    let x = s.input(&[1, 3], U8);
    let w = s.weight(&[3, 3], I8);
    let acc = s.node(gemm(), &[x, w]);
    let y = s.relu(acc, 7, 8);
    s.case(y, 2, (Committed, Committed))
}

fn committed(case: &Case, index: usize) -> usize {
    case.system.tensors.iter().position(|t| t.home == Home::Committed(index)).unwrap()
}

fn verify(
    case: &Case,
    proof: &Proof<Clear>,
    shared: &[(TreeKind, [u8; 32])],
    pins: &[ColumnClaim<K>],
) -> Result<(), VerifyError> {
    let (scheme, mut transcript) = (Clear::honest(), Chain::default());
    let mut cx = Native::new(Reader::new(&scheme, &mut transcript, proof, shared, &case.layout));
    zkml_iop::verifier::verify(&mut cx, &case.system, &case.layout, &case.public(), pins)?;
    cx.finish()
}

#[test]
fn a_proof_about_committed_tensors_holds_for_their_commitments_alone() {
    let case = layer();
    let proof = case.prove(case.witness.clone());
    let shared = case.commitments();
    assert_eq!(shared.len(), 3);
    verify(&case, &proof, &shared, &[]).unwrap();
    for tree in 0..shared.len() {
        let mut other = shared.clone();
        other[tree].1[0] ^= 1;
        verify(&case, &proof, &other, &[]).unwrap_err();
        let mut fewer = shared.clone();
        fewer.remove(tree);
        verify(&case, &proof, &fewer, &[]).unwrap_err();
    }
    let mut swapped = shared;
    (swapped[1].1, swapped[2].1) = (swapped[2].1, swapped[1].1);
    verify(&case, &proof, &swapped, &[]).unwrap_err();
}

#[test]
fn another_tensor_than_the_committed_one_is_refused() {
    let case = layer();
    for index in 0..2 {
        let mut witness = case.witness.clone();
        witness[committed(&case, index)][1] ^= 1;
        // The commitment stays that of the honest tensor.
        let proof = case.prove(witness);
        verify(&case, &proof, &case.commitments(), &[]).unwrap_err();
    }
}

#[test]
fn a_committed_output_that_the_model_does_not_give_is_refused() {
    let case = layer();
    let mut forged = case.forge();
    forged.witness[committed(&case, 1)][0] ^= 1;
    let commitments: Vec<_> =
        case.shared(&forged.witness).into_iter().map(|(kind, commitment, _)| (kind, commitment)).collect();
    let proof = case.prove(forged.witness.clone());
    assert_eq!(forged.broken().len(), 1);
    verify(&case, &proof, &commitments, &[]).unwrap_err();
}

#[test]
fn a_committed_tensor_without_reserved_rows_has_no_layout() {
    let case = layer();
    let reserved = Reserved::uniform(RESERVED, 1);
    assert!(matches!(Layout::new(&case.system, LOG_ROWS, &reserved), Err(RelationError::Public { .. })));
}

#[test]
fn every_tree_reserves_its_own_number_of_rows() {
    let case = layer();
    let reserved = Reserved { fresh: 8, weights: 40, committed: vec![16, 24] };
    let layout = Layout::new(&case.system, LOG_ROWS, &reserved).unwrap();
    let rows: Vec<usize> = layout.trees.iter().map(|t| t.reserved).collect();
    assert_eq!(rows, [40, 16, 24, 8]);
    let too_many = Reserved { weights: (1 << LOG_ROWS) / 2 + 1, ..reserved };
    assert!(matches!(Layout::new(&case.system, LOG_ROWS, &too_many), Err(RelationError::TooLarge { .. })));
}

/// The honest pin of every shared tree.
fn pins(case: &Case) -> Vec<ColumnClaim<K>> {
    let mut dice = Chain::default();
    let shared = case.shared(&case.witness);
    shared
        .into_iter()
        .map(|(tree, _, columns)| {
            let point = dice.challenges("point", LOG_ROWS);
            let batching = dice.challenge("batching");
            let eq = eq_table(&point, 1 << LOG_ROWS);
            let at = |column: &Vec<F>| column.iter().zip(&eq).map(|(&v, &e)| e * v).sum::<K>();
            let value = columns.iter().zip(batching.powers()).map(|(column, power)| power * at(column)).sum();
            ColumnClaim { trees: vec![(tree, K::ONE)], point, batching, rows: 1 << LOG_ROWS, value }
        })
        .collect()
}

#[test]
fn a_pin_holds_for_the_columns_that_it_was_made_of_and_for_no_other_value() {
    let case = layer();
    let (pins, shared) = (pins(&case), case.commitments());
    let proof = case.prove_sealed(case.witness.clone(), &pins, Pads::None).unwrap();
    verify(&case, &proof, &shared, &pins).unwrap();
    for tree in 0..pins.len() {
        let mut wrong = pins.clone();
        wrong[tree].value += K::ONE;
        let proof = case.prove_sealed(case.witness.clone(), &wrong, Pads::None).unwrap();
        verify(&case, &proof, &shared, &wrong).unwrap_err();
        let mut elsewhere = pins.clone();
        elsewhere[tree].point[3] += K::ONE;
        let proof = case.prove_sealed(case.witness.clone(), &elsewhere, Pads::None).unwrap();
        verify(&case, &proof, &shared, &elsewhere).unwrap_err();
        let mut short = pins.clone();
        short[tree].point.pop();
        assert!(matches!(verify(&case, &proof, &shared, &short), Err(VerifyError::ClaimPoint { .. })));
    }
}

#[test]
fn a_proof_without_its_pins_is_refused() {
    let case = layer();
    let (pins, shared) = (pins(&case), case.commitments());
    let bare = case.prove(case.witness.clone());
    verify(&case, &bare, &shared, &pins).unwrap_err();
    let pinned = case.prove_sealed(case.witness.clone(), &pins, Pads::None).unwrap();
    verify(&case, &pinned, &shared, &[]).unwrap_err();
}

#[test]
fn inputs_and_outputs_can_be_committed_one_without_the_other() {
    for visible in [(Committed, Public), (Committed, Private), (Private, Committed), (Public, Committed)] {
        let mut s = Sketch::new();
        let x = s.input(&[1, 3], U8);
        let w = s.weight(&[3, 3], I8);
        let y = s.node(gemm(), &[x, w]);
        s.case(y, 1, visible).assert_complete();
    }
}
