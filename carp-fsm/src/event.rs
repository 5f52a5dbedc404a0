//! What a node did and why, for people and logs; events may be ignored.

use alloc::string::String;
use core::fmt;
use core::net::IpAddr;
use core::time::Duration;

use carp_proto::Family;

use crate::election::Claim;
use crate::{Command, Damage, Facts, HostId, LastHeard, LinkState, Owner, TakenDown};

/// The state of a virtual host (`docs/carp-protocol.md §4`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_enums, reason = "the three states of the protocol")]
pub enum State {
    /// Takes no part: down, or its link is.
    Init,
    /// Stands by.
    Backup,
    /// Holds the addresses and advertises.
    Master,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Init => "INIT",
            Self::Backup => "BACKUP",
            Self::Master => "MASTER",
        })
    }
}

/// An advert of another node, as far as the election looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Heard {
    /// Who sent it.
    pub source: IpAddr,
    /// What it claims.
    pub claim: Claim,
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {}", self.claim, self.source)
    }
}

/// Why a virtual host changed its state: the rule and what it was applied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Reason {
    /// It was set up, or set up anew.
    Configured,
    /// Nothing was heard over this family for the master-down time (§4.4).
    MasterDown(Family),
    /// MASTER heard a better or equal claim (§4.3).
    Yielded(Heard),
    /// BACKUP a: preemption is on and the master's claim is worse (§4.3).
    Preempted(Heard),
    /// BACKUP b: the master is demoted further than this node (§4.3).
    MoreDemoted(Heard),
    /// BACKUP c: the master is going away (§4.3).
    Leaving(Heard),
    /// The operator said so.
    Command(Command),
    /// The link changed.
    Link(LinkState),
    /// The node is stopping, or the virtual host is being removed.
    Stopped,
    /// The addresses could not be put in place.
    HoldFailed,
    /// The node did nothing for this long after it should have: its machine was suspended, its
    /// process stopped or starved. Others must have taken it for dead.
    Frozen(Duration),
    /// The virtual host has no address, and a node that has some was heard (its digest cannot be
    /// verified, so nothing else is known of it).
    ConfiguredElsewhere,
    /// Somebody else took the interface down.
    TakenDown(TakenDown),
    /// The addresses have gone, because no advert could be sent for as long as they are held
    /// without one.
    Lapsed,
}

impl Reason {
    /// The name of the rule, for programs: it stays what it is.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Configured => "configured",
            Self::MasterDown(_) => "master_down",
            Self::Yielded(_) => "yielded",
            Self::Preempted(_) => "preempted",
            Self::MoreDemoted(_) => "more_demoted",
            Self::Leaving(_) => "leaving",
            Self::Command(_) => "command",
            Self::Link(_) => "link",
            Self::Stopped => "stopped",
            Self::HoldFailed => "hold_failed",
            Self::Frozen(_) => "frozen",
            Self::ConfiguredElsewhere => "configured_elsewhere",
            Self::TakenDown(_) => "taken_down",
            Self::Lapsed => "lapsed",
        }
    }

    /// Where `docs/carp-protocol.md` has the rule; `None` where it is ours alone.
    pub const fn section(&self) -> Option<&'static str> {
        match self {
            Self::Configured => Some("4.1"),
            Self::MasterDown(_) => Some("4.4"),
            Self::Yielded(_) => Some("4.3 MASTER"),
            Self::Preempted(_) => Some("4.3 BACKUP a"),
            Self::MoreDemoted(_) => Some("4.3 BACKUP b"),
            Self::Leaving(_) => Some("4.3 BACKUP c"),
            Self::Command(_) | Self::Link(_) | Self::Stopped => Some("4.7"),
            Self::HoldFailed
            | Self::Frozen(_)
            | Self::ConfiguredElsewhere
            | Self::TakenDown(_)
            | Self::Lapsed => None,
        }
    }

    /// The advert that the rule was applied to, if it was one.
    pub const fn heard(&self) -> Option<Heard> {
        match self {
            Self::Yielded(heard)
            | Self::Preempted(heard)
            | Self::MoreDemoted(heard)
            | Self::Leaving(heard) => Some(*heard),
            Self::Configured
            | Self::MasterDown(_)
            | Self::Command(_)
            | Self::Link(_)
            | Self::Stopped
            | Self::HoldFailed
            | Self::Frozen(_)
            | Self::ConfiguredElsewhere
            | Self::TakenDown(_)
            | Self::Lapsed => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configured => f.write_str("configured"),
            Self::MasterDown(family) => write!(f, "master timed out ({family})"),
            Self::Yielded(heard) => write!(f, "better or equal master heard: {heard}"),
            Self::Preempted(heard) => write!(f, "preempting a worse master: {heard}"),
            Self::MoreDemoted(heard) => write!(f, "master is demoted further: {heard}"),
            Self::Leaving(heard) if heard.claim.interval.is_bow_out() => {
                write!(f, "master bowed out: {}", heard.source)
            }
            Self::Leaving(heard) => write!(f, "master will time out: {heard}"),
            Self::Command(command) => write!(f, "requested: {command}"),
            Self::Link(state) => write!(f, "carpdev is {state}"),
            Self::Stopped => f.write_str("stopped"),
            Self::HoldFailed => f.write_str("addresses could not be put in place"),
            Self::Frozen(late) => write!(f, "frozen for {:.3} s", late.as_secs_f64()),
            Self::ConfiguredElsewhere => {
                f.write_str("no address here, and a node that has some was heard")
            }
            Self::TakenDown(how) => how.fmt(f),
            Self::Lapsed => f.write_str("no advert could be sent, addresses expired"),
        }
    }
}

/// Something worth telling.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A virtual host changed its state.
    Transition {
        /// Which.
        id: HostId,
        /// Its state before.
        from: State,
        /// Its state now.
        to: State,
        /// Why.
        reason: Reason,
        /// What else it went by.
        facts: Facts,
    },
    /// The addresses of a virtual host could not be put in place; it will try again when it next
    /// takes over.
    HoldFailed {
        /// Whose.
        id: HostId,
    },
    /// All addresses of a virtual host were let go of, as far as this node knows.
    Released {
        /// Whose.
        id: HostId,
    },
    /// A virtual host was removed; its id will not be used again.
    Removed {
        /// Which.
        id: HostId,
    },
    /// Its addresses were found in place: a former run has ended without letting go of them. It
    /// answers data, and listens whether another node has taken over.
    Adopted {
        /// Whose.
        id: HostId,
    },
    /// Somebody else has changed what a virtual host needs.
    Damaged {
        /// Which.
        id: HostId,
        /// What it is.
        damage: Damage,
    },
    /// That was mended.
    Mended {
        /// Whose.
        id: HostId,
        /// What it was.
        damage: Damage,
    },
    /// Another node is heard that was not. Only a master is, for the others say nothing. Told where
    /// [`NodeConfig::tell_peers`](crate::NodeConfig::tell_peers) asks for it.
    PeerHeard {
        /// By whom.
        id: HostId,
        /// Its advert.
        heard: Heard,
    },
    /// A node that was heard is no longer: for three of its own intervals, or since its bow-out.
    PeerLost {
        /// By whom.
        id: HostId,
        /// Its last advert, and when that was heard.
        last: LastHeard,
    },
    /// The node did nothing for this long after it should have: see [`Reason::Frozen`].
    Frozen(Duration),
    /// The demotion of an interface group changed.
    Demoted {
        /// The group.
        group: String,
        /// Who changed it.
        owner: Owner,
        /// By how much.
        change: i32,
        /// The sum of all its entries now, before the cap at 255.
        total: i32,
    },
}

impl Event {
    /// The virtual host it is about; `None` where it is about the whole node.
    pub const fn host(&self) -> Option<HostId> {
        match self {
            Self::Transition { id, .. }
            | Self::HoldFailed { id }
            | Self::Released { id }
            | Self::Removed { id }
            | Self::Adopted { id }
            | Self::Damaged { id, .. }
            | Self::PeerHeard { id, .. }
            | Self::PeerLost { id, .. }
            | Self::Mended { id, .. } => Some(*id),
            Self::Demoted {
                owner: Owner::Host(id, _),
                ..
            } => Some(*id),
            Self::Frozen(_) | Self::Demoted { .. } => None,
        }
    }
}

/// Says what happened, not to whom: see [`Event::host`].
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transition {
                from, to, reason, ..
            } => write!(f, "state transition: {from} -> {to} ({reason})"),
            Self::HoldFailed { .. } => f.write_str("addresses could not be put in place"),
            Self::Released { .. } => f.write_str("addresses released"),
            Self::Removed { .. } => f.write_str("removed"),
            Self::Adopted { .. } => f.write_str("addresses of a former run adopted"),
            Self::Damaged { damage, .. } => damage.fmt(f),
            Self::Mended { damage, .. } => write!(f, "mended: {damage}"),
            Self::PeerHeard { heard, .. } => write!(f, "peer heard: {heard}"),
            Self::PeerLost { last, .. } if last.heard.claim.interval.is_bow_out() => {
                write!(f, "peer bowed out: {}", last.heard.source)
            }
            Self::PeerLost { last, .. } => write!(f, "peer not heard any more: {}", last.heard),
            Self::Frozen(late) => Reason::Frozen(*late).fmt(f),
            Self::Demoted {
                group,
                owner,
                total,
                ..
            } => write!(f, "group {group} demoted to {total} ({owner})"),
        }
    }
}
