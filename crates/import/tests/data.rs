//! Data files: what is read, and what is refused.
#![allow(clippy::unwrap_used)] // Outside of #[test] functions too: a file that cannot be built is a failed test.

mod onnx;

use std::io::{Cursor, Write};

use onnx::Model;
use zip::write::SimpleFileOptions;
use zkml_import::{Array, DataError, DataFile, FloatGraph, Tensor};

fn graph() -> FloatGraph {
    let model = Model::new(13).x(&[1, 2, 3]).node("Relu", &["x"], &["out"], &[]).output("out");
    model.import().unwrap().graph
}

/// A `.npy` file, as `numpy.save` writes it.
fn npy(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(data);
    file
}

fn f32s(data: &[f32]) -> Vec<u8> {
    data.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn npz(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(vec![]));
    for (name, content) in members {
        zip.start_file(format!("{name}.npy"), SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn counting(n: usize) -> Vec<f32> {
    (0..n).map(|v| v as f32).collect()
}

#[test]
fn samples_lie_on_the_first_axis_of_an_archive() {
    let file = npz(&[
        ("x", npy("<f4", "False", "(4, 2, 3)", &f32s(&counting(24)))),
        ("y", npy("<f4", "False", "(4, 6)", &f32s(&counting(24)))),
        ("label", npy("|u1", "False", "(4,)", &[0, 1, 2, 255])),
        ("empty", npy("<f8", "False", "(0,)", &[])),
    ]);
    let data = DataFile::parse("d.npz", &file).unwrap();
    assert!(!data.arrays.contains_key("empty"));
    let samples = data.samples(&graph()).unwrap();
    assert_eq!((samples.len, samples.labels.as_deref()), (4, Some(&[0, 1, 2, 255][..])));
    let second = Tensor::new(vec![1, 2, 3], vec![6.0, 7.0, 8.0, 9.0, 10.0, 11.0]).unwrap();
    assert_eq!(samples.sample_f32(1), std::slice::from_ref(&second));
    assert_eq!(samples.expected(0, 1), Some(Array::F32(second)));
}

#[test]
fn every_number_format_of_numpy_is_read() {
    let halves: Vec<u8> = [0x3c00u16, 0xc000].iter().flat_map(|v| v.to_le_bytes()).collect();
    let cases = [
        ("<f2", halves, Array::F32(Tensor::vector(vec![1.0, -2.0]))),
        (
            "<f8",
            [1.0f64, -2.0].iter().flat_map(|v| v.to_le_bytes()).collect(),
            Array::F32(Tensor::vector(vec![1.0, -2.0])),
        ),
        (
            ">f4",
            [1.0f32, -2.0].iter().flat_map(|v| v.to_be_bytes()).collect(),
            Array::F32(Tensor::vector(vec![1.0, -2.0])),
        ),
        ("|i1", vec![1, 0xfe], Array::I64(Tensor::vector(vec![1, -2]))),
        (">i2", vec![0, 1, 0xff, 0xfe], Array::I64(Tensor::vector(vec![1, -2]))),
        (
            "<i8",
            [1i64, -2].iter().flat_map(|v| v.to_le_bytes()).collect(),
            Array::I64(Tensor::vector(vec![1, -2])),
        ),
        ("<u2", vec![1, 0, 0xff, 0xff], Array::I64(Tensor::vector(vec![1, 65535]))),
        ("|b1", vec![1, 0], Array::I64(Tensor::vector(vec![1, 0]))),
    ];
    for (descr, bytes, expected) in cases {
        let data = DataFile::parse("d.npy", &npy(descr, "False", "(2,)", &bytes)).unwrap();
        assert_eq!(data.arrays["x"], expected, "{descr}");
    }
    let fortran = DataFile::parse("d.npy", &npy("<f4", "True", "(2, 3)", &f32s(&counting(6)))).unwrap();
    let rows = Tensor::new(vec![2, 3], vec![0.0, 2.0, 4.0, 1.0, 3.0, 5.0]).unwrap();
    assert_eq!(fortran.arrays["x"], Array::F32(rows));
}

#[test]
fn json_holds_named_arrays_or_ezkl_input() {
    let named =
        DataFile::parse("d.json", b"{\"x\": [[[1, 2, 3], [4, 5, 6.5]]], \"note\": \"hello\"}").unwrap();
    let ezkl = DataFile::parse("d.json", b"{\"input_data\": [[1, 2, 3, 4, 5, 6.5]]}").unwrap();
    let expected = Tensor::new(vec![1, 2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.5]).unwrap();
    for data in [named, ezkl] {
        let samples = data.samples(&graph()).unwrap();
        assert_eq!(samples.sample_f32(0), std::slice::from_ref(&expected));
    }
}

#[test]
fn data_that_does_not_fit_is_refused_with_what_would() {
    let parse = |bytes: &[u8]| DataFile::parse("d.json", bytes).and_then(|d| d.samples(&graph()));
    let error = parse(b"{\"z\": [1]}").unwrap_err();
    assert!(matches!(&error, DataError::Missing { input, .. } if input == "x"), "{error}");
    let error = parse(b"{\"x\": [[1, 2], [3, 4]]}").unwrap_err();
    assert!(error.to_string().contains("[n, 2, 3]"), "{error}");
    let error = parse(b"{\"x\": [[1, 2], [3]]}").unwrap_err();
    assert!(matches!(error, DataError::Malformed { .. }), "{error}");
    let error = parse(b"{\"x\": [[[1, 2, 3], [4, 5, 1e99]]]}").unwrap_err();
    assert!(matches!(error, DataError::Elements { .. }), "{error}");
    assert!(matches!(DataFile::parse("d.csv", b""), Err(DataError::UnknownKind { .. })));
}

#[test]
fn malformed_arrays_are_refused_without_panicking() {
    let good = npy("<f4", "False", "(2, 3)", &f32s(&counting(6)));
    for end in 0..good.len() {
        assert!(DataFile::parse("d.npy", &good[..end]).is_err(), "cut at {end}");
    }
    for i in 0..good.len() {
        let mut bytes = good.clone();
        bytes[i] ^= 0x15;
        let _ = DataFile::parse("d.npy", &bytes);
    }
    for (descr, shape) in [
        ("<f4", "(99999999999, 9)"),
        ("<f4", "(-1,)"),
        ("<c8", "(3,)"),
        ("|O", "(3,)"),
        ("<f99999999999", "(1,)"),
    ] {
        assert!(
            DataFile::parse("d.npy", &npy(descr, "False", shape, &f32s(&counting(6)))).is_err(),
            "{descr} {shape}"
        );
    }
    let archive = npz(&[("x", good)]);
    for end in 0..archive.len() {
        assert!(DataFile::parse("d.npz", &archive[..end]).is_err(), "cut at {end}");
    }
}
