//! The echoes of a client to each address, without a pause: those of the next fault begin before
//! those of the last one end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use carp_benches::{Result, pause};
use carp_net::carp_fsm::Timestamp;
use carp_net::lab::{self, Echo, EchoReport, Host, Stall, Witness};

use crate::seats::Group;
use crate::spans::Spans;

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream {
    pub(crate) title: &'static str,
    pub(crate) group: Group,
    /// Which of the group's addresses.
    address: usize,
}

/// All of them.
pub(crate) const STREAMS: [Stream; 4] = [
    stream("carp0 IPv4", Group::Ours, 0),
    stream("carp0 IPv6", Group::Ours, 1),
    stream("carp1 IPv4", Group::Mixed, 0),
    stream("carp2 IPv4", Group::Plain, 0),
];

const fn stream(title: &'static str, group: Group, address: usize) -> Stream {
    Stream {
        title,
        group,
        address,
    }
}

/// Running streams, and a witness of whether the machine ran at all.
#[derive(Debug)]
pub(crate) struct Streams {
    echoes: Vec<Echo>,
    witness: Witness,
    queue: Queue,
}

/// A bystander without precedence that asks again and again for the kernel's rtnl lock, which all
/// namespaces share and every take-over needs.
#[derive(Debug)]
struct Queue {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Result<Vec<Span>>>,
}

/// From when until when it waited.
type Span = (Timestamp, Timestamp);

impl Queue {
    fn start(bystander: &Arc<Host>) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (theirs, bystander) = (Arc::clone(&over), Arc::clone(bystander));
        let thread = thread::spawn(move || {
            let mut waits = Vec::new();
            let mut due = lab::now();
            while !theirs.load(Ordering::Relaxed) {
                // It is up already: nothing changes, but the lock is taken.
                bystander.set_up("lo", true)?;
                let until = lab::now();
                // From when it should have had its turn: who does not get it in time cannot say that
                // nobody held the lock, and the kernel's own threads do not get it either.
                waits.push((due, until));
                due = until + ASKED_EACH;
                thread::sleep(ASKED_EACH);
            }
            Ok(waits)
        });
        Self { over, thread }
    }

    fn stop(self) -> Result<Vec<Span>> {
        self.over.store(true, Ordering::Relaxed);
        let panicked = |_| Err("a thread of the bench panicked".into());
        self.thread.join().unwrap_or_else(panicked)
    }
}

/// What came of them.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) reports: Vec<EchoReport>,
    /// When a core of the machine stood still, whichever.
    pub(crate) stalls: Spans,
    /// When the bystander did not get its turn, or the lock that a take-over needs.
    pub(crate) waits: Spans,
}

impl Streams {
    /// Starts them and waits until each is answered.
    ///
    /// # Errors
    ///
    /// Where one is not.
    pub(crate) fn start(client: &Host, bystander: &Arc<Host>) -> Result<Self> {
        let queue = Queue::start(bystander);
        let mut echoes = Vec::new();
        for Stream { group, address, .. } in STREAMS {
            let target = group.addresses().get(address).copied();
            let target = target.ok_or("no such address")?;
            let echo = client.echo(target, RATE)?;
            if !echo.wait_for_answers(100, PATIENCE) {
                return Err(format!("{target} does not answer").into());
            }
            echoes.push(echo);
        }
        Ok(Self {
            echoes,
            witness: Witness::start()?,
            queue,
        })
    }

    /// Waits until every echo has been answered for a second.
    ///
    /// # Errors
    ///
    /// Where that does not come.
    pub(crate) fn wait_until_steady(&self) -> Result<()> {
        let missing = || -> u64 {
            let counts = self.echoes.iter().map(Echo::progress);
            counts.map(|(sent, received)| sent - received).sum()
        };
        let deadline = lab::now() + PATIENCE;
        let (mut before, mut since) = (missing(), lab::now());
        while lab::now() - since < STEADY {
            pause(Duration::from_millis(20))?;
            let missing = missing();
            // Some are always on their way.
            if missing > before + STREAMS.len() as u64 {
                since = lab::now();
            }
            before = before.max(missing);
            if lab::now() > deadline {
                return Err("echoes go on being lost".into());
            }
        }
        Ok(())
    }

    /// Ends them.
    ///
    /// # Errors
    ///
    /// Where the kernel could not wait for answers.
    pub(crate) fn stop(self) -> Result<Heard> {
        let reports = self.echoes.into_iter();
        let reports = reports.map(|echo| echo.stop_within(LATE_ANSWERS));
        let reports = reports.collect::<std::result::Result<_, _>>()?;
        let span = |stall: Stall| (stall.from, stall.from + stall.length);
        let stalls = self.witness.stop()?.into_iter().map(span);
        Ok(Heard {
            reports,
            stalls: Spans::lasting(NOTICED, stalls),
            waits: Spans::lasting(NOTICED, self.queue.stop()?),
        })
    }
}

/// The lock is held for some milliseconds by those who take over themselves, and what is shorter is
/// what an outage may last longer than the master-down time.
const NOTICED: Duration = Duration::from_millis(20);
const ASKED_EACH: Duration = Duration::from_millis(10);
const RATE: u32 = 1_000;
const PATIENCE: Duration = Duration::from_secs(12);
const STEADY: Duration = Duration::from_secs(1);
/// How long an answer may take.
const LATE_ANSWERS: Duration = Duration::from_millis(300);
