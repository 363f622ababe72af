//! Selection by indices that are computed at run time.

use zkml_import::{Node, Tensor as Real};
use zkml_ir::ops::{Activation, AxisMap, Einsum, Linear, Requantize, View};
use zkml_ir::{Interval, Op, Table, Tensor};

use crate::affine::{self, Affine, Contraction, Quantized, Term};
use crate::error::QuantizeError;
use crate::lowering::{Lowered, Lowering};

/// The most entries of the one-hot rows: they are committed.
const MAX_ONE_HOT: usize = 1 << 22;

/// Rows of constant data, such as embeddings, picked by indices: a product with one-hot rows.
pub(super) fn lower(cx: &mut Lowering<'_>, node: &Node, axis: usize) -> Result<Lowered, QuantizeError> {
    let Some(data) = cx.float.constant(node.inputs[0]) else {
        return Err(
            cx.unsupported(node, "picking from a computed tensor by computed indices is not available")
        );
    };
    let picked = cx.float.shape(node.inputs[1]).to_vec();
    let length = data.shape()[axis];
    let indices = cx.operand(node.inputs[1])?;
    if picked.iter().product::<usize>().saturating_mul(length) > MAX_ONE_HOT {
        return Err(
            cx.unsupported(node, "the table is too long for one-hot rows; feed the picked rows as an input")
        );
    }
    if indices.range.lo < 0 || length as i64 + indices.range.hi > 1 << 16 {
        return Err(cx.unsupported(node, "indices must count from 0 up to 2^16"));
    }
    let one_hot = one_hot(cx, indices, &picked, length)?;
    let term = weighted(one_hot, data, axis, picked.len());
    Ok(Affine::of(cx.float.shape(node.outputs[0]).to_vec(), term).into())
}

/// `[picked…, length]`, 1 where the position is the index: a table of the difference.
fn one_hot(
    cx: &mut Lowering<'_>,
    indices: Quantized,
    picked: &[usize],
    length: usize,
) -> Result<Quantized, QuantizeError> {
    let shape = [picked, &[length]].concat();
    let axes = (0..picked.len() as u32).map(AxisMap::identity).collect();
    let spread = cx.rearranged(indices, Op::View(View { shape: shape.clone(), axes, fill: 0 }))?;
    let positions = Tensor { shape: vec![length], data: (0..length as i32).collect() };
    let positions = cx.graph.add_constant("positions", positions)?;
    let positions = cx.node(Op::View(View::broadcast(&[length], &shape)), &[positions])?;
    let difference = Linear { coefficients: vec![1, -1], constant: 0 };
    let difference = cx.node(Op::Linear(difference), &[spread.tensor, positions])?;
    let domain = Interval::new(-(length as i64 - 1), indices.range.hi);
    let values = (domain.lo..=domain.hi).map(|d| i32::from(d == 0)).collect();
    let table = cx.graph.add_table(Table { name: "is zero".into(), start: domain.lo, values })?;
    let op = Requantize { shift: 0, domain, activation: Activation::Table(table) };
    let tensor = cx.node(Op::Requantize(op), &[difference])?;
    Ok(cx.quantized(tensor, 1.0))
}

/// `out[before…, picked…, after…] = Σ_v one_hot[picked…, v]·data[before…, v, after…]`.
fn weighted(x: Quantized, data: &Real, axis: usize, picked: usize) -> Term {
    let rank = data.shape().len();
    let summed = (rank + picked) as u8;
    let kept: Vec<usize> = (0..axis).chain(axis + picked..rank - 1 + picked).collect();
    let a = (axis..axis + picked).map(|l| l as u8).chain([summed]).collect();
    let b = kept.iter().map(|&l| l as u8).chain([summed]).collect();
    let out = (0..(rank - 1 + picked) as u8).collect();
    let order: Vec<usize> = (0..rank).filter(|&i| i != axis).chain([axis]).collect();
    let steps = zkml_ir::tensor::strides(data.shape());
    let mut offsets = vec![0usize];
    for &i in &order {
        offsets = offsets
            .iter()
            .flat_map(|o| (0..data.shape()[i]).map(move |k| (o, k)))
            .map(|(o, k)| o + k * steps[i])
            .collect();
    }
    let weight = affine::Real {
        shape: order.iter().map(|&i| data.shape()[i]).collect(),
        data: offsets.into_iter().map(|o| f64::from(data.data()[o])).collect(),
    };
    Term::Weighted { x, weight, kept, op: Contraction::Einsum(Einsum { a, b, out }) }
}
