//! Registrations: what a card promises of the weights behind it holds, whoever made the card.
//!
//! The registrars here are malicious: they own trees, pins, witnesses and closings, and close what does not hold with a valid
//! proof of whatever does.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod workshop;

use workshop::{
    Coins, Registrar, Sealing, argue, claim, epoch, graph, input, parameters, pins, register, verify,
    weights, weights_tree,
};
use zkml::Registered;
use zkml::verifier::epoch::{Epoch, Tree};
use zkml::verifier::ir::Tensor;
use zkml::verifier::{Card, Parameters, Refusal};
use zkml_stark::ColumnTree;

/// A card that its maker finished, and that nobody accepts.
#[track_caller]
fn refused(card: Result<Card, String>) {
    Registered::new(card.unwrap()).unwrap_err();
}

/// Weights that differ from the honest ones in one entry.
fn changed(weight: usize, entry: usize, value: i32) -> Vec<Tensor> {
    let mut weights = weights();
    weights[weight].data[entry] = value;
    weights
}

fn trees(parameters: Parameters, each: &[Vec<Tensor>], coins: &mut Coins) -> Vec<ColumnTree> {
    each.iter().map(|weights| weights_tree(parameters, weights, coins)).collect()
}

/// Registers trees of these weights with honest pins; the witness claims the weights `claimed`.
fn registered(each: &[Vec<Tensor>], claimed: &[Tensor], coins: &mut Coins) -> Result<Card, String> {
    let parameters = parameters(2);
    let trees = trees(parameters, each, coins);
    register(parameters, &trees, &pins(parameters, &trees), claimed, coins)
}

#[test]
fn honest_weights_are_registered_in_one_tree_and_in_several() {
    let coins = &mut Coins::new(1);
    for count in [1, 3] {
        let card = registered(&vec![weights(); count], &weights(), coins).unwrap();
        Registered::new(card).unwrap();
    }
}

#[test]
fn weights_outside_of_their_interval_are_refused() {
    let coins = &mut Coins::new(2);
    for (weight, entry, value) in [(1, 2, 128), (1, 0, -129), (0, 5, 1 << 20), (1, 5, i32::MIN + 1)] {
        let forged = changed(weight, entry, value);
        refused(registered(std::slice::from_ref(&forged), &forged, coins));
        // Nor does the witness of honest weights fit their tree.
        refused(registered(&[forged], &weights(), coins));
    }
}

#[test]
fn weights_above_their_cap_are_refused() {
    let coins = &mut Coins::new(3);
    // |100| + |−20| + |7| + |x| is at most 400 for every 8-bit x; with two large entries it is not.
    let mut forged = weights();
    forged[0].data[..4].copy_from_slice(&[127, -127, 127, 20]);
    refused(registered(std::slice::from_ref(&forged), &forged, coins));
    forged[0].data[3] = 19;
    Registered::new(registered(std::slice::from_ref(&forged), &forged, coins).unwrap()).unwrap();
}

#[test]
fn trees_of_one_epoch_with_other_weights_are_refused() {
    let coins = &mut Coins::new(4);
    let other = changed(1, 4, 126);
    for each in [
        vec![weights(), other.clone()],
        vec![other.clone(), weights()],
        vec![weights(), weights(), other.clone()],
    ] {
        refused(registered(&each, &weights(), coins));
        refused(registered(&each, &other, coins));
    }
    // Changes that cancel in the sum of all trees.
    let (plus, minus) = (changed(0, 3, 65), changed(0, 3, 63));
    refused(registered(&[weights(), plus, minus], &weights(), coins));
}

#[test]
fn pins_that_are_not_the_trees_are_refused() {
    let coins = &mut Coins::new(5);
    let parameters = parameters(2);
    let trees = trees(parameters, &[weights(), weights()], coins);
    let honest = pins(parameters, &trees);
    let swapped = vec![Tree { pin: honest[1].pin, ..honest[0] }, Tree { pin: honest[0].pin, ..honest[1] }];
    refused(register(parameters, &trees, &swapped, &weights(), coins));
    for limb in 0..5 {
        let mut off_by_one = honest.clone();
        off_by_one[1].pin.0[limb] ^= 1;
        refused(register(parameters, &trees, &off_by_one, &weights(), coins));
    }
    // A finished card whose pins are exchanged is another model, and its registration is none.
    let card = register(parameters, &trees, &honest, &weights(), coins).unwrap();
    let mut epochs = card.epochs.clone();
    epochs[0].trees = swapped;
    let forged = Card::new(graph(), parameters, epochs).unwrap();
    assert_ne!(forged.id(), card.id());
    refused(Ok(forged));
}

#[test]
fn a_root_stands_for_the_columns_that_its_pin_names_and_no_others() {
    let coins = &mut Coins::new(6);
    let parameters = parameters(3);
    let other = changed(0, 0, 99);
    let trees = trees(parameters, &[weights(), other.clone()], coins);
    let named = pins(parameters, &trees);
    // Two models behind one root: the root of the first with the pin of the second.
    let both = vec![Tree { root: named[0].root, pin: named[1].pin }];
    refused(register(parameters, &trees[..1], &both, &weights(), coins));
    stopped_at_the_opening(register(parameters, &trees[1..], &both, &other, coins));
    // A proof about other weights than the registered ones does not open the registered root.
    let card = register(parameters, &trees[..1], &named[..1], &weights(), coins).unwrap();
    let claim = claim(&card, &other, &input());
    let (task, start) = claim.task(&card, 0);
    let [first, second] = [0, 1].map(|tree: usize| {
        argue(&task, &[&trees[tree]], claim.witness.clone(), &start, &Sealing::Fresh, coins)
    });
    verify(&card, &claim.proof(first.unwrap().argument, 0)).unwrap_err();
    stopped_at_the_opening(second);
}

/// The verifier's own reading, which a prover needs to close its pads, ends at an opening of another root.
#[track_caller]
fn stopped_at_the_opening<T>(made: Result<T, String>) {
    let Err(error) = made else { panic!("another root is opened") };
    assert!(error.contains("the opening of the commitments is refused"), "{error}");
}

#[test]
fn a_card_without_a_registration_of_its_own_is_refused() {
    let coins = &mut Coins::new(7);
    let mine = Registrar::honest(2, 1, coins);
    let other = Registrar::honest(2, 1, coins);
    // A bare commitment: no epoch, and an epoch whose proof is that of another card's.
    assert!(Card::new(graph(), mine.parameters, vec![]).is_err());
    let bare = Card::unregistered(graph(), mine.parameters).unwrap();
    assert!(matches!(Registered::new(bare), Err(Refusal::Statement(_))));
    let borrowed = Epoch { proof: other.card.epochs[0].proof.clone(), ..mine.card.epochs[0].clone() };
    refused(Card::new(graph(), mine.parameters, vec![borrowed]).map_err(|e| e.to_string()));
    // One tree more than was registered, and one twice.
    let mut more = mine.card.epochs[0].clone();
    more.trees.push(other.card.epochs[0].trees[0]);
    refused(Card::new(graph(), mine.parameters, vec![more]).map_err(|e| e.to_string()));
    let mut twice = mine.card.epochs[0].clone();
    twice.trees.push(twice.trees[0]);
    refused(Card::new(graph(), mine.parameters, vec![twice]).map_err(|e| e.to_string()));
}

/// The card with an epoch of trees of these weights, continued from a tree of the registrar's last.
fn continued(
    registrar: &Registrar,
    card: &Card,
    (source, source_tree): (u32, &ColumnTree),
    each: &[Vec<Tensor>],
    coins: &mut Coins,
) -> Result<Card, String> {
    let parameters = registrar.parameters;
    let mut all = vec![source_tree.clone()];
    all.extend(trees(parameters, each, coins));
    let named = pins(parameters, &all);
    let index = card.epochs.len();
    let epoch = epoch(parameters, &card.id(), index, (&all, &named), &each[0], source, coins)?;
    card.with_epoch(epoch).map_err(|e| e.to_string())
}

#[test]
fn an_epoch_continues_the_weights_of_the_one_before_and_no_others() {
    let coins = &mut Coins::new(8);
    let registrar = Registrar::honest(3, 2, coins);
    let card = &registrar.card;
    let source = (1, &registrar.trees[1]);
    let honest = continued(&registrar, card, source, &vec![weights(); 2], coins).unwrap();
    assert_eq!(honest.id(), card.id());
    Registered::new(honest).unwrap();

    let other = changed(1, 0, 4);
    refused(continued(&registrar, card, source, std::slice::from_ref(&other), coins));
    refused(continued(&registrar, card, source, &[weights(), other.clone()], coins));
    // The continuation of a tree that the epoch before does not have, or has at another place.
    let foreign = weights_tree(registrar.parameters, &other, coins);
    refused(continued(&registrar, card, (1, &foreign), std::slice::from_ref(&other), coins));
    refused(continued(&registrar, card, (0, &registrar.trees[1]), &[weights()], coins));
    refused(continued(&registrar, card, (2, &registrar.trees[1]), &[weights()], coins));
}

#[test]
fn epochs_dropped_exchanged_or_repeated_break_the_chain() {
    let coins = &mut Coins::new(9);
    let registrar = Registrar::honest(3, 1, coins);
    let parameters = registrar.parameters;
    let second_tree = weights_tree(parameters, &weights(), coins);
    let pair = [registrar.trees[0].clone(), second_tree];
    let named = pins(parameters, &pair);
    let id = registrar.card.id();
    let second = epoch(parameters, &id, 1, (&pair, &named), &weights(), 0, coins).unwrap();
    let card = registrar.card.with_epoch(second.clone()).unwrap();
    let third_pair = [pair[1].clone(), weights_tree(parameters, &weights(), coins)];
    let named = pins(parameters, &third_pair);
    let third = epoch(parameters, &id, 2, (&third_pair, &named), &weights(), 0, coins).unwrap();
    Registered::new(card.with_epoch(third.clone()).unwrap()).unwrap();

    let first = registrar.card.epochs[0].clone();
    let chain = |epochs: Vec<Epoch>| Card::new(graph(), parameters, epochs).map_err(|e| e.to_string());
    refused(chain(vec![first.clone(), third.clone()]));
    refused(chain(vec![first.clone(), third.clone(), second.clone()]));
    refused(chain(vec![first.clone(), second.clone(), second.clone()]));
    refused(chain(vec![first, second.clone(), third.clone(), third]));
    // A continuation alone registers no interval.
    refused(chain(vec![second]));
}
