//! The ceremony that makes the Groth16 keys of a model: `zkml_snark::groth16::ceremony` over files.
//!
//! The circuit follows from the card, so that participants and auditors need no secret.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use zkml_chain::Suite;
use zkml_snark::circuit::Shape;
use zkml_snark::groth16::ceremony::{Beacon, Ceremony, CeremonyError};
use zkml_snark::groth16::{ProvingKey, domain_size};
use zkml_snark::srs::PowersOfTau;

use super::Card;
use crate::error::Error;
use crate::files::{self, Access};

/// The circuit whose keys a ceremony makes.
#[derive(Debug)]
pub struct Architecture {
    circuit: Shape,
}

/// What a ceremony's file holds, for reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript {
    /// The constraints of the circuit.
    pub constraints: usize,
    /// The digests after the start and after every contribution, in order.
    pub digests: Vec<[u8; 32]>,
    /// Whether a beacon has closed the ceremony.
    pub closed: bool,
}

impl Architecture {
    /// The circuit of a card's statements.
    ///
    /// # Errors
    /// [`Error::Usage`] for a card of another suite; [`Error::Chain`] if the graph has no circuit.
    pub fn of(card: &Card) -> Result<Self, Error> {
        if card.suite() != Suite::Groth16 {
            return Err(Error::Usage(
                "the card is of suite plonk, which needs no ceremony of its own".into(),
            ));
        }
        let builder =
            card.relation()?.circuit(Suite::Groth16.arithmetization()).map_err(zkml_chain::Refusal::from)?;
        Ok(Self { circuit: builder.shape().map_err(zkml_chain::Refusal::from)? })
    }

    /// Starts a ceremony from a phase 1, and writes its file.
    ///
    /// # Errors
    /// [`Error`] if phase 1 is inconsistent or too small, or a file fails.
    pub fn start(&self, phase1: &Path, out: &Path) -> Result<Transcript, Error> {
        let ceremony = Ceremony::start(&self.circuit, &self.phase1(phase1)?)?;
        self.write(&ceremony, out)
    }

    /// Adds a contribution with fresh secrets, which are wiped, to the file `from`, and writes the file `out`. `entropy` is
    /// mixed into the operating system's randomness.
    ///
    /// # Errors
    /// [`Error`] if a file fails or the ceremony is closed.
    pub fn contribute(&self, from: &Path, entropy: &[u8], out: &Path) -> Result<Transcript, Error> {
        let mut ceremony = self.read(from)?;
        ceremony.contribute(entropy)?;
        self.write(&ceremony, out)
    }

    /// Closes a ceremony with a public beacon: 2^`log_iterations` hashes of `value`.
    ///
    /// # Errors
    /// [`Error`] if a file fails, the beacon is out of bounds or the ceremony is closed already.
    pub fn close(
        &self,
        from: &Path,
        value: &[u8],
        log_iterations: u8,
        out: &Path,
    ) -> Result<Transcript, Error> {
        let mut ceremony = self.read(from)?;
        ceremony.contribute_beacon(Beacon::new(value, log_iterations).map_err(CeremonyError::from)?)?;
        self.write(&ceremony, out)
    }

    /// Checks everything about a ceremony: its start, every contribution, and its key.
    ///
    /// # Errors
    /// [`Error::Ceremony`] that names the first thing that is wrong.
    pub fn verify(&self, ceremony: &Path, phase1: &Path) -> Result<Transcript, Error> {
        let state = self.read(ceremony)?;
        state.verify(&self.circuit, &self.phase1(phase1)?)?;
        Ok(self.transcript(&state))
    }

    /// The keys of a ceremony, after a full verification.
    ///
    /// # Errors
    /// As [`Architecture::verify`], and if nobody has contributed.
    pub fn finish(&self, ceremony: &Path, phase1: &Path) -> Result<(ProvingKey, Transcript), Error> {
        let state = self.read(ceremony)?;
        let transcript = self.transcript(&state);
        let (proving, _) = state.finish(&self.circuit, &self.phase1(phase1)?)?;
        Ok((proving, transcript))
    }

    fn phase1(&self, path: &Path) -> Result<PowersOfTau, Error> {
        let file = File::open(path).map_err(Error::file(path))?;
        let failed = |source| Error::Srs { file: path.display().to_string(), source };
        PowersOfTau::read(&mut BufReader::new(file), domain_size(&self.circuit).max(2)).map_err(failed)
    }

    fn read(&self, path: &Path) -> Result<Ceremony, Error> {
        let bytes = files::read(path)?;
        Ceremony::from_bytes(&bytes, &self.circuit).map_err(|e| Error::Ceremony(e.into()))
    }

    fn write(&self, ceremony: &Ceremony, out: &Path) -> Result<Transcript, Error> {
        files::write(out, &ceremony.to_bytes(), Access::Everyone)?;
        Ok(self.transcript(ceremony))
    }

    fn transcript(&self, ceremony: &Ceremony) -> Transcript {
        Transcript {
            constraints: self.circuit.constraints().len(),
            digests: ceremony.digests(),
            closed: ceremony.contributions().last().is_some_and(|c| c.is_beacon()),
        }
    }
}
