//! Taking the IP header off a packet.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::wire::Checksum;
use crate::{Envelope, PROTOCOL};

/// Splits an IPv4 or IPv6 packet of protocol 112 into its envelope and its payload.
///
/// This is what a raw IPv4 socket delivers, and what follows the Ethernet header of a captured
/// frame. Options of IPv4 and the hop-by-hop, routing and destination headers of IPv6 are skipped;
/// bytes behind the length that the header tells, such as Ethernet's padding, are cut off.
///
/// The hop limit is reported, not judged: see [`HOP_LIMIT`](crate::HOP_LIMIT).
///
/// # Errors
///
/// A [`PacketError`] says what is wrong with the packet, or that it is not for CARP.
///
/// # Examples
///
/// ```
/// use carp_proto::{AdvertHeaders, Advertisement, Vhid, advert_frame, decode_ip_packet};
///
/// let vhid = Vhid::new(1)?;
/// let advert = Advertisement::new(vhid, 1, 0, 0, 0).encode();
/// let headers = AdvertHeaders::to_group(vhid.virtual_mac(), "192.0.2.2".parse()?);
/// let frame = advert_frame(&headers, &advert);
///
/// let (envelope, payload) = decode_ip_packet(&frame[14..])?;
/// assert_eq!(envelope.hop_limit, 255);
/// assert_eq!(payload, advert);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decode_ip_packet(bytes: &[u8]) -> Result<(Envelope, &[u8]), PacketError> {
    let first = bytes.first().ok_or(PacketError::Truncated)?;
    match first >> 4 {
        4 => decode_ipv4(bytes),
        6 => decode_ipv6(bytes),
        version => Err(PacketError::UnknownVersion { version }),
    }
}

/// Why a packet has no payload for CARP.
///
/// # Examples
///
/// ```
/// use carp_proto::{PacketError, decode_ip_packet};
///
/// assert_eq!(decode_ip_packet(&[0x45; 19]), Err(PacketError::Truncated));
/// assert_eq!(decode_ip_packet(&[0x50]), Err(PacketError::UnknownVersion { version: 5 }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PacketError {
    /// The packet ends before its headers, or before the length they tell.
    #[error("the packet is truncated")]
    Truncated,
    /// A length in the IPv4 header contradicts the header itself.
    #[error("the lengths in the IPv4 header are impossible")]
    ImpossibleLength,
    /// The checksum of the IPv4 header is wrong.
    #[error("the checksum of the IPv4 header is wrong")]
    BadHeaderChecksum,
    /// The packet is neither IPv4 nor IPv6.
    #[error("IP version {version} is neither 4 nor 6")]
    UnknownVersion {
        /// The version, 0 to 15.
        version: u8,
    },
    /// The packet is a fragment, which no advertisement ever is.
    #[error("the packet is a fragment")]
    Fragment,
    /// The payload is of another protocol.
    #[error("protocol {protocol} is not 112")]
    OtherProtocol {
        /// The protocol, or the IPv6 next header that is not skipped.
        protocol: u8,
    },
}

fn decode_ipv4(bytes: &[u8]) -> Result<(Envelope, &[u8]), PacketError> {
    let (header, _) = bytes
        .split_first_chunk::<20>()
        .ok_or(PacketError::Truncated)?;
    let [
        version_and_length,
        _tos,
        t0,
        t1,
        _,
        _,
        f0,
        f1,
        ttl,
        protocol,
        _,
        _,
        addresses @ ..,
    ] = *header;
    let [s0, s1, s2, s3, destination @ ..] = addresses;

    let header_len = usize::from(version_and_length & 0x0f) * 4;
    let total_len = usize::from(u16::from_be_bytes([t0, t1]));
    if header_len < header.len() || total_len < header_len {
        return Err(PacketError::ImpossibleLength);
    }
    let packet = bytes.get(..total_len).ok_or(PacketError::Truncated)?;
    let (header, payload) = packet
        .split_at_checked(header_len)
        .ok_or(PacketError::ImpossibleLength)?;
    if Checksum::default().add(header).finish() != 0 {
        return Err(PacketError::BadHeaderChecksum);
    }
    if u16::from_be_bytes([f0, f1]) & MORE_FRAGMENTS_OR_OFFSET != 0 {
        return Err(PacketError::Fragment);
    }
    if protocol != PROTOCOL {
        return Err(PacketError::OtherProtocol { protocol });
    }
    let envelope = Envelope {
        source: Ipv4Addr::from([s0, s1, s2, s3]).into(),
        destination: Ipv4Addr::from(destination).into(),
        hop_limit: ttl,
    };
    Ok((envelope, payload))
}

fn decode_ipv6(bytes: &[u8]) -> Result<(Envelope, &[u8]), PacketError> {
    let (header, rest) = bytes
        .split_first_chunk::<40>()
        .ok_or(PacketError::Truncated)?;
    let [
        _,
        _,
        _,
        _,
        l0,
        l1,
        mut next_header,
        hop_limit,
        addresses @ ..,
    ] = *header;
    let (source, destination) = halves(addresses);

    let payload_len = usize::from(u16::from_be_bytes([l0, l1]));
    let mut payload = rest.get(..payload_len).ok_or(PacketError::Truncated)?;
    while next_header != PROTOCOL {
        match next_header {
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS => {}
            FRAGMENT => return Err(PacketError::Fragment),
            protocol => return Err(PacketError::OtherProtocol { protocol }),
        }
        // RFC 8200 §4: the next header, and the length in units of 8 bytes beyond the first 8.
        let &[following, length] = payload.first_chunk().ok_or(PacketError::Truncated)?;
        let length = 8 + usize::from(length) * 8;
        payload = payload.get(length..).ok_or(PacketError::Truncated)?;
        next_header = following;
    }
    let envelope = Envelope {
        source: source.into(),
        destination: destination.into(),
        hop_limit,
    };
    Ok((envelope, payload))
}

/// Splits the two addresses of an IPv6 header.
fn halves(addresses: [u8; 32]) -> (Ipv6Addr, Ipv6Addr) {
    let [
        s0,
        s1,
        s2,
        s3,
        s4,
        s5,
        s6,
        s7,
        s8,
        s9,
        s10,
        s11,
        s12,
        s13,
        s14,
        s15,
        destination @ ..,
    ] = addresses;
    let source = [
        s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15,
    ];
    (source.into(), destination.into())
}

/// Of the flags and the fragment offset: all but the reserved bit and "don't fragment".
const MORE_FRAGMENTS_OR_OFFSET: u16 = 0x3fff;
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION_OPTIONS: u8 = 60;
