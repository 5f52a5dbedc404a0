//! Anything may happen, several things at once; what must hold then still holds, and when it is over
//! the right node is master.

use std::time::Duration;

use carp_net::carp_fsm::{Command, Damage, LinkState, TakenDown};
use carp_net::memory::Harm;

use crate::cluster::Cluster;
use crate::faults::Fault;
use crate::for_each_seed;

impl Cluster {
    /// One fault, and the end of some.
    fn storm(&mut self) {
        let size = self.setting.size;
        let (node, other) = (self.dice.index(size), self.dice.index(size));
        let soon = self.dice.millis(1, 200);
        let later = self.dice.millis(200, 8_000);
        match self.dice.below(20) {
            0 | 1 => {
                self.suffer(Fault::Kill(node));
                self.after(soon, Fault::Resume(node));
            }
            2 => {
                self.suffer(Fault::Kill(node));
                self.after(later, Fault::Resume(node));
            }
            3 => {
                self.suffer(Fault::Kill(node));
                self.after(later, Fault::Begin(node));
            }
            4 | 5 => {
                self.suffer(Fault::Pause(node, true));
                self.after(later, Fault::Pause(node, false));
            }
            6 => {
                self.suffer(Fault::Pause(node, true));
                self.after(Duration::from_secs(1), Fault::Kill(node));
                self.after(Duration::from_secs(1) + soon, Fault::Resume(node));
            }
            7 => self.suffer(Fault::Restart(node, soon)),
            8 => {
                let state = [LinkState::Down, LinkState::Absent][self.dice.index(2)];
                self.suffer(Fault::Link(node, state));
                self.after(later, Fault::Link(node, LinkState::Up));
            }
            9 => {
                self.suffer(Fault::PowerOff(node));
                self.after(later, Fault::Begin(node));
            }
            10 | 11 => {
                self.suffer(Fault::Cut(node, other, true));
                self.after(later, Fault::Cut(node, other, false));
            }
            12 => {
                let damage = [Damage::Address, Damage::LinkAddress, Damage::Inet6Disabled];
                let damage = damage[self.dice.index(3)];
                self.suffer(Fault::Harm(node, Harm::Damage(damage)));
            }
            13 => {
                let how = [TakenDown::SetDown, TakenDown::Deleted][self.dice.index(2)];
                self.suffer(Fault::Harm(node, Harm::TakeDown(how)));
                self.after(later, Fault::Command(node, Command::Up));
            }
            14 => {
                self.suffer(Fault::Command(node, Command::Down));
                self.after(later, Fault::Command(node, Command::Up));
            }
            15 => self.suffer(Fault::Command(node, Command::Backup)),
            16 => self.suffer(Fault::Command(node, Command::Master)),
            17 => {
                let end = [Fault::Stop(node), Fault::Destroy(node)][self.dice.index(2)];
                self.suffer(end);
                self.after(later, Fault::Stop(node));
                self.after(later + Duration::from_secs(2), Fault::Begin(node));
            }
            18 => {
                let amount = i32::try_from(self.dice.below(3)).unwrap();
                self.suffer(Fault::Demote(node, amount));
            }
            _ => {
                let loss = u32::try_from(self.dice.below(300_000)).unwrap();
                self.suffer(Fault::Loss(loss));
                self.after(later, Fault::Loss(0));
            }
        }
    }

    /// Waits until everything that was to come has come, and ends every fault.
    fn heal(&mut self) {
        while !self.later.is_empty() {
            self.run(Duration::from_millis(100));
        }
        for node in 0..self.setting.size {
            self.suffer(Fault::Pause(node, false));
            self.suffer(Fault::Link(node, LinkState::Up));
            self.suffer(Fault::Begin(node));
            self.suffer(Fault::Demote(node, 0));
            self.suffer(Fault::Command(node, Command::Up));
            for other in 0..self.setting.size {
                self.suffer(Fault::Cut(node, other, false));
            }
        }
        self.suffer(Fault::Loss(0));
        let (least, most) = self.setting.transit;
        self.lan.set_transit(least, most);
        self.lan.set_reordering(false);
        self.run(Duration::from_secs(2)); // what is still under way arrives
        self.is_lossy = false;
        self.disturbed();
        self.run(self.setting.settling() + Duration::from_secs(2));
        self.master();
    }
}

#[test]
fn after_any_faults_one_master_remains() {
    for_each_seed(|seed| {
        let mut cluster = Cluster::settled(seed, |setting| setting);
        for _ in 0..8 {
            cluster.storm();
            let span = cluster.dice.millis(0, 3_000);
            cluster.run(span);
        }
        cluster.heal();
        cluster
    });
}

/// The same where packets overtake each other all the while.
#[test]
fn after_any_faults_on_a_slow_network_one_master_remains() {
    for_each_seed(|seed| {
        let mut cluster = Cluster::settled(seed, |setting| setting);
        let most = cluster.dice.millis(1, 1_500);
        cluster.suffer(Fault::Delay(most));
        for _ in 0..5 {
            cluster.storm();
            let span = cluster.dice.millis(0, 3_000);
            cluster.run(span);
        }
        cluster.heal();
        cluster
    });
}

#[test]
fn a_cluster_left_alone_keeps_its_master() {
    for_each_seed(|seed| {
        let mut cluster = Cluster::settled(seed, |setting| setting.usual_timers());
        let begin = cluster.now();
        cluster.run(Duration::from_secs(90));
        let moved = cluster.told_since(begin).any(|told| told.is_transition);
        cluster.require(!moved, || "somebody changed its state".to_owned());
        cluster
    });
}
