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

/// The positions that a proof opens.
fn positions_of(
    case: &Case,
    root: &MerkleRoot,
    proof: &LigeroProof,
    mut sponge: Blake3Transcript,
) -> Vec<usize> {
    let config = &case.suite.config;
    case.relation().absorb(config, root, &mut sponge);
    Challenges::draw(&mut sponge);
    proof.responses.absorb(&mut sponge);
    assert!(sponge.check_grinding("pads: positions", config.grinding_bits, proof.grinding_witness));
    draw_positions(config, &mut sponge)
}

/// Opened rows: positions with the elements of their leaves.
type Opened = Vec<(usize, Vec<F>)>;

fn opened(case: &Case, positions: &[usize], proof: &LigeroProof) -> Opened {
    let leaves = proof.opening.rows.chunks_exact(case.suite.config.width());
    positions.iter().copied().zip(leaves.map(<[F]>::to_vec)).collect()
}

/// Whether some uniform values, the last `uniform` of its row, beside these pads give the opened values of row 0.
fn explains(case: &Case, scalars: &[K], uniform: usize, opened: &Opened) -> bool {
    let degree = case.suite.config.degree();
    let mut values = vec![K::ZERO; degree];
    let own = scalars.len().min(case.suite.config.slots());
    values[..own].copy_from_slice(&scalars[..own]);
    let equations = opened.iter().map(|(position, leaf)| {
        let weights = weights(&case.suite, *position);
        let fixed: K = values.iter().zip(&weights).map(|(&v, &w)| v * w).sum();
        (weights[degree - uniform..].to_vec(), super::super::proof::leaf_element(leaf, 0) - fixed)
    });
    // Gauss's elimination: what is left of the right side where the matrix has no rank left must be zero.
    let mut equations: Vec<(Vec<F>, K)> = equations.collect();
    let mut rank = 0;
    for unknown in 0..uniform {
        let Some(pivot) = (rank..equations.len()).find(|&r| equations[r].0[unknown] != F::ZERO) else {
            continue;
        };
        equations.swap(rank, pivot);
        let (own, own_right) = equations[rank].clone();
        for (row, right) in &mut equations[rank + 1..] {
            let factor = row[unknown] / own[unknown];
            row.iter_mut().zip(&own).for_each(|(v, &o)| *v -= factor * o);
            *right -= own_right * factor;
        }
        rank += 1;
    }
    equations[rank..].iter().all(|e| e.1 == K::ZERO)
}

#[test]
fn a_row_with_a_uniform_value_too_few_is_explained_by_its_own_pads_alone() {
    let case = case(small(8, 0, 5, 7));
    let (config, other) = (case.suite.config, other_pads(&case));
    for (missing, hidden) in [(0, true), (1, false)] {
        let uniform = config.num_queries - missing;
        // Proofs differ by their commitments: the first one whose positions are all distinct.
        let opened = (0..)
            .find_map(|seed| {
                let mut random = Seeded::new(100 + seed);
                let mut pads = Pads::new(&config, &case.scalars, &case.products, &mut random);
                pads.rows[0][config.slots()..config.degree() - uniform].fill(K::ZERO);
                let leaves = pads.encode(&case.suite.code);
                let tree = PadTree::new(&case.products, pads, leaves, &random.seed());
                let proof = case.suite.prove(&tree, &case.relation(), &mut transcript()).unwrap();
                let positions = positions_of(&case, &tree.root(), &proof, transcript());
                (positions.len() == config.num_queries).then(|| opened(&case, &positions, &proof))
            })
            .unwrap();
        assert!(explains(&case, &case.scalars, uniform, &opened));
        assert_eq!(explains(&case, &other.scalars, uniform, &opened), hidden);
        let mut one_off = case.scalars.clone();
        one_off[3] += K::ONE;
        assert_eq!(explains(&case, &one_off, uniform, &opened), hidden);
    }
}

#[test]
fn two_proofs_of_one_commitment_are_explained_by_its_own_pads_alone() {
    let real = Ligero::new(60, 20, SecurityLevel::Bits100).unwrap();
    let case = case(real);
    let (config, other) = (case.suite.config, other_pads(&case));
    let (root, tree) = case.commit();
    let mut seen = Opened::new();
    for (name, hidden) in [("first", true), ("second", false)] {
        let sponge = Blake3Transcript::new(name);
        let proof = case.suite.prove(&tree, &case.relation(), &mut sponge.clone()).unwrap();
        for (position, leaf) in opened(&case, &positions_of(&case, &root, &proof, sponge), &proof) {
            if seen.iter().all(|(known, _)| *known != position) {
                seen.push((position, leaf));
            }
        }
        assert_eq!(seen.len() <= config.num_queries, hidden);
        assert!(explains(&case, &case.scalars, config.num_queries, &seen));
        assert_eq!(explains(&case, &other.scalars, config.num_queries, &seen), hidden);
    }
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
