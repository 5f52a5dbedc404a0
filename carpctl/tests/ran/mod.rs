//! What came of running a program, for tests of the command line.

use std::process::Output;

/// What a program said, and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) fn says(code: i32, out: &str, err: &str) -> Ran {
    Ran {
        code: Some(code),
        out: out.to_owned(),
        err: err.to_owned(),
    }
}
