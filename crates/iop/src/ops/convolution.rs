//! Convolution: a contraction of the window view of the input with the weights.
//!
//! Groups are a block-diagonal view of the weights, so that every convolution contracts channels and taps alike.

use alloc::string::String;
use alloc::vec::Vec;

use zkml_ir::ops::{Conv, Einsum, Label};

use super::{Node, contraction};
use crate::builder::{Builder, Expr};
use crate::error::RelationError;
use crate::map::{Group, Map, Relation, check_pairs};

pub(super) fn relate(b: &mut Builder<'_>, node: &Node<'_>, op: &Conv) -> Result<Expr, RelationError> {
    let x_info = b.graph.tensor(node.operands[0]);
    let w_info = b.graph.tensor(node.operands[1]);
    let kernel = w_info.shape[2..].to_vec();
    let window = op.window(&x_info.shape, &node.info.shape, &kernel);
    let window = Map::strided(&x_info.shape, &window).map_err(|e| node.refuse(e))?;
    let weights = group_map(&w_info.shape, op.groups).map_err(|e| node.refuse(e))?;
    let mut x = node.factor(b, 0)?;
    let mut w = node.factor(b, 1)?;
    let batch = b.batch;
    for (factor, map) in [(&mut x, &window), (&mut w, &weights)] {
        let map = if factor.batched { map.batched(batch) } else { map.clone() };
        for (_, view) in &mut factor.terms {
            let source = b.system.views[view.0].clone();
            let composed = b.compose(&source.map, &map).map_err(|e| node.refuse(e))?;
            *view = b.view(source.tensor, composed).map_err(|e| node.refuse(e))?;
        }
    }
    Ok(contraction::product(b, node, &x, &w, &labels(kernel.len())))
}

/// `x[n, c, p…, k…]·w[o, c, k…] → out[n, o, p…]`.
fn labels(spatial: usize) -> Einsum {
    let (n, o, c) = (0, 1, 2);
    let positions: Vec<Label> = (3..3 + spatial as Label).collect();
    let taps: Vec<Label> = (3 + spatial as Label..3 + 2 * spatial as Label).collect();
    Einsum {
        a: [&[n, c][..], &positions, &taps].concat(),
        b: [&[o, c][..], &taps].concat(),
        out: [&[n, o][..], &positions].concat(),
    }
}

/// The weights `[O, C/G, k…]` as `[O, C, k…]`, zero outside of an output's own group.
fn group_map(shape: &[usize], groups: usize) -> Result<Map, String> {
    let mut map = Map::identity(shape);
    if groups == 1 {
        return Ok(map);
    }
    let (outputs, channels) = (shape[0], shape[1]);
    check_pairs(outputs.saturating_mul(channels).saturating_mul(groups))?;
    map.view[1] = channels * groups;
    let mut pairs = Vec::with_capacity(outputs * channels);
    for o in 0..outputs {
        let group = o / (outputs / groups);
        for c in 0..channels {
            let view = o * channels * groups + group * channels + c;
            pairs.push((view as u32, (o * channels + c) as u32));
        }
    }
    map.groups.drain(..2);
    let relation = Relation::Pairs(pairs);
    map.groups.insert(0, Group { source: alloc::vec![0, 1], view: alloc::vec![0, 1], relation });
    Ok(map)
}
