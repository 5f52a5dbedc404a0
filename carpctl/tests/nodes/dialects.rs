//! Our nodes in every pair of dialects on one link, all pairs at once: each has a virtual host of
//! its own.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::net::{Net, Node, PASS, Terrain, wait_until};

const DIALECTS: [&str; 6] = [
    "portable",
    "openbsd",
    "openbsd-old",
    "freebsd",
    "netbsd",
    "ucarp",
];

/// Those that put a demotion into byte 4 of their adverts, and look there.
const USES_BYTE_4: [&str; 3] = ["portable", "openbsd", "openbsd-old"];

/// The dialects of node one and of node two.
type Pair = (&'static str, &'static str);

/// The dialects of node one and of node two, by interface.
fn pairs() -> BTreeMap<String, Pair> {
    let all = DIALECTS
        .iter()
        .flat_map(|one| DIALECTS.iter().map(move |two| (*one, *two)));
    (0..).map(|n| format!("carp{n}")).zip(all).collect()
}

fn configure(node: &Node, advskew: u8, dialect_of: impl Fn(Pair) -> &'static str) {
    for (number, (name, pair)) in (1..).zip(pairs()) {
        let dialect = dialect_of(pair);
        node.carpctl(&format!(
            "{name} vhid {number} peers {dialect} pass {PASS} carpdev vmx0 advskew {advskew} \
             192.0.2.{}/24 2001:db8::1:{number}/64 fe80::1/64",
            100 + number
        ));
    }
}

/// The state of each interface.
fn states(node: &Node) -> BTreeMap<String, String> {
    let all: Vec<Value> = serde_json::from_str(&node.carpctl("--json")).unwrap();
    let state = |report: &Value| {
        let name = report["name"].as_str().unwrap().to_owned();
        (name, report["carp"]["state"].as_str().unwrap().to_owned())
    };
    all.iter().map(state).collect()
}

/// Waits until each pair is as `master` says: which of the two nodes is to be master.
fn wait_for(net: &Net, what: &str, master: impl Fn(Pair) -> usize) {
    let expected = |node: usize, pair| {
        if master(pair) == node {
            "MASTER"
        } else {
            "BACKUP"
        }
    };
    let is_so = || {
        let (one, two) = (states(&net.one), states(&net.two));
        pairs()
            .iter()
            .all(|(name, pair)| one[name] == expected(1, *pair) && two[name] == expected(2, *pair))
    };
    wait_until(what, is_so);
}

#[test]
fn every_pair_agrees_hands_over_and_hears_of_demotion() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    configure(&net.one, 0, |pair| pair.0);
    configure(&net.two, 100, |pair| pair.1);
    wait_for(&net, "node one is master of all", |_| 1);

    // A demotion in byte 4 is for those who look there; one in the skew for all, with preemption.
    net.two.carpctl("sysctl net.inet.carp.preempt=1");
    net.one.carpctl("-g carp carpdemote 120");
    let takes_over = |pair: Pair| {
        let in_byte_4 = USES_BYTE_4.contains(&pair.0);
        !in_byte_4 || USES_BYTE_4.contains(&pair.1)
    };
    let master = |pair| if takes_over(pair) { 2 } else { 1 };
    wait_for(
        &net,
        "node two is master where it hears of the demotion",
        master,
    );
    net.one.carpctl("sysctl net.inet.carp.preempt=1");
    net.one.carpctl("-g carp -carpdemote 120");
    wait_for(&net, "node one is master of all again", |_| 1);

    // A bow-out is honoured by all.
    for name in pairs().keys() {
        net.one.carpctl(&format!("{name} state backup"));
    }
    wait_for(&net, "node two is master of all", |_| 2);
    for name in pairs().keys() {
        net.one.carpctl(&format!("{name} up"));
    }
    wait_for(&net, "node one takes all back", |_| 1);

    // What its adverts give away: the counter that we all have in common with OpenBSD, and what
    // OpenBSD does not send.
    let peers: Vec<Value> = serde_json::from_str(&net.two.carpctl("peers --json")).unwrap();
    assert_eq!(peers.len(), pairs().len());
    for interface in peers {
        let (spoken, _) = pairs()[interface["name"].as_str().unwrap()];
        let heard = interface["peers"].as_array().unwrap();
        assert_eq!(heard.len(), 2, "over both families: {interface}");
        for peer in heard {
            let is_over_inet6 = peer["source"].as_str().unwrap().contains(':');
            let dialects = peer["dialects"].as_array().unwrap();
            assert!(dialects.contains(&"carpctl".into()), "{spoken}: {peer}");
            if ["freebsd", "netbsd"].contains(&spoken) {
                assert_eq!(dialects.len(), 1, "{spoken}: {peer}");
            } else if is_over_inet6 {
                assert_eq!(dialects[0], "openbsd", "{spoken}: {peer}");
            }
        }
    }

    // Nobody found anything wrong with anybody's adverts, over either family.
    for node in [&net.one, &net.two] {
        let stats: Value = serde_json::from_str(&node.carpctl("stats --json")).unwrap();
        let counters = &stats["counters"];
        for bad in ["badsum", "badver", "badlen", "badauth", "badttl"] {
            assert_eq!(counters[bad], 0, "{bad}: {counters}");
        }
        assert!(counters["ipackets"].as_u64() > Some(100), "{counters}");
        assert!(counters["ipackets6"].as_u64() > Some(100), "{counters}");
    }
}
