//! `zkml srs`.

use zkml::chain::write_testing_srs;

use super::warn;
use crate::arguments::{Cli, Srs};
use crate::failure::Failure;
use crate::progress::Step;
use crate::report::{Report, bytes};

pub(crate) fn run(c: &Srs, cli: &Cli) -> Result<Report, Failure> {
    if !(3..=24).contains(&c.power) {
        return Err(Failure::usage(format!("--power takes 3 to 24, got {}", c.power)));
    }
    let size = {
        let _step = Step::new(cli, "raising a secret to powers");
        write_testing_srs(c.power, &c.out)?
    };
    warn("the powers of tau are made here, for testing: whoever ran this can forge proofs");
    let text = format!(
        "{} ({}): powers of tau up to 2^{}, FOR TESTING ONLY. Nothing in the file says so: name it accordingly",
        c.out.display(),
        bytes(size),
        c.power
    );
    let json = serde_json::json!({ "srs": c.out, "bytes": size, "power": c.power, "testing": true });
    Ok(Report::new(text, json))
}
