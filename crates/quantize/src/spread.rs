//! Values that vary along a few axes of a larger tensor: biases, channel factors, bounds per channel.

/// One value for every index of `axes` (ascending axes of a larger tensor), the same along all others.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Spread<T> {
    pub(crate) axes: Vec<usize>,
    pub(crate) lengths: Vec<usize>,
    pub(crate) data: Vec<T>,
}

impl<T: Copy> Spread<T> {
    /// The same value everywhere.
    pub(crate) fn scalar(value: T) -> Self {
        Self { axes: vec![], lengths: vec![], data: vec![value] }
    }

    /// One value per index of `axis`.
    pub(crate) fn along(axis: usize, data: Vec<T>) -> Self {
        Self { axes: vec![axis], lengths: vec![data.len()], data }
    }

    /// A tensor of shape `from` that broadcasts, as numpy does, to a tensor of `rank` axes.
    pub(crate) fn broadcast(from: &[usize], data: Vec<T>, rank: usize) -> Self {
        let skipped = rank.saturating_sub(from.len());
        let long = from.iter().enumerate().filter(|&(_, &length)| length != 1);
        let (axes, lengths) = long.map(|(axis, &length)| (axis + skipped, length)).unzip();
        Self { axes, lengths, data }
    }

    pub(crate) fn map<U>(&self, f: impl FnMut(&T) -> U) -> Spread<U> {
        Spread {
            axes: self.axes.clone(),
            lengths: self.lengths.clone(),
            data: self.data.iter().map(f).collect(),
        }
    }

    /// Combines two spreads of the same larger tensor, value by value.
    pub(crate) fn zip<U: Copy, V>(&self, other: &Spread<U>, mut f: impl FnMut(T, U) -> V) -> Spread<V> {
        let mut pairs: Vec<(usize, usize)> =
            self.axes.iter().copied().zip(self.lengths.iter().copied()).collect();
        for pair in other.axes.iter().copied().zip(other.lengths.iter().copied()) {
            if !self.axes.contains(&pair.0) {
                pairs.push(pair);
            }
        }
        pairs.sort_unstable();
        let (axes, lengths): (Vec<usize>, Vec<usize>) = pairs.into_iter().unzip();
        let data = self
            .offsets(&axes, &lengths)
            .into_iter()
            .zip(other.offsets(&axes, &lengths))
            .map(|(a, b)| f(self.data[a], other.data[b]))
            .collect();
        Spread { axes, lengths, data }
    }

    /// For every index of a superset of the axes, the position in `data`.
    fn offsets(&self, axes: &[usize], lengths: &[usize]) -> Vec<usize> {
        let mut steps = vec![0; axes.len()];
        let mut step = 1;
        for (axis, length) in self.axes.iter().zip(&self.lengths).rev() {
            if let Some(position) = axes.iter().position(|a| a == axis) {
                steps[position] = step;
            }
            step *= length;
        }
        let mut offsets = vec![0];
        for (&length, &step) in lengths.iter().zip(&steps) {
            offsets = offsets.iter().flat_map(|&o| (0..length).map(move |i| o + i * step)).collect();
        }
        offsets
    }

    /// The value at every index of `axes`, which must hold all axes of this spread.
    pub(crate) fn over(&self, axes: &[usize], lengths: &[usize]) -> Vec<T> {
        self.offsets(axes, lengths).into_iter().map(|o| self.data[o]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_over_different_axes_combine_to_their_outer_sum() {
        let rows = Spread::along(0, vec![10, 20]);
        let columns = Spread::along(2, vec![1, 2, 3]);
        let sum = columns.zip(&rows, |c, r| c + r);
        assert_eq!((sum.axes, sum.lengths), (vec![0, 2], vec![2, 3]));
        assert_eq!(sum.data, vec![11, 12, 13, 21, 22, 23]);
    }

    #[test]
    fn a_broadcast_tensor_keeps_the_axes_along_which_it_varies() {
        let bias = Spread::broadcast(&[3, 1], vec![1, 2, 3], 4);
        assert_eq!((bias.axes.clone(), bias.lengths.clone()), (vec![2], vec![3]));
        assert_eq!(bias.over(&[1, 2], &[2, 3]), vec![1, 2, 3, 1, 2, 3]);
        assert_eq!(Spread::scalar(7).over(&[0], &[2]), vec![7, 7]);
    }
}
