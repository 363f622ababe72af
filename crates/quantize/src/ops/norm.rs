//! Layer, instance, group and RMS normalisation.

use zkml_import::Node;

use crate::error::QuantizeError;
use crate::lowering::{Lowered, Lowering};

/// `(x − μ)/√(σ² + ε)` over `axes`.
pub(super) fn lower(
    cx: &mut Lowering<'_>,
    node: &Node,
    _axes: &[usize],
    _epsilon: f32,
    _centre: bool,
) -> Result<Lowered, QuantizeError> {
    Err(cx.unsupported(node, "normalisation over activations is not available yet; use batch normalisation"))
}
