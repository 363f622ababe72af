//! PLONK (eprint 2019/953) over BN254 with one more gate term, for the EVM.
//!
//! A row's gate is `qL·a + qR·b + qO·c + qM·a·b + qN·c' + qC = 0`, where c' is the c of the next row. The extra term
//! costs a contract one scalar and one multiplication, and saves about a third of the rows of circuits whose
//! constraints are sums of a few variables, such as hash functions. Everything else is the paper's protocol: three
//! wires, one permutation argument, a quotient in three parts, linearisation, two openings by KZG; wires, permutation
//! and quotient are blinded, c once more because it is opened at two points.
//!
//! The setup is universal: any [`Srs`] of [`srs_points`] powers. The verifying key is a function of circuit and powers,
//! so anyone can recompute it; there is no proving key to keep, since a [`Prover`] follows from circuit and verifying
//! key in a few transforms.

mod keys;
mod lower;
mod polynomial;
mod prover;
#[cfg(test)]
mod tests;
mod transcript;
mod verifier;

use ark_bn254::Fr;
use ark_ec::CurveGroup;
use ark_ff::{FftField, One};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};

pub use keys::{Proof, VerifyingKey};
pub use prover::{Prover, prove};
pub use verifier::{PairingCheck, reduce, verify};

use crate::circuit::{CircuitError, Shape};
use crate::codec::CodecError;
use crate::random::EntropyError;
use crate::srs::Srs;
use lower::{EMPTY, Lowered, SELECTORS};

/// The most public inputs of a circuit; a contract pays for each.
pub const MAX_PUBLIC_INPUTS: usize = 1 << 12;

/// The largest base-2 logarithm of the number of rows: a quarter of the field's largest transform.
pub const MAX_LOG_ROWS: u32 = 26;

/// With fewer rows the quotient does not fit its transform.
const MIN_ROWS: usize = 8;

/// How many more powers than rows the blinded polynomials need.
const BLINDING: usize = 8;

/// Wires a, b, c.
const WIRES: usize = 3;

/// Why setup, proving or verification failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlonkError {
    /// The circuit cannot be proven.
    #[error(transparent)]
    Circuit(#[from] CircuitError),
    /// The key was made for another circuit.
    #[error("the key belongs to another circuit: run the setup of this circuit")]
    OtherCircuit,
    /// The reference string is not the one the key was made from.
    #[error("the key was made from another reference string")]
    OtherSrs,
    /// The reference string is too short.
    #[error("the circuit needs {needed} powers of tau, the reference string has {found}")]
    SrsTooSmall {
        /// How many there are.
        found: usize,
        /// How many are needed.
        needed: usize,
    },
    /// The circuit exceeds a bound.
    #[error("the circuit has {found} {what}, more than {limit}: split it")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The number of public inputs is not the key's.
    #[error("{found} public inputs given, the key takes {expected}")]
    PublicInputs {
        /// The number given.
        found: usize,
        /// The number the key takes.
        expected: usize,
    },
    /// The proof does not verify.
    #[error("the proof does not verify for these public inputs and this key")]
    Invalid,
    /// A file or proof is malformed.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

type Domain = Radix2EvaluationDomain<Fr>;

/// The rows of a circuit: in use, and padded to a power of two.
pub fn rows(shape: &Shape) -> (usize, usize) {
    let rows = Lowered::new(shape).rows.len();
    (rows, rows.next_power_of_two().max(MIN_ROWS))
}

/// How many powers of τ the setup and the prover of a circuit need.
pub fn srs_points(shape: &Shape) -> usize {
    rows(shape).1 + BLINDING
}

/// The verifying key of a circuit: nine commitments.
///
/// # Errors
/// If the reference string is too short or the circuit too large.
pub fn setup(shape: &Shape, srs: &Srs) -> Result<VerifyingKey, PlonkError> {
    let circuit = Preprocessed::new(shape)?;
    let needed = circuit.domain.size() + BLINDING;
    if srs.g1.len() < needed {
        return Err(PlonkError::SrsTooSmall { found: srs.g1.len(), needed });
    }
    let commit =
        |polynomial: &Vec<Fr>| srs.commit(polynomial).map(CurveGroup::into_affine).unwrap_or_default();
    Ok(VerifyingKey {
        circuit: shape.digest(),
        log_rows: circuit.domain.log_size_of_group,
        public_inputs: shape.public_inputs() as u32,
        selectors: circuit.selectors.each_ref().map(commit),
        permutations: circuit.permutations.each_ref().map(commit),
        tau_g2: srs.tau_g2,
    })
}

/// What prover and setup derive from a circuit alone.
struct Preprocessed {
    domain: Domain,
    lowered: Lowered,
    /// Coefficients of qL, qR, qO, qM, qN, qC.
    selectors: [Vec<Fr>; SELECTORS],
    /// Values of the permutation on the rows, per wire.
    permutation_values: [Vec<Fr>; WIRES],
    /// Coefficients of the same.
    permutations: [Vec<Fr>; WIRES],
}

impl Preprocessed {
    fn new(shape: &Shape) -> Result<Self, PlonkError> {
        let check = |what, found, limit| match found > limit {
            true => Err(PlonkError::TooLarge { what, found, limit }),
            false => Ok(()),
        };
        check("public inputs", shape.public_inputs(), MAX_PUBLIC_INPUTS)?;
        let lowered = Lowered::new(shape);
        check("rows", lowered.rows.len(), 1 << MAX_LOG_ROWS)?;
        let size = lowered.rows.len().next_power_of_two().max(MIN_ROWS);
        let limit = 1 << MAX_LOG_ROWS;
        let domain = Domain::new(size).ok_or(PlonkError::TooLarge { what: "rows", found: size, limit })?;
        let selectors = std::array::from_fn(|selector| {
            let mut values: Vec<Fr> = lowered.rows.iter().map(|row| row.selectors[selector]).collect();
            values.resize(size, Fr::default());
            domain.ifft(&values)
        });
        let permutation_values = permutation(&lowered, &domain);
        let permutations = permutation_values.each_ref().map(|values| domain.ifft(values));
        Ok(Self { domain, lowered, selectors, permutation_values, permutations })
    }
}

/// The multipliers that make three disjoint cosets of the rows: 1, g, g² for a generator g of the multiplicative group.
fn cosets() -> [Fr; WIRES] {
    [Fr::one(), Fr::GENERATOR, Fr::GENERATOR * Fr::GENERATOR]
}

/// For every slot of every row the label of the next slot that holds the same variable.
fn permutation(lowered: &Lowered, domain: &Domain) -> [Vec<Fr>; WIRES] {
    let points: Vec<Fr> = domain.elements().collect();
    let mut labels = cosets().map(|coset| points.iter().map(|point| coset * point).collect::<Vec<_>>());
    let cells = lowered.rows.iter().flat_map(|row| row.cells).filter(|&cell| cell != EMPTY).max();
    // The slot last seen with each variable, then the first one to close the cycle.
    let mut last: Vec<Option<(usize, usize)>> = vec![None; cells.map_or(0, |cell| cell as usize + 1)];
    let slots = || {
        lowered.rows.iter().enumerate().flat_map(|(row, held)| {
            held.cells
                .into_iter()
                .enumerate()
                .filter(|(_, cell)| *cell != EMPTY)
                .map(move |(wire, cell)| (cell as usize, (wire, row)))
        })
    };
    // Swapping labels with the slot before rotates every cycle by one.
    for (cell, slot) in slots() {
        if let Some(before) = last.get_mut(cell).and_then(|entry| entry.replace(slot)) {
            swap(&mut labels, before, slot);
        }
    }
    labels
}

fn swap(labels: &mut [Vec<Fr>; WIRES], one: (usize, usize), two: (usize, usize)) {
    let read = |labels: &[Vec<Fr>; WIRES], (wire, row): (usize, usize)| {
        labels.get(wire).and_then(|column| column.get(row)).copied().unwrap_or_default()
    };
    let values = (read(labels, one), read(labels, two));
    for ((wire, row), value) in [(one, values.1), (two, values.0)] {
        if let Some(label) = labels.get_mut(wire).and_then(|column| column.get_mut(row)) {
            *label = value;
        }
    }
}
