//! A machine: a kernel that holds addresses, and at most one process that tells it to.
//!
//! The kernel outlives the process. What it holds goes when a process says so, when its lease ends,
//! or with the interface; a process that is paused or has ended changes none of it.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use carp_fsm::carp_proto::{Advertisement, Envelope, VirtualAddress};
use carp_fsm::{Damage, HostId, LinkId, LinkState, TakenDown, Timestamp};

use super::clock::Clock;
use super::observed::Holding;
use crate::backend::{Packet, Report, Setup};

#[derive(Debug, Default)]
pub(super) struct Machine {
    /// Links that are not up.
    links: BTreeMap<String, LinkState>,
    /// The addresses of the machine's own, by link.
    networks: BTreeMap<String, Vec<VirtualAddress>>,
    /// The carp interfaces that carry addresses, by name.
    interfaces: BTreeMap<String, Interface>,
    process: Process,
    pub(super) clock: Clock,
    /// How many processes have ended here.
    ended: u64,
}

/// An interface with virtual addresses.
#[derive(Debug)]
struct Interface {
    carpdev: String,
    addresses: Vec<VirtualAddress>,
    /// Until when they stay; `None`: without end.
    until: Option<Timestamp>,
    silent: bool,
    /// What somebody else has changed, so that it answers no more.
    damage: Option<Damage>,
}

/// The process on a machine.
#[derive(Debug, Default)]
struct Process {
    is_running: bool,
    paused: bool,
    watched: BTreeMap<String, LinkId>,
    setups: BTreeMap<HostId, Setup>,
    /// What its kernel tells: it is read first.
    news: VecDeque<News>,
    packets: VecDeque<Packet>,
    /// What its kernel will do when it is not paused any more.
    held_up: VecDeque<Work>,
    /// Until when its kernel is busy: what it asks for is done in order.
    busy_until: Timestamp,
}

/// How many packets wait for a process that does not take them: further ones find no room.
const ROOM: usize = 1_000;

#[derive(Debug)]
enum News {
    Report(Report),
    /// Somebody else has changed something; it is mended when the process hears of it.
    Damage(HostId, Damage),
}

/// Something that a process asks its kernel for.
#[derive(Debug)]
pub(super) enum Work {
    Configure(HostId),
    Adopt(HostId, Vec<VirtualAddress>),
    TearDown(HostId),
    Hold(HostId, Vec<VirtualAddress>, Option<Duration>),
    Renew(HostId, Duration),
    HandOver(HostId),
    Release(HostId),
    Mend(HostId),
}

/// What work has changed.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) holding: Holding,
    /// When a lease will end.
    pub(super) until: Option<Timestamp>,
}

// ---- the process ----

impl Machine {
    /// A new process begins; returns its number.
    pub(super) fn begin(&mut self) -> u64 {
        self.end();
        self.process.is_running = true;
        self.ended
    }

    /// The process ends, and leaves everything where it is.
    fn end(&mut self) {
        self.process = Process::default();
        self.ended += 1;
    }

    /// Process `number` ends, if it has not yet; everything goes unless it `leaves` it.
    pub(super) fn dropped(&mut self, number: u64, leaves: bool) {
        if number == self.ended {
            self.end();
            if !leaves {
                self.interfaces.clear();
            }
        }
    }

    pub(super) const fn is(&self, process: u64) -> bool {
        self.process.is_running && self.ended == process
    }

    pub(super) const fn is_paused(&self) -> bool {
        self.process.paused
    }

    /// Returns what the kernel can do only now.
    pub(super) fn set_paused(&mut self, paused: bool) -> VecDeque<Work> {
        self.process.paused = paused;
        if paused {
            return VecDeque::new();
        }
        std::mem::take(&mut self.process.held_up)
    }

    pub(super) const fn number(&self) -> u64 {
        self.ended
    }

    /// The next thing that the process hears, and what it asks for because of that.
    pub(super) fn poll(&mut self) -> Option<(Report, Option<Work>)> {
        match self.process.news.pop_front() {
            Some(News::Report(report)) => Some((report, None)),
            Some(News::Damage(id, damage)) => {
                Some((Report::Damaged { id, damage }, Some(Work::Mend(id))))
            }
            None => Some((Report::Packet(self.process.packets.pop_front()?), None)),
        }
    }

    pub(super) fn has_news(&self) -> bool {
        !self.process.news.is_empty() || !self.process.packets.is_empty()
    }

    fn report(&mut self, report: Report) {
        if self.process.is_running {
            self.process.news.push_back(News::Report(report));
        }
    }

    pub(super) fn watch(&mut self, link: LinkId, name: &str) {
        self.process.watched.insert(name.to_owned(), link);
        let state = self.link(name);
        self.report(Report::Link { link, state });
    }

    pub(super) fn unwatch(&mut self, link: LinkId) {
        self.process.watched.retain(|_, watched| *watched != link);
    }

    pub(super) fn set_up(&mut self, id: HostId, setup: Setup) {
        self.process.setups.insert(id, setup);
    }

    pub(super) fn setup(&self, id: HostId) -> Option<&Setup> {
        self.process.setups.get(&id)
    }

    /// The link that `id` runs on, if it carries what the process sends.
    pub(super) fn link_up(&self, id: HostId) -> Option<&str> {
        let (carpdev, link) = self.carpdev(id)?;
        let carries = self.link(carpdev) == LinkState::Up && !self.has_gone_unheard(link);
        carries.then_some(carpdev)
    }

    fn carpdev(&self, id: HostId) -> Option<(&str, LinkId)> {
        let link = self.setup(id)?.link;
        let mut watched = self.process.watched.iter();
        let (name, _) = watched.find(|(_, watched)| **watched == link)?;
        Some((name, link))
    }

    /// Whether a link was gone that the process still takes to be there. What is there now has
    /// its name only: nothing leaves by it before the process has heard of it.
    fn has_gone_unheard(&self, gone: LinkId) -> bool {
        let mut news = self.process.news.iter();
        news.any(|told| {
            matches!(told, News::Report(Report::Link { link, state: LinkState::Absent })
                if *link == gone)
        })
    }

    pub(super) fn receive(
        &mut self,
        segment: &str,
        envelope: Envelope,
        payload: &[u8; Advertisement::LEN],
    ) {
        if self.link(segment) == LinkState::Up
            && let Some(link) = self.process.watched.get(segment)
            && self.process.packets.len() < ROOM
        {
            let packet = Packet::new(*link, envelope, payload);
            self.process.packets.push_back(packet);
        }
    }

    /// When work that takes `span` is done, behind all that was asked for before.
    pub(super) fn done_at(&mut self, now: Timestamp, span: Duration) -> Timestamp {
        let at = now.max(self.process.busy_until) + span;
        self.process.busy_until = at;
        at
    }
}

// ---- the kernel ----

impl Machine {
    pub(super) fn link(&self, name: &str) -> LinkState {
        self.links.get(name).copied().unwrap_or(LinkState::Up)
    }

    pub(super) fn networks(&self, link: &str) -> &[VirtualAddress] {
        self.networks.get(link).map_or(&[], Vec::as_slice)
    }

    /// Whether this is an address of the machine's own.
    pub(super) fn has(&self, address: IpAddr) -> bool {
        let mut networks = self.networks.values().flatten();
        networks.any(|own| own.ip() == address)
    }

    /// The address of its own that adverts for `to` leave a link from, where it was given one: a
    /// link-local one for a group of IPv6.
    pub(super) fn source(&self, link: &str, to: IpAddr) -> Option<IpAddr> {
        let is_right = |own: &&VirtualAddress| {
            let is_local = own.is_link_local() || to.is_ipv4() || !to.is_multicast();
            own.ip().is_ipv4() == to.is_ipv4() && is_local
        };
        self.networks(link)
            .iter()
            .find(is_right)
            .map(VirtualAddress::ip)
    }

    pub(super) fn set_networks(&mut self, link: &str, networks: Vec<VirtualAddress>) {
        self.networks.insert(link.to_owned(), networks);
        if let Some(link) = self.process.watched.get(link).copied() {
            self.report(Report::Networks(link));
        }
    }

    /// A link that is gone takes along the interfaces on it. Returns how many.
    pub(super) fn set_link(&mut self, name: &str, state: LinkState) -> usize {
        self.links.insert(name.to_owned(), state);
        let before = self.interfaces.len();
        if state == LinkState::Absent {
            self.interfaces.retain(|_, found| found.carpdev != name);
        }
        if let Some(link) = self.process.watched.get(name).copied() {
            self.report(Report::Link { link, state });
        }
        before - self.interfaces.len()
    }

    /// The machine loses its power. Returns how many interfaces go with it.
    pub(super) fn power_off(&mut self) -> usize {
        self.end();
        std::mem::take(&mut self.interfaces).len()
    }

    pub(super) fn holds(&self, address: IpAddr) -> bool {
        self.interfaces.values().any(|found| {
            let has = found.addresses.iter().any(|a| a.ip() == address);
            has && found.answers(address) && self.link(&found.carpdev) == LinkState::Up
        })
    }

    pub(super) fn holding(&self, id: HostId) -> Holding {
        match self.interface(id) {
            Some(interface) if interface.silent => Holding::Silent,
            Some(_) => Holding::Speaking,
            None => Holding::Nothing,
        }
    }

    pub(super) fn addresses(&self, id: HostId) -> &[VirtualAddress] {
        self.interface(id).map_or(&[], |found| &found.addresses)
    }

    fn interface(&self, id: HostId) -> Option<&Interface> {
        self.interfaces.get(&self.setup(id)?.interface)
    }

    fn interface_mut(&mut self, id: HostId) -> Option<&mut Interface> {
        let setup = self.process.setups.get(&id)?;
        self.interfaces.get_mut(&setup.interface)
    }

    fn remove(&mut self, id: HostId) {
        if let Some(setup) = self.process.setups.get(&id) {
            self.interfaces.remove(&setup.interface);
        }
    }

    /// Does what process `number` has asked for. Returns what has changed.
    pub(super) fn work(&mut self, now: Timestamp, number: u64, work: Work) -> Option<Changed> {
        if !self.is(number) {
            return None;
        }
        if self.process.paused {
            self.process.held_up.push_back(work);
            return None;
        }
        let mut until = None;
        let id = match work {
            Work::Configure(id) => {
                self.report(Report::Configured(id));
                id
            }
            Work::TearDown(id) => {
                self.remove(id);
                self.process.setups.remove(&id);
                self.report(Report::TornDown(id));
                id
            }
            Work::Adopt(id, addresses) => {
                self.adopt(id, &addresses);
                id
            }
            Work::Hold(id, addresses, lease) => {
                until = lease.map(|lease| self.after(now, lease));
                self.hold(id, addresses, until);
                id
            }
            Work::Renew(id, lease) => {
                until = Some(self.after(now, lease));
                let interface = self.interface_mut(id)?;
                interface.until = until;
                id
            }
            Work::HandOver(id) => {
                if let Some(interface) = self.interface_mut(id) {
                    interface.silent = true;
                }
                self.report(Report::Silenced(id));
                id
            }
            Work::Release(id) => {
                self.remove(id);
                id
            }
            Work::Mend(id) => {
                let interface = self.interface_mut(id);
                let damage = interface.and_then(|interface| interface.damage.take());
                if damage == Some(Damage::LinkAddress) {
                    self.remove(id); // nothing has answered since
                }
                self.report(Report::Mended(id));
                id
            }
        };
        let holding = self.holding(id);
        Some(Changed { holding, until })
    }

    /// When `span` has passed on the clock of this machine.
    fn after(&self, now: Timestamp, span: Duration) -> Timestamp {
        self.clock.when(self.clock.shows(now) + span)
    }

    fn hold(&mut self, id: HostId, addresses: Vec<VirtualAddress>, until: Option<Timestamp>) {
        if let Some(setup) = self.setup(id)
            && let Some((carpdev, _)) = self.carpdev(id)
            && self.link(carpdev) != LinkState::Absent
        {
            let interface = Interface {
                carpdev: carpdev.to_owned(),
                addresses,
                until,
                silent: false,
                damage: None,
            };
            self.interfaces.insert(setup.interface.clone(), interface);
        }
        self.report(Report::Held(id));
    }

    fn adopt(&mut self, id: HostId, addresses: &[VirtualAddress]) {
        match self.interface_mut(id) {
            Some(found) if found.addresses == addresses && found.damage.is_none() => {
                found.silent = true;
                self.report(Report::Adopted(id));
            }
            _ => {
                self.remove(id);
                self.report(Report::NotAdopted(id));
            }
        }
    }

    /// Takes away what nobody has renewed, also from a process that is paused or has ended. Returns
    /// from how many interfaces.
    pub(super) fn expire(&mut self, now: Timestamp) -> usize {
        let mut over = Vec::new();
        self.interfaces.retain(|name, found| {
            let is_over = found.until.is_some_and(|until| until <= now);
            if is_over {
                over.push(name.clone());
            }
            !is_over
        });
        for name in &over {
            if let Some(id) = self.host_of(name) {
                self.report(Report::Lapsed(id));
            }
        }
        over.len()
    }

    fn host_of(&self, interface: &str) -> Option<HostId> {
        let mut setups = self.process.setups.iter();
        let (id, _) = setups.find(|(_, setup)| setup.interface == interface)?;
        Some(*id)
    }

    pub(super) fn has_addresses(&self, interface: &str) -> bool {
        self.interfaces.contains_key(interface)
    }

    /// Whether an interface is there and up, with addresses or without: on a link that is gone
    /// there is none.
    pub(super) fn is_up(&self, interface: &str) -> bool {
        let is_told = |id: HostId| {
            let is_up = self.setup(id).is_some_and(|setup| setup.up);
            let link = self.carpdev(id).map(|(name, _)| self.link(name));
            is_up && link.is_some_and(|state| state != LinkState::Absent)
        };
        self.has_addresses(interface) || self.host_of(interface).is_some_and(is_told)
    }

    /// Somebody else changes what an interface needs. A process that answers for it hears of that
    /// and mends it.
    pub(super) fn damage(&mut self, interface: &str, damage: Damage) {
        let Some(found) = self.interfaces.get_mut(interface) else {
            return;
        };
        found.damage = Some(damage);
        let cared_for = !found.silent;
        if cared_for && let Some(id) = self.host_of(interface) {
            self.process.news.push_back(News::Damage(id, damage));
        }
    }

    /// Somebody else takes an interface down. Returns how many have lost their addresses.
    pub(super) fn take_down(&mut self, interface: &str, how: TakenDown) -> usize {
        let was_up = self.is_up(interface);
        let taken = usize::from(self.interfaces.remove(interface).is_some());
        if let Some(id) = self.host_of(interface).filter(|_| was_up) {
            self.report(Report::TakenDown { id, how });
        }
        taken
    }
}

impl Interface {
    fn answers(&self, address: IpAddr) -> bool {
        match self.damage {
            None => true,
            Some(Damage::Inet6Disabled) => address.is_ipv4(),
            Some(_) => false,
        }
    }
}
