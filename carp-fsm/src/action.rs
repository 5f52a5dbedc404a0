//! What a node asks of the world: actions, which must be obeyed in their order.

use core::net::IpAddr;
use core::time::Duration;

use carp_proto::Advertisement;

use crate::{ChecksumCover, HostId, LinkId};

/// Something to do, in the order [`Node::poll_action`](crate::Node::poll_action) gives it.
///
/// The list is complete: a new action is a new major version of this crate.
#[expect(
    clippy::exhaustive_enums,
    reason = "every action must be obeyed, so every one is known"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send this advertisement. Answer with [`Input::Sent`](crate::Input::Sent) or
    /// [`Input::SendFailed`](crate::Input::SendFailed) where known.
    Send {
        /// Whose advert it is.
        id: HostId,
        /// Where it leaves.
        link: LinkId,
        /// The group or unicast peer it goes to.
        to: IpAddr,
        /// The signed packet, everything behind the IP header, its checksum taken over itself.
        payload: [u8; Advertisement::LEN],
        /// What the checksum is to cover: with [`ChecksumCover::PseudoHeader`] whoever knows the
        /// source computes it anew (a raw IPv6 socket does with `IPV6_CHECKSUM`).
        checksum: ChecksumCover,
        /// The IPv4 TOS or IPv6 traffic class.
        traffic_class: u8,
    },
    /// Hold exactly the addresses of [`Node::addresses`](crate::Node::addresses) and answer for
    /// them, whatever was held before, for as long as [`Node::lease`](crate::Node::lease) says;
    /// then answer with [`Input::Held`](crate::Input::Held) or
    /// [`Input::HoldFailed`](crate::Input::HoldFailed).
    Hold(HostId),
    /// Hold them for `lease` from now on: an advert has left, or a slower node was heard since the
    /// last one, and `lease` is what is left of a longer one that began then. Whoever cannot put an
    /// end to holding does nothing; whoever can says [`Input::Lapsed`](crate::Input::Lapsed) at the
    /// end.
    Renew {
        /// Whose.
        id: HostId,
        /// For how long.
        lease: Duration,
    },
    /// Stop speaking for the addresses (no ARP, no neighbour discovery) but go on taking and
    /// answering data until `Release`; then answer with [`Input::Silenced`](crate::Input::Silenced).
    HandOver(HostId),
    /// Let go of every address.
    Release(HostId),
    /// Tell the neighbours that this node has `address` (gratuitous ARP, unsolicited NA).
    Announce {
        /// Whose address it is.
        id: HostId,
        /// The address.
        address: IpAddr,
    },
}
