use netlink_packet_core::Emitable as _;

use super::*;

fn address(text: &str) -> VirtualAddress {
    text.parse().unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// What the kernel answers with: a route, and an attribute more.
fn answer(network: &str, more: Option<RouteAttribute>, kind: RouteType, protocol: u8) -> Vec<u8> {
    let network = address(network);
    let mut message = route(7, network);
    message.header.kind = kind;
    message.header.protocol = RouteProtocol::from(protocol);
    message.attributes.extend(more);
    let mut bytes = vec![0; message.buffer_len()];
    message.emit(&mut bytes);
    bytes
}

#[test]
fn an_own_network_covers_what_is_in_it() {
    for (own, virtual_one, expected) in [
        ("192.0.2.1/24", "192.0.2.10/24", true),
        ("192.0.2.1/23", "192.0.2.10/24", true),
        ("192.0.2.1/25", "192.0.2.10/24", false),
        ("198.51.100.1/24", "192.0.2.10/24", false),
        ("2001:db8::1/64", "2001:db8::10/64", true),
        ("2001:db8::1/128", "2001:db8::10/64", false),
        ("fe80::1/64", "fe80::10/64", true),
    ] {
        let covered = covers(&address(own), &address(virtual_one));
        assert_eq!(covered, expected, "{own} {virtual_one}");
    }
}

#[test]
fn an_address_alone_has_nobody_to_reach() {
    assert!(!has_network(&address("192.0.2.10/32")));
    assert!(!has_network(&address("2001:db8::10/128")));
    assert!(has_network(&address("192.0.2.10/31")));
    assert!(has_network(&address("fe80::10/64")));
}

#[test]
fn a_route_that_reaches_the_network_is_known_by_its_kind_its_length_and_its_way() {
    let wanted = address("192.0.2.10/24");
    let reached = |answer: &[u8]| reaches(answer, 7, &wanted);
    let unicast = |network| answer(network, None, RouteType::Unicast, 4);
    assert!(reached(&unicast("192.0.2.0/24")));
    assert!(reached(&unicast("192.0.0.0/16")));
    assert!(!reached(&unicast("192.0.2.0/25")));
    assert!(!reached(&unicast("0.0.0.0/0")), "the default route");
    let gateway = RouteAttribute::Gateway(RouteAddress::Inet([192, 0, 2, 254].into()));
    let through = answer("192.0.2.0/24", Some(gateway), RouteType::Unicast, 4);
    assert!(!reached(&through));
    assert!(!reached(&answer(
        "192.0.2.0/24",
        None,
        RouteType::BlackHole,
        4
    )));
    assert!(!reached(&answer(
        "192.0.2.0/24",
        None,
        RouteType::Unicast,
        MARK
    )));
    assert!(
        !reaches(&unicast("192.0.2.0/24"), 8, &wanted),
        "another interface"
    );
    for length in 0..12 {
        assert!(!reached(&unicast("192.0.2.0/24")[..length]));
    }
}

#[test]
fn one_asks_about_an_address_that_is_nobodys_here() {
    let own = [address("192.0.2.11/24"), address("2001:db8::11/64")];
    let virtual_ones = [
        address("192.0.2.10/24"),
        address("192.0.2.8/24"),
        address("2001:db8::10/64"),
    ];
    let probe = |of: &VirtualAddress| probe(of, &own, &virtual_ones);
    // 11 is our own, 8 is virtual.
    assert_eq!(probe(&virtual_ones[0]), Some(ip("192.0.2.9")));
    assert_eq!(probe(&virtual_ones[2]), Some(ip("2001:db8::12")));
    // Neither the first nor the last of a network; where there are only two, the other.
    assert_eq!(
        probe(&address("203.0.113.254/24")),
        Some(ip("203.0.113.252"))
    );
    assert_eq!(probe(&address("203.0.113.1/24")), Some(ip("203.0.113.3")));
    assert_eq!(probe(&address("203.0.113.0/31")), Some(ip("203.0.113.1")));
    assert_eq!(probe(&address("203.0.113.0/32")), None);
}
