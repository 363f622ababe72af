//! Linear rearrangements of a tensor: which entries of the source every entry of a view adds up.
//!
//! A map is a product of *groups*: a group relates some axes of the source to some axes of the view through a public 0/1
//! relation. Chains of rearrangements compose into one map, so that a claim on a view is a claim on its source with public
//! weights that factor over the groups.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use zkml_ir::ops::{AxisMap, View};

/// The most pairs of a relation: a bound on the verifier's work per claim.
pub const MAX_PAIRS: usize = 1 << 23;

/// The relation of a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Relation {
    /// One source axis is one view axis of the same length.
    Identity,
    /// Pairs of a view index and a source index, each row-major over the group's axes in their order.
    Pairs(Vec<(u32, u32)>),
}

/// Some axes of the source, some of the view, and their relation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Group {
    /// Axes of the source; empty where the group only masks axes of the view.
    pub source: Vec<usize>,
    /// Axes of the view; empty where the group selects or sums.
    pub view: Vec<usize>,
    /// The relation.
    pub relation: Relation,
}

/// A linear map from a source tensor to a view: `view[v] = Σ source[s]` over all `(v, s)` related in every group.
///
/// Every source axis is in exactly one group; a view axis in none is broadcast.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Map {
    /// The source's shape.
    pub source: Vec<usize>,
    /// The view's shape.
    pub view: Vec<usize>,
    /// The groups.
    pub groups: Vec<Group>,
}

fn size(shape: &[usize], axes: &[usize]) -> usize {
    axes.iter().fold(1, |product: usize, &a| product.saturating_mul(shape[a]))
}

impl Map {
    /// The tensor itself.
    pub fn identity(shape: &[usize]) -> Self {
        let groups = (0..shape.len())
            .map(|axis| Group { source: vec![axis], view: vec![axis], relation: Relation::Identity })
            .collect();
        Self { source: shape.to_vec(), view: shape.to_vec(), groups }
    }

    /// Whether the view is the tensor itself.
    pub fn is_identity(&self) -> bool {
        self.source == self.view && *self == Self::identity(&self.source)
    }

    /// The map of an operator of strided views (without its fill value).
    ///
    /// # Errors
    /// The reason, where the relation of a group is too large.
    pub fn strided(source: &[usize], op: &View) -> Result<Self, String> {
        let mut groups: Vec<(Vec<usize>, Vec<usize>)> = Vec::new();
        for (axis, map) in op.axes.iter().enumerate() {
            let mut merged = (vec![axis], map.terms.iter().map(|t| t.0 as usize).collect::<Vec<_>>());
            merged.1.sort_unstable();
            merged.1.dedup();
            // Source axes that share a view axis belong together.
            let mut kept = Vec::new();
            for group in groups {
                if group.1.iter().any(|a| merged.1.contains(a)) {
                    merged.0.extend(group.0);
                    merged.1.extend(group.1);
                } else {
                    kept.push(group);
                }
            }
            merged.0.sort_unstable();
            merged.1.sort_unstable();
            merged.1.dedup();
            kept.push(merged);
            groups = kept;
        }
        groups.sort();
        let build = |(s, v): (Vec<usize>, Vec<usize>)| strided_group(source, op, s, v);
        let groups = groups.into_iter().map(build).collect::<Result<_, _>>()?;
        Ok(Self { source: source.to_vec(), view: op.shape.clone(), groups })
    }

    /// The map of a reshape: axes are grouped at the finest cut where the products of both shapes agree.
    ///
    /// # Errors
    /// The reason, where the relation of a group is too large.
    pub fn reshape(source: &[usize], view: &[usize]) -> Result<Self, String> {
        let mut groups = Vec::new();
        let (mut i, mut j) = (0, 0);
        while i < source.len() || j < view.len() {
            let (first_source, first_view) = (i, j);
            let (mut a, mut b) = (1usize, 1usize);
            loop {
                if a <= b && i < source.len() && (a < b || i == first_source || source[i] == 1) {
                    a *= source[i];
                    i += 1;
                } else if j < view.len() && (b < a || j == first_view || view[j] == 1) {
                    b *= view[j];
                    j += 1;
                } else if a < b && i < source.len() {
                    a *= source[i];
                    i += 1;
                } else {
                    break;
                }
                if a == b && (i > first_source || j > first_view) && a != 1 {
                    break;
                }
            }
            let keep = |shape: &[usize], from: usize, to: usize| -> Vec<usize> {
                (from..to).filter(|&axis| shape[axis] != 1).collect()
            };
            let (s, v) = (keep(source, first_source, i), keep(view, first_view, j));
            for axis in (first_source..i).filter(|&axis| source[axis] == 1) {
                groups.push(Group {
                    source: vec![axis],
                    view: vec![],
                    relation: Relation::Pairs(vec![(0, 0)]),
                });
            }
            match (s.as_slice(), v.as_slice()) {
                ([], []) => {}
                ([_], [_]) => groups.push(Group { source: s, view: v, relation: Relation::Identity }),
                _ => {
                    check_pairs(a)?;
                    let pairs = (0..a as u32).map(|k| (k, k)).collect();
                    groups.push(Group { source: s, view: v, relation: Relation::Pairs(pairs) });
                }
            }
        }
        groups.sort();
        Ok(Self { source: source.to_vec(), view: view.to_vec(), groups })
    }

    /// The map that relates one axis through pairs of a view and a source index and keeps the others; the axis keeps its
    /// place and has `length` entries in the view.
    ///
    /// # Errors
    /// The reason, where there are too many pairs.
    pub fn along(
        source: &[usize],
        axis: usize,
        length: usize,
        pairs: impl IntoIterator<Item = (u32, u32), IntoIter: ExactSizeIterator>,
    ) -> Result<Self, String> {
        let pairs = pairs.into_iter();
        check_pairs(pairs.len().max(length))?;
        let mut map = Self::identity(source);
        map.view[axis] = length;
        map.groups[axis].relation = Relation::Pairs(pairs.collect());
        Ok(map)
    }

    /// The map that sums over axes, which disappear.
    ///
    /// # Errors
    /// The reason, where an axis is too long.
    pub fn sum(source: &[usize], axes: &[usize]) -> Result<Self, String> {
        let mut view = Vec::new();
        let mut groups = Vec::with_capacity(source.len());
        for (axis, &length) in source.iter().enumerate() {
            if axes.contains(&axis) {
                check_pairs(length)?;
                let pairs = (0..length as u32).map(|i| (0, i)).collect();
                groups.push(Group { source: vec![axis], view: vec![], relation: Relation::Pairs(pairs) });
            } else {
                groups.push(Group {
                    source: vec![axis],
                    view: vec![view.len()],
                    relation: Relation::Identity,
                });
                view.push(length);
            }
        }
        Ok(Self { source: source.to_vec(), view, groups })
    }

    /// The map that broadcasts to a new axis of `length` entries at the place `axis` of the view.
    pub fn broadcast(source: &[usize], axis: usize, length: usize) -> Self {
        let mut map = Self::identity(source);
        map.view.insert(axis, length);
        for group in &mut map.groups {
            for a in &mut group.view {
                *a += usize::from(*a >= axis);
            }
        }
        map
    }

    /// The same map with one more leading axis on both sides, kept as it is.
    pub fn batched(&self, length: usize) -> Self {
        let shift = |axes: &[usize]| axes.iter().map(|a| a + 1).collect();
        let mut groups = vec![Group { source: vec![0], view: vec![0], relation: Relation::Identity }];
        groups.extend(self.groups.iter().map(|g| Group {
            source: shift(&g.source),
            view: shift(&g.view),
            relation: g.relation.clone(),
        }));
        let prepend = |shape: &[usize]| [&[length], shape].concat();
        Self { source: prepend(&self.source), view: prepend(&self.view), groups }
    }

    /// The map that applies `self` and then `next`.
    ///
    /// # Errors
    /// The reason, where a relation of the composition is too large.
    pub fn then(&self, next: &Self) -> Result<Self, String> {
        compose(self, next)
    }

    /// What the relations hold in memory: pairs, and the weights that claims put on their axes.
    pub(crate) fn memory(&self) -> usize {
        let entries = |group: &Group| match &group.relation {
            Relation::Identity => 0,
            Relation::Pairs(pairs) => pairs.len().saturating_add(size(&self.source, &group.source)),
        };
        self.groups.iter().map(entries).fold(0, usize::saturating_add)
    }
}

pub(crate) fn check_pairs(count: usize) -> Result<(), String> {
    if count > MAX_PAIRS {
        return Err(format!("a rearrangement relates {count} pairs of indices, more than {MAX_PAIRS}"));
    }
    Ok(())
}

fn strided_group(
    source: &[usize],
    op: &View,
    source_axes: Vec<usize>,
    view_axes: Vec<usize>,
) -> Result<Group, String> {
    if let ([s], [v]) = (source_axes.as_slice(), view_axes.as_slice())
        && op.axes[*s] == AxisMap::identity(*v as u32)
        && source[*s] == op.shape[*v]
    {
        return Ok(Group { source: source_axes, view: view_axes, relation: Relation::Identity });
    }
    let count = size(&op.shape, &view_axes);
    check_pairs(count)?;
    let mut pairs = Vec::with_capacity(count);
    let mut index = vec![0usize; op.shape.len()];
    for flat in 0..count {
        unravel(flat, &op.shape, &view_axes, &mut index);
        let position = source_axes.iter().try_fold(0usize, |flat, &axis| {
            op.axes[axis].source(&index, source[axis]).map(|i| flat * source[axis] + i)
        });
        if let Some(position) = position {
            pairs.push((flat as u32, position as u32));
        }
    }
    Ok(Group { source: source_axes, view: view_axes, relation: Relation::Pairs(pairs) })
}

/// Writes the index of the row-major position `flat` over the chosen axes.
fn unravel(mut flat: usize, shape: &[usize], axes: &[usize], index: &mut [usize]) {
    for &axis in axes.iter().rev() {
        index[axis] = flat % shape[axis];
        flat /= shape[axis];
    }
}

/// The row-major position over the chosen axes of an index.
fn ravel(shape: &[usize], axes: &[usize], index: &[usize]) -> usize {
    axes.iter().fold(0, |flat, &axis| flat * shape[axis] + index[axis])
}

/// A connected component of two maps' groups, joined through the axes between them.
struct Component {
    first: Vec<usize>,
    second: Vec<usize>,
}

fn components(first: &Map, second: &Map) -> Vec<Component> {
    let mut found: Vec<Component> = Vec::new();
    for (j, group) in second.groups.iter().enumerate() {
        let touched: Vec<usize> = (0..first.groups.len())
            .filter(|&i| first.groups[i].view.iter().any(|a| group.source.contains(a)))
            .collect();
        let (mut joined, apart): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|c| c.first.iter().any(|i| touched.contains(i)));
        let mut component = Component { first: touched, second: vec![j] };
        for c in &mut joined {
            component.first.append(&mut c.first);
            component.second.append(&mut c.second);
        }
        component.first.sort_unstable();
        component.first.dedup();
        component.second.sort_unstable();
        found = apart;
        found.push(component);
    }
    let reached = |i: usize, found: &[Component]| found.iter().any(|c| c.first.contains(&i));
    for i in 0..first.groups.len() {
        if !reached(i, &found) {
            found.push(Component { first: vec![i], second: vec![] });
        }
    }
    found
}

fn compose(first: &Map, second: &Map) -> Result<Map, String> {
    let mut groups = Vec::new();
    for component in components(first, second) {
        groups.push(match (component.first.as_slice(), component.second.as_slice()) {
            (&[i], &[]) => first.groups[i].clone(),
            (&[i], &[j]) if second.groups[j].relation == Relation::Identity => {
                let renamed = Group { view: second.groups[j].view.clone(), ..first.groups[i].clone() };
                if first.groups[i].view.len() == 1 { renamed } else { join(first, second, &component)? }
            }
            (&[i], &[j])
                if first.groups[i].relation == Relation::Identity && second.groups[j].source.len() == 1 =>
            {
                Group { source: first.groups[i].source.clone(), ..second.groups[j].clone() }
            }
            _ => join(first, second, &component)?,
        });
    }
    // A broadcast axis that is kept as it is stays a broadcast axis.
    groups.retain(|g| !(g.source.is_empty() && is_full_mask(g, &second.view)));
    groups.sort();
    Ok(Map { source: first.source.clone(), view: second.view.clone(), groups })
}

/// Whether a group without source axes counts every view index exactly once.
fn is_full_mask(group: &Group, view: &[usize]) -> bool {
    match &group.relation {
        Relation::Identity => true,
        Relation::Pairs(pairs) => {
            pairs.len() == size(view, &group.view)
                && pairs.iter().enumerate().all(|(i, &(v, s))| v as usize == i && s == 0)
        }
    }
}

fn pairs_of(group: &Group, view: &[usize]) -> Vec<(u32, u32)> {
    match &group.relation {
        Relation::Pairs(pairs) => pairs.clone(),
        Relation::Identity => (0..size(view, &group.view) as u32).map(|i| (i, i)).collect(),
    }
}

/// Joins the relations of a component by enumerating the pairs of the second map's groups.
fn join(first: &Map, second: &Map, component: &Component) -> Result<Group, String> {
    let collect = |axes: &mut dyn Iterator<Item = usize>| {
        let mut axes: Vec<usize> = axes.collect();
        axes.sort_unstable();
        axes
    };
    let source_axes = collect(&mut component.first.iter().flat_map(|&i| first.groups[i].source.clone()));
    let view_axes = collect(&mut component.second.iter().flat_map(|&j| second.groups[j].view.clone()));
    // Nothing below is longer than what is checked here.
    for &i in &component.first {
        check_pairs(size(&first.view, &first.groups[i].view))?;
    }
    for &j in &component.second {
        check_pairs(size(&second.source, &second.groups[j].source))?;
    }
    check_pairs(size(&second.view, &view_axes))?;
    // For every group of the first map, the source positions of every index of its view axes.
    let lookup: Vec<Vec<Vec<u32>>> = component
        .first
        .iter()
        .map(|&i| {
            let group = &first.groups[i];
            let mut lists = vec![Vec::new(); size(&first.view, &group.view)];
            for (v, s) in pairs_of(group, &first.view) {
                lists[v as usize].push(s);
            }
            lists
        })
        .collect();
    let choices: Vec<Vec<(u32, u32)>> =
        component.second.iter().map(|&j| pairs_of(&second.groups[j], &second.view)).collect();
    check_pairs(choices.iter().fold(1, |product, list| product.saturating_mul(list.len())))?;
    let mut middle = vec![0usize; first.view.len()];
    let mut outer = vec![0usize; second.view.len()];
    let mut inner = vec![0usize; first.source.len()];
    let mut pairs = Vec::new();
    let mut choice = vec![0usize; choices.len()];
    if choices.iter().any(Vec::is_empty) {
        return Ok(Group { source: source_axes, view: view_axes, relation: Relation::Pairs(pairs) });
    }
    loop {
        for ((&j, list), &at) in component.second.iter().zip(&choices).zip(&choice) {
            let (v, m) = list[at];
            unravel(v as usize, &second.view, &second.groups[j].view, &mut outer);
            unravel(m as usize, &second.source, &second.groups[j].source, &mut middle);
        }
        let v = ravel(&second.view, &view_axes, &outer) as u32;
        let related = component.first.iter().zip(&lookup).fold(1usize, |product, (&i, lists)| {
            product.saturating_mul(lists[ravel(&first.view, &first.groups[i].view, &middle)].len())
        });
        check_pairs(pairs.len().saturating_add(related))?;
        extend_sources(first, component, &lookup, &middle, 0, &mut inner, &mut |inner| {
            pairs.push((v, ravel(&first.source, &source_axes, inner) as u32));
        });
        if !advance(&mut choice, &choices) {
            break;
        }
    }
    pairs.sort_unstable();
    Ok(Group { source: source_axes, view: view_axes, relation: Relation::Pairs(pairs) })
}

fn advance(choice: &mut [usize], choices: &[Vec<(u32, u32)>]) -> bool {
    for (at, list) in choice.iter_mut().zip(choices) {
        *at += 1;
        if *at < list.len() {
            return true;
        }
        *at = 0;
    }
    false
}

/// Calls `emit` for every source index that the first map's groups relate to the index `middle` of the view between.
fn extend_sources(
    first: &Map,
    component: &Component,
    lookup: &[Vec<Vec<u32>>],
    middle: &[usize],
    depth: usize,
    inner: &mut Vec<usize>,
    emit: &mut dyn FnMut(&[usize]),
) {
    let Some(&i) = component.first.get(depth) else {
        emit(inner);
        return;
    };
    let group = &first.groups[i];
    for &s in &lookup[depth][ravel(&first.view, &group.view, middle)] {
        unravel(s as usize, &first.source, &group.source, inner);
        extend_sources(first, component, lookup, middle, depth + 1, inner, emit);
    }
}

/// For every view index of a group, the flat offsets into the source that it adds up.
struct Offsets {
    /// Steps of the view's axes within the group's index.
    steps: Vec<usize>,
    starts: Vec<u32>,
    offsets: Vec<u32>,
}

impl Offsets {
    fn new(map: &Map, group: &Group) -> Self {
        let strides = zkml_ir::tensor::strides(&map.source);
        let mut steps = vec![0; map.view.len()];
        let mut step = 1;
        for &axis in group.view.iter().rev() {
            steps[axis] = step;
            step *= map.view[axis];
        }
        let mut pairs = pairs_of(group, &map.view);
        pairs.sort_unstable();
        let mut starts = vec![0u32; step + 1];
        let mut index = vec![0usize; map.source.len()];
        let mut offsets = Vec::with_capacity(pairs.len());
        for &(v, s) in &pairs {
            starts[v as usize + 1] += 1;
            unravel(s as usize, &map.source, &group.source, &mut index);
            offsets.push(group.source.iter().map(|&a| index[a] * strides[a]).sum::<usize>() as u32);
        }
        for i in 0..step {
            starts[i + 1] += starts[i];
        }
        Self { steps, starts, offsets }
    }

    fn at(&self, index: usize) -> &[u32] {
        &self.offsets[self.starts[index] as usize..self.starts[index + 1] as usize]
    }
}

impl Map {
    /// The entries of the view of row-major data, in row-major order.
    pub fn materialize(&self, data: &[i32]) -> Vec<i32> {
        if self.is_identity() {
            return data.to_vec();
        }
        let groups: Vec<Offsets> = self.groups.iter().map(|g| Offsets::new(self, g)).collect();
        let mut at = vec![0usize; groups.len()];
        let mut index = vec![0usize; self.view.len()];
        let total = size(&self.view, &(0..self.view.len()).collect::<Vec<_>>());
        let mut out = Vec::with_capacity(total);
        for _ in 0..total {
            out.push(gather(data, &groups, &at, 0));
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                let wrapped = index[axis] == self.view[axis];
                for (group, at) in groups.iter().zip(&mut at) {
                    if wrapped {
                        *at -= (self.view[axis] - 1) * group.steps[axis];
                    } else {
                        *at += group.steps[axis];
                    }
                }
                if !wrapped {
                    break;
                }
                index[axis] = 0;
            }
        }
        out
    }
}

/// The sum of the entries related to one view index, the offsets of the first groups added up in `base`.
fn gather(data: &[i32], groups: &[Offsets], at: &[usize], base: usize) -> i32 {
    match groups {
        [] => data[base],
        [group, rest @ ..] => {
            group.at(at[0]).iter().map(|&o| gather(data, rest, &at[1..], base + o as usize)).sum()
        }
    }
}

#[cfg(test)]
mod tests {
    use zkml_ir::ops::AxisMap;

    use super::*;

    fn counting(shape: &[usize]) -> Vec<i32> {
        (0..shape.iter().product::<usize>() as i32).collect()
    }

    fn strided(source: &[usize], op: &View) -> Vec<i32> {
        let data = counting(source);
        let mut out = Vec::new();
        op.visit(source, |offset| out.push(offset.map_or(0, |o| data[o])));
        out
    }

    fn window() -> View {
        View {
            shape: vec![2, 3, 3, 3],
            axes: vec![
                AxisMap::identity(0),
                AxisMap { offset: -1, divisor: 1, terms: vec![(1, 2), (3, 1)] },
                AxisMap { offset: 1, divisor: 2, terms: vec![(2, 1), (3, -1)] },
            ],
            fill: 0,
        }
    }

    #[test]
    fn strided_maps_gather_what_the_operator_gathers() {
        for (source, op) in [
            (vec![2, 5, 4], window()),
            (vec![2, 3, 4], View::transpose(&[2, 3, 4], &[2, 0, 1])),
            (vec![3, 1], View::broadcast(&[3, 1], &[2, 3, 4])),
        ] {
            let map = Map::strided(&source, &op).unwrap();
            assert_eq!(map.materialize(&counting(&source)), strided(&source, &op));
        }
    }

    #[test]
    fn reshapes_keep_row_major_order() {
        for (source, view) in [
            (vec![1, 16, 5, 5], vec![1, 400]),
            (vec![6, 4], vec![2, 3, 1, 4]),
            (vec![4, 6], vec![6, 4]),
            (vec![1, 1, 3], vec![3]),
            (vec![3, 1, 2, 2], vec![3, 4, 1]),
            (vec![1], vec![]),
        ] {
            let map = Map::reshape(&source, &view).unwrap();
            assert_eq!(map.view, view);
            assert_eq!(map.materialize(&counting(&source)), counting(&source), "{source:?} {view:?} {map:?}");
        }
    }

    #[test]
    fn compositions_gather_like_one_map_after_the_other() {
        let start = [2, 5, 4];
        let first = Map::strided(&start, &window()).unwrap();
        for second in [
            Map::reshape(&first.view, &[2, 27]).unwrap(),
            Map::sum(&first.view, &[1, 3]).unwrap(),
            Map::strided(&first.view, &View::transpose(&first.view, &[3, 1, 0, 2])).unwrap(),
            Map::broadcast(&first.view, 1, 3),
            Map::along(&first.view, 2, 2, [(0, 1), (0, 2), (1, 0)]).unwrap(),
        ] {
            let both = first.then(&second).unwrap();
            let expected = second.materialize(&first.materialize(&counting(&start)));
            assert_eq!(both.materialize(&counting(&start)), expected, "{second:?}");
        }
        let wide = Map::broadcast(&[3], 0, 2);
        let flat = wide.then(&Map::reshape(&[2, 3], &[6]).unwrap()).unwrap();
        assert_eq!(flat.materialize(&[7, 8, 9]), [7, 8, 9, 7, 8, 9]);
        let padded = wide.then(&Map::along(&[2, 3], 0, 3, [(1, 0), (2, 1)]).unwrap()).unwrap();
        assert_eq!(padded.materialize(&[7, 8, 9]), [0, 0, 0, 7, 8, 9, 7, 8, 9]);
    }
}
