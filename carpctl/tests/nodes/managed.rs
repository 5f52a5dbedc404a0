//! The service as systemd runs it: what it says over the notify protocol, from its start to its
//! end, and how a machine that boots is kept from taking over.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command};
use std::time::Duration;

use carp_net::lab::Process;
use rustix::process::{Pid, Signal, kill_process};

use crate::net::{Net, Node, PASS, PATIENCE, Terrain, V4, has_word, wait_until};

/// A service that is started as `carpctl.service` does, and the manager that it tells.
struct Unit<'a> {
    node: &'a Node,
    manager: UnixDatagram,
    child: Child,
}

impl<'a> Unit<'a> {
    fn start(node: &'a Node, words: &str) -> Self {
        let socket = node.run_dir().join("notify");
        let manager = UnixDatagram::bind(&socket).unwrap();
        // As systemd's: the service is another user.
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o777)).unwrap();
        manager.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut command = node.command(words);
        command.env("NOTIFY_SOCKET", socket);
        command.env("WATCHDOG_USEC", "400000");
        Self {
            node,
            manager,
            child: command.spawn().unwrap(),
        }
    }

    /// The next thing that it says.
    fn hears(&self) -> String {
        let mut buffer = [0; 1024];
        let length = self.manager.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    /// The next thing that it says and that is not about the watchdog.
    fn says(&self) -> String {
        loop {
            let text = self.hears();
            if text != "WATCHDOG=1\n" {
                return text;
            }
        }
    }

    /// Waits until it says `text`; nothing that `forbidden` begins comes before that.
    fn waits_for(&self, text: &str, forbidden: &str) {
        loop {
            let said = self.says();
            if said.contains(text) {
                return;
            }
            assert!(!said.starts_with(forbidden), "{said}");
        }
    }

    /// Waits until it has said that it makes progress.
    fn is_fed(&self) {
        while self.hears() != "WATCHDOG=1\n" {}
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn netstart(&self, etc: &std::path::Path) -> Command {
        let mut command = self.node.command("netstart");
        command.env("CARPCTL_ETC_DIR", etc);
        command
    }
}

impl Drop for Unit<'_> {
    fn drop(&mut self) {
        // Ended already where all went well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn main_process(node: &Node) -> u32 {
    node.supervisor().pid()
}

#[test]
fn systemd_is_told_all_along() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let node = &net.one;
    let mut unit = Unit::start(node, "daemon --boot");
    assert_eq!(unit.says(), "READY=1\nSTATUS=no interface; demotion 128\n");
    let shown = node.carpctl("-g carp");
    assert!(
        shown.starts_with("carp: carp demote count 128\n\t128 owner boot, for "),
        "{shown}"
    );
    unit.is_fed();

    // A reload.
    let etc = tempfile::tempdir().unwrap();
    let line = format!("vhid 99 pass {PASS} carpdev vmx0 {V4}\n");
    fs::write(etc.path().join("hostname.carp0"), line).unwrap();
    let output = unit.netstart(etc.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let reloading = unit.says();
    assert!(
        reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="),
        "{reloading}"
    );
    unit.waits_for("READY=1\nSTATUS=1 interface: carp0 ", "STOPPING");
    unit.waits_for("carp0 MASTER; demotion 128\n", "STOPPING");

    // What other services take for the wish to be reloaded.
    let engine = node.engine();
    unit.signal(Signal::HUP);
    let engine_pid = Pid::from_raw(engine.pid().try_into().unwrap()).unwrap();
    kill_process(engine_pid, Signal::HUP).unwrap();
    unit.is_fed();

    // An upgrade: the same main process, nothing ends, and the machine still boots.
    let main = main_process(node);
    node.carpctl("restart");
    wait_until("the engine is another one", || {
        let is_another = |it: &Process| has_word(it, "--engine") && it.pid() != engine.pid();
        node.services().iter().any(is_another)
    });
    unit.waits_for(
        "READY=1\nSTATUS=1 interface: carp0 MASTER; demotion 128",
        "STOPPING",
    );
    unit.is_fed();
    assert_eq!(main_process(node), main);

    node.carpctl("-g carp -carpdemote owner boot");
    unit.waits_for("demotion 0\n", "STOPPING");

    unit.signal(Signal::TERM);
    unit.waits_for("STOPPING=1\n", "RELOADING");
    assert!(unit.child.wait().unwrap().success());
    node.wait_until_idle();
}

#[test]
fn service_without_a_supervisor_tells_it_itself_and_feeds_the_watchdog() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let mut unit = Unit::start(&net.one, "daemon --unsupervised");
    assert_eq!(unit.says(), "READY=1\nSTATUS=no interface; demotion 0\n");
    for _ in 0..3 {
        unit.is_fed();
    }
    // Nobody else is there to feed it.
    unit.signal(Signal::STOP);
    while unit
        .manager
        .set_read_timeout(Some(Duration::from_millis(500)))
        .is_ok()
    {
        let mut buffer = [0; 64];
        if unit.manager.recv(&mut buffer).is_err() {
            break;
        }
    }
    unit.signal(Signal::CONT);
    unit.manager.set_read_timeout(Some(PATIENCE)).unwrap();
    unit.is_fed();
    unit.signal(Signal::TERM);
    unit.waits_for("STOPPING=1\n", "READY");
    assert!(unit.child.wait().unwrap().success());
}
