//! What can be wrong with a model file.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

/// Why a model file cannot be imported. Every message names the file.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", file.display())]
    Read {
        /// The model file.
        file: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is larger than [`MAX_FILE_BYTES`](crate::MAX_FILE_BYTES).
    #[error("{file}: {bytes} bytes; the limit is {limit}")]
    FileTooLarge {
        /// The model file.
        file: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The bytes are no ONNX model.
    #[error("{file}: not an ONNX model: {reason}; export it again, or check that the download is complete")]
    NotOnnx {
        /// The model file.
        file: String,
        /// What does not parse.
        reason: String,
    },
    /// The operator set is too old.
    #[error("{file}: opset {got}, expected {expected} or newer; convert it with `onnx.version_converter`")]
    Opset {
        /// The model file.
        file: String,
        /// The file's opset.
        got: i64,
        /// The oldest that is accepted.
        expected: i64,
    },
    /// An initialiser or constant cannot be used.
    #[error("{file}: tensor `{tensor}`: {reason}")]
    Tensor {
        /// The model file.
        file: String,
        /// Name of the tensor.
        tensor: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A weight is NaN or infinite, so that the model has no meaning.
    #[error("{file}: tensor `{tensor}` holds {value} at element {index}; weights must be finite")]
    NotFinite {
        /// The model file.
        file: String,
        /// Name of the tensor.
        tensor: String,
        /// Row-major position of the first such element.
        index: usize,
        /// NaN, inf or -inf.
        value: f32,
    },
    /// A graph input's type or shape is unknown.
    #[error("{file}: input `{input}`: {reason}")]
    Input {
        /// The model file.
        file: String,
        /// Name of the input.
        input: String,
        /// What is missing, and how to give it.
        reason: String,
    },
    /// A name given in the options is not in the file.
    #[error("{file}: there is no {what} `{name}`; the file has {known:?}")]
    UnknownName {
        /// The model file.
        file: String,
        /// `input` or `symbolic dimension`.
        what: &'static str,
        /// The name.
        name: String,
        /// The names that exist.
        known: Vec<String>,
    },
    /// The graph refers to a tensor that nothing defines (or only a later node does).
    #[error("{file}: node `{node}` ({op_type}) reads `{tensor}`, which nothing before it computes")]
    Undefined {
        /// The model file.
        file: String,
        /// The reading node, or the graph output.
        node: String,
        /// Its operator.
        op_type: String,
        /// The missing tensor.
        tensor: String,
    },
    /// Operators that cannot be imported: all of them.
    #[error("{file}: {} unsupported operator(s):{}", nodes.len(), list(nodes))]
    Unsupported {
        /// The model file.
        file: String,
        /// Every node that was refused.
        nodes: Vec<UnsupportedNode>,
    },
}

fn list(nodes: &[UnsupportedNode]) -> String {
    nodes.iter().map(|node| format!("\n  {node}")).collect()
}

/// A node that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsupportedNode {
    /// Name of the ONNX node (of its first output if it has none).
    pub name: String,
    /// Its operator, with the domain if that is not ONNX's own.
    pub op_type: String,
    /// Shapes of its inputs; `None` for absent ones and where an earlier refused node hides it.
    pub shapes: Vec<Option<Vec<usize>>>,
    /// Why.
    pub reason: String,
}

impl fmt::Display for UnsupportedNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shapes: Vec<String> =
            self.shapes.iter().map(|s| s.as_ref().map_or("?".into(), |s| format!("{s:?}"))).collect();
        write!(f, "`{}` ({}) on {}: {}", self.name, self.op_type, shapes.join(", "), self.reason)
    }
}

/// Why the float model does not run on a sample.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RunError {
    /// The number of inputs differs.
    #[error("the model has {expected} inputs, got {got}")]
    NumInputs {
        /// Number of the graph's inputs.
        expected: usize,
        /// Number of tensors given.
        got: usize,
    },
    /// An input has the wrong shape.
    #[error("input `{input}`: expected shape {expected:?}, got {got:?}")]
    InputShape {
        /// Name of the input.
        input: String,
        /// Shape in the graph.
        expected: Vec<usize>,
        /// Shape given.
        got: Vec<usize>,
    },
    /// A node's recorded shapes contradict its operator: the graph was built or changed by hand.
    #[error("node `{node}` ({op_type}): {reason}")]
    Node {
        /// Name of the ONNX node.
        node: String,
        /// Its operator.
        op_type: String,
        /// What does not fit.
        reason: String,
    },
    /// The reference runtime refuses the model or the sample.
    #[error("{file}: the reference runtime failed to {stage}: {reason}")]
    Runtime {
        /// The model file.
        file: String,
        /// What it was doing.
        stage: &'static str,
        /// Its message.
        reason: String,
    },
}
