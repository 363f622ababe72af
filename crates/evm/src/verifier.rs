//! Calls of `Groth16ModelVerifier` and `PlonkModelVerifier`.

use crate::abi::{Value, arguments, call};
use crate::artifact::{Artifact, GROTH16_MODEL_VERIFIER, PLONK_MODEL_VERIFIER};
use crate::registry::Suite;

/// The verifier of a suite.
pub fn artifact(suite: Suite) -> Artifact {
    match suite {
        Suite::Groth16 => GROTH16_MODEL_VERIFIER,
        Suite::Plonk => PLONK_MODEL_VERIFIER,
    }
}

/// The code that deploys the verifier of one model: see [`crate::key`], and the points of the weights' columns.
pub fn deployment(suite: Suite, key: &[u8], weights: &[u8]) -> Vec<u8> {
    [artifact(suite).creation, &arguments(&[Value::Bytes(key), Value::Bytes(weights)])].concat()
}

/// `verify`: the context's bytes, at most 64, the packed public tensors, the points of committed tensors, and the proof.
pub fn verify(context: &[u8], tensors: &[u8], committed: &[u8], proof: &[u8]) -> Vec<u8> {
    let values = [context, tensors, committed, proof].map(Value::Bytes);
    call("verify(bytes,bytes,bytes,bytes)", &values)
}
