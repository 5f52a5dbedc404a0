//! What the world tells a node, besides packets and the passing of time.

use alloc::string::String;
use core::fmt;
use core::net::IpAddr;
use core::time::Duration;

use carp_proto::Family;

use crate::{HostId, LinkId};

/// Something that happened, for [`Node::handle`](crate::Node::handle).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// So many packets were dropped by the platform before this node saw them, during a flood of
    /// what it would have refused.
    Filtered(u64),
    /// A link came, went, or changed its carrier. A link that was never spoken of counts as up.
    Link {
        /// Which.
        link: LinkId,
        /// What it is like.
        state: LinkState,
    },
    /// The operator wants something of a virtual host.
    Command {
        /// Of which.
        id: HostId,
        /// What.
        command: Command,
    },
    /// The addresses that an [`Action::Hold`](crate::Action::Hold) asked for are in place.
    Held(HostId),
    /// They could not be put in place.
    HoldFailed(HostId),
    /// An [`Action::HandOver`](crate::Action::HandOver) has taken effect.
    Silenced(HostId),
    /// The addresses of a virtual host that has just been added are in place from a former run,
    /// which has ended without letting go of them.
    Adopted(HostId),
    /// The addresses have gone because no [`Action::Renew`](crate::Action::Renew) came in time, also
    /// while nobody was there to see it: whoever [resumes](crate::Node::resume) and finds a virtual
    /// host that [held](crate::HostView::holds) them without them says so.
    Lapsed(HostId),
    /// Somebody else has changed something that a virtual host needs; it is being mended, and
    /// [`Input::Mended`] or [`Input::NotMended`] follows. With [`Damage::LinkAddress`] the
    /// addresses have been let go of, because nothing reaches them.
    Damaged {
        /// Whose.
        id: HostId,
        /// What.
        damage: Damage,
    },
    /// What was damaged is as it was.
    Mended(HostId),
    /// It could not be mended.
    NotMended(HostId),
    /// Somebody else has taken the interface of a virtual host down.
    TakenDown {
        /// Whose.
        id: HostId,
        /// How.
        how: TakenDown,
    },
    /// An advert left.
    Sent {
        /// Whose.
        id: HostId,
        /// The address that it left from, over the family of that.
        source: IpAddr,
    },
    /// An advert could not be sent.
    SendFailed {
        /// Whose.
        id: HostId,
        /// Over which family.
        family: Family,
        /// Whether there was no memory for it (`ENOBUFS`).
        no_memory: bool,
    },
    /// Listening to others was switched on or off (see
    /// [`NodeConfig::allow`](crate::NodeConfig::allow)).
    Allow(bool),
    /// Preemption was switched on or off.
    Preempt(bool),
    /// Leases were switched on or off (see [`NodeConfig::lease`](crate::NodeConfig::lease)).
    Lease(bool),
    /// How often a master announces its addresses was changed (see
    /// [`NodeConfig::announce_every`](crate::NodeConfig::announce_every)).
    AnnounceEvery(Duration),
    /// Somebody finds this node unwell: `amount` is what `owner` adds to the demotion of `group`
    /// from now on, instead of what it added before; 0 takes its entry away.
    Demote {
        /// The interface group; every virtual host is in `carp`.
        group: String,
        /// Who says so.
        owner: String,
        /// How unwell. What goes into byte 4 of an advert is between 0 and 255; FreeBSD's
        /// dialect also knows amounts below 0, which make a node better
        /// (`docs/carp-protocol.md §5.3`).
        amount: i32,
    },
    /// Every virtual host is to go down; see [`Node::is_stopped`](crate::Node::is_stopped).
    Stop,
}

/// What a link is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(
    clippy::exhaustive_enums,
    reason = "a link is there and carries, or it does not"
)]
pub enum LinkState {
    /// There is no such link.
    Absent,
    /// It is there but carries nothing.
    Down,
    /// It carries, or nobody knows (`docs/carp-protocol.md §4.1`).
    Up,
}

impl fmt::Display for LinkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "absent",
            Self::Down => "down",
            Self::Up => "up",
        })
    }
}

/// What somebody else can do to what a virtual host needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Damage {
    /// An address was taken away or altered.
    Address,
    /// The interface was given another link-layer address.
    LinkAddress,
    /// IPv6 was switched off on the interface.
    Inet6Disabled,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "address removed by another program",
            Self::LinkAddress => "MAC address changed by another program",
            Self::Inet6Disabled => "IPv6 disabled by another program",
        })
    }
}

/// How somebody else took an interface down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum TakenDown {
    /// It was set down.
    SetDown,
    /// It was deleted.
    Deleted,
}

impl fmt::Display for TakenDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SetDown => "set down by another program",
            Self::Deleted => "deleted by another program",
        })
    }
}

/// What an operator may want of a virtual host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_enums, reason = "the words of ifconfig")]
pub enum Command {
    /// `up`: take part; also ends what `state backup` began.
    Up,
    /// `down`: bow out, hand over, stay in INIT.
    Down,
    /// `state master`: take over now.
    Master,
    /// `state backup`: bow out, hand over, and stay backup until `state master`, `up`, or until
    /// the other master is lost.
    Backup,
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Master => "state master",
            Self::Backup => "state backup",
        })
    }
}
