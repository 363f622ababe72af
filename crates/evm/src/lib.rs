#![doc = include_str!("../README.md")]

mod abi;
pub mod artifact;
pub mod error;
#[cfg(feature = "gas")]
pub mod gas;
pub mod key;
pub mod registry;
pub mod verifier;

use sha3::{Digest, Keccak256};

/// 32 bytes, as the EVM computes with them.
pub type Word = [u8; 32];
/// An account.
pub type Address = [u8; 20];

/// Ethereum's keccak256.
pub fn keccak(bytes: &[u8]) -> Word {
    Keccak256::digest(bytes).into()
}

/// The word of an integer.
pub fn integer(value: u128) -> Word {
    let mut word = [0; 32];
    word[16..].copy_from_slice(&value.to_be_bytes());
    word
}

/// The word of an account.
pub fn account(address: &Address) -> Word {
    let mut word = [0; 32];
    word[12..].copy_from_slice(address);
    word
}
