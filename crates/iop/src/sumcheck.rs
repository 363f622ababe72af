//! Batched sumchecks: the verifier's rounds and the prover's driver.
//!
//! In every round the prover sends the values of the round polynomial at `0, 2, 3, …, degree`; its value at 1 follows from the
//! claim. Instances over fewer variables than the batch use a prefix of the point and count once per vertex of the rest.

use alloc::vec;
use alloc::vec::Vec;

use p3_field::Field;

use crate::context::Context;
use crate::error::VerifyError;
use crate::prover::Channel;
use crate::scalar::Scalar;

/// The weights that interpolate a polynomial of degree `degree` at `x` from its values at `0, 1, …, degree`.
pub fn lagrange<P: Scalar>(degree: usize, x: &P) -> Vec<P> {
    let nodes = 0..=degree as i64;
    let weight = |i: i64| {
        let others = nodes.clone().filter(|&j| j != i);
        let scale: i64 = others.clone().map(|j| i - j).product();
        others.fold(P::integer_inverse(scale), |w, j| w * (x.clone() - P::integer(j)))
    };
    nodes.clone().map(weight).collect()
}

/// Runs the verifier's rounds: returns the point and the claim on the polynomial there.
///
/// # Errors
/// [`VerifyError::MissingScalar`] if the proof ends.
pub fn verify<C: Context>(
    cx: &mut C,
    mut claim: C::Linear,
    rounds: usize,
    degree: usize,
) -> Result<(Vec<C::Public>, C::Linear), VerifyError> {
    let minus_one = C::Public::integer(-1);
    let mut point = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let mut values = Vec::with_capacity(degree);
        for _ in 0..degree {
            values.push(cx.receive("round")?);
        }
        let x = cx.challenge("sumcheck");
        let weights = lagrange(degree, &x);
        // g(x) = w_0·g(0) + w_1·(claim − g(0)) + Σ_{i≥2} w_i·g(i)
        let mut next = cx.scale(&claim, &weights[1]);
        for (i, value) in values.iter().enumerate() {
            let weight = if i == 0 {
                weights[0].clone() + minus_one.clone() * weights[1].clone()
            } else {
                weights[i + 1].clone()
            };
            cx.add(&mut next, &weight, value);
        }
        claim = next;
        point.push(x);
    }
    Ok((point, claim))
}

/// One polynomial of a batched sumcheck on the prover's side, with its batching coefficient applied.
pub trait Instance<K> {
    /// The number of variables that are still free.
    fn num_variables(&self) -> usize;

    /// Adds the round polynomial's values at `0, 2, 3, …` to `values`.
    fn round(&self, values: &mut [K]);

    /// Binds the lowest variable.
    fn fold(&mut self, x: K);

    /// The polynomial's value once no variable is free.
    fn value(&self) -> K;
}

/// Runs the prover's rounds and returns the point.
pub fn prove<F, K: Field, I: Instance<K>>(
    channel: &mut Channel<'_, F, K>,
    instances: &mut [I],
    rounds: usize,
    degree: usize,
) -> Vec<K> {
    let mut point = Vec::with_capacity(rounds);
    for round in 0..rounds {
        let left = rounds - round;
        let mut values = vec![K::ZERO; degree];
        for instance in instances.iter() {
            let variables = instance.num_variables();
            let vertices = K::TWO.exp_u64((left - variables.max(1)) as u64);
            if variables == 0 {
                let constant = instance.value() * vertices;
                values.iter_mut().for_each(|v| *v += constant);
            } else {
                let mut own = vec![K::ZERO; degree];
                instance.round(&mut own);
                values.iter_mut().zip(own).for_each(|(v, o)| *v += o * vertices);
            }
        }
        values.iter().for_each(|&v| channel.send("round", v));
        let x = channel.challenge("sumcheck");
        instances.iter_mut().filter(|i| i.num_variables() > 0).for_each(|i| i.fold(x));
        point.push(x);
    }
    point
}

/// Binds the lowest variable of a multilinear polynomial given by its values on the cube.
pub(crate) fn fold<K: Field>(values: &mut Vec<K>, x: K) {
    *values = crate::parallel::map_range(values.len() / 2, |i| {
        let (low, high) = (values[2 * i], values[2 * i + 1]);
        low + x * (high - low)
    });
}
