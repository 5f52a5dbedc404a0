//! Frames to read, made as others make them.

use std::net::IpAddr;

use carp_proto::{
    AdvertHeaders, Advertisement, ChecksumForm, Endpoints, Envelope, MacAddress, VlanTag,
    advert_frame,
};

use crate::support::{hex, vhid};

pub(super) const NO_MACS: (Option<MacAddress>, Option<MacAddress>) = (None, None);

pub(super) fn advert() -> Advertisement {
    Advertisement {
        digest: [0xa5; 20],
        ..Advertisement::new(vhid(7), 1, 50, 3, 0x0123_4567_89ab_cdef)
    }
    .with_checksum(ChecksumForm::Plain)
}

pub(super) fn envelope(source: &str, destination: &str) -> Envelope {
    let source: IpAddr = source.parse().unwrap();
    Envelope {
        source,
        destination: destination.parse().unwrap(),
        hop_limit: 255,
        traffic_class: Some(if source.is_ipv4() { 0x10 } else { 0 }),
        identification: source.is_ipv4().then_some(0),
    }
}

pub(super) fn ipv4() -> Vec<u8> {
    packet_with("192.0.2.2", &advert().encode())
}

pub(super) fn ipv6() -> Vec<u8> {
    packet_with("fe80::1", &advert().encode())
}

pub(super) fn both_families() -> [(Vec<u8>, Envelope); 2] {
    [
        (ipv4(), envelope("192.0.2.2", "224.0.0.18")),
        (ipv6(), envelope("fe80::1", "ff02::12")),
    ]
}

pub(super) fn ipv4_with(payload: &[u8]) -> Vec<u8> {
    packet_with("192.0.2.2", payload)
}

/// Builds a packet to the group, of whatever length.
pub(super) fn packet_with(source: &str, payload: &[u8]) -> Vec<u8> {
    let endpoints = Endpoints::to_group(source.parse().unwrap());
    let headers = AdvertHeaders {
        endpoints,
        ..AdvertHeaders::to_group(vhid(7).virtual_mac(), endpoints.source())
    };
    let frame = advert_frame(&headers, &[0; 36]);
    let header_len = frame.len() - 14 - 36;
    let mut packet = frame[14..14 + header_len].to_vec();
    let payload_len = u16::try_from(payload.len()).unwrap();
    if header_len == 20 {
        packet[2..4].copy_from_slice(&(payload_len + 20).to_be_bytes());
        // RFC 1624: as much less in the sum as there is more in the length.
        let sum = u16::from_be_bytes([packet[10], packet[11]]) - payload_len + 36;
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
    } else {
        packet[4..6].copy_from_slice(&payload_len.to_be_bytes());
    }
    packet.extend(payload);
    packet
}

/// Builds an IPv6 packet with extension headers: the number of each, and what stands behind the
/// number of the next one.
pub(super) fn extended(chain: &[(u8, &[u8])], payload: &[u8]) -> Vec<u8> {
    let following = chain.iter().map(|(number, _)| *number).skip(1);
    let mut extensions = Vec::new();
    for ((_, content), next_header) in chain.iter().zip(following.chain([112])) {
        extensions.push(next_header);
        extensions.extend(*content);
    }
    extensions.extend(payload);
    let mut packet = packet_with("fe80::1", &extensions);
    packet[6] = chain[0].0;
    packet
}

pub(super) fn ethertype_of(packet: &[u8]) -> &'static str {
    if packet[0] >> 4 == 4 { "0800" } else { "86dd" }
}

/// Puts an Ethernet header with tags in front of a packet.
pub(super) fn ethernet(tags: &[VlanTag], packet: &[u8]) -> Vec<u8> {
    let macs = hex::<12>("01005e000012 00005e000107");
    let tags: Vec<_> = tags
        .iter()
        .flat_map(|tag| [tag.tpid.to_be_bytes(), tag.tci.to_be_bytes()])
        .collect();
    let ethertype = hex::<2>(ethertype_of(packet));
    [&macs[..], tags.as_flattened(), &ethertype, packet].concat()
}
