//! What stands in the way is said before anything is done, and by whoever only looks too.

use super::*;

fn check(one: &mut Machine, carpdev: &str, setup: &Setup, addresses: &[&str]) -> String {
    let addresses: Vec<_> = addresses.iter().map(|text| text.parse().unwrap()).collect();
    let told = |checked: Result<()>| match checked {
        Ok(()) => "ok".to_owned(),
        Err(error) => error.to_string(),
    };
    let mut onlooker = one.host.enter(Onlooker::open).unwrap().unwrap();
    let looked = told(onlooker.check(carpdev, setup, &addresses));
    let checked = told(one.backend.check(carpdev, setup, &addresses));
    assert_eq!(looked, checked);
    checked
}

#[test]
fn onlooker_sees_links_and_the_networks_of_the_host() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &["192.0.2.1/24", "2001:db8::1/64"]);
    let id = one.configure(&carp0());
    one.hold(id, &["192.0.2.10/24"]);
    let before = one.host.snapshot().unwrap();
    let mut onlooker = one.host.enter(Onlooker::open).unwrap().unwrap();
    assert_eq!(onlooker.link_state("vmx0"), LinkState::Up);
    assert_eq!(onlooker.link_state("vmx9"), LinkState::Absent);
    let networks = onlooker.networks("vmx0");
    assert!(networks.contains(&"192.0.2.1/24".parse().unwrap()));
    assert_eq!(networks, one.backend.networks("vmx0"));
    assert_eq!(onlooker.networks("carp0"), []);
    // It takes nothing away.
    drop(onlooker);
    let after = one.host.snapshot().unwrap();
    assert_eq!(after.changes_since(&before), Vec::<String>::new());
}

#[test]
fn carpdevs_that_cannot_carry_carp_say_why() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    let mut one = Machine::plug(&lab, "one", &[]);
    one.configure(&carp0());
    one.ip("ip link add br0 type bridge");
    one.ip("ip link add veth0 type veth peer name veth1");
    one.ip("ip link set veth0 master br0");
    one.ip("ip link add veth2 type veth peer name veth3");
    one.ip("ip link set veth2 multicast off");
    one.ip("ip link set veth3 arp off");
    let setup = Setup {
        interface: "carp1".to_owned(),
        vhid: vhid(7),
        ..carp0()
    };
    for (carpdev, expected) in [
        ("vmx0", "ok"),
        ("br0", "ok"),
        ("veth1", "ok"),
        ("eth9", "ok"),
        ("lo", "lo: not an Ethernet interface with multicast"),
        ("veth2", "veth2: not an Ethernet interface with multicast"),
        ("veth3", "veth3: not an Ethernet interface with multicast"),
        ("carp0", "carp0: a carp interface cannot be a carpdev"),
        ("veth0", "veth0: is a port of br0: use carpdev br0"),
    ] {
        assert_eq!(check(&mut one, carpdev, &setup, &[]), expected);
    }
}

#[test]
fn a_carpdev_that_has_become_a_bridge_port_names_its_bridge() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    let mut one = Machine::plug(&lab, "one", &[]);
    one.ip("ip link add br0 type bridge");
    one.ip("ip link set vmx0 master br0");
    let id = one.id();
    let error = one.try_configure(id, &carp0()).unwrap_err();
    assert_eq!(error, "vmx0: is a port of br0: use carpdev br0");
}

#[test]
fn names_that_are_taken_or_none_say_so() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &[]);
    one.configure(&carp0());
    for (name, expected) in [
        ("carp0", "ok"),
        ("carp1", "ok"),
        (
            "lo",
            "lo: an interface of this name exists already and is not a carp interface",
        ),
        (
            "a/b",
            "a/b: not an interface name (1 to 15 characters, no slash or white space)",
        ),
    ] {
        let setup = Setup {
            interface: name.to_owned(),
            ..carp0()
        };
        assert_eq!(check(&mut one, "vmx0", &setup, &[]), expected);
    }
    assert!(one.backend.watch(LinkId(2), "all").is_err());
}

#[test]
fn an_address_on_another_interface_is_found_without_delay() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &["192.0.2.1/24", "2001:db8::1/64"]);
    let id = one.configure(&carp0());
    one.hold(id, &["192.0.2.10/24", "fe80::10/64"]);
    let other = Setup {
        interface: "carp1".to_owned(),
        vhid: vhid(7),
        ..carp0()
    };
    let taken = |interface: &str, address: &str, on: &str| {
        format!("{interface}: {address} is already on {on} of this machine")
    };
    assert_eq!(check(&mut one, "vmx0", &carp0(), &["192.0.2.10/24"]), "ok");
    let expected = taken("carp0", "192.0.2.1", "vmx0");
    assert_eq!(
        check(&mut one, "vmx0", &carp0(), &["192.0.2.1/24"]),
        expected
    );
    let expected = taken("carp0", "2001:db8::1", "vmx0");
    assert_eq!(
        check(&mut one, "vmx0", &carp0(), &["2001:db8::1/64"]),
        expected
    );
    // What bears our mark is no hindrance: it moves with the setup, and the driver knows whose it
    // is.
    assert_eq!(check(&mut one, "vmx0", &other, &["192.0.2.10/24"]), "ok");
    let expected = taken("carp0", "127.0.0.1", "lo");
    assert_eq!(
        check(&mut one, "vmx0", &carp0(), &["127.0.0.1/8"]),
        expected
    );
    // A link-local address means something else on every link.
    assert_eq!(check(&mut one, "vmx0", &other, &["fe80::10/64"]), "ok");

    one.host.add_address("192.0.2.20/24").unwrap();
    let expected = taken("carp0", "192.0.2.20", "vmx0");
    assert_eq!(
        check(&mut one, "vmx0", &carp0(), &["192.0.2.20/24"]),
        expected
    );
    one.host.remove_address("192.0.2.20/24").unwrap();
    assert_eq!(check(&mut one, "vmx0", &carp0(), &["192.0.2.20/24"]), "ok");
}
