//! Linear systems over a field.

use p3_field::Field;

/// The outcome of an elimination.
pub struct Eliminated<K> {
    /// The rank of the matrix.
    pub rank: usize,
    /// A solution, with zeros for free unknowns; none if there is none.
    pub solution: Option<Vec<K>>,
}

/// Solves `rows · x = right` by Gauss's elimination.
pub fn solve<K: Field>(mut rows: Vec<Vec<K>>, mut right: Vec<K>, unknowns: usize) -> Eliminated<K> {
    let mut pivots = Vec::new();
    for unknown in 0..unknowns {
        let rank = pivots.len();
        let Some(pivot) = (rank..rows.len()).find(|&r| !rows[r][unknown].is_zero()) else { continue };
        rows.swap(rank, pivot);
        right.swap(rank, pivot);
        let inverse = rows[rank][unknown].inverse();
        rows[rank].iter_mut().for_each(|v| *v *= inverse);
        right[rank] *= inverse;
        let (own, own_right) = (rows[rank].clone(), right[rank]);
        for r in (0..rows.len()).filter(|&r| r != rank) {
            let factor = rows[r][unknown];
            if !factor.is_zero() {
                rows[r].iter_mut().zip(&own).for_each(|(v, &o)| *v -= factor * o);
                right[r] -= factor * own_right;
            }
        }
        pivots.push(unknown);
    }
    let rank = pivots.len();
    let consistent = right[rank..].iter().all(Field::is_zero);
    let solution = consistent.then(|| {
        let mut solution = vec![K::ZERO; unknowns];
        pivots.iter().zip(&right).for_each(|(&unknown, &value)| solution[unknown] = value);
        solution
    });
    Eliminated { rank, solution }
}
