//! Words about the peers, the MAC address and the groups.

use carp_net::carp_fsm::Dialect;

use super::*;
use crate::vocabulary::change::{AdvDemoteWish, GroupChange, Peers};

#[test]
fn every_dialect_has_a_word() {
    let Takes::OneOf(words) = find("peers").unwrap().takes else {
        panic!("peers takes one of several words");
    };
    for dialect in Dialect::ALL {
        assert!(words.contains(&dialect.name()), "{dialect}");
        let line = format!("peers {dialect}");
        assert_eq!(change(&line).peers, Some(Peers(dialect)));
    }
    assert_eq!(words.len(), Dialect::ALL.len());
}

#[test]
fn places_of_a_demotion() {
    for (word, wish) in [
        ("byte", AdvDemoteWish::Byte),
        ("skew", AdvDemoteWish::Skew),
        ("both", AdvDemoteWish::Both),
        ("auto", AdvDemoteWish::Auto),
    ] {
        assert_eq!(change(&format!("advdemote {word}")).advdemote, Some(wish));
        assert_eq!(wish.to_string(), word);
    }
}

#[test]
fn peers_of_one_command_are_all_there_are() {
    let line = change("carppeer 10.0.0.2 peer 10.0.0.3 peer6 fe80::2 peer6 2001:db8::2");
    let inet = ["10.0.0.2", "10.0.0.3"].map(|peer| peer.parse().unwrap());
    let inet6 = ["fe80::2", "2001:db8::2"].map(|peer| peer.parse().unwrap());
    assert_eq!(line.inet_peers, Some(inet.to_vec()));
    assert_eq!(line.inet6_peers, Some(inet6.to_vec()));
    for word in ["-carppeer", "mcast"] {
        assert_eq!(change(word).inet_peers, Some(Vec::new()), "{word}");
        assert_eq!(change(word).inet6_peers, None, "{word}");
    }
    assert_eq!(change("mcast6").inet6_peers, Some(Vec::new()));
    // What follows is an address of the interface, not a peer.
    assert_eq!(
        addresses("-carppeer 192.0.2.10/24"),
        [address("192.0.2.10", 24, Manner::Set)]
    );
}

#[test]
fn lladdr_of_the_operators_choice() {
    let mac = "02:00:5e:12:34:56".parse().unwrap();
    let wish = |line| change(line).lladdr.unwrap();
    assert_eq!(wish("lladdr 2:0:5E:12:34:56"), LladdrWish::Manual(mac));
    assert_eq!(wish("lladdr random"), LladdrWish::Random);
}

#[test]
fn groups_are_joined_and_left() {
    let group = |name: &str, member| GroupChange {
        name: name.parse().unwrap(),
        member,
    };
    assert_eq!(
        change("group web -group dmz group carp").groups,
        [group("web", true), group("dmz", false), group("carp", true)]
    );
}

#[test]
fn errors_point_at_the_word() {
    for (line, expected) in [
        (
            "lladdr",
            "`lladdr': vhid, carpdev, random or a MAC address must follow",
        ),
        (
            "lladdr carpdv",
            "`lladdr carpdv': must be vhid, carpdev, random or a MAC address such as \
             02:00:5e:12:34:56 (did you mean `carpdev'?)",
        ),
        (
            "lladdr 01:00:5e:00:00:12",
            "`lladdr 01:00:5e:00:00:12': not the MAC address of one host",
        ),
        (
            "lladdr 0:0:0:0:0:0",
            "`lladdr 0:0:0:0:0:0': not the MAC address of one host",
        ),
        (
            "peers freebds",
            "`peers freebds': must be openbsd, openbsd-old, freebsd, netbsd, ucarp or portable \
             (did you mean `freebsd'?)",
        ),
        (
            "advdemote 4",
            "`advdemote 4': must be byte, skew, both or auto",
        ),
        ("carppeer", "`carppeer': an IPv4 address must follow"),
        (
            "carppeer 2001:db8::2",
            "`carppeer 2001:db8::2': only IPv4 addresses supported for the carppeer \
             (`peer6' takes IPv6)",
        ),
        (
            "peer 2001:db8::2",
            "`peer 2001:db8::2': only IPv4 addresses supported for the peer (`peer6' takes IPv6)",
        ),
        (
            "carppeer gate.example",
            "`carppeer gate.example': not an IPv4 address (names are not looked up)",
        ),
        (
            "carppeer 10.0.0.300",
            "`carppeer 10.0.0.300': not an IPv4 address",
        ),
        (
            "carppeer 10.0.0.2/24",
            "`carppeer 10.0.0.2/24': not an IPv4 address",
        ),
        ("peer6 10.0.0.2", "`peer6 10.0.0.2': not an IPv6 address"),
        (
            "peer6 fe80::2%vmx0",
            "`peer6 fe80::2%vmx0': no scope must follow: a peer is reached through the carpdev",
        ),
        (
            "carppeer 224.0.0.18",
            "`carppeer 224.0.0.18': not the address of one host: `-carppeer' goes back to the \
             multicast group",
        ),
        (
            "peer 127.0.0.1",
            "`peer 127.0.0.1': not the address of one host: `-carppeer' goes back to the \
             multicast group",
        ),
        (
            "peer6 ::",
            "`peer6 ::': not the address of one host: `mcast6' goes back to the multicast group",
        ),
        ("peer 10.0.0.2 carppeer 10.0.0.2", "`carppeer': said twice"),
        ("peer 10.0.0.2 mcast", "`mcast': contradicts `a peer'"),
        (
            "-carppeer carppeer 10.0.0.2",
            "`carppeer': contradicts `multicast'",
        ),
        (
            "-carppeer 10.0.0.2",
            "`-carppeer 10.0.0.2': takes no address: it goes back to the multicast group",
        ),
        ("group", "`group': the name of a group must follow"),
        (
            "group web0",
            "`group web0': the name of a group does not end in a digit, that of an interface does",
        ),
        (
            "group a234567890123456",
            "`group a234567890123456': the name of a group is at most 15 characters long",
        ),
        (
            "-group carp",
            "`-group carp': every carp interface is in carp, and stays in it",
        ),
        ("group web -group web", "`-group web': said twice"),
    ] {
        assert_eq!(refusal(line), expected, "{line}");
    }
}
