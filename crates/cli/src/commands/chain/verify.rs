//! `zkml verify` with a card for contracts.

use std::time::Instant;

use zkml::chain::{Card, Policy, Proof, Refusal, Registered, read_srs, verify};
use zkml::files::read;

use crate::arguments::Verify;
use crate::commands::claim::Claim;
use crate::commands::verify::{Found, conclude};
use crate::failure::Failure;
use crate::report::Report;

pub(crate) fn run(c: &Verify, card: &[u8], context: Option<&[u8]>) -> Result<Report, Failure> {
    let card = Card::from_bytes(card).map_err(|e| Failure::file(format!("{}: {e}", c.card.display())))?;
    let start = Instant::now();
    let refused = |e: Refusal| Failure::invalid(format!("INVALID: {} is refused: {e}", c.card.display()));
    let model = Registered::new(card).map_err(refused)?;
    if let Some(path) = &c.srs {
        model.check_srs(&read_srs(path, model.srs_points())?).map_err(refused)?;
    }
    let registered = start.elapsed();
    let bytes = read(&c.proof)?;
    // A damaged proof is an invalid proof.
    let proof = Proof::from_bytes(&bytes)
        .map_err(|e| Failure::invalid(format!("INVALID: {}: {e}", c.proof.display())))?;
    let start = Instant::now();
    let policy = Policy { allow_testing: c.allow_testing, min_security: c.min_security };
    let verified = verify(&model, &proof, &policy).map_err(|e| match e {
        Refusal::Testing(_) => Failure::invalid(format!("INVALID: {e} (--allow-testing)")),
        e => Failure::invalid(format!("INVALID: {e}")),
    })?;
    let found = Found {
        suite: model.card().suite().name(),
        bits: verified.bits(),
        testing: verified.testing,
        terms: verified.terms,
        times: (registered, start.elapsed()),
        size: bytes.len(),
    };
    conclude(c, &Claim::chain(model.card(), &proof.statement), context, &found)
}
