//! Why a graph, an encoding or an execution is refused.

use crate::interval::Interval;

/// A refusal that names its culprit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IrError {
    /// An operator got the wrong number of operands.
    #[error("node '{node}' ({op}): expected {expected} operands, got {got}")]
    Arity {
        /// The node's name.
        node: String,
        /// The operator.
        op: &'static str,
        /// The number of operands it takes.
        expected: usize,
        /// The number of operands it has.
        got: usize,
    },
    /// Shapes or parameters of an operator do not fit together.
    #[error("node '{node}' ({op}): {reason}")]
    Shape {
        /// The node's name.
        node: String,
        /// The operator.
        op: &'static str,
        /// What does not fit.
        reason: String,
    },
    /// A node refers to a tensor that is not computed before it.
    #[error("node '{node}': operand {operand} is not defined before it")]
    Undefined {
        /// The node's name.
        node: String,
        /// The operand's index among all tensors.
        operand: u32,
    },
    /// The integers of a node may leave what 31-bit fields hold.
    #[error(
        "node '{node}' ({op}): its integers may reach {range}, beyond ±{limit}; use fewer bits (profile fast), or a smaller layer"
    )]
    Overflow {
        /// The node's name.
        node: String,
        /// The operator.
        op: &'static str,
        /// The interval that was derived.
        range: Interval,
        /// The greatest magnitude allowed.
        limit: i64,
    },
    /// A tensor holds an integer outside its declared interval.
    #[error("tensor '{tensor}': entry {index} is {value}, outside its interval {range}")]
    OutOfRange {
        /// The tensor's name.
        tensor: String,
        /// The entry's position in row-major order.
        index: usize,
        /// The entry.
        value: i64,
        /// The declared interval.
        range: Interval,
    },
    /// A tensor has another shape than its declaration.
    #[error("tensor '{tensor}': expected shape {expected:?}, got {got:?}")]
    TensorShape {
        /// The tensor's name.
        tensor: String,
        /// The declared shape.
        expected: Vec<usize>,
        /// The shape found.
        got: Vec<usize>,
    },
    /// The number of tensors handed over is not the number declared.
    #[error("expected {expected} {what}, got {got}")]
    Count {
        /// What was counted.
        what: &'static str,
        /// The number declared.
        expected: usize,
        /// The number handed over.
        got: usize,
    },
    /// The graph is larger than any graph that this version accepts.
    #[error("{what} is {got}, more than the {limit} that this version accepts")]
    TooLarge {
        /// What is too large.
        what: String,
        /// Its size.
        got: u64,
        /// The limit.
        limit: u64,
    },
    /// Two inputs, or two outputs, have one name, so that a statement about it would be ambiguous.
    #[error("two inputs, or two outputs, are named '{name}'; rename one of them")]
    DuplicatePort {
        /// The name.
        name: String,
    },
    /// The bytes are no canonical encoding.
    #[error("not a canonical graph encoding: {0}")]
    Encoding(String),
}
