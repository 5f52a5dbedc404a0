//! The host itself goes on using its own addresses.

use crate::net::{Net, Node, Terrain, V4, V6, wait_until};

/// `ip route get` to a neighbour never names a virtual address.
fn assert_own_source(node: &Node, when: &str) {
    for (neighbour, own) in [("192.0.2.50", "192.0.2.1"), ("2001:db8::50", "2001:db8::1")] {
        let route = node.run("ip", &format!("route get {neighbour}"));
        assert!(route.contains(&format!("src {own} ")), "{when}: {route}");
        assert!(route.contains("dev vmx0"), "{when}: {route}");
        assert!(
            !route.contains("::10 ") && !route.contains(".10 "),
            "{when}: {route}"
        );
    }
}

fn play(words: &str, metric: &str) {
    let Some(net) = Net::new(Terrain::default()) else {
        return;
    };
    let node = &net.one;
    if metric == "100" {
        for (network, old, own) in [
            ("192.0.2.0/24", "0", "src 192.0.2.1"),
            ("2001:db8::/64", "256", ""),
        ] {
            node.run("ip", &format!("route del {network} dev vmx0 metric {old}"));
            node.run(
                "ip",
                &format!("route add {network} dev vmx0 metric 100 {own}"),
            );
        }
    }
    assert_own_source(node, "before");
    node.carpctl(&format!(
        "carp0 vhid 99 pass x carpdev vmx0 {words} {V4} {V6}"
    ));
    assert_own_source(node, "as backup");
    node.carpctl("carp0 state master");
    wait_until("both addresses are in place", || {
        let report = node.json();
        let addresses = report["addresses"].as_array().unwrap();
        addresses.iter().all(|address| address["installed"] == true)
    });
    assert_own_source(node, "as master");
    node.carpctl("carp0 destroy");
    assert_own_source(node, "after");
}

#[test]
fn virtual_mac_metric_0() {
    play("", "0");
}

#[test]
fn virtual_mac_metric_100() {
    play("", "100");
}

#[test]
fn lladdr_carpdev_metric_0() {
    play("lladdr carpdev", "0");
}

#[test]
fn lladdr_carpdev_metric_100() {
    play("lladdr carpdev", "100");
}

/// A carpdev without an address of its own needs the route, at the metric that is shown.
#[test]
fn bare_carpdev_gets_the_connected_route() {
    let Some(net) = Net::new(Terrain {
        bare: true,
        ..Terrain::default()
    }) else {
        return;
    };
    let node = &net.one;
    node.carpctl(&format!("carp0 vhid 99 pass x carpdev vmx0 {V4} {V6}"));
    node.carpctl("carp0 state master");
    wait_until("the routes are there", || {
        let inet = node.run("ip", "route show dev carp0");
        let inet6 = node.run("ip", "-6 route show dev carp0");
        inet.contains("192.0.2.0/24")
            && inet.contains("metric 15")
            && inet6.contains("2001:db8::/64")
            && inet6.contains("metric 15")
    });
    assert!(node.carpctl("carp0").contains(" priority 15 "));
}

/// Takes over within a fraction of a second.
const QUICK: &str = "advbase 0 advskew 20";

fn is_master(node: &Node) -> bool {
    node.state() == "MASTER"
}

/// The carpdev's route comes after the take-over, as from a router or a DHCPv6 client.
#[test]
fn connected_route_goes_when_the_carpdev_gets_one() {
    let Some(net) = Net::new(Terrain::default()) else {
        return;
    };
    let node = &net.one;
    node.run("ip", "address flush dev vmx0 scope global");
    node.run("ip", "address add 192.0.2.1/32 dev vmx0");
    node.run("ip", "address add 2001:db8::1/128 dev vmx0 nodad");
    node.carpctl(&format!(
        "carp0 vhid 99 pass x carpdev vmx0 {QUICK} {V4} {V6}"
    ));
    wait_until("it is master", || is_master(node));
    let get = |neighbour| node.run("ip", &format!("route get {neighbour}"));
    assert!(get("192.0.2.50").contains("dev carp0"));
    node.run(
        "ip",
        "route add 192.0.2.0/24 dev vmx0 src 192.0.2.1 metric 100",
    );
    node.run("ip", "-6 route add 2001:db8::/64 dev vmx0 metric 100");
    wait_until("IPv4 goes by the carpdev", || {
        get("192.0.2.50").contains("dev vmx0 src 192.0.2.1 ")
    });
    wait_until("IPv6 goes by the carpdev", || {
        get("2001:db8::50").contains("dev vmx0")
    });

    // And back: the virtual addresses must stay reachable.
    node.run("ip", "route del 192.0.2.0/24 dev vmx0 metric 100");
    node.run("ip", "-6 route del 2001:db8::/64 dev vmx0 metric 100");
    wait_until("IPv4 goes by carp0", || {
        get("192.0.2.50").contains("dev carp0")
    });
    wait_until("IPv6 goes by carp0", || {
        get("2001:db8::50").contains("dev carp0")
    });
}
