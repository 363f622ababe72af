//! How often a false statement passes: every algebraic error term of the protocol, for the union bound of a suite.
//!
//! A term of degree `d` is an error of `d/|K|`. A suite multiplies the sum by the list size of its commitment (1 inside the
//! unique radius) and adds the errors of the commitment itself: [`error_terms`] counts none of those.
//!
//! Every term assumes that all tensors are fixed before the challenge: the witness by its commitment before the lookup
//! challenges, helpers, where there are any, by theirs before the zero test's point.

use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

use crate::claims::is_committed;
use crate::fractions::Leaves;
use crate::layout::Layout;
use crate::system::{System, ViewId};
use crate::verifier::{equation_variables, lookup_rounds, product_rounds};

/// One way in which a false statement passes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ErrorTerm {
    /// The challenge that is unlucky.
    pub name: &'static str,
    /// The error times the size of the challenge field.
    pub degree: f64,
}

/// The error terms of the protocol above the commitment, with `num_wide` claims on whole columns, in the order of the
/// challenges.
///
/// # Soundness
/// *Fingerprints and logarithmic derivative* (`α`, `β` together). A fingerprint `f = tag + Σ β^j·entry_j` of a tuple of at
/// most `t` entries is a polynomial of degree `t` in `β`, and distinct tuples or tags give distinct polynomials. Let `D` be
/// the number of looked-up tuples plus table rows.
/// - `α` equals one of `D` fingerprints: a root of `Π (α − f)`, of total degree `D·t`. Otherwise the zero tests fix every
///   helper to the sum of its fractions. In a tree no proof exists then: the root's denominator has no inverse.
/// - `Σ_f c_f/(α − f) = 0` although some looked-up tuple is in no table. Its `c_f` is the number of its occurrences, not 0
///   because the builder keeps the number of lookups below the characteristic. The numerator is a polynomial of total degree
///   at most `(D − 1)·t`, and not zero: at `α = f` it is `c_f·Π_{g ≠ f} (f − g)`.
///
/// *Tree of fractions*, over `n` layers. A false claim on the numerator or the denominator of a node, both multilinear in its
/// point, passes their combination with one challenge: `1` per layer. A layer's sumcheck has as many rounds as variables, and
/// messages of degree 2: `2·j` in layer `j`. The challenge that merges the children is one more variable of the layer below,
/// in which both claims are linear: `1`. At the leaves the claims are compared with evaluations that are sent.
///
/// *Zero tests* (`z'`): the residual of one helper on its valid region, extended to `z'`, is multilinear in `n` variables: `n`.
///
/// *Lookup batching*: the zero tests enter with powers 1 to `H` of one challenge, the sum test with a challenge of its own:
/// the degrees are `H` and 1.
///
/// *Sumchecks*: rounds times the degree of a message. An instance over fewer variables is constant in the others and scaled
/// by an invertible constant, so the batch is one polynomial.
///
/// *Equation point*: the residual of a violated equation, with every tensor 0 outside of its valid region, is multilinear in
/// the coordinates of `z`; they are drawn in or right after the first sumcheck.
///
/// *Equation and claim batching*: powers from 1 on of a challenge that is drawn after all evaluations that it combines.
pub fn error_terms(system: &System, layout: &Layout, num_wide: usize) -> Vec<ErrorTerm> {
    let term = |name, degree: usize| ErrorTerm { name, degree: degree as f64 };
    let (fingerprints, entries) = fingerprints(system);
    let (lookup_rounds, lookup_degree) = lookup_rounds(system);
    let (product_rounds, product_degree) = product_rounds(system);
    let mut terms =
        vec![ErrorTerm { name: "logarithmic derivative", degree: (fingerprints - 1.0).max(0.0) * entries }];
    if system.fractions.is_empty() {
        terms.extend([
            ErrorTerm { name: "fingerprints", degree: fingerprints * entries },
            term("zero test point", lookup_rounds),
            term("zero test batching", system.helpers.len()),
            term("sum test batching", 1),
            term("lookup sumcheck", lookup_rounds * lookup_degree),
        ]);
    } else {
        let layers = Leaves::new(system).variables;
        terms.extend([
            term("fraction batching", layers),
            term("fraction sumchecks", layers * layers.saturating_sub(1)),
            term("fraction children", layers),
        ]);
    }
    terms.extend([
        term("equation point", equation_variables(system)),
        term("equation batching", system.equations.len()),
        term("product sumcheck", product_rounds * product_degree),
        term("claim batching", claims(system) + num_wide),
        term("claim reduction sumcheck", layout.log_rows * 2),
    ]);
    terms
}

/// The number of looked-up tuples and table rows, and the most entries of a tuple.
fn fingerprints(system: &System) -> (f64, f64) {
    let rows: f64 = system.tables.iter().map(|t| t.rows as f64).sum();
    let entries = system.tables.iter().map(|t| t.columns.len()).max().unwrap_or(0);
    (system.num_lookups() as f64 + rows, entries as f64)
}

/// The number of claims: one per helper, per packed tensor, per committed view at the first sumcheck's end, and per committed operand of a
/// product.
fn claims(system: &System) -> usize {
    let committed = |view: &ViewId| is_committed(&system.source(*view).home);
    let looked_up = system.all_fractions().flat_map(|f| {
        f.multiplicity.into_iter().chain(f.tuple.iter().flat_map(|entry| entry.terms.iter().map(|t| t.1)))
    });
    let linear = system.equations.iter().flat_map(|e| e.linear.terms.iter().map(|t| t.1));
    let sealed: BTreeSet<ViewId> = looked_up.chain(linear).filter(committed).collect();
    let products = system.equations.iter().flat_map(|e| &e.bilinear).flat_map(|p| [p.a, p.b]);
    system.helpers.len() + system.packed.len() + sealed.len() + products.filter(committed).count()
}
