//! `zkml ceremony`.

use zkml::chain::ChainKey;
use zkml::chain::ceremony::{Architecture, Transcript};
use zkml::files::read;
use zkml::key::CARD_FILE;
use zkml::verifier::statement::hex;

use super::card;
use crate::arguments::{
    CeremonyCommand, CeremonyContribute, CeremonyFinish, CeremonyStart, CeremonyStep, CeremonyVerify, Cli,
    hex as parse_hex,
};
use crate::failure::Failure;
use crate::progress::Step;
use crate::report::Report;

pub(crate) fn run(c: &CeremonyCommand, cli: &Cli) -> Result<Report, Failure> {
    match &c.step {
        CeremonyStep::Start(c) => start(c, cli),
        CeremonyStep::Contribute(c) => contribute(c, cli),
        CeremonyStep::Verify(c) => verify(c, cli),
        CeremonyStep::Finish(c) => finish(c, cli),
    }
}

fn start(c: &CeremonyStart, cli: &Cli) -> Result<Report, Failure> {
    let architecture = Architecture::of(&card(&c.card)?)?;
    let _step = Step::new(cli, "starting");
    let transcript = architecture.start(&c.phase1, &c.out)?;
    let next = format!(
        "{}: hand it to the first participant, who runs zkml ceremony contribute. Everybody gets the same file from model and phase 1",
        c.out.display()
    );
    Ok(report(&transcript, &next))
}

fn contribute(c: &CeremonyContribute, cli: &Cli) -> Result<Report, Failure> {
    let architecture = Architecture::of(&card(&c.card)?)?;
    let _step = Step::new(cli, "contributing");
    let Some(beacon) = &c.beacon else {
        let entropy = c.entropy.as_deref().map(read).transpose()?.unwrap_or_default();
        let transcript = architecture.contribute(&c.ceremony, &entropy, &c.out)?;
        let next = format!(
            "{}: hand it to the next participant, and publish the last digest. The secret is wiped",
            c.out.display()
        );
        return Ok(report(&transcript, &next));
    };
    let value = parse_hex(beacon).filter(|value| (1..=255).contains(&value.len()));
    let value = value.ok_or_else(|| Failure::usage("--beacon takes 1 to 255 bytes in hexadecimal digits"))?;
    if c.iterations > 28 {
        return Err(Failure::usage("--iterations takes at most 28"));
    }
    let transcript = architecture.close(&c.ceremony, &value, c.iterations, &c.out)?;
    Ok(report(&transcript, &format!("{}: closed by the beacon", c.out.display())))
}

fn verify(c: &CeremonyVerify, cli: &Cli) -> Result<Report, Failure> {
    let card = card(&c.card)?;
    let architecture = Architecture::of(&card)?;
    let _step = Step::new(cli, "verifying");
    let transcript = architecture.verify(&c.ceremony, &c.phase1)?;
    if let Some(digest) = card.key.ceremony() {
        let finished = architecture.finish(&c.ceremony, &c.phase1)?.0.verifying_key();
        if zkml::chain::SnarkKey::Groth16(finished) != card.key {
            return Err(Failure::invalid(format!(
                "INVALID: the card's key is not this ceremony's; the card names ceremony {}",
                hex(&digest)
            )));
        }
        return Ok(report(&transcript, "VALID, and the card's key is this ceremony's"));
    }
    Ok(report(&transcript, "VALID; the card's key is another one, for testing"))
}

fn finish(c: &CeremonyFinish, cli: &Cli) -> Result<Report, Failure> {
    let key = ChainKey::read(&c.key)?;
    let architecture = Architecture::of(key.card())?;
    let _step = Step::new(cli, "verifying");
    let (proving, transcript) = architecture.finish(&c.ceremony, &c.phase1)?;
    let folder = c.key.parent().unwrap_or(std::path::Path::new("."));
    key.with_proving_key(proving)?.write(folder)?;
    let next = format!(
        "VALID: the keys are in the folder of {}. Publish {} and the ceremony's file",
        c.key.display(),
        folder.join(CARD_FILE).display()
    );
    Ok(report(&transcript, &next))
}

fn report(transcript: &Transcript, next: &str) -> Report {
    let digests: Vec<String> = transcript.digests.iter().map(|d| hex(d)).collect();
    let mut text = format!("{next}\n  {} constraints\n", transcript.constraints);
    for (index, digest) in digests.iter().enumerate() {
        let what = if index == 0 { "start".into() } else { format!("contribution {index}") };
        text.push_str(&format!("  {what:<16}{digest}\n"));
    }
    let json = serde_json::json!({
        "constraints": transcript.constraints, "digests": digests, "closed": transcript.closed,
        "contributions": digests.len().saturating_sub(1),
    });
    Report::new(text, json)
}
