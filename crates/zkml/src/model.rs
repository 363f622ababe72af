//! Compiled models: from an ONNX file and calibration data to integers.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use zkml_import::data::{DataFile, Samples};
use zkml_import::{
    Array, DType, FloatGraph, ImportOptions, ImportedModel, Tensor, Value, ValueId, import_bytes,
};
use zkml_ir::Model;
use zkml_quantize::{AccuracyReport, Calibration, Compiled, InputKind, Metadata, Options, accuracy, compile};
use zkml_verifier::FormatError;
use zkml_verifier::envelope::{self, Kind};

use crate::error::Error;
use crate::files::{self, Access};

const KIND: Kind = Kind { magic: *b"ZKMM", version: 0, name: "compiled model" };

/// A compiled model: integers, what they mean, and the float model they came from.
#[derive(Clone, Debug)]
pub struct CompiledModel {
    /// The integer model and its meaning.
    pub compiled: Compiled,
    /// The float model, kept for accuracy reports and data files.
    pub source: SourceModel,
}

/// The float model behind a compiled model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceModel {
    /// The file's name.
    pub name: String,
    /// The file's bytes.
    #[serde(with = "serde_bytes")]
    pub onnx: Vec<u8>,
    /// Sizes given to symbolic dimensions.
    pub dims: BTreeMap<String, usize>,
    /// Inputs turned into constants: name, file name and bytes of the data file.
    pub frozen: Vec<(String, String, Vec<u8>)>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(with = "serde_bytes")]
    model: Vec<u8>,
    metadata: Metadata,
    source: SourceModel,
}

impl SourceModel {
    /// An ONNX file.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok(Self { name, onnx: files::read(path)?, dims: BTreeMap::new(), frozen: Vec::new() })
    }

    /// The same model with an input replaced by the first array of a data file.
    ///
    /// # Errors
    /// [`Error::File`] if the data file cannot be read.
    pub fn freeze(mut self, input: &str, path: &Path) -> Result<Self, Error> {
        self.frozen.push((input.into(), path.display().to_string(), files::read(path)?));
        Ok(self)
    }

    /// The float graph.
    ///
    /// # Errors
    /// [`Error::Import`] if the file is refused, with all unsupported operators at once.
    pub fn import(&self) -> Result<ImportedModel, Error> {
        let mut options = ImportOptions { dims: self.dims.clone(), ..ImportOptions::default() };
        for (input, file, bytes) in &self.frozen {
            let data = DataFile::parse(file, bytes)?;
            let array = data.arrays.get(input).or_else(|| data.arrays.values().next()).cloned();
            let array =
                array.ok_or_else(|| Error::Usage(format!("{file}: it holds no array for '{input}'")))?;
            options.freeze.insert(input.clone(), array);
        }
        Ok(import_bytes(&self.name, &self.onnx, &options)?)
    }

    /// Compiles the model with the samples of a data file as calibration data.
    ///
    /// # Errors
    /// [`Error`] that names the node, tensor or option that is refused.
    pub fn compile(self, calibration: &DataFile, options: &Options) -> Result<CompiledModel, Error> {
        let imported = self.import()?;
        let samples = calibration.samples(&imported.graph)?;
        let calibration = Calibration::collect(&imported.graph, &floats(&samples))?;
        let compiled = compile(&imported.graph, &calibration, options)?;
        Ok(CompiledModel { compiled, source: self })
    }
}

fn floats(samples: &Samples) -> Vec<Vec<Tensor>> {
    (0..samples.len).map(|i| samples.sample_f32(i)).collect()
}

impl CompiledModel {
    /// Reads a compiled model.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Format`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::from_bytes(&files::read(path)?).map_err(Error::format(path))
    }

    /// Decodes a compiled model.
    ///
    /// # Errors
    /// [`FormatError`] that says what is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        let stored: Stored = envelope::open(KIND, bytes)?;
        let model = Model::from_bytes(&stored.model)?;
        Ok(Self { compiled: Compiled { model, metadata: stored.metadata }, source: stored.source })
    }

    /// The encoding. It holds the weights.
    ///
    /// # Errors
    /// [`Error`] if the model cannot be encoded.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let stored = Stored {
            model: self.compiled.model.to_bytes()?,
            metadata: self.compiled.metadata.clone(),
            source: self.source.clone(),
        };
        Ok(envelope::seal(KIND, &stored)?)
    }

    /// Writes the model atomically. It holds the weights, so only its owner may read it.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        files::write(path, &self.to_bytes()?, Access::Owner)
    }

    /// The integer model beside the float model on every sample of a data file.
    ///
    /// # Errors
    /// [`Error`] if the data does not fit the model.
    pub fn accuracy(&self, data: &DataFile) -> Result<AccuracyReport, Error> {
        let imported = self.source.import()?;
        let samples = data.samples(&imported.graph)?;
        Ok(accuracy(&self.compiled, &imported.graph, &floats(&samples), samples.labels.as_deref())?)
    }
}

/// The integers of samples `range` of a data file, for the graph of a compiled model.
///
/// # Errors
/// [`Error`] if the data does not fit the model, or has fewer samples.
pub fn quantize_samples(
    compiled: &Compiled,
    data: &DataFile,
    range: std::ops::Range<usize>,
) -> Result<Vec<Vec<zkml_ir::Tensor>>, Error> {
    let samples = samples(compiled, data)?;
    if range.is_empty() || range.end > samples.len {
        return Err(Error::Usage(format!(
            "{}: samples {}..{} are asked for, it holds {}",
            data.file, range.start, range.end, samples.len
        )));
    }
    range
        .map(|i| {
            let sample: Vec<Array> = samples.sample(i);
            Ok(compiled.quantize_inputs(&sample)?)
        })
        .collect()
}

/// The samples of a data file, by the input ports of a compiled model.
fn samples(compiled: &Compiled, data: &DataFile) -> Result<Samples, Error> {
    let graph = &compiled.model.graph;
    let kinds = compiled.metadata.inputs.iter();
    let values: Vec<Value> = graph
        .inputs()
        .iter()
        .zip(kinds)
        .map(|(port, kind)| Value {
            name: port.name.clone(),
            in_onnx: true,
            shape: graph.tensor(port.tensor).shape.clone(),
            dtype: match kind {
                InputKind::Real => DType::Float,
                InputKind::Integer => DType::Int,
            },
            source: zkml_import::Source::Input,
        })
        .collect();
    let inputs = (0..values.len()).map(ValueId).collect();
    Ok(data.samples(&FloatGraph { values, inputs, ..FloatGraph::default() })?)
}
