//! Every row of `docs/carp-protocol.md §3` and §10: what is wrong or odd about a packet, and what
//! comes of it.

use carp_net::carp_fsm::carp_proto::{Family, MacAddress};

use super::packet::{Crafted, DONT_FRAGMENT};
use crate::net::ip;

/// A packet and its fate.
pub(super) struct Case {
    pub(super) name: &'static str,
    /// Over which family; both where there is none.
    pub(super) family: Option<Family>,
    pub(super) change: fn(&mut Crafted),
    pub(super) fate: Fate,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The election hears it.
    Accepted,
    /// It changes nothing but this counter.
    Refused(&'static str),
    /// The kernel keeps it back: it changes nothing at all.
    Unheard,
}

const fn both(name: &'static str, change: fn(&mut Crafted), fate: Fate) -> Case {
    Case {
        name,
        family: None,
        change,
        fate,
    }
}

const fn inet(name: &'static str, change: fn(&mut Crafted), fate: Fate) -> Case {
    Case {
        name,
        family: Some(Family::Inet),
        change,
        fate,
    }
}

const fn inet6(name: &'static str, change: fn(&mut Crafted), fate: Fate) -> Case {
    Case {
        name,
        family: Some(Family::Inet6),
        change,
        fate,
    }
}

use Fate::{Accepted, Refused, Unheard};

/// 802.1Q and 802.1ad.
const Q: u16 = 0x8100;
const AD: u16 = 0x88a8;

pub(super) static CASES: &[Case] = &[
    // §10: what peers do not check.
    both("as another node sends it", |_| {}, Accepted),
    both("another type", |it| it.advert.kind = 2, Accepted),
    both("authlen 0", |it| it.advert.authlen = 0, Accepted),
    both(
        "from the virtual MAC",
        |it| it.source_mac = MacAddress([0, 0, 0x5e, 0, 1, 99]),
        Accepted,
    ),
    both(
        "from the MAC that ucarp uses",
        |it| it.source_mac = MacAddress([0, 0, 0x5e, 0, 0, 99]),
        Accepted,
    ),
    both("one byte behind it", |it| it.trailing = 1, Accepted),
    both("many bytes behind it", |it| it.trailing = 1_000, Accepted),
    both("OpenBSD's TOS", |it| it.class = 0x10, Accepted),
    both("FreeBSD's class", |it| it.class = 0xe0, Accepted),
    both("any class", |it| it.class = 0xff, Accepted),
    both("an older counter", |it| it.advert.counter = 1, Accepted),
    both(
        "a newer counter",
        |it| it.advert.counter = u64::MAX,
        Accepted,
    ),
    inet("without DF", |it| it.fragmentation = 0, Accepted),
    inet(
        "a router alert",
        |it| it.options = vec![0x94, 4, 0, 0],
        Accepted,
    ),
    inet(
        "options to the brim",
        |it| it.options = vec![1; 40],
        Accepted,
    ),
    inet("from nobody", |it| it.source = ip("0.0.0.0"), Accepted),
    inet(
        "from another network",
        |it| it.source = ip("203.0.113.9"),
        Accepted,
    ),
    inet(
        "broadcast to the group, as by ucarp --nomcast",
        |it| it.destination_mac = MacAddress::BROADCAST,
        Accepted,
    ),
    inet6(
        "the checksum of NetBSD",
        |it| it.pseudo_header = true,
        Accepted,
    ),
    inet6(
        "from a global address",
        |it| it.source = ip("2001:db8::77"),
        Accepted,
    ),
    inet6(
        "from another network",
        |it| it.source = ip("2001:db8:ffff::9"),
        Accepted,
    ),
    inet6("from nobody", |it| it.source = ip("::"), Accepted),
    inet6(
        "destination options",
        |it| it.options = vec![112, 0, 1, 4, 0, 0, 0, 0],
        Accepted,
    ),
    // A tag that says nothing but a priority is none.
    both("a priority", |it| it.tags = vec![[Q, 0xe000]], Accepted),
    both(
        "a priority of a provider",
        |it| it.tags = vec![[AD, 0xe000]],
        Accepted,
    ),
    // §3, step by step.
    both("a hop less", |it| it.hop_limit = 254, Refused("badttl")),
    both("one hop left", |it| it.hop_limit = 1, Refused("badttl")),
    both("a byte too few", |it| it.length = 35, Refused("badlen")),
    both("as VRRPv2", |it| it.length = 20, Refused("badlen")),
    both("nothing", |it| it.length = 0, Refused("badlen")),
    both(
        "a bad checksum",
        |it| it.checksum_damage = 1,
        Refused("badsum"),
    ),
    both("no checksum", no_checksum, Refused("badsum")),
    both("another vhid", |it| it.advert.vhid = 98, Refused("badvhid")),
    both("vhid 0", |it| it.advert.vhid = 0, Refused("badvhid")),
    both("version 3", |it| it.advert.version = 3, Refused("badver")),
    both("version 1", |it| it.advert.version = 1, Refused("badver")),
    both("version 0", |it| it.advert.version = 0, Refused("badver")),
    both(
        "a bad digest",
        |it| it.digest_damage = 1,
        Refused("badauth"),
    ),
    both(
        "another password",
        |it| it.password = "x",
        Refused("badauth"),
    ),
    both("no password", |it| it.password = "", Refused("badauth")),
    both(
        "an address fewer",
        |it| it.addresses.truncate(1),
        Refused("badauth"),
    ),
    both(
        "an address more",
        |it| it.addresses.push(ip("192.0.2.11")),
        Refused("badauth"),
    ),
    // §3: of two faults the first one counts.
    both(
        "hop limit, length",
        |it| (it.hop_limit, it.length) = (254, 35),
        Refused("badttl"),
    ),
    both(
        "hop limit, checksum",
        |it| (it.hop_limit, it.checksum_damage) = (254, 1),
        Refused("badttl"),
    ),
    both(
        "length, vhid",
        |it| (it.length, it.advert.vhid) = (35, 98),
        Refused("badlen"),
    ),
    both(
        "checksum, vhid",
        |it| (it.checksum_damage, it.advert.vhid) = (1, 98),
        Refused("badsum"),
    ),
    both(
        "checksum, version",
        |it| (it.checksum_damage, it.advert.version) = (1, 3),
        Refused("badsum"),
    ),
    both(
        "vhid, version",
        |it| (it.advert.vhid, it.advert.version) = (98, 3),
        Refused("badvhid"),
    ),
    both(
        "vhid, digest",
        |it| (it.advert.vhid, it.digest_damage) = (98, 1),
        Refused("badvhid"),
    ),
    both(
        "version, digest",
        |it| (it.advert.version, it.digest_damage) = (3, 1),
        Refused("badver"),
    ),
    // Not for this node.
    inet(
        "unicast, hop limit",
        |it| {
            unicast(it, "192.0.2.1");
            it.hop_limit = 254;
        },
        Refused("badttl"),
    ),
    inet6(
        "unicast, hop limit",
        |it| {
            unicast(it, "2001:db8::1");
            it.hop_limit = 254;
        },
        Refused("badttl"),
    ),
    inet("unicast", |it| unicast(it, "192.0.2.1"), Accepted),
    inet6("unicast", |it| unicast(it, "2001:db8::1"), Accepted),
    inet(
        "broadcast",
        |it| broadcast(it, "255.255.255.255"),
        Refused("badvhid"),
    ),
    inet(
        "broadcast of the network",
        |it| broadcast(it, "192.0.2.255"),
        Refused("badvhid"),
    ),
    inet(
        "broadcast, hop limit",
        |it| {
            broadcast(it, "192.0.2.255");
            it.hop_limit = 254;
        },
        Refused("badttl"),
    ),
    inet(
        "all hosts",
        |it| {
            it.destination = ip("224.0.0.1");
            it.destination_mac = MacAddress([1, 0, 0x5e, 0, 0, 1]);
        },
        Refused("badvhid"),
    ),
    inet6(
        "all nodes",
        |it| {
            it.destination = ip("ff02::1");
            it.destination_mac = MacAddress([0x33, 0x33, 0, 0, 0, 1]);
        },
        Refused("badvhid"),
    ),
    inet("to another group", to_another_group, Unheard),
    inet6("to another group", to_another_group, Unheard),
    both("in a VLAN", |it| it.tags = vec![[Q, 5]], Unheard),
    both(
        "in a VLAN of a provider",
        |it| it.tags = vec![[AD, 5]],
        Unheard,
    ),
    both(
        "in a VLAN in a VLAN",
        |it| it.tags = vec![[AD, 5], [Q, 6]],
        Unheard,
    ),
    both(
        "in a VLAN with a priority",
        |it| it.tags = vec![[Q, 0xe005]],
        Unheard,
    ),
    // No IP packet.
    inet("a bad header checksum", |it| it.header_damage = 1, Unheard),
    inet("a fragment", |it| it.fragmentation = 0x2000, Unheard),
    inet(
        "the end of a packet",
        |it| it.fragmentation = DONT_FRAGMENT | 5,
        Unheard,
    ),
];

/// The link-layer address of the node that is tried.
pub(super) const NODE: MacAddress = MacAddress([2, 0, 0, 0, 0, 3]);

fn no_checksum(it: &mut Crafted) {
    // The right one is none of these, or the packet would be summed to it.
    it.checksum_damage = 0xa5a5;
}

fn unicast(it: &mut Crafted, to: &str) {
    it.destination = ip(to);
    it.destination_mac = NODE;
}

fn broadcast(it: &mut Crafted, to: &str) {
    it.destination = ip(to);
    it.destination_mac = MacAddress::BROADCAST;
}

/// The group after that of CARP, which nobody here has joined.
pub(super) fn to_another_group(it: &mut Crafted) {
    let family = Family::of(it.destination);
    let (group, mac) = match family {
        Family::Inet => ("224.0.0.19", MacAddress([1, 0, 0x5e, 0, 0, 0x13])),
        Family::Inet6 => ("ff02::13", MacAddress([0x33, 0x33, 0, 0, 0, 0x13])),
    };
    it.destination = ip(group);
    it.destination_mac = mac;
}
