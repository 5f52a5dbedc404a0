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
    let text = |it: &crate::report::Address| format!("{}/{}", it.address, it.prefixlen);
    report.addresses.iter().map(text).collect()
}

#[test]
fn prefix_is_that_of_the_network_of_the_carpdev() {
    for (line, length, why) in [
        ("192.0.2.10", 24, ", as on vmx0"),
        ("inet 192.0.2.200", 25, ", as on vmx0"),
        ("2001:db8::10", 64, ", as on vmx0"),
        ("198.51.100.7", 32, ""),
        ("203.0.113.7", 32, ""),
        ("2001:db8:1::7", 128, ""),
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

#[test]
fn address_that_came_before_its_network_joins_it_when_it_is_said_again() {
    let bench = networked();
    bench.lan.set_networks(0, "vmx0", &[]);
    let line = "vhid 1 carpdev vmx0 192.0.2.10";
    change(&bench.paths, "carp0", line);
    assert_eq!(addresses(&bench), ["192.0.2.10/32"]);
    let again = || Change {
        anew: true,
        ..understood("carp0", line)
    };
    assert_eq!(ask_for(&bench.paths, "carp0", again()), done(&[]));
    let network = "192.0.2.1/24".parse().unwrap();
    bench.lan.set_networks(0, "vmx0", &[network]);
    let note = "192.0.2.10 has no prefix length: taken as 192.0.2.10/24, as on vmx0";
    assert_eq!(ask_for(&bench.paths, "carp0", again()), done(&[note]));
    assert_eq!(addresses(&bench), ["192.0.2.10/24"]);
    assert_eq!(ask_for(&bench.paths, "carp0", again()), done(&[]));
}

#[test]
fn prefix_of_another_carpdev_is_nobodys() {
    let bench = networked();
    let reply = change(&bench.paths, "carp0", "vhid 1 carpdev vmx1 192.0.2.10");
    let note = "192.0.2.10 has no prefix length: taken as 192.0.2.10/32";
    assert_eq!(reply, done(&[note]));
}
