//! The real compiler, and a real chain with a real client.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use zkml_evm::{Address, Word, account, integer};

use crate::slow_tests;
use crate::support::{Model, both};

/// The first account of every test chain; its key is known to all.
const PRIVATE_KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const ACCOUNT: Address = [
    0xf3, 0x9f, 0xd6, 0xe5, 0x1a, 0xad, 0x88, 0xf6, 0xf4, 0xce, 0x6a, 0xb8, 0x82, 0x72, 0x79, 0xcf, 0xff,
    0xb9, 0x22, 0x66,
];

fn contracts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts")
}

/// Whether npm has what the tests need, after asking it to.
fn installed() -> bool {
    if !slow_tests() {
        return false;
    }
    if contracts().join("node_modules/solc").exists() {
        return true;
    }
    let npm = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund", "--silent"])
        .current_dir(contracts())
        .status();
    let installed = npm.is_ok_and(|status| status.success());
    if !installed {
        println!("skipped: npm ci does not work in contracts/");
    }
    installed
}

#[test]
fn the_committed_code_is_what_the_sources_compile_to() {
    if !installed() {
        return;
    }
    let built = Command::new("sh").arg("build.sh").arg("--check").current_dir(contracts()).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}

/// A chain that ends with the test.
struct Anvil {
    process: Child,
    url: String,
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Anvil {
    fn start() -> Option<Self> {
        let binary = contracts().join("node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil");
        let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
        let started = Command::new(binary)
            .args(["--silent", "--port", &port.to_string(), "--chain-id", &crate::support::CHAIN.to_string()])
            .stdout(Stdio::null())
            .spawn();
        let Ok(process) = started else {
            println!("skipped: npm has no anvil for this machine");
            return None;
        };
        let anvil = Self { process, url: format!("http://127.0.0.1:{port}") };
        for _ in 0..300 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(anvil);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the chain does not start");
    }

    fn client(&self, registry: &str, arguments: &[&str]) -> Result<String, String> {
        let mut client = Command::new("sh");
        client.arg("client.sh").args(arguments).current_dir(contracts());
        client.env("RPC_URL", &self.url).env("PRIVATE_KEY", PRIVATE_KEY).env("REGISTRY", registry);
        let output = client.output().unwrap();
        match output.status.success() {
            true => Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

fn word(hex: &str) -> Word {
    let digits = hex.strip_prefix("0x").unwrap();
    std::array::from_fn(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap())
}

#[test]
fn a_client_deploys_registers_submits_and_reads_the_event_on_a_local_chain() {
    if !installed() {
        return;
    }
    let Some(anvil) = Anvil::start() else { return };
    let registry = anvil.client("", &["deploy"]).unwrap();
    for (index, architecture) in both().into_iter().enumerate() {
        let suite = ["groth16", "plonk"][index];
        let client = |arguments: &[&str]| anvil.client(&registry, arguments);
        let model = Model::new(architecture, 1);
        let key = client(&["key", suite, &hex(&architecture.key)]).unwrap();
        let card = hex(&integer(index as u128));
        let id = client(&["register", &card, &key, &hex(&model.points)]).unwrap();
        assert_eq!(word(&id), zkml_evm::registry::model_id(&ACCOUNT, &integer(index as u128)));
        // A requester's nonces serve all models.
        let nonce = (9 + index).to_string();
        let context = client(&["context", &hex(&ACCOUNT), &id, "0", &nonce]).unwrap();
        let proven = model.prove(&word(&context), 1);
        let [tensors, committed, proof] = [&proven.tensors, &proven.committed, &proven.proof].map(|b| hex(b));
        // Of another nonce it is no proof.
        let refused = client(&["submit", &id, "0", "8", &tensors, &committed, &proof]).unwrap_err();
        let selector = hex(&zkml_evm::keccak(b"InvalidProof()")[..4]);
        assert!(refused.contains("InvalidProof") || refused.contains(&selector), "{refused}");
        let gas = client(&["submit", &id, "0", &nonce, &tensors, &committed, &proof]).unwrap();
        println!("{suite} on a local chain: {gas} gas");
        assert!(
            client(&["submit", &id, "0", &nonce, &tensors, &committed, &proof]).is_err(),
            "the nonce is used"
        );
        let results: serde_json::Value = serde_json::from_str(&client(&["results", &id]).unwrap()).unwrap();
        let [result] = results.as_array().unwrap().as_slice() else { panic!("{results}") };
        assert_eq!(result["topics"][1], id.as_str());
        assert_eq!(word(result["topics"][2].as_str().unwrap()), account(&ACCOUNT));
        let outputs = hex(&proven.tensors[proven.tensors.len() - 7..]);
        let data = result["data"].as_str().unwrap();
        assert_eq!(data[2 + 64 * 7..2 + 64 * 7 + 14], outputs[2..]);
    }
}
