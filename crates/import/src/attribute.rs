//! Typed access to the attributes of an ONNX node.

use tract_onnx::pb::{AttributeProto, NodeProto};

/// Attributes of one node. Absent ones take the default that the operator's specification gives.
#[derive(Clone, Copy)]
pub(crate) struct Attributes<'a>(pub(crate) &'a NodeProto);

impl<'a> Attributes<'a> {
    fn get(&self, name: &str) -> Option<&'a AttributeProto> {
        self.0.attribute.iter().find(|a| a.name == name)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(crate) fn int(&self, name: &str, default: i64) -> i64 {
        self.get(name).map_or(default, |a| a.i)
    }

    pub(crate) fn flag(&self, name: &str, default: bool) -> bool {
        self.get(name).map_or(default, |a| a.i != 0)
    }

    pub(crate) fn float(&self, name: &str, default: f32) -> Result<f32, String> {
        let value = self.get(name).map_or(default, |a| a.f);
        if value.is_nan() { Err(format!("attribute `{name}` is NaN")) } else { Ok(value) }
    }

    pub(crate) fn string(&self, name: &str, default: &'a str) -> Result<&'a str, String> {
        let Some(attribute) = self.get(name) else { return Ok(default) };
        std::str::from_utf8(&attribute.s).map_err(|_| format!("attribute `{name}` is not text"))
    }

    pub(crate) fn ints(&self, name: &str) -> Option<&'a [i64]> {
        self.get(name).map(|a| a.ints.as_slice())
    }

    pub(crate) fn floats(&self, name: &str) -> Option<&'a [f32]> {
        self.get(name).map(|a| a.floats.as_slice())
    }

    /// A list of sizes; `default` repeated `len` times where it is absent.
    pub(crate) fn sizes(&self, name: &str, len: usize, default: usize) -> Result<Vec<usize>, String> {
        let Some(values) = self.ints(name) else { return Ok(vec![default; len]) };
        let sizes: Option<Vec<usize>> = values.iter().map(|&v| usize::try_from(v).ok()).collect();
        let sizes = sizes.ok_or_else(|| format!("attribute `{name}` {values:?} has a negative entry"))?;
        if sizes.len() == len {
            Ok(sizes)
        } else {
            Err(format!("attribute `{name}` {values:?}: expected {len} entries, got {}", sizes.len()))
        }
    }
}

/// `axis` counted from the front; negative ones count from the end of `rank` axes.
pub(crate) fn normalise_axis(axis: i64, rank: usize) -> Result<usize, String> {
    let absolute = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
    let absolute = absolute.and_then(|a| usize::try_from(a).ok()).filter(|&a| a < rank);
    absolute.ok_or_else(|| format!("axis {axis} of a tensor with {rank} axes"))
}

/// As [`normalise_axis`] for several axes, which are sorted; a repeated axis is refused.
pub(crate) fn normalise_axes(axes: &[i64], rank: usize) -> Result<Vec<usize>, String> {
    let mut sorted: Vec<usize> = axes.iter().map(|&a| normalise_axis(a, rank)).collect::<Result<_, _>>()?;
    sorted.sort_unstable();
    let repeated = sorted.windows(2).any(|pair| pair[0] == pair[1]);
    if repeated { Err(format!("axes {axes:?} name one axis twice")) } else { Ok(sorted) }
}
