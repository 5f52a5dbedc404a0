//! A node of a simulated LAN, as a backend.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use carp_fsm::carp_proto::{Advertisement, Envelope, Family, HOP_LIMIT, VirtualAddress};
use carp_fsm::{HostId, LinkId, LinkState, Timestamp};

use super::Lan;
use super::machine::{Machine, Work};
use super::observed::{Holding, Observed};
use super::world::{Delivery, World, address_of};
use crate::backend::{Backend, Inspection, Report, Setup, Waker};
use crate::{Error, Outgoing, Result};

/// One node of a [`Lan`], as a [`Backend`]: a process on a machine.
#[derive(Debug)]
pub struct Memory {
    lan: Lan,
    index: usize,
    process: u64,
    leaves: bool,
}

impl Memory {
    pub(super) const fn new(lan: Lan, index: usize, process: u64) -> Self {
        Self {
            lan,
            index,
            process,
            leaves: false,
        }
    }

    /// The LAN that the node is on.
    pub const fn lan(&self) -> &Lan {
        &self.lan
    }

    /// The number of the node.
    pub const fn index(&self) -> usize {
        self.index
    }

    /// Acts on the machine, if this is the process that runs on it.
    fn with<R>(&self, act: impl FnOnce(&mut Machine) -> R) -> Option<R> {
        let mut world = self.lan.world();
        let machine = world.machines.get_mut(self.index)?;
        machine.is(self.process).then(|| act(machine))
    }

    fn begin(&self, work: Work) {
        let mut world = self.lan.world();
        let span = match &work {
            Work::Configure(_) | Work::Adopt(..) | Work::TearDown(_) => Duration::ZERO,
            Work::Hold(..) | Work::Renew(..) | Work::HandOver(_) => world.work_time(),
            Work::Release(_) | Work::Mend(_) => world.work_time(),
        };
        let now = world.now;
        if let Some(machine) = world.machines.get_mut(self.index)
            && machine.is(self.process)
        {
            let at = machine.done_at(now, span);
            world.schedule_at(at, self.index, Delivery::Work(self.process, work));
        }
    }

    fn observe(&self, world: &mut World, id: HostId, what: Observed) {
        let machine = world.machines.get(self.index);
        let holding = machine.map_or(Holding::Nothing, |machine| machine.holding(id));
        world.observe(self.index, what, holding);
    }
}

impl Backend for Memory {
    fn now(&self) -> Timestamp {
        self.lan.clock(self.index)
    }

    fn seed(&mut self) -> u64 {
        self.lan.world().next_random()
    }

    fn link_state(&mut self, link: &str) -> LinkState {
        let state = self.with(|machine| machine.link(link));
        state.unwrap_or(LinkState::Absent)
    }

    fn watch(&mut self, link: LinkId, name: &str) -> Result<()> {
        self.with(|machine| machine.watch(link, name));
        Ok(())
    }

    fn unwatch(&mut self, link: LinkId) {
        self.with(|machine| machine.unwatch(link));
    }

    fn networks(&mut self, link: &str) -> Vec<VirtualAddress> {
        let networks = self.with(|machine| machine.networks(link).to_vec());
        networks.unwrap_or_default()
    }

    fn check(&mut self, _: &str, _: &Setup, _: &[VirtualAddress]) -> Result<()> {
        Ok(())
    }

    fn configure(&mut self, id: HostId, setup: &Setup) {
        self.with(|machine| machine.set_up(id, setup.clone()));
        self.begin(Work::Configure(id));
    }

    fn adopt(&mut self, id: HostId, addresses: &[VirtualAddress]) {
        self.begin(Work::Adopt(id, addresses.to_vec()));
    }

    fn tear_down(&mut self, id: HostId) {
        self.begin(Work::TearDown(id));
    }

    fn send(&mut self, id: HostId, advert: &Outgoing) -> Result<IpAddr> {
        let segment = self.with(|machine| machine.link_up(id).map(str::to_owned));
        let down = || Error::new(id.to_string(), io::Error::from(io::ErrorKind::NetworkDown));
        let segment = segment.flatten().ok_or_else(down)?;
        let own = self.with(|machine| machine.source(&segment, advert.to));
        let usual = || address_of(self.index, Family::of(advert.to));
        let source = own.flatten().unwrap_or_else(usual);
        let envelope = Envelope {
            source,
            destination: advert.to,
            hop_limit: HOP_LIMIT,
            traffic_class: Some(advert.traffic_class),
            identification: None,
        };
        let payload = &advert.payload_from(source);
        let mut world = self.lan.world();
        if let Ok(advert) = Advertisement::decode(payload) {
            self.observe(&mut world, id, Observed::Advert(advert));
        }
        world.send(self.index, &segment, envelope, payload);
        Ok(source)
    }

    fn hold(&mut self, id: HostId, addresses: &[VirtualAddress], lease: Option<Duration>) {
        self.begin(Work::Hold(id, addresses.to_vec(), lease));
    }

    fn renew(&mut self, id: HostId, lease: Duration) {
        self.begin(Work::Renew(id, lease));
    }

    fn hand_over(&mut self, id: HostId) {
        self.begin(Work::HandOver(id));
    }

    fn release(&mut self, id: HostId) {
        self.begin(Work::Release(id));
    }

    fn announce(&mut self, id: HostId, address: IpAddr) {
        let leaves = self.with(|machine| machine.link_up(id).is_some());
        if leaves == Some(true) {
            let mut world = self.lan.world();
            self.observe(&mut world, id, Observed::Announcement(address));
        }
    }

    fn poll(&mut self) -> Option<Report> {
        let (report, work) = self.with(Machine::poll).flatten()?;
        if let Some(work) = work {
            self.begin(work);
        }
        Some(report)
    }

    /// Jumps to the next thing that happens on the LAN, or to `deadline`. Nodes that run in
    /// other threads are not waited for: to run several, use [`Lan::run`].
    fn wait(&mut self, deadline: Option<Timestamp>) -> Result<()> {
        if self.with(|machine| machine.has_news()).unwrap_or(false) {
            return Ok(());
        }
        let mut world = self.lan.world();
        let deadline = deadline.map(|at| world.when(self.index, at));
        match deadline.into_iter().chain(world.next()).min() {
            Some(next) => world.advance_to(next),
            None => {
                let wakes = world.wakes;
                drop(
                    self.lan
                        .0
                        .woken
                        .wait_while(world, |world| world.wakes == wakes),
                );
            }
        }
        Ok(())
    }

    fn waker(&self) -> Waker {
        let lan = self.lan.clone();
        Waker::new(move || lan.wake())
    }

    fn inspect(&self, id: HostId) -> Inspection {
        let facts = self.with(|machine| {
            let setup = machine.setup(id);
            let up = setup.is_some_and(|setup| setup.up);
            let mtu = setup.and_then(|setup| setup.mtu);
            (up, mtu, machine.addresses(id).to_vec())
        });
        let (up, mtu, installed) = facts.unwrap_or_default();
        Inspection {
            up,
            mtu,
            running: !installed.is_empty(),
            installed,
            ..Inspection::default()
        }
    }

    fn leave_in_place(&mut self) {
        self.leaves = true;
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let mut world = self.lan.world();
        if let Some(machine) = world.machines.get_mut(self.index) {
            machine.dropped(self.process, self.leaves);
        }
    }
}
