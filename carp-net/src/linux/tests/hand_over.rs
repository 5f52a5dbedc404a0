//! What is on the wire while a node takes, hands over, lets go and is nobody.

use super::*;
use crate::lab::{Asker, Direction, Frame};

/// The frames from a tap at the port of a machine that it has sent from the virtual MAC address.
fn from_virtual(frames: &[Frame]) -> Vec<&Frame> {
    let is_it = |frame: &&Frame| frame.source() == VMAC && frame.direction == Direction::In;
    frames.iter().filter(is_it).collect()
}

fn icmpv6_type(frame: &Frame) -> Option<u8> {
    let payload = frame.payload();
    let at = match payload.get(6)? {
        58 => 40,
        0 if payload.get(40) == Some(&58) => 48,
        _ => return None,
    };
    (frame.ethertype() == 0x86dd).then(|| payload.get(at).copied())?
}

/// What the kernel says by itself: MLD, router solicitations, probes for duplicates.
fn is_forbidden(frame: &Frame) -> bool {
    let from_nowhere = frame.payload().get(8..24) == Some(&[0; 16][..]);
    match icmpv6_type(frame) {
        Some(130..=133 | 143) => true,
        Some(135) => from_nowhere,
        _ => false,
    }
}

fn host(lab: &Lab, name: &str, last: u8) -> Host {
    let host = lab.host(name).unwrap();
    host.add_address(&format!("192.0.2.{last}/24")).unwrap();
    host.add_address(&format!("2001:db8::{last}/64")).unwrap();
    host
}

/// Asks for both virtual addresses every 10 ms.
fn ask(host: &Host) -> [Asker; 2] {
    VIRTUAL.map(|virtual_one| {
        host.ask(ip(virtual_one), Duration::from_millis(10))
            .unwrap()
    })
}

const OWN: &[&str] = &["192.0.2.1/24", "2001:db8::1/64"];
const VIRTUAL: [&str; 2] = ["192.0.2.10", "2001:db8::10"];
const HELD: &[&str] = &["192.0.2.10/24", "2001:db8::10/64"];

#[test]
fn a_node_that_is_no_master_sends_nothing_from_the_virtual_mac() {
    let Some(lab) = lab() else { return };
    let client = host(&lab, "client", 50);
    let mut one = Machine::plug(&lab, "one", OWN);
    one.host.set_forwarding(true).unwrap();
    let tap = lab.tap_port("one").unwrap();
    let asks = ask(&client);

    let id = one.configure(&carp0());
    one.all_within(SHORT);
    // The kernel gives carp0 the carrier of vmx0 when that comes back.
    lab.cut("one").unwrap();
    while one.wait_for_link() != LinkState::Down {}
    lab.mend("one").unwrap();
    while one.wait_for_link() != LinkState::Up {}
    one.all_within(SHORT);
    let down = Setup {
        up: false,
        ..carp0()
    };
    one.try_configure(id, &down).unwrap();
    one.try_configure(id, &carp0()).unwrap();
    one.tear_down(id);

    for ask in asks {
        assert_eq!(ask.stop().unwrap().answers, []);
    }
    let frames = tap.stop().unwrap().frames;
    let frames = from_virtual(&frames);
    assert!(frames.is_empty(), "{frames:?}");
}

#[test]
fn taking_and_letting_go_moves_no_switch_afterwards() {
    let Some(lab) = lab() else { return };
    let client = host(&lab, "client", 50);
    let mut one = Machine::plug(&lab, "one", OWN);
    one.host.set_forwarding(true).unwrap();
    let id = one.configure(&carp0());
    let tap = lab.tap_port("one").unwrap();
    let asks = ask(&client);
    for hands_over in [false, true] {
        one.hold(id, &["192.0.2.10/24", "2001:db8::10/64", "fe80::10/64"]);
        for ask in &asks {
            assert_eq!(ask.wait_for_answer(LONG).unwrap().mac, VMAC);
        }
        if hands_over {
            one.hand_over(id);
        }
        one.release(id);
        let released = crate::lab::now();
        one.all_within(SHORT);
        let frames = tap.frames();
        let late: Vec<_> = from_virtual(&frames)
            .into_iter()
            .filter(|frame| frame.time > released)
            .collect();
        assert!(late.is_empty(), "{hands_over}: {late:?}");
    }
    for ask in asks {
        ask.stop().unwrap();
    }
    let frames = tap.stop().unwrap().frames;
    let frames = from_virtual(&frames);
    assert!(!frames.is_empty());
    let forbidden: Vec<_> = frames.iter().filter(|frame| is_forbidden(frame)).collect();
    assert!(forbidden.is_empty(), "{forbidden:?}");
}

#[test]
fn the_kernel_would_say_a_lot_without_the_filter() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    let mut one = Machine::plug(&lab, "one", OWN);
    one.host.set_forwarding(true).unwrap();
    let id = one.configure(&carp0());
    let tap = lab.tap_port("one").unwrap();
    one.hold(id, &["2001:db8::10/64"]);
    one.ip("tc qdisc del dev carp0 clsact");
    one.ip("ip address add 2001:db8::11/64 dev carp0");
    let is_it = |frame: &Frame| frame.source() == VMAC && is_forbidden(frame);
    assert!(tap.wait_for(LONG, is_it).is_some());
}

#[test]
fn while_handing_over_data_is_answered_and_requests_are_not() {
    let _alone = alone();
    let Some(lab) = lab() else { return };
    let (client, third) = (host(&lab, "client", 50), host(&lab, "third", 60));
    for (setup, own) in [
        (carp0(), OWN),
        (carp0(), &[]),
        (carp0_on_carpdev(), OWN),
        (carp0_on_carpdev(), &[]),
    ] {
        let case = format!("{:?} {own:?}", setup.lladdr);
        let mut one = Machine::plug(&lab, "one", own);
        let id = one.configure(&setup);
        one.hold(id, HELD);
        // A client that comes anew each time: its kernel must not think of the last case.
        client.set_up("vmx0", false).unwrap();
        client.set_up("vmx0", true).unwrap();
        client.add_address("2001:db8::50/64").unwrap();
        let echoes = VIRTUAL.map(|virtual_one| client.echo(ip(virtual_one), 500).unwrap());
        for echo in &echoes {
            assert!(echo.wait_for_answers(50, LONG), "{case}");
        }
        let received = echoes.each_ref().map(|echo| echo.progress().1);
        let asks = ask(&third);
        for ask in &asks {
            assert!(ask.wait_for_answer(LONG).is_some(), "{case}");
        }

        one.hand_over(id);
        let silent_from = crate::lab::now();
        for (echo, received) in echoes.iter().zip(received) {
            assert!(echo.wait_for_answers(received + 250, LONG), "{case}");
        }
        for ask in &asks {
            let late = ask
                .answers()
                .iter()
                .filter(|answer| answer.time > silent_from)
                .count();
            assert_eq!(late, 0, "{case}");
        }

        // Told to hold after all, it speaks again.
        one.hold(id, HELD);
        for ask in asks {
            assert!(ask.wait_for_answer(LONG).is_some(), "{case}");
            ask.stop().unwrap();
        }
        for echo in echoes {
            let report = echo.stop().unwrap();
            assert!(report.lost() <= 1, "{case}: {report}");
        }
        one.tear_down(id);
    }
}

#[test]
fn a_carpdev_answers_for_its_own_addresses_while_virtual_ones_are_handed_over() {
    let Some(lab) = lab() else { return };
    let third = host(&lab, "third", 60);
    let mut one = Machine::plug(&lab, "one", OWN);
    let id = one.configure(&carp0_on_carpdev());
    one.hold(id, HELD);
    one.hand_over(id);
    let [inet, inet6] = ["192.0.2.1", "2001:db8::1"]
        .map(|own| third.ask(ip(own), Duration::from_millis(10)).unwrap());
    assert_eq!(inet.wait_for_answer(LONG).unwrap().mac, one.host.mac());
    assert_eq!(inet6.wait_for_answer(LONG).unwrap().mac, one.host.mac());
    if has_iproute2() {
        assert!(one.ip("tc qdisc show dev vmx0").contains("clsact"));
        one.tear_down(id);
        assert!(!one.ip("tc qdisc show dev vmx0").contains("clsact"));
    }
}

#[test]
fn filters_of_others_on_the_carpdev_stay() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    let mut one = Machine::plug(&lab, "one", OWN);
    one.ip("tc qdisc add dev vmx0 clsact");
    one.ip("tc filter add dev vmx0 egress pref 1 bpf da bytecode '1,6 0 0 4294967295'");
    let filters = one.ip("tc filter show dev vmx0 egress");
    let id = one.configure(&carp0_on_carpdev());
    let other = Setup {
        interface: "carp1".to_owned(),
        vhid: vhid(7),
        ..carp0_on_carpdev()
    };
    let second = one.configure(&other);
    one.hold(id, HELD);
    one.hold(second, &["192.0.2.11/24"]);
    one.hand_over(id);
    one.hand_over(second);
    one.release(id);
    assert!(
        one.ip("tc filter show dev vmx0 egress")
            .contains("handle 0x7")
    );
    one.release(second);
    assert_eq!(one.ip("tc filter show dev vmx0 egress"), filters);
    one.tear_down(id);
    one.tear_down(second);
    assert_eq!(one.ip("tc filter show dev vmx0 egress"), filters);
    // Somebody else's that came while the place for them was ours keep it.
    one.ip("tc qdisc del dev vmx0 clsact");
    let id = one.configure(&carp0_on_carpdev());
    one.ip("tc filter add dev vmx0 ingress pref 1 bpf da bytecode '1,6 0 0 4294967295'");
    one.tear_down(id);
    assert!(
        one.ip("tc filter show dev vmx0 ingress")
            .contains("pref 1 bpf")
    );
}
