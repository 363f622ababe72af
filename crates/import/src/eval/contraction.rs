//! Contractions: both operands are brought into matrix form, multiplied, and the product into the output's order.

use super::elementwise::binary;
use super::movement::{transpose, with_shape};
use super::reduction::reduce;
use crate::op::{BinaryOp, Einsum, Label, Reduce, ReduceOp};
use crate::shape::reduced;
use crate::tensor::Tensor;

/// out += a·b for row-major matrices of n columns in b and out. Accumulates in f32, row by row of b.
pub(super) fn matmul_into(out: &mut [f32], a: &[f32], b: &[f32], n: usize) {
    if n == 0 || a.is_empty() {
        return;
    }
    let k = b.len() / n;
    for (row, a) in out.chunks_exact_mut(n).zip(a.chunks_exact(k)) {
        for (&a, b) in a.iter().zip(b.chunks_exact(n)) {
            row.iter_mut().zip(b).for_each(|(out, b)| *out += a * b);
        }
    }
}

pub(super) fn einsum(einsum: &Einsum, operands: &[&Tensor], target: &[usize]) -> Tensor {
    let (a, la) = sum_private(operands[0], &einsum.a, &einsum.b, &einsum.out);
    let (b, lb) = sum_private(operands[1], &einsum.b, &einsum.a, &einsum.out);
    let out = &einsum.out;
    let batch: Vec<Label> = la.iter().filter(|l| lb.contains(l) && out.contains(l)).copied().collect();
    let summed: Vec<Label> = la.iter().filter(|l| !out.contains(l)).copied().collect();
    let rows: Vec<Label> = la.iter().filter(|l| !lb.contains(l)).copied().collect();
    let columns: Vec<Label> = lb.iter().filter(|l| !la.contains(l)).copied().collect();

    let dim = |l: &Label| la.iter().position(|m| m == l).map(|i| a.shape()[i]);
    let dim =
        |l: &Label| dim(l).or_else(|| lb.iter().position(|m| m == l).map(|i| b.shape()[i])).unwrap_or(1);
    let size = |labels: &[Label]| -> usize { labels.iter().map(dim).product() };
    let (m, n, k) = (size(&rows), size(&columns), size(&summed));
    let a = transpose(&a, &order(&la, &[&batch, &rows, &summed]));
    let b = transpose(&b, &order(&lb, &[&batch, &summed, &columns]));

    let mut data = vec![0.0; size(&batch) * m * n];
    if !data.is_empty() && k > 0 {
        let matrices = a.data().chunks_exact(m * k).zip(b.data().chunks_exact(k * n));
        for (out, (a, b)) in data.chunks_exact_mut(m * n).zip(matrices) {
            matmul_into(out, a, b, n);
        }
    }
    let labels = [batch, rows, columns].concat();
    let shape: Vec<usize> = labels.iter().map(dim).collect();
    let product = transpose(&with_shape(&shape, data), &order(&labels, &[out]));
    match operands.get(2) {
        Some(bias) => binary(BinaryOp::Add, &product, bias, target),
        None => product,
    }
}

/// Sums over the labels that neither the other operand nor the output has.
fn sum_private(x: &Tensor, own: &[Label], other: &[Label], out: &[Label]) -> (Tensor, Vec<Label>) {
    let private = |l: &Label| !other.contains(l) && !out.contains(l);
    let axes: Vec<usize> = (0..own.len()).filter(|&i| private(&own[i])).collect();
    let labels = own.iter().copied().filter(|l| !private(l)).collect();
    if axes.is_empty() {
        return (x.clone(), labels);
    }
    let target = reduced(x.shape(), &axes, false);
    (reduce(&Reduce { op: ReduceOp::Sum, axes, keep_dims: false }, x, &target), labels)
}

/// The permutation that brings axes labelled `labels` into the order of `groups`.
fn order(labels: &[Label], groups: &[&Vec<Label>]) -> Vec<usize> {
    groups.iter().flat_map(|g| g.iter()).filter_map(|l| labels.iter().position(|m| m == l)).collect()
}
