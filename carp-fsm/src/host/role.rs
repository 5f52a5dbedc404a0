//! The words of the transition table: roles, what happens to a virtual host, and what it sees
//! of the rest of the node.

use alloc::collections::VecDeque;
use core::time::Duration;

use crate::timers::{DeadlineQueue, Timer};
use crate::{Action, Event, Heard, Reason, Timestamp};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Role {
    Init,
    Backup,
    /// The addresses were asked for; MASTER begins when they are in place.
    Taking(Reason),
    Master,
    /// No longer master, but still answering data.
    Retiring {
        rest: Rest,
        stage: Stage,
    },
}

/// What a retiring host is otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Rest {
    Init,
    Backup,
}

/// How far a hand-over has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Stage {
    /// The bow-out waits until the addresses no longer speak.
    Silencing,
    /// The bow-out has left; the new master has not been heard.
    BowedOut { until: Timestamp },
    /// The new master has been heard.
    Overlap,
    /// The node was frozen and does not know whether there is a new master.
    Listening,
}

/// What can happen to a virtual host.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stimulus {
    /// The conditions to take part hold (§4.1).
    Start(Reason),
    /// The link is gone: nothing can be said, nobody can reach the addresses.
    Cut(Reason),
    /// It must leave in good order.
    Quit(Reason),
    /// It must leave at once, because what it is changes.
    Drop(Reason),
    /// A valid advert of another node.
    Heard(Heard),
    /// An advert for this vhid whose digest cannot be verified, at a host without addresses.
    Unverifiable,
    /// A timer ran out.
    Due { timer: Timer, planned: Timestamp },
    /// The last `Hold` asked for is in place.
    Held,
    /// The last `Hold` asked for could not be done.
    HoldFailed,
    /// The last `HandOver` asked for is in effect.
    Silenced,
    /// The addresses are in place from a former run.
    Adopted,
    /// The addresses have gone with their lease.
    Lapsed,
    /// `state master`.
    TakeOver,
    /// `state backup`.
    StepBack,
    /// Addresses, key or timers changed; the election goes on.
    Refresh,
    /// The demotion rose (§4.7).
    Demoted,
    /// The addresses are held no more, but will be again.
    Interrupted,
    /// What somebody else had changed is as it was.
    Mended,
    /// The node did nothing for so long that others must have taken it for dead.
    Woke { late: Duration },
}

/// The rest of the node, as far as a virtual host sees it.
#[derive(Debug)]
pub(crate) struct Surroundings<'a> {
    pub(crate) now: Timestamp,
    pub(crate) preempt: bool,
    pub(crate) manage_addresses: bool,
    /// The sum over the groups of the virtual host.
    pub(crate) demotion: i32,
    pub(crate) announce_every: Duration,
    pub(crate) lease: bool,
    /// Whether anybody is told who comes and goes, and anything is heard.
    pub(crate) tell_peers: bool,
    pub(crate) queue: &'a mut DeadlineQueue,
    pub(crate) actions: &'a mut VecDeque<Action>,
    pub(crate) events: &'a mut VecDeque<Event>,
}
