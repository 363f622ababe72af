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

/// Constraints of unusual form on x = 2 and y = 3, with y public.
pub(crate) fn unusual(values: bool) -> Builder {
    let value = |value: u64| values.then(|| Fr::from(value));
    let constant = |value: u64| LinearCombination::constant(Fr::from(value));
    let mut builder = Builder::new(Arithmetization::Plonk);
    let y = builder.public_input(value(3));
    let x = builder.witness(value(2));
    let sum = x + y;
    builder.enforce(x, x, x + x);
    builder.enforce(x, y, x + y + Fr::from(1));
    builder.enforce(y, x, constant(6));
    builder.enforce(x, constant(1), x);
    builder.enforce(constant(0), x, constant(0));
    builder.enforce(constant(2), constant(3), constant(6));
    builder.enforce(constant(2), sum.clone(), constant(10));
    builder.enforce(sum.clone(), sum.clone(), constant(25));
    builder.enforce(sum.clone() + Fr::from(1), sum * Fr::from(2) + Fr::from(4), x * Fr::from(42));
    builder.enforce_zero(x * Fr::from(3) - y - y);
    builder
}

impl Assignment {
    /// Adds one to a witness.
    pub(crate) fn tamper_witness(&mut self, index: usize) {
        self.witness[index] += Fr::from(1);
    }
}
