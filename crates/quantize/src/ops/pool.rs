//! Pooling: a view of windows, then a maximum, or a sum that the next layer's scale divides.

use zkml_import::{Node, Pool, PoolKind, Window};
use zkml_ir::Op;
use zkml_ir::ops::{AxisMap, Max, ReduceSum, View};

use crate::affine::{Affine, Quantized, per_index};
use crate::error::QuantizeError;
use crate::lowering::{Lowered, Lowering};
use crate::spread::Spread;

/// Maximum and average pools.
pub(super) fn lower(cx: &mut Lowering<'_>, node: &Node, pool: &Pool) -> Result<Lowered, QuantizeError> {
    let x = cx.narrow(node.inputs[0])?;
    let out = cx.float.shape(node.outputs[0]).to_vec();
    match pool.kind {
        PoolKind::Max => maximum(cx, pool, x, &out),
        PoolKind::Average { .. } => average(cx, node, pool, x, &out),
    }
}

/// The maximum of a window is the maximum over one axis after the other, so that neighbouring windows share their rows.
fn maximum(
    cx: &mut Lowering<'_>,
    pool: &Pool,
    mut x: Quantized,
    out: &[usize],
) -> Result<Lowered, QuantizeError> {
    let (window, fill) = (&pool.window, x.range.lo);
    for axis in (0..window.kernel.len()).rev() {
        let (at, mut shape) = (axis + 2, cx.graph.tensor(x.tensor).shape.clone());
        if window.kernel[axis] == 1 && window.strides[axis] == 1 && window.pads[axis] == (0, 0) {
            continue;
        }
        shape[at] = out[at];
        let tap = shape.len() as u32;
        shape.push(window.kernel[axis]);
        let mut axes: Vec<AxisMap> = (0..tap).map(AxisMap::identity).collect();
        axes[at] = AxisMap {
            offset: -(window.pads[axis].0 as i64),
            divisor: 1,
            terms: vec![(at as u32, window.strides[axis] as i64), (tap, window.dilations[axis] as i64)],
        };
        let rows = cx.rearranged(x, Op::View(View { shape, axes, fill }))?;
        x = cx.rearranged(rows, Op::Max(Max {}))?;
    }
    Ok(x.into())
}

/// The sum over windows is a rearrangement; the division is a matter of scale, or of public factors at the border.
fn average(
    cx: &mut Lowering<'_>,
    node: &Node,
    pool: &Pool,
    x: Quantized,
    out: &[usize],
) -> Result<Lowered, QuantizeError> {
    let input = cx.float.shape(node.inputs[0]);
    let spatial = pool.window.kernel.len();
    let windows = windows(cx, x, &pool.window, out, 0)?;
    let axes = (out.len()..out.len() + spatial).collect();
    let sums = cx.rearranged(windows, Op::ReduceSum(ReduceSum { axes }))?;
    let mut factors = Spread::scalar(1.0);
    for axis in 0..spatial {
        let length = input[axis + 2];
        let divisors = (0..out[axis + 2]).map(|i| 1.0 / pool.divisor(axis, i, length).max(1) as f64);
        factors = factors.zip(&Spread::along(axis + 2, divisors.collect()), |a, b| a * b);
    }
    let first = factors.data.first().copied().unwrap_or(1.0);
    if factors.data.iter().all(|&f| f == first) {
        return Ok(Quantized { scale: sums.scale * first, ..sums }.into());
    }
    Ok(Affine::of(out.to_vec(), per_index(sums, &factors, out.len())).into())
}

/// `[N, C, out…, kernel…]`, with `fill` outside of the input.
fn windows(
    cx: &mut Lowering<'_>,
    x: Quantized,
    window: &Window,
    out: &[usize],
    fill: i64,
) -> Result<Quantized, QuantizeError> {
    let spatial = window.kernel.len();
    let mut axes = vec![AxisMap::identity(0), AxisMap::identity(1)];
    for axis in 0..spatial {
        let (position, tap) = (2 + axis as u32, (2 + spatial + axis) as u32);
        axes.push(AxisMap {
            offset: -(window.pads[axis].0 as i64),
            divisor: 1,
            terms: vec![(position, window.strides[axis] as i64), (tap, window.dilations[axis] as i64)],
        });
    }
    let shape = [out, &window.kernel].concat();
    cx.rearranged(x, Op::View(View { shape, axes, fill }))
}
