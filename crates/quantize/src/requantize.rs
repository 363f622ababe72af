//! From a symbolic sum to committed integers: the choice of the shift, the domain, the fused function.

use zkml_ir::graph::MAX_MAGNITUDE;
use zkml_ir::ops::{Activation, Lookup, Requantize, floor_shift};
use zkml_ir::table::MAX_TABLE_ROWS;
use zkml_ir::{Interval, Op, Table, TensorId};

use crate::affine::{Affine, Quantized, Term};
use crate::error::QuantizeError;
use crate::integers::{Integers, Widths, integers};
use crate::lowering::Lowering;
use crate::options::MAX_ACTIVATION_BITS;
use crate::scale::{Format, round};

/// Field elements that a requantisation may not wrap around: the prime of 31 bits less a margin.
const FIELD_ROOM: i128 = (1 << 31) - (1 << 24);
/// The largest shift: its remainders need a range table of `2^s` rows.
const MAX_SHIFT: u32 = 16;
/// The shift of sums without weights, whose coefficients it makes precise.
const LINEAR_SHIFT: u32 = 10;

/// The greatest magnitude of integers that are compared: three times their span stays below the modulus.
pub(crate) const MAX_RANKED: i64 = 1 << 28;

/// What follows a sum.
pub(crate) enum Function<'f> {
    /// A clamp to these reals, and to what the format expresses.
    Clip(f64, f64),
    /// Any function, as a table, and the format of its argument.
    Table { name: &'f str, f: &'f dyn Fn(f64) -> f64, argument: Format },
}

impl Function<'_> {
    /// Nothing but the clamp to the format.
    pub(crate) const IDENTITY: Self = Self::Clip(f64::NEG_INFINITY, f64::INFINITY);
}

/// A sum with integers and a shift: `real = unit · hi`.
struct Solution {
    integers: Integers,
    shift: u32,
    unit: f64,
    domain: Interval,
}

impl Lowering<'_> {
    /// Commits `affine`, through `function`, in the format `goal`. The scale may come out slightly larger where that
    /// makes it exact.
    pub(crate) fn requantize(
        &mut self,
        affine: &Affine,
        function: &Function<'_>,
        goal: Format,
    ) -> Result<Quantized, QuantizeError> {
        match *function {
            Function::Clip(lo, hi) => {
                let solution = self.solve(affine, goal.scale, self.block_bits(&goal))?;
                let clip = Interval::new(round(lo / solution.unit), round(hi / solution.unit));
                if let Some(codes) = self.natural_clamp(&clip, &goal) {
                    return self.emit_clamp(affine, &solution, codes);
                }
                let clamp = |x: f64| x.clamp(lo, hi);
                let argument = Format { codes: goal.codes, scale: solution.unit };
                self.requantize_table(affine, "clip", &clamp, argument, goal)
            }
            Function::Table { name, f, argument } => self.requantize_table(affine, name, f, argument, goal),
        }
    }

    /// Commits `affine` in exactly this scale.
    pub(crate) fn requantize_at(
        &mut self,
        affine: &Affine,
        goal: Format,
    ) -> Result<Quantized, QuantizeError> {
        let solution = self.solve_rounded(affine, goal.scale, self.block_bits(&goal))?;
        self.emit_clamp(affine, &solution, goal.codes)
    }

    fn requantize_table(
        &mut self,
        affine: &Affine,
        name: &str,
        f: &dyn Fn(f64) -> f64,
        argument: Format,
        goal: Format,
    ) -> Result<Quantized, QuantizeError> {
        // Finer than the argument's own format where the rows suffice, down to as coarse as that.
        let bits = self.options.bits();
        let finest = argument.scale / f64::from(1 << (12u32.saturating_sub(bits)).min(4));
        let mut unit = finest;
        while unit <= argument.scale * 1.001 {
            let solution = self.solve(affine, unit, bits)?;
            if solution.domain.len() <= MAX_TABLE_ROWS as u64 {
                let table = tabulate(name, f, solution.domain, solution.unit, goal);
                let table = self.graph.add_table(table)?;
                let activation = Activation::Table(table);
                let tensor = self.emit_requantize(affine, &solution, activation)?;
                return Ok(self.quantized(tensor, goal.scale));
            }
            unit *= 2.0;
        }
        let clamped = self.requantize(affine, &Function::IDENTITY, argument)?;
        self.lookup(clamped, name, f, goal)
    }

    /// A table applied to a tensor of few bits.
    pub(crate) fn lookup(
        &mut self,
        x: Quantized,
        name: &str,
        f: &dyn Fn(f64) -> f64,
        goal: Format,
    ) -> Result<Quantized, QuantizeError> {
        let table = self.graph.add_table(tabulate(name, f, x.range, x.scale, goal))?;
        let tensor = self.node(Op::Lookup(Lookup { table }), &[x.tensor])?;
        Ok(self.quantized(tensor, goal.scale))
    }

    /// Commits the exact accumulator, as fine as the bounds and a limit on its magnitude allow.
    pub(crate) fn commit_exactly(&mut self, affine: &Affine, limit: i64) -> Result<Quantized, QuantizeError> {
        let (integers, unit) = self.finest(affine, limit)?;
        let domain = rounded_out(integers.real, self.options.bits());
        let solution = Solution { integers, shift: 0, unit, domain };
        self.emit_clamp(affine, &solution, domain)
    }

    /// The accumulator itself, as fine as the bounds allow, and its unit.
    pub(crate) fn accumulator(&mut self, affine: &Affine) -> Result<Quantized, QuantizeError> {
        let (integers, unit) = self.finest(affine, MAX_MAGNITUDE)?;
        let tensor = self.emit_sum(affine, &integers)?;
        Ok(self.quantized(tensor, unit))
    }

    fn emit_clamp(
        &mut self,
        affine: &Affine,
        solution: &Solution,
        codes: Interval,
    ) -> Result<Quantized, QuantizeError> {
        let tensor = self.emit_requantize(affine, solution, Activation::Clamp(codes))?;
        Ok(self.quantized(tensor, solution.unit))
    }

    fn emit_requantize(
        &mut self,
        affine: &Affine,
        solution: &Solution,
        activation: Activation,
    ) -> Result<TensorId, QuantizeError> {
        let sum = self.emit_sum(affine, &solution.integers)?;
        let op = Requantize { shift: solution.shift, domain: solution.domain, activation };
        self.node(Op::Requantize(op), &[sum])
    }

    /// The shared clamp of the profile's bits that does what `clip` asks for, but for one code of asymmetry.
    fn natural_clamp(&self, clip: &Interval, goal: &Format) -> Option<Interval> {
        let (bits, goal) = (self.block_bits(goal), goal.codes);
        let fits = |codes: &Interval| {
            clip.lo <= codes.lo.saturating_add(1) && clip.hi >= codes.hi && codes.lo <= clip.lo.max(goal.lo)
        };
        [goal, Interval::unsigned(bits), Interval::signed(bits)].into_iter().find(fits)
    }

    /// The bits of the blocks on which clamps to a format are proven.
    fn block_bits(&self, goal: &Format) -> u32 {
        goal.bits()
            .clamp(self.options.bits().min(self.options.profile.activation_bits()), MAX_ACTIVATION_BITS)
    }

    /// The widths to try: without caps first, as long as that costs no precision.
    fn widths(&self, cap: bool, block: u32) -> Widths {
        Widths { weights: self.options.weight_range(), cap, block }
    }

    /// The shift with the most precise integers for `real = unit · hi`.
    fn solve(&self, affine: &Affine, unit: f64, block: u32) -> Result<Solution, QuantizeError> {
        match &affine.terms[..] {
            [term] if !affine.has_weights() => self.solve_exactly(affine, term, unit, block),
            _ => self.solve_rounded(affine, unit, block),
        }
    }

    /// The largest shift that fits: weights, coefficients and biases are rounded.
    fn solve_rounded(&self, affine: &Affine, unit: f64, block: u32) -> Result<Solution, QuantizeError> {
        let (mut unit, mut most) =
            (unit, MAX_SHIFT.min(if affine.has_weights() { MAX_SHIFT } else { LINEAR_SHIFT }));
        if let Some(widest) = widest(affine) {
            let limit = self.options.weight_range().hi as f64 / widest;
            // A unit so fine that not even one bit of shift is left is coarser in truth.
            while limit * unit < 1.0 {
                unit *= 2.0;
            }
            most = most.min((limit * unit).log2().floor() as u32);
        }
        let mut reason = String::new();
        for shift in (0..=most).rev() {
            for cap in [false, true] {
                match self.attempt(affine, unit, shift, self.widths(cap, block)) {
                    Ok(solution) => return Ok(solution),
                    Err(refused) => reason = refused,
                }
                if !affine.has_weights() {
                    break;
                }
            }
        }
        Err(self.out_of_range(reason))
    }

    /// One operand with a factor: the ratio of small integers just below the wanted one makes it exact.
    fn solve_exactly(
        &self,
        affine: &Affine,
        term: &Term,
        unit: f64,
        block: u32,
    ) -> Result<Solution, QuantizeError> {
        let scale = match term {
            Term::Tensor { x, factor } => x.scale * factor,
            Term::Product { a, b, factor, .. } => a.scale * b.scale * factor,
            Term::Weighted { .. } => return Err(self.out_of_range("weights in an exact sum".into())),
        };
        let ratio = scale.abs() / unit;
        let least = if affine.has_bias() { 6 } else { 0 };
        let (mut best, mut best_loss) = (None, f64::INFINITY);
        let mut reason = format!("the ratio {ratio} of its scales has no integers");
        for shift in least..=MAX_SHIFT + 4 {
            let k = (ratio * f64::from(1u32 << shift) * (1.0 + 1e-9)).floor();
            let loss = ratio * f64::from(1u32 << shift) / k;
            // Not worth another bit of shift unless it gains a fiftieth of the range.
            if k < 1.0 || loss > best_loss - 0.02 {
                continue;
            }
            let exact = scale.abs() * f64::from(1u32 << shift) / k;
            match self.attempt(affine, exact, shift, self.widths(false, block)) {
                Ok(solution) => (best, best_loss) = (Some(solution), loss),
                Err(refused) => {
                    reason = refused;
                    break;
                }
            }
        }
        best.ok_or_else(|| self.out_of_range(reason))
    }

    fn attempt(&self, affine: &Affine, unit: f64, shift: u32, widths: Widths) -> Result<Solution, String> {
        let integers = integers(affine, unit / f64::from(1u32 << shift), &widths)?;
        let hi = Interval::new(floor_shift(integers.real.lo, shift), floor_shift(integers.real.hi, shift));
        let domain = rounded_out(hi, widths.block);
        // A clamp to signed codes is proven on blocks that are half a block off the domain's.
        let half_block = 1i128 << (widths.block - 1);
        let reach = i128::from(integers.declared.magnitude())
            + ((i128::from(domain.magnitude()) + half_block) << shift)
            + (1i128 << shift);
        if reach > FIELD_ROOM {
            return Err(format!("its accumulator {} with domain {domain} may wrap", integers.declared));
        }
        Ok(Solution { integers, shift, unit, domain })
    }

    /// The finest unit of an accumulator that is not shifted, and its integers.
    fn finest(&self, affine: &Affine, limit: i64) -> Result<(Integers, f64), QuantizeError> {
        let mut unit = match widest(affine) {
            Some(widest) => widest / self.options.weight_range().hi as f64,
            None => self.finest_linear(affine),
        };
        let mut reason = String::new();
        for step in 0..240 {
            for cap in [false, true] {
                match self.attempt(affine, unit, 0, self.widths(cap, self.options.bits())) {
                    Ok(solution) if solution.domain.magnitude() <= limit.unsigned_abs() => {
                        return Ok((solution.integers, unit));
                    }
                    Ok(_) => reason = "its accumulator is too wide".into(),
                    Err(refused) => reason = refused,
                }
            }
            // Sums without weights stay exact under powers of two only.
            unit *= if affine.has_weights() && step > 0 {
                1.1
            } else if affine.has_weights() {
                1.0 + 1e-6
            } else {
                2.0
            };
        }
        Err(self.out_of_range(reason))
    }

    /// The unit of a sum without weights: exact for one term, fine enough for coefficients otherwise.
    fn finest_linear(&self, affine: &Affine) -> f64 {
        let scales = affine.terms.iter().map(|term| match term {
            Term::Tensor { x, factor } => (x.scale * factor).abs(),
            Term::Product { a, b, factor, .. } => (a.scale * b.scale * factor).abs(),
            Term::Weighted { .. } => f64::INFINITY,
        });
        let least = scales.filter(|s| *s > 0.0).fold(f64::INFINITY, f64::min);
        let exact = affine.terms.len() == 1 && !affine.has_bias();
        let least = if least.is_finite() { least } else { 1.0 };
        if exact { least } else { least / 256.0 }
    }

    fn out_of_range(&self, reason: String) -> QuantizeError {
        QuantizeError::Range {
            node: self.current.0.clone(),
            op: self.current.1.clone(),
            reason,
            advice: "use fewer bits (profile fast), or split the layer",
        }
    }
}

/// The largest product of a weight and its operand's scale.
fn widest(affine: &Affine) -> Option<f64> {
    let widest = affine.terms.iter().filter_map(|term| match term {
        Term::Weighted { x, weight, .. } => {
            Some(weight.data.iter().fold(0f64, |m, w| m.max(w.abs())) * x.scale)
        }
        _ => None,
    });
    widest.reduce(f64::max).map(|w| if w > 0.0 { w } else { 1.0 })
}

/// The smallest interval around `hi` whose ends are multiples of `2^bits`.
fn rounded_out(hi: Interval, bits: u32) -> Interval {
    let lo = (hi.lo >> bits) << bits;
    Interval::new(lo, (((hi.hi >> bits) + 1) << bits) - 1)
}

/// The table of `f` from reals `unit · i` to codes of `goal`.
fn tabulate(name: &str, f: &dyn Fn(f64) -> f64, domain: Interval, unit: f64, goal: Format) -> Table {
    let values =
        (domain.lo..=domain.hi).take(MAX_TABLE_ROWS + 1).map(|i| goal.encode(f(i as f64 * unit)) as i32);
    Table { name: name.into(), start: domain.lo, values: values.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_grow_to_whole_blocks() {
        assert_eq!(rounded_out(Interval::new(-1, 255), 8), Interval::new(-256, 255));
        assert_eq!(rounded_out(Interval::new(0, 256), 8), Interval::new(0, 511));
        assert_eq!(rounded_out(Interval::new(-256, -256), 8), Interval::new(-256, -1));
    }
}
