//! Handling an advertisement allocates nothing, whether it is good or bad.

use std::hint::black_box;
use std::net::IpAddr;

use allocation_counter::measure;
use carp_proto::{
    AdvertHeaders, Advertisement, ArpForm, Authenticator, ChecksumForm, DigestForm, Envelope,
    Family, HOP_LIMIT, Key, LinkType, Vhid, advert_frame, arp_announcement, checksum_is_valid,
    decode_frame, decode_ip_packet, neighbour_advertisement,
};

#[test]
fn the_counter_counts() {
    let allocations = measure(|| drop(black_box(Box::new(7)))).count_total;

    assert_eq!(allocations, 1);
}

#[test]
fn authenticator_is_made_without_allocation() {
    let (vhid, addresses) = configuration();
    let key = Key::from_password("mekmitasdigoat");

    assert_no_allocation(|| {
        black_box(Authenticator::new(&key, vhid, addresses));
    });
}

#[test]
fn advert_is_signed_and_sent_without_allocation() {
    let (vhid, addresses) = configuration();
    let authenticator = Authenticator::new(&Key::none(), vhid, addresses);
    let headers = AdvertHeaders::to_group(vhid.virtual_mac(), [192, 0, 2, 2].into());

    assert_no_allocation(|| {
        let advert = Advertisement::new(vhid, 1, 0, 0, 9)
            .signed(&authenticator, DigestForm::WithoutLinkLocal)
            .with_checksum(ChecksumForm::Plain);
        black_box(advert_frame(&headers, &advert.encode()));
    });
}

#[test]
fn advert_is_received_and_verified_without_allocation() {
    let (vhid, addresses) = configuration();
    let authenticator = Authenticator::new(&Key::none(), vhid, addresses);
    let headers = AdvertHeaders::to_group(vhid.virtual_mac(), [192, 0, 2, 2].into());
    let good = Advertisement::new(vhid, 1, 0, 0, 9)
        .signed(&authenticator, DigestForm::WithLinkLocal)
        .with_checksum(ChecksumForm::Plain);
    let forged = Advertisement {
        counter: 10,
        ..good
    }
    .with_checksum(ChecksumForm::Plain);

    for (advert, form) in [(good, Some(DigestForm::WithLinkLocal)), (forged, None)] {
        let frame = advert_frame(&headers, &advert.encode());
        assert_no_allocation(|| {
            let (envelope, payload) = decode_ip_packet(black_box(&frame[14..])).unwrap();
            assert!(checksum_is_valid(payload, &envelope));
            let advert = Advertisement::decode(payload).unwrap();
            assert_eq!(authenticator.verify(advert.counter, &advert.digest), form);
        });
    }
}

#[test]
fn captured_frame_is_decoded_without_allocation() {
    let (vhid, addresses) = configuration();
    for source in addresses {
        let headers = AdvertHeaders::to_group(vhid.virtual_mac(), source);
        let frame = advert_frame(&headers, &Advertisement::new(vhid, 1, 0, 0, 9).encode());
        assert_no_allocation(|| {
            let decoded = decode_frame(LinkType::Ethernet, black_box(&frame)).unwrap();
            assert_eq!(decoded.vlan_tags().count(), 0);
            assert!(decoded.advert().is_ok());
        });
    }
}

#[test]
fn packets_are_refused_without_allocation() {
    assert_no_allocation(|| {
        assert!(Advertisement::decode(black_box(&[0; 35])).is_err());
        assert!(decode_ip_packet(black_box(&[0x45; 60])).is_err());
        assert!(decode_ip_packet(black_box(&[0x60; 60])).is_err());
        let to_group = Envelope {
            source: [192, 0, 2, 2].into(),
            destination: Family::Inet.group(),
            hop_limit: HOP_LIMIT,
            traffic_class: None,
            identification: None,
        };
        assert!(!checksum_is_valid(black_box(&[0x21; 36]), &to_group));
    });
}

#[test]
fn addresses_are_announced_without_allocation() {
    let mac = configuration().0.virtual_mac();

    assert_no_allocation(|| {
        black_box(arp_announcement(
            mac,
            [192, 0, 2, 10].into(),
            ArpForm::Request,
        ));
        black_box(neighbour_advertisement(mac, [0xfd; 16].into(), true));
    });
}

fn assert_no_allocation(action: impl FnOnce()) {
    assert_eq!(measure(action).count_total, 0);
}

/// A vhid, and addresses of both families, among them a link-local one.
fn configuration() -> (Vhid, [IpAddr; 3]) {
    let addresses = [
        IpAddr::from([192, 0, 2, 10]),
        IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10]),
        IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, 1]),
    ];
    (Vhid::MAX, addresses)
}
