//! Honest proofs verify; whoever breaks one rule is refused; a view of some pads is a view of any others.
#![allow(clippy::unwrap_used, reason = "tests")]

mod attacks;
mod completeness;
mod hiding;
mod tampering;

use p3_field::PrimeCharacteristicRing;
use p3_matrix::dense::RowMajorMatrix;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use zkml_iop::prover::Randomness;

use super::config::{LigeroConfig, MASKS};
use super::pads::Pads;
use super::proof::{Challenges, Responses, Split};
use super::prover::{query, respond};
use super::relation::Functional;
use super::{Equation, Ligero, LigeroError, LigeroProof, PadTree, Relation};
use crate::columns::SecurityLevel;
use crate::merkle::MerkleRoot;
use crate::{Blake3Transcript, F, K, from_limbs};

/// Test randomness from a seed.
struct Seeded(StdRng);

impl Seeded {
    fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    fn scalar(&mut self) -> K {
        from_limbs(|_| self.field())
    }

    fn scalars(&mut self, count: usize) -> Vec<K> {
        (0..count).map(|_| self.scalar()).collect()
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0.random_range(0..bound)
    }
}

impl Randomness<F> for Seeded {
    fn field(&mut self) -> F {
        F::from_u32(self.0.random())
    }

    fn seed(&mut self) -> [u8; 32] {
        self.0.random()
    }
}

fn transcript() -> Blake3Transcript {
    Blake3Transcript::new("pad tests")
}

/// Parameters too small to be secure, without proof of work.
fn small(num_scalars: usize, num_products: usize, log_degree: usize, num_queries: usize) -> Ligero {
    Ligero::with_config(LigeroConfig {
        num_scalars,
        num_products,
        level: SecurityLevel::Bits100,
        log_degree,
        num_queries,
        grinding_bits: 0,
    })
}

/// Pads with a relation.
struct Case {
    suite: Ligero,
    scalars: Vec<K>,
    products: Vec<(usize, usize)>,
    equations: Vec<Equation>,
}

impl Case {
    /// Random pads and satisfied equations over all of them.
    fn new(suite: Ligero, num_equations: usize) -> Self {
        let (n, m) = (suite.config.num_scalars, suite.config.num_products);
        let mut random = Seeded::new((n + 1000 * m) as u64);
        let scalars = random.scalars(n);
        let products: Vec<_> = (0..m).map(|_| (random.below(n), random.below(n))).collect();
        let equations = (0..num_equations)
            .map(|_| Equation {
                // Some indices repeat.
                terms: (0..n + n / 2).map(|i| (i % n, random.scalar())).collect(),
                products: (0..m).map(|p| (p, random.scalar())).collect(),
                constant: K::ZERO,
            })
            .collect();
        let mut case = Self { suite, scalars, products, equations };
        let values = case.product_values();
        case.satisfy(&values);
        case
    }

    /// One row of scalars and one of each part of the products, at the real level but without proof of work.
    fn attacked() -> Self {
        let mut config = LigeroConfig::new(20, 7, SecurityLevel::Bits100).unwrap();
        config.grinding_bits = 0;
        Self::new(Ligero::with_config(config), 3)
    }

    fn product_values(&self) -> Vec<K> {
        self.products.iter().map(|&(a, b)| self.scalars[a] * self.scalars[b]).collect()
    }

    /// Sets the constants so that the equations hold for the scalars and these values of the products.
    fn satisfy(&mut self, products: &[K]) {
        for equation in &mut self.equations {
            let scalars = equation.terms.iter().map(|&(i, c)| c * self.scalars[i]).sum::<K>();
            let products = equation.products.iter().map(|&(p, c)| c * products[p]).sum::<K>();
            equation.constant = -(scalars + products);
        }
    }

    fn relation(&self) -> Relation<'_> {
        Relation { products: &self.products, equations: &self.equations }
    }

    fn commit(&self) -> (MerkleRoot, PadTree) {
        self.suite.commit(&self.scalars, &self.products, &mut Seeded::new(77)).unwrap()
    }

    fn prove(&self) -> (MerkleRoot, LigeroProof) {
        let (root, tree) = self.commit();
        (root, self.suite.prove(&tree, &self.relation(), &mut transcript()).unwrap())
    }

    fn verify(&self, root: &MerkleRoot, proof: &LigeroProof) -> Result<(), LigeroError> {
        self.suite.verify(root, &self.relation(), proof, &mut transcript())
    }

    /// What the verifier says to a prover that deviates from the protocol.
    fn attack(&self, forgery: Forgery<'_>) -> Result<(), LigeroError> {
        let Forgery {
            pads: change_pads,
            leaves: change_leaves,
            functional: change_functional,
            responses: change_responses,
        } = forgery;
        let config = &self.suite.config;
        let mut random = Seeded::new(78);
        let mut pads = Pads::new(config, &self.scalars, &self.products, &mut random);
        change_pads(&mut pads);
        let mut leaves = pads.encode(&self.suite.code);
        change_leaves(&mut leaves);
        let tree = PadTree::new(&self.products, pads, leaves, &random.seed());
        let mut transcript = transcript();
        self.relation().absorb(config, &tree.root(), &mut transcript);
        let challenges = Challenges::draw(&mut transcript);
        let mut functional = self.relation().combine(config, challenges.linear);
        change_functional(&mut functional, &challenges);
        let mut responses = respond(&self.suite, &tree, &functional, &challenges);
        change_responses(&mut responses, &challenges);
        let proof = query(&self.suite, &tree, Responses::new(config, responses), &mut transcript);
        self.verify(&tree.root(), &proof)
    }
}

/// A change made before the commitment.
type Change<'a, T> = Box<dyn Fn(&mut T) + 'a>;
/// A change made when the challenges are known.
type Answer<'a, T> = Box<dyn Fn(&mut T, &Challenges) + 'a>;

/// Where a prover deviates.
struct Forgery<'a> {
    pads: Change<'a, Pads>,
    leaves: Change<'a, Vec<RowMajorMatrix<F>>>,
    functional: Answer<'a, Functional>,
    responses: Answer<'a, [Split; MASKS]>,
}

impl Default for Forgery<'_> {
    fn default() -> Self {
        Self {
            pads: Box::new(|_| ()),
            leaves: Box::new(|_| ()),
            functional: Box::new(|_, _| ()),
            responses: Box::new(|_, _| ()),
        }
    }
}

fn refused_response(result: &Result<(), LigeroError>, name: &str) -> bool {
    matches!(result, Err(LigeroError::Response { response, .. }) if *response == name)
}
