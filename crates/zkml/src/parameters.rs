//! The choice of a model's parameters: the height of its columns, and how many proofs a commitment to the weights serves.

use zkml_iop::builder::{Shape, Visibility, build_system};
use zkml_iop::layout::{Layout, Reserved, TreeKind};
use zkml_ir::Graph;
use zkml_stark::ColumnConfig;
use zkml_verifier::relation::FIELD;
use zkml_verifier::{Parameters, Refusal, epoch::MAX_TREES};

use crate::error::Error;

/// The proofs that a model serves before its weights must be committed anew, where nobody says otherwise and memory allows.
pub const DEFAULT_OPENINGS: u32 = 1000;

/// The base-2 logarithms of the supported heights.
const HEIGHTS: std::ops::RangeInclusive<u8> = 9..=20;
/// The bytes of codewords that a registration holds in memory, where nobody asks for a number of openings.
const MAX_REGISTRATION: f64 = 1.5e9;
/// Rows kept for the pin of a tree, which reveals five functionals of all rows. With just five more rows than openings show,
/// a tree of one column would leave a dependent functional with probability 2^-31; with five beyond those, 2^-186.
pub(crate) const PIN_ROWS: u32 = 10;

/// The relation of one private sample with public outputs: what parameters are chosen for.
pub(crate) fn typical(graph: &Graph) -> Shape {
    Shape {
        batch: 1,
        inputs: vec![Visibility::Private; graph.inputs().len()],
        outputs: vec![Visibility::Public; graph.outputs().len()],
    }
}

/// The parameters of a model and the number of trees of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) parameters: Parameters,
    pub(crate) num_trees: usize,
}

/// How many proofs a tree with `reserved` random rows serves, when each reveals `queries`: two more are kept for
/// registrations, of its own epoch and of the next, and a few rows for the pin.
pub(crate) fn uses(reserved: u32, queries: usize) -> u32 {
    let openings = reserved.saturating_sub(PIN_ROWS) / u32::try_from(queries.max(1)).unwrap_or(u32::MAX);
    openings.saturating_sub(2)
}

/// The parameters that minimise a weighted sum of proof size and time for one sample, and of the registration's.
pub(crate) fn choose(
    graph: &Graph,
    security: u8,
    openings: Option<u32>,
    log_rows: Option<u8>,
) -> Result<Choice, Error> {
    let system = build_system(graph, &typical(graph), FIELD)?;
    let mut best: Option<(f64, Choice)> = None;
    let mut refusal = None;
    for log_rows in HEIGHTS.filter(|&height| log_rows.is_none_or(|wanted| wanted == height)) {
        let config = Parameters { log_rows, security, reserved: 0 }.config().map_err(Refusal::from)?;
        for share in [8, 4, 2] {
            let reserved = (1 << log_rows) / share;
            let rows = Reserved { weights: reserved, ..Reserved::uniform(config.num_queries(), 0) };
            match Layout::new(&system, usize::from(log_rows), &rows) {
                Ok(layout) => {
                    let parameters = Parameters { log_rows, security, reserved: reserved as u32 };
                    let Some((cost, choice)) = judge(&layout, &config, parameters, openings) else {
                        continue;
                    };
                    if best.is_none_or(|(least, _)| cost < least) {
                        best = Some((cost, choice));
                    }
                }
                Err(error) => refusal = Some(error),
            }
        }
    }
    match (best, refusal) {
        (Some((_, choice)), _) => Ok(choice),
        (None, Some(error)) => Err(error.into()),
        (None, None) => Err(Error::Usage(format!(
            "no commitment serves {} openings; ask for fewer, and refresh when they are spent",
            openings.unwrap_or(DEFAULT_OPENINGS)
        ))),
    }
}

/// The cost of parameters and the number of trees they take; none where they serve no proof or take too many trees.
fn judge(
    layout: &Layout,
    config: &ColumnConfig,
    parameters: Parameters,
    openings: Option<u32>,
) -> Option<(f64, Choice)> {
    let queries = config.num_queries();
    let weights = layout.columns(TreeKind::Weights);
    if weights == 0 {
        let parameters = Parameters { reserved: 0, ..parameters };
        return Some((proof_cost(layout, queries), Choice { parameters, num_trees: 0 }));
    }
    let uses = uses(parameters.reserved, queries);
    if uses == 0 {
        return None;
    }
    let rows = (1u64 << parameters.log_rows) as f64;
    let tree_bytes = 4.0 * rows * weights as f64 * (1.0 + (1u64 << config.log_inv_rate()) as f64);
    let wanted = openings.unwrap_or(DEFAULT_OPENINGS).div_ceil(uses).max(1) as usize;
    let num_trees = match openings {
        Some(_) => wanted,
        None => wanted.min((MAX_REGISTRATION / tree_bytes) as usize).max(1),
    };
    if num_trees > MAX_TREES {
        return None;
    }
    let path =
        32.0 * (f64::from(parameters.log_rows) + config.log_inv_rate() as f64 - (queries as f64).log2());
    let registration = num_trees as f64 * queries as f64 * (4.0 * weights as f64 + 16.0 + path.max(0.0));
    // A registration is made and read once: its bytes count for a fiftieth, and the time of a further tree for a tenth.
    let cost = proof_cost(layout, queries)
        + 1_000.0 * registration / 50.0
        + 20.0 * rows * weights as f64 * num_trees as f64 / 10.0;
    Some((cost, Choice { parameters, num_trees }))
}

/// Nanoseconds of proving, and bytes of the proof at a microsecond each: 300 KB weigh as much as 0.3 s.
fn proof_cost(layout: &Layout, queries: usize) -> f64 {
    let rows = (1u64 << layout.log_rows) as f64;
    let columns = layout.num_columns() as f64 + 5.0;
    let bytes = queries as f64 * 4.0 * columns + 9_000.0 * layout.log_rows as f64;
    let time = 60.0 * rows * columns + 5_000.0 * rows;
    time + 1_000.0 * bytes
}
