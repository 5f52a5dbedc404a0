//! Where the service writes what happens: standard error in the foreground, the system log where
//! nobody sees standard error.

use std::io::{self, IsTerminal as _, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Writes to standard error.
pub(crate) fn to_standard_error() {
    tracing_subscriber::fmt()
        .with_env_filter(filter())
        .with_target(false)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(|| StandardError(Vec::new()))
        .init();
}

/// Writes to the system log, if there is one.
pub(crate) fn to_system_log() {
    let Ok(log) = SystemLog::open() else {
        return;
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter())
        .with_target(false)
        .with_level(false)
        .without_time()
        .with_ansi(false)
        .with_writer(log)
        .init();
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

/// The socket of `syslogd` or of systemd's journal.
#[derive(Debug)]
struct SystemLog(UnixDatagram);

/// One message to it.
#[derive(Debug)]
struct Message<'a> {
    log: &'a UnixDatagram,
    text: Vec<u8>,
}

impl SystemLog {
    fn open() -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(SOCKET)?;
        // A log that does not keep up loses messages; the election does not wait for it.
        socket.set_nonblocking(true)?;
        Ok(Self(socket))
    }

    fn message(&self, level: Level) -> Message<'_> {
        let priority = DAEMON | severity(level);
        let process = std::process::id();
        Message {
            log: &self.0,
            text: format!("<{priority}>carpctl[{process}]: ").into_bytes(),
        }
    }
}

impl<'a> MakeWriter<'a> for SystemLog {
    type Writer = Message<'a>;

    fn make_writer(&'a self) -> Message<'a> {
        self.message(Level::INFO)
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Message<'a> {
        self.message(*meta.level())
    }
}

impl Write for Message<'_> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Message<'_> {
    fn drop(&mut self) {
        // A message that cannot be logged has nowhere else to go.
        match self.log.send(self.text.trim_ascii_end()) {
            Ok(_) | Err(_) => {}
        }
    }
}

/// The severities of syslog (RFC 5424, table 2).
fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

/// The facility `daemon`, in the place it has in a priority.
const DAEMON: u8 = 3 << 3;

const SOCKET: &str = "/dev/log";

/// The variable that says what is logged, such as `debug` or `carp_net=trace`.
const VARIABLE: &str = "CARPCTL_LOG";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_has_the_form_of_syslog() {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        let log = SystemLog(ours);
        log.message(Level::WARN)
            .write_all(b"carp0: gone\n")
            .unwrap();
        let mut buffer = [0; 256];
        let length = theirs.recv(&mut buffer).unwrap();
        let process = std::process::id();
        let expected = format!("<28>carpctl[{process}]: carp0: gone");
        assert_eq!(String::from_utf8_lossy(&buffer[..length]), expected);
    }

    #[test]
    fn pipe_that_nobody_reads_is_not_waited_for() {
        let (_reader, writer) = io::pipe().unwrap();
        for _ in 0..10_000 {
            write_at_once(&writer, &[b'x'; 6_000]);
        }
    }

    #[test]
    fn log_that_does_not_keep_up_is_not_waited_for() {
        let (ours, _theirs) = UnixDatagram::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let log = SystemLog(ours);
        for _ in 0..10_000 {
            log.message(Level::INFO).write_all(b"transition\n").unwrap();
        }
    }
}
