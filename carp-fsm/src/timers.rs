//! Deadlines: one small array for each virtual host, one queue for the node.

use alloc::collections::BTreeSet;

use carp_proto::Family;

use crate::{HostId, Timestamp};

/// What a virtual host may be waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Timer {
    /// The next advert is due.
    Advertise,
    /// No master was heard over IPv4.
    MasterDownInet,
    /// No master was heard over IPv6.
    MasterDownInet6,
    /// The next round of announcements is due.
    Announce,
    /// The next step of a hand-over is due.
    HandOver,
    /// A minute has passed since somebody else last changed something.
    Quiet,
    /// A peer was not heard for three of its intervals.
    Peer,
}

impl Timer {
    const OF_ELECTION: [Self; 5] = [
        Self::Advertise,
        Self::MasterDownInet,
        Self::MasterDownInet6,
        Self::Announce,
        Self::HandOver,
    ];

    pub(crate) const ALL: [Self; Self::COUNT] = [
        Self::Advertise,
        Self::MasterDownInet,
        Self::MasterDownInet6,
        Self::Announce,
        Self::HandOver,
        Self::Quiet,
        Self::Peer,
    ];

    const COUNT: usize = 7;

    /// The master-down timer of `family` (`docs/carp-protocol.md §4.4`).
    pub(crate) const fn master_down(family: Family) -> Self {
        match family {
            Family::Inet => Self::MasterDownInet,
            Family::Inet6 => Self::MasterDownInet6,
        }
    }

    const fn index(self) -> usize {
        self as usize
    }
}

/// When a node wants to be called, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Deadline {
    /// When.
    pub at: Timestamp,
    /// For which virtual host.
    pub id: HostId,
    /// For which of its timers.
    pub timer: Timer,
}

/// The armed timers of one virtual host.
#[derive(Clone, Debug, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(from = "Saved", into = "Saved")
)]
pub(crate) struct Timers([Option<Timestamp>; Timer::COUNT]);

/// What is saved of them, the same in every version: all but [`Timer::Peer`], which follows from
/// the peers.
#[cfg(feature = "serde")]
type Saved = [Option<Timestamp>; 6];

#[cfg(feature = "serde")]
impl From<Saved> for Timers {
    fn from([advertise, inet, inet6, announce, hand_over, quiet]: Saved) -> Self {
        Self([advertise, inet, inet6, announce, hand_over, quiet, None])
    }
}

#[cfg(feature = "serde")]
impl From<Timers> for Saved {
    fn from(timers: Timers) -> Self {
        let [advertise, inet, inet6, announce, hand_over, quiet, _] = timers.0;
        [advertise, inet, inet6, announce, hand_over, quiet]
    }
}

impl Timers {
    pub(crate) fn get(&self, timer: Timer) -> Option<Timestamp> {
        self.0.get(timer.index()).copied().flatten()
    }
}

/// The armed timers of all, soonest first; arming and taking cost the logarithm of their number.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeadlineQueue(BTreeSet<Deadline>);

impl DeadlineQueue {
    pub(crate) fn first(&self) -> Option<Deadline> {
        self.0.first().copied()
    }

    /// What is due at `now`, most overdue first.
    pub(crate) fn due(&self, now: Timestamp) -> impl Iterator<Item = Deadline> {
        self.0.iter().copied().take_while(move |due| due.at <= now)
    }

    /// Arms `timer` for `at`, or disarms it.
    pub(crate) fn set(
        &mut self,
        timers: &mut Timers,
        id: HostId,
        timer: Timer,
        at: Option<Timestamp>,
    ) {
        let Some(slot) = timers.0.get_mut(timer.index()) else {
            return;
        };
        if let Some(at) = slot.take() {
            self.0.remove(&Deadline { at, id, timer });
        }
        if let Some(at) = at {
            *slot = Some(at);
            self.0.insert(Deadline { at, id, timer });
        }
    }

    /// Disarms every timer of the election; what others did is not forgotten.
    pub(crate) fn clear(&mut self, timers: &mut Timers, id: HostId) {
        for timer in Timer::OF_ELECTION {
            self.set(timers, id, timer, None);
        }
    }

    /// Disarms every timer.
    pub(crate) fn clear_all(&mut self, timers: &mut Timers, id: HostId) {
        for timer in Timer::ALL {
            self.set(timers, id, timer, None);
        }
    }
}
