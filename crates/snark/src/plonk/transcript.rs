//! The challenges: keccak256 over everything sent so far, as a contract computes them.
//!
//! Every state is the hash of the one before and of the messages since; a challenge is the state modulo r. A value
//! then has probability at most 6·2^-256 < 1.14/r, a factor that the soundness error bears.

use ark_bn254::{Fr, G1Affine};
use ark_ff::PrimeField;
use sha3::{Digest, Keccak256};

use super::VerifyingKey;
use crate::codec::Encoder;

pub(super) struct Transcript {
    state: [u8; 32],
}

impl Transcript {
    /// Starts with the key and the public inputs.
    pub(super) fn new(key: &VerifyingKey, public_inputs: &[Fr]) -> (Self, Encoder) {
        let state = keccak(&key.evm_bytes());
        let mut messages = Encoder::default();
        for input in public_inputs {
            messages.scalar(input);
        }
        (Self { state }, messages)
    }

    /// Absorbs messages and yields a challenge.
    pub(super) fn challenge(&mut self, messages: &Encoder) -> Fr {
        self.state = keccak(&[&self.state, messages.0.as_slice()].concat());
        Fr::from_be_bytes_mod_order(&self.state)
    }

    /// A challenge after points.
    pub(super) fn after_points(&mut self, points: &[G1Affine]) -> Fr {
        let mut messages = Encoder::default();
        for point in points {
            messages.g1(point);
        }
        self.challenge(&messages)
    }

    /// A challenge after scalars.
    pub(super) fn after_scalars(&mut self, scalars: &[Fr]) -> Fr {
        let mut messages = Encoder::default();
        for scalar in scalars {
            messages.scalar(scalar);
        }
        self.challenge(&messages)
    }
}

fn keccak(bytes: &[u8]) -> [u8; 32] {
    Keccak256::digest(bytes).into()
}
