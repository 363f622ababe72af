//! Circuits for tests.

use super::{Arithmetization, Assignment, Builder, LinearCombination};
use ark_bn254::Fr;

/// `x³ + x + 5 = y` for a public y.
pub(crate) fn cubic(x: Option<u64>) -> Builder {
    cubic_plus(x, 5)
}

/// `x³ + x + constant = y` for a public y.
pub(crate) fn cubic_plus(x: Option<u64>, constant: u64) -> Builder {
    let (x, constant) = (x.map(Fr::from), Fr::from(constant));
    let mut builder = Builder::new(Arithmetization::R1cs);
    let y = builder.public_input(x.map(|x| x * x * x + x + constant));
    let x = builder.witness(x);
    let square = builder.multiply(x, x);
    builder.enforce(square, x, y - x - constant);
    builder
}

/// A chain of `length` products of combinations of up to seven earlier values, of which the last `inputs` are public.
pub(crate) fn chain(length: usize, inputs: usize, seed: Option<u64>) -> Builder {
    let mut builder = Builder::new(Arithmetization::Plonk);
    let mut values =
        vec![builder.witness(seed.map(Fr::from)), builder.witness(seed.map(|seed| Fr::from(seed + 1)))];
    for step in 0..length {
        let combine = |from: usize, terms: usize| {
            (0..terms).fold(LinearCombination::constant(Fr::from(step as u64)), |mut sum, term| {
                let index = (from + 7 * term) % values.len();
                sum.add_term(Fr::from((step + term + 1) as u64), values[index]);
                sum
            })
        };
        let (a, b) = (combine(step * 3, 1 + step % 7), combine(step * 5 + 1, 1 + step % 3));
        let product = builder.multiply(a, b);
        values.push(product);
    }
    for &value in values.iter().rev().take(inputs) {
        let known = builder.value(&value.into());
        let input = builder.public_input(known);
        builder.enforce_zero(value - input);
    }
    builder
}

impl Assignment {
    /// Adds one to a witness.
    pub(crate) fn tamper_witness(&mut self, index: usize) {
        self.witness[index] += Fr::from(1);
    }
}
