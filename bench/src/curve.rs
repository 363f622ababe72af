//! How cost grows with one size.

use crate::catalogue::CURVES;
use crate::report::{Entry, Outcome, Report, count, milliseconds, spread};
use crate::table::Table;

/// The line nearest to some points by least squares: intercept, slope, and the share of the variance it explains.
fn line(points: &[(f64, f64)]) -> (f64, f64, f64) {
    let n = points.len() as f64;
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(&|p| p.0), mean(&|p| p.1));
    let (xx, yy) = (mean(&|p| (p.0 - x).powi(2)), mean(&|p| (p.1 - y).powi(2)));
    let xy = mean(&|p| (p.0 - x) * (p.1 - y));
    let slope = xy / xx;
    (y - slope * x, slope, xy * xy / (xx * yy))
}

/// The growing size of a row: its weights, or the elements of its requantised activations.
fn size(kind: &str, entry: &Entry) -> Option<u64> {
    let work = entry.measurement()?.work;
    Some(if kind == "weights" { work.weights } else { work.requantised })
}

/// The table of one curve, with the line through it.
fn curve(kind: &str, report: &Report) -> String {
    let mut table =
        Table::new([kind, "prove, ms", "cpu, ms", "cpu, ns each", "setup, s", "proof, KB", "peak, MB"]);
    let mut points = Vec::new();
    for entry in report.rows.iter().filter(|e| e.name.starts_with(kind)) {
        let (Some(m), Some(size)) = (entry.measurement(), size(kind, entry)) else { continue };
        let cpu = m.prove.cpu.median;
        points.push((size as f64, cpu));
        table.row([
            count(size),
            spread(&m.prove.wall),
            spread(&m.prove.cpu),
            format!("{:.0}", cpu * 1e9 / size as f64),
            format!("{:.2}", m.compile + m.commit),
            format!("{:.1}", m.bytes.total as f64 / 1e3),
            m.prove_memory.map_or_else(crate::report::absent, |b| format!("{:.0}", b as f64 / 1e6)),
        ]);
    }
    if points.len() < 2 {
        return table.to_string();
    }
    let (intercept, slope, explained) = line(&points);
    let intercept = if intercept < 0.0 { "0".into() } else { milliseconds(intercept) };
    format!("{table}\nLine: {intercept} ms + {:.1} ns for each of them, R² {explained:.3}\n", slope * 1e9)
}

/// Both curves, and what is missing of them.
pub(crate) fn curves(report: &Report) -> String {
    let mut text = format!("{}\nMedians of {} proofs (min–max).\n", report.machine, report.samples);
    for (kind, _) in CURVES {
        text += &format!("\nGrowing {kind}:\n\n{}", curve(kind, report));
    }
    for entry in &report.rows {
        match &entry.outcome {
            Outcome::Measured(_) => {}
            Outcome::Skipped(command) => text += &format!("skipped {}; make it: {command}\n", entry.name),
            Outcome::Failed(reason) => text += &format!("FAILED {}: {reason}\n", entry.name),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_through_points_on_a_line_explains_them() {
        let points: Vec<(f64, f64)> =
            (1..6).map(|i| (f64::from(i * i), 2.0 + 3.0 * f64::from(i * i))).collect();
        let (intercept, slope, explained) = line(&points);
        assert!((intercept - 2.0).abs() < 1e-9 && (slope - 3.0).abs() < 1e-9);
        assert!((explained - 1.0).abs() < 1e-9);
    }
}
