//! A cluster: machines on a LAN, the faults that come later, and all that must hold meanwhile.

use std::collections::BTreeSet;
use std::time::Duration;

use carp_net::carp_fsm::{self, State, Timestamp};
use carp_net::memory::Lan;
use carp_net::{Driver, Event};

use crate::faults::Fault;
use crate::member::Member;
use crate::setting::{Dice, Setting};
use crate::watch::Watch;

pub(crate) struct Cluster {
    pub(crate) lan: Lan,
    pub(crate) setting: Setting,
    pub(crate) members: Vec<Member>,
    pub(crate) dice: Dice,
    pub(crate) watch: Watch,
    pub(crate) cut: BTreeSet<(usize, usize)>,
    /// Whether packets are lost or late.
    pub(crate) is_lossy: bool,
    /// What happens by itself, later.
    pub(crate) later: Vec<(Timestamp, Fault)>,
    /// When the election must be over, if nothing else happens.
    settled_at: Timestamp,
    told: Vec<Told>,
}

/// A line of the timeline.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) at: Timestamp,
    pub(crate) node: Option<usize>,
    pub(crate) text: String,
    pub(crate) is_transition: bool,
}

impl Cluster {
    pub(crate) fn new(seed: u64, setting: Setting) -> Self {
        let lan = Lan::new(seed);
        lan.observe();
        lan.set_transit(setting.transit.0, setting.transit.1);
        lan.set_work(setting.work.0, setting.work.1);
        let members = (0..setting.size)
            .map(|_| Member::fresh(&lan, lan.node(), &setting))
            .collect();
        let mut cluster = Self {
            watch: Watch::new(&setting),
            members,
            lan,
            setting,
            dice: Dice::new(seed ^ 0x5eed),
            cut: BTreeSet::new(),
            is_lossy: false,
            later: Vec::new(),
            settled_at: Timestamp::ZERO,
            told: Vec::new(),
        };
        cluster.disturbed();
        cluster
    }

    /// A cluster of any kind, some time after its first election. With `change` the setting can be
    /// made to fit.
    pub(crate) fn settled(seed: u64, change: impl FnOnce(Setting) -> Setting) -> Self {
        let mut dice = Dice::new(seed);
        let setting = change(Setting::drawn(&mut dice));
        let phase = dice.millis(0, 4_000);
        let mut cluster = Self::new(seed, setting);
        cluster.run(cluster.setting.settling() + phase);
        cluster
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.lan.now()
    }

    /// Something has happened after which the election takes its time.
    pub(crate) fn disturbed(&mut self) {
        self.settled_at = self.now() + self.setting.settling();
    }

    /// Lets time pass, with everything checked after everything that happens.
    pub(crate) fn run(&mut self, span: Duration) {
        let until = self.now() + span;
        loop {
            let first = (0..self.later.len()).min_by_key(|index| self.later[*index].0);
            let due = first.filter(|index| self.later[*index].0 <= until);
            match due {
                Some(index) => {
                    let (at, fault) = self.later.remove(index);
                    self.pass(at);
                    self.suffer(fault);
                }
                None => return self.pass(until),
            }
        }
    }

    fn pass(&mut self, until: Timestamp) {
        let lan = self.lan.clone();
        loop {
            for (member, seen) in self.members.iter().zip(&mut self.watch.nodes) {
                seen.is_master = member.is_master();
                seen.is_awake = member.driver.is_some() && !member.paused;
            }
            let (told, seen) = (&mut self.told, &mut self.watch.nodes);
            let before = told.len();
            let alive = self.members.iter_mut().filter_map(|m| m.driver.as_mut());
            let goes_on = lan.step(alive, until, |node, event| {
                let becomes = transition(event);
                seen[node].is_master |= becomes == Some(State::Master);
                told.push(Told {
                    at: lan.now(),
                    node: Some(node),
                    text: event.to_string(),
                    is_transition: becomes.is_some(),
                });
            });
            let news: BTreeSet<usize> = self.told[before..].iter().filter_map(|t| t.node).collect();
            for node in news {
                self.members[node].save();
            }
            self.bury_the_stopped();
            self.check();
            if !goes_on {
                return;
            }
        }
    }

    fn bury_the_stopped(&mut self) {
        for member in &mut self.members {
            if member
                .driver
                .as_ref()
                .is_some_and(|driver| driver.is_stopped())
            {
                member.driver = None;
            }
        }
    }

    fn check(&mut self) {
        if let Err(wrong) = self.watch.check(&self.lan) {
            self.fail(&wrong);
        }
        if self.now() >= self.settled_at {
            self.check_settled();
        }
    }

    /// I3: in every part whose nodes all reach each other there is one master, the right one, and
    /// nobody else holds an address.
    fn check_settled(&self) {
        if self.is_lossy {
            return;
        }
        let takes_part = |node: &usize| self.members[*node].takes_part();
        let mut left: BTreeSet<usize> = (0..self.members.len()).filter(takes_part).collect();
        while let Some(first) = left.pop_first() {
            let mut part = vec![first];
            let mut looked_at = 0;
            while let Some(one) = part.get(looked_at).copied() {
                let reached = |other: &usize| self.reach(one, *other);
                part.extend(left.iter().copied().filter(reached));
                left.retain(|other| !part.contains(other));
                looked_at += 1;
            }
            let all_reach = |node: &usize| part.iter().all(|other| self.reach(*node, *other));
            if part.iter().all(all_reach) {
                self.check_part(&part);
            }
        }
    }

    fn reach(&self, one: usize, other: usize) -> bool {
        !self.cut.contains(&(one.min(other), one.max(other)))
    }

    fn check_part(&self, part: &[usize]) {
        let masters: Vec<usize> = part
            .iter()
            .copied()
            .filter(|node| self.members[*node].is_master())
            .collect();
        let [master] = masters[..] else {
            self.fail(&format!("I3: of {part:?} masters are {masters:?}"));
        };
        for holders in self.watch.holders() {
            let others = |node: &&usize| part.contains(node) && **node != master;
            if !holders.contains(&master) || holders.iter().any(|node| others(&node)) {
                self.fail(&format!(
                    "I3: {master} is master, {holders:?} hold an address"
                ));
            }
        }
        let demotion = |node: usize| {
            let driver = self.members[node].driver.as_ref();
            driver.map_or(0, |driver| driver.node().demotion("carp"))
        };
        let dialect = self.setting.dialect;
        let claim = |node: usize| {
            let interval = self.setting.interval(node);
            let claim = dialect.claim(interval, demotion(node), dialect.demotion_form());
            let interval = self.setting.preempts.then_some(claim.interval);
            (claim.demotion, interval)
        };
        let willing = |node: &usize| {
            let view = self.members[*node].view();
            view.is_some_and(|view| !view.is_held_back())
        };
        let best = part.iter().copied().filter(willing).map(claim).min();
        if best.is_some_and(|best| best != claim(master)) {
            self.fail(&format!("I3: of {part:?} the master is {master}"));
        }
    }

    /// The node that is master; there must be one.
    pub(crate) fn master(&self) -> usize {
        let is_master = |node: &usize| self.members[*node].is_master();
        let masters: Vec<usize> = (0..self.members.len()).filter(is_master).collect();
        match masters[..] {
            [master] => master,
            _ => self.fail(&format!("masters are {masters:?}")),
        }
    }

    /// Lets a moment pass if the master advertises now, or has just done so.
    pub(crate) fn between_adverts(&mut self) {
        let master = self.master();
        let driver = self.members[master].driver.as_ref();
        let due = driver.and_then(Driver::deadline);
        let moment = Duration::from_millis(5);
        let is_soon = due.is_some_and(|due| due - self.now() < moment);
        if is_soon || self.now() - self.watch.nodes[master].last_advert < moment {
            self.run(moment * 2);
        }
    }

    /// How long an engine may be gone without anybody having to notice, at any phase.
    pub(crate) fn slack(&self) -> Duration {
        let patience = (0..self.setting.size).map(|node| self.setting.master_down(node));
        let patience = patience.min();
        let waits = self.setting.slowest_advert() + self.setting.transit.1 * 2;
        patience.unwrap_or_default().saturating_sub(waits)
    }

    pub(crate) fn note(&mut self, node: Option<usize>, text: impl Into<String>) {
        self.told.push(Told {
            at: self.lan.now(),
            node,
            text: text.into(),
            is_transition: false,
        });
    }

    pub(crate) fn told_since(&self, begin: Timestamp) -> impl Iterator<Item = &Told> {
        self.told.iter().filter(move |told| told.at >= begin)
    }

    /// Everything that happened, a line for each.
    pub(crate) fn timeline(&self) -> String {
        let mut text = format!("{:?}\n", self.setting);
        for told in &self.told {
            let node = told
                .node
                .map_or_else(String::new, |node| format!("node {node} "));
            text.push_str(&format!("{} {node}{}\n", told.at, told.text));
        }
        text
    }

    pub(crate) fn fail(&self, wrong: &str) -> ! {
        panic!("at {}: {wrong}\n{}", self.now(), self.timeline());
    }

    pub(crate) fn require(&self, holds: bool, wrong: impl FnOnce() -> String) {
        if !holds {
            self.fail(&wrong());
        }
    }
}

fn transition(event: &Event) -> Option<State> {
    if let Event::Node { event, .. } = event
        && let carp_fsm::Event::Transition { to, .. } = event
    {
        return Some(*to);
    }
    None
}
