//! What the kernel says when it does not do something.

use std::fmt;
use std::io;

use crate::error::About;
use crate::{Error, Result};

/// An error number, and the sentence of the kernel about it where it gave one.
#[derive(Debug)]
pub(crate) struct Refusal {
    source: io::Error,
    text: Option<String>,
}

impl Refusal {
    pub(crate) fn new(errno: i32, text: Option<String>) -> Self {
        Self {
            source: io::Error::from_raw_os_error(errno),
            text,
        }
    }

    /// Whether this is the error number `errno`, such as `libc::EEXIST`.
    pub(crate) fn is(&self, errno: i32) -> bool {
        self.source.raw_os_error() == Some(errno)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Some(text) => write!(f, "{} ({text})", self.source),
            None => self.source.fmt(f),
        }
    }
}

impl std::error::Error for Refusal {}

impl From<io::Error> for Refusal {
    fn from(source: io::Error) -> Self {
        Self { source, text: None }
    }
}

impl From<rustix::io::Errno> for Refusal {
    fn from(errno: rustix::io::Errno) -> Self {
        io::Error::from(errno).into()
    }
}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        match refusal.text {
            Some(_) => Self::new(refusal.source.kind(), refusal),
            None => refusal.source,
        }
    }
}

impl<T> About<T> for Result<T, Refusal> {
    fn about(self, about: impl fmt::Display) -> Result<T> {
        self.map_err(|refusal| Error::new(about.to_string(), io::Error::from(refusal)))
    }
}
