//! Addresses without a prefix length, on a carpdev that has networks.

use super::*;

/// A service on a machine whose `vmx0` has addresses of its own.
fn networked() -> Bench {
    let bench = Bench::staying();
    let own = [
        "192.0.2.1/24",
        "192.0.2.129/25",
        "203.0.113.7/32",
        "2001:db8::1/64",
    ];
    let own = own.map(|address| address.parse().unwrap());
    bench.lan.set_networks(0, "vmx0", &own);
    bench
}

fn addresses(bench: &Bench) -> Vec<String> {
    let report = bench.report("carp0");
    let text = |it: &crate::vocabulary::report::Address| format!("{}/{}", it.address, it.prefixlen);
    report.addresses.iter().map(text).collect()
}

#[test]
fn prefix_is_that_of_the_network_of_the_carpdev() {
    for (line, length, why) in [
        ("192.0.2.10", 24, ", as on vmx0"),
        ("inet 192.0.2.200", 25, ", as on vmx0"),
        ("2001:db8::10", 64, ", as on vmx0"),
        (
            "198.51.100.7",
            32,
            " until vmx0 has a network that holds it",
        ),
        ("203.0.113.7", 32, " until vmx0 has a network that holds it"),
        (
            "2001:db8:1::7",
            128,
            " until vmx0 has a network that holds it",
        ),
    ] {
        let bench = networked();
        let ip = line.strip_prefix("inet ").unwrap_or(line);
        let note = format!("{ip} has no prefix length: taken as {ip}/{length}{why}");
        let reply = change(
            &bench.paths,
            "carp0",
            &format!("vhid 1 carpdev vmx0 {line}"),
        );
        assert_eq!(reply, done(&[&note]), "{line}");
        assert_eq!(addresses(&bench), [format!("{ip}/{length}")], "{line}");
    }
}

#[test]
fn address_that_is_there_keeps_the_prefix_it_has() {
    let bench = networked();
    bench.done("carp0", "vhid 1 carpdev vmx0 192.0.2.10/28");
    bench.done("carp0", "192.0.2.10");
    let again = Change {
        anew: true,
        ..understood("carp0", "vhid 1 carpdev vmx0 192.0.2.10")
    };
    assert_eq!(ask_for(&bench.paths, "carp0", again), done(&[]));
    assert_eq!(addresses(&bench), ["192.0.2.10/28"]);
}

/// A master on a carpdev that has no address yet.
fn before_its_network(words: &str) -> Bench {
    let bench = networked();
    bench.lan.set_networks(0, "vmx0", &[]);
    change(
        &bench.paths,
        "carp0",
        &format!("vhid 1 carpdev vmx0 {words}"),
    );
    bench.done("carp0", "state master");
    bench
}

fn networks(bench: &Bench, networks: &[&str]) {
    let networks: Vec<_> = networks.iter().map(|it| it.parse().unwrap()).collect();
    bench.lan.set_networks(0, "vmx0", &networks);
}

#[test]
fn address_that_came_before_its_network_joins_it_without_an_election() {
    let bench =
        before_its_network("192.0.2.10 2001:db8::10 192.0.2.11/32 192.0.2.12 broadcast 192.0.2.0");
    let before = bench.report("carp0").last_transition.unwrap();
    assert_eq!(
        addresses(&bench),
        [
            "192.0.2.10/32",
            "2001:db8::10/128",
            "192.0.2.11/32",
            "192.0.2.12/32"
        ]
    );
    networks(&bench, &["192.0.2.1/24", "2001:db8::1/64"]);
    let joined = [
        "192.0.2.10/24",
        "2001:db8::10/64",
        "192.0.2.11/32",
        "192.0.2.12/24",
    ];
    wait_for(|| addresses(&bench) == joined);
    wait_for(|| {
        bench
            .report("carp0")
            .addresses
            .iter()
            .all(|it| it.installed)
    });
    let report = bench.report("carp0");
    let broadcast = report.addresses.last().unwrap().broadcast;
    assert_eq!(broadcast, Some("192.0.2.0".parse().unwrap()));
    let now = report.last_transition.unwrap();
    assert_eq!(now.reason, before.reason);
    assert!(now.ago_ms >= before.ago_ms, "{now:?} {before:?}");
    // What it has joined it keeps, and a smaller network of it is none to join.
    networks(&bench, &["192.0.2.1/25", "198.51.100.1/24"]);
    bench.done("carp0", "advskew 7");
    assert_eq!(addresses(&bench), joined);
}

#[test]
fn address_that_came_before_its_network_is_told_as_it_was_said() {
    let bench = before_its_network("192.0.2.10");
    let again = || Change {
        anew: true,
        ..understood("carp0", "vhid 1 carpdev vmx0 192.0.2.10")
    };
    let said = || {
        let interface = Some("carp0".parse().unwrap());
        let request = Request::Config {
            interface,
            key: false,
        };
        let replies = client::ask(&bench.paths, &request).unwrap().unwrap();
        let [Reply::Config(told), Reply::End] = replies.as_slice() else {
            panic!("{replies:?}");
        };
        let words = words::write(&told.change, None);
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    };
    assert_eq!(said(), "vhid 1 carpdev vmx0 inet 192.0.2.10");
    assert_eq!(rehearsed(&bench, again()), (vec![], vec![]));
    assert_eq!(ask_for(&bench.paths, "carp0", again()), done(&[]));
    assert_eq!(said(), "vhid 1 carpdev vmx0 inet 192.0.2.10");
    networks(&bench, &["192.0.2.1/24"]);
    wait_for(|| said() == "vhid 1 carpdev vmx0 192.0.2.10/24");
    assert_eq!(rehearsed(&bench, again()), (vec![], vec![]));
    assert_eq!(ask_for(&bench.paths, "carp0", again()), done(&[]));
    assert_eq!(addresses(&bench), ["192.0.2.10/24"]);
}

#[test]
fn address_that_was_alone_joins_a_network_of_another_carpdev() {
    let bench = before_its_network("192.0.2.10");
    let network = "192.0.2.65/26".parse().unwrap();
    bench.lan.set_networks(0, "vmx1", &[network]);
    let network = "192.0.2.1/26".parse().unwrap();
    bench.lan.set_networks(0, "vmx2", &[network]);
    bench.done("carp0", "carpdev vmx1");
    assert_eq!(addresses(&bench), ["192.0.2.10/32"]);
    let note = "192.0.2.10 has no prefix length: taken as 192.0.2.10/26, as on vmx2";
    let (changes, notes) = rehearsed(&bench, understood("carp0", "carpdev vmx2"));
    assert_eq!(
        changes,
        [
            "carpdev: vmx1 -> vmx2",
            "inet: 192.0.2.10/32 -> 192.0.2.10/26"
        ]
    );
    assert_eq!(notes, [note]);
    let reply = change(&bench.paths, "carp0", "carpdev vmx2");
    assert_eq!(reply, done(&[note]));
    assert_eq!(addresses(&bench), ["192.0.2.10/26"]);
}

#[test]
fn address_that_stands_alone_because_it_was_said_joins_a_network_once_it_is_said_again() {
    let bench = before_its_network("192.0.2.10/32");
    networks(&bench, &["192.0.2.1/24"]);
    bench.done("carp0", "advskew 7");
    assert_eq!(addresses(&bench), ["192.0.2.10/32"]);
    let note = "192.0.2.10 has no prefix length: taken as 192.0.2.10/24, as on vmx0";
    let reply = change(&bench.paths, "carp0", "inet alias 192.0.2.10");
    assert_eq!(reply, done(&[note]));
    assert_eq!(addresses(&bench), ["192.0.2.10/24"]);
}

#[test]
fn prefix_of_another_carpdev_is_nobodys() {
    let bench = networked();
    let reply = change(&bench.paths, "carp0", "vhid 1 carpdev vmx1 192.0.2.10");
    let note = "192.0.2.10 has no prefix length: taken as 192.0.2.10/32 until vmx1 has a network \
                that holds it";
    assert_eq!(reply, done(&[note]));
}
