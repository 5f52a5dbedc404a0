//! A client of many IPv4 addresses: asks each of them until it answers, and from then on now and
//! again whether it still does.

use std::io::{self, Read as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd as _;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use carp_fsm::Timestamp;
use carp_fsm::carp_proto::Family;
use socket2::{SockAddr, Socket};

use crate::error::About as _;
use crate::linux::namespace::Namespace;
use crate::{Error, Result};

use super::clock;
use super::echo::{EchoReport, Sent, socket};
use super::icmp::{EchoKind, echo_request, read_echo_reply};
use super::worker::{Metronome, Stop, Worker, wait};

/// A running sweep over some addresses.
#[derive(Debug)]
#[must_use = "it stops when it is dropped"]
pub struct Sweep {
    worker: Worker<Result<Vec<EchoReport>>>,
    shared: Arc<Shared>,
}

impl Sweep {
    /// Begins to send echo requests from `namespace` to each of `targets`: a hundred a second to
    /// one that has not answered the last, ten to one that has.
    ///
    /// # Errors
    ///
    /// Where the caller lacks `CAP_NET_RAW`.
    pub fn start(namespace: &Namespace, targets: &[Ipv4Addr]) -> Result<Self> {
        let socket = namespace.enter(|| socket(Family::Inet))?.about("sweep")?;
        let mut token = [0; 8];
        getrandom::fill(&mut token).map_err(|error| Error::new("sweep", io::Error::from(error)))?;
        let shared = Arc::new(Shared::default());
        *shared.lock() = targets.len();
        let begun = clock::now();
        let spread = UNANSWERED / u32::try_from(targets.len().max(1)).unwrap_or(u32::MAX);
        let targets = (0..).zip(targets).map(|(number, target)| Target {
            to: SocketAddr::from((*target, 0)).into(),
            // They take turns.
            due: begun + spread * number,
            echoes: Vec::new(),
            answered: false,
        });
        let mut run = Run {
            socket,
            token,
            targets: targets.collect(),
            requests: Vec::new(),
            shared: Arc::clone(&shared),
        };
        let worker = Worker::start("sweep", move |stop| {
            run.until(&stop)?;
            run.wait_for_late_answers()?;
            let report = |target: Target| EchoReport::new(target.echoes, UNANSWERED);
            Ok(run.targets.into_iter().map(report).collect())
        })?;
        Ok(Self { worker, shared })
    }

    /// Waits until every target has answered once, up to `patience`; returns how many have not.
    pub fn wait_for_all(&self, patience: Duration) -> usize {
        let some_left = |silent: &mut usize| *silent > 0;
        let silent = self.shared.lock();
        let waited = self
            .shared
            .fewer
            .wait_timeout_while(silent, patience, some_left);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Stops asking, waits up to a quarter of a second for answers still under way, and reports
    /// on each target, in the order in which they were given.
    ///
    /// # Errors
    ///
    /// Where the kernel could not wait for answers.
    pub fn stop(self) -> Result<Vec<EchoReport>> {
        self.worker.stop()?
    }
}

/// How many targets have not answered yet.
#[derive(Debug, Default)]
struct Shared {
    silent: Mutex<usize>,
    fewer: Condvar,
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, usize> {
        // A counter has no invariant that a panic elsewhere could break.
        self.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is asked.
#[derive(Debug)]
struct Target {
    to: SockAddr,
    /// When it is asked next.
    due: Timestamp,
    echoes: Vec<Sent>,
    /// At least once.
    answered: bool,
}

/// The thread's own state.
#[derive(Debug)]
struct Run {
    socket: Socket,
    /// Tells our echoes from those of others.
    token: [u8; 8],
    targets: Vec<Target>,
    /// Of each request which target it asked, and which of that one's it was.
    requests: Vec<(usize, usize)>,
    shared: Arc<Shared>,
}

impl Run {
    fn until(&mut self, stop: &Stop) -> Result<()> {
        let metronome = Metronome::new(BEAT)?;
        loop {
            let fds = [stop.as_fd(), metronome.as_fd(), self.socket.as_fd()];
            let [stopped, beat, readable] = wait(fds, None)?;
            if readable {
                self.receive();
            }
            if beat && metronome.strokes() > 0 {
                self.send();
            }
            if stopped {
                return Ok(());
            }
        }
    }

    fn wait_for_late_answers(&mut self) -> Result<()> {
        let deadline = clock::now() + LATE_ANSWERS;
        let is_complete = |target: &Target| target.echoes.last().is_none_or(Sent::is_answered);
        while !self.targets.iter().all(is_complete) {
            let left = deadline - clock::now();
            if left.is_zero() {
                break;
            }
            wait([self.socket.as_fd()], Some(left))?;
            self.receive();
        }
        Ok(())
    }

    /// Asks all whose turn it is.
    fn send(&mut self) {
        let now = clock::now();
        for (number, target) in self.targets.iter_mut().enumerate() {
            if target.due > now {
                continue;
            }
            target.due = now + UNANSWERED;
            let request = u64::try_from(self.requests.len()).unwrap_or(u64::MAX);
            let request = echo_request(EchoKind::V4, self.token, request);
            self.requests.push((number, target.echoes.len()));
            target.echoes.push(Sent::at(clock::now()));
            // What the own kernel refuses is lost like any other.
            let _lost = self.socket.send_to(&request, &target.to);
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
            let number = read_echo_reply(EchoKind::V4, self.token, packet);
            let number = number.and_then(|number| usize::try_from(number).ok());
            if let Some((target, request)) = number.and_then(|it| self.requests.get(it).copied()) {
                self.note(target, request);
            }
        }
    }

    /// Takes in an answer.
    fn note(&mut self, target: usize, request: usize) {
        let now = clock::now();
        let Some(target) = self.targets.get_mut(target) else {
            return;
        };
        let last = target.echoes.len() - 1;
        if let Some(echo) = target.echoes.get_mut(request) {
            echo.answer(now);
        }
        if request == last {
            target.due = now + ANSWERED;
        }
        if !target.answered {
            target.answered = true;
            *self.shared.lock() -= 1;
            self.shared.fewer.notify_all();
        }
    }
}

/// How often it is looked whose turn it is.
const BEAT: Duration = Duration::from_millis(1);
/// How often a target is asked that does not answer, and one that does.
const UNANSWERED: Duration = Duration::from_millis(10);
const ANSWERED: Duration = Duration::from_millis(100);
/// How long an answer may take.
const LATE_ANSWERS: Duration = Duration::from_millis(250);
