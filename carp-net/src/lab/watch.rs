//! A watch over the addresses of a host: which of some it holds, and since when.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::os::fd::AsFd as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use carp_fsm::Timestamp;

use crate::Result;
use crate::error::About as _;
use crate::linux::namespace::Namespace;
use crate::linux::netlink::{Attributes, Monitor, News, kind};

use super::clock;
use super::links::{Links, word};
use super::worker::{Stop, Worker, wait};

/// A running watch.
///
/// A host *holds* an address while it is on an interface that is up and has a carrier: without one
/// nobody hears the host answer. What the kernel tells is stamped when it is read, some tenths of a
/// millisecond late.
#[derive(Debug)]
#[must_use = "it stops when it is dropped"]
pub struct Watch {
    worker: Worker<Result<()>>,
    shared: Arc<Shared>,
}

impl Watch {
    /// Begins to watch `addresses` in `namespace`.
    ///
    /// # Errors
    ///
    /// Where the kernel does not tell.
    pub fn start(namespace: &Namespace, addresses: &[IpAddr]) -> Result<Self> {
        // The news first: what changes while the tables are read is read twice.
        let monitor = namespace.enter(Monitor::open)?.about("watch")?;
        let mut run = Run {
            monitor,
            links: Links::open(namespace)?,
            found: Found::default(),
            addresses: addresses.to_vec(),
            shared: Arc::default(),
        };
        run.read_tables()?;
        run.tell(true);
        let shared = Arc::clone(&run.shared);
        let worker = Worker::start("watch", move |stop| run.until(&stop))?;
        Ok(Self { worker, shared })
    }

    /// Whether the host holds an address.
    pub fn holds(&self, address: IpAddr) -> bool {
        holds(&self.shared.lock(), address)
    }

    /// Waits until the host holds an address, or does not, at most `patience` long; returns whether
    /// it came so.
    pub fn wait_for(&self, address: IpAddr, held: bool, patience: Duration) -> bool {
        let changes = self.shared.lock();
        let other = |changes: &mut Vec<Change>| holds(changes, address) != held;
        let waited = self
            .shared
            .changed
            .wait_timeout_while(changes, patience, other);
        let changes = waited.unwrap_or_else(PoisonError::into_inner).0;
        holds(&changes, address) == held
    }

    /// What was found at the start, for each address, and each change since.
    pub fn changes(&self) -> Vec<Change> {
        self.shared.lock().clone()
    }

    /// Ends the watch; returns the [`changes`](Self::changes).
    ///
    /// # Errors
    ///
    /// Where the kernel did not tell all of it.
    pub fn stop(self) -> Result<Vec<Change>> {
        self.worker.stop()??;
        Ok(std::mem::take(&mut *self.shared.lock()))
    }
}

/// A host has come to hold an address, or to hold it no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// When.
    pub time: Timestamp,
    /// Which address.
    pub address: IpAddr,
    /// Whether it is held from then on.
    pub held: bool,
}

fn holds(changes: &[Change], address: IpAddr) -> bool {
    let last = changes
        .iter()
        .rev()
        .find(|change| change.address == address);
    last.is_some_and(|change| change.held)
}

#[derive(Debug, Default)]
struct Shared {
    changes: Mutex<Vec<Change>>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Vec<Change>> {
        // A panic elsewhere leaves a list of whole changes.
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread's own state.
#[derive(Debug)]
struct Run {
    monitor: Monitor,
    links: Links,
    found: Found,
    addresses: Vec<IpAddr>,
    shared: Arc<Shared>,
}

impl Run {
    fn until(&mut self, stop: &Stop) -> Result<()> {
        loop {
            let [stopped, readable] = wait([stop.as_fd(), self.monitor.as_fd()], None)?;
            if readable {
                self.read_news()?;
            }
            if stopped {
                return Ok(());
            }
        }
    }

    fn read_news(&mut self) -> Result<()> {
        loop {
            let found = &mut self.found;
            match self
                .monitor
                .read(|kind, payload| found.note(kind, payload))
                .about("watch")?
            {
                // Each datagram by itself: none is missed that is there for an instant only.
                News::Told => self.tell(false),
                News::Nothing => return Ok(()),
                News::Lost => {
                    self.read_tables()?;
                    self.tell(false);
                }
            }
        }
    }

    fn read_tables(&mut self) -> Result<()> {
        self.found = Found::default();
        for link in self.links.links()? {
            self.found.note(kind::NEW_LINK, &link.payload);
        }
        for address in self.links.addresses()? {
            self.found.note(kind::NEW_ADDRESS, &address.payload);
        }
        Ok(())
    }

    fn tell(&self, all: bool) {
        let time = clock::now();
        let mut changes = self.shared.lock();
        for &address in &self.addresses {
            let held = self.found.holds(address);
            if all || held != holds(&changes, address) {
                changes.push(Change {
                    time,
                    address,
                    held,
                });
            }
        }
        drop(changes);
        self.shared.changed.notify_all();
    }
}

/// What the kernel has told.
#[derive(Debug, Default)]
struct Found {
    /// Whether the link with this index is up and has a carrier.
    running: BTreeMap<u32, bool>,
    addresses: BTreeSet<(u32, IpAddr)>,
}

impl Found {
    fn note(&mut self, kind: u16, payload: &[u8]) {
        // struct ifinfomsg and struct ifaddrmsg have the index in the same place.
        let Some(index) = word(payload, 4) else {
            return;
        };
        match kind {
            kind::NEW_LINK => {
                let flags = word(payload, 8).unwrap_or_default();
                let running = flags & RUNNING == RUNNING;
                self.running.insert(index, running);
            }
            kind::DEL_LINK => {
                self.running.remove(&index);
                self.addresses.retain(|(link, _)| *link != index);
            }
            kind::NEW_ADDRESS | kind::DEL_ADDRESS => {
                let attributes = Attributes::behind(payload, 8);
                let ip = attributes
                    .get(IFA_LOCAL)
                    .or_else(|| attributes.get(IFA_ADDRESS));
                let Some(ip) = ip.and_then(|value| value.ip()) else {
                    return;
                };
                if kind == kind::NEW_ADDRESS {
                    self.addresses.insert((index, ip));
                } else {
                    self.addresses.remove(&(index, ip));
                }
            }
            _ => {}
        }
    }

    fn holds(&self, address: IpAddr) -> bool {
        self.addresses
            .iter()
            .any(|(index, ip)| *ip == address && self.running.get(index) == Some(&true))
    }
}

/// `IFF_UP` and `IFF_LOWER_UP` of `linux/if.h`.
const RUNNING: u32 = 0x1 | 0x1_0000;
/// Of `linux/if_addr.h`.
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
