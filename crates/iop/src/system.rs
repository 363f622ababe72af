//! The relation of a statement: tensors, lookups and equations, the same for every suite.
//!
//! A [`System`] is a deterministic function of the graph, the batch size and the visibilities. Prover and verifier build it
//! independently; nothing in it comes from a proof.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use zkml_ir::Interval;
use zkml_ir::ops::Einsum;

use crate::map::Map;

/// Where a tensor of a system lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Home {
    /// Committed once with the model: the index among the graph's weights.
    Weight(usize),
    /// Committed for several statements in a tree of its own: the index among the statement's committed tensors.
    Committed(usize),
    /// Committed in every proof before the lookup challenges.
    Witness,
    /// One limb of a lookup helper, committed after the lookup challenges.
    Helper {
        /// The helper's index.
        helper: usize,
        /// The index of the extension's basis element.
        limb: usize,
    },
    /// Public data under the graph's digest.
    Constant(Vec<i32>),
    /// Public data of the statement: the index among the graph's inputs.
    PublicInput(usize),
    /// Public data of the statement: the index among the graph's outputs.
    PublicOutput(usize),
}

/// What a public tensor is to the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// The input of this index.
    Input(usize),
    /// The output of this index.
    Output(usize),
}

/// A tensor of a system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// A name for messages.
    pub name: String,
    /// The shape, with the batch as first axis for whatever depends on the sample.
    pub shape: Vec<usize>,
    /// An interval that holds every entry of an honest witness. Whether it is proven is the business of the relation.
    pub range: Interval,
    /// Where it lives.
    pub home: Home,
}

/// A view of a tensor of the system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct View {
    /// The tensor's index.
    pub tensor: usize,
    /// The rearrangement.
    pub map: Map,
}

/// The index of a view; equal views share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewId(pub usize);

/// `Σ k·view + constant` on the index cube of a tensor of shape `shape`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Affine {
    /// The shape of every view in it.
    pub shape: Vec<usize>,
    /// Coefficients and views.
    pub terms: Vec<(i64, ViewId)>,
    /// The constant.
    pub constant: i64,
}

/// `coefficient · Σ a·b` over the labels that the output lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bilinear {
    /// The coefficient.
    pub coefficient: i64,
    /// The first operand.
    pub a: ViewId,
    /// The second operand.
    pub b: ViewId,
    /// The labels of the views' axes and of the equation's.
    pub labels: Einsum,
}

/// `linear + Σ bilinear = 0` at every index of a tensor of shape `linear.shape`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equation {
    /// The node whose equation it is.
    pub name: String,
    /// The affine part.
    pub linear: Affine,
    /// The products.
    pub bilinear: Vec<Bilinear>,
}

/// One fraction of a lookup argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fraction {
    /// The node whose lookup it is, or the table.
    pub name: String,
    /// 1 where absent; minus this multiplicity on a table's side.
    pub multiplicity: Option<ViewId>,
    /// The table's index; its tag is this index plus one.
    pub table: usize,
    /// The entries of the tuple.
    pub tuple: Vec<Affine>,
}

/// A helper tensor `h = Σ numerator / (α − fingerprint)` over the fractions, one or two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Helper {
    /// The shape of the fractions' cube.
    pub shape: Vec<usize>,
    /// The fractions.
    pub fractions: Vec<Fraction>,
    /// The tensor of the helper's first limb; the others follow.
    pub first_limb: usize,
}

/// A public table of distinct rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupTable {
    /// A name for reports.
    pub name: String,
    /// The columns: constant tensors of one axis, equally long.
    pub columns: Vec<usize>,
    /// The number of rows.
    pub rows: usize,
    /// The row of a tuple: `Σ (entry − start)·step` over the columns; a step of 0 marks a column that follows from others.
    pub index: Vec<(i64, usize)>,
    /// The tensor of the multiplicities.
    pub multiplicity: usize,
}

/// The relation of a statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct System {
    /// The tensors.
    pub tensors: Vec<Declared>,
    /// The views of them that occur.
    pub views: Vec<View>,
    /// The lookup tables.
    pub tables: Vec<LookupTable>,
    /// Fractions that one tree adds up: where the challenge field is an extension, a helper would cost as many columns as the
    /// degree.
    pub fractions: Vec<Fraction>,
    /// The lookup helpers, where the challenge field is the base field.
    pub helpers: Vec<Helper>,
    /// The equations.
    pub equations: Vec<Equation>,
    /// Public tensors that are committed like private ones, and of which a verifier knows the packed words: inputs, then outputs.
    pub packed: Vec<(usize, Port)>,
    interned: BTreeMap<View, ViewId>,
}

impl System {
    /// Adds a tensor.
    pub fn declare(&mut self, tensor: Declared) -> usize {
        self.tensors.push(tensor);
        self.tensors.len() - 1
    }

    /// The identifier of a view.
    pub fn view(&mut self, tensor: usize, map: Map) -> ViewId {
        let view = View { tensor, map };
        if let Some(&id) = self.interned.get(&view) {
            return id;
        }
        let id = ViewId(self.views.len());
        self.views.push(view.clone());
        self.interned.insert(view, id);
        id
    }

    /// The view of a whole tensor.
    pub fn whole(&mut self, tensor: usize) -> ViewId {
        let map = Map::identity(&self.tensors[tensor].shape);
        self.view(tensor, map)
    }

    /// The tensor behind a view.
    pub fn source(&self, view: ViewId) -> &Declared {
        &self.tensors[self.views[view.0].tensor]
    }

    /// The integers of an affine expression, row-major, for a witness with one entry per tensor.
    pub fn evaluate(&self, witness: &[Vec<i32>], affine: &Affine) -> Vec<i64> {
        let mut sums = alloc::vec![affine.constant; affine.shape.iter().product()];
        for &(k, view) in &affine.terms {
            let view = &self.views[view.0];
            let data = &witness[view.tensor];
            let data = if view.map.is_identity() {
                Cow::Borrowed(data)
            } else {
                Cow::Owned(view.map.materialize(data))
            };
            sums.iter_mut().zip(data.iter()).for_each(|(sum, &v)| *sum += k * i64::from(v));
        }
        sums
    }

    /// All fractions of the lookup argument.
    pub fn all_fractions(&self) -> impl Iterator<Item = &Fraction> {
        self.fractions.iter().chain(self.helpers.iter().flat_map(|h| &h.fractions))
    }

    /// The number of looked-up tuples.
    pub fn num_lookups(&self) -> u64 {
        let size = |f: &Fraction| f.shape().iter().fold(1u64, |product, &n| product.saturating_mul(n as u64));
        let looked_up = self.all_fractions().filter(|f| f.multiplicity.is_none());
        looked_up.map(size).fold(0, u64::saturating_add)
    }
}

/// Refuses a coefficient beyond ±2^31.
pub(crate) fn check_coefficient(coefficient: i64) -> Result<(), String> {
    if coefficient.unsigned_abs() > 1 << 31 {
        return Err(format!("a coefficient reaches {coefficient}, beyond 2^31"));
    }
    Ok(())
}

impl Fraction {
    /// The shape of its entries.
    pub fn shape(&self) -> &[usize] {
        self.tuple.first().map_or(&[], |entry| &entry.shape)
    }
}

impl Affine {
    /// One view.
    pub fn view(shape: &[usize], view: ViewId) -> Self {
        Self { shape: shape.to_vec(), terms: alloc::vec![(1, view)], constant: 0 }
    }

    /// `self + k·other`; both have the same shape.
    pub fn plus(mut self, k: i64, other: &Self) -> Self {
        for &(c, view) in &other.terms {
            match self.terms.iter_mut().find(|t| t.1 == view) {
                Some(term) => term.0 += k * c,
                None => self.terms.push((k * c, view)),
            }
        }
        self.terms.retain(|t| t.0 != 0);
        self.constant += k * other.constant;
        self
    }

    /// Refuses coefficients that a further step could wrap around a machine word.
    ///
    /// An integer that is not always 0 has a coefficient below 2^30, because the graph bounds its multiples.
    pub(crate) fn check_coefficients(&self) -> Result<(), String> {
        let coefficients = self.terms.iter().map(|t| t.0).chain([self.constant]);
        coefficients.into_iter().try_for_each(check_coefficient)
    }

    /// `self + k`.
    pub fn plus_constant(mut self, k: i64) -> Self {
        self.constant += k;
        self
    }
}
