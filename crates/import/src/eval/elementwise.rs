//! Element-wise functions of one, two or three operands.

use super::movement::{expand, with_shape};
use crate::op::BinaryOp;
use crate::tensor::Tensor;

pub(super) fn binary(op: BinaryOp, a: &Tensor, b: &Tensor, target: &[usize]) -> Tensor {
    zip(a, b, target, |a, b| match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::Pow => a.powf(b),
        BinaryOp::Min => a.min(b),
        BinaryOp::Max => a.max(b),
        BinaryOp::Equal => truth(a == b),
        BinaryOp::Greater => truth(a > b),
        BinaryOp::GreaterOrEqual => truth(a >= b),
        BinaryOp::Mod => a - b * (a / b).floor(),
    })
}

fn truth(condition: bool) -> f32 {
    f32::from(u8::from(condition))
}

fn zip(a: &Tensor, b: &Tensor, target: &[usize], f: impl Fn(f32, f32) -> f32) -> Tensor {
    let (a, b) = (expand(a, target), expand(b, target));
    with_shape(target, a.data().iter().zip(b.data()).map(|(a, b)| f(*a, *b)).collect())
}

pub(super) fn prelu(x: &Tensor, slope: &Tensor, target: &[usize]) -> Tensor {
    zip(x, slope, target, |x, slope| if x >= 0.0 { x } else { slope * x })
}

pub(super) fn select(operands: &[&Tensor], target: &[usize]) -> Tensor {
    let [condition, a, b] = [0, 1, 2].map(|i| expand(operands[i], target));
    let branches = a.data().iter().zip(b.data());
    let data = condition.data().iter().zip(branches).map(|(c, (a, b))| if *c == 0.0 { *b } else { *a });
    with_shape(target, data.collect())
}

pub(super) fn scale_shift(axis: usize, operands: &[&Tensor]) -> Tensor {
    let [x, scale, shift] = [operands[0], operands[1], operands[2]];
    let inner: usize = x.shape()[axis + 1..].iter().product();
    let channels = x.shape()[axis];
    let mut y = x.clone();
    for (i, row) in y.data_mut().chunks_exact_mut(inner.max(1)).enumerate() {
        let (scale, shift) = (scale.data()[i % channels], shift.data()[i % channels]);
        row.iter_mut().for_each(|v| *v = *v * scale + shift);
    }
    y
}
