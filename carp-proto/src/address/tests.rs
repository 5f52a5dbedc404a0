//! Parsing, and the arithmetic of prefixes.

use core::net::IpAddr;

use super::{AddressError, VirtualAddress};
use crate::{Family, OutOfRange};

#[test]
fn parses_with_and_without_prefix() {
    let cases = [
        ("192.0.2.10/24", "192.0.2.10/24", Family::Inet),
        ("192.0.2.10/024", "192.0.2.10/24", Family::Inet),
        ("192.0.2.10", "192.0.2.10/32", Family::Inet),
        ("0.0.0.0/0", "0.0.0.0/0", Family::Inet),
        ("2001:DB8::A/64", "2001:db8::a/64", Family::Inet6),
        ("::1", "::1/128", Family::Inet6),
    ];
    for (text, shown, family) in cases {
        let address: VirtualAddress = text.parse().unwrap();
        assert_eq!(address.to_string(), shown);
        assert_eq!(address.family(), family);
        assert_eq!(shown.parse(), Ok(address));
    }
}

#[test]
fn keeps_what_it_was_made_of() {
    let address = VirtualAddress::new([192, 0, 2, 10].into(), 24).unwrap();

    assert_eq!(address.ip(), IpAddr::from([192, 0, 2, 10]));
    assert_eq!(address.prefix_len(), 24);
    assert_eq!(parse("192.0.2.10/24"), address);
}

#[test]
fn refuses_what_is_no_address() {
    for text in [
        "",
        "/24",
        "192.0.2/24",
        "192.0.2.256",
        "192.0.2.10 /24",
        "host",
        "fe80::1%eth0",
    ] {
        assert_eq!(
            text.parse::<VirtualAddress>(),
            Err(AddressError::NotAnAddress),
            "{text}"
        );
    }
}

#[test]
fn refuses_what_is_no_prefix_length() {
    for length in [
        "",
        "+24",
        "-1",
        " 24",
        "24/24",
        "0x18",
        "255.255.255.0",
        "4294967296",
    ] {
        let parsed = format!("192.0.2.10/{length}").parse::<VirtualAddress>();
        assert_eq!(parsed, Err(AddressError::NotAPrefixLength), "{length}");
    }
}

#[test]
fn refuses_a_prefix_longer_than_the_address() {
    let cases = [
        (
            "192.0.2.10/33",
            "prefix length 33 is out of range (0 to 32)",
        ),
        (
            "192.0.2.10/256",
            "prefix length 256 is out of range (0 to 32)",
        ),
        ("::1/129", "prefix length 129 is out of range (0 to 128)"),
    ];
    for (text, message) in cases {
        let error = text.parse::<VirtualAddress>().unwrap_err();
        assert!(matches!(error, AddressError::OutOfRange(_)));
        assert_eq!(error.to_string(), message);
    }
    let error: OutOfRange = VirtualAddress::new([192, 0, 2, 10].into(), 33).unwrap_err();
    assert_eq!(
        (error.what(), error.value(), error.max()),
        ("prefix length", 33, 32)
    );
}

#[test]
fn network_mask_and_broadcast() {
    let cases = [
        (
            "192.0.2.10/0",
            "0.0.0.0",
            "0.0.0.0",
            Some("255.255.255.255"),
        ),
        (
            "192.0.2.10/8",
            "192.0.0.0",
            "255.0.0.0",
            Some("192.255.255.255"),
        ),
        (
            "192.0.2.10/30",
            "192.0.2.8",
            "255.255.255.252",
            Some("192.0.2.11"),
        ),
        ("192.0.2.10/31", "192.0.2.10", "255.255.255.254", None),
        ("192.0.2.10/32", "192.0.2.10", "255.255.255.255", None),
    ];
    for (text, network, netmask, broadcast) in cases {
        let address = parse(text);
        assert_eq!(address.network().to_string(), network, "{text}");
        assert_eq!(
            address.netmask().map(|mask| mask.to_string()).as_deref(),
            Some(netmask)
        );
        let shown = address.broadcast().map(|ip| ip.to_string());
        assert_eq!(shown.as_deref(), broadcast, "{text}");
    }
}

#[test]
fn ipv6_has_a_network_but_neither_mask_nor_broadcast() {
    let cases = [
        ("2001:db8::1/0", "::"),
        ("2001:db8::1/64", "2001:db8::"),
        ("::1/128", "::1"),
    ];
    for (text, network) in cases {
        let address = parse(text);
        assert_eq!(address.network().to_string(), network);
        assert_eq!((address.netmask(), address.broadcast()), (None, None));
    }
}

#[test]
fn broadcast_can_be_set_for_ipv4_only() {
    let broadcast = [192, 0, 2, 127].into();

    assert_eq!(
        parse("192.0.2.10/24").with_broadcast(broadcast).broadcast(),
        Some(broadcast)
    );
    assert_eq!(
        parse("192.0.2.10/32").with_broadcast(broadcast).broadcast(),
        Some(broadcast)
    );
    assert_eq!(parse("::1").with_broadcast(broadcast), parse("::1"));
}

#[test]
fn contains_addresses_of_its_network() {
    let cases = [
        ("192.0.2.10/24", "192.0.2.255", true),
        ("192.0.2.10/24", "192.0.3.10", false),
        ("192.0.2.10/32", "192.0.2.10", true),
        ("192.0.2.10/0", "10.0.0.1", true),
        ("192.0.2.10/0", "::1", false),
        ("::/0", "10.0.0.1", false),
        ("2001:db8::1/64", "2001:db8::ffff", true),
        ("2001:db8::1/64", "2001:db8:0:1::1", false),
    ];
    for (text, ip, expected) in cases {
        assert_eq!(
            parse(text).contains(ip.parse().unwrap()),
            expected,
            "{text} {ip}"
        );
    }
}

#[test]
fn link_local_is_of_ipv6() {
    for text in ["fe80::1/64", "febf::1/64"] {
        assert!(parse(text).is_link_local(), "{text}");
    }
    for text in ["169.254.0.1/16", "2001:db8::1/64", "fec0::1/64", "::1"] {
        assert!(!parse(text).is_link_local(), "{text}");
    }
}

fn parse(text: &str) -> VirtualAddress {
    text.parse().unwrap()
}
