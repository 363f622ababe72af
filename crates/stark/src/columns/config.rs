//! The parameters of a column commitment and the errors that they leave.

use libm::{ceil, log2, sqrt};
use p3_whir::{SecurityAssumption, WhirConfigError};

use super::combination::num_coefficient_challenges;
use super::error::ConfigError;
use crate::security::{SecurityReport, algebraic_bits};
use crate::whir::{Whir, WhirParameters};

/// The smallest supported logarithm of the rows.
const MIN_LOG_ROWS: usize = 6;
/// The largest supported logarithm of the rows.
const MAX_LOG_ROWS: usize = 20;
/// The largest supported logarithm of the inverse rate.
const MAX_LOG_INV_RATE: usize = 3;
/// The largest number of columns of all trees together.
pub(super) const MAX_COLUMNS: usize = (1 << 16) - 1;

/// The largest proof of work of any phase.
const MAX_GRINDING_BITS: usize = 20;
/// The bits that the position error keeps above the level, so that the union bound reaches it.
const QUERY_MARGIN: f64 = 1.5;
/// The bits that WHIR's composed error keeps above the level.
const WHIR_MARGIN: f64 = 1.1;
/// The bits that the column combination keeps above the level.
const BATCHING_MARGIN: f64 = 6.0;

/// The bits that the out-of-domain samples keep above the level.
const SAMPLES_MARGIN: f64 = 6.0;
/// The most out-of-domain samples.
const MAX_SAMPLES: usize = 3;

/// Proximity parameters `m`: codewords agree with a committed word on a share `√ρ·(1 + 1/2m)` of the positions. A larger
/// one saves positions and weakens the column combination. Up to 64 the combination keeps 100 bits under the older bound of
/// Ben-Sasson, Carmon, Haböck, Kopparty and Saraf (eprint 2025/2055, Theorem 1.5) too, at no price in positions.
const PROXIMITY_PARAMETERS: [usize; 8] = [64, 40, 25, 16, 10, 7, 5, 3];

/// The bits of soundness that a proof is required to have, provably.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecurityLevel {
    /// 100 bits.
    Bits100,
    /// 128 bits.
    Bits128,
}

impl SecurityLevel {
    /// The level in bits.
    pub fn bits(self) -> u32 {
        match self {
            Self::Bits100 => 100,
            Self::Bits128 => 128,
        }
    }
}

/// The parameters of a column commitment: a function of the height, the level and the rate alone, so that a tree can be
/// opened together with any others of its height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnConfig {
    log_rows: usize,
    log_inv_rate: usize,
    level: SecurityLevel,
    /// The proximity parameter `m`.
    proximity: usize,
    pub(super) batching_grinding_bits: usize,
    pub(super) query_grinding_bits: usize,
    num_queries: usize,
    /// Out-of-domain samples of the combination.
    pub(super) num_samples: usize,
    pub(super) whir: WhirParameters,
}

impl ColumnConfig {
    /// The parameters for columns of `2^log_rows` rows (6 to 20) at the rate of best size and time.
    ///
    /// # Errors
    /// If the height is out of range.
    pub fn new(log_rows: usize, level: SecurityLevel) -> Result<Self, ConfigError> {
        // Rate 1/4 halves the rows to open; from 2^18 rows on the time and memory of the larger code weigh more.
        Self::with_rate(log_rows, level, if log_rows < 18 { 2 } else { 1 })
    }

    /// The parameters for columns of `2^log_rows` rows encoded at rate `2^−log_inv_rate` (1 to 3).
    ///
    /// # Errors
    /// If the height or the rate is out of range, or no parameters reach the level.
    pub fn with_rate(
        log_rows: usize,
        level: SecurityLevel,
        log_inv_rate: usize,
    ) -> Result<Self, ConfigError> {
        if !(MIN_LOG_ROWS..=MAX_LOG_ROWS).contains(&log_rows) {
            return Err(ConfigError::LogRows { min: MIN_LOG_ROWS, max: MAX_LOG_ROWS, got: log_rows });
        }
        if !(1..=MAX_LOG_INV_RATE).contains(&log_inv_rate) {
            return Err(ConfigError::Rate { min: 1, max: MAX_LOG_INV_RATE, got: log_inv_rate });
        }
        let query_grinding_bits = grinding_bits(log_rows);
        let (proximity, batching_grinding_bits) =
            proximity(log_rows, log_inv_rate, level, query_grinding_bits)
                .ok_or(ConfigError::Proximity { level: level.bits(), log_rows })?;
        let target = f64::from(level.bits()) + QUERY_MARGIN - query_grinding_bits as f64;
        let num_queries = ceil(target / bits_per_query(log_inv_rate, proximity)) as usize;
        let whir = whir_parameters(log_rows, level)?;
        let list_size_bits = Whir::new(&whir)?.list_size_bits();
        let num_samples = (1..MAX_SAMPLES)
            .find(|&count| {
                samples_bits(log_rows, list_size_bits, count) >= f64::from(level.bits()) + SAMPLES_MARGIN
            })
            .unwrap_or(MAX_SAMPLES);
        Ok(Self {
            log_rows,
            log_inv_rate,
            level,
            proximity,
            batching_grinding_bits,
            query_grinding_bits,
            num_queries,
            num_samples,
            whir,
        })
    }

    /// log2 of the rows of a column.
    pub fn log_rows(&self) -> usize {
        self.log_rows
    }

    /// log2 of the inverse rate of the code.
    pub fn log_inv_rate(&self) -> usize {
        self.log_inv_rate
    }

    /// The level.
    pub fn level(&self) -> SecurityLevel {
        self.level
    }

    /// The number of rows of each tree that one opening reveals, at most.
    ///
    /// # Zero knowledge
    /// A column must have at least as many uniform rows, in one run of row indices, as all openings of its tree reveal.
    pub fn num_queries(&self) -> usize {
        self.num_queries
    }

    /// `log2` of the number of tuples of columns within the proximity radius of committed words: Johnson's bound
    /// `1/(2η√ρ)` with `η = √ρ/2m`.
    pub fn list_size_bits(&self) -> f64 {
        log2(self.proximity as f64) + self.log_inv_rate as f64
    }

    /// What binds these parameters in the transcript.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let whir = &self.whir;
        [
            self.log_rows,
            self.log_inv_rate,
            self.level.bits() as usize,
            self.proximity,
            self.batching_grinding_bits,
            self.query_grinding_bits,
            self.num_queries,
            self.num_samples,
            whir.num_variables,
            whir.level,
            whir.grinding_bits,
            whir.folding.len(),
        ]
        .iter()
        .chain(&whir.folding)
        .chain(&whir.log_inv_rates)
        .flat_map(|&parameter| (parameter as u64).to_le_bytes())
        .collect()
    }

    /// Every error of an opening of `num_columns` columns.
    pub(super) fn security(&self, whir: &Whir, num_columns: usize) -> Result<SecurityReport, ConfigError> {
        let mut report = SecurityReport::new(self.level.bits(), self.list_size_bits());
        let challenges = num_coefficient_challenges(num_columns) as f64;
        let batching_grinding = self.batching_grinding_bits as f64;
        // Folding with eq coefficients is one line combination per challenge. An interleaved word has no more
        // exceptional challenges than one word: a random combination of its components inherits all of them.
        let line = line_bits(self.log_rows, self.log_inv_rate, self.proximity);
        report.add("column combination: correlated agreement", line - log2(challenges) + batching_grinding);
        report.add(
            "column combination: wrong evaluation",
            algebraic_bits(challenges, report.list_size_bits) + batching_grinding,
        );
        let whir_list = whir.list_size_bits();
        report.add("out-of-domain samples", samples_bits(self.log_rows, whir_list, self.num_samples));
        report.add(
            "positions",
            self.num_queries as f64 * bits_per_query(self.log_inv_rate, self.proximity)
                + self.query_grinding_bits as f64,
        );
        report.add(
            "claim combination",
            algebraic_bits((self.num_queries + self.num_samples) as f64, whir_list),
        );
        report.add("claim reduction", algebraic_bits((2 * self.log_rows + 3) as f64, whir_list));
        report.add("WHIR", whir.security_bits().ok_or(ConfigError::NoWhirBound)?);
        Ok(report)
    }
}

/// Bits of proof of work per phase: about a millisecond for small columns, where positions are cheap, and a small share
/// of the proving time for large ones.
fn grinding_bits(log_rows: usize) -> usize {
    match log_rows {
        ..14 => 15,
        14..16 => 17,
        _ => MAX_GRINDING_BITS,
    }
}

/// The largest proximity parameter with which the column combination keeps its margin, and the grinding it needs.
fn proximity(
    log_rows: usize,
    log_inv_rate: usize,
    level: SecurityLevel,
    max_grinding_bits: usize,
) -> Option<(usize, usize)> {
    let target = f64::from(level.bits()) + BATCHING_MARGIN;
    let challenges = num_coefficient_challenges(MAX_COLUMNS) as f64;
    PROXIMITY_PARAMETERS.into_iter().find_map(|m| {
        let missing = ceil(target - line_bits(log_rows, log_inv_rate, m) + log2(challenges)).max(0.0);
        (missing <= max_grinding_bits as f64).then_some((m, missing as usize))
    })
}

/// The bits of mutual correlated agreement for one line, at agreement `√ρ·(1 + 1/2m)`. The field is taken as `2^154`,
/// below its size.
fn line_bits(log_rows: usize, log_inv_rate: usize, m: usize) -> f64 {
    SecurityAssumption::prox_gaps_error_jb_at_m(log_rows, log_inv_rate, 154, 2, m)
}

/// The bits of `count` out-of-domain samples: no two of the candidates for `q`, all of degree below `2^log_rows`, agree at
/// all of them.
fn samples_bits(log_rows: usize, list_size_bits: f64, count: usize) -> f64 {
    count as f64 * algebraic_bits(1.0, log_rows as f64) + 1.0 - 2.0 * list_size_bits
}

/// The bits that one position contributes: `−log2(√ρ·(1 + 1/2m))`.
fn bits_per_query(log_inv_rate: usize, m: usize) -> f64 {
    -log2((1.0 + 0.5 / m as f64) / sqrt((1u64 << log_inv_rate) as f64))
}

/// The WHIR instance for the combination of columns: its five limbs stacked into `2^(log_rows + 3)` values.
fn whir_parameters(log_rows: usize, level: SecurityLevel) -> Result<WhirParameters, ConfigError> {
    let num_variables = log_rows + 3;
    let (folding, log_inv_rates) = whir_schedule(num_variables);
    let max_log_inv_rate = match level {
        SecurityLevel::Bits100 => usize::MAX,
        SecurityLevel::Bits128 => 6,
    };
    let mut parameters = WhirParameters {
        num_variables,
        level: level.bits() as usize,
        grinding_bits: grinding_bits(log_rows),
        folding: folding.to_vec(),
        // Lower rates would need more than the largest proof of work per fold at the higher level.
        log_inv_rates: log_inv_rates.iter().map(|&rate| rate.min(max_log_inv_rate)).collect(),
    };
    let target = f64::from(level.bits()) + WHIR_MARGIN;
    loop {
        match Whir::new(&parameters) {
            // WHIR's level is that of each error term; the composed bound is a few bits lower.
            Ok(whir) if whir.security_bits().ok_or(ConfigError::NoWhirBound)? < target => {
                parameters.level += 1;
            }
            Ok(_) => return Ok(parameters),
            // At the higher level, folds of low-rate codewords need more work than positions are given.
            Err(WhirConfigError::PowBitsExceedBudget { .. })
                if parameters.grinding_bits < MAX_GRINDING_BITS =>
            {
                parameters.grinding_bits += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// The variables folded per round, and log2 of the inverse rate of the codeword that each round starts from.
///
/// Found by a search over all schedules with expected bytes and encoded elements as costs. Rows of later rounds hold
/// elements of `K` and are five times as large, so the first fold is the largest. Small columns afford low rates; from
/// 2^16 rows on time counts more.
fn whir_schedule(num_variables: usize) -> (&'static [usize], &'static [usize]) {
    match num_variables {
        ..=9 => (&[3], &[3]),
        10 => (&[4], &[4]),
        11 => (&[5], &[5]),
        12 => (&[6], &[5]),
        13 => (&[5, 2], &[4, 5]),
        14 => (&[5, 3], &[4, 6]),
        15 => (&[6, 3], &[4, 6]),
        16 => (&[6, 4], &[4, 7]),
        17 => (&[6, 3, 2], &[3, 5, 6]),
        18 => (&[6, 3, 3], &[3, 5, 7]),
        19 => (&[6, 4, 3], &[2, 5, 8]),
        20 => (&[6, 4, 4], &[2, 5, 8]),
        21 => (&[6, 4, 5], &[2, 6, 8]),
        22 => (&[6, 4, 3, 3], &[2, 5, 7, 9]),
        _ => (&[6, 4, 3, 4], &[2, 5, 7, 9]),
    }
}
