//! Our frames, as an independent parser reads them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use carp_proto::{
    AdvertHeaders, ArpForm, Endpoints, Frame, MacAddress, advert_frame, arp_announcement,
    neighbour_advertisement,
};
use etherparse::{
    ArpEthIpv4Packet, ArpOperation, EtherType, Icmpv6Type, IpNumber, LinkSlice, NetSlice,
    SlicedPacket, TransportSlice,
};
use proptest::prelude::*;

use crate::support::{hex, vhid};

#[test]
fn ipv4_advert_goes_to_the_group() {
    let headers = AdvertHeaders::to_group(vhid(99).virtual_mac(), [192, 0, 2, 2].into());

    let frame = advert_frame(&headers, &[0xa5; 36]);

    assert_eq!(frame.len(), 70);
    assert_eq!(frame[..6], hex::<6>("01005e000012"));
    assert_eq!(frame[6..12], hex::<6>("00005e000163"));
    assert_eq!(frame[30..34], [224, 0, 0, 18]);
}

#[test]
fn ipv6_advert_goes_to_the_group() {
    let headers = AdvertHeaders::to_group(vhid(99).virtual_mac(), "fe80::1".parse().unwrap());

    let frame = advert_frame(&headers, &[0xa5; 36]);

    assert_eq!(frame.len(), Frame::MAX_LEN);
    assert_eq!(frame[..6], hex::<6>("333300000012"));
    assert_eq!(frame[38..54], hex::<16>("ff020000000000000000000000000012"));
}

#[test]
fn arp_request_announces_as_the_bsds_do() {
    let mac = vhid(1).virtual_mac();

    let frame = arp_announcement(mac, [192, 0, 2, 10].into(), ArpForm::Request);

    assert_eq!(
        *frame,
        hex::<42>(
            "ffffffffffff 00005e000101 0806
             0001 0800 06 04 0001 00005e000101 c000020a 000000000000 c000020a"
        )
    );
}

#[test]
fn arp_reply_names_the_address_to_learn_as_target_too() {
    let mac = vhid(1).virtual_mac();

    let frame = arp_announcement(mac, [192, 0, 2, 10].into(), ArpForm::Reply);

    assert_eq!(
        *frame,
        hex::<42>(
            "ffffffffffff 00005e000101 0806
             0001 0800 06 04 0002 00005e000101 c000020a 00005e000101 c000020a"
        )
    );
}

#[test]
fn endpoints_are_of_one_family() {
    let (inet, inet6) = (
        IpAddr::from(Ipv4Addr::LOCALHOST),
        IpAddr::from(Ipv6Addr::LOCALHOST),
    );

    assert!(Endpoints::new(inet, inet6).is_err());
    assert!(Endpoints::new(inet6, inet).is_err());
    for address in [inet, inet6] {
        let endpoints = Endpoints::new(address, address).unwrap();
        assert_eq!(
            (endpoints.source(), endpoints.destination()),
            (address, address)
        );
    }
}

#[test]
fn frames_are_equal_if_their_bytes_are() {
    let mac = vhid(1).virtual_mac();
    let request = arp_announcement(mac, [192, 0, 2, 10].into(), ArpForm::Request);

    assert_eq!(
        request,
        arp_announcement(mac, [192, 0, 2, 10].into(), ArpForm::Request)
    );
    assert_ne!(
        request,
        arp_announcement(mac, [192, 0, 2, 10].into(), ArpForm::Reply)
    );
    assert!(format!("{request:?}").starts_with("Frame([ff, ff, ff, ff, ff, ff, 00, 00, 5e,"));
}

proptest! {
    #[test]
    fn ipv4_advert_reads_back(
        macs: [[u8; 6]; 2],
        source: [u8; 4],
        destination: [u8; 4],
        traffic_class: u8,
        identification: u16,
        advert: [u8; 18],
    ) {
        let advert: [u8; 36] = [advert, advert].concat().try_into().unwrap();
        let headers = AdvertHeaders {
            source_mac: MacAddress(macs[0]),
            destination_mac: MacAddress(macs[1]),
            endpoints: Endpoints::new(source.into(), destination.into()).unwrap(),
            traffic_class,
            identification,
        };

        let frame = advert_frame(&headers, &advert);

        let parsed = parse(&frame, macs, EtherType::IPV4);
        let Some(NetSlice::Ipv4(packet)) = parsed.net else { panic!("{parsed:?}") };
        let header = packet.header();
        prop_assert_eq!(header.source(), source);
        prop_assert_eq!(header.destination(), destination);
        prop_assert_eq!(header.slice()[1], traffic_class);
        prop_assert_eq!(header.identification(), identification);
        prop_assert_eq!((header.ttl(), header.protocol()), (255, IpNumber(112)));
        prop_assert!(header.dont_fragment() && !header.is_fragmenting_payload());
        prop_assert_eq!(header.ihl(), 5);
        prop_assert_eq!(header.header_checksum(), header.to_header().calc_header_checksum());
        prop_assert_eq!(packet.payload().payload, &advert);
    }

    #[test]
    fn ipv6_advert_reads_back(
        macs: [[u8; 6]; 2],
        source: [u8; 16],
        destination: [u8; 16],
        traffic_class: u8,
        advert: [u8; 18],
    ) {
        let advert: [u8; 36] = [advert, advert].concat().try_into().unwrap();
        let headers = AdvertHeaders {
            source_mac: MacAddress(macs[0]),
            destination_mac: MacAddress(macs[1]),
            endpoints: Endpoints::new(source.into(), destination.into()).unwrap(),
            traffic_class,
            identification: 0xa5a5,
        };

        let frame = advert_frame(&headers, &advert);

        let parsed = parse(&frame, macs, EtherType::IPV6);
        let Some(NetSlice::Ipv6(packet)) = parsed.net else { panic!("{parsed:?}") };
        let header = packet.header();
        prop_assert_eq!(header.source(), source);
        prop_assert_eq!(header.destination(), destination);
        prop_assert_eq!(header.traffic_class(), traffic_class);
        prop_assert_eq!(header.flow_label().value(), 0);
        prop_assert_eq!((header.hop_limit(), header.next_header()), (255, IpNumber(112)));
        prop_assert_eq!(header.payload_length(), 36);
        prop_assert_eq!(packet.payload().payload, &advert);
    }

    #[test]
    fn arp_reads_back(mac: [u8; 6], ip: [u8; 4], is_reply: bool) {
        let (form, operation, target_mac) = if is_reply {
            (ArpForm::Reply, ArpOperation::REPLY, mac)
        } else {
            (ArpForm::Request, ArpOperation::REQUEST, [0; 6])
        };

        let frame = arp_announcement(MacAddress(mac), ip.into(), form);

        let parsed = parse(&frame, [mac, [0xff; 6]], EtherType::ARP);
        let Some(NetSlice::Arp(arp)) = parsed.net else { panic!("{parsed:?}") };
        let expected = ArpEthIpv4Packet {
            operation,
            sender_mac: mac,
            sender_ipv4: ip,
            target_mac,
            target_ipv4: ip,
        };
        prop_assert_eq!(arp.to_packet().try_eth_ipv4().unwrap(), expected);
    }

    #[test]
    fn neighbour_advertisement_reads_back(mac: [u8; 6], ip: [u8; 16], router: bool) {
        let frame = neighbour_advertisement(MacAddress(mac), ip.into(), router);

        let parsed = parse(&frame, [mac, hex("333300000001")], EtherType::IPV6);
        let Some(NetSlice::Ipv6(packet)) = parsed.net else { panic!("{parsed:?}") };
        let header = packet.header();
        prop_assert_eq!(header.source(), ip);
        prop_assert_eq!(header.destination(), hex("ff020000000000000000000000000001"));
        prop_assert_eq!(header.hop_limit(), 255);

        let Some(TransportSlice::Icmpv6(icmp)) = parsed.transport else { panic!() };
        prop_assert!(icmp.is_checksum_valid(header.source(), header.destination()));
        let Icmpv6Type::NeighborAdvertisement(flags) = icmp.icmp_type() else { panic!() };
        prop_assert_eq!((flags.router, flags.solicited, flags.r#override), (router, false, true));
        prop_assert_eq!(icmp.payload(), [&ip[..], &[2, 1], &mac].concat());
    }
}

/// Parses a whole frame and checks its Ethernet header; `macs` are source and destination.
fn parse(frame: &[u8], macs: [[u8; 6]; 2], ethertype: EtherType) -> SlicedPacket<'_> {
    let parsed = SlicedPacket::from_ethernet(frame).unwrap();
    let Some(LinkSlice::Ethernet2(ethernet)) = &parsed.link else {
        panic!("{parsed:?}")
    };
    assert_eq!([ethernet.source(), ethernet.destination()], macs);
    assert_eq!(ethernet.ether_type(), ethertype);
    parsed
}
