//! Addresses that an operator changes on one node after the other: there is one master all the while.

use std::net::IpAddr;
use std::time::Duration;

use carp_net::carp_fsm::Timestamp;
use carp_net::carp_fsm::carp_proto::VirtualAddress;
use carp_net::simulation::Incident;

use crate::cluster::Cluster;
use crate::faults::{CARPDEV, Fault, INTERFACE};
use crate::for_some_seeds;
use crate::setting::{Dice, Setting};

/// As long as an operator takes from the first node to the last, in milliseconds; a node that is told
/// one change after the other takes up to 30 s.
const CHANGING: u64 = 210_000;
/// As long as a list before a change counts, and some more.
const UNTIL_FORGOTTEN: Duration = Duration::from_secs(330);

const INET: [&str; 4] = [
    "192.0.2.10/24",
    "192.0.2.11/24",
    "192.0.2.12/24",
    "198.51.100.10/24",
];
const INET6: [&str; 4] = [
    "2001:db8::10/64",
    "2001:db8::11/64",
    "2001:db8:1::10/64",
    "fe80::10/64",
];

type List = Vec<&'static str>;

/// What becomes of the list of addresses, and when which node is told.
struct Plan {
    /// That before comes first.
    lists: Vec<List>,
    /// When, which node, and which of the lists; in this order.
    told: Vec<(Timestamp, usize, usize)>,
}

impl Plan {
    /// One to four changes, which each node is told one by one or at once, in any order.
    fn drawn(cluster: &mut Cluster) -> Self {
        let (size, now) = (cluster.setting.size, cluster.now());
        let dice = &mut cluster.dice;
        let mut lists = vec![cluster.setting.addresses.to_vec()];
        for _ in 0..=dice.below(4) {
            let next = changed(&lists[lists.len() - 1], dice);
            lists.push(next);
        }
        let last = lists.len() - 1;
        let mut told = Vec::new();
        for node in 0..size {
            let mut at = now + dice.millis(0, CHANGING);
            let first = if dice.below(2) == 0 { 1 } else { last };
            for list in first..=last {
                told.push((at, node, list));
                at = at + dice.millis(0, 10_000);
            }
        }
        told.sort_unstable();
        Self { lists, told }
    }

    /// The addresses that are in every list.
    fn lasting(&self) -> Vec<IpAddr> {
        let is_in_all = |address: &&&str| self.lists.iter().all(|list| list.contains(*address));
        self.lists[0]
            .iter()
            .filter(is_in_all)
            .map(|text| ip(text))
            .collect()
    }
}

/// A list after a change: added to, taken from, or with something else in it.
fn changed(list: &List, dice: &mut Dice) -> List {
    loop {
        let mut new = list.clone();
        let family = [INET, INET6][dice.index(2)];
        let one = family[dice.index(family.len())];
        match dice.below(6) {
            0 | 1 => new.push(one),
            2 => {
                new.remove(dice.index(new.len()));
            }
            3 => {
                let at = dice.index(new.len());
                new[at] = one;
            }
            // The first ones of a family, or the last.
            4 => new.retain(|address| !family.contains(address)),
            _ => new = vec![one],
        }
        let is_double = (1..new.len()).any(|at| new[..at].contains(&new[at]));
        if !new.is_empty() && !is_double && new != *list {
            return new;
        }
    }
}

fn ip(address: &str) -> IpAddr {
    address.parse::<VirtualAddress>().unwrap().ip()
}

impl Cluster {
    /// Two to four nodes of any kind, a while after the last change.
    fn to_be_changed(seed: u64, change: impl FnOnce(Setting) -> Setting) -> Self {
        Self::settled(seed, |mut setting| {
            setting.size = 2 + setting.size % 3;
            change(setting)
        })
    }

    /// Follows the plan; `meanwhile` may happen before each step.
    fn change(&mut self, plan: &Plan, mut meanwhile: impl FnMut(&mut Self)) {
        self.watch.keep_only(&plan.lasting());
        for (at, node, list) in &plan.told {
            meanwhile(self);
            self.run(*at - self.now());
            let addresses = &plan.lists[*list];
            self.note(Some(*node), format!("--- changed to {addresses:?}"));
            let host = Box::new(self.setting.host_with(*node, addresses));
            self.sim.suffer(&Incident::Change {
                node: *node,
                interface: INTERFACE.to_owned(),
                carpdev: CARPDEV.to_owned(),
                host,
            });
        }
    }

    /// The master holds the last list, and nobody anything else.
    fn has_changed(&self, plan: &Plan) {
        let (master, last) = (self.master(), &plan.lists[plan.lists.len() - 1]);
        for address in plan.lists.iter().flatten() {
            let holders = self.sim.lan().holders(ip(address));
            let expected = if last.contains(address) {
                vec![master]
            } else {
                Vec::new()
            };
            self.require(holders == expected, || {
                format!("{holders:?} hold {address}, of {last:?}")
            });
        }
    }
}

#[test]
fn the_master_stays_so_whatever_addresses_are_changed() {
    for_some_seeds(|seed| {
        let mut cluster = Cluster::to_be_changed(seed, |setting| setting);
        let plan = Plan::drawn(&mut cluster);
        let begin = cluster.now();
        cluster.change(&plan, |_| {});
        cluster.run(UNTIL_FORGOTTEN);
        let moved = cluster.told_since(begin).any(|told| told.is_transition);
        cluster.require(!moved, || "somebody changed its state".to_owned());
        cluster.has_changed(&plan);
        cluster
    });
}

#[test]
fn an_engine_that_is_replaced_meanwhile_goes_on_with_the_lists_before() {
    for_some_seeds(|seed| {
        let mut cluster = Cluster::to_be_changed(seed, Setting::portable);
        let plan = Plan::drawn(&mut cluster);
        cluster.change(&plan, |cluster| {
            cluster.run(Duration::from_millis(5));
            let node = cluster.dice.index(cluster.setting.size);
            let soon = cluster.dice.millis(1, 100).min(cluster.slack());
            cluster.suffer(Fault::Restart(node, soon));
            // It could be told nothing while it is not there.
            cluster.run(soon * 2);
        });
        cluster.run(UNTIL_FORGOTTEN);
        cluster.has_changed(&plan);
        cluster
    });
}

#[test]
fn a_master_that_is_lost_meanwhile_has_one_successor() {
    for_some_seeds(|seed| {
        let mut cluster = Cluster::to_be_changed(seed, |setting| setting);
        let plan = Plan::drawn(&mut cluster);
        let mut left = cluster.dice.index(plan.told.len());
        cluster.change(&plan, |cluster| {
            if left == 0 {
                cluster.run(Duration::from_millis(5));
                let master = cluster.master();
                let fault = [Fault::PowerOff(master), Fault::Stop(master)][cluster.dice.index(2)];
                cluster.suffer(fault);
                // The election may take its time, and more where nodes wait for a family that a
                // master with an older list does not speak.
                let settling = cluster.setting.settling() + Duration::from_secs(1);
                cluster.run(settling);
            }
            left = left.wrapping_sub(1);
        });
        cluster.run(UNTIL_FORGOTTEN);
        cluster.has_changed(&plan);
        cluster
    });
}
