//! Requantisation: `acc + 2^(s−1) = 2^s·hi + r`, then `out = T(hi)`.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use zkml_ir::Interval;
use zkml_ir::ops::{Activation, Requantize, floor_shift};

use super::{Node, lookup::function_table};
use crate::builder::{Builder, Expr, direct_rows};
use crate::error::RelationError;
use crate::system::Affine;

/// The quotient, the output, and the interval that is proven of the quotient.
type Proven = (Affine, Affine, Interval);

pub(super) fn relate(b: &mut Builder<'_>, node: &Node<'_>, op: &Requantize) -> Result<Expr, RelationError> {
    let acc = node.operand(b, 0);
    let acc = b.batched(acc).map_err(|e| node.refuse(e))?;
    let shape = acc.affine.shape.clone();
    let (hi, out, domain) = match op.activation {
        Activation::Table(table) => {
            let table = function_table(b, table);
            in_table(b, node, op, &shape, table)
        }
        Activation::Clamp(clamp) if clamp.covers(&op.domain) => unclamped(b, node, op, &shape)?,
        Activation::Clamp(clamp) if !clamp.len().is_power_of_two() || b.prefers_table(&op.domain, &clamp) => {
            clamped_by_table(b, node, op, &shape, clamp)?
        }
        Activation::Clamp(clamp) => clamped_by_limbs(b, node, op, &shape, clamp)?,
    };
    rounding(b, node, op, acc, &hi, &domain)?;
    Ok(b.committed(out, node.info.range))
}

/// Adds `acc + 2^(s−1) − 2^s·hi − r = 0` with `0 ≤ r < 2^s`.
fn rounding(
    b: &mut Builder<'_>,
    node: &Node<'_>,
    op: &Requantize,
    acc: Expr,
    hi: &Affine,
    domain: &Interval,
) -> Result<(), RelationError> {
    let (name, s) = (&node.info.name, op.shift);
    let operand = node.operands[0];
    let mut affine = acc.affine.clone().plus(-(1 << s), hi);
    let mut other = domain.scale(-(1 << s));
    if s > 0 {
        let half = 1i64 << (s - 1);
        affine = affine.plus_constant(half);
        let direct = 1 << s <= direct_rows(b.remainder_elements(s));
        for (start, width) in if direct { vec![(0, s)] } else { limbs(s) } {
            let limb = b.commit(name, &acc.affine.shape, Interval::unsigned(width), |b| {
                let values = b.values(operand);
                let digit = |v: i32| (((i64::from(v) + half) >> start) & ((1 << width) - 1)) as i32;
                values.into_iter().map(digit).collect()
            });
            let table = b.range_table(1 << width);
            b.lookup(name, table, vec![limb.clone()]);
            affine = affine.plus(-(1 << start), &limb);
        }
        other = other.add(&Interval::new(half - (1 << s) + 1, half));
    }
    b.integer_equation(name, Expr { affine, ..acc }, &other)
}

/// Eight-bit limbs as (lowest bit, width), the highest one partial.
fn limbs(bits: u32) -> Vec<(u32, u32)> {
    (0..bits).step_by(8).map(|start| (start, 8.min(bits - start))).collect()
}

/// The quotients of a node's operand.
fn quotients(b: &Builder<'_>, node: &Node<'_>, op: &Requantize) -> Vec<i64> {
    b.values(node.operands[0]).into_iter().map(|v| floor_shift(i64::from(v), op.shift)).collect()
}

/// `(hi, out)` in a table over the domain.
fn in_table(b: &mut Builder<'_>, node: &Node<'_>, op: &Requantize, shape: &[usize], table: usize) -> Proven {
    let name = &node.info.name;
    let hi =
        b.commit(name, shape, op.domain, |b| quotients(b, node, op).into_iter().map(|v| v as i32).collect());
    let id = node.id;
    let out = b.commit(name, shape, node.info.range, |b| b.values(id));
    b.lookup(name, table, vec![hi.clone(), out.clone()]);
    (hi, out, op.domain)
}

/// `(hi, clamp(hi))` in a table over the whole domain.
fn clamped_by_table(
    b: &mut Builder<'_>,
    node: &Node<'_>,
    op: &Requantize,
    shape: &[usize],
    clamp: Interval,
) -> Result<Proven, RelationError> {
    if op.domain.len() > 1 << 16 {
        return Err(node.refuse(format!(
            "a clamp to {clamp}, whose length is no power of two, over {} quotients",
            op.domain.len()
        )));
    }
    let arguments: Vec<i32> = (op.domain.lo..=op.domain.hi).map(|v| v as i32).collect();
    let values = arguments.iter().map(|&v| i64::from(v).clamp(clamp.lo, clamp.hi) as i32).collect();
    let table = b.table(&format!("clamp {clamp}"), vec![arguments, values], vec![(op.domain.lo, 1), (0, 0)]);
    Ok(in_table(b, node, op, shape, table))
}

/// `hi = out`, range-proved over the whole domain.
fn unclamped(
    b: &mut Builder<'_>,
    node: &Node<'_>,
    op: &Requantize,
    shape: &[usize],
) -> Result<Proven, RelationError> {
    let name = &node.info.name;
    let out =
        b.commit(name, shape, op.domain, |b| quotients(b, node, op).into_iter().map(|v| v as i32).collect());
    let (shifted, length) = (out.clone().plus_constant(-op.domain.lo), op.domain.len());
    b.range_check(name, shifted, &Interval::new(0, op.domain.hi - op.domain.lo), length)?;
    Ok((out.clone(), out, op.domain))
}

/// `hi − lo = 2^b·u + v` with `v` of `b` bits; the class of `u` (below, inside, above the clamp) and `v` give `out`.
fn clamped_by_limbs(
    b: &mut Builder<'_>,
    node: &Node<'_>,
    op: &Requantize,
    shape: &[usize],
    clamp: Interval,
) -> Result<Proven, RelationError> {
    let (name, id) = (&node.info.name, node.id);
    let bits = clamp.len().trailing_zeros();
    let length = clamp.len() as i64;
    let blocks = Interval::new((op.domain.lo - clamp.lo) >> bits, (op.domain.hi - clamp.lo) >> bits);
    if blocks.len() > 1 << 16 || bits > 14 {
        return Err(node.refuse(format!("a clamp to {clamp} over the quotients {}", op.domain)));
    }
    let class = |u: i64| u.signum() + 1;
    let shifted = |b: &Builder<'_>| -> Vec<i64> {
        quotients(b, node, op).into_iter().map(|hi| hi - clamp.lo).collect()
    };
    let u = b.commit(name, shape, blocks, |b| shifted(b).iter().map(|v| (v >> bits) as i32).collect());
    let k = b.commit(name, shape, Interval::new(0, 2), |b| {
        shifted(b).iter().map(|v| class(v >> bits) as i32).collect()
    });
    let v = b.commit(name, shape, Interval::unsigned(bits), |b| {
        shifted(b).iter().map(|v| (v & (length - 1)) as i32).collect()
    });
    let out = b.commit(name, shape, node.info.range, |b| b.values(id));
    let classes = class_table(b, blocks);
    let outputs = output_table(b, clamp);
    b.lookup(name, classes, vec![u.clone(), k.clone()]);
    b.lookup(name, outputs, vec![k, v.clone(), out.clone()]);
    let hi = v.plus(length, &u).plus_constant(clamp.lo);
    let covered = Interval::new((blocks.lo << bits) + clamp.lo, (blocks.hi << bits) + clamp.lo + length - 1);
    Ok((hi, out, covered))
}

/// Rows (u, class of u).
fn class_table(b: &mut Builder<'_>, blocks: Interval) -> usize {
    let u: Vec<i32> = (blocks.lo..=blocks.hi).map(|u| u as i32).collect();
    let classes = u.iter().map(|u| u.signum() + 1).collect();
    b.table(&format!("clamp class of {blocks}"), vec![u, classes], vec![(blocks.lo, 1), (0, 0)])
}

/// Rows (class, v, out).
fn output_table(b: &mut Builder<'_>, clamp: Interval) -> usize {
    let length = clamp.len() as i32;
    let mut columns = vec![Vec::new(), Vec::new(), Vec::new()];
    for class in 0..3 {
        for v in 0..length {
            let out = match class {
                0 => clamp.lo as i32,
                1 => clamp.lo as i32 + v,
                _ => clamp.hi as i32,
            };
            columns[0].push(class);
            columns[1].push(v);
            columns[2].push(out);
        }
    }
    let index = vec![(0, length as usize), (0, 1), (0, 0)];
    b.table(&format!("clamp to {clamp}"), columns, index)
}
