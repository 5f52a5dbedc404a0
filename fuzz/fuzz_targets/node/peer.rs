//! A peer of the virtual hosts: what it sends, and whether it believes what they send.

use std::net::IpAddr;

use carp_fsm::{Action, ChecksumCover, Lladdr, VirtualHost};
use carp_proto::{
    Advertisement, Authenticator, ChecksumForm, Envelope, Family, HOP_LIMIT, Key, checksum_is_valid,
};

/// What is sent is an advert to the group or to the unicast peers, which a peer believes.
pub(crate) fn check_advert(told: &[VirtualHost], action: &Action) {
    let Action::Send {
        to,
        payload,
        checksum,
        traffic_class,
        ..
    } = action
    else {
        return;
    };
    let family = Family::of(*to);
    // What is said before it becomes another is said as what it was.
    let is_as_told = told.iter().rev().take(2).any(|host| {
        goes_to(host, *to)
            && host.dialect().checksum_cover(family) == *checksum
            && host.dialect().traffic_class(family) == *traffic_class
    });
    assert!(is_as_told, "{action:?}");
    let mut on_the_way = envelope(family, 1, true, HOP_LIMIT);
    on_the_way.destination = *to;
    assert!(checksum_is_valid(payload, &on_the_way));
    let advert = Advertisement::decode(payload).expect("36 bytes are an advert");
    if *checksum == ChecksumCover::PseudoHeader {
        let form = ChecksumForm::of(payload, &on_the_way);
        assert_eq!(
            form,
            Some(ChecksumForm::Plain),
            "the sender computes the other"
        );
        let anew = match (on_the_way.source, on_the_way.destination) {
            (IpAddr::V6(source), IpAddr::V6(destination)) => ChecksumForm::PseudoHeader {
                source,
                destination,
            },
            _ => panic!("IPv4 has no pseudo-header"),
        };
        let sent = advert.with_checksum(anew).encode();
        assert!(checksum_is_valid(&sent, &on_the_way));
    }
    assert_eq!(advert.version, Advertisement::VERSION);
    let is_believed = told.iter().rev().any(|host| {
        let peer = authenticator(host);
        host.vhid().get() == advert.vhid && peer.verify(advert.counter, &advert.digest).is_some()
    });
    assert!(is_believed, "{advert:?}");
}

fn goes_to(host: &VirtualHost, to: IpAddr) -> bool {
    let family = Family::of(to);
    let mut peers = host
        .peers()
        .iter()
        .filter(|peer| Family::of(**peer) == family);
    if peers.clone().next().is_some() {
        peers.any(|peer| *peer == to)
    } else {
        to == family.group()
    }
}

/// What a host signs with, and its peers verify with.
pub(crate) fn authenticator(host: &VirtualHost) -> Authenticator {
    let addresses = host.addresses().iter().map(|address| address.ip());
    if let Lladdr::Manual(mac) = host.link_address()
        && host.dialect().hashes_manual_lladdr()
    {
        Authenticator::with_hardware_address(&key(), host.vhid(), mac, addresses)
    } else {
        Authenticator::new(&key(), host.vhid(), addresses)
    }
}

/// `source` is the last number of its address.
pub(crate) fn envelope(family: Family, source: u8, to_group: bool, hop_limit: u8) -> Envelope {
    let (source, host): (IpAddr, IpAddr) = match family {
        Family::Inet => ([192, 0, 2, source].into(), [192, 0, 2, 1].into()),
        Family::Inet6 => (
            [0xfe80, 0, 0, 0, 0, 0, 0, u16::from(source)].into(),
            [0xfe80, 0, 0, 0, 0, 0, 0, 1].into(),
        ),
    };
    Envelope {
        source,
        destination: if to_group { family.group() } else { host },
        hop_limit,
        traffic_class: None,
        identification: None,
    }
}

pub(crate) fn key() -> Key {
    Key::from_password("SharedSecret")
}
