//! numpy's array files: `.npy`, and `.npz`, which is a zip archive of them.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use tract_onnx::prelude::f16;

use super::{DataError, MAX_DATA_BYTES};
use crate::tensor::{Array, Tensor, num_elements};

/// The arrays of an archive, by name without `.npy`.
pub(super) fn archive(file: &str, bytes: &[u8]) -> Result<BTreeMap<String, Array>, DataError> {
    let malformed =
        |what: &str, reason: String| DataError::Malformed { file: file.into(), what: what.into(), reason };
    let mut zip =
        zip::ZipArchive::new(Cursor::new(bytes)).map_err(|e| malformed("archive", e.to_string()))?;
    let mut arrays = BTreeMap::new();
    let mut budget = MAX_DATA_BYTES;
    for i in 0..zip.len() {
        let member = zip.by_index(i).map_err(|e| malformed("archive", e.to_string()))?;
        let path = member.name().map_err(|e| malformed("archive", e.to_string()))?.into_owned();
        let Some(name) = path.strip_suffix(".npy") else { continue };
        // The stated size may lie: what counts is what comes out.
        let mut content = vec![];
        member.take(budget + 1).read_to_end(&mut content).map_err(|e| malformed(name, e.to_string()))?;
        budget = budget
            .checked_sub(content.len() as u64)
            .ok_or_else(|| DataError::TooLarge { file: file.into() })?;
        arrays.insert(name.into(), array(file, name, &content)?);
    }
    Ok(arrays)
}

/// One array.
pub(super) fn array(file: &str, name: &str, bytes: &[u8]) -> Result<Array, DataError> {
    let malformed =
        |reason: String| DataError::Malformed { file: file.into(), what: format!("array `{name}`"), reason };
    let (start, offset) = header_range(bytes).ok_or_else(|| malformed("no numpy array".into()))?;
    let header = Header::parse(&bytes[start..offset]).map_err(malformed)?;
    let shape = header.shape;
    let size = |source| DataError::Size { file: file.into(), array: name.into(), source };
    let n = num_elements(&shape).map_err(size)?;
    let (kind, width) = (header.kind, header.width);
    let data = &bytes[offset..];
    if n.checked_mul(width) != Some(data.len()) {
        let got = data.len();
        return Err(malformed(format!("shape {shape:?} of {width}-byte elements does not fit {got} bytes")));
    }
    let unsupported = || malformed(format!("element type {kind}{width}; store integers or floats"));
    let big = header.big_endian;
    let mut chunks = data.chunks_exact(width.max(1)).map(|chunk| {
        let mut le = [0u8; 8];
        for (i, byte) in chunk.iter().take(8).enumerate() {
            le[if big { width - 1 - i } else { i }] = *byte;
        }
        le
    });
    let low = |b: [u8; 8]| [b[0], b[1], b[2], b[3]];
    let fortran = header.fortran;
    let signed = |bits: u32| move |b: [u8; 8]| (i64::from_le_bytes(b) << (64 - bits)) >> (64 - bits);
    Ok(match (kind, width) {
        ('f', 4) => {
            floats(shape, chunks.map(|b| f32::from_le_bytes(low(b))).collect(), fortran).map_err(size)?
        }
        ('f', 8) => {
            floats(shape, chunks.map(|b| f64::from_le_bytes(b) as f32).collect(), fortran).map_err(size)?
        }
        ('f', 2) => {
            let half = |b: [u8; 8]| f16::from_le_bytes([b[0], b[1]]).to_f32();
            floats(shape, chunks.map(half).collect(), fortran).map_err(size)?
        }
        ('i', 1 | 2 | 4 | 8) => {
            ints(shape, chunks.map(signed(width as u32 * 8)).collect(), fortran).map_err(size)?
        }
        ('b' | 'u', 1 | 2 | 4) => {
            ints(shape, chunks.map(i64::from_le_bytes).collect(), fortran).map_err(size)?
        }
        ('u', 8) => {
            let values: Option<Vec<i64>> =
                chunks.by_ref().map(|b| i64::try_from(u64::from_le_bytes(b)).ok()).collect();
            let values = values.ok_or_else(|| malformed("an integer above 2^63".into()))?;
            ints(shape, values, fortran).map_err(size)?
        }
        _ => return Err(unsupported()),
    })
}

type Sized = Result<Array, crate::tensor::TensorError>;

fn floats(shape: Vec<usize>, data: Vec<f32>, fortran: bool) -> Sized {
    Ok(Array::F32(row_major(shape, data, fortran)?))
}

fn ints(shape: Vec<usize>, data: Vec<i64>, fortran: bool) -> Sized {
    Ok(Array::I64(row_major(shape, data, fortran)?))
}

fn row_major<T: Clone>(
    shape: Vec<usize>,
    data: Vec<T>,
    fortran: bool,
) -> Result<Tensor<T>, crate::tensor::TensorError> {
    if !fortran || shape.len() < 2 {
        return Tensor::new(shape, data);
    }
    let mut ordered = Vec::with_capacity(data.len());
    for flat in 0..data.len() {
        // Last axis first: its stride is the largest in Fortran's order.
        let (mut rest, mut at, mut stride) = (flat, 0, data.len());
        for &dim in shape.iter().rev() {
            stride /= dim;
            at += rest % dim * stride;
            rest /= dim;
        }
        ordered.push(data[at].clone());
    }
    Tensor::new(shape, ordered)
}

/// Where the header's text lies; a stated length beyond the file gives none.
fn header_range(bytes: &[u8]) -> Option<(usize, usize)> {
    let (magic, rest) = bytes.split_at_checked(8)?;
    let (length, start) = match (magic.strip_prefix(b"\x93NUMPY")?[0], rest) {
        (1, [a, b, ..]) => (usize::from(u16::from_le_bytes([*a, *b])), 10),
        (2 | 3, [a, b, c, d, ..]) => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, 12),
        _ => return None,
    };
    let end = length.checked_add(start).filter(|&end| end <= bytes.len())?;
    Some((start, end))
}

/// An array's header: `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
/// Source: numpy, `numpy/lib/format.py`.
struct Header {
    kind: char,
    width: usize,
    big_endian: bool,
    fortran: bool,
    shape: Vec<usize>,
}

impl Header {
    fn parse(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|_| "its header is not text")?;
        let after = |key: &str| {
            let (_, rest) =
                text.split_once(&format!("'{key}':")).ok_or(format!("its header lacks `{key}`"))?;
            Ok::<&str, String>(rest.trim_start())
        };
        let descr = after("descr")?;
        let plain = descr.strip_prefix('\'').and_then(|d| d.split_once('\''));
        let (descr, _) = plain.ok_or("a structured element type; store plain numbers")?;
        let mut chars = descr.chars();
        let (order, kind) = (chars.next(), chars.next());
        let (Some(order @ ('<' | '>' | '|' | '=')), Some(kind)) = (order, kind) else {
            return Err(format!("element type `{descr}`"));
        };
        let width = chars.as_str().parse().map_err(|_| format!("element type `{descr}`"))?;
        if !matches!(kind, 'f' | 'i' | 'u' | 'b') {
            return Err(format!("element type `{descr}`; store numbers"));
        }
        let dims = after("shape")?
            .strip_prefix('(')
            .and_then(|s| s.split_once(')'))
            .ok_or("its shape is no tuple")?
            .0;
        let dims = dims.split(',').map(str::trim).filter(|d| !d.is_empty());
        let shape =
            dims.map(|d| d.parse().map_err(|_| format!("dimension `{d}`"))).collect::<Result<_, _>>()?;
        let fortran = after("fortran_order")?.starts_with("True");
        Ok(Self { kind, width, big_endian: order == '>', fortran, shape })
    }
}
