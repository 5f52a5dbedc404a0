//! The fault table: what each fault at the master may cost, for any cluster of two to eight nodes.

use std::time::Duration;

use carp_net::carp_fsm::{Command, Damage, LinkState, State, TakenDown, Timestamp};
use carp_net::memory::Harm;

use crate::cluster::Cluster;
use crate::faults::Fault;
use crate::for_each_seed;

/// A hand-over, and what follows a healed partition.
const MOMENT: Duration = Duration::from_millis(200);

/// What it may cost to notice a fault, beyond what waiting for it takes.
const NOTICE: Duration = Duration::from_millis(20);

/// From the peer's take-over until a lease ends.
const LEFT_BEHIND: Duration = Duration::from_millis(1_500);

/// After a fault: what it cost, and who is master.
struct Row {
    cluster: Cluster,
    /// Who was master.
    master: usize,
    /// When the fault happened.
    begin: Timestamp,
}

impl Row {
    /// `fault` strikes the master, and `span` passes.
    fn new(cluster: Cluster, span: Duration, fault: impl Fn(usize) -> Fault) -> Self {
        let (master, begin) = (cluster.master(), cluster.now());
        let mut row = Self {
            cluster,
            master,
            begin,
        };
        row.cluster.suffer(fault(master));
        row.cluster.run(span);
        row
    }

    /// Time enough for an election, from now.
    fn settle(&mut self) {
        let span = self.cluster.setting.settling() + Duration::from_secs(1);
        self.cluster.run(span);
    }

    /// From now on a new fault counts.
    fn begin(&mut self) {
        self.begin = self.cluster.now();
    }

    fn gap(&self) -> Duration {
        self.cluster.watch.gap(&self.cluster.sim, self.begin)
    }

    fn overlap(&self) -> Duration {
        self.cluster.watch.overlap(&self.cluster.sim, self.begin)
    }

    fn costs(&self, gap: Duration, overlap: Duration) {
        let (lost, twice) = (self.gap(), self.overlap());
        let cluster = &self.cluster;
        cluster.require(lost <= gap, || format!("nobody answered for {lost:?}"));
        cluster.require(twice <= overlap, || {
            format!("several answered for {twice:?}")
        });
    }

    /// The neighbours have heard of the new holder while the old one still answered.
    fn hands_over(&self) {
        let twice = self.overlap();
        let enough = twice >= Duration::from_millis(100);
        self.cluster
            .require(enough, || format!("both answered for {twice:?} only"));
    }

    fn told(&self, text: &str) {
        let mut told = self.cluster.told_since(self.begin);
        let found = told.any(|told| told.text.contains(text));
        self.cluster
            .require(found, || format!("nobody said `{text}'"));
    }

    fn no_transition(&self) {
        let mut told = self.cluster.told_since(self.begin);
        let moved = told.any(|told| told.is_transition);
        self.cluster
            .require(!moved, || "somebody changed its state".to_owned());
    }

    fn no_transition_but_of(&self, node: usize) {
        let mut told = self.cluster.told_since(self.begin);
        let moved = told.any(|told| told.is_transition && told.node != Some(node));
        self.cluster
            .require(!moved, || "somebody changed its state".to_owned());
    }

    /// The master-down time of the best node beside the master.
    fn next_master_down(&self) -> Duration {
        let others = (0..self.cluster.setting.size).filter(|node| *node != self.master);
        let waits = others.map(|node| self.cluster.setting.master_down(node));
        waits.min().unwrap() + self.cluster.setting.transit.1
    }

    fn uncovered(&self) -> Duration {
        self.cluster.setting.uncovered(self.master)
    }

    fn another_is_master(&self) {
        let is_other = self.cluster.master() != self.master;
        self.cluster
            .require(is_other, || "it is master still".to_owned());
    }

    fn is_master_again(&self) {
        let is_same = self.cluster.master() == self.master;
        self.cluster
            .require(is_same, || "another is master".to_owned());
    }
}

/// Longer than any election, hand-over and lease here.
fn long() -> Duration {
    Duration::from_secs(12)
}

// ---- planned ----

#[test]
fn clean_down_destroy_stop_and_state_backup_cost_nothing() {
    for_each_seed(|seed| {
        let cluster = Cluster::settled(seed, |setting| setting);
        let mut row = Row::new(cluster, long(), |node| match seed % 4 {
            0 => Fault::Command(node, Command::Down),
            1 => Fault::Command(node, Command::Backup),
            2 => Fault::Destroy(node),
            _ => Fault::Stop(node),
        });
        row.costs(Duration::ZERO, MOMENT);
        row.hands_over();
        row.another_is_master();
        row.begin();
        if seed % 4 < 2 {
            row.cluster.suffer(Fault::Command(row.master, Command::Up));
            row.cluster.run(long());
            row.costs(Duration::ZERO, MOMENT);
        }
        row.cluster
    });
}

#[test]
fn preferred_node_that_comes_back_takes_the_address_back_without_a_gap() {
    for_each_seed(|seed| {
        let cluster = Cluster::settled(seed, |setting| setting.portable().preempt(seed % 3 != 0));
        let mut row = Row::new(cluster, long(), Fault::Stop);
        row.begin();
        row.cluster.suffer(Fault::Begin(row.master));
        row.cluster.run(long());
        row.costs(Duration::ZERO, MOMENT);
        if row.cluster.setting.preempts {
            row.is_master_again();
            row.hands_over();
        } else {
            row.another_is_master();
            row.no_transition_but_of(row.master);
        }
        row.cluster
    });
}

#[test]
fn restart_of_the_service_binary_is_not_noticed_by_anybody() {
    for_each_seed(|seed| {
        let mut cluster = Cluster::settled(seed, |setting| setting.multicast().quiet());
        cluster.run(Duration::from_secs(3)); // its first announcements are over
        let announced = announcements(&cluster);
        let fast = cluster.setting.interval(0).advert() / 2;
        let span = cluster.dice.millis(1, 100).min(fast);
        let row = Row::new(cluster, long(), |node| Fault::Restart(node, span));
        row.costs(Duration::ZERO, Duration::ZERO);
        row.no_transition();
        let more = announcements(&row.cluster) - announced;
        row.cluster
            .require(more == 0, || format!("{more} announcements"));
        row.cluster
    });
}

fn announcements(cluster: &Cluster) -> u64 {
    cluster
        .watch
        .nodes
        .iter()
        .map(|node| node.announcements)
        .sum()
}

// ---- dead and frozen processes ----

#[test]
fn killed_engine_is_replaced_without_a_take_over() {
    for_each_seed(|seed| {
        let mut cluster = Cluster::settled(seed, |setting| setting);
        let slack = cluster.slack();
        let dead = cluster.dice.millis(1, 200).min(slack);
        // Mostly that of the master.
        let other = cluster.dice.index(cluster.setting.size);
        let killed = [cluster.master(), other][usize::from(seed % 3 == 0)];
        cluster.after(dead, Fault::Resume(killed));
        let row = Row::new(cluster, long(), |_| Fault::Kill(killed));
        row.costs(Duration::ZERO, Duration::ZERO);
        row.no_transition();
        row.cluster
    });
}

#[test]
fn stopped_engine_is_killed_and_replaced_without_a_take_over() {
    for_each_seed(|seed| {
        let mut cluster = Cluster::settled(seed, |setting| setting.portable().usual_timers());
        let master = cluster.master();
        let dead = Duration::from_secs(1) + cluster.dice.millis(0, 200);
        cluster.after(Duration::from_secs(1), Fault::Kill(master));
        cluster.after(dead, Fault::Resume(master));
        let row = Row::new(cluster, long(), |node| Fault::Pause(node, true));
        row.costs(Duration::ZERO, Duration::ZERO);
        row.no_transition();
        row.cluster
    });
}

#[test]
fn killed_service_is_answered_for_until_a_peer_has_taken_over() {
    for_each_seed(|seed| {
        let mut cluster = Cluster::settled(seed, |setting| setting);
        cluster.between_adverts(); // its renewal would be lost
        let mut row = Row::new(cluster, long(), Fault::Kill);
        row.costs(row.uncovered(), LEFT_BEHIND);
        row.another_is_master();
        row.begin();
        row.cluster.suffer(Fault::Begin(row.master));
        row.cluster.run(long());
        row.costs(Duration::ZERO, MOMENT);
        row.cluster
    });
}

#[test]
fn killed_service_that_begins_anew_adopts_what_it_has_left() {
    for_each_seed(|seed| {
        let mut cluster = Cluster::settled(seed, |setting| setting);
        cluster.between_adverts(); // its renewal would be lost
        let master = cluster.master();
        let dead = cluster.dice.millis(1, 6_000);
        cluster.after(dead, Fault::Begin(master));
        let row = Row::new(cluster, long(), Fault::Kill);
        row.costs(row.uncovered(), LEFT_BEHIND);
        // The last advert was up to an interval ago.
        let setting = &row.cluster.setting;
        if dead + setting.slowest_advert() + MOMENT < setting.lease_of(master) {
            row.told("adopted");
        }
        row.cluster
    });
}

#[test]
fn frozen_service_listens_before_it_speaks() {
    for_each_seed(|seed| {
        let mut cluster = Cluster::settled(seed, |setting| setting);
        cluster.between_adverts(); // its renewal would be lost
        let frozen = cluster.dice.millis(10, 20_000);
        let mut row = Row::new(cluster, frozen, |node| Fault::Pause(node, true));
        row.costs(row.uncovered(), LEFT_BEHIND);
        row.begin();
        let node = row.master;
        let limit = row.cluster.setting.master_down(node);
        let advert = row.cluster.setting.interval(node).advert();
        let spoke = row.cluster.watch.nodes[node].last_advert;
        row.cluster.suffer(Fault::Pause(node, false));
        row.cluster.run(Duration::ZERO);
        if frozen > limit + advert {
            row.told("frozen for");
            let first = row.cluster.watch.nodes[node].last_advert;
            let preempts = row.cluster.setting.preempts;
            row.cluster
                .require(preempts || first == spoke, || "it spoke at once".to_owned());
        }
        row.cluster.run(long());
        row.costs(Duration::ZERO, MOMENT);
        row.cluster
    });
}

/// Without leases what the frozen one holds it goes on holding, until it wakes.
#[test]
fn frozen_service_without_a_lease_holds_until_it_wakes() {
    for_each_seed(|seed| {
        let mut cluster = Cluster::settled(seed, |setting| setting.lease(false));
        let frozen = Duration::from_secs(9) + cluster.dice.millis(0, 9_000);
        let mut row = Row::new(cluster, frozen, |node| Fault::Pause(node, true));
        for holders in row.cluster.holders() {
            let both = holders.contains(&row.master) && holders.len() == 2;
            row.cluster
                .require(both, || format!("{holders:?} hold an address"));
        }
        row.begin();
        row.cluster.suffer(Fault::Pause(row.master, false));
        row.cluster.run(Duration::ZERO);
        row.told("frozen for");
        row.cluster.run(long());
        // Awake, it must still hear the other before it lets go.
        let advert = row.cluster.setting.slowest_advert();
        row.costs(Duration::ZERO, advert + MOMENT);
        row.cluster
    });
}

/// Whoever listens after a freeze renews nothing. When the lease ends between one engine and the
/// next, the next one must not speak as a node that holds something.
#[test]
fn lease_that_ends_while_there_is_no_engine_is_missed_by_the_next() {
    for_each_seed(|seed| {
        let mut cluster = Cluster::settled(seed, |setting| setting.lease(true));
        let master = cluster.master();
        for other in (0..cluster.setting.size).filter(|node| *node != master) {
            cluster.suffer(Fault::PowerOff(other));
        }
        cluster.suffer(Fault::Pause(master, true));
        let frozen = cluster.setting.master_down(master);
        let frozen = frozen + cluster.dice.millis(0, 1_000);
        cluster.run(frozen);
        cluster.suffer(Fault::Pause(master, false));
        cluster.run(MOMENT);
        cluster.suffer(Fault::Kill(master));
        let dead = cluster.dice.millis(1, 4_000);
        cluster.run(dead);
        cluster.suffer(Fault::Resume(master));
        let later = cluster.dice.millis(0, 3_000);
        cluster.run(later);
        cluster.suffer(Fault::Stop(master));
        cluster.run(long());
        cluster
    });
}

// ---- links, power, partitions ----

#[test]
fn lost_link_costs_the_next_masters_wait_and_its_return_nothing() {
    for_each_seed(|seed| {
        let cluster = Cluster::settled(seed, |setting| setting);
        let state = [LinkState::Down, LinkState::Absent][usize::from(seed % 2 == 0)];
        let mut row = Row::new(cluster, long(), |node| Fault::Link(node, state));
        row.costs(row.next_master_down() + NOTICE, MOMENT);
        row.another_is_master();
        let lost = row.cluster.view(row.master).map(|view| view.state());
        row.cluster
            .require(lost == Some(State::Init), || format!("it is {lost:?}"));
        row.begin();
        row.cluster.suffer(Fault::Link(row.master, LinkState::Up));
        row.cluster.run(long());
        row.costs(Duration::ZERO, MOMENT);
        row.cluster
    });
}

#[test]
fn lost_power_costs_the_next_masters_wait() {
    for_each_seed(|seed| {
        let cluster = Cluster::settled(seed, |setting| setting);
        let mut row = Row::new(cluster, long(), Fault::PowerOff);
        row.costs(row.next_master_down() + NOTICE, MOMENT);
        row.another_is_master();
        row.begin();
        row.cluster.suffer(Fault::Begin(row.master));
        row.cluster.run(long());
        row.costs(Duration::ZERO, MOMENT);
        row.cluster
    });
}

#[test]
fn healed_partition_has_one_master_as_soon_as_an_advert_has_crossed() {
    for_each_seed(|seed| {
        let mut cluster = Cluster::settled(seed, |setting| setting);
        let size = cluster.setting.size;
        let side: Vec<bool> = (0..size).map(|_| cluster.dice.below(2) == 0).collect();
        let begin = cluster.now();
        let split = |cluster: &mut Cluster, cut| {
            for one in 0..size {
                for other in (one + 1..size).filter(|other| side[one] != side[*other]) {
                    cluster.suffer(Fault::Cut(one, other, cut));
                }
            }
        };
        let master = cluster.master();
        split(&mut cluster, true);
        cluster.run(long());
        let mut row = Row {
            cluster,
            master,
            begin,
        };
        row.costs(Duration::ZERO, long());
        row.begin();
        split(&mut row.cluster, false);
        // Until the first advert crosses nobody can know.
        let spoke = |cluster: &Cluster| {
            let adverts = cluster.watch.nodes.iter().map(|node| node.last_advert);
            adverts.max().is_some_and(|last| last > row.begin)
        };
        while !spoke(&row.cluster) {
            row.cluster.run(Duration::from_millis(1));
        }
        row.begin();
        row.settle();
        row.costs(Duration::ZERO, MOMENT);
        row.cluster
    });
}

// ---- other programs ----

#[test]
fn deleted_address_is_back_at_once() {
    for_each_seed(|seed| {
        let cluster = Cluster::settled(seed, |setting| setting);
        let harm = Harm::Damage(Damage::Address);
        let row = Row::new(cluster, long(), |node| Fault::Harm(node, harm));
        row.costs(NOTICE, Duration::ZERO);
        row.told("mended: address removed by another program");
        row.no_transition();
        row.cluster
    });
}

#[test]
fn changed_interface_is_as_it_was_at_once_and_the_reason_is_shown() {
    for_each_seed(|seed| {
        let mut cluster = Cluster::settled(seed, |setting| setting.portable());
        cluster.between_adverts(); // one would say that it is not mended yet
        let damage = Damage::Inet6Disabled;
        let harm = Harm::Damage(damage);
        let row = Row::new(cluster, long(), |node| Fault::Harm(node, harm));
        row.costs(NOTICE, Duration::ZERO);
        row.told(&format!("group carp demoted to 1 ({damage})"));
        row.told("group carp demoted to 0");
        row.no_transition();
        row.cluster
    });
}

/// Nothing reaches the node until its kernel has taken the MAC address back; another is quicker.
#[test]
fn changed_mac_address_makes_another_take_over() {
    for_each_seed(|seed| {
        let cluster = Cluster::settled(seed, |setting| setting.portable());
        let damage = Damage::LinkAddress;
        let harm = Harm::Damage(damage);
        let row = Row::new(cluster, long(), |node| Fault::Harm(node, harm));
        row.costs(NOTICE + row.cluster.setting.transit.1, MOMENT);
        row.told(&format!("group carp demoted to 1 ({damage})"));
        row.told("group carp demoted to 0");
        row.told("master is demoted further");
        row.cluster
    });
}

#[test]
fn interface_taken_down_is_as_down_and_says_why() {
    for_each_seed(|seed| {
        let cluster = Cluster::settled(seed, |setting| setting);
        let how = [TakenDown::SetDown, TakenDown::Deleted][usize::from(seed % 2 == 0)];
        let harm = Harm::TakeDown(how);
        let mut row = Row::new(cluster, long(), |node| Fault::Harm(node, harm));
        row.costs(NOTICE + row.cluster.setting.transit.1, MOMENT);
        row.told(&format!("MASTER -> INIT ({how})"));
        row.another_is_master();
        row.begin();
        row.cluster.suffer(Fault::Command(row.master, Command::Up));
        row.cluster.run(long());
        row.costs(Duration::ZERO, MOMENT);
        row.cluster
    });
}
