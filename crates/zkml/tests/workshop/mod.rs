//! A prover and a registrar in pieces: what an honest one does, with every secret choice in the hands of a test.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure of the support is a failure of its test")]

use p3_field::integers::QuotientMap;
use p3_field::{BasedVectorSpace, PrimeCharacteristicRing, PrimeField32};
use zkml::verifier::argument::{Argument, Recorded, Task};
use zkml::verifier::card::{model_id, registration_transcript};
use zkml::verifier::epoch::{Epoch, Tree, registration_task};
use zkml::verifier::ir::ops::{Activation, Einsum, Requantize};
use zkml::verifier::ir::{Graph, Interval, Model, Op, Tensor, execute};
use zkml::verifier::relation::FIELD;
use zkml::verifier::verify::statement_task;
use zkml::verifier::{Card, Parameters, Proof, Refusal, Relation, Shape, Statement, TreeId, Visibility};
use zkml_iop::builder::build_witness;
use zkml_iop::commitment::ColumnCommitment;
use zkml_iop::error::ProveError;
use zkml_iop::layout::TreeKind;
use zkml_iop::prover::{Pads, Proof as Parts, Randomness, Secrets, prove, shared_columns};
use zkml_iop::registration::registration_witness;
use zkml_iop::sealed::count;
use zkml_iop::system::Home;
use zkml_stark::{Blake3Transcript, ColumnTree, F, K, MerkleRoot, StarkColumns};

pub type Witness = Vec<Vec<i32>>;

/// Secret randomness from a seed.
pub struct Coins(blake3::OutputReader);

impl Coins {
    pub fn new(seed: u64) -> Self {
        Self(blake3::Hasher::new_keyed(&[9; 32]).update(&seed.to_le_bytes()).finalize_xof())
    }

    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill(&mut bytes);
        bytes
    }

    pub fn scalar(&mut self) -> K {
        K::from_basis_coefficients_fn(|_| self.field())
    }

    pub fn scalars(&mut self, count: usize) -> Vec<K> {
        (0..count).map(|_| self.scalar()).collect()
    }
}

impl Randomness<F> for Coins {
    fn field(&mut self) -> F {
        loop {
            if let Some(field) = F::from_canonical_checked(u32::from_le_bytes(self.bytes()) >> 1) {
                return field;
            }
        }
    }

    fn seed(&mut self) -> [u8; 32] {
        self.bytes()
    }
}

/// The limbs of a scalar.
pub fn limbs(scalar: &K) -> Vec<u32> {
    let limbs: &[F] = scalar.as_basis_coefficients_slice();
    limbs.iter().map(PrimeField32::as_canonical_u32).collect()
}

/// `y = relu(x·Wᵀ)·Vᵀ`: four inputs, three hidden values, two scores.
pub fn graph() -> Graph {
    let mut graph = Graph::new();
    let gemm = || Op::Einsum(Einsum { a: vec![0, 2], b: vec![1, 2], out: vec![0, 1] });
    let x = graph.add_input("x", vec![1, 4], Interval::unsigned(8), 1.0).unwrap();
    let w = graph.add_weight("w", vec![3, 4], Interval::signed(8), Some(400)).unwrap();
    let v = graph.add_weight("v", vec![2, 3], Interval::signed(8), None).unwrap();
    let acc = graph.add_node("acc", gemm(), &[x, w]).unwrap();
    let relu = Requantize {
        shift: 7,
        domain: Interval::new(-2048, 2047),
        activation: Activation::Clamp(Interval::unsigned(8)),
    };
    let hidden = graph.add_node("relu", Op::Requantize(relu), &[acc]).unwrap();
    let y = graph.add_node("y", gemm(), &[hidden, v]).unwrap();
    graph.add_output("y", y, 1.0).unwrap();
    graph
}

/// The weights of an honest model.
pub fn weights() -> Vec<Tensor> {
    let w = vec![100, -20, 7, 64, -3, 90, 45, -11, 80, 25, -60, 1];
    let v = vec![3, -100, 42, -7, 127, 15];
    vec![Tensor { shape: vec![3, 4], data: w }, Tensor { shape: vec![2, 3], data: v }]
}

pub fn input() -> Tensor {
    Tensor { shape: vec![1, 4], data: vec![200, 13, 255, 77] }
}

/// Small columns, and random rows for so many openings, registrations included.
pub fn parameters(openings: u32) -> Parameters {
    let log_rows = 10;
    let queries = Parameters { log_rows, security: 100, reserved: 0 }.config().unwrap().num_queries() as u32;
    Parameters { log_rows, security: 100, reserved: openings * queries + 10 }
}

/// Committed weights.
pub fn weights_tree(parameters: Parameters, weights: &[Tensor], coins: &mut Coins) -> ColumnTree {
    let relation = weights_relation(parameters);
    let entries = |home: &Home| match home {
        Home::Weight(index) => weights[*index].data.clone(),
        _ => Vec::new(),
    };
    let values: Witness = relation.system.tensors.iter().map(|t| entries(&t.home)).collect();
    let columns = shared_columns(&relation.system, &relation.layout, TreeKind::Weights, &values, coins);
    relation.columns.commit(columns, coins.bytes()).unwrap().1
}

/// The relation of a statement on one private input with public outputs.
pub fn weights_relation(parameters: Parameters) -> Relation {
    Relation::of(&graph(), &shape(), parameters, &[]).unwrap()
}

pub fn shape() -> Shape {
    Shape { batch: 1, inputs: vec![Visibility::Private], outputs: vec![Visibility::Public] }
}

/// How a prover seals its scalars.
#[derive(Clone, Debug)]
pub enum Sealing {
    /// A fresh pad for every scalar.
    Fresh,
    /// No pads: those that are committed are zeros.
    None,
    /// These pads.
    Given(Vec<K>),
}

/// What a prover made, and what it knows of it.
pub struct Made {
    pub argument: Argument,
    pub parts: Parts<StarkColumns>,
    pub recorded: Recorded,
    pub pads: Vec<K>,
    pub closing: Vec<u8>,
    /// Whether the pads satisfy everything that is recorded.
    pub holds: bool,
}

/// A task's argument with coins of the caller's choice. If the task does not hold, it is closed with a proof of the equations
/// that do.
///
/// # Errors
/// What stopped the prover.
pub fn argue(
    task: &Task<'_>,
    trees: &[&ColumnTree],
    witness: Witness,
    start: &Blake3Transcript,
    sealing: &Sealing,
    coins: &mut Coins,
) -> Result<Made, String> {
    let Relation { system, layout, columns } = task.relation;
    let shape = count(system, layout, &task.public, task.wide.len()).map_err(|e| e.to_string())?;
    let ligero = task.ligero(shape.num_pads, shape.products.len()).unwrap();
    let pads = match sealing {
        Sealing::Fresh => coins.scalars(shape.num_pads),
        Sealing::None => vec![K::ZERO; shape.num_pads],
        Sealing::Given(pads) => pads.clone(),
    };
    let (root, tree) = ligero.commit(&pads, &shape.products, coins).unwrap();
    let parts = parts(task, trees, witness, (start, &root), &pads, coins).map_err(|e| e.to_string())?;
    let mut transcript = start.clone();
    Task::absorb_pads(&mut transcript, &root);
    let recorded = task.record(&mut transcript, &parts).map_err(|e| e.to_string())?;
    let held = held(&recorded, &pads);
    let closing =
        ligero.prove(&tree, &held.relation(), &mut transcript.clone()).map_err(|e| e.to_string())?;
    ligero.verify(&root, &held.relation(), &closing, &mut transcript).unwrap();
    let closing = ligero.encode(&closing);
    let argument = Argument::new(root, &parts, columns, closing.clone());
    let holds = held.equations.len() == recorded.equations.len();
    Ok(Made { argument, parts, recorded, pads, closing, holds })
}

/// The recorded equations that pads satisfy.
fn held(recorded: &Recorded, pads: &[K]) -> Recorded {
    let alone = |e: &zkml_stark::Equation| {
        violated(&Recorded { shape: recorded.shape.clone(), equations: vec![e.clone()] }, pads) == 0
    };
    let equations = recorded.equations.iter().filter(|e| alone(e)).cloned().collect();
    Recorded { shape: recorded.shape.clone(), equations }
}

/// Everything of an argument but its closing.
///
/// # Errors
/// What stopped the prover.
pub fn parts(
    task: &Task<'_>,
    trees: &[&ColumnTree],
    witness: Witness,
    (start, pads_root): (&Blake3Transcript, &MerkleRoot),
    pads: &[K],
    coins: &mut Coins,
) -> Result<Parts<StarkColumns>, ProveError> {
    let Relation { system, layout, columns } = task.relation;
    let secrets = Secrets::<StarkColumns> {
        witness,
        shared: task.shared.iter().map(|(_, root)| root).zip(trees.iter().copied()).collect(),
        wide: task.wide.clone(),
        pads: Pads::OneTime(pads),
    };
    let mut transcript = start.clone();
    Task::absorb_pads(&mut transcript, pads_root);
    prove(columns, system, layout, &secrets, &mut transcript, coins, &mut |_| {})
}

/// A registrar's trees and the card that registers them.
pub struct Registrar {
    pub parameters: Parameters,
    pub trees: Vec<ColumnTree>,
    pub card: Card,
}

impl Registrar {
    /// Registers honest weights in so many trees.
    pub fn honest(openings: u32, num_trees: usize, coins: &mut Coins) -> Self {
        let parameters = parameters(openings);
        let trees: Vec<_> = (0..num_trees).map(|_| weights_tree(parameters, &weights(), coins)).collect();
        let pins = pins(parameters, &trees);
        let card = register(parameters, &trees, &pins, &weights(), coins).unwrap();
        Self { parameters, trees, card }
    }
}

/// The trees as a card names them.
pub fn pins(parameters: Parameters, trees: &[ColumnTree]) -> Vec<Tree> {
    let columns = parameters.columns().unwrap();
    trees.iter().map(|tree| Tree::of(&columns, tree)).collect()
}

/// The witness of the registration of weights that a prover claims to be honest: of those that are not, as far as it exists.
pub fn registration_claim(weights: &[Tensor]) -> Witness {
    match registration_witness(&graph(), FIELD, weights) {
        Ok((_, witness)) => witness,
        Err(_) => {
            let (_, mut witness) = registration_witness(&graph(), FIELD, &self::weights()).unwrap();
            witness.iter_mut().zip(weights).for_each(|(entries, weight)| entries.clone_from(&weight.data));
            witness
        }
    }
}

/// A card of a first epoch, whose trees may hold anything.
///
/// # Errors
/// What stopped the registrar.
pub fn register(
    parameters: Parameters,
    trees: &[ColumnTree],
    named: &[Tree],
    claimed: &[Tensor],
    coins: &mut Coins,
) -> Result<Card, String> {
    let graph = graph();
    let id = model_id(&graph.digest().unwrap(), &parameters, named);
    let epoch = epoch(parameters, &id, 0, (trees, named), claimed, 0, coins)?;
    Card::new(graph, parameters, vec![epoch]).map_err(|e| e.to_string())
}

/// An epoch's registration. The first tree of a later one is its source.
///
/// # Errors
/// What stopped the registrar.
pub fn epoch(
    parameters: Parameters,
    model: &[u8; 32],
    index: usize,
    (trees, named): (&[ColumnTree], &[Tree]),
    claimed: &[Tensor],
    source: u32,
    coins: &mut Coins,
) -> Result<Epoch, String> {
    let first = index == 0;
    let relation = Relation::registration(&graph(), parameters, first, named.len()).unwrap();
    let witness = match first {
        true => registration_claim(claimed),
        false => claimed.iter().map(|w| w.data.clone()).collect(),
    };
    let mut transcript = registration_transcript(model, index);
    let task = registration_task(&relation, named, &mut transcript).unwrap();
    let opened: Vec<&ColumnTree> = trees.iter().collect();
    let made = argue(&task, &opened, witness, &transcript, &Sealing::Fresh, coins)?;
    let own = if first { named } else { &named[1..] };
    Ok(Epoch { source, trees: own.to_vec(), proof: made.argument })
}

/// A statement about a registrar's model with what proves it.
pub struct Claim {
    pub statement: Statement,
    pub relation: Relation,
    pub witness: Witness,
}

/// The honest statement of an input.
pub fn claim(card: &Card, weights: &[Tensor], input: &Tensor) -> Claim {
    let model = Model::new(graph(), weights.to_vec()).unwrap();
    let sample = [input.clone()];
    let trace = execute(&model, &sample).unwrap();
    let output = trace.value(model.graph.outputs()[0].tensor).clone();
    let (system, witness) = build_witness(&model.graph, &shape(), FIELD, &[trace]).unwrap();
    let relation = Relation::with_system(system, card.parameters, &[]).unwrap();
    let outputs = vec![Tensor { shape: [&[1], output.shape.as_slice()].concat(), data: output.data }];
    let statement = Statement {
        model: card.id(),
        shape: shape(),
        inputs: vec![],
        outputs,
        commitments: vec![],
        context: vec![],
    };
    Claim { statement, relation, witness }
}

impl Claim {
    /// What must be proven, about the tree number `tree` of the first epoch, and the transcript that holds it.
    pub fn task(&self, card: &Card, tree: u32) -> (Task<'_>, Blake3Transcript) {
        let mut transcript = self.statement.transcript().unwrap();
        let id = Some(TreeId { epoch: 0, tree });
        let task = statement_task(card, &self.relation, &self.statement, id, &mut transcript).unwrap();
        (task, transcript)
    }

    pub fn proof(&self, argument: Argument, tree: u32) -> Proof {
        Proof { statement: self.statement.clone(), tree: Some(TreeId { epoch: 0, tree }), argument }
    }
}

/// How many recorded equations pads do not satisfy, with products that are those of the pads.
pub fn violated(recorded: &Recorded, pads: &[K]) -> usize {
    let product = |p: usize| {
        let (a, b) = recorded.shape.products[p];
        pads[a] * pads[b]
    };
    let value = |e: &zkml_stark::Equation| {
        let terms = e.terms.iter().map(|&(pad, k)| k * pads[pad]).sum::<K>();
        terms + e.products.iter().map(|&(p, k)| k * product(p)).sum::<K>() + e.constant
    };
    recorded.equations.iter().filter(|e| value(e) != K::ZERO).count()
}

/// Whether linear equations have a solution, and their rank.
pub fn solve(mut rows: Vec<Vec<K>>, mut right: Vec<K>, unknowns: usize) -> (usize, Option<Vec<K>>) {
    use p3_field::Field;
    let mut pivots = Vec::new();
    for unknown in 0..unknowns {
        let rank = pivots.len();
        let Some(pivot) = (rank..rows.len()).find(|&r| rows[r][unknown] != K::ZERO) else { continue };
        rows.swap(rank, pivot);
        right.swap(rank, pivot);
        let inverse = rows[rank][unknown].inverse();
        rows[rank][unknown..].iter_mut().for_each(|v| *v *= inverse);
        right[rank] *= inverse;
        let (own, own_right) = (rows[rank][unknown..].to_vec(), right[rank]);
        for r in (0..rows.len()).filter(|&r| r != rank) {
            let factor = rows[r][unknown];
            if factor != K::ZERO {
                rows[r][unknown..].iter_mut().zip(&own).for_each(|(v, &o)| *v -= factor * o);
                right[r] -= factor * own_right;
            }
        }
        pivots.push(unknown);
    }
    let consistent = right[pivots.len()..].iter().all(|v| *v == K::ZERO);
    let solution = consistent.then(|| {
        let mut solution = vec![K::ZERO; unknowns];
        pivots.iter().zip(&right).for_each(|(&unknown, &value)| solution[unknown] = value);
        solution
    });
    (pivots.len(), solution)
}

pub fn verify(card: &Card, proof: &Proof) -> Result<(), Refusal> {
    let model = zkml::Registered::new(card.clone())?;
    zkml::verify(&model, proof, 100).map(|_| ())
}
