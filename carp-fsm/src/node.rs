//! A node: all virtual hosts of one machine, and what couples them.
//!
//! Routes packets, timers and commands to the virtual host they concern, and keeps what they
//! share: the preempt switch, demotion, links and counters.

use alloc::borrow::ToOwned as _;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::time::Duration;

use carp_proto::{Advertisement, Envelope, HOP_LIMIT, Vhid, VirtualAddress, checksum_is_valid};

use crate::counters::{Counters, Refusal};
use crate::demotion::{Ailment, CARP, Demotion, Demotions, Owner};
use crate::host::{Host, Stimulus, Surroundings};
use crate::random::Random;
use crate::timers::{Deadline, DeadlineQueue, Timer};
use crate::{
    Action, Command, Damage, Event, Heard, HostId, Input, Interval, LastTransition, LinkId,
    LinkState, NodeConfig, Reason, State, TakenDown, Timestamp, Trouble, VirtualHost,
};

/// The election of one machine: who is master, when, and what to do about it.
///
/// See the [crate documentation](crate) for the contract and a complete loop.
#[derive(Clone, Debug)]
pub struct Node {
    config: NodeConfig,
    hosts: BTreeMap<HostId, Host>,
    by_vhid: BTreeMap<(LinkId, u8), HostId>,
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

/// A virtual host as it stands.
#[derive(Clone, Copy, Debug)]
pub struct HostView<'a> {
    host: &'a Host,
}

/// A virtual host that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Another virtual host of this node has the vhid on the same link.
    #[error("vhid {vhid} is in use on this carpdev")]
    VhidInUse {
        /// The vhid.
        vhid: Vhid,
        /// Who has it.
        by: HostId,
    },
    /// There is no such virtual host (any more).
    #[error("no such virtual host")]
    UnknownHost,
    /// The node is stopping.
    #[error("the node is stopping")]
    Stopping,
}

impl Node {
    /// A node without virtual hosts. `seed` should differ between nodes and starts; equal seeds
    /// and inputs give equal outputs.
    pub fn new(config: NodeConfig, seed: u64) -> Self {
        Self {
            config,
            hosts: BTreeMap::new(),
            by_vhid: BTreeMap::new(),
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

    /// Adds a virtual host on `link`; it takes part at once, as a backup.
    ///
    /// # Errors
    ///
    /// [`ConfigError::VhidInUse`] where `link` has the vhid already, [`ConfigError::Stopping`]
    /// after [`Input::Stop`].
    pub fn add(
        &mut self,
        now: Timestamp,
        link: LinkId,
        host: VirtualHost,
    ) -> Result<HostId, ConfigError> {
        self.advance(now);
        if self.stopping {
            return Err(ConfigError::Stopping);
        }
        self.check_vhid(None, link, host.vhid())?;
        let id = HostId(self.next_id);
        self.next_id += 1;
        self.by_vhid.insert((link, host.vhid().get()), id);
        let seed = self.random.next();
        self.hosts.insert(id, Host::new(id, link, host, seed));
        self.start(id, Reason::Configured);
        self.update_link_demotion(id);
        Ok(id)
    }

    /// Makes a virtual host what `host` says, on `link`.
    ///
    /// Another vhid, link or link-layer address, a first address or none any more begin the
    /// election anew; anything else goes on where it is.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add), and [`ConfigError::UnknownHost`]; nothing is changed then.
    pub fn change(
        &mut self,
        now: Timestamp,
        id: HostId,
        link: LinkId,
        host: VirtualHost,
    ) -> Result<(), ConfigError> {
        self.advance(now);
        if self.stopping {
            return Err(ConfigError::Stopping);
        }
        self.check_vhid(Some(id), link, host.vhid())?;
        let old = self.hosts.get(&id).ok_or(ConfigError::UnknownHost)?;
        if old.removing {
            return Err(ConfigError::UnknownHost);
        }
        if old.link == link && old.config == host {
            return Ok(());
        }
        let anew = old.link != link
            || old.config.vhid() != host.vhid()
            || old.config.link_address() != host.link_address()
            || old.config.addresses().is_empty() != host.addresses().is_empty();
        let before = (old.link, old.config.vhid().get());
        let enabled = host.is_enabled();
        if anew {
            self.step(id, Stimulus::Drop(Reason::Configured));
        }
        self.by_vhid.remove(&before);
        self.by_vhid.insert((link, host.vhid().get()), id);
        if let Some(old) = self.hosts.get_mut(&id) {
            old.become_configured(self.now, link, host);
        }
        if enabled {
            if !anew {
                self.step(id, Stimulus::Refresh);
            }
            self.start(id, Reason::Configured);
        } else {
            self.step(id, Stimulus::Quit(Reason::Command(Command::Down)));
        }
        self.update_link_demotion(id);
        Ok(())
    }

    /// Removes a virtual host: it bows out and hands over like `down`. [`Event::Removed`] says
    /// when nothing is left of it; until then its vhid stays in use.
    ///
    /// # Errors
    ///
    /// [`ConfigError::UnknownHost`].
    pub fn remove(&mut self, now: Timestamp, id: HostId) -> Result<(), ConfigError> {
        self.advance(now);
        let host = self.hosts.get_mut(&id).ok_or(ConfigError::UnknownHost)?;
        host.removing = true;
        self.step(id, Stimulus::Quit(Reason::Stopped));
        self.update_link_demotion(id);
        self.reap(id);
        Ok(())
    }

    /// Takes in something that happened at `now`.
    pub fn handle(&mut self, now: Timestamp, input: Input) {
        self.advance(now);
        match input {
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
            Input::Sent { id, family } => self.sent(id, family, true),
            Input::SendFailed { id, family } => self.sent(id, family, false),
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
    /// Checks in the order of `docs/carp-protocol.md §3`: link, hop limit, length, checksum, vhid
    /// and destination, version, digest, own cookie. A packet that fails one changes a counter
    /// and nothing else. Returns what was done with it.
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
        match self.admit(link, envelope, bytes) {
            Ok((id, heard)) => {
                if let Some(host) = self.hosts.get_mut(&id) {
                    host.note_pace(heard);
                }
                self.step(id, Stimulus::Heard(heard));
                Ok(())
            }
            Err((id, refusal)) => {
                refusal.count(&mut self.counters);
                if let Some(host) = id.and_then(|id| self.hosts.get_mut(&id)) {
                    refusal.count(&mut host.counters);
                }
                Err(refusal)
            }
        }
    }

    /// Does everything that is due at `now`. Calling it early is harmless.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.advance(now);
        while let Some(due) = self.queue.first().filter(|due| due.at <= self.now) {
            let Some(host) = self.hosts.get_mut(&due.id) else {
                break; // the queue holds timers of living hosts only
            };
            host.disarm_due(&mut self.queue, due.timer);
            if due.timer == Timer::Quiet {
                self.quieted(due.id);
                continue;
            }
            let stimulus = Stimulus::Due {
                timer: due.timer,
                planned: due.at,
            };
            self.step(due.id, stimulus);
        }
    }

    /// The next thing to do, in order.
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
            .get(&id)
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
        let host = self.hosts.get(&id).filter(|_| self.config.lease)?;
        Some(host.lease())
    }

    /// A virtual host as it stands.
    pub fn host(&self, id: HostId) -> Option<HostView<'_>> {
        self.hosts.get(&id).map(|host| HostView { host })
    }

    /// All virtual hosts, oldest first.
    pub fn hosts(&self) -> impl Iterator<Item = HostView<'_>> {
        self.hosts.values().map(|host| HostView { host })
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

    /// The demotion that goes into the adverts (0–255).
    pub fn demotion(&self) -> u8 {
        self.demotions.byte()
    }

    /// The counters of the whole node.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whether [`Input::Stop`] was given and every address has been let go of.
    pub fn is_stopped(&self) -> bool {
        self.stopping && self.hosts.values().all(Host::is_at_rest)
    }

    // ---- packets ----

    /// The checks of §3, cheapest first; the host is named where it is known.
    fn admit(
        &mut self,
        link: LinkId,
        envelope: &Envelope,
        bytes: &[u8],
    ) -> Result<(HostId, Heard), (Option<HostId>, Refusal)> {
        let refused = |refusal| (None, refusal);
        if !self.carries(link) {
            return Err(refused(Refusal::BadInterface));
        }
        if envelope.hop_limit != HOP_LIMIT {
            return Err(refused(Refusal::BadHopLimit));
        }
        let advert = Advertisement::decode(bytes).map_err(|_| refused(Refusal::BadLength))?;
        if !checksum_is_valid(bytes, envelope) {
            return Err(refused(Refusal::BadChecksum));
        }
        let id = self.by_vhid.get(&(link, advert.vhid)).copied();
        let host = id
            .and_then(|id| self.hosts.get_mut(&id))
            .filter(|host| host.hears(envelope))
            .ok_or_else(|| refused(Refusal::BadVhid))?;
        let id = host.id;
        host.counters.received(envelope.family());
        if advert.version != Advertisement::VERSION {
            return Err((Some(id), Refusal::BadVersion));
        }
        if !host.verifies(self.now, &advert) {
            if host.config.addresses().is_empty() {
                // A node that has addresses has this vhid; this one must not get in its way.
                self.step(id, Stimulus::Unverifiable);
            }
            return Err((Some(id), Refusal::BadDigest));
        }
        if host.is_own(&advert) {
            return Err((Some(id), Refusal::Reflected));
        }
        let heard = Heard {
            source: envelope.source,
            claim: crate::Claim {
                interval: Interval::of(&advert),
                demotion: advert.demotion,
            },
        };
        Ok((id, heard))
    }

    fn carries(&self, link: LinkId) -> bool {
        self.by_vhid
            .range((link, 0)..=(link, u8::MAX))
            .next()
            .is_some()
    }

    // ---- commands and links ----

    fn command(&mut self, id: HostId, command: Command) {
        let Some(host) = self.hosts.get_mut(&id) else {
            return;
        };
        match command {
            Command::Up => {
                host.config.set_enabled(true);
                host.held_back = false;
                self.start(id, Reason::Command(command));
            }
            Command::Down => {
                host.config.set_enabled(false);
                self.step(id, Stimulus::Quit(Reason::Command(command)));
            }
            Command::Master => {
                host.held_back = false;
                self.step(id, Stimulus::TakeOver);
            }
            Command::Backup => {
                host.held_back = host.state() != State::Init;
                self.step(id, Stimulus::StepBack);
            }
        }
        self.update_link_demotion(id);
    }

    fn link_changed(&mut self, link: LinkId, state: LinkState) {
        if self.links.insert(link, state) == Some(state) {
            return;
        }
        let on_link: Vec<HostId> = self
            .by_vhid
            .range((link, 0)..=(link, u8::MAX))
            .map(|(_, id)| *id)
            .collect();
        for id in &on_link {
            if state == LinkState::Up {
                self.start(*id, Reason::Link(state));
            } else {
                self.step(*id, Stimulus::Cut(Reason::Link(state)));
            }
        }
        for id in on_link {
            self.update_link_demotion(id);
            self.reap(id);
        }
    }

    fn start(&mut self, id: HostId, reason: Reason) {
        let Some(host) = self.hosts.get(&id) else {
            return;
        };
        if host.may_run(self.link_state(host.link)) {
            self.step(id, Stimulus::Start(reason));
        }
    }

    fn stop(&mut self) {
        self.stopping = true;
        for id in self.all() {
            if let Some(host) = self.hosts.get_mut(&id) {
                host.config.set_enabled(false);
            }
            self.step(id, Stimulus::Quit(Reason::Stopped));
        }
    }

    // ---- what others do ----

    fn hold_answered(&mut self, id: HostId, held: bool) {
        self.with(id, |host, around| host.hold_answered(around, held));
        let is_master = |host: &Host| host.state() == State::Master;
        if held {
            self.ail(id, Ailment::Hold, false);
        } else if self.hosts.get(&id).is_some_and(is_master) {
            self.ail(id, Ailment::Hold, true);
        }
    }

    /// A demotion that lasts as long as the damage. The others are told with the next advert; at
    /// once where the damage cannot be mended or keeps everything from this node. A lost address is
    /// back before either.
    fn damaged(&mut self, id: HostId, damage: Damage) {
        let Some(host) = self.hosts.get_mut(&id) else {
            return;
        };
        let before = host.counters.incidents;
        let too_many = host.damaged(self.now, &mut self.queue, damage);
        self.counters.incidents += host.counters.incidents - before;
        self.events.push_back(Event::Damaged { id, damage });
        if damage != Damage::Address {
            self.set_demotion(CARP, Owner::Host(id, Ailment::Damage(damage)), 1);
        }
        if damage == Damage::LinkAddress {
            self.step(id, Stimulus::Interrupted);
            self.tell_demotion();
        }
        if too_many {
            self.ail(id, Ailment::Restless, true);
        }
    }

    fn mended(&mut self, id: HostId) {
        if let Some(damage) = self.hosts.get_mut(&id).and_then(Host::mended) {
            self.events.push_back(Event::Mended { id, damage });
        }
        self.forget_damage(id);
        self.step(id, Stimulus::Mended);
    }

    fn not_mended(&mut self, id: HostId) {
        let trouble = self.hosts.get(&id).and_then(Host::trouble);
        if let Some(trouble) = trouble.filter(|trouble| !trouble.mended) {
            let owner = Owner::Host(id, Ailment::Damage(trouble.damage));
            self.set_demotion(CARP, owner, 1);
            self.tell_demotion();
        }
    }

    fn forget_damage(&mut self, id: HostId) {
        for damage in [Damage::Address, Damage::LinkAddress, Damage::Inet6Disabled] {
            self.ail(id, Ailment::Damage(damage), false);
        }
    }

    fn quieted(&mut self, id: HostId) {
        if let Some(host) = self.hosts.get_mut(&id) {
            host.quieted();
        }
        self.ail(id, Ailment::Restless, false);
    }

    /// Like `down`, but there is nothing left to hand over. What is set down may turn out to be
    /// deleted.
    fn taken_down(&mut self, id: HostId, how: TakenDown) {
        if let Some(host) = self.hosts.get_mut(&id) {
            host.config.set_enabled(false);
            host.correct(Reason::TakenDown(how));
        }
        self.step(id, Stimulus::Drop(Reason::TakenDown(how)));
        self.update_link_demotion(id);
    }

    fn set_lease(&mut self, lease: bool) {
        if core::mem::replace(&mut self.config.lease, lease) != lease {
            for id in self.all() {
                self.with(id, Host::reassure);
            }
        }
    }

    // ---- demotion ----

    fn demote(&mut self, group: &str, owner: Owner, amount: u8) {
        let before = self.demotions.byte();
        self.set_demotion(group, owner, amount);
        if self.demotions.byte() > before {
            self.tell_demotion();
        }
    }

    /// Without telling the others at once.
    fn set_demotion(&mut self, group: &str, owner: Owner, amount: u8) {
        if self.demotions.set(group, &owner, amount) {
            self.events.push_back(Event::Demoted {
                group: group.to_owned(),
                owner,
                total: self.demotions.total(group),
            });
        }
    }

    fn tell_demotion(&mut self) {
        for id in self.all() {
            self.step(id, Stimulus::Demoted);
        }
    }

    /// A virtual host demotes the node by 1 for as long as `ails`.
    fn ail(&mut self, id: HostId, ailment: Ailment, ails: bool) {
        self.demote(CARP, Owner::Host(id, ailment), u8::from(ails));
    }

    /// A virtual host that should run but whose link is gone demotes the node by 1 (§4.7).
    fn update_link_demotion(&mut self, id: HostId) {
        let gone = self.hosts.get(&id).is_some_and(|host| {
            host.config.is_enabled()
                && !host.removing
                && self.link_state(host.link) != LinkState::Up
        });
        self.ail(id, Ailment::Carpdev, gone);
    }

    /// Three send errors in a row demote the node by 1, three successes undo it (§4.7).
    fn sent(&mut self, id: HostId, family: carp_proto::Family, well: bool) {
        if well {
            self.counters.sent(family);
        } else {
            self.counters.oerrors += 1;
        }
        let Some(host) = self.hosts.get_mut(&id) else {
            return;
        };
        if let Some(demoting) = host.sent(family, well) {
            self.ail(id, Ailment::SendErrors(family), demoting);
        }
        if well {
            self.with(id, Host::renew);
        }
    }

    // ---- plumbing ----

    /// Every input comes through here first, so that a freeze is noticed before anything is done
    /// about what has piled up meanwhile.
    fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        let frozen = |due: &Deadline| {
            let host = self.hosts.get(&due.id)?;
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
            self.step(id, Stimulus::Woke { late });
        }
    }

    fn note_freeze(&mut self, late: Duration) {
        self.counters.freezes += 1;
        self.events.push_back(Event::Frozen(late));
    }

    fn all(&self) -> Vec<HostId> {
        self.hosts.keys().copied().collect()
    }

    fn check_vhid(&self, own: Option<HostId>, link: LinkId, vhid: Vhid) -> Result<(), ConfigError> {
        match self.by_vhid.get(&(link, vhid.get())) {
            Some(&by) if own != Some(by) => Err(ConfigError::VhidInUse { vhid, by }),
            _ => Ok(()),
        }
    }

    fn step(&mut self, id: HostId, stimulus: Stimulus) {
        self.with(id, |host, around| host.step(around, stimulus));
    }

    fn with(&mut self, id: HostId, act: impl FnOnce(&mut Host, &mut Surroundings<'_>)) {
        let demotion = self.demotions.byte();
        let Some(host) = self.hosts.get_mut(&id) else {
            return;
        };
        let masterships = host.counters.preempt;
        let mut around = Surroundings {
            now: self.now,
            preempt: self.config.preempt,
            manage_addresses: self.config.manage_addresses,
            demotion,
            announce_every: self.config.announce_every,
            lease: self.config.lease,
            queue: &mut self.queue,
            actions: &mut self.actions,
            events: &mut self.events,
        };
        act(host, &mut around);
        self.counters.preempt += host.counters.preempt - masterships;
        self.reap(id);
    }

    /// Forgets a virtual host that was to be removed and holds nothing any more.
    fn reap(&mut self, id: HostId) {
        let done = |host: &Host| host.removing && host.is_at_rest();
        if self.hosts.get(&id).is_some_and(done)
            && let Some(mut host) = self.hosts.remove(&id)
        {
            host.disarm_all(&mut self.queue);
            self.by_vhid.remove(&(host.link, host.config.vhid().get()));
            for family in carp_proto::Family::ALL {
                self.ail(id, Ailment::SendErrors(family), false);
            }
            self.ail(id, Ailment::Hold, false);
            self.ail(id, Ailment::Restless, false);
            self.forget_damage(id);
            self.events.push_back(Event::Removed { id });
        }
    }
}

impl<'a> HostView<'a> {
    /// Its name.
    pub const fn id(&self) -> HostId {
        self.host.id
    }

    /// The link it runs on.
    pub const fn link(&self) -> LinkId {
        self.host.link
    }

    /// Its state.
    pub const fn state(&self) -> State {
        self.host.state()
    }

    /// What it is told to be.
    pub const fn config(&self) -> &'a VirtualHost {
        &self.host.config
    }

    /// Whether it holds its addresses, or has asked for them.
    pub fn holds(&self) -> bool {
        self.host.holds() && !self.host.config.addresses().is_empty()
    }

    /// Whether `state backup` keeps it from taking over.
    pub const fn is_held_back(&self) -> bool {
        self.host.held_back
    }

    /// When and why it became what it is; `None` while it has never changed.
    pub const fn last_transition(&self) -> Option<LastTransition> {
        self.host.last()
    }

    /// The last thing that somebody else changed on it, until a minute after it was mended.
    pub const fn trouble(&self) -> Option<Trouble> {
        self.host.trouble()
    }

    /// Its own counters.
    pub const fn counters(&self) -> &'a Counters {
        &self.host.counters
    }
}

mod resume;
#[cfg(test)]
mod tests;
