//! The context that turns a verification into constraints.

use ark_bn254::Fr;
use ark_ff::One;

use zkml_iop::commitment::Combination;
use zkml_iop::context::Context;
use zkml_iop::error::VerifyError;
use zkml_iop::layout::{Layout, TreeKind};
use zkml_iop::packing::PackedValue;
use zkml_iop::prover::{Proof, tree_label};
use zkml_iop::scalar::Scalar;
use zkml_iop::system::System;
use zkml_iop::verifier::verify;
use zkml_snark::circuit::{Arithmetization, Builder};

use super::wire::{Circuit, Wire};
use crate::columns::{COMBINATION, KzgColumns, Listed, helpers_digest};
use crate::field::{WORD, to_ark};
use crate::transcript::Sponge;

/// The bytes of a point.
const POINT_BYTES: usize = 2 * WORD;
/// The most constraints of a circuit, and witnesses: cards name graphs, and whoever reads a card builds its circuit.
pub const MAX_CONSTRAINTS: usize = 1 << 20;

/// What the prover knows: everything that the circuit has as witnesses.
#[derive(Clone, Copy, Debug)]
pub struct Assignment<'a> {
    /// The transcript's blinding.
    pub blinding: Fr,
    /// `ρ`, `v` and `η` of the statement and the commitments.
    pub listed: [Fr; 3],
    /// The proof in the clear.
    pub proof: &'a Proof<KzgColumns>,
}

/// Builds the circuit of a system: "I know a proof in the clear that the one verifier accepts, up to the opening of the
/// combined column". Its public inputs are the combination challenge, `ξ` and `e`: see `docs/bn254.md`, section 6.
///
/// Without an assignment only the shape is meant.
///
/// # Errors
/// [`VerifyError`] if the statement has no circuit, or the assignment is not as long as it implies. A circuit beyond
/// [`MAX_CONSTRAINTS`] fails when its shape is taken.
pub fn build(
    arithmetization: Arithmetization,
    digest: &[u8; 32],
    (system, layout): (&System, &Layout),
    constants: &[Vec<i32>],
    assignment: Option<Assignment<'_>>,
) -> Result<Builder, VerifyError> {
    let circuit = Circuit::new(Builder::bounded(arithmetization, MAX_CONSTRAINTS));
    circuit.with_builder(|b| b.enter("statement"));
    let mut cx = CircuitContext {
        sponge: Sponge::new(digest),
        circuit,
        assignment,
        layout,
        listed: Vec::with_capacity(3),
        position: 0,
        opened: None,
    };
    let blinding = cx.circuit.witness(assignment.map(|a| a.blinding));
    cx.sponge(|sponge| sponge.blind(&blinding));
    verify(&mut cx, system, layout, constants, &[])?;
    cx.finish()
}

/// A verification inside of a circuit.
struct CircuitContext<'a> {
    circuit: Circuit,
    sponge: Sponge<Wire>,
    assignment: Option<Assignment<'a>>,
    layout: &'a Layout,
    /// `ρ`, `v` and, where there are helpers, `η`.
    listed: Vec<Wire>,
    /// The number of scalars received.
    position: usize,
    /// The combination challenge, the point and the value of the opening.
    opened: Option<(Wire, Vec<Wire>, Wire)>,
}

impl CircuitContext<'_> {
    /// Runs the sponge in a span of its own.
    fn sponge<T>(&mut self, body: impl FnOnce(&mut Sponge<Wire>) -> T) -> T {
        self.circuit.with_builder(|b| b.enter("transcript"));
        let result = body(&mut self.sponge);
        self.circuit.with_builder(|b| b.leave());
        result
    }

    /// Starts the next stage, for statistics.
    fn stage(&self, name: &str) {
        self.circuit.with_builder(|b| {
            b.leave();
            b.enter(name);
        });
    }

    /// Compresses everything that a contract reads into the public inputs.
    fn finish(self) -> Result<Builder, VerifyError> {
        self.stage("public inputs");
        let missing = VerifyError::MissingScalar { expected: "opening" };
        let (challenge, point, value) = self.opened.as_ref().ok_or(missing)?;
        let mut words = self.listed.clone();
        if self.layout.tree(TreeKind::Helpers).is_none() {
            words.push(Wire::constant(helpers_digest(&[])));
        }
        words.extend_from_slice(point);
        words.push(value.clone());
        let values = challenge.value().zip(words.iter().map(Wire::value).collect::<Option<Vec<Fr>>>());
        let public = values.map(|(challenge, words)| Listed::of(challenge, words).public_inputs());
        let [digest, xi, e] = [0, 1, 2].map(|i| self.circuit.public_input(public.map(|p| p[i])));
        self.circuit.assert_zero(&(digest - challenge.clone()));
        let sum = words.iter().rev().fold(Wire::integer(0), |sum, word| sum * xi.clone() + word.clone());
        self.circuit.assert_zero(&(sum - e));
        self.circuit.with_builder(|b| b.leave());
        Ok(self.circuit.into_builder())
    }
}

impl Context for CircuitContext<'_> {
    type Public = Wire;
    type Sealed = Wire;
    type Linear = Wire;

    fn basis(&self, _: usize) -> Wire {
        Wire::integer(1)
    }

    fn commit(&mut self, tree: TreeKind) -> Result<(), VerifyError> {
        let mask = usize::from(tree == TreeKind::Witness);
        let bytes = POINT_BYTES * (self.layout.columns(tree) + mask);
        self.sponge(|sponge| sponge.announce(tree_label(tree), bytes));
        // The points of the other trees are absorbed as part of `ρ`.
        if tree == TreeKind::Helpers {
            let digest = self.circuit.witness(self.assignment.map(|a| a.listed[2]));
            self.sponge(|sponge| sponge.absorb_hash(&digest));
            self.listed.push(digest);
        }
        Ok(())
    }

    /// A contract computes both from the statement and the commitments.
    fn packed(&mut self) -> Option<PackedValue<Wire>> {
        let known = self.assignment.map(|a| a.listed);
        let [point, value] = [0, 1].map(|i| self.circuit.witness(known.map(|k| k[i])));
        self.sponge(|sponge| sponge.absorb_packed(&point, &value));
        self.listed.extend([point.clone(), value.clone()]);
        Some(PackedValue { point, value })
    }

    fn challenge(&mut self, label: &'static str) -> Wire {
        match label {
            "alpha" => self.stage("lookups"),
            "equation batching" => self.stage("products"),
            "claim batching" => self.stage("claim reduction"),
            _ => {}
        }
        self.sponge(|sponge| sponge.challenge(label))
    }

    fn receive(&mut self, label: &'static str) -> Result<Wire, VerifyError> {
        let value = match &self.assignment {
            None => None,
            Some(a) => {
                let scalar = a.proof.scalars.get(self.position);
                Some(to_ark(*scalar.ok_or(VerifyError::MissingScalar { expected: label })?))
            }
        };
        self.position += 1;
        let wire = self.circuit.witness(value);
        self.sponge(|sponge| sponge.absorb(label, core::slice::from_ref(&wire)));
        Ok(wire)
    }

    fn factor(&mut self, _: &'static str, sum: Wire) -> Result<Wire, VerifyError> {
        Ok(sum)
    }

    fn affine(&mut self, value: &Wire, factor: &Wire, constant: &Wire) -> Wire {
        value.clone() * factor.clone() + constant.clone()
    }

    fn zero(&self) -> Wire {
        Wire::integer(0)
    }

    fn add_public(&mut self, sum: &mut Wire, value: &Wire) {
        *sum = sum.plus_scaled(Fr::one(), value);
    }

    fn add(&mut self, sum: &mut Wire, factor: &Wire, value: &Wire) {
        *sum = sum.plus_scaled(Fr::one(), &(factor.clone() * value.clone()));
    }

    fn add_product(&mut self, sum: &mut Wire, factor: &Wire, a: &Wire, b: &Wire) {
        *sum = sum.plus_scaled(Fr::one(), &(a.clone() * b.clone() * factor.clone()));
    }

    fn scale(&mut self, sum: &Wire, factor: &Wire) -> Wire {
        sum.clone() * factor.clone()
    }

    fn add_linear(&mut self, sum: &mut Wire, other: &Wire) {
        *sum = sum.plus_scaled(Fr::one(), other);
    }

    fn assert_zero(&mut self, sum: Wire, _: &'static str) -> Result<(), VerifyError> {
        self.circuit.assert_zero(&sum);
        Ok(())
    }

    /// The opening is checked outside, for the columns, the challenge, the point and the value that become public inputs.
    fn open(&mut self, point: &[Wire]) -> Result<Combination<Wire>, VerifyError> {
        self.stage("opening");
        let challenge = self.sponge(|sponge| sponge.challenge(COMBINATION));
        let value = self.circuit.witness(self.assignment.map(|a| a.proof.opening.value));
        let mut power = Wire::integer(1);
        let coefficients = (0..self.layout.num_columns())
            .map(|_| {
                power = power.clone() * challenge.clone();
                power.clone()
            })
            .collect();
        self.opened = Some((challenge, point.to_vec(), value.clone()));
        Ok(Combination { coefficients, value })
    }
}
