//! What somebody else does to a master's addresses and interface, and what the operator changes on
//! a running master.

use std::time::Duration;

use crate::net::{Net, PATIENCE, Terrain, V4, V6, let_pass, stop, wait_until};

/// How many echoes, of 1,000 in a second, may be lost until what was harmed is mended or another
/// node answers. It takes some milliseconds; a busy machine may take longer, and nobody mending it is
/// ten times as many.
const FEW: u64 = 100;

/// Does something to the master; few echoes must be lost, and the peer must not take over.
fn is_put_back(words: &str, harm: &str) {
    let Some(net) = Net::new(Terrain::default()) else {
        return;
    };
    net.configure(&format!("{words} {V4} {V6}"));
    net.wait_for_master(&net.one, &net.two);
    let echoes = net.echoes(&[V4, V6]);
    net.one.run("ip", harm);
    let_pass(Duration::from_millis(1_000));
    assert_eq!(net.one.state(), "MASTER");
    assert_eq!(net.two.state(), "BACKUP");
    for report in stop(echoes) {
        assert!(report.lost() <= FEW, "{harm}: {report}");
    }
}

#[test]
fn deleted_ipv4_address_is_put_back() {
    is_put_back("", "address del 192.0.2.10/24 dev carp0");
}

#[test]
fn deleted_ipv6_address_is_put_back() {
    is_put_back("", "address del 2001:db8::10/64 dev carp0");
}

#[test]
fn flushed_carpdev_gets_its_virtual_address_back() {
    is_put_back("lladdr carpdev", "address del 192.0.2.10/32 dev vmx0");
}

/// Does something to the master's carp0 that takes it down; the other node must take over, and
/// `up` brings it back.
fn taken_down_by(harm: &str, reason: &str) {
    let Some(net) = Net::new(Terrain::default()) else {
        return;
    };
    net.configure(&format!("{V4} {V6}"));
    net.wait_for_master(&net.one, &net.two);
    let echoes = net.echoes(&[V4, V6]);
    net.one.run("ip", harm);
    net.two.wait_for("MASTER", PATIENCE);
    net.one.wait_for("INIT", PATIENCE);
    let_pass(Duration::from_millis(500));
    for report in stop(echoes) {
        assert!(report.lost() <= 2 * FEW, "{harm}: {report}");
    }
    let shown = net.one.carpctl("carp0");
    assert!(shown.contains(reason), "{shown}");
    assert!(!shown.contains("UP"), "{shown}");
    net.one.carpctl("carp0 up");
    net.one.wait_for("BACKUP", PATIENCE);
    assert_eq!(net.two.state(), "MASTER");
}

#[test]
fn interface_set_down_is_down() {
    // The kernel tells only after a grace period of its RCU, 10 to 30 ms.
    taken_down_by("link set carp0 down", "set down by another program");
}

#[test]
fn deleted_interface_is_down() {
    taken_down_by("link del carp0", "deleted by another program");
}

#[test]
fn running_master_changes_its_lladdr_there_and_back() {
    let Some(net) = Net::new(Terrain::default()) else {
        return;
    };
    let node = &net.one;
    node.carpctl(&format!(
        "carp0 vhid 99 pass x carpdev vmx0 advbase 0 advskew 20 {V4} {V6}"
    ));
    for (word, interface) in [("carpdev", "vmx0"), ("vhid", "carp0"), ("carpdev", "vmx0")] {
        node.carpctl(&format!("carp0 lladdr {word}"));
        wait_until(
            "it is master again, with its address in the right place",
            || {
                let shown = node.run("ip", "-o -4 address show");
                let holds = |line: &str| line.contains(" 192.0.2.10/") && line.contains(interface);
                node.state() == "MASTER" && shown.lines().any(holds)
            },
        );
    }
}
