//! Sums that have no integers yet: what stands between a weight layer and its requantisation.
//!
//! A convolution's bias, the residual branch that joins it and the factor that follows are only known after it. The
//! lowering therefore keeps the sum symbolic, over operands that are integers already, until something needs it.

use zkml_ir::ops::{Conv, Einsum};
use zkml_ir::{Interval, TensorId};

use crate::spread::Spread;

/// A tensor of the integer graph with the scale that gives it a meaning: `real = scale · integer`.
///
/// It is committed, or a linear rearrangement of committed tensors: fit to be an operand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quantized {
    pub(crate) tensor: TensorId,
    pub(crate) scale: f64,
    pub(crate) range: Interval,
}

/// Real parameters, row-major.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Real {
    pub(crate) shape: Vec<usize>,
    pub(crate) data: Vec<f64>,
}

/// How weights meet an operand.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Contraction {
    Conv(Conv),
    Einsum(Einsum),
}

/// A summand.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Term {
    /// An operand contracted with weights, whose first axes are the output's axes `kept`.
    Weighted { x: Quantized, weight: Real, kept: Vec<usize>, op: Contraction },
    /// Two operands contracted with each other; `count` products make one entry.
    Product { a: Quantized, b: Quantized, op: Einsum, count: usize, factor: f64 },
    /// An operand of the sum's shape.
    Tensor { x: Quantized, factor: f64 },
}

/// `Σ terms + bias`, of shape `shape`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Affine {
    pub(crate) shape: Vec<usize>,
    pub(crate) terms: Vec<Term>,
    pub(crate) bias: Spread<f64>,
}

impl Term {
    /// The number of weights that make one output entry.
    pub(crate) fn row_length(weight: &Real, kept: &[usize]) -> usize {
        weight.shape[kept.len().min(weight.shape.len())..].iter().product()
    }
}

impl Affine {
    pub(crate) fn of(shape: Vec<usize>, term: Term) -> Self {
        Self { shape, terms: vec![term], bias: Spread::scalar(0.0) }
    }

    pub(crate) fn plus_bias(mut self, bias: &Spread<f64>) -> Self {
        self.bias = self.bias.zip(bias, |a, b| a + b);
        self
    }

    /// The sum of two sums of the same shape.
    pub(crate) fn plus(mut self, other: Self) -> Self {
        self.terms.extend(other.terms);
        self.plus_bias(&other.bias)
    }

    pub(crate) fn has_bias(&self) -> bool {
        self.bias.data.iter().any(|&b| b != 0.0)
    }

    pub(crate) fn has_weights(&self) -> bool {
        self.terms.iter().any(|t| matches!(t, Term::Weighted { .. }))
    }

    /// Every entry multiplied by `factor`.
    pub(crate) fn scaled(mut self, by: f64) -> Self {
        for term in &mut self.terms {
            match term {
                Term::Weighted { weight, .. } => weight.data.iter_mut().for_each(|w| *w *= by),
                Term::Product { factor, .. } | Term::Tensor { factor, .. } => *factor *= by,
            }
        }
        self.bias = self.bias.map(|b| b * by);
        self
    }

    /// Whether [`scaled_by`](Self::scaled_by) can take in factors that vary along `axes`.
    pub(crate) fn takes_factors(&self, axes: &[usize]) -> bool {
        axes.is_empty()
            || self.terms.iter().all(|term| match term {
                Term::Weighted { kept, .. } => axes.iter().all(|axis| kept.contains(axis)),
                Term::Tensor { .. } => true,
                Term::Product { .. } => false,
            })
    }

    /// Every entry multiplied by its factor; see [`takes_factors`](Self::takes_factors).
    pub(crate) fn scaled_by(self, factors: &Spread<f64>) -> Self {
        if let ([], [factor]) = (&factors.axes[..], &factors.data[..]) {
            return self.scaled(*factor);
        }
        let rank = self.shape.len();
        let terms = self.terms.into_iter().map(|term| match term {
            Term::Weighted { x, mut weight, kept, op } => {
                let row = Term::row_length(&weight, &kept).max(1);
                let by = factors.over(&kept, &weight.shape[..kept.len()]);
                for (entries, by) in weight.data.chunks_mut(row).zip(by) {
                    entries.iter_mut().for_each(|w| *w *= by);
                }
                Term::Weighted { x, weight, kept, op }
            }
            Term::Tensor { x, factor } => per_index(x, &factors.map(|f| f * factor), rank),
            product @ Term::Product { .. } => product,
        });
        let terms = terms.collect();
        Self { shape: self.shape, terms, bias: self.bias.zip(factors, |b, f| b * f) }
    }
}

/// An operand of `rank` axes times private factors that vary along some of them.
pub(crate) fn per_index(x: Quantized, factors: &Spread<f64>, rank: usize) -> Term {
    let labels: Vec<u8> = (0..rank as u8).collect();
    let b = factors.axes.iter().map(|&axis| axis as u8).collect();
    Term::Weighted {
        x,
        weight: Real { shape: factors.lengths.clone(), data: factors.data.clone() },
        kept: factors.axes.clone(),
        op: Contraction::Einsum(Einsum { a: labels.clone(), b, out: labels }),
    }
}
