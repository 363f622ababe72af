//! Prints the float graph of a model, and how far the evaluator, the reference and the data's expected outputs differ.
//!
//! `cargo run --release -p zkml-import --example inspect -- MODEL.onnx [DATA.npz] [NAME=SIZE …]`

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::{Path, PathBuf};

use zkml_import::{DataFile, Evaluator, ImportOptions, Tensor, import_file};

fn main() -> Result<(), Box<dyn Error>> {
    let mut options = ImportOptions::default();
    let mut files: Vec<PathBuf> = vec![];
    for argument in std::env::args().skip(1) {
        match argument.split_once('=') {
            Some((name, size)) => {
                options.dims.insert(name.into(), size.parse()?);
            }
            None => files.push(argument.into()),
        }
    }
    let Some(path) = files.first() else { return Err("usage: inspect MODEL [DATA] [NAME=SIZE …]".into()) };
    let model = import_file(path, &options)?;
    println!("{}", model.graph);
    if let Some(data) = files.get(1) {
        compare(&model, data)?;
    }
    Ok(())
}

fn compare(model: &zkml_import::ImportedModel, data: &Path) -> Result<(), Box<dyn Error>> {
    let samples = DataFile::read(data)?.samples(&model.graph)?;
    let reference = model.reference(true)?;
    let evaluator = Evaluator::new(&model.graph)?;
    let (mut intermediates, mut expected) = (Worst::default(), Worst::default());
    let num = samples.len.min(20);
    for i in 0..num {
        let inputs = samples.sample_f32(i);
        let ours = evaluator.run_all(&inputs)?;
        let theirs = reference.run_all(&inputs)?;
        for (value, pair) in model.graph.values.iter().zip(ours.iter().zip(&theirs)) {
            if let (Some(ours), Some(theirs)) = pair {
                intermediates.see(&value.name, ours, theirs);
            }
        }
        for (j, output) in reference.run(&inputs)?.iter().enumerate() {
            if let Some(wanted) = samples.expected(j, i) {
                expected.see(&model.graph.outputs[j].name, output, &wanted.to_f32());
            }
        }
    }
    println!("{num} of {} samples", samples.len);
    println!("evaluator against reference: {intermediates:?}");
    println!("reference against the data's outputs: {expected:?}");
    Ok(())
}

/// The largest difference, relative to the tensor's largest element.
#[derive(Debug, Default)]
#[allow(dead_code)] // Read through Debug.
struct Worst {
    tensor: String,
    difference: f32,
    compared: usize,
}

impl Worst {
    fn see(&mut self, name: &str, a: &Tensor, b: &Tensor) {
        let scale = b.data().iter().fold(1e-6f32, |m, v| m.max(v.abs()));
        let difference = a.data().iter().zip(b.data()).fold(0f32, |m, (a, b)| m.max((a - b).abs())) / scale;
        self.compared += 1;
        if difference > self.difference {
            *self = Self { tensor: name.into(), difference, compared: self.compared };
        }
    }
}
