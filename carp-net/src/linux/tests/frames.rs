//! What leaves: adverts and announcements; what comes in: adverts of others.

use std::net::Ipv4Addr;

use carp_fsm::Dialect;
use carp_fsm::carp_proto::{
    AdvertHeaders, ChecksumForm, Endpoints, Family, GROUP_MAC_V4, GROUP_MAC_V6, advert_frame,
    decode_ip_packet,
};

use super::*;
use crate::UNWATCHED;
use crate::lab::{Direction, Frame, Tap};
use crate::linux::speak::Speak;

/// Sends an advert of `id` and returns the frame that comes out of the machine.
fn advert(one: &mut Machine, tap: &Tap, id: HostId, to: IpAddr) -> Frame {
    let sent = crate::lab::now();
    one.backend.send(id, &advert_to(to)).unwrap();
    let is_it = |frame: &Frame| {
        frame.time >= sent
            && frame.direction == Direction::In
            && decode_ip_packet(frame.payload()).is_ok()
    };
    tap.wait_for(LONG, is_it).unwrap()
}

/// Sends an advert from a host without a backend.
pub(super) fn advertise(from: &Host) {
    let headers = AdvertHeaders::to_group(from.mac(), ip("192.0.2.2"));
    from.send_frame("vmx0", &advert_frame(&headers, &PAYLOAD))
        .unwrap();
}

#[test]
fn adverts_leave_from_the_virtual_mac_while_up_and_from_the_carpdevs_else() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &["192.0.2.1/24", "192.0.2.2/24"]);
    let tap = lab.tap_port("one").unwrap();
    let id = one.configure(&carp0());
    let own = one.host.mac();
    let down = Setup {
        up: false,
        ..carp0()
    };
    for (setup, source) in [(carp0(), VMAC), (down, own), (carp0_on_carpdev(), own)] {
        one.try_configure(id, &setup).unwrap();
        for (family, group_mac) in [(Family::Inet, GROUP_MAC_V4), (Family::Inet6, GROUP_MAC_V6)] {
            let frame = advert(&mut one, &tap, id, family.group());
            assert_eq!(frame.source(), source, "{setup:?}");
            assert_eq!(frame.destination(), group_mac);
            let (envelope, payload) = decode_ip_packet(frame.payload()).unwrap();
            assert_eq!(payload, PAYLOAD);
            assert_eq!(envelope.hop_limit, 255);
            let link_local = format!("fe80::ff:fe00:{:x}", own.octets()[5]);
            let expected = match family {
                Family::Inet => ip("192.0.2.1"),
                Family::Inet6 => ip(&link_local),
            };
            assert_eq!(envelope.source, expected);
        }
    }
}

#[test]
fn an_advert_never_comes_from_a_virtual_address() {
    let Some(lab) = lab() else { return };
    for setup in [carp0(), carp0_on_carpdev()] {
        let mut one = Machine::plug(&lab, "one", &[]);
        one.host
            .set_sysctl("net/ipv6/conf/vmx0/addr_gen_mode", "1")
            .unwrap();
        one.host.set_up("vmx0", false).unwrap();
        one.host.set_up("vmx0", true).unwrap();
        let tap = lab.tap_port("one").unwrap();
        wait_until(|| one.view("link vmx0")[0].contains(" state 6 "));
        let id = one.configure(&setup);
        one.hold(id, &["192.0.2.10/24", "2001:db8::10/64", "fe80::10/64"]);
        let source = |frame: Frame| decode_ip_packet(frame.payload()).unwrap().0.source;
        let inet = source(advert(&mut one, &tap, id, Family::Inet.group()));
        assert_eq!(inet, Ipv4Addr::UNSPECIFIED, "{setup:?}");
        let inet6 = source(advert(&mut one, &tap, id, Family::Inet6.group()));
        let own = format!("fe80::ff:fe00:{:x}", one.host.mac().octets()[5]);
        assert_eq!(inet6, ip(&own), "{setup:?}");
        one.tear_down(id);
    }
}

#[test]
fn an_advert_to_one_host_goes_to_its_address_from_the_carpdevs() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &["192.0.2.1/24", "2001:db8::1/64"]);
    let mut two = Machine::plug(&lab, "two", &["192.0.2.2/24", "2001:db8::2/64"]);
    settled(&one.host);
    settled(&two.host);
    let id = one.configure(&carp0());
    for to in ["192.0.2.2", "2001:db8::2"].map(ip) {
        one.backend.send(id, &advert_to(to)).unwrap();
        let packet = two.wait_for_packet();
        assert_eq!(packet.bytes(), PAYLOAD);
        assert_eq!(packet.envelope().destination, to);
        assert_eq!(packet.envelope().hop_limit, 255);
    }
}

#[test]
fn the_checksum_and_the_traffic_class_are_what_peers_of_the_dialect_send() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &["192.0.2.1/24", "2001:db8::1/64"]);
    let two = lab.host("two").unwrap();
    two.add_address("192.0.2.2/24").unwrap();
    two.add_address("2001:db8::2/64").unwrap();
    let tap = lab.tap_port("one").unwrap();
    settled(&one.host);
    settled(&two);
    let id = one.configure(&carp0());
    let payload = Advertisement::new(vhid(99), 1, 100, 0, 7)
        .with_checksum(ChecksumForm::Plain)
        .encode();
    let [_, group] = Family::ALL.map(Family::group);
    for dialect in Dialect::ALL {
        for to in [
            Family::Inet.group(),
            ip("192.0.2.2"),
            group,
            ip("2001:db8::2"),
        ] {
            let family = Family::of(to);
            let (cover, class) = (
                dialect.checksum_cover(family),
                dialect.traffic_class(family),
            );
            let outgoing = Outgoing::new(to, payload, cover, class);
            let begun = crate::lab::now();
            let source = one.backend.send(id, &outgoing).unwrap();
            let is_it = |frame: &Frame| {
                let packet = decode_ip_packet(frame.payload());
                let is_new = frame.time >= begun && frame.direction == Direction::In;
                is_new && packet.is_ok_and(|(envelope, _)| envelope.destination == to)
            };
            let frame = tap.wait_for(LONG, is_it).unwrap();
            let case = format!("{dialect} {to}");
            let (envelope, bytes) = decode_ip_packet(frame.payload()).unwrap();
            assert_eq!(envelope.source, source, "{case}");
            let expected = match (source, to) {
                (IpAddr::V6(source), IpAddr::V6(destination)) if dialect == Dialect::NetBsd => {
                    ChecksumForm::PseudoHeader {
                        source,
                        destination,
                    }
                }
                _ => ChecksumForm::Plain,
            };
            let form = ChecksumForm::of(bytes, &envelope);
            assert_eq!(form, Some(expected), "{case}");
            let [first, second, ..] = frame.payload() else {
                panic!("{case}")
            };
            let (class, expected) = match family {
                Family::Inet => (*second, 0x10),
                Family::Inet6 => ((first << 4) | (second >> 4), 0),
            };
            let of_freebsd = dialect == Dialect::FreeBsd;
            assert_eq!(class, if of_freebsd { 0xe0 } else { expected }, "{case}");
        }
    }
}

#[test]
fn nothing_is_sent_where_there_is_no_carpdev_and_no_virtual_host() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::without_watch(lab.host("one").unwrap());
    let id = one.id();
    let group = Family::Inet.group();
    let error = one.backend.send(id, &advert_to(group)).unwrap_err();
    assert!(
        error.to_string().ends_with("no such virtual host"),
        "{error}"
    );
    one.backend.watch(LINK, "eth9").unwrap();
    one.backend.configure(id, &carp0());
    let error = one.backend.send(id, &advert_to(group)).unwrap_err();
    assert_eq!(error.to_string(), "eth9: no such interface");
    one.backend.announce(id, ip("192.0.2.10"));
}

#[test]
fn announcements_are_of_both_kinds_of_arp_and_of_a_neighbour_advertisement() {
    let Some(lab) = lab() else { return };
    for (setup, forwards) in [
        (carp0(), false),
        (carp0(), true),
        (carp0_on_carpdev(), true),
    ] {
        let mut one = Machine::plug(&lab, "one", &[]);
        one.host.set_forwarding(forwards).unwrap();
        let id = one.configure(&setup);
        one.hold(id, &["192.0.2.10/24", "2001:db8::10/64"]);
        let mac = if setup.lladdr == Lladdr::Virtual {
            VMAC
        } else {
            one.host.mac()
        };
        let tap = lab.tap_port("one").unwrap();
        one.backend.announce(id, ip("192.0.2.10"));
        one.backend.announce(id, ip("2001:db8::10"));
        let mut kinds = Vec::new();
        tap.wait_for(LONG, |frame| {
            if frame.direction == Direction::In && frame.source() == mac {
                match (frame.ethertype(), frame.payload()) {
                    (0x0806, arp) => kinds.push(format!("arp {}", arp[7])),
                    (0x86dd, na) if na[40] == 136 => kinds.push(format!("na {:#x}", na[44])),
                    _ => {}
                }
            }
            kinds.len() == 3
        });
        let na = if forwards { "na 0xa0" } else { "na 0x20" };
        assert_eq!(kinds, ["arp 1", "arp 2", na], "{setup:?}");
        one.tear_down(id);
    }
}

#[test]
fn adverts_are_heard_whatever_they_come_from() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &["192.0.2.1/24"]);
    let id = one.configure(&carp0());
    one.hold(id, &["192.0.2.10/24", "2001:db8::10/64"]);
    let two = lab.host("two").unwrap();
    settled(&two);
    let speak = two.enter(Speak::open).unwrap().unwrap();
    let index = two.enter(|| index_of("vmx0")).unwrap();
    let other = MacAddress([0x00, 0x00, 0x5e, 0x00, 0x01, 0x07]);
    // Of the network, of nobody, our own; then the virtual one, and one of another network.
    let sources = [
        "192.0.2.2",
        "0.0.0.0",
        "192.0.2.1",
        "fe80::2",
        "2001:db8::2",
        "2001:db8::10",
        "192.0.2.10",
        "203.0.113.9",
    ];
    for rp_filter in ["1", "0"] {
        for name in ["all", "vmx0"] {
            let setting = format!("net/ipv4/conf/{name}/rp_filter");
            one.host.set_sysctl(&setting, rp_filter).unwrap();
        }
        // A strict filter takes the last two for forgeries, as it is told to: their routes lead
        // elsewhere, that of the virtual one to carp0 while this node is master.
        let forged = if rp_filter == "1" { 2 } else { 0 };
        let heard = &sources[..sources.len() - forged];
        for mac in [VMAC, other, two.mac()] {
            for source in heard.iter().map(|source| ip(source)) {
                let headers = AdvertHeaders::to_group(mac, source);
                let frame = advert_frame(&headers, &PAYLOAD);
                speak.frame(index, &frame).unwrap();
                let packet = one.wait_for_packet();
                assert_eq!(packet.link(), LINK);
                assert_eq!(packet.envelope().source, source, "{mac}");
                let group = Family::of(source).group();
                assert_eq!(packet.envelope().destination, group);
                assert_eq!(packet.envelope().hop_limit, 255);
                assert_eq!(packet.bytes(), PAYLOAD);
            }
        }
    }
    // Each of them once, and none of our own.
    one.backend
        .send(id, &advert_to(Family::Inet.group()))
        .unwrap();
    one.backend
        .send(id, &advert_to(Family::Inet6.group()))
        .unwrap();
    let more = one.all_within(Duration::from_millis(300));
    let is_packet = |report: &&Report| matches!(report, Report::Packet(_));
    assert_eq!(more.iter().filter(is_packet).count(), 0);
}

#[test]
fn a_packet_costs_no_allocation() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &["192.0.2.1/24"]);
    one.all_within(Duration::from_millis(100));
    let two = lab.host("two").unwrap();
    let speak = two.enter(Speak::open).unwrap().unwrap();
    let index = two.enter(|| index_of("vmx0")).unwrap();
    for source in ["192.0.2.2", "fe80::2"].map(ip) {
        let headers = AdvertHeaders::to_group(two.mac(), source);
        let mut hear = || {
            for _ in 0..8 {
                let frame = advert_frame(&headers, &PAYLOAD);
                speak.frame(index, &frame).unwrap();
            }
            one.backend.wait(None).unwrap();
            while one.backend.poll().is_some() {}
        };
        // The first time the queue of reports gets its room.
        hear();
        assert_eq!(allocation_counter::measure(hear).count_total, 0, "{source}");
    }
}

#[test]
fn a_flood_leaves_the_caller_time_for_its_timers() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &["192.0.2.1/24"]);
    one.all_within(Duration::from_millis(100));
    let two = lab.host("two").unwrap();
    let speak = two.enter(Speak::open).unwrap().unwrap();
    let index = two.enter(|| index_of("vmx0")).unwrap();
    let headers = AdvertHeaders::to_group(two.mac(), ip("192.0.2.2"));
    let frame = advert_frame(&headers, &PAYLOAD);
    let (mut heard, mut pauses) = (0, 0);
    // As fast as they can be taken, there are always more.
    while heard < 1_000 {
        let mut in_a_row = 0;
        speak.frame(index, &frame).unwrap();
        while let Some(report) = one.backend.poll() {
            in_a_row += usize::from(matches!(report, Report::Packet(_)));
            speak.frame(index, &frame).unwrap();
        }
        assert!(in_a_row <= 256, "{in_a_row}");
        heard += in_a_row;
        pauses += 1;
        let soon = one.backend.now() + Duration::from_millis(1);
        one.backend.wait(Some(soon)).unwrap();
    }
    assert!(pauses >= 3);
}

#[test]
fn packets_elsewhere_are_of_no_link_that_is_watched() {
    let Some(lab) = lab() else { return };
    let host = lab.host("one").unwrap();
    host.add_address("192.0.2.1/24").unwrap();
    let mut one = Machine::without_watch(host);
    let two = lab.host("two").unwrap();
    let speak = two.enter(Speak::open).unwrap().unwrap();
    let index = two.enter(|| index_of("vmx0")).unwrap();
    let say = |to: &str, to_mac| {
        let headers = AdvertHeaders {
            endpoints: Endpoints::new(ip("192.0.2.2"), ip(to)).unwrap(),
            destination_mac: to_mac,
            ..AdvertHeaders::to_group(two.mac(), ip("192.0.2.2"))
        };
        speak
            .frame(index, &advert_frame(&headers, &PAYLOAD))
            .unwrap();
    };
    let heard_on = |one: &mut Machine| {
        let reports = one.all_within(Duration::from_millis(300));
        let link = |report: &Report| {
            if let Report::Packet(packet) = report {
                Some(packet.link())
            } else {
                None
            }
        };
        reports.iter().filter_map(link).collect::<Vec<_>>()
    };
    let mac = one.host.mac();
    let mut heard = Vec::new();
    let began = crate::lab::now();
    // What a new interface sends first may be lost.
    while heard.is_empty() && crate::lab::now() - began < LONG {
        say("192.0.2.1", mac);
        heard = heard_on(&mut one);
    }
    assert_eq!(heard, [UNWATCHED]);
    say("224.0.0.18", GROUP_MAC_V4);
    assert_eq!(heard_on(&mut one), [], "nobody is in the group");
    one.backend.watch(LINK, "vmx0").unwrap();
    one.settle();
    say("192.0.2.1", mac);
    say("224.0.0.18", GROUP_MAC_V4);
    assert_eq!(heard_on(&mut one), [LINK, LINK]);
    one.backend.unwatch(LINK);
    one.settle();
    say("192.0.2.1", mac);
    say("224.0.0.18", GROUP_MAC_V4);
    assert_eq!(heard_on(&mut one), [UNWATCHED]);
}
