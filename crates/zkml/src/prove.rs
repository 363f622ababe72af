//! Proving: execute, prove, and verify before anything is released.

use std::time::{Duration, Instant};

use zkml_iop::builder::build_witness;
use zkml_iop::prover::{Proof as Parts, Secrets, Stage, prove as prove_relation};
use zkml_ir::{Tensor, Trace, execute};
use zkml_stark::{MerkleRoot, SecurityReport, StarkColumns};
use zkml_verifier::relation::FIELD;
use zkml_verifier::statement::MAX_CONTEXT;
use zkml_verifier::{Proof, Relation, Shape, Statement, Visibility, verify};

use crate::error::Error;
use crate::key::ProverKey;
use crate::randomness::{Seed, Stream};

/// What a proof shows and what it is bound to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// Committing to it.
    Commit,
    /// The lookup argument.
    Lookups,
    /// Contractions and other products.
    Products,
    /// Reducing all claims to one point.
    Reduction,
    /// Opening the commitments.
    Opening,
    /// Verifying the proof before it is released.
    Verify,
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
        }
    }

    /// The number of phases.
    pub const COUNT: usize = 9;
}

/// A proof and how it came about.
#[derive(Debug)]
pub struct Proven {
    /// The proof, verified.
    pub proof: Proof,
    /// The time that each phase took, in order.
    pub phases: Vec<(Phase, Duration)>,
    /// The security that the verifier found.
    pub security: SecurityReport,
}

/// A clock that is told when phases begin.
struct Clock<'a> {
    phases: Vec<(Phase, Instant)>,
    report: &'a mut dyn FnMut(Phase),
}

impl Clock<'_> {
    fn begin(&mut self, phase: Phase) {
        self.phases.push((phase, Instant::now()));
        (self.report)(phase);
    }

    fn durations(&self) -> Vec<(Phase, Duration)> {
        let end = Instant::now();
        let ends = self.phases.iter().skip(1).map(|p| p.1).chain([end]);
        self.phases.iter().zip(ends).map(|(&(phase, start), end)| (phase, end - start)).collect()
    }
}

/// Proves the model's outputs on a batch of samples, and verifies the proof.
///
/// `progress` is told about every phase that begins.
///
/// # Errors
/// [`Error`] if a sample does not fit the model or the statement cannot be proven.
pub fn prove(
    key: &ProverKey,
    samples: &[Vec<Tensor>],
    options: &ProveOptions,
    progress: &mut dyn FnMut(Phase),
) -> Result<Proven, Error> {
    let shape = shape(key, samples.len(), options)?;
    let mut clock = Clock { phases: Vec::with_capacity(Phase::COUNT), report: progress };
    clock.begin(Phase::Weights);
    let tree = key.tree()?;
    clock.begin(Phase::Execute);
    let model = &key.compiled.model;
    let traces: Vec<Trace<'_>> = samples.iter().map(|s| execute(model, s)).collect::<Result<_, _>>()?;
    clock.begin(Phase::Witness);
    let (system, witness) = build_witness(&model.graph, &shape, FIELD, &traces)?;
    let statement = statement(key, shape, samples, &traces, options);
    drop(traces);
    let relation = Relation::with_system(system, key.card.parameters)?;
    let root = key.card.weights.map(MerkleRoot);
    let secrets = Secrets::<StarkColumns> { witness, weights: root.as_ref().zip(tree) };
    let mut transcript = statement.transcript()?;
    let mut randomness = Stream::new(&Seed::fresh()?, "proof");
    let parts: Parts<StarkColumns> = prove_relation(
        &relation.columns,
        &relation.system,
        &relation.layout,
        &secrets,
        &mut transcript,
        &mut randomness,
        &mut |stage| clock.begin(phase(stage)),
    )?;
    drop(secrets);
    clock.begin(Phase::Verify);
    let proof = Proof::new(statement, &parts, &relation.columns);
    drop(relation);
    let verified = verify(&key.card, &proof, u32::from(key.card.parameters.security))?;
    Ok(Proven { proof, phases: clock.durations(), security: verified.security })
}

const fn phase(stage: Stage) -> Phase {
    match stage {
        Stage::Commit => Phase::Commit,
        Stage::Lookups => Phase::Lookups,
        Stage::Products => Phase::Products,
        Stage::Reduction => Phase::Reduction,
        Stage::Opening => Phase::Opening,
    }
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

/// The statement of an execution: the public tensors of all samples, stacked.
fn statement(
    key: &ProverKey,
    shape: Shape,
    samples: &[Vec<Tensor>],
    traces: &[Trace<'_>],
    options: &ProveOptions,
) -> Statement {
    let graph = &key.compiled.model.graph;
    let public = |visibilities: &[Visibility]| -> Vec<usize> {
        let is_public = |&i: &usize| visibilities[i] == Visibility::Public;
        (0..visibilities.len()).filter(is_public).collect()
    };
    let inputs = public(&shape.inputs).into_iter().map(|i| stack(samples.iter().map(|s| &s[i]))).collect();
    let outputs = public(&shape.outputs)
        .into_iter()
        .map(|i| stack(traces.iter().map(|t| t.value(graph.outputs()[i].tensor))))
        .collect();
    Statement { model: key.card.id(), shape, inputs, outputs, context: options.context.clone() }
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
