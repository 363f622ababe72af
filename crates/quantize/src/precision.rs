//! As many bits as the accuracy needs: a profile's own, and one more at a time while the outputs on calibration samples are
//! further off than its goal.
//!
//! More bits cost larger tables, so that they are not the default; deep networks amplify rounding and need them.

use zkml_import::{Array, FloatGraph, Tensor};
use zkml_ir::execute;

use crate::calibrate::Calibration;
use crate::compiled::Compiled;
use crate::error::QuantizeError;
use crate::options::{MAX_ACTIVATION_BITS, MAX_WEIGHT_BITS, Options};

/// A graph whose outputs are further off than this share of their range, on average, is refused.
const MOST_ERROR: f64 = 0.1;

/// The headroom of calibrated ranges where bits are scarce.
const HEADROOM: f64 = 1.5;

/// Errors of all outputs on calibration samples, relative to their ranges.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Errors {
    largest: f64,
    mean: f64,
}

/// The model of the fewest bits that reaches the profile's goal, or of the best that were tried; `lower` compiles.
///
/// Bits that the caller chose are not changed.
///
/// # Errors
/// Those of `lower`, and [`QuantizeError::Inaccurate`] where no number of bits makes the outputs right.
pub(crate) fn precise(
    graph: &FloatGraph,
    calibration: &Calibration,
    options: &Options,
    lower: impl Fn(&Options) -> Result<Compiled, QuantizeError>,
) -> Result<Compiled, QuantizeError> {
    let mut best = lower(options)?;
    let mut least = measure(&best, graph, calibration)?;
    let chosen = options.activation_bits.is_some() || options.weight_bits.is_some();
    let mut extra = 1;
    while !chosen && least.largest > options.profile.goal() {
        let activation_bits = (options.bits() + extra).min(MAX_ACTIVATION_BITS);
        let weight_bits = (options.bits_of_weights() + extra).min(MAX_WEIGHT_BITS);
        if (activation_bits, weight_bits)
            == (best.metadata.options.bits(), best.metadata.options.bits_of_weights())
        {
            break;
        }
        let (activation_bits, weight_bits) = (Some(activation_bits), Some(weight_bits));
        let headroom = options.headroom.or(Some(HEADROOM));
        let finer = Options { activation_bits, weight_bits, headroom, ..options.clone() };
        // The integers of more bits may not fit.
        let Ok(finer) = lower(&finer) else { break };
        let errors = measure(&finer, graph, calibration)?;
        if errors.largest < least.largest {
            (best, least) = (finer, errors);
        }
        if activation_bits == Some(MAX_ACTIVATION_BITS) && weight_bits == Some(MAX_WEIGHT_BITS) {
            break;
        }
        extra += 1;
    }
    if least.mean > MOST_ERROR { Err(culprit(&best, graph, calibration, least)?) } else { Ok(best) }
}

/// Runs both models on the samples that the calibration kept.
fn measure(
    compiled: &Compiled,
    graph: &FloatGraph,
    calibration: &Calibration,
) -> Result<Errors, QuantizeError> {
    let ports = compiled.model.graph.outputs();
    let mut tallies = vec![(0f64, 0f64, 0usize); ports.len()];
    for sample in calibration.kept() {
        let trace = execute(&compiled.model, &compiled.quantize_inputs(&arrays(&sample.inputs))?)?;
        for ((largest, sum, count), (port, float)) in
            tallies.iter_mut().zip(ports.iter().zip(&sample.outputs))
        {
            for (&real, &integer) in float.data().iter().zip(&trace.value(port.tensor).data) {
                let error = (f64::from(real) - f64::from(integer) * port.scale).abs();
                (*largest, *sum, *count) = (largest.max(error), *sum + error, *count + 1);
            }
        }
    }
    let mut errors = Errors::default();
    for ((largest, sum, count), output) in tallies.into_iter().zip(&graph.outputs) {
        let range = calibration.observed(output.value.0).range();
        if range > 0.0 && count > 0 {
            errors.largest = errors.largest.max(largest / range);
            errors.mean = errors.mean.max(sum / count as f64 / range);
        }
    }
    Ok(errors)
}

fn arrays(inputs: &[Tensor]) -> Vec<Array> {
    inputs.iter().cloned().map(Array::F32).collect()
}

/// The refusal of a model whose outputs are wrong, with the operator at which most of the error comes in.
fn culprit(
    compiled: &Compiled,
    graph: &FloatGraph,
    calibration: &Calibration,
    errors: Errors,
) -> Result<QuantizeError, QuantizeError> {
    let samples: Vec<Vec<Tensor>> = calibration.kept().iter().map(|kept| kept.inputs.clone()).collect();
    let report = crate::accuracy::accuracy(compiled, graph, &samples, None)?;
    let mut before = 0.0;
    let mut worst = (0.0, "output", "output");
    for operator in &report.operators {
        if operator.drift - before > worst.0 {
            worst = (operator.drift - before, &operator.name, &operator.op_type);
        }
        before = operator.drift;
    }
    Ok(QuantizeError::Inaccurate { node: worst.1.into(), op: worst.2.into(), error: errors.mean })
}
