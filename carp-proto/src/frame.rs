//! Whole Ethernet frames: the buffer, and the frame around an advertisement.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::ops::Deref;

use crate::wire::{Checksum, join};
use crate::{Advertisement, Family, HOP_LIMIT, MacAddress, PROTOCOL};

/// An Ethernet frame without its frame check sequence, ready for a packet socket.
///
/// It is held in place, so building one allocates nothing.
///
/// # Examples
///
/// ```
/// use carp_proto::{ArpForm, Vhid, arp_announcement};
///
/// let mac = Vhid::new(1)?.virtual_mac();
/// let frame = arp_announcement(mac, "192.0.2.10".parse()?, ArpForm::Request);
/// assert_eq!(frame.len(), 42);
/// assert_eq!(frame[..6], [0xff; 6]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Frame {
    bytes: [u8; Self::MAX_LEN],
    length: usize,
}

impl Frame {
    /// The length of the longest frame: an advertisement over IPv6.
    pub const MAX_LEN: usize = ETHERNET_LEN + IPV6_LEN + Advertisement::LEN;

    /// Makes a frame of its header and its payload.
    pub(crate) fn new(
        destination: MacAddress,
        source: MacAddress,
        ethertype: u16,
        payload: [&[u8]; 2],
    ) -> Self {
        let header: [u8; ETHERNET_LEN] = join(&[
            &destination.octets(),
            &source.octets(),
            &ethertype.to_be_bytes(),
        ]);
        let [front, back] = payload;
        let length = header.len() + front.len() + back.len();
        let padding = [0; Self::MAX_LEN];
        let padding = padding.get(length..).unwrap_or_default();
        Self {
            bytes: join(&[&header, front, back, padding]),
            length,
        }
    }
}

impl Deref for Frame {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&self.bytes)
    }
}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Frame {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Frame {}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({:02x?})", &**self)
    }
}

/// Where a packet comes from and where it goes, both of one family.
///
/// # Examples
///
/// ```
/// use carp_proto::{Endpoints, Family};
///
/// let group = Endpoints::to_group("192.0.2.2".parse()?);
/// assert_eq!(group.destination(), Family::Inet.group());
///
/// assert!(Endpoints::new("192.0.2.2".parse()?, "192.0.2.3".parse()?).is_ok());
/// assert!(Endpoints::new("192.0.2.2".parse()?, "2001:db8::3".parse()?).is_err());
/// # Ok::<(), core::net::AddrParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "CARP is carried by IPv4 and IPv6, and by nothing else"
)]
pub enum Endpoints {
    /// IPv4.
    Inet {
        /// The sender.
        source: Ipv4Addr,
        /// The group or the peer.
        destination: Ipv4Addr,
    },
    /// IPv6.
    Inet6 {
        /// The sender.
        source: Ipv6Addr,
        /// The group or the peer.
        destination: Ipv6Addr,
    },
}

impl Endpoints {
    /// Pairs two addresses.
    ///
    /// # Errors
    ///
    /// [`MixedFamilies`] if one is IPv4 and the other IPv6.
    pub const fn new(source: IpAddr, destination: IpAddr) -> Result<Self, MixedFamilies> {
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => Ok(Self::Inet {
                source,
                destination,
            }),
            (IpAddr::V6(source), IpAddr::V6(destination)) => Ok(Self::Inet6 {
                source,
                destination,
            }),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => Err(MixedFamilies),
        }
    }

    /// Pairs an address with the CARP group of its family.
    pub const fn to_group(source: IpAddr) -> Self {
        match source {
            IpAddr::V4(source) => Self::Inet {
                source,
                destination: crate::GROUP_V4,
            },
            IpAddr::V6(source) => Self::Inet6 {
                source,
                destination: crate::GROUP_V6,
            },
        }
    }

    /// Returns the sender.
    pub const fn source(&self) -> IpAddr {
        match *self {
            Self::Inet { source, .. } => IpAddr::V4(source),
            Self::Inet6 { source, .. } => IpAddr::V6(source),
        }
    }

    /// Returns the group or the peer.
    pub const fn destination(&self) -> IpAddr {
        match *self {
            Self::Inet { destination, .. } => IpAddr::V4(destination),
            Self::Inet6 { destination, .. } => IpAddr::V6(destination),
        }
    }

    /// Returns the family of both.
    pub const fn family(&self) -> Family {
        match self {
            Self::Inet { .. } => Family::Inet,
            Self::Inet6 { .. } => Family::Inet6,
        }
    }
}

/// One address is IPv4 and the other IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("source and destination are of different address families")]
#[non_exhaustive]
pub struct MixedFamilies;

/// What the headers in front of an advertisement say, where there is a choice
/// (`docs/carp-protocol.md §1.3, §1.4`).
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
    let frame = |ethertype, header: &[u8]| {
        Frame::new(
            headers.destination_mac,
            headers.source_mac,
            ethertype,
            [header, advert],
        )
    };
    match headers.endpoints {
        Endpoints::Inet {
            source,
            destination,
        } => frame(ETHERTYPE_IPV4, &ipv4_header(headers, source, destination)),
        Endpoints::Inet6 {
            source,
            destination,
        } => frame(
            ETHERTYPE_IPV6,
            &ipv6_header(
                headers.traffic_class,
                Advertisement::WIRE_LEN,
                PROTOCOL,
                source,
                destination,
            ),
        ),
    }
}

/// Builds the IPv4 header of an advertisement.
fn ipv4_header(
    headers: &AdvertHeaders,
    source: Ipv4Addr,
    destination: Ipv4Addr,
) -> [u8; IPV4_LEN as usize] {
    let with_checksum = |checksum: u16| {
        join(&[
            &[0x45, headers.traffic_class],
            &(IPV4_LEN + Advertisement::WIRE_LEN).to_be_bytes(),
            &headers.identification.to_be_bytes(),
            &DONT_FRAGMENT.to_be_bytes(),
            &[HOP_LIMIT, PROTOCOL],
            &checksum.to_be_bytes(),
            &source.octets(),
            &destination.octets(),
        ])
    };
    with_checksum(Checksum::default().add(&with_checksum(0)).finish())
}

/// Builds an IPv6 header with hop limit 255.
pub(crate) fn ipv6_header(
    traffic_class: u8,
    payload_length: u16,
    next_header: u8,
    source: Ipv6Addr,
    destination: Ipv6Addr,
) -> [u8; IPV6_LEN] {
    join(&[
        &(6 << 28 | u32::from(traffic_class) << 20).to_be_bytes(),
        &payload_length.to_be_bytes(),
        &[next_header, HOP_LIMIT],
        &source.octets(),
        &destination.octets(),
    ])
}

const ETHERNET_LEN: usize = 14;
const IPV4_LEN: u16 = 20;
const IPV6_LEN: usize = 40;
const ETHERTYPE_IPV4: u16 = 0x0800;
pub(crate) const ETHERTYPE_IPV6: u16 = 0x86dd;
const DONT_FRAGMENT: u16 = 0x4000;
