//! The carp interface: a macvlan with the virtual MAC address.
//!
//! In bridge mode, so that the carpdev goes on hearing adverts that carry that address as their
//! source. *Protodown* is its carrier: on, it cannot send, and a routing daemon sees the same link
//! state as on OpenBSD; taking it down costs a thousand times more.

use carp_fsm::carp_proto::{MacAddress, Vhid};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoMacVlan, LinkAttribute, LinkExtentMask, LinkFlags, LinkInfo,
    LinkMessage, MacVlanMode,
};

use super::links::Link;
use super::netlink::{Attributes, Connection, Message, Refusal, Request};

/// The link called `name`, if there is one.
pub(super) fn find(connection: &mut Connection, name: &str) -> Result<Option<Link>, Refusal> {
    let mut message = LinkMessage::default();
    message
        .attributes
        .push(LinkAttribute::IfName(name.to_owned()));
    ask(connection, RouteNetlinkMessage::GetLink(message))
}

/// The link with this index, if there is one.
pub(super) fn get(connection: &mut Connection, index: u32) -> Result<Option<Link>, Refusal> {
    ask(connection, question(index))
}

/// Asks what the link with this index is like.
pub(super) fn question(index: u32) -> RouteNetlinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    RouteNetlinkMessage::GetLink(message)
}

/// Asks for all links, without what they count.
pub(super) fn every_link() -> RouteNetlinkMessage {
    let mut all = LinkMessage::default();
    all.attributes
        .push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    RouteNetlinkMessage::GetLink(all)
}

fn ask(
    connection: &mut Connection,
    question: RouteNetlinkMessage,
) -> Result<Option<Link>, Refusal> {
    match connection.get(question) {
        Ok(found) => Ok(found
            .first()
            .and_then(|message| Link::read(&message.payload))),
        Err(refusal) if refusal.is(libc::ENODEV) => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

/// Makes the interface on the carpdev with this index. It is down.
pub(super) fn create(
    connection: &mut Connection,
    name: &str,
    carpdev: u32,
    mac: MacAddress,
) -> Result<u32, Refusal> {
    let mode = InfoData::MacVlan(vec![InfoMacVlan::Mode(MacVlanMode::Bridge)]);
    let mut message = LinkMessage::default();
    message.attributes = vec![
        LinkAttribute::IfName(name.to_owned()),
        LinkAttribute::Link(carpdev),
        LinkAttribute::Address(mac.octets().to_vec()),
        LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::MacVlan),
            LinkInfo::Data(mode),
        ]),
    ];
    let flags = NLM_F_CREATE | NLM_F_EXCL;
    connection.request(RouteNetlinkMessage::NewLink(message), flags)?;
    let link = find(connection, name)?;
    let gone = || Refusal::from(std::io::Error::from_raw_os_error(libc::ENODEV));
    link.map(|link| link.index).ok_or_else(gone)
}

/// Takes the interface away, and its addresses, routes and filters with it.
pub(super) fn delete(index: u32) -> Request {
    let mut message = LinkMessage::default();
    message.header.index = index;
    Request::new(RouteNetlinkMessage::DelLink(message), 0)
}

/// Puts the interface into a group, by which many can be taken away at once.
pub(super) fn join_group(index: u32, group: u32) -> Request {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.attributes.push(LinkAttribute::Group(group));
    Request::new(RouteNetlinkMessage::SetLink(message), 0)
}

/// The members of a group.
pub(super) fn members(connection: &mut Connection, group: u32) -> Result<Vec<u32>, Refusal> {
    let links = connection.dump(&every_link())?;
    let is_member = |link: &&Message| {
        let attributes = Attributes::behind(&link.payload, HEADER);
        attributes.get(IFLA_GROUP).and_then(|value| value.u32()) == Some(group)
    };
    let members = links.iter().filter(is_member);
    let links = members.filter_map(|link| Link::read(&link.payload));
    Ok(links.map(|link| link.index).collect())
}

/// Takes all interfaces of a group away.
pub(super) fn delete_group(group: u32) -> Request {
    let mut message = LinkMessage::default();
    message.attributes.push(LinkAttribute::Group(group));
    Request::new(RouteNetlinkMessage::DelLink(message), 0)
}

/// Takes the carrier of the interface away, or gives it back.
pub(super) fn protodown(index: u32, on: bool) -> Request {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message
        .attributes
        .push(LinkAttribute::ProtoDown(u8::from(on)));
    Request::new(RouteNetlinkMessage::SetLink(message), 0)
}

/// Gives the interface a link-layer address.
pub(super) fn set_mac(index: u32, mac: MacAddress) -> Request {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message
        .attributes
        .push(LinkAttribute::Address(mac.octets().to_vec()));
    Request::new(RouteNetlinkMessage::SetLink(message), 0)
}

/// Sets how large packets can be.
pub(super) fn set_mtu(index: u32, mtu: u32) -> Request {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.attributes.push(LinkAttribute::Mtu(mtu));
    Request::new(RouteNetlinkMessage::SetLink(message), 0)
}

/// Gives the interface an alias, which `ip link` shows.
pub(super) fn set_alias(index: u32, alias: &str) -> Request {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message
        .attributes
        .push(LinkAttribute::IfAlias(alias.to_owned()));
    Request::new(RouteNetlinkMessage::SetLink(message), 0)
}

/// The alias of a carp interface.
pub(super) fn alias_of(vhid: Vhid) -> String {
    format!("{ALIAS}{vhid}")
}

/// Whose interface has this alias, if it is that of a carp interface.
pub(super) fn vhid_in(alias: &str) -> Option<Vhid> {
    let vhid: u8 = alias.strip_prefix(ALIAS)?.parse().ok()?;
    let vhid = Vhid::new(vhid).ok()?;
    (alias == alias_of(vhid)).then_some(vhid)
}

/// `struct ifinfomsg`.
const HEADER: usize = 16;
/// Of `linux/if_link.h`.
const IFLA_GROUP: u16 = 27;

/// What the alias of a carp interface says before its vhid.
const ALIAS: &str = "carp vhid ";

/// Takes the interface up, or down.
pub(super) fn admin(index: u32, up: bool) -> Request {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.header.change_mask = LinkFlags::Up;
    if up {
        message.header.flags = LinkFlags::Up;
    }
    Request::new(RouteNetlinkMessage::SetLink(message), 0)
}

/// Whether an interface can have this name: the kernel's rule, and two names that would be
/// mistaken for the settings of all interfaces.
pub(super) fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'/' | b':');
    matches!(name.len(), 1..=15)
        && name.bytes().all(allowed)
        && !matches!(name, "." | ".." | "all" | "default")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_alias_that_is_given_is_read() {
        let vhid = Vhid::new(99).unwrap();
        assert_eq!(alias_of(vhid), "carp vhid 99");
        assert_eq!(vhid_in("carp vhid 99"), Some(vhid));
        for other in [
            "",
            "carp",
            "carp vhid ",
            "carp vhid 0",
            "carp vhid 256",
            "carp vhid 099",
            "carp vhid +99",
            "carp vhid 99 of mine",
            "my carp vhid 99",
        ] {
            assert_eq!(vhid_in(other), None, "{other:?}");
        }
    }

    #[test]
    fn names_follow_the_rule_of_the_kernel() {
        for name in ["carp0", "x", "fifteen-letters", "a.b", "a@b"] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "",
            "sixteen-letters-",
            "a/b",
            "a b",
            "a:b",
            ".",
            "..",
            "all",
            "a\n",
        ] {
            assert!(!is_name(name), "{name:?}");
        }
    }
}
