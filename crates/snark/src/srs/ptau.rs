//! The `.ptau` container of snarkjs: numbered sections of little-endian data, coordinates in Montgomery form.

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom, Write};

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::scalar_mul::ScalarMul;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{BigInteger, BigInteger256, PrimeField};
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::{MAX_POWER, PowersOfTau, Srs, SrsError};
use crate::codec::{self, Check, CodecError, G1_BYTES, G2_BYTES};
use crate::random;

pub(super) const MAGIC: &[u8; 4] = b"ptau";
const VERSION: u32 = 1;
/// Real files have at most 15.
const MAX_SECTIONS: u32 = 64;

const HEADER: u32 = 1;
const TAU_G1: u32 = 2;
const TAU_G2: u32 = 3;
const ALPHA_TAU_G1: u32 = 4;
const BETA_TAU_G1: u32 = 5;
const BETA_G2: u32 = 6;
const CONTRIBUTIONS: u32 = 7;

/// Where the sections of a file lie: (first byte, bytes) by number.
struct Sections<'a, R> {
    source: &'a mut R,
    table: HashMap<u32, (u64, u64)>,
}

impl<'a, R: Read + Seek> Sections<'a, R> {
    fn open(source: &'a mut R) -> Result<Self, SrsError> {
        let end = source.seek(SeekFrom::End(0))?;
        source.seek(SeekFrom::Start(0))?;
        if array::<4>(source)? != *MAGIC || u32::from_le_bytes(array(source)?) != VERSION {
            return Err(CodecError::Magic(".ptau file").into());
        }
        let count = u32::from_le_bytes(array(source)?);
        if count > MAX_SECTIONS {
            return Err(SrsError::Format("there are more than 64 sections"));
        }
        let mut table = HashMap::new();
        let mut position = 12u64;
        for _ in 0..count {
            source.seek(SeekFrom::Start(position))?;
            let (id, size) = (u32::from_le_bytes(array(source)?), u64::from_le_bytes(array(source)?));
            let start = position + 12;
            position = start
                .checked_add(size)
                .filter(|&next| next <= end)
                .ok_or(CodecError::Truncated("a section"))?;
            if table.insert(id, (start, size)).is_some() {
                return Err(SrsError::Format("a section occurs twice"));
            }
        }
        let mut sections = Self { source, table };
        sections.check_header()?;
        Ok(sections)
    }

    fn seek(&mut self, id: u32, what: &'static str) -> Result<u64, SrsError> {
        let &(start, size) = self.table.get(&id).ok_or(CodecError::Truncated(what))?;
        self.source.seek(SeekFrom::Start(start))?;
        Ok(size)
    }

    fn check_header(&mut self) -> Result<(), SrsError> {
        if self.seek(HEADER, "the header")? != 44 {
            return Err(SrsError::Format("the header is not that of BN254"));
        }
        let width = u32::from_le_bytes(array(self.source)?);
        let modulus: [u8; 32] = array(self.source)?;
        if width != 32 || modulus.as_slice() != Fq::MODULUS.to_bytes_le() {
            return Err(SrsError::Format("the curve is not BN254"));
        }
        Ok(())
    }

    fn points<const N: usize, T: Send>(
        &mut self,
        id: u32,
        needed: usize,
        what: &'static str,
        decode: impl Fn(&[u8; N], &'static str) -> Result<T, CodecError> + Send + Sync,
    ) -> Result<Vec<T>, SrsError> {
        let found = self.seek(id, what)? / N as u64;
        if found < needed as u64 {
            return Err(SrsError::TooSmall { what, found, needed: needed as u64 });
        }
        // The section holds at least this many bytes, so the file bounds the allocation.
        let mut bytes = vec![0; needed * N];
        self.source.read_exact(&mut bytes)?;
        let points = bytes.as_chunks::<N>().0.par_iter().map(|bytes| decode(bytes, what));
        Ok(points.collect::<Result<_, _>>()?)
    }

    fn g1(&mut self, id: u32, needed: usize, what: &'static str) -> Result<Vec<G1Affine>, SrsError> {
        self.points::<G1_BYTES, _>(id, needed, what, decode_g1)
    }

    fn g2(&mut self, id: u32, needed: usize, what: &'static str) -> Result<Vec<G2Affine>, SrsError> {
        self.points::<G2_BYTES, _>(id, needed, what, decode_g2)
    }
}

pub(super) fn array<const N: usize>(source: &mut impl Read) -> Result<[u8; N], SrsError> {
    let mut bytes = [0; N];
    source.read_exact(&mut bytes)?;
    Ok(bytes)
}

pub(super) fn read_srs(source: &mut (impl Read + Seek), points: usize) -> Result<Srs, SrsError> {
    let mut sections = Sections::open(source)?;
    let g1 = sections.g1(TAU_G1, points, "powers of tau in G1")?;
    let g2 = sections.g2(TAU_G2, 2, "powers of tau in G2")?;
    let [g2, tau_g2] =
        <[G2Affine; 2]>::try_from(g2).map_err(|_| CodecError::Truncated("powers of tau in G2"))?;
    Ok(Srs { g1, g2, tau_g2 })
}

pub(super) fn read_powers(source: &mut (impl Read + Seek), domain: usize) -> Result<PowersOfTau, SrsError> {
    let mut sections = Sections::open(source)?;
    let beta_g2 = sections.g2(BETA_G2, 1, "beta in G2")?;
    Ok(PowersOfTau {
        tau_g1: sections.g1(TAU_G1, 2 * domain - 1, "powers of tau in G1")?,
        tau_g2: sections.g2(TAU_G2, domain, "powers of tau in G2")?,
        alpha_tau_g1: sections.g1(ALPHA_TAU_G1, domain, "multiples of alpha")?,
        beta_tau_g1: sections.g1(BETA_TAU_G1, domain, "multiples of beta")?,
        beta_g2: beta_g2.first().copied().ok_or(CodecError::Truncated("beta in G2"))?,
    })
}

/// The element whose Montgomery form has these little-endian bytes.
fn montgomery(bytes: &[u8], what: &'static str) -> Result<Fq, CodecError> {
    let mut integer = BigInteger256::default();
    for (limb, word) in integer.0.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *limb = u64::from_le_bytes(*word);
    }
    if integer < Fq::MODULUS { Ok(Fq::new_unchecked(integer)) } else { Err(CodecError::NotCanonical(what)) }
}

fn coordinates<const N: usize>(bytes: &[u8], what: &'static str) -> Result<[Fq; N], CodecError> {
    let mut coordinates = [Fq::default(); N];
    for (coordinate, bytes) in coordinates.iter_mut().zip(bytes.chunks_exact(32)) {
        *coordinate = montgomery(bytes, what)?;
    }
    Ok(coordinates)
}

fn decode_g1(bytes: &[u8; G1_BYTES], what: &'static str) -> Result<G1Affine, CodecError> {
    let [x, y] = coordinates(bytes, what)?;
    codec::point(G1Affine::new_unchecked(x, y), Check::Full, what)
}

fn decode_g2(bytes: &[u8; G2_BYTES], what: &'static str) -> Result<G2Affine, CodecError> {
    let [x0, x1, y0, y1] = coordinates(bytes, what)?;
    codec::point(G2Affine::new_unchecked(Fq2::new(x0, x1), Fq2::new(y0, y1)), Check::Full, what)
}

/// `factor·τ^i·G₁` for `i < count`.
pub(super) fn powers_g1(factor: Fr, tau: Fr, count: usize) -> Vec<G1Affine> {
    G1Projective::from(G1Affine::generator()).batch_mul(&scalars(factor, tau, count))
}

fn scalars(factor: Fr, tau: Fr, count: usize) -> Zeroizing<Vec<Fr>> {
    Zeroizing::new(std::iter::successors(Some(factor), |power| Some(*power * tau)).take(count).collect())
}

/// Writes a `.ptau` file with 2^`power` points whose secrets this process knew. For testing.
///
/// # Errors
/// If writing fails, there is no randomness, or the power is not between 1 and [`MAX_POWER`].
pub fn write_testing_ptau(power: u32, sink: &mut impl Write) -> Result<(), SrsError> {
    if !(1..=MAX_POWER).contains(&power) {
        return Err(SrsError::Format("the power is not between 1 and 28"));
    }
    let [tau, alpha, beta] = [random::scalar()?, random::scalar()?, random::scalar()?].map(Zeroizing::new);
    let n = 1usize << power;
    sink.write_all(MAGIC)?;
    sink.write_all(&VERSION.to_le_bytes())?;
    sink.write_all(&CONTRIBUTIONS.to_le_bytes())?;
    let mut header = 32u32.to_le_bytes().to_vec();
    header.extend_from_slice(&Fq::MODULUS.to_bytes_le());
    header.extend_from_slice(&power.to_le_bytes());
    header.extend_from_slice(&power.to_le_bytes());
    section(sink, HEADER, &header)?;
    section(sink, TAU_G1, &encode_g1(&powers_g1(Fr::from(1), *tau, 2 * n - 1)))?;
    let g2 = G2Projective::from(G2Affine::generator()).batch_mul(&scalars(Fr::from(1), *tau, n));
    section(sink, TAU_G2, &encode_g2(&g2))?;
    section(sink, ALPHA_TAU_G1, &encode_g1(&powers_g1(*alpha, *tau, n)))?;
    section(sink, BETA_TAU_G1, &encode_g1(&powers_g1(*beta, *tau, n)))?;
    section(sink, BETA_G2, &encode_g2(&[(G2Affine::generator() * *beta).into_affine()]))?;
    section(sink, CONTRIBUTIONS, &0u32.to_le_bytes())
}

fn section(sink: &mut impl Write, id: u32, bytes: &[u8]) -> Result<(), SrsError> {
    sink.write_all(&id.to_le_bytes())?;
    sink.write_all(&(bytes.len() as u64).to_le_bytes())?;
    Ok(sink.write_all(bytes)?)
}

fn encode_g1(points: &[G1Affine]) -> Vec<u8> {
    points.iter().flat_map(|point| [point.x, point.y]).flat_map(|x| x.0.to_bytes_le()).collect()
}

fn encode_g2(points: &[G2Affine]) -> Vec<u8> {
    points
        .iter()
        .flat_map(|point| [point.x.c0, point.x.c1, point.y.c0, point.y.c1])
        .flat_map(|x| x.0.to_bytes_le())
        .collect()
}
