//! The list of claims that the protocol collects on committed tensors.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use crate::context::Context;
use crate::eq::{eq_valid, eq_vertex};
use crate::functional::{Functional, accumulate};
use crate::layout::{Layout, TreeKind};
use crate::map::Map;
use crate::scalar::Scalar;
use crate::system::{Home, System, ViewId};

/// Where a claim's point comes from: claims on one view at one point are one claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PointId {
    /// The end of the first sumcheck.
    Lookups,
    /// The end of the second sumcheck, for one operand of one product.
    Product {
        /// The product's position among all products.
        product: usize,
        /// 0 for the first operand, 1 for the second.
        side: usize,
    },
}

/// What a claim is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A tensor of the system.
    Tensor(usize),
    /// The challenge-field tensor with limbs `first, first + 1, …`.
    Limbs {
        /// The tensor of the first limb.
        first: usize,
        /// The number of limbs.
        count: usize,
    },
}

/// `functional(target) = value`.
#[derive(Clone, Debug)]
pub struct Claim<P, V> {
    /// The tensor.
    pub target: Target,
    /// The public weights.
    pub functional: Functional<P>,
    /// The claimed value.
    pub value: V,
}

/// `Σ_(tree, k) k · Σ_c batching^c · Σ_(row < rows) eq(point, row) · column_c[row] = value`, over all columns of the trees.
///
/// Inside the list-decoding radius a root alone does not fix one tuple of columns. A claim about all rows of one tree, the
/// random ones included, *pins* it: point and batching coefficient are derived from the root, and the value belongs to the
/// identity of whatever is committed, so all proofs mean one tuple. A claim about the data rows of several trees, with
/// coefficients that add up to 0, shows that they hold the same data.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnClaim<P> {
    /// The trees and their coefficients.
    pub trees: Vec<(TreeKind, P)>,
    /// The row point: one coordinate per variable of a column.
    pub point: Vec<P>,
    /// The base of the columns' coefficients.
    pub batching: P,
    /// The number of rows, from the first one on, that the claim is about.
    pub rows: usize,
    /// The value.
    pub value: P,
}

/// The claims of a proof, and those on whole columns after them.
pub type AllClaims<'a, P, V> = (&'a Claims<P, V>, &'a [ColumnClaim<P>]);

/// An evaluation that is public or was sent by the prover.
#[derive(Clone, Debug)]
pub enum Evaluation<P, S> {
    /// Computed from public data.
    Public(P),
    /// Sent by the prover and claimed.
    Sealed(S),
}

/// The claims collected so far.
pub struct Claims<P, V> {
    list: Vec<Claim<P, V>>,
    known: BTreeMap<(ViewId, PointId), usize>,
}

impl<P: Scalar, V: Clone> Default for Claims<P, V> {
    fn default() -> Self {
        Self { list: Vec::new(), known: BTreeMap::new() }
    }
}

impl<P: Scalar, V: Clone> Claims<P, V> {
    /// The claims in the order in which they were made.
    pub fn list(&self) -> &[Claim<P, V>] {
        &self.list
    }

    /// Adds a claim.
    pub fn push(&mut self, claim: Claim<P, V>) {
        self.list.push(claim);
    }

    /// The evaluation of a view at a point: computed by `public` where the tensor is public, received once otherwise.
    ///
    /// # Errors
    /// Whatever `receive` returns.
    pub fn evaluate<E>(
        &mut self,
        system: &System,
        view: ViewId,
        (id, point): (PointId, &[P]),
        public: impl FnOnce(&Functional<P>) -> P,
        receive: impl FnOnce(&Map) -> Result<V, E>,
    ) -> Result<Evaluation<P, V>, E> {
        if let Some(&claim) = self.known.get(&(view, id)) {
            return Ok(Evaluation::Sealed(self.list[claim].value.clone()));
        }
        let v = &system.views[view.0];
        let functional = Functional::new(&v.map, point);
        if !is_committed(&system.tensors[v.tensor].home) {
            return Ok(Evaluation::Public(public(&functional)));
        }
        let value = receive(&v.map)?;
        self.known.insert((view, id), self.list.len());
        self.list.push(Claim { target: Target::Tensor(v.tensor), functional, value: value.clone() });
        Ok(Evaluation::Sealed(value))
    }
}

/// Whether the prover sends evaluations of such a tensor.
pub(crate) const fn is_committed(home: &Home) -> bool {
    match home {
        Home::Weight(_) | Home::Committed(_) | Home::Witness | Home::Helper { .. } => true,
        Home::Constant(_) | Home::PublicInput(_) | Home::PublicOutput(_) => false,
    }
}

/// For every column of all trees, the multilinear extension at the row point of the weights that the claims and, after
/// them, the claims on whole columns, combined with `coefficients`, put on it.
pub fn column_weights<C: Context, V: Clone>(
    cx: &C,
    layout: &Layout,
    (claims, wide): AllClaims<'_, C::Public, V>,
    coefficients: &[C::Public],
    point: &[C::Public],
) -> Vec<C::Public> {
    let mut weights = vec![C::Public::integer(0); layout.num_columns()];
    for (tensor, slabs) in tensor_weights(cx, layout, claims, coefficients, point) {
        let Some(placement) = layout.placements[tensor].as_ref() else { continue };
        let (first, log) = (layout.first_column(placement.tree), placement.log_slab());
        for (slab, weight) in placement.slabs.iter().zip(slabs) {
            let offset = eq_vertex(&point[log..], slab.row >> log);
            accumulate(&mut weights[first + slab.column], weight * offset);
        }
    }
    for (claim, coefficient) in wide.iter().zip(coefficients.iter().skip(claims.list().len())) {
        let rows = coefficient.clone() * eq_valid(&claim.point, point, claim.rows);
        for (tree, k) in &claim.trees {
            let (first, columns) = (layout.first_column(*tree), layout.columns(*tree));
            let mut factor = rows.clone() * k.clone();
            for at in &mut weights[first..first + columns] {
                accumulate(at, factor.clone());
                factor = factor * claim.batching.clone();
            }
        }
    }
    weights
}

/// For every tensor with claims, the weights of its slabs at the low coordinates of the row point, added up over the claims.
fn tensor_weights<C: Context, V: Clone>(
    cx: &C,
    layout: &Layout,
    claims: &Claims<C::Public, V>,
    coefficients: &[C::Public],
    point: &[C::Public],
) -> BTreeMap<usize, Vec<C::Public>> {
    let mut sums: BTreeMap<usize, Vec<C::Public>> = BTreeMap::new();
    for (claim, coefficient) in claims.list().iter().zip(coefficients) {
        let (first, limbs) = match claim.target {
            Target::Tensor(tensor) => (tensor, 1),
            Target::Limbs { first, count } => (first, count),
        };
        let Some(placement) = layout.placements[first].as_ref() else { continue };
        let inner = &point[..placement.log_slab()];
        let slabs = claim.functional.slab_weights(coefficient, &placement.cuts, inner);
        for limb in 0..limbs {
            let basis = (limbs > 1).then(|| cx.basis(limb));
            let own = sums.entry(first + limb).or_insert_with(|| vec![C::Public::integer(0); slabs.len()]);
            for (sum, weight) in own.iter_mut().zip(&slabs) {
                let weight = weight.clone();
                accumulate(sum, basis.iter().fold(weight, |weight, basis| weight * basis.clone()));
            }
        }
    }
    sums
}
