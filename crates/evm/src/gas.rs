//! An EVM in memory: what calls do, and what they cost by part.

use revm::context::TxEnv;
use revm::context::result::ExecutionResult;
use revm::database::InMemoryDB;
use revm::interpreter::interpreter_types::Jumps;
use revm::interpreter::{CallInputs, CallOutcome, Interpreter};
use revm::primitives::{Log, TxKind};
use revm::state::{AccountInfo, Bytecode};
use revm::{
    Context, ExecuteCommitEvm, ExecuteEvm, InspectEvm, Inspector, MainBuilder, MainContext, MainnetEvm,
};

use crate::artifact::MODEL_REGISTRY;
use crate::error::explain;
use crate::registry::{self, Suite};
use crate::{Address, Word, verifier};

/// Below the most gas that a transaction may have (EIP-7825).
const GAS_LIMIT: u64 = 16_000_000;
/// Bounds the work of an estimate.
const MAX_EPOCH: u32 = 256;
/// What every transaction costs.
const BASE: u64 = 21_000;
/// What a call of a precompile costs beside it.
const WARM_CALL: u64 = 100;

/// What a call costs, in gas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GasReport {
    /// Every transaction's 21,000.
    pub base: u64,
    /// The bytes of the call.
    pub calldata: u64,
    /// The pairing precompile.
    pub pairings: u64,
    /// The precompiles for multiplications and additions of points.
    pub group: u64,
    /// Hashing, arithmetic in the field with its one inversion, memory, control.
    pub field: u64,
    /// Reading keys, commitments and storage, and writing it.
    pub storage: u64,
    /// The event.
    pub event: u64,
    /// All of these.
    pub total: u64,
}

/// Why a call had no effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The contract refused.
    #[error("the contract refused with {name}: {advice}")]
    Refused {
        /// The name of the error.
        name: &'static str,
        /// What it means.
        advice: &'static str,
    },
    /// The contract reverted with data that is no known error.
    #[error("the contract reverted without a reason")]
    Reverted,
    /// The EVM stopped, out of gas for example.
    #[error("the EVM stopped: {0}")]
    Stopped(String),
    /// The EVM refused the transaction.
    #[error("the transaction is invalid: {0}")]
    Transaction(String),
    /// An estimate for a later epoch than estimates reach.
    #[error("epoch {0} is beyond the {MAX_EPOCH} that an estimate reaches")]
    Epoch(u32),
}

/// A call that succeeded.
#[derive(Clone, Debug)]
pub struct Executed {
    /// What it returned.
    pub output: Vec<u8>,
    /// What it cost.
    pub gas: u64,
    /// Its events: topics, then data.
    pub events: Vec<(Vec<Word>, Vec<u8>)>,
}

/// A chain in memory, under the rules of mainnet since Osaka.
pub struct MemoryChain {
    chain_id: u64,
    evm: MainnetEvm<revm::handler::MainnetContext<InMemoryDB>, Meter>,
}

impl MemoryChain {
    /// An empty chain.
    pub fn new(chain_id: u64) -> Self {
        let context = Context::mainnet().with_db(InMemoryDB::default()).modify_cfg_chained(|config| {
            config.chain_id = chain_id;
            config.disable_nonce_check = true;
        });
        Self { chain_id, evm: context.build_mainnet_with_inspector(Meter::default()) }
    }

    fn transaction(&self, from: &Address, kind: TxKind, data: &[u8]) -> Result<TxEnv, CallError> {
        let builder =
            TxEnv::builder().caller((*from).into()).gas_limit(GAS_LIMIT).chain_id(Some(self.chain_id));
        let built = builder.kind(kind).data(data.to_vec().into()).build();
        built.map_err(|e| CallError::Transaction(format!("{e:?}")))
    }

    /// Deploys a contract.
    ///
    /// # Errors
    /// [`CallError`] if the constructor refuses.
    pub fn deploy(&mut self, from: &Address, code: &[u8]) -> Result<(Address, u64), CallError> {
        let transaction = self.transaction(from, TxKind::Create, code)?;
        let result =
            self.evm.transact_commit(transaction).map_err(|e| CallError::Transaction(format!("{e:?}")))?;
        let address = result.created_address();
        let executed = executed(result)?;
        address.map(|a| (a.into_array(), executed.gas)).ok_or(CallError::Reverted)
    }

    /// Puts code where a contract is to be.
    pub fn place(&mut self, at: &Address, code: &[u8]) {
        let code = Bytecode::new_raw(code.to_vec().into());
        let info = AccountInfo::default().with_code(code);
        self.evm.ctx.journaled_state.database.insert_account_info((*at).into(), info);
    }

    /// Calls a contract, and keeps what that changes.
    ///
    /// # Errors
    /// [`CallError`] if the contract refuses.
    pub fn call(&mut self, from: &Address, to: &Address, data: &[u8]) -> Result<Executed, CallError> {
        let transaction = self.transaction(from, TxKind::Call((*to).into()), data)?;
        executed(self.evm.transact_commit(transaction).map_err(|e| CallError::Transaction(format!("{e:?}")))?)
    }

    /// Calls a contract, and forgets what that changes.
    ///
    /// # Errors
    /// [`CallError`] if the contract refuses.
    pub fn simulate(&mut self, from: &Address, to: &Address, data: &[u8]) -> Result<Executed, CallError> {
        let transaction = self.transaction(from, TxKind::Call((*to).into()), data)?;
        executed(self.evm.transact(transaction).map_err(|e| CallError::Transaction(format!("{e:?}")))?.result)
    }

    /// What a call would cost by part.
    ///
    /// # Errors
    /// [`CallError`] if the contract refuses.
    pub fn measure(&mut self, from: &Address, to: &Address, data: &[u8]) -> Result<GasReport, CallError> {
        let transaction = self.transaction(from, TxKind::Call((*to).into()), data)?;
        let result = self.evm.inspect(transaction, Meter::default());
        let result = result.map_err(|e| CallError::Transaction(format!("{e:?}")))?.result;
        let total = executed(result)?.gas;
        let zeros = data.iter().filter(|&&byte| byte == 0).count() as u64;
        let calldata = 16 * data.len() as u64 - 12 * zeros;
        let Meter { pairings, group, storage, event, .. } = self.evm.inspector;
        let known = BASE + calldata + pairings + group + storage + event;
        Ok(GasReport {
            base: BASE,
            calldata,
            pairings,
            group,
            storage,
            event,
            field: total.saturating_sub(known),
            total,
        })
    }
}

fn executed(result: ExecutionResult) -> Result<Executed, CallError> {
    let gas = result.tx_gas_used();
    match result {
        ExecutionResult::Success { output, logs, .. } => {
            let event = |log: Log| (log.topics().iter().map(|t| t.0).collect(), log.data.data.to_vec());
            Ok(Executed {
                output: output.into_data().to_vec(),
                gas,
                events: logs.into_iter().map(event).collect(),
            })
        }
        ExecutionResult::Revert { output, .. } => Err(match explain(&output) {
            Some((name, advice)) => CallError::Refused { name, advice },
            None => CallError::Reverted,
        }),
        ExecutionResult::Halt { reason, .. } => Err(CallError::Stopped(format!("{reason:?}"))),
    }
}

/// Sorts gas by what it was paid for.
#[derive(Clone, Copy, Debug, Default)]
struct Meter {
    opcode: u8,
    before: u64,
    pairings: u64,
    group: u64,
    storage: u64,
    event: u64,
}

impl<CTX> Inspector<CTX> for Meter {
    fn step(&mut self, interpreter: &mut Interpreter, _: &mut CTX) {
        self.opcode = interpreter.bytecode.opcode();
        self.before = interpreter.gas.remaining();
    }

    fn step_end(&mut self, interpreter: &mut Interpreter, _: &mut CTX) {
        let spent = self.before.saturating_sub(interpreter.gas.remaining());
        match self.opcode {
            // EXTCODESIZE, EXTCODECOPY, SLOAD, SSTORE
            0x3b | 0x3c | 0x54 | 0x55 => self.storage += spent,
            0xa0..=0xa4 => self.event += spent,
            _ => {}
        }
    }

    fn call_end(&mut self, _: &mut CTX, inputs: &CallInputs, outcome: &mut CallOutcome) {
        let spent = outcome.result.gas.total_gas_spent() + WARM_CALL;
        let [high @ .., low] = inputs.bytecode_address.into_array();
        match low {
            6 | 7 if high == [0; 19] => self.group += spent,
            8 if high == [0; 19] => self.pairings += spent,
            _ => {}
        }
    }
}

/// A statement with its proof, as a contract takes it.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'a> {
    /// The proof system.
    pub suite: Suite,
    /// The key: see [`crate::key`].
    pub key: &'a [u8],
    /// The points of the weights' columns.
    pub weights: &'a [u8],
    /// The packed public tensors.
    pub tensors: &'a [u8],
    /// The points of committed tensors.
    pub committed: &'a [u8],
    /// The outer proof, then the SNARK's.
    pub proof: &'a [u8],
}

/// Where a result is to be submitted: what its context is made from.
#[derive(Clone, Copy, Debug)]
pub struct Destination {
    /// The chain.
    pub chain_id: u64,
    /// The registry.
    pub registry: Address,
    /// For whom it was proven.
    pub requester: Address,
    /// The requester's nonce.
    pub nonce: Word,
    /// Who registered the model.
    pub owner: Address,
    /// The digest of its card.
    pub card: Word,
    /// The epoch.
    pub epoch: u32,
}

/// What it costs to have the verifier of one model check a statement with a free context.
///
/// # Errors
/// [`CallError`] if it refuses key, weights or proof.
pub fn estimate_verification(statement: &Statement<'_>, context: &[u8]) -> Result<GasReport, CallError> {
    let Statement { suite, key, weights, tensors, committed, proof } = *statement;
    let (from, mut chain) = ([0x11; 20], MemoryChain::new(1));
    let (at, _) = chain.deploy(&from, &verifier::deployment(suite, key, weights))?;
    chain.measure(&from, &at, &verifier::verify(context, tensors, committed, proof))
}

/// What it costs to submit a result to the registry, the nonce being the first that is used of its 256: others cost 17,100 less.
///
/// # Errors
/// [`CallError`] if the registry refuses key, weights or result.
pub fn estimate_submission(statement: &Statement<'_>, to: &Destination) -> Result<GasReport, CallError> {
    if to.epoch > MAX_EPOCH {
        return Err(CallError::Epoch(to.epoch));
    }
    let mut chain = MemoryChain::new(to.chain_id);
    chain.place(&to.registry, MODEL_REGISTRY.runtime);
    let Statement { suite, key, weights, tensors, committed, proof } = *statement;
    chain.call(&to.owner, &to.registry, &registry::register_key(suite, key))?;
    let key_id = registry::key_id(suite, key);
    chain.call(&to.owner, &to.registry, &registry::register(&to.card, &key_id, weights))?;
    let model_id = registry::model_id(&to.owner, &to.card);
    for _ in 0..to.epoch {
        chain.call(&to.owner, &to.registry, &registry::add_epoch(&model_id, weights))?;
    }
    let result = registry::Submission {
        model_id,
        epoch: to.epoch,
        nonce: to.nonce,
        tensors: tensors.to_vec(),
        committed: committed.to_vec(),
        proof: proof.to_vec(),
    };
    chain.measure(&to.requester, &to.registry, &registry::submit(&result))
}
