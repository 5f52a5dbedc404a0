//! One virtual host: its role, and what it does about each thing that happens to it.
//!
//! The whole transition table is in `table`, in the words of `role`; what it refers to is in
//! `backup`, `master` and `hand_over`. The rules of comparison are in `election`, where the
//! kernels differ in `dialect`, the arithmetic of time in `interval`; `lists` is what still counts
//! after a change of addresses, `peers` who is heard, `damage` what others do to it, `resume` how
//! it goes on in another process.
//!
//! A role is finer than the protocol's three states. A host on its way to MASTER is `Taking`
//! until the addresses are known to be in place, so that no advert precedes them; a host that
//! gave mastership up is `Retiring` while it still answers data, until the new master was heard.

mod backup;
mod damage;
mod hand_over;
mod lease;
mod lists;
mod master;
mod peers;
mod resume;
mod role;
mod sending;
mod strangers;
mod table;

use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use carp_proto::{Advertisement, Authenticator, Envelope, Family};

use crate::counters::Counters;
use crate::election::Claim;
use crate::history::History;
use crate::random::Random;
use crate::timers::{DeadlineQueue, Timer, Timers};
use crate::{
    Clock, Event, Facts, Heard, HostId, LastHeard, LinkId, LinkState, Reason, State, Timestamp,
    Transition, VirtualHost, Wait,
};

pub use damage::Trouble;
use lists::Previous;
pub(crate) use peers::Admitted;
pub use peers::Peer;
use role::{Rest, Role};
pub(crate) use role::{Stimulus, Surroundings};
pub(crate) use sending::Outcome;
pub use strangers::Stranger;
use strangers::Strangers;

#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) id: HostId,
    pub(crate) link: LinkId,
    pub(crate) config: VirtualHost,
    pub(crate) run: Run,
    authenticator: Authenticator,
    /// Those of the address lists before the last changes, as in `run.previous`.
    authenticators_before: Vec<Authenticator>,
    /// When it was last asked to hold the addresses for another lease.
    renewed: Option<Timestamp>,
    /// For how long that was to be. A slower node that is heard later makes it longer.
    leased: Option<Duration>,
    holds_under_way: u32,
    silences_under_way: u32,
    /// Whether the `Hold` under way only makes sure of what is there already.
    reassured: bool,
    /// Whether it has let go in this process: with that went what a former run had left, though the
    /// platform may have told of that before.
    has_let_go: bool,
    strangers: Strangers,
}

/// What a host has gone through: with its configuration, all that a successor in another process
/// goes on with. It holds no key.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Run {
    pub(crate) removing: bool,
    pub(crate) counters: Counters,
    /// After `state backup`: no rule but the loss of the other master makes it take over.
    pub(crate) held_back: bool,
    role: Role,
    /// Whether a master holds nothing until what somebody else has changed is mended.
    interrupted: bool,
    /// The address lists before the last changes, oldest first.
    #[cfg_attr(feature = "serde", serde(default, rename = "lists"))]
    previous: Vec<Previous>,
    /// The counter of its adverts: drawn once, then constant, so that a reflected advert is known
    /// for certain (`docs/carp-protocol.md §2.4`).
    cookie: u64,
    random: Random,
    timers: Timers,
    announced_from: Timestamp,
    announcements: usize,
    answered: Option<Timestamp>,
    /// When a frame last showed the switches where its link-layer address is.
    #[cfg_attr(feature = "serde", serde(default))]
    shown: Option<Timestamp>,
    /// The master that it follows, or yielded to, by family, and when it was last heard.
    followed: [Option<(Heard, Timestamp)>; 2],
    /// What its master-down timers were last armed with, by family.
    #[cfg_attr(feature = "serde", serde(default))]
    waits: [Option<Wait>; 2],
    /// The longest lease, in seconds, that another node that was heard needs.
    lease_for_peers: u64,
    /// Where its adverts leave from, by family, as far as is known.
    #[cfg_attr(feature = "serde", serde(default))]
    sources: [Option<IpAddr>; 2],
    /// The other nodes that were heard.
    #[cfg_attr(feature = "serde", serde(default))]
    peers: Vec<Peer>,
    sending: [sending::SendRecord; 2],
    incidents: damage::Incidents,
    last: Option<LastTransition>,
    #[cfg_attr(feature = "serde", serde(default))]
    history: History,
    /// Since when it listens: before that nobody can be missed.
    #[cfg_attr(feature = "serde", serde(default))]
    listens_since: Timestamp,
}

/// When and why a host became what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct LastTransition {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: Reason,
}

impl Host {
    pub(crate) fn new(id: HostId, link: LinkId, config: VirtualHost, seed: u64) -> Self {
        Self::with_run(id, link, config, Run::new(seed))
    }

    fn with_run(id: HostId, link: LinkId, config: VirtualHost, run: Run) -> Self {
        let before = |previous: &Previous| previous.authenticator(&config);
        Self {
            id,
            link,
            authenticator: config.authenticator(),
            authenticators_before: run.previous.iter().map(before).collect(),
            config,
            run,
            renewed: None,
            leased: None,
            holds_under_way: 0,
            silences_under_way: 0,
            reassured: false,
            has_let_go: false,
            strangers: Strangers::new(),
        }
    }

    /// Now that more is known of why it was taken down.
    pub(crate) fn correct(&mut self, reason: Reason) {
        if let Some(last) = &mut self.run.last
            && matches!(last.reason, Reason::TakenDown(_))
        {
            last.reason = reason;
            self.run.history.correct(reason);
        }
    }

    pub(crate) const fn last(&self) -> Option<LastTransition> {
        self.run.last
    }

    pub(crate) const fn state(&self) -> State {
        match self.run.role {
            Role::Init
            | Role::Retiring {
                rest: Rest::Init, ..
            } => State::Init,
            Role::Backup
            | Role::Taking(_)
            | Role::Retiring {
                rest: Rest::Backup, ..
            } => State::Backup,
            Role::Master => State::Master,
        }
    }

    /// Whether it asked for its addresses and has not let go of them.
    pub(crate) fn holds(&self) -> bool {
        match self.run.role {
            Role::Init | Role::Backup => false,
            Role::Taking(_) | Role::Master | Role::Retiring { .. } => true,
        }
    }

    /// Why it is about to become master, while it waits for its addresses.
    pub(crate) const fn taking_over(&self) -> Option<Reason> {
        match self.run.role {
            Role::Taking(reason) => Some(reason),
            Role::Init | Role::Backup | Role::Master | Role::Retiring { .. } => None,
        }
    }

    /// Whether it takes no part any more and holds nothing.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.run.role == Role::Init
    }

    /// Whether the conditions to leave INIT hold, the link being `link` (§4.1). OpenBSD wants an
    /// address too; here the election runs over an empty list.
    pub(crate) fn may_run(&self, link: LinkState) -> bool {
        self.config.is_enabled() && !self.run.removing && link == LinkState::Up
    }

    pub(crate) fn is_own(&self, advert: &Advertisement) -> bool {
        advert.counter == self.run.cookie
    }

    pub(crate) fn claim(&self, demotion: i32) -> Claim {
        self.config.claim(demotion)
    }

    fn has_addresses(&self, around: &Surroundings<'_>) -> bool {
        around.manage_addresses && !self.config.addresses().is_empty()
    }

    fn rest_in_init(&mut self, around: &mut Surroundings<'_>, reason: Reason) {
        around.queue.clear(&mut self.run.timers, self.id);
        self.set_role(around, Role::Init, reason);
    }

    fn set_role(&mut self, around: &mut Surroundings<'_>, role: Role, reason: Reason) {
        let from = self.state();
        self.run.role = role;
        self.run.interrupted = false;
        let to = self.state();
        if from != to {
            let at = around.now;
            self.run.counters.transitions += 1;
            let facts = self.facts(around, reason);
            self.run.last = Some(LastTransition { at, reason });
            self.run.history.push(Transition {
                at,
                from,
                to,
                reason,
                facts,
            });
            around.events.push_back(Event::Transition {
                id: self.id,
                from,
                to,
                reason,
                facts,
            });
        }
    }

    /// What it goes by at the moment, where it changes its state because of `reason`.
    fn facts(&self, around: &Surroundings<'_>, reason: Reason) -> Facts {
        let lease = || {
            let since = self.renewed?;
            let length = self.lease();
            let wait = Wait { since, length };
            Some(Clock { wait, heard: None })
        };
        Facts {
            own: self.claim(around.demotion),
            demotion: around.demotion,
            preempt: around.preempt,
            clock: match reason {
                Reason::MasterDown(family) => self.clock(family),
                Reason::Lapsed => lease(),
                Reason::Configured
                | Reason::Yielded(_)
                | Reason::Preempted(_)
                | Reason::MoreDemoted(_)
                | Reason::Leaving(_)
                | Reason::Command(_)
                | Reason::Link(_)
                | Reason::Stopped
                | Reason::HoldFailed
                | Reason::Frozen(_)
                | Reason::ConfiguredElsewhere
                | Reason::TakenDown(_) => None,
            },
        }
    }

    /// The master-down timer of `family`, as it was last armed.
    fn clock(&self, family: Family) -> Option<Clock> {
        let [inet, inet6] = self.run.waits;
        let wait = match family {
            Family::Inet => inet,
            Family::Inet6 => inet6,
        }?;
        let heard = self.followed(family);
        Some(Clock { wait, heard })
    }

    /// The master that it last followed over `family`, or yielded to.
    pub(crate) fn followed(&self, family: Family) -> Option<LastHeard> {
        let [inet, inet6] = self.run.followed;
        let (heard, at) = match family {
            Family::Inet => inet,
            Family::Inet6 => inet6,
        }?;
        Some(LastHeard { heard, at })
    }

    /// The master-down timer of `family`, while it runs.
    pub(crate) fn waits_for(&self, family: Family) -> Option<Clock> {
        let is_running = self.run.timers.get(Timer::master_down(family)).is_some();
        self.clock(family).filter(|_| is_running)
    }

    pub(crate) const fn history(&self) -> &History {
        &self.run.history
    }

    fn arm(&mut self, around: &mut Surroundings<'_>, timer: Timer, after: Option<Duration>) {
        if let Some(length) = after {
            let since = around.now;
            let wait = Some(Wait { since, length });
            let [inet, inet6] = &mut self.run.waits;
            match timer {
                Timer::MasterDownInet => *inet = wait,
                Timer::MasterDownInet6 => *inet6 = wait,
                Timer::Advertise | Timer::Announce | Timer::HandOver => {}
                Timer::Quiet | Timer::Peer => {}
            }
        }
        let at = after.map(|after| around.now + after);
        around.queue.set(&mut self.run.timers, self.id, timer, at);
    }

    /// Disarms `timer`, which is due.
    pub(crate) fn disarm_due(&mut self, queue: &mut DeadlineQueue, timer: Timer) {
        queue.set(&mut self.run.timers, self.id, timer, None);
    }

    pub(crate) fn disarm_all(&mut self, queue: &mut DeadlineQueue) {
        queue.clear_all(&mut self.run.timers, self.id);
    }

    /// Whether it hears what `envelope` describes (§3): a host that is down hears nothing, unless
    /// it still waits for the new master. A family that only a list before a change has is heard
    /// (*ours*): a master with such a list may speak no other.
    pub(crate) fn hears(&self, now: Timestamp, envelope: &Envelope) -> bool {
        let listens = self.config.is_enabled() || !self.is_at_rest();
        let (family, dialect) = (envelope.family(), self.config.dialect());
        listens
            && dialect.hears_destination(envelope, self.config.is_unicast(family))
            && (!dialect.wants_address_of_family() || self.expects(now, family))
    }

    /// Whether adverts to it may have come through routers, whatever their hop limit (§3, item 2).
    pub(crate) fn hears_through_routers(&self, envelope: &Envelope) -> bool {
        self.config.dialect().hears_through_routers()
            && self.config.is_unicast(envelope.family())
            && envelope.is_unicast()
    }
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        Self {
            removing: false,
            counters: Counters::default(),
            held_back: false,
            role: Role::Init,
            interrupted: false,
            previous: Vec::new(),
            cookie: random.next(),
            random,
            timers: Timers::default(),
            announced_from: Timestamp::ZERO,
            announcements: master::ANNOUNCEMENTS.len(),
            answered: None,
            shown: None,
            followed: [None; 2],
            waits: [None; 2],
            lease_for_peers: 0,
            sources: [None; 2],
            peers: Vec::new(),
            sending: [sending::SendRecord::default(); 2],
            incidents: damage::Incidents::default(),
            last: None,
            history: History::default(),
            listens_since: Timestamp::ZERO,
        }
    }
}

#[cfg(test)]
mod tests;
