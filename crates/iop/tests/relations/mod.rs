//! A malicious prover that breaks exactly one relation is refused.
//!
//! It owns the witness, recounts the multiplicities, and states whatever outputs suit it. Beside the refusal, every test
//! names the relations that its witness breaks: with any of them missing from the system, the forgery would be a proof.
//!
//! The tests are the same for every commitment: `clear`, of the test binary, says what a case is and who verifies it.

use zkml_iop::builder::Visibility::{self, Private, Public};
use zkml_ir::ops::{
    Activation, ArgMax, AxisMap, Concat, Conv, Einsum, Gather, Linear, Lookup, Max, Ranked, ReduceSum,
    Requantize, Reshape, Softmax, TopK, View,
};
use zkml_ir::{Interval, Op, Table};

use crate::clear::Case;
use crate::clear::forgery::{self, Forgery};
use crate::clear::sketch::{I8, Sketch, U8, conv, gemm};

/// `x·w`, requantised.
pub(crate) fn requantized(shift: u32, domain: Interval, activation: Activation, output: Visibility) -> Case {
    let mut s = Sketch::new();
    let x = s.input(&[1, 4], U8);
    let w = s.weight(&[7, 4], I8);
    let acc = s.node(gemm(), &[x, w]);
    let y = s.node(Op::Requantize(Requantize { shift, domain, activation }), &[acc]);
    s.case(y, 1, (Private, output))
}

/// A requantisation by limbs, and an entry that is neither clamped nor at an end.
pub(crate) fn relu(shift: u32) -> (Case, usize) {
    let case = requantized(shift, Interval::new(-2048, 2047), Activation::Clamp(U8), Public);
    let mut f = case.forge();
    let inside = f.at(RELU, CLASS).iter().position(|&k| k == 1).unwrap();
    assert!((2..254).contains(&f.at(RELU, V)[inside]));
    (case, inside)
}

pub(crate) const RELU: &str = "Requantize_3";
pub(crate) const CLASSES: &str = "clamp class of [-8, 7]";
const OUTPUTS: &str = "clamp to [0, 255]";
/// The tensors of a requantisation by limbs.
pub(crate) const U: usize = 0;
pub(crate) const CLASS: usize = 1;
pub(crate) const V: usize = 2;
pub(crate) const OUT: usize = 3;
pub(crate) const REST: usize = 4;

#[test]
fn a_remainder_off_by_one_is_refused() {
    let (case, _) = relu(7);
    for entry in 0..7 {
        let mut f = case.forge();
        f.at(RELU, REST)[entry] ^= 1;
        f.assert_breaks(&[RELU]);
    }
}

#[test]
fn a_quotient_too_small_by_one_that_its_remainder_makes_up_for_is_refused() {
    let (case, i) = relu(7);
    let mut f = case.forge();
    f.at(RELU, V)[i] -= 1;
    f.at(RELU, OUT)[i] -= 1;
    f.output()[i] -= 1;
    f.at(RELU, REST)[i] += 128;
    f.assert_breaks(&["range 128"]);
}

#[test]
fn an_output_that_is_not_the_clamped_quotient_is_refused() {
    let (case, i) = relu(7);
    for change in [-1, 1] {
        let mut f = case.forge();
        f.at(RELU, OUT)[i] += change;
        f.output()[i] += change;
        f.assert_breaks(&[OUTPUTS]);
    }
}

#[test]
fn a_quotient_in_the_wrong_class_of_its_clamp_is_refused() {
    let (case, i) = relu(7);
    for (class, out) in [(0, 0), (2, 255)] {
        let mut f = case.forge();
        f.at(RELU, CLASS)[i] = class;
        f.at(RELU, OUT)[i] = out;
        f.output()[i] = out;
        f.assert_breaks(&[CLASSES]);
    }
}

#[test]
fn a_digit_beyond_its_width_that_the_next_one_makes_up_for_is_refused() {
    let (case, i) = relu(7);
    let mut f = case.forge();
    f.at(RELU, V)[i] += 256;
    f.at(RELU, U)[i] -= 1;
    f.at(RELU, CLASS)[i] = 0;
    f.at(RELU, OUT)[i] = 0;
    f.output()[i] = 0;
    f.assert_breaks(&[OUTPUTS]);
}

#[test]
fn a_limb_of_a_remainder_out_of_range_is_refused() {
    let (case, inside) = relu(10);
    let middle = case.forge().at(RELU, REST + 1).iter().position(|h| (1..3).contains(h)).unwrap();
    for carry in [1, -1] {
        let mut f = case.forge();
        f.at(RELU, REST)[middle] += 256 * carry;
        f.at(RELU, REST + 1)[middle] -= carry;
        f.assert_breaks(&["range 256"]);
    }
    let mut f = case.forge();
    f.at(RELU, REST + 1)[inside] += 4;
    f.at(RELU, V)[inside] -= 1;
    f.at(RELU, OUT)[inside] -= 1;
    f.output()[inside] -= 1;
    f.assert_breaks(&["range 4"]);
}

#[test]
fn a_row_that_no_table_of_an_activation_holds_is_refused() {
    let domain = Interval::new(-1024, 1023);
    let case = requantized(7, domain, Activation::Clamp(Interval::new(-3, 5)), Public);
    for entry in 0..7 {
        let mut f = case.forge();
        let change = if f.output()[entry] == 5 { -1 } else { 1 };
        f.at(RELU, 1)[entry] += change;
        f.output()[entry] += change;
        f.assert_breaks(&["clamp [-3, 5]"]);
    }
    let mut f = case.forge();
    // Another row of the table: its argument is not the quotient.
    f.at(RELU, 0)[2] = 0;
    f.at(RELU, 1)[2] = 0;
    f.output()[2] = 0;
    f.assert_breaks(&[RELU]);
}

pub(crate) fn squares() -> Case {
    let mut s = Sketch::new();
    let x = s.input(&[2, 3], I8);
    let values = (-128..128).map(|v| v * v / 64).collect();
    let table = s.graph.add_table(Table { name: "square".into(), start: -128, values }).unwrap();
    let y = s.node(Op::Lookup(Lookup { table }), &[x]);
    s.on(y, &[1, 90, -128, 127, 0, 64], Public)
}

#[test]
fn a_value_that_is_not_the_tables_is_refused() {
    let case = squares();
    let mut f = case.forge();
    f.at("Lookup_1", 0)[1] += 1;
    f.output()[1] += 1;
    f.clone().assert_breaks(&["square"]);
    // The missing tuple counted as some other row.
    for row in [0, 218, 255] {
        let mut f = f.clone();
        f.recount();
        f.at("square multiplicity", 0)[row] += 1;
        f.verdict().unwrap_err();
    }
}

#[test]
fn multiplicities_that_do_not_count_lookups_are_refused() {
    let case = squares();
    for change in [1, -1] {
        let mut f = case.forge();
        f.at("square multiplicity", 0)[7] += change;
        assert_eq!(f.broken(), ["square multiplicity"]);
        f.verdict().unwrap_err();
    }
}

#[test]
fn a_forged_row_of_a_table_is_refused() {
    let case = squares();
    let mut system = case.system.clone();
    let column = system.tables.iter().find(|t| t.name == "square").unwrap().columns[1];
    let mut f = case.forge();
    f.at("Lookup_1", 0)[1] += 1;
    f.output()[1] += 1;
    // Row 218 holds the argument 90; the prover computes with a table of its own.
    f.witness[column][218] += 1;
    system.tensors[column].home = zkml_iop::system::Home::Constant(f.witness[column].clone());
    f.recount();
    assert_eq!(forgery::broken(&system, &f.witness), [""; 0]);
    case.verdict_under(&system, &f.witness).unwrap_err();
}

#[test]
fn a_private_input_outside_of_its_interval_is_refused() {
    let input = |range: Interval, honest: i32| {
        let mut s = Sketch::new();
        let x = s.input(&[3], range);
        s.graph.add_output("y", x, 1.0).unwrap();
        let model = zkml_ir::Model::new(s.graph, vec![]).unwrap();
        let sample = zkml_ir::Tensor { shape: vec![3], data: vec![honest; 3] };
        Case::new(model, &[vec![sample]], (Private, Private))
    };
    let byte = input(U8, 255);
    for value in [256, -1, i32::MAX] {
        let mut f = byte.forge();
        f.at("x", 0)[1] = value;
        f.assert_breaks(&["range 256"]);
    }
    // 12 bits in limbs of 8 and 4, and 12 bits for the distance to the end.
    let limbs = input(Interval::new(0, 2999), 2999);
    for (x, low, high, distance, broken) in [
        (3000, 184, 11, -1, &["range 256"][..]),
        (3000, 184, 11, 0, &["x"]),
        (4096, 0, 16, -1097, &["range 16", "range 256"]),
        (-1, -1, 0, 3000, &["range 256"]),
        (-1, 255, -1, 3000, &["range 16", "range 256"]),
    ] {
        let mut f = limbs.forge();
        f.at("x", 0)[1] = x;
        f.at("x", 1)[1] = low;
        f.at("x", 2)[1] = high;
        f.at("x", 3)[1] = distance;
        f.assert_breaks(broken);
    }
}

pub(crate) fn softmax(output: Visibility) -> Case {
    let mut s = Sketch::new();
    let x = s.input(&[2, 4], Interval::unsigned(4));
    let values = (0..16).map(|d| 60 - 3 * d).collect();
    let table = s.graph.add_table(Table { name: "exp".into(), start: 0, values }).unwrap();
    let y = s.node(Op::Softmax(Softmax { table, bits: 5 }), &[x]);
    s.on(y, &[3, 9, 9, 2, 0, 1, 12, 4], output)
}

pub(crate) const SOFTMAX: &str = "Softmax_1";
const REMAINDERS: &str = "range 240";
/// The tensors of a softmax.
pub(crate) const TOP: usize = 0;
pub(crate) const CHOSEN: usize = 1;
pub(crate) const E: usize = 2;
pub(crate) const Y: usize = 3;
pub(crate) const REM: usize = 4;

/// Recomputes a row of a softmax from a maximum and exponentials of the attacker's choice.
fn redo(f: &mut Forgery<'_>, row: usize, top: i32, e: [i32; 4], sum: i32) {
    f.at(SOFTMAX, TOP)[row] = top;
    for (i, e) in e.into_iter().enumerate() {
        let at = 4 * row + i;
        f.at(SOFTMAX, E)[at] = e;
        f.at(SOFTMAX, Y)[at] = 32 * e / sum;
        f.output()[at] = 32 * e / sum;
        f.at(SOFTMAX, REM)[at] = 32 * e % sum;
    }
}

#[test]
fn a_softmax_around_no_entry_is_refused() {
    let case = softmax(Public);
    let mut f = case.forge();
    let e = [3, 9, 9, 2].map(|x| 60 - 3 * (10 - x));
    redo(&mut f, 0, 10, e, e.iter().sum());
    f.assert_breaks(&[SOFTMAX]);
}

#[test]
fn a_softmax_around_a_smaller_entry_is_refused() {
    let case = softmax(Public);
    let mut f = case.forge();
    let e = [60 - 3 * 4, 60 - 3 * 3, 60, 60];
    redo(&mut f, 1, 4, e, e.iter().sum());
    f.at(SOFTMAX, CHOSEN)[4..].copy_from_slice(&[0, 0, 0, 1]);
    f.assert_breaks(&["exp"]);
}

#[test]
fn an_exponential_that_is_not_the_tables_is_refused() {
    let case = softmax(Public);
    let mut f = case.forge();
    let e = [3, 9, 9, 2].map(|x| 60 - 3 * (9 - x));
    let forged = [e[0] + 1, e[1], e[2], e[3]];
    redo(&mut f, 0, 9, forged, forged.iter().sum());
    f.assert_breaks(&["exp"]);
}

#[test]
fn a_softmax_that_sums_wrongly_is_refused() {
    let case = softmax(Public);
    let mut f = case.forge();
    let e = [3, 9, 9, 2].map(|x| 60 - 3 * (9 - x));
    redo(&mut f, 0, 9, e, e.iter().sum::<i32>() - 30);
    f.assert_breaks(&[SOFTMAX]);
}

#[test]
fn a_softmax_with_a_remainder_out_of_range_is_refused() {
    let case = softmax(Public);
    for change in [1, -1] {
        let mut f = case.forge();
        let sum: i32 = f.at(SOFTMAX, E)[..4].iter().sum();
        f.at(SOFTMAX, Y)[1] += change;
        f.output()[1] += change;
        f.at(SOFTMAX, REM)[1] -= change * sum;
        f.assert_breaks(&[REMAINDERS]);
    }
    // A remainder beyond the sum, yet below the greatest sum.
    let mut f = case.forge();
    let sum: i32 = f.at(SOFTMAX, E)[4..].iter().sum();
    f.at(SOFTMAX, Y)[4] -= 1;
    f.output()[4] -= 1;
    f.at(SOFTMAX, REM)[4] += sum;
    assert!(f.at(SOFTMAX, REM)[4] < 240);
    f.assert_breaks(&[REMAINDERS]);
    let mut f = case.forge();
    f.at(SOFTMAX, REM)[1] += 1;
    f.assert_breaks(&[SOFTMAX]);
}

const MATCHES: &str = "positive part of [-255, 255]";

/// Maxima of rows of five entries: the winners of two pairs, of those, and of the last match.
fn tournament() -> Case {
    let mut s = Sketch::new();
    let x = s.input(&[64, 5], U8);
    let y = s.node(Op::Max(Max {}), &[x]);
    let entries: Vec<i32> = (0..320).map(|i| i * 89 % 251 + 2).collect();
    s.on(y, &entries, Public)
}

#[test]
fn a_winner_of_a_tournament_that_is_off_by_one_is_refused() {
    let case = tournament();
    for (round, entry) in [(0, 3), (0, 100), (1, 0), (1, 63), (2, 31)] {
        for change in [-1, 1] {
            let mut f = case.forge();
            f.at("Max_1", round)[entry] += change;
            if round == 2 {
                f.output()[entry] += change;
            }
            f.assert_breaks(&[MATCHES]);
        }
    }
}

#[test]
fn a_loser_of_a_tournament_that_is_declared_its_winner_is_refused() {
    let case = tournament();
    for row in 0..8 {
        let entries: Vec<i32> = case.forge().at("x", 0)[5 * row..5 * row + 5].to_vec();
        let mut f = case.forge();
        // Both entries of the last match, and the greater one again: only that is no forgery.
        let (best, last) = (f.at("Max_1", 1)[row], entries[4]);
        f.at("Max_1", 2)[row] = best.min(last);
        f.output()[row] = best.min(last);
        f.assert_breaks(&[MATCHES]);
    }
}

#[test]
fn a_winner_of_a_tournament_from_another_row_is_refused() {
    let case = tournament();
    let mut f = case.forge();
    let winners = f.at("Max_1", 2).clone();
    let other = (1..64).find(|&row| winners[row] != winners[0]).unwrap();
    f.at("Max_1", 2)[0] = winners[other];
    f.output()[0] = winners[other];
    f.assert_breaks(&[MATCHES]);
}

fn maximum(op: Op) -> Case {
    let mut s = Sketch::new();
    let x = s.input(&[1, 4], U8);
    let y = s.node(op, &[x]);
    s.on(y, &[5, 9, 9, 2], Public)
}

#[test]
fn a_maximum_that_is_no_element_is_refused() {
    let case = maximum(Op::Max(Max {}));
    for chosen in [[0, 1, 0, 0], [0; 4], [2, -1, 0, 0]] {
        let mut f = case.forge();
        f.at("Max_1", 0)[0] = 10;
        f.output()[0] = 10;
        f.at("Max_1", 1).copy_from_slice(&chosen);
        f.assert_breaks(&["Max_1"]);
    }
}

#[test]
fn a_maximum_below_an_element_is_refused() {
    let case = maximum(Op::Max(Max {}));
    let mut f = case.forge();
    f.at("Max_1", 0)[0] = 5;
    f.output()[0] = 5;
    f.at("Max_1", 1).copy_from_slice(&[1, 0, 0, 0]);
    f.assert_breaks(&["range 256"]);
}

#[test]
fn equal_maxima_may_share_the_indicator() {
    let case = maximum(Op::Max(Max {}));
    let mut f = case.forge();
    f.at("Max_1", 1).copy_from_slice(&[0, 2, -1, 0]);
    assert_eq!(f.broken(), [""; 0]);
    f.verdict().unwrap();
}

/// An argmax over `x` with these steps, this maximum and this position.
fn argmax(x: [i32; 4], steps: [i32; 4], top: i32, position: i32, broken: &[&str]) {
    let mut s = Sketch::new();
    let input = s.input(&[1, 4], I8);
    let y = s.node(Op::ArgMax(ArgMax {}), &[input]);
    let case = s.on(y, &x, Public);
    let mut f = case.forge();
    f.at("ArgMax_1", 0).copy_from_slice(&steps);
    f.at("ArgMax_1", 1)[0] = top;
    f.output()[0] = position;
    f.assert_breaks(broken);
}

#[test]
fn an_argmax_that_picks_a_later_equal_entry_is_refused() {
    argmax([5, 9, 9, 2], [1, 1, 1, 0], 9, 2, &["range 256"]);
}

#[test]
fn an_argmax_that_picks_a_smaller_entry_is_refused() {
    argmax([5, 9, 9, 2], [1, 0, 0, 0], 5, 0, &["range 256"]);
    argmax([5, 9, 9, 2], [1, 0, 0, 0], 9, 0, &["ArgMax_1"]);
}

#[test]
fn an_argmax_whose_steps_are_no_bits_is_refused() {
    argmax([5, 9, 9, 2], [1, 1, -1, 0], 9, 0, &["ArgMax_1"]);
}

#[test]
fn an_argmax_whose_steps_rise_again_is_refused() {
    // 9 − 5 + 5: the entries before the last step cancel.
    argmax([9, 5, 5, 2], [1, 0, 1, 0], 9, 1, &["ArgMax_1"]);
}

#[test]
fn an_argmax_that_picks_no_entry_is_refused() {
    argmax([-5, -9, -9, -2], [0, 0, 0, 0], 0, 0, &["ArgMax_1"]);
}

#[test]
fn an_argmax_at_another_position_than_it_picks_is_refused() {
    argmax([5, 9, 9, 2], [1, 1, 0, 0], 9, 2, &["ArgMax_1"]);
}

fn two_greatest(x: [i32; 4], ranked: Ranked) -> Case {
    let mut s = Sketch::new();
    let input = s.input(&[1, 4], Interval::new(0, 100));
    let y = s.node(Op::TopK(TopK { k: 2, ranked }), &[input]);
    s.on(y, &x, Public)
}

/// The two greatest entries of `x`, with picks of the attacker's choice and the bit that says whether they turn back.
fn top_two(x: [i32; 4], picks: [usize; 2], turns_back: i32, broken: &[&str]) {
    let case = two_greatest(x, Ranked::Positions);
    let mut f = case.forge();
    for (row, pick) in picks.into_iter().enumerate() {
        for j in 0..4 {
            f.at("TopK_1", 0)[4 * row + j] = i32::from(j <= pick);
        }
        f.at("TopK_1", 1)[row] = x[pick];
        f.output()[row] = pick as i32;
    }
    f.at("TopK_1", 2)[0] = turns_back;
    f.assert_breaks(broken);
}

#[test]
fn equal_entries_ranked_by_falling_position_are_refused() {
    top_two([5, 9, 9, 2], [2, 1], 0, &["range 8"]);
    top_two([5, 9, 9, 2], [2, 1], 1, &["range 128"]);
}

#[test]
fn greatest_entries_in_ascending_order_are_refused() {
    top_two([5, 9, 3, 2], [0, 1], 0, &["range 128"]);
    top_two([5, 9, 3, 2], [0, 1], 1, &["range 128"]);
}

#[test]
fn an_entry_that_is_ranked_twice_is_refused() {
    top_two([5, 9, 9, 2], [1, 1], 0, &["range 8"]);
    top_two([5, 9, 9, 2], [1, 1], 1, &["range 128"]);
}

#[test]
fn a_ranking_that_leaves_out_a_greater_entry_is_refused() {
    top_two([5, 9, 9, 2], [1, 0], 1, &["range 128"]);
    top_two([5, 9, 7, 2], [0, 2], 0, &["range 128"]);
}

#[test]
fn a_ranking_that_leaves_out_an_earlier_equal_entry_is_refused() {
    top_two([5, 9, 9, 9], [1, 3], 0, &["range 128"]);
}

#[test]
fn a_turn_of_a_ranking_that_is_no_bit_is_refused() {
    top_two([5, 9, 2, 2], [1, 0], 2, &["TopK_1"]);
    top_two([5, 9, 2, 2], [1, 0], 0, &["range 8"]);
}

#[test]
fn ranked_positions_and_values_other_than_the_picks_are_refused() {
    for (ranked, wrong) in [(Ranked::Positions, 3), (Ranked::Values, 8)] {
        let case = two_greatest([5, 9, 9, 2], ranked);
        for entry in 0..2 {
            let mut f = case.forge();
            f.output()[entry] = wrong;
            f.assert_breaks(&["TopK_1"]);
        }
    }
    let case = two_greatest([5, 9, 9, 2], Ranked::Values);
    let mut f = case.forge();
    // No entry, and yet in order.
    f.at("TopK_1", 1)[0] = 10;
    f.output()[0] = 10;
    f.assert_breaks(&["TopK_1"]);
}

fn batch(visible: (Visibility, Visibility)) -> Case {
    let mut s = Sketch::new();
    let x = s.input(&[1, 4], U8);
    let w = s.weight(&[3, 4], I8);
    let y = s.node(gemm(), &[x, w]);
    s.case(y, 2, visible)
}

#[test]
fn outputs_swapped_between_samples_are_refused() {
    let case = batch((Private, Public));
    let mut f = case.forge();
    f.output().rotate_left(3);
    f.assert_breaks(&["Einsum_2"]);
}

#[test]
fn another_public_output_is_refused() {
    let case = batch((Private, Public));
    for entry in 0..6 {
        let mut f = case.forge();
        f.output()[entry] += 1;
        f.assert_breaks(&["Einsum_2"]);
    }
}

#[test]
fn another_public_input_is_refused() {
    let case = batch((Public, Public));
    for entry in 0..8 {
        let mut f = case.forge();
        f.at("x", 0)[entry] ^= 1;
        f.assert_breaks(&["Einsum_2"]);
    }
}

#[test]
fn other_weights_than_the_registered_ones_are_refused() {
    let case = batch((Private, Public));
    let mut f = case.forge();
    f.at("w", 0)[5] += 1;
    for sample in 0..2 {
        let x = f.at("x", 0)[4 * sample + 1];
        f.output()[3 * sample + 1] += x;
    }
    // Every relation holds of these weights: they are just not the committed ones.
    assert_eq!(f.broken(), [""; 0]);
    f.verdict().unwrap_err();
}

/// The statement of one graph, proven with the witness of another and with its whole proof.
fn assert_another_graph(graph: impl Fn(&mut Sketch, bool) -> zkml_ir::TensorId) {
    let [claimed, computed] = [true, false].map(|honest| {
        let mut s = Sketch::new();
        let y = graph(&mut s, honest);
        s.single(y)
    });
    let mut f = claimed.forge();
    f.witness = computed.witness.clone();
    f.recount();
    assert!(!f.broken().is_empty(), "both graphs compute the same");
    f.verdict().unwrap_err();
    let proof = computed.prove(computed.witness.clone());
    computed.verify(&proof).unwrap();
    claimed.verify_public(&claimed.public_of(&computed.witness), &proof).unwrap_err();
}

#[test]
fn a_shifted_window_of_a_convolution_is_refused() {
    for changed in [
        conv([1, 1], [(0, 1), (0, 0)], 1),
        Conv { dilations: vec![2, 1], ..conv([1, 1], [(1, 1), (0, 0)], 1) },
        conv([2, 1], [(2, 3), (0, 0)], 1),
    ] {
        assert_another_graph(|s, honest| {
            let x = s.input(&[1, 2, 4, 3], U8);
            let w = s.weight(&[3, 2, 2, 2], I8);
            let op = if honest { conv([1, 1], [(1, 0), (0, 0)], 1) } else { changed.clone() };
            s.node(Op::Conv(op), &[x, w])
        });
    }
}

#[test]
fn a_convolution_with_the_channels_of_another_group_is_refused() {
    assert_another_graph(|s, honest| {
        let x = s.input(&[1, 4, 2, 2], U8);
        let w = s.weight(&[4, 2, 2, 2], I8);
        let order = if honest { vec![0, 1, 2, 3] } else { vec![2, 3, 0, 1] };
        let x = s.node(Op::Gather(Gather { axis: 1, indices: order }), &[x]);
        s.node(Op::Conv(conv([1, 1], [(0, 0); 2], 2)), &[x, w])
    });
}

#[test]
fn a_dropped_residual_branch_a_wrong_bias_and_a_wrong_constant_are_refused() {
    for wrong in [[1, 1, 0, 5], [1, 0, 1, 5], [0, 1, 1, 5], [1, 1, 1, 6]] {
        assert_another_graph(|s, honest| {
            let x = s.input(&[1, 4], U8);
            let (w, b) = (s.weight(&[4, 4], I8), s.weight(&[4], I8));
            let acc = s.node(gemm(), &[x, w]);
            let bias = s.node(Op::View(View::broadcast(&[4], &[1, 4])), &[b]);
            let [i, j, k, constant] = if honest { [1, 1, 1, 5] } else { wrong };
            let op = Linear { coefficients: vec![i, j, k], constant };
            s.node(Op::Linear(op), &[acc, bias, x])
        });
    }
}

#[test]
fn another_rearrangement_is_refused() {
    let shift = |offset| vec![AxisMap { offset, divisor: 1, terms: vec![(0, 1)] }, AxisMap::identity(1)];
    let padded = |offset, fill| Op::View(View { shape: vec![4, 3], axes: shift(offset), fill });
    let einsum = |b: [u8; 2]| Op::Einsum(Einsum { a: vec![0, 1], b: b.to_vec(), out: vec![0, 1] });
    let pairs = [
        (padded(-1, 7), padded(0, 7)),
        (padded(-1, 7), padded(-1, 6)),
        (Op::View(View::transpose(&[3, 3], &[0, 1])), Op::View(View::transpose(&[3, 3], &[1, 0]))),
        (
            Op::Gather(Gather { axis: 0, indices: vec![2, 2, 0] }),
            Op::Gather(Gather { axis: 0, indices: vec![2, 0, 0] }),
        ),
        (Op::ReduceSum(ReduceSum { axes: vec![0] }), Op::ReduceSum(ReduceSum { axes: vec![1] })),
        (
            Op::Reshape(Reshape { shape: vec![3, 3] }),
            Op::View(View {
                shape: vec![3, 3],
                axes: vec![AxisMap::identity(1), AxisMap::fixed(0)],
                fill: 0,
            }),
        ),
    ];
    for (right, wrong) in pairs {
        assert_another_graph(|s, honest| {
            let x = s.input(&[3, 3], U8);
            s.node(if honest { right.clone() } else { wrong.clone() }, &[x])
        });
    }
    assert_another_graph(|s, honest| {
        let x = s.input(&[3, 3], U8);
        let w = s.weight(&[3, 3], I8);
        s.node(einsum(if honest { [0, 1] } else { [1, 0] }), &[x, w])
    });
    assert_another_graph(|s, honest| {
        let x = s.input(&[2, 2], U8);
        let w = s.weight(&[2, 2], I8);
        let order = if honest { [x, w] } else { [w, x] };
        s.node(Op::Concat(Concat { axis: 1 }), &order)
    });
}
