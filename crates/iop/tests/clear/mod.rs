//! A commitment in the clear: the opening is the columns themselves. It isolates the protocol above the commitment.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure of the support is a failure of its test")]

pub mod forgery;
pub mod residuals;
pub mod sketch;

use p3_field::{BasedVectorSpace, PrimeCharacteristicRing, PrimeField32};
use p3_koala_bear::KoalaBear;
use zkml_iop::builder::{FieldShape, Shape, Visibility, build_system, build_witness};
use zkml_iop::claims::ColumnClaim;
use zkml_iop::commitment::{ColumnCommitment, Combination};
use zkml_iop::eq::eq_table;
use zkml_iop::error::{ProveError, VerifyError};
use zkml_iop::layout::{Layout, Reserved, TreeKind};
use zkml_iop::native::Native;
use zkml_iop::prover::{Pads, Proof, Randomness, Secrets, prove, shared_columns};
use zkml_iop::reader::Reader;
use zkml_iop::sealed::{Recorder, Relation};
use zkml_iop::system::{Declared, Home, System};
use zkml_iop::transcript::Transcript;
use zkml_ir::{Model, Tensor, execute};

pub type F = KoalaBear;
/// Each test binary chooses its field of challenges.
pub type K = crate::Challenge;

pub const FIELD: FieldShape = FieldShape {
    modulus: KoalaBear::ORDER_U32 as i64,
    degree: <K as BasedVectorSpace<F>>::DIMENSION,
    packs: false,
};

/// What two integers have in common that are one element of the field.
pub fn reduce(integer: i128) -> i128 {
    integer.rem_euclid(i128::from(FIELD.modulus))
}

pub const LOG_ROWS: usize = 8;
pub const RESERVED: usize = 16;

/// A transcript of chained hashes.
#[derive(Clone, Default)]
pub struct Chain {
    state: [u8; 32],
    /// Scalars do not change the challenges: an attacker may fit them one by one. Only for attacks.
    pub deaf: bool,
}

impl Transcript<F, K> for Chain {
    fn absorb_bytes(&mut self, label: &'static str, bytes: &[u8]) {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.state).update(label.as_bytes()).update(&[0]).update(bytes);
        self.state = *hasher.finalize().as_bytes();
    }

    fn absorb_scalars(&mut self, label: &'static str, scalars: &[K]) {
        for scalar in if self.deaf { &[] } else { scalars } {
            let limbs: &[F] = scalar.as_basis_coefficients_slice();
            let bytes: Vec<u8> = limbs.iter().flat_map(|l| l.as_canonical_u32().to_le_bytes()).collect();
            self.absorb_bytes(label, &bytes);
        }
    }

    fn challenge(&mut self, label: &'static str) -> K {
        self.absorb_bytes(label, b"challenge");
        let word = |i: usize| u32::from_le_bytes(self.state[4 * i..4 * i + 4].try_into().unwrap());
        K::from_basis_coefficients_fn(|i| F::from_u32(word(i) >> 1))
    }
}

/// Test randomness, reproducible.
pub struct Counter(pub u64);

impl Randomness<F> for Counter {
    fn field(&mut self) -> F {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        F::from_u32((self.0 >> 33) as u32)
    }

    fn seed(&mut self) -> [u8; 32] {
        [7; 32]
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(&'static str);

/// The scheme; a forger changes columns before they are committed.
#[derive(Clone, Copy)]
pub struct Clear {
    pub forge: &'static (dyn Fn(&mut [Vec<F>]) + Sync),
}

impl Clear {
    pub fn honest() -> Self {
        Self { forge: &|_| () }
    }
}

fn digest(columns: &[Vec<F>]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for column in columns {
        for value in column {
            hasher.update(&value.as_canonical_u32().to_le_bytes());
        }
    }
    *hasher.finalize().as_bytes()
}

impl ColumnCommitment for Clear {
    type Base = F;
    type Challenge = K;
    type Transcript = Chain;
    type Commitment = [u8; 32];
    type Tree = Vec<Vec<F>>;
    type Opening = Vec<Vec<Vec<F>>>;
    type Error = Refused;

    const MASK_COLUMNS: usize = <K as BasedVectorSpace<F>>::DIMENSION;

    fn commit(&self, mut columns: Vec<Vec<F>>, _: [u8; 32]) -> Result<([u8; 32], Vec<Vec<F>>), Refused> {
        (self.forge)(&mut columns);
        Ok((digest(&columns), columns))
    }

    fn commitment_bytes(&self, commitment: &[u8; 32]) -> Vec<u8> {
        commitment.to_vec()
    }

    fn columns(tree: &Vec<Vec<F>>) -> &[Vec<F>] {
        tree
    }

    fn open(
        &self,
        trees: &[&Vec<Vec<F>>],
        _: usize,
        _: &[K],
        _: &mut Chain,
    ) -> Result<Self::Opening, Refused> {
        Ok(trees.iter().map(|t| (*t).clone()).collect())
    }

    fn verify(
        &self,
        trees: &[([u8; 32], usize)],
        mask_tree: usize,
        point: &[K],
        opening: &Self::Opening,
        transcript: &mut Chain,
    ) -> Result<Combination<K>, Refused> {
        let eq = eq_table(point, 1 << point.len());
        let (mut coefficients, mut value) = (Vec::new(), K::ZERO);
        for (index, ((commitment, count), columns)) in trees.iter().zip(opening).enumerate() {
            if digest(columns) != *commitment || columns.len() != *count {
                return Err(Refused("another tree"));
            }
            for (c, column) in columns.iter().enumerate() {
                let at: K = column.iter().zip(&eq).map(|(&v, &e)| e * v).sum();
                let limb = (c + Self::MASK_COLUMNS).checked_sub(*count).filter(|_| index == mask_tree);
                let coefficient = match limb {
                    Some(limb) => <K as BasedVectorSpace<F>>::ith_basis_element(limb).unwrap(),
                    None => transcript.challenge("column"),
                };
                if limb.is_none() {
                    coefficients.push(coefficient);
                }
                value += coefficient * at;
            }
        }
        Ok(Combination { coefficients, value })
    }
}

/// A statement with everything both sides derive from it.
pub struct Case {
    pub model: Model,
    pub shape: Shape,
    pub system: System,
    pub layout: Layout,
    pub witness: Vec<Vec<i32>>,
    /// The transcript at the start of prover and verifier.
    pub transcript: Chain,
}

impl Case {
    pub fn new(model: Model, inputs: &[Vec<Tensor>], visible: (Visibility, Visibility)) -> Self {
        let graph = &model.graph;
        let shape = Shape {
            batch: inputs.len(),
            inputs: vec![visible.0; graph.inputs().len()],
            outputs: vec![visible.1; graph.outputs().len()],
        };
        let traces: Vec<_> = inputs.iter().map(|x| execute(&model, x).unwrap()).collect();
        let (system, witness) = build_witness(graph, &shape, FIELD, &traces).unwrap();
        assert_eq!(build_system(graph, &shape, FIELD).unwrap(), system, "both sides derive one system");
        let layout =
            Layout::new(&system, LOG_ROWS, &Reserved::uniform(RESERVED, shape.num_committed())).unwrap();
        drop(traces);
        Self { model, shape, system, layout, witness, transcript: Chain::default() }
    }

    /// The registered weights, always the honest ones, and the committed tensors of a witness.
    pub fn shared(&self, witness: &[Vec<i32>]) -> Vec<(TreeKind, [u8; 32], Vec<Vec<F>>)> {
        let kinds = self.layout.trees.iter().map(|t| t.kind);
        let shared = kinds.filter(|k| matches!(k, TreeKind::Weights | TreeKind::Committed(_)));
        shared
            .map(|kind| {
                let witness = if kind == TreeKind::Weights { &self.witness } else { witness };
                let columns = shared_columns(&self.system, &self.layout, kind, witness, &mut Counter(1));
                let (commitment, tree) = Clear::honest().commit(columns, [0; 32]).unwrap();
                (kind, commitment, tree)
            })
            .collect()
    }

    /// The commitments of the honest statement.
    pub fn commitments(&self) -> Vec<(TreeKind, [u8; 32])> {
        self.shared(&self.witness).into_iter().map(|(kind, commitment, _)| (kind, commitment)).collect()
    }

    /// Proves with a witness of the caller's choice.
    pub fn prove(&self, witness: Vec<Vec<i32>>) -> Proof<Clear> {
        self.prove_as(&self.system, &self.layout, witness, Clear::honest())
    }

    /// Proves another relation than the verifier checks.
    pub fn prove_as(
        &self,
        system: &System,
        layout: &Layout,
        witness: Vec<Vec<i32>>,
        scheme: Clear,
    ) -> Proof<Clear> {
        let shared = self.shared(&witness);
        let shared = shared.iter().map(|(_, commitment, tree)| (commitment, tree)).collect();
        let secrets = Secrets::<Clear> { witness, shared, wide: vec![], pads: Pads::None };
        let transcript = &mut self.transcript.clone();
        prove(&scheme, system, layout, &secrets, transcript, &mut Counter(2), &mut |_| {}).unwrap()
    }

    /// Proves behind pads, with claims that pin the shared trees.
    pub fn prove_sealed(
        &self,
        witness: Vec<Vec<i32>>,
        wide: &[ColumnClaim<K>],
        pads: Pads<'_, K>,
    ) -> Result<Proof<Clear>, ProveError> {
        let shared = self.shared(&witness);
        let shared = shared.iter().map(|(_, commitment, tree)| (commitment, tree)).collect();
        let secrets = Secrets::<Clear> { witness, shared, wide: wide.to_vec(), pads };
        let (scheme, transcript) = (Clear::honest(), &mut self.transcript.clone());
        prove(&scheme, &self.system, &self.layout, &secrets, transcript, &mut Counter(2), &mut |_| {})
    }

    /// What the pads of a sealed proof must satisfy.
    pub fn record(&self, wide: &[ColumnClaim<K>], proof: &Proof<Clear>) -> Result<Relation<K>, VerifyError> {
        let (scheme, shared, mut transcript) = (Clear::honest(), self.commitments(), self.transcript.clone());
        let mut cx = Recorder::new(Reader::new(&scheme, &mut transcript, proof, &shared, &self.layout));
        zkml_iop::verifier::verify(&mut cx, &self.system, &self.layout, &self.public(), wide)?;
        cx.finish()
    }

    /// The public tensors of the honest statement.
    pub fn public(&self) -> Vec<Vec<i32>> {
        self.public_of(&self.witness)
    }

    /// The public tensors among a witness's.
    pub fn public_of(&self, witness: &[Vec<i32>]) -> Vec<Vec<i32>> {
        let public = |(t, w): (&Declared, &Vec<i32>)| match t.home {
            Home::Constant(_) | Home::PublicInput(_) | Home::PublicOutput(_) => w.clone(),
            Home::Weight(_) | Home::Committed(_) | Home::Witness | Home::Helper { .. } => vec![],
        };
        self.system.tensors.iter().zip(witness).map(public).collect()
    }

    /// Verifies a proof of the honest statement.
    pub fn verify(&self, proof: &Proof<Clear>) -> Result<(), VerifyError> {
        self.verify_public(&self.public(), proof)
    }

    /// Verifies a proof of the statement with these public tensors.
    pub fn verify_public(&self, public: &[Vec<i32>], proof: &Proof<Clear>) -> Result<(), VerifyError> {
        let mut transcript = self.transcript.clone();
        let (scheme, shared) = (Clear::honest(), self.commitments());
        let reader = Reader::new(&scheme, &mut transcript, proof, &shared, &self.layout);
        let mut cx = Native::new(reader);
        zkml_iop::verifier::verify(&mut cx, &self.system, &self.layout, public, &[])?;
        cx.finish()
    }

    /// What the verifier says to a prover of another system with a witness of its own.
    pub fn verdict_under(&self, system: &System, witness: &[Vec<i32>]) -> Result<(), VerifyError> {
        let proof = self.prove_as(system, &self.layout, witness.to_vec(), Clear::honest());
        let mut public = self.public_of(witness);
        for (entries, declared) in public.iter_mut().zip(&self.system.tensors) {
            if let Home::Constant(data) = &declared.home {
                entries.clone_from(data);
            }
        }
        self.verify_public(&public, &proof)
    }

    /// The honest proof verifies.
    pub fn assert_complete(&self) {
        self.verify(&self.prove(self.witness.clone())).unwrap();
    }
}
