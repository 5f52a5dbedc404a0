//! What a cluster is like, drawn from its seed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use carp_net::carp_fsm::carp_proto::{Key, MacAddress, Vhid};
use carp_net::carp_fsm::{Dialect, Interval, Lladdr, Node, NodeConfig, VirtualHost};
use carp_net::simulation::{Machine, Network, Scenario};

use crate::faults::{CARPDEV, INTERFACE};

/// Random numbers for the choices of a test; the LAN has its own.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `below`.
    pub(crate) const fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }

    /// An index below `below`.
    pub(crate) fn index(&mut self, below: usize) -> usize {
        let below = u64::try_from(below).unwrap();
        usize::try_from(self.below(below)).unwrap()
    }

    /// A time from `least` to `most` milliseconds, to the microsecond.
    pub(crate) const fn millis(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_micros(least * 1_000 + self.below((most - least) * 1_000 + 1))
    }
}

/// What all nodes of a cluster have in common, and how they differ.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) size: usize,
    pub(crate) config: NodeConfig,
    pub(crate) preempts: bool,
    pub(crate) leases: bool,
    pub(crate) addresses: &'static [&'static str],
    pub(crate) lladdr: Lladdr,
    pub(crate) dialect: Dialect,
    /// Whether adverts go from each node to each, not to the groups.
    pub(crate) unicast: bool,
    pub(crate) advbase: u8,
    /// The skew of node `n` is this plus `n` steps, so the first is the preferred one.
    first_skew: u8,
    step: u8,
    /// So many of a million packets come twice.
    pub(crate) doubling: u32,
    /// By how many of a million each clock is too fast.
    drifts: Vec<i32>,
    /// How long packets take.
    pub(crate) transit: (Duration, Duration),
    /// How long kernels take for a change.
    pub(crate) work: (Duration, Duration),
}

const V4: &str = "192.0.2.10/24";
const V6: &str = "2001:db8::10/64";

const MANUAL: MacAddress = MacAddress([0x02, 0xca, 0x12, 0x00, 0x00, 0x07]);

/// A renewal may be this much older than the last advert.
const RENEWED: Duration = Duration::from_millis(250);

impl Setting {
    /// Two to eight nodes: any timers, families, dialect, link-layer address and speed of the
    /// network, with preemption or without, with unicast peers or without.
    pub(crate) fn drawn(dice: &mut Dice) -> Self {
        let (advbase, first_skew, step) = match dice.below(8) {
            0 => (0, 100, 10), // 0.4 s to 0.7 s
            1 => (2, 0, 36),
            2 => (1, 90, 20),
            _ => (1, 0, 20),
        };
        let transit = match dice.below(3) {
            0 => (50, 200),
            1 => (50, 5_000),
            _ => (2_000, 15_000),
        };
        let preempts = dice.below(2) == 0;
        let size = 2 + dice.index(7);
        let micros = |(least, most)| (Duration::from_micros(least), Duration::from_micros(most));
        Self {
            size,
            config: Node::builder().preempt(preempts),
            preempts,
            leases: true,
            addresses: [&[V4][..], &[V6], &[V4, V6]][dice.index(3)],
            lladdr: [Lladdr::Virtual, Lladdr::Carpdev, Lladdr::Manual(MANUAL)][dice.index(3)],
            dialect: Dialect::ALL[dice.index(Dialect::ALL.len())],
            unicast: dice.below(4) == 0,
            advbase,
            first_skew,
            step,
            doubling: 0,
            drifts: vec![0; size],
            transit: micros(transit),
            work: micros((300, 1_500)),
        }
    }

    /// With clocks that are wrong, and packets that come twice.
    pub(crate) fn imperfect(mut self, dice: &mut Dice) -> Self {
        for drift in &mut self.drifts {
            let drawn = i32::try_from(dice.below(401)).unwrap();
            *drift = drawn - MOST_DRIFT;
        }
        self.doubling = [0, 10_000, 500_000][dice.index(3)];
        self
    }

    /// The same with one thing less, for each that there is.
    pub(crate) fn simpler(&self) -> Vec<Self> {
        let quick = (Duration::from_micros(100), Duration::from_micros(100));
        let mut all = Vec::new();
        let mut simpler = |is_usual: bool, simplify: &dyn Fn(&mut Self)| {
            if !is_usual {
                let mut setting = self.clone();
                simplify(&mut setting);
                all.push(setting);
            }
        };
        simpler(self.drifts.iter().all(|it| *it == 0), &|it| {
            it.drifts.fill(0);
        });
        simpler(self.doubling == 0, &|it| it.doubling = 0);
        simpler(!self.unicast, &|it| it.unicast = false);
        simpler(self.dialect == Dialect::Portable, &|it| {
            it.dialect = Dialect::Portable;
        });
        simpler(self.lladdr == Lladdr::Virtual, &|it| {
            it.lladdr = Lladdr::Virtual;
        });
        simpler(self.addresses == [V4], &|it| it.addresses = &[V4]);
        simpler(!self.preempts, &|it| *it = it.clone().preempt(false));
        let usual = (self.advbase, self.first_skew, self.step) == (1, 0, 20);
        simpler(usual, &|it| *it = it.clone().usual_timers());
        simpler(self.transit == quick, &|it| it.transit = quick);
        simpler(self.work == quick, &|it| it.work = quick);
        all
    }

    /// With preemption, or without.
    pub(crate) const fn preempt(mut self, preempt: bool) -> Self {
        self.config = self.config.preempt(preempt);
        self.preempts = preempt;
        self
    }

    /// All nodes speak the dialect that promises most.
    pub(crate) const fn portable(mut self) -> Self {
        self.dialect = Dialect::Portable;
        self
    }

    /// All adverts go to the groups.
    pub(crate) const fn multicast(mut self) -> Self {
        self.unicast = false;
        self
    }

    /// With leases, or without.
    pub(crate) const fn lease(mut self, lease: bool) -> Self {
        self.config = self.config.lease(lease);
        self.leases = lease;
        self
    }

    /// A master announces nothing after the first seconds.
    pub(crate) const fn quiet(mut self) -> Self {
        self.config = self.config.announce_every(Duration::ZERO);
        self
    }

    /// The timers of most clusters: advbase 1, skews 0, 20, 40 ….
    pub(crate) const fn usual_timers(mut self) -> Self {
        (self.advbase, self.first_skew, self.step) = (1, 0, 20);
        self
    }

    /// The cluster, in which nothing happens.
    pub(crate) fn scenario(&self) -> Scenario {
        let mut scenario = Scenario::new();
        let network = Network::default().doubling(self.doubling);
        let network = network.transit(self.transit.0, self.transit.1);
        scenario.set_network(network.work(self.work.0, self.work.1));
        for node in 0..self.size {
            let machine = Machine::new(&name(node), self.config).drift(self.drift(node));
            scenario.add(machine.interface(INTERFACE, CARPDEV, self.host(node)));
        }
        scenario
    }

    /// By how many of a million the clock of a node is too fast.
    pub(crate) fn drift(&self, node: usize) -> i32 {
        self.drifts.get(node).copied().unwrap_or_default()
    }

    pub(crate) fn host(&self, node: usize) -> VirtualHost {
        self.host_with(node, self.addresses)
    }

    /// The same with other addresses.
    pub(crate) fn host_with(&self, node: usize, addresses: &[&str]) -> VirtualHost {
        let peers = (0..self.size).filter(|peer| self.unicast && *peer != node);
        VirtualHost::new(Vhid::new(99).unwrap(), Key::from_password("SharedSecret"))
            .advbase(self.advbase)
            .unwrap()
            .advskew(self.skew(node))
            .unwrap()
            .lladdr(self.lladdr)
            .speaking(self.dialect)
            .with_peers(peers.flat_map(addresses_of))
            .with_addresses(addresses.iter().map(|text| text.parse().unwrap()))
    }

    pub(crate) fn skew(&self, node: usize) -> u8 {
        self.first_skew + self.step * u8::try_from(node).unwrap()
    }

    pub(crate) fn interval(&self, node: usize) -> Interval {
        Interval::from_octets(self.advbase, self.skew(node))
    }

    /// How long it waits for a master that is not heard any more.
    pub(crate) fn master_down(&self, node: usize) -> Duration {
        self.host(node).master_down()
    }

    /// That of the slowest node, demoted where that counts.
    fn slowest_interval(&self) -> Interval {
        let own = self.interval(self.size - 1);
        let form = self.dialect.demotion_form();
        self.dialect.claim(own, i32::MAX, form).interval
    }

    pub(crate) fn slowest_advert(&self) -> Duration {
        self.slowest_interval().advert()
    }

    pub(crate) fn ips(&self) -> Vec<IpAddr> {
        self.host(0).addresses().iter().map(|a| a.ip()).collect()
    }

    /// How long the kernel of `node` holds addresses after it was told to.
    pub(crate) fn lease_of(&self, node: usize) -> Duration {
        self.lease_for(self.interval(node))
    }

    /// The same for any node that has heard all others.
    pub(crate) fn longest_lease(&self) -> Duration {
        self.lease_for(self.slowest_interval())
    }

    fn lease_for(&self, interval: Interval) -> Duration {
        let whole = |waits: Duration| waits.as_secs() + u64::from(waits.subsec_nanos() > 0);
        let waits = self.dialect.master_down(interval);
        Duration::from_secs(match u64::from(self.advbase) {
            0 => whole(waits + RENEWED),
            advbase => whole(waits).max(3 * advbase + 1),
        })
    }

    /// How long nobody answers after the service on `node` has died: with advbase 0 its lease may end
    /// before slower nodes, that it has never heard, take over.
    pub(crate) fn uncovered(&self, node: usize) -> Duration {
        let others = (0..self.size).filter(|other| *other != node);
        let waits = others.map(|other| self.master_down(other)).min();
        let covered = match self.advbase {
            0 => self.lease_of(node) - RENEWED,
            _ => self.lease_of(node),
        };
        (waits.unwrap_or_default() + self.transit.1 + self.work.1).saturating_sub(covered)
    }

    /// The longest master-down time, one interval, and the time of a hand-over (I3).
    pub(crate) fn settling(&self) -> Duration {
        // Who bows out and is not relieved gives up after 1.5 s; only with the fastest timers is
        // that longer than the rest.
        let hand_over = if self.advbase == 0 { 2_000 } else { 200 };
        let network = (self.transit.1 + self.work.1) * 2;
        let waits = self.master_down(self.size - 1);
        let all = waits + self.slowest_advert() + network + Duration::from_millis(hand_over);
        // Clocks that are too slow take longer.
        all + all / 1_000
    }
}

/// What a node is called in a file.
pub(crate) fn name(node: usize) -> String {
    format!("n{node}")
}

/// By how many of a million clocks are wrong at most.
const MOST_DRIFT: i32 = 200;

/// The addresses of a machine on the LAN, that unicast adverts go to.
pub(crate) fn addresses_of(node: usize) -> [IpAddr; 2] {
    let number = u16::try_from(node + 1).unwrap();
    let [high, low] = number.to_be_bytes();
    let inet6 = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, number);
    [Ipv4Addr::new(198, 18, high, low).into(), inet6.into()]
}
