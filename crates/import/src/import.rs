//! The walk over the ONNX graph: constants are folded, every other node is lowered, and all refusals are collected.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{DatumType, Tensor as RawTensor};

use crate::builder::Builder;
use crate::error::{ImportError, RunError, UnsupportedNode};
use crate::file::{MAX_FILE_BYTES, ModelFile};
use crate::fold::fold;
use crate::fuse::fuse;
use crate::graph::{DType, FloatGraph, GraphOutput, ValueId};
use crate::lower::{Context, Known, Refusal, find};
use crate::reference::Reference;
use crate::runtime::guarded;
use crate::tensor::Array;
use tract_onnx::pb::tensor_proto::DataType;

/// What the user decides about a model file.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// Sizes of symbolic dimensions, by name; a nameless dimension is called `INPUT.AXIS`. A dimension that is the
    /// first of some input is 1 unless it is given here.
    pub dims: BTreeMap<String, usize>,
    /// Inputs that become constants, by name.
    pub freeze: BTreeMap<String, Array>,
}

/// A model file as a float graph.
#[derive(Debug)]
pub struct ImportedModel {
    /// The operators.
    pub graph: FloatGraph,
    file: ModelFile,
}

impl ImportedModel {
    /// Prepares the reference execution. With `intermediates`, every value of the graph that ONNX knows is reported,
    /// else the outputs only.
    ///
    /// # Errors
    /// [`RunError::Node`] where tract does not take the model and the graph was changed so that the evaluator does not
    /// either.
    pub fn reference(&self, intermediates: bool) -> Result<Reference<'_>, RunError> {
        Reference::new(&self.graph, &self.file, intermediates)
    }

    /// The file's operator set version.
    pub fn opset(&self) -> i64 {
        self.file.opset
    }
}

/// Imports the ONNX file at `path`. Weights in files of their own are looked up beside it.
///
/// # Errors
/// [`ImportError`]; unsupported operators are reported all at once.
pub fn import_file(path: &Path, options: &ImportOptions) -> Result<ImportedModel, ImportError> {
    let read = |source| ImportError::Read { file: path.into(), source };
    let file = path.display().to_string();
    let bytes = std::fs::metadata(path).map_err(read)?.len();
    if bytes > MAX_FILE_BYTES {
        return Err(ImportError::FileTooLarge { file, bytes, limit: MAX_FILE_BYTES });
    }
    let content = std::fs::read(path).map_err(read)?;
    // A bare file name has the empty parent, which is the working directory.
    let directory = path.parent().map(|p| if p.as_os_str().is_empty() { Path::new(".") } else { p });
    import(ModelFile::parse(&file, &content, directory, options)?)
}

/// Imports an ONNX model from memory; `file` names it in messages. Weights in other files are refused.
///
/// # Errors
/// As [`import_file`].
pub fn import_bytes(file: &str, bytes: &[u8], options: &ImportOptions) -> Result<ImportedModel, ImportError> {
    import(ModelFile::parse(file, bytes, None, options)?)
}

fn import(file: ModelFile) -> Result<ImportedModel, ImportError> {
    let mut walk = Walk::new(&file);
    for node in &file.nodes {
        walk.node(node)?;
    }
    let graph = walk.finish()?;
    Ok(ImportedModel { graph, file })
}

struct Walk<'f> {
    file: &'f ModelFile,
    builder: Builder,
    known: HashMap<&'f str, Known>,
    /// Constants that are values of the graph already, by ONNX name.
    constants: HashMap<String, ValueId>,
    refused: Vec<UnsupportedNode>,
    /// Every tensor that a node or a graph output reads.
    read: HashSet<&'f str>,
}

impl<'f> Walk<'f> {
    fn new(file: &'f ModelFile) -> Self {
        let mut builder = Builder::default();
        let mut known: HashMap<&str, Known> = HashMap::new();
        for (name, tensor) in &file.constants {
            known.insert(name, Known::Constant(name.clone(), tensor.clone()));
        }
        for input in &file.inputs {
            let dtype = match input.data_type {
                DataType::Float => DType::Float,
                DataType::Bool => DType::Bool,
                _ => DType::Int,
            };
            known.insert(&input.name, Known::Value(builder.input(&input.name, &input.shape, dtype)));
        }
        let read = file.nodes.iter().flat_map(|n| &n.input).chain(&file.outputs).map(String::as_str);
        let read = read.filter(|name| !name.is_empty()).collect();
        Self { file, builder, known, constants: HashMap::new(), refused: vec![], read }
    }

    fn node(&mut self, node: &'f NodeProto) -> Result<(), ImportError> {
        let first = node.output.iter().find(|o| !o.is_empty());
        let name = if node.name.is_empty() { first.map_or("", String::as_str) } else { &node.name };
        let foreign = !(node.domain.is_empty() || node.domain == "ai.onnx");
        let op_type =
            if foreign { format!("{}.{}", node.domain, node.op_type) } else { node.op_type.clone() };
        let mut inputs: Vec<Option<Known>> = vec![];
        for tensor in &node.input {
            let known = self.known.get(tensor.as_str()).cloned();
            if known.is_none() && !tensor.is_empty() {
                return Err(ImportError::Undefined {
                    file: self.file.file.clone(),
                    node: name.into(),
                    op_type,
                    tensor: tensor.clone(),
                });
            }
            inputs.push(known);
        }
        while inputs.last().is_some_and(Option::is_none) {
            inputs.pop();
        }
        let shapes = inputs.iter().map(|i| self.shape(i.as_ref())).collect();
        let outcome = if foreign {
            Err("its domain is not ONNX's".into())
        } else if inputs.iter().any(|i| matches!(i, Some(Known::Hidden))) {
            // It cannot be judged further, but an operator that is never supported is reported at once.
            let supported =
                find(&node.op_type).is_some() || matches!(node.op_type.as_str(), "Shape" | "Size");
            if supported { Ok(vec![]) } else { Err(Refusal::from("the operator is not supported")) }
        } else {
            self.compute(node, name, inputs)
        };
        let results = outcome.or_else(|refusal| match refusal {
            Refusal::NotFinite { tensor, index, value } => {
                Err(ImportError::NotFinite { file: self.file.file.clone(), tensor, index, value })
            }
            Refusal::Unsupported(reason) => {
                self.refused.push(UnsupportedNode { name: name.into(), op_type, shapes, reason });
                Ok(vec![])
            }
        })?;
        let mut results = results.into_iter();
        for output in &node.output {
            let result = results.next().unwrap_or(Known::Hidden);
            if let Known::Value(id) = result {
                self.builder.name(id, output);
            }
            self.known.insert(output, result);
        }
        Ok(())
    }

    fn shape(&self, input: Option<&Known>) -> Option<Vec<usize>> {
        match input? {
            Known::Constant(_, tensor) => Some(tensor.shape().to_vec()),
            Known::Value(id) => Some(self.builder.graph.shape(*id).to_vec()),
            Known::Hidden => None,
        }
    }

    /// The node's outputs, one entry per output name.
    fn compute(
        &mut self,
        node: &'f NodeProto,
        name: &str,
        inputs: Vec<Option<Known>>,
    ) -> Result<Vec<Known>, Refusal> {
        if let Some(known) = self.shape_query(node, &inputs)? {
            return Ok(vec![known]);
        }
        let mut reason = "the operator is not supported".to_string();
        if let Some(constants) = all_constant(node, &inputs) {
            match fold(node, &self.file.opsets, &constants) {
                Ok(results) => {
                    let mut results = results.into_iter();
                    let named = |output: &String| match output.is_empty() {
                        true => Known::Hidden,
                        false => results
                            .next()
                            .map_or(Known::Hidden, |t| Known::Constant(output.clone(), Arc::new(t))),
                    };
                    return Ok(node.output.iter().map(named).collect());
                }
                // What the runtime does not compute may still be lowered, and computed by the evaluator.
                Err(error) => reason = error,
            }
        }
        let lowering = find(&node.op_type).ok_or(reason)?;
        let opset = self.file.opset;
        let mut ctx = Context::new(node, name, opset, inputs, &mut self.builder, &mut self.constants);
        let values = lowering(&mut ctx)?;
        // A dropout's mask, a pool's indices: harmless as long as nothing reads them.
        let missing = node.output.iter().skip(values.len()).position(|o| self.read.contains(o.as_str()));
        if let Some(missing) = missing {
            return Err(format!("its output {} is not supported", values.len() + missing).into());
        }
        let known = node.output.iter().zip(values).map(|(output, id)| self.known_value(output, id));
        known.collect()
    }

    /// A lowered output; where it was computed at once, because its operands are constant, it is a constant again.
    fn known_value(&self, output: &str, id: ValueId) -> Result<Known, Refusal> {
        let Some(tensor) = self.builder.graph.constant(id) else { return Ok(Known::Value(id)) };
        let datum = match self.builder.graph.value(id).dtype {
            DType::Float => DatumType::F32,
            DType::Int => DatumType::I64,
            DType::Bool => DatumType::Bool,
        };
        let raw = guarded(|| {
            let raw = RawTensor::from_shape(tensor.shape(), tensor.data())?;
            Ok(raw.cast_to_dt(datum)?.into_owned())
        })?;
        Ok(Known::Constant(output.into(), Arc::new(raw)))
    }

    /// `Shape` and `Size` of a value: every shape is known.
    fn shape_query(&self, node: &NodeProto, inputs: &[Option<Known>]) -> Result<Option<Known>, Refusal> {
        let Some(Some(Known::Value(id))) = inputs.first() else { return Ok(None) };
        let shape: Vec<i64> = self.builder.graph.shape(*id).iter().map(|&d| d as i64).collect();
        let tensor = match node.op_type.as_str() {
            "Shape" => {
                let attributes = crate::attribute::Attributes(node);
                let rank = shape.len() as i64;
                let clamp = |i: i64| if i < 0 { i.saturating_add(rank) } else { i }.clamp(0, rank) as usize;
                let (start, end) = (clamp(attributes.int("start", 0)), clamp(attributes.int("end", rank)));
                let part = shape.get(start..end).unwrap_or_default();
                RawTensor::from_shape(&[part.len()], part).map_err(|e| e.to_string())?
            }
            "Size" => RawTensor::from(shape.iter().product::<i64>()),
            _ => return Ok(None),
        };
        let name = node.output.first().cloned().unwrap_or_default();
        Ok(Some(Known::Constant(name, Arc::new(tensor))))
    }

    fn finish(mut self) -> Result<FloatGraph, ImportError> {
        let file = self.file.file.clone();
        if !self.refused.is_empty() {
            return Err(ImportError::Unsupported { file, nodes: self.refused });
        }
        for output in &self.file.outputs {
            let value = match self.known.get(output.as_str()) {
                Some(Known::Value(id)) => *id,
                Some(Known::Constant(name, tensor)) => {
                    let inputs = vec![Some(Known::Constant(name.clone(), tensor.clone()))];
                    let node = NodeProto { op_type: "output".into(), ..Default::default() };
                    let (builder, constants) = (&mut self.builder, &mut self.constants);
                    let mut ctx = Context::new(&node, output, self.file.opset, inputs, builder, constants);
                    ctx.value(0).map_err(|refusal| ImportError::Tensor {
                        file: file.clone(),
                        tensor: name.clone(),
                        reason: match refusal {
                            Refusal::Unsupported(reason) => reason,
                            Refusal::NotFinite { index, value, .. } => format!("{value} at element {index}"),
                        },
                    })?
                }
                Some(Known::Hidden) | None => {
                    return Err(ImportError::Undefined {
                        file,
                        node: output.clone(),
                        op_type: "graph output".into(),
                        tensor: output.clone(),
                    });
                }
            };
            self.builder.graph.outputs.push(GraphOutput { name: output.clone(), value });
        }
        Ok(fuse(self.builder.graph))
    }
}

/// Name and value of every input, if all are constant.
fn all_constant(node: &NodeProto, inputs: &[Option<Known>]) -> Option<Vec<(String, Arc<RawTensor>)>> {
    let mut constants: Vec<(String, Arc<RawTensor>)> = vec![];
    for (name, input) in node.input.iter().zip(inputs) {
        match input {
            None => {}
            // One tensor may be read twice.
            Some(Known::Constant(..)) if constants.iter().any(|(n, _)| n == name) => {}
            Some(Known::Constant(_, tensor)) => constants.push((name.clone(), tensor.clone())),
            Some(Known::Value(_) | Known::Hidden) => return None,
        }
    }
    Some(constants)
}
