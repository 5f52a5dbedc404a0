//! A simulated LAN of many nodes in virtual time.
//!
//! Every node of a [`Lan`] is a [`Backend`]. Time stands still while nodes work and jumps to the
//! next thing that happens, so hours pass in milliseconds and a run with the same seed is the
//! same run. The LAN can lose, delay and reorder packets, be cut in two, and pause nodes.
//!
//! ```
//! use std::time::Duration;
//! use carp_net::carp_fsm::carp_proto::{Key, Vhid};
//! use carp_net::carp_fsm::{Node, State, VirtualHost};
//! use carp_net::{Driver, memory::Lan};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let lan = Lan::new(42);
//! let mut nodes = Vec::new();
//! for skew in [0, 100] {
//!     let host = VirtualHost::new(Vhid::new(99)?, Key::from_password("SharedSecret"))
//!         .advskew(skew)?
//!         .address("192.0.2.10/24".parse()?);
//!     let mut driver = Driver::new(lan.node(), Node::builder())?;
//!     driver.add("carp0", "vmx0", host)?;
//!     nodes.push(driver);
//! }
//! lan.run(&mut nodes, lan.now() + Duration::from_secs(5), |_, _| {});
//! assert_eq!(lan.holders("192.0.2.10".parse()?), [0]);
//! # Ok(())
//! # }
//! ```

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use carp_fsm::carp_proto::{Advertisement, Envelope, Family, HOP_LIMIT, VirtualAddress};
use carp_fsm::{Damage, HostId, LinkId, LinkState, TakenDown, Timestamp};

use crate::backend::{Backend, Inspection, Packet, Report, Setup, Waker};
use crate::{Driver, Error, Event, Result};

/// How long a simulated node takes to put addresses in place, as measured on Linux.
const HOLD_TIME: Duration = Duration::from_micros(400);

/// How long a simulated packet takes where nothing else is said.
const TRANSIT: Duration = Duration::from_micros(100);

/// A simulated network: one segment for each name of a link, nodes, and faults.
#[derive(Clone, Debug)]
pub struct Lan(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    world: Mutex<World>,
    woken: Condvar,
}

#[derive(Debug)]
struct World {
    now: Timestamp,
    random: u64,
    sequence: u64,
    /// What will happen, soonest first; the sequence keeps what happens at once in order.
    future: BTreeMap<(Timestamp, u64), (usize, Delivery)>,
    nodes: Vec<NodeState>,
    cut: BTreeSet<(usize, usize)>,
    loss_per_million: u32,
    transit: (Duration, Duration),
    wakes: u64,
}

#[derive(Debug)]
enum Delivery {
    /// A packet, on the segment of this name.
    Packet(String, Envelope, [u8; Advertisement::LEN]),
    Report(Report),
    /// A lease may have ended.
    Expiry,
}

#[derive(Debug, Default)]
struct NodeState {
    watched: BTreeMap<String, LinkId>,
    down: BTreeSet<String>,
    absent: BTreeSet<String>,
    setups: BTreeMap<HostId, Setup>,
    held: BTreeMap<HostId, Held>,
    /// What a process that ended has left.
    left: Vec<Held>,
    silent: BTreeSet<HostId>,
    inbox: VecDeque<Report>,
    paused: bool,
}

/// Addresses that a node holds.
#[derive(Debug)]
struct Held {
    interface: String,
    carpdev: String,
    addresses: Vec<VirtualAddress>,
    /// Until when; `None`: without end.
    until: Option<Timestamp>,
}

/// One node of a [`Lan`], as a [`Backend`].
#[derive(Debug)]
pub struct Memory {
    lan: Lan,
    index: usize,
    leaves: bool,
}

impl Lan {
    /// A LAN without nodes and faults; `seed` decides every random thing that happens on it.
    pub fn new(seed: u64) -> Self {
        let world = World {
            now: Timestamp::ZERO,
            random: seed,
            sequence: 0,
            future: BTreeMap::new(),
            nodes: Vec::new(),
            cut: BTreeSet::new(),
            loss_per_million: 0,
            transit: (TRANSIT, TRANSIT),
            wakes: 0,
        };
        Self(Arc::new(Shared {
            world: Mutex::new(world),
            woken: Condvar::new(),
        }))
    }

    /// Adds a node; nodes are numbered from 0. Every name is a link to it, up from the start.
    pub fn node(&self) -> Memory {
        let mut world = self.world();
        world.nodes.push(NodeState::default());
        let index = world.nodes.len() - 1;
        Memory {
            lan: self.clone(),
            index,
            leaves: false,
        }
    }

    /// The node with this number again, for another process on it: the one before has ended and
    /// [left in place](Backend::leave_in_place) what it held, as one that was killed does.
    pub fn node_again(&self, index: usize) -> Memory {
        if let Some(node) = self.world().nodes.get_mut(index) {
            let left = std::mem::take(&mut node.held);
            node.left.extend(left.into_values());
            node.watched.clear();
            node.setups.clear();
            node.silent.clear();
            node.inbox.clear();
        }
        Memory {
            lan: self.clone(),
            index,
            leaves: false,
        }
    }

    /// Does to a node what another program on it might.
    pub fn harm(&self, node: usize, interface: &str, harm: Harm) {
        let mut world = self.world();
        let Some(found) = world.nodes.get_mut(node) else {
            return;
        };
        let of_interface = |setup: &Setup| setup.interface == interface;
        let Some(id) = found
            .setups
            .iter()
            .find_map(|(id, setup)| of_interface(setup).then_some(*id))
        else {
            return;
        };
        match harm {
            Harm::Damage(damage) => {
                let speaks = found.held.contains_key(&id) && !found.silent.contains(&id);
                if speaks {
                    found.inbox.push_back(Report::Damaged { id, damage });
                    world.schedule(HOLD_TIME, node, Delivery::Report(Report::Mended(id)));
                }
            }
            Harm::TakeDown(how) => {
                if found.setups.get(&id).is_some_and(|setup| setup.up) {
                    found.held.remove(&id);
                    found.inbox.push_back(Report::TakenDown { id, how });
                }
            }
        }
    }

    /// The moment it is.
    pub fn now(&self) -> Timestamp {
        self.world().now
    }

    /// Loses `per_million` of a million packets from now on, chosen at random for each receiver.
    pub fn set_loss(&self, per_million: u32) {
        self.world().loss_per_million = per_million;
    }

    /// Delays each packet by a random time from `least` to `most` from now on; packets overtake
    /// each other where the two differ.
    pub fn set_transit(&self, least: Duration, most: Duration) {
        self.world().transit = (least, most.max(least));
    }

    /// Cuts two nodes off from each other, or joins them again.
    pub fn set_cut(&self, one: usize, other: usize, cut: bool) {
        let pair = (one.min(other), one.max(other));
        let mut world = self.world();
        if cut {
            world.cut.insert(pair);
        } else {
            world.cut.remove(&pair);
        }
    }

    /// Sets the state of a node's link.
    pub fn set_link(&self, node: usize, name: &str, state: LinkState) {
        let mut world = self.world();
        let Some(found) = world.nodes.get_mut(node) else {
            return;
        };
        found.down.remove(name);
        found.absent.remove(name);
        match state {
            LinkState::Up => {}
            LinkState::Down => {
                found.down.insert(name.to_owned());
            }
            LinkState::Absent => {
                found.absent.insert(name.to_owned());
            }
        }
        if let Some(link) = found.watched.get(name) {
            let link = *link;
            found.inbox.push_back(Report::Link { link, state });
        }
    }

    /// Freezes a node, or lets it go on: while frozen it does nothing, but what it holds it
    /// goes on holding, and what is sent to it waits.
    pub fn set_paused(&self, node: usize, paused: bool) {
        if let Some(node) = self.world().nodes.get_mut(node) {
            node.paused = paused;
        }
    }

    /// The nodes that hold `address` and whose link carries, in order.
    pub fn holders(&self, address: IpAddr) -> Vec<usize> {
        let world = self.world();
        let holds = |node: &NodeState| {
            node.held.values().chain(&node.left).any(|held| {
                let has = held.addresses.iter().any(|a| a.ip() == address);
                has && node.state_of(&held.carpdev) == LinkState::Up
            })
        };
        (0..)
            .zip(&world.nodes)
            .filter(|(_, node)| holds(node))
            .map(|(index, _)| index)
            .collect()
    }

    /// Runs `nodes`, which must be all of this LAN in their order, until `until`; `tell` gets
    /// each event with the number of its node.
    pub fn run(
        &self,
        nodes: &mut [Driver<Memory>],
        until: Timestamp,
        mut tell: impl FnMut(usize, &Event),
    ) {
        loop {
            for driver in &mut *nodes {
                let index = driver.backend().index;
                if !self.is_paused(index) {
                    driver.process(self.now());
                    while let Some(event) = driver.poll_event() {
                        tell(index, &event);
                    }
                }
            }
            let awake = nodes
                .iter()
                .filter(|node| !self.is_paused(node.backend().index));
            let deadline = awake.filter_map(Driver::deadline).min();
            let mut world = self.world();
            let now = world.now;
            let arrival = world.future.keys().next().map(|(at, _)| *at);
            let next = [deadline, arrival].into_iter().flatten().min();
            match next {
                Some(next) if next <= until => world.advance_to(next.max(now)),
                Some(_) | None => return world.advance_to(until.max(now)),
            }
        }
    }

    fn is_paused(&self, node: usize) -> bool {
        self.world().nodes.get(node).is_some_and(|node| node.paused)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        // A panic elsewhere leaves the simulation as consistent as it was.
        self.0
            .world
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl World {
    /// Moves the clock and delivers what is due by then.
    fn advance_to(&mut self, moment: Timestamp) {
        self.now = self.now.max(moment);
        while let Some(entry) = self.future.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let (to, delivery) = entry.remove();
            let Some(node) = self.nodes.get_mut(to) else {
                continue;
            };
            match delivery {
                Delivery::Expiry => node.expire(self.now),
                Delivery::Report(report) => node.inbox.push_back(report),
                Delivery::Packet(segment, envelope, payload) => {
                    if node.state_of(&segment) == LinkState::Up
                        && let Some(link) = node.watched.get(&segment)
                    {
                        let packet = Packet::new(*link, envelope, &payload);
                        node.inbox.push_back(Report::Packet(packet));
                    }
                }
            }
        }
    }

    fn schedule(&mut self, after: Duration, to: usize, delivery: Delivery) {
        self.sequence += 1;
        self.future
            .insert((self.now + after, self.sequence), (to, delivery));
    }

    /// SplitMix64, as good as any for a simulation.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl NodeState {
    fn state_of(&self, name: &str) -> LinkState {
        if self.absent.contains(name) {
            LinkState::Absent
        } else if self.down.contains(name) {
            LinkState::Down
        } else {
            LinkState::Up
        }
    }

    /// The kernel takes away what nobody renews, also from a process that is frozen or has ended.
    fn expire(&mut self, now: Timestamp) {
        let is_over = |held: &Held| held.until.is_some_and(|until| until <= now);
        self.left.retain(|held| !is_over(held));
        let inbox = &mut self.inbox;
        self.held.retain(|id, held| {
            if is_over(held) {
                inbox.push_back(Report::Lapsed(*id));
            }
            !is_over(held)
        });
    }

    fn carpdev(&self, id: HostId) -> Option<(&Setup, &String)> {
        let setup = self.setups.get(&id)?;
        let (name, _) = self.watched.iter().find(|(_, link)| **link == setup.link)?;
        Some((setup, name))
    }
}

/// What another program on a node can do to its carp interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Harm {
    /// Damage that is mended at once, if the node holds addresses.
    Damage(Damage),
    /// Takes the interface down.
    TakeDown(TakenDown),
}

impl Memory {
    /// The LAN that the node is on.
    pub const fn lan(&self) -> &Lan {
        &self.lan
    }

    /// The number of the node.
    pub const fn index(&self) -> usize {
        self.index
    }

    fn with<R>(&self, act: impl FnOnce(&mut World, &mut NodeState) -> R) -> Option<R> {
        let mut world = self.lan.world();
        let mut node = std::mem::take(world.nodes.get_mut(self.index)?);
        let done = act(&mut world, &mut node);
        if let Some(slot) = world.nodes.get_mut(self.index) {
            *slot = node;
        }
        Some(done)
    }

    fn report_after(&self, after: Duration, report: Report) {
        let index = self.index;
        self.with(|world, _| world.schedule(after, index, Delivery::Report(report)));
    }

    /// The address that this node's adverts come from.
    fn source(&self, family: Family) -> IpAddr {
        let number = u16::try_from(self.index + 1).unwrap_or(u16::MAX);
        match family {
            Family::Inet => {
                let [high, low] = number.to_be_bytes();
                Ipv4Addr::new(198, 18, high, low).into()
            }
            Family::Inet6 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, number).into(),
        }
    }
}

impl Backend for Memory {
    fn now(&self) -> Timestamp {
        self.lan.now()
    }

    fn seed(&mut self) -> u64 {
        self.lan.world().next_random()
    }

    fn watch(&mut self, link: LinkId, name: &str) -> Result<()> {
        self.with(|_, node| {
            node.watched.insert(name.to_owned(), link);
            let state = node.state_of(name);
            node.inbox.push_back(Report::Link { link, state });
        });
        Ok(())
    }

    fn unwatch(&mut self, link: LinkId) {
        self.with(|_, node| node.watched.retain(|_, watched| *watched != link));
    }

    fn check(&mut self, _: &str, _: &Setup, _: &[VirtualAddress]) -> Result<()> {
        Ok(())
    }

    fn configure(&mut self, id: HostId, setup: &Setup) {
        self.with(|_, node| node.setups.insert(id, setup.clone()));
        self.report_after(Duration::ZERO, Report::Configured(id));
    }

    fn tear_down(&mut self, id: HostId) {
        self.with(|_, node| {
            node.setups.remove(&id);
            node.held.remove(&id);
            node.silent.remove(&id);
        });
        self.report_after(Duration::ZERO, Report::TornDown(id));
    }

    fn send(&mut self, id: HostId, to: IpAddr, payload: &[u8; Advertisement::LEN]) -> Result<()> {
        let envelope = Envelope {
            source: self.source(Family::of(to)),
            destination: to,
            hop_limit: HOP_LIMIT,
        };
        let own = self.index;
        let sent = self.with(|world, node| {
            let link = node.setups.get(&id)?.link;
            let (name, _) = node.watched.iter().find(|(_, watched)| **watched == link)?;
            if node.state_of(name) != LinkState::Up {
                return None;
            }
            for to in (0..world.nodes.len()).filter(|to| *to != own) {
                let lost = world.next_random() % 1_000_000 < u64::from(world.loss_per_million);
                let (least, most) = world.transit;
                let spread = u64::try_from((most - least).as_micros()).unwrap_or(u64::MAX);
                let extra = world.next_random() % spread.saturating_add(1);
                if !lost && !world.cut.contains(&(own.min(to), own.max(to))) {
                    let after = least + Duration::from_micros(extra);
                    let packet = Delivery::Packet(name.clone(), envelope, *payload);
                    world.schedule(after, to, packet);
                }
            }
            Some(())
        });
        let down = || Error::new(id.to_string(), io::Error::from(io::ErrorKind::NetworkDown));
        sent.flatten().ok_or_else(down)
    }

    fn adopt(&mut self, id: HostId, addresses: &[VirtualAddress]) {
        let adopted = self.with(|_, node| {
            let setup = node.setups.get(&id)?;
            let of_it = |held: &mut Held| held.interface == setup.interface;
            let held = node.left.extract_if(.., of_it).next()?;
            (held.addresses == addresses).then(|| {
                node.held.insert(id, held);
                node.silent.insert(id);
            })
        });
        if adopted.flatten().is_some() {
            self.report_after(Duration::ZERO, Report::Adopted(id));
        }
    }

    fn hold(&mut self, id: HostId, addresses: &[VirtualAddress], lease: Option<Duration>) {
        let index = self.index;
        self.with(|world, node| {
            let Some((setup, carpdev)) = node.carpdev(id) else {
                return;
            };
            let held = Held {
                interface: setup.interface.clone(),
                carpdev: carpdev.clone(),
                addresses: addresses.to_vec(),
                until: lease.map(|lease| world.now + lease),
            };
            node.left.retain(|left| left.interface != held.interface);
            node.held.insert(id, held);
            node.silent.remove(&id);
            if let Some(lease) = lease {
                world.schedule(lease, index, Delivery::Expiry);
            }
        });
        self.report_after(HOLD_TIME, Report::Held(id));
    }

    fn renew(&mut self, id: HostId, lease: Duration) {
        let index = self.index;
        self.with(|world, node| {
            if let Some(held) = node.held.get_mut(&id) {
                held.until = Some(world.now + lease);
                world.schedule(lease, index, Delivery::Expiry);
            }
        });
    }

    fn hand_over(&mut self, id: HostId) {
        self.with(|_, node| node.silent.insert(id));
        self.report_after(HOLD_TIME, Report::Silenced(id));
    }

    fn release(&mut self, id: HostId) {
        self.with(|_, node| {
            node.held.remove(&id);
            node.silent.remove(&id);
        });
    }

    fn announce(&mut self, _: HostId, _: IpAddr) {}

    fn poll(&mut self) -> Option<Report> {
        self.with(|_, node| node.inbox.pop_front()).flatten()
    }

    /// Jumps to the next thing that happens on the LAN, or to `deadline`. Nodes that run in
    /// other threads are not waited for: to run several, use [`Lan::run`].
    fn wait(&mut self, deadline: Option<Timestamp>) -> Result<()> {
        let mut world = self.lan.world();
        let arrival = world.future.keys().next().map(|(at, _)| *at);
        match [deadline, arrival].into_iter().flatten().min() {
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
        Waker::new(move || {
            lan.world().wakes += 1;
            lan.0.woken.notify_all();
        })
    }

    fn inspect(&self, id: HostId) -> Inspection {
        let facts = self.with(|_, node| {
            let held = node.held.get(&id).map(|held| held.addresses.clone());
            let held = held.unwrap_or_default();
            (node.setups.get(&id).is_some_and(|setup| setup.up), held)
        });
        let (up, installed) = facts.unwrap_or_default();
        Inspection {
            up,
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
        if !self.leaves {
            self.with(|_, node| {
                node.held.clear();
                node.setups.clear();
            });
        }
    }
}
