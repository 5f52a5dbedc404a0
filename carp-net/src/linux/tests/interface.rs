//! What is made, what it is like, and that nothing is left of it.

use super::*;

#[test]
fn a_carp_interface_has_the_virtual_address_and_no_carrier() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &["192.0.2.1/24"]);
    one.configure(&carp0());

    let [link] = &one.view("link carp0")[..] else {
        panic!("{:?}", one.view("link"));
    };
    assert!(link.contains(" mac 00:00:5e:00:01:63 "), "{link}");
    assert!(link.contains(" protodown 1"), "{link}");
    // IFF_UP, but no IFF_LOWER_UP, and soon no IFF_RUNNING.
    assert_eq!(flags(link) & 0x1_0001, 1, "{link}");
    wait_until(|| flags(&one.view("link carp0")[0]) == 0x1003);
    assert_eq!(one.view("address carp0"), [""; 0]);
}

#[test]
fn it_loses_the_carrier_that_the_kernel_gives_it_with_that_of_its_carpdev() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &[]);
    let id = one.configure(&carp0());
    for _ in 0..3 {
        lab.cut("one").unwrap();
        while one.wait_for_link() != LinkState::Down {}
        lab.mend("one").unwrap();
        while one.wait_for_link() != LinkState::Up {}
        // The kernel hands the carrier on a while after it has come.
        one.all_within(SHORT);
        assert_eq!(flags(&one.view("link carp0")[0]), 0x1003);
        assert!(!one.backend.inspect(id).running);
    }
}

#[test]
fn its_settings_are_right_before_it_comes_up_whatever_the_defaults_are() {
    let Some(lab) = lab() else { return };
    let host = lab.host("one").unwrap();
    for (setting, value) in [
        ("net/ipv4/conf/default/rp_filter", "0"),
        ("net/ipv4/conf/default/arp_notify", "1"),
        ("net/ipv4/conf/default/accept_local", "1"),
        ("net/ipv6/conf/default/accept_ra", "2"),
        ("net/ipv6/conf/default/accept_dad", "1"),
        ("net/ipv6/conf/default/dad_transmits", "1"),
        ("net/ipv6/conf/default/ndisc_notify", "1"),
    ] {
        host.set_sysctl(setting, value).unwrap();
    }
    let mut one = Machine::without_watch(host);
    one.backend.watch(LINK, "vmx0").unwrap();
    let down = Setup {
        up: false,
        ..carp0()
    };
    one.configure(&down);

    let [link] = &one.view("link carp0")[..] else {
        panic!("{:?}", one.view("link"));
    };
    assert_eq!(flags(link) & 0x1_0001, 0, "{link}");
    for (name, value) in [
        ("rp_filter", "2"),
        ("arp_ignore", "1"),
        ("arp_announce", "2"),
        ("arp_notify", "0"),
        ("accept_local", "0"),
        ("promote_secondaries", "1"),
    ] {
        assert_eq!(one.setting("ipv4", "carp0", name), value, "{name}");
    }
    for (name, value) in [
        ("accept_ra", "0"),
        ("autoconf", "0"),
        ("router_solicitations", "0"),
        ("accept_dad", "0"),
        ("dad_transmits", "0"),
        ("ndisc_notify", "0"),
        ("addr_gen_mode", "1"),
    ] {
        assert_eq!(one.setting("ipv6", "carp0", name), value, "{name}");
    }
}

#[test]
fn the_carpdev_is_changed_while_it_is_watched_and_no_longer() {
    let Some(lab) = lab() else { return };
    let host = lab.host("one").unwrap();
    let setting = |name: &str| format!("net/ipv4/conf/vmx0/{name}");
    host.set_sysctl(&setting("arp_ignore"), "2").unwrap();
    let before = settled(&host);
    let mut one = Machine::without_watch(host);

    one.backend.watch(LINK, "vmx0").unwrap();
    one.settle();
    for (name, value) in [
        ("arp_ignore", "1"),
        ("arp_announce", "2"),
        ("accept_local", "1"),
    ] {
        assert_eq!(one.setting("ipv4", "vmx0", name), value, "{name}");
        assert_eq!(one.setting("ipv4", "all", name), "0", "{name}");
    }
    let groups = one.view("group vmx0 224.0.0.18");
    assert_eq!(groups.len(), 1, "{:?}", one.view("group"));
    assert_eq!(one.view("group vmx0 ff02::12").len(), 1);

    // What somebody else has changed in the meantime stays as it is.
    one.host.set_sysctl(&setting("arp_announce"), "1").unwrap();
    one.backend.unwatch(LINK);
    one.settle();
    let after = one.host.snapshot().unwrap();
    assert_eq!(
        after.changes_since(&before),
        [
            "-setting net/ipv4/conf/vmx0/arp_announce = 0",
            "+setting net/ipv4/conf/vmx0/arp_announce = 1"
        ]
    );
}

#[test]
fn everything_is_as_before_once_it_is_torn_down() {
    let Some(lab) = lab() else { return };
    for setup in [carp0(), carp0_on_carpdev()] {
        let name = format!("m{:?}", setup.lladdr).to_lowercase();
        let addresses = ["192.0.2.1/24", "2001:db8::1/64"];
        let host = lab.host(&name).unwrap();
        for address in addresses {
            host.add_address(address).unwrap();
        }
        host.set_forwarding(true).unwrap();
        wait_until(|| {
            let view = host.snapshot().unwrap();
            view.lines()
                .any(|line| line.starts_with("address vmx0 fe80:"))
        });
        let before = settled(&host);
        let mut one = Machine::without_watch(host);
        one.backend.watch(LINK, "vmx0").unwrap();
        let id = one.configure(&setup);
        one.hold(id, &["192.0.2.10/24", "2001:db8::10/64", "fe80::10/64"]);
        one.hand_over(id);
        one.tear_down(id);
        one.backend.unwatch(LINK);
        drop(one.backend);
        assert_eq!(left_since(&one.host, &before), [""; 0], "{setup:?}");
    }
}

#[test]
fn everything_is_as_before_once_the_backend_is_dropped_as_it_stands() {
    let Some(lab) = lab() else { return };
    let host = lab.host("one").unwrap();
    host.add_address("192.0.2.1/24").unwrap();
    let before = settled(&host);
    let mut one = Machine::without_watch(host);
    one.backend.watch(LINK, "vmx0").unwrap();
    let id = one.configure(&carp0());
    one.hold(id, &["192.0.2.10/24"]);
    let other = Setup {
        interface: "carp1".to_owned(),
        vhid: vhid(7),
        lladdr: Lladdr::Carpdev,
        ..carp0()
    };
    let id = one.configure(&other);
    one.hold(id, &["198.51.100.10/24"]);
    // Not waited for.
    one.backend.hand_over(id);
    drop(one.backend);
    assert_eq!(left_since(&one.host, &before), [""; 0]);
}

#[test]
fn up_and_down_change_nothing_but_that() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &[]);
    let id = one.configure(&carp0());
    wait_until(|| flags(&one.view("link carp0")[0]) == 0x1003);
    let up = one.view("link carp0");
    let index = one.backend.inspect(id).index;
    let down = Setup {
        up: false,
        ..carp0()
    };
    one.try_configure(id, &down).unwrap();
    assert_eq!(flags(&one.view("link carp0")[0]) & 0x1_0001, 0);
    one.try_configure(id, &carp0()).unwrap();
    one.try_configure(id, &carp0()).unwrap();
    wait_until(|| one.view("link carp0") == up);
    assert_eq!(one.backend.inspect(id).index, index);
}

#[test]
fn another_vhid_or_kind_of_address_makes_it_anew() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &[]);
    let id = one.configure(&carp0());
    let other = Setup {
        vhid: vhid(7),
        ..carp0()
    };
    one.try_configure(id, &other).unwrap();
    let links = one.view("link carp0");
    assert!(links[0].contains(" mac 00:00:5e:00:01:07 "), "{links:?}");
    one.try_configure(id, &carp0_on_carpdev()).unwrap();
    assert_eq!(one.view("link carp0"), [""; 0]);
    one.try_configure(id, &carp0()).unwrap();
    assert_eq!(one.view("link carp0").len(), 1);
}

#[test]
fn somebody_elses_interface_of_the_name_is_left_alone() {
    let Some(lab) = lab() else { return };
    let host = lab.host_with("one", "carp0").unwrap();
    let mut one = Machine::without_watch(host);
    one.backend.watch(LINK, "vmx0").unwrap();
    one.backend.watch(LinkId(2), "carp0").unwrap();
    wait_until(|| one.view("link carp0")[0].contains(" state 6 "));
    let before = one.view("link carp0");
    let setup = Setup {
        link: LinkId(2),
        ..carp0()
    };
    let id = one.id();
    let error = one.try_configure(id, &setup).unwrap_err();
    assert!(
        error.starts_with("carp0: an interface of this name exists already"),
        "{error}"
    );
    assert_eq!(one.view("link carp0"), before);
}

#[test]
fn it_is_made_when_its_carpdev_appears_and_again_when_that_comes_back() {
    let Some(lab) = lab() else { return };
    let host = lab.host_with("one", "eth7").unwrap();
    let mut one = Machine::without_watch(host);
    one.backend.watch(LINK, "eth0").unwrap();
    assert_eq!(one.wait_for_link(), LinkState::Absent);
    let checked = one.backend.check("eth0", &carp0(), &[]);
    checked.unwrap();
    let id = one.configure(&carp0());
    assert_eq!(one.view("link carp0"), [""; 0]);
    assert_eq!(
        one.try_hold(id, &[]).unwrap_err(),
        "carp0: no such interface"
    );

    if !has_iproute2() {
        return;
    }
    for _ in 0..2 {
        one.ip("ip link set dev eth7 down");
        one.ip("ip link set dev eth7 name eth0");
        one.ip("ip link set dev eth0 up");
        while one.wait_for_link() != LinkState::Up {}
        one.settle();
        assert_eq!(one.view("link carp0").len(), 1);
        assert_eq!(one.setting("ipv4", "eth0", "arp_ignore"), "1");
        one.hold(id, &["192.0.2.10/24"]);
        one.ip("ip link set dev eth0 down");
        one.ip("ip link set dev eth0 name eth7");
        while one.wait_for_link() != LinkState::Absent {}
        one.settle();
        assert_eq!(one.view("link carp0"), [""; 0]);
        assert_eq!(one.setting("ipv4", "eth7", "arp_ignore"), "0");
    }
    let configured = |report: &Report| matches!(report, Report::Configured(of) if *of == id);
    let count = one
        .reports
        .iter()
        .filter(|report| configured(report))
        .count();
    assert_eq!(count, 0, "one answer to one call, which has been taken");
}

#[test]
fn it_is_made_again_if_somebody_deletes_it() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    let mut one = Machine::plug(&lab, "one", &[]);
    let id = one.configure(&carp0());
    one.ip("ip link del dev carp0");
    one.hold(id, &["192.0.2.10/24"]);
    assert_eq!(one.view("address carp0").len(), 1);
    assert!(one.view("link carp0")[0].contains(" protodown 0"));
}

#[test]
fn many_are_taken_away_together_without_a_word_and_nobody_elses() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    for (name, in_our_group) in [("one", false), ("two", true)] {
        let mut machine = Machine::plug(&lab, name, &["198.51.100.1/24"]);
        machine.ip("ip link add stranger0 link vmx0 type macvlan mode bridge");
        machine.ip("ip link set dev stranger0 addrgenmode none");
        if in_our_group {
            machine.ip("ip link set dev stranger0 group 1128353360");
        }
        let before = settled(&machine.host);
        let numbers = 1..=20;
        let ids: Vec<_> = numbers
            .map(|number| {
                let setup = Setup {
                    interface: format!("carp{number}"),
                    vhid: vhid(number),
                    ..carp0()
                };
                let id = machine.configure(&setup);
                let inet6 = format!("2001:db8::{number}/64");
                machine.hold(id, &[&format!("192.0.2.{number}/24"), &inet6]);
                id
            })
            .collect();
        let tap = lab.tap_port(name).unwrap();
        for id in &ids {
            machine.backend.tear_down(*id);
        }
        for id in ids {
            machine.wait_for_tear_down(id);
        }
        assert_eq!(machine.view("link carp"), [""; 0], "{name}");
        let after = machine.host.snapshot().unwrap();
        assert_eq!(after.changes_since(&before), [""; 0], "{name}");
        let is_ours = |it: &crate::lab::Frame| it.source().octets()[..4] == [0, 0, 0x5e, 0];
        assert!(tap.wait_for(SHORT, is_ours).is_none(), "{name}");
    }
}
