//! Plain WHIR over one stacked base-field polynomial: the suite's only instance of `p3-whir`, behind functions that are
//! not generic, so that no dependent compiles it again.

use p3_commit::MultilinearPcs;
use p3_dft::Radix2DFTSmallBatch;
use p3_matrix::dense::RowMajorMatrix;
use p3_merkle_tree::{MerkleTreeMmcs, PrunedMerklePaths};
use p3_multilinear_util::point::Point;
use p3_multilinear_util::poly::Poly;
use p3_sumcheck::layout::{Layout, SuffixProver, Table};
use p3_sumcheck::{OpeningBatch, OpeningProtocol, PrescribedPointPcs, SumcheckData, TableShape, TableSpec};
use p3_symmetric::MerkleCap;
use p3_whir::{
    FoldingFactor, PcsProof, ProtocolParameters, QueryOpenings, SecurityAssumption, SharedProofOpening,
    VerifierError, WhirConfig, WhirConfigError, WhirProof, WhirProver, WhirProverData, WhirRoundProof,
};

use crate::codec::{DecodeError, Reader, Writer};
use crate::hash::{Digest, NODE_HASHER, NodeHasher, PLAIN_LEAF_HASHER, PlainLeafHasher};
use crate::merkle::MerkleRoot;
use crate::transcript::Challenger;
use crate::{DEGREE, F, K};

type Mmcs = MerkleTreeMmcs<F, u8, PlainLeafHasher, NodeHasher, 2, 32>;
type Cap = MerkleCap<F, Digest>;
type Prover = WhirProver<K, F, Radix2DFTSmallBatch<F>, Mmcs, Challenger, SuffixProver<F, K>>;
type Config = WhirConfig<K, F, Challenger>;
type Openings = QueryOpenings<F, K, PrunedMerklePaths<u8, 32>>;

/// What the prover keeps of a committed polynomial.
pub(crate) type Committed = WhirProverData<F, K, Mmcs, SuffixProver<F, K>>;

/// The parameters of one WHIR instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WhirParameters {
    /// Variables of the committed polynomial.
    pub(crate) num_variables: usize,
    /// Bits of each error term.
    pub(crate) level: usize,
    /// Bits of proof of work in any phase, at most.
    pub(crate) grinding_bits: usize,
    /// Variables folded per round.
    pub(crate) folding: Vec<usize>,
    /// log2 of the inverse rate of the codeword that each round starts from.
    pub(crate) log_inv_rates: Vec<usize>,
}

/// A WHIR instance in the Johnson regime.
#[derive(Debug)]
pub(crate) struct Whir {
    prover: Prover,
    protocol: OpeningProtocol,
    sites: Vec<QuerySite>,
}

/// What one query phase opens.
#[derive(Clone, Copy, Debug)]
struct QuerySite {
    /// Rows opened, repetitions included.
    num_rows: usize,
    /// Elements of a row: of `F` in the first phase, of `K` later.
    width: usize,
    /// log2 of the number of rows.
    height: usize,
    /// Whether a proof of work precedes the phase.
    ground: bool,
}

/// A WHIR opening.
#[derive(Clone)]
pub(crate) struct WhirOpening(WhirProof<F, K, Mmcs>);

impl core::fmt::Debug for WhirOpening {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("WhirOpening").field("rounds", &self.0.rounds.len()).finish_non_exhaustive()
    }
}

impl Whir {
    pub(crate) fn new(parameters: &WhirParameters) -> Result<Self, WhirConfigError> {
        let (first, rounds) = match parameters.log_inv_rates.as_slice() {
            [first, rounds @ ..] => (*first, rounds),
            // WHIR refuses this rate.
            [] => (0, [].as_slice()),
        };
        let config = Config::new_with_initial_claims(
            parameters.num_variables,
            ProtocolParameters {
                starting_log_inv_rate: first,
                round_log_inv_rates: rounds.to_vec(),
                folding_factor: FoldingFactor::PerRound(parameters.folding.clone()),
                soundness_type: SecurityAssumption::JohnsonBound,
                security_level: parameters.level,
                pow_bits: parameters.grinding_bits,
            },
            1,
        )?;
        let protocol = OpeningProtocol::new(vec![TableSpec::new(
            TableShape::new(parameters.num_variables, 1),
            vec![OpeningBatch::new(vec![0], Vec::new())],
        )]);
        let rounds = config.round_parameters().iter().cloned();
        let sites = rounds
            .chain([config.final_round_config()])
            .map(|round| QuerySite {
                num_rows: round.num_queries.min(1 << round.log_folded_domain_size),
                width: 1 << round.folding_factor,
                height: round.log_folded_domain_size,
                ground: round.pow_bits > 0,
            })
            .collect();
        let mmcs = Mmcs::new(PLAIN_LEAF_HASHER, NODE_HASHER, 0);
        Ok(Self { prover: Prover::new(config, Radix2DFTSmallBatch::default(), mmcs), protocol, sites })
    }

    /// The composed bound of one opening in bits; `None` if it has none.
    pub(crate) fn security_bits(&self) -> Option<f64> {
        Some(self.prover.prescribed_security(&self.protocol)?.error().bits())
    }

    /// `log2` of the number of polynomials that a root can still mean.
    pub(crate) fn list_size_bits(&self) -> f64 {
        let rate = self.prover.params().starting_log_inv_rate;
        SecurityAssumption::JohnsonBound.list_size_bits(self.prover.num_variables(), rate)
    }

    /// Commits to the values on the hypercube and absorbs the root.
    pub(crate) fn commit(
        &self,
        values: Vec<F>,
        challenger: &mut Challenger,
    ) -> Result<(MerkleRoot, Committed), WhirConfigError> {
        let len = values.len();
        let table = Table::new(RowMajorMatrix::new(values, len));
        let witness = SuffixProver::<F, K>::new_witness(vec![table], self.prover.round_folding_factor(0));
        let (cap, committed) = self.prover.commit(witness, challenger)?;
        Ok((MerkleRoot(cap.roots().first().copied().unwrap_or_default()), committed))
    }

    /// Absorbs a root as [`Self::commit`] does.
    pub(crate) fn observe(&self, root: &MerkleRoot, challenger: &mut Challenger) {
        MultilinearPcs::<K, Challenger>::observe_commitment(&self.prover, &cap(root), challenger);
    }

    /// Opens at a point, variable 0 (the lowest bit of the index) first.
    pub(crate) fn open(
        &self,
        committed: Committed,
        point: &[K],
        challenger: &mut Challenger,
    ) -> Result<WhirOpening, WhirConfigError> {
        let proof = self.prover.open_at(committed, &self.protocol, &[big_endian(point)], challenger)?;
        Ok(WhirOpening(proof.whir))
    }

    /// Checks that the polynomial behind `root` has the value `value` at `point`.
    pub(crate) fn verify(
        &self,
        root: &MerkleRoot,
        point: &[K],
        value: K,
        opening: &WhirOpening,
        challenger: &mut Challenger,
    ) -> Result<(), VerifierError> {
        let proof =
            PcsProof { whir: opening.0.clone(), evals: vec![OpeningBatch::new(vec![value], Vec::new())] };
        self.prover
            .verify_at(&cap(root), &proof, &self.protocol, &[big_endian(point)], challenger)
            .map(|_| ())
    }

    /// Whether every list of an opening has the length that this instance implies. An opening decoded for one instance
    /// can be presented to another; `p3-whir` may index or panic on a foreign shape.
    pub(crate) fn fits(&self, opening: &WhirOpening) -> bool {
        let proof = &opening.0;
        let round_parameters = self.prover.round_parameters();
        proof.initial_ood_answers.len() == self.prover.commitment_ood_samples()
            && fits_sumcheck(
                &proof.initial_sumcheck,
                self.prover.round_folding_factor(0),
                self.prover.starting_folding_pow_bits(),
            )
            && proof.rounds.len() == round_parameters.len()
            && proof.rounds.iter().zip(round_parameters).enumerate().all(|(i, (round, parameters))| {
                round.commitment.as_ref().is_some_and(|cap| cap.num_roots() == 1)
                    && round.ood_answers.len() == parameters.ood_samples
                    && self.sites.get(i).is_some_and(|site| site.fits(i == 0, &round.openings))
                    && fits_sumcheck(
                        &round.sumcheck,
                        self.prover.round_folding_factor(i + 1),
                        parameters.folding_pow_bits,
                    )
            })
            && proof
                .final_poly
                .as_ref()
                .is_some_and(|poly| poly.num_evals() == 1 << self.prover.final_sumcheck_rounds())
            && self.sites.last().is_some_and(|site| site.fits(self.sites.len() == 1, &proof.final_openings))
            && match &proof.final_sumcheck {
                None => self.prover.final_sumcheck_rounds() == 0,
                Some(data) => {
                    self.prover.final_sumcheck_rounds() > 0
                        && fits_sumcheck(
                            data,
                            self.prover.final_sumcheck_rounds(),
                            self.prover.final_folding_pow_bits(),
                        )
                }
            }
    }

    /// Appends the encoding of an opening.
    pub(crate) fn write(&self, opening: &WhirOpening, writer: &mut Writer) {
        let proof = &opening.0;
        proof.initial_ood_answers.iter().for_each(|&answer| writer.scalar(answer));
        write_sumcheck(&proof.initial_sumcheck, writer);
        for (round, site) in proof.rounds.iter().zip(&self.sites) {
            round.commitment.iter().flat_map(Cap::roots).for_each(|root| writer.digest(root));
            round.ood_answers.iter().for_each(|&answer| writer.scalar(answer));
            site.write(round.pow_witness, &round.openings, writer);
            write_sumcheck(&round.sumcheck, writer);
        }
        proof.final_poly.iter().flat_map(Poly::as_slice).for_each(|&value| writer.scalar(value));
        if let Some(site) = self.sites.last() {
            site.write(proof.final_pow_witness, &proof.final_openings, writer);
        }
        if let Some(data) = &proof.final_sumcheck {
            write_sumcheck(data, writer);
        }
    }

    /// Reads what [`Self::write`] wrote; every length follows from the instance.
    pub(crate) fn read(&self, reader: &mut Reader<'_>) -> Result<WhirOpening, DecodeError> {
        let initial_ood_answers = reader.scalars(self.prover.commitment_ood_samples())?;
        let initial_sumcheck = read_sumcheck(
            self.prover.round_folding_factor(0),
            self.prover.starting_folding_pow_bits(),
            reader,
        )?;
        let mut rounds = Vec::new();
        for (i, (parameters, site)) in self.prover.round_parameters().iter().zip(&self.sites).enumerate() {
            let commitment = Some(Cap::from(vec![reader.array()?]));
            let ood_answers = reader.scalars(parameters.ood_samples)?;
            let (pow_witness, openings) = site.read(i == 0, reader)?;
            let sumcheck =
                read_sumcheck(self.prover.round_folding_factor(i + 1), parameters.folding_pow_bits, reader)?;
            rounds.push(WhirRoundProof { commitment, ood_answers, pow_witness, openings, sumcheck });
        }
        let num_final = self.prover.final_sumcheck_rounds();
        let final_poly = Some(Poly::new(reader.scalars(1 << num_final)?));
        // The last phase always exists: a schedule has at least one fold.
        let last = self.sites.last().copied().unwrap_or(QuerySite {
            num_rows: 0,
            width: 1,
            height: 0,
            ground: false,
        });
        let (final_pow_witness, final_openings) = last.read(self.sites.len() == 1, reader)?;
        let final_sumcheck = match num_final {
            0 => None,
            _ => Some(read_sumcheck(num_final, self.prover.final_folding_pow_bits(), reader)?),
        };
        Ok(WhirOpening(WhirProof {
            initial_ood_answers,
            initial_sumcheck,
            rounds,
            final_poly,
            final_pow_witness,
            final_openings,
            final_sumcheck,
        }))
    }
}

impl QuerySite {
    /// Rows that no number of queries can exceed need at most this many siblings.
    fn max_siblings(&self) -> usize {
        self.num_rows * self.height
    }

    fn fits(&self, first: bool, openings: &Openings) -> bool {
        match openings {
            QueryOpenings::Base(opening) => first && self.fits_rows(&opening.rows),
            QueryOpenings::Extension(opening) => !first && self.fits_rows(&opening.rows),
        }
    }

    fn fits_rows<T>(&self, rows: &[Vec<T>]) -> bool {
        rows.len() == self.num_rows && rows.iter().all(|row| row.len() == self.width)
    }

    fn write(&self, witness: F, openings: &Openings, writer: &mut Writer) {
        if self.ground {
            writer.base(witness);
        }
        let siblings = match openings {
            QueryOpenings::Base(opening) => {
                opening.rows.iter().flatten().for_each(|&element| writer.base(element));
                &opening.proof.sibling_hashes
            }
            QueryOpenings::Extension(opening) => {
                opening.rows.iter().flatten().for_each(|&element| writer.scalar(element));
                &opening.proof.sibling_hashes
            }
        };
        writer.digests(siblings);
    }

    fn read(&self, first: bool, reader: &mut Reader<'_>) -> Result<(F, Openings), DecodeError> {
        let witness = if self.ground { reader.base()? } else { F::default() };
        let openings = if first {
            let rows = reader.items(self.num_rows, 4 * self.width, |reader| reader.bases(self.width))?;
            QueryOpenings::Base(SharedProofOpening { rows, proof: self.read_siblings(reader)? })
        } else {
            let rows =
                reader.items(self.num_rows, 4 * DEGREE * self.width, |reader| reader.scalars(self.width))?;
            QueryOpenings::Extension(SharedProofOpening { rows, proof: self.read_siblings(reader)? })
        };
        Ok((witness, openings))
    }

    fn read_siblings(&self, reader: &mut Reader<'_>) -> Result<PrunedMerklePaths<u8, 32>, DecodeError> {
        Ok(PrunedMerklePaths { sibling_hashes: reader.digests(self.max_siblings())? })
    }
}

fn fits_sumcheck(data: &SumcheckData<F, K>, rounds: usize, grinding_bits: usize) -> bool {
    data.polynomial_evaluations.len() == rounds
        && data.pow_witnesses.len() == if grinding_bits > 0 { rounds } else { 0 }
}

fn write_sumcheck(data: &SumcheckData<F, K>, writer: &mut Writer) {
    data.polynomial_evaluations.iter().flatten().for_each(|&value| writer.scalar(value));
    data.pow_witnesses.iter().for_each(|&witness| writer.base(witness));
}

fn read_sumcheck(
    rounds: usize,
    grinding_bits: usize,
    reader: &mut Reader<'_>,
) -> Result<SumcheckData<F, K>, DecodeError> {
    let polynomial_evaluations =
        reader.items(rounds, 8 * DEGREE, |reader| Ok([reader.scalar()?, reader.scalar()?]))?;
    let pow_witnesses = reader.bases(if grinding_bits > 0 { rounds } else { 0 })?;
    Ok(SumcheckData { polynomial_evaluations, pow_witnesses })
}

fn cap(root: &MerkleRoot) -> Cap {
    Cap::from(vec![root.0])
}

/// `p3` puts the variable of the highest bit first.
fn big_endian(point: &[K]) -> Point<K> {
    Point::new(point.iter().rev().copied().collect())
}
