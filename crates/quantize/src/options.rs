//! What the caller chooses: bits, outputs, how ranges are measured.

use serde::{Deserialize, Serialize};
use zkml_import::{DType, Value};
use zkml_ir::Interval;

use crate::error::QuantizeError;

/// How many bits activations and weights have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Profile {
    /// 8-bit activations, 10-bit weights.
    #[default]
    Fast,
    /// 12-bit activations, 12-bit weights, with caps on `Σ|w|` where the bound needs them.
    Accurate,
}

/// The most bits of an activation: a clamp's table has three rows per code.
pub(crate) const MAX_ACTIVATION_BITS: u32 = 14;
/// The most bits of a weight.
pub(crate) const MAX_WEIGHT_BITS: u32 = 14;

impl Profile {
    /// Bits of an activation.
    pub(crate) fn activation_bits(self) -> u32 {
        match self {
            Self::Fast => 8,
            Self::Accurate => 12,
        }
    }

    /// Bits of a weight.
    pub(crate) fn weight_bits(self) -> u32 {
        match self {
            Self::Fast => 10,
            Self::Accurate => 12,
        }
    }

    /// The largest error, relative to an output's range, above which a compilation takes more bits. Samples that are not seen
    /// may be off by somewhat more.
    pub(crate) fn goal(self) -> f64 {
        match self {
            Self::Fast => 0.025,
            Self::Accurate => 0.005,
        }
    }
}

/// What the model's outputs become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OutputMode {
    /// The tensors of the model file, unrounded where they are sums.
    #[default]
    Raw,
    /// The position of the maximum along the last axis.
    ArgMax,
    /// The positions of the `k` greatest entries along the last axis, in order; of equal entries, the first comes first.
    TopK(usize),
}

impl OutputMode {
    /// The number of positions that stand for every row of an output; 0 where the output stays as it is.
    pub(crate) fn positions(self, output: &Value) -> usize {
        match self {
            _ if output.dtype != DType::Float || output.shape.is_empty() => 0,
            Self::Raw => 0,
            Self::ArgMax => 1,
            Self::TopK(k) => k,
        }
    }
}

/// The choices of a compilation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Bits of activations and weights.
    pub profile: Profile,
    /// What becomes of the outputs.
    pub output: OutputMode,
    /// Calibrated ranges are widened by this factor, at least 1, instead of the profile's.
    pub headroom: Option<f64>,
    /// Leave this share of entries outside of the range, such as 0.0001; ranges are min–max without it.
    pub percentile: Option<f64>,
    /// Bits of activations instead of the profile's and of what accuracy asks for, from 4 to 14.
    pub activation_bits: Option<u32>,
    /// Bits of weights instead of the profile's and of what accuracy asks for, from 4 to 14.
    pub weight_bits: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            profile: Profile::Fast,
            output: OutputMode::Raw,
            headroom: None,
            percentile: None,
            activation_bits: None,
            weight_bits: None,
        }
    }
}

impl Options {
    /// The defaults of a profile.
    pub fn new(profile: Profile) -> Self {
        Self { profile, ..Self::default() }
    }

    /// Bits `b` of an activation.
    pub fn bits(&self) -> u32 {
        self.activation_bits.unwrap_or(self.profile.activation_bits())
    }

    /// Bits `b_w` of a weight, its sign included.
    pub fn bits_of_weights(&self) -> u32 {
        self.weight_bits.unwrap_or(self.profile.weight_bits())
    }

    /// The factor by which calibrated ranges are widened. Codes that are plenty pay for more of it.
    pub fn headroom(&self) -> f64 {
        self.headroom.unwrap_or(match self.profile {
            Profile::Fast => 1.5,
            Profile::Accurate => 2.0,
        })
    }

    /// The declared interval of every weight: symmetric.
    pub fn weight_range(&self) -> Interval {
        let limit = (1i64 << (self.bits_of_weights() - 1)) - 1;
        Interval::new(-limit, limit)
    }

    /// Refuses values without meaning.
    ///
    /// # Errors
    /// [`QuantizeError::Option`] that names the option.
    pub fn check(&self) -> Result<(), QuantizeError> {
        let refuse = |option, got: String, expected| Err(QuantizeError::Option { option, got, expected });
        if !(1.0..=16.0).contains(&self.headroom()) {
            return refuse("headroom", self.headroom().to_string(), "a factor from 1 to 16");
        }
        if let Some(p) = self.percentile.filter(|p| !(0.0..0.5).contains(p)) {
            return refuse("percentile", p.to_string(), "a share from 0 up to 0.5");
        }
        if !(4..=MAX_ACTIVATION_BITS).contains(&self.bits()) {
            return refuse("activation bits", self.bits().to_string(), "4 to 14");
        }
        if !(4..=MAX_WEIGHT_BITS).contains(&self.bits_of_weights()) {
            return refuse("weight bits", self.bits_of_weights().to_string(), "4 to 14");
        }
        if self.output == OutputMode::TopK(0) {
            return refuse("output", "topk=0".into(), "topk=1 or more");
        }
        Ok(())
    }
}
