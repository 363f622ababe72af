//! How hard it is to forge a proof.

use zkml_bn254::Relation;
use zkml_verifier::ErrorTerm;

/// What the best known attacks on discrete logarithms in BN254's pairing groups cost, in bits (Barbulescu, Duquesne: eprint
/// 2017/334, find 99 to 102 for curves of this size). Everything else is far above, so this is what counts.
pub const CURVE_BITS: f64 = 100.0;

/// log₂ of the order of the scalar field.
const FIELD_BITS: f64 = 253.6;

/// The errors of the protocol in the algebraic group model, term by term, and the curve.
pub fn security_terms(relation: &Relation) -> Vec<ErrorTerm> {
    let algebraic = relation
        .error_terms()
        .into_iter()
        .map(|term| ErrorTerm { name: term.name, bits: FIELD_BITS - term.degree.max(1.0).log2() });
    algebraic.chain([ErrorTerm { name: "BN254", bits: CURVE_BITS }]).collect()
}

/// The bits of all terms together: an attacker takes the cheapest, and errors of the protocol add.
pub fn security_bits(terms: &[ErrorTerm]) -> f64 {
    let error: f64 = terms.iter().map(|term| (-term.bits).exp2()).sum();
    (-error.log2()).min(CURVE_BITS)
}
