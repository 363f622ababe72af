//! From floats to integers: a float graph and calibration data become an integer model with scales and bounds, and a
//! report says what that costs in accuracy.
//!
//! Every weight layer keeps its sum exact, `acc = Σ w·x + Σ k·res + b`, and leaves it by one rounded shift,
//! `hi = floor(acc/2^s + ½)`, fused with clamp and activation. There is no multiplier: scales of activations are chosen
//! first, and weights are rounded to whatever the ratio of scales makes of them.

mod accuracy;
mod affine;
mod calibrate;
mod compile;
mod compiled;
pub mod error;
mod integers;
mod lowering;
mod ops;
mod options;
mod precision;
mod requantize;
mod scale;
mod spread;

pub use accuracy::{AccuracyReport, OperatorReport, OutputReport, accuracy};
pub use calibrate::Calibration;
pub use compile::compile;
pub use compiled::{Binding, Compiled, InputKind, Metadata, dequantize, quantize_input};
pub use error::{QuantizeError, UnsupportedNode};
pub use options::{Options, OutputMode, Profile};
