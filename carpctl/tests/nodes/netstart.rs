//! Interfaces out of files: the whole how-to, and what netstart does to a running cluster.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::net::{Net, Node, PATIENCE, Terrain, let_pass, none_lost, wait_until};

/// The how-to from beginning to end: a file on each node, one for the settings of the preferred
/// master, netstart, a look at both, and an echo from a third system while the master shuts down
/// and comes back.
#[test]
fn the_how_to_from_files_to_the_final_test() {
    let Some(net) = Net::new(Terrain::default()) else {
        return;
    };
    let (vm1, vm2) = (&net.one, &net.two);
    // Its older print has the files without the address.
    vm1.write_etc("hostname.carp0", "vhid 99 pass SharedSecret carpdev vmx0\n");
    vm2.write_etc(
        "hostname.carp0",
        "vhid 99 pass SharedSecret carpdev vmx0 advskew 100\n",
    );
    for node in [vm1, vm2] {
        assert_eq!(said(node, "netstart"), "");
        let shown = ifconfig(node);
        assert!(
            shown.contains("carpdev vmx0 vhid 99") && !shown.contains("inet "),
            "{shown}"
        );
    }

    vm1.write_etc(
        "hostname.carp0",
        "vhid 99 pass SharedSecret carpdev vmx0 192.0.2.10/24\n",
    );
    vm2.write_etc(
        "hostname.carp0",
        "vhid 99 pass SharedSecret carpdev vmx0 advskew 100 192.0.2.10/24\n",
    );
    for node in [vm1, vm2] {
        node.write_etc("sysctl.conf", "net.inet.carp.preempt=1\n");
        assert_eq!(said(node, "netstart"), "");
    }
    net.wait_for_master(vm1, vm2);
    for node in [vm1, vm2] {
        assert_eq!(
            node.carpctl("sysctl net.inet.carp.preempt"),
            "net.inet.carp.preempt=1\n"
        );
    }
    assert_eq!(ifconfig(vm1), vm1.as_in_the_how_to("MASTER", 0));
    assert_eq!(ifconfig(vm2), vm2.as_in_the_how_to("BACKUP", 100));

    // The final test.
    let asks = net.asks(&["192.0.2.10"]);
    let echoes = net.echoes(&["192.0.2.10"]);
    vm1.supervisor().terminate().unwrap();
    vm2.wait_for("MASTER", Duration::from_secs(1));
    vm1.wait_until_idle();
    let_pass(Duration::from_millis(500));
    assert_eq!(said(vm1, "netstart"), "");
    net.wait_for_master(vm1, vm2);
    let_pass(Duration::from_millis(500));
    none_lost(echoes, "the master shuts down and comes back");
    drop(asks);
}

#[test]
fn address_takes_the_prefix_of_a_carpdev_that_comes_after_it() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let node = &net.one;
    node.write_etc(
        "hostname.carp0",
        "vhid 7 carpdev vmx7\ninet 198.51.100.10\ninet6 2001:db8:7::10\n",
    );
    let note = |ip: &str, bits: u8| {
        format!(
            "carpctl: carp0: {ip} has no prefix length: taken as {ip}/{bits} until vmx7 has a \
             network that holds it\n"
        )
    };
    let notes = note("198.51.100.10", 32) + &note("2001:db8:7::10", 128);
    let waiting = "carpctl: carp0: carpdev vmx7 is not there yet: waiting for it\n";
    assert_eq!(said(node, "netstart"), notes + waiting);
    let shown = "carpctl carp0 vhid 7 carpdev vmx7 inet 198.51.100.10 inet6 2001:db8:7::10\n";
    assert_eq!(node.carpctl("show carp0"), shown);
    assert_eq!(said(node, "netstart"), waiting);
    // The carpdev comes first, and alone on it the node is master before its addresses do.
    node.run("ip", "link add vmx7 up type veth peer name vmx8");
    node.run("ip", "link set vmx8 up");
    node.wait_for("MASTER", PATIENCE);
    let why = || node.json()["last_transition"]["reason"].clone();
    let before = why();
    node.run("ip", "address add 198.51.100.1/24 dev vmx7");
    node.run("ip", "address add 2001:db8:7::1/64 dev vmx7");
    let installed = || node.run("ip", "-o address show dev carp0");
    wait_until("the addresses are in the networks of the carpdev", || {
        let there = installed();
        there.contains("198.51.100.10/24") && there.contains("2001:db8:7::10/64")
    });
    assert_eq!((node.state(), why()), ("MASTER".into(), before));
    let joined = "carpctl carp0 vhid 7 carpdev vmx7 198.51.100.10/24 2001:db8:7::10/64\n";
    assert_eq!(node.carpctl("show carp0"), joined);
    assert_eq!(said(node, "netstart"), "");
    // What was joined is kept.
    node.run("ip", "address del 198.51.100.1/24 dev vmx7");
    node.run("ip", "address add 198.51.100.1/28 dev vmx7");
    assert_eq!(said(node, "netstart"), "");
    assert_eq!(node.carpctl("show carp0"), joined);
}

#[test]
fn netstart_again_moves_no_election_and_a_bad_file_stands_alone() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let (one, two) = (&net.one, &net.two);
    let whole = "inet alias 192.0.2.11 255.255.255.0 # second\n\
                 inet 192.0.2.10 255.255.255.0 NONE\n\
                 inet6 2001:db8::10 64\n\
                 vhid 99 carpdev vmx0 \\\n\
                 \tpassfile carp.key\n\
                 !echo $if is there; exit 3\n\
                 up\n";
    for node in [one, two] {
        node.write_etc("carpctl/hostname.carp0", whole);
        node.write_etc("carpctl/carp.key", "SharedSecret\n");
    }
    let etc = one.etc().display().to_string();
    let not_run = format!(
        "carpctl: {etc}/carpctl/hostname.carp0:6: not run: --allow-commands turns commands on\n"
    );
    assert_eq!(said(one, "netstart"), not_run);
    one.wait_for("MASTER", Duration::from_secs(8));
    two.carpctl("netstart carp0");
    two.wait_for("BACKUP", Duration::from_secs(8));

    // What it would do now, and after a change of the file.
    let print = "carpctl carp0 vhid 99 carpdev vmx0 192.0.2.11/24 192.0.2.10/24 2001:db8::10/64 ";
    let printed = one.carpctl("netstart -n");
    assert!(printed.starts_with(print), "{printed}");
    assert!(
        printed.ends_with(
            "# election: no: it goes on as MASTER\n\
             # not run without --allow-commands: echo carp0 is there; exit 3\n"
        ),
        "{printed}"
    );
    assert_eq!(
        printed.lines().filter(|line| line.contains(" -> ")).count(),
        0
    );

    // Again, beside a file that is wrong, one whose name is not meant, and an interface without.
    one.carpctl("carp7 vhid 7 carpdev vmx0");
    one.write_etc("hostname.carp1", "vhid 1\nadvskew 300\n");
    one.write_etc("hostname.carp2.bak", "nonsense\n");
    one.write_etc("hostname.carp3", "vhid 3 carpdev vmx0 advskew 33\n");
    let before = transitions(one);
    assert_eq!(
        one.refused("netstart --allow-commands"),
        format!(
            "carpctl: {etc}/hostname.carp1:2: advskew 300: out of range (0 to 254)\n\
             carpctl: carp7: has no file, and stays as it is (--prune destroys it)\n\
             carp0 is there\n\
             carpctl: {etc}/carpctl/hostname.carp0:6: exit status: 3\n"
        )
    );
    assert_eq!(transitions(one), before, "nothing moved");
    assert_eq!(
        (one.state(), two.state()),
        ("MASTER".into(), "BACKUP".into())
    );
    assert!(one.carpctl("carp3").contains("vhid 3 advbase 1 advskew 33"));
    assert_eq!(one.refused("carp1"), "carpctl: carp1: no such interface\n");

    // A change of a file is a change of the interface, and a file that goes is none, unless asked.
    one.write_etc("hostname.carp3", "vhid 3 carpdev vmx0\n");
    std::fs::remove_file(one.etc().join("hostname.carp1")).unwrap();
    let printed = one.carpctl("netstart -n --prune");
    let told = |line: &str| printed.lines().any(|printed| printed == line);
    assert!(told("carpctl carp7 destroy"), "{printed}");
    assert!(
        told("carpctl carp3 vhid 3 carpdev vmx0 advskew 0"),
        "{printed}"
    );
    assert_eq!(said(one, "netstart --prune"), not_run);
    assert!(one.carpctl("carp3").contains("vhid 3 advbase 1 advskew 0"));
    assert_eq!(one.refused("carp7"), "carpctl: carp7: no such interface\n");
    assert_eq!(transitions(one), before, "nothing moved");

    // An address goes from one interface to another.
    one.write_etc("hostname.carp3", "vhid 3 carpdev vmx0 192.0.2.30/24\n");
    said(one, "netstart carp3");
    one.write_etc("hostname.carp1", "vhid 1 carpdev vmx0 192.0.2.30/24\n");
    one.write_etc("hostname.carp3", "vhid 3 carpdev vmx0\n");
    let printed = one.carpctl("netstart -n");
    let moved = "carpctl carp1 vhid 1 carpdev vmx0 192.0.2.30/24\n";
    assert!(printed.contains(moved), "{printed}");
    assert_eq!(said(one, "netstart"), not_run);
    assert!(one.carpctl("carp1").contains("inet 192.0.2.30 "));

    // A demotion is not added each time.
    two.write_etc("sysctl.conf", "net.inet.carp.demotion=7\n");
    two.carpctl("netstart");
    two.carpctl("netstart");
    let demoted = two.carpctl("-g carp");
    assert!(
        demoted.starts_with("carp: carp demote count 7\n"),
        "{demoted}"
    );
    assert!(demoted.contains("sysctl.conf"), "{demoted}");
    two.write_etc("sysctl.conf", "");
    let printed = two.carpctl("netstart -n");
    let taken_back = "carpctl -g carp -carpdemote owner sysctl.conf\n";
    assert!(printed.starts_with(taken_back), "{printed}");
    two.carpctl("netstart");
    let demoted = two.carpctl("-g carp");
    assert!(!demoted.contains("sysctl.conf"), "{demoted}");
    assert!(!two.carpctl("netstart -n").contains(taken_back));

    // Commands are root's.
    let file = one.etc().join("carpctl/hostname.carp0");
    std::fs::set_permissions(&file, Permissions::from_mode(0o620)).unwrap();
    let file = format!("{etc}/carpctl/hostname.carp0");
    let why = format!("{file} can be changed by others: only root may (chown root, chmod go-w)");
    assert_eq!(
        one.refused("netstart --allow-commands carp0"),
        format!("carpctl: {file}:6: not run: {why}\n")
    );

    // What is saved makes what there is.
    let saved = |what: &str| format!("carpctl: carp0: {what}\n");
    assert_eq!(
        said(one, "save carp0"),
        saved(&format!(
            "{file} says so already, and is for its owner alone now (0600)"
        ))
    );
    one.carpctl("carp0 advskew 1 alias 192.0.2.12/24");
    assert_eq!(said(one, "save carp0"), saved(&format!("saved in {file}")));
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let now = (one.carpctl("show -k carp0"), transitions(one));
    said(one, "netstart");
    assert_eq!((one.carpctl("show -k carp0"), transitions(one)), now);
}

/// The settings of OpenBSD, from a file, on a service in the foreground; over a restart, too.
#[test]
fn allow_and_log_mean_what_they_do_on_openbsd() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let (one, two) = (&net.one, &net.two);
    let log = two.run_dir().join("log");
    let mut daemon = two.command("daemon");
    daemon.stderr(std::fs::File::create(&log).unwrap());
    let mut daemon = daemon.spawn().unwrap();
    two.write_etc("carpctl/sysctl.conf", "net.inet.carp.log = 2\n");
    two.write_etc("sysctl.conf", "net.inet.carp.log = 7\nkernel.panic = 10\n");
    let is_told = || said(two, "netstart").is_empty();
    wait_until("the service listens", || {
        two.run_dir().read_dir().unwrap().any(|entry| {
            entry
                .unwrap()
                .path()
                .extension()
                .is_some_and(|it| it == "sock")
        })
    });
    assert!(is_told());
    // Another service would read its files now.
    let supervisor = two.supervisor().pid().try_into().unwrap();
    kill_process(Pid::from_raw(supervisor).unwrap(), Signal::HUP).unwrap();
    wait_until("the log says what reads them", || {
        let log = std::fs::read_to_string(&log).unwrap();
        log.contains("SIGHUP changes nothing: `carpctl netstart' configures anew\n")
    });

    // Without a service and an interface, too.
    one.write_etc("sysctl.conf", "net.inet.carp.announce=30\t# seconds\n");
    assert_eq!(
        one.carpctl("netstart -n"),
        "carpctl sysctl net.inet.carp.announce=30\n"
    );
    assert_eq!(said(one, "netstart"), "");
    let announce = "sysctl -n net.inet.carp.announce";
    assert_eq!(one.carpctl(announce), "30\n");
    net.configure("192.0.2.10/24");
    assert_eq!(one.carpctl(announce), "30\n");
    net.wait_for_master(one, two);

    assert_eq!(
        two.carpctl("sysctl net.inet.carp.allow=0"),
        "net.inet.carp.allow: 1 -> 0\n"
    );
    two.wait_for("MASTER", Duration::from_secs(8));
    two.carpctl("restart");
    assert_eq!(
        two.carpctl("sysctl net.inet.carp.allow net.inet.carp.log"),
        "net.inet.carp.allow=0\nnet.inet.carp.log=2\n"
    );
    let_pass(Duration::from_millis(1_500));
    assert_eq!(two.state(), "MASTER", "it hears nobody");
    two.carpctl("sysctl net.inet.carp.allow=1 net.inet.carp.log=1");
    two.wait_for("BACKUP", Duration::from_secs(8));
    two.supervisor().terminate().unwrap();
    assert!(daemon.wait().unwrap().success());
    let log = std::fs::read_to_string(log).unwrap();
    let moves = log.lines().filter(|line| line.contains("state transition"));
    let moves: Vec<&str> = moves
        .filter_map(|line| line.split("transition: ").nth(1))
        .collect();
    assert_eq!(moves.len(), 1, "{log}");
    assert!(moves[0].starts_with("BACKUP -> MASTER"), "{log}");
}

/// What `carpctl` with `words`, which must succeed, says on standard error; it prints nothing.
fn said(node: &Node, words: &str) -> String {
    let output = node.try_carpctl(words);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "carpctl {words}: {said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{words}");
    said
}

/// What ifconfig(8) would show of carp0: nothing of what has happened.
fn ifconfig(node: &Node) -> String {
    let shown = node.carpctl("carp0");
    let lines = shown.lines().filter(|line| !line.starts_with("\tlast: "));
    lines.map(|line| format!("{line}\n")).collect()
}

/// The last thing that has moved the election of carp0, and how often it became master.
fn transitions(node: &Node) -> (String, String) {
    let json = node.json();
    let stats = node.carpctl("stats carp0");
    let masters = stats.lines().find(|line| line.ends_with("to master"));
    (
        json["last_transition"]["reason"].to_string(),
        masters.unwrap().to_owned(),
    )
}
