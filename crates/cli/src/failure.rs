//! Failures as people and scripts see them.

use std::io::Write;
use std::process::ExitCode;

use zkml::Error;

/// Why a command failed, and the exit code that says so.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// A proof is refused.
    pub(crate) const INVALID: u8 = 1;
    /// The arguments do not fit together.
    pub(crate) const USAGE: u8 = 2;
    /// A file is missing, damaged or cannot be written.
    pub(crate) const FILE: u8 = 3;

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { code: Self::USAGE, message: message.into() }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self { code: Self::INVALID, message: message.into() }
    }

    pub(crate) fn file(message: impl Into<String>) -> Self {
        Self { code: Self::FILE, message: message.into() }
    }

    /// Prints the failure and returns its exit code.
    pub(crate) fn print(&self, json: bool) -> ExitCode {
        if json {
            let value = serde_json::json!({ "ok": false, "exit_code": self.code, "error": self.message });
            // A closed standard output leaves the exit code.
            let _ = writeln!(std::io::stdout(), "{value}");
        } else {
            let _ = writeln!(std::io::stderr(), "error: {}", self.message);
        }
        ExitCode::from(self.code)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Refused(_) => Self::INVALID,
            Error::Usage(_) | Error::Spent => Self::USAGE,
            _ => Self::FILE,
        };
        Self { code, message: error.to_string() }
    }
}
