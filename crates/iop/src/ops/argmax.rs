//! The first position of the maximum over the last axis: a ranking of one entry.

use alloc::vec::Vec;

use super::{Node, topk};
use crate::builder::{Builder, Expr};
use crate::error::RelationError;
use crate::map::Map;

pub(super) fn relate(b: &mut Builder<'_>, node: &Node<'_>) -> Result<Expr, RelationError> {
    let positions = topk::rank(b, node, 1)?.positions;
    let only = Map::sum(&positions.shape, &[positions.shape.len() - 1]).map_err(|e| node.refuse(e))?;
    let affine = b.map_affine(&positions, &only).map_err(|e| node.refuse(e))?;
    Ok(Expr { affine, bilinear: Vec::new(), batched: true, range: node.info.range })
}
