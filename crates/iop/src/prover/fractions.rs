//! The lookup argument by a tree of fractions: all layers, and the sumcheck of each.

use alloc::vec;
use alloc::vec::Vec;

use p3_field::{
    ExtensionField, Field, PackedValue, PrimeCharacteristicRing, PrimeField, batch_multiplicative_inverse,
};

use super::grid::{self, Axes, Pack};
use super::{Channel, Prover};
use crate::claims::PointId;
use crate::eq::{cube_variables, eq_table, eq_vertex, num_variables};
use crate::error::ProveError;
use crate::fractions::Leaves;
use crate::functional::product_table;
use crate::parallel;
use crate::system::{Fraction, System};

/// One tensor of fractions of a layer.
///
/// Beyond its entries all fractions are `0/1`: rows up to an even number, and entries of an axis that is cut.
struct Member<F: Field, K: ExtensionField<F>> {
    /// The position of its block among blocks of this size.
    index: usize,
    /// The numerators, one per row; absent where `data` holds them.
    numerators: Option<Vec<K>>,
    /// Rows of numerators, if they are here, and denominators.
    data: Vec<Pack<F, K>>,
}

/// Tensors of the same axes.
struct Group<F: Field, K: ExtensionField<F>> {
    axes: Axes,
    members: Vec<Member<F, K>>,
}

/// A numerator and a denominator.
type Single<K> = (K, K);
/// The lower and the upper half of a group's rows.
type Halves<'a, F, K> = (&'a [Pack<F, K>], &'a [Pack<F, K>]);
/// A group, and the weights of its rows once they are known.
type Weighted<F, K> = (Group<F, K>, Option<Weights<F, K>>);

/// All nodes of a layer: tensors in descending order of size, and behind them single fractions.
struct Layer<F: Field, K: ExtensionField<F>> {
    groups: Vec<Group<F, K>>,
    tail: Vec<Single<K>>,
}

/// The tree, from the leaves to the root.
pub(super) struct Tree<F: Field, K: ExtensionField<F>> {
    leaves: Leaves,
    /// The layer above the leaves, a third of the tree, is made again when its turn comes, unless it is the root.
    layers: Vec<Option<Layer<F, K>>>,
    root: Single<K>,
}

impl<F: PrimeField, K: ExtensionField<F>> Tree<F, K> {
    /// # Errors
    /// [`ProveError::UnluckyChallenge`] if `alpha` hits a fingerprint.
    pub(super) fn new(system: &System, witness: &[Vec<i32>], alpha: K, beta: K) -> Result<Self, ProveError> {
        let leaves = Leaves::new(system);
        let mut layers = vec![Some(Layer::leaves(system, witness, &leaves, alpha, beta))];
        for height in 1..=leaves.variables {
            let layer = layers[height - 1].as_ref().map(Layer::add_pairs);
            if height == 2 {
                layers[1] = None;
            }
            layers.push(layer);
        }
        let top = layers.last().and_then(Option::as_ref);
        let root = top.and_then(|layer| layer.tail.first()).copied().unwrap_or((K::ZERO, K::ONE));
        if root.1.is_zero() {
            return Err(ProveError::UnluckyChallenge);
        }
        layers.pop();
        Ok(Self { leaves, layers, root })
    }

    /// Takes the topmost layer below the root that is left.
    fn pop(&mut self) -> Option<Layer<F, K>> {
        match self.layers.pop()? {
            Some(layer) => Some(layer),
            None => self.layers.first()?.as_ref().map(Layer::add_pairs),
        }
    }
}

/// Denominators `α − tag − Σ β^j·entry_j`.
struct Fingerprints<K> {
    constant: K,
    /// `−β, −β², …`
    powers: Vec<K>,
}

impl<K: Field> Fingerprints<K> {
    fn new(fraction: &Fraction, alpha: K, beta: K) -> Self {
        let powers = beta.powers().skip(1).take(fraction.tuple.len()).map(|power| -power).collect();
        Self { constant: alpha - K::from_usize(fraction.table + 1), powers }
    }
}

impl<F: PrimeField, K: ExtensionField<F>> Layer<F, K> {
    fn leaves(system: &System, witness: &[Vec<i32>], leaves: &Leaves, alpha: K, beta: K) -> Self {
        let built = parallel::map_tasks(system.fractions.len(), |i| {
            let fraction = &system.fractions[i];
            let fingerprints = Fingerprints::new(fraction, alpha, beta);
            let values = |k: usize| -> Vec<F> {
                let values = system.evaluate(witness, &fraction.tuple[k]);
                values.into_iter().map(F::from_int).collect()
            };
            let numerators = fraction.multiplicity.map(|view| -> Vec<F> {
                let view = &system.views[view.0];
                let counts = view.map.materialize(&witness[view.tensor]);
                counts.into_iter().map(|m| -F::from_int(m)).collect()
            });
            leaf(fraction.shape(), leaves.blocks[i].index, numerators, values, &fingerprints)
        });
        let mut layer = Self { groups: Vec::new(), tail: Vec::new() };
        let mut singles: Vec<(usize, Single<K>)> = Vec::new();
        for leaf in built {
            match leaf {
                Leaf::Single(index, fraction) => singles.push((index, fraction)),
                Leaf::Tensor(axes, member) => layer.add(axes, member),
            }
        }
        layer.prepend(singles);
        layer
    }

    fn add(&mut self, axes: Axes, member: Member<F, K>) {
        match self.groups.iter_mut().find(|g| g.axes == axes) {
            Some(group) => group.members.push(member),
            None => self.groups.push(Group { axes, members: vec![member] }),
        }
    }

    /// Fractions with their positions that come before the others.
    fn prepend(&mut self, mut singles: Vec<(usize, Single<K>)>) {
        singles.sort_by_key(|s| s.0);
        self.tail.splice(0..0, singles.into_iter().map(|s| s.1));
    }

    /// The layer above.
    fn add_pairs(&self) -> Self {
        let tail = self.tail.chunks(2).map(|pair| match *pair {
            [(p, q), (r, s)] => (p * s + r * q, q * s),
            [alone, ..] => alone,
            [] => (K::ZERO, K::ONE),
        });
        let mut layer = Self { groups: Vec::with_capacity(self.groups.len()), tail: tail.collect() };
        let mut singles = Vec::new();
        for group in &self.groups {
            let mut axes = group.axes.clone();
            axes.halve();
            let packs = axes.packs::<F>();
            let mut members = parallel::map_tasks(group.members.len(), |m| group.members[m].add_pairs(packs));
            if axes.rows() == 1 && axes.inner().is_empty() {
                let single = |m: &Member<F, K>| {
                    (m.index, (grid::first::<F, K>(&m.data[0]), grid::first::<F, K>(&m.data[1])))
                };
                singles.extend(members.iter().map(single));
                continue;
            }
            if axes.rows() == 1 {
                let before = axes.clone();
                for member in &mut members {
                    axes = before.clone();
                    member.data = grid::regroup::<F, K>(&mut axes, &member.data, &[K::ZERO, K::ONE]);
                }
            }
            let odd = axes.rows() % 2 == 1;
            for member in members.iter_mut().filter(|_| odd) {
                member.push_rows(axes.packs::<F>(), &[K::ZERO, K::ONE]);
            }
            layer.groups.push(Group { axes, members });
        }
        layer.prepend(singles);
        layer
    }
}

/// A fraction's leaves.
enum Leaf<F: Field, K: ExtensionField<F>> {
    Single(usize, Single<K>),
    Tensor(Axes, Member<F, K>),
}

/// The packs of a grid.
fn packed<F: Field>(values: &[F]) -> &[F::Packing] {
    F::Packing::pack_slice(values)
}

/// Builds the leaves of one fraction from its entries; numerators are 1 where none are given.
fn leaf<F: PrimeField, K: ExtensionField<F>>(
    shape: &[usize],
    index: usize,
    numerators: Option<Vec<F>>,
    values: impl Fn(usize) -> Vec<F>,
    fingerprints: &Fingerprints<K>,
) -> Leaf<F, K> {
    let mut axes = Axes::of_tensor(shape);
    let entries = 0..fingerprints.powers.len();
    if axes.is_empty() {
        let numerator = numerators.map_or(F::ONE, |n| n[0]);
        let terms = entries.map(|k| fingerprints.powers[k] * values(k)[0]);
        return Leaf::Single(index, (K::from(numerator), fingerprints.constant + terms.sum::<K>()));
    }
    let constant = Pack::<F, K>::from(fingerprints.constant);
    // An axis that is cut has padding among its entries, where the fraction is 0/1.
    let valid = axes.is_cut::<F>().then(|| {
        let shape = shape.to_vec();
        grid::arrange(&vec![F::ONE; shape.iter().product()], &shape)
    });
    if valid.is_some() {
        axes.cut::<F>();
    }
    let cells = axes.rows() * axes.packs::<F>();
    let mut denominators: Vec<Pack<F, K>> = match &valid {
        None => vec![constant; cells],
        Some(valid) => {
            let above = constant - Pack::<F, K>::ONE;
            packed(valid).iter().map(|&v| above * v + Pack::<F, K>::ONE).collect()
        }
    };
    for k in entries {
        let power = Pack::<F, K>::from(fingerprints.powers[k]);
        let values = grid::arrange(&values(k), shape);
        denominators.iter_mut().zip(packed(&values)).for_each(|(d, &v)| *d += power * v);
    }
    let numerators = numerators.map(|n| grid::arrange(&n, shape)).or(valid);
    let packs = axes.packs::<F>();
    let mut member = match numerators {
        None => {
            let rows = vec![K::ONE; axes.rows()];
            Member { index, numerators: Some(rows), data: denominators }
        }
        Some(numerators) => {
            let mut data = Vec::with_capacity(2 * cells);
            for (p, q) in packed(&numerators).chunks_exact(packs).zip(denominators.chunks_exact(packs)) {
                data.extend(p.iter().map(|&p| Pack::<F, K>::from(p)));
                data.extend_from_slice(q);
            }
            Member { index, numerators: None, data }
        }
    };
    if axes.rows() % 2 == 1 {
        member.push_rows(packs, &[K::ZERO, K::ONE]);
    }
    Leaf::Tensor(axes, member)
}

impl<F: Field, K: ExtensionField<F>> Member<F, K> {
    /// Appends rows, one per entry of `rows`, without the numerators that are not in `data`.
    fn push_rows(&mut self, packs: usize, rows: &[K]) {
        match &mut self.numerators {
            None => {
                rows.iter().for_each(|&row| self.data.extend((0..packs).map(|_| Pack::<F, K>::from(row))));
            }
            Some(numerators) => {
                for pair in rows.chunks_exact(2) {
                    numerators.push(pair[0]);
                    self.data.extend((0..packs).map(|_| Pack::<F, K>::from(pair[1])));
                }
            }
        }
    }

    /// The sums of pairs of rows, as rows of numerators and denominators of `packs` packs.
    fn add_pairs(&self, packs: usize) -> Self {
        let mut data = Vec::new();
        match &self.numerators {
            None => {
                data.resize(self.data.len() / 2, Pack::<F, K>::ZERO);
                parallel::for_each_chunk(&mut data, 2 * packs, |row, sums| {
                    let unit = &self.data[4 * packs * row..][..4 * packs];
                    let (numerators, denominators) = sums.split_at_mut(packs);
                    for i in 0..packs {
                        let (p0, q0) = (unit[i], unit[packs + i]);
                        let (p1, q1) = (unit[2 * packs + i], unit[3 * packs + i]);
                        numerators[i] = p0 * q1 + p1 * q0;
                        denominators[i] = q0 * q1;
                    }
                });
            }
            Some(rows) => {
                data.resize(self.data.len(), Pack::<F, K>::ZERO);
                parallel::for_each_chunk(&mut data, 2 * packs, |row, sums| {
                    let (q0, q1) = self.data[2 * packs * row..][..2 * packs].split_at(packs);
                    let (numerators, denominators) = sums.split_at_mut(packs);
                    // The second row of a pair may be padding; its denominators are ones then.
                    let both = rows[2 * row + 1] == K::ONE;
                    for i in 0..packs {
                        numerators[i] = if both { q0[i] + q1[i] } else { q1[i] };
                        denominators[i] = q0[i] * q1[i];
                    }
                });
            }
        }
        Self { index: self.index, numerators: None, data }
    }
}

/// The children of one node: `p_0`, `p_1 + λ·q_1`, `q_0`, `q_1`.
type Children<K> = [K; 4];

/// The sumcheck of one layer. A unit holds the children of one row of nodes: the rows `p_0`, `q_0`, `p_1 + λ·q_1`, `q_1`, or
/// `q_0` and `q_1` where numerators stand apart.
struct LayerSumcheck<'r, F: Field, K: ExtensionField<F>> {
    groups: Vec<(Group<F, K>, Weights<F, K>)>,
    tail: Vec<Children<K>>,
    /// The point of the claim, of which `round` coordinates are bound.
    r: &'r [K],
    round: usize,
    batching: K,
}

/// `eq` at the claim's point along the axes within a row of nodes.
struct Weights<F: Field, K: ExtensionField<F>> {
    packs: Vec<Pack<F, K>>,
    sum: K,
}

impl<F: Field, K: ExtensionField<F>> Weights<F, K> {
    /// For axes whose row variables start at `first`.
    fn new(axes: &Axes, r: &[K], first: usize) -> Self {
        let mut start = first + axes.row_variables();
        let mut tables = Vec::with_capacity(axes.inner().len());
        for &n in axes.inner() {
            let end = start + num_variables(n);
            tables.push(eq_table(&r[start..end], n));
            start = end;
        }
        let table = product_table(&tables);
        Self { packs: grid::pack::<F, K>(&table), sum: table.iter().copied().sum() }
    }
}

/// The value at 0 and the leading coefficient of a polynomial of degree 2.
#[derive(Clone, Copy)]
struct Message<T> {
    zero: T,
    leading: T,
}

impl<T: PrimeCharacteristicRing + Copy> Message<T> {
    const ZERO: Self = Self { zero: T::ZERO, leading: T::ZERO };

    fn add_scaled(&mut self, factor: T, other: Self) {
        self.zero += factor * other.zero;
        self.leading += factor * other.leading;
    }
}

impl<'r, F: Field, K: ExtensionField<F>> LayerSumcheck<'r, F, K> {
    fn new(layer: Layer<F, K>, r: &'r [K], batching: K) -> Self {
        let tail = layer.tail.chunks(2).map(|pair| {
            let (p0, q0) = pair[0];
            let (p1, q1) = pair.get(1).copied().unwrap_or((K::ZERO, K::ONE));
            [p0, p1 + batching * q1, q0, q1]
        });
        let tail = tail.collect();
        let mut sumcheck = Self { groups: Vec::new(), tail, r, round: 0, batching };
        let lambda = Pack::<F, K>::from(batching);
        let mut groups = Vec::with_capacity(layer.groups.len());
        for mut group in layer.groups {
            let packs = group.axes.packs::<F>();
            group.axes.halve();
            each_member(&mut group.members, |member| {
                if member.numerators.is_none() {
                    for unit in member.data.chunks_exact_mut(4 * packs) {
                        for i in 0..packs {
                            let q1 = unit[3 * packs + i];
                            unit[2 * packs + i] += lambda * q1;
                        }
                    }
                }
            });
            groups.push((group, None));
        }
        sumcheck.settle(groups);
        sumcheck
    }

    /// Takes groups whose rows were halved: used up axes give way to the next, finished tensors join the tail.
    fn settle(&mut self, groups: Vec<Weighted<F, K>>) {
        let mut finished: Vec<(usize, Children<K>)> = Vec::new();
        for (mut group, mut weights) in groups {
            if group.axes.rows() == 1 && group.axes.inner().is_empty() {
                finished.extend(group.members.iter().map(|m| (m.index, m.children(self.batching))));
                continue;
            }
            if group.axes.rows() == 1 {
                self.next_axis(&mut group);
                weights = None;
            }
            if group.axes.rows() % 2 == 1 {
                let packs = group.axes.packs::<F>();
                for member in &mut group.members {
                    // Where numerators stand apart, λ·q is not in them.
                    let p1 = if member.numerators.is_none() { self.batching } else { K::ZERO };
                    member.push_rows(packs, &[K::ZERO, K::ONE, p1, K::ONE]);
                }
            }
            let weights = weights.unwrap_or_else(|| Weights::new(&group.axes, self.r, self.round));
            self.groups.push((group, weights));
        }
        finished.sort_by_key(|f| f.0);
        self.tail.splice(0..0, finished.into_iter().map(|f| f.1));
    }

    fn next_axis(&self, group: &mut Group<F, K>) {
        let before = group.axes.clone();
        let mut next = before.clone();
        // Numerators that stand apart know of no padding within a row.
        let cut = before.cuts_next::<F>();
        for member in &mut group.members {
            if cut {
                member.inline_numerators(before.packs::<F>(), self.batching);
            }
            next = before.clone();
            let padding = [K::ZERO, K::ONE, self.batching, K::ONE];
            let padding = if member.numerators.is_some() { &[K::ONE; 2][..] } else { &padding[..] };
            member.data = grid::regroup::<F, K>(&mut next, &member.data, padding);
            if let Some(numerators) = &mut member.numerators {
                *numerators = numerators[..2].repeat(next.rows());
            }
        }
        group.axes = next;
    }

    /// The values of the round.
    fn message(&self) -> Message<K> {
        let mut sum = Message { zero: self.batching, leading: K::ZERO };
        let rest = &self.r[self.round + 1..];
        for (group, weights) in &self.groups {
            let variables = group.axes.row_variables();
            let pairs = group.axes.rows().div_ceil(2);
            let rows = eq_table(&rest[..variables - 1], pairs);
            let high = &rest[variables - 1 + group.axes.inner_variables()..];
            let padding = self.batching * weights.sum * rows.iter().copied().sum::<K>();
            let messages = self.member_messages(group, weights, &rows);
            for (member, message) in group.members.iter().zip(messages) {
                let factor = eq_vertex(high, member.index);
                sum.add_scaled(factor, Message { zero: message.zero - padding, ..message });
            }
        }
        let start = self.start_of_tail();
        for (i, pair) in self.tail.chunks(2).enumerate() {
            let factor = eq_vertex(rest, start / 2 + i);
            let zero = node(&pair[0]) - self.batching;
            let absent = absent(self.batching);
            let other = pair.get(1).unwrap_or(&absent);
            let steps: [K; 4] = core::array::from_fn(|k| other[k] - pair[0][k]);
            sum.add_scaled(factor, Message { zero, leading: node(&steps) });
        }
        sum
    }

    /// The number of nodes before the tail.
    fn start_of_tail(&self) -> usize {
        let of = |(group, _): &(Group<F, K>, Weights<F, K>)| {
            group.members.len() << (group.axes.row_variables() + group.axes.inner_variables())
        };
        self.groups.iter().map(of).sum()
    }

    fn member_messages(&self, group: &Group<F, K>, weights: &Weights<F, K>, rows: &[K]) -> Vec<Message<K>> {
        const PACKS_PER_TASK: usize = 1 << 11;
        let packs = group.axes.packs::<F>();
        let per_task = (PACKS_PER_TASK / packs).max(1);
        let tasks = rows.len().div_ceil(per_task);
        let total = tasks * group.members.len();
        let run = |task: usize| {
            let member = &group.members[task / tasks];
            let first = task % tasks * per_task;
            let pairs = first..rows.len().min(first + per_task);
            let mut sum = Message::<Pack<F, K>>::ZERO;
            for pair in pairs {
                let message = member.pair_message(packs, pair, &weights.packs, self.batching);
                sum.add_scaled(Pack::<F, K>::from(rows[pair]), message);
            }
            Message {
                zero: grid::sum_lanes::<F, K>(&sum.zero),
                leading: grid::sum_lanes::<F, K>(&sum.leading),
            }
        };
        let small = rows.len() * packs * group.members.len() < PACKS_PER_TASK;
        let parts: Vec<Message<K>> =
            if small { (0..total).map(run).collect() } else { parallel::map_tasks(total, run) };
        let sum = |parts: &[Message<K>]| {
            parts.iter().fold(Message::ZERO, |sum: Message<K>, part| Message {
                zero: sum.zero + part.zero,
                leading: sum.leading + part.leading,
            })
        };
        parts.chunks(tasks).map(sum).collect()
    }

    fn bind(&mut self, x: K) {
        let mut groups = Vec::with_capacity(self.groups.len());
        for (mut group, weights) in core::mem::take(&mut self.groups) {
            let packs = group.axes.packs::<F>();
            group.axes.halve();
            each_member(&mut group.members, |member| {
                let length = if member.numerators.is_some() { 2 } else { 4 };
                grid::fold::<F, K>(&mut member.data, length * packs, x);
                if let Some(numerators) = &mut member.numerators {
                    let folded = numerators
                        .chunks_exact(4)
                        .flat_map(|n| [n[0] + x * (n[2] - n[0]), n[1] + x * (n[3] - n[1])]);
                    *numerators = folded.collect();
                }
            });
            groups.push((group, Some(weights)));
        }
        let absent = absent(self.batching);
        let tail = self.tail.chunks(2).map(|pair| {
            let other = pair.get(1).unwrap_or(&absent);
            core::array::from_fn(|k| pair[0][k] + x * (other[k] - pair[0][k]))
        });
        self.tail = tail.collect();
        self.round += 1;
        self.settle(groups);
    }
}

/// Calls `f` for every member, in parallel where they are large.
fn each_member<F: Field, K: ExtensionField<F>>(
    members: &mut [Member<F, K>],
    f: impl Fn(&mut Member<F, K>) + Sync + Send,
) {
    const LARGE: usize = 1 << 11;
    if members.iter().map(|m| m.data.len()).sum::<usize>() < LARGE {
        members.iter_mut().for_each(f);
    } else {
        parallel::for_each_chunk(members, 1, |_, members| members.iter_mut().for_each(&f));
    }
}

/// Twice 0/1.
fn absent<K: Field>(batching: K) -> Children<K> {
    [K::ZERO, batching, K::ONE, K::ONE]
}

/// `p_0·q_1 + p_1·q_0 + λ·q_0·q_1`.
fn node<K: Field>(&[p0, s, q0, q1]: &Children<K>) -> K {
    p0 * q1 + s * q0
}

impl<F: Field, K: ExtensionField<F>> Member<F, K> {
    /// The children of the one node that is left.
    fn children(&self, batching: K) -> Children<K> {
        let at = |i: usize| grid::first::<F, K>(&self.data[i]);
        match &self.numerators {
            None => [at(0), at(2), at(1), at(3)],
            Some(p) => [p[0], p[1] + batching * at(1), at(0), at(1)],
        }
    }

    /// Brings numerators that stand apart into the rows.
    fn inline_numerators(&mut self, packs: usize, batching: K) {
        let Some(numerators) = self.numerators.take() else { return };
        let lambda = Pack::<F, K>::from(batching);
        let mut data = Vec::with_capacity(2 * self.data.len());
        for (unit, numerators) in self.data.chunks_exact(2 * packs).zip(numerators.chunks_exact(2)) {
            let (q0, q1) = unit.split_at(packs);
            let (p0, p1) = (Pack::<F, K>::from(numerators[0]), Pack::<F, K>::from(numerators[1]));
            data.extend((0..packs).map(|_| p0));
            data.extend_from_slice(q0);
            data.extend(q1.iter().map(|&q1| p1 + lambda * q1));
            data.extend_from_slice(q1);
        }
        self.data = data;
    }

    /// The message of one pair of rows of nodes, weighted within the row.
    fn pair_message(
        &self,
        packs: usize,
        pair: usize,
        weights: &[Pack<F, K>],
        batching: K,
    ) -> Message<Pack<F, K>> {
        match &self.numerators {
            None => {
                let (low, high) = self.data[8 * packs * pair..][..8 * packs].split_at(4 * packs);
                full_message::<F, K>(packs, low, high, weights)
            }
            Some(numerators) => {
                let (low, high) = self.data[4 * packs * pair..][..4 * packs].split_at(2 * packs);
                let numerators = &numerators[4 * pair..][..4];
                apart_message::<F, K>(packs, (low, high), numerators, weights, batching)
            }
        }
    }
}

fn full_message<F: Field, K: ExtensionField<F>>(
    packs: usize,
    low: &[Pack<F, K>],
    high: &[Pack<F, K>],
    weights: &[Pack<F, K>],
) -> Message<Pack<F, K>> {
    let mut sum = Message::<Pack<F, K>>::ZERO;
    for (i, &weight) in weights.iter().enumerate().take(packs) {
        let at = |rows: &[Pack<F, K>], part: usize| rows[part * packs + i];
        let (p0, q0, s, q1) = (at(low, 0), at(low, 1), at(low, 2), at(low, 3));
        let (dp0, dq0) = (at(high, 0) - p0, at(high, 1) - q0);
        let (ds, dq1) = (at(high, 2) - s, at(high, 3) - q1);
        sum.add_scaled(weight, Message { zero: p0 * q1 + s * q0, leading: dp0 * dq1 + ds * dq0 });
    }
    sum
}

fn apart_message<F: Field, K: ExtensionField<F>>(
    packs: usize,
    (low, high): Halves<'_, F, K>,
    numerators: &[K],
    weights: &[Pack<F, K>],
    batching: K,
) -> Message<Pack<F, K>> {
    let zero = Pack::<F, K>::ZERO;
    let [mut s0, mut s1, mut d0, mut d1] = [zero; 4];
    let mut both = Message::<Pack<F, K>>::ZERO;
    let steps = [numerators[2] - numerators[0], numerators[3] - numerators[1]];
    let level = steps == [K::ZERO; 2];
    for (i, &weight) in weights.iter().enumerate().take(packs) {
        let (q0, q1) = (low[i], low[packs + i]);
        let (dq0, dq1) = (high[i] - q0, high[packs + i] - q1);
        let (wq0, wdq0) = (weight * q0, weight * dq0);
        s0 += wq0;
        s1 += weight * q1;
        both.zero += wq0 * q1;
        both.leading += wdq0 * dq1;
        if !level {
            d0 += wdq0;
            d1 += weight * dq1;
        }
    }
    let mut message = Message::ZERO;
    message.add_scaled(Pack::<F, K>::from(batching), both);
    message.zero += s1 * numerators[0] + s0 * numerators[1];
    if !level {
        message.leading += d1 * steps[0] + d0 * steps[1];
    }
    message
}

impl<F: PrimeField, K: ExtensionField<F>> Prover<'_, F, K> {
    /// The lookup argument by a tree; returns the point at its leaves.
    pub(super) fn fractions(&mut self, mut tree: Tree<F, K>) -> Result<Vec<K>, ProveError> {
        let root = tree.root.1;
        self.channel.send("root", root);
        self.channel.send("root inverse", root.inverse());
        let (mut point, mut claim) = (Vec::with_capacity(tree.leaves.variables), (K::ZERO, root));
        while let Some(layer) = tree.pop() {
            (point, claim) = prove_layer(&mut self.channel, layer, &point, claim)?;
        }
        for (fraction, block) in self.system.fractions.iter().zip(&tree.leaves.blocks) {
            let at = &point[..block.variables];
            debug_assert_eq!(block.variables, cube_variables(fraction.shape()));
            for &(_, view) in fraction.tuple.iter().flat_map(|entry| &entry.terms) {
                self.evaluate(view, PointId::Lookups, at);
            }
            if let Some(view) = fraction.multiplicity {
                self.evaluate(view, PointId::Lookups, at);
            }
        }
        Ok(point)
    }
}

/// Proves the claim on one layer at `r` and returns the point and the claim of the layer below.
fn prove_layer<F: Field, K: ExtensionField<F>>(
    channel: &mut Channel<'_, F, K>,
    layer: Layer<F, K>,
    r: &[K],
    (p, q): (K, K),
) -> Result<(Vec<K>, (K, K)), ProveError> {
    let batching = channel.challenge("fraction batching");
    if r.iter().any(|r| r.is_zero()) {
        return Err(ProveError::UnluckyChallenge);
    }
    let inverses = batch_multiplicative_inverse(r);
    let mut claim = p + batching * q;
    let mut sumcheck = LayerSumcheck::<F, K>::new(layer, r, batching);
    let mut point = Vec::with_capacity(r.len() + 1);
    for (&r, &inverse) in r.iter().zip(&inverses) {
        let Message { zero, leading } = sumcheck.message();
        let difference = (claim - zero) * inverse;
        channel.send("round", difference);
        channel.send("round", leading);
        let x = channel.challenge("sumcheck");
        claim += difference * (x - r) + leading * x * (x - K::ONE);
        sumcheck.bind(x);
        point.push(x);
    }
    let [p0, s, q0, q1] = sumcheck.tail.first().copied().unwrap_or(absent(batching));
    let p1 = s - batching * q1;
    [p0, p1, q0, q1].into_iter().for_each(|value| channel.send("fraction", value));
    let child = channel.challenge("fraction child");
    point.insert(0, child);
    Ok((point, (p0 + child * (p1 - p0), q0 + child * (q1 - q0))))
}

#[cfg(test)]
mod tests {
    use p3_field::extension::QuinticTrinomialExtensionField;
    use p3_field::integers::QuotientMap;
    use p3_field::{BasedVectorSpace, PrimeCharacteristicRing};
    use p3_koala_bear::KoalaBear;
    use zkml_ir::Interval;

    use super::*;
    use crate::prover::Pads;
    use crate::prover::bind::pad;
    use crate::system::{Affine, Declared, Home, ViewId};
    use crate::transcript::Transcript;

    type F = KoalaBear;
    type K = QuinticTrinomialExtensionField<KoalaBear>;

    /// Challenges that depend on nothing.
    struct Dice(u64);

    impl Transcript<F, K> for Dice {
        fn absorb_bytes(&mut self, _: &'static str, _: &[u8]) {}

        fn absorb_scalars(&mut self, _: &'static str, _: &[K]) {}

        fn challenge(&mut self, _: &'static str) -> K {
            K::from_basis_coefficients_fn(|_| {
                self.0 =
                    self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                F::from_u32((self.0 >> 33) as u32)
            })
        }
    }

    /// A system of one fraction per shape, every second one with multiplicities.
    fn system(shapes: &[&[usize]]) -> (System, Vec<Vec<i32>>) {
        let (mut system, mut witness) = (System::default(), Vec::new());
        let mut tensor = |system: &mut System, shape: &[usize], seed: i32| -> ViewId {
            let size: usize = shape.iter().product();
            witness.push((0..size as i32).map(|i| (i * 37 + seed * 11) % 1009).collect());
            let (name, shape) = ("tensor".into(), shape.to_vec());
            let tensor =
                system.declare(Declared { name, shape, range: Interval::unsigned(10), home: Home::Witness });
            system.whole(tensor)
        };
        for (i, shape) in shapes.iter().enumerate() {
            let entry = |view| Affine::view(shape, view).plus_constant(3);
            let tuple = (0..=i % 2).map(|k| entry(tensor(&mut system, shape, (i + k) as i32))).collect();
            let multiplicity = (i % 2 == 1).then(|| tensor(&mut system, shape, 5));
            system.fractions.push(Fraction { name: "fraction".into(), multiplicity, table: i, tuple });
        }
        (system, witness)
    }

    /// The multilinear extension of values on a cube.
    fn extension(mut table: Vec<K>, point: &[K]) -> K {
        point.iter().for_each(|&x| crate::sumcheck::fold(&mut table, x));
        table[0]
    }

    /// The claims at the leaves, and the sum, entry by entry.
    fn by_hand(
        (system, witness): (&System, &[Vec<i32>]),
        leaves: &Leaves,
        (alpha, beta): (K, K),
        point: &[K],
    ) -> (Single<K>, K) {
        let (mut claim, mut sum) = ((K::ZERO, K::ONE), K::ZERO);
        for (fraction, block) in system.fractions.iter().zip(&leaves.blocks) {
            let size = fraction.shape().iter().product();
            let mut q = vec![alpha - K::from_usize(fraction.table + 1); size];
            for (entry, power) in fraction.tuple.iter().zip(beta.powers().skip(1)) {
                let values = system.evaluate(witness, entry);
                q.iter_mut().zip(values).for_each(|(q, v)| *q -= power * F::from_int(v));
            }
            let p: Vec<K> = match fraction.multiplicity {
                None => vec![K::ONE; size],
                Some(view) => {
                    let counts = &witness[system.views[view.0].tensor];
                    counts.iter().map(|&m| -K::from(F::from_int(m))).collect()
                }
            };
            sum += p.iter().zip(&q).map(|(&p, q)| p * q.inverse()).sum::<K>();
            let (low, high) = point.split_at(block.variables);
            let weight = eq_vertex(high, block.index);
            claim.0 += weight * extension(pad(p, fraction.shape(), K::ZERO), low);
            claim.1 += weight * (extension(pad(q, fraction.shape(), K::ONE), low) - K::ONE);
        }
        (claim, sum)
    }

    #[test]
    fn layers_of_every_shape_reduce_to_what_the_leaves_are() {
        let long = 64 * grid::width::<F>() + 3;
        for shapes in [
            &[&[1usize, 1][..]][..],
            &[&[], &[1], &[2]],
            &[&[3]],
            &[&[5, 3], &[7], &[3, 5], &[15]],
            &[&[17], &[33], &[grid::width::<F>() * 2], &[grid::width::<F>() * 5 + 1]],
            &[&[long], &[1, long, 1], &[2, 3]],
            &[&[2, 3, 5, 7], &[7, 5, 3, 2], &[2, 3, 5, 7], &[70, 3], &[3, 70], &[1]],
            &[&[40, 9, 2], &[40, 9, 2], &[1, 100, 3], &[100, 1, 3], &[130, 2], &[2, 130]],
        ] {
            let (system, witness) = system(shapes);
            let mut dice = Dice(shapes.len() as u64);
            let (alpha, beta) = (dice.challenge("alpha"), dice.challenge("beta"));
            let mut tree = Tree::<F, K>::new(&system, &witness, alpha, beta).unwrap();
            let (p, q) = tree.root;
            let (mut point, mut claim) = (Vec::new(), (p, q));
            let mut channel = Channel::new(&mut dice, Pads::None);
            while let Some(layer) = tree.pop() {
                (point, claim) = prove_layer(&mut channel, layer, &point, claim).unwrap();
            }
            let (expected, sum) = by_hand((&system, &witness), &tree.leaves, (alpha, beta), &point);
            assert_eq!(claim, expected, "{shapes:?}");
            assert_eq!(p * q.inverse(), sum, "{shapes:?}");
        }
    }

    #[test]
    fn a_challenge_that_hits_a_fingerprint_makes_no_proof() {
        let (system, witness) = system(&[&[4, 5]]);
        let beta = K::TWO;
        let alpha = K::ONE + beta * F::from_int(witness[0][7] + 3);
        let tree = Tree::<F, K>::new(&system, &witness, alpha, beta);
        assert!(matches!(tree, Err(ProveError::UnluckyChallenge)));
    }
}
