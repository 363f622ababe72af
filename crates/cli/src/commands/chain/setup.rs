//! `zkml setup --suite groth16|plonk`.

use std::time::Instant;

use zkml::chain::{
    ChainKey, ChainOptions, PROVING_FILE, SETUP_PHASES, SRS_FILE, SrsSource, Statistics, Suite, setup,
};
use zkml::key::{CARD_FILE, KEY_FILE};
use zkml::verifier::statement::hex;
use zkml::{CompiledModel, Error};

use super::{is_testing, origins, origins_json, warn};
use crate::arguments::{Cli, Setup, SuiteName};
use crate::failure::Failure;
use crate::progress::Phases;
use crate::report::{Report, bytes, count, time};
use crate::table::Table;

pub(crate) fn run(c: &Setup, cli: &Cli) -> Result<Report, Failure> {
    let suite = if c.suite == SuiteName::Plonk { Suite::Plonk } else { Suite::Groth16 };
    let source = match (&c.srs, c.testing_srs) {
        (Some(path), _) => SrsSource::File(path),
        (None, true) => SrsSource::Testing,
        (None, false) => {
            return Err(Failure::usage(format!(
                "--suite {} takes --srs FILE, powers of tau of a public ceremony, or for tests --testing-srs",
                suite.name()
            )));
        }
    };
    let batch = c.batch.unwrap_or(1);
    if batch == 0 {
        return Err(Failure::usage("--batch takes at least 1"));
    }
    let model = CompiledModel::read(&c.model)?;
    let (inputs, outputs) =
        crate::commands::prove::visibilities(&c.visibility, &model.compiled.model.graph, None)?;
    let options = ChainOptions { suite, batch, inputs, outputs };
    let start = Instant::now();
    let key = {
        let bar = Phases::of(cli, "setting up", SETUP_PHASES);
        setup(model.compiled, &options, source, &mut |phase| bar.begin(phase))?
    };
    key.write(&c.out)?;
    let made = start.elapsed();
    let start = Instant::now();
    let registered = key.registered()?;
    let checked = start.elapsed();
    if source == SrsSource::Testing {
        warn(
            "the powers of tau are made here, for testing: whoever ran this can forge proofs of every model under them",
        );
    }
    if key.card().key.is_testing() {
        warn(
            "the Groth16 keys are made here, for testing: whoever ran this can forge proofs. \
             Make keys together with zkml ceremony before anything depends on them",
        );
    }
    report(&key, c, registered.statistics(), (made, checked))
}

fn report(
    key: &ChainKey,
    c: &Setup,
    statistics: &Statistics,
    (made, checked): (std::time::Duration, std::time::Duration),
) -> Result<Report, Failure> {
    let card = key.card();
    let id = hex(&card.id().map_err(Error::from)?);
    let suite = card.suite();
    let mut files = vec![
        (KEY_FILE, "SECRET: it holds the weights"),
        (SRS_FILE, "public: the prover needs it"),
        (CARD_FILE, "public: verifiers and contracts need it"),
    ];
    if suite == Suite::Groth16 {
        files.insert(2, (PROVING_FILE, "public: the prover needs it"));
    }
    let mut text = format!("model {id} is set up for {} in {}\n", suite.name(), time(made));
    let mut sizes = serde_json::Map::new();
    for (name, role) in files {
        let path = c.out.join(name);
        let size = std::fs::metadata(&path).map_or(0, |m| m.len() as usize);
        text.push_str(&format!("  {}  {}  {role}\n", path.display(), bytes(size)));
        sizes.insert(name.into(), size.into());
    }
    text.push_str(&origins(card));
    text.push_str(&format!(
        "  columns of 2^{} rows; a verifier checks the card once, in {}\n\n{}\n\
         Next: zkml prove --key {} --input DATA.npz --out proof.zkp",
        card.log_rows,
        time(checked),
        circuit_table(statistics),
        c.out.join(KEY_FILE).display(),
    ));
    let mut json = serde_json::json!({
        "model": id, "suite": suite.name(), "key": c.out.join(KEY_FILE), "card": c.out.join(CARD_FILE),
        "sizes": sizes, "log_rows": card.log_rows, "batch": card.shape.batch, "constraints": statistics.constraints,
        "circuit": circuit_json(statistics),
        "seconds": made.as_secs_f64(), "register_seconds": checked.as_secs_f64(), "testing": is_testing(card),
    });
    json["setup"] = origins_json(card);
    Ok(Report::new(text, json))
}

/// The constraints of a phase of the circuit, and those of them that hash.
struct PhaseSize<'s> {
    name: &'s str,
    constraints: usize,
    hashing: usize,
}

fn circuit_phases(statistics: &Statistics) -> Vec<PhaseSize<'_>> {
    let phases =
        statistics.spans.iter().filter(|s| s.total > 0 && !s.path.is_empty() && !s.path.contains('/'));
    let hashing = |phase: &str| {
        let inner = |path: &str| path.strip_prefix(phase) == Some("/transcript");
        statistics.spans.iter().filter(|s| inner(&s.path)).map(|s| s.total).sum()
    };
    phases.map(|s| PhaseSize { name: &s.path, constraints: s.total, hashing: hashing(&s.path) }).collect()
}

fn circuit_table(statistics: &Statistics) -> Table {
    let mut table = Table::new(&["circuit", "constraints", "hashing"]);
    for PhaseSize { name, constraints, hashing } in circuit_phases(statistics) {
        table.row(vec![name.into(), count(constraints as u64), count(hashing as u64)]);
    }
    let all = circuit_phases(statistics).iter().map(|p| p.hashing).sum::<usize>();
    table.row(vec!["all".into(), count(statistics.constraints as u64), count(all as u64)]);
    table
}

fn circuit_json(statistics: &Statistics) -> serde_json::Value {
    let phase = |p: PhaseSize<'_>| serde_json::json!({"phase": p.name, "constraints": p.constraints, "hashing": p.hashing});
    circuit_phases(statistics).into_iter().map(phase).collect()
}
