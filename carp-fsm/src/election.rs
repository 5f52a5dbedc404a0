//! The comparison rules: who gives way to whom.
//!
//! Pure functions of what a node claims for itself and what it heard (`docs/carp-protocol.md
//! §4.3`). Where the kernels differ, [`Dialect`] has the rule; what follows from a verdict is
//! decided in `host`.

use core::fmt;

use crate::{Dialect, Interval};

/// What a node puts into its adverts and is compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Claim {
    /// How often it advertises; smaller is better.
    pub interval: Interval,
    /// How unwell it is (0–255); smaller is better, and weighs more than the interval. It is 0
    /// where the dialect has no such thing.
    pub demotion: u8,
}

/// The rule by which a master answers an advert (`docs/carp-protocol.md §4.3`, MASTER).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum MasterRule {
    /// The other node is better.
    Yield,
    /// It is as good, and nothing decides between the two: both yield.
    Tie,
    /// It is worse.
    Stay,
    /// It is going away. Nobody yields to that (ours): OpenBSD's rule would make a demoted master
    /// yield to the last word of a node that is leaving, and then nobody would be master.
    Leaving,
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
    /// What a master making this claim does about `heard`; `loses_tie` says who would win by the
    /// sources of the adverts, if these tell.
    ///
    /// Without demotions OpenBSD's rule is that of the others: own ≥ heard.
    pub(crate) fn as_master(
        self,
        dialect: Dialect,
        heard: Self,
        loses_tie: Option<bool>,
    ) -> MasterRule {
        if heard.interval.is_bow_out() {
            return MasterRule::Leaving;
        }
        if self == heard {
            return match (dialect.breaks_ties_by_source(), loses_tie) {
                (false, _) | (true, None) => MasterRule::Tie,
                (true, Some(true)) => MasterRule::Yield,
                (true, Some(false)) => MasterRule::Stay,
            };
        }
        let better = heard.demotion < self.demotion
            || (self.interval >= heard.interval && heard.demotion <= self.demotion);
        if better {
            MasterRule::Yield
        } else {
            MasterRule::Stay
        }
    }

    /// The first rule that matches when a backup making this claim hears `heard`.
    ///
    /// A bow-out is honoured by everybody, with advbase 0 too (ours): nobody else may take over
    /// before the node that has bowed out takes over again.
    pub(crate) fn as_backup(self, dialect: Dialect, heard: Self, preempt: bool) -> BackupRule {
        let has_rule_c = self.interval.advbase() != 0 || dialect.leaves_slow_masters_at_advbase_0();
        if preempt && self.interval < heard.interval && heard.demotion >= self.demotion {
            BackupRule::Preempt
        } else if heard.demotion > self.demotion {
            BackupRule::MoreDemoted
        } else if heard.interval.is_bow_out()
            || (has_rule_c && self.interval.is_tripled_still_faster_than(heard.interval))
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
