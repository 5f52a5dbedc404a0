//! Watching a live pair: what `monitor`, `wait`, `why` and `peers` tell of a fail-over, and what a
//! reader costs that does not read.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::net::{Net, Node, Terrain, V4, wait_until};

/// A running `carpctl monitor`, ended with the test.
struct Monitor {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Monitor {
    fn start(node: &Node, words: &str) -> Self {
        let mut command = node.command(&format!("monitor {words}"));
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// The next event of this name for which `holds`.
    fn event(&mut self, name: &str, holds: impl Fn(&Value) -> bool) -> Value {
        loop {
            let event = self.next();
            if event["event"] == name && holds(&event) {
                return event;
            }
        }
    }

    /// Its exit status after it was interrupted.
    fn interrupt(mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn json(node: &Node, words: &str) -> Value {
    let all: Value = serde_json::from_str(&node.carpctl(words)).unwrap();
    all[0].clone()
}

fn last_transition(node: &Node) -> Value {
    let why = json(node, "why carp0 --json");
    why["transitions"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .clone()
}

#[test]
fn a_fail_over_is_told_waited_for_and_explained() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    // Before there is any service.
    let mut monitor = Monitor::start(&net.two, "--json carp0");
    assert_eq!(monitor.next()["event"], "service_gone");
    let mut ready = net.two.command("wait carp0 backup --timeout 20");
    let mut ready = ready.stderr(Stdio::null()).spawn().unwrap();
    net.configure(V4);
    assert!(ready.wait().unwrap().success());
    net.wait_for_master(&net.one, &net.two);
    let heard = monitor.event("peer_heard", |_| true);
    assert_eq!(
        (&heard["source"], &heard["advskew"]),
        (&"192.0.2.1".into(), &0.into())
    );
    net.two.carpctl("restart");
    monitor.event("service_came", |_| true);

    let peer = &json(&net.two, "peers carp0 --json")["peers"][0];
    assert_eq!(
        (&peer["heard"], &peer["advbase"]),
        (&true.into(), &1.into())
    );
    let dialects = peer["dialects"].as_array().unwrap();
    assert!(dialects.contains(&"carpctl".into()), "{dialects:?}");
    assert!(!dialects.contains(&"freebsd".into()), "{dialects:?}");
    let now = &json(&net.two, "why carp0 --json")["now"];
    assert_eq!(
        (&now["state"], &now["waits"][0]["source"]),
        (&"BACKUP".into(), &Value::Null)
    );
    let text = net.two.carpctl("why carp0");
    let doing = "now: BACKUP of 192.0.2.1 (advbase 1 advskew 0): takes over in ";
    assert!(text.contains(doing), "{text}");

    let waiting = net.two.command("wait carp0 master --timeout 20").spawn();
    net.one.host.kill_processes().unwrap();
    net.lab.cut("one").unwrap();
    let told = monitor.event("transition", |event| event["to"] == "MASTER");
    assert!(waiting.unwrap().wait().unwrap().success());
    for transition in [&told, &last_transition(&net.two)] {
        assert_eq!(transition["from"], "BACKUP");
        assert_eq!(
            (&transition["rule"], &transition["section"]),
            (&"master_down".into(), &"4.4".into())
        );
        assert_eq!(transition["own"]["advskew"], 100);
        let clock = &transition["clock"];
        assert_eq!(
            (&clock["family"], &clock["length_us"]),
            (&"inet".into(), &3_390_625.into())
        );
        assert_eq!(clock["last_advert"]["source"], "192.0.2.1");
        assert_eq!(clock["last_advert"]["time"], clock["since"]);
    }
    let lost = &json(&net.two, "peers carp0 --json")["peers"][0];
    assert_eq!(lost["heard"], false);

    let late = net.two.try_carpctl("wait carp0 backup --timeout 0.1");
    assert_eq!(late.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&late.stderr),
        "carpctl: carp0: not backup after 0.1 s: it is master\n"
    );
    assert_eq!(net.two.carpctl("wait carp0 up"), "");
    assert_eq!(monitor.interrupt(), Some(0));
    for line in net
        .two
        .carpctl("why")
        .lines()
        .chain(net.two.carpctl("peers").lines())
    {
        assert!(
            line.replace('\t', "        ").chars().count() <= 80,
            "{line}"
        );
    }
}

#[test]
fn a_monitor_that_nobody_reads_delays_no_advert() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    net.configure(V4);
    net.wait_for_master(&net.one, &net.two);
    let monitors = [0; 3].map(|_| {
        let monitor = Monitor::start(&net.one, "--json");
        // As little as the kernel takes.
        rustix::pipe::fcntl_setpipe_size(monitor.output.get_ref(), 4_096).unwrap();
        monitor
    });
    net.one.carpctl("carp1 vhid 100 pass x carpdev vmx0");
    for _ in 0..30 {
        net.one.carpctl("carp1 down");
        net.one.carpctl("carp1 up");
    }
    let is_full = |monitor: &Monitor| {
        let waiting = rustix::io::ioctl_fionread(monitor.output.get_ref()).unwrap();
        waiting > 3_500
    };
    wait_until("the pipes are full", || monitors.iter().all(is_full));
    let received = || {
        let peers = json(&net.two, "peers carp0 --json");
        peers["peers"][0]["received"].as_u64().unwrap()
    };
    let before = received();
    wait_until("three more adverts are heard", || received() >= before + 3);
    assert_eq!(
        (net.one.state(), net.two.state()),
        ("MASTER".into(), "BACKUP".into())
    );
    assert_eq!(
        last_transition(&net.two)["to"],
        "BACKUP",
        "it never missed one"
    );
    let [mut one, other, third] = monitors;
    // It ends at once, though its last line waits.
    assert_eq!(other.interrupt(), Some(0));
    drop(third);
    // What waits is there for who comes back.
    let mut start = [0; 1_000];
    one.output.read_exact(&mut start).unwrap();
    assert!(String::from_utf8_lossy(&start).contains(r#""event":"transition""#));
    assert_eq!(one.interrupt(), Some(0));
}

#[test]
fn what_is_watched_needs_no_root_and_no_service_no_answer() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let node = &net.one;
    for words in ["why", "peers"] {
        assert_eq!(node.carpctl(words), "");
        let said = node.refused(&format!("{words} carp0"));
        assert_eq!(said, "carpctl: carp0: no such interface\n");
    }
    let late = node.try_carpctl("wait carp0 master --timeout 0");
    assert_eq!(late.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&late.stderr),
        "carpctl: carp0: no service runs: waiting for one\n\
         carpctl: carp0: not master after 0 s: no service runs\n"
    );
    node.wait_until_idle();
}
