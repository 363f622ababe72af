//! Where tensors lie in the committed columns.
//!
//! An axis of a tensor is cut into blocks of a power of two; a tensor becomes one *slab* per combination of blocks. Slabs of a
//! tree are stacked in descending order of size, so that each is aligned to its own length. The last rows of every column are
//! reserved for uniform randomness.

use alloc::vec;
use alloc::vec::Vec;

use crate::eq::num_variables;
use crate::error::RelationError;
use crate::functional::AxisCut;
use crate::system::{Declared, Home, System};

/// The trees of a proof in the order in which they are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TreeKind {
    /// Weights: committed once per model.
    Weights,
    /// The same weights again, in a tree with randomness of its own: the index among the copies.
    Copy(usize),
    /// A tensor that several statements share: the index among the statement's committed tensors.
    Committed(usize),
    /// Everything before the lookup challenges, and the mask.
    Witness,
    /// Lookup helpers.
    Helpers,
}

/// A slab's place in its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slab {
    /// The column.
    pub column: usize,
    /// The first row, a multiple of the slab's length.
    pub row: usize,
}

/// A tensor's place in the columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The tree.
    pub tree: TreeKind,
    /// How every axis is cut.
    pub cuts: Vec<AxisCut>,
    /// The slabs, row-major over the blocks.
    pub slabs: Vec<Slab>,
}

impl Placement {
    /// The base-2 logarithm of a slab's length.
    pub fn log_slab(&self) -> usize {
        self.cuts.iter().map(|c| c.log).sum()
    }
}

/// The columns of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeLayout {
    /// The tree.
    pub kind: TreeKind,
    /// The number of columns, without the mask's.
    pub columns: usize,
    /// The number of rows at the end of every column that are uniformly random.
    pub reserved: usize,
}

/// The numbers of rows that are reserved for randomness: at least as many as openings of a tree ever reveal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// For trees that one proof opens and none after it.
    pub fresh: usize,
    /// For the weights, and for each copy of them.
    pub weights: usize,
    /// For every committed tensor.
    pub committed: Vec<usize>,
}

impl Reserved {
    /// Equally many rows in all trees.
    pub fn uniform(rows: usize, num_committed: usize) -> Self {
        Self { fresh: rows, weights: rows, committed: vec![rows; num_committed] }
    }

    fn of(&self, kind: TreeKind) -> Option<usize> {
        match kind {
            TreeKind::Weights | TreeKind::Copy(_) => Some(self.weights),
            TreeKind::Committed(index) => self.committed.get(index).copied(),
            TreeKind::Witness | TreeKind::Helpers => Some(self.fresh),
        }
    }
}

/// The columns of a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The base-2 logarithm of the height.
    pub log_rows: usize,
    /// The trees in the order in which they are opened.
    pub trees: Vec<TreeLayout>,
    /// One placement per committed tensor of the system; `None` for public ones.
    pub placements: Vec<Option<Placement>>,
}

/// The most columns of one tree.
const MAX_COLUMNS: usize = 1 << 14;
/// The most entries of public tensors, and slabs of committed ones, that a verifier reads for all claims of a proof: a second
/// or two.
const MAX_READ: usize = 1 << 24;
/// The entries that are read in the time that a slab takes.
const ENTRIES_PER_SLAB: usize = 16;

impl Layout {
    /// Places the tensors of a system in columns of height `2^log_rows`.
    ///
    /// # Errors
    /// [`RelationError::TooLarge`] where no slab fits beside the reserved rows, or columns become too many.
    pub fn new(system: &System, log_rows: usize, reserved: &Reserved) -> Result<Self, RelationError> {
        let rows = 1usize << log_rows;
        let unplaced = |t: &Declared| matches!(t.home, Home::Committed(i) if i >= reserved.committed.len());
        if let Some(tensor) = system.tensors.iter().find(|t| unplaced(t)) {
            let reason = "it is committed, and no rows are reserved in its tree".into();
            return Err(RelationError::Public { name: tensor.name.clone(), reason });
        }
        let mut placements: Vec<Option<Placement>> = system
            .tensors
            .iter()
            .map(|t| {
                tree_of(&t.home).map(|tree| Placement { tree, cuts: cut(&t.shape, log_rows), slabs: vec![] })
            })
            .collect();
        let mut trees = Vec::with_capacity(3 + reserved.committed.len());
        let committed = (0..reserved.committed.len()).map(TreeKind::Committed);
        let kinds = [TreeKind::Weights].into_iter().chain(committed);
        for kind in kinds.chain([TreeKind::Witness, TreeKind::Helpers]) {
            let too_large = |what, got, limit| RelationError::TooLarge { what, got, limit };
            let own = reserved.of(kind).unwrap_or(rows);
            if own > rows / 2 {
                return Err(too_large("the number of reserved rows", own as u64, rows as u64 / 2));
            }
            let limit = MAX_COLUMNS as u64;
            let columns = pack(&mut placements, kind, rows, rows - own).ok_or(too_large(
                "the number of columns",
                limit + 1,
                limit,
            ))?;
            if columns > 0 || kind == TreeKind::Witness {
                trees.push(TreeLayout { kind, columns, reserved: own });
            }
        }
        check_claims(system, &placements)?;
        Ok(Self { log_rows, trees, placements })
    }

    /// The position of a tree among the trees, if the system has it.
    pub fn tree(&self, kind: TreeKind) -> Option<usize> {
        self.trees.iter().position(|t| t.kind == kind)
    }

    /// Adds trees that repeat the weights' columns.
    #[must_use]
    pub fn with_copies(mut self, count: usize) -> Self {
        if let Some(weights) = self.tree(TreeKind::Weights) {
            let copy = |i| TreeLayout { kind: TreeKind::Copy(i), ..self.trees[weights] };
            let copies: Vec<TreeLayout> = (0..count).map(copy).collect();
            self.trees.splice(weights + 1..weights + 1, copies);
        }
        self
    }

    /// The number of columns of a tree, without the mask's.
    pub fn columns(&self, kind: TreeKind) -> usize {
        self.tree(kind).map_or(0, |t| self.trees[t].columns)
    }

    /// The number of columns of all trees, without the mask's.
    pub fn num_columns(&self) -> usize {
        self.trees.iter().map(|t| t.columns).sum()
    }

    /// The position of a tree's first column among all columns.
    pub fn first_column(&self, kind: TreeKind) -> usize {
        self.trees.iter().take_while(|t| t.kind != kind).map(|t| t.columns).sum()
    }
}

/// Refuses a system whose claims take a verifier more time than its size shows: each reads all slabs of its tensor, or all
/// entries of a public one.
fn check_claims(system: &System, placements: &[Option<Placement>]) -> Result<(), RelationError> {
    let read = |tensor: usize| match &placements[tensor] {
        Some(placement) => placement.slabs.len().saturating_mul(ENTRIES_PER_SLAB),
        None => system.tensors[tensor].shape.iter().product(),
    };
    let entries = system.all_fractions().flat_map(|f| &f.tuple);
    let affine = entries.chain(system.equations.iter().map(|e| &e.linear));
    let products = system.equations.iter().flat_map(|e| &e.bilinear);
    let views = system
        .all_fractions()
        .filter_map(|f| f.multiplicity)
        .chain(affine.flat_map(|a| a.terms.iter().map(|t| t.1)))
        .chain(products.flat_map(|p| [p.a, p.b]));
    let packed = system.packed.iter().map(|packed| packed.0);
    let tensors = views.map(|view| system.views[view.0].tensor).chain(packed);
    let total = tensors.map(read).fold(0, usize::saturating_add);
    if total > MAX_READ {
        let what = "the number of public entries, and of sixteenths of slabs, that claims read";
        return Err(RelationError::TooLarge { what, got: total as u64, limit: MAX_READ as u64 });
    }
    Ok(())
}

fn tree_of(home: &Home) -> Option<TreeKind> {
    match home {
        Home::Weight(_) => Some(TreeKind::Weights),
        Home::Committed(index) => Some(TreeKind::Committed(*index)),
        Home::Witness => Some(TreeKind::Witness),
        Home::Helper { .. } => Some(TreeKind::Helpers),
        Home::Constant(_) | Home::PublicInput(_) | Home::PublicOutput(_) => None,
    }
}

/// Cuts axes so that slabs have at most a sixteenth of the column's height, and large tensors waste little.
fn cut(shape: &[usize], log_rows: usize) -> Vec<AxisCut> {
    const MAX_SLABS_FOR_SHAPE: usize = 64;
    let max_log = log_rows.saturating_sub(4);
    let mut cuts: Vec<AxisCut> =
        shape.iter().map(|&length| AxisCut { length, blocks: 1, log: num_variables(length) }).collect();
    let shrink = |cut: &mut AxisCut| {
        cut.log -= 1;
        cut.blocks = cut.length.div_ceil(1 << cut.log);
    };
    let log = |cuts: &[AxisCut]| cuts.iter().map(|c| c.log).sum::<usize>();
    let large = log(&cuts) > max_log;
    // Padding goes first: an axis of 3·2^k becomes three blocks.
    while large && log(&cuts) > 0 {
        let padded = |c: &AxisCut| (c.blocks << c.log) as f64 / c.length as f64;
        let worst = (0..cuts.len())
            .filter(|&i| cuts[i].log > 0)
            .max_by(|&i, &j| padded(&cuts[i]).total_cmp(&padded(&cuts[j])).then(j.cmp(&i)));
        let Some(axis) = worst.filter(|&i| padded(&cuts[i]) > 1.125) else { break };
        let mut trial = cuts.clone();
        shrink(&mut trial[axis]);
        if trial.iter().map(|c| c.blocks).product::<usize>() > MAX_SLABS_FOR_SHAPE {
            break;
        }
        cuts = trial;
    }
    while log(&cuts) > max_log {
        match cuts.iter_mut().find(|c| c.log > 0) {
            Some(cut) => shrink(cut),
            None => break,
        }
    }
    cuts
}

/// Stacks the slabs of a tree in columns with `usable` rows and returns the number of columns, if there is room.
fn pack(placements: &mut [Option<Placement>], kind: TreeKind, rows: usize, usable: usize) -> Option<usize> {
    let mut order: Vec<usize> =
        (0..placements.len()).filter(|&i| placements[i].as_ref().is_some_and(|p| p.tree == kind)).collect();
    let log = |i: usize| placements[i].as_ref().map_or(0, Placement::log_slab);
    order.sort_by_key(|&i| core::cmp::Reverse(log(i)));
    let mut filled: Vec<usize> = Vec::new();
    // Columns before this one have no room for any slab of the present or a smaller size... per size.
    let mut first_open = 0;
    for i in order {
        let Some(placement) = placements[i].as_mut() else { continue };
        let length = 1usize << placement.log_slab();
        debug_assert!(length <= rows);
        let count = placement.cuts.iter().map(|c| c.blocks).product();
        let mut column = first_open;
        for _ in 0..count {
            while column < filled.len() && filled[column] + length > usable {
                column += 1;
            }
            if column == filled.len() {
                if column == MAX_COLUMNS {
                    return None;
                }
                filled.push(0);
            }
            placement.slabs.push(Slab { column, row: filled[column] });
            filled[column] += length;
        }
        while first_open < filled.len() && filled[first_open] == usable {
            first_open += 1;
        }
    }
    Some(filled.len())
}

/// The vertices of one slab: for every valid entry of the tensor in it, the row within the slab and the entry's position.
///
/// Calls `visit(row, entry, run)` for runs along the last axis.
pub(crate) fn visit_slab(cuts: &[AxisCut], slab: usize, mut visit: impl FnMut(usize, usize, usize)) {
    let rank = cuts.len();
    let mut block = vec![0; rank];
    let mut rest = slab;
    for axis in (0..rank).rev() {
        block[axis] = rest % cuts[axis].blocks;
        rest /= cuts[axis].blocks;
    }
    let Some((last, outer)) = cuts.split_last() else {
        visit(0, 0, 1);
        return;
    };
    let run = last.valid(block[rank - 1]);
    let lengths: Vec<usize> = outer.iter().zip(&block).map(|(c, &b)| c.valid(b)).collect();
    if run == 0 || lengths.contains(&0) {
        return;
    }
    let mut index = vec![0; rank - 1];
    loop {
        let (mut row, mut entry) = (0, 0);
        for axis in 0..rank - 1 {
            row = (row << cuts[axis].log) + index[axis];
            entry = entry * cuts[axis].length + (block[axis] << cuts[axis].log) + index[axis];
        }
        let start = block[rank - 1] << last.log;
        visit(row << last.log, entry * last.length + start, run);
        let mut axis = rank - 1;
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            index[axis] += 1;
            if index[axis] < lengths[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_lies_in_exactly_one_slab() {
        for shape in [vec![], vec![5], vec![1, 6, 28, 28], vec![120, 400], vec![3, 1, 7], vec![96, 5, 5]] {
            for log_rows in [4, 6, 9] {
                let cuts = cut(&shape, log_rows);
                let slabs: usize = cuts.iter().map(|c| c.blocks).product();
                let log: usize = cuts.iter().map(|c| c.log).sum();
                let mut seen = vec![0; shape.iter().product()];
                for slab in 0..slabs {
                    visit_slab(&cuts, slab, |row, entry, run| {
                        assert!(row + run <= 1 << log);
                        seen[entry..entry + run].iter_mut().for_each(|n| *n += 1);
                    });
                }
                assert!(seen.iter().all(|&n| n == 1), "{shape:?} {cuts:?}");
            }
        }
    }
}
