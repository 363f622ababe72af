//! Statements on small graphs under the BN254 suite.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure of the support is a failure of its test")]

#[path = "../../../iop/tests/clear/forgery.rs"]
pub mod forgery;
#[path = "../../../iop/tests/clear/sketch.rs"]
pub mod sketch;

use std::sync::{Arc, LazyLock};

use ark_bn254::Fr;
use zkml_bn254::columns::ColumnTree;
use zkml_bn254::relation::choose_log_rows;
use zkml_bn254::{ClearProof, ColumnPoints, F, FIELD, OuterProof, Public, Relation, Srs, prove};
use zkml_iop::builder::{Shape, Visibility, build_system, build_witness};
use zkml_iop::commitment::ColumnCommitment;
use zkml_iop::error::VerifyError;
use zkml_iop::layout::TreeKind;
use zkml_iop::prover::{Randomness, shared_columns};
use zkml_iop::system::System;
use zkml_ir::ops::Linear;
use zkml_ir::{Model, Op, Tensor, execute};
use zkml_snark::circuit::Arithmetization;

/// What two integers have in common that are one element of the field: none of a witness's reach its modulus.
pub fn reduce(integer: i128) -> i128 {
    integer
}

pub const CONTEXT: &[u8] = b"nonce 17";

static SRS: LazyLock<Arc<Srs>> = LazyLock::new(|| Arc::new(Srs::testing((1 << 15) + 16).unwrap()));

/// One reference string for columns and PLONK.
pub fn srs() -> Arc<Srs> {
    SRS.clone()
}

/// Test randomness, reproducible.
pub struct Counter(pub u64);

impl Randomness<F> for Counter {
    fn field(&mut self) -> F {
        use p3_field::PrimeCharacteristicRing;
        let bytes = self.seed();
        let limb = |i: usize| F::from_u64(u64::from_le_bytes(bytes[8 * i..8 * i + 8].try_into().unwrap()));
        let shift = F::from_u64(1 << 32) * F::from_u64(1 << 32);
        ((limb(0) * shift + limb(1)) * shift + limb(2)) * shift + limb(3)
    }

    fn seed(&mut self) -> [u8; 32] {
        self.0 += 1;
        *blake3::hash(&self.0.to_le_bytes()).as_bytes()
    }
}

/// A statement whose public tensors have all widths, lie in several words, and leave gaps: two inputs of 37 bytes, their sum of twice
/// as many after a gap of two, and, after another, three integers of four bytes.
pub fn mixed() -> Case {
    let mut s = sketch::Sketch::new();
    let x = s.input(&[1, 37], sketch::U8);
    let other = s.graph.add_input("other", vec![1, 37], sketch::U8, 1.0).unwrap();
    let w = s.weight(&[3, 37], sketch::I8);
    let sum = s.node(Op::Linear(Linear { coefficients: vec![1, 1], constant: 0 }), &[x, other]);
    let product = s.node(sketch::gemm(), &[sum, w]);
    s.graph.add_output("sum", sum, 1.0).unwrap();
    let case = s.case(product, 1, (Visibility::Public, Visibility::Public));
    let packing = &case.relation.packing;
    let places: Vec<_> = packing.tensors.iter().map(|t| (t.offset, t.width())).collect();
    assert_eq!((places, packing.length), (vec![(0, 1), (37, 1), (76, 2), (152, 4)], 164));
    case
}

/// A statement with everything both sides derive from it.
pub struct Case {
    pub model: Model,
    pub shape: Shape,
    pub relation: Relation,
    /// The relation's system.
    pub system: System,
    pub witness: Vec<Vec<i32>>,
    pub public: Public,
    /// The registered weights and the committed tensors.
    pub shared: Vec<(TreeKind, ColumnPoints, ColumnTree)>,
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
        let log_rows = choose_log_rows(&system, shape.num_committed()).min(12);
        let relation = Relation::with_system(system, graph, Some(&shape), SRS.clone(), log_rows).unwrap();
        drop(traces);
        let public = relation.public_of(&witness, CONTEXT);
        let kinds = relation.layout.trees.iter().map(|t| t.kind);
        let shared = kinds
            .filter(|k| matches!(k, TreeKind::Weights | TreeKind::Committed(_)))
            .map(|kind| {
                let columns =
                    shared_columns(&relation.system, &relation.layout, kind, &witness, &mut Counter(1));
                let (points, tree) = relation.columns.commit(columns, [0; 32]).unwrap();
                (kind, points, tree)
            })
            .collect();
        let system = relation.system.clone();
        Self { model, shape, relation, system, witness, public, shared }
    }

    /// The commitments of the statement.
    pub fn points(&self) -> Vec<(TreeKind, ColumnPoints)> {
        self.shared.iter().map(|(kind, points, _)| (*kind, points.clone())).collect()
    }

    /// The statement that a witness makes.
    pub fn public_of(&self, witness: &[Vec<i32>]) -> Public {
        self.relation.public_of(witness, CONTEXT)
    }

    /// Proves with a witness of the caller's choice, under the statement that it makes.
    pub fn prove(&self, witness: Vec<Vec<i32>>) -> ClearProof {
        self.prove_under(&self.relation, &self.public_of(&witness), witness)
    }

    /// Proves a relation and a statement of the caller's choice.
    pub fn prove_under(&self, relation: &Relation, public: &Public, witness: Vec<Vec<i32>>) -> ClearProof {
        let trees: Vec<&ColumnTree> = self.shared.iter().map(|s| &s.2).collect();
        prove(relation, public, witness, &trees, &mut Counter(2), &mut |_| {}).unwrap()
    }

    /// What the verifiers say to a prover of another system with a witness of its own.
    pub fn verdict_under(&self, system: &System, witness: &[Vec<i32>]) -> Result<(), VerifyError> {
        let mut relation = self.relation.clone();
        relation.system = system.clone();
        let public = self.public_of(witness);
        self.verify_public(&public, &self.prove_under(&relation, &public, witness.to_vec()))
    }

    /// What the native verifier says to a proof of the honest statement.
    pub fn verify(&self, proof: &ClearProof) -> Result<(), VerifyError> {
        self.verify_public(&self.public, proof)
    }

    /// What the native verifier says. The circuit, with the public inputs that an outside verifier computes, says the same.
    pub fn verify_public(&self, public: &Public, proof: &ClearProof) -> Result<(), VerifyError> {
        let verdict = proof.verify(&self.relation, public, &self.points());
        assert_eq!(verdict.is_ok(), self.agrees(public, proof), "the circuit and {verdict:?}");
        verdict
    }

    /// Whether the circuit accepts, with the public inputs that an outside verifier computes.
    pub fn agrees(&self, public: &Public, proof: &ClearProof) -> bool {
        let circuit = proof.circuit(Arithmetization::R1cs, &self.relation, public, &self.points());
        let Ok(builder) = circuit else { return false };
        let satisfied = builder.check().is_ok();
        let Some(expected) = self.public_inputs(public, &proof.outer()) else { return false };
        satisfied && builder.circuit().is_ok_and(|c| c.assignment.public_inputs() == expected)
    }

    pub fn honest(&self) -> ClearProof {
        self.prove(self.witness.clone())
    }

    /// What an outside verifier makes of a proof: the public inputs of the SNARK.
    pub fn public_inputs(&self, public: &Public, outer: &OuterProof) -> Option<[Fr; 3]> {
        outer.public_inputs(&self.relation, public, &self.points()).ok()
    }

    /// The honest proof verifies, natively and in the circuit, whose public inputs are those of an outside verifier.
    pub fn assert_complete(&self) {
        let proof = self.honest();
        proof.verify(&self.relation, &self.public, &self.points()).unwrap();
        let builder =
            proof.circuit(Arithmetization::R1cs, &self.relation, &self.public, &self.points()).unwrap();
        builder.check().unwrap();
        let circuit = builder.circuit().unwrap();
        let expected = self.public_inputs(&self.public, &proof.outer()).unwrap();
        assert_eq!(circuit.assignment.public_inputs(), expected);
        let empty = self.relation.circuit(Arithmetization::R1cs).unwrap().shape().unwrap();
        assert_eq!(circuit.shape.digest(), empty.digest(), "the circuit does not depend on values");
    }
}
