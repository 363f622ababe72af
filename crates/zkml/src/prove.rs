//! Proving: execute, prove, and verify before anything is released.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use zkml_iop::builder::build_witness;
use zkml_ir::{Port, Tensor, Trace, execute};
use zkml_stark::{ColumnTree, SecurityReport};
use zkml_verifier::relation::FIELD;
use zkml_verifier::statement::MAX_CONTEXT;
use zkml_verifier::verify::statement_task;
use zkml_verifier::{Proof, Relation, Shape, Statement, TreeId, Visibility};

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
    /// Commitments to use for committed inputs and outputs, by their names; the others are made anew.
    pub commitments: BTreeMap<String, CommittedTensor>,
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
    /// Committing to the pads and to the witness.
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
}

impl Phase {
    /// The phase in a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::Execute => "execute",
            Self::Witness => "witness",
            Self::Commit => "commit",
            Self::Lookups => "lookups",
            Self::Products => "products",
            Self::Reduction => "claim reduction",
            Self::Opening => "opening",
            Self::Verify => "verify",
            Self::Sealing => "sealing",
        }
    }

    /// The number of phases.
    pub const COUNT: usize = 10;
}

/// A proof and how it came about.
#[derive(Debug)]
pub struct Proven {
    /// The proof, verified.
    pub proof: Proof,
    /// The committed tensors of the statement by name, with this proof's opening debited. They must be stored before the
    /// proof is released, or a later proof could reveal them.
    pub commitments: BTreeMap<String, CommittedTensor>,
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
/// [`Error`] if a sample does not fit the model, the statement cannot be proven, or the budget of openings is spent.
pub fn prove(
    key: &ProverKey,
    samples: &[Vec<Tensor>],
    options: &ProveOptions,
    progress: &mut dyn FnMut(Phase),
) -> Result<Proven, Error> {
    let shape = shape(key, samples.len(), options)?;
    let mut clock = Clock::new(progress);
    clock.begin(Phase::Execute);
    let model = &key.compiled.model;
    let traces: Vec<Trace<'_>> = samples.iter().map(|s| execute(model, s)).collect::<Result<_, _>>()?;
    let mut committed = commitments(key, &shape, samples, &traces, options)?;
    clock.begin(Phase::Witness);
    let (system, witness) = build_witness(&model.graph, &shape, FIELD, &traces)?;
    let public: Vec<_> = committed.iter().map(|(_, tensor, _)| *tensor.commitment()).collect();
    let statement = statement(key, shape, samples, &traces, public, &options.context);
    drop(traces);
    let relation = Relation::with_system(system, key.card().parameters, &statement.commitments)?;
    clock.begin(Phase::Weights);
    let weights: Option<(TreeId, Arc<ColumnTree>)> = key.debit()?;
    let tree = weights.as_ref().map(|w| w.0);
    let mut transcript = statement.transcript()?;
    let task = statement_task(key.card(), &relation, &statement, tree, &mut transcript)?;
    let mut trees: Vec<&ColumnTree> = weights.iter().map(|w| w.1.as_ref()).collect();
    trees.extend(committed.iter().map(|c| &c.2));
    let (argument, security) = argument::prove(&task, &trees, witness, &transcript, &mut clock)?;
    let phases = clock.durations();
    let commitments = committed.drain(..).map(|(name, tensor, _)| (name, tensor)).collect();
    Ok(Proven { proof: Proof { statement, tree, argument }, commitments, phases, security })
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
fn ports<'k>(
    key: &'k ProverKey,
    shape: &Shape,
    wanted: Visibility,
) -> impl Iterator<Item = (bool, usize, &'k Port)> {
    let graph = &key.compiled.model.graph;
    let of = move |ports: &'k [Port], visibilities: &[Visibility], input: bool| {
        let chosen: Vec<_> =
            ports.iter().enumerate().zip(visibilities).filter(|(_, v)| **v == wanted).collect();
        chosen.into_iter().map(move |((index, port), _)| (input, index, port)).collect::<Vec<_>>()
    };
    of(graph.inputs(), &shape.inputs, true).into_iter().chain(of(graph.outputs(), &shape.outputs, false))
}

fn value(port: (bool, usize, &Port), samples: &[Vec<Tensor>], traces: &[Trace<'_>]) -> Tensor {
    match port {
        (true, index, _) => stack(samples.iter().map(|s| &s[index])),
        (false, _, port) => stack(traces.iter().map(|t| t.value(port.tensor))),
    }
}

/// The committed tensors of a statement in its order, each with this proof's opening debited, and their trees.
fn commitments(
    key: &ProverKey,
    shape: &Shape,
    samples: &[Vec<Tensor>],
    traces: &[Trace<'_>],
    options: &ProveOptions,
) -> Result<Vec<(String, CommittedTensor, ColumnTree)>, Error> {
    let parameters = key.card().parameters;
    let mut unused: Vec<&String> = options.commitments.keys().collect();
    let mut committed = Vec::with_capacity(shape.num_committed());
    for port in ports(key, shape, Visibility::Committed) {
        let (name, tensor) = (&port.2.name, value(port, samples, traces));
        unused.retain(|known| *known != name);
        let mut tensor = match options.commitments.get(name) {
            None => CommittedTensor::new(tensor, parameters, DEFAULT_OPENINGS)?,
            Some(known) if *known.tensor() == tensor => known.clone(),
            Some(_) => {
                return Err(Error::Usage(format!("the commitment given for '{name}' is to another tensor")));
            }
        };
        let tree = tensor.open(name, parameters)?;
        committed.push((name.clone(), tensor, tree));
    }
    match unused.first() {
        Some(name) => {
            Err(Error::Usage(format!("a commitment is given for '{name}', which is not committed")))
        }
        None => Ok(committed),
    }
}

/// The statement of an execution: the public tensors of all samples, stacked.
fn statement(
    key: &ProverKey,
    shape: Shape,
    samples: &[Vec<Tensor>],
    traces: &[Trace<'_>],
    commitments: Vec<zkml_verifier::TensorCommitment>,
    context: &[u8],
) -> Statement {
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    for port in ports(key, &shape, Visibility::Public) {
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
