//! The comparison rules: who gives way to whom.
//!
//! Pure functions of what a node claims for itself and what it heard, by OpenBSD's rules
//! (`docs/carp-protocol.md §4.3`). What follows from a verdict is decided in `host`.

use core::fmt;

use crate::Interval;

/// What a node puts into its adverts and is compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Claim {
    /// How often it advertises; smaller is better.
    pub interval: Interval,
    /// How unwell it is (0–255); smaller is better, and weighs more than the interval.
    pub demotion: u8,
}

/// The rule by which a backup answers an advert (`docs/carp-protocol.md §4.3`, BACKUP a–d).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum BackupRule {
    /// a: preemption is on and this node advertises faster.
    Preempt,
    /// b: the other node is demoted further.
    MoreDemoted,
    /// c: the other node is going away.
    Leaving,
    /// d: the other node is a good master; wait on.
    Follow,
}

impl Claim {
    /// Whether a master making this claim yields to `heard` (§4.3, MASTER). Equal claims yield.
    ///
    /// Nobody yields to a bow-out: OpenBSD's rule would make a demoted master yield to the last
    /// word of a node that is leaving, and then nobody would be master.
    pub(crate) fn yields_to(self, heard: Self) -> bool {
        let better = heard.demotion < self.demotion
            || (self.interval >= heard.interval && heard.demotion <= self.demotion);
        better && !heard.interval.is_bow_out()
    }

    /// The first rule that matches when a backup making this claim hears `heard`.
    ///
    /// Rule c is not for advbase 0, as on OpenBSD, but a bow-out is honoured by everybody: nobody
    /// else may take over before the node that has bowed out takes over again.
    pub(crate) fn answer(self, heard: Self, preempt: bool) -> BackupRule {
        if preempt && self.interval < heard.interval && heard.demotion >= self.demotion {
            BackupRule::Preempt
        } else if heard.demotion > self.demotion {
            BackupRule::MoreDemoted
        } else if heard.interval.is_bow_out()
            || (self.interval.advbase() != 0
                && self.interval.is_tripled_still_faster_than(heard.interval))
        {
            BackupRule::Leaving
        } else {
            BackupRule::Follow
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.interval)?;
        if self.demotion != 0 {
            write!(f, " demoted by {}", self.demotion)?;
        }
        Ok(())
    }
}
