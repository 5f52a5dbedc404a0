//! Where a run is shown while it goes on: what happens, and how far it has come.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileTypeExt as _;
use std::time::Duration;

use carp_net::carp_fsm::Timestamp;
use rustix::time::{ClockId, clock_gettime};

use crate::failure::Failure;

/// Standard output, and on a terminal a line on standard error that says how far it is.
#[derive(Debug)]
pub(super) struct Screen {
    output: BufWriter<io::Stdout>,
    /// Whether somebody reads every line as it comes.
    is_watched: bool,
    progress: Progress,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self {
            output: BufWriter::new(io::stdout()),
            is_watched: io::stdout().is_terminal(),
            progress: Progress::new(),
        }
    }

    /// Writes text that ends its last line.
    pub(super) fn print(&mut self, text: &str) -> Result<(), Failure> {
        let written = self.write_all(text.as_bytes());
        let written = written.and_then(|()| match self.is_watched {
            true => self.output.flush(),
            false => Ok(()),
        });
        written.map_err(|error| Failure::of_output(&error))
    }

    /// Nothing more is to be shown.
    pub(super) fn end(mut self) -> Result<(), Failure> {
        self.flush().map_err(|error| Failure::of_output(&error))
    }

    /// Says, if it is time to, that `now` is reached of a run of this `length`; `which` says of
    /// which of several.
    pub(super) fn progress(&mut self, which: fmt::Arguments<'_>, now: Timestamp, length: Duration) {
        self.progress.show(|| {
            let (now, length) = ((now - Timestamp::ZERO).as_secs(), length.as_secs_f64());
            format!("{which}{now} s of {length} s")
        });
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.progress.clear();
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.progress.clear();
        self.output.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.progress.clear();
    }
}

/// A line that is written over, and goes before anything else is written.
#[derive(Debug)]
struct Progress {
    is_shown: bool,
    /// The second of the clock in which it was last said.
    second: i64,
    /// How many columns are to be blanked.
    width: usize,
}

impl Progress {
    fn new() -> Self {
        Self {
            is_shown: io::stderr().is_terminal() && !is_piped(),
            second: this_second(),
            width: 0,
        }
    }

    fn show(&mut self, text: impl FnOnce() -> String) {
        if !self.is_shown || self.second == this_second() {
            return;
        }
        self.second = this_second();
        self.clear();
        let text = text();
        self.width = text.len();
        say(&text);
    }

    fn clear(&mut self) {
        if self.width > 0 {
            say(&format!("\r{:1$}\r", "", self.width));
            self.width = 0;
        }
    }
}

/// As far as anybody reads it.
fn say(text: &str) {
    match write!(io::stderr(), "{text}") {
        Ok(()) | Err(_) => {}
    }
}

/// Whether another program reads what is shown: a pager would have the same terminal.
fn is_piped() -> bool {
    let output = io::stdout().as_fd().try_clone_to_owned();
    let metadata = output.and_then(|output| File::from(output).metadata());
    metadata.is_ok_and(|it| it.file_type().is_fifo() || it.file_type().is_socket())
}

fn this_second() -> i64 {
    clock_gettime(ClockId::Monotonic).tv_sec
}
