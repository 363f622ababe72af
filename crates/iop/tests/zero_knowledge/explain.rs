//! Coins for any secret: which randomness makes an honest prover with this secret show exactly this view?

use p3_field::PrimeCharacteristicRing;
use zkml_iop::layout::TreeKind;
use zkml_iop::prover::{Pads, Proof, Randomness};
use zkml_iop::sealed::count;

use crate::columns::{Columns, Committed, QUERIES, ROWS, TreeColumns, evaluate, point};
use crate::field::F;
use crate::linear::solve;
use crate::oracle::{Script, Zeros};
use crate::protocol::{
    Life, PinPoint, SHARED, SHARED_ROWS, Statement, Witness, data_columns, prove_with, violated,
};
use zkml_iop::claims::ColumnClaim;
use zkml_iop::commitment::ColumnCommitment;

/// Why a secret does not explain a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unexplained {
    /// No random rows of a tree give the opened rows and the pin.
    Rows(TreeKind),
    /// The explanation is no proof of the view's.
    Other,
}

/// Random rows for columns with these data rows, such that the columns have these values and this pin; and how many
/// dimensions of them there are to choose from.
fn random_rows(
    data: &[Vec<F>],
    reserved: usize,
    opened: &[(usize, Vec<F>)],
    pin: Option<(&PinPoint, F)>,
) -> Option<(Vec<Vec<F>>, usize)> {
    let first = ROWS - reserved;
    let unknowns = data.len() * reserved;
    let (mut rows, mut right) = (Vec::new(), Vec::new());
    for (position, values) in opened {
        let x = point(*position);
        for (c, column) in data.iter().enumerate() {
            let mut row = vec![F::ZERO; unknowns];
            for i in 0..reserved {
                row[c * reserved + i] = x.exp_u64((first + i) as u64);
            }
            rows.push(row);
            right.push(values[c] - evaluate(column, x));
        }
    }
    if let Some((pin, value)) = pin {
        let power = |c: usize| pin.batching.exp_u64(c as u64);
        rows.push((0..unknowns).map(|u| power(u / reserved) * pin.weights[first + u % reserved]).collect());
        right.push(value - pin.value(data));
    }
    let solved = solve(rows, right, unknowns);
    let solution = solved.solution?;
    let columns = data.iter().zip(solution.chunks(reserved));
    let columns = columns.map(|(data, random)| [&data[..first], random].concat()).collect();
    Some((columns, unknowns - solved.rank))
}

/// The positions and values that a life shows of a tree, each position once; a mask's values left out.
fn opened(statement: &Statement, proofs: &[&Proof<Columns>], kind: TreeKind) -> Vec<(usize, Vec<F>)> {
    let tree = statement.layout.tree(kind).unwrap();
    let width = statement.layout.columns(kind);
    let mut opened: Vec<(usize, Vec<F>)> = Vec::new();
    for proof in proofs {
        for (&position, row) in proof.opening.positions.iter().zip(&proof.opening.trees[tree].rows) {
            if opened.iter().all(|(known, _)| *known != position) {
                opened.push((position, row[..width].to_vec()));
            }
        }
    }
    opened
}

/// How many dimensions of coins explain the trees that several proofs open.
pub fn shared_trees(
    statement: &Statement,
    life: &Life,
    witness: &Witness,
) -> Result<(Vec<TreeColumns>, usize), Unexplained> {
    let proofs: Vec<_> = life.proofs.iter().map(|p| &p.1).collect();
    let mut dimensions = 0;
    let mut trees = Vec::new();
    for (kind, claim) in SHARED.into_iter().zip(&life.pins) {
        let pin = pin_point(claim);
        let data = data_columns(statement, kind, witness);
        let seen = opened(statement, &proofs, kind);
        let (columns, free) = random_rows(&data, SHARED_ROWS, &seen, Some((&pin, claim.value)))
            .ok_or(Unexplained::Rows(kind))?;
        dimensions += free;
        trees.push(columns);
    }
    Ok((trees, dimensions))
}

pub fn pin_point(claim: &ColumnClaim<F>) -> PinPoint {
    let weights = zkml_iop::eq::eq_table(&claim.point, ROWS);
    PinPoint { weights, point: claim.point.clone(), batching: claim.batching }
}

fn commit(columns: &[TreeColumns]) -> Vec<Committed> {
    let scheme = Columns { salted: true };
    columns.iter().map(|c| scheme.commit(c.clone(), [0; 32]).unwrap()).collect()
}

/// The proof of a life by a prover with this secret that hides nothing: no pads, no random rows, no mask.
pub fn bare(statement: &Statement, life: &Life, proof: usize, witness: &Witness) -> Proof<Columns> {
    let trees = commit(&SHARED.map(|kind| data_columns(statement, kind, witness)));
    prove_clear(statement, life, proof, witness, &trees, &mut Zeros)
}

/// The data rows of the trees of one proof, witness and then helpers, from its bare proof.
pub fn own_data(statement: &Statement, bare: &Proof<Columns>) -> Vec<(TreeKind, TreeColumns)> {
    let data = |kind| {
        let committed = &bare.opening.committed[statement.layout.tree(kind).unwrap()];
        (kind, committed[..statement.layout.columns(kind)].to_vec())
    };
    vec![data(TreeKind::Witness), data(TreeKind::Helpers)]
}

/// A proof behind no pads, under the oracle's answers of a view.
fn prove_clear(
    statement: &Statement,
    life: &Life,
    proof: usize,
    witness: &Witness,
    trees: &[Committed],
    randomness: &mut dyn Randomness<F>,
) -> Proof<Columns> {
    let (scheme, shown) = (Columns { salted: true }, (trees, life.pins.as_slice()));
    let answers = life.proofs[proof].0;
    // The scalars of a proof behind pads, and nothing that hides them.
    let num_pads = count(&statement.system, &statement.layout, &statement.public, 2).unwrap().num_pads;
    let (pads, layout) = (vec![F::ZERO; num_pads], &statement.layout);
    prove_with((statement, layout), witness, shown, Pads::OneTime(&pads), answers, randomness, scheme)
        .unwrap()
}

/// Builds the coins of every proof of a life, for a secret, and makes the proofs with them; returns the dimensions of the
/// space of such coins, which is affine.
pub fn explain(statement: &Statement, life: &Life, witness: &Witness) -> Result<usize, Unexplained> {
    let (shared, mut dimensions) = shared_trees(statement, life, witness)?;
    let trees = commit(&shared);
    for (index, (answers, view)) in life.proofs.iter().enumerate() {
        let mut random = Vec::new();
        for (kind, data) in own_data(statement, &bare(statement, life, index, witness)) {
            let seen = opened(statement, &[view], kind);
            let (own, free) = random_rows(&data, QUERIES, &seen, None).ok_or(Unexplained::Rows(kind))?;
            dimensions += free;
            random.push(own.iter().flat_map(|c| c[ROWS - QUERIES..].to_vec()).collect::<Vec<F>>());
        }
        let coins = |mask: &[F]| Script::new([&random[0], mask, &random[1]].concat(), vec![[1; 32], [2; 32]]);
        // The mask is what the combination without a mask leaves of q.
        let unmasked =
            prove_clear(statement, life, index, witness, &trees, &mut coins(&[F::ZERO; ROWS])).opening.q;
        let mask: Vec<F> = view.opening.q.iter().zip(unmasked).map(|(&q, c)| q - c).collect();
        // The pads are what the scalars in the clear leave of the sealed ones.
        let clear = prove_clear(statement, life, index, witness, &trees, &mut coins(&mask));
        let pads: Vec<F> = view.scalars.iter().zip(&clear.scalars).map(|(&s, &m)| s - m).collect();

        let mut randomness = coins(&mask);
        let (scheme, shown) = (Columns { salted: true }, (trees.as_slice(), life.pins.as_slice()));
        let parties = (statement, &statement.layout);
        let proof =
            prove_with(parties, witness, shown, Pads::OneTime(&pads), *answers, &mut randomness, scheme)
                .unwrap();
        let (made, seen) = (&proof.opening, &view.opening);
        let same_rows = made.trees.iter().zip(&seen.trees).all(|(a, b)| a.rows == b.rows);
        let same = proof.scalars == view.scalars && made.q == seen.q && made.positions == seen.positions;
        let relation = life.record(statement, index).unwrap();
        if !same || !same_rows || !randomness.is_spent() || violated(&relation, &pads) > 0 {
            return Err(Unexplained::Other);
        }
    }
    Ok(dimensions)
}
