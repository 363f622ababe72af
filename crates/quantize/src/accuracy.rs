//! What the integers cost: the integer model beside the float model on the same samples.

use std::fmt;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use zkml_import::{Array, Evaluator, FloatGraph, Tensor};
use zkml_ir::execute;

use crate::compiled::Compiled;
use crate::error::QuantizeError;

/// How an integer model compares with its float model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AccuracyReport {
    /// Number of samples.
    pub samples: usize,
    /// One entry per output.
    pub outputs: Vec<OutputReport>,
    /// Share of samples that the float model labels correctly; none without labels.
    pub float_accuracy: Option<f64>,
    /// Share of samples that the integer model labels correctly; none without labels.
    pub integer_accuracy: Option<f64>,
    /// One entry per float tensor that has integers of its own, in the order of execution.
    pub operators: Vec<OperatorReport>,
}

/// One output over all samples.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OutputReport {
    /// Its name.
    pub name: String,
    /// Share of rows along the last axis whose maximum is at the same position; none for rows of one entry.
    pub top1_agreement: Option<f64>,
    /// Largest error, relative to the range of the float output over all samples; none for positions.
    pub max_error: Option<f64>,
    /// Mean error, relative to the same range.
    pub mean_error: Option<f64>,
}

/// One tensor over all samples.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OperatorReport {
    /// The ONNX node, or the input.
    pub name: String,
    /// Its operator.
    pub op_type: String,
    /// Share of entries whose real value lies beyond what the codes express.
    pub saturation: f64,
    /// `‖integer − float‖ / ‖float‖` over all samples.
    pub drift: f64,
}

/// Sums over samples, from which a report follows.
#[derive(Clone, Default)]
struct Tally {
    outputs: Vec<OutputTally>,
    operators: Vec<OperatorTally>,
    float_hits: usize,
    integer_hits: usize,
}

#[derive(Clone, Default)]
struct OutputTally {
    rows: usize,
    agreeing: usize,
    entries: usize,
    max: f64,
    sum: f64,
    range: Option<(f64, f64)>,
}

#[derive(Clone, Copy, Default)]
struct OperatorTally {
    entries: usize,
    saturated: usize,
    error: f64,
    norm: f64,
}

/// Runs both models over `samples` (the graph's inputs in order); `labels` are the right positions of the first output.
///
/// # Errors
/// [`QuantizeError`] where a sample does not fit, or the labels are not as many as the samples.
pub fn accuracy(
    compiled: &Compiled,
    graph: &FloatGraph,
    samples: &[Vec<Tensor>],
    labels: Option<&[i64]>,
) -> Result<AccuracyReport, QuantizeError> {
    if let Some(labels) = labels.filter(|l| l.len() != samples.len()) {
        return Err(QuantizeError::Port {
            port: "labels".into(),
            expected: format!("{} labels", samples.len()),
            got: labels.len().to_string(),
        });
    }
    let evaluator = Evaluator::new(graph)?;
    let mut total = Tally::default();
    for (chunk, start) in samples.chunks(4).zip((0..).step_by(4)) {
        let tallies: Vec<_> = chunk
            .par_iter()
            .enumerate()
            .map(|(i, sample)| compare(compiled, graph, &evaluator, sample, labels.map(|l| l[start + i])))
            .collect();
        for tally in tallies {
            total.add(tally?);
        }
    }
    Ok(total.report(compiled, samples.len(), labels.is_some()))
}

fn compare(
    compiled: &Compiled,
    graph: &FloatGraph,
    evaluator: &Evaluator<'_>,
    sample: &[Tensor],
    label: Option<i64>,
) -> Result<Tally, QuantizeError> {
    let values = evaluator.run_all(sample)?;
    let arrays: Vec<Array> = sample.iter().cloned().map(Array::F32).collect();
    let trace = execute(&compiled.model, &compiled.quantize_inputs(&arrays)?)?;
    let mut tally = Tally::default();
    for (index, (output, port)) in graph.outputs.iter().zip(compiled.model.graph.outputs()).enumerate() {
        let Some(float) = values[output.value.0].as_ref().or_else(|| graph.constant(output.value)) else {
            continue;
        };
        let integers = &trace.value(port.tensor).data;
        let ranked = compiled.metadata.options.output.positions(graph.value(output.value));
        let reals: Vec<f64> = integers.iter().map(|&v| f64::from(v) * port.scale).collect();
        if let (0, Some(label)) = (index, label) {
            tally.float_hits = usize::from(class(float, float.data()) == label);
            tally.integer_hits =
                usize::from(if ranked > 0 { i64::from(integers[0]) } else { class(float, &reals) } == label);
        }
        tally.outputs.push(OutputTally::of(float, &reals, ranked));
    }
    for binding in &compiled.metadata.bindings {
        let integers = trace.value(binding.tensor);
        let range = compiled.model.graph.tensor(binding.tensor).range;
        let ends = ((range.lo as f64 - 1.0) * binding.scale, (range.hi as f64 + 1.0) * binding.scale);
        let float = values.get(binding.value).and_then(Option::as_ref);
        let mut operator = OperatorTally::default();
        for (&real, &code) in float.map_or(&[][..], Tensor::data).iter().zip(&integers.data) {
            let real = f64::from(real);
            operator.entries += 1;
            operator.saturated += usize::from(real < ends.0 || real > ends.1);
            operator.error += (f64::from(code) * binding.scale - real).powi(2);
            operator.norm += real * real;
        }
        tally.operators.push(operator);
    }
    Ok(tally)
}

/// The class that the first row stands for; a single score is taken as a probability, decided at ½.
fn class<T: Copy + PartialOrd + Into<f64>>(float: &Tensor, scores: &[T]) -> i64 {
    match (scores, float.shape().last()) {
        (&[score], _) => i64::from(score.into() > 0.5),
        (scores, Some(&length)) => first_maximum(&scores[..length.min(scores.len())]) as i64,
        _ => -1,
    }
}

fn first_maximum<T: Copy + PartialOrd>(row: &[T]) -> usize {
    row.iter().enumerate().fold(0, |best, (i, v)| if *v > row[best] { i } else { best })
}

impl OutputTally {
    /// `reals` are scores, or the positions of the `ranked` greatest ones of every row.
    fn of(float: &Tensor, reals: &[f64], ranked: usize) -> Self {
        let mut tally = Self::default();
        let length = float.shape().last().copied().unwrap_or(1).max(1);
        for (index, row) in float.data().chunks(length).enumerate() {
            let got = if ranked > 0 {
                reals.get(index * ranked).map(|&v| v as usize)
            } else {
                reals.get(index * length..(index + 1) * length).map(first_maximum)
            };
            tally.rows += usize::from(length > 1);
            tally.agreeing += usize::from(length > 1 && got == Some(first_maximum(row)));
        }
        for (&f, &r) in float.data().iter().zip(reals).filter(|_| ranked == 0) {
            let (f, error) = (f64::from(f), (f64::from(f) - r).abs());
            tally.entries += 1;
            tally.max = tally.max.max(error);
            tally.sum += error;
            let range = tally.range.get_or_insert((f, f));
            *range = (range.0.min(f), range.1.max(f));
        }
        tally
    }

    fn report(&self, name: &str) -> OutputReport {
        let range = self.range.map(|(lo, hi)| hi - lo).filter(|&r| r > 0.0);
        OutputReport {
            name: name.into(),
            top1_agreement: (self.rows > 0).then(|| self.agreeing as f64 / self.rows as f64),
            max_error: range.map(|r| self.max / r),
            mean_error: range.map(|r| self.sum / self.entries.max(1) as f64 / r),
        }
    }
}

impl Tally {
    fn add(&mut self, other: Self) {
        if self.outputs.is_empty() {
            *self = other;
            return;
        }
        self.float_hits += other.float_hits;
        self.integer_hits += other.integer_hits;
        for (a, b) in self.outputs.iter_mut().zip(other.outputs) {
            a.rows += b.rows;
            a.agreeing += b.agreeing;
            a.entries += b.entries;
            a.max = a.max.max(b.max);
            a.sum += b.sum;
            a.range = match (a.range, b.range) {
                (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
                (a, b) => a.or(b),
            };
        }
        for (a, b) in self.operators.iter_mut().zip(other.operators) {
            a.entries += b.entries;
            a.saturated += b.saturated;
            a.error += b.error;
            a.norm += b.norm;
        }
    }

    fn report(&self, compiled: &Compiled, samples: usize, labelled: bool) -> AccuracyReport {
        let share = |hits: usize| labelled.then(|| hits as f64 / samples.max(1) as f64);
        let outputs = compiled.model.graph.outputs().iter().zip(&self.outputs);
        let operators = compiled.metadata.bindings.iter().zip(&self.operators);
        AccuracyReport {
            samples,
            outputs: outputs.map(|(port, tally)| tally.report(&port.name)).collect(),
            float_accuracy: share(self.float_hits),
            integer_accuracy: share(self.integer_hits),
            operators: operators
                .map(|(binding, tally)| OperatorReport {
                    name: if binding.node.is_empty() { binding.name.clone() } else { binding.node.clone() },
                    op_type: binding.op_type.clone(),
                    saturation: tally.saturated as f64 / tally.entries.max(1) as f64,
                    drift: if tally.norm > 0.0 { (tally.error / tally.norm).sqrt() } else { 0.0 },
                })
                .collect(),
        }
    }
}

impl fmt::Display for AccuracyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |v: Option<f64>| v.map_or("–".into(), |v| format!("{:.3} %", v * 100.0));
        writeln!(f, "{} samples", self.samples)?;
        if self.float_accuracy.is_some() {
            writeln!(
                f,
                "accuracy  float {}  integer {}",
                percent(self.float_accuracy),
                percent(self.integer_accuracy)
            )?;
        }
        writeln!(f, "{:<24} {:>12} {:>12} {:>12}", "output", "top-1 equal", "max error", "mean error")?;
        for o in &self.outputs {
            let (top, max, mean) = (percent(o.top1_agreement), percent(o.max_error), percent(o.mean_error));
            writeln!(f, "{:<24} {top:>12} {max:>12} {mean:>12}", o.name)?;
        }
        let width = self.operators.iter().map(|o| o.name.chars().count()).max().unwrap_or(0).clamp(8, 48);
        writeln!(f, "{:<width$} {:<16} {:>11} {:>11}", "operator", "type", "saturation", "drift")?;
        for o in &self.operators {
            let (saturation, drift) = (percent(Some(o.saturation)), percent(Some(o.drift)));
            writeln!(f, "{:<width$} {:<16} {saturation:>11} {drift:>11}", o.name, o.op_type)?;
        }
        Ok(())
    }
}
