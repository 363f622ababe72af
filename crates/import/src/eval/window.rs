//! Convolutions and pools on any number of spatial axes.

use super::contraction::matmul_into;
use super::movement::{for_each_position, with_shape};
use crate::op::{Conv, ConvTranspose, Pool, PoolKind, Window};
use crate::tensor::{Tensor, strides};

/// Marks a kernel position inside of the padding.
const PADDING: usize = usize::MAX;

/// For every kernel position, in row-major order: the flat input position it reads for every output position.
fn sources(window: &Window, input: &[usize], output: &[usize]) -> Vec<Vec<usize>> {
    let from = strides(input);
    let mut all = vec![];
    for_each_position(&window.kernel, |kernel| {
        let mut row = Vec::with_capacity(output.iter().product());
        for_each_position(output, |out| {
            let position = (0..input.len()).try_fold(0, |sum, axis| {
                let i = window.input_position(axis, out[axis], kernel[axis], input[axis])?;
                Some(sum + i * from[axis])
            });
            row.push(position.unwrap_or(PADDING));
        });
        all.push(row);
    });
    all
}

/// Every group is a product of its weights `[M/groups, C/groups·kernel]` with the matrix of the input positions that
/// each output position sees, taken a block of output positions at a time so that the matrix stays small.
pub(super) fn conv(conv: &Conv, x: &[&Tensor], target: &[usize]) -> Tensor {
    const BLOCK: usize = 1024;
    let (input, weights) = (x[0], x[1]);
    let sources = sources(&conv.window, &input.shape()[2..], &target[2..]);
    let area: usize = input.shape()[2..].iter().product();
    let positions: usize = target[2..].iter().product();
    let (channels, per_group) = (weights.shape()[1], target[1] / conv.groups);
    let depth = channels * sources.len();
    let mut data = vec![0.0; target.iter().product()];
    let mut columns = vec![];
    for sample in 0..target[0] {
        for group in 0..conv.groups {
            let first = (sample * conv.groups + group) * channels;
            let weights = &weights.data()[group * per_group * depth..(group + 1) * per_group * depth];
            for start in (0..positions).step_by(BLOCK) {
                let block = start..(start + BLOCK).min(positions);
                columns.clear();
                for channel in 0..channels {
                    let plane = &input.data()[(first + channel) * area..(first + channel + 1) * area];
                    for row in &sources {
                        let read = |&s: &usize| if s == PADDING { 0.0 } else { plane[s] };
                        columns.extend(row[block.clone()].iter().map(read));
                    }
                }
                let mut product = vec![0.0; per_group * block.len()];
                matmul_into(&mut product, weights, &columns, block.len());
                for (m, row) in product.chunks_exact(block.len()).enumerate() {
                    let at = ((sample * conv.groups + group) * per_group + m) * positions + start;
                    data[at..at + row.len()].copy_from_slice(row);
                }
            }
        }
    }
    add_bias(&mut data, x.get(2), positions);
    with_shape(target, data)
}

fn add_bias(data: &mut [f32], bias: Option<&&Tensor>, positions: usize) {
    let Some(bias) = bias else { return };
    for (i, plane) in data.chunks_exact_mut(positions.max(1)).enumerate() {
        let bias = bias.data()[i % bias.data().len()];
        plane.iter_mut().for_each(|v| *v += bias);
    }
}

/// Every input position adds its weights to the outputs that it reaches: the convolution read backwards, from the
/// output (its "input") to the input (its "output").
pub(super) fn conv_transpose(conv: &ConvTranspose, x: &[&Tensor], target: &[usize]) -> Tensor {
    let (input, weights) = (x[0], x[1]);
    let sources = sources(&conv.window, &target[2..], &input.shape()[2..]);
    let area: usize = input.shape()[2..].iter().product();
    let positions: usize = target[2..].iter().product();
    let (channels, per_group) = (input.shape()[1], weights.shape()[1]);
    let group_len = channels / conv.groups;
    let mut data = vec![0.0; target.iter().product()];
    for sample in 0..target[0] {
        for channel in 0..channels {
            let plane = &input.data()[(sample * channels + channel) * area..][..area];
            for m in 0..per_group {
                let out = sample * target[1] + channel / group_len * per_group + m;
                let out = &mut data[out * positions..(out + 1) * positions];
                for (k, row) in sources.iter().enumerate() {
                    let weight = weights.data()[(channel * per_group + m) * sources.len() + k];
                    for (&to, &v) in row.iter().zip(plane).filter(|(to, _)| **to != PADDING) {
                        out[to] += weight * v;
                    }
                }
            }
        }
    }
    add_bias(&mut data, x.get(2), positions);
    with_shape(target, data)
}

pub(super) fn pool(pool: &Pool, x: &Tensor, target: &[usize]) -> Tensor {
    let input = &x.shape()[2..];
    let sources = sources(&pool.window, input, &target[2..]);
    let mut divisors = vec![];
    for_each_position(&target[2..], |out| {
        let divisor: usize =
            (0..input.len()).map(|axis| pool.divisor(axis, out[axis], input[axis])).product();
        divisors.push(divisor as f32);
    });
    let area: usize = input.iter().product();
    let mut data = Vec::with_capacity(target.iter().product());
    for plane in x.data().chunks_exact(area.max(1)) {
        for (out, divisor) in divisors.iter().enumerate() {
            let seen = sources.iter().map(|row| row[out]).filter(|s| *s != PADDING).map(|s| plane[s]);
            data.push(match pool.kind {
                PoolKind::Max => seen.fold(f32::NEG_INFINITY, f32::max),
                PoolKind::Average { .. } => seen.sum::<f32>() / divisor,
            });
        }
    }
    with_shape(target, data)
}
