//! How a command ends when it does not end well.

use std::io;
use std::process::ExitCode;

/// What is said on standard error, and what the exit status is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line could not be understood: exit status 2.
    #[error("{0}")]
    Usage(String),
    /// It was understood, but could not be done: exit status 1.
    #[error("{0}")]
    Failed(String),
    /// Nobody reads the output any more, which is no failure: exit status 0.
    #[error("nobody reads the output")]
    NobodyListens,
}

impl Failure {
    /// The exit status.
    pub(crate) fn code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Failed(_) => ExitCode::from(1),
            Self::NobodyListens => ExitCode::SUCCESS,
        }
    }

    /// An error about the interface `name`.
    pub(crate) fn about(name: &str, error: impl std::fmt::Display) -> Self {
        Self::Failed(format!("{name}: {error}"))
    }

    /// An error of writing to standard output.
    pub(crate) fn of_output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::NobodyListens;
        }
        Self::Failed(format!("standard output: {error}"))
    }
}
