//! Crafted packets to a running service, and what it makes of them: its state and its counters
//! after each one (`docs/carp-protocol.md §3, §10`).
//!
//! The node is master with advskew 100. A packet that it accepts makes it backup, because it
//! claims advskew 0, and master again, because it is a bow-out; one that it does not accept claims
//! even more, and moves nothing.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};
use std::process::{Child, Stdio};

use carp_net::carp_fsm::carp_proto::{
    Advertisement, ChecksumForm, Family, MacAddress, decode_ip_packet,
};
use carp_net::lab::{self, Direction, Frame, Tap};
use rustix::net::netdevice::name_to_index;
use serde_json::Value;

use crate::net::{Net, Node, PASS, PATIENCE, Terrain, V4, V6, ip};

mod flood;
mod packet;
mod table;

use packet::{Crafted, VHID};
use table::{CASES, Fate, to_another_group};

/// A master and a host that sends it packets.
struct Bench {
    net: Net,
    /// What goes in and out of the master.
    tap: Tap,
    _daemon: Daemon,
}

/// A service in the foreground, ended with the test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The counters of something that are about what it receives.
type Counters = BTreeMap<String, u64>;

/// What was counted of the service and of its interface.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Counted {
    service: Counters,
    interface: Counters,
}

impl Counted {
    /// The same after one more packet of this fate; `named` says whether it has the vhid of the
    /// interface, which counts what it can then.
    fn and(mut self, family: Family, fate: Fate, named: bool) -> Self {
        let received = match family {
            Family::Inet => "ipackets",
            Family::Inet6 => "ipackets6",
        };
        let mut count = |name: &str, known: bool| {
            *self.service.get_mut(name).unwrap() += 1;
            if known {
                *self.interface.get_mut(name).unwrap() += 1;
            }
        };
        match fate {
            Fate::Accepted => count(received, true),
            Fate::Refused(why) => {
                let known = named && why != "badif";
                count(received, known);
                count(why, known);
                if why == "reflected" {
                    count("badauth", known);
                }
            }
            Fate::Unheard => {}
        }
        self
    }

    fn received(&self) -> u64 {
        self.service["ipackets"] + self.service["ipackets6"]
    }
}

impl Bench {
    fn new() -> Option<Self> {
        let net = Net::beside_others(Terrain::default())?;
        let node = &net.one;
        let log = File::create(node.run_dir().join(LOG)).unwrap();
        let mut daemon = node.command("daemon");
        let daemon = daemon.stdout(Stdio::null()).stderr(log);
        let daemon = Daemon(daemon.spawn().unwrap());
        node.wait_until_it_listens();
        node.carpctl(&format!(
            "carp0 vhid {VHID} pass {PASS} carpdev vmx0 advskew 100 {V4} {V6}"
        ));
        let tap = net.lab.tap_port("one").unwrap();
        node.carpctl("carp0 state master");
        node.wait_for("MASTER", PATIENCE);
        // What a new interface sends first may be lost.
        let echo = net.client.echo(ip("192.0.2.1"), 1_000).unwrap();
        assert!(echo.wait_for_answers(1, PATIENCE));
        echo.stop().unwrap();
        Some(Self {
            net,
            tap,
            _daemon: daemon,
        })
    }

    fn node(&self) -> &Node {
        &self.net.one
    }

    fn send(&self, frame: &[u8]) {
        self.net.client.send_frame("vmx0", frame).unwrap();
    }

    fn counted(&self) -> Counted {
        let all: Value = serde_json::from_str(&self.node().carpctl("stats --json")).unwrap();
        let counters = |pointer| -> Counters {
            let counters = all.pointer(pointer).unwrap().as_object().unwrap();
            let received = counters
                .iter()
                .filter(|(name, _)| !OF_SENDING.contains(&name.as_str()));
            received
                .map(|(name, value)| (name.clone(), value.as_u64().unwrap()))
                .collect()
        };
        Counted {
            service: counters("/counters"),
            interface: counters("/interfaces/0/counters"),
        }
    }

    /// Sends a packet that is not accepted, and looks what came of it.
    fn in_vain(&self, name: &str, family: Family, frame: &[u8], fate: Fate) {
        let before = self.counted();
        self.send(frame);
        let arrives = |seen: &Frame| seen.direction == Direction::Out && seen.bytes == frame;
        let arrived = self.tap.wait_for(PATIENCE, arrives).is_some();
        assert!(arrived, "{family}: {name}: kept back on the way");
        let expected = before.and(family, fate, has_the_vhid(frame));
        self.expect(name, family, expected);
    }

    /// Waits until `expected` is counted behind one more packet, which is refused too and comes
    /// behind all that was sent; the state must be what it was.
    fn expect(&self, name: &str, family: Family, expected: Counted) {
        let mut last = Crafted::claiming(family, 0, 0);
        last.advert.vhid = 1;
        self.send(&last.frame());
        let expected = expected.and(family, Fate::Refused("badvhid"), false);
        let start = lab::now();
        let mut counted = self.counted();
        while counted.received() < expected.received() && lab::now() - start < PATIENCE {
            counted = self.counted();
        }
        assert_eq!(counted, expected, "{family}: {name}");
    }

    /// Sends adverts that are accepted, and looks how the node goes and comes.
    fn to_effect(&self, name: &str, family: Family, change: fn(&mut Crafted)) {
        let before = self.counted();
        for ((advbase, advskew), state) in [((1, 0), "BACKUP"), ((255, 255), "MASTER")] {
            let mut packet = Crafted::claiming(family, advbase, advskew);
            change(&mut packet);
            self.send(&packet.frame());
            let start = lab::now();
            while self.node().state() != state {
                let counted = self.counted();
                let waited = lab::now() - start;
                assert!(
                    waited < PATIENCE / 4,
                    "{family}: {name}: no {state}: {counted:?}"
                );
            }
        }
        let both = before.and(family, Fate::Accepted, true);
        let both = both.and(family, Fate::Accepted, true);
        assert_eq!(self.counted(), both, "{family}: {name}");
    }

    /// Every case of the table that is about `family`; `others` are those that come out otherwise.
    fn try_all(&self, family: Family, others: &[(&str, Fate)]) {
        let about = |of: Option<Family>| of.is_none_or(|of| of == family);
        for case in CASES.iter().filter(|case| about(case.family)) {
            let other = others.iter().find(|(name, _)| *name == case.name);
            let fate = other.map_or(case.fate, |(_, fate)| *fate);
            if fate == Fate::Accepted {
                self.to_effect(case.name, family, case.change);
            } else {
                let mut packet = Crafted::claiming(family, 0, 0);
                (case.change)(&mut packet);
                self.in_vain(case.name, family, &packet.frame(), fate);
                assert_eq!(self.node().state(), "MASTER", "{family}: {}", case.name);
            }
        }
    }

    /// The table in each dialect, and with unicast peers.
    fn try_every_dialect(&self, family: Family) {
        let only_the_group = [("unicast", Fate::Refused("badvhid"))];
        for dialect in ["portable", "freebsd"] {
            self.node().carpctl(&format!("carp0 peers {dialect}"));
            self.try_all(family, &[]);
        }
        for dialect in ["openbsd", "openbsd-old", "netbsd", "ucarp"] {
            self.node().carpctl(&format!("carp0 peers {dialect}"));
            self.try_all(family, &only_the_group);
        }
        let peers = "carp0 carppeer 192.0.2.9 peer6 2001:db8::9";
        self.node().carpctl(peers);
        let from_afar = [("unicast, hop limit", Fate::Accepted)];
        for dialect in ["portable", "freebsd"] {
            self.node().carpctl(&format!("carp0 peers {dialect}"));
            self.try_all(family, &from_afar);
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.node().run_dir().join(LOG)).unwrap()
    }
}

/// Whether a frame holds a packet with the vhid of the node, whatever else is wrong with it.
fn has_the_vhid(frame: &[u8]) -> bool {
    let packet = frame
        .get(14..)
        .and_then(|packet| decode_ip_packet(packet).ok());
    packet.is_some_and(|(_, payload)| payload.get(1) == Some(&VHID))
}

#[test]
fn ipv4_packets_are_judged_as_openbsd_judges_them() {
    let Some(bench) = Bench::new() else { return };
    assert_eq!(bench.node().host.mac(), table::NODE);
    bench.try_every_dialect(Family::Inet);
    // Of a virtual host that is down.
    let down = format!("carp1 vhid 97 pass {PASS} carpdev vmx0 192.0.2.11/24 down");
    bench.node().carpctl(&down);
    let mut packet = Crafted::claiming(Family::Inet, 0, 0);
    (packet.advert.vhid, packet.addresses) = (97, vec![ip("192.0.2.11")]);
    let fate = Fate::Refused("badvhid");
    bench.in_vain("carp1 is down", Family::Inet, &packet.frame(), fate);
    // A line for each reason, however many packets there were.
    let log = bench.log();
    for reason in [
        "hop limit is not 255",
        "too short",
        "bad checksum",
        "unknown vhid",
        "bad version",
        "bad digest",
    ] {
        let told = |line: &&str| line.contains(&format!(" refused: {reason}"));
        assert_eq!(log.lines().filter(told).count(), 1, "{reason}: {log}");
    }
    assert!(
        log.contains("carp0: packet from 192.0.2.77 on vmx0 refused: bad digest"),
        "{log}"
    );
}

#[test]
fn ipv6_packets_are_judged_as_openbsd_judges_them() {
    let Some(bench) = Bench::new() else { return };
    bench.try_every_dialect(Family::Inet6);
}

#[test]
fn own_adverts_that_come_back_are_counted_and_never_acted_on() {
    let Some(bench) = Bench::new() else { return };
    for family in [Family::Inet, Family::Inet6] {
        let own = bench.own_advert(family);
        let reflected = Fate::Refused("reflected");
        for (name, frame) in rewritten(&own) {
            bench.in_vain(name, family, &frame, reflected);
            assert_eq!(bench.node().state(), "MASTER", "{family}: {name}");
        }
        // As backup: not even a bow-out moves it, until that of the master comes.
        bench.send(&Crafted::claiming(family, 1, 0).frame());
        bench.node().wait_for("BACKUP", PATIENCE);
        let bow_out = with_interval(&own, 255, 255);
        bench.in_vain("bow-out", family, &bow_out, reflected);
        assert_eq!(bench.node().state(), "BACKUP", "{family}");
        bench.send(&Crafted::claiming(family, 255, 255).frame());
        bench.node().wait_for("MASTER", PATIENCE);
    }
    // Where the kernel takes its own address for a martian it keeps them back.
    let own = bench.own_advert(Family::Inet);
    let setting = "net/ipv4/conf/vmx0/accept_local";
    bench.node().host.set_sysctl(setting, "0").unwrap();
    for (name, frame) in rewritten(&own) {
        bench.in_vain(name, Family::Inet, &frame, Fate::Unheard);
    }
    assert_eq!(bench.node().state(), "MASTER");
}

#[test]
fn packets_that_others_on_the_host_listen_for_are_counted() {
    let Some(bench) = Bench::new() else { return };
    let (node, bad_interface) = (bench.node(), Fate::Refused("badif"));
    let elsewhere = "link add e0 type veth peer name e1";
    for words in [elsewhere, "link set e0 up", "link set e1 up"] {
        node.run("ip", words);
    }
    node.run("ip", "address add 198.51.100.1/24 dev e0");
    let _members = node.host.enter(join_groups).unwrap();
    for family in [Family::Inet, Family::Inet6] {
        // Another group on the carpdev.
        let mut other = Crafted::claiming(family, 0, 0);
        to_another_group(&mut other);
        let fate = Fate::Refused("badvhid");
        bench.in_vain("another group", family, &other.frame(), fate);
        // Our group on another interface.
        let before = bench.counted();
        let group = Crafted::claiming(family, 0, 0);
        node.host.send_frame("e1", &group.frame()).unwrap();
        // Over IPv4 it is looked at further, as OpenBSD does.
        let fate = match family {
            Family::Inet => Fate::Refused("badvhid"),
            Family::Inet6 => bad_interface,
        };
        let expected = before.and(family, fate, false);
        bench.expect("another interface", family, expected);
        // And what a program on the host sends to the host itself.
        let before = bench.counted();
        let mut own = Crafted::claiming(family, 0, 0);
        (own.source, own.destination) = match family {
            Family::Inet => (ip("192.0.2.77"), ip("192.0.2.1")),
            Family::Inet6 => (ip("::1"), ip("::1")),
        };
        own.destination_mac = MacAddress([0; 6]);
        node.host.send_frame("lo", &own.frame()).unwrap();
        let expected = before.and(family, bad_interface, false);
        bench.expect("loopback", family, expected);
        assert_eq!(node.state(), "MASTER", "{family}");
    }
    let log = bench.log();
    let told = log
        .matches("refused: no virtual host on this interface")
        .count();
    assert_eq!(told, 3, "one line for each source: {log}");
}

/// Joins the group of CARP on e0, and another one on vmx0, as a program that runs on the host.
fn join_groups() -> (UdpSocket, UdpSocket) {
    let inet = UdpSocket::bind("0.0.0.0:0").unwrap();
    let (e0, vmx0) = (Ipv4Addr::new(198, 51, 100, 1), Ipv4Addr::new(192, 0, 2, 1));
    inet.join_multicast_v4(&Ipv4Addr::new(224, 0, 0, 18), &e0)
        .unwrap();
    inet.join_multicast_v4(&Ipv4Addr::new(224, 0, 0, 19), &vmx0)
        .unwrap();
    let inet6 = UdpSocket::bind("[::]:0").unwrap();
    let index = |name| name_to_index(&inet6, name).unwrap();
    let group = |last| Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, last);
    inet6.join_multicast_v6(&group(0x12), index("e0")).unwrap();
    inet6
        .join_multicast_v6(&group(0x13), index("vmx0"))
        .unwrap();
    (inet, inet6)
}

impl Bench {
    /// The first advert that the node itself has sent as master.
    fn own_advert(&self, family: Family) -> Vec<u8> {
        let frame = self.tap.wait_for(PATIENCE, |frame| {
            let packet = decode_ip_packet(frame.payload());
            let is_advert = packet.is_ok_and(|(envelope, _)| envelope.family() == family);
            frame.direction == Direction::In && is_advert
        });
        frame.unwrap().bytes
    }
}

/// An advert as networks send it back: as it was, and as a switch may rewrite it.
fn rewritten(own: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut from_elsewhere = own.to_vec();
    from_elsewhere[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 0x77]);
    let mut demoted = own.to_vec();
    rewrite(&mut demoted, |advert| advert.demotion = 200);
    vec![
        ("as it was", own.to_vec()),
        ("from another MAC", from_elsewhere),
        ("with another interval", with_interval(own, 0, 0)),
        ("as a bow-out", with_interval(own, 255, 255)),
        ("with another demotion", demoted),
    ]
}

fn with_interval(own: &[u8], advbase: u8, advskew: u8) -> Vec<u8> {
    let mut frame = own.to_vec();
    rewrite(&mut frame, |advert| {
        (advert.advbase, advert.advskew) = (advbase, advskew);
    });
    frame
}

/// Changes the advert at the end of a frame, and its checksum.
fn rewrite(frame: &mut [u8], change: impl FnOnce(&mut Advertisement)) {
    let at = frame.len() - Advertisement::LEN;
    let mut advert = Advertisement::decode(&frame[at..]).unwrap();
    change(&mut advert);
    let summed = advert.with_checksum(ChecksumForm::Plain).encode();
    frame[at..].copy_from_slice(&summed);
}

/// The counters that grow by themselves: a master sends.
const OF_SENDING: [&str; 6] = [
    "opackets",
    "opackets6",
    "oerrors",
    "preempt",
    "freezes",
    "transitions",
];

/// The file for the log of the service.
const LOG: &str = "log";
