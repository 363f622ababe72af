//! Dense tensors: what constants, samples and the evaluator are made of.

use thiserror::Error;

/// The largest number of elements one tensor may have. A larger one in a model file is refused before anything is
/// allocated for it.
pub const MAX_ELEMENTS: usize = 1 << 28;

/// Why a tensor cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TensorError {
    /// The shape has more elements than [`MAX_ELEMENTS`].
    #[error("a tensor of shape {shape:?} is larger than the limit of {MAX_ELEMENTS} elements")]
    TooLarge {
        /// The refused shape.
        shape: Vec<usize>,
    },
    /// The data is not as long as the shape says.
    #[error("shape {shape:?} needs {expected} elements, got {got}")]
    Length {
        /// The shape.
        shape: Vec<usize>,
        /// Number of elements of the shape.
        expected: usize,
        /// Number of elements given.
        got: usize,
    },
}

/// Number of elements of `shape`.
///
/// # Errors
/// [`TensorError::TooLarge`] above [`MAX_ELEMENTS`] (also on overflow).
pub fn num_elements(shape: &[usize]) -> Result<usize, TensorError> {
    shape
        .iter()
        .try_fold(1usize, |n, &d| n.checked_mul(d))
        .filter(|&n| n <= MAX_ELEMENTS)
        .ok_or_else(|| TensorError::TooLarge { shape: shape.to_vec() })
}

/// A dense row-major tensor. A scalar has the empty shape and one element.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor<T = f32> {
    shape: Vec<usize>,
    data: Vec<T>,
}

impl<T: Clone> Tensor<T> {
    /// A tensor of `shape` holding `data` in row-major order.
    ///
    /// # Errors
    /// [`TensorError`] where the shape is too large or does not fit the data.
    pub fn new(shape: Vec<usize>, data: Vec<T>) -> Result<Self, TensorError> {
        let expected = num_elements(&shape)?;
        if expected != data.len() {
            return Err(TensorError::Length { shape, expected, got: data.len() });
        }
        Ok(Self { shape, data })
    }

    /// A tensor of `shape` with `value` everywhere.
    ///
    /// # Errors
    /// [`TensorError::TooLarge`].
    pub fn filled(shape: Vec<usize>, value: T) -> Result<Self, TensorError> {
        let n = num_elements(&shape)?;
        Ok(Self { shape, data: vec![value; n] })
    }

    /// A tensor without dimensions.
    pub fn scalar(value: T) -> Self {
        Self { shape: vec![], data: vec![value] }
    }

    /// A tensor with one dimension.
    pub fn vector(data: Vec<T>) -> Self {
        Self { shape: vec![data.len()], data }
    }

    /// The same elements under another shape.
    ///
    /// # Errors
    /// [`TensorError::Length`] where the number of elements differs.
    pub fn reshaped(self, shape: Vec<usize>) -> Result<Self, TensorError> {
        Self::new(shape, self.data)
    }

    /// The dimensions, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of dimensions.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The elements in row-major order.
    pub fn data(&self) -> &[T] {
        &self.data
    }

    /// The elements in row-major order, writable.
    pub fn data_mut(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// The elements in row-major order.
    pub fn into_data(self) -> Vec<T> {
        self.data
    }

    /// The tensor with `f` applied to every element.
    pub fn map<U>(&self, f: impl FnMut(&T) -> U) -> Tensor<U> {
        Tensor { shape: self.shape.clone(), data: self.data.iter().map(f).collect() }
    }
}

/// Row-major strides of `shape`, in elements.
pub fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// The shape that `a` and `b` broadcast to (numpy's rule: trailing dimensions align, 1 stretches), if they do.
pub fn broadcast_shape(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let dim = |s: &[usize], axis: usize| (axis + s.len()).checked_sub(rank).map_or(1, |i| s[i]);
    (0..rank)
        .map(|axis| match (dim(a, axis), dim(b, axis)) {
            (x, y) if x == y => Some(x),
            (1, y) => Some(y),
            (x, 1) => Some(x),
            _ => None,
        })
        .collect()
}

/// A tensor of one of the two kinds that cross the crate's border: floats, or integers (token ids, counts, labels),
/// which never pass through floats.
#[derive(Clone, Debug, PartialEq)]
pub enum Array {
    /// 32-bit floats.
    F32(Tensor<f32>),
    /// 64-bit integers; booleans are 0 and 1.
    I64(Tensor<i64>),
}

impl Array {
    /// The dimensions, outermost first.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::F32(t) => t.shape(),
            Self::I64(t) => t.shape(),
        }
    }

    /// The elements as floats. Integers beyond ±2^24 are rounded.
    pub fn to_f32(&self) -> Tensor<f32> {
        match self {
            Self::F32(t) => t.clone(),
            Self::I64(t) => t.map(|&v| v as f32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_whose_product_overflows_is_refused() {
        assert!(matches!(num_elements(&[usize::MAX, 2]), Err(TensorError::TooLarge { .. })));
        assert!(matches!(Tensor::filled(vec![1 << 20, 1 << 20], 0u8), Err(TensorError::TooLarge { .. })));
    }

    #[test]
    fn data_of_the_wrong_length_is_refused() {
        let error = Tensor::new(vec![2, 3], vec![0f32; 5]);
        assert_eq!(error, Err(TensorError::Length { shape: vec![2, 3], expected: 6, got: 5 }));
    }

    #[test]
    fn trailing_dimensions_broadcast() {
        assert_eq!(broadcast_shape(&[4, 1, 3], &[2, 1]), Some(vec![4, 2, 3]));
        assert_eq!(broadcast_shape(&[], &[2]), Some(vec![2]));
        assert_eq!(broadcast_shape(&[3], &[2]), None);
    }
}
