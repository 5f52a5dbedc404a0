//! CARP on Linux: raw sockets to hear, packet sockets to speak, rtnetlink for everything else.
//!
//! [`Linux`] lives in the loop's thread and never waits: its sockets are non-blocking, and what
//! takes the kernel's lock is done by one thread of its own, in order.
//!
//! What it makes outlives the process: addresses for as long as their lease, filters and interfaces
//! until the next process [adopts](Backend::adopt) or removes them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use carp_fsm::carp_proto::{Family, MacAddress, VirtualAddress};
use carp_fsm::{HostId, LinkId, LinkState, Lladdr, Timestamp};

use crate::error::About as _;
use crate::index::Index;
use crate::{Backend, Error, ErrorKind, Inspection, Outgoing, Report, Result, Setup, Waker};

mod addresses;
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
mod watch;
mod worker;

use egress::{Speech, Speeches};
use hear::Hear;
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
use watch::{Watch, state_of};
use worker::{Job, Ticket, Worker};

/// The network namespace of the thread that opened it, as a [`Backend`].
///
/// When it is dropped, everything it has made is taken away and everything it has changed is put
/// back, which it waits for; unless that is to be [left in place](Backend::leave_in_place).
///
/// There should be one in a network namespace: what bears our mark and belongs to none of its
/// virtual hosts it takes for what a former run has left.
///
/// Its descriptor ([`AsFd`]) becomes readable whenever [`poll`](Backend::poll), having said that
/// there is nothing, comes to have something.
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

/// What the loop knows of a virtual host.
#[derive(Debug)]
struct Host {
    setup: Setup,
    /// What it is to hold, or held last.
    addresses: Vec<VirtualAddress>,
    /// Whether it is to hold them.
    holding: bool,
    /// Whether it is handing them over: what goes then is not put back.
    handing_over: bool,
    /// Until when what it holds stays; none: without end.
    until: Option<Timestamp>,
    /// The interface that carries its addresses, as the worker has told.
    place: Option<u32>,
    /// The last job that changes that interface or what is on it.
    last_job: Ticket,
    /// Whether somebody else has taken its interface down, and it has not been configured since.
    taken_down: bool,
    /// Whether neighbours may have learned something wrong while it was damaged.
    misled: bool,
    /// What ends its speech before its addresses go, where there is such a thing.
    speech: Option<Speech>,
    /// Whether this host forwards the IPv6 packets of its interface.
    forwards: bool,
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
    /// What a former run has left, and no virtual host has [adopted](Backend::adopt) or
    /// [holds](Backend::hold) five seconds from now, is taken away: carp interfaces, addresses
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

    // ---- in ----

    /// During a flood of packets: how long whoever waits for the descriptor should do nothing at all
    /// before that, or until its next timer, so that it is not woken up for each of them.
    /// [`wait`](Backend::wait) does so by itself.
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

    /// Reads what the sources have; returns whether any had something. What was read to its end
    /// is not asked again at once: whatever comes from then on makes the descriptor readable anew.
    fn gather(&mut self) -> bool {
        if std::mem::take(&mut self.drained) {
            return false;
        }
        let ready = match self.poller.ready() {
            Ok(ready) => ready,
            Err(error) => {
                tracing::error!(%error, "epoll");
                return false;
            }
        };
        let (mut any, mut news, mut drained) = (false, false, true);
        for source in ready {
            any = true;
            match source {
                Source::Bell => {
                    self.poller.bell().silence();
                    self.ringing = false;
                    news = true;
                }
                Source::News => news = true,
                Source::Inet => drained &= self.read_packets(Family::Inet),
                Source::Inet6 => drained &= self.read_packets(Family::Inet6),
            }
        }
        if news {
            drained &= self.catch_up();
        }
        self.drained = any && drained;
        any
    }

    /// Has the kernel drop what it can while there is too much of it, and tells how much that was.
    fn mind_floods(&mut self) {
        let (inet, inet6) = self.hear.sockets();
        let sockets = [(Family::Inet, Some(inet)), (Family::Inet6, inet6)];
        let dropped = self.flood.judge(clock::now(), sockets);
        if dropped > 0 {
            self.reports.push_back(Report::Filtered(dropped));
        }
    }

    /// Takes in the packets that wait, but no more at once than leaves the other sources their
    /// turn. Says whether these were all.
    fn read_packets(&mut self, family: Family) -> bool {
        let (reports, flood) = (&mut self.reports, &mut self.flood);
        let received = self.hear.receive(family, |packet| {
            flood.note(packet.bytes());
            reports.push_back(Report::Packet(packet));
        });
        match received {
            Ok(more) => !more,
            // That of another packet than one that came in: nothing that we could repair.
            Err(error) => {
                tracing::debug!(%family, %error, "raw socket");
                false
            }
        }
    }

    // ---- what is known ----

    /// The index of the carpdev of a setup, if it is there.
    fn carpdev(&self, setup: &Setup) -> Option<u32> {
        self.watches.get(&setup.link).and_then(|watch| watch.index)
    }

    /// The link-layer address that frames of a virtual host leave with, and the index of the
    /// interface they leave through.
    fn way_out(&self, setup: &Setup) -> Result<(u32, MacAddress)> {
        let absent = || {
            let watch = self.watches.get(&setup.link);
            let name = watch.map_or(setup.interface.as_str(), |watch| &watch.name);
            Error::new(name, ErrorKind::NoSuchInterface)
        };
        let link = self.carpdev(setup).and_then(|index| self.links.get(index));
        let link = link.ok_or_else(absent)?;
        let own = setup.interface_mac().filter(|_| setup.up);
        let mac = own.or(link.mac).ok_or_else(absent)?;
        Ok((link.index, mac))
    }

    /// Takes note of which interface carries the addresses of a virtual host.
    fn set_place(&mut self, id: HostId, place: Option<u32>) {
        let Some(host) = self.hosts.get_mut(&id) else {
            return;
        };
        let before = std::mem::replace(&mut host.place, place);
        if let Some(before) = before
            && let Some(there) = self.places.get_mut(&before)
        {
            there.remove(&id);
            if there.is_empty() {
                self.places.remove(&before);
            }
        }
        if let Some(place) = place {
            self.places.entry(place).or_default().insert(id);
        }
        self.hear.place_changed(before, place);
    }

    fn host(&self, id: HostId) -> Result<&Host> {
        let unknown = || Error::new(id.to_string(), ErrorKind::UnknownHost(id));
        self.hosts.get(&id).ok_or_else(unknown)
    }
}

impl Backend for Linux {
    fn now(&self) -> Timestamp {
        clock::now()
    }

    fn seed(&mut self) -> u64 {
        random()
    }

    fn watch(&mut self, link: LinkId, name: &str) -> Result<()> {
        if !interface::is_name(name) {
            return Err(Error::new(name, ErrorKind::BadName));
        }
        self.catch_up();
        self.watches.insert(link, Watch::new(name));
        let told = self.reports.len();
        self.look_at(link);
        if self.reports.len() == told {
            let state = LinkState::Absent;
            self.reports.push_back(Report::Link { link, state });
        }
        self.ring_if_needed();
        Ok(())
    }

    fn unwatch(&mut self, link: LinkId) {
        if let Some(watch) = self.watches.remove(&link) {
            if let Some(index) = watch.index {
                self.hear.ignore(index);
            }
            self.worker.submit(Job::Close(watch.copies));
            self.worker.submit(Job::Unfollow(link));
        }
    }

    fn check(&mut self, carpdev: &str, setup: &Setup, addresses: &[VirtualAddress]) -> Result<()> {
        self.catch_up();
        self.ring_if_needed();
        // Only a link-layer address and an mtu of the operator's choice are compared with what is
        // known; without them a check costs the same however many virtual hosts there are.
        let is_chosen = matches!(setup.lladdr, Lladdr::Manual(_)) || setup.mtu.is_some();
        let known = self.hosts.values().filter(|_| is_chosen);
        let known: Vec<&Setup> = known.map(|host| &host.setup).collect();
        check::check(&self.links, carpdev, setup, addresses, &known)
    }

    fn networks(&mut self, link: &str) -> Vec<VirtualAddress> {
        self.catch_up();
        self.ring_if_needed();
        self.links.networks(link)
    }

    fn link_state(&mut self, link: &str) -> LinkState {
        self.catch_up();
        self.ring_if_needed();
        state_of(self.links.by_name(link))
    }

    fn configure(&mut self, id: HostId, setup: &Setup) {
        let before = self.hosts.get(&id).map(|host| host.setup.vhid);
        if before != Some(setup.vhid) {
            self.flood.note_vhid(setup.vhid, true);
        }
        if let Some(before) = before.filter(|before| *before != setup.vhid) {
            self.flood.note_vhid(before, false);
        }
        let last_job = self.worker.submit(Job::Configure(id, setup.clone()));
        let host = self.hosts.entry(id).or_insert_with(|| Host {
            setup: setup.clone(),
            addresses: Vec::new(),
            holding: false,
            handing_over: false,
            until: None,
            place: None,
            last_job,
            taken_down: false,
            misled: false,
            speech: None,
            forwards: false,
        });
        self.index.add_name(&setup.interface, id);
        host.setup = setup.clone();
        host.taken_down = false;
        host.last_job = last_job;
    }

    fn adopt(&mut self, id: HostId, addresses: &[VirtualAddress]) {
        let addresses = addresses.to_vec();
        if let Some(host) = self.hosts.get_mut(&id) {
            self.index.set_addresses(id, &addresses);
            host.addresses.clone_from(&addresses);
            host.last_job = self.worker.submit(Job::Adopt { id, addresses });
        }
    }

    fn tear_down(&mut self, id: HostId) {
        self.set_place(id, None);
        if let Some(host) = self.hosts.remove(&id) {
            self.flood.note_vhid(host.setup.vhid, false);
            self.index.remove_name(&host.setup.interface);
            self.index.set_addresses(id, &[]);
        }
        self.worker.submit(Job::TearDown(vec![id]));
    }

    fn send(&mut self, id: HostId, advert: &Outgoing) -> Result<IpAddr> {
        let identification = self.identifications.next();
        let setup = &self.host(id)?.setup;
        let (index, mac) = self.way_out(setup)?;
        let (to, family) = (advert.to, Family::of(advert.to));
        let about = || format!("{}: advert to {to}", setup.interface);
        if to == family.group() {
            let source = self.source(index, family);
            let frame = source::frame(mac, source, advert, identification);
            let sent = frame.and_then(|frame| self.speak.frame(index, &frame));
            return sent
                .map(|()| source)
                .map_err(|error| Error::new(about(), error));
        }
        let lacks_source = || {
            let link = self.links.get(index);
            let carpdev = link.map_or_else(String::new, |link| link.name.clone());
            Error::new(about(), ErrorKind::NoSource { carpdev, family })
        };
        let way = self.way_to(index, to).ok_or_else(lacks_source)?;
        // The list of peers may be the same on all nodes, this one among them.
        if !self.is_own(index, to) {
            let frame = source::frame(mac, way.source, advert, identification);
            let sent = frame.and_then(|frame| self.speak.packet(index, way, to, &frame));
            sent.map_err(|error| Error::new(about(), error))?;
        }
        Ok(way.source)
    }

    fn hold(&mut self, id: HostId, addresses: &[VirtualAddress], lease: Option<Duration>) {
        let addresses = addresses.to_vec();
        let setup = self.hosts.get(&id).map(|host| &host.setup);
        let carpdev = setup.and_then(|setup| self.carpdev(setup));
        let own = carpdev.map(|index| self.own_networks(index));
        let last_job = self.worker.submit(Job::Hold {
            id,
            addresses: addresses.clone(),
            own: own.unwrap_or_default(),
            lease,
        });
        if let Some(host) = self.hosts.get_mut(&id) {
            self.index.set_addresses(id, &addresses);
            host.addresses = addresses;
            host.holding = true;
            host.handing_over = false;
            host.until = lease.map(|lease| clock::now() + lease);
            host.last_job = last_job;
        }
    }

    fn renew(&mut self, id: HostId, lease: Duration) {
        let now = clock::now();
        let until = now + lease;
        if let Some(host) = self.hosts.get_mut(&id)
            && host.holding
        {
            host.until = Some(until);
            if let Some(speech) = &host.speech {
                speech.extend(now, host.until);
            }
            self.renewals.push((id, until));
        }
    }

    fn flush(&mut self) {
        if !self.renewals.is_empty() {
            let renewals = std::mem::take(&mut self.renewals);
            self.worker.submit(Job::Renew(renewals));
        }
    }

    fn hand_over(&mut self, id: HostId) {
        if let Some(host) = self.hosts.get_mut(&id) {
            host.handing_over = true;
        }
        self.worker.submit(Job::HandOver(id));
    }

    fn release(&mut self, id: HostId) {
        let last_job = self.worker.submit(Job::Release(id));
        if let Some(host) = self.hosts.get_mut(&id) {
            host.holding = false;
            host.handing_over = false;
            host.last_job = last_job;
        }
    }

    fn announce(&mut self, id: HostId, address: IpAddr) {
        if let Ok(host) = self.host(id)
            && let Ok((index, mac)) = self.way_out(&host.setup)
        {
            for frame in source::announcements(mac, address, host.forwards) {
                if let Err(error) = self.speak.frame(index, &frame) {
                    let interface = &host.setup.interface;
                    tracing::debug!(interface, %address, %error, "not announced");
                }
            }
        }
    }

    /// Gives nothing from time to time though there is more, so that a flood of packets does not
    /// keep the caller from its timers; the descriptor stays readable then.
    fn poll(&mut self) -> Option<Report> {
        self.flush();
        if self.polled == 0 {
            self.mind_floods();
        }
        self.polled += 1;
        while self.polled < REPORTS_A_TURN && self.reports.is_empty() && self.gather() {
            self.polled += 1;
        }
        let report = if self.polled < REPORTS_A_TURN {
            self.reports.pop_front()
        } else {
            None
        };
        if report.is_none() {
            self.polled = 0;
            self.ring_if_needed();
        }
        report
    }

    fn wait(&mut self, deadline: Option<Timestamp>) -> Result<()> {
        self.flush();
        if let Some(nap) = self.nap() {
            let left = deadline.map_or(nap, |deadline| deadline - clock::now());
            std::thread::sleep(nap.min(left));
        }
        self.poller.wait(deadline).about("waiting")
    }

    fn waker(&self) -> Waker {
        let bell = self.poller.bell().clone();
        Waker::new(move || bell.ring())
    }

    fn inspect(&self, id: HostId) -> Inspection {
        let mut inspection = Inspection {
            link_priority: Speak::PRIORITY,
            route_priority: routes::METRIC,
            ..Inspection::default()
        };
        let Ok(host) = self.host(id) else {
            return inspection;
        };
        if let Some(link) = host.place.and_then(|index| self.links.get(index)) {
            inspection.index = Some(link.index);
            inspection.link_address = link.mac;
            inspection.mtu = Some(link.mtu);
            inspection.running = link.has_carrier();
            inspection.up = link.is_up();
            let there = self.links.addresses(link.index);
            inspection.installed = host
                .addresses
                .iter()
                .filter(|address| there.iter().any(|found| found.ip == address.ip()))
                .copied()
                .collect();
        }
        inspection
    }

    fn leave_in_place(&mut self) {
        self.worker.submit(Job::LeaveInPlace);
    }
}

impl Linux {
    /// Keeps the descriptor readable while there are reports.
    fn ring_if_needed(&mut self) {
        if !self.reports.is_empty() && !self.ringing {
            self.poller.bell().ring();
            self.ringing = true;
        }
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

const NEWS_A_TURN: usize = 1_024;
/// So many reports are given before whoever asks for them has a turn, and looks at its timers.
const REPORTS_A_TURN: u32 = 256;

#[cfg(test)]
#[cfg(feature = "lab")]
mod tests;
