//! Multilinear equality polynomials and the multilinear extensions of valid regions.
//!
//! Points list their coordinates with variable 0, the lowest bit of an index, first.

use alloc::vec;
use alloc::vec::Vec;

use crate::scalar::Scalar;

/// The number of variables of an axis of `length` entries: `⌈log2 length⌉`.
pub const fn num_variables(length: usize) -> usize {
    if length <= 1 { 0 } else { (usize::BITS - (length - 1).leading_zeros()) as usize }
}

/// `x·y + (1−x)·(1−y)`.
pub fn eq_pair<P: Scalar>(x: &P, y: &P) -> P {
    let product = x.clone() * y.clone();
    product.clone() + product + P::integer(1) - x.clone() - y.clone()
}

/// `Π eq(x_i, y_i)` over the shorter length.
pub fn eq_points<P: Scalar>(x: &[P], y: &[P]) -> P {
    x.iter().zip(y).fold(P::integer(1), |product, (a, b)| product * eq_pair(a, b))
}

/// `eq(point, index)` for one vertex of the cube: from the highest bit on, which neighbours have in common.
pub fn eq_vertex<P: Scalar>(point: &[P], index: usize) -> P {
    point.iter().enumerate().rev().fold(P::integer(1), |product, (bit, x)| {
        product * if index >> bit & 1 == 1 { x.clone() } else { P::integer(1) - x.clone() }
    })
}

/// `eq(point, i)` for `i` from 0 to `length − 1`; `length` is at most `2^point.len()`.
pub fn eq_table<P: Scalar>(point: &[P], length: usize) -> Vec<P> {
    let mut table = Vec::with_capacity(length.max(1));
    table.push(P::integer(1));
    // The highest variable first, so that the table stays in index order and can be cut at every level.
    for (bit, x) in point.iter().enumerate().rev() {
        let needed = length.div_ceil(1 << bit);
        let mut next = Vec::with_capacity(needed);
        for entry in &table {
            let one = entry.clone() * x.clone();
            next.push(entry.clone() - one.clone());
            next.push(one);
        }
        next.truncate(needed.max(1));
        table = next;
    }
    table.truncate(length);
    table
}

/// `Σ_{i < length} Π_bit f_bit(i_bit)` for bitwise factors given as `(f(0), f(1))`.
///
/// Splits `[0, length)` into aligned blocks, one per set bit of `length`: O(log²) products and no table.
fn prefix_sum<P: Scalar>(factors: &[(P, P)], length: usize) -> P {
    let full: Vec<P> = factors.iter().map(|(zero, one)| zero.clone() + one.clone()).collect();
    if length >= 1 << factors.len() {
        return full.into_iter().fold(P::integer(1), |product, f| product * f);
    }
    let mut sum = P::integer(0);
    let mut high = P::integer(1);
    for bit in (0..factors.len()).rev() {
        let (zero, one) = &factors[bit];
        if length >> bit & 1 == 1 {
            let low = full[..bit].iter().fold(P::integer(1), |product, f| product * f.clone());
            sum = sum + high.clone() * zero.clone() * low;
            high = high * one.clone();
        } else {
            high = high * zero.clone();
        }
    }
    sum
}

/// The multilinear extension of the indicator of `[0, length)` at `point`.
pub fn valid<P: Scalar>(point: &[P], length: usize) -> P {
    let factors: Vec<(P, P)> = point.iter().map(|x| (P::integer(1) - x.clone(), x.clone())).collect();
    prefix_sum(&factors, length)
}

/// The multilinear extension of `i ↦ eq(x, i)·[i < length]` at `y`, for points with equally many variables.
pub fn eq_valid<P: Scalar>(x: &[P], y: &[P], length: usize) -> P {
    let one = P::integer(1);
    let factors: Vec<(P, P)> = x
        .iter()
        .zip(y)
        .map(|(a, b)| {
            let product = a.clone() * b.clone();
            (one.clone() - a.clone() - b.clone() + product.clone(), product)
        })
        .collect();
    prefix_sum(&factors, length)
}

/// The multilinear extension at `point` of data that is 0 beyond its end, by halving; `None` where a table of weights is the
/// cheaper way.
pub fn extension<P: Scalar>(point: &[P], data: &[i32]) -> Option<P> {
    let data: Vec<i64> = data.iter().map(|&v| i64::from(v)).collect();
    let limit = 4 * point.len() * point.len();
    (halving_products(point.len(), &data, limit)? <= limit).then(|| halve(point, &data))
}

/// How the halves of data relate.
enum Halves {
    /// All entries are equal.
    Constant(i64),
    /// The upper half is the lower one, plus a constant.
    Shifted(i64),
    /// One half is constant, the upper one if `true`.
    Step(bool),
    /// Neither.
    Free,
}

fn constant(data: &[i64], length: usize) -> Option<i64> {
    let first = data.first().copied().unwrap_or(0);
    let full = data.len() == length || first == 0;
    (full && data.iter().all(|&v| v == first)).then_some(first)
}

fn halves(variables: usize, data: &[i64]) -> Halves {
    if let Some(value) = constant(data, 1 << variables) {
        return Halves::Constant(value);
    }
    let half = 1usize << (variables - 1);
    let (low, high) = data.split_at(half.min(data.len()));
    let difference = |(l, h): (&i64, &i64)| h - l;
    if low.len() == half
        && high.len() == half
        && low.iter().zip(high).map(difference).all(|d| d == high[0] - low[0])
    {
        return Halves::Shifted(high[0] - low[0]);
    }
    if constant(high, half).is_some() {
        return Halves::Step(true);
    }
    if constant(low, half).is_some() { Halves::Step(false) } else { Halves::Free }
}

/// The number of products that [`halve`] takes, if it is at most `limit`.
fn halving_products(variables: usize, data: &[i64], limit: usize) -> Option<usize> {
    let half = 1usize << variables.saturating_sub(1);
    let (low, high) = data.split_at(half.min(data.len()));
    match halves(variables, data) {
        Halves::Constant(_) => Some(0),
        Halves::Shifted(_) => halving_products(variables - 1, low, limit),
        Halves::Step(upper) => {
            let other = if upper { low } else { high };
            let inner = halving_products(variables - 1, other, limit.checked_sub(1)?)?;
            // A linear factor times a constant is none.
            Some(inner + usize::from(constant(other, half).is_none()))
        }
        Halves::Free => {
            let first = halving_products(variables - 1, low, limit.checked_sub(1)?)?;
            Some(first + 1 + halving_products(variables - 1, high, limit.checked_sub(first + 1)?)?)
        }
    }
}

fn halve<P: Scalar>(point: &[P], data: &[i64]) -> P {
    let variables = point.len();
    let half = 1usize << variables.saturating_sub(1);
    let (low, high) = data.split_at(half.min(data.len()));
    let kind = halves(variables, data);
    let Some((x, rest)) = point.split_last() else { return P::integer(data.first().copied().unwrap_or(0)) };
    match kind {
        Halves::Constant(value) => P::integer(value),
        Halves::Shifted(step) => halve(rest, low) + x.clone() * P::integer(step),
        Halves::Step(_) | Halves::Free => {
            let (low, high) = (halve(rest, low), halve(rest, high));
            low.clone() + x.clone() * (high - low)
        }
    }
}

/// The points of the axes of a tensor, cut from a point on its cube: the last axis holds the lowest variables.
pub fn split_point<'p, P>(shape: &[usize], point: &'p [P]) -> Vec<&'p [P]> {
    let mut parts = vec![&point[..0]; shape.len()];
    let mut start = 0;
    for (axis, &length) in shape.iter().enumerate().rev() {
        let end = start + num_variables(length);
        parts[axis] = &point[start..end];
        start = end;
    }
    parts
}

/// The number of variables of the cube of a tensor.
pub fn cube_variables(shape: &[usize]) -> usize {
    shape.iter().map(|&n| num_variables(n)).sum()
}

/// The multilinear extension of the valid region of a tensor at a point on its cube.
pub fn valid_cube<P: Scalar>(shape: &[usize], point: &[P]) -> P {
    let parts = split_point(shape, point);
    shape.iter().zip(parts).fold(P::integer(1), |product, (&n, part)| product * valid(part, n))
}

/// The multilinear extension of `b ↦ eq(x, b)·[b valid]` of a tensor's cube at `y`.
pub fn eq_valid_cube<P: Scalar>(shape: &[usize], x: &[P], y: &[P]) -> P {
    let (xs, ys) = (split_point(shape, x), split_point(shape, y));
    let axes = shape.iter().zip(xs.into_iter().zip(ys));
    axes.fold(P::integer(1), |product, (&n, (a, b))| product * eq_valid(a, b, n))
}

#[cfg(test)]
mod tests {
    use p3_field::PrimeCharacteristicRing;
    use p3_koala_bear::KoalaBear as F;

    use super::*;

    fn point(n: usize, seed: u32) -> Vec<F> {
        (0..n as u32)
            .map(|i| F::from_u32(seed.wrapping_mul(2_654_435_761).wrapping_add(i * i * 77 + 13) >> 2))
            .collect()
    }

    #[test]
    fn truncated_eq_tables_agree_with_single_vertices() {
        for n in 0..5 {
            let x = point(n, 5);
            for length in 1..=1 << n {
                let table = eq_table(&x, length);
                assert_eq!(table.len(), length);
                for (i, entry) in table.iter().enumerate() {
                    assert_eq!(*entry, eq_vertex(&x, i));
                }
            }
        }
    }

    #[test]
    fn extensions_by_halving_agree_with_tables() {
        let cases: [fn(i32) -> i32; 5] =
            [|i| i, |i| 7 - 3 * i, |_| 4, |i| (i - 20).clamp(-5, 9), |i| i * i % 11];
        for data in cases {
            for n in 0..7 {
                let x = point(n, 11);
                for length in 1..=1usize << n {
                    let values: Vec<i32> = (0..length as i32).map(data).collect();
                    let table = eq_table(&x, length);
                    let expected: F = table.iter().zip(&values).map(|(&e, &v)| e * F::from_i32(v)).sum();
                    if let Some(value) = extension(&x, &values) {
                        assert_eq!(value, expected);
                    }
                }
            }
        }
        let ramp: Vec<i32> = (0..64).collect();
        assert!(extension(&point(6, 2), &ramp).is_some());
        let noise: Vec<i32> = (0..4096).map(|i: i32| i.wrapping_mul(40_503) >> 3 & 255).collect();
        assert!(extension(&point(12, 2), &noise).is_none());
    }

    #[test]
    fn comparison_sums_agree_with_tables() {
        for n in 0..5 {
            let (x, y) = (point(n, 3), point(n, 8));
            for length in 1..=1usize << n {
                let (a, b) = (eq_table(&x, length), eq_table(&y, length));
                assert_eq!(valid(&x, length), a.iter().copied().sum::<F>());
                assert_eq!(eq_valid(&x, &y, length), a.iter().zip(&b).map(|(&a, &b)| a * b).sum::<F>());
            }
        }
    }
}
