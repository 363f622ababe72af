//! The frame of every file: four bytes of kind, a version, and a canonical body.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::FormatError;

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The first four bytes.
    pub magic: [u8; 4],
    /// The version that this program writes and reads.
    pub version: u16,
    /// The kind in words.
    pub name: &'static str,
}

/// Writes a file of a kind.
///
/// # Errors
/// [`FormatError::Damaged`] if the body cannot be encoded.
pub fn seal<T: Serialize>(kind: Kind, body: &T) -> Result<Vec<u8>, FormatError> {
    let mut bytes = kind.magic.to_vec();
    bytes.extend_from_slice(&kind.version.to_le_bytes());
    postcard::to_extend(body, bytes).map_err(|e| damaged(kind, &e))
}

/// Reads a file of a kind; refuses anything but the bytes that [`seal`] writes.
///
/// # Errors
/// [`FormatError`] that says what the bytes are instead.
pub fn open<T: Serialize + DeserializeOwned>(kind: Kind, bytes: &[u8]) -> Result<T, FormatError> {
    let Some((magic, rest)) = bytes.split_first_chunk::<4>().filter(|(magic, _)| **magic == kind.magic)
    else {
        return Err(FormatError::Kind { expected: kind.name, got: bytes.iter().take(4).copied().collect() });
    };
    let Some((version, rest)) = rest.split_first_chunk::<2>() else {
        return Err(damaged(kind, &format!("it ends after {} bytes", magic.len() + rest.len())));
    };
    let got = u16::from_le_bytes(*version);
    if got != kind.version {
        return Err(FormatError::Version { kind: kind.name, expected: kind.version, got });
    }
    let body: T = postcard::from_bytes(rest).map_err(|e| damaged(kind, &e))?;
    if seal(kind, &body)? != bytes {
        return Err(damaged(kind, &"it is not in canonical form"));
    }
    Ok(body)
}

pub(crate) fn damaged(kind: Kind, reason: &dyn std::fmt::Display) -> FormatError {
    FormatError::Damaged { kind: kind.name, reason: reason.to_string() }
}
