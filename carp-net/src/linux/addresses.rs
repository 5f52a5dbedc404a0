//! Putting addresses on an interface and taking them away.

use std::net::IpAddr;

use carp_fsm::Timestamp;
use carp_fsm::carp_proto::VirtualAddress;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressMessage, AddressProtocol, CacheInfo,
};

use super::links::Address;
use super::netlink::{Connection, Refusal, Request};

/// Says who put an address there (`IFA_PROTO`): the number of the protocol.
pub(super) const MARK: u8 = 112;

/// Whether the interface is our own or one that has addresses of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ground {
    /// A carp interface.
    Own,
    /// A carpdev.
    Shared,
}

/// A lifetime without end, as the kernel writes it.
pub(super) const FOREVER: u32 = u32::MAX;

/// The lifetime in whole seconds of what is to stay until `until`, at `now`: the kernel counts in
/// nothing finer, and zero would be none at all.
pub(super) fn lifetime(until: Option<Timestamp>, now: Timestamp) -> u32 {
    let Some(until) = until else { return FOREVER };
    let left = (until - now).as_micros().div_ceil(1_000_000);
    u32::try_from(left).map_or(FOREVER - 1, |left| left.max(1))
}

/// Asks for the address to be put on the interface with this index, for `lifetime` seconds; refused
/// with `EEXIST` where it is there.
///
/// Beside the mark, two things differ from what `ip address add` does. It brings no route (see
/// [`routes`](super::routes)). An IPv6 address is deprecated from the start, so that the host does
/// not choose it as the source of its own traffic, and skips the probe for duplicates, which a
/// take-over has no time for.
pub(super) fn add(index: u32, ground: Ground, address: VirtualAddress, lifetime: u32) -> Request {
    let message = whole(index, ground, address, lifetime);
    Request::new(message, NLM_F_CREATE | NLM_F_EXCL)
}

/// Asks for the same, and where the address is there already, for it to be as said and stay for
/// `lifetime` seconds from now on. What is left out of such a request is lost, so it says all.
pub(super) fn set(index: u32, ground: Ground, address: VirtualAddress, lifetime: u32) -> Request {
    let message = whole(index, ground, address, lifetime);
    Request::new(message, NLM_F_CREATE | NLM_F_REPLACE)
}

fn whole(
    index: u32,
    ground: Ground,
    address: VirtualAddress,
    lifetime: u32,
) -> RouteNetlinkMessage {
    let mut message = message(index, address.ip(), prefix_len(ground, address));
    let attributes = &mut message.attributes;
    attributes.push(AddressAttribute::Protocol(AddressProtocol::Other(MARK)));
    let mut flags = AddressFlags::Noprefixroute;
    if let Some(broadcast) = address.broadcast() {
        attributes.push(AddressAttribute::Broadcast(broadcast));
    }
    let mut lifetimes = CacheInfo::default();
    lifetimes.ifa_valid = lifetime;
    if address.ip().is_ipv6() {
        flags |= AddressFlags::Nodad;
        lifetimes.ifa_preferred = 0;
    } else {
        lifetimes.ifa_preferred = lifetime;
    }
    attributes.push(AddressAttribute::CacheInfo(lifetimes));
    attributes.push(AddressAttribute::Flags(flags));
    RouteNetlinkMessage::NewAddress(message)
}

/// Asks for the address to be taken off the interface with this index.
pub(super) fn remove(index: u32, ground: Ground, address: VirtualAddress) -> Request {
    let message = message(index, address.ip(), prefix_len(ground, address));
    Request::new(RouteNetlinkMessage::DelAddress(message), 0)
}

/// The addresses on the interface with this index.
pub(super) fn all(connection: &mut Connection, index: u32) -> Result<Vec<Address>, Refusal> {
    // The kernel filters by index where it can, and it may not.
    let mut all = AddressMessage::default();
    all.header.index = index;
    let found = connection.dump(&RouteNetlinkMessage::GetAddress(all))?;
    Ok(found
        .iter()
        .filter_map(|message| Address::read(&message.payload))
        .filter(|(at, _)| *at == index)
        .map(|(_, address)| address)
        .collect())
}

/// Takes an address away that was found there.
pub(super) fn remove_found(index: u32, address: VirtualAddress) -> Request {
    let message = message(index, address.ip(), address.prefix_len());
    Request::new(RouteNetlinkMessage::DelAddress(message), 0)
}

fn message(index: u32, ip: IpAddr, prefix_len: u8) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = match ip {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    message.header.prefix_len = prefix_len;
    message.header.index = index;
    message.attributes = vec![AddressAttribute::Local(ip), AddressAttribute::Address(ip)];
    message
}

/// On a carpdev an address stands alone: with the prefix of its network an IPv4 one would become
/// the primary of the host's own addresses there, and take them along when it goes, or their
/// secondary, and go when they go; an IPv6 one would keep the kernel from removing the route of an
/// own address that goes.
pub(super) fn prefix_len(ground: Ground, address: VirtualAddress) -> u8 {
    match (ground, address.ip()) {
        (Ground::Own, _) => address.prefix_len(),
        (Ground::Shared, IpAddr::V4(_)) => 32,
        (Ground::Shared, IpAddr::V6(_)) => 128,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lifetimes_are_whole_seconds_and_never_short() {
        let now = Timestamp::from_micros(5_000_000);
        let after = |millis| Some(now + Duration::from_millis(millis));
        assert_eq!(lifetime(None, now), FOREVER);
        assert_eq!(lifetime(after(4_000), now), 4);
        assert_eq!(lifetime(after(3_001), now), 4);
        assert_eq!(lifetime(after(1), now), 1);
        assert_eq!(lifetime(Some(Timestamp::ZERO), now), 1);
        assert_eq!(lifetime(after(u64::MAX / 2_000), now), FOREVER - 1);
    }
}
