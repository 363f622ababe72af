//! The one verifier: from the lookup challenges through the sums of fractions, the products and the claim reduction to one row
//! point.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use zkml_ir::tensor::num_elements;

use crate::claims::{Claim, Claims, ColumnClaim, Evaluation, PointId, Target, column_weights, is_committed};
use crate::context::Context;
use crate::eq::{
    cube_variables, eq_points, eq_valid_cube, eq_vertex, num_variables, split_point, valid_cube,
};
use crate::error::{RelationError, VerifyError};
use crate::fractions::{self, LeafClaim, Leaves};
use crate::functional::Functional;
use crate::layout::{Layout, TreeKind};
use crate::map::Map;
use crate::packing::{PackedTensor, PackedValue, PackedWeights, Packing};
use crate::scalar::Scalar;
use crate::sumcheck;
use crate::system::{Affine, Bilinear, Equation, Fraction, Helper, Home, System, ViewId};

type Public<C> = <C as Context>::Public;
type Sealed<C> = <C as Context>::Sealed;
type SealedClaims<C> = Claims<Public<C>, Sealed<C>>;

/// Verifies a proof of a system whose statement is already bound to the context's transcript.
///
/// `public` holds the entries of every public tensor of the system, at its index; `wide` the claims on
/// whole columns: a pin for every tree that other proofs open too, where its commitment alone does not fix the columns.
///
/// # Errors
/// [`VerifyError`] that names the check that fails.
///
/// # Soundness
/// A proof is about the committed weights, and assumes of them what the registration of their commitment has proven: that
/// they lie in their intervals and keep their caps on `Σ|w|`. [`crate::soundness`] bounds the algebraic errors.
pub fn verify<C: Context>(
    cx: &mut C,
    system: &System,
    layout: &Layout,
    public: &[Vec<i32>],
    wide: &[ColumnClaim<C::Public>],
) -> Result<(), VerifyError> {
    check_public(system, public)?;
    if let Some(claim) = wide.iter().find(|c| c.point.len() != layout.log_rows) {
        return Err(VerifyError::ClaimPoint { expected: layout.log_rows, got: claim.point.len() });
    }
    for tree in layout.trees.iter().filter(|t| t.kind != TreeKind::Helpers) {
        cx.commit(tree.kind)?;
    }
    let packed = cx.packed();
    let mut verifier = Verifier { cx, system, public, claims: SealedClaims::<C>::default() };
    let z = verifier.lookups(layout)?;
    verifier.packed(packed)?;
    verifier.products(&z)?;
    let Verifier { cx, claims, .. } = verifier;
    reduce(cx, layout, &claims, wide)
}

/// Public tensors enter the relation as they are: nothing else proves their sizes, their intervals or their constants.
fn check_public(system: &System, public: &[Vec<i32>]) -> Result<(), RelationError> {
    for (index, tensor) in system.tensors.iter().enumerate().filter(|(_, t)| !is_committed(&t.home)) {
        let refused = |reason: String| RelationError::Public { name: tensor.name.clone(), reason };
        let entries = public.get(index).map_or(&[][..], Vec::as_slice);
        if num_elements(&tensor.shape) != Some(entries.len()) {
            return Err(refused(format!("{} entries for shape {:?}", entries.len(), tensor.shape)));
        }
        if matches!(&tensor.home, Home::Constant(data) if data != entries) {
            return Err(refused("its entries are not the graph's constant".into()));
        }
        if let Some(value) = entries.iter().find(|&&v| !tensor.range.contains(i64::from(v))) {
            return Err(refused(format!("entry {value} lies outside its interval {}", tensor.range)));
        }
    }
    Ok(())
}

struct Verifier<'a, C: Context> {
    cx: &'a mut C,
    system: &'a System,
    public: &'a [Vec<i32>],
    claims: SealedClaims<C>,
}

/// The shape of the first sumcheck.
pub(crate) fn lookup_rounds(system: &System) -> (usize, usize) {
    let rounds = system.helpers.iter().map(|h| cube_variables(&h.shape)).max().unwrap_or(0);
    let fractions = system.helpers.iter().map(|h| h.fractions.len()).max().unwrap_or(0);
    (rounds, fractions + 2)
}

/// The number of coordinates of the point at which equations are checked.
pub(crate) fn equation_variables(system: &System) -> usize {
    system.equations.iter().map(|e| cube_variables(&e.linear.shape)).max().unwrap_or(0)
}

impl<C: Context> Verifier<'_, C> {
    fn challenges(&mut self, label: &'static str, count: usize) -> Vec<Public<C>> {
        (0..count).map(|_| self.cx.challenge(label)).collect()
    }

    /// The lookup argument: all fractions sum to zero. Returns the point at which equations are checked.
    fn lookups(&mut self, layout: &Layout) -> Result<Vec<Public<C>>, VerifyError> {
        let alpha = self.cx.challenge("alpha");
        let beta = self.cx.challenge("beta");
        let mut z = if self.system.fractions.is_empty() {
            self.helpers(layout, &alpha, &beta)?
        } else {
            self.fractions(&alpha, &beta)?
        };
        let more = equation_variables(self.system).saturating_sub(z.len());
        z.extend(self.challenges("equation point", more));
        Ok(z)
    }

    /// One tree adds up all fractions; their leaves are combinations of evaluations at its last point.
    fn fractions(&mut self, alpha: &Public<C>, beta: &Public<C>) -> Result<Vec<Public<C>>, VerifyError> {
        let leaves = Leaves::new(self.system);
        let LeafClaim { point, numerator, denominator } = fractions::verify(self.cx, leaves.variables)?;
        let (one, minus_one) = (Public::<C>::integer(1), Public::<C>::integer(-1));
        let mut numerators = self.cx.scale(&numerator, &minus_one);
        let mut denominators = self.cx.scale(&denominator, &minus_one);
        // Outside of all tensors' valid regions a leaf is 0/1.
        self.cx.add_public(&mut denominators, &one);
        let system = self.system;
        for (fraction, block) in system.fractions.iter().zip(&leaves.blocks) {
            let (at, high) = point.split_at(block.variables);
            let weight = eq_vertex(high, block.index);
            let valid = valid_cube(fraction.shape(), at) * weight.clone();
            let mut constant = alpha.clone() - Public::<C>::integer(fraction.table as i64 + 1) - one.clone();
            let mut power = minus_one.clone();
            for entry in &fraction.tuple {
                power = power * beta.clone();
                constant = constant + power.clone() * Public::<C>::integer(entry.constant);
                for &(k, view) in &entry.terms {
                    let factor = weight.clone() * power.clone() * Public::<C>::integer(k);
                    self.add_evaluation(&mut denominators, &factor, view, at)?;
                }
            }
            self.cx.add_public(&mut denominators, &(valid.clone() * constant));
            match fraction.multiplicity {
                None => self.cx.add_public(&mut numerators, &valid),
                Some(view) => {
                    let factor = weight * minus_one.clone();
                    self.add_evaluation(&mut numerators, &factor, view, at)?;
                }
            }
        }
        self.cx.assert_zero(numerators, "numerators of the lookups")?;
        self.cx.assert_zero(denominators, "denominators of the lookups")?;
        Ok(point)
    }

    /// Adds `factor` times the evaluation of a view at a prefix of the lookups' point.
    fn add_evaluation(
        &mut self,
        sum: &mut C::Linear,
        factor: &Public<C>,
        view: ViewId,
        point: &[Public<C>],
    ) -> Result<(), VerifyError> {
        match self.evaluate(view, PointId::Lookups, point)? {
            Evaluation::Public(value) => self.cx.add_public(sum, &(factor.clone() * value)),
            Evaluation::Sealed(value) => self.cx.add(sum, factor, &value),
        }
        Ok(())
    }

    /// Every helper is the sum of its fractions, and all helpers sum to zero.
    fn helpers(
        &mut self,
        layout: &Layout,
        alpha: &Public<C>,
        beta: &Public<C>,
    ) -> Result<Vec<Public<C>>, VerifyError> {
        let (rounds, degree) = lookup_rounds(self.system);
        if layout.tree(TreeKind::Helpers).is_some() {
            self.cx.commit(TreeKind::Helpers)?;
        }
        let z_prime = self.challenges("zero test point", rounds);
        let zero_test = self.cx.challenge("zero test batching");
        let sum_test = self.cx.challenge("sum test batching");
        let zero = self.cx.zero();
        let (z, claim) = sumcheck::verify(self.cx, zero, rounds, degree)?;
        let mut end = self.cx.scale(&claim, &Public::<C>::integer(-1));
        let mut power = Public::<C>::integer(1);
        let system = self.system;
        for helper in &system.helpers {
            power = power * zero_test.clone();
            let variables = cube_variables(&helper.shape);
            let point = &z[..variables];
            let weight = eq_valid_cube(&helper.shape, &z_prime[..variables], point) * power.clone();
            let valid = valid_cube(&helper.shape, point);
            let share = vertices_inverse::<Public<C>>(rounds - variables);
            let h = self.helper(helper, point)?;
            self.zero_test(helper, &h, point, &weight, (alpha, beta), &mut end)?;
            self.cx.add(&mut end, &(sum_test.clone() * share * valid), &h);
        }
        self.cx.assert_zero(end, "lookups")?;
        Ok(z)
    }

    fn helper(&mut self, helper: &Helper, point: &[Public<C>]) -> Result<Sealed<C>, VerifyError> {
        let value = self.cx.receive("helper")?;
        let count = self.system.tensors[helper.first_limb..]
            .iter()
            .zip(0..)
            .take_while(|(t, limb)| matches!(t.home, Home::Helper { limb: l, .. } if l == *limb))
            .count();
        self.claims.push(Claim {
            target: Target::Limbs { first: helper.first_limb, count },
            functional: Functional::new(&Map::identity(&helper.shape), point),
            value: value.clone(),
        });
        Ok(value)
    }

    /// Adds `weight·(h·Π d − Σ numerator·Π_{others} d)` to `end`, where `d = α − fingerprint`.
    fn zero_test(
        &mut self,
        helper: &Helper,
        h: &Sealed<C>,
        point: &[Public<C>],
        weight: &Public<C>,
        challenges: (&Public<C>, &Public<C>),
        end: &mut C::Linear,
    ) -> Result<(), VerifyError> {
        let minus = weight.clone() * Public::<C>::integer(-1);
        let mut parts = Vec::with_capacity(2);
        for fraction in &helper.fractions {
            let d = self.denominator(fraction, point, challenges)?;
            let m = match fraction.multiplicity {
                None => None,
                Some(view) => Some(self.evaluate(view, PointId::Lookups, point)?),
            };
            parts.push((d, m));
        }
        match parts.as_slice() {
            [(d, m)] => {
                self.add_product(end, weight, d, h);
                self.add_numerator(end, &minus, m.as_ref(), None);
            }
            [(d, m), (e, n)] => {
                // Every product has two factors.
                let mut product = self.cx.zero();
                self.multiply(&mut product, &Public::<C>::integer(1), d, e);
                let q = self.cx.factor("denominators", product)?;
                self.cx.add_product(end, weight, &q, h);
                self.add_numerator(end, &minus, m.as_ref(), Some(e));
                self.add_numerator(end, &minus, n.as_ref(), Some(d));
            }
            _ => {}
        }
        Ok(())
    }

    /// Adds `factor·numerator·d`: the numerator is 1, or minus a multiplicity.
    fn add_numerator(
        &mut self,
        end: &mut C::Linear,
        factor: &Public<C>,
        multiplicity: Option<&Evaluation<Public<C>, Sealed<C>>>,
        d: Option<&Evaluation<Public<C>, Sealed<C>>>,
    ) {
        let one = Evaluation::Public(Public::<C>::integer(1));
        let d = d.unwrap_or(&one);
        match multiplicity {
            None => self.multiply(end, factor, d, &one),
            Some(m) => self.multiply(end, &(factor.clone() * Public::<C>::integer(-1)), m, d),
        }
    }

    fn add_product(
        &mut self,
        sum: &mut C::Linear,
        factor: &Public<C>,
        a: &Evaluation<Public<C>, Sealed<C>>,
        b: &Sealed<C>,
    ) {
        self.multiply(sum, factor, a, &Evaluation::Sealed(b.clone()));
    }

    fn multiply(
        &mut self,
        sum: &mut C::Linear,
        factor: &Public<C>,
        a: &Evaluation<Public<C>, Sealed<C>>,
        b: &Evaluation<Public<C>, Sealed<C>>,
    ) {
        use Evaluation::{Public as P, Sealed as S};
        match (a, b) {
            (P(a), P(b)) => self.cx.add_public(sum, &(factor.clone() * a.clone() * b.clone())),
            (P(a), S(b)) | (S(b), P(a)) => self.cx.add(sum, &(factor.clone() * a.clone()), b),
            (S(a), S(b)) => self.cx.add_product(sum, factor, a, b),
        }
    }

    /// `α − tag − Σ β^(j+1)·entry_j` at a point.
    fn denominator(
        &mut self,
        fraction: &Fraction,
        point: &[Public<C>],
        (alpha, beta): (&Public<C>, &Public<C>),
    ) -> Result<Evaluation<Public<C>, Sealed<C>>, VerifyError> {
        let mut constant = alpha.clone() - Public::<C>::integer(fraction.table as i64 + 1);
        let mut terms: Vec<(Public<C>, Sealed<C>)> = Vec::new();
        let mut power = Public::<C>::integer(-1);
        for entry in &fraction.tuple {
            power = power * beta.clone();
            constant = constant + power.clone() * Public::<C>::integer(entry.constant);
            for &(k, view) in &entry.terms {
                let factor = power.clone() * Public::<C>::integer(k);
                match self.evaluate(view, PointId::Lookups, point)? {
                    Evaluation::Public(value) => constant = constant + factor * value,
                    Evaluation::Sealed(value) => terms.push((factor, value)),
                }
            }
        }
        match terms.as_slice() {
            [] => Ok(Evaluation::Public(constant)),
            [(factor, value)] => Ok(Evaluation::Sealed(self.cx.affine(value, factor, &constant))),
            _ => {
                let mut sum = self.cx.zero();
                self.cx.add_public(&mut sum, &constant);
                for (factor, value) in &terms {
                    self.cx.add(&mut sum, factor, value);
                }
                self.cx.factor("denominator", sum).map(Evaluation::Sealed)
            }
        }
    }

    fn evaluate(
        &mut self,
        view: ViewId,
        id: PointId,
        point: &[Public<C>],
    ) -> Result<Evaluation<Public<C>, Sealed<C>>, VerifyError> {
        let (cx, public, tensor) = (&mut *self.cx, self.public, self.system.views[view.0].tensor);
        let apply = |functional: &Functional<Public<C>>| functional.apply(&public[tensor]);
        self.claims.evaluate(self.system, view, (id, point), apply, |_| cx.receive("evaluation"))
    }

    /// The packed tensors hold the words whose polynomial a verifier evaluated.
    fn packed(&mut self, packed: Option<PackedValue<Public<C>>>) -> Result<(), VerifyError> {
        let Some(PackedValue { point, value }) = packed else {
            let unknown = VerifyError::MissingScalar { expected: PACKED };
            return if self.system.packed.is_empty() { Ok(()) } else { Err(unknown) };
        };
        let (cx, claims) = (&mut *self.cx, &mut self.claims);
        let mut sum = cx.zero();
        cx.add_public(&mut sum, &(value * Public::<C>::integer(-1)));
        for (weights, packed) in weigh_packed(self.system, &point) {
            cx.add_public(&mut sum, &(weights.sum() * Public::<C>::integer(-packed.range.lo)));
            let value = cx.receive(PACKED)?;
            cx.add(&mut sum, &Public::<C>::integer(1), &value);
            claims.push(Claim {
                target: Target::Tensor(packed.tensor),
                functional: weights.functional(),
                value,
            });
        }
        cx.assert_zero(sum, "words of packed tensors")
    }

    /// All equations at the point `z`, their products by one batched sumcheck.
    fn products(&mut self, z: &[Public<C>]) -> Result<(), VerifyError> {
        let system = self.system;
        let mut linear = Vec::with_capacity(system.equations.len());
        for equation in &system.equations {
            linear.push(self.linear_part(&equation.linear, z)?);
        }
        let batching = self.cx.challenge("equation batching");
        let coefficients = powers(&batching, system.equations.len());
        // Equations without products hold on their own; batched with the others they cost nothing.
        let mut claim = self.cx.zero();
        for (coefficient, part) in coefficients.iter().zip(&linear) {
            let scaled = self.cx.scale(part, &(coefficient.clone() * Public::<C>::integer(-1)));
            self.cx.add_linear(&mut claim, &scaled);
        }
        let (rounds, degree) = product_rounds(system);
        let (point, claim) = sumcheck::verify(self.cx, claim, rounds, degree)?;
        let mut end = self.cx.scale(&claim, &Public::<C>::integer(-1));
        let mut product = 0;
        for (equation, coefficient) in system.equations.iter().zip(&coefficients) {
            for term in &equation.bilinear {
                let coefficient = coefficient.clone() * Public::<C>::integer(term.coefficient);
                self.product(equation, term, product, coefficient, (z, &point), &mut end)?;
                product += 1;
            }
        }
        self.cx.assert_zero(end, "equations")
    }

    fn linear_part(&mut self, affine: &Affine, z: &[Public<C>]) -> Result<C::Linear, VerifyError> {
        let point = &z[..cube_variables(&affine.shape)];
        let mut sum = self.cx.zero();
        for &(k, view) in &affine.terms {
            self.add_evaluation(&mut sum, &Public::<C>::integer(k), view, point)?;
        }
        if affine.constant != 0 {
            let value = valid_cube(&affine.shape, point) * Public::<C>::integer(affine.constant);
            self.cx.add_public(&mut sum, &value);
        }
        Ok(sum)
    }

    fn product(
        &mut self,
        equation: &Equation,
        term: &Bilinear,
        product: usize,
        coefficient: Public<C>,
        (z, point): (&[Public<C>], &[Public<C>]),
        end: &mut C::Linear,
    ) -> Result<(), VerifyError> {
        let axes = ProductAxes::new(self.system, equation, term);
        let (rounds, _) = product_rounds(self.system);
        let mut factor = coefficient * vertices_inverse(rounds - axes.num_variables());
        for part in axes.batch(z, point) {
            factor = factor * eq_points(part.0, part.1);
        }
        let mut sides = Vec::with_capacity(2);
        for (side, view) in [term.a, term.b].into_iter().enumerate() {
            let at = axes.view_point(self.system, side, view, z, point);
            sides.push(self.evaluate(view, PointId::Product { product, side }, &at)?);
        }
        self.multiply(end, &factor, &sides[0], &sides[1]);
        Ok(())
    }
}

/// The label of a packed tensor's value.
pub(crate) const PACKED: &str = "packed tensor";

/// The packed tensors, and the weights of their entries in the polynomial of the words at `point`.
pub(crate) fn weigh_packed<P: Scalar>(system: &System, point: &P) -> Vec<(PackedWeights<P>, PackedTensor)> {
    let packing = Packing::new(system);
    let mut all = vec![P::integer(1)];
    all.extend(powers(point, packing.words().saturating_sub(1)));
    packing.tensors.into_iter().map(|packed| (PackedWeights::new(&packed, &all), packed)).collect()
}

/// `2^(−count)`.
pub(crate) fn vertices_inverse<P: Scalar>(count: usize) -> P {
    (0..count).fold(P::integer(1), |p, _| p * P::integer_inverse(2))
}

/// `x, x², …`.
pub(crate) fn powers<P: Scalar>(x: &P, count: usize) -> Vec<P> {
    let mut power = P::integer(1);
    (0..count)
        .map(|_| {
            power = power.clone() * x.clone();
            power.clone()
        })
        .collect()
}

/// The number of rounds of the second sumcheck and the degree of its messages.
pub(crate) fn product_rounds(system: &System) -> (usize, usize) {
    let (mut rounds, mut degree) = (0, 2);
    for equation in &system.equations {
        for term in &equation.bilinear {
            let axes = ProductAxes::new(system, equation, term);
            rounds = rounds.max(axes.num_variables());
            degree = degree.max(if axes.has_batch() { 3 } else { 2 });
        }
    }
    (rounds, degree)
}

/// How the axes of a product's operands relate to the points of an equation and of the second sumcheck.
pub(crate) struct ProductAxes {
    /// For the axes of both operands, where their coordinates come from.
    sides: [Vec<Coordinates>; 2],
    /// The free labels of the second sumcheck: first variable, length, and for batch labels the axis of the equation.
    free: Vec<(usize, usize, Option<usize>)>,
    /// The equation's shape.
    shape: Vec<usize>,
}

/// Where the coordinates of an axis come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coordinates {
    /// From an axis of the equation's point.
    Equation(usize),
    /// From a free label of the second sumcheck.
    Free(usize),
}

impl ProductAxes {
    pub(crate) fn new(system: &System, equation: &Equation, term: &Bilinear) -> Self {
        let labels = &term.labels;
        let shapes = [&system.views[term.a.0].map.view, &system.views[term.b.0].map.view];
        let in_both = |l: &u8| labels.a.contains(l) && labels.b.contains(l);
        // Summed and batch labels, in the order of the first operand; the last one holds the lowest variables.
        let kept: Vec<(usize, u8)> =
            labels.a.iter().copied().enumerate().filter(|(_, l)| in_both(l)).collect();
        let mut free = Vec::with_capacity(kept.len());
        let mut start = 0;
        for &(axis, label) in kept.iter().rev() {
            let length = shapes[0][axis];
            let batch = labels.out.iter().position(|&o| o == label);
            free.push((start, length, batch));
            start += num_variables(length);
        }
        free.reverse();
        let coordinates = |own: &[u8]| -> Vec<Coordinates> {
            own.iter()
                .map(|l| match kept.iter().position(|k| k.1 == *l) {
                    Some(i) => Coordinates::Free(i),
                    None => Coordinates::Equation(labels.out.iter().position(|o| o == l).unwrap_or(0)),
                })
                .collect()
        };
        let sides = [coordinates(&labels.a), coordinates(&labels.b)];
        Self { sides, free, shape: equation.linear.shape.clone() }
    }

    pub(crate) fn num_variables(&self) -> usize {
        self.free.iter().map(|f| num_variables(f.1)).sum()
    }

    pub(crate) fn has_batch(&self) -> bool {
        self.free.iter().any(|f| f.2.is_some())
    }

    /// The coordinates of every axis of one side.
    pub(crate) fn side(&self, side: usize) -> &[Coordinates] {
        &self.sides[side]
    }

    /// The lengths of the free labels; the last one holds the lowest variables.
    pub(crate) fn free_shape(&self) -> Vec<usize> {
        self.free.iter().map(|f| f.1).collect()
    }

    /// The equation's shape.
    pub(crate) fn equation_shape(&self) -> &[usize] {
        &self.shape
    }

    /// The length of every free label, and for batch labels the equation's axis.
    pub(crate) fn free_labels(&self) -> impl Iterator<Item = (usize, Option<usize>)> {
        self.free.iter().map(|f| (f.1, f.2))
    }

    /// For every batch label, its coordinates in the equation's point and in the sumcheck's.
    pub(crate) fn batch<'p, P>(&self, z: &'p [P], point: &'p [P]) -> Vec<(&'p [P], &'p [P])> {
        let parts = split_point(&self.shape, &z[..cube_variables(&self.shape)]);
        self.free
            .iter()
            .filter_map(|&(start, length, batch)| {
                Some((parts[batch?], &point[start..start + num_variables(length)]))
            })
            .collect()
    }

    /// The point of one operand's view.
    pub(crate) fn view_point<P: Scalar>(
        &self,
        system: &System,
        side: usize,
        view: ViewId,
        z: &[P],
        point: &[P],
    ) -> Vec<P> {
        let parts = split_point(&self.shape, &z[..cube_variables(&self.shape)]);
        let shape = &system.views[view.0].map.view;
        let mut at = Vec::with_capacity(cube_variables(shape));
        for coordinates in self.sides[side].iter().rev() {
            match *coordinates {
                Coordinates::Equation(axis) => at.extend_from_slice(parts[axis]),
                Coordinates::Free(i) => {
                    let (start, length, _) = self.free[i];
                    at.extend_from_slice(&point[start..start + num_variables(length)]);
                }
            }
        }
        at
    }
}

/// Reduces all claims to one row point and opens the columns there.
fn reduce<C: Context>(
    cx: &mut C,
    layout: &Layout,
    claims: &SealedClaims<C>,
    wide: &[ColumnClaim<Public<C>>],
) -> Result<(), VerifyError> {
    let batching = cx.challenge("claim batching");
    let coefficients = powers(&batching, claims.list().len() + wide.len());
    let mut claim = cx.zero();
    for (coefficient, c) in coefficients.iter().zip(claims.list()) {
        cx.add(&mut claim, coefficient, &c.value);
    }
    for (coefficient, c) in coefficients.iter().skip(claims.list().len()).zip(wide) {
        cx.add_public(&mut claim, &(coefficient.clone() * c.value.clone()));
    }
    let (point, claim) = sumcheck::verify(cx, claim, layout.log_rows, 2)?;
    let weights = column_weights(cx, layout, (claims, wide), &coefficients, &point);
    let mut end = cx.scale(&claim, &Public::<C>::integer(-1));
    let mut columns = Vec::with_capacity(weights.len());
    for weight in &weights {
        let value = cx.receive("column")?;
        cx.add(&mut end, weight, &value);
        columns.push(value);
    }
    cx.assert_zero(end, "claim reduction")?;
    let mask = cx.receive("mask")?;
    let combination = cx.open(&point)?;
    let mut check = cx.zero();
    cx.add_public(&mut check, &(combination.value * Public::<C>::integer(-1)));
    cx.add(&mut check, &Public::<C>::integer(1), &mask);
    for (coefficient, column) in combination.coefficients.iter().zip(&columns) {
        cx.add(&mut check, coefficient, column);
    }
    if combination.coefficients.len() != columns.len() {
        return Err(VerifyError::Unequal { check: "number of columns" });
    }
    cx.assert_zero(check, "column combination")
}
