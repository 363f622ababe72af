//! The second sumcheck: the products of all equations at one point.

use alloc::vec::Vec;

use p3_field::{ExtensionField, Field, PrimeField};

use super::Prover;
use super::bind::{Axis, bind, pad};
use crate::claims::PointId;
use crate::eq::{cube_variables, eq_table, split_point};
use crate::functional::product_table;
use crate::parallel;
use crate::sumcheck::{self, Instance, fold};
use crate::system::{Bilinear, Equation, System, ViewId};
use crate::verifier::{Coordinates, ProductAxes, powers, product_rounds, vertices_inverse};

/// `coefficient · Σ eq·a·b` over the free labels of one product.
struct Product<K> {
    coefficient: K,
    a: Vec<K>,
    b: Vec<K>,
    /// `eq` of the batch labels at the equation's point; absent where there are none.
    eq: Option<Vec<K>>,
}

/// The greatest degree of a round polynomial: two operands and `eq`.
const MAX_DEGREE: usize = 3;

impl<K: Field> Instance<K> for Product<K> {
    fn num_variables(&self) -> usize {
        self.a.len().trailing_zeros() as usize
    }

    fn round(&self, values: &mut [K]) {
        let sums = parallel::fold_range(
            self.a.len() / 2,
            || [K::ZERO; MAX_DEGREE],
            |mut sums, i| {
                // The values at 0, 2 and 3 of the line through a pair of vertices.
                let nodes = |v: &[K]| {
                    let step = v[2 * i + 1] - v[2 * i];
                    let two = v[2 * i + 1] + step;
                    [v[2 * i], two, two + step]
                };
                let (a, b) = (nodes(&self.a), nodes(&self.b));
                match &self.eq {
                    None => (0..values.len()).for_each(|n| sums[n] += a[n] * b[n]),
                    Some(eq) => {
                        let eq = nodes(eq);
                        (0..values.len()).for_each(|n| sums[n] += a[n] * b[n] * eq[n]);
                    }
                }
                sums
            },
            |a, b| core::array::from_fn(|i| a[i] + b[i]),
        );
        values.iter_mut().zip(sums).for_each(|(v, s)| *v += self.coefficient * s);
    }

    fn fold(&mut self, x: K) {
        fold(&mut self.a, x);
        fold(&mut self.b, x);
        if let Some(eq) = &mut self.eq {
            fold(eq, x);
        }
    }

    fn value(&self) -> K {
        self.coefficient * self.a[0] * self.b[0] * self.eq.as_ref().map_or(K::ONE, |eq| eq[0])
    }
}

impl<F: PrimeField, K: ExtensionField<F>> Prover<'_, F, K> {
    /// All equations at the point `z`.
    pub(super) fn products(&mut self, z: &[K]) {
        let system = self.system;
        for equation in &system.equations {
            let point = &z[..cube_variables(&equation.linear.shape)];
            for &(_, view) in &equation.linear.terms {
                self.evaluate(view, PointId::Lookups, point);
            }
        }
        let batching = self.channel.challenge("equation batching");
        let coefficients = powers(&batching, system.equations.len());
        let (rounds, degree) = product_rounds(system);
        let terms: Vec<(&Equation, &Bilinear, K)> = system
            .equations
            .iter()
            .zip(&coefficients)
            .flat_map(|(e, &c)| e.bilinear.iter().map(move |t| (e, t, c)))
            .collect();
        let builder = ProductBuilder { system, witness: self.witness, z, rounds };
        let mut products = parallel::map_tasks(terms.len(), |i| {
            let (equation, term, coefficient) = terms[i];
            builder.product::<F>(equation, term, coefficient)
        });
        let point = sumcheck::prove(&mut self.channel, &mut products, rounds, degree);
        for (product, &(equation, term, _)) in terms.iter().enumerate() {
            let axes = ProductAxes::new(system, equation, term);
            for (side, view) in [term.a, term.b].into_iter().enumerate() {
                let at = axes.view_point(system, side, view, z, &point);
                let end = if side == 0 { products[product].a[0] } else { products[product].b[0] };
                self.send_known(view, PointId::Product { product, side }, &at, end);
            }
        }
    }

    /// Sends an evaluation that the sumcheck's end already gives.
    fn send_known(&mut self, view: ViewId, id: PointId, point: &[K], value: K) {
        let channel = &mut self.channel;
        let sent = self.claims.evaluate::<core::convert::Infallible>(
            self.system,
            view,
            (id, point),
            |_| value,
            |_| {
                channel.send("evaluation", value);
                Ok(value)
            },
        );
        match sent {
            Ok(_) => {}
            Err(never) => match never {},
        }
    }
}

/// What the instances of the second sumcheck are made from.
struct ProductBuilder<'a, K> {
    system: &'a System,
    witness: &'a [Vec<i32>],
    z: &'a [K],
    rounds: usize,
}

impl<K: Field> ProductBuilder<'_, K> {
    fn product<F: PrimeField>(&self, equation: &Equation, term: &Bilinear, coefficient: K) -> Product<K>
    where
        K: ExtensionField<F>,
    {
        let axes = ProductAxes::new(self.system, equation, term);
        let coefficient = coefficient
            * K::from(F::from_int(term.coefficient))
            * vertices_inverse::<K>(self.rounds - axes.num_variables());
        let eq = axes.has_batch().then(|| {
            let z = &self.z[..cube_variables(&equation.linear.shape)];
            let tables: Vec<Vec<K>> = axes.batch_tables(z);
            product_table(&tables)
        });
        let operand = |side: usize, view: ViewId| self.operand::<F>(&axes, side, view, equation);
        Product { coefficient, a: operand(0, term.a), b: operand(1, term.b), eq }
    }

    /// One operand on the cube of the free labels, the other axes bound at the equation's point.
    fn operand<F: PrimeField>(
        &self,
        axes: &ProductAxes,
        side: usize,
        view: ViewId,
        equation: &Equation,
    ) -> Vec<K>
    where
        K: ExtensionField<F>,
    {
        let parts = split_point(&equation.linear.shape, &self.z[..cube_variables(&equation.linear.shape)]);
        let view = &self.system.views[view.0];
        let roles: Vec<Axis<'_, K>> = axes
            .side(side)
            .iter()
            .map(|c| match c {
                Coordinates::Equation(axis) => Axis::Bound(parts[*axis]),
                Coordinates::Free(_) => Axis::Free,
            })
            .collect();
        let values = bind::<F, K>(&view.map, &self.witness[view.tensor], &roles);
        let own: Vec<usize> = axes
            .side(side)
            .iter()
            .filter_map(|c| match c {
                Coordinates::Free(i) => Some(*i),
                Coordinates::Equation(_) => None,
            })
            .collect();
        let shape = axes.free_shape();
        pad(in_label_order(values, &own, &shape), &shape, K::ZERO)
    }
}

/// Brings the free axes of an operand, which carry the labels `own`, to the order of the labels.
fn in_label_order<K: Field>(values: Vec<K>, own: &[usize], shape: &[usize]) -> Vec<K> {
    if own.windows(2).all(|w| w[0] < w[1]) {
        return values;
    }
    let lengths: Vec<usize> = own.iter().map(|&i| shape[i]).collect();
    let steps = zkml_ir::tensor::strides(shape);
    let mut out = alloc::vec![K::ZERO; values.len()];
    for (mut flat, value) in values.into_iter().enumerate() {
        let mut at = 0;
        for (&label, &length) in own.iter().zip(&lengths).rev() {
            at += flat % length * steps[label];
            flat /= length;
        }
        out[at] = value;
    }
    out
}

impl ProductAxes {
    /// For every free label its weights on its whole cube, padding included: `eq` at the equation's point for batch labels,
    /// ones for summed ones.
    fn batch_tables<K: Field>(&self, z: &[K]) -> Vec<Vec<K>> {
        let parts = split_point(self.equation_shape(), z);
        self.free_labels()
            .map(|(length, batch)| match batch {
                Some(axis) => eq_table(parts[axis], length.next_power_of_two()),
                None => alloc::vec![K::ONE; length.next_power_of_two()],
            })
            .collect()
    }
}
