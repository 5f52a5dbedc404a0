//! Adverts to unicast peers: where they come from, which way they go, and that they are heard.

use carp_fsm::carp_proto::{Endpoints, advert_frame, decode_ip_packet};

use super::*;
use crate::lab::{Direction, Frame};
use crate::linux::speak::Speak;

/// A machine that can send: its queue takes a moment after it has its carrier.
fn plug(lab: &Lab, name: &str, addresses: &[&str]) -> Machine {
    let machine = Machine::plug(lab, name, addresses);
    settled(&machine.host);
    machine
}

fn is_advert(frame: &Frame) -> bool {
    frame.direction == Direction::In && decode_ip_packet(frame.payload()).is_ok()
}

/// The host behind a router of two networks; `number` is 1 or 2.
fn behind_router(lab: &Lab, name: &str, number: u8) -> Machine {
    let addresses = [
        format!("198.51.{number}.1/24"),
        format!("2001:db8:{number}::1/64"),
    ];
    let machine = plug(lab, name, &addresses.each_ref().map(String::as_str));
    for (network, gateway) in [
        ("0.0.0.0/0", format!("198.51.{number}.254")),
        ("::/0", format!("2001:db8:{number}::254")),
    ] {
        machine.host.add_route(network, ip(&gateway)).unwrap();
    }
    machine
}

/// One with a leg in both networks, which are on one cable.
fn router(lab: &Lab) -> Host {
    let router = lab.host("router").unwrap();
    for number in 1..=2 {
        for address in [
            format!("198.51.{number}.254/24"),
            format!("2001:db8:{number}::254/64"),
        ] {
            router.add_address(&address).unwrap();
        }
    }
    router.set_forwarding(true).unwrap();
    // It would tell them that they are on one cable.
    for scope in ["all", "vmx0"] {
        let setting = format!("net/ipv4/conf/{scope}/send_redirects");
        router.set_sysctl(&setting, "0").unwrap();
    }
    router
}

/// Lays a second cable between two hosts, called `name` at both ends, without addresses.
fn lay_cable(one: &Machine, two: &Host, name: &str) {
    let mut there = two.command("sleep").arg("60").spawn().unwrap();
    let process = there.id();
    one.ip(&format!(
        "ip link add {name} type veth peer name {name} netns {process}"
    ));
    there.kill().unwrap();
    there.wait().unwrap();
    for host in [&one.host, two] {
        host.set_sysctl(&format!("net/ipv6/conf/{name}/accept_dad"), "0")
            .unwrap();
        host.set_up(name, true).unwrap();
    }
}

fn run(host: &Host, words: &str) {
    let mut words = words.split(' ');
    let mut command = host.command(words.next().unwrap());
    assert!(command.args(words).status().unwrap().success());
}

#[test]
fn the_source_suits_the_peer_and_is_what_is_told() {
    let Some(lab) = lab() else { return };
    let addresses = [
        "198.51.1.1/24",
        "192.0.2.1/24",
        "fd00:7::1/64",
        "2001:db8:7::1/64",
        "2001:db8::1/64",
    ];
    for (name, setup) in [("own", carp0_manual()), ("shared", carp0_on_carpdev())] {
        let mut one = plug(&lab, name, &addresses);
        let tap = lab.tap_port(name).unwrap();
        let own = one.host.mac();
        let id = one.configure(&setup);
        // Virtual addresses are nearer, and never the source.
        one.hold(id, &["192.0.2.10/25", "2001:db8::10/96", "fe80::10/64"]);
        let peer = lab.host(&format!("{name}-peer")).unwrap();
        let last = peer.mac().octets()[5];
        for address in ["192.0.2.2/24", "198.51.1.2/24", "2001:db8::2/64"] {
            peer.add_address(address).unwrap();
        }
        for address in ["2001:db8:7::2/64", "fd00:7::2/64"] {
            peer.add_address(address).unwrap();
        }
        for (to, expected) in [
            ("192.0.2.2", "192.0.2.1".to_owned()),
            ("198.51.1.2", "198.51.1.1".to_owned()),
            ("2001:db8::2", "2001:db8::1".to_owned()),
            ("2001:db8:7::2", "2001:db8:7::1".to_owned()),
            ("fd00:7::2", "fd00:7::1".to_owned()),
            (
                &format!("fe80::ff:fe00:{last:x}"),
                format!("fe80::ff:fe00:{:x}", own.octets()[5]),
            ),
        ] {
            let to = ip(to);
            let source = one.backend.send(id, &advert_to(to)).unwrap();
            assert_eq!(source, ip(&expected), "{to}");
            let is_it = |frame: &Frame| {
                is_advert(frame) && decode_ip_packet(frame.payload()).unwrap().0.destination == to
            };
            let frame = tap.wait_for(LONG, is_it).unwrap();
            assert_eq!(frame.source(), own, "{to}");
            assert_eq!(frame.destination(), peer.mac(), "{to}");
            let (envelope, payload) = decode_ip_packet(frame.payload()).unwrap();
            assert_eq!((envelope.source, envelope.hop_limit), (source, 255));
            assert_eq!(payload, PAYLOAD);
            if to.is_ipv4() {
                assert_eq!(frame.payload()[6..8], [0x40, 0], "don't fragment");
            }
        }
        one.tear_down(id);
    }
}

#[test]
fn peers_behind_a_router_are_reached_and_heard() {
    let Some(lab) = lab() else { return };
    let _router = router(&lab);
    let mut one = behind_router(&lab, "one", 1);
    let mut two = behind_router(&lab, "two", 2);
    for scope in ["all", "vmx0"] {
        let setting = format!("net/ipv4/conf/{scope}/rp_filter");
        two.host.set_sysctl(&setting, "1").unwrap();
    }
    let id = one.configure(&carp0());
    one.hold(id, &["198.51.1.10/24", "2001:db8:1::10/64"]);
    for (to, source) in [
        ("198.51.2.1", "198.51.1.1"),
        ("2001:db8:2::1", "2001:db8:1::1"),
    ] {
        let sent = one.backend.send(id, &advert_to(ip(to))).unwrap();
        assert_eq!(sent, ip(source));
        let packet = two.wait_for_packet();
        assert_eq!(packet.link(), LINK);
        assert_eq!(packet.bytes(), PAYLOAD);
        let envelope = packet.envelope();
        assert_eq!((envelope.source, envelope.destination), (sent, ip(to)));
        assert_eq!(envelope.hop_limit, 254);
    }
}

#[test]
fn a_route_through_another_interface_is_taken() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    let mut one = plug(&lab, "one", &["192.0.2.1/24", "2001:db8::1/64"]);
    let two = lab.host("two").unwrap();
    lay_cable(&one, &two, "wan0");
    one.ip("ip address add 198.51.1.1/24 dev wan0");
    one.ip("ip address add 2001:db8:1::1/64 dev wan0");
    one.ip("ip route add 203.0.113.0/24 via 198.51.1.2");
    one.ip("ip route add 2001:db8:3::/64 via 2001:db8:1::2");
    run(&two, "ip address add 198.51.1.2/24 dev wan0");
    run(&two, "ip address add 2001:db8:1::2/64 dev wan0");
    let tap = two.tap("wan0").unwrap();
    let id = one.configure(&carp0());
    one.settle();
    for (to, source) in [
        ("203.0.113.9", "192.0.2.1"),
        ("2001:db8:3::9", "2001:db8::1"),
    ] {
        assert_eq!(
            one.backend.send(id, &advert_to(ip(to))).unwrap(),
            ip(source)
        );
        let is_it = |frame: &Frame| {
            is_advert(frame) && decode_ip_packet(frame.payload()).unwrap().0.destination == ip(to)
        };
        assert!(tap.wait_for(LONG, is_it).is_some(), "{to}");
    }
}

#[test]
fn of_two_carpdevs_each_sends_to_its_neighbours_and_hears_them() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    const SECOND: LinkId = LinkId(2);
    let mut machines = ["one", "two"].map(|name| plug(&lab, name, &[]));
    lay_cable(&machines[0], &machines[1].host, "vmx1");
    for (number, machine) in (1..).zip(&mut machines) {
        machine.ip(&format!("ip address add 192.0.2.{number}/24 dev vmx0"));
        machine.ip(&format!("ip address add 198.51.7.{number}/24 dev vmx1"));
        // The same link-local address on both links, and no other.
        for link in ["vmx0", "vmx1"] {
            machine.ip(&format!("ip -6 address flush dev {link}"));
            machine.ip(&format!("ip address add fe80::{number}/64 dev {link}"));
        }
        machine.backend.watch(SECOND, "vmx1").unwrap();
        while machine.wait_for_state_of(SECOND) != LinkState::Up {}
        machine.settle();
    }
    let [mut one, mut two] = machines;
    let first = one.configure(&carp0());
    let other = Setup {
        interface: "carp1".to_owned(),
        link: SECOND,
        ..carp0()
    };
    let second = one.configure(&other);
    for (id, link, to) in [
        (first, LINK, "192.0.2.2"),
        (second, SECOND, "198.51.7.2"),
        (first, LINK, "fe80::2"),
        (second, SECOND, "fe80::2"),
    ] {
        let source = one.backend.send(id, &advert_to(ip(to))).unwrap();
        let packet = two.wait_for_packet();
        assert_eq!(packet.link(), link, "{to}");
        assert_eq!(packet.envelope().source, source, "{to}");
        let expected = to.strip_suffix('2').unwrap();
        assert_eq!(source, ip(&format!("{expected}1")));
    }
}

#[test]
fn a_carpdev_without_an_address_says_what_to_do() {
    let Some(lab) = lab() else { return };
    let mut one = plug(&lab, "one", &[]);
    let id = one.configure(&carp0());
    one.hold(id, &["192.0.2.10/24", "2001:db8::10/64"]);
    for (to, family) in [("192.0.2.2", "inet"), ("2001:db8::2", "inet6")] {
        let error = one.backend.send(id, &advert_to(ip(to))).unwrap_err();
        let expected = format!(
            "carp0: advert to {to}: vmx0 has no {family} address of its own to send it from: \
             give vmx0 one"
        );
        assert_eq!(error.to_string(), expected);
    }
    one.backend.send(id, &advert_to(ip("fe80::2"))).unwrap();
}

#[test]
fn peers_that_do_not_answer_take_nothing_from_the_others() {
    let Some(lab) = lab() else { return };
    let mut one = plug(&lab, "one", &["192.0.2.1/24", "2001:db8::1/64"]);
    let mut two = plug(&lab, "two", &["192.0.2.2/24"]);
    let id = one.configure(&carp0());
    // As many as wait at 0/1 until the kernel gives up a neighbour.
    for round in 0..1_000 {
        for dead in ["192.0.2.98", "192.0.2.99", "2001:db8::99", "fe80::99"] {
            let sent = one.backend.send(id, &advert_to(ip(dead)));
            assert!(sent.is_ok(), "{round}: {sent:?}");
        }
    }
    one.backend.send(id, &advert_to(ip("192.0.2.2"))).unwrap();
    assert_eq!(two.wait_for_packet().envelope().source, ip("192.0.2.1"));
}

#[test]
fn what_would_go_to_this_host_itself_is_not_sent() {
    let Some(lab) = lab() else { return };
    let mut one = plug(&lab, "one", &["192.0.2.1/24", "2001:db8::1/64"]);
    let id = one.configure(&carp0());
    for own in ["192.0.2.1", "2001:db8::1"] {
        assert_eq!(one.backend.send(id, &advert_to(ip(own))).unwrap(), ip(own));
    }
    let reports = one.all_within(Duration::from_millis(300));
    let is_packet = |report: &&Report| matches!(report, Report::Packet(_));
    assert_eq!(reports.iter().filter(is_packet).count(), 0);
}

#[test]
fn an_advert_to_a_virtual_address_is_none_of_the_carpdevs() {
    let Some(lab) = lab() else { return };
    for (name, setup) in [("own", carp0()), ("shared", carp0_on_carpdev())] {
        let mut one = plug(&lab, name, &["192.0.2.1/24", "2001:db8::1/64"]);
        let id = one.configure(&setup);
        one.hold(id, &["192.0.2.10/24", "2001:db8::10/64"]);
        let mac = one.backend.inspect(id).link_address.unwrap();
        let from = lab.host(&format!("{name}-peer")).unwrap();
        // Its queue takes a moment until it sends.
        settled(&from);
        let speak = from.enter(Speak::open).unwrap().unwrap();
        let socket = from.enter(|| std::net::UdpSocket::bind("0.0.0.0:0"));
        let socket = socket.unwrap().unwrap();
        let index = rustix::net::netdevice::name_to_index(&socket, "vmx0").unwrap();
        for (source, to) in [("192.0.2.2", "192.0.2.10"), ("2001:db8::2", "2001:db8::10")] {
            let headers = AdvertHeaders {
                endpoints: Endpoints::new(ip(source), ip(to)).unwrap(),
                destination_mac: mac,
                ..AdvertHeaders::to_group(from.mac(), ip(source))
            };
            speak
                .frame(index, &advert_frame(&headers, &PAYLOAD))
                .unwrap();
        }
        if setup.lladdr == Lladdr::Carpdev {
            for _ in 0..2 {
                let to = one.wait_for_packet().envelope().destination;
                assert!([ip("192.0.2.10"), ip("2001:db8::10")].contains(&to), "{to}");
            }
        }
        let reports = one.all_within(Duration::from_millis(300));
        let is_packet = |report: &&Report| matches!(report, Report::Packet(_));
        assert_eq!(reports.iter().filter(is_packet).count(), 0, "{name}");
        one.tear_down(id);
    }
}
