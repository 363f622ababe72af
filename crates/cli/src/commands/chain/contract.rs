//! `zkml contract`, `zkml context` and `zkml estimate-gas`.

use std::path::{Path, PathBuf};

use zkml::chain::{Proof, Registered, Suite};
use zkml::files::{Access, read, write};
use zkml::verifier::statement::hex;
use zkml_evm::gas::{Destination, GasReport, Statement, estimate_submission, estimate_verification};
use zkml_evm::key::Sizes;
use zkml_evm::{Address, Word, artifact, integer, key, registry, verifier};

use super::{is_testing, warn};
use crate::arguments::{Context, Contract, EstimateGas, Place, hex as parse_hex};
use crate::failure::Failure;
use crate::report::{Report, bytes};
use crate::table::Table;

/// A model as contracts take it.
struct Deployed {
    model: Registered,
    suite: registry::Suite,
    key: Vec<u8>,
    weights: Vec<u8>,
}

impl Deployed {
    fn read(path: &Path) -> Result<Self, Failure> {
        let model = Registered::new(super::card(path)?).map_err(zkml::Error::from)?;
        let card = model.card();
        let tau_g2 = card.tau_g2.bytes();
        let (sizes, snark) = (sizes(&model)?, card.key.evm_bytes());
        let (suite, key) = match card.suite() {
            Suite::Groth16 => (registry::Suite::Groth16, key::groth16(&sizes, &tau_g2, &snark)),
            Suite::Plonk => (registry::Suite::Plonk, key::plonk(&sizes, &tau_g2, &snark)),
        };
        let key = key
            .map_err(|e| Failure::usage(format!("{}: no contract takes this model: {e}", path.display())))?;
        let weights = card.weights.as_ref().map(|points| points.bytes()).unwrap_or_default();
        if is_testing(card) {
            warn("the card's setup is for testing: whoever ran it can make contracts accept anything");
        }
        Ok(Self { model, suite, key, weights })
    }

    fn digest(&self) -> Result<Word, Failure> {
        Ok(self.model.card().digest().map_err(zkml::Error::from)?)
    }

    /// A proof about the model, checked.
    fn proof(&self, path: &Path) -> Result<Submitted, Failure> {
        let proof = Proof::from_bytes(&read(path)?)
            .map_err(|e| Failure::invalid(format!("INVALID: {}: {e}", path.display())))?;
        let policy = zkml::chain::Policy { allow_testing: true, ..Default::default() };
        zkml::chain::verify(&self.model, &proof, &policy)
            .map_err(|e| Failure::invalid(format!("INVALID: {}: {e}", path.display())))?;
        let tensors = proof.statement.packed(self.model.relation()).map_err(zkml::Error::from)?;
        let committed = proof.statement.commitments.iter().flat_map(|points| points.bytes()).collect();
        Ok(Submitted {
            context: proof.statement.context.clone(),
            tensors,
            committed,
            proof: proof.evm_bytes(),
        })
    }
}

/// A proof as contracts take it.
struct Submitted {
    context: Vec<u8>,
    tensors: Vec<u8>,
    committed: Vec<u8>,
    proof: Vec<u8>,
}

fn sizes(model: &Registered) -> Result<Sizes, Failure> {
    let columns = model.columns();
    let [tensor_bytes, output_bytes] = model.packed_lengths();
    let byte = |count: usize| {
        u8::try_from(count).map_err(|_| Failure::usage("the model has too many columns for a contract"))
    };
    let length = |count: usize| {
        u32::try_from(count).map_err(|_| Failure::usage("the public tensors are too large for a contract"))
    };
    Ok(Sizes {
        log_rows: model.card().log_rows,
        weights: byte(columns.weights)?,
        committed: byte(columns.committed)?,
        witness: byte(columns.witness)?,
        helpers: byte(columns.helpers)?,
        tensor_bytes: length(tensor_bytes)?,
        output_bytes: length(output_bytes)?,
    })
}

fn address(text: &str, option: &str) -> Result<Address, Failure> {
    let bytes = parse_hex(text).and_then(|bytes| bytes.try_into().ok());
    bytes
        .ok_or_else(|| Failure::usage(format!("--{option} takes an address: 20 bytes in hexadecimal digits")))
}

/// Where results go: the registry's deployment, and who asks.
fn destination(place: &Place, deployed: &Deployed) -> Result<Destination, Failure> {
    let Place { chain_id, registry, requester, owner, nonce, epoch } = place;
    let needed = |value: &Option<String>, option: &str| match value {
        Some(text) => address(text, option),
        None => Err(Failure::usage(format!(
            "--{option} is missing: a result belongs to one registry, requester and owner"
        ))),
    };
    Ok(Destination {
        chain_id: chain_id.ok_or_else(|| Failure::usage("--chain-id is missing"))?,
        registry: needed(registry, "registry")?,
        requester: needed(requester, "requester")?,
        nonce: integer(*nonce),
        owner: needed(owner, "owner")?,
        card: deployed.digest()?,
        epoch: *epoch,
    })
}

fn context_of(to: &Destination) -> Word {
    let model = registry::model_id(&to.owner, &to.card);
    registry::context(to.chain_id, &to.registry, &to.requester, &model, to.epoch, &to.nonce)
}

pub(crate) fn context(c: &Context) -> Result<Report, Failure> {
    let deployed = Deployed::read(&c.card)?;
    let to = destination(&c.place, &deployed)?;
    let context = hex(&context_of(&to));
    let model = hex(&registry::model_id(&to.owner, &to.card));
    let json = serde_json::json!({ "context": context, "model_id": model, "card": hex(&to.card) });
    Ok(Report::new(context, json))
}

pub(crate) fn contract(c: &Contract) -> Result<Report, Failure> {
    let deployed = Deployed::read(&c.card)?;
    let verifier = verifier::artifact(deployed.suite);
    let mut files = Folder::new(&c.out)?;
    for (name, source) in artifact::SOURCES {
        files.text(&format!("src/{name}"), source, "Solidity")?;
    }
    files.text(&format!("{}.abi", verifier.name), verifier.abi, "interface of the verifier")?;
    files.hex(
        "verifier.deploy",
        &verifier::deployment(deployed.suite, &deployed.key, &deployed.weights),
        "code that deploys a verifier of this model",
    )?;
    files.text("ModelRegistry.abi", artifact::MODEL_REGISTRY.abi, "interface of the registry")?;
    files.hex("registry.deploy", artifact::MODEL_REGISTRY.creation, "code that deploys the registry")?;
    files.hex(
        "registerKey.calldata",
        &registry::register_key(deployed.suite, &deployed.key),
        "registers the key",
    )?;
    let key_id = registry::key_id(deployed.suite, &deployed.key);
    let card = deployed.digest()?;
    files.hex(
        "register.calldata",
        &registry::register(&card, &key_id, &deployed.weights),
        "registers the model",
    )?;
    if let Some(path) = &c.proof {
        let proof = deployed.proof(path)?;
        let call = verifier::verify(&proof.context, &proof.tensors, &proof.committed, &proof.proof);
        files.hex("verify.calldata", &call, "asks the verifier")?;
        if c.place.chain_id.is_some() {
            let to = destination(&c.place, &deployed)?;
            files.hex(
                "submit.calldata",
                &registry::submit(&submission(&to, proof)?),
                "submits the result, as the requester",
            )?;
        }
    }
    Ok(files.report(&deployed, &card, &key_id))
}

fn submission(to: &Destination, proof: Submitted) -> Result<registry::Submission, Failure> {
    let expected = context_of(to);
    if proof.context != expected {
        return Err(Failure::invalid(format!(
            "INVALID: the proof is bound to context '{}'; this registry, requester and nonce need {} (zkml context)",
            hex(&proof.context),
            hex(&expected)
        )));
    }
    Ok(registry::Submission {
        model_id: registry::model_id(&to.owner, &to.card),
        epoch: to.epoch,
        nonce: to.nonce,
        tensors: proof.tensors,
        committed: proof.committed,
        proof: proof.proof,
    })
}

/// The folder that is written, and what was written.
struct Folder {
    root: PathBuf,
    written: Vec<(String, usize, &'static str)>,
}

impl Folder {
    fn new(root: &Path) -> Result<Self, Failure> {
        let source = root.join("src");
        std::fs::create_dir_all(&source).map_err(|e| Failure::file(format!("{}: {e}", source.display())))?;
        Ok(Self { root: root.to_path_buf(), written: Vec::new() })
    }

    fn text(&mut self, name: &str, text: &str, role: &'static str) -> Result<(), Failure> {
        write(&self.root.join(name), text.as_bytes(), Access::Everyone)?;
        self.written.push((name.into(), text.len(), role));
        Ok(())
    }

    /// Bytes as `0x…`, which every client takes.
    fn hex(&mut self, name: &str, content: &[u8], role: &'static str) -> Result<(), Failure> {
        write(&self.root.join(name), format!("0x{}\n", hex(content)).as_bytes(), Access::Everyone)?;
        self.written.push((name.into(), content.len(), role));
        Ok(())
    }

    fn report(&self, deployed: &Deployed, card: &Word, key_id: &Word) -> Report {
        let suite = deployed.model.card().suite().name();
        let mut text = format!("{suite}; card {}, key {}\n", hex(card), hex(key_id));
        for (name, size, role) in &self.written {
            text.push_str(&format!("  {}  {}  {role}\n", self.root.join(name).display(), bytes(*size)));
        }
        let sizes: serde_json::Map<_, _> =
            self.written.iter().map(|(name, size, _)| (name.clone(), (*size).into())).collect();
        let json = serde_json::json!({
            "suite": suite, "card": hex(card), "key_id": hex(key_id), "out": self.root, "bytes": sizes,
            "testing": is_testing(deployed.model.card()),
        });
        Report::new(text, json)
    }
}

pub(crate) fn estimate_gas(c: &EstimateGas) -> Result<Report, Failure> {
    let deployed = Deployed::read(&c.card)?;
    let proof = deployed.proof(&c.proof)?;
    let statement = Statement {
        suite: deployed.suite,
        key: &deployed.key,
        weights: &deployed.weights,
        tensors: &proof.tensors,
        committed: &proof.committed,
        proof: &proof.proof,
    };
    let refused =
        |e: zkml_evm::gas::CallError| Failure::invalid(format!("INVALID: the contract refuses: {e}"));
    let (call, gas) = if c.place.chain_id.is_some() {
        let to = destination(&c.place, &deployed)?;
        ("ModelRegistry.submit", estimate_submission(&statement, &to).map_err(refused)?)
    } else {
        ("verify", estimate_verification(&statement, &proof.context).map_err(refused)?)
    };
    Ok(gas_report(call, &gas, &proof))
}

fn gas_report(call: &str, gas: &GasReport, proof: &Submitted) -> Report {
    let parts = [
        ("base", gas.base),
        ("calldata", gas.calldata),
        ("pairings", gas.pairings),
        ("group", gas.group),
        ("field", gas.field),
        ("storage", gas.storage),
        ("event", gas.event),
        ("total", gas.total),
    ];
    let mut table = Table::new(&["part", "gas"]);
    let mut json = serde_json::Map::new();
    for (name, value) in parts {
        table.row(vec![name.into(), value.to_string()]);
        json.insert(name.into(), value.into());
    }
    json.insert("call".into(), call.into());
    json.insert("proof_bytes".into(), proof.proof.len().into());
    json.insert("tensor_bytes".into(), proof.tensors.len().into());
    Report::new(format!("{call}, proof of {}\n{table}", bytes(proof.proof.len())), json.into())
}
