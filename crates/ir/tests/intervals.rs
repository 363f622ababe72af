//! Intervals hold every integer that an operator can produce: the range rule of the proof rests on them.

use zkml_ir::ops::{Einsum, Linear};
use zkml_ir::{Graph, Interval, Op};

#[test]
fn a_cap_on_rows_does_not_bound_sums_over_several_rows() {
    let mut graph = Graph::new();
    let x = graph.add_input("x", vec![3, 4], Interval::unsigned(8), 1.0).unwrap();
    let w = graph.add_weight("w", vec![3, 4], Interval::signed(8), Some(10)).unwrap();
    for (out, reach) in [(vec![0], 2550), (vec![1], 3 * 128 * 255), (vec![], 12 * 128 * 255)] {
        for operands in [[x, w], [w, x]] {
            let op = Op::Einsum(Einsum { a: vec![0, 1], b: vec![0, 1], out: out.clone() });
            let y = graph.add_node("y", op, &operands).unwrap();
            assert_eq!(graph.tensor(y).range.lo, -reach);
        }
    }
}

#[test]
fn sums_that_saturate_on_the_way_are_refused() {
    let mut graph = Graph::new();
    let x = graph.add_input("x", vec![1], Interval::point(1 << 29), 1.0).unwrap();
    // Sixteen terms of 2^60 saturate; eight subtracted again leave −1 of what is 2^63.
    let coefficients = [vec![1 << 31; 16], vec![-(1 << 31); 8]].concat();
    let operands = vec![x; coefficients.len()];
    graph.add_node("y", Op::Linear(Linear { coefficients, constant: 0 }), &operands).unwrap_err();
}
