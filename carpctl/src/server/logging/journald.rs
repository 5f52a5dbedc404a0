//! systemd's journal, in its own protocol, so that a program finds what happened by fields.
//!
//! Written here and not by `tracing-journald`: the socket of that one waits where the journal does
//! not keep up, and would be looked for in the file system for each message, where a confined
//! service may not look. Source: "Native Journal Protocol" of systemd's documentation.

use std::fmt::{Debug, Write as _};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use rustix::fs::fstat;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::line::is_for_the_journal;
use super::severity;

/// The socket of the journal.
#[derive(Debug)]
pub(super) struct Journald(UnixDatagram);

/// Whether what is written to `file` ends up in the journal, by systemd's word for it
/// (systemd.exec(5), `$JOURNAL_STREAM`).
pub(super) fn reads(file: impl AsFd) -> bool {
    let said = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    is_stream(&said, file)
}

fn is_stream(said: &str, file: impl AsFd) -> bool {
    let Ok(found) = fstat(file) else {
        return false;
    };
    said == format!("{}:{}", found.st_dev, found.st_ino)
}

impl Journald {
    /// Finds the journal of this machine.
    pub(super) fn open() -> io::Result<Self> {
        Self::open_at(Path::new(SOCKET))
    }

    fn open_at(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        // systemd keeps the socket when the journal is started anew, so this lasts.
        socket.connect(path)?;
        // A journal that does not keep up loses messages; the election does not wait for it.
        socket.set_nonblocking(true)?;
        Ok(Self(socket))
    }
}

impl<S: Subscriber> Layer<S> for Journald {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut entry = Entry::default();
        event.record(&mut entry);
        // A message that cannot be logged has nowhere else to go.
        match self.0.send(&entry.datagram(*event.metadata().level())) {
            Ok(_) | Err(_) => {}
        }
    }
}

/// What is to be in the journal.
#[derive(Debug, Default)]
struct Entry {
    /// The line that people read.
    message: String,
    fields: Vec<u8>,
}

impl Entry {
    fn add(&mut self, field: &Field, text: &str) {
        if is_for_the_journal(field) {
            push(&mut self.fields, field.name(), text);
            return;
        }
        if !self.message.is_empty() {
            self.message.push(' ');
        }
        if field.name() != "message" {
            self.message.push_str(field.name());
            self.message.push('=');
        }
        self.message.push_str(text);
    }

    fn datagram(self, level: Level) -> Vec<u8> {
        let mut datagram = self.fields;
        push(&mut datagram, "MESSAGE", &self.message);
        push(&mut datagram, "PRIORITY", &severity(level).to_string());
        push(&mut datagram, "SYSLOG_IDENTIFIER", "carpctl");
        push(&mut datagram, "SYSLOG_FACILITY", DAEMON);
        datagram
    }
}

impl Visit for Entry {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = String::new();
        // Writing to a string cannot go wrong, but what is written may.
        match write!(text, "{value:?}") {
            Ok(()) | Err(std::fmt::Error) => self.add(field, &text),
        }
    }
}

/// Adds a field; one of several lines tells its length first.
fn push(datagram: &mut Vec<u8>, name: &str, value: &str) {
    datagram.extend_from_slice(name.as_bytes());
    if value.contains('\n') {
        let length = u64::try_from(value.len()).unwrap_or(u64::MAX);
        datagram.push(b'\n');
        datagram.extend_from_slice(&length.to_le_bytes());
    } else {
        datagram.push(b'=');
    }
    datagram.extend_from_slice(value.as_bytes());
    datagram.push(b'\n');
}

/// The facility `daemon` (RFC 5424, table 1).
const DAEMON: &str = "3";

const SOCKET: &str = "/run/systemd/journal/socket";

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// What a journal that the test plays gets of what `log` writes.
    fn journal(log: impl FnOnce()) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let socket = UnixDatagram::bind(&path).unwrap();
        let journal = Journald::open_at(&path).unwrap();
        let subscriber = tracing_subscriber::registry().with(journal);
        tracing::subscriber::with_default(subscriber, log);
        socket.set_nonblocking(true).unwrap();
        let mut buffer = [0; 4096];
        let read = std::iter::from_fn(|| {
            let length = socket.recv(&mut buffer).ok()?;
            Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
        });
        read.collect()
    }

    #[test]
    fn entry_has_the_line_and_the_fields() {
        let error = io::Error::other("gone");
        let sent = journal(|| {
            tracing::warn!(
                CARP_INTERFACE = "carp0",
                CARP_GROUP = None::<&str>,
                CARP_DEMOTION = 3,
                %error,
                "carp0: not well"
            );
        });
        assert_eq!(
            sent,
            [
                "CARP_INTERFACE=carp0\nCARP_DEMOTION=3\nMESSAGE=carp0: not well error=gone\n\
              PRIORITY=4\nSYSLOG_IDENTIFIER=carpctl\nSYSLOG_FACILITY=3\n"
            ]
        );
    }

    #[test]
    fn value_of_several_lines_cannot_pose_as_fields() {
        let sent = journal(|| tracing::info!(CARP_REASON = "a\nPRIORITY=0", "b\nPRIORITY=0"));
        assert_eq!(
            sent,
            [
                "CARP_REASON\n\u{c}\0\0\0\0\0\0\0a\nPRIORITY=0\nMESSAGE\n\u{c}\0\0\0\0\0\0\0b\n\
              PRIORITY=0\nPRIORITY=6\nSYSLOG_IDENTIFIER=carpctl\nSYSLOG_FACILITY=3\n"
            ]
        );
    }

    #[test]
    fn journal_that_does_not_keep_up_is_not_waited_for() {
        let sent = journal(|| {
            for _ in 0..10_000 {
                tracing::info!("transition");
            }
        });
        assert!(!sent.is_empty() && sent.len() < 10_000, "{}", sent.len());
    }

    #[test]
    fn stream_is_the_journal_where_systemd_said_that_it_is() {
        let (pipe, other) = io::pipe().unwrap();
        let file = fstat(&pipe).unwrap();
        let said = format!("{}:{}", file.st_dev, file.st_ino);
        assert!(is_stream(&said, &pipe));
        let file = tempfile::tempfile().unwrap();
        assert!(!is_stream(&said, &file));
        assert!(!is_stream("", &other));
    }
}
