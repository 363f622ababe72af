//! Statements on small graphs under the BN254 suite.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure of the support is a failure of its test")]

#[path = "../../../iop/tests/clear/sketch.rs"]
pub mod sketch;

use std::sync::{Arc, LazyLock};

use ark_bn254::Fr;
use zkml_bn254::columns::ColumnTree;
use zkml_bn254::relation::choose_log_rows;
use zkml_bn254::{ClearProof, ColumnPoints, F, FIELD, OuterProof, Public, Relation, Srs, prove};
use zkml_iop::builder::{Shape, Visibility, build_system, build_witness};
use zkml_iop::commitment::ColumnCommitment;
use zkml_iop::layout::TreeKind;
use zkml_iop::prover::{Randomness, shared_columns};
use zkml_ir::{Model, Tensor, execute};
use zkml_snark::circuit::Arithmetization;

pub const CONTEXT: &[u8] = b"nonce 17";

static SRS: LazyLock<Arc<Srs>> = LazyLock::new(|| Arc::new(Srs::testing(1 << 12).unwrap()));

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

/// A statement with everything both sides derive from it.
pub struct Case {
    pub model: Model,
    pub shape: Shape,
    pub relation: Relation,
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
        Self { model, shape, relation, witness, public, shared }
    }

    /// The commitments of the statement.
    pub fn points(&self) -> Vec<(TreeKind, ColumnPoints)> {
        self.shared.iter().map(|(kind, points, _)| (*kind, points.clone())).collect()
    }

    /// Proves with a witness of the caller's choice, under the statement that it makes.
    pub fn prove(&self, witness: Vec<Vec<i32>>) -> (Public, ClearProof) {
        let public = self.relation.public_of(&witness, CONTEXT);
        let trees: Vec<&ColumnTree> = self.shared.iter().map(|s| &s.2).collect();
        let proof = prove(&self.relation, &public, witness, &trees, &mut Counter(2), &mut |_| {}).unwrap();
        (public, proof)
    }

    pub fn honest(&self) -> ClearProof {
        self.prove(self.witness.clone()).1
    }

    /// Whether the circuit is satisfied by a proof as its witness.
    pub fn satisfied(&self, public: &Public, proof: &ClearProof) -> bool {
        proof
            .circuit(Arithmetization::R1cs, &self.relation, public, &self.points())
            .is_ok_and(|builder| builder.check().is_ok())
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
