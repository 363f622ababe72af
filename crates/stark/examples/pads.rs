//! Times a proof about pads: `cargo run --release -p zkml-stark --example pads -- SCALARS PRODUCTS [LEVEL]`.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::{Duration, Instant};

use p3_field::PrimeCharacteristicRing;
use p3_field::extension::QuinticTrinomialExtensionField;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use zkml_iop::prover::Randomness;
use zkml_iop::transcript::Transcript;
use zkml_stark::{Blake3Transcript, Equation, F, K, Ligero, Relation, SecurityLevel};

/// Runs timed after one that warms the caches.
const RUNS: usize = 20;
/// Scalars and products in an equation.
const TERMS: usize = 24;

struct Seeded(StdRng);

impl Randomness<F> for Seeded {
    fn field(&mut self) -> F {
        F::from_u32(self.0.random())
    }

    fn seed(&mut self) -> [u8; 32] {
        self.0.random()
    }
}

impl Seeded {
    fn scalar(&mut self) -> K {
        QuinticTrinomialExtensionField::new([(); 5].map(|()| self.field()))
    }

    fn terms(&mut self, bound: usize) -> Vec<(usize, K)> {
        (0..TERMS.min(bound)).map(|_| (self.0.random_range(0..bound), self.scalar())).collect()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let mut argument = |default| arguments.next().unwrap_or(Ok(default));
    let (num_scalars, num_products) = (argument(600)?, argument(300)?);
    let level = if argument(100)? > 100 { SecurityLevel::Bits128 } else { SecurityLevel::Bits100 };
    let suite = Ligero::new(num_scalars, num_products, level)?;
    println!("{:?}", suite.config());

    let mut random = Seeded(StdRng::seed_from_u64(1));
    let scalars: Vec<K> = (0..num_scalars).map(|_| random.scalar()).collect();
    let products: Vec<(usize, usize)> = (0..num_products)
        .map(|_| (random.0.random_range(0..num_scalars), random.0.random_range(0..num_scalars)))
        .collect();
    let equations: Vec<Equation> = (0..num_scalars / 10)
        .map(|_| {
            let mut equation = Equation {
                terms: random.terms(num_scalars),
                products: random.terms(num_products),
                constant: K::ZERO,
            };
            let linear = equation.terms.iter().map(|&(i, c)| c * scalars[i]).sum::<K>();
            let quadratic =
                equation.products.iter().map(|&(p, c)| c * scalars[products[p].0] * scalars[products[p].1]);
            equation.constant = -(linear + quadratic.sum::<K>());
            equation
        })
        .collect();
    let relation = Relation { products: &products, equations: &equations };
    for term in suite.security(equations.len()) {
        println!("  {:7.2} bits  {}", term.bits, term.name);
    }

    let (mut best, mut size) = ([Duration::MAX; 3], 0);
    for run in 0..=RUNS {
        let start = Instant::now();
        let (root, tree) = suite.commit(&scalars, &products, &mut random)?;
        best[0] = best[0].min(start.elapsed());
        let mut transcript = Blake3Transcript::new("example");
        transcript.absorb_bytes("run", &run.to_le_bytes());
        let mut verifier = transcript.clone();
        let start = Instant::now();
        let proof = suite.prove(&tree, &relation, &mut transcript)?;
        best[1] = best[1].min(start.elapsed());
        let bytes = suite.encode(&proof);
        size = bytes.len();
        let start = Instant::now();
        suite.verify(&root, &relation, &suite.decode(&bytes)?, &mut verifier)?;
        best[2] = best[2].min(start.elapsed());
    }
    println!("{num_scalars} scalars, {num_products} products, {} equations", equations.len());
    println!("commit {:.2?}  prove {:.2?}  verify {:.2?}", best[0], best[1], best[2]);
    println!("proof {size} bytes");
    Ok(())
}
