//! The verification of a proof against a registered card.

use zkml_bn254::{OuterProof, Public, Relation};
use zkml_iop::layout::TreeKind;
use zkml_snark::circuit::{Arithmetization, Shape as CircuitShape, Statistics};
use zkml_snark::{Fr, plonk, srs};
use zkml_verifier::ErrorTerm;

use crate::card::{Card, RegistrationProof, SrsOrigin};
use crate::error::Refusal;
use crate::points::TauG2;
use crate::proof::Proof;
use crate::security::{security_bits, security_terms};
use crate::snark::{PUBLIC_INPUTS, SnarkKey};

/// A card whose weights are registered and whose keys are for its circuits.
#[derive(Clone, Debug)]
pub struct Registered {
    card: Card,
    relation: Relation,
    circuits: Circuits,
}

/// The numbers of columns that a proof opens, as `docs/bn254.md`, section 2, names them; the mask is not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnCounts {
    /// Of the weights.
    pub weights: usize,
    /// Of all committed tensors.
    pub committed: usize,
    /// Of the witness.
    pub witness: usize,
    /// Of the lookup helpers.
    pub helpers: usize,
}

/// The circuits that a card's keys must be for.
#[derive(Clone, Debug)]
struct Circuits {
    statement: CircuitShape,
    statistics: Statistics,
    registration: Option<CircuitShape>,
}

/// What a verifier insists on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Accept keys and reference strings that are marked as made for testing. Their makers can forge proofs.
    pub allow_testing: bool,
    /// Refuse proofs with fewer bits of security.
    pub min_security: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self { allow_testing: false, min_security: 100 }
    }
}

/// What a verification found.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The security of the proof, term by term.
    pub terms: Vec<ErrorTerm>,
    /// Whether a part of the setup is for testing: then nothing is proven to anybody but whoever ran it.
    pub testing: bool,
}

impl Verified {
    /// The bits of security.
    pub fn bits(&self) -> f64 {
        security_bits(&self.terms)
    }
}

/// What registers a model's weights: the relation, the statement of it, and the points.
#[derive(Debug)]
pub struct Registration {
    /// The relation of the intervals.
    pub relation: Relation,
    /// Its public part: nothing but the model's identifier as context.
    pub public: Public,
}

impl Registration {
    /// The registration of a card's weights.
    ///
    /// # Errors
    /// [`Refusal`] if an interval or a cap has no proof.
    pub fn of(card: &Card) -> Result<Self, Refusal> {
        let relation = card.registration_relation()?;
        let tensors = vec![Vec::new(); relation.system.tensors.len()];
        Ok(Self { relation, public: Public { tensors, context: card.id()?.to_vec() } })
    }

    fn check(&self, card: &Card, proof: &RegistrationProof) -> Result<CircuitShape, Refusal> {
        let what = "registration's key";
        let key = plonk::VerifyingKey::from_bytes(&proof.key).map_err(Refusal::snark(what))?;
        let shape = self.relation.circuit(Arithmetization::Plonk)?.shape()?;
        let key = SnarkKey::Plonk(key);
        if !key.fits(&shape) || !shares_srs(&key, &card.tau_g2) {
            return Err(Refusal::Key { what });
        }
        let weights = card.weights.as_ref().ok_or(Refusal::Weights)?;
        let shared = [(TreeKind::Weights, weights.0.clone())];
        let outer = OuterProof::from_bytes(&self.relation, &proof.outer)?;
        let inputs = outer.public_inputs(&self.relation, &self.public, &shared)?;
        key.verify(&inputs, &proof.snark)?;
        Ok(shape)
    }
}

/// Whether a PLONK key comes from the columns' reference string; a Groth16 key has secrets of its own.
fn shares_srs(key: &SnarkKey, tau_g2: &TauG2) -> bool {
    match key {
        SnarkKey::Groth16(_) => true,
        SnarkKey::Plonk(key) => key.tau_g2() == tau_g2.0,
    }
}

impl Registered {
    /// Checks a card: its weights lie in their intervals, and its keys are for the circuits that its graph implies.
    ///
    /// # Errors
    /// [`Refusal`] that names the check that fails.
    ///
    /// # Soundness
    /// Which circuit a key is for is what the key says. A key that lies about it, or whose setup leaked its secrets, proves
    /// anything: see [`Registered::check_srs`], and `zkml_snark::groth16::ceremony` for Groth16.
    pub fn new(card: Card) -> Result<Self, Refusal> {
        let relation = card.relation()?;
        let registration = match (&card.weights, &card.registration, relation.num_points(TreeKind::Weights)) {
            (None, None, 0) => None,
            (Some(points), Some(proof), count) if points.0.points().len() == count => {
                Some(Registration::of(&card)?.check(&card, proof)?)
            }
            _ => return Err(Refusal::Weights),
        };
        let circuit = relation.circuit(card.suite().arithmetization())?;
        let (statistics, statement) = (circuit.statistics(), circuit.shape()?);
        if !card.key.fits(&statement) || !shares_srs(&card.key, &card.tau_g2) {
            return Err(Refusal::Key { what: "verification key" });
        }
        Ok(Self { card, relation, circuits: Circuits { statement, statistics, registration } })
    }

    /// The card.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The relation of its statements.
    pub fn relation(&self) -> &Relation {
        &self.relation
    }

    /// The circuit of its statements.
    pub fn circuit(&self) -> &CircuitShape {
        &self.circuits.statement
    }

    /// The size of that circuit, phase by phase.
    pub fn statistics(&self) -> &Statistics {
        &self.circuits.statistics
    }

    /// The numbers of columns of a proof.
    pub fn columns(&self) -> ColumnCounts {
        let layout = &self.relation.layout;
        let committed =
            (0..self.card.shape.num_committed()).map(|index| layout.columns(TreeKind::Committed(index)));
        ColumnCounts {
            weights: layout.columns(TreeKind::Weights),
            committed: committed.sum(),
            witness: layout.columns(TreeKind::Witness),
            helpers: layout.columns(TreeKind::Helpers),
        }
    }

    /// The bytes of the packed public tensors, and how many of them, at the end, are the outputs.
    pub fn packed_lengths(&self) -> [usize; 2] {
        let packing = &self.relation.packing;
        [packing.length, packing.output_length()]
    }

    /// The part of the setup that is marked as made for testing.
    pub fn testing(&self) -> Option<&'static str> {
        match (self.card.srs, self.card.key.is_testing()) {
            (SrsOrigin::Testing, _) => Some("the reference string is made for testing"),
            (_, true) => Some("the Groth16 key comes from a local setup for testing"),
            _ => None,
        }
    }

    /// The number of powers that [`Registered::check_srs`] needs.
    pub fn srs_points(&self) -> usize {
        let plonk = matches!(self.card.key, SnarkKey::Plonk(_)).then_some(&self.circuits.statement);
        let circuits = plonk.into_iter().chain(&self.circuits.registration);
        circuits.map(plonk::srs_points).max().unwrap_or(2)
    }

    /// Recomputes the PLONK keys from a reference string, and compares them and the columns' `[τ]₂`.
    ///
    /// # Errors
    /// [`Refusal::OtherSrs`] if one differs.
    pub fn check_srs(&self, srs: &srs::Srs) -> Result<(), Refusal> {
        if srs.tau_g2 != self.card.tau_g2.0 {
            return Err(Refusal::OtherSrs { what: "commitment to the weights" });
        }
        if let SnarkKey::Plonk(key) = &self.card.key
            && plonk::setup(&self.circuits.statement, srs)? != *key
        {
            return Err(Refusal::OtherSrs { what: "verification key" });
        }
        if let (Some(shape), Some(proof)) = (&self.circuits.registration, &self.card.registration)
            && plonk::setup(shape, srs)?.to_bytes() != proof.key
        {
            return Err(Refusal::OtherSrs { what: "registration's key" });
        }
        Ok(())
    }
}

/// Checks that `proof` proves its statement about the registered model.
///
/// # Errors
/// [`Refusal`] that names the check that fails.
///
/// # Soundness
/// The caller compares the statement (public tensors, commitments, context) with what it expects. Nothing else of a proof
/// means anything; Groth16 proofs can be changed into others of the same statement.
pub fn verify(model: &Registered, proof: &Proof, policy: &Policy) -> Result<Verified, Refusal> {
    let testing = model.testing();
    if let Some(what) = testing.filter(|_| !policy.allow_testing) {
        return Err(Refusal::Testing(what));
    }
    let inputs = public_inputs(model, proof)?;
    model.card.key.verify(&inputs, &proof.snark)?;
    let verified = Verified { terms: security_terms(&model.relation), testing: testing.is_some() };
    // What is no number is not enough.
    let enough = verified.bits() >= f64::from(policy.min_security);
    if !enough {
        return Err(Refusal::Security { expected: policy.min_security, got: verified.bits() });
    }
    Ok(verified)
}

/// Checks statement and outer proof, and returns what the SNARK must prove.
fn public_inputs(model: &Registered, proof: &Proof) -> Result<[Fr; PUBLIC_INPUTS], Refusal> {
    let statement = &proof.statement;
    statement.check(&model.card)?;
    let outer = OuterProof::from_bytes(&model.relation, &proof.outer)?;
    let public = statement.public(&model.relation.system);
    Ok(outer.public_inputs(&model.relation, &public, &statement.shared(&model.card))?)
}
