//! Moving elements.

use crate::op::SliceAxis;
use crate::tensor::{Tensor, strides};

/// A tensor of a shape that was checked to fit `data`.
pub(super) fn with_shape(shape: &[usize], data: Vec<f32>) -> Tensor {
    debug_assert_eq!(shape.iter().product::<usize>(), data.len());
    Tensor::new(shape.to_vec(), data).unwrap_or_else(|_| Tensor::scalar(f32::NAN))
}

/// Calls `f` with every position of `shape`, in row-major order.
pub(super) fn for_each_position(shape: &[usize], mut f: impl FnMut(&[usize])) {
    if shape.contains(&0) {
        return;
    }
    let mut position = vec![0; shape.len()];
    loop {
        f(&position);
        let Some(axis) = (0..shape.len()).rev().find(|&axis| position[axis] + 1 < shape[axis]) else {
            return;
        };
        position[axis] += 1;
        position[axis + 1..].fill(0);
    }
}

/// A tensor of shape `target` whose element at each position is x's at a sum of one offset per axis:
/// `offset(axis, i)`, `None` for `fill`.
fn remap(x: &Tensor, target: &[usize], fill: f32, offset: impl Fn(usize, usize) -> Option<usize>) -> Tensor {
    let table: Vec<Vec<Option<usize>>> =
        target.iter().enumerate().map(|(axis, &d)| (0..d).map(|i| offset(axis, i)).collect()).collect();
    let mut data = Vec::with_capacity(target.iter().product());
    for_each_position(target, |position| {
        let source = position.iter().zip(&table).try_fold(0, |sum, (&i, axis)| axis[i].map(|o| sum + o));
        data.push(source.map_or(fill, |s| x.data()[s]));
    });
    with_shape(target, data)
}

pub(super) fn transpose(x: &Tensor, perm: &[usize]) -> Tensor {
    let from = strides(x.shape());
    let target: Vec<usize> = perm.iter().map(|&axis| x.shape()[axis]).collect();
    remap(x, &target, 0.0, |axis, i| Some(i * from[perm[axis]]))
}

/// Broadcasts x to `target`, which it was checked to fit.
pub(super) fn expand(x: &Tensor, target: &[usize]) -> Tensor {
    if x.shape() == target {
        return x.clone();
    }
    let from = strides(x.shape());
    let missing = target.len() - x.rank();
    remap(x, target, 0.0, |axis, i| match axis.checked_sub(missing) {
        Some(own) if x.shape()[own] != 1 => Some(i * from[own]),
        _ => Some(0),
    })
}

pub(super) fn slice(axes: &[SliceAxis], x: &Tensor, target: &[usize]) -> Tensor {
    let from = strides(x.shape());
    remap(x, target, 0.0, |axis, i| Some(axes[axis].entry(i) * from[axis]))
}

pub(super) fn pad(pads: &[(usize, usize)], value: f32, x: &Tensor, target: &[usize]) -> Tensor {
    let from = strides(x.shape());
    remap(x, target, value, |axis, i| {
        i.checked_sub(pads[axis].0).filter(|&i| i < x.shape()[axis]).map(|i| i * from[axis])
    })
}

pub(super) fn select(axis: usize, indices: &[usize], x: &Tensor, target: &[usize]) -> Tensor {
    let from = strides(x.shape());
    remap(x, target, 0.0, |a, i| Some(if a == axis { indices[i] } else { i } * from[a]))
}

pub(super) fn concat(axis: usize, parts: &[&Tensor], target: &[usize]) -> Tensor {
    let outer: usize = target[..axis].iter().product();
    let inner: usize = target[axis + 1..].iter().product();
    let mut data = Vec::with_capacity(target.iter().product());
    for o in 0..outer {
        for part in parts {
            let len = part.shape()[axis] * inner;
            data.extend_from_slice(&part.data()[o * len..(o + 1) * len]);
        }
    }
    with_shape(target, data)
}

pub(super) fn gather(axis: usize, x: &Tensor, indices: &Tensor, target: &[usize]) -> Result<Tensor, String> {
    let dim = x.shape()[axis];
    let mut entries = Vec::with_capacity(indices.data().len());
    for &index in indices.data() {
        let absolute = if index < 0.0 { index + dim as f32 } else { index };
        if absolute.fract() != 0.0 || !(0.0..dim as f32).contains(&absolute) {
            return Err(format!("index {index} on axis {axis} of {:?}", x.shape()));
        }
        entries.push(absolute as usize);
    }
    let outer: usize = x.shape()[..axis].iter().product();
    let inner: usize = x.shape()[axis + 1..].iter().product();
    let mut data = Vec::with_capacity(target.iter().product());
    for o in 0..outer {
        for entry in &entries {
            let start = (o * dim + entry) * inner;
            data.extend_from_slice(&x.data()[start..start + inner]);
        }
    }
    Ok(with_shape(target, data))
}
