//! Setting a model up for contracts: the commitment to its weights, the SNARK's keys, the registration.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use zkml_bn254::relation::choose_log_rows;
use zkml_bn254::{ColumnTree, FIELD, KzgColumns, Relation, Srs};
use zkml_chain::card::RegistrationProof;
use zkml_chain::{Card, Points, Registered, Registration, SnarkKey, SrsOrigin, Suite, TauG2};
use zkml_iop::builder::build_system;
use zkml_iop::commitment::ColumnCommitment;
use zkml_iop::layout::TreeKind;
use zkml_iop::prover::{Randomness, shared_columns};
use zkml_iop::registration::registration_witness;
use zkml_iop::system::Home;
use zkml_ir::{Graph, Model, Port};
use zkml_quantize::{Compiled, Metadata};
use zkml_snark::circuit::{Arithmetization, Shape as CircuitShape};
use zkml_snark::codec::Check;
use zkml_snark::srs::write_testing_ptau;
use zkml_snark::{G2Affine, groth16, plonk};
use zkml_verifier::envelope::{self, Kind};
use zkml_verifier::{FormatError, Shape, Visibility};

use super::{Scalars, commitment, staged};
use crate::argument::Clock;
use crate::error::Error;
use crate::files::{self, Access};
use crate::key::{CARD_FILE, KEY_FILE};
use crate::prove::Phase;
use crate::randomness::Seed;

const KIND: Kind = Kind { magic: *b"ZKGK", version: 1, name: "prover key for contracts" };
/// The file of the powers that a prover needs, beside the key.
pub const SRS_FILE: &str = "setup.srs";
/// The file of a Groth16 proving key, beside the key.
pub const PROVING_FILE: &str = "groth16.key";
/// The phases that a set-up reports.
pub const SETUP_PHASES: usize = 10;

/// What a model is set up for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainOptions {
    /// The proof system.
    pub suite: Suite,
    /// The samples of every proof.
    pub batch: usize,
    /// One visibility per input of the graph; empty for all private.
    pub inputs: Vec<Visibility>,
    /// One visibility per output of the graph; empty for all public.
    pub outputs: Vec<Visibility>,
}

/// Where a reference string comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SrsSource<'a> {
    /// Made here: whoever saw this process's memory can forge proofs.
    Testing,
    /// A `.ptau` file, or the first transcript of an Ignition ceremony.
    File(&'a Path),
}

/// What a prover of a model holds. Secret: it contains the weights.
#[derive(Debug)]
pub struct ChainKey {
    /// The model and its meaning.
    pub compiled: Compiled,
    card: Card,
    /// What the columns of the weights are blinded with.
    seed: Seed,
    srs: Arc<Srs>,
    proving: Option<groth16::ProvingKey>,
    /// The tables of PLONK's prover, made by the first proof.
    tables: OnceLock<plonk::Prover>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(with = "serde_bytes")]
    model: Vec<u8>,
    metadata: Metadata,
    #[serde(with = "serde_bytes")]
    card: Vec<u8>,
    seed: [u8; 32],
    powers: u64,
    /// Digests of the public files beside the key, which therefore need no further check.
    srs: [u8; 32],
    proving: Option<[u8; 32]>,
}

/// Commits to a model's weights, makes the SNARK's keys and registers the weights.
///
/// A Groth16 key made here is for testing: [`ChainKey::with_proving_key`] replaces it by a ceremony's.
///
/// # Errors
/// [`Error`] if the model cannot be proven, or the reference string is too short or inconsistent.
pub fn setup(
    compiled: Compiled,
    options: &ChainOptions,
    source: SrsSource<'_>,
    progress: &mut dyn FnMut(Phase),
) -> Result<ChainKey, Error> {
    let mut clock = Clock::new(progress);
    clock.begin(Phase::Circuit);
    let graph = compiled.model.graph.clone();
    let plan = Plan::new(&graph, options)?;
    clock.begin(Phase::Keys);
    let (srs, origin) = plan.reference_string(source)?;
    let (key, proving) = match options.suite {
        Suite::Groth16 => {
            let (proving, key) =
                groth16::testing_setup(&plan.statement).map_err(zkml_chain::Refusal::from)?;
            (SnarkKey::Groth16(key), Some(proving))
        }
        Suite::Plonk => {
            (SnarkKey::Plonk(plonk::setup(&plan.statement, &srs).map_err(zkml_chain::Refusal::from)?), None)
        }
    };
    clock.begin(Phase::Weights);
    let seed = Seed::fresh()?;
    let tau_g2 = TauG2(srs.tau_g2);
    let Plan { shape, log_rows, registration, .. } = plan;
    let card = Card { graph, shape, log_rows, srs: origin, tau_g2, weights: None, key, registration: None };
    let srs = Arc::new(srs);
    let mut chain = ChainKey { compiled, card, seed, srs, proving, tables: OnceLock::new() };
    if let Some(circuit) = registration {
        chain.register(&circuit, &mut clock)?;
    }
    Ok(chain)
}

/// Everything that is known of a set-up before there is a reference string.
struct Plan {
    shape: Shape,
    log_rows: u8,
    statement: CircuitShape,
    registration: Option<CircuitShape>,
    /// The powers that columns and circuits need.
    powers: usize,
}

impl Plan {
    fn new(graph: &Graph, options: &ChainOptions) -> Result<Self, Error> {
        let shape = Shape {
            batch: options.batch,
            inputs: visibilities(&options.inputs, graph.inputs(), Visibility::Private, "inputs")?,
            outputs: visibilities(&options.outputs, graph.outputs(), Visibility::Public, "outputs")?,
        };
        let system = build_system(graph, &shape, FIELD)?;
        let log_rows = choose_log_rows(&system, shape.num_committed());
        // Circuits do not depend on the reference string.
        let none = Arc::new(Srs::verifying(G2Affine::default()));
        let relation =
            Relation::with_system(system, graph, Some(&shape), none.clone(), log_rows).map_err(commitment)?;
        let statement = circuit(&relation, options.suite.arithmetization())?;
        let registration = match graph.weights().count() {
            0 => None,
            _ => {
                let relation = Relation::registration(graph, none, log_rows).map_err(commitment)?;
                Some(circuit(&relation, Arithmetization::Plonk)?)
            }
        };
        let plonk = (options.suite == Suite::Plonk).then_some(&statement);
        let circuits = plonk.into_iter().chain(&registration).map(plonk::srs_points);
        let powers = circuits.fold(1 << log_rows, usize::max);
        Ok(Self { shape, log_rows: log_rows as u8, statement, registration, powers })
    }

    fn reference_string(&self, source: SrsSource<'_>) -> Result<(Srs, SrsOrigin), Error> {
        match source {
            SrsSource::Testing => {
                let failed = |source| Error::Srs { file: "a testing reference string".into(), source };
                Ok((Srs::testing(self.powers).map_err(failed)?, SrsOrigin::Testing))
            }
            SrsSource::File(path) => {
                let srs = read_srs(path, self.powers)?;
                let digest = srs.digest();
                Ok((srs, SrsOrigin::File(digest)))
            }
        }
    }
}

/// The first powers of a file, checked.
///
/// # Errors
/// [`Error::Srs`] if the file is malformed, too small or inconsistent.
pub fn read_srs(path: &Path, powers: usize) -> Result<Srs, Error> {
    let file = File::open(path).map_err(Error::file(path))?;
    let failed = |source| Error::Srs { file: path.display().to_string(), source };
    Srs::read(&mut BufReader::new(file), powers).map_err(failed)
}

/// Writes a `.ptau` file of `2^power` powers, whose secrets this process knew; its size in bytes. For testing: nothing in the
/// file says so.
///
/// # Errors
/// [`Error::Srs`] or [`Error::File`].
pub fn write_testing_srs(power: u32, path: &Path) -> Result<usize, Error> {
    let failed = |source| Error::Srs { file: path.display().to_string(), source };
    let mut bytes = Vec::new();
    write_testing_ptau(power, &mut bytes).map_err(failed)?;
    files::write(path, &bytes, Access::Everyone)?;
    Ok(bytes.len())
}

fn circuit(relation: &Relation, arithmetization: Arithmetization) -> Result<CircuitShape, Error> {
    let builder = relation.circuit(arithmetization).map_err(zkml_chain::Refusal::from)?;
    Ok(builder.shape().map_err(zkml_chain::Refusal::from)?)
}

pub(crate) fn visibilities(
    given: &[Visibility],
    ports: &[Port],
    default: Visibility,
    what: &str,
) -> Result<Vec<Visibility>, Error> {
    match given.len() {
        0 => Ok(vec![default; ports.len()]),
        n if n == ports.len() => Ok(given.to_vec()),
        n => Err(Error::Usage(format!("{n} visibilities for {} {what}", ports.len()))),
    }
}

impl ChainKey {
    /// The public card.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The card, checked.
    ///
    /// # Errors
    /// [`Error::Chain`] if its registration is wrong, or its keys are for other circuits.
    pub fn registered(&self) -> Result<Registered, Error> {
        Ok(Registered::new(self.card.clone())?)
    }

    /// The proving key; of Groth16 alone.
    pub(super) fn proving(&self) -> Option<&groth16::ProvingKey> {
        self.proving.as_ref()
    }

    /// The tables of PLONK's prover; the circuit is the key's own.
    pub(super) fn tables(
        &self,
        circuit: &CircuitShape,
        key: &plonk::VerifyingKey,
    ) -> Result<&plonk::Prover, Error> {
        if let Some(tables) = self.tables.get() {
            return Ok(tables);
        }
        let tables = plonk::Prover::new(circuit, key).map_err(zkml_chain::Refusal::from)?;
        Ok(self.tables.get_or_init(|| tables))
    }

    /// The powers that columns and circuits need.
    pub(super) fn powers(&self) -> &Arc<Srs> {
        &self.srs
    }

    /// The relation of the card's statements, for proving.
    pub(super) fn relation(&self, system: zkml_iop::system::System) -> Result<Relation, Error> {
        let Card { graph, shape, log_rows, .. } = &self.card;
        Relation::with_system(system, graph, Some(shape), self.srs.clone(), (*log_rows).into())
            .map_err(commitment)
    }

    /// The columns of the weights.
    pub(super) fn weights(&self, relation: &Relation) -> Result<ColumnTree, Error> {
        let model = &self.compiled.model;
        let weight = |home: &Home| match home {
            Home::Weight(index) => model.weights.get(*index).map(|w| w.data.clone()).unwrap_or_default(),
            _ => Vec::new(),
        };
        let values: Vec<Vec<i32>> = relation.system.tensors.iter().map(|t| weight(&t.home)).collect();
        let mut randomness = Scalars::new(&self.seed, "bn254 weights");
        let columns =
            shared_columns(&relation.system, &relation.layout, TreeKind::Weights, &values, &mut randomness);
        let tree = relation.columns.commit(columns, randomness.seed()).map_err(commitment)?.1;
        if self.card.weights.as_ref().is_some_and(|known| known.0 != *tree.points()) {
            return Err(Error::Usage("the prover key is damaged: its weights are not the card's".into()));
        }
        Ok(tree)
    }

    /// Commits to the weights and proves their registration.
    fn register(&mut self, circuit: &CircuitShape, clock: &mut Clock<'_>) -> Result<(), Error> {
        let refused = zkml_chain::Refusal::from;
        let relation = self.registration_relation()?;
        let tree = self.weights(&relation)?;
        self.card.weights = Some(Points(tree.points().clone()));
        let key = plonk::setup(circuit, &self.srs).map_err(refused)?;
        let Registration { public, .. } = Registration::of(&self.card)?;
        let model = &self.compiled.model;
        let witness = registration_witness(&model.graph, FIELD, &model.weights)?.1;
        let mut randomness = Scalars::new(&Seed::fresh()?, "bn254 registration");
        let clear =
            zkml_bn254::prove(&relation, &public, witness, &[&tree], &mut randomness, &mut staged(clock))?;
        clock.begin(Phase::Snark);
        let shared = [(TreeKind::Weights, tree.points().clone())];
        let assigned = clear
            .circuit(Arithmetization::Plonk, &relation, &public, &shared)
            .map_err(zkml_chain::Refusal::from)?;
        let assigned = assigned.circuit().map_err(zkml_chain::Refusal::from)?;
        let prover = plonk::Prover::new(&assigned.shape, &key).map_err(refused)?;
        let snark = plonk::prove(&prover, &self.srs, &assigned).map_err(refused)?;
        self.card.registration = Some(RegistrationProof {
            key: key.to_bytes(),
            outer: clear.outer().to_bytes(),
            snark: snark.to_bytes(),
        });
        Ok(())
    }

    fn registration_relation(&self) -> Result<Relation, Error> {
        let mut relation = self.card.registration_relation()?;
        relation.columns =
            KzgColumns::new(self.srs.clone(), self.card.log_rows.into()).map_err(commitment)?;
        Ok(relation)
    }

    /// The same key and card with the Groth16 keys of a ceremony. Weights, identifier and registration stay.
    ///
    /// # Errors
    /// [`Error::Usage`] if the model is not set up for Groth16; [`Error::Chain`] if the keys are another circuit's.
    pub fn with_proving_key(mut self, proving: groth16::ProvingKey) -> Result<Self, Error> {
        if self.card.suite() != Suite::Groth16 {
            return Err(Error::Usage(
                "the model is set up for plonk, which needs no ceremony of its own".into(),
            ));
        }
        self.card.key = SnarkKey::Groth16(proving.verifying_key());
        self.proving = Some(proving);
        self.registered()?;
        Ok(self)
    }

    /// Whether bytes are those of a prover key of this kind, whatever follows.
    pub fn recognises(bytes: &[u8]) -> bool {
        bytes.starts_with(&KIND.magic)
    }

    /// Reads a prover key, beside which the reference string and the proving key lie.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Format`]; [`Error::Usage`] if a file beside it is another's.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let stored: Stored = envelope::open(KIND, &files::read(path)?).map_err(Error::format(path))?;
        let model =
            Model::from_bytes(&stored.model).map_err(FormatError::from).map_err(Error::format(path))?;
        let card = Card::from_bytes(&stored.card)?;
        if card.graph != model.graph {
            return Err(Error::Usage(format!("{}: the card in it is another model's", path.display())));
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        let beside = |name: &str, digest: &[u8; 32]| {
            let path = folder.join(name);
            let bytes = files::read(&path)?;
            if blake3::hash(&bytes) != *digest {
                return Err(Error::Usage(format!(
                    "{} is not the file that the prover key was made with: copy the whole folder",
                    path.display()
                )));
            }
            Ok(bytes)
        };
        let damaged = |e: zkml_snark::codec::CodecError| Error::Usage(format!("{}: {e}", folder.display()));
        let powers = usize::try_from(stored.powers).unwrap_or(usize::MAX);
        let srs =
            Srs::from_bytes(&beside(SRS_FILE, &stored.srs)?, powers, Check::Trusted).map_err(damaged)?;
        let proving = match stored.proving {
            None => None,
            Some(digest) => {
                let bytes = beside(PROVING_FILE, &digest)?;
                Some(groth16::ProvingKey::from_bytes(&bytes, Check::Trusted).map_err(damaged)?)
            }
        };
        let compiled = Compiled { model, metadata: stored.metadata };
        let seed = Seed(stored.seed);
        Ok(Self { compiled, card, seed, srs: Arc::new(srs), proving, tables: OnceLock::new() })
    }

    /// Writes key, card, reference string and proving key into a folder, which is created if it is missing.
    ///
    /// # Errors
    /// [`Error::File`] if a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), Error> {
        std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
        let srs = self.srs.to_bytes();
        files::write(&folder.join(SRS_FILE), &srs, Access::Everyone)?;
        let proving = self.proving.as_ref().map(groth16::ProvingKey::to_bytes);
        if let Some(bytes) = &proving {
            files::write(&folder.join(PROVING_FILE), bytes, Access::Everyone)?;
        }
        let card = self.card.to_bytes()?;
        let stored = Stored {
            model: self.compiled.model.to_bytes()?,
            metadata: self.compiled.metadata.clone(),
            card: card.clone(),
            seed: self.seed.0,
            powers: self.srs.g1.len() as u64,
            srs: *blake3::hash(&srs).as_bytes(),
            proving: proving.map(|bytes| *blake3::hash(&bytes).as_bytes()),
        };
        files::write(&folder.join(KEY_FILE), &envelope::seal(KIND, &stored)?, Access::Owner)?;
        files::write(&folder.join(CARD_FILE), &card, Access::Everyone)
    }
}
