//! Public tensors as a contract passes them: packed into words of 31 bytes.

use ark_bn254::Fr;
use ark_ff::{One, PrimeField};
use zkml_iop::scalar::Scalar;
use zkml_iop::system::{Home, System};
use zkml_ir::Interval;

use super::wire::{Circuit, Wire};
use crate::error::Bn254Error;

/// The bytes of a packed word.
pub const PACKED_WORD: usize = 31;

/// The most bytes of packed public tensors: contracts take no more.
pub const MAX_PUBLIC_BYTES: usize = 1 << 16;

/// A public tensor of a statement, and how it is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicTensor {
    /// Its index among the system's tensors.
    pub tensor: usize,
    /// The number of entries.
    pub entries: usize,
    /// The interval of the entries.
    pub range: Interval,
}

/// The public tensors of a statement in the order of their packing: inputs, then outputs, in the graph's order.
pub fn public_tensors(system: &System) -> Vec<PublicTensor> {
    let mut tensors: Vec<((bool, usize), PublicTensor)> = system
        .tensors
        .iter()
        .enumerate()
        .filter_map(|(tensor, declared)| {
            let order = match declared.home {
                Home::PublicInput(index) => (false, index),
                Home::PublicOutput(index) => (true, index),
                _ => return None,
            };
            let entries = declared.shape.iter().product();
            Some((order, PublicTensor { tensor, entries, range: declared.range }))
        })
        .collect();
    tensors.sort_by_key(|t| t.0);
    tensors.into_iter().map(|t| t.1).collect()
}

impl PublicTensor {
    /// The bytes of an entry: 1, 2 or 4.
    pub fn width(&self) -> usize {
        match self.range.len() {
            0..=0x100 => 1,
            0x101..=0x1_0000 => 2,
            _ => 4,
        }
    }

    /// The bits that an entry's distance from the lower end can have.
    fn bits(&self) -> u32 {
        64 - self.range.len().saturating_sub(1).leading_zeros()
    }
}

/// The number of packed bytes of tensors, without padding.
pub fn packed_length(tensors: &[PublicTensor]) -> usize {
    tensors.iter().map(|t| t.entries.saturating_mul(t.width())).fold(0, usize::saturating_add)
}

/// The packed bytes of public tensors, without padding; `data` holds the entries at the system's indices.
///
/// # Errors
/// [`Bn254Error::Tensor`] for another number of entries, or one outside of its interval.
pub fn pack(tensors: &[PublicTensor], data: &[Vec<i32>]) -> Result<Vec<u8>, Bn254Error> {
    let mut bytes = Vec::with_capacity(packed_length(tensors));
    for (index, tensor) in tensors.iter().enumerate() {
        let entries = data.get(tensor.tensor).map_or(&[][..], Vec::as_slice);
        if entries.len() != tensor.entries {
            return Err(Bn254Error::Tensor { index, what: "has another number of entries than the model" });
        }
        for &entry in entries {
            if !tensor.range.contains(i64::from(entry)) {
                return Err(Bn254Error::Tensor { index, what: "has an entry outside of its interval" });
            }
            let distance = (i64::from(entry) - tensor.range.lo) as u32;
            bytes.extend_from_slice(&distance.to_be_bytes()[4 - tensor.width()..]);
        }
    }
    Ok(bytes)
}

/// The words of packed bytes.
pub fn packed_words(bytes: &[u8]) -> Vec<Fr> {
    let word = |chunk: &[u8]| {
        let mut padded = [0; PACKED_WORD];
        padded[..chunk.len()].copy_from_slice(chunk);
        Fr::from_be_bytes_mod_order(&padded)
    };
    bytes.chunks(PACKED_WORD).map(word).collect()
}

/// The entries of public tensors as wires, and the packed words that they make up.
///
/// Every entry is made of bits, so that it lies in its interval and its bytes are the only ones for it.
pub(super) fn unpack(
    circuit: &Circuit,
    tensors: &[PublicTensor],
    data: Option<&[Vec<i32>]>,
) -> (Vec<(usize, Vec<Wire>)>, Vec<Wire>) {
    let length = packed_length(tensors);
    let mut words = vec![Wire::integer(0); length.div_ceil(PACKED_WORD)];
    let mut position = 0;
    let mut unpacked = Vec::with_capacity(tensors.len());
    for tensor in tensors {
        let mut wires = Vec::with_capacity(tensor.entries);
        for index in 0..tensor.entries {
            let entry = data.and_then(|d| d.get(tensor.tensor)?.get(index));
            let distance = entry.map(|&e| (i64::from(e) - tensor.range.lo) as u64);
            let bits = decompose(circuit, tensor.bits(), distance);
            let mut value = Wire::integer(tensor.range.lo);
            for (bit, wire) in bits.iter().enumerate() {
                value = value.plus_scaled(power_of_two(bit), wire);
                let byte = position + tensor.width() - 1 - bit / 8;
                let shift = 8 * (PACKED_WORD - 1 - byte % PACKED_WORD) + bit % 8;
                let word = &mut words[byte / PACKED_WORD];
                *word = word.plus_scaled(power_of_two(shift), wire);
            }
            bound(circuit, tensor, &value, distance);
            wires.push(value);
            position += tensor.width();
        }
        unpacked.push((tensor.tensor, wires));
    }
    (unpacked, words)
}

/// An interval whose length is no power of two has its upper end checked too.
fn bound(circuit: &Circuit, tensor: &PublicTensor, value: &Wire, distance: Option<u64>) {
    let last = tensor.range.len().saturating_sub(1);
    if tensor.range.len().is_power_of_two() {
        return;
    }
    let rest = decompose(circuit, tensor.bits(), distance.map(|d| last.wrapping_sub(d)));
    let mut sum = value.plus_scaled(Fr::one(), &Wire::integer(-tensor.range.hi));
    for (bit, wire) in rest.iter().enumerate() {
        sum = sum.plus_scaled(power_of_two(bit), wire);
    }
    circuit.assert_zero(&sum);
}

fn decompose(circuit: &Circuit, bits: u32, value: Option<u64>) -> Vec<Wire> {
    (0..bits).map(|bit| circuit.bit(value.map(|v| v >> bit & 1 == 1))).collect()
}

fn power_of_two(exponent: usize) -> Fr {
    let mut limbs = [0u64; 4];
    limbs[exponent / 64] = 1 << (exponent % 64);
    Fr::from(ark_ff::BigInt::new(limbs))
}
