//! Proving for contracts: execute, prove in the clear, prove that by a SNARK, and verify before anything is released.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use zkml_bn254::{ColumnTree, FIELD};
use zkml_chain::{Proof, Registered, Statement, Suite, Verified, verify};
use zkml_iop::builder::build_witness;
use zkml_iop::layout::TreeKind;
use zkml_ir::{Tensor, Trace, execute};
use zkml_snark::circuit::Circuit;
use zkml_snark::{groth16, plonk};
use zkml_verifier::Visibility;
use zkml_verifier::statement::MAX_CONTEXT;

use super::committed::ChainTensor;
use super::key::{ChainKey, visibilities};
use super::{Policy, Scalars, SnarkKey, staged};
use crate::argument::Clock;
use crate::error::Error;
use crate::prove::{Phase, ProveOptions, ports, value};
use crate::randomness::Seed;

/// The phases that proving reports.
pub const PROVE_PHASES: usize = 11;

/// A proof and how it came about.
#[derive(Debug)]
pub struct ChainProven {
    /// The proof, verified.
    pub proof: Proof,
    /// The time that each phase took, in order.
    pub phases: Vec<(Phase, Duration)>,
    /// The constraints of the circuit; of PLONK the rows.
    pub constraints: usize,
    /// What the verifier finds.
    pub verified: Verified,
}

/// Proves the model's outputs on a batch of samples, as many as it is set up for, and verifies the proof. `commitments` holds the
/// secrets of committed inputs and outputs by their names; those that are missing are made and added.
///
/// `model` is the key's card, checked: [`ChainKey::registered`].
///
/// # Errors
/// [`Error`] if a sample does not fit the model, or the statement is another one than the model is set up for.
pub fn prove(
    key: &ChainKey,
    model: &Registered,
    samples: &[Vec<Tensor>],
    options: &ProveOptions,
    commitments: &mut BTreeMap<String, ChainTensor>,
    progress: &mut dyn FnMut(Phase),
) -> Result<ChainProven, Error> {
    check(key, samples.len(), options)?;
    let mut clock = Clock::new(progress);
    clock.begin(Phase::Execute);
    let (graph, shape) = (&key.compiled.model.graph, &key.card().shape);
    let traces: Vec<Trace<'_>> =
        samples.iter().map(|s| execute(&key.compiled.model, s)).collect::<Result<_, _>>()?;
    let committed = open_commitments(key, samples, &traces, commitments)?;
    clock.begin(Phase::Witness);
    let (system, witness) = build_witness(graph, shape, FIELD, &traces)?;
    let statement = statement(key, samples, &traces, &committed, &options.context)?;
    drop(traces);
    let relation = key.relation(system)?;
    clock.begin(Phase::Weights);
    let weights = match relation.num_points(TreeKind::Weights) {
        0 => None,
        _ => Some(key.weights(&relation)?),
    };
    let trees: Vec<&ColumnTree> = weights.iter().chain(committed.iter().map(|c| &c.1)).collect();
    clock.begin(Phase::Commit);
    let public = statement.public(&relation.system);
    let mut randomness = Scalars::new(&Seed::fresh()?, "bn254 proof");
    let clear =
        zkml_bn254::prove(&relation, &public, witness, &trees, &mut randomness, &mut staged(&mut clock))?;
    clock.begin(Phase::Circuit);
    let shared = statement.shared(key.card());
    let circuit = clear
        .circuit(key.card().suite().arithmetization(), &relation, &public, &shared)
        .map_err(zkml_chain::Refusal::from)?
        .circuit()
        .map_err(zkml_chain::Refusal::from)?;
    let outer = clear.outer().to_bytes();
    drop((clear, trees));
    drop((weights, committed));
    clock.begin(Phase::Keys);
    let prover = SnarkProver::of(key, &circuit)?;
    clock.begin(Phase::Snark);
    let snark = prover.prove(key, &circuit)?;
    let constraints = match prover {
        SnarkProver::Groth16(_) => circuit.shape.constraints().len(),
        SnarkProver::Plonk(tables) => tables.rows(),
    };
    clock.begin(Phase::Verify);
    let proof = Proof { statement, outer, snark };
    // Whether a testing setup is good enough is its verifiers' to say.
    let policy = Policy { allow_testing: true, ..Policy::default() };
    let verified = verify(model, &proof, &policy)?;
    Ok(ChainProven { proof, phases: clock.durations(), constraints, verified })
}

fn check(key: &ChainKey, batch: usize, options: &ProveOptions) -> Result<(), Error> {
    let (graph, shape) = (&key.compiled.model.graph, &key.card().shape);
    if options.context.len() > MAX_CONTEXT {
        return Err(Error::Usage(format!(
            "the context has {} bytes, at most {MAX_CONTEXT} are allowed",
            options.context.len()
        )));
    }
    if batch != shape.batch {
        return Err(Error::Usage(format!(
            "{batch} samples are given, the model is set up for {} in every proof",
            shape.batch
        )));
    }
    let given = |list: &[Visibility], own: &[Visibility], ports, what| {
        let list = if list.is_empty() {
            own.to_vec()
        } else {
            visibilities(list, ports, Visibility::Private, what)?
        };
        Ok::<_, Error>(list == own)
    };
    let same = given(&options.inputs, &shape.inputs, graph.inputs(), "inputs")?
        && given(&options.outputs, &shape.outputs, graph.outputs(), "outputs")?;
    if same {
        return Ok(());
    }
    Err(Error::Usage(
        "the model is set up for other visibilities: a SNARK's key belongs to one choice of them, so set it up again".into(),
    ))
}

/// The committed tensors of a statement, in its order, and their columns.
fn open_commitments(
    key: &ChainKey,
    samples: &[Vec<Tensor>],
    traces: &[Trace<'_>],
    commitments: &mut BTreeMap<String, ChainTensor>,
) -> Result<Vec<(zkml_chain::Points, ColumnTree)>, Error> {
    let card = key.card();
    let ports: Vec<_> = ports(&card.graph, &card.shape, Visibility::Committed).collect();
    if let Some(name) = commitments.keys().find(|name| ports.iter().all(|port| port.2.name != **name)) {
        return Err(Error::Usage(format!("a commitment is given for '{name}', which is not committed")));
    }
    let srs = key.powers();
    let mut opened = Vec::with_capacity(ports.len());
    for port in ports {
        let (name, tensor) = (&port.2.name, value(port, samples, traces));
        let known = match commitments.entry(name.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(slot) => slot.insert(ChainTensor::new(tensor.clone(), srs, card.log_rows)?),
        };
        if *known.tensor() != tensor {
            return Err(Error::Usage(format!("the commitment given for '{name}' is to another tensor")));
        }
        opened.push((known.points().clone(), known.open(name, srs, card.log_rows)?));
    }
    Ok(opened)
}

fn statement(
    key: &ChainKey,
    samples: &[Vec<Tensor>],
    traces: &[Trace<'_>],
    committed: &[(zkml_chain::Points, ColumnTree)],
    context: &[u8],
) -> Result<Statement, Error> {
    let card = key.card();
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    for port in ports(&card.graph, &card.shape, Visibility::Public) {
        let list = if port.0 { &mut inputs } else { &mut outputs };
        list.push(value(port, samples, traces));
    }
    let commitments = committed.iter().map(|c| c.0.clone()).collect();
    Ok(Statement {
        model: card.id()?,
        shape: card.shape.clone(),
        inputs,
        outputs,
        commitments,
        context: context.to_vec(),
    })
}

/// What a circuit is proven with.
enum SnarkProver<'k> {
    Groth16(&'k groth16::ProvingKey),
    Plonk(&'k plonk::Prover),
}

impl<'k> SnarkProver<'k> {
    fn of(key: &'k ChainKey, circuit: &Circuit) -> Result<Self, Error> {
        match (&key.card().key, key.proving()) {
            (SnarkKey::Groth16(_), Some(proving)) => Ok(Self::Groth16(proving)),
            (SnarkKey::Plonk(verifying), None) => Ok(Self::Plonk(key.tables(&circuit.shape, verifying)?)),
            (other, _) => Err(Error::Usage(format!(
                "the prover key is damaged: its proving key is not one of {}",
                match other.suite() {
                    Suite::Groth16 => "Groth16",
                    Suite::Plonk => "PLONK",
                }
            ))),
        }
    }

    fn prove(&self, key: &ChainKey, circuit: &Circuit) -> Result<Vec<u8>, Error> {
        Ok(match self {
            Self::Groth16(proving) => {
                groth16::prove(proving, circuit).map_err(zkml_chain::Refusal::from)?.to_bytes()
            }
            Self::Plonk(tables) => {
                plonk::prove(tables, key.powers(), circuit).map_err(zkml_chain::Refusal::from)?.to_bytes()
            }
        })
    }
}
