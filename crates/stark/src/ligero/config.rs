//! The parameters of a commitment to pads and the errors that they leave.

use libm::{ceil, exp2, log2, pow};

use crate::DEGREE;
use crate::columns::{ConfigError, SecurityLevel};
use crate::merkle::SALT_BYTES;
use crate::security::{ErrorTerm, algebraic_bits};

/// log2 of the inverse rate of the rows' code. Masks and responses have twice the rate.
pub(super) const LOG_INV_RATE: usize = 4;
/// The mask rows: of the proximity, the linear and the product response.
pub(super) const MASKS: usize = 3;

/// The most scalars, and the most products.
const MAX_PADS: usize = 1 << 20;
/// The logarithms of the rows' degree bound among which the smallest proof is looked for.
const LOG_DEGREES: core::ops::RangeInclusive<usize> = 7..=16;
/// Bits of proof of work before the positions are drawn: about a millisecond.
const GRINDING_BITS: usize = 15;
/// The bits that the position error keeps above the level: it is added to those of the columns' commitment, whose terms
/// leave about an eighth of the level's error free.
const QUERY_MARGIN: f64 = 3.5;
/// The bits that each algebraic error keeps above the level.
const ALGEBRAIC_MARGIN: f64 = 6.0;
/// The largest share of positions at which a wrong response passes: 7/16 where the committed words differ from codewords
/// and 2k/16k where two polynomials of degree below 2k agree.
const PASSING_SHARE: f64 = 9.0 / 16.0;

/// The parameters of a commitment to pads: a function of the number of scalars, the number of products and the level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LigeroConfig {
    pub(super) num_scalars: usize,
    pub(super) num_products: usize,
    pub(super) level: SecurityLevel,
    pub(super) log_degree: usize,
    pub(super) num_queries: usize,
    pub(super) grinding_bits: usize,
}

impl LigeroConfig {
    /// The parameters with the smallest proof.
    pub(super) fn new(
        num_scalars: usize,
        num_products: usize,
        level: SecurityLevel,
    ) -> Result<Self, ConfigError> {
        for (what, got) in [("scalars", num_scalars), ("products", num_products)] {
            if got > MAX_PADS {
                return Err(ConfigError::Pads { what, max: MAX_PADS, got });
            }
        }
        let target = f64::from(level.bits()) + QUERY_MARGIN - GRINDING_BITS as f64;
        let num_queries = ceil(target / -log2(PASSING_SHARE)) as usize;
        let at = |log_degree| Self {
            num_scalars,
            num_products,
            level,
            log_degree,
            num_queries,
            grinding_bits: GRINDING_BITS,
        };
        let best = LOG_DEGREES
            .map(at)
            .filter(|config| config.degree() > num_queries)
            .min_by_key(Self::expected_proof_bytes)
            .unwrap_or(at(*LOG_DEGREES.end()));
        best.check_margins()?;
        Ok(best)
    }

    /// The number of committed scalars.
    pub fn num_scalars(&self) -> usize {
        self.num_scalars
    }

    /// The number of committed products.
    pub fn num_products(&self) -> usize {
        self.num_products
    }

    /// The level.
    pub fn level(&self) -> SecurityLevel {
        self.level
    }

    /// `k`, the bound of the rows' degree and the order of the subgroup that holds their values.
    pub fn degree(&self) -> usize {
        1 << self.log_degree
    }

    /// The number of positions that a proof opens, at most, and of uniform values in each row.
    pub fn num_queries(&self) -> usize {
        self.num_queries
    }

    /// The message slots of a row.
    pub(super) fn slots(&self) -> usize {
        self.degree() - self.num_queries
    }

    /// The rows that hold the scalars.
    pub(super) fn scalar_rows(&self) -> usize {
        self.num_scalars.div_ceil(self.slots())
    }

    /// The rows that hold one of: left factors, right factors, products.
    pub(super) fn product_rows(&self) -> usize {
        self.num_products.div_ceil(self.slots())
    }

    /// All rows without the masks.
    pub(super) fn num_rows(&self) -> usize {
        self.scalar_rows() + 3 * self.product_rows()
    }

    /// The first rows of left factors, right factors and products.
    pub(super) fn product_starts(&self) -> [usize; 3] {
        [0, 1, 2].map(|part| self.scalar_rows() + part * self.product_rows())
    }

    /// The first cells of left factors, right factors and products; a cell is a message slot, counted row by row.
    pub(super) fn product_cells(&self) -> [usize; 3] {
        self.product_starts().map(|row| row * self.slots())
    }

    /// The number of slots of a row that hold a scalar, a copy or a product.
    pub(super) fn used_slots(&self, row: usize) -> usize {
        let (total, row) = match row.checked_sub(self.scalar_rows()) {
            None => (self.num_scalars, row),
            Some(row) => (self.num_products, row % self.product_rows()),
        };
        (total - row * self.slots()).min(self.slots())
    }

    /// Base elements of a leaf.
    pub(super) fn width(&self) -> usize {
        DEGREE * (self.num_rows() + MASKS)
    }

    /// log2 of the code's length.
    pub(super) fn log_len(&self) -> usize {
        self.log_degree + LOG_INV_RATE
    }

    /// The elements of the proximity, the linear and the product response that a proof spells out.
    pub(super) fn response_lengths(&self) -> [usize; MASKS] {
        let degree = self.degree();
        [2 * degree, 2 * degree - 1, degree + self.num_queries]
    }

    /// What binds these parameters in the transcript.
    pub(super) fn to_bytes(self) -> Vec<u8> {
        [
            self.num_scalars,
            self.num_products,
            self.level.bits() as usize,
            self.log_degree,
            LOG_INV_RATE,
            self.num_queries,
            self.grinding_bits,
        ]
        .iter()
        .flat_map(|&parameter| (parameter as u64).to_le_bytes())
        .collect()
    }

    /// The expected length of a proof. By libm's functions, not the platform's, so that every machine chooses the same
    /// parameters.
    pub(super) fn expected_proof_bytes(&self) -> usize {
        let draws = self.num_queries as f64;
        // The expected number of the 2^level nodes with an opened leaf below, and of those whose sibling has none.
        let missed = |share: f64| pow(1.0 - share, draws);
        let nodes = |level: usize| exp2(level as f64);
        let opened = nodes(self.log_len()) * (1.0 - missed(1.0 / nodes(self.log_len())));
        let siblings: f64 = (1..=self.log_len())
            .map(nodes)
            .map(|nodes| nodes * (missed(1.0 / nodes) - missed(2.0 / nodes)))
            .sum();
        let elements: usize = self.response_lengths().iter().sum();
        4 * DEGREE * elements + (opened * (4 * self.width() + SALT_BYTES) as f64 + 32.0 * siblings) as usize
    }

    /// Every soundness error of a proof of `num_equations` equations.
    ///
    /// All are proven within the unique-decoding radius, so no list of candidates multiplies them.
    pub fn security(&self, num_equations: usize) -> Vec<ErrorTerm> {
        let len = exp2(self.log_len() as f64);
        let combined = (2 * self.num_rows() + MASKS - 1) as f64;
        let linear = num_equations.saturating_add(2 * self.num_products).max(1);
        let products = self.product_rows().max(1);
        let term = |name, bits| ErrorTerm { name, bits };
        vec![
            term("pads: correlated agreement", algebraic_bits(combined * len, 0.0)),
            term("pads: linear combination", algebraic_bits(linear as f64, 0.0)),
            term("pads: product combination", algebraic_bits(products as f64, 0.0)),
            term(
                "pads: positions",
                self.num_queries as f64 * -log2(PASSING_SHARE) + self.grinding_bits as f64,
            ),
        ]
    }

    /// The errors that do not depend on the number of equations must leave room for the others of the proof.
    fn check_margins(&self) -> Result<(), ConfigError> {
        let expected = self.level.bits();
        let positions = self.security(0).len() - 1;
        for (index, term) in self.security(0).iter().enumerate() {
            let margin = if index == positions { QUERY_MARGIN } else { ALGEBRAIC_MARGIN };
            if term.bits < f64::from(expected) + margin {
                return Err(ConfigError::BelowLevel { expected, got: term.bits - margin });
            }
        }
        Ok(())
    }
}
