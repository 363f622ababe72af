//! The Poseidon2 permutation of width 3 over BN254's scalar field (Grassi, Khovratovich, Schofnegger: eprint 2023/323).
//!
//! Exponent 5, 8 full and 56 partial rounds, external matrix `circ(2, 1, 1)`, internal matrix `1 + diag(1, 1, 2)`: the authors'
//! instance for 128 bits. It is written once, over values and over the wires of a circuit.

use std::sync::LazyLock;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInt, PrimeField};

/// The width of the state.
pub const WIDTH: usize = 3;
const HALF_FULL: usize = 4;
/// The number of partial rounds.
pub const PARTIAL: usize = 56;

/// The arithmetic of a permutation: field elements, or wires of a circuit.
pub trait Arithmetic: Clone {
    /// A constant.
    fn constant(value: Fr) -> Self;
    /// `self + other`.
    fn plus(&self, other: &Self) -> Self;
    /// `self·other`.
    fn times(&self, other: &Self) -> Self;
    /// The partial rounds, with their constants. Circuits in which combinations cost something have a way of their own.
    fn partial_rounds(state: &mut [Self; WIDTH], constants: &[Fr; PARTIAL]) {
        partial_rounds(state, constants);
    }
}

impl Arithmetic for Fr {
    fn constant(value: Fr) -> Self {
        value
    }

    fn plus(&self, other: &Self) -> Self {
        *self + other
    }

    fn times(&self, other: &Self) -> Self {
        *self * other
    }
}

struct Constants {
    full: [[Fr; WIDTH]; 2 * HALF_FULL],
    partial: [Fr; PARTIAL],
}

static CONSTANTS: LazyLock<Constants> = LazyLock::new(|| {
    let mut grain = Grain::new();
    let mut constants = Constants { full: [[Fr::ZERO; WIDTH]; 2 * HALF_FULL], partial: [Fr::ZERO; PARTIAL] };
    let (first, last) = constants.full.split_at_mut(HALF_FULL);
    first.as_flattened_mut().iter_mut().for_each(|c| *c = grain.element());
    constants.partial.iter_mut().for_each(|c| *c = grain.element());
    last.as_flattened_mut().iter_mut().for_each(|c| *c = grain.element());
    constants
});

/// Applies the permutation.
pub fn permute<A: Arithmetic>(state: &mut [A; WIDTH]) {
    let constants = &*CONSTANTS;
    mix_external(state);
    for (round, row) in constants.full.iter().enumerate() {
        if round == HALF_FULL {
            A::partial_rounds(state, &constants.partial);
        }
        for (value, &constant) in state.iter_mut().zip(row) {
            *value = fifth_power(&value.plus(&A::constant(constant)));
        }
        mix_external(state);
    }
}

/// The partial rounds, one after the other.
pub(crate) fn partial_rounds<A: Arithmetic>(state: &mut [A; WIDTH], constants: &[Fr]) {
    for &constant in constants {
        state[0] = fifth_power(&state[0].plus(&A::constant(constant)));
        mix_internal(state);
    }
}

fn fifth_power<A: Arithmetic>(x: &A) -> A {
    let square = x.times(x);
    square.times(&square).times(x)
}

fn mix_external<A: Arithmetic>(state: &mut [A; WIDTH]) {
    let sum = state[0].plus(&state[1]).plus(&state[2]);
    state.iter_mut().for_each(|value| *value = value.plus(&sum));
}

fn mix_internal<A: Arithmetic>(state: &mut [A; WIDTH]) {
    let sum = state[0].plus(&state[1]).plus(&state[2]);
    state[0] = state[0].plus(&sum);
    state[1] = state[1].plus(&sum);
    state[2] = state[2].plus(&state[2]).plus(&sum);
}

/// The self-shrinking register that the authors derive round constants from.
struct Grain {
    bits: [bool; 80],
    start: usize,
}

impl Grain {
    fn new() -> Self {
        // Prime field, power map, bits of the modulus, width, full rounds, partial rounds, then ones.
        let parameters: [(u32, usize); 6] = [(1, 2), (0, 4), (254, 12), (3, 12), (8, 10), (56, 10)];
        let bits = parameters
            .into_iter()
            .flat_map(|(value, width)| (0..width).rev().map(move |i| value >> i & 1 == 1))
            .chain([true; 30]);
        let mut grain = Self { bits: [false; 80], start: 0 };
        grain.bits.iter_mut().zip(bits).for_each(|(slot, bit)| *slot = bit);
        (0..160).for_each(|_| {
            grain.step();
        });
        grain
    }

    fn step(&mut self) -> bool {
        let tap = |i: usize| self.bits[(self.start + i) % 80];
        let bit = tap(62) ^ tap(51) ^ tap(38) ^ tap(23) ^ tap(13) ^ tap(0);
        self.bits[self.start] = bit;
        self.start = (self.start + 1) % 80;
        bit
    }

    fn next(&mut self) -> bool {
        while !self.step() {
            self.step();
        }
        self.step()
    }

    fn element(&mut self) -> Fr {
        loop {
            let mut limbs = [0u64; 4];
            for i in (0..254).rev() {
                limbs[i / 64] |= u64::from(self.next()) << (i % 64);
            }
            if let Some(element) = Fr::from_bigint(BigInt::new(limbs)) {
                return element;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ark_ff::MontFp;

    use super::*;

    #[test]
    fn the_permutation_of_0_1_2_is_the_authors_test_vector() {
        let mut state = [Fr::from(0u8), Fr::from(1u8), Fr::from(2u8)];
        permute(&mut state);
        let expected: [Fr; 3] = [
            MontFp!("0x0bb61d24daca55eebcb1929a82650f328134334da98ea4f847f760054f4a3033"),
            MontFp!("0x303b6f7c86d043bfcbcc80214f26a30277a15d3f74ca654992defe7ff8d03570"),
            MontFp!("0x1ed25194542b12eef8617361c3ba7c52e660b145994427cc86296242cf766ec8"),
        ];
        assert_eq!(state, expected);
    }
}
