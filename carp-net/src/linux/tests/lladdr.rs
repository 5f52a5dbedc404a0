//! Link-layer addresses of the operator's choice: they are what the wire sees, they are cared for,
//! and what a former run has left with one is known.

use carp_fsm::Damage;
use carp_fsm::carp_proto::decode_ip_packet;

use super::*;
use crate::lab::{Direction, Frame};

const OWN: [&str; 2] = ["192.0.2.1/24", "2001:db8::1/64"];
const HELD: [&str; 2] = ["192.0.2.10/24", "2001:db8::10/64"];
const VIRTUAL: [&str; 2] = ["192.0.2.10", "2001:db8::10"];

fn soon() -> Options {
    let mut options = Options::new();
    options.grace = Duration::from_millis(300);
    options
}

fn check(one: &mut Machine, setup: &Setup) -> String {
    match one.backend.check("vmx0", setup, &[]) {
        Ok(()) => "ok".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn with_mac(mac: &str) -> Setup {
    Setup {
        lladdr: Lladdr::Manual(mac.parse().unwrap()),
        ..carp0()
    }
}

#[test]
fn what_leaves_has_it_and_what_is_asked_for_is_answered_with_it() {
    let Some(lab) = lab() else { return };
    let client = lab.host("client").unwrap();
    client.add_address("192.0.2.50/24").unwrap();
    client.add_address("2001:db8::50/64").unwrap();
    let mut one = Machine::plug(&lab, "one", &OWN);
    let tap = lab.tap_port("one").unwrap();
    let id = one.configure(&carp0_manual());
    assert_eq!(one.backend.inspect(id).link_address, Some(MANUAL));
    let comes_from = |mac: MacAddress| {
        move |frame: &Frame| frame.direction == Direction::In && frame.source() == mac
    };
    for family in Family::ALL {
        one.backend.send(id, &advert_to(family.group())).unwrap();
        let is_advert = |frame: &Frame| {
            comes_from(MANUAL)(frame)
                && decode_ip_packet(frame.payload())
                    .is_ok_and(|(envelope, _)| envelope.family() == family)
        };
        assert!(tap.wait_for(LONG, is_advert).is_some(), "{family}");
    }
    one.hold(id, &HELD);
    for address in VIRTUAL.map(ip) {
        one.backend.announce(id, address);
        let ask = client.ask(address, Duration::from_millis(10)).unwrap();
        assert_eq!(ask.wait_for_answer(LONG).unwrap().mac, MANUAL);
    }
    assert_eq!(lab.port_of(MANUAL).unwrap().as_deref(), Some("one"));
    one.release(id);
    one.tear_down(id);
    assert_eq!(one.view("link carp0"), [""; 0]);
    let mut frames = tap.stop().unwrap().frames;
    frames.retain(comes_from(VMAC));
    assert!(frames.is_empty(), "{frames:?}");
}

#[test]
fn a_node_that_is_no_master_sends_nothing_from_it() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &OWN);
    one.host.set_forwarding(true).unwrap();
    let tap = lab.tap_port("one").unwrap();
    let id = one.configure(&carp0_manual());
    one.all_within(SHORT);
    let others = Setup {
        lladdr: Lladdr::Manual(MacAddress([2, 0xca, 0x12, 0, 0, 8])),
        ..carp0()
    };
    one.try_configure(id, &others).unwrap();
    one.try_configure(id, &carp0()).unwrap();
    one.try_configure(id, &carp0_manual()).unwrap();
    assert_eq!(one.backend.inspect(id).link_address, Some(MANUAL));
    one.tear_down(id);
    let frames = tap.stop().unwrap().frames;
    let own = one.host.mac();
    let is_foreign = |frame: &&Frame| frame.direction == Direction::In && frame.source() != own;
    let foreign: Vec<_> = frames.iter().filter(is_foreign).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}

#[test]
fn another_one_is_put_right() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    let mut one = Machine::plug(&lab, "one", &OWN);
    let id = one.configure(&carp0_manual());
    one.ip("ip link set carp0 address 02:00:00:00:99:99");
    one.hold(id, &HELD);
    assert!(one.ip("ip link show carp0").contains(&MANUAL.to_string()));
    // The virtual one would be wrong as well.
    one.ip(&format!("ip link set carp0 address {VMAC}"));
    assert_eq!(one.wait_for_damage(id), Damage::LinkAddress);
    assert_eq!(one.held_view(), [""; 0]);
    wait_until(|| one.ip("ip link show carp0").contains(&MANUAL.to_string()));
    one.hold(id, &HELD);
    assert_eq!(one.held_view().len(), 2);
}

#[test]
fn what_a_former_run_has_left_is_gone_on_with_or_goes() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    let mut one = Machine::plug(&lab, "one", &OWN);
    let id = one.configure(&carp0_manual());
    one.hold(id, &HELD);
    let index = one.backend.inspect(id).index;
    let view = one.held_view();
    let links = one.ip("ip link show carp0");
    assert!(links.contains("alias carp vhid 99"), "{links}");

    one.begin_again();
    let id = one.configure(&carp0_manual());
    assert!(one.adopt(id, &HELD));
    assert_eq!(one.held_view(), view);
    one.hold(id, &HELD);
    assert_eq!(one.backend.inspect(id).index, index);

    // Another one in the configuration: made anew.
    one.begin_again();
    let id = one.configure(&carp0());
    assert_ne!(one.backend.inspect(id).index, index);
    assert_eq!(one.backend.inspect(id).link_address, Some(VMAC));

    // Nobody claims it. Macvlans of others stay, even with an alias such as ours.
    one.try_configure(id, &carp0_manual()).unwrap();
    one.hold(id, &HELD);
    one.ip("ip link add theirs0 link vmx0 type macvlan mode bridge");
    one.ip("ip link add theirs1 link vmx0 type macvlan mode bridge");
    one.ip("ip link set theirs1 alias 'carp vhid 98'");
    one.begin_again_with(soon());
    wait_until(|| one.view("link carp0").is_empty());
    assert_eq!(one.view("link theirs").len(), 2);
    assert_eq!(one.held_view(), [""; 0]);
}

#[test]
fn an_interface_of_a_version_without_aliases_is_gone_on_with() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    let mut one = Machine::plug(&lab, "one", &OWN);
    let id = one.configure(&carp0());
    one.hold(id, &HELD);
    let index = one.backend.inspect(id).index;
    one.ip("ip link set carp0 alias ''");
    assert!(!one.ip("ip link show carp0").contains("alias"));
    one.begin_again();
    let id = one.configure(&carp0());
    assert!(one.adopt(id, &HELD));
    assert_eq!(one.backend.inspect(id).index, index);
    one.begin_again_with(soon());
    wait_until(|| one.view("link carp0").is_empty());
}

#[test]
fn a_strangers_macvlan_with_the_same_address_is_left_alone() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    let mut one = Machine::plug(&lab, "one", &OWN);
    one.ip(&format!(
        "ip link add carp0 link vmx0 address {MANUAL} type macvlan mode bridge"
    ));
    let id = one.id();
    let error = one.try_configure(id, &carp0_manual()).unwrap_err();
    assert!(
        error.starts_with("carp0: an interface of this name exists already"),
        "{error}"
    );
    assert!(one.ip("ip link show carp0").contains(&MANUAL.to_string()));
}

#[test]
fn those_that_cannot_work_are_refused() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    let mut one = Machine::plug(&lab, "one", &[]);
    one.configure(&carp0_manual());
    one.ip("ip link add veth0 address 02:00:00:00:77:01 type veth peer name veth1");
    let own = one.host.mac().to_string();
    let is_group = "is a group or nobody: lladdr takes the address of one interface";
    let other = "use another lladdr, the same on all nodes";
    for (mac, expected) in [
        ("02:ca:12:00:00:09", "ok".to_owned()),
        ("01:00:5e:00:01:63", format!("01:00:5e:00:01:63 {is_group}")),
        ("ff:ff:ff:ff:ff:ff", format!("ff:ff:ff:ff:ff:ff {is_group}")),
        ("00:00:00:00:00:00", format!("00:00:00:00:00:00 {is_group}")),
        (
            &own,
            format!("{own} is the address of vmx0: use lladdr carpdev"),
        ),
        (
            "02:00:00:00:77:01",
            format!("02:00:00:00:77:01 is the address of veth0: {other}"),
        ),
        (
            &MANUAL.to_string(),
            format!("{MANUAL} is the address of carp0: {other}"),
        ),
    ] {
        let setup = Setup {
            interface: "carp1".to_owned(),
            vhid: vhid(7),
            ..with_mac(mac)
        };
        let checked = check(&mut one, &setup);
        assert_eq!(checked.trim_start_matches("carp1: "), expected);
    }
    assert_eq!(check(&mut one, &carp0_manual()), "ok");
    // On another carpdev it is another network.
    let setup = Setup {
        interface: "carp1".to_owned(),
        link: LinkId(2),
        ..carp0_manual()
    };
    let elsewhere = one.backend.check("veth1", &setup, &[]);
    elsewhere.unwrap();
}

#[test]
fn lladdr_of_an_interface_that_is_still_to_be_made_is_taken() {
    let Some(lab) = lab() else { return };
    let one = Machine::plug(&lab, "one", &[]);
    let mut onlooker = one.host.enter(Onlooker::open).unwrap().unwrap();
    let mut node = Node::new(Node::builder(), 0);
    let host = VirtualHost::new(vhid(99), Key::none());
    let id = node.add(Timestamp::ZERO, LINK, host).unwrap();
    onlooker.configure(id, &carp0_manual());
    let again = Setup {
        interface: "carp1".to_owned(),
        vhid: vhid(7),
        ..carp0_manual()
    };
    let error = onlooker.check("vmx0", &again, &[]).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("is the address of carp0: use another lladdr")
    );
    onlooker.check("vmx0", &carp0_manual(), &[]).unwrap();
    onlooker.tear_down(id);
    onlooker.check("vmx0", &again, &[]).unwrap();
}
