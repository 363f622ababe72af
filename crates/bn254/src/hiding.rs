//! What an opening reveals is masked: the rank of all revealed functionals on the mask's grid.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field, One};

use crate::columns::{KzgColumns, MASK_GRID};
use crate::mercury::{Challenges, evaluate, run};
use crate::testing::Dice;
use zkml_iop::commitment::ColumnCommitment;
use zkml_snark::srs::Srs;

/// Challenges that do not depend on messages, and the logarithms of the points that were sent.
struct Fixed {
    dice: Dice,
    tau: Fr,
    sent: Vec<Fr>,
}

impl Challenges for Fixed {
    fn after(&mut self, polynomials: &[&[Fr]]) -> Fr {
        self.sent.extend(polynomials.iter().map(|p| at(p, self.tau)));
        self.dice.scalar()
    }

    fn after_scalars(&mut self, _: &[Fr]) -> Fr {
        self.dice.scalar()
    }
}

fn at(polynomial: &[Fr], x: Fr) -> Fr {
    polynomial.iter().rev().fold(Fr::ZERO, |sum, c| sum * x + c)
}

/// Everything that an opening of the column `f` reveals to somebody who knows `τ`: the logarithms of its commitment and of all
/// points, all values. Linear in `f`.
fn revealed(f: &[Fr], point: &[Fr], tau: Fr, seed: u64) -> Vec<Fr> {
    let mut challenges = Fixed { dice: Dice::new(seed), tau, sent: vec![at(f, tau), evaluate(f, point)] };
    let values = run(f, point, &mut challenges).unwrap();
    assert_eq!(challenges.sent.len(), 9);
    challenges.sent.extend(values);
    challenges.sent
}

fn rank(mut rows: Vec<Vec<Fr>>) -> usize {
    let width = rows.first().map_or(0, Vec::len);
    let mut rank = 0;
    for column in 0..width {
        let Some(pivot) = (rank..rows.len()).find(|&r| rows[r][column] != Fr::ZERO) else { continue };
        rows.swap(rank, pivot);
        let inverse = rows[rank][column].inverse().unwrap();
        let pivot_row = rows[rank].clone();
        for row in &mut rows[rank + 1..] {
            let factor = row[column] * inverse;
            row.iter_mut().zip(&pivot_row).for_each(|(r, p)| *r -= factor * p);
        }
        rank += 1;
    }
    rank
}

/// The rank of the revealed functionals on the entries of a column that are chosen.
fn rank_on(rho: usize, seed: u64, chosen: impl Fn(usize) -> bool) -> usize {
    let mut dice = Dice::new(seed);
    let tau = dice.scalar();
    let point: Vec<Fr> = (0..rho).map(|_| dice.scalar()).collect();
    let mut unit = vec![Fr::ZERO; 1 << rho];
    let mut rows = Vec::new();
    for entry in (0..1 << rho).filter(|&e| chosen(e)) {
        unit[entry] = Fr::one();
        rows.push(revealed(&unit, &point, tau, seed));
        unit[entry] = Fr::ZERO;
    }
    rank(rows)
}

fn columns(rho: usize) -> KzgColumns {
    KzgColumns::new(std::sync::Arc::new(Srs::testing(1 << rho).unwrap()), rho).unwrap()
}

#[test]
fn what_is_revealed_is_linear_in_the_column() {
    let mut dice = Dice::new(1);
    let mut column = || (0..256).map(|_| dice.scalar()).collect::<Vec<_>>();
    let (f, g, point, tau) = (column(), column(), column(), column()[0]);
    let (point, k) = (&point[..8], point[9]);
    let sum: Vec<Fr> = f.iter().zip(&g).map(|(f, g)| *f + k * g).collect();
    let [of_f, of_g, of_sum] = [&f, &g, &sum].map(|c| revealed(c, point, tau, 2));
    for ((f, g), sum) in of_f.into_iter().zip(of_g).zip(of_sum) {
        assert_eq!(f + k * g, sum);
    }
}

#[test]
fn the_masks_grid_reaches_every_combination_of_revealed_functionals() {
    for rho in [8, 9, 10] {
        let columns = columns(rho);
        let grid: Vec<usize> = (0..1 << rho).filter(|&row| columns.masks_row(row)).collect();
        assert_eq!(grid.len(), MASK_GRID * MASK_GRID);
        let all = rank_on(rho, 7 + rho as u64, |_| true);
        assert_eq!(rank_on(rho, 7 + rho as u64, |row| columns.masks_row(row)), all);
        // Fifteen functionals, bound by the verifier's equations.
        assert!((11..=15).contains(&all), "rank {all}");
    }
}

#[test]
fn a_contiguous_run_of_as_many_rows_would_not_do() {
    let rho = 10;
    let all = rank_on(rho, 3, |_| true);
    assert!(rank_on(rho, 3, |row| row >= (1 << rho) - 32) < all);
    assert!(rank_on(rho, 3, |row| row >= (1 << rho) - MASK_GRID * MASK_GRID) < all);
}
