//! Rank-1 constraint systems over BN254's scalar field: the one form in which circuits are written.
//!
//! A [`Builder`] runs the same code twice in a circuit's life: without values it yields the [`Shape`] that setups
//! need, with values it yields shape and [`Assignment`] for the prover. What depends on a value must therefore be a
//! witness or a public input and never steer which constraints are emitted.

#[cfg(test)]
pub(crate) mod examples;
mod linear;
mod shape;
mod statistics;

use ark_bn254::Fr;
use ark_ff::{One, Zero};
use zeroize::Zeroize;

pub use linear::{LinearCombination, Variable};
pub use shape::{Constraint, Shape, ShapeDigest};
use statistics::Spans;
pub use statistics::{SpanCount, Statistics};

/// What the constraints will be proven with; decides only what [`Builder::narrow`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetization {
    /// Groth16: additions are free, combinations of any length cost nothing.
    R1cs,
    /// PLONK: a combination costs rows in proportion to its length.
    Plonk,
}

/// Why a circuit cannot be built, proven or satisfied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CircuitError {
    /// A public input that no constraint depends on: a proof would say nothing about it.
    #[error("public input {index} (made in {span}) occurs in no constraint: constrain it or drop it")]
    UnboundPublicInput {
        /// Its position among the public inputs.
        index: usize,
        /// The span in which it was made.
        span: String,
    },
    /// The prover's circuit lacks a value.
    #[error("a {kind} made in {span} has no value: build the circuit with values to prove it")]
    Unassigned {
        /// "public input" or "witness".
        kind: &'static str,
        /// The span in which it was made.
        span: String,
    },
    /// A constraint that the assignment does not satisfy.
    #[error("constraint {index} (in {span}) does not hold")]
    Unsatisfied {
        /// Its position among the constraints.
        index: usize,
        /// The span in which it was made.
        span: String,
    },
    /// More variables or constraints than the formats can number.
    #[error("the circuit has more than {limit} {what}: split it")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// The most there may be.
        limit: usize,
    },
    /// [`Builder::leave`] without [`Builder::enter`], or a span still open at the end.
    #[error("spans do not nest: {0}")]
    Spans(&'static str),
}

/// The most public inputs, witnesses or constraints a circuit may have; BN254's largest FFT has 2^28 points.
pub const MAX_SIZE: usize = 1 << 27;

/// Collects variables and constraints.
///
/// ```
/// use zkml_snark::{Fr, circuit::{Arithmetization, Builder}};
///
/// // "I know a root of x³ + x + 5 = y", for a public y.
/// fn cubic(x: Option<Fr>) -> Builder {
///     let mut builder = Builder::new(Arithmetization::R1cs);
///     let y = builder.public_input(x.map(|x| x * x * x + x + Fr::from(5)));
///     let x = builder.witness(x);
///     let square = builder.multiply(x, x);
///     builder.enforce(square, x, y - x - Fr::from(5));
///     builder
/// }
/// let shape = cubic(None).shape()?;
/// let proven = cubic(Some(Fr::from(3))).circuit()?;
/// assert_eq!(shape.digest(), proven.shape.digest());
/// assert_eq!(proven.assignment.public_inputs(), [Fr::from(35)]);
/// # Ok::<(), zkml_snark::circuit::CircuitError>(())
/// ```
#[derive(Debug)]
pub struct Builder {
    arithmetization: Arithmetization,
    public: Values,
    witness: Values,
    shape: Shape,
    spans: Spans,
    limit: usize,
    overflow: Option<(&'static str, usize)>,
}

/// The values of one kind of variable: all of them, or the span of the first that lacks one.
#[derive(Debug, Default)]
struct Values {
    known: Vec<Option<Fr>>,
    /// For each variable, the span it was made in.
    span: Vec<u32>,
}

impl Values {
    fn complete(&self, kind: &'static str, spans: &Spans) -> Result<Vec<Fr>, CircuitError> {
        let missing =
            |at: usize| CircuitError::Unassigned { kind, span: spans.path(self.span.get(at).copied()) };
        self.known.iter().enumerate().map(|(at, value)| value.ok_or_else(|| missing(at))).collect()
    }
}

impl Drop for Values {
    fn drop(&mut self) {
        self.known.zeroize();
    }
}

impl Builder {
    /// An empty circuit of at most [`MAX_SIZE`] constraints.
    pub fn new(arithmetization: Arithmetization) -> Self {
        Self::bounded(arithmetization, MAX_SIZE)
    }

    /// An empty circuit of at most `limit` public inputs, witnesses and constraints each, for shapes that follow from
    /// somebody else's file: what comes after the limit takes no memory, and [`Builder::shape`] fails.
    pub fn bounded(arithmetization: Arithmetization, limit: usize) -> Self {
        Self {
            limit: limit.min(MAX_SIZE),
            arithmetization,
            public: Values::default(),
            witness: Values::default(),
            shape: Shape::default(),
            spans: Spans::default(),
            overflow: None,
        }
    }

    /// What the constraints will be proven with.
    pub fn arithmetization(&self) -> Arithmetization {
        self.arithmetization
    }

    /// A new public input; `None` where only the shape is wanted.
    pub fn public_input(&mut self, value: Option<Fr>) -> Variable {
        let index = self.allocate("public inputs", value, |builder| &mut builder.public);
        self.shape.public_inputs = index + 1;
        Variable::public(index)
    }

    /// A new witness; `None` where only the shape is wanted.
    pub fn witness(&mut self, value: Option<Fr>) -> Variable {
        let index = self.allocate("witnesses", value, |builder| &mut builder.witness);
        self.shape.witnesses = index + 1;
        Variable::witness(index)
    }

    fn allocate(
        &mut self,
        what: &'static str,
        value: Option<Fr>,
        values: impl Fn(&mut Self) -> &mut Values,
    ) -> u32 {
        let span = self.spans.current();
        let limit = self.limit;
        let values = values(self);
        let index = values.known.len();
        if index >= limit {
            self.give_up(what, limit);
            return 0;
        }
        values.known.push(value);
        values.span.push(span);
        index as u32
    }

    /// Demands `a · b = c`.
    pub fn enforce(
        &mut self,
        a: impl Into<LinearCombination>,
        b: impl Into<LinearCombination>,
        c: impl Into<LinearCombination>,
    ) {
        if self.shape.constraints.len() >= self.limit {
            self.give_up("constraints", self.limit);
            return;
        }
        let [a, b, c] = [a.into(), b.into(), c.into()].map(LinearCombination::normalised);
        self.shape.constraints.push(Constraint { a, b, c });
        self.spans.count();
    }

    /// Demands that a combination is zero.
    pub fn enforce_zero(&mut self, combination: impl Into<LinearCombination>) {
        self.enforce(combination, Variable::ONE, LinearCombination::zero());
    }

    /// A new witness that is the product of two combinations.
    pub fn multiply(&mut self, a: impl Into<LinearCombination>, b: impl Into<LinearCombination>) -> Variable {
        let (a, b) = (a.into(), b.into());
        let value = self.value(&a).zip(self.value(&b)).map(|(a, b)| a * b);
        let product = self.witness(value);
        self.enforce(a, b, product);
        product
    }

    /// A new witness that equals a combination.
    pub fn materialise(&mut self, combination: impl Into<LinearCombination>) -> Variable {
        let combination = combination.into();
        let variable = self.witness(self.value(&combination));
        self.enforce(combination, Variable::ONE, variable);
        variable
    }

    /// The same value with at most `width` terms, where length costs: PLONK gets a fresh witness for a longer
    /// combination, R1CS gets the combination back. Gadgets that reuse a growing combination call it between uses.
    pub fn narrow(&mut self, combination: impl Into<LinearCombination>, width: usize) -> LinearCombination {
        let combination = combination.into().normalised();
        match self.arithmetization {
            Arithmetization::Plonk if combination.terms().len() > width => {
                self.materialise(combination).into()
            }
            _ => combination,
        }
    }

    /// The value of a combination, or nothing if a variable in it has none.
    pub fn value(&self, combination: &LinearCombination) -> Option<Fr> {
        combination.terms().iter().try_fold(Fr::zero(), |sum, &(variable, coefficient)| {
            let known = match (variable.public_index(), variable.witness_index()) {
                (Some(index), _) => *self.public.known.get(index)?,
                (_, Some(index)) => *self.witness.known.get(index)?,
                (None, None) => Some(Fr::one()),
            };
            Some(sum + coefficient * known?)
        })
    }

    /// Makes [`Builder::shape`] and [`Builder::circuit`] fail: whoever builds the circuit met a bound of their own.
    pub fn give_up(&mut self, what: &'static str, limit: usize) {
        self.overflow.get_or_insert((what, limit));
    }

    /// Whether a bound was met, so that nothing that is still added counts.
    pub fn is_lost(&self) -> bool {
        self.overflow.is_some()
    }

    /// Counts the constraints that `body` makes under a label, within the spans already open.
    pub fn span<T>(&mut self, label: &str, body: impl FnOnce(&mut Self) -> T) -> T {
        self.enter(label);
        let result = body(self);
        self.leave();
        result
    }

    /// Opens a span; [`Builder::span`] is the form that cannot be left open.
    pub fn enter(&mut self, label: &str) {
        self.spans.enter(label);
    }

    /// Closes the innermost open span.
    pub fn leave(&mut self) {
        self.spans.leave();
    }

    /// How many constraints there are so far.
    pub fn constraints(&self) -> usize {
        self.shape.constraints.len()
    }

    /// Variables and constraints so far, per span.
    pub fn statistics(&self) -> Statistics {
        Statistics::new(&self.shape, &self.spans)
    }

    /// The shape, whether or not there are values.
    ///
    /// # Errors
    /// If a public input occurs in no constraint, the circuit is too large, or spans do not nest.
    pub fn shape(mut self) -> Result<Shape, CircuitError> {
        self.check_shape()?;
        Ok(std::mem::take(&mut self.shape))
    }

    /// The shape and the assignment, for the prover. The constraints themselves are not evaluated: see
    /// [`Builder::check`].
    ///
    /// # Errors
    /// As [`Builder::shape`], and if a variable has no value.
    pub fn circuit(mut self) -> Result<Circuit, CircuitError> {
        self.check_shape()?;
        let assignment = self.assignment()?;
        Ok(Circuit { shape: std::mem::take(&mut self.shape), assignment })
    }

    /// Evaluates every constraint.
    ///
    /// # Errors
    /// The first constraint that does not hold, with its span, or a variable without a value.
    pub fn check(&self) -> Result<(), CircuitError> {
        let assignment = self.assignment()?;
        match self.shape.first_violation(&assignment) {
            None => Ok(()),
            Some(index) => Err(CircuitError::Unsatisfied { index, span: self.spans.of_constraint(index) }),
        }
    }

    fn assignment(&self) -> Result<Assignment, CircuitError> {
        Ok(Assignment {
            public: self.public.complete("public input", &self.spans)?,
            witness: self.witness.complete("witness", &self.spans)?,
        })
    }

    fn check_shape(&self) -> Result<(), CircuitError> {
        if let Some((what, limit)) = self.overflow {
            return Err(CircuitError::TooLarge { what, limit });
        }
        self.spans.check().map_err(CircuitError::Spans)?;
        match self.shape.first_unbound_public_input() {
            None => Ok(()),
            Some(index) => {
                let span = self.spans.path(self.public.span.get(index).copied());
                Err(CircuitError::UnboundPublicInput { index, span })
            }
        }
    }
}

/// A shape and values for all of its variables.
#[derive(Debug)]
pub struct Circuit {
    /// The constraints.
    pub shape: Shape,
    /// The values.
    pub assignment: Assignment,
}

/// Values for all variables of a shape; wiped when dropped.
pub struct Assignment {
    public: Vec<Fr>,
    witness: Vec<Fr>,
}

impl Assignment {
    /// The values of the public inputs, in the order they were made.
    pub fn public_inputs(&self) -> &[Fr] {
        &self.public
    }

    /// The values of the witnesses, in the order they were made.
    pub fn witnesses(&self) -> &[Fr] {
        &self.witness
    }

    /// The value of a variable; zero for one that does not exist, which [`Shape`] never refers to.
    pub(crate) fn value(&self, variable: Variable) -> Fr {
        match (variable.public_index(), variable.witness_index()) {
            (Some(index), _) => self.public.get(index).copied().unwrap_or_default(),
            (_, Some(index)) => self.witness.get(index).copied().unwrap_or_default(),
            (None, None) => Fr::one(),
        }
    }

    pub(crate) fn evaluate(&self, combination: &LinearCombination) -> Fr {
        combination.terms().iter().map(|&(variable, coefficient)| coefficient * self.value(variable)).sum()
    }
}

impl Drop for Assignment {
    fn drop(&mut self) {
        self.witness.zeroize();
    }
}

impl std::fmt::Debug for Assignment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Assignment({} public, {} secret)", self.public.len(), self.witness.len())
    }
}

#[cfg(test)]
mod tests;
