#![doc = include_str!("../README.md")]

use sha3::{Digest, Keccak256};

/// A compiled contract.
#[derive(Clone, Copy, Debug)]
pub struct Artifact {
    /// Its name in the sources.
    pub name: &'static str,
    /// Its interface, as JSON.
    pub abi: &'static str,
    /// Its creation code in hex.
    creation: &'static str,
}

/// Verifies Groth16 proofs; constructed with `zkml_snark::groth16::VerifyingKey::evm_bytes`.
pub const GROTH16_VERIFIER: Artifact = Artifact {
    name: "Groth16Verifier",
    abi: include_str!("../../../contracts/artifacts/Groth16Verifier.abi.json"),
    creation: include_str!("../../../contracts/artifacts/Groth16Verifier.bin"),
};

/// Verifies PLONK proofs; constructed with `zkml_snark::plonk::VerifyingKey::evm_bytes`.
pub const PLONK_VERIFIER: Artifact = Artifact {
    name: "PlonkVerifier",
    abi: include_str!("../../../contracts/artifacts/PlonkVerifier.abi.json"),
    creation: include_str!("../../../contracts/artifacts/PlonkVerifier.bin"),
};

/// The artifact is not hexadecimal: it was damaged when this program was built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the creation code of {0} is damaged: rebuild the contracts")]
pub struct DamagedArtifact(&'static str);

impl Artifact {
    /// The creation code.
    ///
    /// # Errors
    /// If the artifact is damaged.
    pub fn creation_code(&self) -> Result<Vec<u8>, DamagedArtifact> {
        let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
        let (pairs, rest) = self.creation.trim_end().as_bytes().as_chunks::<2>();
        let bytes = pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect();
        if rest.is_empty() { bytes } else { None }.ok_or(DamagedArtifact(self.name))
    }

    /// The creation code of a verifier with its key as constructor argument.
    ///
    /// # Errors
    /// If the artifact is damaged.
    pub fn deployment(&self, key: &[u8]) -> Result<Vec<u8>, DamagedArtifact> {
        let mut code = self.creation_code()?;
        code.extend_from_slice(&word(32));
        append_bytes(&mut code, key);
        Ok(code)
    }
}

/// The calldata of `verify(uint256[] inputs, bytes proof)`.
pub fn verify_calldata(inputs: &[[u8; 32]], proof: &[u8]) -> Vec<u8> {
    let mut data = selector("verify(uint256[],bytes)").to_vec();
    data.extend_from_slice(&word(64));
    data.extend_from_slice(&word(64 + 32 + 32 * inputs.len()));
    data.extend_from_slice(&word(inputs.len()));
    data.extend(inputs.iter().flatten());
    append_bytes(&mut data, proof);
    data
}

/// The first four bytes of a function's hash.
fn selector(signature: &str) -> [u8; 4] {
    let hash = Keccak256::digest(signature);
    std::array::from_fn(|index| hash.get(index).copied().unwrap_or_default())
}

/// A length or offset as a word.
fn word(value: usize) -> [u8; 32] {
    let mut word = [0; 32];
    for (place, byte) in word.iter_mut().rev().zip((value as u64).to_le_bytes()) {
        *place = byte;
    }
    word
}

/// Length, bytes, and zeros up to a whole word.
fn append_bytes(data: &mut Vec<u8>, bytes: &[u8]) {
    data.extend_from_slice(&word(bytes.len()));
    data.extend_from_slice(bytes);
    data.resize(data.len() + bytes.len().next_multiple_of(32) - bytes.len(), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_the_standard_ones() {
        assert_eq!(selector("transfer(address,uint256)"), [0xa9, 0x05, 0x9c, 0xbb]);
    }

    #[test]
    fn arguments_are_padded_to_words() {
        let data = verify_calldata(&[[7; 32]], &[9; 33]);
        assert_eq!(data.len(), 4 + 32 * 7);
        assert_eq!(data[4 + 31], 64);
        assert_eq!(data[4 + 63], 128);
    }

    #[test]
    fn no_contract_exceeds_the_limit_of_eip_3860() {
        for artifact in [GROTH16_VERIFIER, PLONK_VERIFIER] {
            let code = artifact.creation_code().unwrap();
            assert!(!code.is_empty() && code.len() < 49152, "{}", artifact.name);
        }
    }
}
