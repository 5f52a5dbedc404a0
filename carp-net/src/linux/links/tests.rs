use netlink_packet_core::{DefaultNla, Emitable};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressMessage, AddressProtocol,
};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoMacVlan, LinkAttribute, LinkInfo, LinkLayerType, LinkMessage,
    MacVlanMode,
};

use super::*;
use crate::linux::netlink::kind::{DEL_ADDRESS, DEL_LINK, NEW_ADDRESS, NEW_LINK};

fn bytes(message: &impl Emitable) -> Vec<u8> {
    let mut bytes = vec![0; message.buffer_len()];
    message.emit(&mut bytes);
    bytes
}

fn link(index: u32, name: &str) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.header.link_layer_type = LinkLayerType::Ether;
    message.header.flags = LinkFlags::Up | LinkFlags::Running | LinkFlags::Multicast;
    message.attributes = vec![
        LinkAttribute::IfName(name.to_owned()),
        LinkAttribute::Mtu(1500),
        LinkAttribute::Address(vec![2, 0, 0, 0, 0, 1]),
    ];
    message
}

fn address(index: u32, ip: &str, mark: Option<u8>) -> AddressMessage {
    let ip: IpAddr = ip.parse().unwrap();
    let mut message = AddressMessage::default();
    message.header.family = match ip {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    message.header.prefix_len = 24;
    message.header.index = index;
    message.attributes = vec![AddressAttribute::Local(ip)];
    let mark = mark.map(|mark| AddressAttribute::Protocol(AddressProtocol::Other(mark)));
    message.attributes.extend(mark);
    message
}

#[test]
fn a_link_is_read_with_what_matters() {
    let mut message = link(7, "eth0");
    message.attributes.push(LinkAttribute::Controller(3));
    // Of an interface that this program has never heard of.
    let strange = LinkAttribute::Other(DefaultNla::new(999, vec![1; 13]));
    message.attributes.insert(0, strange);
    let read = Link::read(&bytes(&message)).unwrap();
    assert_eq!(
        (read.index, read.name.as_str(), read.mtu),
        (7, "eth0", 1500)
    );
    assert_eq!(read.mac, Some(MacAddress([2, 0, 0, 0, 0, 1])));
    assert_eq!((read.master, read.kind.as_deref()), (Some(3), None));
    assert!(read.is_up() && read.is_running() && read.can_carry_carp());
    assert!(!read.is_carp() && !read.has_carrier());
}

#[test]
fn only_a_macvlan_with_a_virtual_mac_or_our_alias_is_a_carp_interface() {
    let is_carp = |info: Vec<LinkInfo>, mac: [u8; 6], alias: &str| {
        let mut message = link(7, "carp0");
        message.attributes.pop();
        message.attributes.extend([
            LinkAttribute::Address(mac.to_vec()),
            LinkAttribute::IfAlias(alias.to_owned()),
            LinkAttribute::LinkInfo(info),
        ]);
        Link::read(&bytes(&message)).unwrap().is_carp()
    };
    let made_by = |kind| vec![LinkInfo::Kind(kind)];
    let macvlan = || made_by(InfoKind::MacVlan);
    assert!(is_carp(macvlan(), [0, 0, 0x5e, 0, 1, 99], ""));
    assert!(!is_carp(macvlan(), [0, 0, 0x5e, 0, 2, 99], ""));
    let veth = made_by(InfoKind::Veth);
    assert!(!is_carp(veth, [0, 0, 0x5e, 0, 1, 99], "carp vhid 99"));
    for (mode, ours) in [(MacVlanMode::Bridge, true), (MacVlanMode::Vepa, false)] {
        let mode = InfoData::MacVlan(vec![InfoMacVlan::Mode(mode)]);
        let info = || [macvlan(), vec![LinkInfo::Data(mode.clone())]].concat();
        assert_eq!(is_carp(info(), [2, 0, 0, 0, 0, 7], "carp vhid 99"), ours);
        assert!(!is_carp(info(), [2, 0, 0, 0, 0, 7], "carp vhid 990"));
        assert!(!is_carp(
            info(),
            [2, 0, 0, 0, 0, 7],
            "uplink of the printer"
        ));
    }
}

#[test]
fn what_is_not_ethernet_with_multicast_cannot_carry_carp() {
    for lacking in [
        LinkFlags::Noarp,
        LinkFlags::Loopback,
        LinkFlags::Pointopoint,
    ] {
        let mut message = link(7, "x");
        message.header.flags |= lacking;
        assert!(!Link::read(&bytes(&message)).unwrap().can_carry_carp());
    }
    let mut message = link(7, "x");
    message.header.flags = LinkFlags::Up;
    assert!(!Link::read(&bytes(&message)).unwrap().can_carry_carp());
    let mut message = link(7, "x");
    message.header.link_layer_type = LinkLayerType::Infiniband;
    assert!(!Link::read(&bytes(&message)).unwrap().can_carry_carp());
}

#[test]
fn news_of_a_bridge_port_or_of_wireless_are_not_about_the_link() {
    let mut links = Links::default();
    links.take_in(NEW_LINK, &bytes(&link(7, "eth0")));
    let mut port = link(7, "eth0");
    port.header.interface_family = AddressFamily::Bridge;
    assert_eq!(links.take_in(DEL_LINK, &bytes(&port)), None);
    assert!(links.by_name("eth0").is_some());
    let mut wireless = link(7, "eth0");
    wireless.header.flags = LinkFlags::empty();
    let event = LinkAttribute::Other(DefaultNla::new(11, vec![0; 4]));
    wireless.attributes.push(event);
    assert_eq!(links.take_in(NEW_LINK, &bytes(&wireless)), None);
    assert!(links.get(7).unwrap().is_up());
}

#[test]
fn names_move_between_links() {
    let mut links = Links::default();
    let mut tell = |kind, index, name| links.take_in(kind, &bytes(&link(index, name)));
    tell(NEW_LINK, 1, "a");
    tell(NEW_LINK, 2, "b");
    tell(NEW_LINK, 1, "c");
    tell(NEW_LINK, 2, "a");
    let index = |name| links.by_name(name).map(|link| link.index);
    assert_eq!(
        (index("a"), index("b"), index("c")),
        (Some(2), None, Some(1))
    );
    // News that are late do not take a name from its new owner.
    links.take_in(NEW_LINK, &bytes(&link(1, "a")));
    links.take_in(DEL_LINK, &bytes(&link(2, "a")));
    assert_eq!(links.by_name("a").map(|link| link.index), Some(1));
    assert_eq!(links.get(2), None);
}

#[test]
fn addresses_come_change_and_go() {
    let mut links = Links::default();
    links.take_in(NEW_LINK, &bytes(&link(1, "eth0")));
    links.take_in(NEW_LINK, &bytes(&link(2, "carp0")));
    let change = links.take_in(NEW_ADDRESS, &bytes(&address(1, "192.0.2.1", None)));
    let ip: IpAddr = "192.0.2.1".parse().unwrap();
    assert_eq!(change, Some(Change::Address { index: 1, ip }));
    // The news of a renewal.
    let change = links.take_in(NEW_ADDRESS, &bytes(&address(1, "192.0.2.1", None)));
    assert_eq!(change, None);
    links.take_in(NEW_ADDRESS, &bytes(&address(2, "192.0.2.1", Some(112))));
    let holders: Vec<_> = links
        .holders(ip)
        .map(|(link, address)| (link.name.as_str(), address.mark))
        .collect();
    assert_eq!(holders, [("eth0", 0), ("carp0", 112)]);

    let mut tentative = address(1, "192.0.2.1", None);
    let flags = AddressAttribute::Flags(AddressFlags::Tentative);
    tentative.attributes.push(flags);
    links.take_in(NEW_ADDRESS, &bytes(&tentative));
    let [only] = links.addresses(1) else {
        panic!("{:?}", links.addresses(1));
    };
    assert!(!only.is_usable());

    links.take_in(DEL_ADDRESS, &bytes(&tentative));
    assert_eq!(links.addresses(1), []);
    links.take_in(DEL_LINK, &bytes(&link(2, "carp0")));
    assert_eq!(links.holders(ip).count(), 0);
}

#[test]
fn broken_messages_change_nothing() {
    let mut links = Links::default();
    let whole = bytes(&link(7, "eth0"));
    for length in 0..whole.len() {
        for kind in 0..40 {
            links.take_in(kind, &whole[..length]);
        }
    }
    let whole = bytes(&address(7, "2001:db8::1", Some(1)));
    for length in 0..whole.len() {
        links.take_in(DEL_ADDRESS, &whole[..length]);
    }
    assert_eq!(links.take_in(0, &whole), None);
}
