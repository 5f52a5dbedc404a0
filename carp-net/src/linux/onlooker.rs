//! A network namespace that is only looked at: what would stand in the way there, and nothing done.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use carp_fsm::carp_proto::VirtualAddress;
use carp_fsm::{HostId, LinkId, LinkState, Timestamp};

use super::links::Links;
use super::netlink::Connection;
use super::watch::state_of;
use super::{check, clock};
use crate::error::About as _;
use crate::{Backend, Error, Inspection, Outgoing, Report, Result, Setup, Waker};

/// The network namespace of the thread that opened it, as a [`Backend`] for rehearsals: it answers
/// what [`Linux`](super::Linux) would at the moment it was opened, takes no privilege, and changes
/// nothing, least of all what a former run has left.
///
/// What it is asked to make or to hold it says it has, and has not. Nothing else ever happens, so
/// that it neither sends nor waits.
#[derive(Debug)]
pub struct Onlooker {
    links: Links,
    /// What it was asked to make.
    setups: BTreeMap<HostId, Setup>,
    reports: VecDeque<Report>,
}

impl Onlooker {
    /// Looks around, once.
    ///
    /// # Errors
    ///
    /// Where the kernel does not tell of links and addresses.
    pub fn open() -> Result<Self> {
        let mut connection = Connection::open().about("rtnetlink")?;
        let links = Links::survey(&mut connection).about("rtnetlink")?;
        Ok(Self {
            links,
            setups: BTreeMap::new(),
            reports: VecDeque::new(),
        })
    }

    fn report(&mut self, report: Report) {
        self.reports.push_back(report);
    }
}

impl Backend for Onlooker {
    fn now(&self) -> Timestamp {
        clock::now()
    }

    /// The same each time: nobody hears of what follows from it.
    fn seed(&mut self) -> u64 {
        0
    }

    fn networks(&mut self, link: &str) -> Vec<VirtualAddress> {
        self.links.networks(link)
    }

    fn link_state(&mut self, link: &str) -> LinkState {
        state_of(self.links.by_name(link))
    }

    fn watch(&mut self, link: LinkId, name: &str) -> Result<()> {
        let state = self.link_state(name);
        self.report(Report::Link { link, state });
        Ok(())
    }

    fn unwatch(&mut self, _: LinkId) {}

    fn check(&mut self, carpdev: &str, setup: &Setup, addresses: &[VirtualAddress]) -> Result<()> {
        let known: Vec<&Setup> = self.setups.values().collect();
        check::check(&self.links, carpdev, setup, addresses, &known)
    }

    fn configure(&mut self, id: HostId, setup: &Setup) {
        self.setups.insert(id, setup.clone());
        self.report(Report::Configured(id));
    }

    fn adopt(&mut self, _: HostId, _: &[VirtualAddress]) {}

    fn tear_down(&mut self, id: HostId) {
        self.setups.remove(&id);
        self.report(Report::TornDown(id));
    }

    fn send(&mut self, id: HostId, _: &Outgoing) -> Result<IpAddr> {
        Err(only_looks(id.to_string()))
    }

    fn hold(&mut self, id: HostId, _: &[VirtualAddress], _: Option<Duration>) {
        self.report(Report::Held(id));
    }

    fn renew(&mut self, _: HostId, _: Duration) {}

    fn hand_over(&mut self, id: HostId) {
        self.report(Report::Silenced(id));
    }

    fn release(&mut self, _: HostId) {}

    fn announce(&mut self, _: HostId, _: IpAddr) {}

    fn poll(&mut self) -> Option<Report> {
        self.reports.pop_front()
    }

    fn wait(&mut self, _: Option<Timestamp>) -> Result<()> {
        if self.reports.is_empty() {
            return Err(only_looks("wait"));
        }
        Ok(())
    }

    /// Nothing can wait that it would have to wake.
    fn waker(&self) -> Waker {
        Waker::new(|| {})
    }

    fn inspect(&self, _: HostId) -> Inspection {
        Inspection::default()
    }

    fn leave_in_place(&mut self) {}
}

fn only_looks(about: impl Into<String>) -> Error {
    Error::new(about, io::Error::from(io::ErrorKind::Unsupported))
}
