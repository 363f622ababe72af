//! Convolution and transposed convolution over any number of spatial axes.

use serde::{Deserialize, Serialize};

use super::{AxisMap, Eval, Infer, Operator, Signature, View, einsum::product_sum};
use crate::error::IrError;
use crate::interval::Interval;
use crate::tensor::strides;

/// `out[n, o, p] = Σ_{c, k} x[n, g(o)·C/G + c, i(p, k)]·w[o, c, k]` with `i(p, k) = p·stride + k·dilation − pad`;
/// transposed: `i(p, k) = (p + pad − k·dilation) / stride` where that is an integer. Positions outside `x` count as 0.
///
/// Operands: `x` of shape `[N, C, spatial…]`, `w` of shape `[O, C/G, kernel…]` (for both directions).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conv {
    /// The step between neighbouring windows, one per spatial axis, at least 1.
    pub strides: Vec<usize>,
    /// The step between neighbouring taps, one per spatial axis, at least 1.
    pub dilations: Vec<usize>,
    /// The padding before and after, one pair per spatial axis.
    pub pads: Vec<(usize, usize)>,
    /// The number of groups `G`, which divides `C` and `O`.
    pub groups: usize,
    /// For a transposed convolution, the extra length at the end of every spatial axis.
    pub transposed: Option<Vec<usize>>,
}

impl Conv {
    /// The length of the output along a spatial axis; `None` if the window does not fit.
    fn output_length(&self, axis: usize, input: usize, kernel: usize) -> Option<usize> {
        let (begin, end) = self.pads[axis];
        let span = kernel.checked_sub(1)?.checked_mul(self.dilations[axis])?;
        match &self.transposed {
            None => {
                let room = input.checked_add(begin)?.checked_add(end)?.checked_sub(span.checked_add(1)?)?;
                Some(room / self.strides[axis] + 1)
            }
            Some(extra) => input
                .checked_sub(1)?
                .checked_mul(self.strides[axis])?
                .checked_add(span + 1 + extra[axis])?
                .checked_sub(begin.checked_add(end)?)
                .filter(|&n| n > 0),
        }
    }

    /// The window view of `x`: shape `[N, C, out…, kernel…]`.
    pub fn window(&self, x: &[usize], out: &[usize], kernel: &[usize]) -> View {
        let spatial = kernel.len();
        let mut shape = vec![x[0], x[1]];
        shape.extend_from_slice(&out[2..]);
        shape.extend_from_slice(kernel);
        let mut axes = vec![AxisMap::identity(0), AxisMap::identity(1)];
        for axis in 0..spatial {
            let (stride, dilation) = (self.strides[axis] as i64, self.dilations[axis] as i64);
            let pad = self.pads[axis].0 as i64;
            let (p, k) = (2 + axis as u32, (2 + spatial + axis) as u32);
            axes.push(match self.transposed {
                None => AxisMap { offset: -pad, divisor: 1, terms: vec![(p, stride), (k, dilation)] },
                Some(_) => AxisMap { offset: pad, divisor: stride, terms: vec![(p, 1), (k, -dilation)] },
            });
        }
        View { shape, axes, fill: 0 }
    }
}

impl Operator for Conv {
    fn name(&self) -> &'static str {
        "Conv"
    }

    fn infer(&self, cx: &Infer<'_>) -> Result<Signature, IrError> {
        let [x, w] = cx.two()?;
        let spatial = self.strides.len();
        let complete = self.dilations.len() == spatial
            && self.pads.len() == spatial
            && self.transposed.as_ref().is_none_or(|extra| extra.len() == spatial)
            && x.shape.len() == spatial + 2
            && w.shape.len() == spatial + 2;
        if !complete || spatial == 0 {
            return Err(cx.refuse(format!(
                "{spatial} strides, {} dilations, {} pads for input {:?} and weight {:?}",
                self.dilations.len(),
                self.pads.len(),
                x.shape,
                w.shape
            )));
        }
        if self.strides.iter().chain(&self.dilations).any(|&s| s == 0 || s > 1 << 16) {
            return Err(cx.refuse("strides and dilations must be from 1 to 65536"));
        }
        let lengths =
            self.pads.iter().flat_map(|p| [p.0, p.1]).chain(self.transposed.iter().flatten().copied());
        if lengths.into_iter().any(|n| n > 1 << 31) {
            return Err(cx.refuse("pads must be at most 2^31"));
        }
        let (outputs, taps) = (w.shape[0], w.shape[1]);
        if self.groups == 0
            || !outputs.is_multiple_of(self.groups)
            || taps.checked_mul(self.groups) != Some(x.shape[1])
        {
            return Err(cx.refuse(format!(
                "{} groups do not fit input {:?} and weight {:?}",
                self.groups, x.shape, w.shape
            )));
        }
        let mut shape = vec![x.shape[0], outputs];
        for axis in 0..spatial {
            shape.push(self.output_length(axis, x.shape[axis + 2], w.shape[axis + 2]).ok_or_else(|| {
                cx.refuse(format!("the kernel {:?} does not fit the input {:?}", w.shape, x.shape))
            })?);
        }
        let count = w.shape[1..].iter().product();
        let padded = x.range.hull(&Interval::point(0));
        Ok(Signature { shape, range: product_sum(&w.range, &padded, count, w.l1_cap) })
    }

    fn eval(&self, cx: &Eval<'_>) -> Result<Vec<i32>, IrError> {
        let (x, w) = (cx.operands[0], cx.operands[1]);
        let kernel = &w.shape[2..];
        let positions: usize = cx.shape[2..].iter().product();
        let taps: usize = w.shape[1..].iter().product();
        let (outputs, per_group) = (w.shape[0], w.shape[0] / self.groups);
        let channels = w.shape[1];
        let window = self.window(&x.shape, cx.shape, kernel);
        let offsets = WindowOffsets::new(&window, &x.shape, kernel.len());
        let plane: usize = x.shape[2..].iter().product();
        // Rows are (n, group, position); a row holds the outputs of its group at that position.
        let mut rows = vec![0i32; x.shape[0] * outputs * positions];
        let patch = |index: usize, patch: &mut Vec<i32>| {
            let (n, rest) = (index / (self.groups * positions), index % (self.groups * positions));
            let (group, position) = (rest / positions, rest % positions);
            for c in 0..channels {
                let base = (n * x.shape[1] + group * channels + c) * plane;
                let entry = |&o: &u32| if o == u32::MAX { 0 } else { x.data[base + o as usize] };
                patch.extend(offsets.at(position).iter().map(entry));
            }
            group
        };
        // Several rows of a group at once share every load of its weights.
        crate::parallel::for_each_row(&mut rows, ROWS * per_group, taps, |block, rows| {
            let mut patches = Vec::with_capacity(ROWS * taps);
            let count = rows.len() / per_group.max(1);
            let groups: Vec<usize> = (0..count).map(|i| patch(block * ROWS + i, &mut patches)).collect();
            let patch = |i: usize| &patches[i * taps..(i + 1) * taps];
            let weights = |group: usize, o: usize| &w.data[(group * per_group + o) * taps..][..taps];
            if count == ROWS && groups.iter().all(|&group| group == groups[0]) {
                let patches = core::array::from_fn(patch);
                for o in 0..per_group {
                    let sums = zkml_kernels::dot4_i32(patches, weights(groups[0], o));
                    sums.into_iter().enumerate().for_each(|(i, sum)| rows[i * per_group + o] = sum);
                }
                return;
            }
            for (i, (row, &group)) in rows.chunks_exact_mut(per_group.max(1)).zip(&groups).enumerate() {
                for (o, out) in row.iter_mut().enumerate() {
                    *out = zkml_kernels::dot_i32(patch(i), weights(group, o));
                }
            }
        });
        // From [n, group, position, output] to [n, group, output, position].
        let mut out = vec![0i32; rows.len()];
        for (block, chunk) in rows.chunks_exact((positions * per_group).max(1)).enumerate() {
            let base = block * positions * per_group;
            for position in 0..positions {
                for o in 0..per_group {
                    out[base + o * positions + position] = chunk[position * per_group + o];
                }
            }
        }
        Ok(out)
    }
}

/// Rows of outputs that are computed together.
const ROWS: usize = 4;

/// For every output position and tap, the offset into one input plane, or `u32::MAX` outside of it.
struct WindowOffsets {
    taps: usize,
    offsets: Vec<u32>,
}

impl WindowOffsets {
    fn new(window: &View, x: &[usize], spatial: usize) -> Self {
        let out = &window.shape[2..2 + spatial];
        let kernel = &window.shape[2 + spatial..];
        let steps = strides(&x[2..]);
        let taps = kernel.iter().product();
        let mut offsets = Vec::with_capacity(out.iter().product::<usize>() * taps);
        let mut index = vec![0usize; window.shape.len()];
        for position in 0..out.iter().product() {
            unravel(position, out, &mut index[2..2 + spatial]);
            for tap in 0..taps {
                unravel(tap, kernel, &mut index[2 + spatial..]);
                let offset = (0..spatial).try_fold(0usize, |sum, axis| {
                    window.axes[axis + 2].source(&index, x[axis + 2]).map(|i| sum + i * steps[axis])
                });
                offsets.push(offset.map_or(u32::MAX, |o| o as u32));
            }
        }
        Self { taps, offsets }
    }

    fn at(&self, position: usize) -> &[u32] {
        &self.offsets[position * self.taps..(position + 1) * self.taps]
    }
}

/// Writes the multi-index of the row-major position `flat` of a tensor of this shape.
fn unravel(mut flat: usize, shape: &[usize], index: &mut [usize]) {
    for axis in (0..shape.len()).rev() {
        index[axis] = flat % shape[axis];
        flat /= shape[axis];
    }
}
