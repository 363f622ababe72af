//! The Fiat-Shamir transcript: a Poseidon2 sponge of rate 2, the same over values and in a circuit.
//!
//! What is absorbed is data; that it is absorbed, under which label and how much of it, enters the capacity as a constant before
//! every permutation. Constants cost nothing in a circuit, so that domain separation is free there.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, PrimeField};

use zkml_iop::packing::PackedValue;
use zkml_iop::transcript::Transcript;

use crate::columns::{PackedStatement, helpers_digest};
use crate::field::{F, from_ark, to_ark};
use crate::poseidon2::{Arithmetic, WIDTH, permute};

const RATE: usize = WIDTH - 1;
const PATTERN_CONTEXT: &str = "starminer zkml 2026 bn254 transcript pattern v3";

/// A duplex sponge.
#[derive(Clone, Debug)]
pub struct Sponge<A> {
    state: [A; WIDTH],
    /// Elements that the next permutation adds to the rate.
    pending: Vec<A>,
    /// How much of the rate was squeezed since the last permutation.
    squeezed: usize,
    /// Everything that happened so far, without the data.
    pattern: blake3::Hasher,
}

impl<A: Arithmetic> Sponge<A> {
    /// A sponge for one purpose; `digest` says everything that is fixed before the first message.
    pub fn new(digest: &[u8; 32]) -> Self {
        let mut pattern = blake3::Hasher::new_derive_key(PATTERN_CONTEXT);
        pattern.update(digest);
        let zero = A::constant(Fr::ZERO);
        let state = [zero.clone(), zero, A::constant(field_digest(&pattern))];
        Self { state, pending: Vec::with_capacity(RATE), squeezed: RATE, pattern }
    }

    /// Absorbs elements.
    pub fn absorb(&mut self, label: &'static str, elements: &[A]) {
        self.event(b'a', label, elements.len());
        self.push(elements);
    }

    /// Draws a challenge.
    pub fn challenge(&mut self, label: &'static str) -> A {
        self.event(b'c', label, 1);
        if !self.pending.is_empty() || self.squeezed == RATE {
            self.permute();
        }
        let challenge = self.state[self.squeezed].clone();
        self.squeezed += 1;
        challenge
    }

    fn push(&mut self, elements: &[A]) {
        for element in elements {
            if self.pending.len() == RATE {
                self.permute();
            }
            self.pending.push(element.clone());
        }
    }

    fn event(&mut self, kind: u8, label: &'static str, count: usize) {
        self.pattern.update(&[kind]);
        self.pattern.update(&(label.len() as u64).to_le_bytes());
        self.pattern.update(label.as_bytes());
        self.pattern.update(&(count as u64).to_le_bytes());
    }

    fn permute(&mut self) {
        for (value, element) in self.state.iter_mut().zip(self.pending.drain(..)) {
            *value = value.plus(&element);
        }
        self.state[RATE] = self.state[RATE].plus(&A::constant(field_digest(&self.pattern)));
        permute(&mut self.state);
        self.squeezed = 0;
    }
}

/// The first 31 bytes of a hash.
fn field_digest(pattern: &blake3::Hasher) -> Fr {
    Fr::from_be_bytes_mod_order(&pattern.finalize().as_bytes()[..31])
}

/// The transcript over values.
#[derive(Clone, Debug)]
pub struct Poseidon2Transcript {
    sponge: Sponge<Fr>,
    statement: PackedStatement,
    /// Bytes whose hash the next scalar or challenge absorbs first.
    bytes: Vec<u8>,
    /// `ρ` and `v`, once they are known.
    packed: (Fr, Fr),
    /// The hash of the bytes after them.
    helpers: Fr,
}

impl Poseidon2Transcript {
    /// The transcript of a circuit: its digest, then a secret uniform scalar.
    ///
    /// The row point and the combination challenge leave the SNARK, and all messages before them are functions of the witness:
    /// without the blinding, whoever guesses a witness could compute them and compare.
    pub fn new(circuit: &[u8; 32], statement: PackedStatement, blinding: Fr) -> Self {
        let mut sponge = Sponge::new(circuit);
        sponge.blind(&blinding);
        Self {
            sponge,
            statement,
            bytes: Vec::new(),
            packed: Default::default(),
            helpers: helpers_digest(&[]),
        }
    }

    /// `ρ`, `v` and `η`, which a contract lists: known once the proof is complete.
    pub fn listed(&self) -> [Fr; 3] {
        [self.packed.0, self.packed.1, self.helpers]
    }

    fn flush(&mut self) {
        if !self.bytes.is_empty() {
            self.helpers = helpers_digest(&core::mem::take(&mut self.bytes));
            self.sponge.absorb_hash(&self.helpers);
        }
    }
}

impl Transcript<F, F> for Poseidon2Transcript {
    /// Takes bytes down. Their hash is absorbed before the next scalar or challenge, alone or as part of `ρ`.
    fn absorb_bytes(&mut self, label: &'static str, bytes: &[u8]) {
        self.sponge.announce(label, bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    fn packed(&mut self) -> Option<PackedValue<F>> {
        let (point, value) = self.statement.evaluate(&core::mem::take(&mut self.bytes));
        self.sponge.absorb_packed(&point, &value);
        self.packed = (point, value);
        Some(PackedValue { point: from_ark(point), value: from_ark(value) })
    }

    fn absorb_scalars(&mut self, label: &'static str, scalars: &[F]) {
        self.flush();
        let elements: Vec<Fr> = scalars.iter().map(|&s| to_ark(s)).collect();
        self.sponge.absorb(label, &elements);
    }

    fn challenge(&mut self, label: &'static str) -> F {
        self.flush();
        from_ark(self.sponge.challenge(label))
    }
}

impl<A: Arithmetic> Sponge<A> {
    /// Absorbs the blinding.
    pub(crate) fn blind(&mut self, blinding: &A) {
        self.absorb("blinding", core::slice::from_ref(blinding));
    }

    /// Says that bytes are to come, whose hash follows.
    pub(crate) fn announce(&mut self, label: &'static str, bytes: usize) {
        self.event(b'b', label, bytes);
    }

    /// Absorbs the hash of bytes.
    pub(crate) fn absorb_hash(&mut self, hash: &A) {
        self.absorb("hash", core::slice::from_ref(hash));
    }

    /// Absorbs `ρ` and `v`.
    pub(crate) fn absorb_packed(&mut self, point: &A, value: &A) {
        self.absorb("packed tensors", &[point.clone(), value.clone()]);
    }
}

#[cfg(test)]
mod tests {
    use p3_field::PrimeCharacteristicRing;

    use super::*;

    fn statement(context: u8, bytes: &[u8]) -> PackedStatement {
        PackedStatement { context: Fr::from(context), bytes: bytes.to_vec() }
    }

    /// Points of helpers: after the packed tensors.
    fn late(t: &mut Poseidon2Transcript, points: [u8; 64]) {
        t.absorb_bytes("a", &[7; 64]);
        t.packed();
        t.absorb_bytes("a", &points);
    }

    fn transcript() -> Poseidon2Transcript {
        Poseidon2Transcript::new(&[7; 32], statement(1, &[]), Fr::from(2u8))
    }

    fn after(messages: impl Fn(&mut Poseidon2Transcript)) -> F {
        let mut t = transcript();
        messages(&mut t);
        t.challenge("end")
    }

    #[test]
    fn labels_lengths_and_order_change_every_later_challenge() {
        let (one, two) = (F::ONE, F::TWO);
        let ends = [
            after(|_| ()),
            after(|t| t.absorb_scalars("a", &[])),
            after(|t| t.absorb_scalars("a", &[F::ZERO])),
            after(|t| t.absorb_scalars("a", &[one, two])),
            after(|t| t.absorb_scalars("a", &[two, one])),
            after(|t| t.absorb_scalars("b", &[one, two])),
            after(|t| {
                t.absorb_scalars("a", &[one]);
                t.absorb_scalars("a", &[two]);
            }),
            after(|t| {
                t.absorb_scalars("a", &[one]);
                let _ = t.challenge("between");
                t.absorb_scalars("a", &[two]);
            }),
            after(|t| t.absorb_bytes("a", &[0])),
            after(|t| t.absorb_bytes("a", &[0, 0])),
            after(|t| t.absorb_bytes("a", &[255; 32])),
            // Of the same length, before and after the packed tensors: only the content differs.
            after(|t| t.absorb_bytes("a", &[254; 32])),
            after(|t| late(t, [1; 64])),
            after(|t| late(t, [2; 64])),
            after(|t| {
                t.absorb_bytes("a", &[0]);
                t.absorb_bytes("a", &[0]);
            }),
            after(|t| {
                t.absorb_bytes("a", &[0, 0]);
                t.packed();
            }),
        ];
        for (i, a) in ends.iter().enumerate() {
            assert!(ends[..i].iter().all(|b| a != b), "case {i}");
        }
    }

    #[test]
    fn the_list_names_the_points_before_and_after_the_packed_tensors() {
        let listed = |points| {
            let mut t = transcript();
            late(&mut t, points);
            let _ = t.challenge("end");
            t.listed()
        };
        let [one, two] = [listed([1; 64]), listed([2; 64])];
        assert_eq!(one[..2], two[..2]);
        assert_eq!([one[2], two[2]], [helpers_digest(&[1; 64]), helpers_digest(&[2; 64])]);
        assert_ne!(one[2], two[2]);
    }

    #[test]
    fn another_circuit_statement_or_blinding_changes_every_challenge() {
        let first = |circuit, context: u8, bytes: &[u8], blinding: u8, points: &[u8]| {
            let statement = statement(context, bytes);
            let mut t = Poseidon2Transcript::new(&[circuit; 32], statement, Fr::from(blinding));
            t.absorb_bytes("points", points);
            let packed = t.packed().unwrap();
            (packed.point, t.challenge("c"))
        };
        let honest = first(7, 1, &[5, 6], 3, &[9; 64]);
        assert_eq!(honest, first(7, 1, &[5, 6], 3, &[9; 64]));
        assert_ne!(honest.1, first(8, 1, &[5, 6], 3, &[9; 64]).1);
        assert_ne!(honest.1, first(7, 2, &[5, 6], 3, &[9; 64]).1);
        assert_ne!(honest.1, first(7, 1, &[5, 6], 4, &[9; 64]).1);
        // The point depends on the statement and the commitments, and on nothing that only the prover knows.
        assert_eq!(honest.0, first(8, 1, &[5, 6], 4, &[9; 64]).0);
        assert_ne!(honest.0, first(7, 2, &[5, 6], 3, &[9; 64]).0);
        for other in [first(7, 1, &[5, 7], 3, &[9; 64]), first(7, 1, &[5, 6], 3, &[8; 64])] {
            assert!(honest.0 != other.0 && honest.1 != other.1);
        }
    }
}
