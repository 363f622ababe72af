//! One row: compile, set up, prove and verify, with the clocks running.

use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use zkml::cost::cost;
use zkml::{
    DataFile, Error, Options, Phase, Proof, ProveOptions, ProverKey, Registered, SetupOptions, SourceModel,
    prove, quantize_samples, setup, verify,
};

use crate::bound::Work;
use crate::failure::Failure;
use crate::process::{cpu_seconds, peak_memory, reset_peak_memory};
use crate::spread::Spread;

/// The provable security of the measured proofs, in bits.
const SECURITY: u32 = 100;

/// Wall and processor seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Clocks {
    /// Wall seconds.
    pub(crate) wall: Spread,
    /// Processor seconds of all threads.
    pub(crate) cpu: Spread,
}

/// A phase of proving.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PhaseClocks {
    /// Its name.
    pub(crate) name: String,
    /// What it took.
    pub(crate) clocks: Clocks,
}

/// The bytes of a proof by part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bytes {
    /// The statement with its public tensors.
    pub(crate) statement: usize,
    /// The scalars of the sumchecks and evaluations.
    pub(crate) scalars: usize,
    /// The opening of the columns.
    pub(crate) opening: usize,
    /// The pads of the sealed transcript.
    pub(crate) sealing: usize,
    /// The whole file.
    pub(crate) total: usize,
}

/// Everything measured of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measurement {
    /// What a proof has to process.
    pub(crate) work: Work,
    /// The base-2 logarithm of the height of the columns.
    pub(crate) log_rows: u8,
    /// The columns of all trees.
    pub(crate) columns: usize,
    /// Seconds to compile: import, calibrate, quantise.
    pub(crate) compile: f64,
    /// Seconds to commit to the weights.
    pub(crate) commit: f64,
    /// Whole proofs with a warm key, their own verification included.
    pub(crate) prove: Clocks,
    /// Their phases, in order.
    pub(crate) phases: Vec<PhaseClocks>,
    /// Verifications of the proof's bytes.
    pub(crate) verify: Clocks,
    /// The bytes of the last proof.
    pub(crate) bytes: Bytes,
    /// The security that the verifier found, in bits.
    pub(crate) security: f64,
    /// Peak bytes of memory of compiling and setting up.
    pub(crate) setup_memory: Option<u64>,
    /// Peak bytes of memory of proving.
    pub(crate) prove_memory: Option<u64>,
}

/// A moment on both clocks.
#[derive(Clone, Copy)]
struct Moment {
    wall: Instant,
    cpu: f64,
}

impl Moment {
    fn now() -> Self {
        Self { wall: Instant::now(), cpu: cpu_seconds() }
    }

    /// Wall and processor seconds from here to a later moment.
    fn until(self, end: Self) -> [f64; 2] {
        [(end.wall - self.wall).as_secs_f64(), end.cpu - self.cpu]
    }
}

fn clocks(values: &[[f64; 2]]) -> Clocks {
    Clocks { wall: Spread::of(values.iter().map(|v| v[0])), cpu: Spread::of(values.iter().map(|v| v[1])) }
}

/// One proof and its verification.
struct Sample {
    prove: [f64; 2],
    phases: Vec<(Phase, [f64; 2])>,
    verify: [f64; 2],
    bytes: Bytes,
    security: f64,
}

/// Measures a model on the first sample of its data, `samples` times.
pub(crate) fn measure(model: &Path, data: &Path, samples: u32) -> Result<Measurement, Failure> {
    let data = DataFile::read(data).map_err(Error::from)?;
    let start = Instant::now();
    let compiled = SourceModel::read(model)?.compile(&data, &Options::default())?.compiled;
    let compile = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let key = setup(compiled, SetupOptions::default(), &mut |_| {})?;
    let commit = start.elapsed().as_secs_f64();
    let setup_memory = peak_memory();
    let cost = cost(&key.compiled.model.graph, Some(key.card().parameters))?;
    let input = quantize_samples(&key.compiled, &data, 0..1)?;
    drop(data);
    let registered = key.registered()?;
    let separate = reset_peak_memory();
    let taken: Vec<Sample> =
        (0..samples).map(|_| sample(&key, &registered, &input)).collect::<Result<_, _>>()?;
    let last = taken.last().ok_or_else(|| Failure::Child("no samples were asked for".into()))?;
    let column = |of: &dyn Fn(&Sample) -> [f64; 2]| clocks(&taken.iter().map(of).collect::<Vec<_>>());
    let phases = last.phases.iter().enumerate().map(|(i, (phase, _))| PhaseClocks {
        name: phase.name().into(),
        clocks: column(&|s| s.phases.get(i).map_or([0.0; 2], |p| p.1)),
    });
    Ok(Measurement {
        work: Work::of(&cost),
        log_rows: cost.log_rows,
        columns: cost.columns,
        compile,
        commit,
        prove: column(&|s| s.prove),
        phases: phases.collect(),
        verify: column(&|s| s.verify),
        bytes: last.bytes,
        security: last.security,
        setup_memory,
        prove_memory: peak_memory().filter(|_| separate),
    })
}

fn sample(
    key: &ProverKey,
    registered: &Registered,
    input: &[Vec<zkml::verifier::ir::Tensor>],
) -> Result<Sample, Failure> {
    let mut begun: Vec<(Phase, Moment)> = Vec::with_capacity(Phase::COUNT);
    let start = Moment::now();
    let proven =
        prove(key, input, &ProveOptions::default(), &mut |phase| begun.push((phase, Moment::now())))?;
    let end = Moment::now();
    let ends = begun.iter().skip(1).map(|p| p.1).chain([end]);
    let phases = begun.iter().zip(ends).map(|(&(phase, from), to)| (phase, from.until(to))).collect();
    let sizes = proven.proof.sizes().map_err(Error::from)?;
    let encoded = proven.proof.to_bytes().map_err(Error::from)?;
    let begin = Moment::now();
    let proof = Proof::from_bytes(&encoded).map_err(Error::from)?;
    let verified = verify(registered, &proof, SECURITY).map_err(Error::from)?;
    Ok(Sample {
        prove: start.until(end),
        phases,
        verify: begin.until(Moment::now()),
        bytes: Bytes {
            statement: sizes.statement,
            scalars: sizes.scalars,
            opening: sizes.opening,
            sealing: sizes.sealing,
            total: sizes.total,
        },
        security: verified.bits(),
    })
}
