//! A statement about a tiny network over the small field, and what its honest (or sabotaged) prover shows of a secret.

use p3_field::PrimeCharacteristicRing;
use zkml_iop::builder::{FieldShape, Shape, Visibility, build_system, build_witness};
use zkml_iop::claims::ColumnClaim;
use zkml_iop::commitment::ColumnCommitment;
use zkml_iop::eq::eq_table;
use zkml_iop::error::{ProveError, VerifyError};
use zkml_iop::layout::{Layout, Reserved, TreeKind};
use zkml_iop::prover::{Pads, Proof, Randomness, Secrets, prove, shared_columns};
use zkml_iop::reader::Reader;
use zkml_iop::sealed::{Recorder, Relation, count};
use zkml_iop::system::{Home, System};
use zkml_iop::transcript::Transcript;
use zkml_ir::ops::{Activation, Einsum, Max, Requantize};
use zkml_ir::{Graph, Interval, Model, Op, Tensor, execute};

use crate::columns::{Columns, Committed, LOG_ROWS, QUERIES, ROWS};
use crate::field::{F, P};
use crate::oracle::{Dice, Oracle, Zeros};

/// The proofs that open one commitment to the weights and to the committed input.
pub const OPENINGS: usize = 2;
/// Random rows that a pin needs: one for its value, and two so that it is rarely one that the opened rows determine.
pub const PIN_ROWS: usize = 3;
/// The random rows of a tree that several proofs open.
pub const SHARED_ROWS: usize = OPENINGS * QUERIES + PIN_ROWS;

/// What everybody knows.
pub struct Statement {
    pub system: System,
    pub layout: Layout,
    /// The entries of the public tensors, at their indices.
    pub public: Vec<Vec<i32>>,
}

/// The entries of every tensor.
pub type Witness = Vec<Vec<i32>>;

/// `y = max(relu(x·Wᵀ))²` with private weights and a committed input.
fn network() -> Graph {
    let mut graph = Graph::new();
    let x = graph.add_input("x", vec![1, 2], Interval::unsigned(2), 1.0).unwrap();
    let w = graph.add_weight("w", vec![2, 2], Interval::signed(2), None).unwrap();
    let gemm = Op::Einsum(Einsum { a: vec![0, 2], b: vec![1, 2], out: vec![0, 1] });
    let acc = graph.add_node("acc", gemm, &[x, w]).unwrap();
    let relu = Requantize {
        shift: 1,
        domain: Interval::new(-8, 7),
        activation: Activation::Clamp(Interval::unsigned(2)),
    };
    let hidden = graph.add_node("relu", Op::Requantize(relu), &[acc]).unwrap();
    let best = graph.add_node("max", Op::Max(Max {}), &[hidden]).unwrap();
    let square = graph.add_node("square", Op::Einsum(Einsum::elementwise(1)), &[best, best]).unwrap();
    graph.add_output("y", square, 1.0).unwrap();
    graph
}

/// The statement, and two secrets that make it true: other weights and another input, the same output.
pub fn statement() -> (Statement, [Witness; 2]) {
    let secret = |weights: [i32; 4], input: [i32; 2]| {
        let weights = Tensor { shape: vec![2, 2], data: weights.to_vec() };
        let model = Model::new(network(), vec![weights]).unwrap();
        let input = vec![Tensor { shape: vec![1, 2], data: input.to_vec() }];
        let trace = execute(&model, &input).unwrap();
        build_witness(&model.graph, &shape(), field_shape(), &[trace]).unwrap()
    };
    let (system, first) = secret([1, -2, 0, 1], [3, 1]);
    let (_, second) = secret([-1, 1, 1, -2], [1, 2]);
    assert_eq!(build_system(&network(), &shape(), field_shape()).unwrap(), system);
    let statement = Statement { layout: layout(&system, QUERIES), public: public(&system, &first), system };
    assert_eq!(statement.public, public(&statement.system, &second), "both secrets have one output");
    (statement, [first, second])
}

fn shape() -> Shape {
    Shape { batch: 1, inputs: vec![Visibility::Committed], outputs: vec![Visibility::Public] }
}

fn field_shape() -> FieldShape {
    FieldShape { modulus: i64::from(P), degree: 1, packs: false }
}

/// The layout with so many random rows in trees that are opened once.
pub fn layout(system: &System, fresh: usize) -> Layout {
    let reserved = Reserved { fresh, weights: SHARED_ROWS, committed: vec![SHARED_ROWS] };
    Layout::new(system, LOG_ROWS, &reserved).unwrap()
}

fn public(system: &System, witness: &Witness) -> Vec<Vec<i32>> {
    let entries = |home: &Home, data: &Vec<i32>| match home {
        Home::Constant(_) | Home::PublicInput(_) | Home::PublicOutput(_) => data.clone(),
        Home::Weight(_) | Home::Committed(_) | Home::Witness | Home::Helper { .. } => vec![],
    };
    system.tensors.iter().zip(witness).map(|(t, data)| entries(&t.home, data)).collect()
}

/// The trees that several proofs open.
pub const SHARED: [TreeKind; 2] = [TreeKind::Weights, TreeKind::Committed(0)];

/// The data rows of a shared tree's columns.
pub fn data_columns(statement: &Statement, kind: TreeKind, witness: &Witness) -> Vec<Vec<F>> {
    shared_columns(&statement.system, &statement.layout, kind, witness, &mut Zeros)
}

/// Where and with which coefficients a tree is pinned. The real suite derives both from the root by the random oracle.
pub struct PinPoint {
    pub weights: Vec<F>,
    pub point: Vec<F>,
    pub batching: F,
}

impl PinPoint {
    pub fn draw(oracle: &mut Oracle) -> Self {
        let point = oracle.challenges("pin point", LOG_ROWS);
        let batching = oracle.challenge("pin batching");
        Self { weights: eq_table(&point, ROWS), point, batching }
    }

    pub fn value(&self, columns: &[Vec<F>]) -> F {
        let at = |column: &Vec<F>| column.iter().zip(&self.weights).map(|(&v, &w)| v * w).sum::<F>();
        columns.iter().zip(self.batching.powers()).map(|(column, power)| power * at(column)).sum()
    }

    pub fn claim(&self, kind: TreeKind, value: F) -> ColumnClaim<F> {
        let (point, batching) = (self.point.clone(), self.batching);
        ColumnClaim { trees: vec![(kind, F::ONE)], point, batching, rows: ROWS, value }
    }
}

/// What the world sees of one commitment to weights and input: the commitments with their pins, and the proofs.
///
/// The closings of the pads are not in it: what they say beyond "the pads satisfy the recorded equations" is the matter of
/// the commitment to pads, whose tests build, for every view, the coins that give it for any other pads.
pub struct Life {
    pub roots: [[u8; 32]; 2],
    pub pins: Vec<ColumnClaim<F>>,
    /// Each with the name of the random oracle's answers.
    pub proofs: Vec<(u64, Proof<Columns>)>,
}

impl Life {
    /// What a verifier records of a proof; an error is a refusal.
    pub fn record(&self, statement: &Statement, proof: usize) -> Result<Relation<F>, VerifyError> {
        let (answers, proof) = &self.proofs[proof];
        let shared: Vec<_> = SHARED.into_iter().zip(self.roots).collect();
        let (scheme, mut oracle) = (Columns { salted: true }, Oracle::new(*answers));
        let mut cx = Recorder::new(Reader::new(&scheme, &mut oracle, proof, &shared, &statement.layout));
        zkml_iop::verifier::verify(
            &mut cx,
            &statement.system,
            &statement.layout,
            &statement.public,
            &self.pins,
        )?;
        cx.finish()
    }
}

/// The equations that pads do not satisfy.
pub fn violated(relation: &Relation<F>, pads: &[F]) -> usize {
    let product = |p: usize| pads[relation.shape.products[p].0] * pads[relation.shape.products[p].1];
    let value = |e: &zkml_iop::sealed::Equation<F>| {
        e.terms.iter().map(|&(pad, k)| k * pads[pad]).sum::<F>()
            + e.products.iter().map(|&(p, k)| k * product(p)).sum::<F>()
            + e.constant
    };
    relation.equations.iter().filter(|e| value(e) != F::ZERO).count()
}

/// A proof by a prover with given trees, pads and coins; none where a challenge hits a fingerprint.
pub fn prove_with(
    (statement, layout): (&Statement, &Layout),
    witness: &Witness,
    (trees, pins): (&[Committed], &[ColumnClaim<F>]),
    pads: Pads<'_, F>,
    answers: u64,
    randomness: &mut dyn Randomness<F>,
    scheme: Columns,
) -> Option<Proof<Columns>> {
    let secrets = Secrets::<Columns> {
        witness: witness.clone(),
        shared: trees.iter().map(|(root, tree)| (root, tree)).collect(),
        wide: pins.to_vec(),
        pads,
    };
    let oracle = &mut Oracle::new(answers);
    match prove(&scheme, &statement.system, layout, &secrets, oracle, randomness, &mut |_| {}) {
        Ok(proof) => Some(proof),
        Err(ProveError::UnluckyChallenge) => None,
        Err(error) => panic!("{error}"),
    }
}

/// How a prover treats what hides its secret. The library knows one way; the others are this test's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prover {
    /// Fresh pads, random rows, masks and salts for every proof.
    Honest,
    /// No pad on any scalar.
    NoPads,
    /// The pads of the first proof in all of them.
    ReusedPads,
    /// One random row too few in the trees of each proof.
    MissingRow,
    /// The mask column of the first proof in all of them.
    ReusedMask,
    /// Leaves without salts.
    Unsalted,
}

/// The proofs that a prover makes with one commitment to its weights and input.
pub fn real(
    statement: &Statement,
    witness: &Witness,
    prover: Prover,
    num_proofs: usize,
    dice: &mut Dice,
) -> Life {
    let scheme = Columns { salted: prover != Prover::Unsalted };
    let pin_oracle = &mut Oracle::new(dice.seed());
    let (mut trees, mut pins) = (Vec::new(), Vec::new());
    for kind in SHARED {
        let columns = shared_columns(&statement.system, &statement.layout, kind, witness, dice);
        let pin = PinPoint::draw(pin_oracle);
        pins.push(pin.claim(kind, pin.value(&columns)));
        trees.push(scheme.commit(columns, dice.bytes()).unwrap());
    }
    let num_pads = count(&statement.system, &statement.layout, &statement.public, 2).unwrap().num_pads;
    let first_pads = dice.elements(num_pads);
    let first_mask = dice.elements(ROWS);
    let fresh = if prover == Prover::MissingRow { QUERIES - 1 } else { QUERIES };
    // Data stay where they are: the missing row holds nothing.
    let mut own_layout = statement.layout.clone();
    let own = own_layout.trees.iter_mut().filter(|t| matches!(t.kind, TreeKind::Witness | TreeKind::Helpers));
    own.for_each(|tree| tree.reserved = fresh);
    let before_mask = own_layout.columns(TreeKind::Witness) * fresh;
    let mut proofs = Vec::new();
    while proofs.len() < num_proofs {
        let answers = dice.seed();
        let pads = match prover {
            Prover::ReusedPads => first_pads.clone(),
            Prover::NoPads => vec![F::ZERO; num_pads],
            _ => dice.elements(num_pads),
        };
        let mask = if prover == Prover::ReusedMask { first_mask.clone() } else { dice.elements(ROWS) };
        let mut randomness = Masked { mask, before: before_mask, asked: 0, dice };
        proofs.extend(
            prove_with(
                (statement, &own_layout),
                witness,
                (&trees, &pins),
                Pads::OneTime(&pads),
                answers,
                &mut randomness,
                scheme,
            )
            .map(|proof| (answers, proof)),
        );
    }
    Life { roots: [trees[0].0, trees[1].0], pins, proofs }
}

/// Randomness with a given mask: the elements that a prover asks for after `before` others.
struct Masked<'d> {
    mask: Vec<F>,
    before: usize,
    asked: usize,
    dice: &'d mut Dice,
}

impl Randomness<F> for Masked<'_> {
    fn field(&mut self) -> F {
        let mask = self.asked.checked_sub(self.before).and_then(|i| self.mask.get(i)).copied();
        self.asked += 1;
        mask.unwrap_or_else(|| self.dice.element())
    }

    fn seed(&mut self) -> [u8; 32] {
        self.dice.bytes()
    }
}
