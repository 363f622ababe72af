//! The sealed argument that a relation holds: what every proof is made of, whatever it is about.

use p3_field::{BasedVectorSpace, PrimeField32};
use serde::{Deserialize, Serialize};
use zkml_iop::claims::ColumnClaim;
use zkml_iop::layout::TreeKind;
use zkml_iop::prover::Proof as Parts;
use zkml_iop::reader::Reader;
use zkml_iop::sealed::{Recorder, Shape as PadShape};
use zkml_iop::transcript::Transcript;
use zkml_stark::{
    Blake3Transcript, Equation, F, K, Ligero, LigeroProof, MerkleRoot, Relation as PadRelation,
    SecurityReport, StarkColumns,
};

use crate::error::Refusal;
use crate::relation::Relation;
use crate::scalar::{DEGREE, words};

/// A sealed argument.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Argument {
    /// The commitment to the one-time pads.
    pads: [u8; 32],
    /// The commitment to the witness.
    witness: [u8; 32],
    /// The limbs of every scalar, behind its pad.
    #[serde(with = "words")]
    scalars: Vec<u32>,
    /// The opening of the columns.
    #[serde(with = "serde_bytes")]
    opening: Vec<u8>,
    /// The closing of the pads.
    #[serde(with = "serde_bytes")]
    closing: Vec<u8>,
}

/// What an argument is about.
#[derive(Clone, Debug)]
pub struct Task<'a> {
    /// Tensors, lookups, equations, columns.
    pub relation: &'a Relation,
    /// The trees that were committed before, in the layout's order.
    pub shared: Vec<(TreeKind, MerkleRoot)>,
    /// The claims on whole columns of them.
    pub wide: Vec<ColumnClaim<K>>,
    /// The entries of the system's public tensors, at their indices.
    pub public: Vec<Vec<i32>>,
}

/// What the pads of an argument must satisfy for it to hold.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The pads and the products of them.
    pub shape: PadShape,
    /// The equations.
    pub equations: Vec<Equation>,
}

impl Recorded {
    /// The relation of the commitment to pads.
    pub fn relation(&self) -> PadRelation<'_> {
        PadRelation { products: &self.shape.products, equations: &self.equations }
    }
}

impl Argument {
    /// An argument from its parts.
    pub fn new(
        pads: MerkleRoot,
        parts: &Parts<StarkColumns>,
        columns: &StarkColumns,
        closing: Vec<u8>,
    ) -> Self {
        let limbs = |scalar: &K| {
            let limbs: &[F] = scalar.as_basis_coefficients_slice();
            limbs.iter().map(PrimeField32::as_canonical_u32).collect::<Vec<_>>()
        };
        Self {
            pads: pads.0,
            witness: parts.witness.0,
            scalars: parts.scalars.iter().flat_map(limbs).collect(),
            opening: columns.encode_opening(&parts.opening),
            closing,
        }
    }

    /// Whether every scalar is canonical.
    pub(crate) fn is_canonical(&self) -> bool {
        self.scalars.len().is_multiple_of(DEGREE) && self.scalars.iter().all(|&limb| limb < F::ORDER_U32)
    }

    /// The bytes of the scalars, of the columns' opening and of the pads' closing.
    pub(crate) fn sizes(&self) -> [usize; 3] {
        [4 * self.scalars.len(), self.opening.len(), self.closing.len() + self.pads.len()]
    }

    fn parts(&self, relation: &Relation) -> Result<Parts<StarkColumns>, Refusal> {
        let scalar = |limbs: &[u32]| {
            K::from_basis_coefficients_fn(|i| F::new(limbs.get(i).copied().unwrap_or_default()))
        };
        let opening = relation.columns.decode_opening(&relation.widths(), &self.opening)?;
        Ok(Parts {
            witness: MerkleRoot(self.witness),
            // The lookups of this suite are a tree of fractions, without helper columns.
            helpers: None,
            scalars: self.scalars.chunks(DEGREE).map(scalar).collect(),
            opening,
        })
    }
}

impl Task<'_> {
    /// Binds the commitment to the pads: before anything else of the argument.
    pub fn absorb_pads(transcript: &mut Blake3Transcript, pads: &MerkleRoot) {
        Transcript::<F, K>::absorb_bytes(transcript, "pads commitment", &pads.0);
    }

    /// Reads an argument up to the closing of its pads: what the pads must satisfy for it to hold.
    ///
    /// # Errors
    /// [`Refusal`] that names the check that fails.
    ///
    /// # Soundness
    /// Nothing is proven before [`Task::close`].
    pub fn record(
        &self,
        transcript: &mut Blake3Transcript,
        parts: &Parts<StarkColumns>,
    ) -> Result<Recorded, Refusal> {
        let Relation { system, layout, columns } = self.relation;
        let mut cx = Recorder::new(Reader::new(columns, transcript, parts, &self.shared, layout));
        zkml_iop::verifier::verify(&mut cx, system, layout, &self.public, &self.wide)?;
        let recorded = cx.finish()?;
        let equation = |e: zkml_iop::sealed::Equation<K>| Equation {
            terms: e.terms,
            products: e.products,
            constant: e.constant,
        };
        Ok(Recorded {
            shape: recorded.shape,
            equations: recorded.equations.into_iter().map(equation).collect(),
        })
    }

    /// Checks that the committed pads satisfy what was recorded, and composes the security of the whole.
    ///
    /// # Errors
    /// [`Refusal`] if they do not.
    pub fn close(
        &self,
        transcript: &mut Blake3Transcript,
        pads: &MerkleRoot,
        (ligero, recorded): (&Ligero, &Recorded),
        closing: &LigeroProof,
    ) -> Result<SecurityReport, Refusal> {
        ligero.verify(pads, &recorded.relation(), closing, transcript)?;
        self.security(ligero, recorded.equations.len())
    }

    /// Checks an argument.
    ///
    /// # Errors
    /// [`Refusal`] that names the check that fails.
    pub fn check(
        &self,
        transcript: &mut Blake3Transcript,
        argument: &Argument,
    ) -> Result<SecurityReport, Refusal> {
        let parts = argument.parts(self.relation)?;
        let pads = MerkleRoot(argument.pads);
        Self::absorb_pads(transcript, &pads);
        let recorded = self.record(transcript, &parts)?;
        let ligero = self.ligero(recorded.shape.num_pads, recorded.shape.products.len())?;
        let closing = ligero.decode(&argument.closing)?;
        self.close(transcript, &pads, (&ligero, &recorded), &closing)
    }

    /// The commitment to so many pads and products.
    ///
    /// # Errors
    /// [`Refusal::Parameters`] if there are too many.
    pub fn ligero(&self, num_pads: usize, num_products: usize) -> Result<Ligero, Refusal> {
        Ok(Ligero::new(num_pads, num_products, self.relation.columns.config().level())?)
    }

    fn security(&self, ligero: &Ligero, num_equations: usize) -> Result<SecurityReport, Refusal> {
        let mut report = self.relation.security(self.wide.len())?;
        for tree in self.wide.iter().filter(|claim| claim.trees.len() == 1).flat_map(|claim| &claim.trees) {
            report.add("pin", self.relation.columns.pin_bits(self.relation.layout.columns(tree.0)));
        }
        ligero.security(num_equations).into_iter().for_each(|term| report.add(term.name, term.bits));
        Ok(report)
    }
}
