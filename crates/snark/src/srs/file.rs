//! A reference string as this program keeps it: checked once, read quickly.

use super::Srs;
use crate::codec::{Check, CodecError, Decoder, Encoder};

const MAGIC: &[u8; 8] = b"zkmlsrs1";

impl Srs {
    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut encoder = Encoder::with_magic(MAGIC);
        encoder.g1_list(&self.g1).g2(&self.g2).g2(&self.tau_g2);
        encoder.0
    }

    /// The string of `points` powers in a file. [`Check::Full`] checks every point, but not that they are powers of one
    /// secret: [`Srs::check`] does.
    ///
    /// # Errors
    /// If anything but one canonical encoding of that many powers is found.
    pub fn from_bytes(bytes: &[u8], points: usize, check: Check) -> Result<Self, CodecError> {
        let mut decoder = Decoder::with_magic(bytes, check, MAGIC, "reference string")?;
        let srs = Self {
            g1: decoder.g1_list(points, "a power in G1")?,
            g2: decoder.finite_g2("the generator of G2")?,
            tau_g2: decoder.finite_g2("tau in G2")?,
        };
        decoder.finish()?;
        Ok(srs)
    }
}
