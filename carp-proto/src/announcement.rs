//! The frames by which a new master tells the segment where its addresses are
//! (`docs/carp-protocol.md §4.5`).

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::checksum::pseudo_header;
use crate::frame::{ETHERTYPE_IPV6, ipv6_header};
use crate::wire::join;
use crate::{Frame, MacAddress};

/// Which kind of ARP packet announces an address. Some hosts heed only one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "ARP has no third kind that announces"
)]
pub enum ArpForm {
    /// A request for the address itself, as the BSDs send.
    Request,
    /// A reply that nobody asked for.
    Reply,
}

/// Builds a gratuitous ARP packet: `ip` is at `mac`. 42 bytes, to everybody.
///
/// # Examples
///
/// ```
/// use carp_proto::{ArpForm, MacAddress, Vhid, arp_announcement};
///
/// let mac = Vhid::new(1)?.virtual_mac();
/// let frame = arp_announcement(mac, "192.0.2.10".parse()?, ArpForm::Request);
/// assert_eq!(frame[..6], MacAddress::BROADCAST.octets());
/// assert_eq!(frame[6..12], mac.octets());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn arp_announcement(mac: MacAddress, ip: Ipv4Addr, form: ArpForm) -> Frame {
    // RFC 5944 §4.6: the target's hardware address is unused in a request, and that to be learned
    // in a reply.
    let (operation, target_mac) = match form {
        ArpForm::Request => (1, [0; 6]),
        ArpForm::Reply => (2, mac.octets()),
    };
    let arp: [u8; ARP_LEN] = join(&[
        &ARP_ETHERNET_IPV4,
        &[0, operation],
        &mac.octets(),
        &ip.octets(),
        &target_mac,
        &ip.octets(),
    ]);
    Frame::new(MacAddress::BROADCAST, mac, ETHERTYPE_ARP, &arp, &[])
}

/// Builds an unsolicited neighbour advertisement: `ip` is at `mac`. 86 bytes, to all nodes.
///
/// It overrides what neighbours have cached. `router` says whether this host forwards IPv6: a
/// neighbour that uses it as a router stops doing so when told otherwise (RFC 4861 §7.2.5).
///
/// # Examples
///
/// ```
/// use carp_proto::{Vhid, neighbour_advertisement};
///
/// let mac = Vhid::new(1)?.virtual_mac();
/// let frame = neighbour_advertisement(mac, "2001:db8::10".parse()?, false);
/// assert_eq!(frame[..6], [0x33, 0x33, 0, 0, 0, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn neighbour_advertisement(mac: MacAddress, ip: Ipv6Addr, router: bool) -> Frame {
    let flags = if router {
        FLAG_ROUTER | FLAG_OVERRIDE
    } else {
        FLAG_OVERRIDE
    };
    let with_checksum = |checksum: u16| -> [u8; NA_LEN as usize] {
        join(&[
            &[TYPE_NEIGHBOUR_ADVERTISEMENT, 0],
            &checksum.to_be_bytes(),
            &[flags, 0, 0, 0],
            &ip.octets(),
            &[OPTION_TARGET_LINK_ADDRESS, 1],
            &mac.octets(),
        ])
    };
    let sum = pseudo_header(ip, ALL_NODES, NA_LEN.into(), ICMPV6);
    let na = with_checksum(sum.add(&with_checksum(0)).finish());
    let header = ipv6_header(0, NA_LEN, ICMPV6, ip, ALL_NODES);
    Frame::new(ALL_NODES_MAC, mac, ETHERTYPE_IPV6, &header, &na)
}

const ETHERTYPE_ARP: u16 = 0x0806;
const ARP_LEN: usize = 28;
/// Hardware type, protocol type, and the lengths of the addresses of each.
const ARP_ETHERNET_IPV4: [u8; 6] = [0x00, 0x01, 0x08, 0x00, 6, 4];

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC: MacAddress = MacAddress([0x33, 0x33, 0, 0, 0, 1]);
const ICMPV6: u8 = 58;
const NA_LEN: u16 = 32;
const TYPE_NEIGHBOUR_ADVERTISEMENT: u8 = 136;
const OPTION_TARGET_LINK_ADDRESS: u8 = 2;
const FLAG_ROUTER: u8 = 0x80;
const FLAG_OVERRIDE: u8 = 0x20;
