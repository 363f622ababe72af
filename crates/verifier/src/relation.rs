//! What prover and verifier derive from a card and the shape of a statement.

use zkml_iop::builder::{FieldShape, Shape, build_system};
use zkml_iop::commitment::ColumnCommitment;
use zkml_iop::layout::{Layout, Reserved, TreeKind};
use zkml_iop::registration::registration_system;
use zkml_iop::soundness::error_terms;
use zkml_iop::system::{Declared, Home, System};
use zkml_ir::{Graph, Tensor};
use zkml_stark::{SecurityReport, StarkColumns};

use crate::card::Card;
use crate::commitment::TensorCommitment;
use crate::error::Refusal;
use crate::parameters::Parameters;

/// The field of the `stark` suite.
pub const FIELD: FieldShape = FieldShape { modulus: (1 << 31) - (1 << 24) + 1, degree: 5, packs: false };

/// The relation of a statement: tensors, lookups and equations, their columns, and the commitment scheme.
#[derive(Debug)]
pub struct Relation {
    /// Tensors, lookups and equations.
    pub system: System,
    /// Their columns.
    pub layout: Layout,
    /// The commitment scheme.
    pub columns: StarkColumns,
}

impl Relation {
    /// The relation of a statement about the card's model.
    ///
    /// # Errors
    /// [`Refusal`] if the graph cannot be proven, or not in columns of the card's height.
    pub fn new(card: &Card, shape: &Shape, commitments: &[TensorCommitment]) -> Result<Self, Refusal> {
        Self::of(&card.graph, shape, card.parameters, commitments)
    }

    /// The relation of a graph with parameters that no card fixes yet.
    ///
    /// # Errors
    /// [`Refusal`] if the graph cannot be proven, or not in columns of this height.
    pub fn of(
        graph: &Graph,
        shape: &Shape,
        parameters: Parameters,
        commitments: &[TensorCommitment],
    ) -> Result<Self, Refusal> {
        Self::with_system(build_system(graph, shape, FIELD)?, parameters, commitments)
    }

    /// The relation of a registration of `num_trees` trees of a graph's weights: with the weights' intervals and caps where
    /// it is the first, and none where the trees continue an epoch.
    ///
    /// # Errors
    /// [`Refusal`] if an interval or a cap has no proof, or the trees are too large together.
    pub fn registration(
        graph: &Graph,
        parameters: Parameters,
        first: bool,
        num_trees: usize,
    ) -> Result<Self, Refusal> {
        let system = if first { registration_system(graph, FIELD)? } else { weights_system(graph) };
        let mut relation = Self::with_system(system, parameters, &[])?;
        relation.layout = relation.layout.with_copies(num_trees.saturating_sub(1));
        Ok(relation)
    }

    /// The relation of a system that was built beside its witness.
    ///
    /// # Errors
    /// [`Refusal`] if the system does not fit columns of this height.
    pub fn with_system(
        system: System,
        parameters: Parameters,
        commitments: &[TensorCommitment],
    ) -> Result<Self, Refusal> {
        let columns = parameters.columns()?;
        let config = columns.config();
        let reserved = Reserved {
            fresh: config.num_queries(),
            weights: parameters.reserved as usize,
            committed: commitments.iter().map(|c| c.reserved as usize).collect(),
        };
        let layout = Layout::new(&system, config.log_rows(), &reserved)?;
        Ok(Self { system, layout, columns })
    }

    /// The numbers of columns of the trees, with the mask's.
    pub fn widths(&self) -> Vec<usize> {
        let mask = |kind| if kind == TreeKind::Witness { StarkColumns::MASK_COLUMNS } else { 0 };
        self.layout.trees.iter().map(|tree| tree.columns + mask(tree.kind)).collect()
    }

    /// Every soundness error of the protocol in the clear, composed, with `num_wide` claims on whole columns.
    ///
    /// # Errors
    /// [`Refusal::Parameters`] if the commitment has no bound at its level.
    pub fn security(&self, num_wide: usize) -> Result<SecurityReport, Refusal> {
        let mut report = self.columns.security(self.layout.num_columns())?;
        for term in error_terms(&self.system, &self.layout, num_wide) {
            report.add_algebraic(term.name, term.degree);
        }
        Ok(report)
    }

    /// The entries of the system's public tensors where none belongs to a statement.
    pub(crate) fn constants(&self) -> Vec<Vec<i32>> {
        let entries = |home: &Home| match home {
            Home::Constant(data) => data.clone(),
            _ => Vec::new(),
        };
        self.system.tensors.iter().map(|t| entries(&t.home)).collect()
    }

    /// The entries of the system's public tensors, at their indices; `inputs` and `outputs` are the statement's.
    pub fn public(&self, shape: &Shape, inputs: &[Tensor], outputs: &[Tensor]) -> Vec<Vec<i32>> {
        use zkml_iop::builder::Visibility::Public;
        // The position of a port among the public ones.
        let rank = |visibilities: &[_], index: usize| {
            visibilities.iter().take(index).filter(|v| **v == Public).count()
        };
        let find = |visibilities: &[_], tensors: &[Tensor], index: usize| {
            tensors.get(rank(visibilities, index)).map(|t| t.data.clone()).unwrap_or_default()
        };
        let entries = |home: &Home| match home {
            Home::Constant(data) => data.clone(),
            Home::PublicInput(index) => find(&shape.inputs, inputs, *index),
            Home::PublicOutput(index) => find(&shape.outputs, outputs, *index),
            Home::Weight(_) | Home::Committed(_) | Home::Witness | Home::Helper { .. } => Vec::new(),
        };
        self.system.tensors.iter().map(|t| entries(&t.home)).collect()
    }
}

/// The weights of a graph and nothing about them.
fn weights_system(graph: &Graph) -> System {
    let mut system = System::default();
    for (index, (_, info)) in graph.weights().enumerate() {
        system.declare(Declared {
            name: info.name.clone(),
            shape: info.shape.clone(),
            range: info.range,
            home: Home::Weight(index),
        });
    }
    system
}
