//! Selection by indices that are computed at run time.

use zkml_import::Node;

use crate::error::QuantizeError;
use crate::lowering::{Lowered, Lowering};

/// Rows of a constant table, picked by indices of the input: a product with one-hot rows.
pub(super) fn lower(cx: &mut Lowering<'_>, node: &Node, _axis: usize) -> Result<Lowered, QuantizeError> {
    Err(cx.unsupported(
        node,
        "indices computed at run time are not available yet; feed the gathered rows as an input",
    ))
}
