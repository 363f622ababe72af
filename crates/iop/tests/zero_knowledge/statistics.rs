//! Chi-square tests with a bound on false alarms for all statistics of a test together.

/// The probability of a false alarm of a whole test is at most `2^−ALARM_BITS`.
pub const ALARM_BITS: f64 = 30.0;

/// What a test of two samples found.
#[derive(Debug, Default)]
pub struct Verdict {
    pub num_statistics: usize,
    /// How many statistics exceed their threshold.
    pub num_excesses: usize,
    /// The largest quotient of a statistic and its threshold, and the coordinates that give it; equal for one alone.
    pub largest: (f64, (usize, usize)),
}

impl Verdict {
    pub fn distinguishes(&self) -> bool {
        self.num_excesses > 0
    }

    fn add(&mut self, coordinates: (usize, usize), statistic: f64, threshold: f64) {
        self.num_statistics += 1;
        self.num_excesses += usize::from(statistic > threshold);
        if statistic / threshold > self.largest.0 {
            self.largest = (statistic / threshold, coordinates);
        }
    }
}

/// The value that a chi-square variable with `freedom` degrees of freedom exceeds with probability at most `2^−bits`
/// (Laurent and Massart, Annals of Statistics 28 (2000), Lemma 1).
pub fn threshold(freedom: f64, bits: f64) -> f64 {
    let x = bits * core::f64::consts::LN_2;
    freedom + 2.0 * (freedom * x).sqrt() + 2.0 * x
}

/// The chi-square statistic of the hypothesis that two samples of equal size, counted by cell, have one distribution; and its
/// degrees of freedom.
fn homogeneity(a: &[u32], b: &[u32]) -> (f64, f64) {
    let (mut statistic, mut cells) = (0.0, 0u32);
    for (&a, &b) in a.iter().zip(b).filter(|&(&a, &b)| a + b > 0) {
        let difference = f64::from(a) - f64::from(b);
        statistic += difference * difference / f64::from(a + b);
        cells += 1;
    }
    (statistic, f64::from(cells.saturating_sub(1).max(1)))
}

/// Compares two samples of vectors of values below `bound`: every coordinate by its values, and every pair of coordinates by
/// `buckets²` cells.
pub fn compare(a: &[Vec<u8>], b: &[Vec<u8>], bound: usize, buckets: usize) -> Verdict {
    assert_eq!(a.len(), b.len());
    let dimension = a[0].len();
    let pairs = dimension * (dimension - 1) / 2;
    let bits = ALARM_BITS + ((dimension + pairs) as f64).log2();
    let mut verdict = Verdict::default();
    for coordinate in 0..dimension {
        let count = |sample: &[Vec<u8>]| {
            let mut counts = vec![0u32; bound];
            sample.iter().for_each(|v| counts[usize::from(v[coordinate])] += 1);
            counts
        };
        let (statistic, freedom) = homogeneity(&count(a), &count(b));
        verdict.add((coordinate, coordinate), statistic, threshold(freedom, bits));
    }
    // One row of buckets per coordinate, so that pairs are counted along memory.
    let bucket = |v: u8| (usize::from(v) * buckets / bound) as u8;
    let columns = |sample: &[Vec<u8>]| -> Vec<Vec<u8>> {
        (0..dimension).map(|c| sample.iter().map(|v| bucket(v[c])).collect()).collect()
    };
    let (a, b) = (columns(a), columns(b));
    let cells = buckets * buckets;
    let (mut in_a, mut in_b) = (vec![0u32; cells], vec![0u32; cells]);
    for first in 0..dimension {
        for second in first + 1..dimension {
            for (counts, columns) in [(&mut in_a, &a), (&mut in_b, &b)] {
                counts.fill(0);
                for (&x, &y) in columns[first].iter().zip(&columns[second]) {
                    counts[usize::from(x) * buckets + usize::from(y)] += 1;
                }
            }
            let (statistic, freedom) = homogeneity(&in_a, &in_b);
            verdict.add((first, second), statistic, threshold(freedom, bits));
        }
    }
    verdict
}
