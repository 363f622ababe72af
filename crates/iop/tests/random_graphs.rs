//! Random graphs of random operators: honest proofs verify, and a changed witness verifies only where no relation minds.

#![allow(clippy::unwrap_used, reason = "tests")]

mod clear;

use clear::sketch::{Dice, I8, Sketch, U8};
use clear::{Case, FIELD};
use proptest::prelude::*;
use zkml_iop::builder::Visibility::{self, Private, Public};
use zkml_iop::builder::{Shape, build_system};
use zkml_iop::system::Home;
use zkml_ir::ops::{
    Activation, ArgMax, AxisMap, Concat, Conv, Einsum, Gather, Linear, Lookup, Max, Ranked, ReduceSum,
    Requantize, Reshape, Softmax, TopK, View,
};
use zkml_ir::{Graph, Interval, Op, Table, TensorId};

/// One random step: the operator's number and the dice for its parameters.
type Step = (u8, u64);

/// Adds an operator to the graph, if it fits the tensor.
fn step(s: &mut Sketch, x: TensorId, (op, seed): Step) -> Option<TensorId> {
    let mut dice = Dice(seed);
    let mut below = |n: usize| dice.roll(Interval::new(0, n as i64 - 1)) as usize;
    let info = s.graph.tensor(x).clone();
    let (shape, rank) = (info.shape.clone(), info.shape.len());
    let axis = below(rank.max(1));
    match op % 17 {
        0 => {
            let coefficients = vec![below(5) as i64 - 2, 3];
            add(s, Op::Linear(Linear { coefficients, constant: below(9) as i64 - 4 }), &[x, x])
        }
        1 => {
            let mut order: Vec<usize> = (0..rank).collect();
            order.rotate_left(axis);
            add(s, Op::View(View::transpose(&shape, &order)), &[x])
        }
        2 => add(s, padded(&shape, axis, below(3), below(9) as i64 - 4), &[x]),
        3 => {
            let repeated = [&[2], shape.as_slice()].concat();
            add(s, Op::View(View::broadcast(&shape, &repeated)), &[x])
        }
        4 => {
            let size: usize = shape.iter().product();
            let divisor = (1..=size).filter(|d| size.is_multiple_of(*d)).nth(below(2)).unwrap_or(1);
            add(s, Op::Reshape(Reshape { shape: vec![size / divisor, divisor] }), &[x])
        }
        5 => {
            let length = *shape.get(axis)?;
            let indices = (0..1 + below(4)).map(|_| below(length) as u32).collect();
            add(s, Op::Gather(Gather { axis, indices }), &[x])
        }
        6 => add(s, Op::Concat(Concat { axis }), &[x, x]),
        7 => add(s, Op::ReduceSum(ReduceSum { axes: vec![axis] }), &[x]),
        8 => {
            let square = add(s, Op::Einsum(Einsum::elementwise(rank)), &[x, x])?;
            requantized(s, square, &mut below)
        }
        9 => {
            let (last, labels) = (*shape.last()?, (0..rank as u8).collect::<Vec<_>>());
            let w = s.weight(&[1 + below(4), last], I8);
            let out = [&labels[..rank - 1], &[rank as u8]].concat();
            let acc =
                add(s, Op::Einsum(Einsum { a: labels, b: vec![rank as u8, rank as u8 - 1], out }), &[x, w])?;
            requantized(s, acc, &mut below)
        }
        10 => {
            let [_, channels, _, _] = shape[..] else { return None };
            let groups = if channels % 2 == 0 { 1 + below(2) } else { 1 };
            let w = s.weight(&[2 * groups, channels / groups, 2, 1 + below(2)], I8);
            let op = Conv {
                strides: vec![1 + below(2), 1],
                dilations: vec![1, 1 + below(2)],
                pads: vec![(below(2), 1), (1, below(2))],
                groups,
                transposed: (below(3) == 0).then(|| vec![0, below(2)]),
            };
            let acc = add(s, Op::Conv(op), &[x, w])?;
            requantized(s, acc, &mut below)
        }
        11 => {
            let length = usize::try_from(info.range.len()).ok().filter(|&n| n <= 1 << 10)?;
            let values = (0..length).map(|_| below(200) as i32 - 100).collect();
            let table = Table { name: format!("table {seed}"), start: info.range.lo, values };
            let table = s.graph.add_table(table).ok()?;
            add(s, Op::Lookup(Lookup { table }), &[x])
        }
        12 => add(s, Op::Max(Max {}), &[x]),
        13 => {
            let length = usize::try_from(info.range.len()).ok().filter(|&n| n <= 1 << 10)?;
            let values = (0..length).map(|d| (90 >> (d / 8).min(20)) + i32::from(d == 0)).collect();
            let table = s.graph.add_table(Table { name: "exp".into(), start: 0, values }).ok()?;
            add(s, Op::Softmax(Softmax { table, bits: 5 }), &[x])
        }
        14 => {
            let index = add(s, Op::ArgMax(ArgMax {}), &[x])?;
            requantized(s, index, &mut below)
        }
        15 => {
            let ranked = [Ranked::Values, Ranked::Positions][below(2)];
            add(s, Op::TopK(TopK { k: 1 + below(3), ranked }), &[x])
        }
        _ => requantized(s, x, &mut below),
    }
}

/// A pad or a cut along one axis.
fn padded(shape: &[usize], axis: usize, pad: usize, fill: i64) -> Op {
    let mut view = shape.to_vec();
    let mut axes: Vec<AxisMap> = (0..shape.len() as u32).map(AxisMap::identity).collect();
    if let Some(length) = view.get_mut(axis) {
        *length += pad;
        axes[axis].offset = 1 - pad as i64;
    }
    Op::View(View { shape: view, axes, fill })
}

/// A requantisation with a domain that holds every quotient.
fn requantized(s: &mut Sketch, x: TensorId, below: &mut impl FnMut(usize) -> usize) -> Option<TensorId> {
    let range = s.graph.tensor(x).range;
    let shift = below(12) as u32;
    let half = if shift == 0 { 0 } else { 1 << (shift - 1) };
    let domain = Interval::new((range.lo + half) >> shift, (range.hi + half) >> shift);
    let clamp = [U8, I8, Interval::new(-5, 11), domain][below(4)];
    let op = Requantize { shift, domain, activation: Activation::Clamp(clamp) };
    add(s, Op::Requantize(op), &[x])
}

/// Adds a node if it stays small and has a relation.
fn add(s: &mut Sketch, op: Op, operands: &[TensorId]) -> Option<TensorId> {
    const MAX_SIZE: usize = 96;
    let mut graph = s.graph.clone();
    let name = format!("{}_{}", op.semantics().name(), graph.tensors().len());
    let y = graph.add_node(&name, op, operands).ok()?;
    let small = graph.tensor(y).num_elements() <= MAX_SIZE && graph.tensor(y).shape.len() <= 5;
    (small && provable(&graph, y)).then(|| s.graph = graph).map(|()| y)
}

fn provable(graph: &Graph, output: TensorId) -> bool {
    let mut graph = graph.clone();
    graph.add_output("y", output, 1.0).unwrap();
    let shape = Shape { batch: 1, inputs: vec![Private], outputs: vec![Public] };
    build_system(&graph, &shape, FIELD).is_ok()
}

/// What a random statement is made from.
#[derive(Clone, Debug)]
struct Recipe {
    shape: Vec<usize>,
    steps: Vec<Step>,
    batch: usize,
    visible: (Visibility, Visibility),
}

impl Recipe {
    fn statement(&self) -> Case {
        let mut s = Sketch::new();
        let mut x = s.input(&self.shape, Interval::signed(6));
        for &at in &self.steps {
            let before = s.clone();
            match step(&mut s, x, at) {
                Some(y) => x = y,
                None => s = before,
            }
        }
        s.case(x, self.batch, self.visible)
    }
}

fn recipes() -> impl Strategy<Value = Recipe> {
    let image = (1usize..3, 1usize..4).prop_map(|(channels, n)| vec![1, channels, n, 3]);
    let shape = prop_oneof![prop::collection::vec(1usize..5, 1..4), image];
    let visible = || prop_oneof![Just(Private), Just(Public)];
    let steps = prop::collection::vec(any::<Step>(), 1..6);
    (shape, steps, 1usize..4, (visible(), visible())).prop_map(|(shape, steps, batch, visible)| Recipe {
        shape,
        steps,
        batch,
        visible,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn honest_proofs_of_random_graphs_verify(recipe in recipes()) {
        let case = recipe.statement();
        prop_assert_eq!(case.forge().broken(), Vec::<String>::new());
        case.assert_complete();
    }

    #[test]
    fn a_changed_witness_verifies_only_if_every_relation_still_holds(
        recipe in recipes(),
        tensor in any::<prop::sample::Index>(),
        entry in any::<prop::sample::Index>(),
        change in -300i32..300,
        recount in any::<bool>(),
    ) {
        let case = recipe.statement();
        let forgeable: Vec<usize> = (0..case.system.tensors.len())
            .filter(|&i| matches!(case.system.tensors[i].home, Home::Witness | Home::Weight(_)))
            .collect();
        prop_assume!(!forgeable.is_empty() && change != 0);
        let mut forged = case.forge();
        let tensor = *tensor.get(&forgeable);
        let entries = &mut forged.witness[tensor];
        let entry = entry.index(entries.len());
        entries[entry] += change;
        if recount {
            forged.recount();
        }
        let registered = matches!(case.system.tensors[tensor].home, Home::Witness);
        // Recounting repairs a multiplicity; other changes may leave every relation intact, such as a shared indicator.
        let holds = forged.broken().is_empty() && (registered || forged.witness == case.witness);
        prop_assert_eq!(forged.verdict().is_ok(), holds);
    }
}
