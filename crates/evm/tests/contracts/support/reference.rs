//! The verifier in Rust, for the same bytes.

use ark_bn254::{Fr, G1Affine};
use zkml_bn254::MercuryProof;
use zkml_bn254::columns::{ColumnOpening, ColumnPoints, PackedStatement, check_opening, helpers_digest};
use zkml_bn254::field::{from_word, point_from_words, reduce};
use zkml_evm::keccak;
use zkml_evm::key::Sizes;
use zkml_snark::{groth16, plonk};

use super::{Architecture, Model, Proven, Snark};

struct Words<'a>(&'a [u8]);

impl Words<'_> {
    fn word(&mut self) -> Option<[u8; 32]> {
        let (word, rest) = self.0.split_first_chunk::<32>()?;
        self.0 = rest;
        Some(*word)
    }

    fn scalar(&mut self) -> Option<Fr> {
        from_word(&self.word()?)
    }

    fn point(&mut self) -> Option<G1Affine> {
        point_from_words(&[self.word()?, self.word()?])
    }

    fn points(&mut self, count: u8) -> Option<ColumnPoints> {
        ColumnPoints::new((0..count).map(|_| self.point()).collect::<Option<_>>()?).ok()
    }
}

/// Whether the statement is accepted.
pub fn accepts(model: &Model<'_>, context: &[u8], proven: &Proven) -> bool {
    verdict(model, context, proven).is_some()
}

fn verdict(model: &Model<'_>, context: &[u8], proven: &Proven) -> Option<()> {
    let Architecture { sizes, srs, snark, .. } = model.architecture;
    let Sizes { log_rows, weights, committed, witness, helpers, tensor_bytes, .. } = *sizes;
    if proven.tensors.len() != tensor_bytes as usize {
        return None;
    }
    let all = |bytes: &[u8], count| {
        let mut words = Words(bytes);
        words.points(count).filter(|_| words.0.is_empty())
    };
    let (weights, committed) = (all(&model.points, weights)?, all(&proven.committed, committed)?);
    let mut words = Words(&proven.proof);
    let (witness, helpers) = (words.points(witness + 1)?, words.points(helpers)?);
    let opening = opening(&mut words, log_rows)?;
    let trees = [&weights, &committed, &witness, &helpers];
    let statement = PackedStatement { context: reduce(&keccak(context)), bytes: proven.tensors.clone() };
    let early: Vec<u8> = trees[..3].iter().flat_map(|t| t.to_bytes()).collect();
    let (rho, packed) = statement.evaluate(&early);
    let statement = [rho, packed, helpers_digest(&helpers.to_bytes())];
    let inputs = check_opening(srs, &trees, 2, statement, &opening).ok()?.public_inputs();
    match snark {
        Snark::Groth16(keys) => {
            let proof = groth16::Proof::from_bytes(words.0).ok()?;
            groth16::verify(&keys.1, &inputs, &proof).ok()
        }
        Snark::Plonk(keys) => {
            let proof = plonk::Proof::from_bytes(words.0).ok()?;
            plonk::verify(&keys.1, &inputs, &proof).ok()
        }
    }
}

fn opening(words: &mut Words<'_>, log_rows: u8) -> Option<ColumnOpening> {
    let point = (0..log_rows).map(|_| words.scalar()).collect::<Option<Vec<_>>>()?;
    let (value, challenge) = (words.scalar()?, words.scalar()?);
    let (h, g, q, s, d) = (words.point()?, words.point()?, words.point()?, words.point()?, words.point()?);
    let mut values = [Fr::default(); 6];
    for value in &mut values {
        *value = words.scalar()?;
    }
    let proof = MercuryProof { h, g, q, s, d, values, w: words.point()?, v: words.point()? };
    Some(ColumnOpening { challenge, point, value, proof })
}
