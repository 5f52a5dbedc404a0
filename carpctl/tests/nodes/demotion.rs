//! Nodes that are unwell, and say so: one dead link moves everything, the boot interlock keeps a
//! node from taking over, and a demotion lasts exactly as long as the command that it is for.

use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::net::{Net, Node, PASS, PATIENCE, Terrain, V4, V6, let_pass, none_lost, wait_until};

/// A second switch, which is on the host `asker`, and a link called vmx1 to each node.
fn plug_in_second_links(net: &Net) {
    let ip = |words: &str| run(net, words);
    ip("link add br1 type bridge forward_delay 0 mcast_snooping 0");
    ip("link set br1 up");
    for (number, node) in [(1, &net.one), (2, &net.two)] {
        // Its service shows the kernel the way into its namespace.
        node.carpctl("carp1 create");
        let (port, pid) = (node.host.name(), node.engine().pid());
        ip(&format!(
            "link add port-{port} master br1 type veth peer name vmx1 netns {pid}"
        ));
        ip(&format!("link set port-{port} up"));
        node.run(
            "ip",
            &format!("address add 198.51.100.{number}/24 dev vmx1"),
        );
        node.run("ip", "link set vmx1 up");
    }
}

/// Runs `ip` on the host that is the second switch.
fn run(net: &Net, words: &str) {
    let mut command = net.asker.command("ip");
    let output = command.args(words.split_whitespace()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {words}: {errors}");
}

fn state(node: &Node, interface: &str) -> String {
    let shown = node.carpctl(&format!("{interface} --json"));
    let all: serde_json::Value = serde_json::from_str(&shown).unwrap();
    all[0]["carp"]["state"].as_str().unwrap().to_owned()
}

/// Waits until carp0 and carp1 are in these states.
fn wait_for(node: &Node, states: [&str; 2]) {
    let name = node.host.name();
    wait_until(&format!("carp0 and carp1 of {name} are {states:?}"), || {
        ["carp0", "carp1"].map(|interface| state(node, interface)) == states
    });
}

fn demote_count(node: &Node) -> String {
    let shown = node.carpctl("-g carp");
    shown.lines().next().unwrap().to_owned()
}

#[test]
fn one_dead_link_moves_all_interfaces_and_preempt_brings_them_back() {
    let Some(net) = Net::new(Terrain::default()) else {
        return;
    };
    plug_in_second_links(&net);
    for (node, skew) in [(&net.one, 0), (&net.two, 100)] {
        node.carpctl(&format!(
            "carp0 vhid 99 pass {PASS} carpdev vmx0 advskew {skew} {V4}"
        ));
        node.carpctl(&format!(
            "carp1 vhid 98 pass {PASS} carpdev vmx1 advskew {skew} 198.51.100.10/24"
        ));
    }
    wait_for(&net.one, ["MASTER", "MASTER"]);
    wait_for(&net.two, ["BACKUP", "BACKUP"]);
    let_pass(Duration::from_millis(2_500));
    let echoes = net.echoes(&[V4]);

    run(&net, "link set port-one down");
    wait_for(&net.one, ["BACKUP", "INIT"]);
    wait_for(&net.two, ["MASTER", "MASTER"]);
    let shown = net.one.carpctl("carp0");
    assert!(
        shown.contains("\tdemotion: 1 (carp1: carpdev is not up)\n"),
        "{shown}"
    );
    assert!(
        net.one
            .carpctl("-g carp")
            .contains("\t1 carp1: carpdev is not up, for ")
    );
    assert_eq!(demote_count(&net.two), "carp: carp demote count 0");

    net.one.carpctl("sysctl net.inet.carp.preempt=1");
    run(&net, "link set port-one up");
    wait_for(&net.one, ["MASTER", "MASTER"]);
    wait_for(&net.two, ["BACKUP", "BACKUP"]);
    let_pass(Duration::from_millis(500));
    none_lost(echoes, "carp0, whose own link never died");
}

#[test]
fn boot_interlock_keeps_a_node_from_taking_over_until_it_has_booted() {
    let Some(net) = Net::new(Terrain::default()) else {
        return;
    };
    let (one, two) = (&net.one, &net.two);
    // The first thing that is said at boot.
    one.carpctl("-g carp carpdemote 128");
    one.carpctl("sysctl net.inet.carp.preempt=1");
    two.carpctl(&format!(
        "carp0 vhid 99 pass {PASS} carpdev vmx0 advskew 100 {V4} {V6}"
    ));
    two.wait_for("MASTER", PATIENCE);
    one.carpctl(&format!("carp0 vhid 99 pass {PASS} carpdev vmx0 {V4} {V6}"));
    let echoes = net.echoes(&[V4, V6]);
    let_pass(Duration::from_secs(4));
    assert_eq!(
        (one.state(), two.state()),
        ("BACKUP".into(), "MASTER".into())
    );
    one.carpctl("restart");
    assert_eq!(demote_count(one), "carp: carp demote count 128");
    one.carpctl("-g carp -carpdemote 128");
    net.wait_for_master(one, two);
    // Demoted again it gives mastership to a node that does not preempt.
    one.carpctl("-g carp carpdemote 128");
    net.wait_for_master(two, one);
    one.carpctl("-g carp -carpdemote 128");
    net.wait_for_master(one, two);
    let_pass(Duration::from_millis(500));
    none_lost(echoes, "a planned switch");
    assert_eq!(
        one.refused("-g carp -carpdemote"),
        "carpctl: carp: the operator does not demote it (`carpctl -g carp' shows who does)\n"
    );
}

/// `carpctl demote` on node one, with a command that ends when `end` says so.
struct Demoting(Child);

impl Demoting {
    fn start(net: &Net) -> Self {
        net.configure(V4);
        net.one.carpctl("sysctl net.inet.carp.preempt=1");
        net.wait_for_master(&net.one, &net.two);
        let mut command = net.one.command("demote 50 owner check -- cat");
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        let demoting = Self(child.unwrap());
        net.wait_for_master(&net.two, &net.one);
        demoting
    }

    /// Has the command end, and returns the exit status.
    fn end(mut self) -> Option<i32> {
        drop(self.0.stdin.take());
        self.0.wait().unwrap().code()
    }
}

#[test]
fn killed_command_line_demotes_no_longer() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let mut demoting = Demoting::start(&net);
    let shown = net.one.carpctl("-g carp");
    assert!(shown.contains("\t50 owner check, for "), "{shown}");
    assert!(shown.ends_with(", while a command runs\n"), "{shown}");
    demoting.0.kill().unwrap();
    net.wait_for_master(&net.one, &net.two);
    assert_eq!(demote_count(&net.one), "carp: carp demote count 0");
    assert_eq!(demoting.end(), None);
}

#[test]
fn held_demotion_survives_a_restart_and_a_crash_of_the_service() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let demoting = Demoting::start(&net);
    let before = net.two.transitions();
    net.one.carpctl("restart");
    assert_eq!(demote_count(&net.one), "carp: carp demote count 50");
    // A successor waits for five seconds for who does not come; this one comes.
    let_pass(Duration::from_secs(6));
    assert_eq!(demote_count(&net.one), "carp: carp demote count 50");

    let old = net.one.engine();
    old.kill().unwrap();
    wait_until("another engine is there", || {
        let services = net.one.services();
        services.iter().all(|it| it.pid() != old.pid()) && services.len() == 2
    });
    let_pass(Duration::from_secs(6));
    assert_eq!(demote_count(&net.one), "carp: carp demote count 50");
    assert_eq!(net.two.state(), "MASTER");
    assert_eq!(net.two.transitions(), before, "mastership went back");

    assert_eq!(demoting.end(), Some(0));
    assert_eq!(demote_count(&net.one), "carp: carp demote count 0");
    net.wait_for_master(&net.one, &net.two);
}

#[test]
fn nobody_holds_a_demotion_for_a_dead_command_line_after_a_restart() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let mut demoting = Demoting::start(&net);
    // While the service cannot see it.
    let engine = net.one.engine();
    engine.kill().unwrap();
    demoting.0.kill().unwrap();
    net.wait_for_master(&net.one, &net.two);
    assert_eq!(demote_count(&net.one), "carp: carp demote count 0");
    assert_eq!(demoting.end(), None);
}

#[test]
fn command_line_is_as_if_it_were_the_command() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let node = &net.one;
    for (words, code) in [
        ("sh -c exit${IFS}3", 3),
        ("sh -c kill${IFS}-TERM${IFS}$$", 143),
        ("/nonexistent/command", 127),
        ("/etc", 126),
    ] {
        let ran = node.try_carpctl(&format!("demote 50 owner x -- {words}"));
        assert_eq!(ran.status.code(), Some(code), "{words}: {ran:?}");
        assert_eq!(demote_count(node), "carp: carp demote count 0", "{words}");
    }
    // What it is told, the command is told, and what it does not hear, neither does the command.
    let ignoring = "trap '' HUP; exec \"$0\" demote 50 owner x -- sh -c 'kill -HUP $$; exit 5'";
    let mut command = node.host.command("sh");
    command.args(["-c", ignoring, env!("CARGO_BIN_EXE_carpctl")]);
    command.env("CARPCTL_RUN_DIR", node.run_dir());
    assert_eq!(command.status().unwrap().code(), Some(5));
    let mut command = node.command("demote 50 owner x -- sh -c");
    command.arg("trap 'exit 7' USR1; echo ready; while :; do sleep 0.05; done");
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut ready = [0; 6];
    let mut output = child.stdout.take().unwrap();
    std::io::Read::read_exact(&mut output, &mut ready).unwrap();
    kill_process(Pid::from_child(&child), Signal::USR1).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(7));
}
