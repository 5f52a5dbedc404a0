//! What became of a virtual host, and what it knew when that was decided: enough to say afterwards
//! why it is what it is.

use alloc::collections::VecDeque;
use core::time::Duration;

use crate::{Claim, Heard, Reason, State, Timestamp};

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Transition {
    /// When.
    pub at: Timestamp,
    /// The state before.
    pub from: State,
    /// The state from then on.
    pub to: State,
    /// The rule, and the advert that it was applied to, if it was one.
    pub reason: Reason,
    /// What else it went by.
    pub facts: Facts,
}

/// What a virtual host went by when it changed its state, beside the [`Reason`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Facts {
    /// What it claimed itself.
    pub own: Claim,
    /// How unwell its node was, before any cap (`docs/carp-protocol.md §5.2`).
    pub demotion: i32,
    /// Whether preemption was on.
    pub preempt: bool,
    /// The clock that decided, where one did.
    pub clock: Option<Clock>,
}

/// A clock that has run out: the master-down timer ([`Reason::MasterDown`]), or the lease
/// ([`Reason::Lapsed`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Clock {
    /// What was waited for.
    pub wait: Wait,
    /// The last advert that would have gone on with it, if there ever was one.
    pub heard: Option<LastHeard>,
}

/// A span of time that something has to happen within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Wait {
    /// When it last began anew.
    pub since: Timestamp,
    /// How long it is.
    pub length: Duration,
}

/// An advert, and when it was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LastHeard {
    /// What was heard.
    pub heard: Heard,
    /// When.
    pub at: Timestamp,
}

/// The last changes of state, oldest first.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct History(VecDeque<Transition>);

impl History {
    pub(crate) fn push(&mut self, transition: Transition) {
        if self.0.len() >= MOST_TRANSITIONS {
            self.0.pop_front();
        }
        self.0.push_back(transition);
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Transition> + ExactSizeIterator {
        self.0.iter()
    }

    /// Now that more is known of why the last one was.
    pub(crate) fn correct(&mut self, reason: Reason) {
        if let Some(last) = self.0.back_mut() {
            last.reason = reason;
        }
    }
}

/// How many are remembered.
const MOST_TRANSITIONS: usize = 16;
