//! Captured frames: which hold an advert, and what is said of those that hold none.

use carp_proto::{
    AdvertError, Advertisement, ChecksumForm, FrameError, GROUP_V6, LinkType, PacketError, VlanTag,
    decode_frame,
};

use crate::support::{hex, vhid};

mod any_bytes;
mod made;
use made::{
    NO_MACS, advert, both_families, envelope, ethernet, ethertype_of, extended, ipv4, ipv4_with,
    ipv6, packet_with,
};

// ---- the way down ----

#[test]
fn ethernet_says_who_sent_it() {
    let frame = ethernet(&[], &ipv4());
    let decoded = decode_frame(LinkType::Ethernet, &frame).unwrap();

    assert_eq!(decoded.source_mac(), Some(vhid(7).virtual_mac()));
    assert_eq!(decoded.destination_mac(), Some(carp_proto::GROUP_MAC_V4));
    assert_eq!(*decoded.envelope(), envelope("192.0.2.2", "224.0.0.18"));
    assert_eq!(decoded.payload(), advert().encode());
    assert_eq!(decoded.advert(), Ok(advert()));
    assert_eq!(decoded.vlan_tags().len(), 0);
    assert!(decoded.header_checksum_is_valid());
    assert!(!decoded.is_fragment());
    assert!(!decoded.is_truncated());
}

#[test]
fn tags_of_any_depth_are_reported_from_the_outside() {
    for depth in 0..20_u16 {
        let tags: Vec<_> = (0..depth)
            .map(|number| VlanTag {
                tpid: [0x88a8, 0x8100, 0x9100, 0x9200, 0x9300][usize::from(number) % 5],
                tci: 0xa000 | number,
            })
            .collect();
        for packet in [ipv4(), ipv6()] {
            let frame = ethernet(&tags, &packet);
            let decoded = decode_frame(LinkType::Ethernet, &frame).unwrap();
            assert!(decoded.vlan_tags().eq(tags.iter().copied()));
            assert_eq!(decoded.advert(), Ok(advert()));
        }
    }
}

#[test]
fn packet_without_a_header_in_front() {
    for number in [101, 228, 229] {
        let link_type = LinkType::from_number(number).unwrap();
        for (packet, expected) in both_families() {
            let decoded = decode_frame(link_type, &packet).unwrap();
            assert_eq!(*decoded.envelope(), expected);
            assert_eq!(decoded.advert(), Ok(advert()));
            assert_eq!((decoded.source_mac(), decoded.destination_mac()), NO_MACS);
        }
    }
}

#[test]
fn loopback_has_an_address_family_in_either_order_of_bytes() {
    for number in [0, 108] {
        let link_type = LinkType::from_number(number).unwrap();
        for family in [2_u32, 10, 24, 28, 30] {
            for header in [family.to_be_bytes(), family.to_le_bytes()] {
                for (packet, expected) in both_families() {
                    let frame = [&header[..], &packet].concat();
                    let decoded = decode_frame(link_type, &frame).unwrap();
                    assert_eq!(*decoded.envelope(), expected);
                }
            }
        }
        // OSI, which the other systems have under the number of an IPv6 of none of them.
        let frame = [&7_u32.to_le_bytes()[..], &ipv4()].concat();
        let error = decode_frame(link_type, &frame).unwrap_err();
        assert_eq!(error, FrameError::NotIp { ethertype: 0 });
    }
}

#[test]
fn linux_cooked_has_the_sender_alone() {
    let v1 = |ethertype: &str| hex::<16>(&format!("0000 0001 0006 00005e000107 0000 {ethertype}"));
    let v2 = |ethertype: &str| {
        hex::<20>(&format!(
            "{ethertype} 0000 00000002 0001 00 06 00005e000107 0000"
        ))
    };

    for (packet, expected) in both_families() {
        let ethertype = ethertype_of(&packet);
        let frames = [
            (113, [&v1(ethertype)[..], &packet].concat()),
            (276, [&v2(ethertype)[..], &packet].concat()),
        ];
        for (number, frame) in frames {
            let link_type = LinkType::from_number(number).unwrap();
            let decoded = decode_frame(link_type, &frame).unwrap();
            assert_eq!(decoded.source_mac(), Some(vhid(7).virtual_mac()));
            assert_eq!(decoded.destination_mac(), None);
            assert_eq!(*decoded.envelope(), expected);
            assert_eq!(decoded.advert(), Ok(advert()));
        }

        // The tags stand behind the whole header, the kind of the first one in it.
        let tagged = [
            &hex::<6>("0064 8100 0005")[..],
            &hex::<2>(ethertype),
            &packet,
        ]
        .concat();
        let frames = [
            (113, [&v1("88a8")[..], &tagged].concat()),
            (276, [&v2("88a8")[..], &tagged].concat()),
        ];
        for (number, frame) in frames {
            let link_type = LinkType::from_number(number).unwrap();
            let decoded = decode_frame(link_type, &frame).unwrap();
            let tags = decoded.vlan_tags().map(|tag| (tag.tpid, tag.id()));
            assert!(tags.eq([(0x88a8, 100), (0x8100, 5)]));
            assert_eq!(decoded.advert(), Ok(advert()));
        }
    }
}

#[test]
fn linux_cooked_address_of_another_length_is_no_mac_address() {
    let header = hex::<16>("0000 0304 0000 0000000000000000 0800");
    let frame = [&header[..], &ipv4()].concat();
    let decoded = decode_frame(LinkType::LinuxCooked, &frame).unwrap();
    assert_eq!((decoded.source_mac(), decoded.destination_mac()), NO_MACS);
}

#[test]
fn extension_headers_of_ipv6_are_skipped() {
    // Each: its own number, and its content behind the number of what follows.
    let options: (u8, &[u8]) = (0, &[0, 5, 2, 0, 0, 1, 0]);
    let routing: (u8, &[u8]) = (
        43,
        &[
            2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ],
    );
    let destination: (u8, &[u8]) = (60, &[0, 1, 4, 0, 0, 0, 0]);
    let whole: (u8, &[u8]) = (44, &[0, 0, 0, 1, 2, 3, 4]);
    for chain in [
        &[options][..],
        &[routing],
        &[whole],
        &[options, destination, routing, whole, destination],
    ] {
        let packet = extended(chain, &advert().encode());
        let decoded = decode_frame(LinkType::Ip, &packet).unwrap();
        assert_eq!(decoded.advert(), Ok(advert()));
        assert!(!decoded.is_fragment());
    }
}

// ---- what is odd about an advert ----

#[test]
fn bytes_behind_the_advert_are_shown_and_ignored() {
    let mut payload = advert().encode().to_vec();
    payload.extend([1, 2, 3]);
    // Behind the packet Ethernet has padding, which belongs to nothing.
    let mut packet = ipv4_with(&payload);
    packet.extend([0; 6]);

    let decoded = decode_frame(LinkType::Ip, &packet).unwrap();

    assert_eq!(decoded.payload(), payload);
    assert_eq!(decoded.advert(), Ok(advert()));
    let form = ChecksumForm::of(decoded.payload(), decoded.envelope());
    assert_eq!(form, Some(ChecksumForm::Plain));
}

#[test]
fn wrong_checksum_of_the_ip_header_is_told() {
    let mut packet = ipv4();
    packet[10] ^= 1;
    let decoded = decode_frame(LinkType::Ip, &packet).unwrap();
    assert!(!decoded.header_checksum_is_valid());
    assert_eq!(decoded.advert(), Ok(advert()));
}

#[test]
fn form_of_the_checksum_is_told() {
    for form in [
        ChecksumForm::Plain,
        ChecksumForm::PseudoHeader {
            source: "fe80::1".parse().unwrap(),
            destination: GROUP_V6,
        },
    ] {
        let advert = advert().with_checksum(form);
        let packet = packet_with("fe80::1", &advert.encode());
        let decoded = decode_frame(LinkType::Ip, &packet).unwrap();
        let found = ChecksumForm::of(decoded.payload(), decoded.envelope());
        assert_eq!(found, Some(form));
    }
    // Over IPv4 there is but one.
    let mut damaged = advert().encode();
    damaged[4] ^= 1;
    let decoded = ipv4_with(&damaged);
    let decoded = decode_frame(LinkType::Ip, &decoded).unwrap();
    let found = ChecksumForm::of(decoded.payload(), decoded.envelope());
    assert_eq!(found, None);
}

#[test]
fn packet_that_ends_behind_the_advert_is_told() {
    let mut payload = advert().encode().to_vec();
    payload.push(0);
    for source in ["192.0.2.2", "fe80::1"] {
        let mut packet = packet_with(source, &payload);
        packet.pop();
        let decoded = decode_frame(LinkType::Ip, &packet).unwrap();
        assert!(decoded.is_truncated());
        assert_eq!(decoded.advert(), Ok(advert()));
    }
}

#[test]
fn first_fragment_may_hold_a_whole_advert() {
    let mut payload = advert().encode().to_vec();
    payload.extend([0; 4]);
    let mut v4 = ipv4_with(&payload);
    v4[6] = 0x20;
    let v6 = extended(&[(44, &[0, 0, 1, 1, 2, 3, 4])], &payload);

    for packet in [v4, v6] {
        let decoded = decode_frame(LinkType::Ip, &packet).unwrap();
        assert!(decoded.is_fragment());
        assert_eq!(decoded.advert(), Ok(advert()));
    }
}

// ---- what is none ----

#[test]
fn later_fragment_is_no_advert() {
    let mut v4 = ipv4();
    v4[7] = 1;
    let v6 = extended(&[(44, &[0, 0, 8, 1, 2, 3, 4])], &advert().encode());

    for packet in [v4, v6] {
        let decoded = decode_frame(LinkType::Ip, &packet).unwrap();
        assert!(decoded.is_fragment());
        assert_eq!(decoded.advert(), Err(AdvertError::Fragment));
    }
}

#[test]
fn later_fragment_of_something_else_is_no_extension_header() {
    // What looks like destination options is the middle of another packet.
    let packet = extended(
        &[(44, &[0, 0, 8, 1, 2, 3, 4]), (60, &[0, 1, 4, 0, 0, 0, 0])],
        &advert().encode(),
    );
    let error = decode_frame(LinkType::Ip, &packet).unwrap_err();
    assert_eq!(error, PacketError::OtherProtocol { protocol: 60 }.into());
}

#[test]
fn hop_by_hop_options_stand_in_front_only() {
    let options: (u8, &[u8]) = (0, &[0, 5, 2, 0, 0, 1, 0]);
    let destination: (u8, &[u8]) = (60, &[0, 1, 4, 0, 0, 0, 0]);
    for chain in [[options, options], [destination, options]] {
        let packet = extended(&chain, &advert().encode());
        let error = decode_frame(LinkType::Ip, &packet).unwrap_err();
        assert_eq!(error, PacketError::OtherProtocol { protocol: 0 }.into());
    }
}

#[test]
fn vrrp_is_told_from_carp() {
    // RFC 3768: version 2, priority 100, one address, no authentication, once a second.
    let v2 = hex::<20>("21 01 64 01 00 01 ba52 c000020a 0000000000000000");
    // RFC 5798: version 3.
    let v3 = hex::<12>("31 01 64 01 0064 0000 c000020a");

    for (payload, version) in [(&v2[..], 2), (&v3, 3)] {
        let packet = ipv4_with(payload);
        let decoded = decode_frame(LinkType::Ip, &packet).unwrap();
        assert_eq!(decoded.advert(), Err(AdvertError::Vrrp { version }));
    }
    let packet = packet_with("fe80::1", &v3);
    let decoded = decode_frame(LinkType::Ip, &packet).unwrap();
    assert_eq!(decoded.advert(), Err(AdvertError::Vrrp { version: 3 }));
}

#[test]
fn version_type_and_authlen_make_no_difference() {
    for (version, kind, authlen) in [(2, 2, 7), (2, 1, 0), (4, 1, 7), (0, 0, 0)] {
        let odd = Advertisement {
            version,
            kind,
            authlen,
            ..advert()
        };
        let packet = ipv4_with(&odd.encode());
        let decoded = decode_frame(LinkType::Ip, &packet).unwrap();
        assert_eq!(decoded.advert(), Ok(odd));
    }
}

#[test]
fn too_short_a_payload_is_no_advert() {
    for length in 0..Advertisement::LEN {
        for source in ["192.0.2.2", "fe80::1"] {
            let packet = packet_with(source, &advert().encode()[..length]);
            let decoded = decode_frame(LinkType::Ip, &packet).unwrap();
            assert_eq!(decoded.advert(), Err(AdvertError::TooShort { length }));
        }
    }
}

#[test]
fn impossible_lengths_are_told() {
    let mut short_header = ipv4();
    short_header[0] = 0x44;
    let mut short_packet = ipv4();
    short_packet[2..4].copy_from_slice(&19_u16.to_be_bytes());

    for packet in [short_header, short_packet] {
        let decoded = decode_frame(LinkType::Ip, &packet).unwrap();
        assert_eq!(*decoded.envelope(), envelope("192.0.2.2", "224.0.0.18"));
        assert_eq!(decoded.advert(), Err(AdvertError::ImpossibleLength));
    }
}

#[test]
fn cut_at_every_length() {
    let tag = VlanTag {
        tpid: 0x8100,
        tci: 5,
    };
    let options = extended(&[(0, &[0, 5, 2, 0, 0, 1, 0])], &advert().encode());
    for (packet, header_len) in [(ipv4(), 20), (ipv6(), 40), (options, 48)] {
        let frame = ethernet(&[tag], &packet);
        let headers = 18 + header_len;
        for length in 0..frame.len() {
            let decoded = decode_frame(LinkType::Ethernet, &frame[..length]);
            if length < headers {
                let error = decoded.map(|_| ()).unwrap_err();
                let truncated = [FrameError::Truncated, PacketError::Truncated.into()];
                assert!(truncated.contains(&error), "{length}: {error}");
            } else {
                let there = length - headers;
                let error = AdvertError::Truncated { length: there };
                assert_eq!(decoded.unwrap().advert(), Err(error));
            }
        }
    }
}

#[test]
fn other_frames_are_named() {
    let other = |ethertype: u16| {
        let mut frame = ethernet(&[], &ipv4());
        frame[12..14].copy_from_slice(&ethertype.to_be_bytes());
        decode_frame(LinkType::Ethernet, &frame).map(|_| ())
    };
    // ARP, LLDP, an 802.3 frame with its length.
    for ethertype in [0x0806, 0x88cc, 38] {
        assert_eq!(other(ethertype), Err(FrameError::NotIp { ethertype }));
    }

    // Of a packet that was cut off, as soon as the protocol can be seen.
    let mut udp = ipv4();
    udp[9] = 17;
    let error = PacketError::OtherProtocol { protocol: 17 }.into();
    assert_eq!(decode_frame(LinkType::Ip, &udp[..20]).unwrap_err(), error);
    let mut tcp = ipv6();
    tcp[6] = 6;
    let error = PacketError::OtherProtocol { protocol: 6 }.into();
    assert_eq!(decode_frame(LinkType::Ip, &tcp[..40]).unwrap_err(), error);

    let error = PacketError::UnknownVersion { version: 5 }.into();
    assert_eq!(decode_frame(LinkType::Ip, &[0x5f]).unwrap_err(), error);
}
