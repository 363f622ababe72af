//! `zkml compile`.

use std::time::Instant;

use zkml::{CompiledModel, Options, OutputMode, Profile, SourceModel};

use crate::arguments::{Cli, Compile, ProfileName, pair};
use crate::failure::Failure;
use crate::progress::Step;
use crate::report::{Report, bytes, count, time};

pub(crate) fn run(c: &Compile, cli: &Cli) -> Result<Report, Failure> {
    let start = Instant::now();
    let Some(calibrate) = &c.calibrate else {
        return Err(Failure::usage(
            "compiling needs samples to choose scales from: give --calibrate DATA.npz with some 32 or more typical inputs",
        ));
    };
    let options = Options {
        output: output_mode(&c.output)?,
        percentile: c.percentile,
        ..Options::new(match c.profile {
            ProfileName::Fast => Profile::Fast,
            ProfileName::Accurate => Profile::Accurate,
        })
    };
    let mut source = SourceModel::read(&c.model)?;
    for text in &c.dims {
        let (name, size) =
            pair(text).and_then(|(name, size)| Some((name, size.parse().ok()?))).ok_or_else(|| {
                Failure::usage(format!("--dim takes NAME=VALUE with a whole number, got '{text}'"))
            })?;
        source.dims.insert(name.into(), size);
    }
    for text in &c.freeze {
        let (input, file) =
            pair(text).ok_or_else(|| Failure::usage(format!("--freeze takes INPUT=FILE, got '{text}'")))?;
        source = source.freeze(input, file.as_ref())?;
    }
    let model = {
        let _step = Step::new(cli, "importing, calibrating, quantising");
        source.compile(&super::data(calibrate)?, &options)?
    };
    model.write(&c.out)?;
    Ok(report(&model, c, start))
}

fn output_mode(text: &str) -> Result<OutputMode, Failure> {
    match text {
        "raw" => Ok(OutputMode::Raw),
        "argmax" => Ok(OutputMode::ArgMax),
        other => match other.strip_prefix("topk=").and_then(|k| k.parse().ok()) {
            Some(k) => Ok(OutputMode::TopK(k)),
            None => Err(Failure::usage(format!("--output takes raw, argmax or topk=K, got '{other}'"))),
        },
    }
}

fn report(model: &CompiledModel, c: &Compile, start: Instant) -> Report {
    let graph = &model.compiled.model.graph;
    let parameters: usize = model.compiled.model.weights.iter().map(|w| w.data.len()).sum();
    let size = std::fs::metadata(&c.out).map_or(0, |m| m.len() as usize);
    let text = format!(
        "{} compiled in {}: {} tensors, {} parameters → {} ({})\nNext: zkml setup {} --out keys",
        model.source.name,
        time(start.elapsed()),
        graph.tensors().len(),
        count(parameters as u64),
        c.out.display(),
        bytes(size),
        c.out.display(),
    );
    let json = serde_json::json!({
        "model": c.out, "tensors": graph.tensors().len(), "parameters": parameters, "bytes": size,
        "seconds": start.elapsed().as_secs_f64(),
    });
    Report::new(text, json)
}
