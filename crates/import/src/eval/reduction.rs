//! Reductions over axes. The reduced axes are moved to the end, so that each result comes from one contiguous row.

use std::cmp::Ordering;

use super::movement::{transpose, with_shape};
use crate::op::{Reduce, ReduceOp};
use crate::tensor::Tensor;

/// x with `axes` last, the permutation that did it, and the length of a row over `axes`.
fn rows(x: &Tensor, axes: &[usize]) -> (Tensor, Vec<usize>, usize) {
    let mut perm: Vec<usize> = (0..x.rank()).filter(|axis| !axes.contains(axis)).collect();
    perm.extend(axes);
    let len = axes.iter().map(|&axis| x.shape()[axis]).product();
    (transpose(x, &perm), perm, len)
}

/// Undoes the permutation of [`rows`].
fn restore(y: &Tensor, perm: &[usize]) -> Tensor {
    let mut inverse = vec![0; perm.len()];
    for (i, &axis) in perm.iter().enumerate() {
        inverse[axis] = i;
    }
    transpose(y, &inverse)
}

/// Sums are accumulated in f64: a plain f32 sum over a large axis drifts.
fn sum(values: impl Iterator<Item = f32>) -> f64 {
    values.map(f64::from).sum()
}

pub(super) fn reduce(reduce: &Reduce, x: &Tensor, target: &[usize]) -> Tensor {
    let (x, _, len) = rows(x, &reduce.axes);
    let row = |row: &[f32]| match reduce.op {
        ReduceOp::Sum => sum(row.iter().copied()) as f32,
        ReduceOp::Mean => (sum(row.iter().copied()) / len as f64) as f32,
        ReduceOp::Max => row.iter().copied().fold(f32::NEG_INFINITY, f32::max),
        ReduceOp::Min => row.iter().copied().fold(f32::INFINITY, f32::min),
        ReduceOp::Product => row.iter().product(),
        ReduceOp::LogSumExp => {
            let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            (f64::from(max) + sum(row.iter().map(|v| (v - max).exp())).ln()) as f32
        }
    };
    with_shape(target, x.data().chunks_exact(len.max(1)).map(row).collect())
}

pub(super) fn softmax(axes: &[usize], log: bool, x: &Tensor) -> Tensor {
    let (mut y, perm, len) = rows(x, axes);
    for row in y.data_mut().chunks_exact_mut(len.max(1)) {
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let total = sum(row.iter().map(|v| (v - max).exp()));
        for v in row {
            let shifted = f64::from(*v - max);
            *v = if log { shifted - total.ln() } else { shifted.exp() / total } as f32;
        }
    }
    restore(&y, &perm)
}

pub(super) fn normalize(axes: &[usize], epsilon: f32, centre: bool, x: &Tensor) -> Tensor {
    let (mut y, perm, len) = rows(x, axes);
    for row in y.data_mut().chunks_exact_mut(len.max(1)) {
        let mean = if centre { sum(row.iter().copied()) / len as f64 } else { 0.0 };
        let variance = row.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / len as f64;
        let deviation = (variance + f64::from(epsilon)).sqrt();
        row.iter_mut().for_each(|v| *v = ((f64::from(*v) - mean) / deviation) as f32);
    }
    restore(&y, &perm)
}

pub(super) fn lrn(size: usize, [alpha, beta, bias]: [f32; 3], x: &Tensor) -> Tensor {
    let (mut y, perm, channels) = rows(x, &[1]);
    for row in y.data_mut().chunks_exact_mut(channels.max(1)) {
        let squares: Vec<f32> = row.iter().map(|v| v * v).collect();
        for (c, v) in row.iter_mut().enumerate() {
            let (first, last) = (c.saturating_sub((size - 1) / 2), (c + size / 2).min(channels - 1));
            let total: f32 = squares[first..=last].iter().sum();
            *v /= (bias + alpha / size as f32 * total).powf(beta);
        }
    }
    restore(&y, &perm)
}

/// Descending if `largest`, else ascending.
fn compare(largest: bool, a: f32, b: f32) -> Ordering {
    if largest { b.total_cmp(&a) } else { a.total_cmp(&b) }
}

pub(super) fn arg_extreme(largest: bool, axis: usize, last: bool, x: &Tensor, target: &[usize]) -> Tensor {
    let (x, _, len) = rows(x, &[axis]);
    let best = |row: &[f32]| {
        let better = |i: usize, best: usize| match compare(largest, row[i], row[best]) {
            Ordering::Less => true,
            Ordering::Equal => last,
            Ordering::Greater => false,
        };
        (1..row.len()).fold(0, |best, i| if better(i, best) { i } else { best }) as f32
    };
    with_shape(target, x.data().chunks_exact(len.max(1)).map(best).collect())
}

pub(super) fn top_k(axis: usize, k: usize, largest: bool, x: &Tensor, target: &[usize]) -> Vec<Tensor> {
    let (x, perm, len) = rows(x, &[axis]);
    let (mut best, mut places) = (vec![], vec![]);
    for row in x.data().chunks_exact(len.max(1)) {
        let mut order: Vec<usize> = (0..row.len()).collect();
        // The sort is stable: of equal entries the first stays first.
        order.sort_by(|&i, &j| compare(largest, row[i], row[j]));
        best.extend(order[..k].iter().map(|&i| row[i]));
        places.extend(order[..k].iter().map(|&i| i as f32));
    }
    let shape: Vec<usize> = perm.iter().map(|&axis| target[axis]).collect();
    [best, places].map(|data| restore(&with_shape(&shape, data), &perm)).to_vec()
}
