//! Values inside of a circuit.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::{Add, Mul, Sub};
use std::rc::Rc;

use ark_bn254::Fr;
use ark_ff::{Field, One, Zero};
use zkml_iop::scalar::Scalar;
use zkml_snark::circuit::{Arithmetization, Builder, LinearCombination, Variable};

use crate::poseidon2::{self, Arithmetic, PARTIAL, WIDTH};

/// A variable and its value, if there are values.
type Known = (Variable, Option<Fr>);

/// Variables and coefficients, by rising variable, without zeros.
type Terms = Vec<(Variable, Fr)>;

/// Longer factors are not looked up among the products that exist.
const MAX_SHARED_TERMS: usize = 24;
/// The most terms of a factor where length costs.
const MAX_NARROW_TERMS: usize = 3;

/// Partial rounds after which the words that skip the fifth power become variables again in R1CS: each round makes them a term longer.
/// Terms cost nothing in a proof, and much in a set-up, a ceremony most of all.
const DENSE_ROUNDS: usize = 8;

/// The most terms that are copied from combination to combination: constraints alone do not bound the time of a hostile card.
const MAX_COPIED_TERMS: usize = 1 << 28;

/// A circuit under construction, which all its wires share.
#[derive(Clone, Debug)]
pub(crate) struct Circuit(Rc<RefCell<State>>);

#[derive(Debug)]
struct State {
    builder: Builder,
    /// The verifier computes many products more than once; a circuit needs one constraint for each.
    products: HashMap<(Terms, Terms), Known>,
    /// How many terms were copied from combination to combination.
    copied: usize,
}

/// A linear combination of a circuit's variables, or a constant.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    circuit: Option<Circuit>,
    terms: Terms,
    value: Option<Fr>,
}

impl Circuit {
    pub(crate) fn new(builder: Builder) -> Self {
        Self(Rc::new(RefCell::new(State { builder, products: HashMap::new(), copied: 0 })))
    }

    /// The builder, once the circuit is complete. Wires that still exist must not be used any more.
    pub(crate) fn into_builder(self) -> Builder {
        let mut state = self.0.borrow_mut();
        let arithmetization = state.builder.arithmetization();
        std::mem::replace(&mut state.builder, Builder::new(arithmetization))
    }

    pub(crate) fn with_builder<T>(&self, body: impl FnOnce(&mut Builder) -> T) -> T {
        body(&mut self.0.borrow_mut().builder)
    }

    fn wire(&self, (variable, value): Known) -> Wire {
        Wire { circuit: Some(self.clone()), terms: vec![(variable, Fr::one())], value }
    }

    pub(crate) fn witness(&self, value: Option<Fr>) -> Wire {
        let variable = self.with_builder(|b| b.witness(value));
        self.wire((variable, value))
    }

    pub(crate) fn public_input(&self, value: Option<Fr>) -> Wire {
        let variable = self.with_builder(|b| b.public_input(value));
        self.wire((variable, value))
    }

    pub(crate) fn assert_zero(&self, wire: &Wire) {
        let combination = wire.combination();
        self.with_builder(|b| b.enforce_zero(combination));
    }

    /// Takes note of copied terms; whether the circuit is still worth them.
    fn charge(&self, terms: usize) -> bool {
        let mut state = self.0.borrow_mut();
        state.copied = state.copied.saturating_add(terms);
        if state.copied > MAX_COPIED_TERMS {
            state.builder.give_up("copied terms", MAX_COPIED_TERMS);
        }
        !state.builder.is_lost()
    }

    /// The number of terms beyond which a sum that many others begin with becomes a variable.
    fn max_terms(&self) -> usize {
        match self.with_builder(|builder| builder.arithmetization()) {
            Arithmetization::R1cs => MAX_SHARED_TERMS,
            Arithmetization::Plonk => 1,
        }
    }

    /// What stands for everything in a circuit that met a bound.
    fn nothing(&self) -> Wire {
        Wire { circuit: Some(self.clone()), terms: Terms::new(), value: None }
    }

    fn product(&self, a: &Wire, b: &Wire, shared: bool) -> Wire {
        if !self.charge(a.terms.len() + b.terms.len()) {
            return self.nothing();
        }
        let (a, b) = (self.narrow(a), self.narrow(b));
        let short = a.terms.len().max(b.terms.len()) <= MAX_SHARED_TERMS;
        let key = (shared && short).then(|| {
            if a.terms <= b.terms {
                (a.terms.clone(), b.terms.clone())
            } else {
                (b.terms.clone(), a.terms.clone())
            }
        });
        let mut state = self.0.borrow_mut();
        if let Some(&known) = key.as_ref().and_then(|key| state.products.get(key)) {
            drop(state);
            return self.wire(known);
        }
        let value = a.value.zip(b.value).map(|(a, b)| a * b);
        let product = state.builder.witness(value);
        state.builder.enforce(a.combination(), b.combination(), product);
        if let Some(key) = key {
            state.products.insert(key, (product, value));
        }
        drop(state);
        self.wire((product, value))
    }

    /// The same value in few terms, where the arithmetization asks for it.
    fn narrow(&self, wire: &Wire) -> Wire {
        let mut state = self.0.borrow_mut();
        if state.builder.arithmetization() == Arithmetization::R1cs || wire.terms.len() <= MAX_NARROW_TERMS {
            return wire.clone();
        }
        let key = (wire.terms.clone(), Terms::new());
        let known = match state.products.get(&key) {
            Some(&known) => known,
            None => {
                let variable = state.builder.witness(wire.value);
                state.builder.enforce(wire.combination(), Variable::ONE, variable);
                state.products.insert(key, (variable, wire.value));
                (variable, wire.value)
            }
        };
        drop(state);
        self.wire(known)
    }
}

/// Partial rounds in five rows each.
///
/// Only the first word goes through the fifth power; the others are linear, of dimension two. So the words `x_k` that go in and
/// the powers `y_k` that come out obey a recurrence, by the characteristic polynomial `X² − 5X + 5` of the other words' matrix
/// `(2 1; 1 3)`: `x_(k+3) = 2·y_(k+2) + 5·x_(k+2) − 8·y_(k+1) − 5·x_(k+1) + 7·y_k`. That is two rows, and three are a fifth power.
impl Circuit {
    fn partial_rounds(&self, state: &mut [Wire; WIDTH], constants: &[Fr; PARTIAL]) {
        let [first, a, b] = state.each_ref().map(|word| self.define(word));
        let (mut x, mut y) = (vec![first], Vec::<Wire>::with_capacity(PARTIAL));
        for (k, &constant) in constants.iter().enumerate() {
            let input = x[k].clone() + Wire::constant(constant);
            let square = Arithmetic::times(&input, &input);
            let fourth = Arithmetic::times(&square, &square);
            y.push(self.witness(fourth.value.zip(input.value).map(|(fourth, input)| fourth * input)));
            let next = match k {
                0 => combine(&[(2, &y[0]), (1, &a), (1, &b)]),
                1 => combine(&[(2, &y[1]), (2, &y[0]), (3, &a), (4, &b)]),
                _ => combine(&[(2, &y[k]), (5, &x[k]), (-8, &y[k - 1]), (-5, &x[k - 1]), (7, &y[k - 2])]),
            };
            // Before the power is demanded, so that its row follows on one that reads its result.
            x.push(self.define(&next));
            let [fourth, input, power] = [&fourth, &input, &y[k]].map(Wire::combination);
            self.with_builder(|builder| builder.enforce(fourth, input, power));
        }
        let (last, before) = (PARTIAL - 1, PARTIAL - 2);
        // a + b and 3a + 4b before the last two rounds, and from them a and b.
        let sum = combine(&[(1, &x[last]), (-2, &y[before])]);
        let mixed = combine(&[(1, &x[PARTIAL]), (-2, &y[last]), (-2, &y[before])]);
        let mut words = [combine(&[(4, &sum), (-1, &mixed)]), combine(&[(1, &mixed), (-3, &sum)])];
        for power in &y[before..] {
            let [a, b] = &words;
            words = [combine(&[(1, power), (2, a), (1, b)]), combine(&[(1, power), (1, a), (3, b)])];
        }
        let [a, b] = words;
        *state = [x[PARTIAL].clone(), a, b];
    }

    /// The same value as one variable.
    fn define(&self, wire: &Wire) -> Wire {
        if matches!(wire.terms.as_slice(), [(variable, one)] if *variable != Variable::ONE && one.is_one()) {
            return wire.clone();
        }
        let defined = self.witness(wire.value);
        let [combination, variable] = [wire, &defined].map(Wire::combination);
        self.with_builder(|builder| builder.enforce(combination, Variable::ONE, variable));
        defined
    }
}

/// A combination with small integers.
fn combine(terms: &[(i64, &Wire)]) -> Wire {
    let zero = Wire::constant(Fr::zero());
    terms.iter().fold(zero, |sum, (factor, wire)| sum.plus_scaled(Fr::from(*factor), wire))
}

impl Wire {
    pub(crate) fn value(&self) -> Option<Fr> {
        self.value
    }

    pub(crate) fn constant(value: Fr) -> Self {
        let terms = if value.is_zero() { Terms::new() } else { vec![(Variable::ONE, value)] };
        Self { circuit: None, terms, value: Some(value) }
    }

    fn as_constant(&self) -> Option<Fr> {
        match self.terms.as_slice() {
            [] => Some(Fr::zero()),
            [(Variable::ONE, value)] => Some(*value),
            _ => None,
        }
    }

    fn combination(&self) -> LinearCombination {
        let mut combination = LinearCombination::zero();
        for &(variable, coefficient) in &self.terms {
            combination.add_term(coefficient, variable);
        }
        combination
    }

    /// `self + factor·other`.
    pub(crate) fn plus_scaled(&self, factor: Fr, other: &Self) -> Self {
        if let Some(circuit) = self.circuit.as_ref().or(other.circuit.as_ref())
            && !circuit.charge(self.terms.len() + other.terms.len())
        {
            return circuit.nothing();
        }
        let mut terms = Terms::with_capacity(self.terms.len() + other.terms.len());
        let (mut a, mut b) = (self.terms.iter().copied().peekable(), other.terms.iter().copied().peekable());
        loop {
            match (a.peek().copied(), b.peek().copied()) {
                (Some((x, k)), Some((y, l))) if x == y => {
                    let sum = k + factor * l;
                    if !sum.is_zero() {
                        terms.push((x, sum));
                    }
                    a.next();
                    b.next();
                }
                (Some((x, _)), Some((y, l))) if y < x => {
                    terms.push((y, factor * l));
                    b.next();
                }
                (Some(term), _) => {
                    terms.push(term);
                    a.next();
                }
                (None, Some((y, l))) => {
                    terms.push((y, factor * l));
                    b.next();
                }
                (None, None) => break,
            }
        }
        if factor.is_zero() {
            terms.retain(|t| !t.1.is_zero());
        }
        let value = self.value.zip(other.value).map(|(a, b)| a + factor * b);
        Self { circuit: self.circuit.clone().or_else(|| other.circuit.clone()), terms, value }
    }

    pub(crate) fn scaled(&self, factor: Fr) -> Self {
        if factor.is_zero() {
            return Self::constant(factor);
        }
        let terms = self.terms.iter().map(|&(variable, k)| (variable, k * factor)).collect();
        Self { circuit: self.circuit.clone(), terms, value: self.value.map(|v| v * factor) }
    }

    fn multiply(&self, other: &Self, shared: bool) -> Self {
        match (self.as_constant(), other.as_constant(), self.circuit.as_ref().or(other.circuit.as_ref())) {
            (Some(k), _, _) => other.scaled(k),
            (_, Some(k), _) => self.scaled(k),
            (None, None, Some(circuit)) => circuit.product(self, other, shared),
            // Variables exist in circuits only.
            (None, None, None) => Self::constant(Fr::zero()),
        }
    }
}

impl Add for Wire {
    type Output = Self;
    fn add(mut self, other: Self) -> Self {
        match (self.terms.last(), other.terms.first()) {
            // Sums of ever newer products grow in place.
            (Some(last), Some(first)) if last.0 < first.0 => {
                self.terms.extend(other.terms);
                self.value = self.value.zip(other.value).map(|(a, b)| a + b);
                self.circuit = self.circuit.or(other.circuit);
                self
            }
            _ => self.plus_scaled(Fr::one(), &other),
        }
    }
}

impl Sub for Wire {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.plus_scaled(-Fr::one(), &other)
    }
}

impl Mul for Wire {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        self.multiply(&other, true)
    }
}

impl Scalar for Wire {
    fn integer(value: i64) -> Self {
        Self::constant(Fr::from(value))
    }

    fn integer_inverse(value: i64) -> Self {
        Self::constant(Fr::from(value).inverse().unwrap_or_default())
    }

    fn shortened(self) -> Self {
        match &self.circuit {
            Some(circuit) if self.terms.len() > circuit.max_terms() => circuit.define(&self),
            _ => self,
        }
    }
}

impl Arithmetic for Wire {
    fn constant(value: Fr) -> Self {
        Self::constant(value)
    }

    fn plus(&self, other: &Self) -> Self {
        self.plus_scaled(Fr::one(), other)
    }

    /// A permutation never computes a product twice.
    fn times(&self, other: &Self) -> Self {
        self.multiply(other, false)
    }

    fn partial_rounds(state: &mut [Self; WIDTH], constants: &[Fr; PARTIAL]) {
        let Some(circuit) = state.iter().find_map(|wire| wire.circuit.clone()) else {
            return poseidon2::partial_rounds(state, constants);
        };
        if circuit.with_builder(|builder| builder.arithmetization()) == Arithmetization::Plonk {
            return circuit.partial_rounds(state, constants);
        }
        for constants in constants.chunks(DENSE_ROUNDS) {
            poseidon2::partial_rounds(state, constants);
            let [_, a, b] = state;
            [a, b].into_iter().for_each(|word| *word = circuit.define(word));
        }
    }
}

#[cfg(test)]
mod tests {
    use zkml_snark::plonk;

    use super::*;
    use crate::poseidon2::permute;

    fn permutation(arithmetization: Arithmetization, count: usize) -> (Builder, Vec<Option<Fr>>) {
        let circuit = Circuit::new(Builder::new(arithmetization));
        let mut state = [3u64, 5, 7].map(|word| circuit.witness(Some(Fr::from(word))));
        let bound = circuit.public_input(Some(Fr::from(3u64)));
        circuit.assert_zero(&(state[0].clone() - bound));
        for _ in 0..count {
            permute(&mut state);
        }
        let values = state.iter().map(Wire::value).collect();
        state.iter().for_each(|word| drop(circuit.define(word)));
        (circuit.into_builder(), values)
    }

    #[test]
    fn permutations_in_circuits_are_those_of_values() {
        let mut expected = [3u64, 5, 7].map(Fr::from);
        permute(&mut expected);
        permute(&mut expected);
        for arithmetization in [Arithmetization::R1cs, Arithmetization::Plonk] {
            let (builder, values) = permutation(arithmetization, 2);
            builder.check().unwrap();
            assert_eq!(values, expected.map(Some));
        }
    }

    #[test]
    fn a_permutation_takes_254_constraints_or_fewer_than_400_rows() {
        let constraints = |count| permutation(Arithmetization::R1cs, count).0.constraints();
        assert_eq!(constraints(3) - constraints(2), 254);
        let rows = |count| plonk::rows(&permutation(Arithmetization::Plonk, count).0.shape().unwrap()).0;
        let each = rows(3) - rows(2);
        assert!(each < 400, "{each} rows");
    }

    #[test]
    fn sums_of_newer_products_are_not_copied_and_what_is_copied_is_bounded() {
        let sums = |reverse: bool, count: usize| {
            let circuit = Circuit::new(Builder::new(Arithmetization::R1cs));
            let mut wires: Vec<Wire> = (0..count).map(|_| circuit.witness(None)).collect();
            if reverse {
                wires.reverse();
            }
            let sum = wires.into_iter().fold(Wire::integer(0), |sum, wire| sum + wire);
            let (terms, copied) = (sum.terms.len(), circuit.0.borrow().copied);
            (terms, copied, circuit.into_builder().shape().err())
        };
        let (terms, copied, error) = sums(false, 40_000);
        assert!(terms == 40_000 && copied < 10 && error.is_none(), "{copied} {error:?}");
        let (terms, copied, error) = sums(true, 1_000);
        assert!(terms == 1_000 && copied > 400_000 && error.is_none(), "{copied} {error:?}");
        let (terms, _, error) = sums(true, 40_000);
        assert!(terms < 40_000);
        let limit = MAX_COPIED_TERMS;
        assert_eq!(error, Some(zkml_snark::circuit::CircuitError::TooLarge { what: "copied terms", limit }));
    }
}
