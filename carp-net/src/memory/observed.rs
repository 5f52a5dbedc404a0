//! What can be seen of nodes from outside: what they say, and what their kernels hold.

use std::net::IpAddr;

use carp_fsm::Timestamp;
use carp_fsm::carp_proto::Advertisement;

/// Something that was observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Observation {
    /// When.
    pub at: Timestamp,
    /// The number of the node.
    pub node: usize,
    /// What it was.
    pub what: Observed,
    /// What its kernel held for that virtual host at the moment.
    pub holding: Holding,
}

/// What can be observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observed {
    /// An advert, or a bow-out, left.
    Advert(Advertisement),
    /// The address was announced.
    Announcement(IpAddr),
    /// What the kernel holds has changed, or was asked for again.
    Change,
}

/// What a kernel holds for a virtual host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "it answers for addresses, or not")]
pub enum Holding {
    /// No address.
    Nothing,
    /// Its addresses, and answers for them.
    Speaking,
    /// Its addresses, but says nothing of them (see [`hand_over`](crate::Backend::hand_over)).
    Silent,
}
