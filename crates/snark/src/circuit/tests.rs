use super::*;

/// `x³ + x + 5 = y` with labelled parts.
fn cubic(x: Option<u64>, y: Option<u64>) -> Builder {
    let mut builder = Builder::new(Arithmetization::R1cs);
    let y = builder.public_input(y.map(Fr::from));
    let x = builder.witness(x.map(Fr::from));
    builder.span("cube", |builder| {
        let square = builder.span("square", |builder| builder.multiply(x, x));
        builder.enforce(square, x, y - x - Fr::from(5));
    });
    builder
}

#[test]
fn the_same_code_builds_one_shape_with_and_without_values() {
    let (shape, circuit) = (cubic(None, None).shape().unwrap(), cubic(Some(3), Some(35)).circuit().unwrap());
    assert_eq!(shape, circuit.shape);
    assert_eq!(shape.digest(), circuit.shape.digest());
    assert_eq!(circuit.assignment.public_inputs(), [Fr::from(35)]);
    assert_eq!(circuit.assignment.witnesses(), [3, 9].map(Fr::from));
}

#[test]
fn a_bounded_circuit_ends_at_its_limit_and_takes_no_memory_after_it() {
    let built = |limit: usize, constraints: usize| {
        let mut builder = Builder::bounded(Arithmetization::Plonk, limit);
        let y = builder.public_input(None);
        (0..constraints).for_each(|_| builder.enforce(y, y, y));
        (builder.constraints(), builder.shape().map(|_| ()))
    };
    assert_eq!(built(5, 5), (5, Ok(())));
    let error = CircuitError::TooLarge { what: "constraints", limit: 5 };
    assert_eq!(built(5, 500), (5, Err(error)));

    let mut builder = Builder::bounded(Arithmetization::R1cs, 3);
    for _ in 0..9 {
        builder.witness(None);
    }
    assert_eq!(builder.shape(), Err(CircuitError::TooLarge { what: "witnesses", limit: 3 }));
}

#[test]
fn a_violated_constraint_is_named_with_its_span() {
    assert_eq!(cubic(Some(3), Some(35)).check(), Ok(()));
    let error = cubic(Some(3), Some(36)).check().unwrap_err();
    assert_eq!(error, CircuitError::Unsatisfied { index: 1, span: "cube".into() });
}

#[test]
fn a_variable_without_a_value_cannot_be_proven() {
    let error = cubic(None, Some(35)).circuit().unwrap_err();
    assert_eq!(error, CircuitError::Unassigned { kind: "witness", span: "no span".into() });
}

#[test]
fn a_public_input_that_no_constraint_depends_on_is_refused() {
    for bind in [false, true] {
        let mut builder = cubic(None, None);
        let extra = builder.span("extra", |builder| builder.public_input(None));
        // These mention the input and yet hold whatever it is.
        builder.enforce(extra, LinearCombination::zero(), LinearCombination::zero());
        builder.enforce_zero(extra - extra);
        if bind {
            builder.enforce(extra, extra, extra);
            assert!(builder.shape().is_ok());
        } else {
            let error = builder.shape().unwrap_err();
            assert_eq!(error, CircuitError::UnboundPublicInput { index: 1, span: "extra".into() });
        }
    }
}

#[test]
fn the_digest_changes_with_anything_but_labels() {
    let base = cubic(None, None).shape().unwrap().digest();
    let mut variants = Vec::new();
    let mut change = |edit: &dyn Fn(&mut Builder)| {
        let mut builder = cubic(None, None);
        edit(&mut builder);
        variants.push(builder.shape().unwrap().digest());
    };
    change(&|builder| {
        builder.witness(None);
    });
    change(&|builder| builder.enforce_zero(Variable::witness(0)));
    change(&|builder| builder.enforce_zero(Variable::witness(0) * Fr::from(2)));
    change(&|builder| builder.enforce_zero(Variable::witness(1)));
    change(&|builder| builder.enforce(Variable::ONE, Variable::witness(0), LinearCombination::zero()));
    change(&|builder| {
        builder.enforce(LinearCombination::zero(), LinearCombination::zero(), Variable::witness(0));
    });
    variants.push(base);
    let all = variants.len();
    variants.sort();
    variants.dedup();
    assert_eq!(variants.len(), all);

    let mut relabelled = cubic(None, None);
    relabelled.span("nothing", |_| {});
    assert_eq!(relabelled.shape().unwrap().digest(), base);
}

#[test]
fn the_digest_is_a_constant_of_the_format() {
    let digest = cubic(None, None).shape().unwrap().digest().to_string();
    assert_eq!(digest, "fcb02040d98c87a103405d4c5fd60d29aa4da14da80a3578f99a709bce49cc85");
}

#[test]
fn statistics_count_constraints_per_span_and_subtree() {
    let statistics = cubic(None, None).statistics();
    let spans: Vec<_> =
        statistics.spans.iter().map(|span| (span.path.as_str(), span.own, span.total)).collect();
    assert_eq!(spans, [("", 0, 2), ("cube", 1, 2), ("cube/square", 1, 1)]);
    assert_eq!((statistics.constraints, statistics.terms), (2, 8));
}

#[test]
fn spans_that_do_not_nest_are_refused() {
    let mut open = cubic(None, None);
    open.enter("open");
    assert_eq!(open.shape().unwrap_err(), CircuitError::Spans("a span was not left"));
    let mut left = cubic(None, None);
    left.leave();
    assert_eq!(left.shape().unwrap_err(), CircuitError::Spans("a span was left that was not entered"));
}

#[test]
fn narrowing_costs_a_constraint_only_where_length_costs() {
    for (arithmetization, constraints) in [(Arithmetization::R1cs, 0), (Arithmetization::Plonk, 1)] {
        let mut builder = Builder::new(arithmetization);
        let sum = (1..=5u64).fold(LinearCombination::zero(), |sum, k| {
            let term = builder.witness(Some(Fr::from(k)));
            sum + term
        });
        let narrow = builder.narrow(sum, 4);
        assert_eq!(builder.value(&narrow), Some(Fr::from(15)));
        assert_eq!(builder.statistics().constraints, constraints);
        assert_eq!(builder.check(), Ok(()));
        assert_eq!(builder.narrow(narrow.clone(), 5), narrow);
    }
}
