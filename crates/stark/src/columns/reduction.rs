//! The sumcheck that turns all claims about the combination `q` into one.
//!
//! `Σ_b q(b)·w(b)` over the rows `b`, degree 2 in each of `log_rows` variables, the highest variable first. A round
//! polynomial `h` is sent as `h(0)` and its leading coefficient; `h(1)` is the claim minus `h(0)`.

use p3_field::PrimeCharacteristicRing;
use p3_maybe_rayon::prelude::*;
use zkml_iop::transcript::Transcript;

use crate::K;
use crate::transcript::Blake3Transcript;

/// Pairs of entries summed or folded by one task.
const PAIRS_PER_TASK: usize = 1 << 10;

/// Proves the sum of `q·w`; returns the round messages and the point they end at, variable 0 first.
pub(super) fn prove(
    mut q: Vec<K>,
    mut w: Vec<K>,
    transcript: &mut Blake3Transcript,
) -> (Vec<[K; 2]>, Vec<K>) {
    let mut rounds = Vec::new();
    let mut point = Vec::new();
    while q.len() > 1 {
        let half = q.len() / 2;
        let (q0, q1) = q.split_at(half);
        let (w0, w1) = w.split_at(half);
        let message = q0
            .par_chunks(PAIRS_PER_TASK)
            .zip(q1.par_chunks(PAIRS_PER_TASK))
            .zip(w0.par_chunks(PAIRS_PER_TASK))
            .zip(w1.par_chunks(PAIRS_PER_TASK))
            .par_fold_reduce(
                || [K::ZERO; 2],
                |mut sums, (((q0, q1), w0), w1)| {
                    for (((&q0, &q1), &w0), &w1) in q0.iter().zip(q1).zip(w0).zip(w1) {
                        sums[0] += q0 * w0;
                        sums[1] += (q1 - q0) * (w1 - w0);
                    }
                    sums
                },
                |a, b| [a[0] + b[0], a[1] + b[1]],
            );
        let challenge = draw(&message, transcript);
        fold(&mut q, challenge);
        fold(&mut w, challenge);
        rounds.push(message);
        point.push(challenge);
    }
    point.reverse();
    (rounds, point)
}

/// Replays the rounds: the point and the value that `q·w` must have there if the sum is `claim`.
pub(super) fn verify(mut claim: K, rounds: &[[K; 2]], transcript: &mut Blake3Transcript) -> (Vec<K>, K) {
    let mut point = Vec::with_capacity(rounds.len());
    for message in rounds {
        let [constant, leading] = *message;
        let challenge = draw(message, transcript);
        let linear = claim - constant.double() - leading;
        claim = constant + challenge * (linear + challenge * leading);
        point.push(challenge);
    }
    point.reverse();
    (point, claim)
}

fn draw(message: &[K; 2], transcript: &mut Blake3Transcript) -> K {
    transcript.absorb_scalars("reduction round", message);
    transcript.challenge("reduction challenge")
}

fn fold(table: &mut Vec<K>, challenge: K) {
    let half = table.len() / 2;
    let (low, high) = table.split_at_mut(half);
    low.par_chunks_mut(PAIRS_PER_TASK).zip(high.par_chunks(PAIRS_PER_TASK)).for_each(|(low, high)| {
        for (low, &high) in low.iter_mut().zip(high) {
            *low += challenge * (high - *low);
        }
    });
    table.truncate(half);
}
