//! Whether a virtual address has to bring a route to its network, and that route.
//!
//! Where the carpdev reaches the network anyway, a second route would make the host name the
//! virtual address as the source of its own traffic: its metric would beat that of the carpdev's
//! route, for IPv6 always (15 beats 256).
//!
//! The kernel's own prefix routes will not do. The matter can change for an address that is there,
//! which the kernel knows for IPv6 only; and there it keeps the prefix route of the host's own
//! address when that goes, because of a virtual one in the same network.

use std::net::IpAddr;

use carp_fsm::carp_proto::VirtualAddress;
use netlink_packet_core::{NLM_F_APPEND, NLM_F_CREATE};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteScope,
    RouteType,
};

use super::addresses::{FOREVER, MARK};
use super::netlink::{Attributes, Connection, Refusal, Request};

/// The metric of the route that an address brings: OpenBSD's priority of carp routes.
pub(super) const METRIC: u32 = 15;

/// Says for each of `addresses`, on the interface with this index, whether it has to bring a
/// route, given the networks in which the carpdev has addresses of its own.
pub(super) fn needed(
    connection: &mut Connection,
    index: u32,
    carpdev: u32,
    own: &[VirtualAddress],
    addresses: &[VirtualAddress],
) -> Result<Vec<bool>, Refusal> {
    // Each link has its own link-local network: that of the carpdev is no way to that of carp0.
    let counts = |address: &VirtualAddress| index == carpdev || !address.is_link_local();
    let is_covered =
        |address: &VirtualAddress| counts(address) && own.iter().any(|own| covers(own, address));
    let mut needed: Vec<bool> = addresses
        .iter()
        .map(|address| has_network(address) && !is_covered(address))
        .collect();
    // Without an address in the network the carpdev may have a route to it: one that somebody
    // made, or that of a router advertisement beside an address from DHCPv6.
    let (places, asked): (Vec<usize>, Vec<Request>) = addresses
        .iter()
        .enumerate()
        .filter(|(at, address)| needed.get(*at) == Some(&true) && !address.is_link_local())
        .filter_map(|(at, address)| Some((at, lookup(carpdev, probe(address, own, addresses)?))))
        .unzip();
    connection.exchange(asked, |at, _, payload| {
        if let Some(&at) = places.get(at)
            && let (Some(address), Some(needed)) = (addresses.get(at), needed.get_mut(at))
            && reaches(payload, carpdev, address)
        {
            *needed = false;
        }
    })?;
    Ok(needed)
}

/// The networks that IPv6 routes with our mark lead to, each with the index of the interface.
pub(super) fn marked_inet6(
    connection: &mut Connection,
) -> Result<Vec<(u32, VirtualAddress)>, Refusal> {
    // The kernel filters where it can, and it may not.
    let mut all = RouteMessage::default();
    all.header.address_family = AddressFamily::Inet6;
    all.header.table = RouteHeader::RT_TABLE_MAIN;
    all.header.protocol = RouteProtocol::Other(MARK);
    let found = connection.dump(&RouteNetlinkMessage::GetRoute(all))?;
    let network = |payload: &[u8]| {
        let &[family, prefix_len, _, _, _, protocol, ..] = payload.first_chunk::<HEADER>()?;
        let attributes = Attributes::behind(payload, HEADER);
        let ours = family == u8::from(AddressFamily::Inet6)
            && protocol == MARK
            && attributes.get(RTA_PRIORITY)?.u32() == Some(METRIC);
        let network = VirtualAddress::new(attributes.get(RTA_DST)?.ip()?, prefix_len).ok()?;
        ours.then_some((attributes.get(RTA_OIF)?.u32()?, network))
    };
    Ok(found
        .iter()
        .filter_map(|message| network(&message.payload))
        .collect())
}

/// Asks for the route of an address, for `lifetime` seconds; refused with `EEXIST` where it is
/// there, but what is there lasts so long then.
///
/// An IPv4 one goes with its address; an IPv6 one would stay behind when the address expires.
pub(super) fn add(index: u32, address: VirtualAddress, lifetime: u32) -> Request {
    let mut message = route(index, address);
    if address.ip().is_ipv6() && lifetime != FOREVER {
        message.attributes.push(RouteAttribute::Expires(lifetime));
    }
    let message = RouteNetlinkMessage::NewRoute(message);
    // Appended: another virtual host may have one to the same network.
    Request::new(message, NLM_F_CREATE | NLM_F_APPEND)
}

/// Asks for the route of an address to be taken away; refused with `ESRCH` where it has gone with
/// the address, which IPv4 ones do.
pub(super) fn remove(index: u32, address: VirtualAddress) -> Request {
    Request::new(RouteNetlinkMessage::DelRoute(route(index, address)), 0)
}

/// Asks for a route that says for `lifetime` seconds that `ip` is an address of this host, as the
/// kernel's own one does; that is preferred where it is there.
pub(super) fn add_local(index: u32, ip: IpAddr, lifetime: u32) -> Request {
    let mut message = local(index, ip);
    message.attributes.push(RouteAttribute::Expires(lifetime));
    let message = RouteNetlinkMessage::NewRoute(message);
    Request::new(message, NLM_F_CREATE)
}

/// Asks for that route to be taken away.
pub(super) fn remove_local(index: u32, ip: IpAddr) -> Request {
    Request::new(RouteNetlinkMessage::DelRoute(local(index, ip)), 0)
}

fn local(index: u32, ip: IpAddr) -> RouteMessage {
    let (address_family, length) = whole(ip);
    let mut message = RouteMessage::default();
    message.attributes = vec![
        RouteAttribute::Destination(ip.into()),
        RouteAttribute::Oif(index),
        RouteAttribute::Priority(METRIC),
    ];
    message.header = RouteHeader {
        address_family,
        destination_prefix_length: length,
        table: libc::RT_TABLE_LOCAL,
        protocol: RouteProtocol::Other(MARK),
        scope: RouteScope::Host,
        kind: RouteType::Local,
        ..RouteHeader::default()
    };
    message
}

fn route(index: u32, address: VirtualAddress) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.attributes = vec![
        RouteAttribute::Destination(address.network().into()),
        RouteAttribute::Oif(index),
        RouteAttribute::Priority(METRIC),
    ];
    let (address_family, scope) = match address.ip() {
        IpAddr::V4(ip) => {
            let source = RouteAttribute::PrefSource(RouteAddress::Inet(ip));
            message.attributes.push(source);
            (AddressFamily::Inet, RouteScope::Link)
        }
        IpAddr::V6(_) => (AddressFamily::Inet6, RouteScope::Universe),
    };
    message.header = RouteHeader {
        address_family,
        destination_prefix_length: address.prefix_len(),
        table: RouteHeader::RT_TABLE_MAIN,
        protocol: RouteProtocol::Other(MARK),
        scope,
        kind: RouteType::Unicast,
        ..RouteHeader::default()
    };
    message
}

/// The index of the link that a route of somebody else leads through.
pub(super) fn way_out(payload: &[u8]) -> Option<u32> {
    let &[_, _, _, _, _, protocol, ..] = payload.first_chunk::<HEADER>()?;
    let way_out = Attributes::behind(payload, HEADER).get(RTA_OIF)?.u32()?;
    (protocol != MARK).then_some(way_out)
}

/// Whether there is anybody else in the network of an address.
fn has_network(address: &VirtualAddress) -> bool {
    match address.ip() {
        IpAddr::V4(_) => address.prefix_len() < 32,
        IpAddr::V6(_) => address.prefix_len() < 128,
    }
}

/// Whether whoever is in the network of `own` reaches all of the network of `address`.
fn covers(own: &VirtualAddress, address: &VirtualAddress) -> bool {
    own.prefix_len() <= address.prefix_len() && own.contains(address.network())
}

/// Another address in the network of `address`, for whose route one can ask: the kernel has a
/// route of its own to each address of this host, and to the broadcast addresses.
fn probe(
    address: &VirtualAddress,
    own: &[VirtualAddress],
    virtual_ones: &[VirtualAddress],
) -> Option<IpAddr> {
    let ours = |ip: IpAddr| own.iter().chain(virtual_ones).any(|ours| ours.ip() == ip);
    let near = |offset: u32| match address.ip() {
        IpAddr::V4(ip) => IpAddr::V4((ip.to_bits() ^ offset).into()),
        IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() ^ u128::from(offset)).into()),
    };
    let broadcast = address.broadcast().map(IpAddr::V4);
    (1..256).map(near).find(|ip| {
        let is_edge = Some(*ip) == broadcast || (broadcast.is_some() && *ip == address.network());
        address.contains(*ip) && !is_edge && !ours(*ip)
    })
}

/// Asks which route of the kernel leads to `ip` through the carpdev.
fn lookup(carpdev: u32, ip: IpAddr) -> Request {
    let mut message = RouteMessage::default();
    let (family, length) = whole(ip);
    message.header.address_family = family;
    message.header.destination_prefix_length = length;
    message.header.flags = RouteFlags::FibMatch;
    message.attributes = vec![
        RouteAttribute::Destination(ip.into()),
        RouteAttribute::Oif(carpdev),
    ];
    Request::new(RouteNetlinkMessage::GetRoute(message), 0)
}

/// The family of an address, and how many bits it has.
const fn whole(ip: IpAddr) -> (AddressFamily, u8) {
    match ip {
        IpAddr::V4(_) => (AddressFamily::Inet, 32),
        IpAddr::V6(_) => (AddressFamily::Inet6, 128),
    }
}

/// Whether the route in `payload` leads to the whole network of `address`, directly and through
/// the carpdev. The default route leads to everything and is not meant, nor is one of ours.
fn reaches(payload: &[u8], carpdev: u32, address: &VirtualAddress) -> bool {
    let Some((header, _)) = payload.split_first_chunk::<HEADER>() else {
        return false;
    };
    let &[_, prefix_len, _, _, _, protocol, _, kind, ..] = header;
    let attributes = Attributes::behind(payload, HEADER);
    let has = |kind| attributes.get(kind).is_some();
    let oif = attributes.get(RTA_OIF).and_then(|oif| oif.u32());
    kind == u8::from(RouteType::Unicast)
        && (1..=address.prefix_len()).contains(&prefix_len)
        && protocol != MARK
        && oif == Some(carpdev)
        && !has(RTA_GATEWAY)
        && !has(RTA_VIA)
}

/// `struct rtmsg`.
const HEADER: usize = 12;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PRIORITY: u16 = 6;
const RTA_VIA: u16 = 18;

#[cfg(test)]
mod tests;
