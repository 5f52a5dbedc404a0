//! §1, §2 and §3: what stands in an advert, and what of it is looked at.

use std::net::IpAddr;

use carp_fsm::carp_proto::{
    Advertisement, Authenticator, ChecksumForm, DigestForm, Envelope, Family, Vhid,
};
use carp_fsm::{
    Action, ChecksumCover, Command, HostId, Input, LinkId, Lladdr, Node, Refusal, Timestamp,
    VirtualHost,
};

use super::*;
use crate::bench::key;

const LINK: LinkId = LinkId(1);
const MANUAL: &str = "02:11:22:33:44:55";

/// §1.2, item 3: [N] alone covers the pseudo-header, over IPv6 alone.
#[test]
fn checksum_cover() {
    for dialect in Dialect::ALL {
        for (family, over_more) in [(Family::Inet, false), (Family::Inet6, dialect == NetBsd)] {
            let expected = if over_more {
                ChecksumCover::PseudoHeader
            } else {
                ChecksumCover::Packet
            };
            let host = host(1, &["192.0.2.10/24", "2001:db8::20/64"]).speaking(dialect);
            for action in sent(host) {
                if let Action::Send { to, checksum, .. } = action
                    && Family::of(to) == family
                {
                    assert_eq!(checksum, expected, "{dialect} {family}");
                }
            }
        }
    }
}

/// §1.3: TOS and traffic class.
#[test]
fn traffic_class() {
    for (dialect, inet, inet6) in [
        (Portable, 0x10, 0),
        (OpenBsd, 0x10, 0),
        (OpenBsdOld, 0x10, 0),
        (FreeBsd, 0xe0, 0xe0),
        (NetBsd, 0x10, 0),
        (Ucarp, 0x10, 0),
    ] {
        let host = host(1, &["192.0.2.10/24", "2001:db8::20/64"]).speaking(dialect);
        let classes = sent(host).into_iter().filter_map(|action| match action {
            Action::Send {
                to, traffic_class, ..
            } => Some((to.to_string(), traffic_class)),
            Action::Hold(_) | Action::Release(_) | Action::HandOver(_) => None,
            Action::Renew { .. } | Action::Announce { .. } => None,
        });
        let expected = [
            ("224.0.0.18".to_owned(), inet),
            ("ff02::12".to_owned(), inet6),
        ];
        assert_eq!(classes.collect::<Vec<_>>(), expected, "{dialect}");
    }
}

/// §1.2 and the vector V7: either checksum over IPv6 is accepted from everybody.
#[test]
fn either_checksum_is_accepted() {
    let digest = "def6dcf16e09ac5450e0d9f147af935b46ac9ca7";
    for dialect in Dialect::ALL {
        for checksum in ["ed77", "ef4c"] {
            let packet = format!("210732070001{checksum}0000000000000001{digest}");
            let host = host(7, &["2001:db8::20/64"]).speaking(dialect);
            assert_eq!(
                hear(host, "fe80::1", &packet),
                Ok(()),
                "{dialect} {checksum}"
            );
        }
    }
}

/// §2.2, items 4 and 5, and the vectors V2 and V3: link-local addresses are hashed or not, and
/// either is accepted from everybody.
#[test]
fn either_digest_of_link_local_addresses_is_accepted() {
    let without = "210100070001eb9c0123456789abcdef970ac72a81aec723c00bb39424e26d348f6e1907";
    let with = "2101000700011c1e0123456789abcdef0e4ac4763fcb83bc57f11158707a2835dcd0afa0";
    for dialect in Dialect::ALL {
        for packet in [without, with] {
            let host = host(1, &WITH_LINK_LOCAL).speaking(dialect);
            assert_eq!(hear(host, "fe80::1", packet), Ok(()), "{dialect} {packet}");
        }
    }
}

/// §2.2: [O] and portable (§10, rule 2) send without, [F] and [N] hash every address they have.
/// [U] has no IPv6 at all.
#[test]
fn digest_of_link_local_addresses_that_is_sent() {
    for dialect in Dialect::ALL {
        let form = if [FreeBsd, NetBsd].contains(&dialect) {
            DigestForm::WithLinkLocal
        } else {
            DigestForm::WithoutLinkLocal
        };
        let addresses = WITH_LINK_LOCAL.map(|text| ip(text.split('/').next().unwrap()));
        let signs = Authenticator::new(&key(), Vhid::new(1).unwrap(), addresses);
        for advert in adverts(host(1, &WITH_LINK_LOCAL).speaking(dialect)) {
            assert_eq!(advert.digest, signs.sign(advert.counter, form), "{dialect}");
        }
    }
}

/// §2.2, items 3 and 7, and the vectors V1 and V5: a MAC address of the operator's choice is
/// hashed by [O] alone.
#[test]
fn manual_lladdr() {
    let hashed = "210100070001771e0123456789abcdef1903c092252075aac05b3681d5cbf455518d42c6";
    let plain = "210164070001ec600123456789abcdef3459004fa58b5993d762e466267cf9561782c989";
    for dialect in Dialect::ALL {
        let host = || {
            host(1, &["192.0.2.10/24"])
                .speaking(dialect)
                .lladdr(Lladdr::Manual(MANUAL.parse().unwrap()))
        };
        let hashes = OPENBSD.contains(&dialect);
        let accepted = |packet| hear(host(), "192.0.2.2", packet) == Ok(());
        assert_eq!(
            (accepted(hashed), accepted(plain)),
            (hashes, !hashes),
            "{dialect}"
        );
        let (vhid, list) = (Vhid::new(1).unwrap(), [ip("192.0.2.10")]);
        let signs = if hashes {
            Authenticator::with_hardware_address(&key(), vhid, MANUAL.parse().unwrap(), list)
        } else {
            Authenticator::new(&key(), vhid, list)
        };
        for advert in adverts(host()) {
            let digest = signs.sign(advert.counter, DigestForm::WithoutLinkLocal);
            assert_eq!(advert.digest, digest, "{dialect}");
        }
    }
}

/// §2.2, item 3: not if it is the virtual one anyway.
#[test]
fn manual_lladdr_that_is_the_virtual_one() {
    let plain = "210164070001ec600123456789abcdef3459004fa58b5993d762e466267cf9561782c989";
    for dialect in Dialect::ALL {
        let host = host(1, &["192.0.2.10/24"])
            .speaking(dialect)
            .lladdr(Lladdr::Manual("00:00:5e:00:01:01".parse().unwrap()));
        assert_eq!(hear(host, "192.0.2.2", plain), Ok(()), "{dialect}");
    }
}

/// §3, items 1 and 2, §10: destination and hop limit, for hosts without and with a unicast peer.
#[test]
fn destination_and_hop_limit() {
    const HEARD: Result<(), Refusal> = Ok(());
    const NO_VHID: Result<(), Refusal> = Err(Refusal::BadVhid);
    const TOO_FAR: Result<(), Refusal> = Err(Refusal::BadHopLimit);
    // To the group, to the host; then both with a hop limit of 254.
    for (dialects, is_unicast, expected) in [
        (
            &[NetBsd, Ucarp][..],
            false,
            [HEARD, NO_VHID, TOO_FAR, TOO_FAR],
        ),
        (
            &[OpenBsd, OpenBsdOld],
            false,
            [HEARD, NO_VHID, TOO_FAR, TOO_FAR],
        ),
        (
            &[FreeBsd, Portable],
            false,
            [HEARD, HEARD, TOO_FAR, TOO_FAR],
        ),
        (
            &[OpenBsd, OpenBsdOld],
            true,
            [NO_VHID, HEARD, TOO_FAR, TOO_FAR],
        ),
        // [F] takes the group's from afar too; through a router there is none (ours).
        (&[FreeBsd, Portable], true, [HEARD, HEARD, TOO_FAR, HEARD]),
        // [N] and [U] have no unicast peers; where one is configured they are heard (ours).
        (&[NetBsd, Ucarp], true, [HEARD, HEARD, TOO_FAR, TOO_FAR]),
    ] {
        for dialect in dialects {
            let ways = [
                ("224.0.0.18", 255),
                ("192.0.2.1", 255),
                ("224.0.0.18", 254),
                ("192.0.2.1", 254),
            ];
            for ((destination, hop_limit), expected) in ways.into_iter().zip(expected) {
                let mut host = host(1, &["192.0.2.10/24"]).speaking(*dialect);
                if is_unicast {
                    host = host.peer(ip("198.51.100.2"));
                }
                let envelope = Envelope {
                    source: ip("198.51.100.2"),
                    destination: ip(destination),
                    hop_limit,
                    traffic_class: None,
                    identification: None,
                };
                let (mut node, _) = started(host);
                let packet = V1.with_checksum(ChecksumForm::Plain).encode();
                let heard = node.handle_packet(Timestamp::ZERO, LINK, &envelope, &packet);
                assert_eq!(heard, expected, "{dialect} {destination} {hop_limit}");
            }
        }
    }
}

/// §10: the group or an own address, in every dialect, with peers and without.
#[test]
fn other_groups_and_broadcasts() {
    for dialect in Dialect::ALL {
        for peers in [&[][..], &["198.51.100.2", "fe80::2"]] {
            for (source, destination) in [
                ("198.51.100.2", "224.0.0.1"),
                ("198.51.100.2", "224.0.0.19"),
                ("198.51.100.2", "255.255.255.255"),
                ("fe80::2", "ff02::1"),
                ("fe80::2", "ff05::12"),
            ] {
                for (hop_limit, expected) in [(255, Refusal::BadVhid), (64, Refusal::BadHopLimit)] {
                    let host = host(1, &["192.0.2.10/24", "2001:db8::10/64"])
                        .speaking(dialect)
                        .with_peers(peers.iter().map(|peer| ip(peer)));
                    let envelope = Envelope {
                        source: ip(source),
                        destination: ip(destination),
                        hop_limit,
                        traffic_class: None,
                        identification: None,
                    };
                    let (mut node, _) = started(host);
                    let packet = V1.with_checksum(ChecksumForm::Plain).encode();
                    let heard = node.handle_packet(Timestamp::ZERO, LINK, &envelope, &packet);
                    assert_eq!(heard, Err(expected), "{dialect} {destination} {hop_limit}");
                }
            }
        }
    }
}

/// §3, step 7: [F] refuses a family of which it has no address, the others do not look.
#[test]
fn family_without_an_address() {
    let packet = "210164070001ec600123456789abcdef3459004fa58b5993d762e466267cf9561782c989";
    for dialect in Dialect::ALL {
        let expected = if dialect == FreeBsd {
            Err(Refusal::BadVhid)
        } else {
            Ok(())
        };
        let host = host(1, &["192.0.2.10/24"]).speaking(dialect);
        assert_eq!(hear(host, "fe80::2", packet), expected, "{dialect}");
    }
}

/// §2.4 and §10, rule 3: the counter is drawn once, in every dialect (ours: a reflected advert is
/// known for certain).
#[test]
fn counter_is_constant_whatever_is_heard() {
    let packet = "2101f007000160600123456789abcdef3459004fa58b5993d762e466267cf9561782c989";
    for dialect in Dialect::ALL {
        let (mut node, id) = started(host(1, &["192.0.2.10/24"]).speaking(dialect));
        let mut counters = Vec::new();
        for command in [Command::Master, Command::Backup]
            .into_iter()
            .cycle()
            .take(6)
        {
            node.handle(Timestamp::ZERO, Input::Command { id, command });
            while let Some(action) = node.poll_action() {
                match action {
                    Action::Hold(id) => node.handle(Timestamp::ZERO, Input::Held(id)),
                    Action::HandOver(id) => node.handle(Timestamp::ZERO, Input::Silenced(id)),
                    Action::Send { payload, .. } => {
                        counters.push(Advertisement::decode(&payload).unwrap().counter);
                    }
                    Action::Release(_) | Action::Renew { .. } | Action::Announce { .. } => {}
                }
            }
            hear_in(&mut node, "192.0.2.2", packet).unwrap();
        }
        assert!(counters.len() >= 6, "{counters:?}");
        counters.dedup();
        assert_eq!(counters.len(), 1, "{dialect}");
    }
}

const WITH_LINK_LOCAL: [&str; 6] = [
    "192.0.2.10/24",
    "10.0.0.1/8",
    "192.0.2.9/24",
    "2001:db8::20/64",
    "2001:db8::3/64",
    "fe80::200:5eff:fe00:101/64",
];

/// The vector V1.
const V1: Advertisement = Advertisement {
    version: 2,
    kind: 1,
    vhid: 1,
    advskew: 100,
    authlen: 7,
    demotion: 0,
    advbase: 1,
    checksum: 0xec60,
    counter: 0x0123_4567_89ab_cdef,
    digest: [
        0x34, 0x59, 0x00, 0x4f, 0xa5, 0x8b, 0x59, 0x93, 0xd7, 0x62, 0xe4, 0x66, 0x26, 0x7c, 0xf9,
        0x56, 0x17, 0x82, 0xc9, 0x89,
    ],
};

fn host(vhid: u8, addresses: &[&str]) -> VirtualHost {
    let addresses = addresses.iter().map(|text| text.parse().unwrap());
    VirtualHost::new(Vhid::new(vhid).unwrap(), key()).with_addresses(addresses)
}

fn started(host: VirtualHost) -> (Node, HostId) {
    let mut node = Node::new(Node::builder(), 1);
    let id = node.add(Timestamp::ZERO, LINK, host).unwrap();
    (node, id)
}

/// What a new master sends.
fn sent(host: VirtualHost) -> Vec<Action> {
    let (mut node, id) = started(host);
    let command = Command::Master;
    node.handle(Timestamp::ZERO, Input::Command { id, command });
    node.handle(Timestamp::ZERO, Input::Held(id));
    let actions: Vec<Action> = std::iter::from_fn(|| node.poll_action()).collect();
    assert!(
        actions
            .iter()
            .any(|action| matches!(action, Action::Send { .. }))
    );
    actions
}

fn adverts(host: VirtualHost) -> Vec<Advertisement> {
    let payload = |action| match action {
        Action::Send { payload, .. } => Some(Advertisement::decode(&payload).unwrap()),
        Action::Hold(_) | Action::Release(_) | Action::HandOver(_) => None,
        Action::Renew { .. } | Action::Announce { .. } => None,
    };
    sent(host).into_iter().filter_map(payload).collect()
}

fn hear(host: VirtualHost, source: &str, packet: &str) -> Result<(), Refusal> {
    hear_in(&mut started(host).0, source, packet)
}

/// To the group of the source's family; `packet` in hexadecimal digits.
fn hear_in(node: &mut Node, source: &str, packet: &str) -> Result<(), Refusal> {
    let source = ip(source);
    let envelope = Envelope {
        source,
        destination: Family::of(source).group(),
        hop_limit: 255,
        traffic_class: None,
        identification: None,
    };
    let octet = |at| u8::from_str_radix(packet.get(at..at + 2).unwrap(), 16).unwrap();
    let bytes: Vec<u8> = (0..packet.len()).step_by(2).map(octet).collect();
    node.handle_packet(Timestamp::ZERO, LINK, &envelope, &bytes)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}
