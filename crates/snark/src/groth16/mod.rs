//! Groth16 (eprint 2016/260) over BN254, proven by `ark-groth16`.
//!
//! A proof is three points, and verification four pairings and one scalar multiplication per public input. Keys belong
//! to one circuit. [`testing_setup`] makes them at once, with secrets that this process knew; the [`ceremony`] makes
//! them with secrets that nobody knows unless all participants collude.

pub mod ceremony;
mod keys;
#[cfg(test)]
mod tests;

use ark_bn254::{Bn254, Fr, G1Affine, G2Affine};
use ark_ec::pairing::Pairing;
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM};
use ark_ff::Zero;
use ark_groth16::Groth16;
use ark_groth16::r1cs_to_qap::LibsnarkReduction;
use ark_relations::gr1cs::{self, ConstraintSynthesizer, ConstraintSystemRef, SynthesisError};
use ark_relations::utils::matrix::Matrix;

pub use keys::{Origin, Proof, ProvingKey, VerifyingKey};

use crate::circuit::{Circuit, CircuitError, LinearCombination, Shape};
use crate::codec::CodecError;
use crate::random::{self, EntropyError, OsRandom};

type Suite = Groth16<Bn254, LibsnarkReduction>;

/// The most public inputs of a circuit that is to be verified by Groth16; each costs a contract a multiplication.
pub const MAX_PUBLIC_INPUTS: usize = 1 << 12;

/// Why setup, proving or verification failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Groth16Error {
    /// The circuit cannot be proven.
    #[error(transparent)]
    Circuit(#[from] CircuitError),
    /// The key was made for another circuit.
    #[error("the key belongs to circuit {key}, not to {circuit}: run the setup of this circuit")]
    OtherCircuit {
        /// The digest in the key.
        key: String,
        /// The digest of the circuit at hand.
        circuit: String,
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
    /// The library refused; its reason.
    #[error("Groth16 failed: {0}")]
    Library(String),
}

impl From<SynthesisError> for Groth16Error {
    fn from(error: SynthesisError) -> Self {
        Self::Library(error.to_string())
    }
}

/// The size of the evaluation domain of a circuit: its constraints, its public inputs and the constant, rounded up to
/// a power of two.
pub fn domain_size(shape: &Shape) -> usize {
    (shape.constraints().len() + shape.public_inputs() + 1).next_power_of_two()
}

/// Keys whose secrets this process knew: whoever saw its memory can forge proofs. For testing.
///
/// # Errors
/// If there is no randomness or the circuit exceeds a bound.
pub fn testing_setup(shape: &Shape) -> Result<(ProvingKey, VerifyingKey), Groth16Error> {
    check_public_inputs(shape)?;
    let (alpha, beta, delta) = (random::scalar()?, random::scalar()?, random::scalar()?);
    // As in a ceremony: contracts pair the public inputs with the generator.
    let gamma = Fr::from(1);
    let (g1, g2) = (G1Affine::generator().into_group(), G2Affine::generator().into_group());
    let mut rng = OsRandom::default();
    let key =
        Suite::generate_parameters_with_qap(Relation(shape), alpha, beta, gamma, delta, g1, g2, &mut rng)?;
    rng.finish()?;
    let key = ProvingKey { origin: Origin::Testing, circuit: shape.digest(), key };
    let verifying = key.verifying_key();
    Ok((key, verifying))
}

fn check_public_inputs(shape: &Shape) -> Result<(), Groth16Error> {
    match shape.public_inputs() {
        found if found > MAX_PUBLIC_INPUTS => {
            Err(Groth16Error::PublicInputs { found, expected: MAX_PUBLIC_INPUTS })
        }
        _ => Ok(()),
    }
}

/// A proof that the circuit's constraints hold for its public inputs; zero knowledge by fresh `r` and `s`.
///
/// # Errors
/// If a constraint does not hold, the key is another circuit's, or there is no randomness.
pub fn prove(key: &ProvingKey, circuit: &Circuit) -> Result<Proof, Groth16Error> {
    let Circuit { shape, assignment } = circuit;
    key.check_circuit(shape)?;
    if let Some(index) = shape.first_violation(assignment) {
        return Err(CircuitError::Unsatisfied { index, span: "the circuit".into() }.into());
    }
    let inputs = shape.public_inputs() + 1;
    let mut values = Vec::with_capacity(inputs + shape.witnesses());
    values.push(Fr::from(1));
    values.extend_from_slice(assignment.public_inputs());
    values.extend_from_slice(assignment.witnesses());
    let values = zeroize::Zeroizing::new(values);
    let (r, s) = (random::scalar()?, random::scalar()?);
    let constraints = shape.constraints().len();
    let proof = Suite::create_proof_with_reduction_and_matrices(
        &key.key,
        r,
        s,
        &matrices(shape),
        inputs,
        constraints,
        &values,
    )?;
    Ok(Proof { a: proof.a, b: proof.b, c: proof.c })
}

/// Checks `e(A,B) = e(α,β)·e(Σ xᵢ·ICᵢ, γ)·e(C,δ)`.
///
/// # Errors
/// [`Groth16Error::Invalid`] if it does not hold, or the number of public inputs is wrong. Whether a key of
/// [`Origin::Testing`] may be used at all is the caller's to decide.
pub fn verify(key: &VerifyingKey, public_inputs: &[Fr], proof: &Proof) -> Result<(), Groth16Error> {
    let expected = key.public_inputs();
    if public_inputs.len() != expected {
        return Err(Groth16Error::PublicInputs { found: public_inputs.len(), expected });
    }
    let (constant, rest) = key.key.gamma_abc_g1.split_first().ok_or(Groth16Error::Invalid)?;
    let inputs = <Bn254 as Pairing>::G1::msm_unchecked(rest, public_inputs) + constant;
    let product = Bn254::multi_pairing(
        [-proof.a, key.key.alpha_g1, inputs.into_affine(), proof.c],
        [proof.b, key.key.beta_g2, key.key.gamma_g2, key.key.delta_g2],
    );
    if product.is_zero() { Ok(()) } else { Err(Groth16Error::Invalid) }
}

/// A, B and C as `ark-groth16` takes them.
fn matrices(shape: &Shape) -> [Matrix<Fr>; 3] {
    let row = |combination: &LinearCombination| -> Vec<(Fr, usize)> {
        combination.terms().iter().map(|&(variable, value)| (value, shape.column(variable))).collect()
    };
    let constraints = shape.constraints();
    [
        constraints.iter().map(|constraint| row(&constraint.a)).collect(),
        constraints.iter().map(|constraint| row(&constraint.b)).collect(),
        constraints.iter().map(|constraint| row(&constraint.c)).collect(),
    ]
}

/// A shape that hands its constraints to `ark-relations` at setup.
struct Relation<'a>(&'a Shape);

impl ConstraintSynthesizer<Fr> for Relation<'_> {
    fn generate_constraints(self, system: ConstraintSystemRef<Fr>) -> gr1cs::Result<()> {
        let Self(shape) = self;
        for _ in 0..shape.public_inputs() {
            let _ = system.new_input_variable(|| Ok(Fr::zero()))?;
        }
        for _ in 0..shape.witnesses() {
            let _ = system.new_witness_variable(|| Ok(Fr::zero()))?;
        }
        let convert = |combination: &LinearCombination| {
            gr1cs::LinearCombination(
                combination
                    .terms()
                    .iter()
                    .map(|&(variable, value)| {
                        let variable = match (variable.public_index(), variable.witness_index()) {
                            (Some(index), _) => gr1cs::Variable::instance(1 + index),
                            (_, Some(index)) => gr1cs::Variable::witness(index),
                            (None, None) => gr1cs::Variable::One,
                        };
                        (value, variable)
                    })
                    .collect(),
            )
        };
        for constraint in shape.constraints() {
            system.enforce_r1cs_constraint(
                || convert(&constraint.a),
                || convert(&constraint.b),
                || convert(&constraint.c),
            )?;
        }
        Ok(())
    }
}
