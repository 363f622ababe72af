//! `MatMul`, `Gemm` and `Einsum`: contractions with explicit labels.

use super::{Context, Lowered, Refusal};
use crate::graph::ValueId;
use crate::op::{BinaryOp, Einsum, Label, Op, Reduce, ReduceOp};
use crate::tensor::Tensor;

/// A labelled operand.
type Labelled = (ValueId, Vec<Label>);

/// Labels of broadcast batch axes, beyond all letters; the i-th from the end has label `BATCH + i`.
const BATCH: Label = 128;

/// Contracts a with b. An axis of dimension 1 against a larger one of the same label is dropped: it broadcasts.
fn contract(
    ctx: &mut Context<'_>,
    (a, la): Labelled,
    (b, lb): Labelled,
    out: &[Label],
    bias: Option<ValueId>,
) -> Result<ValueId, Refusal> {
    let (sa, sb) = (ctx.shape_of(a), ctx.shape_of(b));
    let dim = |labels: &[Label], shape: &[usize], label| {
        labels.iter().position(|l| *l == label).map_or(1, |i| shape[i])
    };
    let (a, la) = drop_axes(ctx, a, &la, |l, d| d == 1 && dim(&lb, &sb, l) > 1)?;
    let (b, lb) = drop_axes(ctx, b, &lb, |l, d| d == 1 && dim(&la, &sa, l) > 1 && la.contains(&l))?;
    let op = Op::Einsum(Einsum { a: la, b: lb, out: out.to_vec() });
    let operands: Vec<ValueId> = [a, b].into_iter().chain(bias).collect();
    ctx.emit(op, &operands)
}

fn drop_axes(
    ctx: &mut Context<'_>,
    x: ValueId,
    labels: &[Label],
    drops: impl Fn(Label, usize) -> bool,
) -> Result<Labelled, Refusal> {
    let shape = ctx.shape_of(x);
    let kept = labels.iter().copied().zip(shape).filter(|(label, dim)| !drops(*label, *dim));
    let (labels, shape): (Vec<Label>, Vec<usize>) = kept.unzip();
    Ok((ctx.emit_to(Op::Reshape, x, &shape)?, labels))
}

/// numpy's rule: matrices on the last two axes, the others broadcast; a vector is a row (left) or a column (right).
pub(super) fn matmul(ctx: &mut Context<'_>) -> Lowered {
    let (a, b) = (ctx.value(0)?, ctx.value(1)?);
    let (rank_a, rank_b) = (ctx.shape_of(a).len(), ctx.shape_of(b).len());
    if rank_a == 0 || rank_b == 0 {
        return Err("a scalar operand".into());
    }
    let num_batch = rank_a.max(rank_b).saturating_sub(2);
    if num_batch > 64 {
        return Err(format!("{num_batch} batch axes").into());
    }
    let batch =
        |rank: usize| -> Vec<Label> { (0..rank.saturating_sub(2)).rev().map(|i| BATCH + i as u8).collect() };
    let la = [batch(rank_a), if rank_a == 1 { b"k".to_vec() } else { b"mk".to_vec() }].concat();
    let lb = [batch(rank_b), if rank_b == 1 { b"k".to_vec() } else { b"kn".to_vec() }].concat();
    let mut out = batch(num_batch + 2);
    out.extend(la.iter().chain(&lb).filter(|l| matches!(l, b'm' | b'n')));
    Ok(vec![contract(ctx, (a, la), (b, lb), &out, None)?])
}

/// alpha·A·B + beta·C: the factors go into whichever operand is constant.
pub(super) fn gemm(ctx: &mut Context<'_>) -> Lowered {
    let alpha = ctx.attributes.float("alpha", 1.0)?;
    let beta = ctx.attributes.float("beta", 1.0)?;
    let la = if ctx.attributes.flag("transA", false) { b"km" } else { b"mk" };
    let lb = if ctx.attributes.flag("transB", false) { b"nk" } else { b"kn" };
    if [ctx.shape(0)?.len(), ctx.shape(1)?.len()] != [2, 2] {
        return Err("operands must be matrices".into());
    }
    let scaled = alpha != 1.0;
    let (on_a, on_b) = (scaled && ctx.is_constant(0), scaled && ctx.is_constant(1) && !ctx.is_constant(0));
    let a = factor(ctx, 0, if on_a { alpha } else { 1.0 })?;
    let b = factor(ctx, 1, if on_b { alpha } else { 1.0 })?;
    let scaled_later = scaled && !on_a && !on_b;
    let has_bias = ctx.has(2) && beta != 0.0;
    let joins = has_bias && ctx.is_constant(2) && !scaled_later;
    let c = if has_bias { Some(factor(ctx, 2, beta)?) } else { None };
    let mut y = contract(ctx, (a, la.to_vec()), (b, lb.to_vec()), b"mn", c.filter(|_| joins))?;
    if scaled_later {
        let alpha = ctx.constant("alpha", Tensor::scalar(alpha))?;
        y = ctx.emit(Op::Binary(BinaryOp::Mul), &[y, alpha])?;
    }
    if let Some(c) = c.filter(|_| !joins) {
        y = ctx.emit(Op::Binary(BinaryOp::Add), &[y, c])?;
    }
    Ok(vec![y])
}

/// Input `i` times `factor`.
fn factor(ctx: &mut Context<'_>, i: usize, factor: f32) -> Result<ValueId, Refusal> {
    if factor == 1.0 {
        return ctx.value(i);
    }
    if ctx.is_constant(i) {
        let tensor = ctx.tensor(i)?.map(|v| v * factor);
        return ctx.constant(["a", "b", "c"][i], tensor);
    }
    let (x, factor) = (ctx.value(i)?, ctx.constant("factor", Tensor::scalar(factor))?);
    ctx.emit(Op::Binary(BinaryOp::Mul), &[x, factor])
}

/// Any number of operands, contracted from left to right.
pub(super) fn einsum(ctx: &mut Context<'_>) -> Lowered {
    let equation = ctx.attributes.string("equation", "")?.to_string();
    let operands: Vec<ValueId> = (0..ctx.num_inputs()).map(|i| ctx.value(i)).collect::<Result<_, _>>()?;
    let ranks: Vec<usize> = operands.iter().map(|id| ctx.shape_of(*id).len()).collect();
    let (labels, out) = parse(&equation, &ranks)?;
    let mut rest = operands.into_iter().zip(labels);
    let Some(mut x) = rest.next() else { return Err("no operand".into()) };
    if rest.len() == 0 {
        return single(ctx, x, &out);
    }
    while let Some(next) = rest.next() {
        // A label survives while something later needs it.
        let later: Vec<Label> = rest.clone().flat_map(|(_, l)| l).chain(out.iter().copied()).collect();
        let mut kept = out.clone();
        if rest.len() > 0 {
            let all = x.1.iter().chain(next.1.iter().filter(|l| !x.1.contains(l)));
            kept = all.copied().filter(|l| later.contains(l)).collect();
        }
        x = (contract(ctx, x, next, &kept, None)?, kept);
    }
    Ok(vec![x.0])
}

/// One operand: a sum and a transposition.
fn single(ctx: &mut Context<'_>, (mut x, mut labels): Labelled, out: &[Label]) -> Lowered {
    let axes: Vec<usize> = (0..labels.len()).filter(|&i| !out.contains(&labels[i])).collect();
    if !axes.is_empty() {
        x = ctx.emit(Op::Reduce(Reduce { op: ReduceOp::Sum, axes, keep_dims: false }), &[x])?;
        labels.retain(|l| out.contains(l));
    }
    let perm: Option<Vec<usize>> = out.iter().map(|l| labels.iter().position(|m| m == l)).collect();
    let perm = perm.ok_or("an output label is in no operand")?;
    Ok(vec![ctx.emit(Op::Transpose { perm }, &[x])?])
}

/// Labels of every operand and of the output.
fn parse(equation: &str, ranks: &[usize]) -> Result<(Vec<Vec<Label>>, Vec<Label>), Refusal> {
    let malformed = || Refusal::from(format!("equation `{equation}` for operands of {ranks:?} axes"));
    let text: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
    let (left, right) = match text.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (text.as_str(), None),
    };
    let terms: Vec<&str> = left.split(',').collect();
    if terms.len() != ranks.len() {
        return Err(malformed());
    }
    let mut num_ellipsis = 0;
    let mut operands = vec![];
    for (term, &rank) in terms.iter().zip(ranks) {
        let letters = term.replace("...", "").len();
        let hidden = if term.contains("...") { rank.checked_sub(letters).ok_or_else(malformed)? } else { 0 };
        num_ellipsis = num_ellipsis.max(hidden);
        let labels = expand(term, hidden).ok_or_else(malformed)?;
        if labels.len() != rank {
            return Err(malformed());
        }
        if labels.iter().enumerate().any(|(i, l)| labels[..i].contains(l)) {
            return Err(format!("equation `{equation}` takes a diagonal, which is not supported").into());
        }
        operands.push(labels);
    }
    let out = match right {
        Some(right) => expand(right, num_ellipsis).ok_or_else(malformed)?,
        None => {
            // Without an arrow: ellipsis axes, then the labels that occur once, in alphabetical order.
            let all: Vec<Label> = operands.iter().flatten().copied().collect();
            let once = (b'A'..=b'z').filter(|l| all.iter().filter(|m| *m == l).count() == 1);
            (0..num_ellipsis).rev().map(|i| BATCH + i as u8).chain(once).collect()
        }
    };
    Ok((operands, out))
}

/// The labels of one term, its ellipsis standing for `hidden` axes.
fn expand(term: &str, hidden: usize) -> Option<Vec<Label>> {
    if hidden > 64 {
        return None;
    }
    let batch = || (0..hidden).rev().map(|i| BATCH + i as u8);
    let (before, after) = term.split_once("...").unwrap_or((term, ""));
    let hides = term.contains("...");
    let letters = before.bytes().chain(after.bytes()).all(|c| c.is_ascii_alphabetic());
    let middle: Vec<Label> = if hides { batch().collect() } else { vec![] };
    letters.then(|| before.bytes().chain(middle).chain(after.bytes()).collect())
}
