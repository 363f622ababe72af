//! The composed error of one example, term by term.

use std::path::Path;

use zkml::{
    DataFile, Options, ProveOptions, SetupOptions, SourceModel, prove, quantize_samples, setup, verify,
};

#[test]
#[ignore = "prints"]
fn every_error_term_of_lenet() {
    let models = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models"));
    let data = DataFile::read(&models.join("lenet5.npz")).unwrap();
    let source = SourceModel::read(&models.join("lenet5.onnx")).unwrap();
    let compiled = source.compile(&data, &Options::default()).unwrap().compiled;
    let options = SetupOptions { openings: Some(50), ..SetupOptions::default() };
    let key = setup(compiled, options, &mut |_| {}).unwrap();
    let sample = quantize_samples(&key.compiled, &data, 0..1).unwrap();
    let proven = prove(&key, &sample, &ProveOptions::default(), &mut |_| {}).unwrap();
    let verified = verify(&key.registered().unwrap(), &proven.proof, 100).unwrap();
    println!("{:?}", key.card().parameters);
    println!("{:?}", key.card().parameters.config().unwrap());
    println!("trees {}", key.card().epochs[0].trees.len());
    println!("list {:.3}", verified.security.list_size_bits);
    for term in &verified.security.terms {
        println!("{:42} {:8.3}", term.name, term.bits);
    }
    println!("proof {:.3}, registration {:?}", verified.security.bits(), verified.registration);
}
