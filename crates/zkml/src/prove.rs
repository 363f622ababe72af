//! Proving: execute, prove, and verify before anything is released.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use zkml_iop::builder::build_witness;
use zkml_ir::{Graph, Port, Tensor, Trace, execute};
use zkml_stark::{ColumnTree, SecurityReport};
use zkml_verifier::relation::FIELD;
use zkml_verifier::statement::MAX_CONTEXT;
use zkml_verifier::verify::statement_task;
use zkml_verifier::{Proof, Relation, Shape, Statement, TensorCommitment, TreeId, Visibility};

use crate::argument::{self, Clock};
use crate::committed::{CommittedTensor, DEFAULT_OPENINGS};
use crate::error::Error;
use crate::key::ProverKey;

/// What a proof shows and what it is bound to.
#[derive(Clone, Debug, Default)]
pub struct ProveOptions {
    /// One visibility per input of the graph; empty for all private.
    pub inputs: Vec<Visibility>,
    /// One visibility per output of the graph; empty for all public.
    pub outputs: Vec<Visibility>,
    /// Free bytes that become part of the statement, at most 64.
    pub context: Vec<u8>,
}

/// A phase of proving, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Preparing the committed weights.
    Weights,
    /// Running the model.
    Execute,
    /// Building the witness.
    Witness,
    /// Counting, drawing and committing to the pads of the sealed transcript.
    Pads,
    /// Committing to the witness.
    Commit,
    /// The lookup argument.
    Lookups,
    /// Contractions and other products.
    Products,
    /// Reducing all claims to one point.
    Reduction,
    /// Opening the commitments.
    Opening,
    /// Verifying everything but the pads before the proof is released.
    Verify,
    /// Closing the sealed transcript, and verifying it.
    Sealing,
    /// Making the keys of a SNARK, or a prover's tables from them, which the first proof leaves behind.
    Keys,
    /// Turning the verifier into a circuit.
    Circuit,
    /// Proving the circuit.
    Snark,
}

impl Phase {
    /// The phase in a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::Execute => "execute",
            Self::Witness => "witness",
            Self::Pads => "pads",
            Self::Commit => "commit",
            Self::Lookups => "lookups",
            Self::Products => "products",
            Self::Reduction => "claim reduction",
            Self::Opening => "opening",
            Self::Verify => "verify",
            Self::Sealing => "sealing",
            Self::Keys => "keys",
            Self::Circuit => "circuit",
            Self::Snark => "SNARK",
        }
    }

    /// The number of phases of a proof of the `stark` suite.
    pub const COUNT: usize = 11;
}

/// A proof and how it came about.
#[derive(Debug)]
pub struct Proven {
    /// The proof, verified.
    pub proof: Proof,
    /// The time that each phase took, in order.
    pub phases: Vec<(Phase, Duration)>,
    /// The security that the verifier finds, without the registration's.
    pub security: SecurityReport,
}

/// Proves the model's outputs on a batch of samples, and verifies the proof.
///
/// One opening of the committed weights is debited before the proof exists, and stays debited whatever happens.
/// `progress` is told about every phase that begins.
///
/// # Errors
/// [`Error`] if a sample does not fit the model, the statement cannot be proven, or the budget of openings is spent;
/// [`Error::Usage`] if an input or output is committed: [`prove_with`] proves that.
pub fn prove(
    key: &ProverKey,
    samples: &[Vec<Tensor>],
    options: &ProveOptions,
    progress: &mut dyn FnMut(Phase),
) -> Result<Proven, Error> {
    if options.inputs.iter().chain(&options.outputs).any(|v| *v == Visibility::Committed) {
        return Err(Error::Usage(
            "a tensor is committed, and nobody would hold its secret: use prove_with".into(),
        ));
    }
    prove_with(key, samples, options, &mut BTreeMap::new(), progress)
}

/// As [`prove`], with the secrets of committed inputs and outputs by their names; those that are missing are made and added.
///
/// # Zero knowledge
/// This proof's opening of every commitment is debited in `commitments`. They must be stored before the proof is released,
/// or a later proof could reveal the tensors.
///
/// # Errors
/// As [`prove`]; [`Error::Usage`] if a commitment is to another tensor or serves no more proofs.
pub fn prove_with(
    key: &ProverKey,
    samples: &[Vec<Tensor>],
    options: &ProveOptions,
    commitments: &mut BTreeMap<String, CommittedTensor>,
    progress: &mut dyn FnMut(Phase),
) -> Result<Proven, Error> {
    let shape = shape(key, samples.len(), options)?;
    let mut clock = Clock::new(progress);
    clock.begin(Phase::Execute);
    let model = &key.compiled.model;
    let traces: Vec<Trace<'_>> = samples.iter().map(|s| execute(model, s)).collect::<Result<_, _>>()?;
    let committed = open_commitments(key, &shape, samples, &traces, commitments)?;
    clock.begin(Phase::Witness);
    let (system, witness) = build_witness(&model.graph, &shape, FIELD, &traces)?;
    let public: Vec<_> = committed.iter().map(|c| c.0).collect();
    let statement = statement(key, shape, samples, &traces, public, &options.context);
    drop(traces);
    let relation = Relation::with_system(system, key.card().parameters, &statement.commitments)?;
    clock.begin(Phase::Weights);
    let weights: Option<(TreeId, Arc<ColumnTree>)> = key.debit()?;
    let tree = weights.as_ref().map(|w| w.0);
    let mut transcript = statement.transcript()?;
    let task = statement_task(key.card(), &relation, &statement, tree, &mut transcript)?;
    let mut trees: Vec<&ColumnTree> = weights.iter().map(|w| w.1.as_ref()).collect();
    trees.extend(committed.iter().map(|c| &c.1));
    let (argument, security) = argument::prove(&task, &trees, witness, &transcript, &mut clock)?;
    let phases = clock.durations();
    Ok(Proven { proof: Proof { statement, tree, argument }, phases, security })
}

fn shape(key: &ProverKey, batch: usize, options: &ProveOptions) -> Result<Shape, Error> {
    let graph = &key.compiled.model.graph;
    let fill = |given: &[Visibility], count: usize, default: Visibility, what: &str| match given.len() {
        0 => Ok(vec![default; count]),
        n if n == count => Ok(given.to_vec()),
        n => Err(Error::Usage(format!("{n} visibilities for {count} {what}"))),
    };
    if options.context.len() > MAX_CONTEXT {
        return Err(Error::Usage(format!(
            "the context has {} bytes, at most {MAX_CONTEXT} are allowed",
            options.context.len()
        )));
    }
    Ok(Shape {
        batch,
        inputs: fill(&options.inputs, graph.inputs().len(), Visibility::Private, "inputs")?,
        outputs: fill(&options.outputs, graph.outputs().len(), Visibility::Public, "outputs")?,
    })
}

/// The values of the ports with a visibility, inputs first, with their names.
pub(crate) fn ports<'k>(
    graph: &'k Graph,
    shape: &Shape,
    wanted: Visibility,
) -> impl Iterator<Item = (bool, usize, &'k Port)> {
    let of = move |ports: &'k [Port], visibilities: &[Visibility], input: bool| {
        let chosen: Vec<_> =
            ports.iter().enumerate().zip(visibilities).filter(|(_, v)| **v == wanted).collect();
        chosen.into_iter().map(move |((index, port), _)| (input, index, port)).collect::<Vec<_>>()
    };
    of(graph.inputs(), &shape.inputs, true).into_iter().chain(of(graph.outputs(), &shape.outputs, false))
}

/// The values of a port for all samples, side by side.
pub(crate) fn value(port: (bool, usize, &Port), samples: &[Vec<Tensor>], traces: &[Trace<'_>]) -> Tensor {
    match port {
        (true, index, _) => stack(samples.iter().map(|s| &s[index])),
        (false, _, port) => stack(traces.iter().map(|t| t.value(port.tensor))),
    }
}

/// Debits this proof's opening of every committed tensor of a statement; their public parts and trees in its order.
fn open_commitments(
    key: &ProverKey,
    shape: &Shape,
    samples: &[Vec<Tensor>],
    traces: &[Trace<'_>],
    commitments: &mut BTreeMap<String, CommittedTensor>,
) -> Result<Vec<(TensorCommitment, ColumnTree)>, Error> {
    let parameters = key.card().parameters;
    let ports: Vec<_> = ports(&key.compiled.model.graph, shape, Visibility::Committed).collect();
    if let Some(name) = commitments.keys().find(|name| ports.iter().all(|port| port.2.name != **name)) {
        return Err(Error::Usage(format!("a commitment is given for '{name}', which is not committed")));
    }
    let mut opened = Vec::with_capacity(ports.len());
    for port in ports {
        let (name, tensor) = (&port.2.name, value(port, samples, traces));
        let known = match commitments.entry(name.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(slot) => {
                slot.insert(CommittedTensor::new(tensor.clone(), parameters, DEFAULT_OPENINGS)?)
            }
        };
        if *known.tensor() != tensor {
            return Err(Error::Usage(format!("the commitment given for '{name}' is to another tensor")));
        }
        opened.push((*known.commitment(), known.open(name, parameters)?));
    }
    Ok(opened)
}

/// The statement of an execution: the public tensors of all samples, stacked.
fn statement(
    key: &ProverKey,
    shape: Shape,
    samples: &[Vec<Tensor>],
    traces: &[Trace<'_>],
    commitments: Vec<TensorCommitment>,
    context: &[u8],
) -> Statement {
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    for port in ports(&key.compiled.model.graph, &shape, Visibility::Public) {
        let list = if port.0 { &mut inputs } else { &mut outputs };
        list.push(value(port, samples, traces));
    }
    Statement { model: key.card().id(), shape, inputs, outputs, commitments, context: context.to_vec() }
}

/// Tensors of one shape side by side along a new first axis.
fn stack<'t>(tensors: impl Iterator<Item = &'t Tensor>) -> Tensor {
    let (mut shape, mut data, mut count) = (Vec::new(), Vec::new(), 0);
    for tensor in tensors {
        shape.clone_from(&tensor.shape);
        data.extend_from_slice(&tensor.data);
        count += 1;
    }
    shape.insert(0, count);
    Tensor { shape, data }
}
