//! Keys as contracts take them: a header with the sizes of statements and the columns' `[τ]₂`, then the SNARK's key.

use crate::{Word, integer};

/// What a key says about statements and proofs of its architecture: `docs/bn254.md`, section 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// log₂ of the height of the columns: 2 to 28.
    pub log_rows: u8,
    /// The columns of the weights.
    pub weights: u8,
    /// The columns of committed tensors.
    pub committed: u8,
    /// The columns of the witness, without the mask.
    pub witness: u8,
    /// The columns of the lookup helpers.
    pub helpers: u8,
    /// The bytes of the packed public tensors: at most 2^16.
    pub tensor_bytes: u32,
    /// How many of them, at the end, are the outputs.
    pub output_bytes: u32,
}

/// Why a key is none that a contract takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Another length than that of a key for three public inputs.
    #[error("the SNARK's key has {found} bytes, expected {expected}: it must be for three public inputs")]
    Length {
        /// The length found.
        found: usize,
        /// The length expected.
        expected: usize,
    },
    /// A Groth16 key with `γ ≠ 1`.
    #[error(
        "the Groth16 key has another gamma than one: contracts take keys of a ceremony, and of the testing setup"
    )]
    Gamma,
    /// Columns and SNARK have different reference strings.
    #[error("columns and PLONK must share one reference string")]
    OtherSrs,
    /// Sizes that contracts refuse.
    #[error("{what} is {found}, beyond the contracts' bound")]
    Bound {
        /// What is out of bounds.
        what: &'static str,
        /// The value found.
        found: u64,
    },
}

const WORD: usize = 32;
const G1: usize = 2 * WORD;
const G2: usize = 4 * WORD;
const MAX_COLUMNS: u64 = 64;

/// The generator of G2, in the order of EIP-197.
const G2_GENERATOR: [u8; G2] = generator(
    b"198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c21800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed\
      090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa",
);

const fn generator(hex: &[u8; 2 * G2]) -> [u8; G2] {
    let mut bytes = [0; G2];
    let mut i = 0;
    while i < 2 * G2 {
        let digit = if hex[i] <= b'9' { hex[i] - b'0' } else { hex[i] - b'a' + 10 };
        bytes[i / 2] = bytes[i / 2] << 4 | digit;
        i += 1;
    }
    bytes
}

impl Sizes {
    /// The number of columns, with the mask.
    pub fn columns(&self) -> u64 {
        [self.weights, self.committed, self.witness, self.helpers].into_iter().map(u64::from).sum::<u64>() + 1
    }

    /// The bytes of the outer proof, before the SNARK's.
    pub fn outer_bytes(&self) -> usize {
        let own = usize::from(self.witness) + 1 + usize::from(self.helpers);
        G1 * own + WORD * (usize::from(self.log_rows) + 22)
    }

    fn word(&self) -> Result<Word, KeyError> {
        let bound =
            |what, found: u64, holds: bool| if holds { Ok(()) } else { Err(KeyError::Bound { what, found }) };
        bound("the height's logarithm", self.log_rows.into(), (2..=28).contains(&self.log_rows))?;
        bound("the number of columns", self.columns(), self.columns() <= MAX_COLUMNS)?;
        bound("the number of public bytes", self.tensor_bytes.into(), self.tensor_bytes <= 1 << 16)?;
        bound(
            "the number of output bytes",
            self.output_bytes.into(),
            self.output_bytes <= self.tensor_bytes,
        )?;
        let bytes = [self.log_rows, self.weights, self.committed, self.witness, self.helpers];
        let low = bytes.iter().rev().fold(0u128, |sum, &byte| sum << 8 | u128::from(byte));
        Ok(integer(low | u128::from(self.tensor_bytes) << 40 | u128::from(self.output_bytes) << 72))
    }

    fn header(&self, tau_g2: &[u8; G2]) -> Result<Vec<u8>, KeyError> {
        Ok([&self.word()?[..], tau_g2].concat())
    }
}

fn expect_length(found: usize, expected: usize) -> Result<(), KeyError> {
    if found == expected { Ok(()) } else { Err(KeyError::Length { found, expected }) }
}

/// The key of a Groth16 verifier. `tau_g2` is the columns' `[τ]₂` in the order of EIP-197, `snark` what `groth16::VerifyingKey::evm_bytes` of
/// crate `snark` returns.
///
/// # Errors
/// [`KeyError`] if the SNARK's key is not for three public inputs or has `γ ≠ 1`, and for sizes out of bounds.
pub fn groth16(sizes: &Sizes, tau_g2: &[u8; G2], snark: &[u8]) -> Result<Vec<u8>, KeyError> {
    expect_length(snark.len(), G1 + 3 * G2 + 4 * G1)?;
    let (alpha_beta, rest) = snark.split_at(G1 + G2);
    let (gamma, rest) = rest.split_at(G2);
    if gamma != G2_GENERATOR {
        return Err(KeyError::Gamma);
    }
    Ok([&sizes.header(tau_g2)?, alpha_beta, rest].concat())
}

/// The key of a PLONK verifier. `tau_g2` is the columns' `[τ]₂` in the order of EIP-197, `snark` what `plonk::VerifyingKey::evm_bytes` of
/// crate `snark` returns.
///
/// # Errors
/// [`KeyError`] if the SNARK's key has another length or reference string, and for sizes out of bounds.
pub fn plonk(sizes: &Sizes, tau_g2: &[u8; G2], snark: &[u8]) -> Result<Vec<u8>, KeyError> {
    expect_length(snark.len(), 5 * WORD + 9 * G1 + G2)?;
    let (circuit, tau) = snark.split_at(snark.len() - G2);
    if tau != tau_g2 {
        return Err(KeyError::OtherSrs);
    }
    Ok([&sizes.header(tau_g2)?, circuit].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_beyond_the_contracts_bounds_are_refused() {
        let sizes = Sizes { log_rows: 10, witness: 3, tensor_bytes: 9, output_bytes: 9, ..Sizes::default() };
        assert!(sizes.word().is_ok());
        for wrong in [
            Sizes { log_rows: 1, ..sizes },
            Sizes { log_rows: 29, ..sizes },
            Sizes { helpers: 61, ..sizes },
            Sizes { tensor_bytes: 65_537, ..sizes },
            Sizes { output_bytes: 10, ..sizes },
        ] {
            assert!(matches!(wrong.word(), Err(KeyError::Bound { .. })), "{wrong:?}");
        }
    }

    #[test]
    fn keys_of_other_lengths_are_refused() {
        let sizes = Sizes { log_rows: 10, ..Sizes::default() };
        let error = KeyError::Length { found: 7, expected: 704 };
        assert_eq!(groth16(&sizes, &[0; G2], &[0; 7]), Err(error));
        assert_eq!(groth16(&sizes, &[0; G2], &[0; 704]), Err(KeyError::Gamma));
        assert_eq!(plonk(&sizes, &[1; G2], &[0; 864]), Err(KeyError::OtherSrs));
    }
}
