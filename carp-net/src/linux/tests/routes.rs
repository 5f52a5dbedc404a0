//! The host goes on using its own addresses.

use super::*;

const NEIGHBOURS: [&str; 2] = ["192.0.2.77", "2001:db8::77"];

/// What the host would say as its source to its neighbours.
fn sources(one: &Machine) -> Vec<String> {
    NEIGHBOURS
        .iter()
        .map(|neighbour| {
            let route = one.ip(&format!("ip route get {neighbour}"));
            let mut words = route.split_whitespace().skip_while(|word| *word != "src");
            words.nth(1).unwrap_or(&route).to_owned()
        })
        .collect()
}

fn virtual_routes(one: &Machine) -> String {
    let routes = one.ip("ip -4 route show metric 15") + &one.ip("ip -6 route show metric 15");
    let lines = routes.lines().map(str::trim);
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn no_virtual_address_is_the_source_of_what_the_host_says_itself() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    for setup in [carp0(), carp0_on_carpdev()] {
        for metric in [0, 100] {
            let name = format!("{:?}{metric}", setup.lladdr).to_lowercase();
            let host = lab.host(&name).unwrap();
            let mut one = Machine::without_watch(host);
            for address in ["192.0.2.1/24", "2001:db8::1/64"] {
                // As network managers do it: the address, and its route apart.
                one.ip(&format!("ip address add {address} dev vmx0 noprefixroute"));
                let network = if address.contains(':') {
                    "2001:db8::/64"
                } else {
                    "192.0.2.0/24"
                };
                one.ip(&format!("ip route add {network} dev vmx0 metric {metric}"));
            }
            one.backend.watch(LINK, "vmx0").unwrap();
            let id = one.configure(&setup);
            one.hold(id, &["192.0.2.10/24", "2001:db8::10/64"]);
            assert_eq!(
                sources(&one),
                ["192.0.2.1", "2001:db8::1"],
                "{setup:?} {metric}"
            );
            assert_eq!(virtual_routes(&one), "", "{setup:?} {metric}");
            one.release(id);
            assert_eq!(sources(&one), ["192.0.2.1", "2001:db8::1"]);
        }
    }
}

#[test]
fn a_carpdev_without_addresses_reaches_the_network_by_the_virtual_ones() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    for (setup, device) in [(carp0(), "carp0"), (carp0_on_carpdev(), "vmx0")] {
        let name = device.replace("0", "x");
        let mut one = Machine::plug(&lab, &name, &[]);
        let id = one.configure(&setup);
        one.hold(id, &["192.0.2.10/24", "192.0.2.11/24", "2001:db8::10/64"]);
        let expected = format!(
            "192.0.2.0/24 dev {device} proto 112 scope link src 192.0.2.10\n\
             192.0.2.0/24 dev {device} proto 112 scope link src 192.0.2.11\n\
             2001:db8::/64 dev {device} proto 112 pref medium\n"
        );
        assert_eq!(virtual_routes(&one), expected);
        // Each goes with its address.
        one.hold(id, &["192.0.2.11/24", "2001:db8::10/64"]);
        let routes = virtual_routes(&one);
        assert!(routes.contains("src 192.0.2.11"), "{routes}");
        assert!(!routes.contains("src 192.0.2.10"), "{routes}");
        one.release(id);
        assert_eq!(virtual_routes(&one), "");
    }
}

#[test]
fn a_route_without_an_address_is_respected_and_a_default_route_is_none() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    let mut one = Machine::plug(&lab, "one", &["203.0.113.1/24", "2001:db8:f::1/128"]);
    one.ip("ip route add default via 203.0.113.254 dev vmx0");
    // What a router advertisement does beside an address from DHCPv6.
    one.ip("ip -6 route add 2001:db8::/64 dev vmx0 metric 100");
    let id = one.configure(&carp0());
    one.hold(id, &["192.0.2.10/24", "2001:db8::10/64"]);
    assert_eq!(sources(&one), ["192.0.2.10", "2001:db8:f::1"]);
    let routes = virtual_routes(&one);
    assert_eq!(
        routes,
        "192.0.2.0/24 dev carp0 proto 112 scope link src 192.0.2.10\n"
    );
}

#[test]
fn the_decision_follows_the_addresses_of_the_carpdev() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    for (setup, device) in [(carp0(), "carp0"), (carp0_on_carpdev(), "vmx0")] {
        let name = device.replace("0", "y");
        let mut one = Machine::plug(&lab, &name, &[]);
        let id = one.configure(&setup);
        let held = ["192.0.2.10/24", "2001:db8::10/64"];
        one.hold(id, &held);
        let before = virtual_routes(&one);
        for _ in 0..2 {
            one.host.add_address("192.0.2.1/24").unwrap();
            one.host.add_address("2001:db8::1/64").unwrap();
            one.until(|one| virtual_routes(one).is_empty());
            assert_eq!(sources(&one), ["192.0.2.1", "2001:db8::1"]);
            one.host.remove_address("192.0.2.1/24").unwrap();
            one.host.remove_address("2001:db8::1/64").unwrap();
            one.until(|one| virtual_routes(one) == before);
        }
        let held = one.view(&format!("address {device} 192.0.2.10"));
        assert_eq!(held.len(), 1, "{held:?}");
        one.release(id);
        assert_eq!(virtual_routes(&one), "");
    }
}

#[test]
fn a_link_local_address_brings_a_route_only_to_a_link_of_its_own() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    for (setup, expected) in [
        (carp0(), "fe80::/64 dev carp0 proto 112 pref medium\n"),
        (carp0_on_carpdev(), ""),
    ] {
        let name = format!("{:?}", setup.lladdr).to_lowercase();
        let mut one = Machine::plug(&lab, &name, &[]);
        settled(&one.host);
        let id = one.configure(&setup);
        one.hold(id, &["fe80::10/64"]);
        assert_eq!(virtual_routes(&one), expected, "{setup:?}");
    }
}

#[test]
fn two_virtual_hosts_in_one_network_do_not_take_each_others_route() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    for lladdr in [Lladdr::Virtual, Lladdr::Carpdev] {
        let name = format!("{lladdr:?}").to_lowercase();
        let mut one = Machine::plug(&lab, &name, &[]);
        let setup = |interface: &str, number| Setup {
            interface: interface.to_owned(),
            vhid: vhid(number),
            lladdr,
            ..carp0()
        };
        let first = one.configure(&setup("carp0", 1));
        let second = one.configure(&setup("carp1", 2));
        one.hold(first, &["192.0.2.10/24", "2001:db8::10/64"]);
        one.hold(second, &["192.0.2.11/24", "2001:db8::11/64"]);
        one.release(first);
        assert_eq!(sources(&one), ["192.0.2.11", "2001:db8::11"], "{lladdr:?}");
        one.release(second);
        assert_eq!(virtual_routes(&one), "", "{lladdr:?}");
    }
}

impl Machine {
    /// Lets the backend work until something is so.
    fn until(&mut self, is_so: impl Fn(&Self) -> bool) {
        let deadline = self.backend.now() + LONG;
        while !is_so(self) {
            let late = self.backend.now() > deadline;
            assert!(
                !late,
                "{}",
                self.ip("ip route") + &self.ip("ip -6 route") + &self.ip("ip address")
            );
            self.settle();
        }
    }
}
