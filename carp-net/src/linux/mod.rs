//! CARP on Linux: raw sockets to hear, packet sockets to speak, rtnetlink for everything else.
//!
//! [`Linux`] lives in the loop's thread and never waits: its sockets are non-blocking, and what
//! takes the kernel's lock is done by one thread of its own, in order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use carp_fsm::carp_proto::{Advertisement, Family, MacAddress, VirtualAddress};
use carp_fsm::{HostId, LinkId, LinkState, Lladdr, Timestamp};

use crate::error::About as _;
use crate::{Backend, Error, ErrorKind, Inspection, Report, Result, Setup, Waker};

mod addresses;
#[cfg(feature = "lab")]
pub(crate) mod capture;
mod care;
mod carpdev;
mod check;
mod clock;
mod control;
mod egress;
mod hear;
mod interface;
mod kernel;
mod links;
#[cfg(feature = "lab")]
pub(crate) mod namespace;
pub(crate) mod netlink;
mod place;
mod poller;
mod ready;
mod routes;
mod settings;
mod source;
mod speak;
mod sys;
pub use sys::keep_descriptors_from_programs;
mod watch;
mod worker;

use hear::Hear;
use links::{Change, Link, Links};
use netlink::{Connection, Monitor, News, Refusal};
use poller::{Poller, Source};
use speak::Speak;
use watch::{Watch, state_of};
use worker::{Answer, Job, Worker};

/// The network namespace of the thread that opened it, as a [`Backend`].
///
/// When it is dropped, everything it has made is taken away and everything it has changed is put
/// back, which it waits for.
///
/// Its descriptor ([`AsFd`]) is readable whenever [`poll`](Backend::poll) has something.
#[derive(Debug)]
pub struct Linux {
    poller: Poller,
    hear: Hear,
    speak: Speak,
    monitor: Monitor,
    links: Links,
    /// Whether news were lost and everything has been asked for. The monitor is not read then:
    /// what it says must be taken in after the answer, not before.
    surveying: bool,
    watches: BTreeMap<LinkId, Watch>,
    hosts: BTreeMap<HostId, Host>,
    reports: VecDeque<Report>,
    /// Whether the bell rings because of what is in `reports`.
    ringing: bool,
    /// How often the caller has asked for reports in a row, and got one.
    polled: u32,
    worker: Worker,
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
    /// Whether its interface has been seen since it was made.
    seen: bool,
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
        let poller = Poller::new().about("epoll")?;
        let hear = Hear::open()?;
        let speak = Speak::open()?;
        let monitor = Monitor::open().about("rtnetlink")?;
        let mut connection = Connection::open().about("rtnetlink")?;
        let links = Links::survey(&mut connection).about("rtnetlink")?;
        let (inet, inet6) = hear.sockets();
        poller.add(Source::News, &monitor).about("epoll")?;
        poller.add(Source::Inet, inet).about("epoll")?;
        if let Some(inet6) = inet6 {
            poller.add(Source::Inet6, inet6).about("epoll")?;
        }
        let worker = Worker::start(connection, poller.bell().clone()).about("carp-kernel")?;
        Ok(Self {
            poller,
            hear,
            speak,
            monitor,
            links,
            surveying: false,
            watches: BTreeMap::new(),
            hosts: BTreeMap::new(),
            reports: VecDeque::new(),
            ringing: false,
            polled: 0,
            worker,
        })
    }

    // ---- in ----

    /// Reads what the sources have; returns whether any had something.
    fn gather(&mut self) -> bool {
        let ready = match self.poller.ready() {
            Ok(ready) => ready,
            Err(error) => {
                tracing::error!(%error, "epoll");
                return false;
            }
        };
        let mut any = false;
        for source in ready {
            any = true;
            match source {
                Source::Bell => {
                    self.poller.bell().silence();
                    self.ringing = false;
                    while let Some(answer) = self.worker.answer() {
                        self.take_answer(answer);
                    }
                }
                Source::News => self.read_news(),
                Source::Inet => self.read_packets(Family::Inet),
                Source::Inet6 => self.read_packets(Family::Inet6),
            }
        }
        any
    }

    /// Takes in so many packets that the other sources have their turn as well.
    fn read_packets(&mut self, family: Family) {
        for _ in 0..PACKETS_A_TURN {
            let received = match family {
                Family::Inet => self.hear.receive_inet(),
                Family::Inet6 => self.hear.receive_inet6(),
            };
            match received {
                Ok(Some(packet)) => self.reports.push_back(Report::Packet(packet)),
                Ok(None) => return,
                // That of another packet than one that came in: nothing that we could repair.
                Err(error) => return tracing::debug!(%family, %error, "raw socket"),
            }
        }
    }

    /// Takes in all news there are, but for a flood of them.
    fn read_news(&mut self) {
        let mut links_changed = false;
        let mut rerouted = BTreeSet::new();
        let mut addresses = Vec::new();
        for _ in 0..NEWS_A_TURN {
            if self.surveying {
                break;
            }
            let links = &mut self.links;
            let news = self
                .monitor
                .read(|kind, payload| match links.take_in(kind, payload) {
                    Some(Change::Link) => links_changed = true,
                    Some(Change::Address { index, ip, gone }) => addresses.push((index, ip, gone)),
                    Some(Change::Route(index)) => {
                        rerouted.insert(index);
                    }
                    None => {}
                });
            match news {
                Ok(News::Told) => {}
                Ok(News::Nothing) => break,
                Ok(News::Lost) => self.survey(),
                Err(error) => {
                    tracing::error!(%error, "rtnetlink");
                    self.survey();
                }
            }
        }
        if links_changed {
            self.look_at_links();
        }
        self.restore_addresses(&addresses);
        addresses.retain(|(index, ip, _)| !self.is_virtual(*index, *ip));
        rerouted.extend(addresses.iter().map(|(index, ..)| index));
        for index in rerouted {
            self.reroute(index);
        }
    }

    /// Asks for everything anew, because some news were lost.
    fn survey(&mut self) {
        tracing::warn!("news of links and addresses were lost, asking for all of them");
        self.surveying = true;
        if let Err(error) = self.poller.remove(&self.monitor) {
            tracing::error!(%error, "epoll");
        }
        self.worker.submit(Job::Survey);
    }

    fn take_survey(&mut self, surveyed: Result<Links, Refusal>) {
        self.surveying = false;
        if let Err(error) = self.poller.add(Source::News, &self.monitor) {
            tracing::error!(%error, "epoll");
        }
        match surveyed {
            Ok(links) => self.links = links,
            Err(error) => tracing::error!(%error, "links and addresses cannot be asked for"),
        }
        self.look_at_links();
        let carpdevs: Vec<u32> = self
            .watches
            .values()
            .filter_map(|watch| watch.index)
            .collect();
        for index in carpdevs {
            self.reroute(index);
        }
    }

    fn take_answer(&mut self, answer: Answer) {
        match answer {
            Answer::Report(report) => self.reports.push_back(report),
            Answer::Forwards(id, forwards) => {
                if let Some(host) = self.hosts.get_mut(&id) {
                    host.forwards = forwards;
                }
            }
            Answer::Surveyed(surveyed) => self.take_survey(surveyed),
        }
    }

    /// Compares what is watched with what there is.
    fn look_at_links(&mut self) {
        let all: Vec<LinkId> = self.watches.keys().copied().collect();
        for id in all {
            self.look_at(id);
        }
        self.restore_interfaces();
        for (id, host) in &self.hosts {
            let link = self.links.by_name(&host.setup.interface);
            let has_carrier = link.is_some_and(|link| link.is_carp() && link.has_carrier());
            if has_carrier && !host.holding {
                // Protodown or not, the kernel gives it the carrier of its carpdev whenever that
                // changes.
                self.worker.submit(Job::Mute(*id));
            }
        }
    }

    fn look_at(&mut self, id: LinkId) {
        let Some(watch) = self.watches.get_mut(&id) else {
            return;
        };
        let link = self.links.by_name(&watch.name);
        let index = link.map(|link| link.index);
        if index != watch.index {
            if let Some(before) = watch.index.take() {
                self.hear.ignore(before);
                // Even where another has the name by now: this one is gone.
                let state = LinkState::Absent;
                if std::mem::replace(&mut watch.state, state) != state {
                    self.reports.push_back(Report::Link { link: id, state });
                }
            }
            watch.index = index;
            if let Some(index) = index {
                self.hear.listen(index, id);
            }
            self.worker.submit(Job::Follow { link: id, index });
        }
        let state = state_of(link);
        if std::mem::replace(&mut watch.state, state) != state {
            self.reports.push_back(Report::Link { link: id, state });
        }
    }

    /// Has the routes of the addresses on the carpdev with this index looked at again, because
    /// addresses of its own have changed.
    fn reroute(&self, index: u32) {
        for (id, host) in &self.hosts {
            if host.holding && self.carpdev(&host.setup) == Some(index) {
                let own = self.own_networks(index);
                self.worker.submit(Job::Reroute { id: *id, own });
            }
        }
    }

    // ---- what is known ----

    /// The index of the carpdev of a setup, if it is there.
    fn carpdev(&self, setup: &Setup) -> Option<u32> {
        self.watches.get(&setup.link).and_then(|watch| watch.index)
    }

    /// The interface that carries the addresses of a setup, if it is there.
    fn place(&self, setup: &Setup) -> Option<&Link> {
        if setup.lladdr == Lladdr::Carpdev {
            self.carpdev(setup).and_then(|index| self.links.get(index))
        } else {
            let link = self.links.by_name(&setup.interface);
            link.filter(|link| link.is_carp())
        }
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
        let mac = if setup.up && setup.lladdr == Lladdr::Virtual {
            setup.vhid.virtual_mac()
        } else {
            link.mac.ok_or_else(absent)?
        };
        Ok((link.index, mac))
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
        // Where the kernel has no randomness the time since boot has to do.
        getrandom::u64().unwrap_or_else(|_| clock::now().as_micros())
    }

    fn watch(&mut self, link: LinkId, name: &str) -> Result<()> {
        if !interface::is_name(name) {
            return Err(Error::new(name, ErrorKind::BadName));
        }
        self.read_news();
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
            self.worker.submit(Job::Unfollow(link));
        }
    }

    fn check(&mut self, carpdev: &str, setup: &Setup, addresses: &[VirtualAddress]) -> Result<()> {
        self.read_news();
        self.ring_if_needed();
        check::check(&self.links, carpdev, setup, addresses)
    }

    fn configure(&mut self, id: HostId, setup: &Setup) {
        let host = self.hosts.entry(id).or_insert_with(|| Host {
            setup: setup.clone(),
            addresses: Vec::new(),
            holding: false,
            handing_over: false,
            seen: false,
            forwards: false,
        });
        host.setup = setup.clone();
        self.worker.submit(Job::Configure(id, setup.clone()));
    }

    fn tear_down(&mut self, id: HostId) {
        self.hosts.remove(&id);
        self.worker.submit(Job::TearDown(id));
    }

    fn send(&mut self, id: HostId, to: IpAddr, payload: &[u8; Advertisement::LEN]) -> Result<()> {
        let setup = &self.host(id)?.setup;
        let (index, mac) = self.way_out(setup)?;
        let source = self.source(index, Family::of(to));
        let sent = source::frame(mac, source, to, payload).and_then(|frame| {
            if to == Family::of(to).group() {
                self.speak.frame(index, &frame)
            } else {
                self.speak.packet(index, to, &frame)
            }
        });
        sent.about(format_args!("{}: advert to {to}", setup.interface))
    }

    fn adopt(&mut self, _: HostId, _: &[VirtualAddress]) {}

    fn renew(&mut self, _: HostId, _: Duration) {}

    fn leave_in_place(&mut self) {}

    fn hold(&mut self, id: HostId, addresses: &[VirtualAddress], _: Option<Duration>) {
        let addresses = addresses.to_vec();
        let mut own = Vec::new();
        if let Some(host) = self.hosts.get_mut(&id) {
            host.addresses.clone_from(&addresses);
            host.holding = true;
            host.handing_over = false;
        }
        if let Ok(host) = self.host(id)
            && let Some(index) = self.carpdev(&host.setup)
        {
            own = self.own_networks(index);
        }
        self.worker.submit(Job::Hold { id, addresses, own });
    }

    fn hand_over(&mut self, id: HostId) {
        if let Some(host) = self.hosts.get_mut(&id) {
            host.handing_over = true;
        }
        self.worker.submit(Job::HandOver(id));
    }

    fn release(&mut self, id: HostId) {
        if let Some(host) = self.hosts.get_mut(&id) {
            host.holding = false;
            host.handing_over = false;
        }
        self.worker.submit(Job::Release(id));
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
        }
        self.ring_if_needed();
        report
    }

    fn wait(&mut self, deadline: Option<Timestamp>) -> Result<()> {
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
        if let Some(link) = self.place(&host.setup) {
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

impl AsFd for Linux {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poller.as_fd()
    }
}

/// So many packets of one family are taken in before anything else has its turn.
const PACKETS_A_TURN: usize = 16;
const NEWS_A_TURN: usize = 1_024;
/// So many reports are given before whoever asks for them has a turn, and looks at its timers.
const REPORTS_A_TURN: u32 = 256;

#[cfg(test)]
#[cfg(feature = "lab")]
mod tests;
