//! A cluster: machines on a LAN, the faults that come later, and all that must hold meanwhile.

use std::collections::BTreeSet;
use std::time::Duration;

use carp_net::carp_fsm::{self, HostView, Reason, State, Timestamp};
use carp_net::carp_fsm::{Damage, LinkState, TakenDown};
use carp_net::memory::Harm;
use carp_net::simulation::{self, Incident, Outcome, Told, What};
use carp_net::{Driver, Event};

use crate::faults::INTERFACE;
use crate::setting::{Dice, Setting};
use crate::watch::Watch;

pub(crate) struct Cluster {
    pub(crate) sim: simulation::Cluster,
    pub(crate) setting: Setting,
    pub(crate) dice: Dice,
    pub(crate) watch: Watch,
    cut: BTreeSet<(usize, usize)>,
    linked: Vec<bool>,
    /// How often each node has taken over since something happened while nothing else was under way.
    taken: Vec<u32>,
    /// How many things have happened since then, each before what came of the one before was over.
    reasons: u32,
    /// How often each node has taken over since something happened last.
    taken_since: Vec<u32>,
    /// Whether packets are lost or late.
    pub(crate) is_lossy: bool,
    /// When the election must be over, if nothing else happens.
    settled_at: Timestamp,
    told: Vec<Line>,
}

/// A line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) at: Timestamp,
    pub(crate) node: Option<usize>,
    pub(crate) text: String,
    pub(crate) is_transition: bool,
}

/// What a step has told that must be looked at.
#[derive(Default)]
struct News {
    incidents: Vec<(Incident, bool)>,
    transitions: Vec<usize>,
    /// Who became master.
    taken: Vec<usize>,
    wrong: Option<String>,
}

impl Cluster {
    pub(crate) fn new(seed: u64, setting: Setting) -> Self {
        let sim = simulation::Cluster::new(&setting.scenario(), seed).unwrap();
        sim.lan().observe();
        let mut cluster = Self {
            watch: Watch::new(&setting),
            sim,
            linked: vec![true; setting.size],
            taken: vec![0; setting.size],
            taken_since: vec![0; setting.size],
            reasons: 0,
            setting,
            dice: Dice::new(seed ^ 0x5eed),
            cut: BTreeSet::new(),
            is_lossy: false,
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
        self.sim.now()
    }

    /// Something has happened after which the election takes its time.
    pub(crate) fn disturbed(&mut self) {
        if self.now() >= self.settled_at {
            self.taken.fill(0);
            self.reasons = 0;
        }
        self.reasons += 1;
        self.taken_since.fill(0);
        self.settled_at = self.now() + self.setting.settling();
    }

    /// Makes `fault` happen after `span`.
    pub(crate) fn after(&mut self, span: Duration, fault: impl Into<Incident>) {
        self.sim.after(span, fault.into());
    }

    /// Lets something happen now.
    pub(crate) fn suffer(&mut self, fault: impl Into<Incident>) {
        let incident = fault.into();
        let outcome = self.sim.suffer(&incident);
        self.note(None, format!("--- {incident:?}"));
        self.suffered(&incident, matches!(outcome, Outcome::Done));
    }

    /// Lets time pass, with everything checked after everything that happens.
    pub(crate) fn run(&mut self, span: Duration) {
        if let Err(wrong) = self.try_run(span) {
            self.fail(&wrong);
        }
    }

    /// The same, where whoever calls wants to know what is wrong.
    pub(crate) fn try_run(&mut self, span: Duration) -> Result<(), String> {
        let until = self.now() + span;
        loop {
            for (node, seen) in self.watch.nodes.iter_mut().enumerate() {
                let host = self.sim.host(node, INTERFACE);
                seen.is_master = host.is_some_and(|host| host.state() == State::Master);
                seen.is_awake = is_awake(&self.sim, node);
            }
            let (told, seen) = (&mut self.told, &mut self.watch.nodes);
            let mut news = News::default();
            let goes_on = self.sim.step(until, |it| {
                let line = Line::of(it);
                news.hear(it);
                if let (Some(node), Some(State::Master)) = (it.node, transition(it)) {
                    seen[node].is_master = true;
                }
                told.extend(line);
            });
            for (incident, effective) in &news.incidents {
                self.suffered(incident, *effective);
            }
            if let Some(wrong) = news.wrong {
                return Err(wrong);
            }
            for node in &news.taken {
                self.taken[*node] += 1;
                self.taken_since[*node] += 1;
                let is_calm = !self.is_lossy && self.cut.is_empty();
                let (times, reasons) = (self.taken[*node], self.reasons);
                if is_calm && (times > reasons || self.taken_since[*node] > 2) {
                    let wrong = format!("C3: {node} took over {times} times for {reasons} reasons");
                    return Err(wrong);
                }
            }
            if news.incidents.is_empty() {
                self.check(&news.transitions)?;
            }
            if !goes_on {
                return Ok(());
            }
        }
    }

    /// Takes in what an incident means for what must hold.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "few mean more than that something has happened"
    )]
    fn suffered(&mut self, incident: &Incident, effective: bool) {
        match incident {
            Incident::Forged { .. } => return,
            Incident::Restart(node, span) if effective => {
                self.watch.nodes[*node].sign = self.now() + *span;
            }
            Incident::Link { node, state, .. } => {
                self.linked[*node] = *state == LinkState::Up;
                // The successor of a process that does not see it cannot know.
                let is_unseen = *state == LinkState::Absent && !is_awake(&self.sim, *node);
                self.watch.nodes[*node].robbed |= is_unseen;
            }
            Incident::Cut(one, other) if one != other => {
                self.cut.insert((*one.min(other), *one.max(other)));
            }
            Incident::Heal(one, other) => {
                self.cut.remove(&(*one.min(other), *one.max(other)));
            }
            Incident::Harm { node, harm, .. } => {
                let takes = [
                    Harm::TakeDown(TakenDown::SetDown),
                    Harm::TakeDown(TakenDown::Deleted),
                    Harm::Damage(Damage::LinkAddress),
                ];
                self.watch.nodes[*node].robbed |= takes.contains(harm);
            }
            Incident::Loss(per_million) => self.is_lossy |= *per_million > 0,
            Incident::Reordering(on) => self.is_lossy |= on,
            _ => {}
        }
        self.disturbed();
    }

    fn check(&mut self, transitions: &[usize]) -> Result<(), String> {
        self.watch.check(self.sim.lan())?;
        if self.now() < self.settled_at || self.is_lossy {
            return Ok(());
        }
        self.check_settled(transitions)
    }

    /// I3: in every part whose nodes all reach each other there is one master, the right one, and
    /// nobody else holds an address. Nothing changes any more there (C1).
    fn check_settled(&self, transitions: &[usize]) -> Result<(), String> {
        let takes_part = |node: &usize| self.takes_part(*node);
        let mut left: BTreeSet<usize> = (0..self.setting.size).filter(takes_part).collect();
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
                self.check_part(&part)?;
                let moved = transitions.iter().find(|node| part.contains(node));
                if let Some(node) = moved.filter(|_| self.now() > self.settled_at) {
                    return Err(format!(
                        "C1: {node} changed its state, and nothing happened"
                    ));
                }
            }
        }
        Ok(())
    }

    fn reach(&self, one: usize, other: usize) -> bool {
        !self.cut.contains(&(one.min(other), one.max(other)))
    }

    fn check_part(&self, part: &[usize]) -> Result<(), String> {
        let masters: Vec<usize> = part
            .iter()
            .copied()
            .filter(|node| self.is_master(*node))
            .collect();
        let [master] = masters[..] else {
            return Err(format!("I3: of {part:?} masters are {masters:?}"));
        };
        for holders in self.holders() {
            let others = |node: &&usize| part.contains(node) && **node != master;
            if !holders.contains(&master) || holders.iter().any(|node| others(&node)) {
                return Err(format!(
                    "I3: {master} is master, {holders:?} hold an address"
                ));
            }
        }
        let demotion = |node: usize| {
            let driver = self.sim.driver(node);
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
            let view = self.view(*node);
            view.is_some_and(|view| !view.is_held_back())
        };
        let best = part.iter().copied().filter(willing).map(claim).min();
        if best.is_some_and(|best| best != claim(master)) {
            return Err(format!("I3: of {part:?} the master is {master}"));
        }
        Ok(())
    }

    pub(crate) fn view(&self, node: usize) -> Option<HostView<'_>> {
        self.sim.host(node, INTERFACE)
    }

    pub(crate) fn is_master(&self, node: usize) -> bool {
        self.view(node)
            .is_some_and(|view| view.state() == State::Master)
    }

    /// Whether it can take part in the election.
    fn takes_part(&self, node: usize) -> bool {
        let view = self.view(node);
        let enabled = view.is_some_and(|view| view.config().is_enabled());
        enabled && self.linked[node] && !self.sim.is_paused(node)
    }

    /// Who holds each address that is followed.
    pub(crate) fn holders(&self) -> Vec<&Vec<usize>> {
        let followed = |(address, _): &(std::net::IpAddr, _)| self.watch.follows.contains(address);
        let last = self.sim.tenures().last().filter(followed);
        last.map(|(_, tenure)| &tenure.holders).collect()
    }

    /// The node that is master; there must be one.
    pub(crate) fn master(&self) -> usize {
        let is_master = |node: &usize| self.is_master(*node);
        let masters: Vec<usize> = (0..self.setting.size).filter(is_master).collect();
        match masters[..] {
            [master] => master,
            _ => self.fail(&format!("masters are {masters:?}")),
        }
    }

    /// Lets a moment pass if the master advertises now, or has just done so.
    pub(crate) fn between_adverts(&mut self) {
        let master = self.master();
        let driver = self.sim.driver(master);
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
        self.told.push(Line {
            at: self.now(),
            node,
            text: text.into(),
            is_transition: false,
        });
    }

    pub(crate) fn told_since(&self, begin: Timestamp) -> impl Iterator<Item = &Line> {
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

impl News {
    fn hear(&mut self, told: &Told<'_>) {
        match told.what {
            What::Incident(incident, outcome) => {
                let effective = matches!(outcome, Outcome::Done);
                self.incidents.push((incident.clone(), effective));
            }
            What::Event(event) => {
                self.transitions
                    .extend(told.node.filter(|_| transition(told).is_some()));
                let is_master = transition(told) == Some(State::Master);
                self.taken.extend(told.node.filter(|_| is_master));
                if let Some(wrong) = groundless(told, event) {
                    self.wrong.get_or_insert(wrong);
                }
            }
            _ => {}
        }
    }
}

impl Line {
    /// What is told, but for packets that were refused.
    fn of(told: &Told<'_>) -> Option<Self> {
        let text = match told.what {
            What::Incident(Incident::Forged { .. }, _) | What::Event(Event::Refused(_)) => {
                return None;
            }
            What::Incident(incident, _) => format!("--- {incident:?}"),
            What::Event(event) => event.to_string(),
            _ => return None,
        };
        Some(Self {
            at: told.at,
            node: told.node,
            text,
            is_transition: transition(told).is_some(),
        })
    }
}

/// Whether the process of a node is there, and not frozen.
fn is_awake(sim: &simulation::Cluster, node: usize) -> bool {
    sim.driver(node).is_some() && !sim.is_paused(node)
}

fn transition(told: &Told<'_>) -> Option<State> {
    if let What::Event(Event::Node { event, .. }) = told.what
        && let carp_fsm::Event::Transition { to, .. } = event
    {
        return Some(*to);
    }
    None
}

/// C2: whoever takes over because a clock has run out has waited for all of its length.
fn groundless(told: &Told<'_>, event: &Event) -> Option<String> {
    if let Event::Node { event, .. } = event
        && let carp_fsm::Event::Transition { reason, facts, .. } = event
        && let Reason::MasterDown(_) = reason
    {
        let waited = facts
            .clock
            .map(|clock| (told.clock - clock.wait.since, clock.wait.length));
        if waited.is_none_or(|(waited, length)| waited < length) {
            return Some(format!("C2: a take-over after {waited:?}"));
        }
    }
    None
}
