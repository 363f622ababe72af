//! Builds the [`System`] of a statement from its graph and, on the prover's side, the witness beside it.
//!
//! Every operator's relation is written once: it declares tensors, lookups and equations, and hands over the closures that
//! compute the witness. The verifier runs the same code and never calls the closures.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use zkml_ir::ops::{Activation, Einsum};
use zkml_ir::{Graph, Interval, Op, Source, TensorId, Trace};

use crate::claims::is_committed;
use crate::error::RelationError;
use crate::map::Map;
use crate::ops::contraction::with_batch;
use crate::ops::relate;
use crate::ops::topk::Ranking;
use crate::system::{
    Affine, Bilinear, Declared, Equation, Fraction, Helper, Home, LookupTable, Port, System, ViewId,
    check_coefficient,
};

/// Who sees a tensor that enters or leaves the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Visibility {
    /// Nobody but the prover.
    Private,
    /// Part of the statement.
    Public,
    /// Behind a hiding commitment that is part of the statement and that several statements can share.
    Committed,
}

/// The public parameters of a statement's relation.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Shape {
    /// The number of samples, at least 1.
    pub batch: usize,
    /// One visibility per input of the graph.
    pub inputs: Vec<Visibility>,
    /// One visibility per output of the graph.
    pub outputs: Vec<Visibility>,
}

impl Shape {
    /// The number of committed tensors: inputs first, then outputs, in the graph's order.
    pub fn num_committed(&self) -> usize {
        self.inputs.iter().chain(&self.outputs).filter(|v| **v == Visibility::Committed).count()
    }
}

/// The field's parameters that a relation depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldShape {
    /// The modulus of the base field, or `i64::MAX` where it is larger.
    pub modulus: i64,
    /// The degree of the challenge field over the base field.
    pub degree: usize,
    /// Whether public tensors are tensors of the witness, of which verifiers know the packed words ([`crate::packing`]).
    pub packs: bool,
}

/// The entries of every tensor of a system, row-major; empty for helpers.
pub type Witness = Vec<Vec<i32>>;

/// What an IR tensor is in terms of a system: an affine expression plus products.
#[derive(Clone, Debug)]
pub(crate) struct Expr {
    pub(crate) affine: Affine,
    pub(crate) bilinear: Vec<Bilinear>,
    /// Whether the first axis is the batch.
    pub(crate) batched: bool,
    /// From the graph's interval analysis.
    pub(crate) range: Interval,
}

/// How often relations of one kind occur, for the choice of tables.
#[derive(Default)]
struct Census {
    activations: BTreeMap<(i64, i64, i64, i64), u64>,
    shifts: BTreeMap<u32, u64>,
}

/// Builds a system; see the module.
pub(crate) struct Builder<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) batch: usize,
    pub(crate) system: System,
    field: FieldShape,
    exprs: Vec<Expr>,
    traces: Option<&'a [Trace<'a>]>,
    witness: Witness,
    pending: Vec<(Vec<usize>, Fraction)>,
    tables: BTreeMap<Vec<Vec<i32>>, usize>,
    census: Census,
    ones: Option<usize>,
    /// The rankings so far: values and positions share one.
    pub(crate) rankings: BTreeMap<(TensorId, usize), Ranking>,
    /// What all views hold in memory, and all claims on operands of products.
    memory: usize,
    /// What was read and written to compose views.
    work: usize,
    /// The rows of all tables.
    rows: usize,
    /// The number of committed tensors so far.
    committed: usize,
}

/// The most that all views of a statement, and the claims on them, hold in memory: indices, for each of which a claim holds a
/// weight of twenty bytes.
const MAX_MEMORY: usize = 1 << 25;
/// The most indices that are read and written to compose views.
const MAX_WORK: usize = 1 << 28;

/// A refusal of the tensor `name` as it enters or leaves a node.
fn refuse(name: &str, reason: String) -> RelationError {
    RelationError::Unsupported { node: name.into(), op: "tensor", reason }
}

/// The system of a statement.
///
/// # Errors
/// [`RelationError`] that names the node which cannot be proven.
pub fn build_system(graph: &Graph, shape: &Shape, field: FieldShape) -> Result<System, RelationError> {
    Builder::new(graph, shape, field, None)?.run(shape).map(|(system, _)| system)
}

/// The system of a statement and the witness of an execution: one trace per sample.
///
/// # Errors
/// [`RelationError`] that names the node which cannot be proven.
pub fn build_witness(
    graph: &Graph,
    shape: &Shape,
    field: FieldShape,
    traces: &[Trace<'_>],
) -> Result<(System, Witness), RelationError> {
    Builder::new(graph, shape, field, Some(traces))?.run(shape)
}

impl Expr {
    fn check_coefficients(&self) -> Result<(), String> {
        self.affine.check_coefficients()?;
        self.bilinear.iter().try_for_each(|term| check_coefficient(term.coefficient))
    }
}

impl<'a> Builder<'a> {
    fn new(
        graph: &'a Graph,
        shape: &Shape,
        field: FieldShape,
        traces: Option<&'a [Trace<'a>]>,
    ) -> Result<Self, RelationError> {
        let fits = shape.inputs.len() == graph.inputs().len()
            && shape.outputs.len() == graph.outputs().len()
            && traces.is_none_or(|t| t.len() == shape.batch);
        const MAX_BATCH: usize = 1 << 16;
        if !fits || shape.batch == 0 || shape.batch > MAX_BATCH {
            return Err(RelationError::TooLarge {
                what: "the batch, or the number of its tensors,",
                got: shape.batch as u64,
                limit: MAX_BATCH as u64,
            });
        }
        let census = Census::of(graph, shape.batch as u64);
        Ok(Self { batch: shape.batch, traces, census, ..Self::of_weights(graph, field, false) })
    }

    /// A builder of a relation over the weights alone; `proving` says whether it makes a witness.
    pub(crate) fn of_weights(graph: &'a Graph, field: FieldShape, proving: bool) -> Self {
        Self {
            graph,
            batch: 1,
            system: System::default(),
            field,
            exprs: Vec::new(),
            traces: proving.then_some(&[]),
            witness: Vec::new(),
            pending: Vec::new(),
            tables: BTreeMap::new(),
            census: Census::default(),
            ones: None,
            rankings: BTreeMap::new(),
            memory: 0,
            work: 0,
            rows: 0,
            committed: 0,
        }
    }

    fn run(mut self, shape: &Shape) -> Result<(System, Witness), RelationError> {
        let (mut inputs, mut weights) = (0, 0);
        for (id, info) in self.graph.iter() {
            let expr = match &info.source {
                Source::Input => {
                    inputs += 1;
                    self.input(id, inputs - 1, shape.inputs[inputs - 1])?
                }
                Source::Weight => {
                    weights += 1;
                    let values = self.traces.and_then(|t| t.first()).map(|t| t.value(id).data.clone());
                    let home = Home::Weight(weights - 1);
                    self.leaf(&info.name, &info.shape, info.range, home, values.unwrap_or_default(), false)
                }
                Source::Constant(data) => {
                    let home = Home::Constant(data.clone());
                    self.leaf(&info.name, &info.shape, info.range, home, data.clone(), false)
                }
                Source::Node { op, operands } => relate(&mut self, id, info, op, operands)?,
            };
            self.check_size()?;
            expr.check_coefficients().map_err(|reason| refuse(&info.name, reason))?;
            self.exprs.push(expr);
        }
        for (index, port) in self.graph.outputs().iter().enumerate() {
            match shape.outputs[index] {
                Visibility::Private => {}
                Visibility::Public if self.field.packs => {
                    let tensor = self.output(port.tensor, Home::Witness)?;
                    self.system.packed.push((tensor, Port::Output(index)));
                }
                Visibility::Public => _ = self.output(port.tensor, Home::PublicOutput(index))?,
                Visibility::Committed => {
                    let home = self.next_commitment();
                    _ = self.output(port.tensor, home)?;
                }
            }
        }
        self.finish()
    }

    pub(crate) fn leaf(
        &mut self,
        name: &str,
        shape: &[usize],
        range: Interval,
        home: Home,
        values: Vec<i32>,
        batched: bool,
    ) -> Expr {
        let tensor = self.system.declare(Declared { name: name.into(), shape: shape.to_vec(), range, home });
        self.witness.push(values);
        let view = self.system.whole(tensor);
        Expr { affine: Affine::view(shape, view), bilinear: vec![], batched, range }
    }

    fn input(&mut self, id: TensorId, index: usize, visibility: Visibility) -> Result<Expr, RelationError> {
        let info = self.graph.tensor(id);
        let shape = [&[self.batch], info.shape.as_slice()].concat();
        let values = self.values(id);
        let (home, packed) = match visibility {
            Visibility::Public if self.field.packs => (Home::Witness, true),
            Visibility::Public => (Home::PublicInput(index), false),
            Visibility::Private => (Home::Witness, false),
            Visibility::Committed => (self.next_commitment(), false),
        };
        if packed {
            self.system.packed.push((self.system.tensors.len(), Port::Input(index)));
        }
        let proven = is_committed(&home);
        let expr = self.leaf(&info.name, &shape, info.range, home, values, true);
        if proven {
            let shifted = expr.affine.clone().plus_constant(-info.range.lo);
            let entries = Interval::new(0, info.range.hi - info.range.lo);
            self.range_check(&info.name, shifted, &entries, info.range.len())?;
        }
        Ok(expr)
    }

    /// The tree of the next committed tensor.
    fn next_commitment(&mut self) -> Home {
        self.committed += 1;
        Home::Committed(self.committed - 1)
    }

    /// Declares a tensor of the statement that equals an output of the graph, and returns its index.
    ///
    /// Where it is committed, packed or not, it needs no range proof: the field element is the image of one proven integer.
    fn output(&mut self, id: TensorId, home: Home) -> Result<usize, RelationError> {
        let info = self.graph.tensor(id);
        let expr = self.expr(id).clone();
        let expr = self.batched(expr).map_err(|reason| refuse(&info.name, reason))?;
        let values = self.values(id);
        let tensor = self.system.tensors.len();
        let y = self.leaf(&info.name, &expr.affine.shape, info.range, home, values, true);
        let difference = Expr { affine: expr.affine.plus(-1, &y.affine), ..expr };
        self.integer_equation(&info.name, difference, &info.range.scale(-1))?;
        Ok(tensor)
    }

    /// What an earlier tensor of the graph is.
    pub(crate) fn expr(&self, id: TensorId) -> &Expr {
        &self.exprs[id.index()]
    }

    /// The values of a tensor of the graph over the batch; empty on the verifier's side.
    pub(crate) fn values(&self, id: TensorId) -> Vec<i32> {
        let traces = self.traces.unwrap_or_default();
        let mut values = Vec::with_capacity(traces.len() * self.graph.tensor(id).num_elements());
        traces.iter().for_each(|t| values.extend_from_slice(&t.value(id).data));
        values
    }

    /// Whether this side knows the witness.
    pub(crate) fn proving(&self) -> bool {
        self.traces.is_some()
    }

    /// Commits a tensor of the witness. Whoever calls proves its range, by a lookup.
    pub(crate) fn commit(
        &mut self,
        name: &str,
        shape: &[usize],
        range: Interval,
        values: impl FnOnce(&Self) -> Vec<i32>,
    ) -> Affine {
        let values = if self.proving() { values(self) } else { Vec::new() };
        self.leaf(name, shape, range, Home::Witness, values, true).affine
    }

    /// The expression of a committed tensor.
    pub(crate) fn committed(&self, affine: Affine, range: Interval) -> Expr {
        Expr { affine, bilinear: vec![], batched: true, range }
    }

    /// The values of an affine expression; empty on the verifier's side.
    pub(crate) fn evaluate(&self, affine: &Affine) -> Vec<i64> {
        if !self.proving() {
            return Vec::new();
        }
        self.system.evaluate(&self.witness, affine)
    }

    /// The same expression with the batch as first axis.
    ///
    /// # Errors
    /// The reason, where a map becomes too large.
    pub(crate) fn batched(&mut self, expr: Expr) -> Result<Expr, String> {
        if expr.batched {
            return Ok(expr);
        }
        let batch = self.batch;
        let affine = self.map_affine(&expr.affine, &Map::broadcast(&expr.affine.shape, 0, batch))?;
        let mut bilinear = Vec::with_capacity(expr.bilinear.len());
        for term in expr.bilinear {
            // The first operand is repeated, the second contributes to every sample alike.
            let a = self.system.views[term.a.0].clone();
            let repeated = self.compose(&a.map, &Map::broadcast(&a.map.view, 0, batch))?;
            let labels = with_batch(&term.labels, true, false);
            bilinear.push(Bilinear { a: self.view(a.tensor, repeated)?, labels, ..term });
        }
        Ok(Expr { affine, bilinear, batched: true, ..expr })
    }

    /// The identifier of a view.
    ///
    /// # Errors
    /// The reason, where all views together become too large.
    pub(crate) fn view(&mut self, tensor: usize, map: Map) -> Result<ViewId, String> {
        let (known, memory) = (self.system.views.len(), map.memory());
        let view = self.system.view(tensor, map);
        self.spend(memory)?;
        if self.system.views.len() > known {
            self.memory = self.memory.saturating_add(memory);
        }
        if self.memory > MAX_MEMORY {
            return Err(format!("all rearrangements together relate more than {MAX_MEMORY} indices"));
        }
        Ok(view)
    }

    /// A map after another.
    ///
    /// # Errors
    /// The reason, where all compositions together become too much work.
    pub(crate) fn compose(&mut self, first: &Map, second: &Map) -> Result<Map, String> {
        self.spend(first.memory().saturating_add(second.memory()))?;
        first.then(second)
    }

    fn spend(&mut self, work: usize) -> Result<(), String> {
        self.work = self.work.saturating_add(work);
        match self.work > MAX_WORK {
            true => Err(format!("all rearrangements together read more than {MAX_WORK} indices")),
            false => Ok(()),
        }
    }

    /// Refuses graphs whose tables are larger than any verifier wants to read.
    fn check_size(&self) -> Result<(), RelationError> {
        const MAX_ALL_ROWS: usize = 1 << 24;
        if self.rows > MAX_ALL_ROWS {
            return Err(RelationError::TooLarge {
                what: "the number of rows of all tables",
                got: self.rows as u64,
                limit: MAX_ALL_ROWS as u64,
            });
        }
        Ok(())
    }

    /// An affine expression seen through a map.
    pub(crate) fn map_affine(&mut self, affine: &Affine, map: &Map) -> Result<Affine, String> {
        let mut terms = Vec::with_capacity(affine.terms.len() + 1);
        if affine.constant != 0 {
            let ones = self.ones();
            let constant = Map { source: vec![], view: affine.shape.clone(), groups: vec![] };
            let composed = self.compose(&constant, map)?;
            terms.push((affine.constant, self.view(ones, composed)?));
        }
        for &(k, view) in &affine.terms {
            let view = self.system.views[view.0].clone();
            let composed = self.compose(&view.map, map)?;
            terms.push((k, self.view(view.tensor, composed)?));
        }
        Ok(Affine { shape: map.view.clone(), terms, constant: 0 })
    }

    /// The public scalar 1.
    fn ones(&mut self) -> usize {
        if let Some(ones) = self.ones {
            return ones;
        }
        let home = Home::Constant(vec![1]);
        let one = Declared { name: "one".to_string(), shape: vec![], range: Interval::point(1), home };
        let view = self.public(one);
        let tensor = self.system.views[view.0].tensor;
        self.ones = Some(tensor);
        tensor
    }

    /// Adds a public constant of the relation.
    pub(crate) fn public(&mut self, constant: Declared) -> ViewId {
        if let Home::Constant(data) = &constant.home {
            self.witness.push(data.clone());
        }
        let tensor = self.system.declare(constant);
        self.system.whole(tensor)
    }

    /// Adds `expr + other = 0` over the integers, where `other` is already part of the expression's affine terms and adds
    /// `other_range` to the interval of its IR part.
    ///
    /// # Errors
    /// [`RelationError::Wraps`] if the identity could hold in the field and not over the integers.
    pub(crate) fn integer_equation(
        &mut self,
        name: &str,
        expr: Expr,
        other_range: &Interval,
    ) -> Result<(), RelationError> {
        self.check_wrap(name, &expr.range.add(other_range))?;
        self.field_equation(name, expr.affine, expr.bilinear);
        Ok(())
    }

    /// Refuses an interval that holds a multiple of the modulus beside 0.
    pub(crate) fn check_wrap(&self, name: &str, range: &Interval) -> Result<(), RelationError> {
        let modulus = self.field.modulus;
        if range.magnitude() >= modulus.unsigned_abs() {
            return Err(RelationError::Wraps { name: name.into(), range: *range, modulus });
        }
        Ok(())
    }

    /// Adds an equation that only has to hold in the field.
    pub(crate) fn field_equation(&mut self, name: &str, linear: Affine, bilinear: Vec<Bilinear>) {
        // Each product makes claims of its own on its operands; `finish` refuses what is too much.
        for view in bilinear.iter().flat_map(|product| [product.a, product.b]) {
            self.memory = self.memory.saturating_add(self.system.views[view.0].map.memory());
        }
        self.system.equations.push(Equation { name: name.into(), linear, bilinear });
    }

    /// The elementwise product `coefficient·a·b` of two views of the same shape.
    pub(crate) fn elementwise(rank: usize, coefficient: i64, a: ViewId, b: ViewId) -> Bilinear {
        Bilinear { coefficient, a, b, labels: Einsum::elementwise(rank) }
    }

    /// Adds a lookup of a tuple of expressions of one shape.
    pub(crate) fn lookup(&mut self, name: &str, table: usize, tuple: Vec<Affine>) {
        let shape = tuple[0].shape.clone();
        self.pending.push((shape, Fraction { name: name.into(), multiplicity: None, table, tuple }));
    }

    /// A table of the given columns whose rows are found by `index`; equal tables are shared.
    pub(crate) fn table(&mut self, name: &str, columns: Vec<Vec<i32>>, index: Vec<(i64, usize)>) -> usize {
        if let Some(&table) = self.tables.get(&columns) {
            return table;
        }
        let rows = columns[0].len();
        self.rows += rows;
        let tensors = columns.iter().map(|column| {
            let lo = column.iter().copied().min().unwrap_or(0);
            let hi = column.iter().copied().max().unwrap_or(0);
            let range = Interval::new(i64::from(lo), i64::from(hi));
            let home = Home::Constant(column.clone());
            self.witness.push(column.clone());
            self.system.declare(Declared { name: name.into(), shape: vec![rows], range, home })
        });
        let tensors = tensors.collect();
        self.witness.push(Vec::new());
        let multiplicity = self.system.declare(Declared {
            name: format!("{name} multiplicity"),
            shape: vec![rows],
            range: Interval::new(0, i64::from(i32::MAX)),
            home: Home::Witness,
        });
        self.system.tables.push(LookupTable {
            name: name.into(),
            columns: tensors,
            rows,
            index,
            multiplicity,
        });
        self.tables.insert(columns, self.system.tables.len() - 1);
        self.system.tables.len() - 1
    }

    /// Proves `0 ≤ expr < length` for every entry, by limbs where one table would be too large.
    ///
    /// `reach` holds the integers that are known to be possible so far: an entry of it must not meet another integer of the
    /// proven interval around the field. For a tensor that only this check binds it is the proven interval itself.
    ///
    /// # Errors
    /// [`RelationError::Wraps`] where that could happen.
    pub(crate) fn range_check(
        &mut self,
        name: &str,
        expr: Affine,
        reach: &Interval,
        length: u64,
    ) -> Result<(), RelationError> {
        let elements = expr.shape.iter().product::<usize>() as u64;
        if length <= direct_rows(elements) {
            self.check_wrap(name, &reach.add(&Interval::new(1 - length as i64, 0)))?;
            let table = self.range_table(length as usize);
            self.lookup(name, table, vec![expr]);
            return Ok(());
        }
        const LIMB: u32 = 8;
        let mut sum: Option<Affine> = None;
        let bits = 64 - (length - 1).leading_zeros();
        for start in (0..bits).step_by(LIMB as usize) {
            let width = LIMB.min(bits - start);
            let limb = self.commit(name, &expr.shape, Interval::unsigned(width), |b| {
                let values = b.evaluate(&expr);
                values.iter().map(|v| ((v >> start) & ((1 << width) - 1)) as i32).collect()
            });
            let table = self.range_table(1 << width);
            self.lookup(name, table, vec![limb.clone()]);
            sum = Some(match sum {
                None => limb,
                Some(sum) => sum.plus(1 << start, &limb),
            });
        }
        let limbs = Interval::new(0, (1 << bits) - 1);
        if let Some(sum) = sum {
            let affine = expr.clone().plus(-1, &sum);
            let difference = Expr { affine, bilinear: vec![], batched: true, range: *reach };
            self.integer_equation(name, difference, &limbs.scale(-1))?;
        }
        if length.is_power_of_two() {
            return Ok(());
        }
        // A partial top limb: the distance to the end is non-negative too.
        let last = i64::try_from(length - 1).unwrap_or(i64::MAX);
        let shape = expr.shape.clone();
        let distance = Affine { shape, terms: vec![], constant: last }.plus(-1, &expr);
        self.range_check(name, distance, &limbs.scale(-1).add(&Interval::point(last)), 1 << bits)
    }

    /// The table of the integers from 0 to `length − 1`.
    pub(crate) fn range_table(&mut self, length: usize) -> usize {
        let values = (0..length as i32).collect();
        self.table(&format!("range {length}"), vec![values], vec![(0, 1)])
    }

    /// Whether one table of `rows` rows is cheaper than limbs for the requantisations of this kind.
    pub(crate) fn prefers_table(&self, domain: &Interval, clamp: &Interval) -> bool {
        let key = (domain.lo, domain.hi, clamp.lo, clamp.hi);
        let elements = self.census.activations.get(&key).copied().unwrap_or(0);
        domain.len() <= direct_rows(elements)
    }

    /// Whether the remainders of a shift fit one table.
    pub(crate) fn remainder_elements(&self, shift: u32) -> u64 {
        self.census.shifts.get(&shift).copied().unwrap_or(0)
    }

    pub(crate) fn finish(mut self) -> Result<(System, Witness), RelationError> {
        if self.memory > MAX_MEMORY {
            let what = "the number of indices that views and claims relate";
            return Err(RelationError::TooLarge { what, got: self.memory as u64, limit: MAX_MEMORY as u64 });
        }
        let limit = (self.field.modulus - 1).unsigned_abs().min(i32::MAX as u64);
        self.count_multiplicities()?;
        for table in 0..self.system.tables.len() {
            let LookupTable { columns, rows, multiplicity, name, .. } = self.system.tables[table].clone();
            let tuple = columns.iter().map(|&c| Affine::view(&[rows], self.system.whole(c))).collect();
            let multiplicity = Some(self.system.whole(multiplicity));
            self.pending.push((vec![rows], Fraction { name, multiplicity, table, tuple }));
        }
        if self.field.degree > 1 {
            self.system.fractions = self.pending.drain(..).map(|(_, fraction)| fraction).collect();
        } else {
            self.group_helpers();
        }
        let lookups = self.system.num_lookups();
        if lookups > limit {
            return Err(RelationError::TooLarge { what: "the number of lookups", got: lookups, limit });
        }
        Ok((self.system, self.witness))
    }

    fn count_multiplicities(&mut self) -> Result<(), RelationError> {
        if !self.proving() {
            return Ok(());
        }
        for (_, fraction) in &self.pending {
            let table = &self.system.tables[fraction.table];
            let columns: Vec<&Vec<i32>> = table.columns.iter().map(|&c| &self.witness[c]).collect();
            let mut counts = vec![0i32; table.rows];
            let tuple: Vec<Vec<i64>> = fraction.tuple.iter().map(|e| self.evaluate(e)).collect();
            for i in 0..tuple.first().map_or(0, Vec::len) {
                let row = tuple.iter().zip(&table.index).try_fold(0usize, |row, (entry, &(start, step))| {
                    usize::try_from(entry[i] - start)
                        .ok()
                        .filter(|&d| step == 0 || d < table.rows)
                        .map(|d| row + d * step)
                        .or(if step == 0 { Some(row) } else { None })
                });
                let holds = row.is_some_and(|row| {
                    row < table.rows && columns.iter().zip(&tuple).all(|(c, e)| i64::from(c[row]) == e[i])
                });
                match row.filter(|_| holds) {
                    Some(row) => counts[row] += 1,
                    None => {
                        let value = tuple.iter().map(|e| e[i]).collect();
                        return Err(RelationError::NotInTable { name: fraction.name.clone(), value });
                    }
                }
            }
            let multiplicity = &mut self.witness[table.multiplicity];
            multiplicity.resize(table.rows, 0);
            multiplicity.iter_mut().zip(&counts).for_each(|(m, c)| *m += c);
        }
        for table in &self.system.tables {
            self.witness[table.multiplicity].resize(table.rows, 0);
        }
        Ok(())
    }

    /// Pairs fractions of one shape, so that two share a helper; a single one is halved where an axis allows it.
    fn group_helpers(&mut self) {
        let mut by_shape: Vec<(Vec<usize>, Vec<Fraction>)> = Vec::new();
        for (shape, fraction) in core::mem::take(&mut self.pending) {
            match by_shape.iter_mut().find(|(s, _)| *s == shape) {
                Some((_, fractions)) => fractions.push(fraction),
                None => by_shape.push((shape, vec![fraction])),
            }
        }
        for (shape, fractions) in by_shape {
            let mut fractions = fractions.into_iter();
            while let Some(first) = fractions.next() {
                match fractions.next() {
                    Some(second) => self.add_helper(shape.clone(), vec![first, second]),
                    None => match self.halve(&shape, &first) {
                        Some((half, pair)) => self.add_helper(half, pair),
                        None => self.add_helper(shape.clone(), vec![first]),
                    },
                }
            }
        }
    }

    /// The two halves of a fraction along an even axis, where that saves more than it costs.
    fn halve(&mut self, shape: &[usize], fraction: &Fraction) -> Option<(Vec<usize>, Vec<Fraction>)> {
        const WORTH_IT: usize = 1 << 10;
        if fraction.multiplicity.is_some() || shape.iter().product::<usize>() < WORTH_IT {
            return None;
        }
        let axis = shape.iter().rposition(|n| n % 2 == 0)?;
        let half = shape[axis] / 2;
        let mut pair = Vec::with_capacity(2);
        for part in 0..2 {
            let pairs = (0..half).map(|i| (i as u32, (part * half + i) as u32));
            let map = Map::along(shape, axis, half, pairs).ok()?;
            let tuple = fraction.tuple.iter().map(|e| self.map_affine(e, &map));
            pair.push(Fraction { tuple: tuple.collect::<Result<_, _>>().ok()?, ..fraction.clone() });
        }
        let mut halved = shape.to_vec();
        halved[axis] = half;
        Some((halved, pair))
    }

    fn add_helper(&mut self, shape: Vec<usize>, fractions: Vec<Fraction>) {
        let helper = self.system.helpers.len();
        let first_limb = self.system.tensors.len();
        for limb in 0..self.field.degree {
            self.witness.push(Vec::new());
            self.system.declare(Declared {
                name: format!("helper {helper} limb {limb}"),
                shape: shape.clone(),
                range: Interval::point(0),
                home: Home::Helper { helper, limb },
            });
        }
        self.system.helpers.push(Helper { shape, fractions, first_limb });
    }
}

/// The most rows of a table that serves so many lookups: more rows would cost more than limbs.
pub(crate) fn direct_rows(elements: u64) -> u64 {
    elements.clamp(1 << 8, 1 << 16)
}

impl Census {
    fn of(graph: &Graph, batch: u64) -> Self {
        let mut census = Self::default();
        for (_, info) in graph.iter() {
            if let Source::Node { op: Op::Requantize(op), .. } = &info.source {
                let elements = info.num_elements() as u64 * batch;
                let shifts = census.shifts.entry(op.shift).or_default();
                *shifts = shifts.saturating_add(elements);
                if let Activation::Clamp(clamp) = op.activation {
                    let key = (op.domain.lo, op.domain.hi, clamp.lo, clamp.hi);
                    let activations = census.activations.entry(key).or_default();
                    *activations = activations.saturating_add(elements);
                }
            }
        }
        census
    }
}
