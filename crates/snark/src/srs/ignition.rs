//! The first transcript of a ceremony in the format of Aztec's Ignition: a header of seven big-endian words, powers
//! in G1 from τ on (the generator is left out), two points in G2 of which the first is τ's, and a checksum.
//! A coordinate is four 64-bit words, the least significant first, each big-endian.

use std::io::{Read, Seek, SeekFrom};

use ark_bn254::{Fq, Fq2, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInteger256, PrimeField};
use rayon::prelude::*;

use super::{Srs, SrsError, ptau};
use crate::codec::{self, Check, CodecError, G1_BYTES, G2_BYTES};

const HEADER_BYTES: u64 = 28;
const POINTS: &str = "powers of tau in G1";
const TAU: &str = "tau in G2";

/// The first `points` powers; those beyond the first transcript are not reached.
pub(super) fn read_srs(source: &mut (impl Read + Seek), points: usize) -> Result<Srs, SrsError> {
    source.seek(SeekFrom::Start(0))?;
    let mut header = [0; 7];
    for word in &mut header {
        *word = u32::from_be_bytes(ptau::array(source)?);
    }
    let [number, _, _, _, g1_here, g2_here, start] = header;
    if number != 0 || start != 0 || g2_here == 0 {
        return Err(SrsError::Format(
            "this is neither a .ptau file nor the first transcript of an Ignition ceremony",
        ));
    }
    let end = source.seek(SeekFrom::End(0))?;
    let g2_start = HEADER_BYTES + u64::from(g1_here) * G1_BYTES as u64;
    if end < g2_start + G2_BYTES as u64 {
        return Err(CodecError::Truncated("the transcript").into());
    }
    let needed = points - 1;
    if u64::from(g1_here) < needed as u64 {
        return Err(SrsError::TooSmall {
            what: POINTS,
            found: u64::from(g1_here) + 1,
            needed: points as u64,
        });
    }
    source.seek(SeekFrom::Start(HEADER_BYTES))?;
    let mut bytes = vec![0; needed * G1_BYTES];
    source.read_exact(&mut bytes)?;
    let mut g1 = Vec::with_capacity(points);
    g1.push(G1Affine::generator());
    let rest = bytes.as_chunks::<G1_BYTES>().0.par_iter().map(|bytes| {
        let [x, y] = coordinates(bytes, POINTS)?;
        codec::point(G1Affine::new_unchecked(x, y), Check::Full, POINTS)
    });
    g1.extend(rest.collect::<Result<Vec<_>, CodecError>>()?);
    source.seek(SeekFrom::Start(g2_start))?;
    let [x0, x1, y0, y1] = coordinates(&ptau::array::<G2_BYTES>(source)?, TAU)?;
    let tau_g2 = codec::point(G2Affine::new_unchecked(Fq2::new(x0, x1), Fq2::new(y0, y1)), Check::Full, TAU)?;
    Ok(Srs { g1, g2: G2Affine::generator(), tau_g2 })
}

fn coordinates<const N: usize>(bytes: &[u8], what: &'static str) -> Result<[Fq; N], CodecError> {
    let mut coordinates = [Fq::default(); N];
    for (coordinate, bytes) in coordinates.iter_mut().zip(bytes.chunks_exact(32)) {
        let mut integer = BigInteger256::default();
        for (limb, word) in integer.0.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *limb = u64::from_be_bytes(*word);
        }
        *coordinate = Fq::from_bigint(integer).ok_or(CodecError::NotCanonical(what))?;
    }
    Ok(coordinates)
}
