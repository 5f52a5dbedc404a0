//! A node: all virtual hosts of one machine, and what couples them.
//!
//! Routes packets, timers and commands to the virtual host they concern, and keeps what they
//! share: the preempt switch, demotion, links and counters.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::time::Duration;

use carp_proto::{Envelope, Family, Vhid, VirtualAddress};

use crate::counters::{Counters, Refusal};
use crate::demotion::{Demotion, Demotions, Owner};
use crate::host::{Host, Outcome, Stimulus, Surroundings};
use crate::random::Random;
use crate::timers::{Deadline, DeadlineQueue, Timer};
use crate::{
    Action, Command, Event, HostId, Input, LinkId, LinkState, NodeConfig, Reason, State, Timestamp,
};

mod demotion;
mod hosts;
use hosts::Hosts;
mod membership;
pub use membership::ConfigError;
mod others;
mod packets;
mod resume;
mod vhids;
mod view;
use vhids::Vhids;
pub use view::HostView;

/// The election of one machine: who is master, when, and what to do about it.
///
/// See the [crate documentation](crate) for the contract and a complete loop.
#[derive(Clone, Debug)]
pub struct Node {
    config: NodeConfig,
    hosts: Hosts,
    vhids: Vhids,
    links: BTreeMap<LinkId, LinkState>,
    demotions: Demotions,
    counters: Counters,
    queue: DeadlineQueue,
    actions: VecDeque<Action>,
    events: VecDeque<Event>,
    random: Random,
    now: Timestamp,
    next_id: u64,
    stopping: bool,
}

impl Node {
    /// A node without virtual hosts. `seed` should differ between nodes and starts; equal seeds
    /// and inputs give equal outputs.
    pub fn new(config: NodeConfig, seed: u64) -> Self {
        Self {
            config,
            hosts: Hosts::default(),
            vhids: Vhids::default(),
            links: BTreeMap::new(),
            demotions: Demotions::default(),
            counters: Counters::default(),
            queue: DeadlineQueue::default(),
            actions: VecDeque::new(),
            events: VecDeque::new(),
            random: Random::new(seed),
            now: Timestamp::ZERO,
            next_id: 1,
            stopping: false,
        }
    }

    /// The settings to start from, for [`Node::new`].
    pub const fn builder() -> NodeConfig {
        NodeConfig::new()
    }

    /// Takes in something that happened at `now`.
    pub fn handle(&mut self, now: Timestamp, input: Input) {
        self.advance(now);
        match input {
            Input::Filtered(count) => {
                self.counters.filtered = self.counters.filtered.saturating_add(count);
            }
            Input::Link { link, state } => self.link_changed(link, state),
            Input::Command { id, command } => self.command(id, command),
            Input::Held(id) => self.hold_answered(id, true),
            Input::HoldFailed(id) => self.hold_answered(id, false),
            Input::Silenced(id) => self.with(id, Host::silence_answered),
            Input::Adopted(id) => self.step(id, Stimulus::Adopted),
            Input::Lapsed(id) => self.step(id, Stimulus::Lapsed),
            Input::Damaged { id, damage } => self.damaged(id, damage),
            Input::Mended(id) => self.mended(id),
            Input::NotMended(id) => self.not_mended(id),
            Input::TakenDown { id, how } => self.taken_down(id, how),
            Input::Sent { id, source } => {
                self.sent(id, Family::of(source), Outcome::Sent(source));
            }
            Input::SendFailed {
                id,
                family,
                no_memory: true,
            } => self.sent(id, family, Outcome::NoMemory),
            Input::SendFailed { id, family, .. } => self.sent(id, family, Outcome::Failed),
            Input::Allow(allow) => {
                self.config.allow = allow;
                for id in self.all() {
                    self.with(id, Host::listen_anew);
                }
            }
            Input::Preempt(preempt) => self.config.preempt = preempt,
            Input::Lease(lease) => self.set_lease(lease),
            Input::AnnounceEvery(every) => {
                self.config.announce_every = every;
                for id in self.all() {
                    self.with(id, Host::reschedule_announcement);
                }
            }
            Input::Demote {
                group,
                owner,
                amount,
            } => self.demote(&group, Owner::Named(owner), amount),
            Input::Stop => self.stop(),
        }
    }

    /// Takes in a packet of protocol 112 that arrived on `link` at `now`: `bytes` is what follows
    /// the IP header, which `envelope` describes.
    ///
    /// Checks in the order of `docs/carp-protocol.md §3`: whether anything is heard at all, link,
    /// hop limit, length, checksum, vhid and destination, version, digest, own cookie. A packet
    /// that fails one changes a counter and nothing else, one that fails the first not even that.
    /// Returns what was done with it.
    ///
    /// # Errors
    ///
    /// [`Refusal`] says which check failed.
    pub fn handle_packet(
        &mut self,
        now: Timestamp,
        link: LinkId,
        envelope: &Envelope,
        bytes: &[u8],
    ) -> Result<(), Refusal> {
        self.advance(now);
        self.counters.received(envelope.family());
        if !self.config.allow {
            return Err(Refusal::NotAllowed);
        }
        match self.admit(link, envelope, bytes) {
            Ok((id, advert)) => {
                self.with(id, |host, around| host.note_advert(around, &advert));
                self.step(id, Stimulus::Heard(advert.heard));
                self.forget_send_errors(id);
                Ok(())
            }
            Err((id, refusal)) => {
                refusal.count(&mut self.counters);
                if let Some(host) = id.and_then(|id| self.hosts.get_mut(id)) {
                    host.note_refusal(self.now, envelope, refusal);
                }
                Err(refusal)
            }
        }
    }

    /// Does everything that is due at `now`. Calling it early is harmless.
    ///
    /// When an advert is due, others with the same interval that would be due before a fiftieth of it
    /// has passed leave at once, and keep that beat: a machine with many virtual hosts has
    /// something to do at some moments, rather than all the time.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.advance(now);
        let mut beats = BTreeMap::new();
        while let Some(due) = self.queue.first().filter(|due| due.at <= self.now) {
            let Some(host) = self.hosts.get_mut(due.id) else {
                break; // the queue holds timers of living hosts only
            };
            host.disarm_due(&mut self.queue, due.timer);
            match due.timer {
                Timer::Quiet => self.quieted(due.id),
                Timer::Peer => self.with(due.id, Host::miss_peers),
                Timer::Advertise
                | Timer::MasterDownInet
                | Timer::MasterDownInet6
                | Timer::Announce
                | Timer::HandOver => {
                    let (timer, planned) = (due.timer, due.at);
                    if timer == Timer::Advertise
                        && let Some(beat) = self.beat_of(due.id)
                    {
                        beats.entry(beat).or_insert(planned);
                    }
                    self.step(due.id, Stimulus::Due { timer, planned });
                }
            }
        }
        for (beat, planned) in beats {
            self.join_in(beat, planned);
        }
    }

    /// The time between two adverts of a virtual host.
    fn beat_of(&self, id: HostId) -> Option<Duration> {
        let host = self.hosts.get(id)?;
        Some(host.claim(self.demotion_of(host)).interval.advert())
    }

    /// Sends the adverts with this `beat` that are due soon, as if they had been `planned` then.
    fn join_in(&mut self, beat: Duration, planned: Timestamp) {
        let soon = self.now + beat / JOINED;
        let due = self.queue.due(soon);
        let adverts = due.filter(|due| due.timer == Timer::Advertise);
        let joining: Vec<HostId> = adverts
            .map(|due| due.id)
            .filter(|id| self.beat_of(*id) == Some(beat))
            .collect();
        for id in joining {
            if let Some(host) = self.hosts.get_mut(id) {
                host.disarm_due(&mut self.queue, Timer::Advertise);
            }
            let timer = Timer::Advertise;
            self.step(id, Stimulus::Due { timer, planned });
        }
    }

    /// The next thing to do, in order. One that is dropped is one that was not obeyed.
    #[must_use = "what is taken out must be done"]
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The next thing to tell.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called, and why; `None` while
    /// nothing is waited for.
    pub fn deadline(&self) -> Option<Deadline> {
        self.queue.first()
    }

    /// The addresses of a virtual host; none where there is no such host.
    pub fn addresses(&self, id: HostId) -> &[VirtualAddress] {
        self.hosts
            .get(id)
            .map_or(&[], |host| host.config.addresses())
    }

    /// How long the addresses of a virtual host are held after an
    /// [`Action::Hold`] or [`Action::Renew`]; `None`: until [`Action::Release`].
    ///
    /// It is 3 s for each second of advbase and one more, by the largest advbase that is configured
    /// here or was heard of another node: then other nodes have taken over
    /// (`docs/carp-protocol.md §4.4`). With advbase 0 it is the master-down time and a quarter of a
    /// second, in whole seconds: the others take over sooner, and the address is on two nodes for up
    /// to a second, unless they are slower than any that was heard.
    pub fn lease(&self, id: HostId) -> Option<Duration> {
        let host = self.hosts.get(id).filter(|_| self.config.lease)?;
        Some(host.lease())
    }

    /// The virtual host on `link` that has this vhid.
    pub fn by_vhid(&self, link: LinkId, vhid: Vhid) -> Option<HostId> {
        self.vhids.get(link, vhid.get())
    }

    /// A virtual host as it stands.
    pub fn host(&self, id: HostId) -> Option<HostView<'_>> {
        self.hosts.get(id).map(|host| self.view(host))
    }

    /// All virtual hosts, oldest first.
    pub fn hosts(&self) -> impl Iterator<Item = HostView<'_>> {
        self.hosts.values().map(|host| self.view(host))
    }

    fn view<'a>(&self, host: &'a Host) -> HostView<'a> {
        let demotion = self.demotion_of(host);
        HostView { host, demotion }
    }

    fn demotion_of(&self, host: &Host) -> i32 {
        self.demotions.total_of(host.config.groups())
    }

    /// Whether preemption is on.
    pub const fn preempt(&self) -> bool {
        self.config.preempt
    }

    /// The settings.
    pub const fn config(&self) -> NodeConfig {
        self.config
    }

    /// What a link is like, as far as is known.
    pub fn link_state(&self, link: LinkId) -> LinkState {
        self.links.get(&link).copied().unwrap_or(LinkState::Up)
    }

    /// Who finds this node unwell, and how unwell.
    pub fn demotions(&self) -> impl Iterator<Item = Demotion<'_>> {
        self.demotions.iter()
    }

    /// The demotion of an interface group: the sum of its entries, before any cap
    /// (`docs/carp-protocol.md §5.2`). Every virtual host is in the group `carp`.
    pub fn demotion(&self, group: &str) -> i32 {
        self.demotions.total(group)
    }

    /// The counters of the whole node.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whether [`Input::Stop`] was given and every address has been let go of.
    pub fn is_stopped(&self) -> bool {
        self.stopping && self.hosts.values().all(Host::is_at_rest)
    }

    // ---- commands and links ----

    fn command(&mut self, id: HostId, command: Command) {
        let Some(host) = self.hosts.get_mut(id) else {
            return;
        };
        match command {
            Command::Up => {
                host.config.set_enabled(true);
                host.run.held_back = false;
                self.start(id, Reason::Command(command));
            }
            Command::Down => {
                host.config.set_enabled(false);
                self.step(id, Stimulus::Quit(Reason::Command(command)));
            }
            // Ignored in INIT (§4.7), where they do not end the holding back either.
            Command::Master => self.step(id, Stimulus::TakeOver),
            Command::Backup => {
                host.run.held_back |= host.state() != State::Init;
                self.step(id, Stimulus::StepBack);
            }
        }
        self.update_demotion(id);
    }

    fn link_changed(&mut self, link: LinkId, state: LinkState) {
        let before = self.link_state(link);
        self.links.insert(link, state);
        if before == state {
            return;
        }
        let on_link: Vec<HostId> = self.vhids.on(link).collect();
        for id in &on_link {
            if state == LinkState::Up {
                self.start(*id, Reason::Link(state));
            } else {
                self.step(*id, Stimulus::Cut(Reason::Link(state)));
            }
        }
        for id in on_link {
            self.update_demotion(id);
            self.reap(id);
        }
    }

    fn start(&mut self, id: HostId, reason: Reason) {
        let Some(host) = self.hosts.get(id) else {
            return;
        };
        if host.may_run(self.link_state(host.link)) {
            if host.is_at_rest() {
                self.with(id, Host::listen_anew);
            }
            self.step(id, Stimulus::Start(reason));
        }
    }

    fn stop(&mut self) {
        self.stopping = true;
        for id in self.all() {
            if let Some(host) = self.hosts.get_mut(id) {
                host.config.set_enabled(false);
            }
            self.step(id, Stimulus::Quit(Reason::Stopped));
        }
    }

    // ---- plumbing ----

    /// Every input comes through here first, so that a freeze is noticed before anything is done
    /// about what has piled up meanwhile.
    fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        let frozen = |due: &Deadline| {
            let host = self.hosts.get(due.id)?;
            let late = self.now - due.at;
            (late >= host.freeze_limit(self.config.lease)).then_some((due.id, late))
        };
        let mut woken: Vec<(HostId, Duration)> = self
            .queue
            .due(self.now)
            .filter_map(|due| frozen(&due))
            .collect();
        woken.sort_by_key(|(id, late)| (*id, Reverse(*late)));
        woken.dedup_by_key(|(id, _)| *id);
        if let Some(longest) = woken.iter().map(|(_, late)| *late).max() {
            self.note_freeze(longest);
        }
        for (id, late) in woken {
            self.with(id, Host::listen_anew);
            self.step(id, Stimulus::Woke { late });
        }
    }

    fn note_freeze(&mut self, late: Duration) {
        self.counters.freezes += 1;
        self.events.push_back(Event::Frozen(late));
    }

    fn all(&self) -> Vec<HostId> {
        self.hosts.ids().collect()
    }

    fn step(&mut self, id: HostId, stimulus: Stimulus) {
        self.with(id, |host, around| host.step(around, stimulus));
    }

    fn with(&mut self, id: HostId, act: impl FnOnce(&mut Host, &mut Surroundings<'_>)) {
        let Some(host) = self.hosts.get_mut(id) else {
            return;
        };
        let demotion = self.demotions.total_of(host.config.groups());
        let before = host.run.counters;
        let mut around = Surroundings {
            now: self.now,
            preempt: self.config.preempt,
            manage_addresses: self.config.manage_addresses,
            demotion,
            announce_every: self.config.announce_every,
            lease: self.config.lease,
            tell_peers: self.config.tell_peers && self.config.allow,
            queue: &mut self.queue,
            actions: &mut self.actions,
            events: &mut self.events,
        };
        act(host, &mut around);
        let after = host.run.counters;
        self.counters.preempt += after.preempt - before.preempt;
        self.counters.transitions += after.transitions - before.transitions;
        self.reap(id);
    }
}

/// Adverts that would be due within one part in so many of their interval leave together.
const JOINED: u32 = 50;

#[cfg(test)]
mod tests;
