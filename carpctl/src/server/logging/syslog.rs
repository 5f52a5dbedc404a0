//! The system log of machines without systemd: lines of `syslogd` (RFC 3164).

use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use super::severity;

/// The socket of `syslogd`.
#[derive(Debug)]
pub(super) struct SystemLog(UnixDatagram);

/// One message to it.
#[derive(Debug)]
pub(super) struct Message<'a> {
    log: &'a UnixDatagram,
    text: Vec<u8>,
}

impl SystemLog {
    pub(super) fn open() -> io::Result<Self> {
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

/// The facility `daemon`, in the place it has in a priority.
const DAEMON: u8 = 3 << 3;

const SOCKET: &str = "/dev/log";

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
    fn log_that_does_not_keep_up_is_not_waited_for() {
        let (ours, _theirs) = UnixDatagram::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let log = SystemLog(ours);
        for _ in 0..10_000 {
            log.message(Level::INFO).write_all(b"transition\n").unwrap();
        }
    }
}
