//! Accuracy of models against their float originals: `report [OPTIONS] MODEL.onnx SAMPLES.npz …`.
//!
//! Options: `fast` or `accurate`, `--operators` for a table of all, `bits=N`, `weight-bits=N`, `headroom=X`, `percentile=X`.
//!
//! The archive holds `x` (samples along the first axis) and optionally `label`, stored uncompressed as `numpy.savez` does.
//! Half of the samples calibrate, at most 200; the others are compared.

#![allow(clippy::print_stdout, reason = "a command-line program")]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use zkml_import::{FloatGraph, ImportOptions, Tensor, import_file};
use zkml_quantize::{Calibration, Options, Profile, accuracy, compile};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let (mut options, mut operators, mut paths) = (Options::default(), false, Vec::new());
    for argument in std::env::args().skip(1) {
        match argument.split_once('=').unwrap_or((&argument, "")) {
            ("fast", _) => options = Options::new(Profile::Fast),
            ("accurate", _) => options = Options::new(Profile::Accurate),
            ("--operators", _) => operators = true,
            ("bits", n) => options.activation_bits = Some(n.parse()?),
            ("weight-bits", n) => options.weight_bits = Some(n.parse()?),
            ("headroom", x) => options.headroom = Some(x.parse()?),
            ("percentile", x) => options.percentile = Some(x.parse()?),
            _ => paths.push(argument),
        }
    }
    for pair in paths.chunks_exact(2) {
        if let Err(error) = report(&pair[0], &pair[1], &options, operators) {
            println!("{}: {error}", pair[0]);
        }
    }
    Ok(())
}

fn report(model: &str, samples: &str, options: &Options, operators: bool) -> Result<()> {
    let imported = import_file(Path::new(model), &ImportOptions::default())?;
    let graph = &imported.graph;
    let archive = std::fs::read(samples)?;
    let input = graph.value(graph.inputs[0]);
    let x = entry(&archive, "x.npy").or_else(|_| entry(&archive, &format!("{}.npy", input.name)))?;
    let samples = samples_of(graph, &x)?;
    let labels =
        entry(&archive, "label.npy").ok().map(|l| l.data.iter().map(|&v| v as i64).collect::<Vec<_>>());
    let labels = labels.filter(|l| l.len() == samples.len());
    // A single sample serves for both.
    let half = (samples.len() / 2).clamp(1, 200);
    let rest = if samples.len() > 1 { half } else { 0 };

    let start = Instant::now();
    let calibration = Calibration::collect(graph, &samples[..half])?;
    let calibrated = start.elapsed();
    let compiled = compile(graph, &calibration, options)?;
    let compiling = start.elapsed() - calibrated;
    let result = accuracy(&compiled, graph, &samples[rest..], labels.as_ref().map(|l| &l[rest..]))?;
    let name = Path::new(model).file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
    let percent = |v: Option<f64>| v.map_or("–".into(), |v| format!("{:.3} %", v * 100.0));
    let output = &result.outputs[0];
    println!(
        "{name:<20} {:?} {}/{} bits n={} top-1 {} max {} mean {} accuracy {} -> {} | calibrate {:.1?} compile {:.1?} total {:.1?}",
        options.profile,
        compiled.metadata.options.bits(),
        compiled.metadata.options.bits_of_weights(),
        result.samples,
        percent(output.top1_agreement),
        percent(output.max_error),
        percent(output.mean_error),
        percent(result.float_accuracy),
        percent(result.integer_accuracy),
        calibrated,
        compiling,
        start.elapsed()
    );
    if operators {
        println!("{result}");
        for tensor in compiled.model.graph.tensors() {
            if let zkml_ir::Source::Node { op: zkml_ir::Op::Requantize(op), .. } = &tensor.source {
                println!(
                    "{:<40} shift {:>2} domain {} -> {}",
                    tensor.name, op.shift, op.domain, tensor.range
                );
            }
        }
    }
    Ok(())
}

/// Cuts the samples along the first axis; the model's own batch axis is 1.
fn samples_of(graph: &FloatGraph, x: &Array) -> Result<Vec<Vec<Tensor>>> {
    let shape = graph.shape(graph.inputs[0]).to_vec();
    let size: usize = shape.iter().product();
    let samples = x.data.chunks_exact(size.max(1));
    samples.map(|s| Ok(vec![Tensor::new(shape.clone(), s.iter().map(|&v| v as f32).collect())?])).collect()
}

struct Array {
    data: Vec<f64>,
}

/// Reads one stored entry of a zip archive.
fn entry(archive: &[u8], name: &str) -> Result<Array> {
    let mut at = 0;
    while archive.get(at..at + 4) == Some(b"PK\x03\x04") {
        let word = |i: usize| u16::from_le_bytes([archive[at + i], archive[at + i + 1]]) as usize;
        let long = |i: usize| word(i) | word(i + 2) << 16;
        let (name_length, extra) = (word(26), word(28));
        let data = at + 30 + name_length + extra;
        let mut size = long(18);
        if size == 0xffff_ffff {
            // numpy writes 64-bit sizes into the extra field: header of 4 bytes, uncompressed, compressed.
            let sizes = &archive[at + 30 + name_length + 4..];
            size = u64::from_le_bytes(sizes[8..16].try_into()?) as usize;
        }
        if archive[at + 30..].starts_with(name.as_bytes()) {
            if word(8) != 0 {
                return Err("the archive is compressed; save it with numpy.savez".into());
            }
            return npy(&archive[data..data + size]);
        }
        at = data + size;
    }
    Err(format!("no {name} in the archive").into())
}

fn npy(bytes: &[u8]) -> Result<Array> {
    let header = u16::from_le_bytes([bytes[8], bytes[9]]) as usize;
    let text = std::str::from_utf8(&bytes[10..10 + header])?;
    let body = &bytes[10 + header..];
    let data = if text.contains("'<f4'") {
        body.chunks_exact(4).map(|b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]]))).collect()
    } else if text.contains("'<f8'") {
        body.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap_or_default())).collect()
    } else if text.contains("'<i8'") {
        body.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap_or_default()) as f64).collect()
    } else if text.contains("'<i4'") {
        body.chunks_exact(4).map(|b| f64::from(i32::from_le_bytes([b[0], b[1], b[2], b[3]]))).collect()
    } else {
        return Err(format!("cannot read {text}").into());
    };
    Ok(Array { data })
}
