//! Rearrangements without arithmetic: transpose, slice, pad, broadcast, windows.

use serde::{Deserialize, Serialize};

use super::{Eval, Infer, Operator, Signature};
use crate::error::IrError;
use crate::interval::Interval;
use crate::tensor::strides;

/// Where along a source axis a view reads: at `(offset + Σ stride·index[view axis]) / divisor`.
///
/// Where the quotient is no integer or lies outside the axis, the view holds its fill value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AxisMap {
    /// Added to the sum.
    pub offset: i64,
    /// At least 1.
    pub divisor: i64,
    /// Pairs of a view axis and its stride.
    pub terms: Vec<(u32, i64)>,
}

impl AxisMap {
    /// Reads at the index of one view axis.
    pub fn identity(view_axis: u32) -> Self {
        Self { offset: 0, divisor: 1, terms: vec![(view_axis, 1)] }
    }

    /// Reads at one fixed position.
    pub fn fixed(position: i64) -> Self {
        Self { offset: position, divisor: 1, terms: Vec::new() }
    }

    /// The position on a source axis of `length` entries that a view index reads; `None` outside.
    pub fn source(&self, index: &[usize], length: usize) -> Option<usize> {
        let sum = self.terms.iter().fold(self.offset, |sum, &(axis, stride)| {
            sum + stride * index.get(axis as usize).map_or(0, |&i| i as i64)
        });
        if self.divisor == 1 {
            return usize::try_from(sum).ok().filter(|&i| i < length);
        }
        if sum % self.divisor != 0 {
            return None;
        }
        usize::try_from(sum / self.divisor).ok().filter(|&i| i < length)
    }
}

/// `out[v] = x[…]`, every source axis read through its [`AxisMap`], or `fill` where an axis is left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// The output's shape.
    pub shape: Vec<usize>,
    /// One map per axis of the operand.
    pub axes: Vec<AxisMap>,
    /// The value outside the operand.
    pub fill: i64,
}

impl View {
    /// A permutation of axes: axis `i` of the output is axis `order[i]` of an operand of shape `shape`.
    pub fn transpose(shape: &[usize], order: &[usize]) -> Self {
        let axes = (0..shape.len())
            .map(|axis| AxisMap::identity(order.iter().position(|&o| o == axis).unwrap_or(axis) as u32))
            .collect();
        Self { shape: order.iter().map(|&o| shape[o]).collect(), axes, fill: 0 }
    }

    /// Numpy's broadcasting of an operand of shape `from` to the shape `to`.
    pub fn broadcast(from: &[usize], to: &[usize]) -> Self {
        let skipped = to.len().saturating_sub(from.len());
        let axes = from
            .iter()
            .enumerate()
            .map(
                |(axis, &length)| {
                    if length == 1 { AxisMap::fixed(0) } else { AxisMap::identity((axis + skipped) as u32) }
                },
            )
            .collect();
        Self { shape: to.to_vec(), axes, fill: 0 }
    }

    /// Whether some entry of the view lies outside the operand of this shape.
    pub fn leaves(&self, source: &[usize]) -> bool {
        self.axes.iter().zip(source).any(|(map, &length)| {
            let reach = self.reach(map);
            map.divisor != 1 || reach.lo < 0 || reach.hi >= length as i64
        })
    }

    /// The values of `offset + Σ stride·index`, saturating.
    fn reach(&self, map: &AxisMap) -> Interval {
        map.terms.iter().fold(Interval::point(map.offset), |sum, &(axis, stride)| {
            let last = self.shape.get(axis as usize).map_or(0, |&n| i64::try_from(n).unwrap_or(i64::MAX) - 1);
            sum.add(&Interval::new(0, last.max(0)).scale(stride))
        })
    }
}

impl Operator for View {
    fn name(&self) -> &'static str {
        "View"
    }

    fn infer(&self, cx: &Infer<'_>) -> Result<Signature, IrError> {
        let x = cx.one()?;
        if self.axes.len() != x.shape.len() {
            return Err(cx.refuse(format!("{} axis maps for shape {:?}", self.axes.len(), x.shape)));
        }
        const BOUND: i64 = 1 << 40;
        // No position on the way overflows.
        const REACH: u64 = 1 << 62;
        for map in &self.axes {
            let sane = |v: i64| (-BOUND..=BOUND).contains(&v);
            if map.divisor < 1
                || !sane(map.offset)
                || !sane(map.divisor)
                || map.terms.len() > 8
                || map.terms.iter().any(|&(axis, stride)| axis as usize >= self.shape.len() || !sane(stride))
                || self.reach(map).magnitude() > REACH
            {
                return Err(cx.refuse("an axis map refers to a missing axis or has absurd strides"));
            }
        }
        let range = if self.leaves(&x.shape) { x.range.hull(&Interval::point(self.fill)) } else { x.range };
        Ok(Signature { shape: self.shape.clone(), range })
    }

    fn eval(&self, cx: &Eval<'_>) -> Result<Vec<i32>, IrError> {
        let x = cx.operands[0];
        let mut out = Vec::with_capacity(self.shape.iter().product());
        self.visit(&x.shape, |offset| out.push(offset.map_or(self.fill as i32, |o| x.data[o])));
        Ok(out)
    }
}

impl View {
    /// Calls `visit` for every entry of the view in row-major order with the offset into the operand that it reads.
    pub fn visit(&self, source: &[usize], mut visit: impl FnMut(Option<usize>)) {
        let steps = strides(source);
        let mut sums: Vec<i64> = self.axes.iter().map(|map| map.offset).collect();
        let mut index = vec![0usize; self.shape.len()];
        let total: usize = self.shape.iter().product();
        for _ in 0..total {
            visit(self.offset(&sums, source, &steps));
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                let wrapped = index[axis] == self.shape[axis];
                let change = if wrapped { 1 - self.shape[axis] as i64 } else { 1 };
                if wrapped {
                    index[axis] = 0;
                }
                for (map, sum) in self.axes.iter().zip(&mut sums) {
                    for &(view_axis, stride) in &map.terms {
                        if view_axis as usize == axis {
                            *sum += change * stride;
                        }
                    }
                }
                if !wrapped {
                    break;
                }
            }
        }
    }

    fn offset(&self, sums: &[i64], source: &[usize], steps: &[usize]) -> Option<usize> {
        let mut offset = 0;
        for (axis, map) in self.axes.iter().enumerate() {
            let sum = sums[axis];
            if map.divisor != 1 && sum % map.divisor != 0 {
                return None;
            }
            let position = if map.divisor == 1 { sum } else { sum / map.divisor };
            if position < 0 || position >= source[axis] as i64 {
                return None;
            }
            offset += position as usize * steps[axis];
        }
        Some(offset)
    }
}
