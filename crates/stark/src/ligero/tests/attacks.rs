use super::*;
use crate::ligero::config::LOG_INV_RATE;
use crate::ligero::pads::vanishing;
use crate::{DEGREE, limbs};

#[test]
fn the_attacker_that_deviates_nowhere_is_accepted() {
    assert_eq!(Case::attacked().attack(Forgery::default()), Ok(()));
}

#[test]
fn a_wrong_product_is_refused_though_the_equations_hold_for_it() {
    let mut case = Case::attacked();
    let mut values = case.product_values();
    values[3] += K::ONE;
    case.satisfy(&values);
    let [.., product] = case.suite.config.product_starts();
    let result =
        case.attack(Forgery { pads: Box::new(|pads| pads.rows[product][3] += K::ONE), ..Default::default() });
    assert!(refused_response(&result, "product"), "{result:?}");
}

#[test]
fn products_that_are_wrong_in_opposite_directions_do_not_cancel() {
    // Two rows of products; the same slot is wrong in both.
    let mut case = Case::new(small(20, 60, 7, 90), 2);
    let (slots, mut values) = (case.suite.config.slots(), case.product_values());
    values[2] += K::ONE;
    values[slots + 2] -= K::ONE;
    case.satisfy(&values);
    let [.., product] = case.suite.config.product_starts();
    let result = case.attack(Forgery {
        pads: Box::new(|pads| {
            pads.rows[product][2] += K::ONE;
            pads.rows[product + 1][2] -= K::ONE;
        }),
        ..Default::default()
    });
    assert!(refused_response(&result, "product"), "{result:?}");
}

#[test]
fn a_factor_that_is_not_the_scalar_is_refused_though_the_product_fits_it() {
    for part in [0, 1] {
        let mut case = Case::attacked();
        let starts = case.suite.config.product_starts();
        let (a, b) = case.products[3];
        let mut factors = [case.scalars[a], case.scalars[b]];
        factors[part] += K::TWO;
        let mut values = case.product_values();
        values[3] = factors[0] * factors[1];
        case.satisfy(&values);
        let result = case.attack(Forgery {
            pads: Box::new(|pads| {
                pads.rows[starts[part]][3] = factors[part];
                pads.rows[starts[2]][3] = values[3];
            }),
            ..Default::default()
        });
        assert!(refused_response(&result, "linear"), "{result:?}");
    }
}

#[test]
fn an_equation_that_does_not_hold_is_refused_and_an_honest_prover_releases_nothing() {
    for index in 0..3 {
        let mut case = Case::attacked();
        case.equations[index].constant += K::ONE;
        let (_, tree) = case.commit();
        let proof = case.suite.prove(&tree, &case.relation(), &mut transcript());
        assert_eq!(proof.unwrap_err(), LigeroError::Unsatisfied);
        assert!(refused_response(&case.attack(Forgery::default()), "linear"));
    }
}

#[test]
fn equations_that_are_wrong_in_opposite_directions_do_not_cancel() {
    let mut case = Case::attacked();
    case.equations[0].constant += K::ONE;
    case.equations[2].constant -= K::ONE;
    assert!(refused_response(&case.attack(Forgery::default()), "linear"));
}

#[test]
fn an_equation_cannot_be_left_out() {
    let mut case = Case::attacked();
    case.equations[2].constant += K::ONE;
    let proven = case.equations[..2].to_vec();
    let result = case.attack(Forgery {
        functional: Box::new(|functional, challenges| {
            let relation = Relation { products: &case.products, equations: &proven };
            *functional = relation.combine(&case.suite.config, challenges.linear);
        }),
        ..Default::default()
    });
    assert!(refused_response(&result, "linear"), "{result:?}");
    // Nor can a proof of fewer equations be passed off as one of all.
    let (root, tree) = case.commit();
    let relation = Relation { products: &case.products, equations: &proven };
    let proof = case.suite.prove(&tree, &relation, &mut transcript()).unwrap();
    assert!(case.verify(&root, &proof).is_err());
}

#[test]
fn a_mask_with_a_sum_does_not_cancel_an_equation() {
    for index in 0..3 {
        let mut case = Case::attacked();
        case.equations[index].constant += K::ONE;
        let result = case
            .attack(Forgery { pads: Box::new(|pads| pads.masks[1].low[5] -= K::ONE), ..Default::default() });
        assert!(refused_response(&result, "linear"), "{result:?}");
    }
}

#[test]
fn a_mask_with_a_sum_is_refused_though_all_equations_hold() {
    let result = Case::attacked()
        .attack(Forgery { pads: Box::new(|pads| pads.masks[1].low[5] += K::ONE), ..Default::default() });
    assert!(refused_response(&result, "linear"), "{result:?}");
}

#[test]
fn a_mask_that_is_not_zero_on_the_slots_does_not_cancel_a_wrong_product() {
    let mut case = Case::attacked();
    let mut values = case.product_values();
    values[3] += K::ONE;
    case.satisfy(&values);
    let [.., product] = case.suite.config.product_starts();
    let result = case.attack(Forgery {
        pads: Box::new(|pads| {
            pads.rows[product][3] += K::ONE;
            pads.masks[2].low[3] += K::ONE;
        }),
        ..Default::default()
    });
    assert!(refused_response(&result, "product"), "{result:?}");
    let last = case.suite.config.slots() - 1;
    let result = Case::attacked()
        .attack(Forgery { pads: Box::new(|pads| pads.masks[2].low[last] += K::ONE), ..Default::default() });
    assert!(refused_response(&result, "product"), "{result:?}");
}

#[test]
fn a_copy_or_product_in_an_unused_slot_is_refused() {
    let case = Case::attacked();
    let [.., product] = case.suite.config.product_starts();
    let result =
        case.attack(Forgery { pads: Box::new(|pads| pads.rows[product][7] = K::ONE), ..Default::default() });
    assert!(refused_response(&result, "product"), "{result:?}");
}

/// Adds `value(coset)` to an element of all leaves.
fn add_to_leaves(leaves: &mut [RowMajorMatrix<F>], element: usize, value: impl Fn(usize) -> K) {
    for (coset, leaves) in leaves.iter_mut().enumerate() {
        let added = value(coset);
        for row in leaves.values.chunks_exact_mut(leaves.width) {
            row[DEGREE * element..][..DEGREE].iter_mut().zip(limbs(&added)).for_each(|(x, &y)| *x += y);
        }
    }
}

#[test]
fn a_row_of_too_high_degree_is_refused() {
    let case = Case::attacked();
    let code = &case.suite.code;
    // Row 0 holds scalars, so only the proximity and the linear response see it; its values on the subgroup stay.
    let result = case.attack(Forgery {
        leaves: Box::new(|leaves| add_to_leaves(leaves, 0, |coset| vanishing(code, coset).into())),
        responses: Box::new(|responses, challenges| {
            // The best that degree 2k allows: the part without X^k.
            responses[0].high.iter_mut().for_each(|value| *value += challenges.proximity);
        }),
        ..Default::default()
    });
    assert!(refused_response(&result, "proximity"), "{result:?}");
}

#[test]
fn a_mask_of_too_high_degree_is_refused() {
    for mask in 0..MASKS {
        let case = Case::attacked();
        let (code, element) = (&case.suite.code, case.suite.config.num_rows() + mask);
        let result = case.attack(Forgery {
            leaves: Box::new(|leaves| {
                add_to_leaves(leaves, element, |coset| vanishing(code, coset).square().into());
            }),
            ..Default::default()
        });
        assert!(refused_response(&result, "proximity"), "{result:?}");
    }
}

#[test]
fn each_response_is_compared_with_the_opened_rows() {
    for (index, name) in ["proximity", "linear", "product"].into_iter().enumerate() {
        for high in [false, true] {
            let result = Case::attacked().attack(Forgery {
                responses: Box::new(|responses, _| {
                    let response = &mut responses[index];
                    // Two values, so that the sum of the linear response stays; neither is in a message slot.
                    let values = if high { &mut response.high } else { &mut response.low };
                    values[125] += K::ONE;
                    values[126] -= K::ONE;
                }),
                ..Default::default()
            });
            assert!(refused_response(&result, name), "{name}: {result:?}");
        }
    }
}

#[test]
fn responses_of_another_matrix_are_refused() {
    let case = Case::attacked();
    let config = &case.suite.config;
    let (_, other) = case.suite.commit(&case.scalars, &case.products, &mut Seeded::new(79)).unwrap();
    for (index, name) in ["proximity", "linear", "product"].into_iter().enumerate() {
        let result = case.attack(Forgery {
            responses: Box::new(|responses, challenges| {
                let functional = case.relation().combine(config, challenges.linear);
                responses[index] = respond(&case.suite, &other, &functional, challenges)[index].clone();
            }),
            ..Default::default()
        });
        assert!(refused_response(&result, name), "{name}: {result:?}");
    }
}

#[test]
fn a_proof_does_not_verify_behind_another_prefix_root_or_relation() {
    let case = Case::attacked();
    let (root, proof) = case.prove();
    assert_eq!(case.verify(&root, &proof), Ok(()));
    let mut other = Blake3Transcript::new("other prefix");
    assert!(case.suite.verify(&root, &case.relation(), &proof, &mut other).is_err());
    let (other, _) = case.suite.commit(&case.scalars, &case.products, &mut Seeded::new(79)).unwrap();
    assert!(case.verify(&other, &proof).is_err());
    let mut other = case.equations.clone();
    other.swap(0, 1);
    let relation = Relation { products: &case.products, equations: &other };
    assert!(case.suite.verify(&root, &relation, &proof, &mut transcript()).is_err());
    // The same equation, written as two terms of one index, is another relation.
    let mut other = case.equations.clone();
    other[0].terms.push((0, K::ZERO));
    let relation = Relation { products: &case.products, equations: &other };
    assert!(case.suite.verify(&root, &relation, &proof, &mut transcript()).is_err());
}

/// An attack on the leaves of every `step`-th position.
fn change_some_leaves(case: &Case, count: usize, element: usize) -> Result<(), LigeroError> {
    let degree = case.suite.config.degree();
    case.attack(Forgery {
        leaves: Box::new(|leaves| {
            let step = (degree << LOG_INV_RATE) / count;
            for changed in 0..count {
                let position = changed * step;
                let leaves = &mut leaves[position / degree];
                leaves.values[position % degree * leaves.width + DEGREE * element] += F::ONE;
            }
        }),
        // What the prover computes from leaves of the coset it works on must not follow the change.
        responses: Box::new(|responses, challenges| {
            let functional = case.relation().combine(&case.suite.config, challenges.linear);
            let (mut random, config) = (Seeded::new(78), &case.suite.config);
            let pads = Pads::new(config, &case.scalars, &case.products, &mut random);
            let leaves = pads.encode(&case.suite.code);
            let tree = PadTree::new(&case.products, pads, leaves, &random.seed());
            *responses = respond(&case.suite, &tree, &functional, challenges);
        }),
        ..Default::default()
    })
}

#[test]
fn leaves_that_differ_from_codewords_at_a_share_below_the_radius_are_found() {
    let case = Case::attacked();
    let len = case.suite.config.degree() << LOG_INV_RATE;
    for element in 0..case.suite.config.num_rows() + MASKS {
        for count in [len / 4, len * 7 / 16] {
            assert!(matches!(change_some_leaves(&case, count, element), Err(LigeroError::Response { .. })));
        }
    }
}

#[test]
fn a_response_that_agrees_with_the_right_one_wherever_its_degree_allows_is_refused() {
    let case = Case::attacked();
    let code = &case.suite.code;
    // (X^k − s^k)·(X^k − 1) would be too long: one coset of k positions is what a multiple of the subgroup's allows.
    let first = vanishing(code, 0);
    for (index, name) in ["proximity", "linear", "product"].into_iter().enumerate() {
        let result = case.attack(Forgery {
            responses: Box::new(|responses, _| {
                // X^k − s^k = (X^k − 1) − (s^k − 1), times a constant that is zero where the form demands it.
                let free = 127;
                let weights = |h: usize| if index == 0 || h == free { K::ONE } else { K::ZERO };
                for h in 0..128 {
                    responses[index].high[h] += weights(h);
                    responses[index].low[h] -= weights(h) * first;
                }
            }),
            ..Default::default()
        });
        assert!(refused_response(&result, name), "{name}: {result:?}");
    }
}
