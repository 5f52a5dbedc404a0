//! Time, what will happen in it, and what lies between the machines.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use carp_fsm::Timestamp;
use carp_fsm::carp_proto::{Advertisement, Envelope, Family};

use super::machine::{Machine, Work};
use super::observed::{Holding, Observation, Observed};

/// How long a machine takes to put addresses in place, as measured on Linux.
const WORK: Duration = Duration::from_micros(400);

/// How long a simulated packet takes where nothing else is said.
const TRANSIT: Duration = Duration::from_micros(100);

#[derive(Debug)]
pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) machines: Vec<Machine>,
    pub(super) cut: BTreeSet<(usize, usize)>,
    pub(super) loss_per_million: u32,
    pub(super) transit: (Duration, Duration),
    pub(super) reorders: bool,
    pub(super) doubled_per_million: u32,
    /// When the last packet from one machine to another arrives.
    arrivals: BTreeMap<(usize, usize), Timestamp>,
    pub(super) work: (Duration, Duration),
    pub(super) wakes: u64,
    pub(super) observed: Option<Vec<Observation>>,
    random: u64,
    sequence: u64,
    /// What will happen, soonest first; the sequence keeps what happens at once in order.
    future: BTreeMap<(Timestamp, u64), (usize, Delivery)>,
}

#[derive(Debug)]
pub(super) enum Delivery {
    /// A packet, on the segment of this name.
    Packet(String, Envelope, [u8; Advertisement::LEN]),
    /// Something that the process of this number has asked its kernel for is done.
    Work(u64, Work),
    /// A lease may have ended.
    Expiry,
}

impl World {
    pub(super) const fn new(seed: u64) -> Self {
        Self {
            now: Timestamp::ZERO,
            machines: Vec::new(),
            cut: BTreeSet::new(),
            loss_per_million: 0,
            transit: (TRANSIT, TRANSIT),
            reorders: false,
            doubled_per_million: 0,
            arrivals: BTreeMap::new(),
            work: (WORK, WORK),
            wakes: 0,
            observed: None,
            random: seed,
            sequence: 0,
            future: BTreeMap::new(),
        }
    }

    /// Whether a machine has this address of its own.
    pub(super) fn has(&self, machine: usize, address: IpAddr) -> bool {
        let found = self.machines.get(machine);
        found.is_some_and(|found| found.has(address))
            || address_of(machine, Family::of(address)) == address
    }

    /// What the clock of a machine shows.
    pub(super) fn clock(&self, machine: usize) -> Timestamp {
        let machine = self.machines.get(machine);
        machine.map_or(self.now, |machine| machine.clock.shows(self.now))
    }

    /// When it is so late on the clock of a machine.
    pub(super) fn when(&self, machine: usize, shown: Timestamp) -> Timestamp {
        let machine = self.machines.get(machine);
        machine.map_or(shown, |machine| machine.clock.when(shown))
    }

    /// When the next thing happens.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.future.keys().next().map(|(at, _)| *at)
    }

    /// Moves the clock, and lets everything happen that is due by then.
    pub(super) fn advance_to(&mut self, moment: Timestamp) {
        self.now = self.now.max(moment);
        while let Some(entry) = self.future.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let (to, delivery) = entry.remove();
            self.deliver(to, delivery);
        }
    }

    fn deliver(&mut self, to: usize, delivery: Delivery) {
        let now = self.now;
        let Some(machine) = self.machines.get_mut(to) else {
            return;
        };
        match delivery {
            Delivery::Packet(segment, envelope, payload) => {
                machine.receive(&segment, envelope, &payload);
            }
            Delivery::Work(process, work) => {
                let changed = machine.work(now, process, work);
                if let Some(changed) = changed {
                    if let Some(until) = changed.until {
                        self.schedule_at(until, to, Delivery::Expiry);
                    }
                    self.observe(to, Observed::Change, changed.holding);
                }
            }
            Delivery::Expiry => {
                for _ in 0..machine.expire(now) {
                    self.observe(to, Observed::Change, Holding::Nothing);
                }
            }
        }
    }

    pub(super) fn schedule(&mut self, after: Duration, to: usize, delivery: Delivery) {
        self.schedule_at(self.now + after, to, delivery);
    }

    pub(super) fn schedule_at(&mut self, at: Timestamp, to: usize, delivery: Delivery) {
        self.sequence += 1;
        self.future.insert((at, self.sequence), (to, delivery));
    }

    pub(super) fn observe(&mut self, node: usize, what: Observed, holding: Holding) {
        let at = self.now;
        if let Some(observed) = &mut self.observed {
            observed.push(Observation {
                at,
                node,
                what,
                holding,
            });
        }
    }

    /// Sends a packet to every machine on the segment that it can reach, or to the one whose
    /// address it is for.
    pub(super) fn send(
        &mut self,
        from: usize,
        segment: &str,
        envelope: Envelope,
        payload: &[u8; Advertisement::LEN],
    ) {
        let is_for = |to: &usize| envelope.is_to_group() || self.has(*to, envelope.destination);
        let others = (0..self.machines.len()).filter(|to| *to != from);
        let receivers: Vec<usize> = others.filter(is_for).collect();
        for to in receivers {
            let packet = || Delivery::Packet(segment.to_owned(), envelope, *payload);
            self.send_to(from, to, packet());
            if self.doubled_per_million > 0 && self.happens(self.doubled_per_million) {
                self.send_to(from, to, packet());
            }
        }
    }

    fn send_to(&mut self, from: usize, to: usize, packet: Delivery) {
        let lost = self.happens(self.loss_per_million);
        let mut at = self.now + self.between(self.transit);
        if !lost && !self.cut.contains(&(from.min(to), from.max(to))) {
            let last = self.arrivals.entry((from, to)).or_default();
            if !self.reorders {
                at = at.max(*last);
            }
            *last = at;
            self.schedule_at(at, to, packet);
        }
    }

    /// Draws whether something happens that does so often.
    const fn happens(&mut self, per_million: u32) -> bool {
        self.next_random() % 1_000_000 < per_million as u64
    }

    /// Brings a packet that no machine has sent to every machine on the segment, with nothing left
    /// to chance.
    pub(super) fn forge(
        &mut self,
        segment: &str,
        envelope: Envelope,
        payload: &[u8; Advertisement::LEN],
    ) {
        for to in 0..self.machines.len() {
            let packet = Delivery::Packet(segment.to_owned(), envelope, *payload);
            self.schedule(TRANSIT, to, packet);
        }
    }

    /// How long a kernel takes for something.
    pub(super) fn work_time(&mut self) -> Duration {
        self.between(self.work)
    }

    /// A random time from the first to the second.
    fn between(&mut self, (least, most): (Duration, Duration)) -> Duration {
        let spread = u64::try_from(most.saturating_sub(least).as_micros()).unwrap_or(u64::MAX);
        least + Duration::from_micros(self.next_random() % spread.saturating_add(1))
    }

    /// SplitMix64, as good as any for a simulation.
    pub(super) const fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// The address that the adverts of a machine come from that was given none of its own, and that
/// unicast ones for it go to.
pub(super) fn address_of(machine: usize, family: Family) -> IpAddr {
    let number = u16::try_from(machine + 1).unwrap_or(u16::MAX);
    match family {
        Family::Inet => {
            let [high, low] = number.to_be_bytes();
            Ipv4Addr::new(198, 18, high, low).into()
        }
        Family::Inet6 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, number).into(),
    }
}
