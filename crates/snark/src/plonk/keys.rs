//! The verifying key and the proof, and their bytes.

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ff::{Field, One};
use ark_poly::EvaluationDomain;

use super::{Domain, MAX_LOG_ROWS, MAX_PUBLIC_INPUTS, SELECTORS, WIRES};
use crate::circuit::ShapeDigest;
use crate::codec::{Check, CodecError, Decoder, Encoder, G1_BYTES, SCALAR_BYTES};

const MAGIC: &[u8; 8] = b"zkmlpvk1";

/// What verifiers need for one circuit, and what provers are bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyingKey {
    pub(super) circuit: ShapeDigest,
    pub(super) log_rows: u32,
    pub(super) public_inputs: u32,
    /// Commitments to qL, qR, qO, qM, qN, qC.
    pub(super) selectors: [G1Affine; SELECTORS],
    /// Commitments to the permutation, per wire.
    pub(super) permutations: [G1Affine; WIRES],
    pub(super) tau_g2: G2Affine,
}

impl VerifyingKey {
    /// The circuit this key belongs to.
    pub fn circuit(&self) -> ShapeDigest {
        self.circuit
    }

    /// How many public inputs a proof has.
    pub fn public_inputs(&self) -> usize {
        self.public_inputs as usize
    }

    /// The number of rows, a power of two.
    pub fn rows(&self) -> usize {
        1 << self.log_rows
    }

    /// `τ·G₂` of the reference string, which tells whose ceremony it was.
    pub fn tau_g2(&self) -> G2Affine {
        self.tau_g2
    }

    /// The domain of the rows, or nothing if the field has none of this size.
    pub(super) fn domain(&self) -> Option<Domain> {
        Domain::new(self.rows())
    }

    /// The key as a contract stores it, words of 32 bytes: the circuit's digest; n, the number of public inputs, the
    /// root of unity ω of order n, 1/n; qL, qR, qO, qM, qN, qC, the three permutations; `τ·G₂`.
    pub fn evm_bytes(&self) -> Vec<u8> {
        let rows = Fr::from(self.rows() as u64);
        let omega = self.domain().map(|domain| domain.group_gen).unwrap_or_default();
        let mut encoder = Encoder::default();
        encoder.bytes(&self.circuit.0).scalar(&rows).scalar(&Fr::from(self.public_inputs));
        encoder.scalar(&omega).scalar(&rows.inverse().unwrap_or(Fr::one()));
        for point in self.selectors.iter().chain(&self.permutations) {
            encoder.g1(point);
        }
        encoder.g2(&self.tau_g2);
        encoder.0
    }

    /// Digest of the file's bytes.
    pub fn digest(&self) -> [u8; 32] {
        blake3::derive_key("zkml-snark 2026-01 plonk verifying key", &self.to_bytes())
    }

    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut encoder = Encoder::with_magic(MAGIC);
        encoder.bytes(&self.circuit.0).u32(self.log_rows).u32(self.public_inputs);
        for point in self.selectors.iter().chain(&self.permutations) {
            encoder.g1(point);
        }
        encoder.g2(&self.tau_g2);
        encoder.0
    }

    /// The key in a file; every point is checked. Selectors that are zero everywhere are at infinity.
    ///
    /// # Errors
    /// If anything but one canonical encoding of a key is found.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut decoder = Decoder::with_magic(bytes, Check::Full, MAGIC, "PLONK verifying key")?;
        let circuit = ShapeDigest(decoder.array("the circuit's digest")?);
        let mut bounded = |what, limit: u32| match decoder.u32(what)? {
            found if found > limit => {
                Err(CodecError::Count { what, found: found.into(), expected: limit.into() })
            }
            found => Ok(found),
        };
        let log_rows = bounded("the logarithm of the rows", MAX_LOG_ROWS)?;
        let public_inputs = bounded("the number of public inputs", MAX_PUBLIC_INPUTS as u32)?;
        if log_rows < 3 || public_inputs as usize > 1 << log_rows {
            return Err(CodecError::NotCanonical("the number of rows"));
        }
        let mut selectors = [G1Affine::default(); SELECTORS];
        for selector in &mut selectors {
            *selector = decoder.g1("a selector")?;
        }
        let mut permutations = [G1Affine::default(); WIRES];
        for permutation in &mut permutations {
            *permutation = decoder.finite_g1("a permutation")?;
        }
        let tau_g2 = decoder.finite_g2("tau in G2")?;
        decoder.finish()?;
        Ok(Self { circuit, log_rows, public_inputs, selectors, permutations, tau_g2 })
    }
}

/// Nine points and seven scalars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Commitments to a, b, c.
    pub(super) wires: [G1Affine; WIRES],
    /// Commitment to the permutation's running product z.
    pub(super) product: G1Affine,
    /// Commitments to the three parts of the quotient.
    pub(super) quotient: [G1Affine; 3],
    /// a, b, c, the first two permutations at ζ; z and c at ζω.
    pub(super) evaluations: [Fr; EVALUATIONS],
    /// The openings at ζ and at ζω.
    pub(super) openings: [G1Affine; 2],
}

pub(super) const EVALUATIONS: usize = 7;

impl Proof {
    /// The length of the encoding.
    pub const BYTES: usize = 9 * G1_BYTES + EVALUATIONS * SCALAR_BYTES;

    /// The encoding that contracts and files take, in the order of the fields.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut encoder = Encoder::default();
        for point in self.wires.iter().chain([&self.product]).chain(&self.quotient) {
            encoder.g1(point);
        }
        for scalar in &self.evaluations {
            encoder.scalar(scalar);
        }
        encoder.g1(&self.openings[0]).g1(&self.openings[1]);
        encoder.0
    }

    /// The proof with this encoding.
    ///
    /// # Errors
    /// If a scalar or coordinate is not canonical, or a point is at infinity or off the curve.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut decoder = Decoder::new(bytes, Check::Full);
        let point = |decoder: &mut Decoder<'_>| decoder.finite_g1("a point of the proof");
        let wires = [point(&mut decoder)?, point(&mut decoder)?, point(&mut decoder)?];
        let product = point(&mut decoder)?;
        let quotient = [point(&mut decoder)?, point(&mut decoder)?, point(&mut decoder)?];
        let mut evaluations = [Fr::default(); EVALUATIONS];
        for evaluation in &mut evaluations {
            *evaluation = decoder.scalar("an evaluation in the proof")?;
        }
        let openings = [point(&mut decoder)?, point(&mut decoder)?];
        decoder.finish()?;
        Ok(Self { wires, product, quotient, evaluations, openings })
    }
}
