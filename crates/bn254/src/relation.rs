//! What prover and verifier derive from a graph and the shape of a statement.

use std::sync::Arc;

use ark_bn254::Fr;
use zkml_iop::builder::{FieldShape, Shape, Visibility, build_system};
use zkml_iop::layout::{Layout, Reserved, TreeKind};
use zkml_iop::packing::Packing;
use zkml_iop::registration::registration_system;
use zkml_iop::soundness::{ErrorTerm, error_terms};
use zkml_iop::system::{Home, System};
use zkml_ir::Graph;
use zkml_snark::srs::Srs;

use crate::columns::{
    ColumnPoints, KzgColumns, MIN_LOG_ROWS, PackedStatement, RESERVED_ROWS, helpers_digest,
};
use crate::digest::keccak;
use crate::error::Bn254Error;
use crate::field::reduce;

/// The field of the suite: integers never reach its modulus.
pub const FIELD: FieldShape = FieldShape { modulus: i64::MAX, degree: 1, packs: true };
/// The most bytes of packed public tensors: contracts take no more.
pub const MAX_PUBLIC_BYTES: usize = 1 << 16;
/// The number of columns, with the mask, that heights are chosen for: a contract pays about 7,400 gas for each of them.
pub const CHOSEN_COLUMNS: usize = 8;
/// The number that they are chosen for as long as columns stay below [`CHEAP_LOG_ROWS`].
const FEW_COLUMNS: usize = 5;
/// Up to this height the opening takes the prover less time than the SNARK; it doubles with every further step.
const CHEAP_LOG_ROWS: usize = 16;
/// The most columns, with the mask, that contracts take.
pub const MAX_COLUMNS: usize = 64;
/// The greatest height that is chosen for a model.
const MAX_CHOSEN_LOG_ROWS: usize = 22;
const DIGEST_CONTEXT: &str = "starminer zkml 2026 bn254 circuit v3";

/// The relation of a statement or of a registration, its columns, and the commitment scheme.
#[derive(Clone, Debug)]
pub struct Relation {
    /// Tensors, lookups and equations.
    pub system: System,
    /// Their columns.
    pub layout: Layout,
    /// The commitment scheme.
    pub columns: KzgColumns,
    /// How public tensors are packed.
    pub packing: Packing,
    digest: [u8; 32],
}

/// The public part of a statement, beside the commitments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Public {
    /// The entries of the public tensors, at the system's indices; the others are empty.
    pub tensors: Vec<Vec<i32>>,
    /// Free bytes that the proof is bound to.
    pub context: Vec<u8>,
}

fn kind_byte(visibility: Visibility) -> u8 {
    match visibility {
        Visibility::Private => 0,
        Visibility::Public => 1,
        Visibility::Committed => 2,
    }
}

/// The least height at which a system fits few columns, or, where that would be a tall one, as many as a contract should
/// pay for; the greatest height that is chosen where none does.
pub fn choose_log_rows(system: &System, num_committed: usize) -> usize {
    let reserved = Reserved::uniform(RESERVED_ROWS, num_committed);
    let least = |columns: usize, max: usize| {
        let fits = |&rho: &usize| {
            Layout::new(system, rho, &reserved).is_ok_and(|layout| layout.num_columns() < columns)
        };
        (MIN_LOG_ROWS..=max).find(fits)
    };
    let few = least(FEW_COLUMNS, CHEAP_LOG_ROWS);
    few.or_else(|| least(CHOSEN_COLUMNS, MAX_CHOSEN_LOG_ROWS)).unwrap_or(MAX_CHOSEN_LOG_ROWS)
}

impl Relation {
    /// The relation of a statement about a graph.
    ///
    /// # Errors
    /// [`Bn254Error`] if the graph cannot be proven, or not in columns of this height.
    pub fn of(graph: &Graph, shape: &Shape, srs: Arc<Srs>, log_rows: usize) -> Result<Self, Bn254Error> {
        let system = build_system(graph, shape, FIELD)?;
        Self::with_system(system, graph, Some(shape), srs, log_rows)
    }

    /// The relation of the registration of a graph's weights: their intervals and caps.
    ///
    /// # Errors
    /// [`Bn254Error`] if an interval or a cap has no proof.
    pub fn registration(graph: &Graph, srs: Arc<Srs>, log_rows: usize) -> Result<Self, Bn254Error> {
        let system = registration_system(graph, FIELD)?;
        Self::with_system(system, graph, None, srs, log_rows)
    }

    /// The relation of a system that was built beside its witness; `shape` is absent for a registration.
    ///
    /// # Errors
    /// [`Bn254Error`] if the system does not fit columns of this height.
    pub fn with_system(
        system: System,
        graph: &Graph,
        shape: Option<&Shape>,
        srs: Arc<Srs>,
        log_rows: usize,
    ) -> Result<Self, Bn254Error> {
        let columns = KzgColumns::new(srs, log_rows)?;
        let reserved = Reserved::uniform(RESERVED_ROWS, shape.map_or(0, Shape::num_committed));
        let layout = Layout::new(&system, log_rows, &reserved)?;
        let digest = circuit_digest(graph, shape, log_rows)?;
        let packing = Packing::new(&system);
        within("the columns of a proof", layout.num_columns() + 1, MAX_COLUMNS, "make them taller")?;
        let advice = "commit inputs instead of publishing them, or prove smaller batches";
        within("the bytes of public tensors", packing.length, MAX_PUBLIC_BYTES, advice)?;
        Ok(Self { system, layout, columns, packing, digest })
    }

    /// The digest of everything that a circuit is made from.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// What a verifier outside of the SNARK knows of a statement, beside the commitments.
    ///
    /// # Errors
    /// [`Bn254Error::Relation`] if a tensor does not fit.
    pub fn statement(&self, public: &Public) -> Result<PackedStatement, Bn254Error> {
        let bytes = self.packing.pack(&self.system, &public.tensors)?;
        Ok(PackedStatement { context: context_element(&public.context), bytes })
    }

    /// The entries of the graph's constants, at their indices.
    pub fn constants(&self) -> Vec<Vec<i32>> {
        let entries = |home: &Home| match home {
            Home::Constant(data) => data.clone(),
            Home::PublicInput(_)
            | Home::PublicOutput(_)
            | Home::Weight(_)
            | Home::Committed(_)
            | Home::Witness
            | Home::Helper { .. } => Vec::new(),
        };
        self.system.tensors.iter().map(|t| entries(&t.home)).collect()
    }

    /// The public part of a statement, from a witness.
    pub fn public_of(&self, witness: &[Vec<i32>], context: &[u8]) -> Public {
        let mut tensors = vec![Vec::new(); self.system.tensors.len()];
        for packed in &self.packing.tensors {
            tensors[packed.tensor] = witness.get(packed.tensor).cloned().unwrap_or_default();
        }
        Public { tensors, context: context.to_vec() }
    }

    /// The commitments of all trees in the layout's order; `own` are the proof's.
    ///
    /// # Errors
    /// [`Bn254Error::Columns`] where a tree is missing, or has another number of columns than the layout.
    pub(crate) fn trees<'p>(
        &self,
        shared: &'p [(TreeKind, ColumnPoints)],
        (witness, helpers): (&'p ColumnPoints, Option<&'p ColumnPoints>),
    ) -> Result<Vec<&'p ColumnPoints>, Bn254Error> {
        if helpers.is_some() != self.layout.tree(TreeKind::Helpers).is_some() {
            return Err(Bn254Error::Columns { expected: self.layout.columns(TreeKind::Helpers), got: 0 });
        }
        let mut trees = Vec::with_capacity(self.layout.trees.len());
        for tree in &self.layout.trees {
            let points = match tree.kind {
                TreeKind::Witness => Some(witness),
                TreeKind::Helpers => helpers,
                kind => shared.iter().find(|(k, _)| *k == kind).map(|(_, points)| points),
            };
            let got = points.map_or(0, |p| p.points().len());
            let expected = self.num_points(tree.kind);
            match points {
                Some(points) if got == expected => trees.push(points),
                _ => return Err(Bn254Error::Columns { expected, got }),
            }
        }
        Ok(trees)
    }

    /// `ρ`, `v` and `η` of a statement and the commitments of all trees, in the layout's order.
    pub(crate) fn listed(&self, statement: &PackedStatement, trees: &[&ColumnPoints]) -> [Fr; 3] {
        let points = |of_helpers: bool| {
            let kinds = self.layout.trees.iter().map(|tree| tree.kind == TreeKind::Helpers);
            let chosen = kinds.zip(trees).filter(|(helpers, _)| *helpers == of_helpers);
            chosen.flat_map(|(_, points)| points.to_bytes()).collect::<Vec<u8>>()
        };
        let (rho, value) = statement.evaluate(&points(false));
        [rho, value, helpers_digest(&points(true))]
    }

    /// The number of points of a tree, with the mask's.
    pub fn num_points(&self, tree: TreeKind) -> usize {
        self.layout.columns(tree) + usize::from(tree == TreeKind::Witness)
    }

    /// The position of the tree whose last column is the mask.
    pub(crate) fn mask_tree(&self) -> usize {
        self.layout.tree(TreeKind::Witness).unwrap_or(0)
    }

    /// The algebraic errors of the protocol, as degrees over the order of the field.
    pub fn error_terms(&self) -> Vec<ErrorTerm> {
        let mut terms = error_terms(&self.system, &self.layout, 0);
        let rows = (1u64 << self.layout.log_rows) as f64;
        let words = self.layout.log_rows as f64 + 4.0;
        terms.push(ErrorTerm { name: "column combination", degree: self.layout.num_columns() as f64 });
        terms.push(ErrorTerm { name: "public inputs", degree: words });
        terms.push(ErrorTerm { name: "packed tensors", degree: self.packing.words() as f64 });
        terms.push(ErrorTerm { name: "opening", degree: 8.0 * rows });
        terms
    }
}

fn within(what: &'static str, got: usize, limit: usize, advice: &'static str) -> Result<(), Bn254Error> {
    if got <= limit { Ok(()) } else { Err(Bn254Error::Contract { what, got, limit, advice }) }
}

/// The element of a context.
pub fn context_element(context: &[u8]) -> Fr {
    reduce(&keccak(&[context]))
}

fn circuit_digest(graph: &Graph, shape: Option<&Shape>, log_rows: usize) -> Result<[u8; 32], Bn254Error> {
    let mut hasher = blake3::Hasher::new_derive_key(DIGEST_CONTEXT);
    hasher.update(&graph.digest()?);
    hasher.update(&(log_rows as u64).to_le_bytes());
    hasher.update(&[u8::from(shape.is_some())]);
    if let Some(shape) = shape {
        hasher.update(&(shape.batch as u64).to_le_bytes());
        for list in [&shape.inputs, &shape.outputs] {
            hasher.update(&(list.len() as u64).to_le_bytes());
            let bytes: Vec<u8> = list.iter().map(|&v| kind_byte(v)).collect();
            hasher.update(&bytes);
        }
    }
    Ok(*hasher.finalize().as_bytes())
}
