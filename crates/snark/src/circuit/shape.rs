//! The constraints of a circuit, without values.

use std::fmt;

use ark_bn254::Fr;
use ark_ff::{BigInteger, PrimeField};

use super::{Assignment, LinearCombination, Variable};

/// The demand `a · b = c`, each combination in normal form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    /// The left factor.
    pub a: LinearCombination,
    /// The right factor.
    pub b: LinearCombination,
    /// The product.
    pub c: LinearCombination,
}

/// What setups and verification keys depend on: numbers of variables, and constraints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    pub(super) public_inputs: u32,
    pub(super) witnesses: u32,
    pub(super) constraints: Vec<Constraint>,
}

/// A Blake3 digest of a shape: 32 bytes that name the circuit, which anyone who builds it can recompute.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShapeDigest(pub [u8; 32]);

impl fmt::Display for ShapeDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for ShapeDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ShapeDigest({self})")
    }
}

impl Shape {
    /// The number of public inputs, the constant one not counted.
    pub fn public_inputs(&self) -> usize {
        self.public_inputs as usize
    }

    /// The number of witnesses.
    pub fn witnesses(&self) -> usize {
        self.witnesses as usize
    }

    /// The constraints, in the order they were made.
    pub fn constraints(&self) -> &[Constraint] {
        &self.constraints
    }

    /// The position of a variable among all: the constant, then public inputs, then witnesses.
    pub(crate) fn column(&self, variable: Variable) -> usize {
        match (variable.public_index(), variable.witness_index()) {
            (Some(index), _) => 1 + index,
            (_, Some(index)) => 1 + self.public_inputs() + index,
            (None, None) => 0,
        }
    }

    /// How many variables there are, the constant counted.
    pub(crate) fn variables(&self) -> usize {
        1 + self.public_inputs() + self.witnesses()
    }

    /// The digest of the numbers of variables and of every constraint in order. Labels do not enter.
    pub fn digest(&self) -> ShapeDigest {
        let mut hasher = blake3::Hasher::new_derive_key("zkml-snark 2026-01 circuit shape");
        for count in [self.public_inputs, self.witnesses, self.constraints.len() as u32] {
            hasher.update(&count.to_le_bytes());
        }
        let mut bytes = Vec::new();
        for constraint in &self.constraints {
            bytes.clear();
            for combination in [&constraint.a, &constraint.b, &constraint.c] {
                bytes.extend_from_slice(&(combination.terms().len() as u32).to_le_bytes());
                for (variable, coefficient) in combination.terms() {
                    bytes.extend_from_slice(&variable.code().to_le_bytes());
                    bytes.extend_from_slice(&coefficient.into_bigint().to_bytes_le());
                }
            }
            hasher.update(&bytes);
        }
        ShapeDigest(*hasher.finalize().as_bytes())
    }

    /// The first public input on which no constraint depends: it occurs neither in a product nor beside a factor that
    /// is not identically zero.
    pub(super) fn first_unbound_public_input(&self) -> Option<usize> {
        let mut bound = vec![false; self.public_inputs()];
        let mut mark = |combination: &LinearCombination| {
            for slot in combination.terms().iter().filter_map(|(variable, _)| variable.public_index()) {
                if let Some(flag) = bound.get_mut(slot) {
                    *flag = true;
                }
            }
        };
        for Constraint { a, b, c } in &self.constraints {
            mark(c);
            if !(a.terms().is_empty() || b.terms().is_empty()) {
                mark(a);
                mark(b);
            }
        }
        bound.iter().position(|&bound| !bound)
    }

    /// The first constraint that the assignment violates.
    pub(crate) fn first_violation(&self, assignment: &Assignment) -> Option<usize> {
        self.constraints.iter().position(|Constraint { a, b, c }| {
            let value: fn(&Assignment, &LinearCombination) -> Fr = Assignment::evaluate;
            value(assignment, a) * value(assignment, b) != value(assignment, c)
        })
    }
}
