//! Any bytes are read without panic, and what is made of damaged frames an independent parser
//! makes of them, too.

use std::net::IpAddr;

use carp_proto::{AdvertError, DecodedFrame, LinkType, MacAddress, VlanTag, decode_frame};
use etherparse::{LinkExtSlice, LinkSlice, NetSlice, SlicedPacket};
use proptest::prelude::*;

use super::made::{advert, ethernet, extended, ipv4, ipv6};

fn any_link_type() -> impl Strategy<Value = LinkType> {
    prop::sample::select(LinkType::ALL)
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(link_type in any_link_type(), bytes: Vec<u8>) {
        if let Ok(decoded) = decode_frame(link_type, &bytes) {
            all_there_is(&decoded, &bytes);
        }
    }

    /// What we make of a frame that was damaged, an independent parser makes of it, too.
    #[test]
    fn agrees_with_etherparse(
        tags in prop::collection::vec(any::<u16>(), 0..=3),
        which in 0..4_usize,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop_oneof![3 => Just(0), 1 => 1..3_usize],
    ) {
        let tags: Vec<_> = tags.iter().map(|&tci| VlanTag { tpid: 0x8100, tci }).collect();
        let packet = match which {
            0 => ipv4(),
            1 => ipv6(),
            2 => extended(&[(0, &[0, 5, 2, 0, 0, 1, 0]), (60, &[0, 1, 4, 0, 0, 0, 0])],
                &advert().encode()),
            _ => extended(&[(44, &[0, 0, 0, 1, 2, 3, 4])], &advert().encode()),
        };
        let mut frame = ethernet(&tags, &packet);
        for (place, value) in damage {
            let place = place.index(frame.len());
            frame[place] = value;
        }
        frame.truncate(frame.len() - cut);

        let Ok(decoded) = decode_frame(LinkType::Ethernet, &frame) else {
            return Ok(());
        };
        all_there_is(&decoded, &frame);
        let is_known = decoded.vlan_tags().len() <= 3
            && decoded.vlan_tags().all(|tag| [0x8100, 0x88a8, 0x9100].contains(&tag.tpid));
        if decoded.advert().is_ok() && !decoded.is_truncated() && is_known {
            agrees(&decoded, &frame);
        }
    }
}

/// Asks everything of a frame.
fn all_there_is(decoded: &DecodedFrame<'_>, bytes: &[u8]) {
    assert!(decoded.payload().len() < bytes.len());
    assert!(decoded.vlan_tags().len() * 4 < bytes.len());
    assert_eq!(decoded.vlan_tags().count(), decoded.vlan_tags().len());
    match decoded.advert() {
        Ok(advert) => assert_eq!(Some(&advert.encode()), decoded.payload().first_chunk()),
        Err(AdvertError::Truncated { length }) => assert_eq!(decoded.payload().len(), length),
        Err(_) => {}
    }
}

fn agrees(decoded: &DecodedFrame<'_>, frame: &[u8]) {
    let parsed = SlicedPacket::from_ethernet(frame).unwrap();
    let Some(LinkSlice::Ethernet2(link)) = &parsed.link else {
        panic!("not Ethernet: {parsed:?}")
    };
    assert_eq!(decoded.source_mac(), Some(MacAddress(link.source())));
    assert_eq!(
        decoded.destination_mac(),
        Some(MacAddress(link.destination()))
    );
    let ids = parsed.link_exts.iter().map(|tag| match tag {
        LinkExtSlice::Vlan(tag) => (
            tag.vlan_identifier().value(),
            tag.priority_code_point().value(),
        ),
        LinkExtSlice::Macsec(_) => panic!("MACsec"),
    });
    assert!(
        decoded
            .vlan_tags()
            .map(|tag| (tag.id(), tag.priority()))
            .eq(ids)
    );

    let (payload, source, is_fragment) = match parsed.net.as_ref().unwrap() {
        NetSlice::Ipv4(ip) => {
            // A sum in one's complement is one modulo 0xffff; etherparse drops the reserved bit.
            let words = ip.header().slice().chunks(2);
            let sum: u32 = words
                .map(|word| u32::from(word[0]) << 8 | u32::from(word[1]))
                .sum();
            let is_valid = sum.is_multiple_of(0xffff);
            assert_eq!(decoded.header_checksum_is_valid(), is_valid);
            (
                ip.payload(),
                IpAddr::from(ip.header().source_addr()),
                ip.payload().fragmented,
            )
        }
        NetSlice::Ipv6(ip) => (
            ip.payload(),
            IpAddr::from(ip.header().source_addr()),
            ip.payload().fragmented,
        ),
        NetSlice::Arp(_) => panic!("ARP"),
    };
    assert_eq!(decoded.payload(), payload.payload);
    assert_eq!(decoded.envelope().source, source);
    assert_eq!(decoded.is_fragment(), is_fragment);
}
