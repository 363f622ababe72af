//! `zkml setup`.

use std::time::Instant;

use zkml::key::{CARD_FILE, KEY_FILE};
use zkml::{CompiledModel, setup};

use crate::arguments::{Cli, Setup};
use crate::failure::Failure;
use crate::progress::Step;
use crate::report::{Report, bytes, time};

pub(crate) fn run(c: &Setup, cli: &Cli) -> Result<Report, Failure> {
    if !matches!(c.security, 100 | 128) {
        return Err(Failure::usage(format!("--security takes 100 or 128, got {}", c.security)));
    }
    let model = CompiledModel::read(&c.model)?;
    let start = Instant::now();
    let key = {
        let _step = Step::new(cli, "committing to the weights");
        setup(model.compiled, c.security)?
    };
    key.write(&c.out)?;
    let id = zkml::verifier::statement::hex(&key.card.id());
    let size = |file: &str| std::fs::metadata(c.out.join(file)).map_or(0, |m| m.len() as usize);
    let text = format!(
        "model {id} is set up in {}\n  {}  {}  SECRET: it holds the weights\n  {}  {}  public: verifiers need it\nNext: zkml prove --key {} --input DATA.npz --out proof.zkp",
        time(start.elapsed()),
        c.out.join(KEY_FILE).display(),
        bytes(size(KEY_FILE)),
        c.out.join(CARD_FILE).display(),
        bytes(size(CARD_FILE)),
        c.out.join(KEY_FILE).display(),
    );
    let json = serde_json::json!({
        "model": id, "key": c.out.join(KEY_FILE), "card": c.out.join(CARD_FILE),
        "key_bytes": size(KEY_FILE), "card_bytes": size(CARD_FILE),
        "log_rows": key.card.parameters.log_rows, "security": c.security,
        "seconds": start.elapsed().as_secs_f64(),
    });
    Ok(Report::new(text, json))
}
