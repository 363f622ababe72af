//! A prover that chooses the columns of committed tensors, and what is said of them, freely.

use p3_field::{BasedVectorSpace, PrimeCharacteristicRing};
use zkml::verifier::argument::{Argument, Task};
use zkml::verifier::ir::{Graph, Model, Tensor, execute};
use zkml::verifier::relation::FIELD;
use zkml::verifier::verify::statement_task;
use zkml::verifier::{Relation, Shape, TensorCommitment};
use zkml::{Card, Proof, Statement, Visibility};
use zkml_iop::builder::build_witness;
use zkml_iop::prover::{Pads, Randomness, Secrets, prove};
use zkml_iop::sealed::count;
use zkml_stark::{Blake3Transcript, ColumnTree, F, K, MerkleRoot, StarkColumns};

/// Reproducible randomness.
pub(crate) struct Dice(pub(crate) u64);

impl Randomness<F> for Dice {
    fn field(&mut self) -> F {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        F::from_u32((self.0 >> 34) as u32)
    }

    fn seed(&mut self) -> [u8; 32] {
        [9; 32]
    }
}

/// Commits to columns of the forger's choice.
pub(crate) fn commit(
    columns: &StarkColumns,
    values: Vec<Vec<F>>,
    shape: &[usize],
    reserved: u32,
) -> (TensorCommitment, ColumnTree) {
    use zkml_iop::commitment::ColumnCommitment;
    let (_, tree) = columns.commit(values, [3; 32]).unwrap();
    (TensorCommitment::of(columns, &tree, shape, reserved), tree)
}

/// A proof about one committed input of a graph without weights, whose outputs are public; none where the pads' closing does
/// not hold.
pub(crate) fn forge(
    card: &Card,
    input: Vec<i32>,
    (commitment, tree): (TensorCommitment, &ColumnTree),
) -> Option<Proof> {
    let graph: &Graph = &card.graph;
    let model = Model::new(graph.clone(), vec![]).unwrap();
    let info = graph.tensor(graph.inputs()[0].tensor);
    let sample = vec![Tensor { shape: info.shape.clone(), data: input }];
    let traces = vec![execute(&model, &sample).unwrap()];
    let shape = Shape {
        batch: 1,
        inputs: vec![Visibility::Committed],
        outputs: vec![Visibility::Public; graph.outputs().len()],
    };
    let outputs = graph.outputs().iter().map(|port| {
        let value = traces[0].value(port.tensor);
        Tensor { shape: [&[1], value.shape.as_slice()].concat(), data: value.data.clone() }
    });
    let statement = Statement {
        model: card.id(),
        shape: shape.clone(),
        inputs: vec![],
        outputs: outputs.collect(),
        commitments: vec![commitment],
        context: vec![],
    };
    let (system, witness) = build_witness(graph, &shape, FIELD, &traces).unwrap();
    let relation = Relation::with_system(system, card.parameters, &statement.commitments).unwrap();
    let mut transcript = statement.transcript().unwrap();
    let task = statement_task(card, &relation, &statement, None, &mut transcript).unwrap();
    Some(Proof { argument: argue(&task, tree, witness, &transcript)?, statement, tree: None })
}

/// The argument of an honest prover, with the forger's tree.
fn argue(
    task: &Task<'_>,
    tree: &ColumnTree,
    witness: Vec<Vec<i32>>,
    transcript: &Blake3Transcript,
) -> Option<Argument> {
    let Relation { system, layout, columns } = task.relation;
    let mut dice = Dice(77);
    let shape = count(system, layout, &task.public, task.wide.len()).unwrap();
    let ligero = task.ligero(shape.num_pads, shape.products.len()).unwrap();
    let pads: Vec<K> = (0..shape.num_pads).map(|_| K::from_basis_coefficients_fn(|_| dice.field())).collect();
    let (root, pad_tree) = ligero.commit(&pads, &shape.products, &mut dice).unwrap();
    let mut proving = transcript.clone();
    Task::absorb_pads(&mut proving, &root);
    let secrets = Secrets::<StarkColumns> {
        witness,
        shared: vec![(&task.shared[0].1, tree)],
        wide: task.wide.clone(),
        pads: Pads::OneTime(&pads),
    };
    let parts = prove(columns, system, layout, &secrets, &mut proving, &mut dice, &mut |_| {}).unwrap();
    let mut verifying = transcript.clone();
    Task::absorb_pads(&mut verifying, &root);
    let recorded = task.record(&mut verifying, &parts).unwrap();
    let closing = ligero.prove(&pad_tree, &recorded.relation(), &mut verifying).ok()?;
    Some(Argument::new(MerkleRoot(root.0), &parts, columns, ligero.encode(&closing)))
}
