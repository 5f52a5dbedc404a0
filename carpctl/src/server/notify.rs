//! What a service manager such as systemd is told, by the protocol of sd_notify(3).
//!
//! One datagram holds the whole [`Condition`], so that only the last one counts and a lost one is
//! made up for by the next. Nothing here waits: systemd may be busy, or stopped, for seconds.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use carp_net::carp_fsm::Timestamp;

/// How a service as a whole is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) phase: Phase,
    /// One line for people.
    pub(crate) status: String,
}

/// What a service is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It serves.
    Ready,
    /// It serves, and is being configured anew.
    Reloading,
    /// It ends.
    Stopping,
}

impl Condition {
    /// The datagram that says so.
    pub(crate) fn datagram(&self) -> String {
        let phase = match self.phase {
            Phase::Ready => "READY=1".to_owned(),
            // Without the time systemd takes a reload for one that began before it was asked for.
            Phase::Reloading => format!("RELOADING=1\nMONOTONIC_USEC={}", monotonic_usec()),
            Phase::Stopping => "STOPPING=1".to_owned(),
        };
        format!("{phase}\nSTATUS={}\n", self.status)
    }
}

/// The way to the service manager that started this process.
#[derive(Debug)]
pub(crate) struct Notifier {
    socket: UnixDatagram,
    /// How often it wants to hear that the service makes progress.
    watchdog: Option<Duration>,
    /// When that is due the next time.
    due: Timestamp,
    /// What it has not taken in yet.
    untold: Option<String>,
}

impl Notifier {
    /// The one that the environment names; `None` where no service manager wants to be told.
    pub(crate) fn from_environment() -> Option<Self> {
        let name = std::env::var_os(SOCKET).filter(|name| !name.is_empty())?;
        let variable = |name| std::env::var(name).ok();
        let process = std::process::id();
        let watchdog = watchdog(variable(INTERVAL), variable(PROCESS), process);
        match Self::at(&name, watchdog) {
            Ok(notifier) => Some(notifier),
            Err(error) => {
                tracing::warn!("{SOCKET}={}: {error}", name.display());
                None
            }
        }
    }

    /// The one that listens at the path `name`, or at an abstract name behind an `@`.
    pub(crate) fn at(name: &OsStr, watchdog: Option<Duration>) -> io::Result<Self> {
        let address = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(name)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.connect_addr(&address)?;
        Ok(Self {
            socket,
            watchdog,
            due: Timestamp::ZERO,
            untold: None,
        })
    }

    /// Tells a [`Condition`], which is none of a former time any more.
    pub(crate) fn tell(&mut self, datagram: &str) {
        self.untold = Some(datagram.to_owned());
        self.tell_again();
    }

    /// Says that the service makes progress at `now`, as often as that is wanted, and what could
    /// not be told before.
    pub(crate) fn feed(&mut self, now: Timestamp) {
        self.tell_again();
        if let Some(interval) = self.watchdog.filter(|_| now >= self.due) {
            // A word that is lost is followed by another in good time.
            self.due = now + interval / WORDS;
            self.send("WATCHDOG=1\n");
        }
    }

    /// When [`feed`](Self::feed) is to be called at the latest, where that is wanted.
    pub(crate) fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        let again = self.untold.is_some().then(|| now + AGAIN);
        let fed = self.watchdog.is_some().then_some(self.due);
        again.into_iter().chain(fed).min()
    }

    fn tell_again(&mut self) {
        if let Some(datagram) = self.untold.take()
            && !self.send(&datagram)
        {
            self.untold = Some(datagram);
        }
    }

    /// Sends a datagram; `false` where another try may have more luck.
    fn send(&self, datagram: &str) -> bool {
        match self.socket.send(datagram.as_bytes()) {
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Err(error) => {
                tracing::debug!(%error, "the service manager is not told");
                true
            }
        }
    }
}

/// Whether a service manager wants to be told anything by this process or one that it supervises.
pub(crate) fn is_wanted() -> bool {
    std::env::var_os(SOCKET).is_some_and(|name| !name.is_empty())
}

/// What is not meant for a process that is started for itself, outside of the service manager's
/// unit that the caller is in.
pub(crate) const VARIABLES: [&str; 3] = [SOCKET, INTERVAL, PROCESS];

/// How often the manager wants to hear from `process`, as two variables say it.
fn watchdog(interval: Option<String>, meant: Option<String>, process: u32) -> Option<Duration> {
    let is_meant = meant.is_none_or(|meant| meant.parse() == Ok(process));
    let micros = interval?.parse().ok().filter(|micros| *micros > 0)?;
    is_meant.then(|| Duration::from_micros(micros))
}

/// The moment it is on the clock that systemd compares.
fn monotonic_usec() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}

/// How often it is said that there is progress, in the time in which that is wanted once.
const WORDS: u32 = 4;

/// How soon is tried again what could not be told.
const AGAIN: Duration = Duration::from_millis(100);

const SOCKET: &str = "NOTIFY_SOCKET";
const INTERVAL: &str = "WATCHDOG_USEC";
const PROCESS: &str = "WATCHDOG_PID";

#[cfg(test)]
mod tests {
    use super::*;

    /// A manager that wants to hear something each second, and what tells it.
    fn manager() -> (UnixDatagram, Notifier, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        let notifier = Notifier::at(path.as_os_str(), Some(Duration::from_secs(1)));
        (socket, notifier.unwrap(), directory)
    }

    fn hears(socket: &UnixDatagram) -> Option<String> {
        let mut buffer = [0; 1024];
        let length = socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }

    fn condition(phase: Phase) -> String {
        let status = "no interface; demotion 0".to_owned();
        Condition { phase, status }.datagram()
    }

    #[test]
    fn conditions_are_said_in_the_words_of_systemd() {
        let ready = condition(Phase::Ready);
        assert_eq!(ready, "READY=1\nSTATUS=no interface; demotion 0\n");
        let stopping = condition(Phase::Stopping);
        assert_eq!(stopping, "STOPPING=1\nSTATUS=no interface; demotion 0\n");
        let (before, reloading) = (monotonic_usec(), condition(Phase::Reloading));
        let mut lines = reloading.lines();
        assert_eq!(lines.next(), Some("RELOADING=1"));
        let at = lines.next().unwrap().strip_prefix("MONOTONIC_USEC=");
        let at: i64 = at.unwrap().parse().unwrap();
        assert!((before..=monotonic_usec()).contains(&at), "{at}");
    }

    #[test]
    fn watchdog_is_fed_as_often_as_it_is_to_be_and_no_more() {
        let (socket, mut notifier, _directory) = manager();
        let mut fed = Vec::new();
        for millis in (0..1_000).step_by(50) {
            notifier.feed(Timestamp::from_micros(millis * 1_000));
            while let Some(text) = hears(&socket) {
                assert_eq!(text, "WATCHDOG=1\n");
                fed.push(millis);
            }
        }
        assert_eq!(fed, [0, 250, 500, 750]);
    }

    #[test]
    fn manager_that_does_not_listen_is_not_waited_for_and_told_the_last_at_last() {
        let (socket, mut notifier, _directory) = manager();
        for _ in 0..10_000 {
            notifier.tell(&condition(Phase::Ready));
        }
        notifier.tell(&condition(Phase::Stopping));
        let now = Timestamp::from_micros(7);
        assert_eq!(notifier.deadline(now), Some(Timestamp::ZERO));
        while hears(&socket).is_some() {}
        notifier.feed(now);
        assert_eq!(hears(&socket), Some(condition(Phase::Stopping)));
    }

    #[test]
    fn abstract_names_are_names_too() {
        let name = format!("carpctl-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        let given = std::ffi::OsString::from(format!("@{name}"));
        let mut notifier = Notifier::at(&given, None).unwrap();
        notifier.tell(&condition(Phase::Ready));
        assert_eq!(hears(&socket), Some(condition(Phase::Ready)));
        assert_eq!(notifier.deadline(Timestamp::ZERO), None);
    }

    #[test]
    fn watchdog_is_meant_for_one_process() {
        let of = |interval: &str, meant: Option<&str>| {
            watchdog(Some(interval.to_owned()), meant.map(str::to_owned), 7)
        };
        let second = Some(Duration::from_secs(1));
        assert_eq!(of("1000000", None), second);
        assert_eq!(of("1000000", Some("7")), second);
        assert_eq!(of("1000000", Some("8")), None);
        for wrong in ["0", "-1", "soon", ""] {
            assert_eq!(of(wrong, None), None, "{wrong}");
        }
        assert_eq!(watchdog(None, None, 7), None);
    }
}
