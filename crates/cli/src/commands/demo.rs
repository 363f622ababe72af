//! `zkml demo`: a digit, a class, a proof, a verification.

use std::time::Instant;

use zkml::{
    Card, CompiledModel, DataFile, Error, Options, ProveOptions, Registered, SetupOptions, SourceModel,
    prove, quantize_samples, setup, verify,
};

use crate::arguments::{Cli, Demo};
use crate::failure::Failure;
use crate::picture;
use crate::progress::{Phases, Step};
use crate::report::{Report, bytes, time};

const MODEL: &[u8] = include_bytes!("../../../../models/lenet5.onnx");
const CALIBRATION: &[u8] = include_bytes!("../../../../models/lenet5.npz");
const DIGITS: &[u8] = include_bytes!("../../../../models/lenet5_test.npz");

pub(crate) fn run(c: &Demo, cli: &Cli) -> Result<Report, Failure> {
    let parse = |name: &str, bytes: &[u8]| DataFile::parse(name, bytes).map_err(Error::from);
    let digits = parse("lenet5_test.npz", DIGITS)?;
    let start = Instant::now();
    let key = {
        let _step = Step::new(cli, "compiling LeNet-5, committing to its weights and registering them");
        let compiled = compile(&parse("lenet5.npz", CALIBRATION)?)?.compiled;
        setup(compiled, SetupOptions::default(), &mut |_| {})?
    };
    let set_up = start.elapsed();
    let samples = quantize_samples(&key.compiled, &digits, c.index..c.index.saturating_add(1))?;
    // Once per verifier: the card's registration is checked.
    let card = key.card().to_bytes().map_err(Error::from)?;
    let start = Instant::now();
    let model = Registered::new(Card::from_bytes(&card).map_err(Error::from)?).map_err(Error::from)?;
    let registering = start.elapsed();
    let proven = {
        let bar = Phases::new(cli, "proving");
        prove(&key, &samples, &ProveOptions::default(), &mut |phase| bar.begin(phase))?
    };
    let proving: std::time::Duration = proven.phases.iter().map(|p| p.1).sum();
    let encoded = proven.proof.to_bytes().map_err(Error::from)?;
    let start = Instant::now();
    let proof = zkml::Proof::from_bytes(&encoded).map_err(Error::from)?;
    let verified = verify(&model, &proof, 100).map_err(Error::from)?;
    let verifying = start.elapsed();
    let scores = proof.statement.outputs.first().map(|t| t.data.clone()).unwrap_or_default();
    let class = (0..scores.len()).fold(0, |best, i| if scores[i] > scores[best] { i } else { best });
    let text = format!(
        "{}\n  LeNet-5 reads a {class}, and proves that its 61,706 committed weights say so.\n\n\
         {}\n  set up once     {}\n  card checked in {} ({}, once per verifier)\n  proved in       {}\n  verified in     {}\n  proof           {}\n  security        {:.1} bits, provable\n  zero knowledge  neither weights nor the image leave the prover\n  openings        {}",
        image(&digits, c.index),
        super::prove::phase_table(&proven.phases),
        time(set_up),
        time(registering),
        bytes(card.len()),
        time(proving),
        time(verifying),
        bytes(encoded.len()),
        verified.bits(),
        super::budget(&key)?,
    );
    let phases: serde_json::Map<String, serde_json::Value> =
        proven.phases.iter().map(|(p, d)| (p.name().into(), d.as_secs_f64().into())).collect();
    let json = serde_json::json!({
        "class": class, "valid": true, "setup_seconds": set_up.as_secs_f64(), "prove_seconds": proving.as_secs_f64(),
        "verify_seconds": verifying.as_secs_f64(), "bytes": encoded.len(), "phases": phases,
        "security_bits": verified.bits(), "zero_knowledge": true, "card_bytes": card.len(),
        "register_seconds": registering.as_secs_f64(),
    });
    Ok(Report::new(text, json))
}

fn compile(calibration: &DataFile) -> Result<CompiledModel, Failure> {
    let source = SourceModel {
        name: "lenet5.onnx".into(),
        onnx: MODEL.to_vec(),
        dims: Default::default(),
        frozen: Vec::new(),
    };
    Ok(source.compile(calibration, &Options::default())?)
}

/// The chosen digit, if the data holds it.
fn image(digits: &DataFile, index: usize) -> String {
    const SIDE: usize = 28;
    let pixels = digits.arrays.get("x").map(|x| x.to_f32());
    let pixels = pixels.as_ref().map_or(&[][..], |x| x.data());
    pixels
        .get(index * SIDE * SIDE..(index + 1) * SIDE * SIDE)
        .map_or_else(String::new, |p| picture::grey(p, SIDE))
}
