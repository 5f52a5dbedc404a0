//! IPv6: no address that is looked for twice or made up, and link-local ones on several interfaces.

use super::*;
use crate::lab::{Direction, Frame};
use crate::linux::links::Address;
use crate::linux::netlink::{Monitor, News, kind};

const HELD: [&str; 3] = ["2001:db8::10/64", "fe80::10/64", "192.0.2.10/24"];

/// All that the kernel tells of IPv6 addresses that come or change, with the index of their
/// interfaces.
fn addresses_told(monitor: &mut Monitor) -> Vec<(u32, Address)> {
    let mut told = Vec::new();
    loop {
        let news = monitor.read(|kind, payload| {
            if kind == kind::NEW_ADDRESS {
                let address = Address::read(payload);
                told.extend(address.filter(|(_, address)| address.ip.is_ipv6()));
            }
        });
        match news.unwrap() {
            News::Told => {}
            News::Nothing => return told,
            News::Lost => panic!("news were lost"),
        }
    }
}

/// Whom a probe for duplicates is about.
fn probed(frame: &Frame) -> Option<IpAddr> {
    let payload = frame.payload();
    let from_nowhere = payload.get(8..24)? == [0; 16];
    let is_solicitation = payload.get(6) == Some(&58) && payload.get(40) == Some(&135);
    let target: [u8; 16] = payload.get(48..64)?.try_into().ok()?;
    (frame.ethertype() == 0x86dd && from_nowhere && is_solicitation).then(|| target.into())
}

#[test]
fn virtual_addresses_are_never_tentative_and_nobody_else_has_one_on_carp0() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    for (name, setup) in [
        ("virtual", carp0()),
        ("manual", carp0_manual()),
        ("carpdev", carp0_on_carpdev()),
    ] {
        let host = lab.host(name).unwrap();
        for (setting, value) in [
            ("vmx0/accept_dad", "1"),
            ("vmx0/dad_transmits", "1"),
            ("default/accept_dad", "1"),
            ("default/dad_transmits", "1"),
            ("default/use_tempaddr", "2"),
            ("default/accept_ra", "2"),
        ] {
            host.set_sysctl(&format!("net/ipv6/conf/{setting}"), value)
                .unwrap();
        }
        host.add_address("192.0.2.1/24").unwrap();
        let tap = lab.tap_port(name).unwrap();
        host.set_up("vmx0", false).unwrap();
        host.set_up("vmx0", true).unwrap();
        lab.mend(name).unwrap();
        let mut one = Machine::without_watch(host);
        one.backend.watch(LINK, "vmx0").unwrap();
        while one.wait_for_link() != LinkState::Up {}
        let mut monitor = one.host.enter(Monitor::open).unwrap().unwrap();
        let own = one.backend.links.by_name("vmx0").unwrap().index;

        let id = one.configure(&setup);
        one.all_within(SHORT / 2);
        one.hold(id, &HELD);
        let device = if setup.interface_mac().is_some() {
            "carp0"
        } else {
            "vmx0"
        };
        // Somebody takes them away, and what they are on.
        let length = if device == "carp0" { 64 } else { 128 };
        one.ip(&format!(
            "ip address del 2001:db8::10/{length} dev {device}"
        ));
        one.wait_for_damage(id);
        one.wait_until_mended(id);
        if device == "carp0" {
            let setting = "net/ipv6/conf/carp0/disable_ipv6";
            one.host.set_sysctl(setting, "1").unwrap();
            one.wait_for_damage(id);
            one.wait_until_mended(id);
        }
        lab.cut(name).unwrap();
        while one.wait_for_link() != LinkState::Down {}
        lab.mend(name).unwrap();
        while one.wait_for_link() != LinkState::Up {}
        one.hand_over(id);
        one.hold_for(id, &HELD, LONG);
        one.backend.renew(id, LONG);
        one.hand_over(id);
        one.release(id);
        let down = Setup {
            up: false,
            ..setup.clone()
        };
        one.try_configure(id, &down).unwrap();
        one.try_configure(id, &setup).unwrap();
        one.hold(id, &HELD);
        one.all_within(SHORT);
        one.tear_down(id);

        let told = addresses_told(&mut monitor);
        let virtual_ones = ["2001:db8::10", "fe80::10"].map(ip);
        assert!(told.len() >= 8, "{told:?}");
        for (index, address) in &told {
            let is_virtual = virtual_ones.contains(&address.ip);
            assert!(!is_virtual || address.is_usable(), "{name}: {address:?}");
            assert!(is_virtual || *index == own, "{name}: {address:?}");
        }
        let frames = tap.stop().unwrap().frames;
        let probed: Vec<IpAddr> = frames
            .iter()
            .filter(|frame| frame.direction == Direction::In)
            .filter_map(probed)
            .collect();
        // Those of the carpdev itself are the host's own affair.
        let is_own = |ip: &IpAddr| ip.to_string().starts_with("fe80::ff:fe00:");
        assert!(probed.iter().all(is_own), "{name}: {probed:?}");
        assert!(!probed.is_empty(), "{name}: the host does not probe at all");
    }
}

#[test]
fn a_link_local_address_can_be_on_several_interfaces() {
    let Some(lab) = lab() else { return };
    let client = lab.host("client").unwrap();
    let mut one = Machine::plug(&lab, "one", &["2001:db8::1/64"]);
    let other = Setup {
        interface: "carp1".to_owned(),
        vhid: vhid(7),
        ..carp0()
    };
    let macs = [VMAC, vhid(7).virtual_mac()];
    let ids = [one.configure(&carp0()), one.configure(&other)];
    for id in ids {
        one.hold(id, &["fe80::1/64"]);
    }
    let view = |one: &Machine| {
        let lines = one.view("address carp");
        let words = lines.iter().map(|line| line.split(' ').nth(1).unwrap());
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(view(&one), ["carp0", "carp1"]);
    // Whoever asks is answered by both, as by two hosts; what one does is nothing to the other.
    let ask = client
        .ask(ip("fe80::1"), Duration::from_millis(10))
        .unwrap();
    let answers_since = |from: Timestamp, mac: MacAddress| {
        let answers = ask.answers();
        let is_it = |answer: &&crate::lab::Answer| answer.time > from && answer.mac == mac;
        answers.iter().filter(is_it).count()
    };
    let now = crate::lab::now;
    for mac in macs {
        let from = now();
        wait_until(|| answers_since(from, mac) > 3);
    }
    one.hand_over(ids[0]);
    let from = now();
    wait_until(|| answers_since(from, macs[1]) > 20);
    assert_eq!(answers_since(from, macs[0]), 0);
    assert_eq!(view(&one), ["carp0", "carp1"]);
    one.release(ids[0]);
    assert_eq!(view(&one), ["carp1"]);
    let from = now();
    wait_until(|| answers_since(from, macs[1]) > 3);
    one.hold(ids[0], &["fe80::1/64"]);
    one.hand_over(ids[1]);
    one.release(ids[1]);
    assert_eq!(view(&one), ["carp0"]);
    let from = now();
    wait_until(|| answers_since(from, macs[0]) > 3);
    ask.stop().unwrap();
}

#[test]
fn a_link_local_address_can_be_on_several_carpdevs() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    const SECOND: LinkId = LinkId(2);
    for (name, setup) in [("own", carp0()), ("shared", carp0_on_carpdev())] {
        let mut one = Machine::plug(&lab, name, &["2001:db8::1/64"]);
        one.ip("ip link add vmx1 type veth peer name vmx2");
        one.host.set_up("vmx1", true).unwrap();
        one.host.set_up("vmx2", true).unwrap();
        one.backend.watch(SECOND, "vmx1").unwrap();
        while one.wait_for_state_of(SECOND) != LinkState::Up {}
        let other = Setup {
            interface: "carp1".to_owned(),
            link: SECOND,
            ..setup.clone()
        };
        let ids = [one.configure(&setup), one.configure(&other)];
        let checked = one
            .backend
            .check("vmx1", &other, &["fe80::1/64".parse().unwrap()]);
        checked.unwrap();
        let held = |one: &Machine| {
            let lines = one.view("address ");
            lines
                .iter()
                .filter(|line| line.contains(" fe80::1/"))
                .count()
        };
        for id in ids {
            one.hold(id, &["fe80::1/64"]);
        }
        assert_eq!(held(&one), 2, "{name}");
        one.hand_over(ids[0]);
        assert_eq!(held(&one), 2, "{name}");
        one.release(ids[0]);
        assert_eq!(held(&one), 1, "{name}");
        one.hold(ids[0], &["fe80::1/64"]);
        one.release(ids[1]);
        assert_eq!(held(&one), 1, "{name}");
        one.tear_down(ids[1]);
        assert_eq!(held(&one), 1, "{name}");
        one.tear_down(ids[0]);
        assert_eq!(held(&one), 0, "{name}");
    }
}

#[test]
fn a_link_local_address_is_refused_twice_where_both_would_be_on_the_carpdev() {
    let lan = crate::memory::Lan::new(1);
    let mut driver = crate::Driver::new(lan.node(), Node::builder()).unwrap();
    let host = |number, lladdr| {
        VirtualHost::new(vhid(number), Key::from_password(""))
            .lladdr(lladdr)
            .address("fe80::1/64".parse().unwrap())
    };
    driver
        .add("carp0", "vmx0", host(1, Lladdr::Carpdev))
        .unwrap();
    let error = driver.add("carp1", "vmx0", host(2, Lladdr::Carpdev));
    assert_eq!(
        error.unwrap_err().to_string(),
        "carp1: fe80::1 is already on carp0 of this machine"
    );
    driver
        .add("carp1", "vmx0", host(2, Lladdr::Virtual))
        .unwrap();
    driver
        .add("carp2", "vmx1", host(3, Lladdr::Carpdev))
        .unwrap();
}
