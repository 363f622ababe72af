//! Proofs in the clear, which stay inside, and what of them leaves.

use ark_bn254::{Fr, G1Affine};
use zkml_iop::error::{ProveError, VerifyError};
use zkml_iop::layout::TreeKind;
use zkml_iop::native::Native;
use zkml_iop::prover::{Pads, Proof, Randomness, Secrets, Stage, prove as prove_clear};
use zkml_iop::reader::Reader;
use zkml_snark::circuit::{Arithmetization, Builder};

use crate::circuit::{Assignment, build};
use crate::columns::{ColumnOpening, ColumnPoints, ColumnTree, KzgColumns, Listed, check_opening};
use crate::error::Bn254Error;
use crate::field::{F, WORD, from_word, point_from_words, point_words, to_ark, to_word};
use crate::mercury::MercuryProof;
use crate::relation::{Public, Relation};
use crate::transcript::Poseidon2Transcript;

/// A proof of the protocol with every scalar in the clear. **Secret**: it is the witness of the SNARK.
#[derive(Clone, Debug)]
pub struct ClearProof {
    blinding: Fr,
    parts: Proof<KzgColumns>,
}

/// What of a proof leaves the prover, beside the SNARK's proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OuterProof {
    /// The commitments to the witness's columns, the mask last.
    pub witness: ColumnPoints,
    /// The commitments to the lookup helpers' columns.
    pub helpers: Option<ColumnPoints>,
    /// The opening of the combined column.
    pub opening: ColumnOpening,
}

/// Makes a proof in the clear. `witness` holds every tensor's entries, `shared` the trees that are part of the statement.
///
/// # Errors
/// [`ProveError`] if a commitment fails or a challenge is unlucky.
pub fn prove(
    relation: &Relation,
    public: &Public,
    witness: Vec<Vec<i32>>,
    shared: &[&ColumnTree],
    randomness: &mut dyn Randomness<F>,
    progress: &mut dyn FnMut(Stage),
) -> Result<ClearProof, ProveError> {
    let failed = |e: Bn254Error| ProveError::Commitment(Box::new(e));
    let blinding = to_ark(randomness.field());
    let statement = relation.statement(public).map_err(failed)?;
    let mut transcript = Poseidon2Transcript::new(relation.digest(), statement, blinding);
    let shared = shared.iter().map(|tree| (tree.points(), *tree)).collect();
    let secrets = Secrets::<KzgColumns> { witness, shared, wide: Vec::new(), pads: Pads::None };
    let Relation { system, layout, columns, .. } = relation;
    let parts = prove_clear(columns, system, layout, &secrets, &mut transcript, randomness, progress)?;
    Ok(ClearProof { blinding, parts })
}

impl ClearProof {
    /// Runs the one verifier on the values, the opening included.
    ///
    /// # Errors
    /// [`VerifyError`] that names the check that fails.
    pub fn verify(
        &self,
        relation: &Relation,
        public: &Public,
        shared: &[(TreeKind, ColumnPoints)],
    ) -> Result<(), VerifyError> {
        let statement = relation.statement(public).map_err(|e| VerifyError::Opening(Box::new(e)))?;
        let mut transcript = Poseidon2Transcript::new(relation.digest(), statement, self.blinding);
        let Relation { system, layout, columns, .. } = relation;
        let reader = Reader::new(columns, &mut transcript, &self.parts, shared, layout);
        let mut cx = Native::new(reader);
        zkml_iop::verifier::verify(&mut cx, system, layout, &relation.constants(), &[])?;
        cx.finish()
    }

    /// The circuit of the verifier with this proof as its witness.
    ///
    /// # Errors
    /// [`VerifyError`] if the proof is not as long as the statement implies.
    pub fn circuit(
        &self,
        arithmetization: Arithmetization,
        relation: &Relation,
        public: &Public,
        shared: &[(TreeKind, ColumnPoints)],
    ) -> Result<Builder, VerifyError> {
        let refused = |e: Bn254Error| VerifyError::Opening(Box::new(e));
        let statement = relation.statement(public).map_err(refused)?;
        let trees = relation.trees(shared, (&self.parts.witness, self.parts.helpers.as_ref()));
        let listed = relation.listed(&statement, &trees.map_err(refused)?);
        let assignment = Assignment { blinding: self.blinding, listed, proof: &self.parts };
        relation.build(arithmetization, Some(assignment))
    }

    /// What leaves the prover.
    pub fn outer(&self) -> OuterProof {
        let Proof { witness, helpers, opening, .. } = &self.parts;
        OuterProof { witness: witness.clone(), helpers: helpers.clone(), opening: opening.clone() }
    }

    /// The parts, for tests that change them.
    #[doc(hidden)]
    pub fn parts_mut(&mut self) -> &mut Proof<KzgColumns> {
        &mut self.parts
    }
}

impl Relation {
    /// The circuit of the verifier without a witness: what setups need.
    ///
    /// # Errors
    /// [`VerifyError`] if the statement has no circuit.
    pub fn circuit(&self, arithmetization: Arithmetization) -> Result<Builder, VerifyError> {
        self.build(arithmetization, None)
    }

    fn build(
        &self,
        arithmetization: Arithmetization,
        assignment: Option<Assignment<'_>>,
    ) -> Result<Builder, VerifyError> {
        build(arithmetization, self.digest(), (&self.system, &self.layout), &self.constants(), assignment)
    }
}

impl OuterProof {
    /// Checks the opening, and returns the public inputs for which the SNARK's proof must hold.
    ///
    /// # Errors
    /// [`Bn254Error`] that names what is wrong.
    ///
    /// # Soundness
    /// Nothing is proven before the SNARK's proof is checked for these public inputs.
    pub fn public_inputs(
        &self,
        relation: &Relation,
        public: &Public,
        shared: &[(TreeKind, ColumnPoints)],
    ) -> Result<[Fr; 3], Bn254Error> {
        let listed = self.listed(relation, public, shared)?;
        Ok(listed.public_inputs())
    }

    fn listed(
        &self,
        relation: &Relation,
        public: &Public,
        shared: &[(TreeKind, ColumnPoints)],
    ) -> Result<Listed, Bn254Error> {
        let statement = relation.statement(public)?;
        let trees = relation.trees(shared, (&self.witness, self.helpers.as_ref()))?;
        let words = relation.listed(&statement, &trees);
        if self.opening.point.len() != relation.layout.log_rows {
            return Err(Bn254Error::Encoding(
                "the row point has another number of coordinates than the columns",
            ));
        }
        check_opening(relation.columns.srs(), &trees, relation.mask_tree(), words, &self.opening)
    }

    /// The words of `docs/bn254.md`, section 3: points, row point, value, challenge, opening.
    pub fn to_bytes(&self) -> Vec<u8> {
        let ColumnOpening { challenge, point, value, proof } = &self.opening;
        let mut bytes = Vec::new();
        let mut points =
            |points: &[G1Affine]| points.iter().flat_map(point_words).for_each(|w| bytes.extend(w));
        points(self.witness.points());
        points(self.helpers.as_ref().map_or(&[][..], ColumnPoints::points));
        let mut scalars = |scalars: &[Fr]| scalars.iter().for_each(|&s| bytes.extend(to_word(s)));
        scalars(point);
        scalars(&[*value, *challenge]);
        let MercuryProof { h, g, q, s, d, values, w, v } = proof;
        [h, g, q, s, d].into_iter().flat_map(point_words).for_each(|w| bytes.extend(w));
        values.iter().for_each(|&s| bytes.extend(to_word(s)));
        [w, v].into_iter().flat_map(point_words).for_each(|w| bytes.extend(w));
        bytes
    }

    /// The number of bytes of the encoding under a relation.
    pub fn length(relation: &Relation) -> usize {
        let points = relation.num_points(TreeKind::Witness) + relation.num_points(TreeKind::Helpers) + 7;
        WORD * (2 * points + relation.layout.log_rows + 8)
    }

    /// Reads the encoding.
    ///
    /// # Errors
    /// [`Bn254Error`] for another length, words beyond their modulus, and points off the curve or at infinity.
    pub fn from_bytes(relation: &Relation, bytes: &[u8]) -> Result<Self, Bn254Error> {
        let (words, rest) = bytes.as_chunks::<WORD>();
        if bytes.len() != Self::length(relation) || !rest.is_empty() {
            return Err(Bn254Error::Encoding("the proof has another length than the statement implies"));
        }
        let mut words = Words(words);
        let witness = words.columns(relation.num_points(TreeKind::Witness))?;
        let helpers = match relation.num_points(TreeKind::Helpers) {
            0 => None,
            count => Some(words.columns(count)?),
        };
        let point = words.scalars(relation.layout.log_rows)?;
        let (value, challenge) = (words.scalar()?, words.scalar()?);
        let [h, g, q, s, d] = words.points()?;
        let mut values = [Fr::default(); 6];
        for value in &mut values {
            *value = words.scalar()?;
        }
        let [w, v] = words.points()?;
        let proof = MercuryProof { h, g, q, s, d, values, w, v };
        Ok(Self { witness, helpers, opening: ColumnOpening { challenge, point, value, proof } })
    }
}

/// Words that are still to be read.
struct Words<'b>(&'b [[u8; WORD]]);

const ENDS: Bn254Error = Bn254Error::Encoding("the proof ends early");

impl Words<'_> {
    fn next(&mut self) -> Result<[u8; WORD], Bn254Error> {
        let (first, rest) = self.0.split_first().ok_or(ENDS)?;
        self.0 = rest;
        Ok(*first)
    }

    fn scalar(&mut self) -> Result<Fr, Bn254Error> {
        from_word(&self.next()?).ok_or(Bn254Error::Encoding("a scalar is not below the order of the field"))
    }

    fn scalars(&mut self, count: usize) -> Result<Vec<Fr>, Bn254Error> {
        (0..count).map(|_| self.scalar()).collect()
    }

    fn point(&mut self) -> Result<G1Affine, Bn254Error> {
        let words = [self.next()?, self.next()?];
        point_from_words(&words)
            .ok_or(Bn254Error::Encoding("a point is not canonical, off the curve, or at infinity"))
    }

    fn points<const N: usize>(&mut self) -> Result<[G1Affine; N], Bn254Error> {
        let mut points = [G1Affine::default(); N];
        for point in &mut points {
            *point = self.point()?;
        }
        Ok(points)
    }

    fn columns(&mut self, count: usize) -> Result<ColumnPoints, Bn254Error> {
        ColumnPoints::new((0..count).map(|_| self.point()).collect::<Result<_, _>>()?)
    }
}
