//! The main job on every kind of terrain: start, three clean stops in a row, preemption, power
//! loss, all while a third host asks for the address every 10 ms.

use std::time::Duration;

use carp_net::lab;

use crate::net::{Net, Node, Terrain, V4, V6, let_pass, none_lost, stop};

/// 3·advbase + skew of the second node (`docs/carp-protocol.md §4.4`).
const MASTER_DOWN: Duration = Duration::from_micros(3_390_625);

fn play(terrain: Terrain, addresses: &[&str], words: &str) {
    let Some(net) = Net::new(terrain) else {
        return;
    };
    let (one, two) = (&net.one, &net.two);
    let configured = lab::now();
    net.configure(&format!("{words} {}", addresses.join(" ")));

    // Exactly one master within 3·advbase + skew + 0.5 s of the start, and it is the better one.
    net.wait_for_master(one, two);
    let took = lab::now() - configured;
    assert!(
        took < MASTER_DOWN + Duration::from_millis(500),
        "one master after {took:?}"
    );

    let asks = net.asks(addresses);
    let echoes = net.echoes(addresses);
    for (leaving, taking) in [(one, two), (two, one), (one, two)] {
        leaving.carpctl("carp0 down");
        taking.wait_for("MASTER", Duration::from_secs(1));
        let_pass(Duration::from_millis(300));
        assert_eq!(leaving.state(), "INIT");
        assert_eq!(installed(leaving), 0, "the one that left has let go");
        leaving.carpctl("carp0 up");
        let_pass(Duration::from_millis(200));
    }
    none_lost(echoes, "three clean stops");

    // The better node is back. Without preempt it stays backup, with preempt it takes over.
    let echoes = net.echoes(addresses);
    let_pass(Duration::from_millis(2_900));
    assert_eq!(
        (one.state().as_str(), two.state().as_str()),
        ("BACKUP", "MASTER")
    );
    one.carpctl("sysctl net.inet.carp.preempt=1");
    one.wait_for("MASTER", Duration::from_secs(2));
    two.wait_for("BACKUP", Duration::from_secs(1));
    let_pass(Duration::from_millis(1_500));
    none_lost(echoes, "preemption");

    power_loss(&net, addresses);

    // Who asked was told one link-layer address, that of the mode, whoever was master.
    for (asker, address) in asks.into_iter().zip(addresses) {
        let report = asker.stop().unwrap();
        assert!(!report.answers.is_empty(), "{address}: nobody answered");
        if !words.contains("lladdr carpdev") {
            let strangers = report
                .answers
                .iter()
                .find(|answer| answer.mac.to_string() != "00:00:5e:00:01:63");
            assert!(strangers.is_none(), "{address}: {strangers:?}");
        }
    }
}

/// The master's cable is pulled, then every process of it gets SIGKILL: the other way round its kernel
/// would go on answering until the cable is out, which waits for a lock of the kernel's.
fn power_loss(net: &Net, addresses: &[&str]) {
    let tap = net.lab.tap_port("two").unwrap();
    let echoes = net.echoes(addresses);
    // At least one advert before the end.
    let_pass(Duration::from_millis(1_200));
    let why = net.two.carpctl("why carp0");
    assert_eq!(net.two.state(), "BACKUP", "{why}");
    net.lab.cut("one").unwrap();
    net.one.host.kill_processes().unwrap();
    net.two
        .wait_for("MASTER", MASTER_DOWN + Duration::from_secs(1));
    let_pass(Duration::from_millis(500));
    let recording = tap.stop().unwrap();
    assert_eq!(recording.dropped, 0);
    let adverts = |direction| {
        let frames = recording.frames.iter();
        frames.filter(move |it| it.direction == direction && crate::wire::is_advert(&it.bytes))
    };
    let last = adverts(lab::Direction::Out).next_back().unwrap().time;
    let first = adverts(lab::Direction::In).next().unwrap().time;
    let why = net.two.carpctl("why carp0");
    // Not a moment too early. When requests were sent does not tell, because they may be late.
    assert!(
        first - last >= MASTER_DOWN,
        "after {:?}\n{why}",
        first - last
    );
    for report in stop(echoes) {
        let gap = report.gaps().into_iter().max_by_key(lab::Gap::length);
        let gap = gap.unwrap_or_else(|| panic!("no gap: {report}\n{why}"));
        let silent = gap.until - last;
        assert!(
            silent <= MASTER_DOWN + Duration::from_millis(100),
            "answered {silent:?} after the last advert of the dead master: {report}\n{why}"
        );
    }
}

fn installed(node: &Node) -> usize {
    let report = node.json();
    let addresses = report["addresses"].as_array().unwrap();
    addresses
        .iter()
        .filter(|address| address["installed"] == true)
        .count()
}

const PLAIN: Terrain = Terrain {
    bare: false,
    forwarding: false,
    rp_filter: false,
};
const BARE: Terrain = Terrain {
    bare: true,
    ..PLAIN
};
const ROUTER: Terrain = Terrain {
    forwarding: true,
    ..PLAIN
};
const STRICT: Terrain = Terrain {
    rp_filter: true,
    ..PLAIN
};

#[test]
fn ipv4() {
    play(PLAIN, &[V4], "");
}

#[test]
fn ipv6() {
    play(PLAIN, &[V6], "");
}

#[test]
fn both_families() {
    play(PLAIN, &[V4, V6], "");
}

#[test]
fn lladdr_carpdev_ipv4() {
    play(PLAIN, &[V4], "lladdr carpdev");
}

#[test]
fn lladdr_carpdev_ipv6() {
    play(PLAIN, &[V6], "lladdr carpdev");
}

#[test]
fn lladdr_carpdev_both_families() {
    play(PLAIN, &[V4, V6], "lladdr carpdev");
}

#[test]
fn no_address_on_either_carpdev() {
    play(BARE, &[V4, V6], "");
}

#[test]
fn no_address_on_either_carpdev_with_lladdr_carpdev() {
    play(BARE, &[V4, V6], "lladdr carpdev");
}

#[test]
fn forwarding() {
    play(ROUTER, &[V4, V6], "");
}

#[test]
fn forwarding_with_lladdr_carpdev() {
    play(ROUTER, &[V4, V6], "lladdr carpdev");
}

#[test]
fn rp_filter_everywhere() {
    play(STRICT, &[V4, V6], "");
}

#[test]
fn rp_filter_everywhere_with_lladdr_carpdev() {
    play(STRICT, &[V4, V6], "lladdr carpdev");
}

/// A pair that is configured is never hurt by a node of the same vhid that has no address.
#[test]
fn node_without_address_does_not_hurt_a_pair() {
    let Some(net) = Net::new(PLAIN) else {
        return;
    };
    net.configure(V4);
    let third = Node::new(&net.lab, "three", 3, PLAIN);
    let tap = net.lab.tap_port("three").unwrap();
    third.carpctl("carp0 vhid 99 pass SharedSecret carpdev vmx0");
    net.wait_for_master(&net.one, &net.two);
    let echoes = net.echoes(&[V4]);
    let_pass(Duration::from_secs(5));
    none_lost(echoes, "with a node without address");
    assert_eq!(third.state(), "BACKUP");
    let recording = tap.stop().unwrap();
    let from_it = |frame: &&lab::Frame| {
        frame.direction == lab::Direction::In && frame.source().to_string() == "00:00:5e:00:01:63"
    };
    assert!(recording.frames.iter().find(from_it).is_none());
    assert_eq!(
        net.lab
            .port_of("00:00:5e:00:01:63".parse().unwrap())
            .unwrap()
            .unwrap(),
        "one"
    );
}
