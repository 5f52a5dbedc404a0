//! A cluster that runs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use carp_fsm::{Command, HostView, Timestamp, VirtualHost};

use super::member::Member;
use super::{Incident, Scenario, Tenures, Told, What};
use crate::memory::{Lan, Memory};
use crate::{Driver, Event, Result};

/// Machines on a LAN with their services, and what is still to come.
#[derive(Debug)]
pub struct Cluster {
    lan: Lan,
    members: Vec<Member>,
    /// What happens by itself, later; the second number keeps what happens at once in order.
    later: BTreeMap<(Timestamp, u64), Incident>,
    said: u64,
    /// Whether all has been done that there was to do by now.
    is_idle: bool,
    tenures: Tenures,
}

impl Cluster {
    /// A cluster at its beginning. `seed` decides every random thing.
    ///
    /// # Errors
    ///
    /// An interface that cannot be, see [`Driver::add`].
    pub fn new(scenario: &Scenario, seed: u64) -> Result<Self> {
        let lan = Lan::new(seed);
        scenario.network.shape(&lan);
        let mut cluster = Self {
            lan,
            members: Vec::new(),
            later: BTreeMap::new(),
            said: 0,
            is_idle: false,
            tenures: Tenures::default(),
        };
        for machine in &scenario.machines {
            let backend = cluster.lan.node();
            cluster.lan.set_drift(backend.index(), machine.drift);
            for (carpdev, addresses) in &machine.networks {
                cluster
                    .lan
                    .set_networks(backend.index(), carpdev, addresses);
            }
            let hosts = machine.interfaces.iter().map(|it| &it.host);
            for address in hosts.flat_map(VirtualHost::addresses) {
                cluster.tenures.follow(address.ip(), &cluster.lan);
            }
            let mut member = Member::new(machine.clone());
            member.begin(backend)?;
            cluster.members.push(member);
        }
        for (after, incident) in &scenario.incidents {
            cluster.after(*after, incident.clone());
        }
        Ok(cluster)
    }

    /// The moment it is.
    pub fn now(&self) -> Timestamp {
        self.lan.now()
    }

    /// What the machines are on.
    pub const fn lan(&self) -> &Lan {
        &self.lan
    }

    /// Who has held which address so far.
    pub const fn tenures(&self) -> &Tenures {
        &self.tenures
    }

    /// The service of a machine; none while no process runs there.
    pub fn driver(&self, node: usize) -> Option<&Driver<Memory>> {
        self.members.get(node)?.driver.as_ref()
    }

    /// Whether the process of a machine is frozen.
    pub fn is_paused(&self, node: usize) -> bool {
        self.members.get(node).is_some_and(|it| it.is_paused)
    }

    /// A virtual host of a machine, where a process runs that has it.
    pub fn host(&self, node: usize, interface: &str) -> Option<HostView<'_>> {
        let id = self.members.get(node)?.id(interface).ok()?;
        self.driver(node)?.node().host(id)
    }

    /// Makes something happen after `span`.
    pub fn after(&mut self, span: Duration, incident: Incident) {
        let at = self.now() + span;
        self.said += 1;
        self.later.insert((at, self.said), incident);
    }

    /// Lets `span` pass; `tell` hears what happens. Returns the moment it is then.
    pub fn run(&mut self, span: Duration, mut tell: impl FnMut(&Told<'_>)) -> Timestamp {
        let until = self.now() + span;
        while self.step(until, &mut tell) {}
        self.now()
    }

    /// Lets the next things happen that happen at one moment, up to `until`. Returns whether there is
    /// more by then; it is `until` otherwise.
    pub fn step(&mut self, until: Timestamp, mut tell: impl FnMut(&Told<'_>)) -> bool {
        let next = self.later.keys().next().copied();
        let next = next.filter(|(at, _)| *at <= until);
        let due = next.filter(|(at, _)| self.is_idle && *at <= self.now());
        let Some(incident) = due.and_then(|due| self.later.remove(&due)) else {
            let stop = next.map_or(until, |(at, _)| at);
            self.is_idle = !self.pass(stop, &mut tell);
            return !self.is_idle || next.is_some();
        };
        let outcome = self.suffer(&incident);
        let (at, node) = (self.now(), incident.node());
        tell(&Told {
            at,
            node,
            clock: node.map_or(at, |node| self.lan.clock(node)),
            what: What::Incident(&incident, &outcome),
        });
        true
    }

    /// Lets services do what there is to do, and time pass until something happens.
    fn pass(&mut self, until: Timestamp, mut tell: impl FnMut(&Told<'_>)) -> bool {
        let mut news = BTreeSet::new();
        let lan = &self.lan;
        let alive = self.members.iter_mut().filter_map(|it| it.driver.as_mut());
        let next = lan.work(alive, |node, event| {
            // What is refused is in no record.
            if !matches!(event, Event::Refused(_)) {
                news.insert(node);
            }
            tell(&Told {
                at: lan.now(),
                node: Some(node),
                clock: lan.clock(node),
                what: What::Event(event),
            });
        });
        for node in news {
            if let Some(member) = self.members.get_mut(node) {
                member.forget_the_gone();
                member.save();
            }
        }
        for member in &mut self.members {
            let driver = member.driver.as_ref();
            if driver.is_some_and(|driver| driver.is_stopped()) {
                member.forget();
            }
        }
        let goes_on = self.lan.move_on(next, until);
        self.note_holders();
        goes_on
    }

    pub(super) fn note_holders(&mut self) {
        self.tenures.note(&self.lan);
    }

    /// There is something to do, and perhaps an address that was not there before.
    pub(super) fn begin_to_suffer(&mut self, incident: &Incident) {
        self.is_idle = false;
        for address in incident.addresses() {
            self.tenures.follow(address, &self.lan);
        }
    }

    // ---- what incidents do ----

    /// Does something to the LAN.
    pub(super) fn strike(&self, strike: impl FnOnce(&Lan)) -> bool {
        strike(&self.lan);
        true
    }

    /// Tells something to the service of a machine, if it can hear.
    pub(super) fn tell(&mut self, node: usize, tell: impl FnOnce(&mut Driver<Memory>)) -> bool {
        let awake = self.members.get_mut(node).and_then(Member::awake);
        awake.map(tell).is_some()
    }

    pub(super) fn kill(&mut self, node: usize) -> bool {
        // A last sign of life, after what was saved.
        let last_alive = self.lan.clock(node) + Duration::from_micros(1);
        let member = self.members.get_mut(node);
        member.is_some_and(|member| {
            let is_there = member.driver.is_some();
            member.end(last_alive);
            is_there
        })
    }

    pub(super) fn recover(&mut self, node: usize) -> Result<bool> {
        match self.members.get_mut(node) {
            Some(member) if member.driver.is_none() => member.recover(self.lan.node_again(node)),
            Some(_) | None => Ok(false),
        }
    }

    pub(super) fn begin(&mut self, node: usize) -> Result<bool> {
        match self.members.get_mut(node) {
            Some(member) if member.driver.is_none() => {
                member.begin(self.lan.node_again(node))?;
                Ok(true)
            }
            Some(_) | None => Ok(false),
        }
    }

    pub(super) fn restart(&mut self, node: usize, span: Duration) -> bool {
        let now = self.lan.clock(node);
        let member = self.members.get_mut(node);
        let Some(member) = member.filter(|it| it.driver.is_some() && !it.is_paused) else {
            return false;
        };
        member.save();
        member.end(now);
        self.after(span, Incident::Recover(node));
        true
    }

    pub(super) fn set_paused(&mut self, node: usize, paused: bool) -> bool {
        let now = self.lan.clock(node);
        let member = self.members.get_mut(node);
        let can_be = |it: &&mut Member| it.driver.is_some() && it.is_paused != paused;
        let Some(member) = member.filter(can_be) else {
            return false;
        };
        member.set_paused(paused, now);
        self.lan.set_paused(node, paused);
        true
    }

    pub(super) fn power_off(&mut self, node: usize) -> bool {
        let now = self.lan.clock(node);
        let member = self.members.get_mut(node);
        let had_any = member.is_some_and(|member| {
            let had_any = member.has_any();
            member.end(now);
            member.forget();
            had_any
        });
        self.lan.power_off(node);
        had_any
    }

    pub(super) fn command(&mut self, node: usize, name: &str, command: Command) -> Result<bool> {
        let Some(member) = self.awake(node) else {
            return Ok(false);
        };
        let id = member.id(name)?;
        let driver = member.awake();
        driver.map_or(Ok(()), |driver| driver.command(id, command))?;
        Ok(true)
    }

    pub(super) fn change(
        &mut self,
        node: usize,
        name: &str,
        carpdev: &str,
        host: &VirtualHost,
    ) -> Result<bool> {
        let Some(member) = self.awake(node) else {
            return Ok(false);
        };
        let known = member.id(name).ok();
        let Some(driver) = member.awake() else {
            return Ok(false);
        };
        let host = host.clone();
        match known {
            Some(id) => drop(driver.change(id, carpdev, host)?),
            None => {
                let id = driver.add(name, carpdev, host)?;
                member.knows(name, id);
            }
        }
        member.save();
        Ok(true)
    }

    pub(super) fn destroy(&mut self, node: usize, name: &str) -> Result<bool> {
        let Some(member) = self.awake(node) else {
            return Ok(false);
        };
        let id = member.id(name)?;
        let driver = member.awake();
        driver.map_or(Ok(()), |driver| driver.remove(id))?;
        Ok(true)
    }

    /// A machine whose service hears what it is told.
    fn awake(&mut self, node: usize) -> Option<&mut Member> {
        let member = self.members.get_mut(node)?;
        member.awake().is_some().then_some(member)
    }
}
