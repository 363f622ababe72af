//! The machine that measures.

use serde::{Deserialize, Serialize};

/// The machine that measures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// The processor's name.
    pub(crate) processor: String,
    /// Its clock in GHz while the measurement began.
    pub(crate) gigahertz: f64,
    /// The cores this process may use.
    pub(crate) cores: usize,
    /// The compiler's version.
    pub(crate) compiler: String,
}

/// The clock assumed where the system does not tell.
const DEFAULT_GIGAHERTZ: f64 = 3.0;

impl Machine {
    /// This machine.
    pub(crate) fn here() -> Self {
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| {
            let line = info.lines().find(|l| l.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let megahertz: Option<f64> = field("cpu MHz").and_then(|f| f.parse().ok());
        Self {
            processor: field("model name").unwrap_or_else(|| std::env::consts::ARCH.into()),
            gigahertz: megahertz.map_or(DEFAULT_GIGAHERTZ, |m| m / 1e3),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            compiler: env!("COMPILER").into(),
        }
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { processor, gigahertz, cores, compiler } = self;
        write!(f, "{processor}, {cores} cores at {gigahertz:.2} GHz, {compiler}")
    }
}
