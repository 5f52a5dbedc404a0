//! The words of ifconfig on a running master: what they change in the kernel, what they leave alone,
//! what is said of them before, and what is shown of them afterwards.

use std::time::Duration;

use crate::net::{Net, Node, Terrain, V4, V6, let_pass, none_lost, wait_until};

#[test]
fn words_that_are_nobody_elses_lose_nothing_and_move_no_election() {
    let Some(net) = Net::new(Terrain::default()) else {
        return;
    };
    net.configure(&format!("{V4} {V6}"));
    net.wait_for_master(&net.one, &net.two);
    let node = &net.one;
    let since = |node: &Node| node.json()["last_transition"]["ago_ms"].as_u64().unwrap();
    let before = since(node);
    let echoes = net.echoes(&[V4, V6]);
    for words in [
        "description rack-7 group web",
        "mtu 1400",
        "advbase 1 advskew 7",
        "peers portable advdemote both",
        "alias 192.0.2.11",
        "-alias 192.0.2.11",
        "inet 192.0.2.10 netmask 0xffffff80",
        "-description -group web -mtu",
    ] {
        node.carpctl(&format!("carp0 {words}"));
    }
    wait_until("the kernel has the mtu of the carpdev again", || {
        node.json()["mtu"] == 1500
    });
    let_pass(Duration::from_millis(500));
    none_lost(echoes, "after words that move no election");
    assert_eq!(
        (node.state(), net.two.state()),
        ("MASTER".into(), "BACKUP".into())
    );
    assert!(
        since(node) > before,
        "the last transition is the same still"
    );
}

#[test]
fn prefix_of_an_address_that_is_held_changes_without_losing_anything() {
    let Some(net) = Net::new(Terrain::default()) else {
        return;
    };
    net.configure(&format!("{V4} {V6}"));
    net.wait_for_master(&net.one, &net.two);
    let node = &net.one;
    let echoes = net.echoes(&[V4, V6]);
    for (inet, inet6) in [(32, 128), (24, 64), (25, 72), (26, 80), (25, 128), (24, 64)] {
        node.carpctl(&format!("carp0 192.0.2.10/{inet} 2001:db8::10/{inet6}"));
        wait_until("the kernel has the prefixes, and no others", || {
            let there = node.run("ip", "-o addr show dev carp0");
            let mut there: Vec<&str> = there
                .split_whitespace()
                .filter(|word| word.contains('/') && !word.starts_with("fe80:"))
                .collect();
            there.sort_unstable();
            there
                == [
                    format!("192.0.2.10/{inet}"),
                    format!("2001:db8::10/{inet6}"),
                ]
        });
    }
    none_lost(echoes, "after other prefixes");
    let stand_ins = node.run("ip", "-6 route show table local proto 112");
    assert_eq!(stand_ins, "", "what has stood in for an address is gone");
    assert_eq!(
        (node.state(), net.two.state()),
        ("MASTER".into(), "BACKUP".into())
    );
}

#[test]
fn rehearsal_says_what_will_be_and_does_nothing() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    net.configure(V4);
    net.wait_for_master(&net.one, &net.two);
    let node = &net.one;
    let configured = |node: &Node| node.carpctl("show -k");
    let before = configured(node);
    assert_eq!(
        node.carpctl("-n carp0 mtu 1400 alias 192.0.2.11"),
        "mtu: as the carpdev -> 1400\n\
         inet: none -> 192.0.2.11/24\n\
         election: no: it goes on as MASTER; the other nodes need the same addresses\n          \
                   within five minutes\n"
    );
    assert_eq!(
        node.carpctl("-n carp0 down"),
        "interface: up -> down\nelection: yes: it is MASTER, bows out and hands over\n"
    );
    assert_eq!(
        node.refused("-n carp0 mtu 1501"),
        "carpctl: carp0: mtu 1501: vmx0 takes 1500 bytes at most\n"
    );
    assert_eq!(configured(node), before);
    assert_eq!(node.state(), "MASTER");
}

#[test]
fn without_a_service_a_rehearsal_says_what_the_command_then_does() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let node = &net.one;
    node.run("ip", "link add br0 type bridge");
    node.run("ip", "link add port0 master br0 type veth peer name port1");
    node.run("ip", "link add carp4 type bridge");
    let taken = format!("carp0 vhid 1 carpdev vmx0 lladdr {}", node.host.mac());
    let before = node.host.snapshot().unwrap();
    let cases = [
        ("carp0 vhid 1 carpdev vmx0 192.0.2.10", "as on vmx0\n"),
        (
            "carp0 vhid 1 carpdev vmx0 198.51.100.9",
            "/32 until vmx0 has a network that holds it\n",
        ),
        (
            "carp0 vhid 1 carpdev vmx9 2001:db8::10/64",
            "waiting for it\n",
        ),
        ("carp0 create", ""),
        ("carp0 vhid 1 carpdev lo", "not an Ethernet"),
        ("carp0 vhid 1 carpdev port0", "use carpdev br0\n"),
        ("carp0 carpdev a/b", "not an interface name"),
        ("carp0 vhid 1 carpdev vmx0 mtu 9000", "1500 bytes at most\n"),
        ("carp0 vhid 1 carpdev vmx0 192.0.2.1/24", "already on vmx0"),
        (taken.as_str(), "use lladdr carpdev\n"),
        ("carp4 vhid 4 carpdev vmx0", "exists already"),
        ("carp0 192.0.2.10/24", "needs a carpdev"),
        ("carp0 destroy", "no such interface\n"),
    ];
    let rehearsed = cases.map(|(words, _)| node.try_carpctl(&format!("-n {words}")));
    assert_eq!(
        node.carpctl("-n carp0 vhid 1 carpdev vmx0 192.0.2.10"),
        "interface: none -> created\n\
         vhid: none -> 1\n\
         carpdev: none -> vmx0\n\
         inet: none -> 192.0.2.10/24\n\
         election: yes: it begins to take part, as BACKUP\n"
    );
    node.write_etc("hostname.carp0", "vhid 1 carpdev vmx0 192.0.2.10 up\n");
    node.write_etc("hostname.carp1", "vhid 2 carpdev vmx0 192.0.2.1/24\n");
    node.write_etc(
        "hostname.carp2",
        "vhid 3 carpdev vmx0 lladdr 02:00:5e:00:00:07\n",
    );
    node.write_etc(
        "hostname.carp3",
        "vhid 4 carpdev vmx0 lladdr 02:00:5e:00:00:07\n",
    );
    let files = node.refused("netstart -n --prune");
    let after = node.host.snapshot().unwrap();
    assert_eq!(after.changes_since(&before), Vec::<String>::new());
    assert!(node.services().is_empty());

    // One service does for all of them.
    node.carpctl("carp9 create");
    for ((words, expected), rehearsed) in cases.into_iter().zip(rehearsed) {
        let done = node.try_carpctl(words);
        let [said, told] = [&rehearsed, &done].map(|it| String::from_utf8_lossy(&it.stderr));
        assert_eq!(said, told, "{words}");
        assert_eq!(rehearsed.status, done.status, "{words}");
        assert!(said.contains(expected), "{words}: {said}");
        if done.status.success() {
            node.carpctl("carp0 destroy");
        }
    }
    node.carpctl("carp9 destroy");
    node.wait_until_idle();
    assert_eq!(files, node.refused("netstart --prune"));
    let etc = node.etc().display().to_string();
    let expected = format!(
        "carpctl: carp0: 192.0.2.10 has no prefix length: taken as 192.0.2.10/24, as on vmx0\n\
         carpctl: {etc}/hostname.carp1:1: 192.0.2.1 is already on vmx0 of this machine\n\
         carpctl: {etc}/hostname.carp3:1: 02:00:5e:00:00:07 is the address of carp2: use another \
         lladdr, the same on all nodes\n"
    );
    assert_eq!(files, expected);
}

#[test]
fn what_is_shown_can_be_fed_back() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let node = &net.one;
    node.carpctl(&format!(
        "carp0 vhid 99 pass SharedSecret carpdev vmx0 advskew 7 {V4} alias 192.0.2.11 {V6} mtu 1400 \
         descr rack-7 group web advdemote both carppeer 192.0.2.2 down"
    ));
    let feed = |text: &str| {
        for line in text.replace(" \\\n   ", "").lines() {
            node.carpctl(line.strip_prefix("carpctl ").unwrap());
        }
    };
    let shown = node.carpctl("show -k carp0");
    let expected = "carpctl carp0 vhid 99 pass SharedSecret carpdev vmx0 advskew 7 advdemote";
    assert!(shown.starts_with(expected), "{shown}");
    // Without its password it leaves that of an interface alone.
    let hidden = node.carpctl("show carp0");
    let (hidden, remark) = hidden.split_once('#').unwrap();
    assert!(
        !hidden.contains("pass") && remark.contains("show -k carp0"),
        "{hidden}{remark}"
    );
    feed(hidden);
    assert_eq!(node.carpctl("show -k carp0"), shown);
    node.carpctl("carp1 create");
    node.carpctl("carp0 destroy");
    feed(&shown);
    assert_eq!(node.carpctl("show -k carp0"), shown);
    assert!(
        node.carpctl("-k carp0")
            .contains("\tkey \"SharedSecret\"\n")
    );
    let text = node.carpctl("web inet");
    assert!(
        text.contains("\tinet 192.0.2.11 netmask 0xffffff00"),
        "{text}"
    );
    assert!(!text.contains("inet6") && !text.contains("carp1"), "{text}");
}
