//! The relation of a registration: committed weights lie in their intervals and keep their caps on `Σ|w|`.
//!
//! Proofs about the model assume both. The relation is proven once, over the weights' tree.

use alloc::string::ToString;
use alloc::vec::Vec;

use zkml_ir::{Graph, Interval, Tensor, TensorInfo};

use crate::builder::{Builder, FieldShape, Witness};
use crate::error::RelationError;
use crate::map::Map;
use crate::system::{Affine, Home, System};

/// The system of a graph's registration. Its first tensors are the weights, in the graph's order.
///
/// # Errors
/// [`RelationError`] that names the weight whose interval or cap cannot be proven.
pub fn registration_system(graph: &Graph, field: FieldShape) -> Result<System, RelationError> {
    Builder::of_weights(graph, field, false).register(&[]).map(|(system, _)| system)
}

/// The same system, and its witness for the given weights.
///
/// # Errors
/// [`RelationError`] that names the weight whose interval or cap cannot be proven.
pub fn registration_witness(
    graph: &Graph,
    field: FieldShape,
    weights: &[Tensor],
) -> Result<(System, Witness), RelationError> {
    Builder::of_weights(graph, field, true).register(weights)
}

impl Builder<'_> {
    fn register(mut self, weights: &[Tensor]) -> Result<(System, Witness), RelationError> {
        let declared: Vec<&TensorInfo> = self.graph.weights().map(|(_, info)| info).collect();
        let mut views = Vec::with_capacity(declared.len());
        for (index, info) in declared.iter().enumerate() {
            let data = weights.get(index).map(|w| w.data.clone()).unwrap_or_default();
            views.push(
                self.leaf(&info.name, &info.shape, info.range, Home::Weight(index), data, false).affine,
            );
        }
        for (info, weight) in declared.into_iter().zip(views) {
            let Interval { lo, hi } = info.range;
            let shifted = weight.clone().plus_constant(-lo);
            self.range_check(&info.name, shifted, &Interval::new(0, hi - lo), info.range.len())?;
            if let Some(cap) = info.l1_cap {
                self.cap(info, &weight, cap)?;
            }
        }
        self.finish()
    }

    /// Commits `u = a − w ≥ 0` and proves `a + w = u + 2w ≥ 0`, so that `a = u + w` is at least `|w|`, and `cap − Σ a ≥ 0`.
    fn cap(&mut self, info: &TensorInfo, weight: &Affine, cap: u64) -> Result<(), RelationError> {
        let name = &info.name;
        let magnitude = info.range.magnitude() as i64;
        let widest = Interval::new(0, 2 * magnitude);
        let u = self.commit(name, &info.shape, widest, |b| {
            b.evaluate(weight).iter().map(|w| (w.abs() - w) as i32).collect()
        });
        self.range_check(name, u.clone(), &widest, widest.len())?;
        let sum = u.clone().plus(2, weight);
        self.range_check(name, sum, &widest.add(&info.range.scale(2)), widest.len())?;

        let summed: Vec<usize> = (1..info.shape.len()).collect();
        let refuse = |reason| RelationError::Unsupported { node: name.to_string(), op: "weight", reason };
        let rows = Map::sum(&info.shape, &summed).map_err(refuse)?;
        let total = self.map_affine(&u.plus(1, weight), &rows).map_err(refuse)?;
        let count = info.shape.iter().skip(1).product::<usize>();
        // More than |w| ≤ magnitude gives is no news, and would not fit the arithmetic.
        let cap = (cap.min(i64::MAX as u64) as i64).min(magnitude.saturating_mul(count as i64));
        let slack = Affine { shape: total.shape.clone(), terms: Vec::new(), constant: cap }.plus(-1, &total);
        let reach = widest.add(&info.range).times(count).scale(-1).add(&Interval::point(cap));
        self.range_check(name, slack, &reach, cap.unsigned_abs() + 1)
    }
}
