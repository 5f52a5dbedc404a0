//! The scenarios that FreeBSD tests its kernel's CARP with, played by our nodes in its dialect:
//! basic and unicast, both families, negative demotion, the source of neighbour solicitations, and
//! forced states.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use carp_net::lab::{Frame, Host};

use crate::net::{Net, PASS, PATIENCE, Terrain, V4, V6, let_pass, none_lost};

/// The addresses of a router, a network of each family for each node.
const ROUTER: [&str; 4] = [
    "198.51.100.1/25",
    "198.51.100.129/25",
    "2001:db8:1::1/64",
    "2001:db8:2::1/64",
];

/// Both nodes speak FreeBSD's dialect; the first is the better one.
fn configure(net: &Net, one: &str, two: &str) {
    let words = format!("carp0 vhid 1 peers freebsd pass {PASS} carpdev vmx0");
    net.one.carpctl(&format!("{words} {one}"));
    net.two.carpctl(&format!("{words} advskew 100 {two}"));
}

/// A router between the nodes, each of which is in a network of its own.
fn put_router_between(net: &Net) -> Host {
    let router = net.lab.host("router").unwrap();
    for address in ROUTER {
        router.add_address(address).unwrap();
    }
    router.set_forwarding(true).unwrap();
    // It is on one wire with both nodes, and must not tell them so.
    for scope in ["all", "vmx0"] {
        router
            .set_sysctl(&format!("net/ipv4/conf/{scope}/send_redirects"), "0")
            .unwrap();
    }
    for (node, own, other, gateway) in [
        (
            &net.one,
            "198.51.100.2/25",
            "198.51.100.128/25",
            "198.51.100.1",
        ),
        (
            &net.two,
            "198.51.100.130/25",
            "198.51.100.0/25",
            "198.51.100.129",
        ),
        (
            &net.one,
            "2001:db8:1::2/64",
            "2001:db8:2::/64",
            "2001:db8:1::1",
        ),
        (
            &net.two,
            "2001:db8:2::2/64",
            "2001:db8:1::/64",
            "2001:db8:2::1",
        ),
    ] {
        node.host.add_address(own).unwrap();
        node.host
            .add_route(other, gateway.parse().unwrap())
            .unwrap();
    }
    for node in [&net.one, &net.two] {
        node.host
            .set_sysctl("net/ipv6/conf/vmx0/accept_redirects", "0")
            .unwrap();
    }
    router
}

/// The nodes agree on a master, change over on `down`, and back with preemption.
fn fails_over_and_back(net: &Net) {
    net.wait_for_master(&net.one, &net.two);
    net.one.carpctl("carp0 down");
    net.two.wait_for("MASTER", PATIENCE);
    assert_eq!(net.one.state(), "INIT");
    net.one.carpctl("sysctl net.inet.carp.preempt=1");
    net.one.carpctl("carp0 up");
    net.wait_for_master(&net.one, &net.two);
}

#[test]
fn basic() {
    let Some(net) = Net::new(Terrain::default()) else {
        return;
    };
    let both = format!("{V4} {V6}");
    configure(&net, &both, &both);
    net.wait_for_master(&net.one, &net.two);
    let echoes = net.echoes(&["192.0.2.10", "2001:db8::10"]);
    fails_over_and_back(&net);
    none_lost(echoes, "down, and back");
}

#[test]
fn unicast_across_a_router() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let _router = put_router_between(&net);
    let tap = net.two.host.tap("vmx0").unwrap();
    configure(
        &net,
        "peer 198.51.100.130 peer6 2001:db8:2::2 203.0.113.1/32 2001:db8:3::1/128",
        "peer 198.51.100.2 peer6 2001:db8:1::2 203.0.113.1/32 2001:db8:3::1/128",
    );
    fails_over_and_back(&net);
    let hop_limits: Vec<(IpAddr, u8)> = tap.frames().iter().filter_map(advert_to_two).collect();
    for family in ["198.51.100.130", "2001:db8:2::2"] {
        let destination: IpAddr = family.parse().unwrap();
        let routed = hop_limits.contains(&(destination, 254));
        assert!(routed, "an advert to {family} came through the router");
    }
    let shown = net.one.carpctl("carp0");
    assert!(shown.contains("198.51.100.130"), "{shown}");
    assert!(shown.contains("2001:db8:2::2"), "{shown}");

    // Back to the group, which no router forwards: each is alone then.
    net.two.carpctl("carp0 mcast mcast6");
    let shown = net.two.carpctl("carp0");
    assert!(!shown.contains("198.51.100.2"), "{shown}");
    net.one.carpctl("carp0 mcast mcast6");
    // They are on one wire here, so that they hear each other there.
    net.wait_for_master(&net.one, &net.two);
}

/// The destination and the hop limit of an advert to an address of node two.
fn advert_to_two(frame: &Frame) -> Option<(IpAddr, u8)> {
    let packet = frame.payload();
    match frame.ethertype() {
        0x0800 if packet[9] == 112 => {
            let destination: [u8; 4] = packet[16..20].try_into().ok()?;
            Some((Ipv4Addr::from(destination).into(), packet[8]))
        }
        0x86dd if packet[6] == 112 => {
            let destination: [u8; 16] = packet[24..40].try_into().ok()?;
            Some((Ipv6Addr::from(destination).into(), packet[7]))
        }
        _ => None,
    }
}

#[test]
fn unicast_between_link_local_addresses() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let link_local = |host: &Host| {
        let [a, b, c, d, e, f] = host.mac().octets();
        let address = format!(
            "fe80::{:x}:{:x}:{:x}:{:x}",
            u16::from_be_bytes([a ^ 2, b]),
            u16::from_be_bytes([c, 0xff]),
            u16::from_be_bytes([0xfe, d]),
            u16::from_be_bytes([e, f])
        );
        address.parse::<Ipv6Addr>().unwrap()
    };
    let (one, two) = (link_local(&net.one.host), link_local(&net.two.host));
    configure(
        &net,
        &format!("peer6 {two} {V6}"),
        &format!("peer6 {one} {V6}"),
    );
    fails_over_and_back(&net);
}

#[test]
fn negative_demotion_makes_a_node_better_and_no_better_than_best() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    for node in [&net.one, &net.two] {
        node.carpctl("sysctl net.inet.carp.preempt=1");
    }
    configure(&net, &format!("advskew 50 {V4}"), V4);
    net.wait_for_master(&net.one, &net.two);
    // 100 - 150 would be -50: its adverts say 0.
    net.two.carpctl("sysctl net.inet.carp.demotion=-150");
    net.wait_for_master(&net.two, &net.one);
    let tap = net.lab.tap_advertisements().unwrap();
    let_pass(Duration::from_millis(2_500));
    let skews: Vec<u8> = tap
        .frames()
        .iter()
        .map(|frame| frame.payload()[22])
        .collect();
    assert!(
        skews.len() >= 2 && skews.iter().all(|skew| *skew == 0),
        "{skews:?}"
    );
    // Writing adds, so this takes it back.
    net.two.carpctl("sysctl net.inet.carp.demotion=150");
    net.wait_for_master(&net.one, &net.two);
}

#[test]
fn neighbour_solicitations_never_bind_the_address_to_the_wrong_mac() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    configure(&net, V6, V6);
    net.wait_for_master(&net.one, &net.two);
    let tap = net.lab.tap().unwrap();
    // The first from the virtual address, the others from where the kernel likes.
    for words in [
        "-c 1 -W 2 -I 2001:db8::10 2001:db8::50",
        "-c 1 -W 2 2001:db8::51",
    ] {
        net.one.run("ping", words);
    }
    let from_the_address = |frame: &&Frame| {
        let packet = frame.payload();
        let address: Ipv6Addr = "2001:db8::10".parse().unwrap();
        frame.ethertype() == 0x86dd && packet[8..24] == address.octets() && packet[6] == 58
    };
    let frames = tap.frames();
    let solicitations = frames
        .iter()
        .filter(from_the_address)
        .filter(|frame| frame.payload()[40] == 135);
    let wrong: Vec<_> = solicitations
        .filter(|frame| frame.source().to_string() != "00:00:5e:00:01:01")
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Whoever was pinged has learned nothing wrong.
    let neighbours = net.client.command("ip").args(["-6", "neighbour"]).output();
    let neighbours = String::from_utf8(neighbours.unwrap().stdout).unwrap();
    let mut lines = neighbours
        .lines()
        .filter(|line| line.contains("2001:db8::10 "));
    assert!(
        lines.all(|line| !line.contains("lladdr") || line.contains("00:00:5e:00:01:01")),
        "{neighbours}"
    );
}

#[test]
fn states_can_be_forced() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    configure(&net, V4, V4);
    net.wait_for_master(&net.one, &net.two);
    net.one.carpctl("carp0 state backup");
    net.wait_for_master(&net.two, &net.one);
    net.one.carpctl("carp0 state master");
    net.wait_for_master(&net.one, &net.two);
    net.two.carpctl("carp0 state master");
    // Two masters for an instant: the worse one hears the better one and yields.
    net.wait_for_master(&net.one, &net.two);
}
