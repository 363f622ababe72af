//! Output shapes of operators, and with them the check that an operator's parameters fit its operands.

use crate::op::{Conv, ConvTranspose, Einsum, Op, Pool, Window};
use crate::tensor::{broadcast_shape, num_elements};

/// Why an operator does not fit its operands, in words; the caller knows the node.
pub type Mismatch = String;

/// Output shapes of `op` on operands of shapes `inputs`. `target` is the wanted output shape of the two operators that
/// do not determine it themselves, [`Op::Reshape`] and [`Op::Expand`]; others ignore it.
///
/// # Errors
/// A sentence where the operands do not fit the operator or an output would be larger than
/// [`MAX_ELEMENTS`](crate::tensor::MAX_ELEMENTS).
pub fn infer(op: &Op, inputs: &[&[usize]], target: &[usize]) -> Result<Vec<Vec<usize>>, Mismatch> {
    check_arity(op, inputs.len())?;
    let x = inputs[0];
    let outputs = match op {
        Op::Conv(conv) => vec![conv_shape(conv, inputs)?],
        Op::ConvTranspose(conv) => vec![conv_transpose_shape(conv, inputs)?],
        Op::Einsum(einsum) => vec![einsum_shape(einsum, inputs)?],
        Op::ScaleShift { axis } => {
            check_axis(*axis, x)?;
            let channels = [x[*axis]];
            ensure(inputs[1] == channels && inputs[2] == channels, || {
                format!(
                    "scale {:?} and shift {:?} must have the {} channels of {x:?}",
                    inputs[1], inputs[2], x[*axis]
                )
            })?;
            vec![x.to_vec()]
        }
        Op::Binary(_) => vec![broadcast(x, inputs[1])?],
        Op::PRelu => {
            let shape = broadcast(x, inputs[1])?;
            ensure(shape == x, || format!("the slope {:?} is larger than the input {x:?}", inputs[1]))?;
            vec![shape]
        }
        Op::Where => vec![broadcast(&broadcast(x, inputs[1])?, inputs[2])?],
        Op::Unary(_) => vec![x.to_vec()],
        Op::Pool(pool) => vec![pool_shape(pool, x)?],
        Op::Reduce(reduce) => {
            check_axes(&reduce.axes, x)?;
            vec![reduced(x, &reduce.axes, reduce.keep_dims)]
        }
        Op::Softmax { axes, .. } | Op::Normalize { axes, .. } => {
            check_axes(axes, x)?;
            vec![x.to_vec()]
        }
        Op::Lrn { size, .. } => {
            ensure(x.len() >= 2 && *size > 0, || format!("needs channels on axis 1, got {x:?}"))?;
            vec![x.to_vec()]
        }
        Op::Concat { axis } => vec![concat_shape(*axis, inputs)?],
        Op::Slice { axes } => {
            ensure(axes.len() == x.len(), || format!("{} slices for {x:?}", axes.len()))?;
            for (slice, &dim) in axes.iter().zip(x) {
                let last = slice.len.checked_sub(1).map(|i| slice.entry(i));
                let inside = last.is_none_or(|last| slice.start < dim && last < dim);
                ensure(slice.step != 0 && slice.len <= dim && inside, || format!("{slice:?} leaves {x:?}"))?;
            }
            vec![axes.iter().map(|s| s.len).collect()]
        }
        Op::Pad { pads, .. } => {
            ensure(pads.len() == x.len(), || format!("{} pads for {x:?}", pads.len()))?;
            vec![x.iter().zip(pads).map(|(d, (b, e))| d.saturating_add(*b).saturating_add(*e)).collect()]
        }
        Op::Reshape => {
            let equal = num_elements(x) == num_elements(target);
            ensure(equal, || format!("{x:?} cannot be reshaped to {target:?}"))?;
            vec![target.to_vec()]
        }
        Op::Expand => {
            let fits = broadcast_shape(x, target).as_deref() == Some(target);
            ensure(fits, || format!("{x:?} cannot be expanded to {target:?}"))?;
            vec![target.to_vec()]
        }
        Op::Transpose { perm } => {
            let mut sorted = perm.clone();
            sorted.sort_unstable();
            ensure(sorted.iter().copied().eq(0..x.len()), || format!("{perm:?} does not permute {x:?}"))?;
            vec![perm.iter().map(|&axis| x[axis]).collect()]
        }
        Op::Select { axis, indices } => {
            check_axis(*axis, x)?;
            ensure(indices.iter().all(|&i| i < x[*axis]), || {
                format!("an index leaves axis {axis} of {x:?}")
            })?;
            let mut shape = x.to_vec();
            shape[*axis] = indices.len();
            vec![shape]
        }
        Op::Gather { axis } => {
            check_axis(*axis, x)?;
            vec![[&x[..*axis], inputs[1], &x[axis + 1..]].concat()]
        }
        Op::ArgExtreme { axis, keep_dims, .. } => {
            check_axes(&[*axis], x)?;
            vec![reduced(x, &[*axis], *keep_dims)]
        }
        Op::TopK { axis, k, .. } => {
            check_axis(*axis, x)?;
            ensure(*k <= x[*axis], || format!("the {k} best of axis {axis} of {x:?}"))?;
            let mut shape = x.to_vec();
            shape[*axis] = *k;
            vec![shape.clone(), shape]
        }
    };
    for shape in &outputs {
        num_elements(shape).map_err(|error| error.to_string())?;
    }
    Ok(outputs)
}

fn ensure(condition: bool, reason: impl FnOnce() -> Mismatch) -> Result<(), Mismatch> {
    if condition { Ok(()) } else { Err(reason()) }
}

fn check_arity(op: &Op, got: usize) -> Result<(), Mismatch> {
    let (least, most) = match op {
        Op::Conv(_) | Op::ConvTranspose(_) | Op::Einsum(_) => (2, 3),
        Op::ScaleShift { .. } | Op::Where => (3, 3),
        Op::Binary(_) | Op::PRelu | Op::Gather { .. } => (2, 2),
        Op::Concat { .. } => (1, usize::MAX),
        _ => (1, 1),
    };
    ensure((least..=most).contains(&got), || format!("needs {least} operands, got {got}"))
}

fn check_axis(axis: usize, x: &[usize]) -> Result<(), Mismatch> {
    ensure(axis < x.len(), || format!("axis {axis} of {x:?}"))
}

/// Axes of a reduction: a maximum or a mean over nothing does not exist.
fn check_axes(axes: &[usize], x: &[usize]) -> Result<(), Mismatch> {
    for &axis in axes {
        check_axis(axis, x)?;
        ensure(x[axis] > 0, || format!("axis {axis} of {x:?} is empty"))?;
    }
    Ok(())
}

fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>, Mismatch> {
    broadcast_shape(a, b).ok_or_else(|| format!("{a:?} and {b:?} do not broadcast"))
}

/// `x` without `axes`, or with 1 in their place.
pub(crate) fn reduced(x: &[usize], axes: &[usize], keep_dims: bool) -> Vec<usize> {
    let dims = x.iter().enumerate().filter(|(axis, _)| keep_dims || !axes.contains(axis));
    dims.map(|(axis, &dim)| if axes.contains(&axis) { 1 } else { dim }).collect()
}

fn check_window(window: &Window, spatial: usize) -> Result<(), Mismatch> {
    let Window { kernel, strides, dilations, pads } = window;
    let ranks = [kernel.len(), strides.len(), dilations.len(), pads.len()];
    ensure(ranks == [spatial; 4], || format!("{window:?} on {spatial} spatial axes"))?;
    // The bound keeps all arithmetic on positions far from overflow.
    let bounded = |v: &[usize]| v.iter().all(|&n| (1..1 << 24).contains(&n));
    let ok = bounded(kernel) && bounded(strides) && bounded(dilations);
    let pads_ok = pads.iter().all(|&(b, e)| b < 1 << 24 && e < 1 << 24);
    ensure(ok && pads_ok, || format!("{window:?} has an entry that is 0 or above 2^24"))
}

fn window_output(window: &Window, spatial: &[usize]) -> Result<Vec<usize>, Mismatch> {
    let len = |(axis, &dim): (usize, &usize)| {
        window.output_len(axis, dim).ok_or_else(|| format!("{window:?} does not fit into {spatial:?}"))
    };
    let output: Vec<usize> = spatial.iter().enumerate().map(len).collect::<Result<_, _>>()?;
    check_positions(window, &output)?;
    Ok(output)
}

/// The evaluator keeps a table of kernel positions times output positions.
fn check_positions(window: &Window, positions: &[usize]) -> Result<(), Mismatch> {
    let table = [&window.kernel[..], positions].concat();
    num_elements(&table)
        .map(|_| ())
        .map_err(|_| format!("{window:?} on {positions:?} positions is too large"))
}

fn check_bias(inputs: &[&[usize]], channels: usize) -> Result<(), Mismatch> {
    let ok = inputs.get(2).is_none_or(|bias| *bias == [channels]);
    ensure(ok, || format!("bias {:?} for {channels} output channels", inputs[2]))
}

fn conv_shape(conv: &Conv, inputs: &[&[usize]]) -> Result<Vec<usize>, Mismatch> {
    let (x, w) = (inputs[0], inputs[1]);
    ensure(x.len() >= 3 && x.len() == w.len(), || format!("input {x:?} with weights {w:?}"))?;
    check_window(&conv.window, x.len() - 2)?;
    let groups = conv.groups;
    let fits = groups > 0 && w[1].checked_mul(groups) == Some(x[1]) && w[0].is_multiple_of(groups);
    ensure(fits && w[2..] == conv.window.kernel, || format!("input {x:?}, weights {w:?}, {groups} groups"))?;
    check_bias(inputs, w[0])?;
    Ok([vec![x[0], w[0]], window_output(&conv.window, &x[2..])?].concat())
}

fn conv_transpose_shape(conv: &ConvTranspose, inputs: &[&[usize]]) -> Result<Vec<usize>, Mismatch> {
    let (x, w) = (inputs[0], inputs[1]);
    ensure(x.len() >= 3 && x.len() == w.len(), || format!("input {x:?} with weights {w:?}"))?;
    check_window(&conv.window, x.len() - 2)?;
    let groups = conv.groups;
    let fits = groups > 0 && w[0] == x[1] && x[1].is_multiple_of(groups) && w[2..] == conv.window.kernel;
    ensure(fits && conv.output_padding.len() == x.len() - 2, || {
        format!("input {x:?}, weights {w:?}, {groups} groups, output padding {:?}", conv.output_padding)
    })?;
    let channels = w[1].checked_mul(groups).ok_or("too many channels")?;
    check_positions(&conv.window, &x[2..])?;
    check_bias(inputs, channels)?;
    let mut shape = vec![x[0], channels];
    for (axis, &dim) in x[2..].iter().enumerate() {
        let (begin, end) = conv.window.pads[axis];
        let full = dim
            .checked_sub(1)
            .and_then(|steps| steps.checked_mul(conv.window.strides[axis]))
            .and_then(|n| n.checked_add(conv.window.extent(axis) + conv.output_padding[axis]));
        let kept = full.and_then(|n| n.checked_sub(begin + end)).filter(|&n| n > 0);
        shape.push(kept.ok_or_else(|| format!("nothing of axis {axis} of {x:?} is left after the pads"))?);
    }
    Ok(shape)
}

fn pool_shape(pool: &Pool, x: &[usize]) -> Result<Vec<usize>, Mismatch> {
    ensure(x.len() >= 3, || format!("needs [N, C, spatial…], got {x:?}"))?;
    check_window(&pool.window, x.len() - 2)?;
    if let crate::op::PoolKind::Average { counted } = &pool.kind {
        let inside = counted.len() == x.len() - 2
            && counted.iter().zip(&pool.window.pads).all(|(c, p)| c.0 <= p.0 && c.1 <= p.1);
        ensure(inside, || format!("counted padding {counted:?} beyond {:?}", pool.window.pads))?;
    }
    Ok([x[..2].to_vec(), window_output(&pool.window, &x[2..])?].concat())
}

fn einsum_shape(einsum: &Einsum, inputs: &[&[usize]]) -> Result<Vec<usize>, Mismatch> {
    let (a, b) = (inputs[0], inputs[1]);
    let distinct = |l: &[u8]| l.iter().enumerate().all(|(i, x)| !l[..i].contains(x));
    let ok = einsum.a.len() == a.len() && einsum.b.len() == b.len();
    let ok = ok && [&einsum.a, &einsum.b, &einsum.out].iter().all(|l| distinct(l));
    ensure(ok, || format!("{einsum:?} on {a:?} and {b:?}"))?;
    let dim_a = |label| einsum.a.iter().position(|l| *l == label).map(|i| a[i]);
    let dim_b = |label| einsum.b.iter().position(|l| *l == label).map(|i| b[i]);
    for &label in &einsum.a {
        let equal = dim_b(label).is_none_or(|dim| Some(dim) == dim_a(label));
        ensure(equal, || format!("{a:?} and {b:?} differ on label {}", char::from(label)))?;
    }
    let dim =
        |&label: &u8| dim_a(label).or(dim_b(label)).ok_or("an output label is in no operand".to_string());
    let out: Vec<usize> = einsum.out.iter().map(dim).collect::<Result<_, _>>()?;
    if let Some(bias) = inputs.get(2) {
        let fits = broadcast_shape(&out, bias).as_ref() == Some(&out);
        ensure(fits, || format!("bias {bias:?} does not broadcast to {out:?}"))?;
    }
    Ok(out)
}

fn concat_shape(axis: usize, inputs: &[&[usize]]) -> Result<Vec<usize>, Mismatch> {
    let mut shape = inputs[0].to_vec();
    check_axis(axis, &shape)?;
    for x in &inputs[1..] {
        let fits = x.len() == shape.len() && (0..shape.len()).all(|i| i == axis || x[i] == shape[i]);
        ensure(fits, || format!("{x:?} cannot be joined to {shape:?} on axis {axis}"))?;
        shape[axis] = shape[axis].checked_add(x[axis]).ok_or("too large")?;
    }
    Ok(shape)
}
