//! The prover.

use ark_bn254::{Fr, G1Affine};
use ark_ec::CurveGroup;
use ark_ff::{FftField, Field, One, Zero, batch_inversion};
use ark_poly::EvaluationDomain;
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::keys::EVALUATIONS;
use super::polynomial::{Secret, blinded, combine, divide, evaluate, extend, powers};
use super::transcript::Transcript;
use super::{BLINDING, Domain, PlonkError, Preprocessed, Proof, SELECTORS, VerifyingKey, WIRES, cosets};
use crate::circuit::{Circuit, CircuitError, Shape};
use crate::random;
use crate::srs::Srs;

/// The quotient is divided by four times the rows' domain, shifted.
const EXTENSION: usize = 4;

/// A circuit made ready for any number of proofs: about 1.5 kB of memory per row, and as much again while proving.
pub struct Prover {
    key: VerifyingKey,
    pub(super) circuit: Preprocessed,
    larger: Domain,
    /// Values on the larger domain.
    selectors: [Secret; SELECTORS],
    permutations: [Secret; WIRES],
    first: Vec<Fr>,
    points: Vec<Fr>,
}

impl Prover {
    /// Prepares a circuit; the key is the one that [`super::setup`] made for it.
    ///
    /// # Errors
    /// If the key is another circuit's.
    pub fn new(shape: &Shape, key: &VerifyingKey) -> Result<Self, PlonkError> {
        let circuit = Preprocessed::new(shape)?;
        let (digest, rows) = (shape.digest(), circuit.domain.size());
        if key.circuit != digest || key.rows() != rows || key.public_inputs() != shape.public_inputs() {
            return Err(PlonkError::OtherCircuit);
        }
        let found = EXTENSION * rows;
        let larger = Domain::new(found).and_then(|domain| domain.get_coset(Fr::GENERATOR));
        let larger = larger.ok_or(PlonkError::TooLarge { what: "rows", found, limit: 1 << 28 })?;
        let points: Vec<Fr> = larger.elements().collect();
        // L₁(x) = (xⁿ − 1) / (n·(x − 1)), and xⁿ takes four values.
        let mut first: Vec<Fr> = points.par_iter().map(|point| *point - Fr::one()).collect();
        batch_inversion(&mut first);
        let scale = circuit.domain.size_inv;
        let vanishing = vanishing(&circuit.domain, &points);
        first.par_iter_mut().enumerate().for_each(|(index, value)| {
            *value *= scale * vanishing.get(index % EXTENSION).copied().unwrap_or_default();
        });
        Ok(Self {
            key: key.clone(),
            selectors: circuit.selectors.each_ref().map(|polynomial| extend(&larger, polynomial)),
            permutations: circuit.permutations.each_ref().map(|polynomial| extend(&larger, polynomial)),
            circuit,
            larger,
            first,
            points,
        })
    }
}

impl Prover {
    /// The rows in use, before they are padded to a power of two.
    pub fn rows(&self) -> usize {
        self.circuit.lowered.rows.len()
    }
}

impl std::fmt::Debug for Prover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prover").field("key", &self.key).finish_non_exhaustive()
    }
}

/// `xⁿ − 1` for the first few points of the larger domain, after which it repeats.
fn vanishing(domain: &Domain, points: &[Fr]) -> Vec<Fr> {
    points.iter().take(EXTENSION).map(|point| domain.evaluate_vanishing_polynomial(*point)).collect()
}

/// A proof that the circuit's constraints hold for its public inputs; zero knowledge by fresh blinding.
///
/// # Errors
/// If a constraint does not hold, circuit and key do not fit, the reference string is not the key's or too short, or
/// there is no randomness.
pub fn prove(prover: &Prover, srs: &Srs, circuit: &Circuit) -> Result<Proof, PlonkError> {
    let Circuit { shape, assignment } = circuit;
    let key = &prover.key;
    if shape.digest() != key.circuit {
        return Err(PlonkError::OtherCircuit);
    }
    if srs.tau_g2 != key.tau_g2 {
        return Err(PlonkError::OtherSrs);
    }
    let needed = key.rows() + BLINDING;
    if srs.g1.len() < needed {
        return Err(PlonkError::SrsTooSmall { found: srs.g1.len(), needed });
    }
    if let Some(index) = shape.first_violation(assignment) {
        return Err(CircuitError::Unsatisfied { index, span: "the circuit".into() }.into());
    }
    let values = Zeroizing::new(prover.circuit.lowered.values(assignment));
    let columns = std::array::from_fn(|wire| prover.column(wire, &values));
    prover.prove_columns(srs, columns, assignment.public_inputs())
}

impl Prover {
    /// A proof from the values of the wires, whether or not they satisfy anything.
    pub(super) fn prove_columns(
        &self,
        srs: &Srs,
        columns: [Vec<Fr>; WIRES],
        public_inputs: &[Fr],
    ) -> Result<Proof, PlonkError> {
        Rounds { prover: self, srs, columns: columns.map(Zeroizing::new), public_inputs }.run()
    }

    /// The values of a wire on all rows.
    pub(super) fn column(&self, wire: usize, values: &[Fr]) -> Vec<Fr> {
        let cell =
            |cells: &[u32; WIRES]| cells.get(wire).and_then(|&cell| values.get(cell as usize)).copied();
        let rows = self.circuit.lowered.rows.iter().map(|row| cell(&row.cells).unwrap_or_default());
        let mut column = Vec::with_capacity(self.circuit.domain.size());
        column.extend(rows);
        column.resize(self.circuit.domain.size(), Fr::zero());
        column
    }
}

struct Rounds<'a> {
    prover: &'a Prover,
    srs: &'a Srs,
    columns: [Zeroizing<Vec<Fr>>; WIRES],
    public_inputs: &'a [Fr],
}

/// The challenges of the permutation argument.
#[derive(Clone, Copy)]
struct Permutation {
    beta: Fr,
    gamma: Fr,
}

impl Rounds<'_> {
    fn run(self) -> Result<Proof, PlonkError> {
        let Self { prover, srs, .. } = &self;
        let domain = &prover.circuit.domain;
        let commit = |polynomial: &[Fr]| -> Result<G1Affine, PlonkError> {
            let needed = polynomial.len();
            let too_small = PlonkError::SrsTooSmall { found: srs.g1.len(), needed };
            srs.commit(polynomial).map(CurveGroup::into_affine).ok_or(too_small)
        };
        let [a, b, c] = &self.columns;
        // c is opened at two points, and so blinded once more.
        let wires = [blinded::<2>(domain, a)?, blinded::<2>(domain, b)?, blinded::<3>(domain, c)?];
        let [a, b, c] = wires.each_ref().map(|wire| commit(wire));
        let wire_points = [a?, b?, c?];
        let (mut transcript, mut messages) = Transcript::new(&prover.key, self.public_inputs);
        for point in &wire_points {
            messages.g1(point);
        }
        let beta = transcript.challenge(&messages);
        let gamma = transcript.after_scalars(&[]);
        let permutation = Permutation { beta, gamma };

        let product = blinded::<3>(domain, &self.running_product(permutation))?;
        let product_point = commit(&product)?;
        let alpha = transcript.after_points(&[product_point]);

        let quotient = self.quotient(&wires, &product, permutation, alpha)?;
        let [low, middle, high] = quotient.each_ref().map(|part| commit(part));
        let quotient_points = [low?, middle?, high?];
        let zeta = transcript.after_points(&quotient_points);

        let shifted = zeta * domain.group_gen;
        let [a, b, c] = &wires;
        let [sigma_a, sigma_b, _] = &prover.circuit.permutations;
        let evaluations: [Fr; EVALUATIONS] = [
            evaluate(a, zeta),
            evaluate(b, zeta),
            evaluate(c, zeta),
            evaluate(sigma_a, zeta),
            evaluate(sigma_b, zeta),
            evaluate(&product, shifted),
            evaluate(c, shifted),
        ];
        let v = transcript.after_scalars(&evaluations);

        let linear = self.linearised(&product, &quotient, &evaluations, permutation, alpha, zeta);
        let batch: Vec<Fr> = powers(v).take(6).collect();
        let opened: [&[Fr]; 6] = [&linear, a, b, c, sigma_a, sigma_b];
        let at_zeta: Vec<(Fr, &[Fr])> = batch.iter().copied().zip(opened).collect();
        let openings = [
            commit(&divide(combine(&at_zeta), zeta))?,
            commit(&divide(combine(&[(Fr::one(), &product), (v, c)]), shifted))?,
        ];
        Ok(Proof {
            wires: wire_points,
            product: product_point,
            quotient: quotient_points,
            evaluations,
            openings,
        })
    }

    /// The values of z: it starts at one, and each row multiplies it by what its slots contribute.
    fn running_product(&self, Permutation { beta, gamma }: Permutation) -> Secret {
        let Preprocessed { domain, permutation_values, .. } = &self.prover.circuit;
        let size = domain.size();
        let [ka, kb, kc] = cosets();
        let points: Vec<Fr> = domain.elements().collect();
        let ([a, b, c], [sa, sb, sc]) = (&self.columns, permutation_values);
        let factors = |index: usize| -> Option<(Fr, Fr)> {
            let (point, a, b, c) = (points.get(index)?, a.get(index)?, b.get(index)?, c.get(index)?);
            let [a, b, c] = [*a + gamma, *b + gamma, *c + gamma];
            let step = beta * point;
            let above = (a + step * ka) * (b + step * kb) * (c + step * kc);
            let below =
                (a + beta * sa.get(index)?) * (b + beta * sb.get(index)?) * (c + beta * sc.get(index)?);
            Some((above, below))
        };
        let (above, mut below): (Vec<Fr>, Vec<Fr>) =
            (0..size).into_par_iter().map(|index| factors(index).unwrap_or_default()).unzip();
        batch_inversion(&mut below);
        let mut product = Fr::one();
        let mut step = |factor: Fr| {
            let before = product;
            product *= factor;
            before
        };
        Secret::new(above.iter().zip(&below).map(|(above, below)| step(*above * below)).collect())
    }

    /// The quotient of all constraints by `xⁿ − 1`, in three parts that are blinded against each other.
    fn quotient(
        &self,
        wires: &[Secret; WIRES],
        product: &[Fr],
        permutation: Permutation,
        alpha: Fr,
    ) -> Result<[Secret; 3], PlonkError> {
        let prover = self.prover;
        let (domain, larger) = (&prover.circuit.domain, &prover.larger);
        let wires = wires.each_ref().map(|wire| extend(larger, wire));
        let product = extend(larger, product);
        let mut public: Vec<Fr> = self.public_inputs.iter().map(|input| -*input).collect();
        public.resize(domain.size(), Fr::zero());
        domain.ifft_in_place(&mut public);
        let public = extend(larger, &public);
        let mut inverses = vanishing(domain, &prover.points);
        batch_inversion(&mut inverses);
        let numerator = |index| self.numerator(index, &wires, &product, &public, permutation, alpha);
        let values = (0..larger.size()).into_par_iter().map(|index| {
            let inverse = inverses.get(index % EXTENSION).copied().unwrap_or_default();
            numerator(index).unwrap_or_default() * inverse
        });
        let mut quotient = Secret::new(values.collect());
        larger.ifft_in_place(&mut *quotient);
        split(&quotient, domain.size())
    }

    /// The constraints, combined by powers of α, at one point of the larger domain.
    fn numerator(
        &self,
        index: usize,
        wires: &[Secret; WIRES],
        product: &[Fr],
        public: &[Fr],
        Permutation { beta, gamma }: Permutation,
        alpha: Fr,
    ) -> Option<Fr> {
        let prover = self.prover;
        let next = (index + EXTENSION) % prover.larger.size();
        let [a, b, c] = wires;
        let (a, b, c, c_next) = (*a.get(index)?, *b.get(index)?, *c.get(index)?, *c.get(next)?);
        let [ql, qr, qo, qm, qn, qc] = &prover.selectors;
        let gate = *ql.get(index)? * a
            + *qr.get(index)? * b
            + *qo.get(index)? * c
            + *qm.get(index)? * a * b
            + *qn.get(index)? * c_next
            + qc.get(index)?
            + public.get(index)?;
        let (z, z_next) = (*product.get(index)?, *product.get(next)?);
        let step = beta * prover.points.get(index)?;
        let [ka, kb, kc] = cosets();
        let [sa, sb, sc] = &prover.permutations;
        let above = (a + step * ka + gamma) * (b + step * kb + gamma) * (c + step * kc + gamma) * z;
        let below = (a + beta * sa.get(index)? + gamma)
            * (b + beta * sb.get(index)? + gamma)
            * (c + beta * sc.get(index)? + gamma)
            * z_next;
        let start = (z - Fr::one()) * prover.first.get(index)?;
        Some(gate + alpha * (above - below + alpha * start))
    }

    /// The polynomial that the verifier can commit to by itself, given the evaluations; zero at ζ but for constants.
    fn linearised(
        &self,
        product: &[Fr],
        quotient: &[Secret; 3],
        evaluations: &[Fr; EVALUATIONS],
        Permutation { beta, gamma }: Permutation,
        alpha: Fr,
        zeta: Fr,
    ) -> Secret {
        let Preprocessed { domain, selectors, permutations, .. } = &self.prover.circuit;
        let [a, b, c, sa, sb, z_next, c_next] = *evaluations;
        let [ka, kb, kc] = cosets();
        let vanishing = domain.evaluate_vanishing_polynomial(zeta);
        let first = vanishing * domain.size_inv * (zeta - Fr::one()).inverse().unwrap_or_default();
        let step = beta * zeta;
        let above = (a + step * ka + gamma) * (b + step * kb + gamma) * (c + step * kc + gamma);
        let below = (a + beta * sa + gamma) * (b + beta * sb + gamma) * z_next;
        let power = vanishing + Fr::one();
        let [ql, qr, qo, qm, qn, qc] = selectors;
        let [_, _, sigma_c] = permutations;
        let [low, middle, high] = quotient;
        combine(&[
            (a, ql),
            (b, qr),
            (c, qo),
            (a * b, qm),
            (c_next, qn),
            (Fr::one(), qc),
            (alpha * (above + alpha * first), product),
            (-(alpha * below * beta), sigma_c),
            (-vanishing, low),
            (-vanishing * power, middle),
            (-vanishing * power * power, high),
        ])
    }
}

/// Cuts the quotient at n and 2n; the parts are masked by two random scalars that cancel in their sum.
fn split(quotient: &[Fr], size: usize) -> Result<[Secret; 3], PlonkError> {
    // The degree is at most 3n + 6; anything above means that the constraints do not hold.
    let end = (3 * size + 7).min(quotient.len());
    let (quotient, above) = quotient.split_at_checked(end).ok_or(PlonkError::Invalid)?;
    if above.iter().any(|coefficient| !coefficient.is_zero()) {
        return Err(PlonkError::Invalid);
    }
    let mut borrowed = Fr::zero();
    let mut part = |from: usize, to: usize, last: bool| -> Result<Secret, PlonkError> {
        let mut part = Secret::new(Vec::with_capacity(to.saturating_sub(from) + 1));
        part.extend_from_slice(quotient.get(from..to).ok_or(PlonkError::Invalid)?);
        if let Some(constant) = part.first_mut() {
            *constant -= borrowed;
        }
        if !last {
            borrowed = random::scalar()?;
            part.push(borrowed);
        }
        Ok(part)
    };
    Ok([part(0, size, false)?, part(size, 2 * size, false)?, part(2 * size, end, true)?])
}
