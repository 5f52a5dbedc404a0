//! The operator's session, word for word, and what is refused.

use std::time::Duration;

use crate::net::{Net, Terrain, let_pass, wait_until};

#[test]
fn the_session_of_the_how_to() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let (one, node) = (&net.one, &net.two);
    one.carpctl("carp0 vhid 99 pass SharedSecret carpdev vmx0 192.0.2.10/24");
    let silent = node.carpctl("carp0 vhid 99 pass SharedSecret carpdev vmx0 advskew 100");
    assert_eq!(silent, "");
    node.carpctl("carp0 inet 192.0.2.10 netmask 255.255.255.0");
    assert_eq!(node.carpctl("carp0"), node.as_in_the_how_to("BACKUP", 100));
    assert_eq!(node.carpctl(""), node.carpctl("carp0"));
    assert_eq!(node.carpctl("-a"), node.carpctl("carp0"));
    one.wait_for("MASTER", Duration::from_secs(5));
    let shown = one.carpctl("carp0");
    assert!(
        shown.contains("\tcarp: MASTER carpdev vmx0 vhid 99 advbase 1 advskew 0\n"),
        "{shown}"
    );
    assert!(shown.contains("\tstatus: master\n"), "{shown}");
    assert_eq!(one.json()["addresses"][0]["installed"], true);
    assert_eq!(node.json()["addresses"][0]["installed"], false);

    one.carpctl("carp0 down");
    let shown = one.carpctl("carp0");
    assert!(
        shown.starts_with("carp0: flags=8802<BROADCAST,SIMPLEX,MULTICAST> mtu 1500\n"),
        "{shown}"
    );
    assert!(shown.contains("\tcarp: INIT carpdev vmx0"), "{shown}");
    assert!(shown.contains("\tstatus: invalid\n"), "{shown}");
    node.wait_for("MASTER", Duration::from_secs(1));
}

#[test]
fn reading_never_starts_a_service_and_the_last_destroy_ends_it() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let node = &net.one;
    assert_eq!(node.carpctl(""), "");
    assert_eq!(node.refused("carp0"), "carpctl: carp0: no such interface\n");
    assert!(node.carpctl("sysctl").contains("net.inet.carp.preempt=0"));
    node.wait_until_idle();
    assert_eq!(
        node.carpctl("sysctl net.inet.carp.preempt=1"),
        "net.inet.carp.preempt: 0 -> 1\n"
    );
    assert!(node.carpctl("sysctl").contains("net.inet.carp.preempt=1"));
    node.carpctl("carp0 create");
    node.carpctl("carp1 vhid 1 carpdev vmx0 pass x");
    node.carpctl("carp0 destroy");
    node.engine();
    node.carpctl("carp1 destroy");
    node.wait_until_idle();
}

#[test]
fn what_stands_in_the_way_is_said() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let node = &net.one;
    let cases = [
        ("carp0 vhid 1 carpdev lo", "lo: not an Ethernet interface"),
        (
            "carp0 advskw 100",
            "`advskw': unknown keyword (did you mean `advskew'?)",
        ),
        ("carp0 vhid 256", "1 to 255"),
        ("carp0 advskew 255", "0 to 254"),
        ("carp0 vhid", "`vhid'"),
        (
            "carp0 vhid 1 carpdev vmx0 192.0.2.1/24",
            "192.0.2.1 is already on vmx0",
        ),
    ];
    for (words, expected) in cases {
        let said = node.refused(words);
        assert!(said.contains(expected), "carpctl {words}: {said}");
        assert_eq!(said.lines().count(), 1, "one line: {said}");
    }
    node.wait_until_idle();

    node.carpctl("carp0 vhid 1 pass x carpdev vmx0");
    let said = node.refused("carp1 vhid 1 pass x carpdev vmx0");
    assert!(
        said.contains("vhid 1 is already used on this carpdev by carp0"),
        "{said}"
    );
    let said = node.refused("carp2 vhid 2 pass x carpdev carp0");
    assert!(
        said.contains("a carp interface cannot be a carpdev"),
        "{said}"
    );
    assert_eq!(
        node.carpctl("").matches("flags=").count(),
        1,
        "a refused command leaves nothing"
    );

    node.run("ip", "link add br0 type bridge");
    node.run("ip", "link add port0 type veth peer name port1");
    node.run("ip", "link set port0 master br0");
    let said = node.refused("carp3 vhid 3 pass x carpdev port0");
    assert!(said.contains("is a port of br0: use carpdev br0"), "{said}");
    node.run("ip", "link add carp4 type bridge");
    let said = node.refused("carp4 vhid 4 pass x carpdev vmx0");
    assert!(
        said.contains("carp4: an interface of this name exists already"),
        "{said}"
    );
}

#[test]
fn a_carpdev_that_is_not_there_is_waited_for() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let node = &net.one;
    let told = node.try_carpctl("carp0 vhid 99 pass x carpdev vmx9 198.51.100.10/24");
    assert!(told.status.success());
    assert_eq!(
        String::from_utf8_lossy(&told.stderr),
        "carpctl: carp0: carpdev vmx9 is not there yet: waiting for it\n"
    );
    let shown = node.carpctl("carp0");
    assert!(
        shown.contains("\tcarp: INIT carpdev vmx9 (absent) vhid 99"),
        "{shown}"
    );
    assert!(
        shown.contains("\tdemotion: 1 (carp0: carpdev is not up)\n"),
        "{shown}"
    );
    assert_eq!(node.json()["carp"]["carpdev_state"], "absent");
    node.carpctl("carp0 advskew 7");

    // What comes cannot be a carpdev.
    node.run("ip", "tuntap add vmx9 mode tun");
    node.run("ip", "link set vmx9 up");
    wait_until("that is shown", || {
        let shown = node.carpctl("carp0");
        shown.contains("\terror: ") && shown.contains("vmx9: not an Ethernet interface")
    });
    node.run("ip", "link del vmx9");

    node.run("ip", "link add vmx9 type veth peer name peer9");
    node.run("ip", "link set peer9 up");
    node.run("ip", "link set vmx9 up");
    node.wait_for("MASTER", Duration::from_secs(8));
    assert_eq!(node.json()["demotion"], 0);
    assert_eq!(node.json()["error"], serde_json::Value::Null);
    node.run("ip", "link del vmx9");
    node.wait_for("INIT", Duration::from_secs(8));
    let shown = node.carpctl("carp0");
    assert!(
        shown.contains("\tcarp: INIT carpdev vmx9 (absent)"),
        "{shown}"
    );
    node.carpctl("carp0 destroy");
    node.wait_until_idle();
}

#[test]
fn a_carpdev_that_takes_less_than_the_mtu_limits_it_and_no_more() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let node = &net.one;
    node.write_etc(
        "hostname.carp0",
        "vhid 4 carpdev late0 mtu 9000\n198.51.100.10/24\n",
    );
    node.carpctl("netstart");
    node.run("ip", "link add late0 type veth peer name late1");
    for end in ["late1", "late0"] {
        node.run("ip", &format!("link set {end} up"));
    }
    let reason = "mtu 9000: late0 takes 1500 bytes at most";
    let is_limited = || {
        let shown = node.json();
        shown["mtu"] == 1500 && shown["error"]["reason"] == reason
    };
    wait_until("it takes part", || node.state() != "INIT");
    wait_until("it is as large as it can be, and says so", is_limited);
    let configured = node.carpctl("show carp0");
    assert!(!configured.contains("down"), "{configured}");
    node.carpctl("carp0 advskew 7");
    let said = node.refused("carp0 mtu 8999");
    assert!(said.contains("late0 takes 1500 bytes at most"), "{said}");

    for _ in 0..2 {
        node.run("ip", "link set late0 mtu 9000");
        wait_until("it is as large as told", || {
            let shown = node.json();
            shown["mtu"] == 9000 && shown["error"].is_null()
        });
        node.run("ip", "link set late0 mtu 1500");
        wait_until("it is limited again", is_limited);
    }
    let why = node.carpctl("why carp0");
    assert!(!why.contains("-> INIT"), "{why}");
    node.carpctl("carp0 destroy");
    node.wait_until_idle();
}

#[test]
fn the_service_keeps_nothing_of_its_caller() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let node = &net.one;
    // A shell that holds a lock while it runs the first command.
    let lock = node.run_dir().join("of-the-caller");
    let script = format!(
        "exec 9>{}; flock -n 9; exec {} carp0 create",
        lock.display(),
        env!("CARGO_BIN_EXE_carpctl")
    );
    let mut shell = node.host.command("sh");
    shell
        .args(["-c", &script])
        .env("CARPCTL_RUN_DIR", node.run_dir());
    let output = shell.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let pid = node.engine().pid();
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap() {
        let open = std::fs::read_link(entry.unwrap().path()).unwrap_or_default();
        assert_ne!(open, lock, "the lock is still held");
    }
    assert_eq!(
        std::fs::read_link(format!("/proc/{pid}/cwd"))
            .unwrap()
            .as_os_str(),
        "/"
    );
}

#[test]
fn the_key_never_shows() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let node = &net.one;
    node.carpctl("carp0 vhid 99 pass Unmistakable carpdev vmx0 192.0.2.10/24");
    let pid = node.engine().pid();
    for file in ["cmdline", "environ"] {
        let bytes = std::fs::read(format!("/proc/{pid}/{file}")).unwrap();
        assert!(
            !String::from_utf8_lossy(&bytes).contains("Unmistakable"),
            "{file}"
        );
    }
    for words in ["carp0", "carp0 --json", "-a"] {
        assert!(!node.carpctl(words).contains("Unmistakable"));
    }
}

#[test]
fn changes_need_root_and_reading_does_not() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let node = &net.one;
    node.carpctl("carp0 vhid 99 pass x carpdev vmx0");
    // The binary may be where nobody else can reach it; a copy in the run directory is not.
    let copy = node.run_dir().join("carpctl");
    node.copy_program(env!("CARGO_BIN_EXE_carpctl"), &copy);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(node.run_dir(), mode).unwrap();
    let as_nobody = |words: &str| {
        let mut command = node.host.command("setpriv");
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(&copy);
        command.args(words.split_whitespace());
        command
            .env("CARPCTL_RUN_DIR", node.run_dir())
            .output()
            .unwrap()
    };
    let read = as_nobody("carp0");
    assert!(
        read.status.success(),
        "{}",
        String::from_utf8_lossy(&read.stderr)
    );
    assert!(String::from_utf8_lossy(&read.stdout).contains("vhid 99"));
    for words in [
        "carp0 down",
        "carp1 create",
        "carp0 destroy",
        "sysctl net.inet.carp.preempt=1",
    ] {
        let changed = as_nobody(words);
        assert_eq!(changed.status.code(), Some(1), "{words}");
        let said = String::from_utf8_lossy(&changed.stderr).into_owned();
        assert!(said.contains("root"), "{words}: {said}");
    }
    assert!(node.carpctl("carp0").contains("<UP,"));
}

#[test]
fn daemon_in_the_foreground_stays() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let node = &net.one;
    let mut daemon = node.command("daemon").spawn().unwrap();
    node.wait_until_it_listens();
    node.carpctl("carp0 vhid 99 pass x carpdev vmx0");
    node.carpctl("carp0 destroy");
    let_pass(Duration::from_millis(500));
    assert!(daemon.try_wait().unwrap().is_none(), "it stays");
    let pid = rustix::process::Pid::from_child(&daemon);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(daemon.wait().unwrap().success());
}
