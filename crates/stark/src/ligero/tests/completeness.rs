use super::*;
use crate::columns::ConfigError;
use crate::security::SecurityReport;

const LEVELS: [SecurityLevel; 2] = [SecurityLevel::Bits100, SecurityLevel::Bits128];

fn accepts(case: &Case) -> bool {
    let (root, proof) = case.prove();
    let bytes = case.suite.encode(&proof);
    let decoded = case.suite.decode(&bytes).unwrap();
    assert_eq!(case.suite.encode(&decoded), bytes);
    case.verify(&root, &decoded) == Ok(())
}

#[test]
fn proofs_of_any_number_of_pads_and_products_verify() {
    for level in LEVELS {
        for (scalars, products, equations) in
            [(0, 0, 0), (1, 0, 1), (1, 1, 1), (2, 7, 0), (40, 40, 3), (100, 30, 9), (600, 300, 20)]
        {
            let case = Case::new(Ligero::new(scalars, products, level).unwrap(), equations);
            assert!(accepts(&case), "{scalars} scalars, {products} products, {level:?}");
        }
    }
}

#[test]
fn proofs_verify_when_rows_are_exactly_full_and_when_one_pad_is_over() {
    // 11 slots a row.
    for scalars in [1, 10, 11, 12, 22, 23] {
        for products in [0, 1, 10, 11, 12, 33, 34] {
            let case = Case::new(small(scalars, products, 4, 5), 4);
            assert!(accepts(&case), "{scalars} scalars, {products} products");
        }
    }
}

#[test]
fn without_pads_only_equations_between_constants_are_left() {
    let mut case = Case::new(Ligero::new(0, 0, SecurityLevel::Bits100).unwrap(), 2);
    assert!(accepts(&case));
    case.equations[1].constant = K::ONE;
    let (_, tree) = case.commit();
    let proof = case.suite.prove(&tree, &case.relation(), &mut transcript());
    assert_eq!(proof.unwrap_err(), LigeroError::Unsatisfied);
    assert!(refused_response(&case.attack(Forgery::default()), "linear"));
}

#[test]
fn the_transcripts_of_prover_and_verifier_end_equal_and_bind_the_opening() {
    use zkml_iop::transcript::Transcript;
    let case = Case::attacked();
    let (root, tree) = case.commit();
    let [mut prover, mut verifier] = [transcript(), transcript()];
    let proof = case.suite.prove(&tree, &case.relation(), &mut prover).unwrap();
    case.suite.verify(&root, &case.relation(), &proof, &mut verifier).unwrap();
    assert_eq!(prover.challenge("next"), verifier.challenge("next"));
}

#[test]
fn indices_and_counts_out_of_range_are_errors_of_prover_and_verifier() {
    let case = Case::attacked();
    let (root, tree) = case.commit();
    let (_, proof) = case.prove();
    let both = |relation: &Relation<'_>| {
        let proven = case.suite.prove(&tree, relation, &mut transcript()).map(|_| ());
        let verified = case.suite.verify(&root, relation, &proof, &mut transcript());
        assert_eq!(proven, verified);
        verified
    };
    let coefficient = K::ONE;
    let equation = |terms, products| [Equation { terms, products, constant: K::ZERO }];
    let refer =
        |terms, products| both(&Relation { products: &case.products, equations: &equation(terms, products) });
    assert_eq!(
        refer(vec![(20, coefficient)], vec![]),
        Err(LigeroError::Index { what: "scalar", bound: 20, got: 20 })
    );
    assert_eq!(
        refer(vec![], vec![(usize::MAX, coefficient)]),
        Err(LigeroError::Index { what: "product", bound: 7, got: usize::MAX })
    );
    assert_eq!(
        both(&Relation { products: &case.products[1..], equations: &[] }),
        Err(LigeroError::Count { what: "products", expected: 7, got: 6 })
    );
    let products = [(0, 20); 7];
    let out_of_range = LigeroError::Index { what: "scalar", bound: 20, got: 20 };
    assert_eq!(both(&Relation { products: &products, equations: &[] }), Err(out_of_range.clone()));
    let mut random = Seeded::new(1);
    assert_eq!(case.suite.commit(&case.scalars, &products, &mut random).unwrap_err(), out_of_range);
    assert_eq!(
        case.suite.commit(&case.scalars[1..], &case.products, &mut random).unwrap_err(),
        LigeroError::Count { what: "scalars", expected: 20, got: 19 }
    );
    let products = [(0, 0); 7];
    let other = Relation { products: &products, equations: &[] };
    assert_eq!(case.suite.prove(&tree, &other, &mut transcript()).unwrap_err(), LigeroError::OtherProducts);
}

#[test]
fn the_errors_leave_room_for_those_of_the_columns() {
    for level in LEVELS {
        for (scalars, products) in [(0, 0), (600, 300), (4000, 3000), (1 << 13, 1 << 13)] {
            let suite = Ligero::new(scalars, products, level).unwrap();
            let mut report = SecurityReport::new(level.bits(), 0.0);
            report.terms = suite.security(100_000);
            assert_eq!(report.terms.len(), 4);
            assert!(report.bits() >= f64::from(level.bits()) + 3.4, "{report:?}");
            // Equations and copies share the powers of one challenge.
            let linear = |equations| suite.security(equations)[1].bits;
            assert!(linear(1 << 21) - linear(1 << 22) <= 1.0);
            assert!(linear(1 << 21) > linear(1 << 22));
        }
    }
}

#[test]
fn the_parameters_have_the_smallest_proof_and_bounds() {
    for (scalars, products) in [(600, 300), (4000, 3000)] {
        let case = Case::new(Ligero::new(scalars, products, SecurityLevel::Bits100).unwrap(), 1);
        let expected = case.suite.config.expected_proof_bytes();
        for log_degree in 7..12 {
            let other = LigeroConfig { log_degree, ..case.suite.config };
            assert!(expected <= other.expected_proof_bytes());
        }
        let bytes = case.suite.encode(&case.prove().1).len();
        assert!(bytes.abs_diff(expected) * 100 < expected, "{bytes} bytes, {expected} expected");
    }
    let most = |level| Ligero::new(1 << 20, 1 << 20, level);
    assert!(most(SecurityLevel::Bits100).is_ok());
    assert!(matches!(most(SecurityLevel::Bits128), Err(ConfigError::BelowLevel { expected: 128, .. })));
    assert!(matches!(
        Ligero::new((1 << 20) + 1, 0, SecurityLevel::Bits100),
        Err(ConfigError::Pads { what: "scalars", .. })
    ));
    assert!(matches!(
        Ligero::new(1, usize::MAX, SecurityLevel::Bits100),
        Err(ConfigError::Pads { what: "products", .. })
    ));
}
