//! The integers of a sum for a given unit of its accumulator, and the two bounds on them.
//!
//! What is *declared* holds for every weight of the declared width and is what proofs rely on; what is *real* follows from
//! the real weights and decides which values of `hi` a proof must be able to express.

use zkml_ir::Interval;
use zkml_ir::graph::MAX_MAGNITUDE;

use crate::affine::{Affine, Contraction, Quantized, Real, Term};
use crate::scale::round;
use crate::spread::Spread;

/// A summand's integers: its coefficient, and its weights if it has some.
#[derive(Clone, Debug)]
pub(crate) struct IntegerTerm {
    pub(crate) coefficient: i64,
    pub(crate) weights: Option<Weights>,
}

/// Integer weights with what is declared of them.
#[derive(Clone, Debug)]
pub(crate) struct Weights {
    pub(crate) data: Vec<i32>,
    pub(crate) cap: Option<u64>,
}

/// The integers of a sum.
#[derive(Clone, Debug)]
pub(crate) struct Integers {
    pub(crate) terms: Vec<IntegerTerm>,
    pub(crate) bias: Option<(Spread<i64>, Interval)>,
    /// Holds for all weights as they are declared.
    pub(crate) declared: Interval,
    /// Holds for the real weights.
    pub(crate) real: Interval,
}

/// Rounds the parameters of `affine` so that `real = unit · accumulator`; a reason where they do not fit.
pub(crate) fn integers(affine: &Affine, unit: f64, widths: &Widths) -> Result<Integers, String> {
    let mut declared = Interval::point(0);
    let mut terms = Vec::with_capacity(affine.terms.len());
    for term in &affine.terms {
        let (integer, range) = integer_term(term, unit, widths)?;
        declared = declared.add(&range);
        terms.push(integer);
    }
    let bias = affine.has_bias().then(|| integer_bias(&affine.bias, unit));
    if let Some((_, range)) = &bias {
        declared = declared.add(range);
    }
    if declared.magnitude() > MAX_MAGNITUDE as u64 {
        return Err(format!("its accumulator may reach {declared}, beyond ±{MAX_MAGNITUDE}"));
    }
    let mut integers = Integers { terms, bias, declared, real: declared };
    integers.real = integers.real_bounds(affine);
    Ok(integers)
}

/// What is declared of weights and quotients.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Widths {
    pub(crate) weights: Interval,
    /// Whether to declare a cap on `Σ|w|`.
    pub(crate) cap: bool,
    /// Bits of the blocks to which the interval of quotients is rounded.
    pub(crate) block: u32,
}

fn integer_term(term: &Term, unit: f64, widths: &Widths) -> Result<(IntegerTerm, Interval), String> {
    match term {
        Term::Tensor { x, factor } => {
            let k = round(x.scale * factor / unit);
            Ok((IntegerTerm { coefficient: k, weights: None }, x.range.scale(k)))
        }
        Term::Product { a, b, count, factor, .. } => {
            let k = round(a.scale * b.scale * factor / unit);
            Ok((IntegerTerm { coefficient: k, weights: None }, a.range.mul(&b.range).times(*count).scale(k)))
        }
        Term::Weighted { x, weight, kept, op } => {
            let factor = x.scale / unit;
            let data: Vec<i32> = weight.data.iter().map(|w| round(w * factor) as i32).collect();
            if let Some(w) = data.iter().find(|w| !widths.weights.contains(i64::from(**w))) {
                return Err(format!("a weight becomes {w}, outside of {}", widths.weights));
            }
            let row = Term::row_length(weight, kept).max(1);
            let cap = (widths.cap && caps(weight, kept, op)).then(|| rounded_cap(&data, row));
            let x = if matches!(op, Contraction::Conv(_)) { with_zero(x) } else { x.range };
            let mut range = widths.weights.mul(&x).times(row);
            if let Some(cap) = cap {
                let bound = i64::try_from(cap.saturating_mul(x.magnitude())).unwrap_or(i64::MAX);
                range = Interval::new(range.lo.max(-bound), range.hi.min(bound));
            }
            Ok((IntegerTerm { coefficient: 1, weights: Some(Weights { data, cap }) }, range))
        }
    }
}

/// Padding counts as 0.
fn with_zero(x: &Quantized) -> Interval {
    x.range.hull(&Interval::point(0))
}

/// Whether a cap per index of the weight's first axis bounds the sum.
fn caps(weight: &Real, kept: &[usize], op: &Contraction) -> bool {
    matches!(op, Contraction::Conv(_)) || kept.len() == 1 && weight.shape.len() > 1
}

/// The largest `Σ|w|` of a row, rounded up to three significant bits, so that little of it is revealed.
fn rounded_cap(data: &[i32], row: usize) -> u64 {
    let sums = data.chunks(row).map(|r| r.iter().map(|w| u64::from(w.unsigned_abs())).sum::<u64>());
    let most = sums.max().unwrap_or(0).max(1);
    let step = 1u64 << most.ilog2().saturating_sub(3);
    most.div_ceil(step) * step
}

/// Biases and the interval declared for them: bits rounded up, so that the largest one stays hidden.
fn integer_bias(bias: &Spread<f64>, unit: f64) -> (Spread<i64>, Interval) {
    let bias = bias.map(|b| round(b / unit));
    let most = bias.data.iter().map(|b| b.unsigned_abs()).max().unwrap_or(0).max(1);
    let range = Interval::signed((most.ilog2() + 2).min(62));
    (bias, range)
}

impl Integers {
    /// The hull over all output entries of the exact interval of each.
    fn real_bounds(&self, affine: &Affine) -> Interval {
        let mut bounds = match &self.bias {
            Some((bias, _)) => bias.map(|&b| Interval::point(b)),
            None => Spread::scalar(Interval::point(0)),
        };
        for (integer, term) in self.terms.iter().zip(&affine.terms) {
            let of_term = term_bounds(integer, term);
            bounds = bounds.zip(&of_term, |a, b| a.add(&b));
        }
        let first = bounds.data.first().copied().unwrap_or(Interval::point(0));
        bounds.data.iter().fold(first, |hull, b| hull.hull(b))
    }
}

fn term_bounds(integer: &IntegerTerm, term: &Term) -> Spread<Interval> {
    match (term, &integer.weights) {
        (Term::Weighted { x, weight, kept, op }, Some(weights)) => {
            let x = if matches!(op, Contraction::Conv(_)) { with_zero(x) } else { x.range };
            let row = Term::row_length(weight, kept).max(1);
            let data = weights.data.chunks(row).map(|entries| row_bounds(entries, &x)).collect();
            Spread { axes: kept.clone(), lengths: weight.shape[..kept.len()].to_vec(), data }
        }
        (Term::Tensor { x, .. }, _) => Spread::scalar(x.range.scale(integer.coefficient)),
        (Term::Product { a, b, count, .. }, _) => {
            Spread::scalar(product_range(a, b, *count).scale(integer.coefficient))
        }
        (Term::Weighted { .. }, None) => Spread::scalar(Interval::point(0)),
    }
}

/// The sums of `count` products; a tensor contracted with itself has no negative squares.
fn product_range(a: &Quantized, b: &Quantized, count: usize) -> Interval {
    a.range.mul(&b.range).times(count)
}

fn row_bounds(weights: &[i32], x: &Interval) -> Interval {
    let (mut positive, mut negative) = (0i64, 0i64);
    for &w in weights {
        if w > 0 {
            positive += i64::from(w);
        } else {
            negative += i64::from(w);
        }
    }
    Interval::new(positive * x.lo + negative * x.hi, positive * x.hi + negative * x.lo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cap_is_rounded_up_and_never_below_the_sum() {
        for sum in [1, 7, 100, 1000, 123_457] {
            let cap = rounded_cap(&[sum], 1);
            assert!(cap >= sum as u64 && cap <= (sum as u64 * 9).div_ceil(8), "{sum}: {cap}");
        }
    }

    #[test]
    fn row_bounds_are_exact() {
        assert_eq!(row_bounds(&[3, -2], &Interval::new(-1, 10)), Interval::new(-3 - 20, 30 + 2));
    }
}
