//! Group elements as files hold them: the words of `docs/bn254.md`, which contracts take.

use ark_bn254::G2Affine;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zkml_bn254::ColumnPoints;
use zkml_bn254::field::{WORD, point_from_words, point_words};
use zkml_snark::codec;

/// Commitments to columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Points(pub ColumnPoints);

impl Points {
    /// The words of all points.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.points().iter().flat_map(point_words).flatten().collect()
    }

    /// Reads words.
    ///
    /// # Errors
    /// Which of the rules of `docs/bn254.md`, section 1, a point breaks.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, &'static str> {
        let (words, rest) = bytes.as_chunks::<WORD>();
        let (pairs, odd) = words.as_chunks::<2>();
        if !rest.is_empty() || !odd.is_empty() {
            return Err("a point is cut off");
        }
        let points: Option<Vec<_>> = pairs.iter().map(point_from_words).collect();
        let points = points.ok_or("a point is not canonical, off the curve, or at infinity")?;
        ColumnPoints::new(points).map(Self).map_err(|_| "a point is at infinity")
    }
}

impl Serialize for Points {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_bytes::serialize(&self.bytes(), serializer)
    }
}

impl<'de> Deserialize<'de> for Points {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes: Vec<u8> = serde_bytes::deserialize(deserializer)?;
        Self::from_bytes(&bytes).map_err(D::Error::custom)
    }
}

/// `[τ]` in G2, which names a reference string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TauG2(pub G2Affine);

impl TauG2 {
    /// The words, in the order of EIP-197.
    pub fn bytes(&self) -> [u8; codec::G2_BYTES] {
        codec::g2_to_bytes(&self.0)
    }
}

impl Serialize for TauG2 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_bytes::serialize(&self.bytes()[..], serializer)
    }
}

impl<'de> Deserialize<'de> for TauG2 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes: Vec<u8> = serde_bytes::deserialize(deserializer)?;
        codec::g2_from_bytes(&bytes, "tau in G2").map(Self).map_err(D::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "what fails here is a failed test")]
mod tests {
    use super::*;
    use zkml_snark::{G1Affine, G2Affine};

    #[test]
    fn points_at_infinity_off_the_curve_or_cut_off_are_refused() {
        let generator = point_words(&generator_point()).concat();
        assert_eq!(Points::from_bytes(&generator).unwrap().bytes(), generator);
        assert!(Points::from_bytes(&generator[1..]).is_err());
        assert!(Points::from_bytes(&generator[..WORD]).is_err());
        assert!(Points::from_bytes(&[0; 2 * WORD]).is_err());
        assert!(Points::from_bytes(&[1; 2 * WORD]).is_err());
        assert_eq!(Points::from_bytes(&[]).unwrap().bytes(), Vec::<u8>::new());
    }

    fn generator_point() -> G1Affine {
        point_from_words(&[word(1), word(2)]).unwrap()
    }

    fn word(value: u8) -> [u8; WORD] {
        let mut word = [0; WORD];
        word[WORD - 1] = value;
        word
    }

    #[test]
    fn tau_at_infinity_is_refused() {
        assert!(codec::g2_from_bytes(&codec::g2_to_bytes(&G2Affine::default()), "tau").is_err());
    }
}
