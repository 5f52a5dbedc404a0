//! Clusters on the memory backend, under faults, in virtual time.
//!
//! Each case is one seed. A failing seed is printed; `CARP_SIM_SEED=N` runs that one alone,
//! `CARP_SIM_SEEDS=N` runs so many.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop where it is"
)]
#![expect(clippy::print_stderr, reason = "a failing case says its seed")]

use std::net::IpAddr;
use std::time::Duration;

use carp_net::carp_fsm::carp_proto::{Key, Vhid};
use carp_net::carp_fsm::{Command, HostId, Interval, LinkState, Node, State, VirtualHost};
use carp_net::memory::{Lan, Memory};
use carp_net::{Driver, Event};

/// A cluster whose node `n` has skew `n * 20`, so the first is the preferred one.
struct Cluster {
    lan: Lan,
    nodes: Vec<Driver<Memory>>,
    ids: Vec<HostId>,
    told: Vec<String>,
    random: u64,
}

impl Cluster {
    fn new(seed: u64, size: usize, preempt: bool) -> Self {
        let lan = Lan::new(seed);
        let mut nodes = Vec::new();
        let mut ids = Vec::new();
        for index in 0..size {
            let config = Node::builder().preempt(preempt);
            let mut driver = Driver::new(lan.node(), config).unwrap();
            ids.push(driver.add("carp0", "vmx0", host(index)).unwrap());
            nodes.push(driver);
        }
        let told = Vec::new();
        let random = seed ^ 0x5eed;
        Self {
            lan,
            nodes,
            ids,
            told,
            random,
        }
    }

    fn run(&mut self, span: Duration) {
        let lan = self.lan.clone();
        let told = &mut self.told;
        self.lan
            .run(&mut self.nodes, lan.now() + span, |node, event| {
                if let Event::Node { event, .. } = event {
                    told.push(format!("{} node {node}: {event}", lan.now()));
                }
            });
    }

    fn states(&self) -> Vec<State> {
        let view = |(node, id): (&Driver<Memory>, &HostId)| node.node().host(*id).unwrap().state();
        self.nodes.iter().zip(&self.ids).map(view).collect()
    }

    fn masters(&self) -> Vec<usize> {
        let states = self.states();
        let is_master = |index: &usize| states[*index] == State::Master;
        (0..states.len()).filter(is_master).collect()
    }

    fn holders(&self) -> Vec<usize> {
        self.lan.holders(address())
    }

    /// A number below `below`, from the case's own seed.
    fn pick(&mut self, below: u64) -> u64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.random >> 33) % below
    }

    fn pick_node(&mut self) -> usize {
        let size = u64::try_from(self.nodes.len()).unwrap();
        usize::try_from(self.pick(size)).unwrap()
    }

    fn assert_one_master(&self, expected: Option<usize>, when: &str) {
        let masters = self.masters();
        let log = self.told.join("\n");
        assert_eq!(masters.len(), 1, "{when}: masters {masters:?}\n{log}");
        assert_eq!(
            self.holders(),
            masters,
            "{when}: who holds the address\n{log}"
        );
        if let Some(expected) = expected {
            assert_eq!(masters, [expected], "{when}\n{log}");
        }
    }

    /// One random fault, and up to 4 s to live with it.
    fn suffer(&mut self) {
        let (node, other) = (self.pick_node(), self.pick_node());
        let id = self.ids[node];
        match self.pick(9) {
            0 => self.lan.set_link(node, "vmx0", LinkState::Down),
            1 => self.lan.set_link(node, "vmx0", LinkState::Absent),
            2 => self.lan.set_cut(node, other, node != other),
            3 => self.lan.set_paused(node, true),
            4 => {
                let loss = u32::try_from(self.pick(600_000)).unwrap();
                self.lan.set_loss(loss);
            }
            5 => {
                let most = Duration::from_millis(self.pick(1_500));
                self.lan.set_transit(Duration::ZERO, most);
            }
            6 => self.nodes[node].command(id, Command::Master).unwrap(),
            7 => self.nodes[node].command(id, Command::Backup).unwrap(),
            _ => {
                let amount = u8::try_from(self.pick(3)).unwrap();
                self.nodes[node].demote("carp", "test", amount);
            }
        }
        let span = Duration::from_millis(self.pick(4_000));
        self.run(span);
    }

    /// Ends every fault and waits as long as an election may take (I3).
    fn heal(&mut self) {
        let size = self.nodes.len();
        self.lan.set_loss(0);
        self.lan
            .set_transit(Duration::from_micros(100), Duration::from_micros(100));
        for node in 0..size {
            self.lan.set_link(node, "vmx0", LinkState::Up);
            self.lan.set_paused(node, false);
            for other in 0..size {
                self.lan.set_cut(node, other, false);
            }
            let id = self.ids[node];
            self.nodes[node].demote("carp", "test", 0);
            self.nodes[node].command(id, Command::Up).unwrap();
        }
        // What is still under way from before arrives within 1.5 s.
        self.run(Duration::from_millis(1_500) + settled(size));
    }
}

fn host(index: usize) -> VirtualHost {
    let skew = u8::try_from(index * 20).unwrap();
    VirtualHost::new(Vhid::new(99).unwrap(), Key::from_password("SharedSecret"))
        .advskew(skew)
        .unwrap()
        .address("192.0.2.10/24".parse().unwrap())
}

fn address() -> IpAddr {
    "192.0.2.10".parse().unwrap()
}

/// The longest master-down time plus one interval, and the time of a hand-over (I3).
fn settled(size: usize) -> Duration {
    let slowest = Interval::from_octets(1, u8::try_from((size - 1) * 20).unwrap());
    slowest.master_down() + slowest.advert() + Duration::from_millis(200)
}

/// Runs `case` for each seed, telling the seed of one that fails.
fn for_each_seed(case: impl Fn(u64) + std::panic::RefUnwindSafe) {
    let number = |name| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    };
    let seeds = match number("CARP_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("CARP_SIM_SEEDS").unwrap_or(200),
    };
    for seed in seeds {
        if let Err(panic) = std::panic::catch_unwind(|| case(seed)) {
            eprintln!("this was seed {seed}: CARP_SIM_SEED={seed} runs it alone");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn a_started_cluster_has_one_master_the_preferred_one() {
    for_each_seed(|seed| {
        let size = 2 + usize::try_from(seed).unwrap() % 7;
        let mut cluster = Cluster::new(seed, size, seed % 2 == 0);
        cluster.run(Duration::from_micros(3_001_000));
        cluster.assert_one_master(Some(0), "after the master-down time");
        cluster.run(Duration::from_secs(600));
        cluster.assert_one_master(Some(0), "ten minutes later");
        let takeovers = cluster.told.iter().filter(|line| line.contains("MASTER"));
        assert_eq!(takeovers.count(), 1);
    });
}

#[test]
fn clean_stop_never_leaves_the_address_without_a_holder() {
    for_each_seed(|seed| {
        let mut cluster = Cluster::new(seed, 3, false);
        let transit = Duration::from_micros(50 + seed % 500 * 100);
        cluster.lan.set_transit(transit, transit);
        cluster.run(Duration::from_millis(5_000 + seed * 7));
        cluster.nodes[0].stop();
        let stopped = cluster.lan.now();
        let mut both = Duration::ZERO;
        while cluster.lan.now() < stopped + Duration::from_secs(5) {
            cluster.run(Duration::from_millis(1));
            let holders = cluster.holders();
            assert!(
                !holders.is_empty(),
                "nobody at {}\n{}",
                cluster.lan.now(),
                cluster.told.join("\n")
            );
            if holders.len() > 1 {
                both += Duration::from_millis(1);
            }
        }
        assert!(
            both <= Duration::from_millis(200),
            "both held it for {both:?}"
        );
        assert_eq!(cluster.holders(), [1]);
        assert!(cluster.nodes[0].is_stopped());
    });
}

#[test]
fn preferred_node_takes_the_address_back_only_with_preempt() {
    for preempt in [false, true] {
        let mut cluster = Cluster::new(7, 2, preempt);
        cluster.run(Duration::from_secs(5));
        cluster.lan.set_link(0, "vmx0", LinkState::Down);
        cluster.run(settled(2));
        cluster.assert_one_master(Some(1), "the link of the first is lost");
        cluster.lan.set_link(0, "vmx0", LinkState::Up);
        cluster.run(settled(2));
        cluster.assert_one_master(Some(usize::from(!preempt)), "it is back");
    }
}

/// A master that was frozen while another took over yields without a word when it wakes.
#[test]
fn frozen_master_listens_before_it_speaks() {
    for preempt in [false, true] {
        let mut cluster = Cluster::new(7, 2, preempt);
        cluster.run(Duration::from_secs(5));
        cluster.lan.set_paused(0, true);
        cluster.run(Duration::from_secs(10));
        assert_eq!(cluster.states()[1], State::Master);
        assert_eq!(
            cluster.holders(),
            [0, 1],
            "what the frozen one holds it goes on holding"
        );
        cluster.lan.set_paused(0, false);
        cluster.run(Duration::from_millis(1));
        let first_word = cluster
            .told
            .iter()
            .position(|line| line.contains("frozen for"));
        assert!(first_word.is_some(), "{:#?}", cluster.told);
        cluster.run(settled(2));
        cluster.assert_one_master(Some(usize::from(!preempt)), "it is awake");
    }
}

/// I3: whatever happened before, once the faults end there is one master, and only it holds the
/// address. With preempt the comparison rule names it: the first.
#[test]
fn after_any_faults_one_master_remains() {
    for_each_seed(|seed| {
        let size = 2 + usize::try_from(seed).unwrap() % 5;
        let preempt = seed % 3 != 0;
        let mut cluster = Cluster::new(seed, size, preempt);
        for _ in 0..12 {
            cluster.suffer();
        }
        cluster.heal();
        cluster.assert_one_master(preempt.then_some(0), "healed");
    });
}
