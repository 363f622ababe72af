//! JSON data: an object of nested lists, or EZKL's `{"input_data": [[…]]}`.

use serde_json::Value;

use super::{DataError, DataFile};
use crate::tensor::{Array, Tensor};

/// `input_data` holds one flat list per input; every other member is a named array.
pub(super) fn read(file: &str, bytes: &[u8]) -> Result<DataFile, DataError> {
    let malformed =
        |what: &str, reason: String| DataError::Malformed { file: file.into(), what: what.into(), reason };
    let root: Value = serde_json::from_slice(bytes).map_err(|e| malformed("JSON", e.to_string()))?;
    let Value::Object(members) = root else {
        return Err(malformed(
            "JSON",
            "expected an object of named arrays, as in {\"x\": [[0.5, 1]]}".into(),
        ));
    };
    let mut data = DataFile::default();
    for (name, value) in members {
        if name == "input_data" {
            let Value::Array(inputs) = value else {
                return Err(malformed(&name, "expected a list with one list of numbers per input".into()));
            };
            for input in &inputs {
                let (_, numbers) = flatten(input).map_err(|reason| malformed(&name, reason))?;
                let len = numbers.len();
                data.positional.push(array(file, &name, vec![len], &numbers)?);
            }
        } else if value.is_array() || value.is_number() {
            let (shape, numbers) = flatten(&value).map_err(|reason| malformed(&name, reason))?;
            data.arrays.insert(name.clone(), array(file, &name, shape, &numbers)?);
        }
        // Other members are somebody's notes.
    }
    Ok(data)
}

/// Integers if all numbers are written as integers, else floats.
fn array(file: &str, name: &str, shape: Vec<usize>, numbers: &[&Value]) -> Result<Array, DataError> {
    let size = |source| DataError::Size { file: file.into(), array: name.into(), source };
    let ints: Option<Vec<i64>> = numbers.iter().map(|v| v.as_i64().or(v.as_bool().map(i64::from))).collect();
    if let Some(ints) = ints {
        return Ok(Array::I64(Tensor::new(shape, ints).map_err(size)?));
    }
    let floats = numbers.iter().map(|v| v.as_f64().or(v.as_bool().map(f64::from)).unwrap_or(f64::NAN) as f32);
    Ok(Array::F32(Tensor::new(shape, floats.collect()).map_err(size)?))
}

/// Shape and numbers of nested lists of equal lengths.
fn flatten(value: &Value) -> Result<(Vec<usize>, Vec<&Value>), String> {
    match value {
        Value::Array(items) => {
            let mut numbers = vec![];
            let mut inner: Option<Vec<usize>> = None;
            for item in items {
                let (shape, mut part) = flatten(item)?;
                if *inner.get_or_insert_with(|| shape.clone()) != shape {
                    return Err("lists of different lengths side by side".into());
                }
                numbers.append(&mut part);
            }
            Ok(([vec![items.len()], inner.unwrap_or_default()].concat(), numbers))
        }
        Value::Number(_) | Value::Bool(_) => Ok((vec![], vec![value])),
        other => Err(format!("expected a number, got {other}")),
    }
}
