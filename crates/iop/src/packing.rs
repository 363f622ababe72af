//! Public tensors packed into words, for verifiers that should not read them entry by entry.
//!
//! Where a system packs them, public tensors are tensors of the witness like private ones, ranges proven, and a verifier knows the
//! words that they are packed into. Whoever stands for the verifier evaluates the polynomial `Σ_j word_j·ρ^j` at a `ρ` that is drawn
//! after the words and the columns are fixed; that the columns hold the same words is one claim for every tensor.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use zkml_ir::Interval;

use crate::eq::eq_table;
use crate::error::RelationError;
use crate::functional::{AxisCut, Factor, Functional, accumulate};
use crate::layout::visit_slab;
use crate::scalar::Scalar;
use crate::system::{Port, System};

/// The bytes of a word: a multiple of every width, so that no entry lies in two words.
pub const WORD: usize = 28;
/// The most bytes of an entry, and a multiple of every width.
const MAX_WIDTH: usize = 4;

/// Where the packed tensors of a statement lie among its packed bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packing {
    /// The tensors in the order of their bytes: inputs, then outputs, in the graph's order.
    pub tensors: Vec<PackedTensor>,
    /// The number of bytes.
    pub length: usize,
}

/// A tensor whose packed entries are part of the statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedTensor {
    /// Its index among the system's tensors.
    pub tensor: usize,
    /// What it is to the graph.
    pub port: Port,
    /// Its shape.
    pub shape: Vec<usize>,
    /// The interval of its entries.
    pub range: Interval,
    /// The position of its first byte.
    pub offset: usize,
}

/// `ρ` and `Σ_j word_j·ρ^j`, which a verifier computes of a statement's packed words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedValue<P> {
    /// `ρ`.
    pub point: P,
    /// The value.
    pub value: P,
}

impl PackedTensor {
    /// The number of entries.
    pub fn entries(&self) -> usize {
        self.shape.iter().fold(1, |product, &n| product.saturating_mul(n))
    }

    /// The bytes of an entry, 1, 2 or 4: its distance from the interval's lower end as a big-endian integer.
    pub fn width(&self) -> usize {
        match self.range.len() {
            0..=0x100 => 1,
            0x101..=0x1_0000 => 2,
            _ => MAX_WIDTH,
        }
    }
}

impl Packing {
    /// The packing of a system's packed tensors. Every tensor begins at a multiple of its width, the outputs at one of all widths, so
    /// that they can be read without the inputs.
    pub fn new(system: &System) -> Self {
        let mut length = 0usize;
        let mut tensors: Vec<PackedTensor> = Vec::with_capacity(system.packed.len());
        let has_outputs =
            |tensors: &[PackedTensor]| tensors.last().is_some_and(|t| matches!(t.port, Port::Output(_)));
        for &(tensor, port) in &system.packed {
            let declared = &system.tensors[tensor];
            let mut packed = PackedTensor {
                tensor,
                port,
                shape: declared.shape.clone(),
                range: declared.range,
                offset: 0,
            };
            let first_output = matches!(port, Port::Output(_)) && !has_outputs(&tensors);
            let alignment = if first_output { MAX_WIDTH } else { packed.width() };
            packed.offset = length.checked_next_multiple_of(alignment).unwrap_or(usize::MAX);
            length = packed.offset.saturating_add(packed.entries().saturating_mul(packed.width()));
            tensors.push(packed);
        }
        Self { tensors, length }
    }

    /// The number of words.
    pub fn words(&self) -> usize {
        self.length.div_ceil(WORD)
    }

    /// The bytes at the end that are outputs.
    pub fn output_length(&self) -> usize {
        let first = self.tensors.iter().find(|t| matches!(t.port, Port::Output(_)));
        first.map_or(0, |t| self.length - t.offset)
    }

    /// The packed bytes; `data` holds the entries at the system's indices.
    ///
    /// # Errors
    /// [`RelationError::Public`] for another number of entries, or one outside of its interval.
    pub fn pack(&self, system: &System, data: &[Vec<i32>]) -> Result<Vec<u8>, RelationError> {
        let mut bytes = Vec::with_capacity(self.length);
        for packed in &self.tensors {
            let refused = |reason| {
                let name = system.tensors.get(packed.tensor).map(|t| t.name.clone()).unwrap_or_default();
                RelationError::Public { name, reason }
            };
            let entries = data.get(packed.tensor).map_or(&[][..], Vec::as_slice);
            if entries.len() != packed.entries() {
                return Err(refused(format!("{} entries for shape {:?}", entries.len(), packed.shape)));
            }
            bytes.resize(packed.offset, 0);
            for &entry in entries {
                if !packed.range.contains(i64::from(entry)) {
                    return Err(refused(format!("entry {entry} lies outside its interval {}", packed.range)));
                }
                let distance = (i64::from(entry) - packed.range.lo) as u32;
                bytes.extend_from_slice(&distance.to_be_bytes()[4 - packed.width()..]);
            }
        }
        Ok(bytes)
    }
}

/// The weights of a tensor's entries in the polynomial of the words: `ρ^word` times a power of 256.
#[derive(Clone, Debug, PartialEq)]
pub struct PackedWeights<P> {
    shape: Vec<usize>,
    width: usize,
    /// Entries before the first one in its word.
    first: usize,
    /// `ρ^word` for the words that the tensor lies in.
    powers: Vec<P>,
}

impl<P: Scalar> PackedWeights<P> {
    /// The weights of a packed tensor; `powers` are those of `ρ` for all words.
    pub fn new(tensor: &PackedTensor, powers: &[P]) -> Self {
        let width = tensor.width();
        let (start, end) = (tensor.offset / WORD, (tensor.offset + tensor.entries() * width).div_ceil(WORD));
        Self {
            shape: tensor.shape.clone(),
            width,
            first: (tensor.offset % WORD) / width,
            powers: powers[start.min(powers.len())..end.min(powers.len())].to_vec(),
        }
    }

    /// The functional that sums up the entries with these weights.
    pub fn functional(self) -> Functional<P> {
        Functional { shape: self.shape.clone(), scale: P::integer(1), factors: vec![Factor::Packed(self)] }
    }

    /// The axes: all of them.
    pub(crate) fn axes(&self) -> Vec<usize> {
        (0..self.shape.len()).collect()
    }

    /// The word of an entry, the first being 0, and its place in it as a power of 256.
    fn place(&self, entry: usize) -> (usize, usize) {
        let per_word = WORD / self.width;
        let at = self.first + entry;
        (at / per_word, WORD - self.width * (1 + at % per_word))
    }

    /// The weight of every entry, row-major.
    pub(crate) fn table(&self) -> Vec<P> {
        let bytes = powers_of_256::<P>();
        let weight = |entry| {
            let (word, place) = self.place(entry);
            self.powers[word].clone() * bytes[place].clone()
        };
        (0..self.shape.iter().product()).map(weight).collect()
    }

    /// The sum of all weights.
    pub fn sum(&self) -> P {
        let bytes = powers_of_256::<P>();
        let mut sums = vec![P::integer(0); self.powers.len()];
        for entry in 0..self.shape.iter().product() {
            let (word, place) = self.place(entry);
            accumulate(&mut sums[word], bytes[place].clone());
        }
        let products = sums.into_iter().zip(&self.powers).map(|(sum, power)| sum * power.clone());
        products.fold(P::integer(0), |sum, product| sum + product)
    }

    /// For every slab of the tensor, the multilinear extension at `inner` of the weights on the slab: few products for each word,
    /// because a run along the last axis is a difference of two sums.
    pub(crate) fn slab_weights(&self, cuts: &[AxisCut], inner: &[P]) -> Vec<P> {
        let log = cuts.last().map_or(0, |cut| cut.log);
        let (low, high) = inner.split_at(log);
        let sums = self.prefix_sums(low, cuts.last().map_or(1, |cut| cut.length.min(1 << log)));
        let high = eq_table(high, outer_rows(cuts));
        let mut out = vec![P::integer(0); cuts.iter().map(|c| c.blocks).product()];
        for (slab, sum) in out.iter_mut().enumerate() {
            visit_slab(cuts, slab, |row, entry, run| {
                let (block, start) = (row >> log, row & ((1 << log) - 1));
                let mut done = 0;
                while done < run {
                    let (word, place) = self.place(entry + done);
                    let length = (place / self.width + 1).min(run - done);
                    let from = start + done;
                    let difference = sums[from + length].clone() - sums[from].clone();
                    let weight = high[block].clone() * self.powers[word].clone();
                    let scale = power_of_256::<P>(place + self.width * from);
                    accumulate(sum, weight * (difference * scale));
                    done += length;
                }
            });
        }
        out
    }

    /// `Σ_(i < k) eq(point, i)·256^(−width·i)` for `k` up to `length`.
    fn prefix_sums(&self, point: &[P], length: usize) -> Vec<P> {
        let step = (0..self.width).fold(P::integer(1), |p, _| p * P::integer_inverse(256));
        let mut factor = P::integer(1);
        let mut sums = Vec::with_capacity(length + 1);
        let mut sum = P::integer(0);
        sums.push(sum.clone());
        for entry in eq_table(point, length) {
            sum = (sum + entry * factor.clone()).shortened();
            factor = factor * step.clone();
            sums.push(sum.clone());
        }
        sums
    }
}

/// The number of rows of a slab's outer axes up to the last valid one.
fn outer_rows(cuts: &[AxisCut]) -> usize {
    let outer = cuts.split_last().map_or(&[][..], |(_, outer)| outer);
    1 + outer.iter().fold(0, |row, cut| (row << cut.log) + cut.length.min(1 << cut.log).saturating_sub(1))
}

fn powers_of_256<P: Scalar>() -> Vec<P> {
    (0..WORD).map(power_of_256).collect()
}

fn power_of_256<P: Scalar>(exponent: usize) -> P {
    let (mut power, mut square) = (P::integer(1), P::integer(256));
    let mut rest = exponent;
    while rest > 0 {
        if rest & 1 == 1 {
            power = power * square.clone();
        }
        square = square.clone() * square;
        rest >>= 1;
    }
    power
}

#[cfg(test)]
mod tests {
    use p3_field::PrimeCharacteristicRing;
    use p3_koala_bear::KoalaBear as F;

    use super::*;
    use crate::layout::{Layout, Reserved};
    use crate::system::{Declared, Home};

    fn system(tensors: &[(&[usize], Interval)]) -> System {
        let mut system = System::default();
        for (index, (shape, range)) in tensors.iter().enumerate() {
            let home = Home::Witness;
            let tensor = Declared { name: "t".into(), shape: shape.to_vec(), range: *range, home };
            let tensor = system.declare(tensor);
            let port = if index == 0 { Port::Input(0) } else { Port::Output(index - 1) };
            system.packed.push((tensor, port));
        }
        system
    }

    /// Three tensors of all widths, whose entries begin in the middle of words, with rows that end there, too.
    fn mixed() -> (System, Vec<Vec<i32>>) {
        let system = system(&[
            (&[2, 3, 17], Interval::new(-128, 127)),
            (&[1, 45], Interval::new(-5, 4000)),
            (&[3, 5, 1], Interval::new(-1 << 30, 1 << 30)),
            (&[1, 600], Interval::new(0, 1)),
        ]);
        let mut state = 7u32;
        let mut draw = |range: &Interval| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (range.lo + i64::from(state >> 1) % (range.hi - range.lo + 1)) as i32
        };
        let data = system
            .tensors
            .iter()
            .map(|t| (0..t.shape.iter().product::<usize>()).map(|_| draw(&t.range)).collect());
        let data = data.collect();
        (system, data)
    }

    fn powers(point: F, count: usize) -> Vec<F> {
        core::iter::successors(Some(F::ONE), |p| Some(*p * point)).take(count).collect()
    }

    #[test]
    fn weights_sum_up_to_the_polynomial_of_the_words() {
        let (system, data) = mixed();
        let packing = Packing::new(&system);
        let bytes = packing.pack(&system, &data).unwrap();
        assert_eq!(bytes.len(), packing.length);
        assert_eq!(packing.output_length(), packing.length - packing.tensors[1].offset);
        let powers = powers(F::from_u32(12345), packing.words());
        let mut polynomial = F::ZERO;
        for (word, power) in bytes.chunks(WORD).zip(&powers) {
            let byte = |i: usize| F::from_u32(u32::from(word.get(i).copied().unwrap_or(0)));
            polynomial += *power * (0..WORD).fold(F::ZERO, |sum, i| sum * F::from_u32(256) + byte(i));
        }
        let mut sum = F::ZERO;
        for packed in &packing.tensors {
            let weights = PackedWeights::new(packed, &powers);
            assert_eq!(weights.sum(), weights.table().into_iter().sum::<F>());
            sum -= weights.sum() * <F as Scalar>::integer(packed.range.lo);
            sum += weights.functional().apply(&data[packed.tensor]);
        }
        assert_eq!(sum, polynomial);
    }

    #[test]
    fn weights_of_slabs_are_the_extensions_of_their_entries_weights() {
        let (system, _) = mixed();
        let packing = Packing::new(&system);
        let powers = powers(F::from_u32(987), packing.words());
        for log_rows in [8, 12] {
            let layout = Layout::new(&system, log_rows, &Reserved::uniform(2, 0)).unwrap();
            for packed in &packing.tensors {
                let placement = layout.placements[packed.tensor].as_ref().unwrap();
                let inner: Vec<F> = (0..placement.log_slab()).map(|i| F::from_usize(77 * i + 3)).collect();
                let weights = PackedWeights::new(packed, &powers);
                let table = weights.table();
                let slabs = weights.slab_weights(&placement.cuts, &inner);
                let eq = eq_table(&inner, 1 << inner.len());
                for (slab, found) in slabs.into_iter().enumerate() {
                    let mut expected = F::ZERO;
                    visit_slab(&placement.cuts, slab, |row, entry, run| {
                        (0..run).for_each(|i| expected += eq[row + i] * table[entry + i]);
                    });
                    assert_eq!(found, expected, "{:?} {log_rows} {slab}", packed.shape);
                }
            }
        }
    }

    #[test]
    fn entries_beyond_their_interval_and_other_lengths_are_refused() {
        let (system, mut data) = mixed();
        let packing = Packing::new(&system);
        data[1][44] = 4001;
        assert!(matches!(packing.pack(&system, &data), Err(RelationError::Public { .. })));
        data[1].pop();
        assert!(matches!(packing.pack(&system, &data), Err(RelationError::Public { .. })));
        data[1].push(4000);
        assert!(packing.pack(&system, &data).is_ok());
    }
}
