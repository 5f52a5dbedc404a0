//! Debian's `ucarp` as the peer on a live link.

use std::process::{Child, Stdio};
use std::time::Duration;

use crate::net::{Net, PASS, Terrain, V4, ip, let_pass, wait_until};

/// A running `ucarp` on node two, ended with the test.
struct Ucarp(Child);

impl Ucarp {
    /// `None` where it is not installed, which CI forbids.
    fn start(net: &Net, skew: u8, more: &str) -> Option<Self> {
        Self::start_from(net, "192.0.2.2", skew, more)
    }

    /// One whose adverts say that they come from `source`.
    fn start_from(net: &Net, source: &str, skew: u8, more: &str) -> Option<Self> {
        let scripts = net.two.run_dir();
        for (name, word) in [("up", "add"), ("down", "del")] {
            let script = format!("#!/bin/sh\nexec ip address {word} \"$2\"/32 dev \"$1\"\n");
            let path = scripts.join(name);
            std::fs::write(&path, script).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(&path, mode).unwrap();
        }
        let mut command = net.two.host.command("ucarp");
        command
            .args([
                "-i",
                "vmx0",
                "-s",
                source,
                "-v",
                "99",
                "-p",
                PASS,
                "-a",
                "192.0.2.10",
            ])
            .args(["-k", &skew.to_string(), "-f", "none"])
            .arg("-u")
            .arg(scripts.join("up"))
            .arg("-d")
            .arg(scripts.join("down"))
            .args(more.split_whitespace())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        match command.spawn() {
            Ok(child) => Some(Self(child)),
            Err(error) => {
                assert!(
                    std::env::var_os("CI").is_none(),
                    "skipped, which CI forbids: {error}"
                );
                eprintln!("skipped: ucarp cannot be run: {error}");
                None
            }
        }
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Ucarp {
    fn drop(&mut self) {
        // It may have been killed already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Whom we hear.
fn heard(net: &Net) -> serde_json::Value {
    let text = net.one.carpctl("peers carp0 --json");
    let all: serde_json::Value = serde_json::from_str(&text).unwrap();
    all[0].clone()
}

fn ucarp_holds(net: &Net) -> bool {
    net.two
        .run("ip", "-o address show dev vmx0")
        .contains("192.0.2.10/32")
}

fn ours(net: &Net, skew: u8) {
    let words = format!("carp0 vhid 99 pass {PASS} carpdev vmx0 advskew {skew} {V4}");
    net.one.carpctl(&words);
}

#[test]
fn ucarp_stands_by_and_takes_over_at_our_bow_out() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    ours(&net, 0);
    let Some(_ucarp) = Ucarp::start(&net, 100, "") else {
        return;
    };
    net.one.wait_for("MASTER", Duration::from_secs(5));
    // It hears us: longer than its own time to take over, and it has not.
    let_pass(Duration::from_secs(5));
    assert!(!ucarp_holds(&net));
    assert_eq!(net.one.state(), "MASTER");
    net.one.carpctl("carp0 down");
    wait_until("ucarp has taken over", || ucarp_holds(&net));
    assert_eq!(net.one.state(), "INIT");
}

#[test]
fn ucarp_takes_over_when_we_die() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    ours(&net, 0);
    let Some(_ucarp) = Ucarp::start(&net, 100, "") else {
        return;
    };
    net.one.wait_for("MASTER", Duration::from_secs(5));
    let_pass(Duration::from_secs(2));
    assert!(!ucarp_holds(&net));
    net.one.host.kill_processes().unwrap();
    net.lab.cut("one").unwrap();
    wait_until("ucarp has taken over", || ucarp_holds(&net));
}

#[test]
fn we_stand_by_and_take_over_when_ucarp_dies() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let Some(mut ucarp) = Ucarp::start(&net, 0, "") else {
        return;
    };
    wait_until("ucarp is master", || ucarp_holds(&net));
    ours(&net, 100);
    let_pass(Duration::from_secs(5));
    assert_eq!(net.one.state(), "BACKUP", "its adverts are honoured");
    let peer = heard(&net)["peers"][0].clone();
    // By its own counters and the headers of its packets.
    assert_eq!(peer["dialects"], serde_json::json!(["ucarp"]), "{peer}");
    assert_eq!(
        (&peer["source"], &peer["heard"]),
        (&"192.0.2.2".into(), &true.into())
    );
    assert_eq!((&peer["advbase"], &peer["advskew"]), (&1.into(), &0.into()));
    let interval = peer["interval_us"].as_u64().unwrap();
    assert!((900_000..1_200_000).contains(&interval), "{interval}");
    ucarp.kill();
    // Its address stays on the dead node, as ucarp's does; the cable goes with it.
    net.lab.cut("two").unwrap();
    net.one.wait_for("MASTER", Duration::from_secs(5));
    let echo = net.client.echo(ip(V4), 1_000).unwrap();
    assert!(
        echo.wait_for_answers(100, Duration::from_secs(2)),
        "we answer"
    );
}

#[test]
fn ucarp_with_another_address_is_a_stranger() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    ours(&net, 0);
    let Some(_ucarp) = Ucarp::start(&net, 0, "-a 192.0.2.11") else {
        return;
    };
    wait_until("its adverts are refused", || {
        heard(&net)["refused"][0]["refused"].as_u64() >= Some(2)
    });
    let heard = heard(&net);
    assert_eq!(heard["peers"], serde_json::json!([]));
    assert_eq!(heard["refused"][0]["source"], "192.0.2.2");
    let text = net.one.carpctl("peers carp0");
    assert!(text.starts_with("carp0:\n\t192.0.2.2 refused "), "{text}");
}

#[test]
fn ucarp_preempts_us_and_we_yield() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    ours(&net, 100);
    net.one.wait_for("MASTER", Duration::from_secs(5));
    let Some(_ucarp) = Ucarp::start(&net, 0, "--preempt") else {
        return;
    };
    wait_until("ucarp has taken over", || ucarp_holds(&net));
    net.one.wait_for("BACKUP", Duration::from_secs(3));
}

#[test]
fn we_preempt_ucarp_and_it_yields() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let Some(_ucarp) = Ucarp::start(&net, 100, "") else {
        return;
    };
    wait_until("ucarp is master", || ucarp_holds(&net));
    net.one.carpctl("sysctl net.inet.carp.preempt=1");
    ours(&net, 0);
    net.one.wait_for("MASTER", Duration::from_secs(5));
    wait_until("ucarp has yielded", || !ucarp_holds(&net));
    assert_eq!(net.one.state(), "MASTER");
}

// ---- equal claims: the sources of the adverts decide (`docs/carp-protocol.md §4.3`, item 2) ----

/// Has a master of ours meet a master ucarp with an equal claim, whose adverts come from `source`,
/// and waits until they have agreed for good. Returns whether ucarp is master.
fn meet_as_equals(source: &str) -> Option<bool> {
    let net = Net::beside_others(Terrain::default())?;
    net.two.host.add_address(&format!("{source}/32")).unwrap();
    let _ucarp = Ucarp::start_from(&net, source, 0, "")?;
    wait_until("ucarp is master", || ucarp_holds(&net));
    net.one.carpctl(&format!(
        "carp0 vhid 99 peers ucarp pass {PASS} carpdev vmx0 {V4}"
    ));
    net.one.carpctl("carp0 state master");
    // It reads our adverts up to a second late, and its scripts take their time.
    let_pass(Duration::from_secs(4));
    let changes = net.two.host.watch(&[ip(V4)]).unwrap();
    let since_our_last_change = || {
        net.one.json()["last_transition"]["ago_ms"]
            .as_u64()
            .unwrap()
    };
    let before = since_our_last_change();
    let_pass(Duration::from_secs(4));
    assert!(
        since_our_last_change() >= before + 4_000,
        "we have not changed since"
    );
    let changes = changes.stop().unwrap();
    assert_eq!(changes.len(), 1, "nor has ucarp: {changes:?}");
    let ucarp_is_master = ucarp_holds(&net);
    assert_ne!(ucarp_is_master, net.one.state() == "MASTER");
    Some(ucarp_is_master)
}

#[test]
fn of_equals_we_stay_master_where_our_address_wins() {
    if let Some(ucarp_is_master) = meet_as_equals("192.0.2.2") {
        assert!(!ucarp_is_master, "192.0.2.1 is less, read backwards");
    }
}

#[test]
fn of_equals_ucarp_stays_master_where_its_address_wins() {
    if let Some(ucarp_is_master) = meet_as_equals("10.1.1.1") {
        assert!(ucarp_is_master, "10.1.1.1 is less, read backwards");
    }
}
