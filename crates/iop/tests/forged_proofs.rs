//! Proofs that were changed, cut, replayed, or made over other columns than they claim are refused.

#![allow(clippy::unwrap_used, reason = "tests")]

mod clear;

/// About 2^155 elements.
type Challenge = p3_field::extension::QuinticTrinomialExtensionField<p3_koala_bear::KoalaBear>;

use std::sync::atomic::{AtomicUsize, Ordering};

use clear::sketch::{I8, Sketch, U8, gemm};
use clear::{Case, Chain, Clear, F, K, LOG_ROWS, RESERVED};
use p3_field::PrimeCharacteristicRing;
use zkml_iop::builder::Visibility::{self, Private, Public};
use zkml_iop::claims::{Claim, Claims, Target, column_weights};
use zkml_iop::eq::cube_variables;
use zkml_iop::error::VerifyError;
use zkml_iop::functional::Functional;
use zkml_iop::layout::{Layout, TreeKind};
use zkml_iop::map::Map;
use zkml_iop::native::Native;
use zkml_iop::prover::Proof;
use zkml_iop::reader::Reader;
use zkml_iop::transcript::Transcript;
use zkml_ir::ops::{Einsum, Linear, Max, View};
use zkml_ir::{Interval, Model, Op, Tensor};

/// A small network with every kind of message: weights, limbs, tables, products of witnesses, padding.
fn network(batch: usize, visible: (Visibility, Visibility)) -> Case {
    let mut s = Sketch::new();
    let x = s.input(&[1, 3], U8);
    let (w, b) = (s.weight(&[3, 3], I8), s.weight(&[3], I8));
    let acc = s.node(gemm(), &[x, w]);
    let bias = s.node(Op::View(View::broadcast(&[3], &[1, 3])), &[b]);
    let acc = s.node(Op::Linear(Linear { coefficients: vec![1, 1], constant: 0 }), &[acc, bias]);
    let hidden = s.relu(acc, 7, 8);
    let best = s.node(Op::Max(Max {}), &[hidden]);
    let square = s.node(Op::Einsum(Einsum::elementwise(1)), &[best, best]);
    s.case(square, batch, visible)
}

fn honest() -> (Case, Proof<Clear>) {
    let case = network(1, (Private, Public));
    let proof = case.prove(case.witness.clone());
    case.verify(&proof).unwrap();
    (case, proof)
}

#[test]
fn every_scalar_changed_by_one_is_refused() {
    let (case, proof) = honest();
    for position in 0..proof.scalars.len() {
        let mut forged = proof.clone();
        forged.scalars[position] += K::ONE;
        case.verify(&forged).unwrap_err();
    }
}

#[test]
fn two_scalars_swapped_are_refused() {
    let (case, proof) = honest();
    for position in 1..proof.scalars.len() {
        let mut forged = proof.clone();
        forged.scalars.swap(position - 1, position);
        if forged.scalars != proof.scalars {
            case.verify(&forged).unwrap_err();
        }
    }
}

#[test]
fn missing_repeated_and_trailing_scalars_are_refused() {
    let (case, proof) = honest();
    for length in 0..proof.scalars.len() {
        let mut forged = proof.clone();
        forged.scalars.truncate(length);
        case.verify(&forged).unwrap_err();
        let mut forged = proof.clone();
        forged.scalars.drain(length..=length);
        case.verify(&forged).unwrap_err();
        let mut forged = proof.clone();
        forged.scalars.insert(length, proof.scalars[length]);
        case.verify(&forged).unwrap_err();
    }
    let mut forged = proof;
    forged.scalars.push(K::ZERO);
    assert!(matches!(case.verify(&forged), Err(VerifyError::TrailingScalars { .. })));
}

#[test]
fn missing_superfluous_and_exchanged_commitments_are_refused() {
    let (case, proof) = honest();
    let other = network(2, (Private, Public));
    let other = other.prove(other.witness.clone()).witness;
    assert_ne!(other, proof.witness);
    for (witness, helpers) in
        [([0; 32], None), (other, None), (proof.witness, Some([0; 32])), (proof.witness, Some(proof.witness))]
    {
        case.verify(&Proof { witness, helpers, ..proof.clone() }).unwrap_err();
    }
    let mut s = Sketch::new();
    let x = s.input(&[2], U8);
    let no_lookups = s.case(x, 1, (Public, Public));
    let proof = no_lookups.prove(no_lookups.witness.clone());
    no_lookups.verify(&proof).unwrap();
    let forged = Proof { helpers: Some([0; 32]), ..proof };
    no_lookups.verify(&forged).unwrap_err();
}

#[test]
fn the_columns_of_another_proof_are_refused() {
    let (case, proof) = honest();
    let other = network(1, (Private, Private));
    let other = other.prove(other.witness.clone());
    for tree in 0..proof.opening.len() {
        let mut forged = proof.clone();
        forged.opening[tree].clone_from(&other.opening[(tree + 1) % other.opening.len()]);
        case.verify(&forged).unwrap_err();
    }
}

#[test]
fn a_proof_of_another_statement_is_refused() {
    let (case, proof) = honest();
    for other in [
        network(2, (Private, Public)),
        network(1, (Public, Public)),
        network(1, (Private, Private)),
        network(2, (Private, Private)),
    ] {
        other.verify(&proof).unwrap_err();
        case.verify(&other.prove(other.witness.clone())).unwrap_err();
    }
    let mut forged = case.forge();
    forged.output()[0] += 1;
    case.verify_public(&case.public_of(&forged.witness), &proof).unwrap_err();
}

#[test]
fn a_proof_in_another_context_is_refused() {
    let (case, proof) = honest();
    let mut transcript = Chain::default();
    transcript.absorb_bytes("context", b"another verifier");
    let (scheme, shared) = (Clear::honest(), case.commitments());
    let mut cx = Native::new(Reader::new(&scheme, &mut transcript, &proof, &shared, &case.layout));
    zkml_iop::verifier::verify(&mut cx, &case.system, &case.layout, &case.public(), &[]).unwrap_err();
}

#[test]
fn other_weights_behind_the_commitment_are_refused() {
    let (case, proof) = honest();
    let mut transcript = Chain::default();
    let scheme = Clear::honest();
    for shared in [vec![], vec![(TreeKind::Weights, [0; 32])]] {
        let mut cx = Native::new(Reader::new(&scheme, &mut transcript, &proof, &shared, &case.layout));
        zkml_iop::verifier::verify(&mut cx, &case.system, &case.layout, &case.public(), &[]).unwrap_err();
    }
}

#[test]
fn a_list_of_public_tensors_that_ends_with_the_last_public_one_is_read_to_its_end_only() {
    let case = network(1, (Private, Private));
    let mut public = case.public();
    while public.last().is_some_and(Vec::is_empty) {
        public.pop();
    }
    assert!(public.len() < case.system.tensors.len());
    case.verify_public(&public, &case.prove(case.witness.clone())).unwrap();
}

/// For every row of every column of a tree, whether it holds an entry of a tensor.
fn data_rows(layout: &Layout, kind: TreeKind) -> Vec<Vec<bool>> {
    let columns = layout.columns(kind);
    let mut data = vec![vec![false; 1 << LOG_ROWS]; columns];
    for placement in layout.placements.iter().flatten().filter(|p| p.tree == kind) {
        for (index, slab) in placement.slabs.iter().enumerate() {
            for row in 0..1usize << placement.log_slab() {
                let (mut block, mut rest, mut valid) = (index, row, true);
                for cut in placement.cuts.iter().rev() {
                    let inner = rest & ((1 << cut.log) - 1);
                    valid &= ((block % cut.blocks) << cut.log) + inner < cut.length;
                    (block, rest) = (block / cut.blocks, rest >> cut.log);
                }
                data[slab.column][slab.row + row] = valid;
            }
        }
    }
    data
}

/// The proof by a prover that changes the columns of its witness before it commits to them.
fn with_columns(case: &Case, change: impl Fn(&mut [Vec<F>]) + Sync + 'static) -> Result<(), VerifyError> {
    let calls = AtomicUsize::new(0);
    let forge = move |columns: &mut [Vec<F>]| {
        // The witness is the first tree that this prover commits to.
        if calls.fetch_add(1, Ordering::Relaxed) == 0 {
            change(columns);
        }
    };
    let scheme = Clear { forge: Box::leak(Box::new(forge)) };
    case.verify(&case.prove_as(&case.system, &case.layout, case.witness.clone(), scheme))
}

#[test]
fn padding_and_reserved_rows_do_not_matter() {
    let case = network(1, (Private, Public));
    let data = data_rows(&case.layout, TreeKind::Witness);
    assert!(data.iter().flatten().any(|d| *d) && data.iter().flatten().any(|d| !d));
    with_columns(&case, move |columns| {
        for (column, data) in columns.iter_mut().zip(&data) {
            let padding = column.iter_mut().zip(data).filter(|(_, data)| !**data);
            padding.zip(1..).for_each(|((v, _), i)| *v = F::from_u32(i * i + 77));
        }
    })
    .unwrap();
}

#[test]
fn columns_that_are_not_the_witness_are_refused() {
    let case = network(1, (Private, Public));
    let data = data_rows(&case.layout, TreeKind::Witness);
    for (column, rows) in data.iter().enumerate() {
        for row in (0..rows.len()).filter(|&r| rows[r]).step_by(13) {
            with_columns(&case, move |columns| columns[column][row] += F::ONE).unwrap_err();
        }
    }
}

#[test]
fn no_claim_puts_weight_on_padding_and_reserved_rows() {
    let (case, proof) = honest();
    let mut transcript = Chain::default();
    let scheme = Clear::honest();
    let cx = Native::new(Reader::new(&scheme, &mut transcript, &proof, &[], &case.layout));
    let mut claims = Claims::<K, K>::default();
    let mut dice = Chain::default();
    for (tensor, declared) in case.system.tensors.iter().enumerate() {
        if case.layout.placements[tensor].is_some() {
            let map = Map::identity(&declared.shape);
            let point = dice.challenges("point", cube_variables(&declared.shape));
            let functional = Functional::new(&map, &point);
            claims.push(Claim { target: Target::Tensor(tensor), functional, value: K::ZERO });
        }
    }
    let coefficients = dice.challenges("coefficient", claims.list().len());
    let kinds = case.layout.trees.iter().map(|t| t.kind);
    let data: Vec<Vec<bool>> = kinds.flat_map(|kind| data_rows(&case.layout, kind)).collect();
    for row in 0..1usize << LOG_ROWS {
        let vertex: Vec<K> = (0..LOG_ROWS).map(|bit| K::from_usize(row >> bit & 1)).collect();
        let weights = column_weights(&cx, &case.layout, (&claims, &[]), &coefficients, &vertex);
        for (weight, data) in weights.iter().zip(&data) {
            assert_eq!(*weight != K::ZERO, data[row]);
        }
    }
    assert!(data.iter().all(|column| column[(1 << LOG_ROWS) - RESERVED..].iter().all(|d| !d)));
}

/// `Σ v·w` over an axis of `length` entries, of which the first five are fixed.
fn inner_product(length: usize, rest: i32) -> Case {
    let mut s = Sketch::new();
    for _ in 0..2 {
        let data = (0..length as i32).map(|i| if i < 5 { i + 1 } else { rest }).collect();
        s.weights.push(Tensor { shape: vec![length], data });
    }
    let x = s.graph.add_input("x", vec![1], U8, 1.0).unwrap();
    let [v, w] =
        ["v", "w"].map(|name| s.graph.add_weight(name, vec![length], Interval::signed(4), None).unwrap());
    let y = s.node(Op::Einsum(Einsum { a: vec![0], b: vec![0], out: vec![] }), &[v, w]);
    s.graph.add_output("x", x, 1.0).unwrap();
    s.graph.add_output("y", y, 1.0).unwrap();
    let model = Model::new(s.graph, s.weights).unwrap();
    Case::new(model, &[vec![Tensor { shape: vec![1], data: vec![7] }]], (Public, Public))
}

#[test]
fn padding_of_a_summed_axis_is_no_data() {
    // The same slabs and messages, but the forger's axis is as long as its padding, and its weights are registered.
    let (statement, forger) = (inner_product(5, 0), inner_product(8, 1));
    assert_eq!(forger.layout.trees, statement.layout.trees);
    let proof = forger.prove(forger.witness.clone());
    forger.verify(&proof).unwrap();
    let (scheme, shared) = (Clear::honest(), forger.commitments());
    let mut transcript = Chain::default();
    let mut cx = Native::new(Reader::new(&scheme, &mut transcript, &proof, &shared, &statement.layout));
    let public = forger.public();
    zkml_iop::verifier::verify(&mut cx, &statement.system, &statement.layout, &public, &[]).unwrap_err();
}
