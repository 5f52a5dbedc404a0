//! A virtual host, as somebody outside may look at it.

use carp_proto::Family;

use crate::counters::Counters;
use crate::host::Host;
use crate::{
    Claim, Clock, HostId, LastHeard, LastTransition, LinkId, Peer, Reason, State, Stranger,
    Transition, Trouble, VirtualHost,
};

/// A virtual host as it stands.
#[derive(Clone, Copy, Debug)]
pub struct HostView<'a> {
    pub(super) host: &'a Host,
    pub(super) demotion: i32,
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
        self.host.run.held_back
    }

    /// When and why it became what it is; `None` while it has never changed.
    pub const fn last_transition(&self) -> Option<LastTransition> {
        self.host.last()
    }

    /// Why it is about to become master, while it waits for its addresses.
    pub const fn taking_over(&self) -> Option<Reason> {
        self.host.taking_over()
    }

    /// The last thing that somebody else changed on it, until a minute after it was mended.
    pub const fn trouble(&self) -> Option<Trouble> {
        self.host.trouble()
    }

    /// How unwell its node is, the sum over its groups, before any cap
    /// (`docs/carp-protocol.md §5.2`).
    pub const fn demotion(&self) -> i32 {
        self.demotion
    }

    /// The other nodes that were heard, at most 16: those heard last.
    pub fn peers(&self) -> &'a [Peer] {
        self.host.peers()
    }

    /// Those whose packets were all refused, at most 16: those that came last, oldest first. Anybody
    /// can be among them, under any name.
    pub fn strangers(&self) -> impl DoubleEndedIterator<Item = &'a Stranger> + use<'a> {
        self.host.strangers().iter()
    }

    /// Its last changes of state, at most 16, oldest first.
    pub fn transitions(&self) -> impl DoubleEndedIterator<Item = &'a Transition> + use<'a> {
        self.host.history().iter()
    }

    /// The master that it last followed over `family`, or yielded to.
    pub fn followed(&self, family: Family) -> Option<LastHeard> {
        self.host.followed(family)
    }

    /// The master-down timer of `family`, while it runs: a backup takes over when it has run out.
    pub fn master_down(&self, family: Family) -> Option<Clock> {
        self.host.waits_for(family)
    }

    /// What it claims at the moment.
    pub fn claim(&self) -> Claim {
        self.host.claim(self.demotion)
    }

    /// Its own counters.
    pub const fn counters(&self) -> &'a Counters {
        &self.host.run.counters
    }
}
