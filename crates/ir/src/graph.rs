//! Graphs of integer tensors, built and checked one definition at a time.

use serde::{Deserialize, Serialize};

use crate::error::IrError;
use crate::interval::Interval;
use crate::ops::{Infer, Op};
use crate::table::Table;
use crate::tensor::{Tensor, num_elements};

/// The most entries that one tensor may have.
pub const MAX_ELEMENTS: usize = 1 << 31;
/// The most tensors that a graph may have.
pub const MAX_TENSORS: usize = 1 << 20;
/// The greatest magnitude of any integer in a graph: the difference of two stays below the modulus of KoalaBear.
pub const MAX_MAGNITUDE: i64 = (1 << 30) - (1 << 23) - 1;
const MAX_RANK: usize = 12;

/// A tensor's index in its graph, in the order of definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TensorId(pub u32);

impl TensorId {
    /// The index as an array index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// How a tensor comes to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// Handed over with every execution.
    Input,
    /// Part of the model, committed once, private.
    Weight,
    /// Public data under the graph's digest, row-major.
    Constant(Vec<i32>),
    /// The output of an operator applied to earlier tensors.
    Node {
        /// The operator.
        op: Op,
        /// Its operands.
        operands: Vec<TensorId>,
    },
}

/// A tensor of a graph: its name, shape, interval and source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// The name of the input, weight or ONNX node, for messages.
    pub name: String,
    /// The shape.
    pub shape: Vec<usize>,
    /// Every entry lies inside; for nodes it follows from the operands.
    pub range: Interval,
    /// For weights, a bound on `Σ|w|` over all axes but the first, for every index of the first.
    pub l1_cap: Option<u64>,
    /// How the tensor comes to be.
    pub source: Source,
}

impl TensorInfo {
    /// The number of entries.
    pub fn num_elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// A tensor that enters or leaves the graph, and the scale that gives it a real meaning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Port {
    /// The name in the model file.
    pub name: String,
    /// The tensor.
    pub tensor: TensorId,
    /// `real = scale · integer`; 1 for indices and other integers.
    pub scale: f64,
}

/// An integer dataflow graph over one sample. Public: it holds no weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    tensors: Vec<TensorInfo>,
    tables: Vec<Table>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// All tensors in the order of definition.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// A tensor of this graph; panics on an identifier of another graph.
    pub fn tensor(&self, id: TensorId) -> &TensorInfo {
        &self.tensors[id.index()]
    }

    /// The public tables.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// The inputs.
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// The outputs.
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// The weights in the order of definition.
    pub fn weights(&self) -> impl Iterator<Item = (TensorId, &TensorInfo)> {
        self.iter().filter(|(_, t)| t.source == Source::Weight)
    }

    /// All tensors with their identifiers.
    pub fn iter(&self) -> impl Iterator<Item = (TensorId, &TensorInfo)> {
        self.tensors.iter().enumerate().map(|(i, t)| (TensorId(i as u32), t))
    }

    /// Adds a table and returns its index; an equal table is shared.
    ///
    /// # Errors
    /// [`IrError::TooLarge`] for an empty or oversized table.
    pub fn add_table(&mut self, table: Table) -> Result<u32, IrError> {
        table.check()?;
        let found = self.tables.iter().position(|t| t.start == table.start && t.values == table.values);
        Ok(found.unwrap_or_else(|| {
            self.tables.push(table);
            self.tables.len() - 1
        }) as u32)
    }

    /// Adds an input of the given scale.
    ///
    /// # Errors
    /// [`IrError`] if the shape or the interval is refused.
    pub fn add_input(
        &mut self,
        name: &str,
        shape: Vec<usize>,
        range: Interval,
        scale: f64,
    ) -> Result<TensorId, IrError> {
        check_port(&self.inputs, name)?;
        let tensor = self.push(name, shape, range, None, Source::Input)?;
        self.inputs.push(Port { name: name.into(), tensor, scale });
        Ok(tensor)
    }

    /// Adds a private weight with a declared interval and, optionally, a cap on `Σ|w|` per index of its first axis.
    ///
    /// # Errors
    /// [`IrError`] if the shape or the interval is refused.
    pub fn add_weight(
        &mut self,
        name: &str,
        shape: Vec<usize>,
        range: Interval,
        l1_cap: Option<u64>,
    ) -> Result<TensorId, IrError> {
        self.push(name, shape, range, l1_cap, Source::Weight)
    }

    /// Adds public data; its interval is the hull of its entries.
    ///
    /// # Errors
    /// [`IrError`] if the shape does not fit the data.
    pub fn add_constant(&mut self, name: &str, data: Tensor) -> Result<TensorId, IrError> {
        let data = Tensor::new(name, data.shape, data.data)?;
        let lo = data.data.iter().copied().min().unwrap_or(0);
        let hi = data.data.iter().copied().max().unwrap_or(0);
        let range = Interval::new(i64::from(lo), i64::from(hi));
        self.push(name, data.shape, range, None, Source::Constant(data.data))
    }

    /// Adds an operator applied to earlier tensors.
    ///
    /// # Errors
    /// [`IrError`] that names the node, if operands, parameters or intervals are refused.
    pub fn add_node(&mut self, name: &str, op: Op, operands: &[TensorId]) -> Result<TensorId, IrError> {
        let mut infos = Vec::with_capacity(operands.len());
        for &id in operands {
            infos.push(
                self.tensors
                    .get(id.index())
                    .ok_or_else(|| IrError::Undefined { node: name.into(), operand: id.0 })?,
            );
        }
        let semantics = op.semantics();
        let cx = Infer { node: name, op: semantics.name(), operands: infos, tables: &self.tables };
        let signature = semantics.infer(&cx)?;
        if signature.range.magnitude() > MAX_MAGNITUDE as u64 {
            return Err(IrError::Overflow {
                node: name.into(),
                op: semantics.name(),
                range: signature.range,
                limit: MAX_MAGNITUDE,
            });
        }
        let source = Source::Node { op, operands: operands.to_vec() };
        self.push(name, signature.shape, signature.range, None, source)
    }

    /// Declares a tensor an output of the given scale.
    ///
    /// # Errors
    /// [`IrError::Undefined`] for a tensor of another graph; [`IrError::DuplicatePort`] for a name that is taken.
    pub fn add_output(&mut self, name: &str, tensor: TensorId, scale: f64) -> Result<(), IrError> {
        if tensor.index() >= self.tensors.len() {
            return Err(IrError::Undefined { node: name.into(), operand: tensor.0 });
        }
        check_port(&self.outputs, name)?;
        self.outputs.push(Port { name: name.into(), tensor, scale });
        Ok(())
    }

    fn push(
        &mut self,
        name: &str,
        shape: Vec<usize>,
        range: Interval,
        l1_cap: Option<u64>,
        source: Source,
    ) -> Result<TensorId, IrError> {
        let size = num_elements(&shape).unwrap_or(usize::MAX);
        let refused = if size == 0 || size > MAX_ELEMENTS {
            Some(("the number of entries", size as u64, MAX_ELEMENTS as u64))
        } else if shape.len() > MAX_RANK {
            Some(("the number of axes", shape.len() as u64, MAX_RANK as u64))
        } else if !range.is_valid() || range.magnitude() > MAX_MAGNITUDE as u64 {
            Some(("the magnitude", range.magnitude(), MAX_MAGNITUDE as u64))
        } else if self.tensors.len() >= MAX_TENSORS {
            Some(("the number of tensors up to here", MAX_TENSORS as u64 + 1, MAX_TENSORS as u64))
        } else {
            None
        };
        if let Some((what, got, limit)) = refused {
            return Err(IrError::TooLarge { what: format!("{what} of tensor '{name}'"), got, limit });
        }
        self.tensors.push(TensorInfo { name: name.into(), shape, range, l1_cap, source });
        Ok(TensorId(self.tensors.len() as u32 - 1))
    }
}

/// Refuses a second input, or a second output, of one name.
fn check_port(ports: &[Port], name: &str) -> Result<(), IrError> {
    if ports.iter().any(|port| port.name == name) {
        return Err(IrError::DuplicatePort { name: name.into() });
    }
    Ok(())
}

/// A graph and its weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The public graph.
    pub graph: Graph,
    /// The weights, in the order in which the graph defines them.
    pub weights: Vec<Tensor>,
}

impl Model {
    /// A model whose weights have the declared shapes, intervals and caps.
    ///
    /// # Errors
    /// [`IrError`] that names the weight that does not fit.
    pub fn new(graph: Graph, weights: Vec<Tensor>) -> Result<Self, IrError> {
        let declared = graph.weights().count();
        if declared != weights.len() {
            return Err(IrError::Count { what: "weights", expected: declared, got: weights.len() });
        }
        for ((_, info), weight) in graph.weights().zip(&weights) {
            weight.check(&info.name, &info.shape, &info.range)?;
            if let Some(cap) = info.l1_cap {
                check_cap(info, weight, cap)?;
            }
        }
        Ok(Self { graph, weights })
    }
}

fn check_cap(info: &TensorInfo, weight: &Tensor, cap: u64) -> Result<(), IrError> {
    let row = (weight.data.len() / weight.shape.first().copied().unwrap_or(1).max(1)).max(1);
    for entries in weight.data.chunks(row) {
        let got = entries.iter().map(|w| u64::from(w.unsigned_abs())).sum();
        if got > cap {
            return Err(IrError::TooLarge { what: format!("Σ|w| of '{}'", info.name), got, limit: cap });
        }
    }
    Ok(())
}
