//! Multi-scalar multiplication in G1: Pippenger's buckets, filled by affine additions that share an inversion.
//!
//! An addition of affine points costs six multiplications where the inverse of `x₂ − x₁` is at hand, one into a projective
//! sum ten or more. So the points of every bucket are added in pairs, round after round, and one inversion serves a batch of
//! pairs (Montgomery's trick). A scalar is cut into signed digits after the shorter of `s` and `−s` was taken: small integers
//! of both signs have few digits that are not zero, and zeros cost nothing.

use ark_bn254::{Fq, Fr, G1Affine, G1Projective};
use ark_ec::{AdditiveGroup, AffineRepr, CurveGroup};
use ark_ff::{BigInt, BigInteger, Field, One, PrimeField, Zero};
use rayon::prelude::*;
use zeroize::Zeroize;

/// Bits of the shorter of `s` and `r − s`.
const BITS: usize = 253;
/// Pairs that share an inversion.
const BATCH: usize = 1 << 10;

/// `Σ scalar·base` over the shorter length.
pub fn msm(bases: &[G1Affine], scalars: &[Fr]) -> G1Projective {
    let (window, windows) = cut(bases.len().min(scalars.len()));
    let bias = bias(window, windows);
    let mut scalars: Vec<Signed> =
        scalars.par_iter().with_min_len(1 << 10).map(|scalar| Signed::new(scalar, &bias)).collect();
    let sum = |index| {
        window_sum(bases, &scalars, Digits { window, from: index * window, last: index + 1 == windows })
    };
    let sums: Vec<G1Projective> = (0..windows).into_par_iter().map(sum).collect();
    scalars.iter_mut().for_each(|scalar| scalar.magnitude.0.zeroize());
    sums.into_iter().rev().fold(G1Projective::zero(), |mut total, sum| {
        (0..window).for_each(|_| {
            total.double_in_place();
        });
        total + sum
    })
}

/// The bits of a digit and the number of digits that cost least: an addition for every point, about five for every bucket.
fn cut(length: usize) -> (usize, usize) {
    let windows = |window: usize| (BITS + 1).div_ceil(window);
    let cost = |window: &usize| windows(*window) * (length + (5 << (*window - 1)));
    let window = (2..=16).min_by_key(cost).unwrap_or(8);
    (window, windows(window))
}

/// Half a digit's range in every digit but the last: with it added, digits need no carries.
fn bias(window: usize, windows: usize) -> BigInt<4> {
    let mut bias = BigInt::zero();
    for bit in (1..windows).map(|digit| digit * window - 1) {
        if let Some(limb) = bias.0.get_mut(bit / 64) {
            *limb |= 1 << (bit % 64);
        }
    }
    bias
}

/// The shorter of a scalar and its negative, plus the bias.
struct Signed {
    magnitude: BigInt<4>,
    negative: bool,
}

impl Signed {
    fn new(scalar: &Fr, bias: &BigInt<4>) -> Self {
        let (positive, negative) = (scalar.into_bigint(), (-*scalar).into_bigint());
        let is_negative = negative < positive;
        let mut magnitude = if is_negative { negative } else { positive };
        // Below 2^253 + 2^253.
        magnitude.add_with_carry(bias);
        Self { magnitude, negative: is_negative }
    }
}

/// Which digit of the scalars.
#[derive(Clone, Copy)]
struct Digits {
    window: usize,
    from: usize,
    last: bool,
}

impl Digits {
    /// The digit, between `−2^(window−1)` and `2^(window−1)`.
    fn of(self, scalar: &Signed) -> i32 {
        let limb = |index: usize| scalar.magnitude.0.get(index).copied().unwrap_or_default();
        let (index, shift) = (self.from / 64, self.from % 64);
        let low = limb(index) >> shift | limb(index + 1).checked_shl(64 - shift as u32).unwrap_or_default();
        let digit = (low & ((1 << self.window) - 1)) as i32;
        let digit = if self.last { digit } else { digit - (1 << (self.window - 1)) };
        if scalar.negative { -digit } else { digit }
    }
}

/// A point that is the sum of its bucket so far; `(0, 0)`, which is not on the curve, stands for infinity.
#[derive(Clone, Copy)]
struct Point {
    x: Fq,
    y: Fq,
}

impl Point {
    fn new(base: &G1Affine, negative: bool) -> Self {
        Self { x: base.x, y: if negative { -base.y } else { base.y } }
    }

    fn is_infinity(&self) -> bool {
        self.x.is_zero() && self.y.is_zero()
    }

    /// What a sum divides by; one where it divides by nothing.
    fn denominator(&self, other: &Self) -> Fq {
        if self.is_infinity() || other.is_infinity() {
            Fq::one()
        } else if self.x != other.x {
            other.x - self.x
        } else if self.y == other.y {
            self.y.double()
        } else {
            Fq::one()
        }
    }

    /// The sum, given the inverse of [`Point::denominator`].
    fn plus(&self, other: &Self, inverse: &Fq) -> Self {
        if self.is_infinity() {
            return *other;
        }
        if other.is_infinity() {
            return *self;
        }
        let slope = if self.x != other.x {
            (other.y - self.y) * inverse
        } else if self.y == other.y {
            let square = self.x.square();
            (square.double() + square) * inverse
        } else {
            return Self { x: Fq::zero(), y: Fq::zero() };
        };
        let x = slope.square() - self.x - other.x;
        Self { x, y: slope * (self.x - x) - self.y }
    }

    /// The affine point; nothing for infinity.
    fn affine(&self) -> Option<G1Affine> {
        (!self.is_infinity()).then(|| G1Affine::new_unchecked(self.x, self.y))
    }
}

/// `Σ digit·base` for one digit of every scalar.
fn window_sum(bases: &[G1Affine], scalars: &[Signed], digits: Digits) -> G1Projective {
    let (mut points, mut buckets) = sorted(bases, scalars, digits);
    let mut batch = Batch::default();
    while buckets.iter().any(|bucket| bucket.length > 1) {
        for bucket in &mut buckets {
            let pairs = bucket.length / 2;
            for pair in 0..pairs {
                batch.push(&points, bucket.start + 2 * pair, bucket.start + pair);
                if batch.pairs.len() == BATCH {
                    batch.add(&mut points);
                }
            }
            bucket.pending = pairs;
        }
        batch.add(&mut points);
        for bucket in &mut buckets {
            bucket.finish_round(&mut points);
        }
    }
    aggregate(&points, &buckets)
}

/// The points whose digit has one magnitude, at consecutive positions.
#[derive(Clone, Copy, Default)]
struct Bucket {
    start: usize,
    length: usize,
    /// Sums of pairs that stand at the start.
    pending: usize,
}

impl Bucket {
    /// The sums of pairs, and behind them the point that had no partner.
    fn finish_round(&mut self, points: &mut [Point]) {
        if self.length < 2 {
            return;
        }
        let odd = self.length % 2;
        if odd == 1 {
            points.copy_within(
                self.start + self.length - 1..self.start + self.length,
                self.start + self.pending,
            );
        }
        self.length = self.pending + odd;
    }
}

/// Points in the order of their buckets, the bucket of magnitude 1 first.
fn sorted(bases: &[G1Affine], scalars: &[Signed], digits: Digits) -> (Vec<Point>, Vec<Bucket>) {
    let entries = || {
        let digit = |(base, scalar): (&G1Affine, &Signed)| (!base.is_zero()).then(|| digits.of(scalar));
        bases
            .iter()
            .zip(scalars)
            .map(digit)
            .enumerate()
            .filter_map(|(i, d)| Some((i, d.filter(|d| *d != 0)?)))
    };
    let mut buckets = vec![Bucket::default(); 1 << (digits.window - 1)];
    for (_, digit) in entries() {
        buckets[digit.unsigned_abs() as usize - 1].length += 1;
    }
    let mut start = 0;
    for bucket in &mut buckets {
        bucket.start = start;
        start += bucket.length;
        bucket.length = 0;
    }
    let mut points = vec![Point { x: Fq::zero(), y: Fq::zero() }; start];
    for (index, digit) in entries() {
        let bucket = &mut buckets[digit.unsigned_abs() as usize - 1];
        points[bucket.start + bucket.length] = Point::new(&bases[index], digit < 0);
        bucket.length += 1;
    }
    (points, buckets)
}

/// Pairs that wait for their inversion.
#[derive(Default)]
struct Batch {
    /// The position of the first of two neighbours, and where their sum goes: never behind what is still to be read.
    pairs: Vec<(usize, usize)>,
    /// The products of all denominators before a pair's.
    products: Vec<Fq>,
    denominators: Vec<Fq>,
    product: Option<Fq>,
}

impl Batch {
    fn push(&mut self, points: &[Point], from: usize, to: usize) {
        let denominator = points[from].denominator(&points[from + 1]);
        let product = self.product.unwrap_or_else(Fq::one);
        self.pairs.push((from, to));
        self.products.push(product);
        self.denominators.push(denominator);
        self.product = Some(product * denominator);
    }

    /// Adds all pairs.
    fn add(&mut self, points: &mut [Point]) {
        let Some(mut inverse) = self.product.take().and_then(|product| product.inverse()) else { return };
        for (product, denominator) in self.products.iter_mut().zip(&self.denominators).rev() {
            *product *= inverse;
            inverse *= denominator;
        }
        for (&(from, to), inverse) in self.pairs.iter().zip(&self.products) {
            points[to] = points[from].plus(&points[from + 1], inverse);
        }
        self.pairs.clear();
        self.products.clear();
        self.denominators.clear();
    }
}

/// `Σ magnitude·bucket`: every bucket is counted once for each magnitude up to its own.
fn aggregate(points: &[Point], buckets: &[Bucket]) -> G1Projective {
    let (mut running, mut total) = (G1Projective::zero(), G1Projective::zero());
    let mut above = buckets.len();
    for (index, bucket) in buckets.iter().enumerate().rev().filter(|(_, bucket)| bucket.length > 0) {
        total += times(&running, above - index - 1);
        above = index + 1;
        if let Some(point) = points.get(bucket.start).and_then(Point::affine) {
            running += point;
        }
        total += running;
        above -= 1;
    }
    total + times(&running, above)
}

/// Stretches of empty buckets are short multiples.
fn times(point: &G1Projective, factor: usize) -> G1Projective {
    match factor {
        0 => G1Projective::zero(),
        1 => *point,
        _ => {
            let half = times(point, factor / 2).double();
            if factor % 2 == 1 { half + point } else { half }
        }
    }
}

/// The affine points of several sums, with one inversion.
pub fn to_affine(sums: &[G1Projective]) -> Vec<G1Affine> {
    G1Projective::normalize_batch(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(bases: &[G1Affine], scalars: &[Fr]) -> G1Projective {
        bases.iter().zip(scalars).fold(G1Projective::zero(), |sum, (&base, scalar)| sum + base * scalar)
    }

    fn bases(count: u64) -> Vec<G1Affine> {
        let sums: Vec<G1Projective> = (1..=count).map(|i| G1Affine::generator() * Fr::from(i * i)).collect();
        to_affine(&sums)
    }

    /// Elements that look random.
    fn elements(count: u64) -> Vec<Fr> {
        (0..count).map(|i| Fr::from(i + 3).pow([0x1234_5678_9abc_def1 + i])).collect()
    }

    #[test]
    fn sums_of_all_lengths_are_those_of_single_multiplications() {
        for length in [0, 1, 2, 3, 7, 33, 200] {
            let (bases, scalars) = (bases(length), elements(length));
            assert_eq!(msm(&bases, &scalars), expected(&bases, &scalars), "{length}");
        }
        assert_eq!(
            msm(&bases(5), &elements(9)),
            expected(&bases(5), &elements(9)),
            "the shorter length counts"
        );
    }

    #[test]
    fn extreme_scalars_of_both_signs_are_multiplied() {
        let half = -Fr::from(2u8).inverse().unwrap();
        let powers = (0..254u32).map(|bit| Fr::from(2u8).pow([u64::from(bit)]));
        let mut scalars: Vec<Fr> = powers.flat_map(|p| [p, -p, p - Fr::one(), Fr::one() - p]).collect();
        scalars.extend([Fr::zero(), Fr::one(), -Fr::one(), half, half + Fr::one(), half - Fr::one()]);
        for (base, scalar) in bases(7).iter().cycle().zip(&scalars) {
            assert_eq!(msm(&[*base], &[*scalar]), *base * scalar, "{scalar}");
        }
        let bases: Vec<G1Affine> = bases(60).into_iter().cycle().take(scalars.len()).collect();
        assert_eq!(msm(&bases, &scalars), expected(&bases, &scalars));
    }

    #[test]
    fn equal_opposite_and_infinite_points_are_added() {
        let point = bases(3)[2];
        for points in [
            vec![point; 40],
            [vec![point; 20], vec![-point; 20]].concat(),
            (0..40).map(|i| if i % 2 == 0 { point } else { -point }).collect(),
            (0..40).map(|i| if i % 3 == 0 { G1Affine::identity() } else { point }).collect(),
            bases(20).into_iter().chain([G1Affine::identity()]).cycle().take(40).collect(),
        ] {
            for scalars in [vec![Fr::one(); 40], vec![-Fr::from(77u8); 40], elements(40)] {
                assert_eq!(msm(&points, &scalars), expected(&points, &scalars));
            }
        }
    }

    #[test]
    fn more_points_than_a_batch_holds_are_added() {
        let bases: Vec<G1Affine> = bases(150).into_iter().cycle().take(3 * BATCH + 5).collect();
        let scalars: Vec<Fr> = (0..bases.len() as u64).map(|i| Fr::from(i % 3)).collect();
        assert_eq!(msm(&bases, &scalars), expected(&bases, &scalars));
    }
}
