//! Passes over base-field columns with challenge-field coefficients, limb by limb, so that they vectorise.

use alloc::vec;
use alloc::vec::Vec;

use p3_field::{ExtensionField, Field, PackedValue, PrimeCharacteristicRing, PrimeField};

/// The limbs of challenge-field values: one row of base-field values per basis element.
pub(super) struct Limbs<F> {
    rows: Vec<Vec<F>>,
}

impl<F: PrimeField> Limbs<F> {
    pub(super) fn new<K: ExtensionField<F>>(values: &[K]) -> Self {
        let limb = |j: usize| values.iter().map(|v| v.as_basis_coefficients_slice()[j]).collect();
        Self { rows: (0..K::DIMENSION).map(limb).collect() }
    }

    /// `Σ value_i·column_i` over the shorter length.
    pub(super) fn dot<K: ExtensionField<F>>(&self, column: &[F]) -> K {
        let sums: Vec<F> = self.rows.iter().map(|row| dot(row, column)).collect();
        K::from_basis_coefficients_fn(|j| sums[j])
    }
}

fn dot<F: Field>(a: &[F], b: &[F]) -> F {
    let n = a.len().min(b.len());
    let (packed_a, rest_a) = F::Packing::pack_slice_with_suffix(&a[..n]);
    let (packed_b, rest_b) = F::Packing::pack_slice_with_suffix(&b[..n]);
    let head: F::Packing = packed_a.iter().zip(packed_b).map(|(&x, &y)| x * y).sum();
    let tail: F = rest_a.iter().zip(rest_b).map(|(&x, &y)| x * y).sum();
    head.as_slice().iter().copied().sum::<F>() + tail
}

/// `Σ coefficient·column` over columns of equal length.
pub(super) fn combine<'c, F: PrimeField, K: ExtensionField<F>>(
    length: usize,
    members: impl Iterator<Item = (K, &'c [F])>,
) -> Vec<K> {
    let mut sums = LimbSums::new(length);
    members.for_each(|(coefficient, column)| sums.add(coefficient, column));
    sums.finish()
}

/// Sums of columns with challenge-field coefficients, limb by limb.
pub(super) struct LimbSums<F: Field, K> {
    /// Packs, one row per limb.
    sums: Vec<F::Packing>,
    packs: usize,
    tail: Vec<K>,
}

impl<F: PrimeField, K: ExtensionField<F>> LimbSums<F, K> {
    pub(super) fn new(length: usize) -> Self {
        let packs = length / F::Packing::WIDTH;
        let sums = vec![F::Packing::ZERO; packs * K::DIMENSION];
        Self { sums, packs, tail: vec![K::ZERO; length % F::Packing::WIDTH] }
    }

    /// Adds `coefficient·column`; the column is as long as the sums.
    pub(super) fn add(&mut self, coefficient: K, column: &[F]) {
        let limbs: &[F] = coefficient.as_basis_coefficients_slice();
        let (packed, rest) = F::Packing::pack_slice_with_suffix(column);
        for (row, &limb) in self.sums.chunks_exact_mut(self.packs.max(1)).zip(limbs) {
            let limb = F::Packing::from(limb);
            row.iter_mut().zip(packed).for_each(|(sum, &v)| *sum += limb * v);
        }
        self.tail.iter_mut().zip(rest).for_each(|(sum, &v)| *sum += coefficient * v);
    }

    pub(super) fn finish(self) -> Vec<K> {
        let width = F::Packing::WIDTH;
        let mut out = Vec::with_capacity(self.packs * width + self.tail.len());
        for i in 0..self.packs {
            for lane in 0..width {
                out.push(K::from_basis_coefficients_fn(|j| self.sums[j * self.packs + i].as_slice()[lane]));
            }
        }
        out.extend(self.tail);
        out
    }
}

#[cfg(test)]
mod tests {
    use p3_field::BasedVectorSpace;
    use p3_field::extension::QuinticTrinomialExtensionField;
    use p3_koala_bear::KoalaBear;

    use super::*;

    type F = KoalaBear;
    type K = QuinticTrinomialExtensionField<KoalaBear>;

    fn scalar(seed: u32) -> K {
        <K as BasedVectorSpace<F>>::from_basis_coefficients_fn(|j| {
            F::from_u32(seed.wrapping_mul(2_654_435_761).wrapping_add(j as u32) >> 2)
        })
    }

    #[test]
    fn limb_passes_agree_with_challenge_field_arithmetic() {
        for length in [0, 1, 7, 8, 19, 64] {
            let column =
                |c: u32| -> Vec<F> { (0..length).map(|i| F::from_u32(i * 31 + c * 7 + 1)).collect() };
            let columns: Vec<Vec<F>> = (0..3).map(column).collect();
            let weights: Vec<K> = (0..length).map(scalar).collect();
            let expected: K = weights.iter().zip(&columns[1]).map(|(&w, &v)| w * v).sum();
            assert_eq!(Limbs::new(&weights).dot::<K>(&columns[1]), expected);
            let members = || (0..3u32).map(|c| (scalar(c + 100), columns[c as usize].as_slice()));
            let combined = combine::<F, K>(length as usize, members());
            for (i, sum) in combined.iter().enumerate() {
                assert_eq!(*sum, members().map(|(k, column)| k * column[i]).sum::<K>());
            }
        }
    }
}
