//! The operators of the float graph.
//!
//! There are few of them: what ONNX spells in several ways (`Gemm`, `MatMul`, `Einsum`; `Split`, `Slice`; `Resize`,
//! `Gather`, reflecting `Pad`) is one operator here, so that the lowering to integers has one case each.
//! Axes are non-negative and refer to the operand's own dimensions; a convolution's or pool's spatial axes are all axes
//! from 2 on. Padding is explicit.

use crate::unary::UnaryOp;

/// One dimension of an [`Einsum`]'s operands. Equal labels mean equal dimensions.
pub type Label = u8;

/// An operator. The order of its node's inputs is given with each.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Inputs: x `[N, C, spatial…]`, weights `[M, C/groups, kernel…]`, optionally a constant bias `[M]`.
    /// Output: `[N, M, spatial…]`.
    Conv(Conv),
    /// Inputs: x `[N, C, spatial…]`, weights `[C, M/groups, kernel…]`, optionally a constant bias `[M]`.
    /// Output: `[N, M, spatial…]`, each axis (in − 1)·stride + (kernel − 1)·dilation + 1 + output_padding − pads.
    ConvTranspose(ConvTranspose),
    /// Inputs: a, b, optionally a constant bias that broadcasts to the output (never enlarging it).
    /// Output: Σ a·b over the labels that are not in `out`, plus the bias.
    Einsum(Einsum),
    /// Inputs: x, scale `[C]`, shift `[C]`, both constant; C = x's dimension `axis`. Output: x·scale + shift.
    /// What is left of a batch normalisation which no weights could take in.
    ScaleShift {
        /// The channel axis.
        axis: usize,
    },
    /// Inputs: a, b, broadcast against each other.
    Binary(BinaryOp),
    /// Input: x. An element-wise function.
    Unary(UnaryOp),
    /// Inputs: x, slope (broadcasts to x). Output: x if x ≥ 0, else slope·x.
    PRelu,
    /// Inputs: condition, a, b, all broadcast. Output: a where the condition is not 0, else b.
    Where,
    /// Input: x `[N, C, spatial…]`. Output: `[N, C, spatial…]`.
    Pool(Pool),
    /// Input: x. The given axes are reduced; they become 1 or vanish.
    Reduce(Reduce),
    /// Input: x. Output of x's shape: e^x / Σ e^x, sums over `axes` together (one axis unless the opset is below 13).
    Softmax {
        /// The axes that sum to one; contiguous.
        axes: Vec<usize>,
        /// Whether the natural logarithm follows.
        log: bool,
    },
    /// Input: x. Output of x's shape: (x − μ)/√(σ² + ε) over `axes` together, with μ = 0 and σ² = mean(x²) unless
    /// `centre`. Layer, instance, group and RMS normalisation; their scale and shift are nodes of their own.
    Normalize {
        /// The axes whose elements are normalised together.
        axes: Vec<usize>,
        /// ε.
        epsilon: f32,
        /// Whether the mean is removed.
        centre: bool,
    },
    /// Local response normalisation. Input: x `[N, C, …]`. Output: x/(bias + alpha/size·Σ x²)^beta over `size`
    /// neighbouring channels, from ⌊(size − 1)/2⌋ before to ⌈(size − 1)/2⌉ after.
    Lrn {
        /// Number of neighbouring channels.
        size: usize,
        /// Factor of the sum of squares.
        alpha: f32,
        /// Exponent.
        beta: f32,
        /// Added to the sum.
        bias: f32,
    },
    /// Inputs: one or more tensors, equal but for `axis`.
    Concat {
        /// The axis along which they are joined.
        axis: usize,
    },
    /// Input: x. Takes a regular subset of every axis (also one part of an ONNX `Split`).
    Slice {
        /// One per axis of x.
        axes: Vec<SliceAxis>,
    },
    /// Input: x. Constant padding (other modes become [`Op::Select`]).
    Pad {
        /// Elements added before and after, one pair per axis of x.
        pads: Vec<(usize, usize)>,
        /// What they are.
        value: f32,
    },
    /// Input: x. Same elements in row-major order, under the output's shape.
    Reshape,
    /// Input: x. Output's axis i is x's axis `perm[i]`.
    Transpose {
        /// A permutation of x's axes.
        perm: Vec<usize>,
    },
    /// Input: x. Broadcasts x to the output's shape.
    Expand,
    /// Input: x. Output: x's entries `indices` along `axis`, in this order; repetitions are allowed. The output's
    /// dimension `axis` is `indices.len()`. Constant `Gather`, nearest `Resize`, reflecting `Pad`.
    Select {
        /// The axis.
        axis: usize,
        /// Entries of that axis, each below its dimension.
        indices: Vec<usize>,
    },
    /// Inputs: data, indices (integers at run time, negative ones counting from the end).
    /// Output: data's shape with dimension `axis` replaced by the shape of the indices.
    Gather {
        /// The axis of data.
        axis: usize,
    },
    /// Input: x. Output: integer index of the largest (smallest) entry along `axis`.
    ArgExtreme {
        /// Largest or smallest.
        largest: bool,
        /// The axis; it becomes 1 or vanishes.
        axis: usize,
        /// Whether the axis stays, with dimension 1.
        keep_dims: bool,
        /// Which of several equal entries is taken: the last if set, else the first.
        last: bool,
    },
    /// Input: x. Outputs: the k largest (smallest) entries along `axis`, sorted, and their integer indices; of equal
    /// entries the one with the lowest index comes first.
    TopK {
        /// The axis.
        axis: usize,
        /// How many.
        k: usize,
        /// Largest or smallest.
        largest: bool,
    },
}

/// A convolution's geometry; spatial axes in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conv {
    /// Kernel, strides, dilations and padding.
    pub window: Window,
    /// Number of groups; C = groups where it is depthwise.
    pub groups: usize,
}

/// A transposed convolution's geometry. Here the window's pads are **removed** from the full output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvTranspose {
    /// Kernel, strides, dilations and what is cut off the output's begin and end.
    pub window: Window,
    /// Zero positions added at the output's end, per spatial axis, before cutting.
    pub output_padding: Vec<usize>,
    /// Number of groups.
    pub groups: usize,
}

/// A sliding window, one entry per spatial axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Kernel size.
    pub kernel: Vec<usize>,
    /// Step between two outputs.
    pub strides: Vec<usize>,
    /// Step between two kernel entries.
    pub dilations: Vec<usize>,
    /// Padding before and after, with what `auto_pad` and `ceil_mode` ask for.
    pub pads: Vec<(usize, usize)>,
}

impl Window {
    /// Input length that the kernel spans on spatial axis `axis`.
    pub fn extent(&self, axis: usize) -> usize {
        (self.kernel[axis] - 1) * self.dilations[axis] + 1
    }

    /// Output length on spatial axis `axis` for an input of length `input`; `None` where the kernel does not fit.
    pub fn output_len(&self, axis: usize, input: usize) -> Option<usize> {
        let (begin, end) = self.pads[axis];
        let room = (input + begin + end).checked_sub(self.extent(axis))?;
        Some(room / self.strides[axis] + 1)
    }

    /// Input position of kernel entry `k` of output `out` on spatial axis `axis`; `None` inside of the padding.
    pub fn input_position(&self, axis: usize, out: usize, k: usize, input: usize) -> Option<usize> {
        let padded = out * self.strides[axis] + k * self.dilations[axis];
        padded.checked_sub(self.pads[axis].0).filter(|&i| i < input)
    }
}

/// Pooling over a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Kernel, strides, dilations and padding.
    pub window: Window,
    /// What is computed in the window.
    pub kind: PoolKind,
}

/// What a pool computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PoolKind {
    /// The largest element; padding is −∞.
    Max,
    /// The sum divided by a number of positions; padding is 0.
    Average {
        /// How far the divisor's positions reach beyond the input, before and after, per spatial axis: (0, 0) without
        /// `count_include_pad`, else the padding without what only `ceil_mode` added.
        counted: Vec<(usize, usize)>,
    },
}

impl Pool {
    /// Divisor of output `out` on one spatial axis of length `input`; an average's divisor is their product.
    /// 1 for a maximum.
    pub fn divisor(&self, axis: usize, out: usize, input: usize) -> usize {
        let PoolKind::Average { counted } = &self.kind else { return 1 };
        let (before, after) = counted[axis];
        let origin = self.window.pads[axis].0;
        let first = origin - before;
        (0..self.window.kernel[axis])
            .map(|k| out * self.window.strides[axis] + k * self.window.dilations[axis])
            .filter(|&padded| padded >= first && padded < origin + input + after)
            .count()
    }
}

/// A contraction of two operands. No label occurs twice in one operand; `out` holds labels of a or b only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Einsum {
    /// Labels of the first operand's axes.
    pub a: Vec<Label>,
    /// Labels of the second operand's axes.
    pub b: Vec<Label>,
    /// Labels of the output's axes.
    pub out: Vec<Label>,
}

impl Einsum {
    /// Labels that are summed over, in the order in which they occur in a, then b.
    pub fn summed(&self) -> Vec<Label> {
        let mut labels: Vec<Label> = self.a.iter().filter(|l| !self.out.contains(l)).copied().collect();
        labels.extend(self.b.iter().filter(|l| !self.out.contains(l) && !self.a.contains(l)));
        labels
    }
}

/// A function of two elements. Comparisons and logic give 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    /// a + b
    Add,
    /// a − b
    Sub,
    /// a·b
    Mul,
    /// a / b; rounds towards zero where the output is an integer.
    Div,
    /// a^b
    Pow,
    /// The smaller.
    Min,
    /// The larger.
    Max,
    /// a = b
    Equal,
    /// a > b
    Greater,
    /// a ≥ b
    GreaterOrEqual,
    /// Remainder with the sign of b (a − b·⌊a/b⌋).
    Mod,
}

/// A reduction's function and axes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reduce {
    /// The function.
    pub op: ReduceOp,
    /// The reduced axes, ascending.
    pub axes: Vec<usize>,
    /// Whether they stay, with dimension 1.
    pub keep_dims: bool,
}

/// What a reduction computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReduceOp {
    /// Sum.
    Sum,
    /// Sum divided by the number of elements.
    Mean,
    /// Largest element.
    Max,
    /// Smallest element.
    Min,
    /// Product.
    Product,
    /// ln Σ e^x.
    LogSumExp,
}

/// A regular subset of one axis: entries start, start + step, … (`len` of them).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SliceAxis {
    /// First entry.
    pub start: usize,
    /// Distance between entries; may be negative, never 0.
    pub step: isize,
    /// Number of entries.
    pub len: usize,
}

impl SliceAxis {
    /// All of an axis of dimension `len`.
    pub fn whole(len: usize) -> Self {
        Self { start: 0, step: 1, len }
    }

    /// The input entry that becomes entry `i`.
    pub fn entry(&self, i: usize) -> usize {
        self.start.wrapping_add_signed(self.step * i as isize)
    }
}
