//! A sum of fractions by a tree of additions, checked layer by layer from its root (Papini, Haböck: eprint 2023/1284).
//!
//! A node is the sum of its two children as fractions: `p = p_0·q_1 + p_1·q_0`, `q = q_0·q_1`. Layer `j` has `2^j` nodes; the
//! child bit is variable 0 of the layer below, so that the tree adds up neighbours and a tensor among the leaves stays a tensor.
//! A claim on `p` and `q` at a point becomes, by a sumcheck over the nodes of the layer, a claim on both children at another
//! point, and a further challenge merges them into a claim on the layer below.
//!
//! A round polynomial of `Σ_b eq(r, b)·f(b)` is `eq(r_i, X)·h(X)` times what is bound. Both sides carry the sum without the
//! bound factors, `C_i = (1 − r_i)·h(0) + r_i·h(1)`. The prover sends `d = h(1) − h(0)` and the leading coefficient `a` of `h`,
//! and `C_(i+1) = h(x) = C_i + d·(x − r_i) + a·x·(x − 1)`.

use alloc::vec::Vec;

use crate::context::Context;
use crate::eq::cube_variables;
use crate::error::VerifyError;
use crate::scalar::Scalar;
use crate::system::System;

/// A tensor of fractions among the leaves: an aligned block of `2^variables` of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) variables: usize,
    /// The position among blocks of this size.
    pub(crate) index: usize,
}

/// Where the fractions of a system stand among the leaves of its tree; leaves in no block are `0/1`.
#[derive(Clone, Debug)]
pub(crate) struct Leaves {
    /// The base-2 logarithm of the number of leaves.
    pub(crate) variables: usize,
    /// One block per fraction.
    pub(crate) blocks: Vec<Block>,
}

impl Leaves {
    /// Large blocks come first, so that all are aligned without gaps.
    pub(crate) fn new(system: &System) -> Self {
        let mut blocks: Vec<Block> = system
            .fractions
            .iter()
            .map(|f| Block { variables: cube_variables(f.shape()), index: 0 })
            .collect();
        let mut order: Vec<usize> = (0..blocks.len()).collect();
        order.sort_by_key(|&i| core::cmp::Reverse(blocks[i].variables));
        let mut start = 0usize;
        for i in order {
            blocks[i].index = start >> blocks[i].variables;
            start += 1 << blocks[i].variables;
        }
        let variables = start.next_power_of_two().trailing_zeros() as usize;
        Self { variables, blocks }
    }
}

/// What is left to check at the leaves.
pub(crate) struct LeafClaim<C: Context> {
    /// The point, variable 0 first.
    pub(crate) point: Vec<C::Public>,
    /// The claimed numerators there.
    pub(crate) numerator: C::Linear,
    /// The claimed denominators there.
    pub(crate) denominator: C::Linear,
}

/// Reduces the statement that `2^variables` fractions have denominators other than 0 and sum to 0 to a claim on them.
///
/// # Soundness
/// The root's denominator is the product of all; that it has an inverse shows that none is 0.
///
/// # Errors
/// [`VerifyError`] that names the check that fails.
pub(crate) fn verify<C: Context>(cx: &mut C, variables: usize) -> Result<LeafClaim<C>, VerifyError> {
    let one = C::Public::integer(1);
    let minus_one = C::Public::integer(-1);
    let (root, inverse) = (cx.receive("root")?, cx.receive("root inverse")?);
    let mut check = cx.zero();
    cx.add_product(&mut check, &one, &root, &inverse);
    cx.add_public(&mut check, &minus_one);
    cx.assert_zero(check, "root of the fractions")?;
    let mut claim = LeafClaim { point: Vec::new(), numerator: cx.zero(), denominator: cx.zero() };
    cx.add(&mut claim.denominator, &one, &root);
    for _ in 0..variables {
        let batching = cx.challenge("fraction batching");
        let mut sum = cx.scale(&claim.denominator, &batching);
        cx.add_linear(&mut sum, &claim.numerator);
        let mut point = rounds(cx, &mut sum, &claim.point)?;
        let (p0, p1) = (cx.receive("fraction")?, cx.receive("fraction")?);
        let (q0, q1) = (cx.receive("fraction")?, cx.receive("fraction")?);
        let mut check = cx.scale(&sum, &minus_one);
        cx.add_product(&mut check, &one, &p0, &q1);
        cx.add_product(&mut check, &one, &p1, &q0);
        cx.add_product(&mut check, &batching, &q0, &q1);
        cx.assert_zero(check, "sum of fractions")?;
        let child = cx.challenge("fraction child");
        let other = one.clone() - child.clone();
        let mut merge = |a: &C::Sealed, b: &C::Sealed| {
            let mut sum = cx.zero();
            cx.add(&mut sum, &other, a);
            cx.add(&mut sum, &child, b);
            sum
        };
        (claim.numerator, claim.denominator) = (merge(&p0, &p1), merge(&q0, &q1));
        point.insert(0, child);
        claim.point = point;
    }
    Ok(claim)
}

/// The rounds of one layer, for the claim at `r`; returns their point.
fn rounds<C: Context>(
    cx: &mut C,
    claim: &mut C::Linear,
    r: &[C::Public],
) -> Result<Vec<C::Public>, VerifyError> {
    let mut point = Vec::with_capacity(r.len() + 1);
    for r in r {
        let (difference, leading) = (cx.receive("round")?, cx.receive("round")?);
        let x = cx.challenge("sumcheck");
        cx.add(claim, &(x.clone() - r.clone()), &difference);
        cx.add(claim, &(x.clone() * (x.clone() - C::Public::integer(1))), &leading);
        point.push(x);
    }
    Ok(point)
}
