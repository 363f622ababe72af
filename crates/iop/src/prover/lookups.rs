//! The first sumcheck: helpers are the sums of their fractions, and all helpers sum to zero.

use alloc::vec;
use alloc::vec::Vec;

use p3_field::{ExtensionField, PrimeField, batch_multiplicative_inverse};

use super::Prover;
use super::bind::pad;
use crate::claims::{Claim, PointId, Target};
use crate::eq::{cube_variables, eq_table, split_point};
use crate::error::ProveError;
use crate::functional::{Functional, product_table};
use crate::map::Map;
use crate::parallel;
use crate::sumcheck::{self, Instance, fold};
use crate::system::{Fraction, Helper, System, ViewId};
use crate::verifier::{lookup_rounds, vertices_inverse};

/// The values of one helper's polynomials on its cube.
struct Argument<K> {
    /// `α − fingerprint`, per fraction; unpadded until the sumcheck starts.
    denominators: Vec<Vec<K>>,
    /// The same where every tensor is 0: outside of the valid region.
    outside: Vec<K>,
    /// Multiplicities, per fraction.
    multiplicities: Vec<Option<Vec<K>>>,
    helper: Vec<K>,
}

/// All helpers.
pub(super) struct Arguments<K> {
    arguments: Vec<Argument<K>>,
    alpha: K,
    beta: K,
}

impl<K: p3_field::Field> Arguments<K> {
    pub(super) fn new<F: PrimeField>(
        system: &System,
        witness: &[Vec<i32>],
        alpha: K,
        beta: K,
    ) -> Result<Self, ProveError>
    where
        K: ExtensionField<F>,
    {
        let build = |i: usize| Argument::new::<F>(system, witness, &system.helpers[i], alpha, beta);
        let arguments = parallel::map_tasks(system.helpers.len(), build);
        let arguments = arguments.into_iter().collect::<Option<_>>().ok_or(ProveError::UnluckyChallenge)?;
        Ok(Self { arguments, alpha, beta })
    }

    /// The helpers' values, row-major over their shapes.
    pub(super) fn helpers(&self) -> Vec<&[K]> {
        self.arguments.iter().map(|a| a.helper.as_slice()).collect()
    }
}

impl<K: p3_field::Field> Argument<K> {
    /// `None` if the challenge hits a fingerprint.
    fn new<F: PrimeField>(
        system: &System,
        witness: &[Vec<i32>],
        helper: &Helper,
        alpha: K,
        beta: K,
    ) -> Option<Self>
    where
        K: ExtensionField<F>,
    {
        let size = helper.shape.iter().product();
        let denominators: Vec<Vec<K>> =
            helper.fractions.iter().map(|f| denominators::<F, K>(system, witness, f, alpha, beta)).collect();
        let multiplicities: Vec<Option<Vec<K>>> = helper
            .fractions
            .iter()
            .map(|f| f.multiplicity.map(|view| multiplicities::<F, K>(system, witness, view)))
            .collect();
        let mut sums = vec![K::ZERO; size];
        for (d, m) in denominators.iter().zip(&multiplicities) {
            if d.iter().any(|v| v.is_zero()) {
                return None;
            }
            let inverses = batch_multiplicative_inverse(d);
            match m {
                None => sums.iter_mut().zip(inverses).for_each(|(s, i)| *s += i),
                Some(m) => sums.iter_mut().zip(inverses.iter().zip(m)).for_each(|(s, (&i, &m))| *s -= i * m),
            }
        }
        let outside = helper.fractions.iter().map(|f| outside::<F, K>(f, alpha, beta)).collect();
        Some(Self { denominators, outside, multiplicities, helper: sums })
    }
}

fn denominators<F: PrimeField, K: ExtensionField<F>>(
    system: &System,
    witness: &[Vec<i32>],
    fraction: &Fraction,
    alpha: K,
    beta: K,
) -> Vec<K> {
    let start = alpha - K::from(F::from_int(fraction.table as i64 + 1));
    let size = fraction.tuple[0].shape.iter().product();
    let mut out = vec![start; size];
    let mut power = K::ONE;
    for entry in &fraction.tuple {
        power *= beta;
        let values = system.evaluate(witness, entry);
        out.iter_mut().zip(values).for_each(|(d, v)| *d -= power * F::from_int(v));
    }
    out
}

/// A denominator where every tensor of the tuple is 0.
fn outside<F: PrimeField, K: ExtensionField<F>>(fraction: &Fraction, alpha: K, beta: K) -> K {
    let mut power = K::ONE;
    fraction.tuple.iter().fold(alpha - K::from_usize(fraction.table + 1), |d, entry| {
        power *= beta;
        d - power * F::from_int(entry.constant)
    })
}

fn multiplicities<F: PrimeField, K: ExtensionField<F>>(
    system: &System,
    witness: &[Vec<i32>],
    view: ViewId,
) -> Vec<K> {
    let view = &system.views[view.0];
    view.map.materialize(&witness[view.tensor]).into_iter().map(|v| K::from(F::from_int(v))).collect()
}

/// The helpers of one shape in the sumcheck: they share the weights.
struct Shape<K> {
    /// `eq(z', b)` on the valid region.
    weight: Vec<K>,
    /// The valid region.
    valid: Vec<K>,
    /// The coefficient of the sum test.
    sum: K,
    /// The helper's index, its coefficient in the zero test, and its values.
    members: Vec<(usize, K, Argument<K>)>,
}

/// The greatest degree of a round polynomial: two denominators, the helper and a weight.
const MAX_DEGREE: usize = 4;

/// A multilinear factor along the line of one pair of vertices, walked through the nodes `0, 2, 3, …`.
struct Line<K> {
    value: K,
    step: K,
}

impl<K: p3_field::Field> Line<K> {
    fn new(values: &[K], pair: usize) -> Self {
        Self { value: values[2 * pair], step: values[2 * pair + 1] - values[2 * pair] }
    }

    /// Moves to the next node; node 1 is skipped.
    fn advance(&mut self, node: usize) {
        self.value += if node == 0 { self.step.double() } else { self.step };
    }
}

impl<K: p3_field::Field> Argument<K> {
    /// Adds the zero test times `coefficient`, and the helper, at every node of the line.
    fn accumulate(&self, coefficient: K, pair: usize, zero: &mut [K], sum: &mut [K]) {
        let mut h = Line::new(&self.helper, pair);
        let mut first = Line::new(&self.denominators[0], pair);
        let mut second = self.denominators.get(1).map(|d| Line::new(d, pair));
        let mut numerators = self.multiplicities.iter().map(|m| m.as_ref().map(|m| Line::new(m, pair)));
        let (mut m, mut n) = (numerators.next().flatten(), numerators.next().flatten());
        for (node, (zero, sum)) in zero.iter_mut().zip(sum).enumerate() {
            let second_value = second.as_ref().map(|l| l.value);
            let numerators = (m.as_ref().map(|l| l.value), n.as_ref().map(|l| l.value));
            *zero += coefficient * zero_test(h.value, first.value, second_value, numerators);
            *sum += h.value;
            h.advance(node);
            first.advance(node);
            [&mut second, &mut m, &mut n].into_iter().flatten().for_each(|line| line.advance(node));
        }
    }
}

/// `h·Π d − Σ numerator·Π_{others} d`; a numerator is 1 where absent, and minus a multiplicity.
fn zero_test<K: p3_field::Field>(h: K, first: K, second: Option<K>, (m, n): (Option<K>, Option<K>)) -> K {
    match second {
        None => h * first + m.unwrap_or(K::NEG_ONE),
        Some(second) => {
            h * first * second + m.map_or(-second, |m| m * second) + n.map_or(-first, |n| n * first)
        }
    }
}

impl<K: p3_field::Field> Instance<K> for Shape<K> {
    fn num_variables(&self) -> usize {
        self.weight.len().trailing_zeros() as usize
    }

    fn round(&self, values: &mut [K]) {
        let degree = values.len().min(MAX_DEGREE);
        let sums = parallel::fold_range(
            self.weight.len() / 2,
            || [K::ZERO; MAX_DEGREE],
            |mut sums, pair| {
                let (mut zero, mut sum) = ([K::ZERO; MAX_DEGREE], [K::ZERO; MAX_DEGREE]);
                for (_, coefficient, member) in &self.members {
                    member.accumulate(*coefficient, pair, &mut zero[..degree], &mut sum[..degree]);
                }
                let (mut weight, mut valid) = (Line::new(&self.weight, pair), Line::new(&self.valid, pair));
                for node in 0..degree {
                    sums[node] += weight.value * zero[node] + valid.value * self.sum * sum[node];
                    weight.advance(node);
                    valid.advance(node);
                }
                sums
            },
            |a, b| core::array::from_fn(|i| a[i] + b[i]),
        );
        values.iter_mut().zip(sums).for_each(|(v, s)| *v += s);
    }

    fn fold(&mut self, x: K) {
        fold(&mut self.weight, x);
        fold(&mut self.valid, x);
        for (_, _, member) in &mut self.members {
            fold(&mut member.helper, x);
            member.denominators.iter_mut().for_each(|d| fold(d, x));
            member.multiplicities.iter_mut().flatten().for_each(|m| fold(m, x));
        }
    }

    fn value(&self) -> K {
        let (mut zero, mut sum) = (K::ZERO, K::ZERO);
        for (_, coefficient, member) in &self.members {
            let numerator = |i: usize| member.multiplicities.get(i).and_then(|m| m.as_ref()).map(|m| m[0]);
            let second = member.denominators.get(1).map(|d| d[0]);
            let first = member.denominators[0][0];
            zero += *coefficient * zero_test(member.helper[0], first, second, (numerator(0), numerator(1)));
            sum += member.helper[0];
        }
        self.weight[0] * zero + self.valid[0] * self.sum * sum
    }
}

impl<F: PrimeField, K: ExtensionField<F>> Prover<'_, F, K> {
    /// The lookup argument by helpers; returns the point of its sumcheck.
    pub(super) fn lookups(&mut self, arguments: &mut Arguments<K>) -> Vec<K> {
        let (rounds, degree) = lookup_rounds(self.system);
        let z_prime: Vec<K> = (0..rounds).map(|_| self.channel.challenge("zero test point")).collect();
        let zero_test = self.channel.challenge("zero test batching");
        let sum_test = self.channel.challenge("sum test batching");
        let (alpha, beta) = (arguments.alpha, arguments.beta);
        let arguments = core::mem::take(&mut arguments.arguments);
        let mut shapes = group(self.system, arguments, &z_prime, zero_test, sum_test, rounds);
        let z = sumcheck::prove(&mut self.channel, &mut shapes, rounds, degree);
        let mut ends = vec![K::ZERO; self.system.helpers.len()];
        for (index, _, member) in shapes.iter().flat_map(|s| &s.members) {
            ends[*index] = member.helper[0];
        }
        for (helper, value) in self.system.helpers.iter().zip(ends) {
            self.seal_helper(helper, value, &z[..cube_variables(&helper.shape)], alpha, beta);
        }
        z
    }

    /// Sends what the verifier receives for one helper.
    fn seal_helper(&mut self, helper: &Helper, value: K, point: &[K], alpha: K, beta: K) {
        let mut ds = Vec::with_capacity(2);
        self.channel.send("helper", value);
        self.claims.push(Claim {
            target: Target::Limbs { first: helper.first_limb, count: K::DIMENSION },
            functional: Functional::new(&Map::identity(&helper.shape), point),
            value,
        });
        for fraction in &helper.fractions {
            ds.push(self.denominator(fraction, point, alpha, beta));
            if let Some(view) = fraction.multiplicity {
                self.evaluate(view, PointId::Lookups, point);
            }
        }
        if let [a, b] = ds.as_slice() {
            self.channel.send_factor("denominators", *a * *b);
        }
    }

    fn denominator(&mut self, fraction: &Fraction, point: &[K], alpha: K, beta: K) -> K {
        let mut d = alpha - K::from_usize(fraction.table + 1);
        let (mut power, mut sealed) = (K::ONE, 0);
        for entry in &fraction.tuple {
            power *= beta;
            d -= power * K::from(F::from_int(entry.constant));
            for &(k, view) in &entry.terms {
                let home = &self.system.source(view).home;
                sealed += usize::from(crate::claims::is_committed(home));
                d -= power * F::from_int(k) * self.evaluate(view, PointId::Lookups, point);
            }
        }
        if sealed > 1 {
            self.channel.send_factor("denominator", d);
        }
        d
    }
}

/// The sumcheck's instances: helpers by shape, padded to their cubes.
fn group<K: p3_field::Field>(
    system: &System,
    arguments: Vec<Argument<K>>,
    z_prime: &[K],
    zero_test: K,
    sum_test: K,
    rounds: usize,
) -> Vec<Shape<K>> {
    let mut shapes: Vec<(&[usize], Shape<K>)> = Vec::new();
    let mut power = K::ONE;
    for (index, (helper, mut argument)) in system.helpers.iter().zip(arguments).enumerate() {
        power *= zero_test;
        for (d, &outside) in argument.denominators.iter_mut().zip(&argument.outside) {
            *d = pad(core::mem::take(d), &helper.shape, outside);
        }
        for m in argument.multiplicities.iter_mut().flatten() {
            *m = pad(core::mem::take(m), &helper.shape, K::ZERO);
        }
        argument.helper = pad(core::mem::take(&mut argument.helper), &helper.shape, K::ZERO);
        match shapes.iter_mut().find(|(shape, _)| *shape == helper.shape) {
            Some((_, shape)) => shape.members.push((index, power, argument)),
            None => {
                let variables = cube_variables(&helper.shape);
                let parts = split_point(&helper.shape, &z_prime[..variables]);
                let tables: Vec<Vec<K>> =
                    helper.shape.iter().zip(parts).map(|(&n, p)| eq_table(p, n)).collect();
                let size = helper.shape.iter().product();
                let shape = Shape {
                    weight: pad(product_table(&tables), &helper.shape, K::ZERO),
                    valid: pad(vec![K::ONE; size], &helper.shape, K::ZERO),
                    sum: sum_test * vertices_inverse::<K>(rounds - variables),
                    members: vec![(index, power, argument)],
                };
                shapes.push((&helper.shape, shape));
            }
        }
    }
    shapes.into_iter().map(|(_, s)| s).collect()
}
