//! The simulator: it knows the statement, and nothing of the secret.

use std::collections::BTreeMap;

use zkml_iop::commitment::Combination;
use zkml_iop::context::Context;
use zkml_iop::error::VerifyError;
use zkml_iop::layout::{Layout, TreeKind};
use zkml_iop::prover::Proof;
use zkml_iop::system::System;
use zkml_iop::transcript::Transcript;

use p3_field::PrimeCharacteristicRing;

use crate::columns::{self, Columns, Opening, POINTS, ROWS, Rows, evaluate, hash_leaf, point, root};
use crate::field::F;
use crate::oracle::{Dice, Oracle};
use crate::protocol::{Life, PinPoint, SHARED, Statement};

/// Simulates the whole life of a commitment: step by step as the module says.
pub fn simulate(statement: &Statement, num_proofs: usize, dice: &mut Dice) -> Life {
    // Step 1: pins.
    let pin_oracle = &mut Oracle::new(dice.seed());
    let pins: Vec<_> =
        SHARED.into_iter().map(|kind| PinPoint::draw(pin_oracle).claim(kind, dice.element())).collect();
    let mut shared = SHARED.map(|kind| LongLived::new(statement.layout.columns(kind)));
    let mut drafts = Vec::new();
    for _ in 0..num_proofs {
        // Step 2: the random oracle's answers.
        let answers = loop {
            let answers = dice.seed();
            if !hits_a_fingerprint(statement, answers) {
                break answers;
            }
        };
        // Steps 3 and 4: the verifier runs, and what it asks for is drawn.
        let mut view = View {
            layout: &statement.layout,
            oracle: Oracle::new(answers),
            dice,
            scalars: Vec::new(),
            draft: None,
            shared: &mut shared,
        };
        let Statement { system, layout, public } = statement;
        zkml_iop::verifier::verify(&mut view, system, layout, public, &pins).unwrap();
        let View { scalars, draft, .. } = view;
        drafts.push((answers, scalars, draft.unwrap()));
    }
    // Step 5: trees around the rows that are seen of them.
    let shared = shared.map(|tree| tree.close(dice));
    let proofs = drafts
        .into_iter()
        .map(|(answers, scalars, draft)| (answers, draft.close(scalars, &shared, dice)))
        .collect();
    Life { roots: [root(&shared[0].leaves), root(&shared[1].leaves)], pins, proofs }
}

/// Whether `α` is the fingerprint of a row of a public table, where a prover starts again. Honest lookups have no others.
fn hits_a_fingerprint(statement: &Statement, answers: u64) -> bool {
    let mut oracle = Oracle::new(answers);
    let (alpha, beta) = (oracle.challenge("alpha"), oracle.challenge("beta"));
    let System { tables, .. } = &statement.system;
    tables.iter().enumerate().any(|(index, table)| {
        (0..table.rows).any(|row| {
            let entries = table.columns.iter().map(|&c| F::from_i32(statement.public[c][row]));
            let sum: F = entries.zip(beta.shifted_powers(beta)).map(|(entry, power)| entry * power).sum();
            alpha == F::from_usize(index + 1) + sum
        })
    })
}

/// What was shown of a tree that several proofs open.
struct LongLived {
    width: usize,
    rows: BTreeMap<usize, Vec<F>>,
}

impl LongLived {
    fn new(width: usize) -> Self {
        Self { width, rows: BTreeMap::new() }
    }

    /// The rows at some positions: uniform, and the same whenever they are seen again.
    fn open(&mut self, positions: &[usize], dice: &mut Dice) -> Vec<Vec<F>> {
        let row = |p: &usize| self.rows.entry(*p).or_insert_with(|| dice.elements(self.width)).clone();
        positions.iter().map(row).collect()
    }

    fn close(self, dice: &mut Dice) -> Closed {
        Closed::new(&self.rows, dice)
    }
}

/// A tree of which some rows are known: the digests of the others are uniform, because salts that nobody saw are before them.
struct Closed {
    salts: BTreeMap<usize, [u8; 16]>,
    leaves: Vec<[u8; 32]>,
}

impl Closed {
    fn new(rows: &BTreeMap<usize, Vec<F>>, dice: &mut Dice) -> Self {
        let salts: BTreeMap<usize, [u8; 16]> = rows.keys().map(|&p| (p, dice.bytes())).collect();
        let leaf = |position| match rows.get(&position) {
            Some(row) => hash_leaf(&salts[&position], row),
            None => dice.bytes(),
        };
        let leaves = (0..POINTS).map(leaf).collect();
        Self { salts, leaves }
    }

    fn open(&self, positions: &[usize], rows: Vec<Vec<F>>) -> Rows {
        let salts = positions.iter().map(|p| self.salts[p]).collect();
        Rows { rows, salts, leaves: self.leaves.clone() }
    }
}

/// The opening before its trees are closed.
struct Draft {
    q: Vec<F>,
    positions: Vec<usize>,
    /// Tree by tree, in the layout's order.
    rows: Vec<(TreeKind, Vec<Vec<F>>)>,
}

impl Draft {
    fn close(self, scalars: Vec<F>, shared: &[Closed; 2], dice: &mut Dice) -> Proof<Columns> {
        let Self { q, positions, rows } = self;
        let (mut trees, mut own) = (Vec::new(), BTreeMap::new());
        for (kind, rows) in rows {
            match SHARED.iter().position(|&s| s == kind) {
                Some(index) => trees.push(shared[index].open(&positions, rows)),
                None => {
                    let seen = positions.iter().copied().zip(rows.iter().cloned()).collect();
                    let tree = Closed::new(&seen, dice);
                    own.insert(kind, root(&tree.leaves));
                    trees.push(tree.open(&positions, rows));
                }
            }
        }
        Proof {
            witness: own[&TreeKind::Witness],
            helpers: own.get(&TreeKind::Helpers).copied(),
            scalars,
            opening: Opening { q, positions, trees, committed: vec![] },
        }
    }
}

/// The surroundings of a verification in which nobody proves: whatever a prover would send is drawn.
struct View<'a> {
    layout: &'a Layout,
    oracle: Oracle,
    dice: &'a mut Dice,
    scalars: Vec<F>,
    draft: Option<Draft>,
    shared: &'a mut [LongLived; 2],
}

impl Context for View<'_> {
    type Public = F;
    type Sealed = ();
    type Linear = ();

    fn basis(&self, index: usize) -> F {
        F::from_bool(index == 0)
    }

    fn commit(&mut self, _: TreeKind) -> Result<(), VerifyError> {
        Ok(())
    }

    fn challenge(&mut self, label: &'static str) -> F {
        self.oracle.challenge(label)
    }

    /// Step 3: a sealed scalar is uniform.
    fn receive(&mut self, _: &'static str) -> Result<(), VerifyError> {
        self.scalars.push(self.dice.element());
        Ok(())
    }

    fn affine(&mut self, (): &(), _: &F, _: &F) {}

    fn zero(&self) {}

    fn add_public(&mut self, (): &mut (), _: &F) {}

    fn add(&mut self, (): &mut (), _: &F, (): &()) {}

    fn add_product(&mut self, (): &mut (), _: &F, (): &(), (): &()) {}

    fn scale(&mut self, (): &(), _: &F) {}

    fn add_linear(&mut self, (): &mut (), (): &()) {}

    fn assert_zero(&mut self, (): (), _: &'static str) -> Result<(), VerifyError> {
        Ok(())
    }

    /// Step 4: `q` and the rows of all columns but the mask's are uniform, and the mask's values follow.
    fn open(&mut self, at: &[F]) -> Result<Combination<F>, VerifyError> {
        let coefficients = self.oracle.challenges("columns", self.layout.num_columns());
        let q = self.dice.elements(ROWS);
        let positions = columns::positions(&mut self.oracle);
        let mut rows = Vec::new();
        for tree in &self.layout.trees {
            let seen = match SHARED.iter().position(|&s| s == tree.kind) {
                Some(index) => self.shared[index].open(&positions, self.dice),
                None => positions.iter().map(|_| self.dice.elements(tree.columns)).collect(),
            };
            rows.push((tree.kind, seen));
        }
        for (index, &position) in positions.iter().enumerate() {
            let values = rows.iter().flat_map(|(_, rows)| rows[index].clone());
            let combined: F = values.zip(&coefficients).map(|(value, &k)| value * k).sum();
            let mask = evaluate(&q, point(position)) - combined;
            let witness = rows.iter_mut().find(|(kind, _)| *kind == TreeKind::Witness).unwrap();
            witness.1[index].push(mask);
        }
        let value = q.iter().zip(zkml_iop::eq::eq_table(at, ROWS)).map(|(&v, e)| v * e).sum();
        self.draft = Some(Draft { q, positions, rows });
        Ok(Combination { coefficients, value })
    }
}
