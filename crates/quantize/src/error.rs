//! Why a float graph cannot become integers.

use std::fmt;

use thiserror::Error;
use zkml_import::RunError;
use zkml_ir::IrError;

/// A refusal that names its culprit and what to do about it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum QuantizeError {
    /// There are no samples to measure ranges on.
    #[error(
        "no calibration data: scales come from the ranges of activations on real samples; give a few dozen typical \
         inputs (as .npz or JSON)"
    )]
    NoCalibration,
    /// The calibration was made for another graph.
    #[error("the calibration covers {got} tensors, the graph has {expected}; calibrate this very model")]
    ForeignCalibration {
        /// The graph's number of tensors.
        expected: usize,
        /// The calibration's.
        got: usize,
    },
    /// A sample drove a tensor to NaN or infinity.
    #[error(
        "calibration sample {sample}: tensor `{tensor}` becomes {value}; remove the sample or repair the model"
    )]
    NotFinite {
        /// Position of the sample.
        sample: usize,
        /// The tensor's name.
        tensor: String,
        /// NaN or an infinity.
        value: f32,
    },
    /// An option is out of bounds.
    #[error("option {option}: got {got}, expected {expected}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// Its value.
        got: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// Operators without integer semantics: all of them.
    #[error("{} operator(s) have no integer semantics yet:{}", nodes.len(), list(nodes))]
    Unsupported {
        /// Every node that was refused.
        nodes: Vec<UnsupportedNode>,
    },
    /// The integers of a node do not fit.
    #[error("node `{node}` ({op}): {reason}; {advice}")]
    Range {
        /// Name of the node.
        node: String,
        /// The ONNX operator.
        op: String,
        /// What does not fit.
        reason: String,
        /// What to do.
        advice: &'static str,
    },
    /// The integers of an operator lose what the outputs need.
    #[error(
        "node `{node}` ({op}): its integers lose so much that outputs are off by {:.0} % of their range on calibration \
         samples; use profile accurate, or samples whose magnitudes differ less",
        error * 100.0
    )]
    Inaccurate {
        /// Name of the node at which most of the error comes in.
        node: String,
        /// The ONNX operator.
        op: String,
        /// The mean error of the worst output, relative to its range.
        error: f64,
    },
    /// A node's operands contradict its operator.
    #[error("node `{node}` ({op}): {reason}")]
    Malformed {
        /// Name of the node.
        node: String,
        /// The ONNX operator.
        op: String,
        /// What does not fit.
        reason: String,
    },
    /// An input or output tensor does not have the shape or kind that the model declares.
    #[error("`{port}`: expected {expected}, got {got}")]
    Port {
        /// Name of the input or output.
        port: String,
        /// What the model declares.
        expected: String,
        /// What was handed over.
        got: String,
    },
    /// The float reference refuses a sample.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The integer graph refuses a node.
    #[error(transparent)]
    Ir(#[from] IrError),
}

fn list(nodes: &[UnsupportedNode]) -> String {
    nodes.iter().map(|node| format!("\n  {node}")).collect()
}

/// A node that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsupportedNode {
    /// Name of the ONNX node.
    pub name: String,
    /// Its operator.
    pub op_type: String,
    /// Shapes of its operands.
    pub shapes: Vec<Vec<usize>>,
    /// Why, and what to do.
    pub reason: String,
}

impl fmt::Display for UnsupportedNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shapes: Vec<String> = self.shapes.iter().map(|s| format!("{s:?}")).collect();
        write!(f, "`{}` ({}) on {}: {}", self.name, self.op_type, shapes.join(", "), self.reason)
    }
}
