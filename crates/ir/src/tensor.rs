//! Dense integer tensors in row-major order.

use serde::{Deserialize, Serialize};

use crate::error::IrError;
use crate::interval::Interval;

/// A dense tensor of 32-bit integers, the last axis contiguous.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tensor {
    /// The length of every axis; empty for a scalar.
    pub shape: Vec<usize>,
    /// The entries, `shape.product()` of them.
    pub data: Vec<i32>,
}

impl Tensor {
    /// A tensor from its parts; refused if the number of entries is not the product of the shape.
    ///
    /// # Errors
    /// [`IrError::TensorShape`] if the parts do not fit.
    pub fn new(name: &str, shape: Vec<usize>, data: Vec<i32>) -> Result<Self, IrError> {
        if num_elements(&shape) != Some(data.len()) {
            return Err(IrError::TensorShape { tensor: name.into(), expected: shape, got: vec![data.len()] });
        }
        Ok(Self { shape, data })
    }

    /// Checks the shape and that every entry lies in `range`.
    ///
    /// # Errors
    /// [`IrError::TensorShape`] or [`IrError::OutOfRange`], naming the tensor `name`.
    pub fn check(&self, name: &str, shape: &[usize], range: &Interval) -> Result<(), IrError> {
        if self.shape != shape || num_elements(shape) != Some(self.data.len()) {
            return Err(IrError::TensorShape {
                tensor: name.into(),
                expected: shape.to_vec(),
                got: self.shape.clone(),
            });
        }
        match self.data.iter().position(|&v| !range.contains(i64::from(v))) {
            None => Ok(()),
            Some(index) => Err(IrError::OutOfRange {
                tensor: name.into(),
                index,
                value: i64::from(self.data[index]),
                range: *range,
            }),
        }
    }
}

/// The number of entries of a tensor of this shape; `None` if it overflows.
pub fn num_elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d))
}

/// Row-major strides of a shape.
pub fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}
