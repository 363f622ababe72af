//! Data files: samples, expected outputs and labels beside a model, as `.npz`, `.npy` or JSON.

mod json;
mod npy;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::graph::{DType, FloatGraph};
use crate::tensor::{Array, Tensor, TensorError};

/// The largest data file, and the most that one may unpack to.
pub const MAX_DATA_BYTES: u64 = 1 << 31;

/// Names of the true classes.
const LABELS: [&str; 2] = ["label", "labels"];

/// Why a data file cannot be used. Every message names the file.
#[derive(Debug, Error)]
pub enum DataError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", file.display())]
    Read {
        /// The data file.
        file: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file's name ends otherwise.
    #[error("{file}: unknown kind of data file; expected a name in .npz, .npy or .json")]
    UnknownKind {
        /// The data file.
        file: String,
    },
    /// The file, or what it unpacks to, is above [`MAX_DATA_BYTES`].
    #[error("{file}: larger than the limit of {MAX_DATA_BYTES} bytes; split it")]
    TooLarge {
        /// The data file.
        file: String,
    },
    /// The bytes are not what the file's name says.
    #[error("{file}: {what}: {reason}")]
    Malformed {
        /// The data file.
        file: String,
        /// The array or archive that does not parse.
        what: String,
        /// What is wrong.
        reason: String,
    },
    /// An array's size is refused.
    #[error("{file}: array `{array}`: {source}")]
    Size {
        /// The data file.
        file: String,
        /// Name of the array.
        array: String,
        /// Why.
        source: TensorError,
    },
    /// The data has no array for an input.
    #[error("{file}: no array for input `{input}`; the file has {known:?}")]
    Missing {
        /// The data file.
        file: String,
        /// The model's input.
        input: String,
        /// Names of the file's arrays.
        known: Vec<String>,
    },
    /// An array's shape does not fit.
    #[error("{file}: array `{array}` has shape {got:?}, expected {expected}")]
    Shape {
        /// The data file.
        file: String,
        /// Name of the array.
        array: String,
        /// Its shape.
        got: Vec<usize>,
        /// What would fit.
        expected: String,
    },
    /// An array's elements do not fit.
    #[error("{file}: array `{array}`: {reason}")]
    Elements {
        /// The data file.
        file: String,
        /// Name of the array.
        array: String,
        /// What is wrong with them.
        reason: String,
    },
}

/// The arrays of a data file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DataFile {
    /// The file, for messages.
    pub file: String,
    /// Named arrays. Empty ones count as absent.
    pub arrays: BTreeMap<String, Array>,
    /// Arrays that have a position rather than a name (`input_data` of EZKL's JSON), flat.
    pub positional: Vec<Array>,
}

/// Samples for a model: one array per input, samples on the first axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// Number of samples, at least 1.
    pub len: usize,
    /// For each graph input, `[len, …]` with the sample's shape behind it.
    pub inputs: Vec<Array>,
    /// For each graph output, the expected values `[len, …]`, if the file has them.
    pub outputs: Vec<Option<Array>>,
    /// The true class of every sample, if the file has them.
    pub labels: Option<Vec<i64>>,
}

impl DataFile {
    /// Reads the file at `path`; a lone `.npy` array is named `x`.
    ///
    /// # Errors
    /// [`DataError`].
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let read = |source| DataError::Read { file: path.into(), source };
        let file = path.display().to_string();
        if std::fs::metadata(path).map_err(read)?.len() > MAX_DATA_BYTES {
            return Err(DataError::TooLarge { file });
        }
        let bytes = std::fs::read(path).map_err(read)?;
        Self::parse(&file, &bytes)
    }

    /// Reads `bytes`; the end of the name `file` says what they are.
    ///
    /// # Errors
    /// [`DataError`].
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, DataError> {
        let extension = Path::new(file).extension().and_then(|e| e.to_str()).unwrap_or_default();
        let mut data = match extension.to_ascii_lowercase().as_str() {
            "npz" => Self { arrays: npy::archive(file, bytes)?, ..Self::default() },
            "npy" => Self {
                arrays: BTreeMap::from([("x".into(), npy::array(file, "x", bytes)?)]),
                ..Self::default()
            },
            "json" => json::read(file, bytes)?,
            _ => return Err(DataError::UnknownKind { file: file.into() }),
        };
        data.file = file.into();
        data.arrays.retain(|_, array| !array.shape().contains(&0));
        Ok(data)
    }

    /// The arrays as samples for `graph`: inputs by their names, or `x` for a single input, or by position; outputs by
    /// their names or `y`; labels as `label` or `labels`.
    ///
    /// # Errors
    /// [`DataError::Missing`], [`DataError::Shape`], [`DataError::Elements`].
    pub fn samples(&self, graph: &FloatGraph) -> Result<Samples, DataError> {
        let mut inputs = vec![];
        let mut len = None;
        for (i, id) in graph.inputs.iter().enumerate() {
            let value = graph.value(*id);
            let single = graph.inputs.len() == 1;
            let (name, array) = self.input(i, &value.name, single)?;
            let (n, array) = self.per_sample(name, array, &value.shape, self.positional.get(i).is_some())?;
            if *len.get_or_insert(n) != n {
                let expected = format!("{} samples, as the first input has", len.unwrap_or(n));
                return Err(self.shape_error(name, array.shape(), expected));
            }
            inputs.push(self.with_dtype(name, array, value.dtype)?);
        }
        let len = len.unwrap_or(1);
        let mut outputs = vec![];
        for output in &graph.outputs {
            let single = graph.outputs.len() == 1;
            // `label` is the truth, even if an output has this name too.
            let named =
                self.arrays.get_key_value(&output.name).filter(|_| !LABELS.contains(&output.name.as_str()));
            let found = named.or_else(|| self.arrays.get_key_value("y").filter(|_| single));
            outputs.push(match found {
                None => None,
                Some((name, array)) => {
                    let (n, array) = self.per_sample(name, array, graph.shape(output.value), true)?;
                    if n != len {
                        return Err(self.shape_error(name, array.shape(), format!("{len} samples")));
                    }
                    Some(array)
                }
            });
        }
        Ok(Samples { len, inputs, outputs, labels: self.labels(len)? })
    }

    fn input(&self, i: usize, name: &str, single: bool) -> Result<(&str, &Array), DataError> {
        let named = self.arrays.get_key_value(name);
        let named = named.or_else(|| self.arrays.get_key_value("x").filter(|_| single));
        if let Some((name, array)) = named {
            return Ok((name, array));
        }
        self.positional.get(i).map(|array| ("input_data", array)).ok_or_else(|| DataError::Missing {
            file: self.file.clone(),
            input: name.into(),
            known: self.arrays.keys().cloned().collect(),
        })
    }

    fn labels(&self, len: usize) -> Result<Option<Vec<i64>>, DataError> {
        let found = LABELS.iter().find_map(|name| self.arrays.get_key_value(*name));
        let Some((name, array)) = found else { return Ok(None) };
        if array.shape().iter().product::<usize>() != len {
            return Err(self.shape_error(name, array.shape(), format!("[{len}]")));
        }
        match self.with_dtype(name, array.clone(), DType::Int)? {
            Array::I64(tensor) => Ok(Some(tensor.into_data())),
            Array::F32(_) => Ok(None),
        }
    }

    /// `array` as `[n, shape…]`, and n. A file's first axis counts the samples, whether or not `shape` has a batch axis
    /// of its own; a `flat` array only has to have the right number of elements.
    fn per_sample(
        &self,
        name: &str,
        array: &Array,
        shape: &[usize],
        flat: bool,
    ) -> Result<(usize, Array), DataError> {
        let got = array.shape();
        let (total, each): (usize, usize) = (got.iter().product(), shape.iter().product());
        let inner = shape.strip_prefix(&[1]).unwrap_or(shape);
        let stacked = got.get(1..).is_some_and(|rest| rest == inner || rest == shape);
        // One sample without a sample axis.
        let lone = got == shape;
        let fits = stacked || lone || flat;
        if !fits || each == 0 || !total.is_multiple_of(each) {
            let expected = format!("{:?} with any number of samples first", [&[0], inner].concat());
            return Err(self.shape_error(name, got, expected.replacen('0', "n", 1)));
        }
        let n = total / each;
        let full = [&[n], shape].concat();
        let size = |source| DataError::Size { file: self.file.clone(), array: name.into(), source };
        let array = match array.clone() {
            Array::F32(t) => Array::F32(t.reshaped(full).map_err(size)?),
            Array::I64(t) => Array::I64(t.reshaped(full).map_err(size)?),
        };
        Ok((n, array))
    }

    fn with_dtype(&self, name: &str, array: Array, dtype: DType) -> Result<Array, DataError> {
        let error =
            |reason: String| DataError::Elements { file: self.file.clone(), array: name.into(), reason };
        match (array, dtype) {
            (Array::F32(t), DType::Float) => match t.data().iter().position(|v| !v.is_finite()) {
                Some(i) => Err(error(format!("element {i} is {}; samples must be finite", t.data()[i]))),
                None => Ok(Array::F32(t)),
            },
            (array @ Array::I64(_), DType::Float) => Ok(Array::F32(array.to_f32())),
            (Array::F32(t), _) => {
                let exact = |v: &f32| v.fract() == 0.0 && v.abs() < (1u64 << 53) as f32;
                match t.data().iter().find(|v| !exact(v)) {
                    Some(v) => Err(error(format!("expected integers, got {v}"))),
                    None => Ok(Array::I64(t.map(|&v| v as i64))),
                }
            }
            (array, _) => Ok(array),
        }
    }

    fn shape_error(&self, name: &str, got: &[usize], expected: String) -> DataError {
        DataError::Shape { file: self.file.clone(), array: name.into(), got: got.to_vec(), expected }
    }
}

impl Samples {
    /// The inputs of sample `i`, in the graph's order and shapes.
    ///
    /// # Panics
    /// If there is no sample `i`.
    pub fn sample(&self, i: usize) -> Vec<Array> {
        self.inputs.iter().map(|array| row(array, i)).collect()
    }

    /// The inputs of sample `i` as floats, for the reference.
    ///
    /// # Panics
    /// If there is no sample `i`.
    pub fn sample_f32(&self, i: usize) -> Vec<Tensor> {
        self.sample(i).iter().map(Array::to_f32).collect()
    }

    /// The expected value of output `output` for sample `i`, if the file has it.
    ///
    /// # Panics
    /// If there is no sample `i` or no such output.
    pub fn expected(&self, output: usize, i: usize) -> Option<Array> {
        self.outputs[output].as_ref().map(|array| row(array, i))
    }
}

fn row(array: &Array, i: usize) -> Array {
    fn cut<T: Clone>(tensor: &Tensor<T>, i: usize) -> Tensor<T> {
        let shape = tensor.shape()[1..].to_vec();
        let len: usize = shape.iter().product();
        let data = tensor.data()[i * len..(i + 1) * len].to_vec();
        // The length is the shape's by construction; the fallback is never taken.
        Tensor::new(shape, data.clone()).unwrap_or_else(|_| Tensor::vector(data))
    }
    match array {
        Array::F32(t) => Array::F32(cut(t, i)),
        Array::I64(t) => Array::I64(cut(t, i)),
    }
}
