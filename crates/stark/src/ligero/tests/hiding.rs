use p3_field::{Field, TwoAdicField, batch_multiplicative_inverse};

use super::*;
use crate::ligero::proof::draw_positions;

/// The weights of a row's values on the subgroup for its value at a position.
fn weights(suite: &Ligero, position: usize) -> Vec<F> {
    let degree = suite.config.degree();
    let x = suite.code.point(position);
    let points: Vec<F> = F::two_adic_generator(suite.config.log_degree).powers().take(degree).collect();
    let differences: Vec<F> = points.iter().map(|&h| x - h).collect();
    let scale = (x.exp_u64(degree as u64) - F::ONE) / F::from_usize(degree);
    batch_multiplicative_inverse(&differences).into_iter().zip(points).map(|(d, h)| scale * h * d).collect()
}

/// Solves `matrix · x = right` for several right sides (elements of `K`, a column each); none if it is singular.
fn solve(mut matrix: Vec<Vec<F>>, mut right: Vec<Vec<K>>) -> Option<Vec<Vec<K>>> {
    let size = matrix.len();
    for column in 0..size {
        let pivot = (column..size).find(|&row| matrix[row][column] != F::ZERO)?;
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        let inverse = matrix[column][column].inverse();
        matrix[column].iter_mut().for_each(|x| *x *= inverse);
        right[column].iter_mut().for_each(|x| *x *= inverse);
        let (pivot, pivot_right) = (matrix[column].clone(), right[column].clone());
        for row in (0..size).filter(|&row| row != column) {
            let factor = matrix[row][column];
            matrix[row].iter_mut().zip(&pivot).for_each(|(x, &p)| *x -= factor * p);
            right[row].iter_mut().zip(&pivot_right).for_each(|(x, &p)| *x -= p * factor);
        }
    }
    Some(right)
}

/// Distinct positions, as many as a proof opens at most.
fn distinct(suite: &Ligero, random: &mut Seeded, mut positions: Vec<usize>) -> Vec<usize> {
    while positions.len() < suite.config.num_queries {
        let position = random.below(1 << suite.config.log_len());
        if !positions.contains(&position) {
            positions.push(position);
        }
    }
    positions
}

#[test]
fn the_uniform_values_of_a_row_determine_its_values_at_any_opened_positions() {
    let mut random = Seeded::new(5);
    let suites = [
        small(1, 0, 3, 3),
        small(1, 0, 4, 15),
        small(1, 0, 6, 20),
        Ligero::new(600, 300, SecurityLevel::Bits100).unwrap(),
    ];
    for suite in suites {
        let config = suite.config;
        let sets = (0..6).map(|set| match set {
            // A run within a coset, and the same index in many cosets, besides random positions.
            0 => (0..config.num_queries).collect(),
            1 => (0..config.num_queries).map(|i| (i % 16) * config.degree() + i / 16).collect(),
            _ => distinct(&suite, &mut random, Vec::new()),
        });
        for positions in sets {
            let matrix = positions
                .iter()
                .map(|&position| weights(&suite, position)[config.slots()..].to_vec())
                .collect();
            assert!(solve(matrix, vec![Vec::new(); config.num_queries]).is_some());
        }
    }
}

/// Other pads that satisfy the same equations as those of a case.
fn other_pads(case: &Case) -> Case {
    let mut random = Seeded::new(6);
    let mut other = Case {
        suite: case.suite.clone(),
        scalars: random.scalars(case.scalars.len()),
        products: case.products.clone(),
        equations: case.equations.clone(),
    };
    // Scalar 0 is in no product, and its coefficient in the only equation is one.
    let Equation { terms, products, constant } = &case.equations[0];
    let values = other.product_values();
    other.scalars[0] = K::ZERO;
    let rest = terms.iter().map(|&(i, c)| c * other.scalars[i]).sum::<K>()
        + products.iter().map(|&(p, c)| c * values[p]).sum::<K>();
    other.scalars[0] = -(*constant + rest);
    other
}

/// Pads with one equation in which scalar 0 has coefficient one and which no product contains.
fn case(suite: Ligero) -> Case {
    let mut case = Case::new(suite, 1);
    for (a, b) in &mut case.products {
        *a = (*a).max(1);
        *b = (*b).max(1);
    }
    case.equations[0].terms.retain(|&(i, _)| i > 0);
    case.equations[0].terms.push((0, K::ONE));
    let values = case.product_values();
    case.satisfy(&values);
    case
}

/// The pads of `other` with the uniform values and masks that give the view of a proof: responses and opened rows.
fn equivocate(
    other: &Case,
    view: &LigeroProof,
    challenges: &Challenges,
    positions: &[usize],
    all: &[usize],
) -> PadTree {
    let suite = &other.suite;
    let config = &suite.config;
    let mut random = Seeded::new(7);
    let mut pads = Pads::new(config, &other.scalars, &other.products, &mut random);

    // Rows: solve for the uniform values.
    let weights: Vec<Vec<F>> = all.iter().map(|&position| weights(suite, position)).collect();
    let opened = view.opening.rows.chunks_exact(config.width());
    let right = weights.iter().enumerate().map(|(index, weights)| {
        pads.rows
            .iter()
            .enumerate()
            .map(|(row, values)| {
                let fixed: K = values[..config.slots()].iter().zip(weights).map(|(&v, &w)| v * w).sum();
                // Positions that the draw left over are free.
                let wanted = if index < positions.len() {
                    super::super::proof::leaf_element(opened.clone().nth(index).unwrap(), row)
                } else {
                    K::ONE
                };
                wanted - fixed
            })
            .collect()
    });
    let right = right.collect();
    let matrix = weights.iter().map(|weights| weights[config.slots()..].to_vec()).collect();
    let solution = solve(matrix, right).unwrap();
    for (row, values) in pads.rows.iter_mut().enumerate() {
        for (value, solved) in values[config.slots()..].iter_mut().zip(&solution) {
            *value = solved[row];
        }
    }

    // Masks: what is left of the responses. The proximity mask comes last, because its response holds the other two.
    let functional = other.relation().combine(config, challenges.linear);
    let wanted = view.responses.complete(config, functional.target);
    pads.masks = [(); MASKS].map(|()| Split::zero(config.degree()));
    for order in [[1, 2], [0, 0]] {
        let leaves = pads.encode(&suite.code);
        let tree = PadTree::new(&other.products, pads, leaves, &[0; 32]);
        let without = respond(suite, &tree, &functional, challenges);
        pads = Pads { rows: tree.pads.rows.clone(), masks: tree.pads.masks.clone() };
        for index in order {
            pads.masks[index] = wanted[index].clone();
            pads.masks[index].add_scaled(-K::ONE, &without[index]);
        }
    }
    let leaves = pads.encode(&suite.code);
    PadTree::new(&other.products, pads, leaves, &[0; 32])
}

#[test]
fn every_view_is_also_a_view_of_other_pads_that_satisfy_the_same_equations() {
    let real = Ligero::new(150, 40, SecurityLevel::Bits100).unwrap();
    for suite in [small(15, 9, 4, 5), small(40, 12, 5, 13), real] {
        let case = case(suite);
        let other = other_pads(&case);
        assert!(case.scalars.iter().zip(&other.scalars).all(|(a, b)| a != b));
        let config = &case.suite.config;

        let (root, tree) = case.commit();
        let mut sponge = transcript();
        let view = case.suite.prove(&tree, &case.relation(), &mut sponge).unwrap();
        let mut sponge = transcript();
        case.relation().absorb(config, &root, &mut sponge);
        let challenges = Challenges::draw(&mut sponge);
        view.responses.absorb(&mut sponge);
        assert!(sponge.check_grinding("pads: positions", config.grinding_bits, view.grinding_witness));
        let positions = draw_positions(config, &mut sponge);

        let all = distinct(&case.suite, &mut Seeded::new(8), positions.clone());
        let equivocated = equivocate(&other, &view, &challenges, &positions, &all);

        // The pads are those of the other secret, the masks are of the form that an honest prover draws ...
        let slots = config.slots();
        for (cell, scalar) in other.scalars.iter().enumerate() {
            assert_eq!(equivocated.pads.rows[cell / slots][cell % slots], *scalar);
        }
        let [_, linear, product] = &equivocated.pads.masks;
        assert_eq!(linear.low.iter().copied().sum::<K>(), K::ZERO);
        assert!(product.low[..slots].iter().all(|&value| value == K::ZERO));
        // ... and what the verifier sees is the same.
        let functional = other.relation().combine(config, challenges.linear);
        let responses = respond(&other.suite, &equivocated, &functional, &challenges);
        assert_eq!(Responses::new(config, responses), view.responses);
        assert_eq!(equivocated.merkle.open(&equivocated.cosets, &positions).rows, view.opening.rows);
    }
}

#[test]
fn two_proofs_of_one_commitment_would_open_more_than_a_row_hides() {
    // The reason for one proof per commitment: with one value more than the uniform ones, the view has no other pads.
    let suite = small(1, 0, 4, 5);
    let positions = distinct(&suite, &mut Seeded::new(9), Vec::new());
    let columns = |position: &usize| weights(&suite, *position)[suite.config.slots() - 1..].to_vec();
    let extra = (0..).find(|position| !positions.contains(position)).unwrap();
    let matrix = positions.iter().chain([&extra]).map(columns).collect();
    assert!(solve(matrix, vec![Vec::new(); 6]).is_some());
}

#[test]
fn commitments_to_the_same_pads_share_no_leaf_salt_or_root() {
    let case = Case::attacked();
    let commit = |seed| case.suite.commit(&case.scalars, &case.products, &mut Seeded::new(seed)).unwrap();
    let ((root_a, a), (root_b, b)) = (commit(1), commit(2));
    assert_ne!(root_a, root_b);
    let rows =
        |tree: &PadTree| tree.cosets[0].values.chunks_exact(tree.cosets[0].width).next().unwrap().to_vec();
    assert!(rows(&a).iter().zip(rows(&b)).all(|(x, y)| *x != y));
    let salts = |tree: &PadTree| tree.merkle.open(&tree.cosets, &[0, 9]).salts;
    assert!(salts(&a).iter().zip(salts(&b)).all(|(x, y)| *x != y));
}
