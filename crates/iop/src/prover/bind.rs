//! Binding the axes of a view at coordinates, one group of axes after the other.

use alloc::borrow::Cow;
use alloc::vec;
use alloc::vec::Vec;

use p3_field::{ExtensionField, PrimeField};

use super::packed::{LimbSums, Limbs};
use crate::eq::{eq_table, split_point, valid};
use crate::functional::product_table;
use crate::map::{Group, Map, Relation};
use crate::parallel;

/// What happens to an axis of a view.
#[derive(Clone, Copy, Debug)]
pub(super) enum Axis<'p, K> {
    /// Bound at these coordinates.
    Bound(&'p [K]),
    /// Kept.
    Free,
}

/// The multilinear extension of a view at a point.
pub(super) fn evaluate<F: PrimeField, K: ExtensionField<F>>(map: &Map, data: &[i32], point: &[K]) -> K {
    let axes: Vec<Axis<'_, K>> = split_point(&map.view, point).into_iter().map(Axis::Bound).collect();
    bind::<F, K>(map, data, &axes).first().copied().unwrap_or(K::ZERO)
}

/// The view with some axes bound: row-major over the free ones in their order.
pub(super) fn bind<F: PrimeField, K: ExtensionField<F>>(
    map: &Map,
    data: &[i32],
    axes: &[Axis<'_, K>],
) -> Vec<K> {
    let mut scale = K::ONE;
    let mut broadcast = Vec::new();
    for (axis, role) in axes.iter().enumerate() {
        if !map.groups.iter().any(|g| g.view.contains(&axis)) {
            match role {
                Axis::Bound(point) => scale *= valid(point, map.view[axis]),
                Axis::Free => broadcast.push(axis),
            }
        }
    }
    let matrices: Vec<Matrix<K>> = map.groups.iter().map(|g| Matrix::new(map, g, axes)).collect();
    let data = in_group_order(map, data);
    let mut values = apply_all::<F, K>(&data, &matrices);
    if scale != K::ONE {
        values.iter_mut().for_each(|v| *v *= scale);
    }
    // The axes of `values` follow the groups; the caller wants them in the view's order.
    let mut order: Vec<usize> = Vec::new();
    for group in &map.groups {
        order.extend(group.view.iter().copied().filter(|&a| matches!(axes[a], Axis::Free)));
    }
    let shape: Vec<usize> = order.iter().map(|&a| map.view[a]).collect();
    reorder(values, &shape, &order, &broadcast, map)
}

/// The source's entries with the axes in the order of the groups.
fn in_group_order<'d>(map: &Map, data: &'d [i32]) -> Cow<'d, [i32]> {
    let order: Vec<usize> = map.groups.iter().flat_map(|g| g.source.iter().copied()).collect();
    if order.windows(2).all(|w| w[0] < w[1]) {
        return Cow::Borrowed(data);
    }
    let transpose = zkml_ir::ops::View::transpose(&map.source, &order);
    let mut out = Vec::with_capacity(data.len());
    transpose.visit(&map.source, |offset| out.push(offset.map_or(0, |o| data[o])));
    Cow::Owned(out)
}

/// What a group does to its source axes.
enum Matrix<K> {
    /// Nothing.
    Keep(usize),
    /// One weighted sum.
    Sum(Vec<K>),
    /// `out[column] = Σ weight·in[row]`.
    Sparse { rows: usize, columns: usize, entries: Vec<(u32, u32, K)> },
}

impl<K: p3_field::Field> Matrix<K> {
    fn new(map: &Map, group: &Group, axes: &[Axis<'_, K>]) -> Self {
        let rows: usize = group.source.iter().map(|&a| map.source[a]).product();
        let free = |a: &usize| matches!(axes[*a], Axis::Free);
        if let (Relation::Identity, [axis]) = (&group.relation, group.view.as_slice()) {
            return match axes[*axis] {
                Axis::Free => Self::Keep(rows),
                Axis::Bound(point) => Self::Sum(eq_table(point, rows)),
            };
        }
        let Relation::Pairs(pairs) = &group.relation else { return Self::Keep(rows) };
        let lengths: Vec<usize> = group.view.iter().map(|&a| map.view[a]).collect();
        let tables: Vec<Vec<K>> = group
            .view
            .iter()
            .zip(&lengths)
            .map(|(&a, &n)| match axes[a] {
                Axis::Bound(point) => eq_table(point, n),
                Axis::Free => vec![K::ONE; n],
            })
            .collect();
        let weights = product_table(&tables);
        let columns: usize = group.view.iter().filter(|a| free(a)).map(|&a| map.view[a]).product();
        // The column of a view index: its free axes, row-major.
        let column = |mut v: usize| {
            let (mut column, mut step) = (0, 1);
            for (&a, &n) in group.view.iter().zip(&lengths).rev() {
                if free(&a) {
                    column += v % n * step;
                    step *= n;
                }
                v /= n;
            }
            column as u32
        };
        if columns == 1 {
            let mut sum = vec![K::ZERO; rows];
            pairs.iter().for_each(|&(v, s)| sum[s as usize] += weights[v as usize]);
            return Self::Sum(sum);
        }
        let mut entries: Vec<(u32, u32, K)> =
            pairs.iter().map(|&(v, s)| (column(v as usize), s, weights[v as usize])).collect();
        entries.sort_by_key(|e| (e.0, e.1));
        entries.dedup_by(|next, kept| {
            let same = (next.0, next.1) == (kept.0, kept.1);
            if same {
                kept.2 += next.2;
            }
            same
        });
        Self::Sparse { rows, columns, entries }
    }

    fn rows(&self) -> usize {
        match self {
            Self::Keep(rows) | Self::Sparse { rows, .. } => *rows,
            Self::Sum(weights) => weights.len(),
        }
    }

    fn columns(&self) -> usize {
        match self {
            Self::Keep(rows) => *rows,
            Self::Sum(_) => 1,
            Self::Sparse { columns, .. } => *columns,
        }
    }
}

/// Applies every group's matrix, the one that shrinks the data most first.
fn apply_all<F: PrimeField, K: ExtensionField<F>>(data: &[i32], matrices: &[Matrix<K>]) -> Vec<K> {
    let mut shape: Vec<usize> = matrices.iter().map(Matrix::rows).collect();
    let mut left: Vec<usize> =
        (0..matrices.len()).filter(|&i| !matches!(matrices[i], Matrix::Keep(_))).collect();
    left.sort_by_key(|&i| core::cmp::Reverse(matrices[i].rows() * 64 / matrices[i].columns().max(1)));
    let split = |shape: &[usize], i: usize| -> (usize, usize) {
        (shape[..i].iter().product(), shape[i + 1..].iter().product())
    };
    let mut values: Option<Vec<K>> = None;
    for i in left {
        let (outer, inner) = split(&shape, i);
        values = Some(match values {
            None => apply_to_data::<F, K>(data, outer, inner, &matrices[i]),
            Some(values) => apply(&|at: usize, w: K| w * values[at], outer, inner, &matrices[i]),
        });
        shape[i] = matrices[i].columns();
    }
    values.unwrap_or_else(|| parallel::map_range(data.len(), |i| K::from(F::from_int(data[i]))))
}

/// Entries of a row that are converted and combined at once.
const BLOCK: usize = 512;

/// Applies a matrix to the middle axis of integers `[outer, rows, inner]`, limb by limb where rows or sums are long.
fn apply_to_data<F: PrimeField, K: ExtensionField<F>>(
    data: &[i32],
    outer: usize,
    inner: usize,
    matrix: &Matrix<K>,
) -> Vec<K> {
    const LONG: usize = 64;
    let rows = matrix.rows();
    let field = |values: &[i32], out: &mut [F]| {
        out.iter_mut().zip(values).for_each(|(out, &v)| *out = F::from_int(v));
    };
    match matrix {
        Matrix::Sum(weights) if inner == 1 && rows >= LONG => {
            let weights = Limbs::new(weights);
            let mut sums = vec![K::ZERO; outer];
            parallel::for_each_chunk(&mut sums, (LONG * LONG).div_ceil(rows), |chunk, sums| {
                let first = chunk * (LONG * LONG).div_ceil(rows);
                let mut row = vec![F::ZERO; rows];
                for (o, sum) in sums.iter_mut().enumerate() {
                    field(&data[(first + o) * rows..][..rows], &mut row);
                    *sum = weights.dot(&row);
                }
            });
            sums
        }
        Matrix::Sum(weights) if inner >= LONG => {
            let blocks = inner.div_ceil(BLOCK);
            let parts = parallel::map_tasks(outer * blocks, |task| {
                let (o, start) = (task / blocks, task % blocks * BLOCK);
                let length = BLOCK.min(inner - start);
                let mut sums = LimbSums::<F, K>::new(length);
                let mut row = [F::ZERO; BLOCK];
                for (r, &weight) in weights.iter().enumerate() {
                    field(&data[(o * rows + r) * inner + start..][..length], &mut row[..length]);
                    sums.add(weight, &row[..length]);
                }
                sums.finish()
            });
            parts.concat()
        }
        _ => apply(&|at: usize, w: K| w * F::from_int(data[at]), outer, inner, matrix),
    }
}

/// Applies a matrix to the middle axis of `[outer, rows, inner]`; `product(at, w)` is `w` times the entry at `at`.
fn apply<K: p3_field::Field>(
    product: &(impl Fn(usize, K) -> K + Sync),
    outer: usize,
    inner: usize,
    matrix: &Matrix<K>,
) -> Vec<K> {
    const CHUNK: usize = 256;
    let (rows, columns) = (matrix.rows(), matrix.columns());
    let mut out = vec![K::ZERO; outer * columns * inner];
    let entries: Vec<(u32, u32, K)> = match matrix {
        Matrix::Keep(_) => return out,
        Matrix::Sum(weights) => weights.iter().enumerate().map(|(s, &w)| (0, s as u32, w)).collect(),
        Matrix::Sparse { entries, .. } => entries.clone(),
    };
    if inner < CHUNK {
        parallel::for_each_chunk(&mut out, columns * inner, |o, chunk| {
            for &(column, row, w) in &entries {
                let (target, source) = (column as usize * inner, (o * rows + row as usize) * inner);
                for i in 0..inner {
                    chunk[target + i] += product(source + i, w);
                }
            }
        });
        return out;
    }
    // Entries are sorted by column: every chunk of an output row reads only its own.
    let starts: Vec<usize> = (0..=columns).map(|c| entries.partition_point(|e| (e.0 as usize) < c)).collect();
    for (index, row) in out.chunks_mut(inner).enumerate() {
        let (o, column) = (index / columns, index % columns);
        let own = &entries[starts[column]..starts[column + 1]];
        parallel::for_each_chunk(row, CHUNK, |block, chunk| {
            for &(_, row, w) in own {
                let source = (o * rows + row as usize) * inner + block * CHUNK;
                chunk.iter_mut().enumerate().for_each(|(i, out)| *out += product(source + i, w));
            }
        });
    }
    out
}

/// Brings axes from `order` to ascending order and repeats along broadcast axes.
fn reorder<K: Copy>(
    values: Vec<K>,
    shape: &[usize],
    order: &[usize],
    broadcast: &[usize],
    map: &Map,
) -> Vec<K> {
    if broadcast.is_empty() && order.windows(2).all(|w| w[0] < w[1]) {
        return values;
    }
    let steps = zkml_ir::tensor::strides(shape);
    let mut target: Vec<(usize, usize)> = order.iter().zip(steps).map(|(&a, s)| (a, s)).collect();
    target.extend(broadcast.iter().map(|&a| (a, 0)));
    target.sort_unstable();
    let mut out = Vec::new();
    let lengths: Vec<(usize, usize)> = target.iter().map(|&(a, s)| (map.view[a], s)).collect();
    walk(&values, &lengths, 0, &mut out);
    out
}

fn walk<K: Copy>(values: &[K], axes: &[(usize, usize)], offset: usize, out: &mut Vec<K>) {
    match axes {
        [] => out.push(values[offset]),
        [(length, step), rest @ ..] => {
            for i in 0..*length {
                walk(values, rest, offset + i * step, out);
            }
        }
    }
}

/// The values of a tensor of this shape on its cube, zero outside of the valid region; the last axis holds the lowest
/// variables.
pub(super) fn pad<K: Copy>(values: Vec<K>, shape: &[usize], zero: K) -> Vec<K> {
    if shape.iter().all(|n| n.is_power_of_two()) {
        return values;
    }
    let padded: Vec<usize> = shape.iter().map(|n| n.next_power_of_two()).collect();
    let mut out = vec![zero; padded.iter().product()];
    let Some((&run, outer)) = shape.split_last() else { return values };
    let steps = zkml_ir::tensor::strides(&padded);
    for (index, row) in values.chunks_exact(run).enumerate() {
        let (mut rest, mut at) = (index, 0);
        for axis in (0..outer.len()).rev() {
            at += rest % outer[axis] * steps[axis];
            rest /= outer[axis];
        }
        out[at..at + run].copy_from_slice(row);
    }
    out
}

#[cfg(test)]
mod tests {
    use p3_field::PrimeCharacteristicRing;
    use p3_koala_bear::KoalaBear as F;
    use zkml_ir::ops::{AxisMap, View};

    use super::*;
    use crate::eq::cube_variables;
    use crate::functional::Functional;

    fn points(n: usize) -> Vec<F> {
        (0..n as u32).map(|i| F::from_u32(1_000_003u32.wrapping_mul(i + 7) >> 3)).collect()
    }

    fn maps() -> Vec<(Map, Vec<i32>)> {
        let shape = [2, 5, 4];
        let window = View {
            shape: vec![2, 3, 3, 3],
            axes: vec![
                AxisMap::identity(0),
                AxisMap { offset: -1, divisor: 1, terms: vec![(1, 2), (3, 1)] },
                AxisMap { offset: 0, divisor: 1, terms: vec![(2, 1)] },
            ],
            fill: 0,
        };
        let window = Map::strided(&shape, &window).unwrap();
        let data: Vec<i32> = (0..40).map(|i| i * i - 300).collect();
        // A block-diagonal view, as of a grouped convolution: two of the view's axes know one of the source.
        let diagonal = Group {
            source: vec![1],
            view: vec![1, 3],
            relation: Relation::Pairs((0..5).map(|i| (i * 5 + i, i)).collect()),
        };
        let plain = |source: usize, view: usize| Group {
            source: vec![source],
            view: vec![view],
            relation: Relation::Identity,
        };
        let diagonal = Map {
            source: shape.to_vec(),
            view: vec![2, 5, 4, 5],
            groups: vec![plain(0, 0), diagonal, plain(2, 2)],
        };
        vec![
            (diagonal, data.clone()),
            (Map::identity(&shape), data.clone()),
            (window.clone(), data.clone()),
            (window.then(&Map::reshape(&[2, 3, 3, 3], &[6, 9]).unwrap()).unwrap(), data.clone()),
            (Map::broadcast(&shape, 1, 3), data.clone()),
            (Map::strided(&shape, &View::transpose(&shape, &[2, 0, 1])).unwrap(), data),
        ]
    }

    #[test]
    fn evaluations_functionals_and_materialised_views_agree() {
        for (map, data) in maps() {
            let point = points(cube_variables(&map.view));
            let view = map.materialize(&data);
            let direct: F = Functional::new(&Map::identity(&map.view), &point).apply(&view);
            assert_eq!(evaluate::<F, F>(&map, &data, &point), direct, "{map:?}");
            assert_eq!(Functional::new(&map, &point).apply(&data), direct, "{map:?}");
        }
    }

    #[test]
    fn free_axes_keep_their_order() {
        for (map, data) in maps() {
            let point = points(cube_variables(&map.view));
            let parts = split_point(&map.view, &point);
            for free in 0..1usize << map.view.len() {
                let axes: Vec<Axis<'_, F>> = (0..map.view.len())
                    .map(|a| if free >> a & 1 == 1 { Axis::Free } else { Axis::Bound(parts[a]) })
                    .collect();
                let bound = bind::<F, F>(&map, &data, &axes);
                let shape: Vec<usize> =
                    (0..map.view.len()).filter(|a| free >> a & 1 == 1).map(|a| map.view[a]).collect();
                let rest: Vec<F> = (0..map.view.len())
                    .rev()
                    .filter(|a| free >> a & 1 == 1)
                    .flat_map(|a| parts[a].to_vec())
                    .collect();
                let mut table = pad(bound, &shape, F::ZERO);
                for x in rest {
                    crate::sumcheck::fold(&mut table, x);
                }
                assert_eq!(table[0], evaluate::<F, F>(&map, &data, &point));
            }
        }
    }
}
