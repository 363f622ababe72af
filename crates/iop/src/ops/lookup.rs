//! A public table applied to every entry: one lookup of (argument, value).

use zkml_ir::ops::Lookup;

use super::Node;
use crate::builder::{Builder, Expr};
use crate::error::RelationError;

pub(super) fn relate(b: &mut Builder<'_>, node: &Node<'_>, op: &Lookup) -> Result<Expr, RelationError> {
    let x = node.committed_operand(b, 0)?;
    let table = function_table(b, op.table);
    let id = node.id;
    let out = b.commit(&node.info.name, &x.shape, node.info.range, |b| b.values(id));
    b.lookup(&node.info.name, table, alloc::vec![x, out.clone()]);
    Ok(b.committed(out, node.info.range))
}

/// A table of the graph as (argument, value) rows.
pub(super) fn function_table(b: &mut Builder<'_>, index: u32) -> usize {
    let table = b.graph.tables()[index as usize].clone();
    let arguments = (0..table.values.len() as i64).map(|i| (table.start + i) as i32).collect();
    b.table(&table.name, alloc::vec![arguments, table.values], alloc::vec![(table.start, 1), (0, 0)])
}
