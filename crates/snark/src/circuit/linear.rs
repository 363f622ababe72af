//! Variables and their linear combinations.

use std::ops::{Add, AddAssign, Mul, Neg, Sub, SubAssign};

use ark_bn254::Fr;
use ark_ff::{One, Zero};

/// A variable of a circuit: the constant one, a public input or a witness. Only the builder that made it can use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Variable(u32);

/// The bit of a variable's code that marks a witness.
const WITNESS: u32 = 1 << 31;

impl Variable {
    /// The constant one.
    pub const ONE: Self = Self(0);

    pub(crate) fn public(index: u32) -> Self {
        Self(index + 1)
    }

    pub(crate) fn witness(index: u32) -> Self {
        Self(WITNESS | index)
    }

    /// The position among the witnesses, or nothing for a public input and for the constant.
    pub fn witness_index(self) -> Option<usize> {
        (self.0 & WITNESS != 0).then_some((self.0 & !WITNESS) as usize)
    }

    /// The position among the public inputs, or nothing for a witness and for the constant.
    pub fn public_index(self) -> Option<usize> {
        if self.0 & WITNESS != 0 { None } else { (self.0 as usize).checked_sub(1) }
    }

    /// The injective code that digests and files use: 0 for the constant, `1 + i` for public input `i`, `2^31 + i` for
    /// witness `i`.
    pub(crate) fn code(self) -> u32 {
        self.0
    }
}

/// A linear combination of variables with coefficients in Fr, as a sum of terms in the order they were added.
///
/// Constraints store it in normal form: by rising variable, each once, without zero coefficients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinearCombination(Vec<(Variable, Fr)>);

impl LinearCombination {
    /// The empty combination.
    pub fn zero() -> Self {
        Self::default()
    }

    /// A constant.
    pub fn constant(value: Fr) -> Self {
        Self::from(value)
    }

    /// The terms, as they stand.
    pub fn terms(&self) -> &[(Variable, Fr)] {
        &self.0
    }

    /// Adds `coefficient · variable` in place.
    pub fn add_term(&mut self, coefficient: Fr, variable: Variable) -> &mut Self {
        self.0.push((variable, coefficient));
        self
    }

    /// Adds `coefficient · other` in place.
    pub fn add_scaled(&mut self, coefficient: Fr, other: &Self) -> &mut Self {
        self.0.extend(other.0.iter().map(|&(variable, value)| (variable, value * coefficient)));
        self
    }

    /// Brings the combination to normal form: by rising variable, each once, without zero coefficients.
    pub fn normalise(&mut self) {
        self.0.sort_by_key(|&(variable, _)| variable);
        self.0.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                earlier.1 += later.1;
            }
            same
        });
        self.0.retain(|(_, coefficient)| !coefficient.is_zero());
    }

    /// The normal form.
    #[must_use]
    pub fn normalised(mut self) -> Self {
        self.normalise();
        self
    }

    /// The value if the combination, in normal form, is a constant.
    pub fn as_constant(&self) -> Option<Fr> {
        match self.0.as_slice() {
            [] => Some(Fr::zero()),
            [(Variable::ONE, value)] => Some(*value),
            _ => None,
        }
    }
}

impl From<Variable> for LinearCombination {
    fn from(variable: Variable) -> Self {
        Self(vec![(variable, Fr::one())])
    }
}

impl From<Fr> for LinearCombination {
    fn from(value: Fr) -> Self {
        if value.is_zero() { Self::zero() } else { Self(vec![(Variable::ONE, value)]) }
    }
}

impl From<&LinearCombination> for LinearCombination {
    fn from(other: &LinearCombination) -> Self {
        other.clone()
    }
}

impl<T: Into<LinearCombination>> AddAssign<T> for LinearCombination {
    fn add_assign(&mut self, other: T) {
        self.0.extend(other.into().0);
    }
}

impl<T: Into<LinearCombination>> SubAssign<T> for LinearCombination {
    fn sub_assign(&mut self, other: T) {
        self.0.extend(other.into().0.into_iter().map(|(variable, value)| (variable, -value)));
    }
}

impl<T: Into<LinearCombination>> Add<T> for LinearCombination {
    type Output = Self;
    fn add(mut self, other: T) -> Self {
        self += other;
        self
    }
}

impl<T: Into<LinearCombination>> Sub<T> for LinearCombination {
    type Output = Self;
    fn sub(mut self, other: T) -> Self {
        self -= other;
        self
    }
}

impl Mul<Fr> for LinearCombination {
    type Output = Self;
    fn mul(mut self, factor: Fr) -> Self {
        for (_, value) in &mut self.0 {
            *value *= factor;
        }
        self
    }
}

impl Neg for LinearCombination {
    type Output = Self;
    fn neg(mut self) -> Self {
        for (_, value) in &mut self.0 {
            *value = -*value;
        }
        self
    }
}

impl<T: Into<LinearCombination>> Add<T> for Variable {
    type Output = LinearCombination;
    fn add(self, other: T) -> LinearCombination {
        LinearCombination::from(self) + other
    }
}

impl<T: Into<LinearCombination>> Sub<T> for Variable {
    type Output = LinearCombination;
    fn sub(self, other: T) -> LinearCombination {
        LinearCombination::from(self) - other
    }
}

impl Mul<Fr> for Variable {
    type Output = LinearCombination;
    fn mul(self, factor: Fr) -> LinearCombination {
        LinearCombination::from(self) * factor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_form_merges_equal_variables_and_drops_what_cancels() {
        let (x, y) = (Variable::witness(0), Variable::public(3));
        let combination = x * Fr::from(2) + y + Fr::from(5) + x - y * Fr::from(1) - Fr::from(5);
        assert_eq!(combination.normalised().terms(), &[(x, Fr::from(3))]);
    }

    #[test]
    fn a_variable_is_either_the_constant_or_public_or_a_witness() {
        assert_eq!((Variable::ONE.public_index(), Variable::ONE.witness_index()), (None, None));
        assert_eq!(
            (Variable::public(0).public_index(), Variable::public(0).witness_index()),
            (Some(0), None)
        );
        assert_eq!(
            (Variable::witness(7).public_index(), Variable::witness(7).witness_index()),
            (None, Some(7))
        );
    }
}
