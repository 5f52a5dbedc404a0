//! The frame around an advertisement (`docs/carp-protocol.md §1.3, §1.4`).

use core::net::{IpAddr, Ipv4Addr};

use crate::frame::{ETHERTYPE_IPV6, ipv6_header};
use crate::wire::{Checksum, join};
use crate::{Advertisement, Endpoints, Family, Frame, HOP_LIMIT, MacAddress, PROTOCOL};

/// What the headers in front of an advertisement say, where there is a choice
/// (`docs/carp-protocol.md §1.3, §1.4`).
///
/// # Examples
///
/// ```
/// use carp_proto::{AdvertHeaders, Advertisement, Vhid, advert_frame};
///
/// let vhid = Vhid::new(1)?;
/// let advert = Advertisement::new(vhid, 1, 0, 0, 0);
/// let headers = AdvertHeaders::to_group(vhid.virtual_mac(), "192.0.2.2".parse()?);
/// let headers = AdvertHeaders { traffic_class: 0xe0, ..headers };
/// assert_eq!(advert_frame(&headers, &advert.encode()).len(), 70);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AdvertHeaders {
    /// The Ethernet source: the virtual MAC address, or the interface's own.
    pub source_mac: MacAddress,
    /// The Ethernet destination: that of the group, or the peer's.
    pub destination_mac: MacAddress,
    /// The IP addresses.
    pub endpoints: Endpoints,
    /// The IPv4 TOS or IPv6 traffic class.
    pub traffic_class: u8,
    /// The IPv4 identification. Any value will do, because adverts are never fragmented.
    pub identification: u16,
}

impl AdvertHeaders {
    /// The TOS that most peers send with IPv4, low delay. With IPv6 they send 0.
    pub const TOS: u8 = 0x10;

    /// Returns the headers of an advertisement to the group, with the usual traffic class.
    pub const fn to_group(source_mac: MacAddress, source: IpAddr) -> Self {
        let family = Family::of(source);
        Self {
            source_mac,
            destination_mac: family.group_mac(),
            endpoints: Endpoints::to_group(source),
            traffic_class: match family {
                Family::Inet => Self::TOS,
                Family::Inet6 => 0,
            },
            identification: 0,
        }
    }
}

/// Builds the frame of an advertisement: 70 bytes over IPv4, 90 over IPv6.
///
/// The IP header has TTL or hop limit 255, no options and, with IPv4, "don't fragment".
pub fn advert_frame(headers: &AdvertHeaders, advert: &[u8; Advertisement::LEN]) -> Frame {
    let AdvertHeaders {
        source_mac,
        destination_mac,
        endpoints,
        traffic_class,
        identification,
    } = *headers;
    match endpoints {
        Endpoints::Inet {
            source,
            destination,
        } => {
            let header = ipv4_header(traffic_class, identification, source, destination);
            Frame::new(destination_mac, source_mac, ETHERTYPE_IPV4, &header, advert)
        }
        Endpoints::Inet6 {
            source,
            destination,
        } => {
            let length = Advertisement::WIRE_LEN;
            let header = ipv6_header(traffic_class, length, PROTOCOL, source, destination);
            Frame::new(destination_mac, source_mac, ETHERTYPE_IPV6, &header, advert)
        }
    }
}

/// Builds the IPv4 header of an advertisement.
fn ipv4_header(
    tos: u8,
    identification: u16,
    source: Ipv4Addr,
    destination: Ipv4Addr,
) -> [u8; IPV4_LEN as usize] {
    let with_checksum = |checksum: u16| {
        join(&[
            &[VERSION_4_AND_LENGTH, tos],
            &(IPV4_LEN + Advertisement::WIRE_LEN).to_be_bytes(),
            &identification.to_be_bytes(),
            &DONT_FRAGMENT.to_be_bytes(),
            &[HOP_LIMIT, PROTOCOL],
            &checksum.to_be_bytes(),
            &source.octets(),
            &destination.octets(),
        ])
    };
    with_checksum(Checksum::default().add(&with_checksum(0)).finish())
}

const ETHERTYPE_IPV4: u16 = 0x0800;
const IPV4_LEN: u16 = 20;
/// Version 4, and 5 words of 32 bits: no options.
const VERSION_4_AND_LENGTH: u8 = 0x45;
const DONT_FRAGMENT: u16 = 0x4000;
