//! No tree is opened more often than its random rows allow, whatever its holder does.

use std::collections::BTreeMap;
use std::path::Path;

use zkml::verifier::ir::Tensor;
use zkml::{
    CommittedTensor, DataFile, Error, Options, ProveOptions, Proven, ProverKey, SetupOptions, SourceModel,
    Visibility, prove, prove_with, quantize_samples, setup,
};

const LOG_ROWS: u8 = 11;

struct Fixture {
    key: ProverKey,
    sample: Vec<Vec<Tensor>>,
    folder: tempfile::TempDir,
}

fn fixture(openings: u32) -> Fixture {
    let models = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models"));
    let data = DataFile::read(&models.join("mlp.npz")).unwrap();
    let source = SourceModel::read(&models.join("mlp.onnx")).unwrap();
    let compiled = source.compile(&data, &Options::default()).unwrap().compiled;
    let sample = quantize_samples(&compiled, &data, 0..1).unwrap();
    let options =
        SetupOptions { openings: Some(openings), log_rows: Some(LOG_ROWS), ..SetupOptions::default() };
    let key = setup(compiled, options, &mut |_| {}).unwrap();
    Fixture { key, sample, folder: tempfile::tempdir().unwrap() }
}

fn once(key: &ProverKey, sample: &[Vec<Tensor>]) -> Result<Proven, Error> {
    prove(key, sample, &ProveOptions::default(), &mut |_| {})
}

/// Proves until the ledger refuses, and counts the openings of every root; `most` proofs at the most.
fn drain(key: &ProverKey, sample: &[Vec<Tensor>], most: usize, opened: &mut BTreeMap<[u8; 32], u32>) {
    for _ in 0..most {
        let Ok(proven) = once(key, sample) else { return };
        let root = key.card().tree(proven.proof.tree.unwrap()).unwrap().root;
        *opened.entry(root).or_default() += 1;
    }
}

/// The proofs that a tree of this key may serve.
fn uses(key: &ProverKey) -> u32 {
    let parameters = key.card().parameters;
    (parameters.reserved - 10) / parameters.config().unwrap().num_queries() as u32 - 2
}

#[test]
fn writing_a_key_twice_gives_no_opening_back() {
    let Fixture { mut key, sample, folder } = fixture(1);
    let uses = uses(&key);
    let mut opened = BTreeMap::new();
    key.write(folder.path()).unwrap();
    drain(&key, &sample, 2 * uses as usize, &mut opened);
    assert!(matches!(once(&key, &sample), Err(Error::Spent)));
    let _ = key.write(folder.path());
    drain(&key, &sample, 2 * uses as usize, &mut opened);
    assert!(opened.values().all(|&n| n <= uses), "{uses} are allowed, there were {opened:?}");
}

#[test]
fn writing_a_key_into_two_folders_gives_no_opening_twice() {
    let Fixture { mut key, sample, folder } = fixture(1);
    let uses = uses(&key);
    let mut opened = BTreeMap::new();
    for name in ["one", "two"] {
        if key.write(&folder.path().join(name)).is_ok() {
            let copy = ProverKey::read(&folder.path().join(name).join("prover.key")).unwrap();
            drain(&copy, &sample, 2 * uses as usize, &mut opened);
        }
    }
    assert!(opened.values().all(|&n| n <= uses), "{uses} are allowed, there were {opened:?}");
}

#[test]
fn a_refresh_from_a_stale_key_gives_no_opening_of_living_trees_back() {
    let Fixture { mut key, sample, folder } = fixture(8);
    let uses = uses(&key);
    key.write(folder.path()).unwrap();
    let path = folder.path().join("prover.key");
    let (mut server, mut stale) = (ProverKey::read(&path).unwrap(), ProverKey::read(&path).unwrap());
    server.refresh(Some(1), folder.path(), &mut |_| {}).unwrap();
    let mut opened = BTreeMap::new();
    drain(&server, &sample, 3 * uses as usize, &mut opened);
    let _ = stale.refresh(Some(1), folder.path(), &mut |_| {});
    drain(&server, &sample, 3 * uses as usize, &mut opened);
    assert!(opened.values().all(|&n| n <= uses), "{uses} are allowed, there were {opened:?}");
}

#[test]
fn a_committed_tensor_is_opened_no_more_often_than_its_rows_allow() {
    let Fixture { mut key, sample, folder } = fixture(30);
    key.write(folder.path()).unwrap();
    let name = key.card().graph.inputs()[0].name.clone();
    let first = &sample[0][0];
    let tensor = Tensor { shape: [&[1], first.shape.as_slice()].concat(), data: first.data.clone() };
    let secret = CommittedTensor::new(tensor, key.card().parameters, 2).unwrap();
    let mut secrets = BTreeMap::from([(name, secret)]);
    let options = ProveOptions { inputs: vec![Visibility::Committed], ..ProveOptions::default() };
    let mut proofs = 0;
    for _ in 0..4 {
        proofs += u32::from(prove_with(&key, &sample, &options, &mut secrets, &mut |_| {}).is_ok());
    }
    assert_eq!(proofs, 2, "rows for 2 openings");
}
