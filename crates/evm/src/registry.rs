//! Calls of `ModelRegistry`, and what it computes itself.

use crate::abi::{Value, arguments, call};
use crate::{Address, Word, account, integer, keccak};

/// The proof systems, as the registry numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// Groth16.
    Groth16 = 1,
    /// PLONK.
    Plonk = 2,
}

/// A result with its proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The model.
    pub model_id: Word,
    /// Which commitment to the model's weights the proof is about.
    pub epoch: u32,
    /// A number that the requester has not used.
    pub nonce: Word,
    /// The packed public tensors: inputs, then outputs.
    pub tensors: Vec<u8>,
    /// The points of committed tensors.
    pub committed: Vec<u8>,
    /// The outer proof, then the SNARK's.
    pub proof: Vec<u8>,
}

const SUBMISSION: &str = "(bytes32,uint32,uint256,bytes,bytes,bytes)";

impl Submission {
    fn value(&self) -> Value<'_> {
        Value::Tuple(vec![
            Value::Word(self.model_id),
            Value::Word(integer(self.epoch.into())),
            Value::Word(self.nonce),
            Value::Bytes(&self.tensors),
            Value::Bytes(&self.committed),
            Value::Bytes(&self.proof),
        ])
    }
}

/// The identifier of a key.
pub fn key_id(suite: Suite, key: &[u8]) -> Word {
    keccak(&arguments(&[Value::Word(integer(suite as u128)), Value::Bytes(key)]))
}

/// The identifier of a model: its first owner's card.
pub fn model_id(owner: &Address, card: &Word) -> Word {
    keccak(&[account(owner), *card].concat())
}

/// The context that the statement of a result must have, 32 bytes.
pub fn context(
    chain_id: u64,
    registry: &Address,
    requester: &Address,
    model_id: &Word,
    epoch: u32,
    nonce: &Word,
) -> Word {
    let chain = integer(chain_id.into());
    keccak(&[chain, account(registry), account(requester), *nonce, *model_id, integer(epoch.into())].concat())
}

/// `registerKey`
pub fn register_key(suite: Suite, key: &[u8]) -> Vec<u8> {
    call("registerKey(uint8,bytes)", &[Value::Word(integer(suite as u128)), Value::Bytes(key)])
}

/// `register`
pub fn register(card: &Word, key_id: &Word, weights: &[u8]) -> Vec<u8> {
    call(
        "register(bytes32,bytes32,bytes)",
        &[Value::Word(*card), Value::Word(*key_id), Value::Bytes(weights)],
    )
}

/// `addEpoch`
pub fn add_epoch(model_id: &Word, weights: &[u8]) -> Vec<u8> {
    call("addEpoch(bytes32,bytes)", &[Value::Word(*model_id), Value::Bytes(weights)])
}

/// `rotateKey`
pub fn rotate_key(model_id: &Word, key_id: &Word) -> Vec<u8> {
    call("rotateKey(bytes32,bytes32)", &[Value::Word(*model_id), Value::Word(*key_id)])
}

/// `setPaused`
pub fn set_paused(model_id: &Word, paused: bool) -> Vec<u8> {
    call("setPaused(bytes32,bool)", &[Value::Word(*model_id), Value::Word(integer(paused.into()))])
}

/// `offerOwnership`
pub fn offer_ownership(model_id: &Word, to: &Address) -> Vec<u8> {
    call("offerOwnership(bytes32,address)", &[Value::Word(*model_id), Value::Word(account(to))])
}

/// `acceptOwnership`
pub fn accept_ownership(model_id: &Word) -> Vec<u8> {
    call("acceptOwnership(bytes32)", &[Value::Word(*model_id)])
}

/// `setRelayer`
pub fn set_relayer(relayer: &Address, allowed: bool) -> Vec<u8> {
    call("setRelayer(address,bool)", &[Value::Word(account(relayer)), Value::Word(integer(allowed.into()))])
}

/// `submit`
pub fn submit(result: &Submission) -> Vec<u8> {
    call(&format!("submit({SUBMISSION})"), &[result.value()])
}

/// `submitFor`
pub fn submit_for(requester: &Address, result: &Submission) -> Vec<u8> {
    call(&format!("submitFor(address,{SUBMISSION})"), &[Value::Word(account(requester)), result.value()])
}

/// `submitBatch`
pub fn submit_batch(results: &[Submission]) -> Vec<u8> {
    let values = results.iter().map(Submission::value).collect();
    call(&format!("submitBatch({SUBMISSION}[])"), &[Value::Array(values)])
}

/// `check`
pub fn check(requester: &Address, result: &Submission) -> Vec<u8> {
    call(&format!("check(address,{SUBMISSION})"), &[Value::Word(account(requester)), result.value()])
}
