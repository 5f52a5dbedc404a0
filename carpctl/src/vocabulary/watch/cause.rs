//! Why a state changed, as data: the rule, what it was applied to, and the clock that decided.

use std::net::IpAddr;
use std::time::Duration;

use carp_net::carp_fsm::{self, Facts, Reason};
use jiff::{SignedDuration, Timestamp, Unit};
use serde::{Deserialize, Serialize};

/// Why a state changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cause {
    /// The name of the rule, for programs.
    pub(crate) rule: String,
    /// Its section of `docs/carp-protocol.md`; `None` where it is ours alone.
    pub(crate) section: Option<String>,
    /// The rule and what it was applied to, in words.
    pub(crate) reason: String,
    /// The advert that it was applied to, if it was one.
    pub(crate) heard: Option<Heard>,
    /// What this node claimed itself.
    pub(crate) own: Claim,
    /// How unwell this node was.
    pub(crate) demotion: i32,
    /// Whether preemption was on.
    pub(crate) preempt: bool,
    /// The clock that had run out, if one had.
    pub(crate) clock: Option<Clock>,
}

/// What a node puts into its adverts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claim {
    pub(crate) advbase: u8,
    pub(crate) advskew: u8,
    pub(crate) demotion: u8,
}

/// An advert of another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Heard {
    pub(crate) source: IpAddr,
    #[serde(flatten)]
    pub(crate) claim: Claim,
}

/// An advert of another node, and when it was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastAdvert {
    pub(crate) time: Timestamp,
    #[serde(flatten)]
    pub(crate) heard: Heard,
}

/// A clock: what was waited for, since when, and how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Clock {
    /// `master_down` or `lease`.
    pub(crate) timer: String,
    /// The family whose adverts are waited for: `inet` or `inet6`.
    pub(crate) family: Option<String>,
    /// When it last began anew.
    pub(crate) since: Timestamp,
    pub(crate) length_us: u64,
    /// The last advert of the master, if one was ever heard.
    pub(crate) last_advert: Option<LastAdvert>,
}

/// A moment by both clocks, to tell by the one on the wall what happened by the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) wall: Timestamp,
    pub(crate) node: carp_fsm::Timestamp,
}

impl Moment {
    /// The moment that it is, `node` by the clock of the node.
    pub(crate) fn now(node: carp_fsm::Timestamp) -> Self {
        let wall = Timestamp::now();
        Self { wall, node }
    }

    /// When it was `then`, to the microsecond.
    pub(crate) fn wall(self, then: carp_fsm::Timestamp) -> Timestamp {
        let ago = SignedDuration::try_from(self.node - then).unwrap_or(SignedDuration::MAX);
        let time = self.wall.checked_sub(ago).unwrap_or(Timestamp::MIN);
        time.round(Unit::Microsecond).unwrap_or(time)
    }
}

impl Cause {
    pub(crate) fn new(now: Moment, reason: &Reason, facts: &Facts) -> Self {
        Self {
            rule: reason.name().to_owned(),
            section: reason.section().map(str::to_owned),
            reason: reason.to_string(),
            heard: reason.heard().map(Heard::from),
            own: facts.own.into(),
            demotion: facts.demotion,
            preempt: facts.preempt,
            clock: facts.clock.map(|clock| {
                if let Reason::MasterDown(family) = reason {
                    return Clock::master_down(now, &family.to_string(), clock);
                }
                Clock::new(now, "lease", None, clock)
            }),
        }
    }
}

impl Clock {
    /// The timer after which a backup takes over.
    pub(crate) fn master_down(now: Moment, family: &str, clock: carp_fsm::Clock) -> Self {
        Self::new(now, "master_down", Some(family.to_owned()), clock)
    }

    fn new(now: Moment, timer: &str, family: Option<String>, clock: carp_fsm::Clock) -> Self {
        Self {
            timer: timer.to_owned(),
            family,
            since: now.wall(clock.wait.since),
            length_us: micros(clock.wait.length),
            last_advert: clock.heard.map(|last| LastAdvert {
                time: now.wall(last.at),
                heard: last.heard.into(),
            }),
        }
    }
}

impl Claim {
    /// Whether it is that of a node that is going away.
    pub(crate) const fn is_bow_out(self) -> bool {
        self.advbase == u8::MAX && self.advskew == u8::MAX
    }
}

impl From<carp_fsm::Claim> for Claim {
    fn from(claim: carp_fsm::Claim) -> Self {
        Self {
            advbase: claim.interval.advbase(),
            advskew: claim.interval.advskew(),
            demotion: claim.demotion,
        }
    }
}

impl From<carp_fsm::Heard> for Heard {
    fn from(heard: carp_fsm::Heard) -> Self {
        Self {
            source: heard.source,
            claim: heard.claim.into(),
        }
    }
}

/// A span of time as a number.
pub(crate) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
