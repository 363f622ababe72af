//! Why a contract refused.

use crate::abi::selector;

/// The errors without arguments that the contracts revert with, and what to do about them.
const ERRORS: [(&str, &str); 20] = [
    ("WrongLength()", "tensors, committed tensors or proof have another length than key and statement imply"),
    ("NotCanonical()", "a scalar is not below the order of the field"),
    ("InvalidPoint()", "a point is off the curve, at infinity, or beyond its modulus"),
    ("DegenerateChallenge()", "two challenges coincide: prove again"),
    (
        "InvalidProof()",
        "the proof does not hold: another statement, model, requester, nonce, registry or chain",
    ),
    ("InvalidKey()", "the key is malformed"),
    ("NotStored()", "the bytes could not be stored as a contract's code: too many, or too little gas"),
    ("UnknownModel()", "no model has this identifier: register it"),
    ("UnknownKey()", "no key has this identifier: register it"),
    ("UnknownEpoch()", "the model has no such epoch"),
    ("AlreadyRegistered()", "this account registered this card before"),
    ("ModelPaused()", "the model's owner paused it"),
    ("NotOwner()", "the sender does not own the model"),
    ("NotPendingOwner()", "the model was not offered to the sender"),
    ("NotRelayer()", "the requester did not allow the sender to submit in its name: setRelayer"),
    ("NonceUsed()", "the requester has used this nonce: prove for another one"),
    ("OtherArchitecture()", "the key is for other sizes or another reference string than the model's"),
    ("NonCanonicalCalldata()", "the calldata is not the one encoding of its arguments"),
    ("Panic(uint256)", "the contract panicked"),
    ("Error(string)", "the contract failed with a text"),
];

/// The name of the error in a revert's data, and what to do about it.
pub fn explain(revert: &[u8]) -> Option<(&'static str, &'static str)> {
    let (found, _) = revert.split_first_chunk::<4>()?;
    ERRORS.into_iter().find(|(signature, _)| selector(signature) == *found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{GROTH16_MODEL_VERIFIER, MODEL_REGISTRY, PLONK_MODEL_VERIFIER};

    #[test]
    fn every_error_in_an_interface_is_explained() {
        for artifact in [MODEL_REGISTRY, GROTH16_MODEL_VERIFIER, PLONK_MODEL_VERIFIER] {
            let abi: serde_json::Value = serde_json::from_str(artifact.abi).unwrap_or_default();
            let entries = abi.as_array().cloned().unwrap_or_default();
            let names = entries.iter().filter(|e| e["type"] == "error").filter_map(|e| e["name"].as_str());
            for name in names {
                let signature = format!("{name}()");
                assert!(explain(&selector(&signature)).is_some_and(|(s, _)| s == signature), "{name}");
            }
        }
        assert_eq!(explain(&[1, 2, 3]), None);
        assert_eq!(explain(&[1, 2, 3, 4]), None);
    }
}
