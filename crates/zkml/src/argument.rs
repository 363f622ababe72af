//! Making sealed arguments: pads, the protocol behind them, and the closing, verified before anything is released.

use std::time::Instant;

use p3_field::BasedVectorSpace;
use zeroize::Zeroize;
use zkml_iop::prover::{Pads, Proof as Parts, Randomness, Secrets, Stage, prove as prove_relation};
use zkml_iop::sealed::count;
use zkml_stark::{Blake3Transcript, ColumnTree, F, K, MerkleRoot, SecurityReport, StarkColumns};
use zkml_verifier::argument::{Argument, Task};
use zkml_verifier::{Refusal, Relation};

use crate::error::Error;
use crate::prove::Phase;
use crate::randomness::{Seed, Stream};

/// A clock that is told when phases begin.
pub(crate) struct Clock<'a> {
    phases: Vec<(Phase, Instant)>,
    report: &'a mut dyn FnMut(Phase),
}

impl<'a> Clock<'a> {
    pub(crate) fn new(report: &'a mut dyn FnMut(Phase)) -> Self {
        Self { phases: Vec::with_capacity(Phase::COUNT), report }
    }

    pub(crate) fn begin(&mut self, phase: Phase) {
        self.phases.push((phase, Instant::now()));
        (self.report)(phase);
    }

    pub(crate) fn durations(&self) -> Vec<(Phase, std::time::Duration)> {
        let end = Instant::now();
        let ends = self.phases.iter().skip(1).map(|p| p.1).chain([end]);
        self.phases.iter().zip(ends).map(|(&(phase, start), end)| (phase, end - start)).collect()
    }
}

/// One-time pads, wiped when they are dropped.
struct Secret(Vec<K>);

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(|pad| {
            *pad = K::default();
        });
        // The compiler may not see that nobody reads the memory again.
        std::hint::black_box(&mut self.0);
    }
}

/// Proves a task with fresh randomness and checks the argument. The transcript has absorbed what the task is about.
///
/// `trees` are the task's shared trees.
pub(crate) fn prove(
    task: &Task<'_>,
    trees: &[&ColumnTree],
    witness: Vec<Vec<i32>>,
    transcript: &Blake3Transcript,
    clock: &mut Clock<'_>,
) -> Result<(Argument, SecurityReport), Error> {
    let Relation { system, layout, columns } = task.relation;
    let mut randomness = Stream::new(&Seed::fresh()?, "proof");
    clock.begin(Phase::Pads);
    let shape = count(system, layout, &task.public, task.wide.len()).map_err(Refusal::from)?;
    let ligero = task.ligero(shape.num_pads, shape.products.len())?;
    let pads = Secret((0..shape.num_pads).map(|_| pad(&mut randomness)).collect());
    let (root, pad_tree) = ligero.commit(&pads.0, &shape.products, &mut randomness).map_err(Refusal::from)?;
    let mut proving = transcript.clone();
    Task::absorb_pads(&mut proving, &root);
    let secrets = Secrets::<StarkColumns> {
        witness,
        shared: task.shared.iter().map(|(_, root)| root).zip(trees.iter().copied()).collect(),
        wide: task.wide.clone(),
        pads: Pads::OneTime(&pads.0),
    };
    clock.begin(Phase::Commit);
    let parts =
        prove_relation(columns, system, layout, &secrets, &mut proving, &mut randomness, &mut |stage| {
            match stage {
                Stage::Commit => {}
                Stage::Lookups => clock.begin(Phase::Lookups),
                Stage::Products => clock.begin(Phase::Products),
                Stage::Reduction => clock.begin(Phase::Reduction),
                Stage::Opening => clock.begin(Phase::Opening),
            }
        });
    let Secrets { mut witness, .. } = secrets;
    witness.zeroize();
    let parts: Parts<StarkColumns> = parts?;

    clock.begin(Phase::Verify);
    let mut verifying = transcript.clone();
    Task::absorb_pads(&mut verifying, &root);
    let recorded = task.record(&mut verifying, &parts)?;
    clock.begin(Phase::Sealing);
    let mut closing = verifying.clone();
    let proof = ligero.prove(&pad_tree, &recorded.relation(), &mut closing).map_err(Refusal::from)?;
    let security = task.close(&mut verifying, &root, (&ligero, &recorded), &proof)?;
    Ok((Argument::new(MerkleRoot(root.0), &parts, columns, ligero.encode(&proof)), security))
}

fn pad(randomness: &mut Stream) -> K {
    K::from_basis_coefficients_fn(|_| Randomness::<F>::field(randomness))
}
