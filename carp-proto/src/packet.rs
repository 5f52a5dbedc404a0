//! Taking the IP header off a packet.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::wire::Checksum;
use crate::{Envelope, PROTOCOL};

/// Splits an IPv4 or IPv6 packet of protocol 112 into its envelope and its payload.
///
/// This is what a raw IPv4 socket delivers. Options of IPv4 and the hop-by-hop, routing and
/// destination headers of IPv6 are skipped, and so is the fragment header of a packet that came in
/// one piece; bytes behind the length that the header tells, such as Ethernet's padding, are cut
/// off. What was captured is better shown with [`decode_frame`](crate::decode_frame), which does
/// not stop at what a receiver refuses.
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
    let packet = IpPacket::read(bytes)?;
    let payload = packet.whole_payload()?;
    Ok((packet.envelope, payload))
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

/// What the headers of a packet of protocol 112 say, and what there is of its payload.
///
/// Nothing is judged here: a damaged or cut packet can still be shown to somebody.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IpPacket<'a> {
    pub(crate) envelope: Envelope,
    /// What there is of the payload, at most as much as the header tells.
    pub(crate) payload: &'a [u8],
    /// How long the payload is as the header tells it; `None` if it tells the impossible.
    pub(crate) payload_len: Option<usize>,
    /// Always so over IPv6, which has no such checksum.
    pub(crate) header_checksum_is_valid: bool,
    /// Where this is a part of a packet.
    pub(crate) fragment: Option<Fragment>,
}

/// Which part of a packet a fragment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fragment {
    /// Where its payload begins in that of the whole packet, in bytes; 0 in the first one.
    pub(crate) offset: u16,
}

impl<'a> IpPacket<'a> {
    /// Reads a packet as far as it goes.
    ///
    /// Only [`PacketError::Truncated`], [`UnknownVersion`](PacketError::UnknownVersion) and
    /// [`OtherProtocol`](PacketError::OtherProtocol) come of this, the last one as soon as the
    /// protocol can be seen.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, PacketError> {
        let first = bytes.first().ok_or(PacketError::Truncated)?;
        match first >> 4 {
            4 => read_ipv4(bytes),
            6 => read_ipv6(bytes),
            version => Err(PacketError::UnknownVersion { version }),
        }
    }

    /// Returns the payload of a packet that a receiver would take.
    fn whole_payload(&self) -> Result<&'a [u8], PacketError> {
        let length = self.payload_len.ok_or(PacketError::ImpossibleLength)?;
        if self.payload.len() < length {
            return Err(PacketError::Truncated);
        }
        if !self.header_checksum_is_valid {
            return Err(PacketError::BadHeaderChecksum);
        }
        match self.fragment {
            None => Ok(self.payload),
            Some(_) => Err(PacketError::Fragment),
        }
    }
}

fn read_ipv4(bytes: &[u8]) -> Result<IpPacket<'_>, PacketError> {
    let (fixed, _) = bytes
        .split_first_chunk::<20>()
        .ok_or(PacketError::Truncated)?;
    let [
        version_and_length,
        tos,
        t0,
        t1,
        i0,
        i1,
        f0,
        f1,
        ttl,
        protocol,
        _,
        _,
        addresses @ ..,
    ] = *fixed;
    let [s0, s1, s2, s3, destination @ ..] = addresses;
    if protocol != PROTOCOL {
        return Err(PacketError::OtherProtocol { protocol });
    }

    let header_len = usize::from(version_and_length & 0x0f) * 4;
    let total_len = usize::from(u16::from_be_bytes([t0, t1]));
    let is_possible = header_len >= fixed.len() && total_len >= header_len;
    let (header, payload) = if is_possible {
        let packet = bytes.get(..total_len).unwrap_or(bytes);
        let parts = packet.split_at_checked(header_len);
        parts.ok_or(PacketError::Truncated)?
    } else {
        (&fixed[..], &[][..])
    };
    let flags_and_offset = u16::from_be_bytes([f0, f1]);
    let is_fragment = flags_and_offset & (V4_MORE_FRAGMENTS | V4_OFFSET) != 0;
    Ok(IpPacket {
        envelope: Envelope {
            source: Ipv4Addr::from([s0, s1, s2, s3]).into(),
            destination: Ipv4Addr::from(destination).into(),
            hop_limit: ttl,
            traffic_class: Some(tos),
            identification: Some(u16::from_be_bytes([i0, i1])),
        },
        payload,
        payload_len: is_possible.then(|| total_len - header_len),
        header_checksum_is_valid: Checksum::default().add(header).finish() == 0,
        fragment: is_fragment.then_some(Fragment {
            offset: (flags_and_offset & V4_OFFSET) * 8,
        }),
    })
}

fn read_ipv6(bytes: &[u8]) -> Result<IpPacket<'_>, PacketError> {
    let (header, rest) = bytes
        .split_first_chunk::<40>()
        .ok_or(PacketError::Truncated)?;
    let [
        v0,
        v1,
        _,
        _,
        l0,
        l1,
        mut next_header,
        hop_limit,
        addresses @ ..,
    ] = *header;
    let (source, destination) = halves(addresses);

    let mut payload_len = usize::from(u16::from_be_bytes([l0, l1]));
    let mut payload = rest.get(..payload_len).unwrap_or(rest);
    let mut fragment = None;
    let mut is_in_front = true;
    while next_header != PROTOCOL {
        let is_first = fragment.is_none_or(|Fragment { offset }| offset == 0);
        let length = match next_header {
            // RFC 8200 §4.1: nowhere else than in front.
            HOP_BY_HOP if is_in_front => extension_len(payload)?,
            ROUTING | DESTINATION_OPTIONS if is_first => extension_len(payload)?,
            FRAGMENT if is_first => {
                let &[_, _, o0, o1] = payload.first_chunk().ok_or(PacketError::Truncated)?;
                let offset_and_more = u16::from_be_bytes([o0, o1]);
                // One that is neither followed nor preceded by others is a whole packet (RFC 6946).
                let is_part = offset_and_more & (V6_OFFSET | V6_MORE_FRAGMENTS) != 0;
                fragment = is_part.then_some(Fragment {
                    offset: offset_and_more & V6_OFFSET,
                });
                8
            }
            protocol => return Err(PacketError::OtherProtocol { protocol }),
        };
        let (extension, behind) = payload
            .split_at_checked(length)
            .ok_or(PacketError::Truncated)?;
        next_header = *extension.first().ok_or(PacketError::Truncated)?;
        payload = behind;
        payload_len -= length;
        is_in_front = false;
    }
    Ok(IpPacket {
        envelope: Envelope {
            source: source.into(),
            destination: destination.into(),
            hop_limit,
            traffic_class: Some(v0 << 4 | v1 >> 4),
            identification: None,
        },
        payload,
        payload_len: Some(payload_len),
        header_checksum_is_valid: true,
        fragment,
    })
}

/// Returns the length of an extension header that tells it, in units of 8 bytes beyond the first 8
/// (RFC 8200 §4).
fn extension_len(header: &[u8]) -> Result<usize, PacketError> {
    let &[_, length] = header.first_chunk().ok_or(PacketError::Truncated)?;
    Ok(8 + usize::from(length) * 8)
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

/// RFC 791 §3.1; the offset counts units of 8 bytes.
const V4_MORE_FRAGMENTS: u16 = 0x2000;
const V4_OFFSET: u16 = 0x1fff;
/// RFC 8200 §4.5; the offset is where it counts bytes.
const V6_MORE_FRAGMENTS: u16 = 0x0001;
const V6_OFFSET: u16 = 0xfff8;
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION_OPTIONS: u8 = 60;
