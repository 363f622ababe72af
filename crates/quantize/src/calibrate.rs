//! Ranges of activations, measured by running the float reference over samples.

use std::collections::BTreeMap;

use rayon::prelude::*;
use zkml_import::{Evaluator, FloatGraph, Op, Tensor};

use crate::error::QuantizeError;

/// Entries of one tensor of one sample that enter the percentile estimate.
const KEPT_PER_SAMPLE: usize = 256;

/// What was seen of one tensor over all samples.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Observed {
    pub(crate) min: f32,
    pub(crate) max: f32,
    /// The number of entries.
    pub(crate) seen: usize,
    /// Whether all entries are multiples of 1/255 in [0, 1]: pixels.
    pub(crate) pixels: bool,
    /// For the output of a normalisation, the least variance of its operand.
    least_variance: f64,
    /// A regular subset of the entries, for percentiles.
    kept: Vec<f32>,
}

impl Observed {
    fn empty() -> Self {
        Self {
            min: f32::INFINITY,
            max: f32::NEG_INFINITY,
            seen: 0,
            pixels: true,
            least_variance: f64::INFINITY,
            kept: Vec::new(),
        }
    }

    fn add(&mut self, data: &[f32]) {
        self.seen += data.len();
        for &v in data {
            self.min = self.min.min(v);
            self.max = self.max.max(v);
            let level = v * 255.0;
            self.pixels &= (0.0..=1.0).contains(&v) && (level - level.round()).abs() < 1e-3;
        }
        // An odd step visits all columns of a power-of-two layout.
        let step = (data.len() / KEPT_PER_SAMPLE) | 1;
        self.kept.extend(data.iter().step_by(step));
    }

    /// The length of the interval of all entries, or a hundredth of their magnitude where they hardly differ.
    pub(crate) fn range(&self) -> f64 {
        let (lo, hi) = (f64::from(self.min), f64::from(self.max));
        (hi - lo).max(lo.abs().max(hi.abs()) / 100.0)
    }

    /// The interval that all entries but a share of them, on either side, lie in.
    pub(crate) fn interval(&self, outside: Option<f64>) -> (f64, f64) {
        let whole = (f64::from(self.min), f64::from(self.max));
        let Some(share) = outside.filter(|_| !self.kept.is_empty()) else { return whole };
        let mut sorted = self.kept.clone();
        sorted.sort_unstable_by(f32::total_cmp);
        let skip = ((sorted.len() as f64 * share) as usize).min((sorted.len() - 1) / 2);
        (f64::from(sorted[skip]), f64::from(sorted[sorted.len() - 1 - skip]))
    }
}

/// Samples that a calibration keeps, to measure accuracy on: the fewest and the most.
const KEPT_SAMPLES: (usize, usize) = (8, 64);
/// The entries of all tensors of the kept samples together, where there are more than the fewest.
const KEPT_ENTRIES: usize = 1 << 22;

/// A sample and what the float model makes of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kept {
    pub(crate) inputs: Vec<Tensor>,
    pub(crate) outputs: Vec<Tensor>,
}

/// The measured range of every tensor of a float graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    observed: Vec<Observed>,
    num_samples: usize,
    kept: Vec<Kept>,
}

impl Calibration {
    /// Calibration without samples so far.
    pub fn new(graph: &FloatGraph) -> Self {
        Self { observed: vec![Observed::empty(); graph.values.len()], num_samples: 0, kept: Vec::new() }
    }

    /// Runs the float reference over `samples`, each the graph's inputs in order.
    ///
    /// # Errors
    /// [`QuantizeError::NoCalibration`] without samples, [`QuantizeError::Run`] where a sample does not fit, and
    /// [`QuantizeError::NotFinite`].
    pub fn collect(graph: &FloatGraph, samples: &[Vec<Tensor>]) -> Result<Self, QuantizeError> {
        let evaluator = Evaluator::new(graph)?;
        let mut calibration = Self::new(graph);
        // A few samples at a time: all tensors of all samples would not fit into memory.
        for chunk in samples.chunks(8) {
            let runs: Vec<_> = chunk.par_iter().map(|sample| evaluator.run_all(sample)).collect();
            for run in runs {
                calibration.observe(graph, &run?)?;
            }
        }
        if samples.is_empty() { Err(QuantizeError::NoCalibration) } else { Ok(calibration) }
    }

    /// Adds one sample: the values of the tensors of the graph in order, `None` for constants and unknown ones.
    ///
    /// # Errors
    /// [`QuantizeError::ForeignCalibration`] and [`QuantizeError::NotFinite`].
    pub fn observe(&mut self, graph: &FloatGraph, values: &[Option<Tensor>]) -> Result<(), QuantizeError> {
        if values.len() != self.observed.len() {
            return Err(QuantizeError::ForeignCalibration {
                expected: self.observed.len(),
                got: values.len(),
            });
        }
        for (index, (observed, value)) in self.observed.iter_mut().zip(values).enumerate() {
            let Some(value) = value else { continue };
            if let Some(&bad) = value.data().iter().find(|v| !v.is_finite()) {
                let tensor = graph.values.get(index).map_or(String::new(), |v| v.name.clone());
                return Err(QuantizeError::NotFinite { sample: self.num_samples, tensor, value: bad });
            }
            observed.add(value.data());
        }
        self.observe_variances(graph, values);
        self.keep(graph, values);
        self.num_samples += 1;
        Ok(())
    }

    /// Keeps the first samples; outputs that are constant need no measuring.
    fn keep(&mut self, graph: &FloatGraph, values: &[Option<Tensor>]) {
        let entries: usize = values.iter().flatten().map(|t| t.data().len()).sum();
        if self.kept.len() >= (KEPT_ENTRIES / entries.max(1)).clamp(KEPT_SAMPLES.0, KEPT_SAMPLES.1) {
            return;
        }
        let of = |ids: &mut dyn Iterator<Item = usize>| -> Option<Vec<Tensor>> {
            ids.map(|id| values.get(id).cloned().flatten()).collect()
        };
        let inputs = of(&mut graph.inputs.iter().map(|id| id.0));
        let outputs = of(&mut graph.outputs.iter().map(|output| output.value.0));
        if let (Some(inputs), Some(outputs)) = (inputs, outputs) {
            self.kept.push(Kept { inputs, outputs });
        }
    }

    pub(crate) fn kept(&self) -> &[Kept] {
        &self.kept
    }

    /// The inverse root of a normalisation has no value of its own in the graph.
    fn observe_variances(&mut self, graph: &FloatGraph, values: &[Option<Tensor>]) {
        for node in &graph.nodes {
            let Op::Normalize { axes, centre, .. } = &node.op else { continue };
            if let Some(Some(x)) = values.get(node.inputs[0].0) {
                let observed = &mut self.observed[node.outputs[0].0];
                observed.least_variance = observed.least_variance.min(least_variance(x, axes, *centre));
            }
        }
    }

    /// The least variance in the normalisation that makes a value; 0 if there was none.
    pub(crate) fn least_variance(&self, value: usize) -> f64 {
        let variance = self.observed[value].least_variance;
        if variance.is_finite() { variance } else { 0.0 }
    }

    /// The number of samples seen.
    pub fn num_samples(&self) -> usize {
        self.num_samples
    }

    pub(crate) fn check(&self, graph: &FloatGraph) -> Result<(), QuantizeError> {
        if self.num_samples == 0 {
            return Err(QuantizeError::NoCalibration);
        }
        if self.observed.len() != graph.values.len() {
            return Err(QuantizeError::ForeignCalibration {
                expected: graph.values.len(),
                got: self.observed.len(),
            });
        }
        Ok(())
    }

    pub(crate) fn observed(&self, value: usize) -> &Observed {
        &self.observed[value]
    }
}

/// The least variance (mean square unless `centre`) over `axes` of all the groups of a tensor.
fn least_variance(x: &Tensor, axes: &[usize], centre: bool) -> f64 {
    let steps = zkml_import::tensor::strides(x.shape());
    let mut groups: BTreeMap<usize, (f64, f64, f64)> = BTreeMap::new();
    for (flat, &v) in x.data().iter().enumerate() {
        let inner: usize = axes.iter().map(|&a| flat / steps[a] % x.shape()[a] * steps[a]).sum();
        let (n, sum, squares) = groups.entry(flat - inner).or_default();
        *n += 1.0;
        *sum += f64::from(v);
        *squares += f64::from(v).powi(2);
    }
    let mean_square =
        |&(n, sum, squares): &(f64, f64, f64)| squares / n - if centre { (sum / n).powi(2) } else { 0.0 };
    groups.values().map(mean_square).fold(f64::INFINITY, f64::min).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_drops_outliers_on_both_sides() {
        let mut observed = Observed::empty();
        let mut data: Vec<f32> = (0..200).map(|i| i as f32 / 200.0).collect();
        data[0] = -100.0;
        data[199] = 100.0;
        observed.add(&data);
        assert_eq!(observed.interval(None), (-100.0, 100.0));
        let (lo, hi) = observed.interval(Some(0.01));
        assert!(lo >= 0.0 && hi <= 1.0, "({lo}, {hi})");
    }
}
