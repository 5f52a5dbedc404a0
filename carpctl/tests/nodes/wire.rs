//! What leaves the nodes, read from a recording of a whole run (invariant I1).

use std::collections::BTreeMap;
use std::time::Duration;

use carp_net::carp_fsm::Timestamp;
use carp_net::carp_fsm::carp_proto::{Advertisement, MacAddress, decode_ip_packet};
use carp_net::lab::{Direction, Frame};

use crate::net::{Net, Terrain, V4, V6, let_pass, none_lost};

const VIRTUAL_MAC: MacAddress = MacAddress([0, 0, 0x5e, 0, 1, 99]);

/// The advertisement in an Ethernet frame.
pub(crate) fn advert(frame: &[u8]) -> Option<Advertisement> {
    let packet = frame.get(14..)?;
    let (_, payload) = decode_ip_packet(packet).ok()?;
    Advertisement::decode(payload).ok()
}

pub(crate) fn is_advert(frame: &[u8]) -> bool {
    advert(frame).is_some()
}

/// When a node may use the virtual MAC: from about its first advert as master until it was allowed to
/// hand over, which is at most the limit of a hand-over after its last advert.
#[derive(Clone, Copy)]
struct Term {
    from: Timestamp,
    until: Timestamp,
}

/// How long after its last word a node may still answer data: the bow-out's limit, and the
/// overlap after the new master was heard.
const HAND_OVER: Duration = Duration::from_millis(1_700);

/// How long before its first advert a node may answer already. It is master once the kernel has
/// its addresses, and says so as soon as it knows; who asks in between is answered. Measured: up
/// to 0.3 ms, more where the machine is busy.
const TAKE_OVER: Duration = Duration::from_millis(20);

/// A recording, with what each node sent.
struct Dump {
    sent: BTreeMap<String, Vec<Frame>>,
}

impl Dump {
    fn new(frames: Vec<Frame>) -> Self {
        let mut sent: BTreeMap<String, Vec<Frame>> = BTreeMap::new();
        for frame in frames {
            if frame.direction == Direction::In {
                sent.entry(frame.interface.to_string())
                    .or_default()
                    .push(frame);
            }
        }
        Self { sent }
    }

    fn of(&self, node: &str) -> &[Frame] {
        self.sent.get(node).map_or(&[], Vec::as_slice)
    }

    /// The terms of mastership of a node, by its adverts.
    fn terms(&self, node: &str) -> Vec<Term> {
        let mut terms: Vec<Term> = Vec::new();
        for frame in self.of(node) {
            let Some(advert) = advert(&frame.bytes) else {
                continue;
            };
            // An advert each second; a pause of more than that is between two terms.
            let pause = Duration::from_millis(1_600);
            match terms.last_mut() {
                Some(term) if frame.time - term.until < pause => term.until = frame.time,
                _ => terms.push(Term {
                    from: frame.time,
                    until: frame.time,
                }),
            }
            assert!(advert.vhid == 99);
        }
        terms
    }

    /// I1: no frame with the virtual MAC from a node that is not master or handing over.
    fn assert_quiet_backups(&self, node: &str) -> usize {
        let terms = self.terms(node);
        let with_virtual_mac = self
            .of(node)
            .iter()
            .filter(|frame| frame.source() == VIRTUAL_MAC);
        let mut count = 0;
        for frame in with_virtual_mac {
            let allowed = terms.iter().any(|term| {
                frame.time + TAKE_OVER >= term.from && frame.time <= term.until + HAND_OVER
            });
            assert!(
                allowed,
                "{node} at {} (its first advert: {:?}): {:02x?}",
                frame.time,
                terms.first().map(|term| term.from),
                frame.bytes
            );
            count += 1;
        }
        count
    }

    /// From its bow-out on, a node speaks for the address no more: no ARP, no neighbour
    /// discovery, no group membership with the virtual MAC until it is master again.
    fn assert_silent_after_bow_out(&self, node: &str) -> usize {
        let mut silent = false;
        let mut bow_outs = 0;
        let sent = self.of(node);
        for (at, frame) in sent.iter().enumerate() {
            if let Some(advert) = advert(&frame.bytes) {
                silent = advert.is_bow_out();
                bow_outs += usize::from(silent);
            } else if silent && frame.source() == VIRTUAL_MAC && !is_data(frame) {
                let next = sent[at..].iter().find(|later| is_advert(&later.bytes));
                assert!(
                    next.is_some_and(|next| next.time - frame.time <= TAKE_OVER),
                    "{node} at {} spoke after its bow-out: {:02x?}",
                    frame.time,
                    frame.bytes
                );
            }
        }
        bow_outs
    }

    /// No ARP or neighbour discovery of anybody binds `address` to another MAC than `macs`.
    fn assert_bound_to(&self, macs: &[MacAddress]) -> usize {
        let mut bindings = 0;
        for frame in self.sent.values().flatten() {
            if let Some(mac) = binding(frame) {
                bindings += 1;
                assert!(
                    macs.contains(&mac),
                    "{} at {} binds a virtual address to {mac}: {:02x?}",
                    frame.interface,
                    frame.time,
                    frame.bytes
                );
            }
        }
        bindings
    }
}

/// Anything but ARP, ICMPv6 control messages and IGMP.
fn is_data(frame: &Frame) -> bool {
    let payload = frame.payload();
    match frame.ethertype() {
        0x0800 => payload[9] != 2,
        0x86dd => !(payload[6] == 0 || (payload[6] == 58 && (130..=143).contains(&payload[40]))),
        _ => false,
    }
}

/// The MAC that a frame tells its hearers to be that of a virtual address.
fn binding(frame: &Frame) -> Option<MacAddress> {
    let virtual4 = [192, 0, 2, 10];
    let virtual6: std::net::Ipv6Addr = "2001:db8::10".parse().unwrap();
    let payload = frame.payload();
    let mac = |at: usize| MacAddress(payload[at..at + 6].try_into().unwrap());
    match frame.ethertype() {
        // ARP: sender protocol address and sender hardware address.
        0x0806 if payload[14..18] == virtual4 => Some(mac(8)),
        0x86dd if payload[6] == 58 => {
            let options = match payload[40] {
                // Neighbour solicitation from a virtual address, with its link-layer address.
                135 if payload[8..24] == virtual6.octets() => &payload[64..],
                // Neighbour advertisement for a virtual address.
                136 if payload[48..64] == virtual6.octets() => &payload[64..],
                _ => return None,
            };
            let option = options
                .chunks_exact(8)
                .find(|option| option[0] == 1 || option[0] == 2)?;
            Some(MacAddress(option[2..8].try_into().unwrap()))
        }
        _ => None,
    }
}

/// A life: start, state backup, back by preemption, down, up, power loss of the master, end.
fn live(net: &Net, words: &str) -> Dump {
    let tap = net.lab.tap().unwrap();
    net.configure(&format!("{words} {V4} {V6}"));
    net.wait_for_master(&net.one, &net.two);
    let asks = net.asks(&[V4, V6]);
    let echoes = net.echoes(&[V4, V6]);
    net.one.carpctl("carp0 state backup");
    net.two.wait_for("MASTER", Duration::from_secs(1));
    let_pass(Duration::from_millis(1_500));
    net.one.carpctl("sysctl net.inet.carp.preempt=1");
    net.one.carpctl("carp0 up");
    net.one.wait_for("MASTER", Duration::from_secs(2));
    let_pass(Duration::from_millis(1_500));
    net.one.carpctl("sysctl net.inet.carp.preempt=0");
    net.one.carpctl("carp0 down");
    net.two.wait_for("MASTER", Duration::from_secs(1));
    net.one.carpctl("carp0 up");
    let_pass(Duration::from_millis(1_500));
    net.two.carpctl("carp0 destroy");
    net.one.wait_for("MASTER", Duration::from_secs(1));
    let_pass(Duration::from_millis(500));
    none_lost(echoes, "a whole life");
    net.one.carpctl("carp0 destroy");
    let_pass(Duration::from_millis(500));
    drop(asks);
    let recording = tap.stop().unwrap();
    assert_eq!(recording.dropped, 0, "the recording is whole");
    Dump::new(recording.frames)
}

#[test]
fn virtual_mac_only_from_the_master() {
    for forwarding in [false, true] {
        let Some(net) = Net::new(Terrain {
            forwarding,
            ..Terrain::default()
        }) else {
            return;
        };
        let dump = live(&net, "");
        for node in ["one", "two"] {
            assert!(dump.assert_quiet_backups(node) > 5, "{node} was master");
            assert!(
                dump.assert_silent_after_bow_out(node) > 0,
                "{node} bowed out"
            );
        }
        assert!(dump.assert_bound_to(&[VIRTUAL_MAC]) > 20);
    }
}

#[test]
fn virtual_mac_never_with_lladdr_carpdev() {
    let Some(net) = Net::new(Terrain::default()) else {
        return;
    };
    let macs = [net.one.host.mac(), net.two.host.mac()];
    let dump = live(&net, "lladdr carpdev");
    for node in ["one", "two"] {
        let stray = dump
            .of(node)
            .iter()
            .find(|frame| frame.source() == VIRTUAL_MAC);
        assert!(stray.is_none(), "{stray:?}");
        assert!(!dump.terms(node).is_empty());
    }
    assert!(dump.assert_bound_to(&macs) > 20);
}

/// A backup of its own, with forwarding on and nothing to hide behind: not one frame.
#[test]
fn backup_says_nothing_with_the_virtual_mac() {
    let terrain = Terrain {
        forwarding: true,
        ..Terrain::default()
    };
    let Some(net) = Net::new(terrain) else {
        return;
    };
    let tap = net.lab.tap_port("two").unwrap();
    net.configure(&format!("{V4} {V6} fe80::10/64"));
    net.wait_for_master(&net.one, &net.two);
    let_pass(Duration::from_secs(3));
    let dump = Dump::new(tap.stop().unwrap().frames);
    let stray = dump
        .of("two")
        .iter()
        .find(|frame| frame.source() == VIRTUAL_MAC);
    assert!(stray.is_none(), "{stray:?}");
}
