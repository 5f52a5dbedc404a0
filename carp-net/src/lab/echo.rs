//! A pinging client that counts honestly: its own timer drives it, whether answers come or not.

use std::fmt;
use std::io::{self, Read as _};
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::os::fd::AsFd as _;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use carp_fsm::Timestamp;
use carp_fsm::carp_proto::Family;
use rustix::net::netdevice::name_to_index;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::error::About as _;
use crate::linux::namespace::Namespace;
use crate::{Error, Result};

use super::clock;
use super::icmp::{EchoKind, echo_request, read_echo_reply};
use super::worker::{Metronome, Stop, Worker, wait};

/// A running stream of echo requests.
#[derive(Debug)]
#[must_use = "it stops when it is dropped"]
pub struct Echo {
    worker: Worker<Result<EchoReport>>,
    shared: Arc<Shared>,
}

impl Echo {
    /// Begins to send `rate` echo requests a second from `namespace` to `target`, through
    /// `interface` where that is a link-local address.
    ///
    /// # Errors
    ///
    /// Where the caller lacks `CAP_NET_RAW`, the interface is not there, or `rate` is 0.
    pub fn start(
        namespace: &Namespace,
        interface: &str,
        target: IpAddr,
        rate: u32,
    ) -> Result<Self> {
        let about = format!("echo to {target}");
        let nonzero = || Error::new(&about, io::Error::from(io::ErrorKind::InvalidInput));
        let interval = Duration::from_secs(1)
            .checked_div(rate)
            .ok_or_else(nonzero)?;
        let (socket, to) = namespace.enter(|| open(interface, target))?.about(&about)?;
        let mut token = [0; 8];
        getrandom::fill(&mut token).map_err(|error| Error::new(&about, io::Error::from(error)))?;
        let shared = Arc::new(Shared::default());
        let mut run = Run {
            socket,
            to,
            kind: EchoKind::of(Family::of(target)),
            token,
            echoes: Vec::new(),
            received: 0,
            duplicates: 0,
            refused: 0,
            shared: Arc::clone(&shared),
        };
        let worker = Worker::start("echo", move |stop| {
            let metronome = Metronome::new(interval)?;
            run.until(&stop, &metronome)?;
            run.wait_for_late_answers()?;
            Ok(EchoReport {
                duplicates: run.duplicates,
                refused: run.refused,
                ..EchoReport::new(run.echoes, interval)
            })
        })?;
        Ok(Self { worker, shared })
    }

    /// How many requests were sent and how many of them answered so far.
    pub fn progress(&self) -> (u64, u64) {
        let counts = self.shared.lock();
        (counts.sent, counts.received)
    }

    /// Waits until at least `count` requests were answered, up to `patience`; returns whether
    /// they were.
    pub fn wait_for_answers(&self, count: u64, patience: Duration) -> bool {
        let counts = self.shared.lock();
        let too_few = |counts: &mut Counts| counts.received < count;
        let waited = self
            .shared
            .changed
            .wait_timeout_while(counts, patience, too_few);
        let counts = waited.unwrap_or_else(PoisonError::into_inner).0;
        counts.received >= count
    }

    /// Stops sending, waits up to a second for answers still under way, and reports.
    ///
    /// # Errors
    ///
    /// Where the kernel could not wait for answers.
    pub fn stop(self) -> Result<EchoReport> {
        self.stop_within(Duration::from_secs(1))
    }

    /// As [`stop`](Self::stop), but waits up to `patience` for answers still under way.
    ///
    /// # Errors
    ///
    /// As [`stop`](Self::stop).
    pub fn stop_within(self, patience: Duration) -> Result<EchoReport> {
        self.shared.lock().patience = patience;
        self.worker.stop()?
    }
}

/// What became of a stream of echo requests.
#[derive(Clone, Debug)]
pub struct EchoReport {
    echoes: Vec<Sent>,
    duplicates: u64,
    refused: u64,
    interval: Duration,
}

/// A time without answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// The number of the first request that was not answered, counted from 0.
    pub first: u64,
    /// How many in a row were not.
    pub lost: u64,
    /// When the first of them was sent.
    pub from: Timestamp,
    /// When the next one that was answered was sent; without one, when it would have been.
    pub until: Timestamp,
}

impl Gap {
    /// How long it was.
    pub fn length(&self) -> Duration {
        self.until - self.from
    }
}

impl EchoReport {
    pub(super) const fn new(echoes: Vec<Sent>, interval: Duration) -> Self {
        Self {
            echoes,
            duplicates: 0,
            refused: 0,
            interval,
        }
    }

    /// How many requests were sent.
    pub fn sent(&self) -> u64 {
        self.echoes.len() as u64
    }

    /// How many of them were answered.
    pub fn received(&self) -> u64 {
        self.sent() - self.lost()
    }

    /// How many were not.
    pub fn lost(&self) -> u64 {
        self.losses().count() as u64
    }

    /// The number of each request that was not answered, and when it was sent.
    pub fn losses(&self) -> impl Iterator<Item = (u64, Timestamp)> {
        let echoes = (0..).zip(&self.echoes);
        echoes.filter_map(|(number, echo)| echo.answered.is_none().then_some((number, echo.sent)))
    }

    /// How many answers came to requests that had been answered already.
    pub const fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// How many of the lost ones the sender's own kernel refused, for want of a route or a link.
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// The times without answers, in order.
    pub fn gaps(&self) -> Vec<Gap> {
        let mut gaps: Vec<Gap> = Vec::new();
        let mut open = false;
        for (number, echo) in (0..).zip(&self.echoes) {
            match (echo.answered, gaps.last_mut().filter(|_| open)) {
                (None, None) => gaps.push(Gap {
                    first: number,
                    lost: 1,
                    from: echo.sent,
                    until: echo.sent + self.interval,
                }),
                (None, Some(gap)) => {
                    gap.lost += 1;
                    gap.until = echo.sent + self.interval;
                }
                (Some(_), Some(gap)) => gap.until = echo.sent,
                (Some(_), None) => {}
            }
            open = echo.answered.is_none();
        }
        gaps
    }

    /// When the first answer came since which none failed to; `None` where the last request was
    /// not answered.
    pub fn answered_since(&self) -> Option<Timestamp> {
        let unbroken = self.echoes.iter().rev().map_while(|echo| echo.answered);
        unbroken.last()
    }

    /// The longest time without answers; zero where none was lost.
    pub fn longest_gap(&self) -> Duration {
        let lengths = self.gaps().into_iter().map(|gap| gap.length());
        lengths.max().unwrap_or_default()
    }

    /// The longest time from a request to its answer.
    pub fn slowest(&self) -> Duration {
        let times = self
            .echoes
            .iter()
            .filter_map(|echo| Some(echo.answered? - echo.sent));
        times.max().unwrap_or_default()
    }

    /// The longest time between two requests: how steadily they were sent.
    pub fn longest_pause(&self) -> Duration {
        let pairs = self.echoes.iter().zip(self.echoes.iter().skip(1));
        let pauses = pairs.map(|(earlier, later)| later.sent - earlier.sent);
        pauses.max().unwrap_or_default()
    }
}

impl fmt::Display for EchoReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} echoes lost", self.lost(), self.sent())?;
        if self.lost() > 0 {
            write!(f, ", unanswered for {} ms", self.longest_gap().as_millis())?;
        }
        Ok(())
    }
}

/// A request that was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    sent: Timestamp,
    answered: Option<Timestamp>,
}

impl Sent {
    pub(super) const fn at(sent: Timestamp) -> Self {
        Self {
            sent,
            answered: None,
        }
    }

    pub(super) const fn is_answered(&self) -> bool {
        self.answered.is_some()
    }

    /// Takes in an answer, of which the first counts.
    pub(super) fn answer(&mut self, now: Timestamp) {
        self.answered.get_or_insert(now);
    }
}

/// What the thread tells while it runs, and is told.
#[derive(Debug, Default)]
struct Shared {
    counts: Mutex<Counts>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Counts {
    sent: u64,
    received: u64,
    patience: Duration,
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        // Counters have no invariant that a panic elsewhere could break.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread's own state.
#[derive(Debug)]
struct Run {
    socket: Socket,
    to: SockAddr,
    kind: EchoKind,
    /// Tells our echoes from those of others.
    token: [u8; 8],
    echoes: Vec<Sent>,
    received: u64,
    duplicates: u64,
    refused: u64,
    shared: Arc<Shared>,
}

impl Run {
    fn until(&mut self, stop: &Stop, metronome: &Metronome) -> Result<()> {
        loop {
            let fds = [stop.as_fd(), metronome.as_fd(), self.socket.as_fd()];
            let [stopped, beat, readable] = wait(fds, None)?;
            if readable {
                self.receive();
            }
            if beat {
                // After a delay as many as are missing: the rate holds on average.
                for _ in 0..metronome.strokes() {
                    self.send();
                }
            }
            self.tell();
            if stopped {
                return Ok(());
            }
        }
    }

    fn wait_for_late_answers(&mut self) -> Result<()> {
        let deadline = clock::now() + self.shared.lock().patience;
        while self.received < self.echoes.len() as u64 {
            let left = deadline - clock::now();
            if left.is_zero() {
                break;
            }
            wait([self.socket.as_fd()], Some(left))?;
            self.receive();
        }
        self.tell();
        Ok(())
    }

    fn send(&mut self) {
        let number = self.echoes.len() as u64;
        let request = echo_request(self.kind, self.token, number);
        self.echoes.push(Sent::at(clock::now()));
        // A request that the own kernel refuses is lost like any other; the run goes on.
        if self.socket.send_to(&request, &self.to).is_err() {
            self.refused += 1;
        }
    }

    fn receive(&mut self) {
        let mut packet = [0; 256];
        loop {
            let length = match (&self.socket).read(&mut packet) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // Nothing waits, or the link is down: either way there is no answer here.
                Err(_) => return,
            };
            let packet = packet.get(..length).unwrap_or_default();
            let Some(number) = read_echo_reply(self.kind, self.token, packet) else {
                continue;
            };
            let index = usize::try_from(number).unwrap_or(usize::MAX);
            match self.echoes.get_mut(index) {
                Some(Sent {
                    answered: Some(_), ..
                }) => self.duplicates += 1,
                Some(echo) => {
                    echo.answered = Some(clock::now());
                    self.received += 1;
                }
                None => {}
            }
        }
    }

    fn tell(&self) {
        let mut counts = self.shared.lock();
        counts.sent = self.echoes.len() as u64;
        counts.received = self.received;
        self.shared.changed.notify_all();
    }
}

/// A raw ICMP socket of the calling thread's namespace and the address to send to.
fn open(interface: &str, target: IpAddr) -> io::Result<(Socket, SockAddr)> {
    let socket = socket(Family::of(target))?;
    let to = match target {
        IpAddr::V6(ip) if ip.is_unicast_link_local() => {
            let scope = name_to_index(&socket, interface)?;
            SocketAddr::from(SocketAddrV6::new(ip, 0, 0, scope))
        }
        IpAddr::V4(_) | IpAddr::V6(_) => SocketAddr::new(target, 0),
    };
    Ok((socket, to.into()))
}

/// A raw ICMP socket of the calling thread's namespace.
pub(super) fn socket(family: Family) -> io::Result<Socket> {
    let (domain, protocol) = match family {
        Family::Inet => (Domain::IPV4, Protocol::ICMPV4),
        Family::Inet6 => (Domain::IPV6, Protocol::ICMPV6),
    };
    let kind = Type::RAW.nonblocking().cloexec();
    let socket = Socket::new(domain, kind, Some(protocol))?;
    // Room for a second of answers to a thread that does not get to run, and for requests that
    // wait for a link-layer address.
    socket.set_recv_buffer_size(BUFFER)?;
    socket.set_send_buffer_size(BUFFER)?;
    Ok(socket)
}

/// What is asked for; the system may grant less.
const BUFFER: usize = 4 << 20;
