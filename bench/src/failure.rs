//! Why a measurement could not be made.

/// Why a measurement could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The library refused the model, the data or the proof.
    #[error(transparent)]
    Library(#[from] zkml::Error),
    /// No row has this name.
    #[error("no row is called '{name}'; rows: {known}")]
    UnknownRow {
        /// The name.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A file could not be written.
    #[error("{file}: {source}")]
    File {
        /// The file.
        file: String,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The process of a row did not run or did not answer.
    #[error("the process of a row: {0}")]
    Child(String),
    /// A measurement could not be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}
