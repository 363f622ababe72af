//! From rank-1 constraints to PLONK rows.
//!
//! A row holds three variables a, b, c and sees the c of the next row; its gate is
//! `qL·a + qR·b + qO·c + qM·a·b + qN·c' + qC = 0` (`c'` of the next row, absent in the last). A constraint
//! `A·B = C` becomes one product of two variables plus a linear combination; combinations that are factors become
//! auxiliary variables, each distinct one once. A long combination runs over several rows, two new terms each, the
//! running sum in c. A combination's last variable may be left to the c' of its last row, if the row after can hold it
//! in its own c: so four variables fit a row, and chains of gates with three or four variables cost one row each.

use std::collections::HashMap;

use ark_bn254::Fr;
use ark_ff::{Field, One, Zero};

use crate::circuit::{Assignment, LinearCombination, Shape};

/// The number of a variable: first those of the shape in the order of the R1CS columns, where 0 is the constant one,
/// then auxiliary ones.
pub(super) type Cell = u32;

/// Marks a slot of a row that holds no variable.
pub(super) const EMPTY: Cell = u32::MAX;

/// The polynomial `product·left·right + Σ linear + constant`.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate {
    product: Fr,
    left: Cell,
    right: Cell,
    linear: Vec<(Cell, Fr)>,
    constant: Fr,
}

impl Gate {
    fn evaluate(&self, values: &[Fr]) -> Fr {
        let value = |cell: Cell| values.get(cell as usize).copied().unwrap_or_default();
        let product = self.product * value(self.left) * value(self.right);
        self.linear.iter().fold(product + self.constant, |sum, &(cell, factor)| sum + factor * value(cell))
    }

    /// Adds a term, merging it with an earlier one of the same variable.
    fn add(&mut self, cell: Cell, factor: Fr) {
        match self.linear.iter_mut().find(|(known, _)| *known == cell) {
            Some((_, sum)) => *sum += factor,
            None => self.linear.push((cell, factor)),
        }
    }
}

/// One row: what its slots hold, and its selectors.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) cells: [Cell; 3],
    /// qL, qR, qO, qM, qN, qC.
    pub(super) selectors: [Fr; SELECTORS],
}

pub(super) const SELECTORS: usize = 6;
const LEFT: usize = 0;
const RIGHT: usize = 1;
const OUTPUT: usize = 2;
const PRODUCT: usize = 3;
const NEXT: usize = 4;
const CONSTANT: usize = 5;

impl Default for Row {
    fn default() -> Self {
        Self { cells: [EMPTY; 3], selectors: [Fr::zero(); SELECTORS] }
    }
}

impl Row {
    fn set(&mut self, slot: usize, cell: Cell, factor: Fr) {
        if let (Some(place), Some(selector)) = (self.cells.get_mut(slot), self.selectors.get_mut(slot)) {
            (*place, *selector) = (cell, factor);
        }
    }
}

/// A circuit as PLONK rows: first one per public input, which holds it in a, then the gates.
#[derive(Debug)]
pub(super) struct Lowered {
    pub(super) rows: Vec<Row>,
    /// How many variables the shape has, the constant counted.
    variables: usize,
    /// The auxiliary variables' values, each from earlier ones.
    definitions: Vec<Gate>,
}

impl Lowered {
    pub(super) fn new(shape: &Shape) -> Self {
        let mut gates = Gates::new(shape);
        for constraint in shape.constraints() {
            gates.constraint(&constraint.a, &constraint.b, &constraint.c);
        }
        let Gates { variables, gates, mut definitions, .. } = gates;
        let mut rows = Rows { rows: Vec::new(), pending: None, variables, definitions: &mut definitions };
        for input in 0..shape.public_inputs() {
            let mut row = Row::default();
            row.set(LEFT, 1 + input as Cell, Fr::one());
            rows.rows.push(row);
        }
        for (index, gate) in gates.iter().enumerate() {
            rows.gate(gate, gates.get(index + 1));
        }
        let rows = rows.finish();
        Self { rows, variables, definitions }
    }

    /// The values of all cells.
    pub(super) fn values(&self, assignment: &Assignment) -> Vec<Fr> {
        let mut values = Vec::with_capacity(self.variables + self.definitions.len());
        values.push(Fr::one());
        values.extend_from_slice(assignment.public_inputs());
        values.extend_from_slice(assignment.witnesses());
        debug_assert_eq!(values.len(), self.variables);
        for definition in &self.definitions {
            values.push(definition.evaluate(&values));
        }
        values
    }
}

/// The constraints as gates of any length.
struct Gates<'a> {
    shape: &'a Shape,
    variables: usize,
    gates: Vec<Gate>,
    definitions: Vec<Gate>,
    /// The auxiliary variable of a combination without constant whose first coefficient is one.
    known: HashMap<Vec<(Cell, Fr)>, Cell>,
}

/// `scale·cell + constant`; the cell is 0 for a constant.
struct Affine {
    cell: Cell,
    scale: Fr,
    constant: Fr,
}

impl<'a> Gates<'a> {
    fn new(shape: &'a Shape) -> Self {
        let variables = shape.variables();
        Self { shape, variables, gates: Vec::new(), definitions: Vec::new(), known: HashMap::new() }
    }

    /// Constant and other terms of a combination.
    fn split(&self, combination: &LinearCombination) -> (Fr, Vec<(Cell, Fr)>) {
        let mut constant = Fr::zero();
        let mut terms = Vec::with_capacity(combination.terms().len());
        for &(variable, value) in combination.terms() {
            match self.shape.column(variable) {
                0 => constant += value,
                cell => terms.push((cell as Cell, value)),
            }
        }
        (constant, terms)
    }

    /// A combination as multiple of one variable, an auxiliary one if need be.
    fn affine(&mut self, combination: &LinearCombination) -> Affine {
        let (constant, mut terms) = self.split(combination);
        let (cell, scale) = match terms.as_slice() {
            [] => (0, Fr::zero()),
            [(cell, scale)] => (*cell, *scale),
            [(_, scale), ..] => {
                let scale = *scale;
                // In normal form no coefficient is zero.
                let inverse = scale.inverse().unwrap_or_default();
                terms.iter_mut().for_each(|(_, value)| *value *= inverse);
                (self.auxiliary(terms), scale)
            }
        };
        Affine { cell, scale, constant }
    }

    fn auxiliary(&mut self, terms: Vec<(Cell, Fr)>) -> Cell {
        if let Some(&cell) = self.known.get(&terms) {
            return cell;
        }
        let cell = (self.variables + self.definitions.len()) as Cell;
        let mut gate = Gate { linear: terms.clone(), ..Gate::default() };
        self.definitions.push(gate.clone());
        gate.linear.push((cell, -Fr::one()));
        self.gates.push(gate);
        self.known.insert(terms, cell);
        cell
    }

    fn constraint(&mut self, a: &LinearCombination, b: &LinearCombination, c: &LinearCombination) {
        let mut gate = Gate::default();
        match (a.as_constant(), b.as_constant()) {
            (Some(factor), _) => self.add(&mut gate, factor, b),
            (_, Some(factor)) => self.add(&mut gate, factor, a),
            (None, None) => {
                let (left, right) = (self.affine(a), self.affine(b));
                gate.product = left.scale * right.scale;
                (gate.left, gate.right) = (left.cell, right.cell);
                gate.constant = left.constant * right.constant;
                gate.add(left.cell, left.scale * right.constant);
                gate.add(right.cell, right.scale * left.constant);
            }
        }
        self.add(&mut gate, -Fr::one(), c);
        gate.linear.retain(|(_, factor)| !factor.is_zero());
        self.gates.push(gate);
    }

    fn add(&self, gate: &mut Gate, factor: Fr, combination: &LinearCombination) {
        let (constant, terms) = self.split(combination);
        gate.constant += factor * constant;
        // Terms within a combination are distinct, so only those present before need a search.
        let present = gate.linear.len();
        for (cell, value) in terms {
            match gate.linear.iter_mut().take(present).find(|(known, _)| *known == cell) {
                Some((_, sum)) => *sum += factor * value,
                None => gate.linear.push((cell, factor * value)),
            }
        }
    }
}

/// Gates laid out in rows.
struct Rows<'a> {
    rows: Vec<Row>,
    /// What the next row must hold in c, because the last one reads it there.
    pending: Option<Cell>,
    variables: usize,
    definitions: &'a mut Vec<Gate>,
}

impl Rows<'_> {
    fn gate(&mut self, gate: &Gate, following: Option<&Gate>) {
        let mut row = Row::default();
        let mut rest: Vec<(Cell, Fr)> = Vec::with_capacity(gate.linear.len());
        let mut partial = Gate { constant: gate.constant, ..Gate::default() };
        set(&mut row, CONSTANT, gate.constant);
        let multiplies = !gate.product.is_zero();
        if multiplies {
            set(&mut row, PRODUCT, gate.product);
            row.set(LEFT, gate.left, Fr::zero());
            row.set(RIGHT, gate.right, Fr::zero());
            partial = Gate { product: gate.product, left: gate.left, right: gate.right, ..partial };
        }
        for &(cell, factor) in &gate.linear {
            match () {
                () if multiplies && cell == gate.left => set(&mut row, LEFT, factor),
                () if multiplies && cell == gate.right => set(&mut row, RIGHT, factor),
                () => {
                    rest.push((cell, factor));
                    continue;
                }
            }
            partial.linear.push((cell, factor));
        }
        // Slots are filled from the back: what the following gate has in its c stays for last.
        if let Some(position) = rest.iter().position(|&(cell, _)| wants(following, cell)) {
            rest.swap(0, position);
        }
        self.place(row, multiplies, rest, partial, following);
    }

    /// Fills a row from the back of `rest`, and further ones until nothing is left.
    fn place(
        &mut self,
        mut row: Row,
        mut factors_placed: bool,
        mut rest: Vec<(Cell, Fr)>,
        mut partial: Gate,
        following: Option<&Gate>,
    ) {
        loop {
            self.output(&mut row, &mut rest, &mut partial);
            if !factors_placed {
                let taken = rest.split_off(rest.len().saturating_sub(2));
                for (slot, &(cell, factor)) in [LEFT, RIGHT].into_iter().zip(&taken) {
                    row.set(slot, cell, factor);
                }
                partial.linear.extend(taken);
            }
            if row.cells.get(OUTPUT) == Some(&EMPTY)
                && let Some((cell, factor)) = rest.pop()
            {
                row.set(OUTPUT, cell, factor);
                partial.linear.push((cell, factor));
            }
            match rest.as_slice() {
                [] => return self.rows.push(row),
                [(cell, factor)] => {
                    let (cell, factor) = (*cell, *factor);
                    return self.hand_on(row, cell, factor, following);
                }
                _ => {}
            }
            // The running sum is an auxiliary variable in the c of the next row.
            let sum = (self.variables + self.definitions.len()) as Cell;
            self.definitions.push(std::mem::take(&mut partial));
            set(&mut row, NEXT, -Fr::one());
            self.rows.push(std::mem::take(&mut row));
            self.pending = Some(sum);
            rest.push((sum, Fr::one()));
            factors_placed = false;
        }
    }

    /// Puts what the row before reads into c, with its factor if this gate has it.
    fn output(&mut self, row: &mut Row, rest: &mut Vec<(Cell, Fr)>, partial: &mut Gate) {
        let Some(cell) = self.pending.take() else { return };
        let factor = match rest.iter().position(|(known, _)| *known == cell) {
            Some(position) => {
                let (cell, factor) = rest.swap_remove(position);
                partial.linear.push((cell, factor));
                factor
            }
            None => Fr::zero(),
        };
        row.set(OUTPUT, cell, factor);
    }

    /// Leaves one variable to the next row's c: a slot's variable that the following gate has too, if there is one.
    fn hand_on(&mut self, mut row: Row, mut cell: Cell, mut factor: Fr, following: Option<&Gate>) {
        let product = row.selectors.get(PRODUCT).is_some_and(|selector| !selector.is_zero());
        if !wants(following, cell) {
            // c may be read by the row before, and a and b may be factors: only slots free of both are exchanged.
            let read =
                self.rows.last().is_some_and(|last| last.selectors.get(NEXT).is_some_and(|q| !q.is_zero()));
            let slots = [(LEFT, !product), (RIGHT, !product), (OUTPUT, !read)];
            for (slot, _) in slots.into_iter().filter(|(_, free)| *free) {
                let held = row.cells.get(slot).copied().unwrap_or(EMPTY);
                if held != EMPTY && wants(following, held) {
                    let held_factor = row.selectors.get(slot).copied().unwrap_or_default();
                    row.set(slot, cell, factor);
                    (cell, factor) = (held, held_factor);
                    break;
                }
            }
        }
        set(&mut row, NEXT, factor);
        self.rows.push(row);
        self.pending = Some(cell);
    }

    fn finish(mut self) -> Vec<Row> {
        if let Some(cell) = self.pending.take() {
            let mut row = Row::default();
            row.set(OUTPUT, cell, Fr::zero());
            self.rows.push(row);
        }
        self.rows
    }
}

/// Whether a gate has a variable that its c may hold.
fn wants(gate: Option<&Gate>, cell: Cell) -> bool {
    gate.is_some_and(|gate| {
        let is_factor = !gate.product.is_zero() && (cell == gate.left || cell == gate.right);
        !is_factor && gate.linear.iter().any(|(known, _)| *known == cell)
    })
}

fn set(row: &mut Row, selector: usize, value: Fr) {
    if let Some(place) = row.selectors.get_mut(selector) {
        *place = value;
    }
}
