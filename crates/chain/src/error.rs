//! Why a card or a proof is refused.

use zkml_bn254::Bn254Error;
use zkml_iop::error::VerifyError;
use zkml_snark::circuit::CircuitError;
use zkml_snark::codec::CodecError;
use zkml_snark::groth16::Groth16Error;
use zkml_snark::plonk::PlonkError;
use zkml_verifier::FormatError;

/// Why a card or a proof is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The bytes are no card or proof.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The proof is about another model.
    #[error("the proof is about model {got}, the card describes model {expected}")]
    Model {
        /// The card's model identifier.
        expected: String,
        /// The statement's.
        got: String,
    },
    /// The statement does not fit the card.
    #[error("the statement does not fit the model: {0}")]
    Statement(String),
    /// A public tensor, a context or a visibility does not fit the graph.
    #[error(transparent)]
    Public(#[from] zkml_verifier::Refusal),
    /// The card has no relation, or the outer proof is refused.
    #[error(transparent)]
    Columns(#[from] Bn254Error),
    /// The card has no circuit.
    #[error("the model has no circuit: {0}")]
    Circuit(String),
    /// A key is another circuit's.
    #[error(
        "the {what} is for another circuit, batch or reference string than the card's model: set the model up again"
    )]
    Key {
        /// Which key.
        what: &'static str,
    },
    /// A key does not follow from the reference string.
    #[error("the {what} does not follow from the model and this reference string")]
    OtherSrs {
        /// Which key.
        what: &'static str,
    },
    /// The card holds weights without commitment or registration, or the other way round.
    #[error("the card's weights, their commitment and their registration do not fit together")]
    Weights,
    /// The setup is for testing.
    #[error(
        "{0}: whoever ran it can forge proofs, so nothing is proven. To check such a proof all the same, allow testing setups"
    )]
    Testing(&'static str),
    /// The Groth16 proof is wrong.
    #[error("the Groth16 proof is refused: {0}")]
    Groth16(#[from] Groth16Error),
    /// A PLONK proof is wrong.
    #[error("the PLONK proof is refused: {0}")]
    Plonk(#[from] PlonkError),
    /// A key or a SNARK's proof is malformed.
    #[error("{what} is malformed: {source}")]
    Snark {
        /// Which part.
        what: &'static str,
        /// What is wrong.
        source: CodecError,
    },
    /// The proof is less secure than asked for.
    #[error("the proof has {got:.1} bits of security, {expected} are asked for")]
    Security {
        /// The bits asked for.
        expected: u32,
        /// The bits that there are.
        got: f64,
    },
}

impl From<VerifyError> for Refusal {
    fn from(error: VerifyError) -> Self {
        Self::Circuit(error.to_string())
    }
}

impl From<CircuitError> for Refusal {
    fn from(error: CircuitError) -> Self {
        Self::Circuit(error.to_string())
    }
}

impl Refusal {
    pub(crate) fn snark(what: &'static str) -> impl FnOnce(CodecError) -> Self {
        move |source| Self::Snark { what, source }
    }
}
