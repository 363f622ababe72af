//! Keys and proofs, and their files.

use std::fmt;

use ark_bn254::{Bn254, G1Affine, G2Affine};

use super::{Groth16Error, MAX_PUBLIC_INPUTS};
use crate::circuit::{MAX_SIZE, Shape, ShapeDigest};
use crate::codec::{Check, CodecError, Decoder, Encoder, G1_BYTES, G2_BYTES};

const PROVING_MAGIC: &[u8; 8] = b"zkmlgpk1";
const VERIFYING_MAGIC: &[u8; 8] = b"zkmlgvk1";

/// Where the secrets of a key came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// One process knew them: fit for tests only.
    Testing,
    /// A ceremony whose transcript has this digest.
    Ceremony([u8; 32]),
}

impl Origin {
    fn encode(self, encoder: &mut Encoder) {
        match self {
            Self::Testing => encoder.bytes(&[0; 33]),
            Self::Ceremony(digest) => encoder.bytes(&[1]).bytes(&digest),
        };
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, CodecError> {
        match (decoder.u8("the key's origin")?, decoder.array::<32>("the key's origin")?) {
            (0, digest) if digest == [0; 32] => Ok(Self::Testing),
            (1, digest) => Ok(Self::Ceremony(digest)),
            _ => Err(CodecError::NotCanonical("the key's origin")),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Testing => formatter.write_str("FOR TESTING ONLY: whoever ran the setup can forge proofs"),
            Self::Ceremony(digest) => write!(formatter, "ceremony {}", ShapeDigest(*digest)),
        }
    }
}

/// What the prover needs for one circuit; about 400 bytes per constraint.
#[derive(Clone, Debug, PartialEq)]
pub struct ProvingKey {
    pub(super) origin: Origin,
    pub(super) circuit: ShapeDigest,
    pub(super) key: ark_groth16::ProvingKey<Bn254>,
}

/// What verifiers need for one circuit.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifyingKey {
    pub(super) origin: Origin,
    pub(super) circuit: ShapeDigest,
    pub(super) key: ark_groth16::VerifyingKey<Bn254>,
}

/// Three points. Anyone can turn a proof into another of the same statement, so its bytes identify nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// A.
    pub a: G1Affine,
    /// B.
    pub b: G2Affine,
    /// C.
    pub c: G1Affine,
}

impl Proof {
    /// The length of the encoding.
    pub const BYTES: usize = 2 * G1_BYTES + G2_BYTES;

    /// The encoding that contracts and files take: A, B, C, in the coordinates of the EVM's precompiles.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut encoder = Encoder::default();
        encoder.g1(&self.a).g2(&self.b).g1(&self.c);
        encoder.0
    }

    /// The proof with this encoding.
    ///
    /// # Errors
    /// If a coordinate is not canonical, or a point is at infinity, off the curve or outside the subgroup.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut decoder = Decoder::new(bytes, Check::Full);
        let proof = Self {
            a: decoder.finite_g1("A of the proof")?,
            b: decoder.finite_g2("B of the proof")?,
            c: decoder.finite_g1("C of the proof")?,
        };
        decoder.finish()?;
        Ok(proof)
    }
}

impl VerifyingKey {
    /// Where the secrets came from; keys for testing must not guard anything of value.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// The circuit this key belongs to.
    pub fn circuit(&self) -> ShapeDigest {
        self.circuit
    }

    /// How many public inputs a proof has.
    pub fn public_inputs(&self) -> usize {
        self.key.gamma_abc_g1.len().saturating_sub(1)
    }

    /// The key in the coordinates of the EVM's precompiles, without any header: α, β, γ, δ, then IC₀ for the constant
    /// and one point per public input. What a contract stores.
    pub fn evm_bytes(&self) -> Vec<u8> {
        let mut encoder = Encoder::default();
        self.encode_points(&mut encoder);
        encoder.0
    }

    /// Digest of the file's bytes.
    pub fn digest(&self) -> [u8; 32] {
        blake3::derive_key("zkml-snark 2026-01 groth16 verifying key", &self.to_bytes())
    }

    fn encode_points(&self, encoder: &mut Encoder) {
        let key = &self.key;
        encoder.g1(&key.alpha_g1).g2(&key.beta_g2).g2(&key.gamma_g2).g2(&key.delta_g2);
        for point in &key.gamma_abc_g1 {
            encoder.g1(point);
        }
    }

    fn encode(&self, encoder: &mut Encoder) {
        self.origin.encode(encoder);
        encoder.bytes(&self.circuit.0).u32(self.public_inputs() as u32);
        self.encode_points(encoder);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, CodecError> {
        let origin = Origin::decode(decoder)?;
        let circuit = ShapeDigest(decoder.array("the circuit's digest")?);
        let inputs = decoder.u32("the number of public inputs")?;
        if inputs as usize > MAX_PUBLIC_INPUTS {
            let what = "the number of public inputs";
            return Err(CodecError::Count { what, found: inputs.into(), expected: MAX_PUBLIC_INPUTS as u64 });
        }
        let key = ark_groth16::VerifyingKey {
            alpha_g1: decoder.finite_g1("alpha")?,
            beta_g2: decoder.finite_g2("beta")?,
            gamma_g2: decoder.finite_g2("gamma")?,
            delta_g2: decoder.finite_g2("delta")?,
            gamma_abc_g1: (0..=inputs).map(|_| decoder.finite_g1("IC")).collect::<Result<_, _>>()?,
        };
        Ok(Self { origin, circuit, key })
    }

    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut encoder = Encoder::with_magic(VERIFYING_MAGIC);
        self.encode(&mut encoder);
        encoder.0
    }

    /// The key in a file; every point is checked.
    ///
    /// # Errors
    /// If anything but one canonical encoding of a key is found.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut decoder = Decoder::with_magic(bytes, Check::Full, VERIFYING_MAGIC, "Groth16 verifying key")?;
        let key = Self::decode(&mut decoder)?;
        decoder.finish()?;
        Ok(key)
    }
}

impl ProvingKey {
    /// The verifier's part.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey { origin: self.origin, circuit: self.circuit, key: self.key.vk.clone() }
    }

    /// Where the secrets came from.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// The circuit this key belongs to.
    pub fn circuit(&self) -> ShapeDigest {
        self.circuit
    }

    pub(super) fn check_circuit(&self, shape: &Shape) -> Result<(), Groth16Error> {
        let circuit = shape.digest();
        if self.circuit != circuit {
            let (key, circuit) = (self.circuit.to_string(), circuit.to_string());
            return Err(Groth16Error::OtherCircuit { key, circuit });
        }
        let variables = shape.variables();
        let key = &self.key;
        let sized = [&key.a_query, &key.b_g1_query].iter().all(|query| query.len() == variables)
            && key.b_g2_query.len() == variables
            && key.l_query.len() == shape.witnesses()
            && key.vk.gamma_abc_g1.len() == shape.public_inputs() + 1
            && key.h_query.len() + 1 == super::domain_size(shape);
        if sized {
            Ok(())
        } else {
            Err(Groth16Error::Library("the key's sizes are not the circuit's".into()))
        }
    }

    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut encoder = Encoder::with_magic(PROVING_MAGIC);
        self.verifying_key().encode(&mut encoder);
        let key = &self.key;
        encoder.u32(key.l_query.len() as u32).u32(key.h_query.len() as u32);
        encoder.g1(&key.beta_g1).g1(&key.delta_g1);
        encoder.g1_list(&key.a_query).g1_list(&key.b_g1_query).g2_list(&key.b_g2_query);
        encoder.g1_list(&key.h_query).g1_list(&key.l_query);
        encoder.0
    }

    /// The key in a file. [`Check::Full`] checks every point; a key from elsewhere that is not a ceremony's may still
    /// be built to make proofs leak, which only verifying the ceremony rules out.
    ///
    /// # Errors
    /// If anything but one canonical encoding of a key is found.
    pub fn from_bytes(bytes: &[u8], check: Check) -> Result<Self, CodecError> {
        let mut decoder = Decoder::with_magic(bytes, check, PROVING_MAGIC, "Groth16 proving key")?;
        let VerifyingKey { origin, circuit, key: vk } = VerifyingKey::decode(&mut decoder)?;
        let mut count = |what| match decoder.u32(what)? {
            found if found as usize > MAX_SIZE => {
                Err(CodecError::Count { what, found: found.into(), expected: MAX_SIZE as u64 })
            }
            found => Ok(found as usize),
        };
        let (witnesses, quotient) = (count("the number of witnesses")?, count("the quotient's length")?);
        let variables = vk.gamma_abc_g1.len() + witnesses;
        let key = ark_groth16::ProvingKey {
            vk,
            beta_g1: decoder.finite_g1("beta")?,
            delta_g1: decoder.finite_g1("delta")?,
            a_query: decoder.g1_list(variables, "the A query")?,
            b_g1_query: decoder.g1_list(variables, "the B query in G1")?,
            b_g2_query: decoder.g2_list(variables, "the B query in G2")?,
            h_query: decoder.g1_list(quotient, "the H query")?,
            l_query: decoder.g1_list(witnesses, "the L query")?,
        };
        decoder.finish()?;
        Ok(Self { origin, circuit, key })
    }
}
