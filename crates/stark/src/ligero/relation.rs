//! What is proven about pads, and the one linear functional into which it is combined.

use p3_field::PrimeCharacteristicRing;
use zkml_iop::transcript::Transcript;

use super::config::LigeroConfig;
use super::error::LigeroError;
use super::proof::limb_columns;
use crate::codec::Writer;
use crate::merkle::MerkleRoot;
use crate::transcript::Blake3Transcript;
use crate::{DEGREE, F, K};

/// A linear equation over committed scalars and products: `Σ coefficient·scalar + Σ coefficient·product + constant = 0`.
///
/// Indices may repeat; the coefficients of equal indices add up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Equation {
    /// Indices of scalars with their coefficients.
    pub terms: Vec<(usize, K)>,
    /// Indices of products with their coefficients.
    pub products: Vec<(usize, K)>,
    /// The constant.
    pub constant: K,
}

/// A statement about committed pads.
#[derive(Clone, Copy, Debug)]
pub struct Relation<'a> {
    /// The factors of each committed product, as indices of scalars.
    pub products: &'a [(usize, usize)],
    /// The equations that hold.
    pub equations: &'a [Equation],
}

impl Relation<'_> {
    /// Refuses a relation with other numbers of products than the configuration's, or with an index out of range.
    pub(super) fn check(&self, config: &LigeroConfig) -> Result<(), LigeroError> {
        check_products(config, self.products)?;
        for equation in self.equations {
            equation.terms.iter().try_for_each(|&(i, _)| check_index("scalar", config.num_scalars, i))?;
            equation
                .products
                .iter()
                .try_for_each(|&(p, _)| check_index("product", config.num_products, p))?;
        }
        Ok(())
    }

    /// Binds the commitment and the relation.
    ///
    /// The caller's transcript implies both. That they are absorbed here makes the proof sound by itself.
    pub(super) fn absorb(&self, config: &LigeroConfig, root: &MerkleRoot, transcript: &mut Blake3Transcript) {
        transcript.absorb_bytes("pads: parameters", &config.to_bytes());
        transcript.absorb_bytes("pads: root", &root.0);
        let mut writer = Writer::default();
        for &(a, b) in self.products {
            writer.count(a);
            writer.count(b);
        }
        writer.count(self.equations.len());
        for equation in self.equations {
            for terms in [&equation.terms, &equation.products] {
                writer.count(terms.len());
                for &(index, coefficient) in terms {
                    writer.count(index);
                    writer.scalar(coefficient);
                }
            }
            writer.scalar(equation.constant);
        }
        let digest =
            blake3::Hasher::new_derive_key("zkml stark pad relation v1").update(&writer.0).finalize();
        transcript.absorb_bytes("pads: relation", digest.as_bytes());
    }

    /// Combines the equations, and the equality of every factor with its scalar, by powers of `lambda`.
    ///
    /// The powers start at one: the sum of the linear mask stands in the place of the zeroth, so that no error cancels it.
    pub(super) fn combine(&self, config: &LigeroConfig, lambda: K) -> Functional {
        let mut cells = K::zero_vec(config.num_rows() * config.slots());
        let [left, right, product] = config.product_cells();
        let mut target = K::ZERO;
        let mut powers = lambda.shifted_powers(lambda);
        for (equation, power) in self.equations.iter().zip(&mut powers) {
            equation.terms.iter().for_each(|&(i, coefficient)| cells[i] += power * coefficient);
            equation.products.iter().for_each(|&(p, coefficient)| cells[product + p] += power * coefficient);
            target -= power * equation.constant;
        }
        let copies =
            self.products.iter().enumerate().flat_map(|(p, &(a, b))| [(left + p, a), (right + p, b)]);
        for ((copy, scalar), power) in copies.zip(powers) {
            cells[copy] += power;
            cells[scalar] -= power;
        }
        Functional { cells, target }
    }
}

/// Refuses pairs of factors of another number than the configuration's, or with an index out of range.
pub(super) fn check_products(config: &LigeroConfig, products: &[(usize, usize)]) -> Result<(), LigeroError> {
    let expected = config.num_products;
    if products.len() != expected {
        return Err(LigeroError::Count { what: "products", expected, got: products.len() });
    }
    products
        .iter()
        .flat_map(|&(a, b)| [a, b])
        .try_for_each(|index| check_index("scalar", config.num_scalars, index))
}

fn check_index(what: &'static str, bound: usize, got: usize) -> Result<(), LigeroError> {
    if got < bound { Ok(()) } else { Err(LigeroError::Index { what, bound, got }) }
}

/// `Σ cells·w = target` over all message slots.
#[derive(Clone, Debug)]
pub(super) struct Functional {
    /// One coefficient per cell.
    pub(super) cells: Vec<K>,
    /// The value that the honest pads have.
    pub(super) target: K,
}

impl Functional {
    /// The coefficients of each row's used slots as base columns, one per limb.
    pub(super) fn columns(&self, config: &LigeroConfig) -> Vec<[Vec<F>; DEGREE]> {
        self.cells
            .chunks_exact(config.slots())
            .enumerate()
            .map(|(row, cells)| limb_columns(&cells[..config.used_slots(row)]))
            .collect()
    }
}
