//! The suites for contracts: `groth16` and `plonk`.

pub(crate) mod ceremony;
pub(crate) mod contract;
pub(crate) mod inspect;
pub(crate) mod prove;
pub(crate) mod setup;
pub(crate) mod srs;
pub(crate) mod verify;

use std::io::{Read, Write};
use std::path::Path;

use zkml::chain::{Card, ChainKey, SrsOrigin};

use crate::failure::Failure;

/// Whether a file is a prover key of these suites.
pub(crate) fn is_key(path: &Path) -> Result<bool, Failure> {
    let failed = |e: std::io::Error| Failure::file(format!("{}: {e}", path.display()));
    let mut start = Vec::new();
    std::fs::File::open(path).map_err(failed)?.take(4).read_to_end(&mut start).map_err(failed)?;
    Ok(ChainKey::recognises(&start))
}

/// Reads a card of these suites, which is not checked yet.
pub(crate) fn card(path: &Path) -> Result<Card, Failure> {
    let bytes = zkml::files::read(path)?;
    Card::from_bytes(&bytes).map_err(|e| Failure::file(format!("{}: {e}", path.display())))
}

/// A warning on standard error, whatever else is printed.
pub(crate) fn warn(message: &str) {
    // A closed standard error hides the warning; the card says it too.
    let _ = writeln!(std::io::stderr(), "WARNING: {message}");
}

/// Where the keys of a card come from, in words.
pub(crate) fn origins(card: &Card) -> String {
    let key = match (card.key.is_testing(), card.key.ceremony()) {
        (true, _) => "local, FOR TESTING ONLY: whoever ran the setup can forge proofs".into(),
        (false, Some(digest)) => format!("ceremony {}", zkml::verifier::statement::hex(&digest)),
        (false, None) => "a function of model and powers of tau".into(),
    };
    format!("  keys           {key}\n  powers of tau  {}\n", card.srs)
}

/// Where the keys of a card come from, for scripts.
pub(crate) fn origins_json(card: &Card) -> serde_json::Value {
    let hex = |digest: &[u8; 32]| zkml::verifier::statement::hex(digest);
    serde_json::json!({
        "testing": is_testing(card),
        "ceremony": card.key.ceremony().as_ref().map(hex),
        "srs": match &card.srs { SrsOrigin::Testing => None, SrsOrigin::File(digest) => Some(hex(digest)) },
        "tau_g2": card.tau_g2.bytes().iter().map(|b| format!("{b:02x}")).collect::<String>(),
    })
}

/// Whether a part of a card's setup is marked as made for testing.
pub(crate) fn is_testing(card: &Card) -> bool {
    card.key.is_testing() || card.srs == SrsOrigin::Testing
}
