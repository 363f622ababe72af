//! The contracts.

/// A compiled contract.
#[derive(Clone, Copy, Debug)]
pub struct Artifact {
    /// Its name in the sources.
    pub name: &'static str,
    /// Its interface, as JSON.
    pub abi: &'static str,
    /// The code that a deployment runs, before the constructor's arguments.
    pub creation: &'static [u8],
    /// The code of the contract; immutable values are zero.
    pub runtime: &'static [u8],
}

macro_rules! artifact {
    ($name:literal) => {
        Artifact {
            name: $name,
            abi: include_str!(concat!("../../../contracts/artifacts/", $name, ".abi")),
            creation: {
                const HEX: &str = include_str!(concat!("../../../contracts/artifacts/", $name, ".bin"));
                static CODE: [u8; HEX.len() / 2] = decode(HEX);
                &CODE
            },
            runtime: {
                const HEX: &str =
                    include_str!(concat!("../../../contracts/artifacts/", $name, ".bin-runtime"));
                static CODE: [u8; HEX.len() / 2] = decode(HEX);
                &CODE
            },
        }
    };
}

/// The registry of models and results.
pub const MODEL_REGISTRY: Artifact = artifact!("ModelRegistry");
/// The verifier of one model's proofs of the suite `groth16`.
pub const GROTH16_MODEL_VERIFIER: Artifact = artifact!("Groth16ModelVerifier");
/// The verifier of one model's proofs of the suite `plonk`.
pub const PLONK_MODEL_VERIFIER: Artifact = artifact!("PlonkModelVerifier");

macro_rules! source {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../contracts/src/", $name)))
    };
}

/// The Solidity sources: file names and texts.
pub const SOURCES: [(&str, &str); 7] = [
    source!("Bn254.sol"),
    source!("Columns.sol"),
    source!("DataContract.sol"),
    source!("Groth16.sol"),
    source!("ModelRegistry.sol"),
    source!("ModelVerifier.sol"),
    source!("Plonk.sol"),
];

/// The most bytes of code that a contract may have (EIP-170).
pub const MAX_CODE_BYTES: usize = 24_576;

/// A line of hexadecimal; anything else does not compile.
const fn decode<const N: usize>(hex: &str) -> [u8; N] {
    let hex = hex.as_bytes();
    assert!(hex.len() == 2 * N + 1 && hex[2 * N] == b'\n', "an artifact is not a line of hexadecimal");
    let mut bytes = [0; N];
    let mut i = 0;
    while i < N {
        bytes[i] = digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]);
        i += 1;
    }
    bytes
}

const fn digit(hex: u8) -> u8 {
    assert!(
        hex.is_ascii_digit() || matches!(hex, b'a'..=b'f'),
        "an artifact has a byte that is no hexadecimal digit"
    );
    if hex.is_ascii_digit() { hex - b'0' } else { hex - b'a' + 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contracts_are_small_enough_to_be_deployed() {
        for artifact in [MODEL_REGISTRY, GROTH16_MODEL_VERIFIER, PLONK_MODEL_VERIFIER] {
            assert!((1000..=MAX_CODE_BYTES).contains(&artifact.runtime.len()), "{}", artifact.name);
            assert!(artifact.creation.len() > artifact.runtime.len());
        }
    }
}
