//! `zkml setup`.

use std::path::Path;
use std::time::Instant;

use zkml::key::{CARD_FILE, KEY_FILE, LEDGER_EXTENSION};
use zkml::{CompiledModel, ProverKey, SetupOptions, setup};

use crate::arguments::{Cli, Setup, SuiteName};
use crate::failure::Failure;
use crate::progress::Phases;
use crate::report::{Report, bytes, time};

pub(crate) fn run(c: &Setup, cli: &Cli) -> Result<Report, Failure> {
    let (security, stark) = (c.security.unwrap_or(100), c.suite == SuiteName::Stark);
    let for_stark = c.security.is_some() || c.openings.is_some() || c.log_rows.is_some();
    let for_chain = c.srs.is_some() || c.testing_srs || !c.visibility.is_empty() || c.batch.is_some();
    if !stark && for_stark {
        return Err(Failure::usage("--security, --openings and --log-rows are for --suite stark"));
    }
    if stark && for_chain {
        return Err(Failure::usage(
            "--srs, --testing-srs, --visibility and --batch are for --suite groth16 and plonk; with stark every proof chooses",
        ));
    }
    if !c.force && c.out.join(KEY_FILE).exists() {
        return Err(Failure::usage(format!(
            "{} holds the key of another set-up, whose card would be worthless without it: choose another folder, or \
             replace it with --force",
            c.out.display()
        )));
    }
    if !stark {
        return super::chain::setup::run(c, cli);
    }
    if !matches!(security, 100 | 128) {
        return Err(Failure::usage(format!("--security takes 100 or 128, got {security}")));
    }
    if c.log_rows.is_some_and(|height| !(9..=20).contains(&height)) {
        return Err(Failure::usage("--log-rows takes 9 to 20"));
    }
    let model = CompiledModel::read(&c.model)?;
    let start = Instant::now();
    let options = SetupOptions { security, openings: c.openings, log_rows: c.log_rows };
    let mut key = {
        let bar = Phases::new(cli, "registering");
        setup(model.compiled, options, &mut |phase| bar.begin(phase))?
    };
    key.write(&c.out)?;
    let set_up = start.elapsed();
    let start = Instant::now();
    key.registered()?;
    report(&key, &c.out, "is set up", (set_up, start.elapsed()))
}

/// The files of a set-up, what they cost and what is left.
pub(crate) fn report(
    key: &ProverKey,
    folder: &Path,
    what: &str,
    (made, checked): (std::time::Duration, std::time::Duration),
) -> Result<Report, Failure> {
    let card = key.card();
    let id = zkml::verifier::statement::hex(&card.id());
    let paths = [
        folder.join(KEY_FILE),
        folder.join(KEY_FILE).with_extension(LEDGER_EXTENSION),
        folder.join(CARD_FILE),
    ];
    let sizes: Vec<usize> =
        paths.iter().map(|path| std::fs::metadata(path).map_or(0, |m| m.len() as usize)).collect();
    let roles = [
        "SECRET: it holds the weights",
        "counts the openings: never copy it, never restore it from a backup",
        "public: verifiers need it",
    ];
    let mut text = format!("model {id} {what} in {}\n", time(made));
    for ((path, size), role) in paths.iter().zip(&sizes).zip(roles) {
        text.push_str(&format!("  {}  {}  {role}\n", path.display(), bytes(*size)));
    }
    text.push_str(&format!(
        "  {}; a verifier checks the card once, in {}\nNext: zkml prove --key {} --input DATA.npz --out proof.zkp",
        super::budget(key)?,
        time(checked),
        paths[0].display(),
    ));
    let json = serde_json::json!({
        "model": id, "key": paths[0], "ledger": paths[1], "card": paths[2],
        "key_bytes": sizes[0], "card_bytes": sizes[2], "log_rows": card.parameters.log_rows,
        "security": card.parameters.security, "epochs": card.epochs.len(),
        "trees": card.epochs.last().map_or(0, |e| e.trees.len()), "openings": key.budget()?,
        "seconds": made.as_secs_f64(), "register_seconds": checked.as_secs_f64(),
    });
    Ok(Report::new(text, json))
}
