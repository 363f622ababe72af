//! Honest files to start from.

use std::error::Error;
use std::sync::OnceLock;

use zkml::{
    DataFile, Options, ProveOptions, Registered, SetupOptions, SourceModel, Statement, prove,
    quantize_samples, setup,
};
use zkml_import::FloatGraph;

const MODEL: &[u8] = include_bytes!("../../../models/lenet5.onnx");
const CALIBRATION: &[u8] = include_bytes!("../../../models/lenet5.npz");

/// A model's files, and a proof of its first sample.
#[derive(Debug)]
pub struct Fixture {
    /// The ONNX file.
    pub onnx: &'static [u8],
    /// The float graph in it.
    pub float: FloatGraph,
    /// The calibration file.
    pub npz: &'static [u8],
    /// The calibration data in it.
    pub data: DataFile,
    /// The compiled model's file.
    pub model: Vec<u8>,
    /// The prover key's file.
    pub key: Vec<u8>,
    /// The card, registered.
    pub card: Registered,
    /// The card's file.
    pub card_bytes: Vec<u8>,
    /// What is proven.
    pub statement: Statement,
    /// The proof's file.
    pub proof: Vec<u8>,
}

/// The files, made on the first call.
pub fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(|| make().expect("the committed model can be proven"))
}

fn make() -> Result<Fixture, Box<dyn Error>> {
    let data = DataFile::parse("lenet5.npz", CALIBRATION)?;
    let source = SourceModel {
        name: "lenet5.onnx".into(),
        onnx: MODEL.to_vec(),
        dims: Default::default(),
        frozen: Vec::new(),
    };
    let float = source.import()?.graph;
    let compiled = source.compile(&data, &Options::default())?;
    let model = compiled.to_bytes()?;
    // Few openings make a small card, of which every byte is worth a mutation.
    let options = SetupOptions { openings: Some(1), ..SetupOptions::default() };
    let key = setup(compiled.compiled, options, &mut |_| {})?;
    let samples = quantize_samples(&key.compiled, &data, 0..1)?;
    let proof = prove(&key, &samples, &ProveOptions::default(), &mut |_| {})?.proof;
    Ok(Fixture {
        onnx: MODEL,
        float,
        npz: CALIBRATION,
        data,
        model,
        key: key.to_bytes()?,
        card_bytes: key.card().to_bytes()?,
        card: key.registered()?,
        proof: proof.to_bytes()?,
        statement: proof.statement,
    })
}
