//! What somebody else does to what a host needs: counted by incident, with a budget.
//!
//! One change is mended and forgotten after a minute. Who keeps changing things has a reason;
//! then another node may do better.

use alloc::collections::VecDeque;
use core::time::Duration;

use super::Host;
use crate::timers::DeadlineQueue;
use crate::{Damage, Timer, Timestamp};

/// All that happens within this time is one incident.
const ONE_INCIDENT: Duration = Duration::from_secs(1);

/// So many incidents within [`MEMORY`] demote the node, until there is none for so long.
const BUDGET: usize = 10;
pub(super) const MEMORY: Duration = Duration::from_secs(60);

/// The last thing that somebody else changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Trouble {
    /// What.
    pub damage: Damage,
    /// When.
    pub at: Timestamp,
    /// Whether it is as it was.
    pub mended: bool,
}

/// The incidents of the last minute.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Incidents {
    began: VecDeque<Timestamp>,
    last: Option<Trouble>,
}

impl Incidents {
    /// Whether there is anything to forget after a quiet minute: whoever remembers when one began
    /// knows the last one, too.
    pub(super) const fn is_any(&self) -> bool {
        self.last.is_some()
    }
}

impl Host {
    /// Takes note of damage. Returns whether it is the one too many.
    pub(crate) fn damaged(
        &mut self,
        now: Timestamp,
        queue: &mut DeadlineQueue,
        damage: Damage,
    ) -> bool {
        let began = &mut self.run.incidents.began;
        if began.back().is_none_or(|last| now - *last >= ONE_INCIDENT) {
            self.run.counters.incidents += 1;
            began.push_back(now);
        }
        while began.len() > BUDGET || began.front().is_some_and(|first| now - *first > MEMORY) {
            began.pop_front();
        }
        let too_many = began.len() == BUDGET;
        self.run.incidents.last = Some(Trouble {
            damage,
            at: now,
            mended: false,
        });
        queue.set(
            &mut self.run.timers,
            self.id,
            Timer::Quiet,
            Some(now + MEMORY),
        );
        too_many
    }

    /// Takes note that everything is as it was; returns what was not, if anything.
    pub(crate) fn mended(&mut self) -> Option<Damage> {
        let last = self
            .run
            .incidents
            .last
            .as_mut()
            .filter(|last| !last.mended)?;
        last.mended = true;
        Some(last.damage)
    }

    /// After a quiet minute. What could not be mended is not forgotten.
    pub(crate) fn quieted(&mut self) {
        self.run.incidents.began.clear();
        self.run.incidents.last.take_if(|last| last.mended);
    }

    /// The last thing that somebody else changed, for a minute after it was mended.
    pub(crate) const fn trouble(&self) -> Option<Trouble> {
        self.run.incidents.last
    }
}
