//! The circuit of the verifier: [`zkml_iop::verifier::verify`] over wires instead of values.
//!
//! Nothing of the protocol is repeated here. [`CircuitContext`] says what receiving, drawing, multiplying and asserting mean in
//! a circuit; what is checked, and in which order, is the one verifier's business.

mod context;
mod tensors;
mod wire;

pub use context::{Assignment, MAX_CONSTRAINTS, build};
pub use tensors::{
    MAX_PUBLIC_BYTES, PACKED_WORD, PublicTensor, pack, packed_length, packed_words, public_tensors,
};
