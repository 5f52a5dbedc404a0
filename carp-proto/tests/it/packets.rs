//! Taking the IP header off a packet.

use std::net::IpAddr;

use carp_proto::{Envelope, PacketError, decode_ip_packet};
use etherparse::{
    IpDscp, IpEcn, IpNumber, IpSlice, Ipv4Header, Ipv4Options, Ipv6FlowLabel, Ipv6Header,
};
use proptest::prelude::*;

const PAYLOAD: [u8; 36] = [0xa5; 36];

#[test]
fn ipv4_with_options() {
    for words in 0..=10 {
        let packet = ipv4(&vec![1; words * 4], &PAYLOAD);
        let (envelope, payload) = decode_ip_packet(&packet).unwrap();
        assert_eq!(envelope, envelope_v4());
        assert_eq!(payload, PAYLOAD);
    }
}

#[test]
fn ipv6_with_extension_headers() {
    // Each: its own number, and its length in units of 8 bytes beyond the first 8.
    let chains: [&[(u8, u8)]; 5] = [
        &[],
        &[(0, 0)],
        &[(43, 2)],
        &[(60, 1)],
        &[(0, 0), (60, 0), (43, 2), (60, 3)],
    ];

    for chain in chains {
        let packet = ipv6(chain, 112, &PAYLOAD);
        let (envelope, payload) = decode_ip_packet(&packet).unwrap();
        assert_eq!(envelope, envelope_v6());
        assert_eq!(payload, PAYLOAD);
    }
}

#[test]
fn bytes_behind_the_packet_are_cut_off() {
    for mut packet in [ipv4(&[], &PAYLOAD), ipv6(&[], 112, &PAYLOAD)] {
        packet.extend([0x5a; 10]);
        assert_eq!(decode_ip_packet(&packet).unwrap().1, PAYLOAD);
    }
}

#[test]
fn truncated_at_every_length() {
    let packets = [
        ipv4(&[1; 8], &PAYLOAD),
        ipv6(&[(0, 0), (43, 2)], 112, &PAYLOAD),
    ];

    for packet in packets {
        for length in 0..packet.len() {
            assert_eq!(
                decode_ip_packet(&packet[..length]),
                Err(PacketError::Truncated)
            );
        }
    }
}

#[test]
fn extension_headers_longer_than_the_packet_are_truncated() {
    let mut packet = ipv6(&[(60, 0)], 112, &PAYLOAD);
    packet[41] = 5;

    assert_eq!(decode_ip_packet(&packet), Err(PacketError::Truncated));
}

#[test]
fn impossible_lengths_are_rejected() {
    let mut short_header = ipv4(&[], &PAYLOAD);
    short_header[0] = 0x44;
    let mut short_packet = ipv4(&[], &PAYLOAD);
    short_packet[2..4].copy_from_slice(&19_u16.to_be_bytes());

    for packet in [short_header, short_packet] {
        assert_eq!(
            decode_ip_packet(&packet),
            Err(PacketError::ImpossibleLength)
        );
    }
}

#[test]
fn every_bit_flip_of_an_ipv4_header_is_rejected() {
    let packet = ipv4(&[1; 4], &PAYLOAD);

    for bit in 0..24 * 8 {
        let mut flipped = packet.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(decode_ip_packet(&flipped).is_err(), "bit {bit}");
    }
}

#[test]
fn bad_header_checksum_is_rejected() {
    let mut packet = ipv4(&[], &PAYLOAD);
    packet[10] ^= 1;

    assert_eq!(
        decode_ip_packet(&packet),
        Err(PacketError::BadHeaderChecksum)
    );
}

#[test]
fn other_versions_are_rejected() {
    for version in (0..16).filter(|version| ![4, 6].contains(version)) {
        let mut packet = ipv4(&[], &PAYLOAD);
        packet[0] = version << 4 | 5;
        assert_eq!(
            decode_ip_packet(&packet),
            Err(PacketError::UnknownVersion { version })
        );
    }
}

#[test]
fn other_protocols_are_rejected() {
    let mut udp = header_v4(36);
    udp.protocol = IpNumber::UDP;
    udp.header_checksum = udp.calc_header_checksum();
    let error = Err(PacketError::OtherProtocol { protocol: 17 });

    assert_eq!(
        decode_ip_packet(&with_payload(udp.to_bytes(), &PAYLOAD)),
        error
    );
    assert_eq!(decode_ip_packet(&ipv6(&[], 17, &PAYLOAD)), error);
    assert_eq!(decode_ip_packet(&ipv6(&[(0, 0)], 17, &PAYLOAD)), error);
}

#[test]
fn fragments_are_rejected() {
    let mut first = header_v4(36);
    first.more_fragments = true;
    let mut last = header_v4(36);
    last.fragment_offset = 1.try_into().unwrap();

    for mut header in [first, last] {
        header.header_checksum = header.calc_header_checksum();
        let packet = with_payload(header.to_bytes(), &PAYLOAD);
        assert_eq!(decode_ip_packet(&packet), Err(PacketError::Fragment));
    }

    for offset_and_more in [[0, 1], [0, 8], [0xff, 0xf9]] {
        let mut packet = ipv6(&[(44, 0)], 112, &PAYLOAD);
        packet[42..44].copy_from_slice(&offset_and_more);
        assert_eq!(decode_ip_packet(&packet), Err(PacketError::Fragment));
    }
}

/// What comes after the first fragment begins anywhere, not with a header.
#[test]
fn later_fragment_has_no_extension_headers() {
    for protocol in [43, 44, 60] {
        let mut packet = ipv6(&[(44, 0)], protocol, &[112, 0, 0, 0, 0, 0, 0, 0]);
        packet[42..44].copy_from_slice(&[0, 8]);
        let other = PacketError::OtherProtocol { protocol };
        assert_eq!(decode_ip_packet(&packet), Err(other));
    }
}

#[test]
fn packet_in_one_piece_is_no_fragment() {
    let packet = ipv6(&[(0, 0), (44, 0), (60, 0)], 112, &PAYLOAD);

    assert_eq!(decode_ip_packet(&packet).unwrap().1, PAYLOAD);
}

#[test]
fn dont_fragment_is_no_fragment() {
    let mut header = header_v4(36);
    header.dont_fragment = true;
    header.header_checksum = header.calc_header_checksum();

    assert!(decode_ip_packet(&with_payload(header.to_bytes(), &PAYLOAD)).is_ok());
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
        if let Ok((_, payload)) = decode_ip_packet(&bytes) {
            prop_assert!(payload.len() < bytes.len());
        }
    }

    /// What we accept of a packet that was damaged, an independent parser reads alike.
    #[test]
    fn agrees_with_etherparse(
        which in 0..3_usize,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop_oneof![3 => Just(0), 1 => 1..3_usize],
    ) {
        let mut packet = match which {
            0 => ipv4(&[1; 8], &PAYLOAD),
            1 => ipv6(&[], 112, &PAYLOAD),
            _ => ipv6(&[(0, 0), (60, 0), (43, 2)], 112, &PAYLOAD),
        };
        for (place, value) in damage {
            let place = place.index(packet.len());
            packet[place] = value;
        }
        packet.truncate(packet.len() - cut);

        // To etherparse a length of 0 is that of a jumbogram, which no advert ever is.
        let is_jumbogram = packet[0] >> 4 == 6 && packet[4..6] == [0, 0];
        if let Ok((envelope, payload)) = decode_ip_packet(&packet)
            && !is_jumbogram
        {
            let parsed = IpSlice::from_slice(&packet).unwrap();
            prop_assert_eq!(parsed.source_addr(), envelope.source);
            prop_assert_eq!(parsed.destination_addr(), envelope.destination);
            prop_assert_eq!(parsed.payload_ip_number(), IpNumber(112));
            prop_assert!(!parsed.is_fragmenting_payload());
            prop_assert_eq!(parsed.payload().payload, payload);
            let (hop_limit, class, identification) = match &parsed {
                IpSlice::Ipv4(packet) => {
                    let header = packet.header();
                    let class = header.dcp().value() << 2 | header.ecn().value();
                    (header.ttl(), class, Some(header.identification()))
                }
                IpSlice::Ipv6(packet) => {
                    let header = packet.header();
                    (header.hop_limit(), header.traffic_class(), None)
                }
            };
            prop_assert_eq!(hop_limit, envelope.hop_limit);
            prop_assert_eq!(Some(class), envelope.traffic_class);
            prop_assert_eq!(identification, envelope.identification);
        }
    }
}

fn envelope_v4() -> Envelope {
    Envelope {
        source: [192, 0, 2, 2].into(),
        destination: [224, 0, 0, 18].into(),
        hop_limit: 254,
        traffic_class: Some(0xe3),
        identification: Some(0x1234),
    }
}

fn envelope_v6() -> Envelope {
    Envelope {
        source: "fe80::1".parse().unwrap(),
        destination: "ff02::12".parse().unwrap(),
        hop_limit: 254,
        traffic_class: Some(0xe3),
        identification: None,
    }
}

fn header_v4(payload_len: u16) -> Ipv4Header {
    let (source, destination) = ([192, 0, 2, 2], [224, 0, 0, 18]);
    let mut header = Ipv4Header::new(payload_len, 254, IpNumber(112), source, destination).unwrap();
    header.dscp = IpDscp::try_new(56).unwrap();
    header.ecn = IpEcn::try_new(3).unwrap();
    header.identification = 0x1234;
    header
}

fn ipv4(options: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut header = header_v4(u16::try_from(payload.len()).unwrap());
    header.options = Ipv4Options::try_from(options).unwrap();
    header.set_payload_len(payload.len()).unwrap();
    header.header_checksum = header.calc_header_checksum();
    with_payload(header.to_bytes(), payload)
}

/// Builds an IPv6 packet with a chain of extension headers, filled with one-byte options.
fn ipv6(chain: &[(u8, u8)], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let numbers = chain.iter().map(|(number, _)| *number).chain([protocol]);
    let mut extensions = Vec::new();
    for (&(_, length), next_header) in chain.iter().zip(numbers.clone().skip(1)) {
        extensions.extend([next_header, length]);
        extensions.extend(vec![0; 6 + usize::from(length) * 8]);
    }
    extensions.extend(payload);
    let (IpAddr::V6(source), IpAddr::V6(destination)) =
        (envelope_v6().source, envelope_v6().destination)
    else {
        panic!("the envelope is of IPv6")
    };
    let header = Ipv6Header {
        traffic_class: 0xe3,
        flow_label: Ipv6FlowLabel::ZERO,
        payload_length: u16::try_from(extensions.len()).unwrap(),
        next_header: IpNumber(numbers.clone().next().unwrap()),
        hop_limit: 254,
        source: source.octets(),
        destination: destination.octets(),
    };
    with_payload(header.to_bytes(), &extensions)
}

fn with_payload(header: impl AsRef<[u8]>, payload: &[u8]) -> Vec<u8> {
    [header.as_ref(), payload].concat()
}
