//! Scales: one per group of tensors that hold the same numbers.
//!
//! Rearrangements, concatenations and maxima move codes without arithmetic, so everything that they connect shares a scale.

use zkml_import::{BinaryOp, DType, FloatGraph, Node, Op, PoolKind, ReduceOp, Source, Tensor, UnaryOp};
use zkml_ir::Interval;

use crate::calibrate::Calibration;
use crate::options::Options;

/// Fewer entries of an input than this say little of how far others reach.
const FEW_ENTRIES: usize = 1 << 14;
/// The headroom of inputs of which few entries were seen.
const INPUT_HEADROOM: f64 = 2.0;

/// How a tensor is stored: `real = scale · code` with codes in an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Format {
    pub(crate) scale: f64,
    pub(crate) codes: Interval,
}

impl Format {
    /// The format of `bits` bits that covers `[lo, hi]`: unsigned where nothing is negative.
    pub(crate) fn covering(lo: f64, hi: f64, bits: u32) -> Self {
        let codes = if lo < 0.0 { Interval::signed(bits) } else { Interval::unsigned(bits) };
        let scale = (hi / codes.hi as f64).max(if lo < 0.0 { lo / codes.lo as f64 } else { 0.0 });
        // Something that is always 0 may have any scale.
        let scale = if scale.is_finite() && scale > f64::from(f32::MIN_POSITIVE) { scale } else { 1.0 };
        Self { scale, codes }
    }

    /// The bits of the blocks on which clamps to these codes are proven.
    pub(crate) fn bits(&self) -> u32 {
        64 - self.codes.len().saturating_sub(1).leading_zeros()
    }

    /// The code of a real number.
    pub(crate) fn encode(&self, real: f64) -> i64 {
        let code = round(real / self.scale);
        code.clamp(self.codes.lo, self.codes.hi)
    }
}

/// `floor(v + ½)`, saturating; 0 for NaN.
pub(crate) fn round(v: f64) -> i64 {
    (v + 0.5).floor() as i64
}

/// The format of every value of a float graph.
pub(crate) struct Formats {
    formats: Vec<Format>,
}

impl Formats {
    pub(crate) fn assign(graph: &FloatGraph, calibration: &Calibration, options: &Options) -> Self {
        let groups = Groups::of(graph);
        let bits = group_bits(graph, &groups, options);
        let mut hulls: Vec<Option<(f64, f64)>> = vec![None; graph.values.len()];
        for (value, group) in groups.roots.iter().enumerate() {
            if !groups.moved[value]
                && let Some((lo, hi)) = range(graph, calibration, options, value, bits[*group])
            {
                let hull = hulls[*group].get_or_insert((lo, hi));
                *hull = (hull.0.min(lo), hull.1.max(hi));
            }
        }
        let formats = graph.values.iter().zip(&groups.roots).map(|(value, &group)| {
            let (lo, hi) = hulls[group].unwrap_or((0.0, 0.0));
            if value.dtype == DType::Float {
                Format::covering(lo, hi, bits[group])
            } else {
                Format { scale: 1.0, codes: integers(lo, hi) }
            }
        });
        Self { formats: formats.collect() }
    }

    pub(crate) fn of(&self, value: zkml_import::ValueId) -> Format {
        self.formats[value.0]
    }
}

/// The bits of every group's codes: as many as the options say, but for what its readers can take.
fn group_bits(graph: &FloatGraph, groups: &Groups, options: &Options) -> Vec<u32> {
    let mut bits = vec![options.bits(); graph.values.len()];
    for node in &graph.nodes {
        for &input in &node.inputs {
            if graph.constant(input).is_none() {
                let group = groups.roots[input.0];
                bits[group] = bits[group].min(readable_bits(graph, node, options));
            }
        }
    }
    bits
}

/// The most bits of an operand of `node`.
fn readable_bits(graph: &FloatGraph, node: &Node, options: &Options) -> u32 {
    /// What tables and products of two tensors take.
    const TABLE_BITS: u32 = 12;
    let most = options.bits();
    let weighted = node.inputs.iter().take(2).filter_map(|id| graph.constant(*id)).next();
    match (&node.op, weighted) {
        (Op::Conv(_) | Op::ConvTranspose(_) | Op::Einsum(_), Some(weight)) => {
            let outputs = weight_rows(graph, node, weight);
            most.min(shared_bits(weight, outputs, options))
        }
        (Op::Binary(BinaryOp::Add | BinaryOp::Sub) | Op::ScaleShift { .. } | Op::Pool(_), _) => most,
        (Op::Binary(BinaryOp::Mul | BinaryOp::Div), Some(_)) => most,
        (Op::Unary(UnaryOp::Relu | UnaryOp::Clip { .. } | UnaryOp::Neg), _) => most,
        (Op::Reduce(reduce), _) if reduce.op != ReduceOp::LogSumExp => most,
        (op, _) if moves(op) => most,
        _ => most.min(TABLE_BITS),
    }
}

/// The number of sums that share no weight.
fn weight_rows(graph: &FloatGraph, node: &Node, weight: &Tensor) -> usize {
    match &node.op {
        Op::Conv(_) => weight.shape()[0],
        Op::ConvTranspose(conv) => weight.shape()[1] * conv.groups,
        Op::Einsum(einsum) => {
            let first = graph.constant(node.inputs[0]).is_some();
            let labels = if first { &einsum.a } else { &einsum.b };
            let kept = labels.iter().zip(weight.shape()).filter(|(label, _)| einsum.out.contains(label));
            kept.map(|(_, length)| length).product()
        }
        _ => 1,
    }
}

/// The bits of an operand where it and its weights share what a sum has room for, both above the profile's own.
fn shared_bits(weight: &Tensor, rows: usize, options: &Options) -> u32 {
    // The base-2 logarithm of the greatest accumulator, less what caps and rows that exceed the mean take.
    const ROOM: f64 = 29.5;
    let magnitudes = weight.data().iter().map(|w| f64::from(w.abs()));
    let (sum, most) = magnitudes.fold((0.0, 0f64), |(sum, most), w| (sum + w, most.max(w)));
    let length = (sum / rows.max(1) as f64 / most.max(f64::MIN_POSITIVE)).max(1.0);
    let wanted = f64::from(options.bits() + options.bits_of_weights() - 1);
    let missing = (wanted + length.log2() - ROOM).max(0.0);
    let least = options.profile.activation_bits().min(options.bits());
    options.bits().saturating_sub((missing / 2.0).ceil() as u32).max(least)
}

/// The smallest interval of some number of bits that holds `[lo, hi]`.
fn integers(lo: f64, hi: f64) -> Interval {
    let needed = lo.abs().max(hi.abs()).min(1e9);
    let mut bits = 1;
    while (1i64 << bits) as f64 <= needed {
        bits += 1;
    }
    if lo < 0.0 { Interval::signed(bits + 1) } else { Interval::unsigned(bits) }
}

/// The calibrated range with headroom, within what the operator can produce at all.
fn range(
    graph: &FloatGraph,
    calibration: &Calibration,
    options: &Options,
    value: usize,
    bits: u32,
) -> Option<(f64, f64)> {
    let info = &graph.values[value];
    if let Source::Constant(tensor) = &info.source {
        let data = tensor.data().iter().map(|&v| f64::from(v));
        let (lo, hi) = data.fold((0f64, 0f64), |(lo, hi), v| (lo.min(v), hi.max(v)));
        return Some((lo, hi));
    }
    let (lo, hi) = calibration.observed(value).interval(options.percentile);
    if lo > hi {
        return None;
    }
    if info.source == Source::Input && calibration.observed(value).pixels && bits >= 8 {
        // Codes are multiples of the 256 levels of a pixel: nothing is rounded, and nothing lies beyond.
        return Some((0.0, f64::from((1u32 << bits) - 1) / f64::from(255u32 << (bits - 8))));
    }
    let headroom = match (&info.dtype, &info.source) {
        (DType::Float, Source::Input) if calibration.observed(value).seen < FEW_ENTRIES => {
            options.headroom.unwrap_or(INPUT_HEADROOM)
        }
        (DType::Float, _) => options.headroom(),
        _ => 1.0,
    };
    let (lo, hi) = (lo.min(0.0) * headroom, hi.max(0.0) * headroom);
    let (least, most) = match &info.source {
        Source::Node { node, .. } => image(&graph.nodes[*node].op),
        _ => (f64::NEG_INFINITY, f64::INFINITY),
    };
    Some((lo.max(least.min(0.0)), hi.min(most.max(0.0))))
}

/// An interval that holds every result of an operator.
fn image(op: &Op) -> (f64, f64) {
    const ALL: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);
    match op {
        Op::Softmax { log: false, .. } => (0.0, 1.0),
        Op::Unary(unary) => match *unary {
            UnaryOp::Relu | UnaryOp::Abs | UnaryOp::Sqrt | UnaryOp::Exp | UnaryOp::Softplus => {
                (0.0, f64::INFINITY)
            }
            UnaryOp::Clip { min, max } => (f64::from(min), f64::from(max)),
            UnaryOp::Sigmoid | UnaryOp::HardSigmoid { .. } | UnaryOp::Not | UnaryOp::NonZero => (0.0, 1.0),
            UnaryOp::Tanh
            | UnaryOp::Erf
            | UnaryOp::Softsign
            | UnaryOp::Sign
            | UnaryOp::Sin
            | UnaryOp::Cos => (-1.0, 1.0),
            _ => ALL,
        },
        _ => ALL,
    }
}

/// Which values share a scale.
struct Groups {
    /// A representative of every value's group.
    roots: Vec<usize>,
    /// Whether a value is another one moved, so that its range follows from that one.
    moved: Vec<bool>,
}

impl Groups {
    fn of(graph: &FloatGraph) -> Self {
        let mut roots: Vec<usize> = (0..graph.values.len()).collect();
        let mut moved = vec![false; graph.values.len()];
        for node in &graph.nodes {
            let Some(&output) = node.outputs.first().filter(|_| moves(&node.op)) else { continue };
            // A padding constant is a source of its own.
            moved[output.0] = !matches!(node.op, Op::Pad { value, .. } if value != 0.0);
            let shared =
                if matches!(node.op, Op::Gather { .. }) { &node.inputs[..1] } else { &node.inputs[..] };
            for input in shared {
                let (a, b) = (find(&mut roots, input.0), find(&mut roots, output.0));
                roots[b] = a;
            }
        }
        for value in 0..roots.len() {
            roots[value] = find(&mut roots, value);
        }
        Self { roots, moved }
    }
}

fn find(roots: &mut [usize], mut value: usize) -> usize {
    while roots[value] != value {
        roots[value] = roots[roots[value]];
        value = roots[value];
    }
    value
}

/// Whether every entry of an operator's output is an entry of an operand.
fn moves(op: &Op) -> bool {
    match op {
        Op::Reshape | Op::Transpose { .. } | Op::Slice { .. } | Op::Select { .. } => true,
        Op::Expand | Op::Pad { .. } | Op::Concat { .. } | Op::Gather { .. } | Op::TopK { .. } => true,
        Op::Pool(pool) => pool.kind == PoolKind::Max,
        Op::Reduce(reduce) => matches!(reduce.op, ReduceOp::Max | ReduceOp::Min),
        Op::Binary(BinaryOp::Max | BinaryOp::Min) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_covers_its_interval() {
        let unsigned = Format::covering(0.0, 2.55, 8);
        assert_eq!((unsigned.codes, unsigned.encode(2.55)), (Interval::unsigned(8), 255));
        let signed = Format::covering(-1.28, 0.5, 8);
        assert_eq!((signed.encode(-1.28), signed.encode(0.5)), (-128, 50));
        assert_eq!(Format::covering(0.0, 0.0, 8).scale, 1.0);
    }

    #[test]
    fn integers_keep_the_scale_one() {
        assert_eq!(integers(0.0, 50256.0), Interval::unsigned(16));
        assert_eq!(integers(-3.0, 4.0), Interval::signed(4));
        assert_eq!(integers(0.0, 1.0), Interval::unsigned(1));
    }
}
