//! The contract ABI, strictly: one encoding for every value.

use crate::{Word, integer, keccak};

/// A value in a call.
pub(crate) enum Value<'a> {
    /// A static value.
    Word(Word),
    /// `bytes`.
    Bytes(&'a [u8]),
    /// A struct with dynamic members.
    Tuple(Vec<Value<'a>>),
    /// An array of dynamic values.
    Array(Vec<Value<'a>>),
}

impl Value<'_> {
    fn append(&self, to: &mut Vec<u8>) {
        match self {
            Self::Word(word) => to.extend_from_slice(word),
            Self::Bytes(bytes) => {
                to.extend_from_slice(&integer(bytes.len() as u128));
                to.extend_from_slice(bytes);
                to.resize(to.len() + bytes.len().next_multiple_of(32) - bytes.len(), 0);
            }
            Self::Tuple(members) => append_all(members, to),
            Self::Array(elements) => {
                to.extend_from_slice(&integer(elements.len() as u128));
                append_all(elements, to);
            }
        }
    }
}

/// Heads, then tails: static values lie in the heads, which hold the offsets of all others.
fn append_all(values: &[Value<'_>], to: &mut Vec<u8>) {
    let mut tails = Vec::new();
    for value in values {
        if let Value::Word(word) = value {
            to.extend_from_slice(word);
        } else {
            to.extend_from_slice(&integer((32 * values.len() + tails.len()) as u128));
            value.append(&mut tails);
        }
    }
    to.extend_from_slice(&tails);
}

/// The first four bytes of a signature's hash.
pub(crate) fn selector(signature: &str) -> [u8; 4] {
    let [a, b, c, d, ..] = keccak(signature.as_bytes());
    [a, b, c, d]
}

/// Calldata.
pub(crate) fn call(signature: &str, arguments: &[Value<'_>]) -> Vec<u8> {
    let mut data = selector(signature).to_vec();
    append_all(arguments, &mut data);
    data
}

/// Arguments of a constructor.
pub(crate) fn arguments(values: &[Value<'_>]) -> Vec<u8> {
    let mut data = Vec::new();
    append_all(values, &mut data);
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_the_one_of_the_abi_specification() {
        // The specification's example sam(bytes,bool,uint256[]) has a static array; this one has the same offsets.
        let data = call("f(bytes,bool)", &[Value::Bytes(b"dave"), Value::Word(integer(1))]);
        assert_eq!(data.len(), 4 + 4 * 32);
        assert_eq!(data[4 + 31], 0x40);
        assert_eq!(data[4 + 95], 4);
        assert_eq!(&data[100..104], b"dave");
        assert_eq!(selector("baz(uint32,bool)"), [0xcd, 0xcd, 0x77, 0xc0]);
        assert_eq!(selector("sam(bytes,bool,uint256[])"), [0xa5, 0x64, 0x3b, 0xf2]);
    }

    #[test]
    fn elements_of_arrays_are_found_by_offsets_from_the_first_head() {
        let tuple = |n| Value::Tuple(vec![Value::Word(integer(n)), Value::Bytes(b"")]);
        let data = arguments(&[Value::Array(vec![tuple(7), tuple(8)])]);
        let word =
            |i: usize| u128::from_be_bytes(data[32 * i + 16..32 * i + 32].try_into().unwrap_or_default());
        let expected = [0x20, 2, 0x40, 0xa0, 7, 0x40, 0, 8, 0x40, 0];
        assert_eq!((0..10).map(word).collect::<Vec<_>>(), expected);
        assert_eq!(data.len(), 320);
    }
}
