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
use tracing::{Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
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
    let lines = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_target(false)
        .with_ansi(io::stderr().is_terminal())
        .fmt_fields(OneLine)
        .with_writer(|| StandardError(Vec::new()))
        .finish();
    start(lines);
}

/// Writes to the journal or else to the system log, if there is one.
pub(crate) fn to_system_log() {
    if let Ok(journal) = Journald::open() {
        return to_journal(journal);
    }
    let Ok(log) = SystemLog::open() else {
        return;
    };
    let lines = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_target(false)
        .with_level(false)
        .without_time()
        .with_ansi(false)
        .fmt_fields(OneLine)
        .with_writer(log)
        .finish();
    start(lines);
}

fn to_journal(journal: Journald) {
    start(tracing_subscriber::registry().with(journal));
}

/// Has `lines` take as much as the environment asks for, and says where that cannot be read.
fn start(lines: impl Subscriber + for<'a> LookupSpan<'a> + Send + Sync) {
    let asked = std::env::var_os(VARIABLE).unwrap_or_default();
    let asked = asked.to_string_lossy();
    let filter = filter(&asked);
    lines.with(filter.clone().unwrap_or_else(usual)).init();
    if filter.is_none() {
        let words = "say error, warn, info, debug or trace";
        tracing::warn!("{VARIABLE}: `{asked}': no level: {words}");
    }
}

/// What is logged where `asked` is: a level, or such as `carp_net=trace` of a part of the program.
fn filter(asked: &str) -> Option<Targets> {
    if asked.is_empty() {
        return Some(usual());
    }
    let filter = asked.parse::<Targets>().ok()?;
    // What is no level is taken for a part of the program.
    if filter.iter().any(|(part, _)| !part.starts_with("carp")) {
        return None;
    }
    Some(match filter.default_level() {
        None => filter.with_default(LevelFilter::INFO),
        Some(_) => filter,
    })
}

fn usual() -> Targets {
    Targets::new().with_default(LevelFilter::INFO)
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
    fn level_is_asked_for_of_all_or_of_a_part() {
        let debugs = |asked| {
            let filter = filter(asked)?;
            let of = |part| filter.would_enable(part, &Level::DEBUG);
            Some((of("carpctl"), of("carp_net")))
        };
        assert_eq!(debugs(""), Some((false, false)));
        assert_eq!(debugs("debug"), Some((true, true)));
        assert_eq!(debugs("carp_net=trace"), Some((false, true)));
        assert_eq!(debugs("debug,carp_net=warn"), Some((true, false)));
        for unread in ["loud", "carp_net=loud", "inof"] {
            assert_eq!(debugs(unread), None, "{unread}");
        }
        assert!(usual().would_enable("carpctl", &Level::INFO));
    }

    #[test]
    fn pipe_that_nobody_reads_is_not_waited_for() {
        let (_reader, writer) = io::pipe().unwrap();
        for _ in 0..10_000 {
            write_at_once(&writer, &[b'x'; 6_000]);
        }
    }
}
