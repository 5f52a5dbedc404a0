//! Where the service writes what happens: standard error in the foreground, systemd's journal where
//! that is what standard error goes to, the system log where nobody sees standard error.
//!
//! Wherever it goes, the election does not wait for it: what is not taken at once is lost.

mod journald;
mod line;
mod syslog;

use std::io::{self, IsTerminal as _, Write};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tracing::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use journald::Journald;
use line::OneLine;
use syslog::SystemLog;

/// Writes to standard error, or to the journal where that reads it.
pub(crate) fn to_standard_error() {
    if journald::reads(io::stderr())
        && let Ok(journal) = Journald::open()
    {
        return to_journal(journal);
    }
    tracing_subscriber::fmt()
        .with_env_filter(filter())
        .with_target(false)
        .with_ansi(io::stderr().is_terminal())
        .fmt_fields(OneLine)
        .with_writer(|| StandardError(Vec::new()))
        .init();
}

/// Writes to the journal or else to the system log, if there is one.
pub(crate) fn to_system_log() {
    if let Ok(journal) = Journald::open() {
        return to_journal(journal);
    }
    let Ok(log) = SystemLog::open() else {
        return;
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter())
        .with_target(false)
        .with_level(false)
        .without_time()
        .with_ansi(false)
        .fmt_fields(OneLine)
        .with_writer(log)
        .init();
}

fn to_journal(journal: Journald) {
    let registry = tracing_subscriber::registry();
    registry.with(filter()).with(journal).init();
}

fn filter() -> EnvFilter {
    EnvFilter::builder()
        .with_default_directive(Level::INFO.into())
        .with_env_var(VARIABLE)
        .from_env_lossy()
}

/// One message to standard error, which may be a terminal that was stopped or a pipe that nobody
/// reads: what it does not take at once is lost, and the election does not wait for it.
#[derive(Debug)]
struct StandardError(Vec<u8>);

impl Write for StandardError {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for StandardError {
    fn drop(&mut self) {
        write_at_once(io::stderr(), &self.0);
    }
}

/// Writes `text` if that does not have to wait: whatever can be written to takes so much.
fn write_at_once(file: impl AsFd, text: &[u8]) {
    let mut fds = [PollFd::new(&file, PollFlags::OUT)];
    let is_ready = poll(&mut fds, Some(&Timespec::default())).is_ok_and(|ready| ready > 0);
    let is_ready = is_ready && fds.iter().all(|fd| fd.revents() == PollFlags::OUT);
    if is_ready && let Some(text) = text.get(..text.len().min(AT_ONCE)) {
        // A message that cannot be logged has nowhere else to go.
        match rustix::io::write(&file, text) {
            Ok(_) | Err(_) => {}
        }
    }
}

/// `PIPE_BUF`: a pipe that can be written to has room for so many bytes.
const AT_ONCE: usize = 4_096;

/// The severities of syslog (RFC 5424, table 2).
fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

/// The variable that says what is logged, such as `debug` or `carp_net=trace`.
const VARIABLE: &str = "CARPCTL_LOG";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipe_that_nobody_reads_is_not_waited_for() {
        let (_reader, writer) = io::pipe().unwrap();
        for _ in 0..10_000 {
            write_at_once(&writer, &[b'x'; 6_000]);
        }
    }
}
