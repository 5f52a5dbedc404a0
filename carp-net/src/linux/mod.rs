//! CARP on Linux: raw sockets to hear, packet sockets to speak, rtnetlink for everything else.
//!
//! [`Linux`] lives in the loop's thread and never waits: its sockets are non-blocking, and what
//! takes the kernel's lock is done by one thread of its own, in order.
//!
//! What it makes outlives the process: addresses for as long as their lease, filters and interfaces
//! until the next process [adopts](crate::Backend::adopt) or removes them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use carp_fsm::{HostId, LinkId, Timestamp};

use crate::error::About as _;
use crate::index::Index;
use crate::{Report, Result};

mod addresses;
mod backend;
#[cfg(feature = "lab")]
pub(crate) mod capture;
mod care;
mod carpdev;
mod check;
mod clock;
mod control;
mod ebpf;
mod egress;
mod hear;
mod host;
mod inherit;
pub use inherit::Options;
mod interface;
mod journal;
mod kernel;
mod links;
#[cfg(feature = "lab")]
pub(crate) mod namespace;
pub(crate) mod netlink;
mod news;
mod onlooker;
pub use onlooker::Onlooker;
#[cfg(feature = "lab")]
pub(crate) mod outlet;
mod place;
mod poller;
pub(crate) mod precedence;
pub mod privileges;
mod ready;
mod routes;
mod settings;
mod sieve;
mod source;
mod speak;
mod sys;
pub use sys::keep_descriptors_from_programs;
mod turn;
mod watch;
mod worker;

use egress::Speeches;
use hear::Hear;
use host::Host;
use inherit::Inherited;
use journal::Journal;
use kernel::Start;
use links::Links;
use netlink::{Connection, Monitor};
use poller::{Poller, Source};
use precedence::Precedence;
use sieve::{Flood, Sieve};
use source::Identifications;
use speak::Speak;
use watch::Watch;
use worker::Worker;

/// The network namespace of the thread that opened it, as a [`Backend`](crate::Backend).
///
/// When it is dropped, everything it has made is taken away and everything it has changed is put
/// back, which it waits for; unless that is to be [left in place](crate::Backend::leave_in_place).
///
/// There should be one in a network namespace: what bears our mark and belongs to none of its
/// virtual hosts it takes for what a former run has left.
///
/// Its descriptor ([`AsFd`]) becomes readable whenever [`poll`](crate::Backend::poll), having said
/// that there is nothing, comes to have something. Whoever waits for it in a loop of their own
/// should [nap](Self::nap) during a flood.
#[derive(Debug)]
pub struct Linux {
    poller: Poller,
    hear: Hear,
    flood: Flood,
    speak: Speak,
    monitor: Monitor,
    links: Links,
    /// Whether news were lost and everything has been asked for. The monitor is not read then:
    /// what it says must be taken in after the answer, not before.
    surveying: bool,
    /// Whether news were lost and everything must be asked for.
    lost: bool,
    /// None where the kernel does not let us.
    speeches: Option<Speeches>,
    watches: BTreeMap<LinkId, Watch>,
    hosts: BTreeMap<HostId, Host>,
    index: Index,
    /// Who has its addresses on the interface with this index.
    places: BTreeMap<u32, BTreeSet<HostId>>,
    /// Those to which something has happened that has not been looked at.
    suspects: BTreeSet<HostId>,
    reports: VecDeque<Report>,
    /// Whether the bell rings because of what is in `reports`.
    ringing: bool,
    /// Whether all sources had been read to their end.
    drained: bool,
    /// How often the caller has asked for reports in a row, and got one.
    polled: u32,
    worker: Worker,
    /// Those that were asked for and not handed to the worker yet.
    renewals: Vec<(HostId, Timestamp)>,
    identifications: Identifications,
}

impl Linux {
    /// Opens the sockets and looks around.
    ///
    /// # Errors
    ///
    /// Where the kernel refuses: it takes `CAP_NET_RAW` and `CAP_NET_ADMIN` in the user namespace
    /// that owns the network namespace.
    pub fn open() -> Result<Self> {
        Self::open_with(Options::new())
    }

    /// Opens it as `options` say, for example as the successor of another process.
    ///
    /// What a former run has left, and no virtual host has [adopted](crate::Backend::adopt) or
    /// [holds](crate::Backend::hold) five seconds from now, is taken away: carp interfaces, addresses
    /// and routes with our mark, filters, settings of the journal.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_with(options: Options) -> Result<Self> {
        let before_others = options.before_others && Precedence::Node.take();
        let poller = Poller::new().about("epoll")?;
        let speak = Speak::open()?;
        let renewals = Connection::open().about("rtnetlink")?;
        let monitor = Monitor::open_but_for(&renewals).about("rtnetlink")?;
        let namespace = sys::namespace(&monitor).ok();
        let mut inherited = Inherited::new(options.inherited, namespace);
        let groups = inherited.split_off_groups();
        let hear = Hear::open(&mut inherited)?;
        let speeches = Speeches::open(&mut inherited)
            .inspect_err(|error| tracing::debug!(%error, "no lease of speech"))
            .ok();
        let sieve = Sieve::open(&mut inherited)
            .inspect_err(|error| tracing::debug!(%error, "no sieve"))
            .ok();
        inherited.clear();
        let mut connection = Connection::open().about("rtnetlink")?;
        let links = Links::survey(&mut connection).about("rtnetlink")?;
        let (inet, inet6) = hear.sockets();
        poller.add(Source::News, &monitor).about("epoll")?;
        poller.add(Source::Inet, inet).about("epoll")?;
        if let Some(inet6) = inet6 {
            poller.add(Source::Inet6, inet6).about("epoll")?;
        }
        let start = Start {
            connection,
            renewals,
            journal: Journal::open(options.journal, namespace.unwrap_or_default()),
            inherited: groups,
            speeches: speeches.clone(),
            sweep_at: clock::now() + options.grace,
            before_others,
        };
        let worker = Worker::start(start, poller.bell().clone()).about("carp-kernel")?;
        Ok(Self {
            poller,
            hear,
            flood: Flood::new(sieve, clock::now()),
            speak,
            monitor,
            links,
            surveying: false,
            lost: false,
            speeches,
            watches: BTreeMap::new(),
            hosts: BTreeMap::new(),
            index: Index::default(),
            places: BTreeMap::new(),
            suspects: BTreeSet::new(),
            reports: VecDeque::new(),
            ringing: false,
            drained: false,
            polled: 0,
            worker,
            renewals: Vec::new(),
            identifications: Identifications::new(random()),
        })
    }

    /// During a flood of packets: how long whoever waits for the descriptor should do nothing at all
    /// before that, or until its next timer, so that it is not woken up for each of them.
    /// [`wait`](crate::Backend::wait) does so by itself.
    pub const fn nap(&self) -> Option<Duration> {
        self.flood.nap()
    }

    /// The descriptors to hand on to a process that is to go on in place of this one, with their
    /// names: see [`Options::inherit`]. They change when a link is watched, comes or goes.
    pub fn descriptors(&self) -> Vec<(String, BorrowedFd<'_>)> {
        let speeches = self.speeches.iter().flat_map(Speeches::descriptors);
        let own = self.hear.descriptors().chain(speeches);
        let own = own.chain(self.flood.descriptors());
        let copies = self.watches.values().flat_map(|watch| &watch.copies);
        own.map(|(name, descriptor)| (name.to_owned(), descriptor))
            .chain(copies.map(|(name, socket)| (name.clone(), socket.as_fd())))
            .collect()
    }
}

/// Where the kernel has no randomness the time since boot has to do.
fn random() -> u64 {
    getrandom::u64().unwrap_or_else(|_| clock::now().as_micros())
}

impl AsFd for Linux {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poller.as_fd()
    }
}

#[cfg(test)]
#[cfg(feature = "lab")]
mod tests;
