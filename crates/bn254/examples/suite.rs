//! What an architecture costs in this suite, with random weights: `measure lenet|mlp [public] [groth16] [plonk]`;
//! `measure msm` compares the commitment to a column of small integers with the general algorithm.

#![allow(clippy::print_stdout, reason = "a measurement prints")]
#![allow(clippy::unwrap_used, clippy::panic, dead_code, reason = "a measurement stops at the first failure")]

#[path = "../tests/case/mod.rs"]
mod case;

use std::sync::Arc;
use std::time::Instant;

use case::sketch::{I8, Sketch, U8, conv, gemm};
use case::{CONTEXT, Counter};
use zkml_bn254::columns::ColumnTree;
use zkml_bn254::relation::choose_log_rows;
use zkml_bn254::{F, FIELD, OuterProof, ProvingKey, Relation, Srs, Verifier, VerifyingKey, prove};
use zkml_iop::builder::{Shape, Visibility, build_system, build_witness};
use zkml_iop::commitment::ColumnCommitment;
use zkml_iop::layout::TreeKind;
use zkml_iop::prover::shared_columns;
use zkml_ir::ops::{Activation, AxisMap, Max, Requantize, Reshape, View};
use zkml_ir::{Interval, Model, Op, TensorId, execute};
use zkml_snark::circuit::Arithmetization;
use zkml_snark::{groth16, plonk};

/// Accumulator, its requantisation to 8 bits, ReLU.
fn relu(s: &mut Sketch, acc: TensorId, shift: u32) -> TensorId {
    let range = s.graph.tensor(acc).range;
    let reach = (range.magnitude() as i64 >> shift) + 1;
    let blocks = (reach as u64).div_ceil(256).next_power_of_two() as i64;
    let op = Requantize {
        shift,
        domain: Interval::new(-blocks * 256, blocks * 256 - 1),
        activation: Activation::Clamp(U8),
    };
    s.node(Op::Requantize(op), &[acc])
}

/// Maxima of 2×2 windows.
fn pool(s: &mut Sketch, x: TensorId) -> TensorId {
    let shape = s.graph.tensor(x).shape.clone();
    let (c, n) = (shape[1], shape[2]);
    let along = |axis, window| AxisMap { offset: 0, divisor: 1, terms: vec![(axis, 2), (window, 1)] };
    let axes = vec![AxisMap::identity(0), AxisMap::identity(1), along(2, 4), along(3, 5)];
    let windows = View { shape: vec![1, c, n / 2, n / 2, 2, 2], axes, fill: 0 };
    let windows = s.node(Op::View(windows), &[x]);
    let flat = s.node(Op::Reshape(Reshape { shape: vec![1, c, n / 2, n / 2, 4] }), &[windows]);
    s.node(Op::Max(Max {}), &[flat])
}

/// A perceptron with one hidden layer, for images of 28×28.
fn mlp() -> Sketch {
    let mut s = Sketch::new();
    let x = s.input(&[1, 784], U8);
    let w = s.weight(&[128, 784], I8);
    let acc = s.node(gemm(), &[x, w]);
    let x = relu(&mut s, acc, 10);
    let w = s.weight(&[10, 128], I8);
    let y = s.node(gemm(), &[x, w]);
    s.graph.add_output("y", y, 1.0).unwrap();
    s
}

/// LeNet-5 with ReLU and maxima.
fn lenet() -> Sketch {
    let mut s = Sketch::new();
    let x = s.input(&[1, 1, 28, 28], U8);
    let w = s.weight(&[6, 1, 5, 5], I8);
    let acc = s.node(Op::Conv(conv([1, 1], [(2, 2), (2, 2)], 1)), &[x, w]);
    let x = relu(&mut s, acc, 9);
    let x = pool(&mut s, x);
    let w = s.weight(&[16, 6, 5, 5], I8);
    let acc = s.node(Op::Conv(conv([1, 1], [(0, 0), (0, 0)], 1)), &[x, w]);
    let x = relu(&mut s, acc, 10);
    let x = pool(&mut s, x);
    let mut x = s.node(Op::Reshape(Reshape { shape: vec![1, 400] }), &[x]);
    for (outputs, inputs) in [(120, 400), (84, 120)] {
        let w = s.weight(&[outputs, inputs], I8);
        let acc = s.node(gemm(), &[x, w]);
        x = relu(&mut s, acc, 10);
    }
    let w = s.weight(&[10, 84], I8);
    let y = s.node(gemm(), &[x, w]);
    s.graph.add_output("y", y, 1.0).unwrap();
    s
}

/// The processor time of this process in milliseconds, where the system tells it in ticks of 10 ms.
fn processor_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|f| f.parse::<f64>().ok()).sum::<f64>() * 10.0
}

fn timed<T>(what: &str, body: impl FnOnce() -> T) -> T {
    let (start, busy) = (Instant::now(), processor_time());
    let result = body();
    let (wall, busy) = (start.elapsed().as_secs_f64() * 1e3, processor_time() - busy);
    println!("{wall:>9.1} ms, {busy:>8.0} ms of processors  {what}");
    result
}

fn measure_msm() {
    use ark_ec::VariableBaseMSM;
    use p3_field::PrimeCharacteristicRing;
    let srs = Srs::testing(1 << 14).unwrap();
    for bits in [1, 8, 16, 31] {
        let mask = (1u64 << bits) - 1;
        let integer = |i: u64| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20 & mask) as i64;
        let column: Vec<F> = (0..1 << 14).map(|i| F::from_i64(integer(i) - (mask >> 1) as i64)).collect();
        let scalars: Vec<_> = column.iter().map(|&v| zkml_bn254::field::to_ark(v)).collect();
        let own = timed(&format!("{bits} bits, by bytes"), || zkml_bn254::msm::msm_column(&srs.g1, &column));
        let general = timed(&format!("{bits} bits, arkworks"), || {
            ark_bn254::G1Projective::msm_unchecked(&srs.g1, &scalars)
        });
        assert_eq!(own, general);
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|a| a == "msm") {
        return measure_msm();
    }
    let has = |word: &str| arguments.iter().any(|a| a == word);
    let mut s = match arguments.first().map(String::as_str) {
        Some("lenet") => lenet(),
        Some("mlp") => mlp(),
        _ => panic!("measure lenet|mlp [public] [groth16] [plonk]"),
    };
    let sample = case::sketch::sample(&s.graph, &mut s.dice);
    let model = Model::new(s.graph, s.weights).unwrap();
    let graph = &model.graph;
    let input = if has("public") { Visibility::Public } else { Visibility::Private };
    let shape = Shape { batch: 1, inputs: vec![input], outputs: vec![Visibility::Public] };
    let log_rows = choose_log_rows(&build_system(graph, &shape, FIELD).unwrap(), 0);
    // PLONK takes more powers than the columns, of the same string.
    let log_powers = if has("plonk") { 18 } else { log_rows };
    let srs = timed("testing SRS", || Arc::new(Srs::testing(1 << log_powers).unwrap()));
    let traces = vec![execute(&model, &sample).unwrap()];
    let (system, witness) = timed("witness", || build_witness(graph, &shape, FIELD, &traces).unwrap());
    let relation = Arc::new(Relation::with_system(system, graph, Some(&shape), srs, log_rows).unwrap());
    for tree in &relation.layout.trees {
        println!("{:?}: {} columns of 2^{log_rows}", tree.kind, tree.columns);
    }
    let columns =
        shared_columns(&relation.system, &relation.layout, TreeKind::Weights, &witness, &mut Counter(1));
    let (points, tree) = timed("commit weights", || relation.columns.commit(columns, [0; 32]).unwrap());
    let trees: Vec<&ColumnTree> = vec![&tree];
    let shared = vec![(TreeKind::Weights, points.clone())];
    let public = relation.public_of(&witness, CONTEXT);
    let start = Instant::now();
    let mut progress =
        |stage| println!("{:>9.1} ms    {stage:?} begins", start.elapsed().as_secs_f64() * 1e3);
    let proof = timed("proof in the clear", || {
        prove(&relation, &public, witness, &trees, &mut Counter(2), &mut progress).unwrap()
    });
    timed("native verification", || proof.verify(&relation, &public, &shared).unwrap());
    for arithmetization in [Arithmetization::R1cs, Arithmetization::Plonk] {
        let builder =
            timed("circuit", || proof.circuit(arithmetization, &relation, &public, &shared).unwrap());
        builder.check().unwrap();
        println!("{arithmetization:?}: {}", builder.statistics());
    }
    timed("outer verification", || proof.outer().public_inputs(&relation, &public, &shared).unwrap());
    println!("{} bytes beside the SNARK's proof", OuterProof::length(&relation));
    if has("groth16") {
        let shape = relation.circuit(Arithmetization::R1cs).unwrap().shape().unwrap();
        let (proving, key) = timed("groth16 setup", || groth16::testing_setup(&shape).unwrap());
        let verifier =
            Verifier::new(relation.clone(), VerifyingKey::Groth16(key), Some(points.clone())).unwrap();
        let whole = timed("groth16 prove", || {
            proof.finish(ProvingKey::Groth16(&proving), &relation, &public, &shared).unwrap()
        });
        timed("groth16 verify", || verifier.verify(&public, &[], &whole).unwrap());
        println!("{} bytes", whole.to_bytes().len());
    }
    if has("plonk") {
        let shape = relation.circuit(Arithmetization::Plonk).unwrap().shape().unwrap();
        println!("{:?} rows", plonk::rows(&shape));
        let srs = relation.columns.srs();
        let key = timed("plonk setup", || plonk::setup(&shape, srs).unwrap());
        let prover = timed("plonk prover", || plonk::Prover::new(&shape, &key).unwrap());
        let verifier = Verifier::new(relation.clone(), VerifyingKey::Plonk(key), Some(points)).unwrap();
        let whole = timed("plonk prove", || {
            proof.finish(ProvingKey::Plonk(&prover, srs), &relation, &public, &shared).unwrap()
        });
        timed("plonk verify", || verifier.verify(&public, &[], &whole).unwrap());
        println!("{} bytes", whole.to_bytes().len());
    }
}
