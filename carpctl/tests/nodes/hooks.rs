//! Hooks: what they are told, in which order, and that the election waits for none of them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::net::{Net, Node, PASS, PATIENCE, Terrain, V4, V6, has_word, none_lost, wait_until};

/// Scripts of one node, in `/etc/carpctl`, and what they have written down. The service runs as a
/// user of its own, and can have no others run.
struct Scripts<'a> {
    node: &'a Node,
    directory: PathBuf,
}

impl<'a> Scripts<'a> {
    fn of(node: &'a Node) -> Self {
        let directory = node.etc().join("carpctl");
        fs::create_dir_all(directory.join("hooks.d")).unwrap();
        Self { node, directory }
    }

    /// Makes a script; `say` in it writes a line down.
    fn script(&self, name: &str, text: &str) -> String {
        let path = self.directory.join(name);
        self.write(&path, text);
        path.display().to_string()
    }

    /// Makes one that runs for every interface.
    fn for_all(&self, name: &str, text: &str) {
        self.write(&self.directory.join("hooks.d").join(name), text);
    }

    fn write(&self, path: &Path, text: &str) {
        let log = self.log_file();
        let text = format!(
            "#!/bin/sh\nsay() {{ echo \"$@\" >>{}; }}\n{text}\n",
            log.display()
        );
        // In place at once and whole: while this process writes it, a child of another test could
        // keep it open, and nobody could run it.
        let new = path.with_extension("new");
        fs::write(&new, text).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
        let words = format!("{} {}", new.display(), path.display());
        self.node.run("cp", &words);
    }

    fn log_file(&self) -> PathBuf {
        self.directory.join("log")
    }

    fn log(&self) -> Vec<String> {
        let text = fs::read_to_string(self.log_file()).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn wait_for(&self, line: &str) {
        let what = format!("a hook has written `{line}'");
        wait_until(&what, || self.log().iter().any(|it| it == line));
    }
}

/// Tells which script it is, what it was given, and what it finds in its environment.
const TELL: &str = "say $(basename $0) $CARP_EVENT $* / $CARP_INTERFACE $CARP_CARPDEV $CARP_VHID \
                    $CARP_PREVIOUS $CARP_STATE / $CARP_ADDRESSES / ${HOME-clean} $(id -u)";

#[test]
fn hooks_run_in_order_and_are_told_as_by_ucarp() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let node = &net.one;
    let scripts = Scripts::of(node);
    let script = scripts.script("tell", TELL);
    scripts.for_all("10-all", "say all $CARP_EVENT \"$CARP_REASON\"");
    scripts.for_all("20-old.bak", "say nobody runs this");
    node.carpctl(&format!(
        "carp0 vhid 99 pass {PASS} carpdev vmx0 {V4} {V6} upscript {script} \
         backupscript {script} downscript {script} xparam web"
    ));
    let shown = node.carpctl("carp0");
    assert!(shown.contains(&format!("\tupscript {script}\n")), "{shown}");
    assert_eq!(node.json()["hooks"]["xparam"], "web");
    node.wait_for("MASTER", PATIENCE);
    scripts.wait_for("all up master timed out (inet)");

    // A service that goes on has nothing to tell.
    node.carpctl("restart");
    node.engine().kill().unwrap();
    wait_until("another engine is there", || node.services().len() == 2);
    assert_eq!(node.state(), "MASTER");

    node.carpctl("carp0 down");
    scripts.wait_for("all down requested: down");
    node.carpctl("carp0 up");
    scripts.wait_for("all backup requested: up");
    // The last interface takes the service with it, but not before its hooks have run.
    node.carpctl("carp0 destroy");
    node.wait_until_idle();
    let told = |event: &str, states: &str| {
        format!("tell {event} vmx0 192.0.2.10 web / carp0 vmx0 99 {states} / {V4} {V6} / clean 0")
    };
    assert_eq!(
        scripts.log(),
        [
            told("backup", "INIT BACKUP"),
            "all backup configured".to_owned(),
            told("up", "BACKUP MASTER"),
            "all up master timed out (inet)".to_owned(),
            told("down", "MASTER INIT"),
            "all down requested: down".to_owned(),
            told("backup", "INIT BACKUP"),
            "all backup requested: up".to_owned(),
            told("down", "BACKUP INIT"),
            "all down stopped".to_owned(),
        ]
    );
}

#[test]
fn hook_that_hangs_is_killed_and_nothing_waits_for_it() {
    let Some(net) = Net::new(Terrain::default()) else {
        return;
    };
    let (one, two) = (&net.one, &net.two);
    let scripts = Scripts::of(two);
    let hangs = scripts.script("hangs", "trap '' TERM\nsay up\nwhile :; do sleep 0.1; done");
    let tells = scripts.script("tells", "say $CARP_EVENT skipped $CARP_SKIPPED");
    net.configure(V4);
    two.carpctl(&format!(
        "carp0 upscript {hangs} backupscript {tells} downscript {tells} hooktimeout 3"
    ));
    net.wait_for_master(one, two);
    let echoes = net.echoes(&[V4]);
    one.carpctl("carp0 state backup");
    net.wait_for_master(two, one);
    scripts.wait_for("up");
    // Behind it there is room for one, and the newest state has it.
    two.carpctl("carp0 state backup");
    net.wait_for_master(one, two);
    one.carpctl("carp0 state backup");
    net.wait_for_master(two, one);
    two.carpctl("carp0 state backup");
    net.wait_for_master(one, two);
    assert_eq!(scripts.log(), ["up"], "it hangs still");
    scripts.wait_for("backup skipped 2");
    assert_eq!(scripts.log(), ["up", "backup skipped 2"]);
    none_lost(echoes, "while a hook hung");
    let groups = two.host.namespace().processes().unwrap();
    assert!(!groups.iter().any(|it| has_word(it, &hangs)), "killed");

    // What went wrong is shown until it goes well again.
    let shown = two.carpctl("carp0");
    assert!(shown.contains("\thook: "), "{shown}");
    let expected = format!("up: {hangs}: took too long, killed");
    assert_eq!(two.json()["hook_error"]["reason"], expected);
    scripts.script("hangs", "say fine");
    one.carpctl("carp0 down");
    scripts.wait_for("fine");
    wait_until("the failure is forgotten", || {
        two.json()["hook_error"].is_null()
    });
}

#[test]
fn prepare_refuses_or_is_not_waited_for() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let node = &net.two;
    let scripts = Scripts::of(node);
    let prepare = scripts.script("prepare", "say $CARP_EVENT $1 $2 $CARP_REASON\nexit 3");
    net.configure(V4);
    node.carpctl(&format!("carp0 preparescript {prepare}"));
    net.wait_for_master(&net.one, node);
    net.one.carpctl("carp0 down");
    let asked = "prepare vmx0 192.0.2.10 master bowed out: 192.0.2.1";
    scripts.wait_for(asked);
    let refusal = format!("refused by {prepare}: exit status 3");
    wait_until("the refusal is shown", || {
        node.json()["error"]["reason"] == refusal.as_str()
    });
    assert_eq!(node.state(), "BACKUP");
    assert_eq!(node.json()["addresses"][0]["installed"], false);
    // It is asked again when it would take over again, and whoever insists is told.
    scripts.wait_for("prepare vmx0 192.0.2.10 master timed out (inet)");
    let said = node.refused("carp0 state master");
    assert_eq!(said, format!("carpctl: carp0: {refusal}\n"));

    scripts.script("prepare", "say again; sleep 60");
    scripts.wait_for("again");
    node.wait_for("MASTER", Duration::from_secs(4));
    let shown = node.json()["hook_error"]["reason"].to_string();
    let expected = "preparescript has not answered within 2 s: taking over without it";
    assert!(shown.contains(expected), "{shown}");

    // What may not be run does not answer either: a service without rights could have anything done.
    node.carpctl("carp0 preparescript /bin/false");
    node.carpctl("carp0 state backup");
    node.wait_for("BACKUP", PATIENCE);
    node.carpctl("carp0 state master");
    node.wait_for("MASTER", PATIENCE);
    let shown = node.json()["hook_error"]["reason"].to_string();
    assert!(shown.contains("taking over without it"), "{shown}");
    // Whoever names what is not there hears of it at once.
    let said = node.try_carpctl("carp0 upscript /nonexistent");
    assert!(said.status.success());
    assert_eq!(
        String::from_utf8(said.stderr).unwrap(),
        "carpctl: carp0: `upscript /nonexistent': no such file\n"
    );
}

#[test]
fn end_of_the_service_waits_for_hooks_and_the_bow_out_for_nothing() {
    let Some(net) = Net::new(Terrain::default()) else {
        return;
    };
    let (one, two) = (&net.one, &net.two);
    let scripts = Scripts::of(one);
    let down = scripts.script("down", "say begun\nsleep 2\nsay ended");
    net.configure(V4);
    one.carpctl(&format!("carp0 downscript {down}"));
    net.wait_for_master(one, two);
    let echoes = net.echoes(&[V4]);
    one.supervisor().terminate().unwrap();
    two.wait_for("MASTER", Duration::from_secs(1));
    scripts.wait_for("begun");
    assert_eq!(scripts.log(), ["begun"]);
    one.wait_until_idle();
    assert_eq!(scripts.log(), ["begun", "ended"]);
    none_lost(echoes, "while the hook ran");
}

#[test]
fn runner_and_keeper_that_are_killed_are_started_again_and_do_what_was_left() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let node = &net.one;
    let scripts = Scripts::of(node);
    let up = scripts.script("up", "say begun\ntest -e $0.ready || sleep 60\nsay ended");
    node.carpctl(&format!(
        "carp0 vhid 99 pass {PASS} carpdev vmx0 {V4} upscript {up}"
    ));
    scripts.wait_for("begun");
    let ago = node.json()["last_transition"]["ago_ms"].as_u64().unwrap();
    scripts.script("up.ready", "");
    let all_with = |word: &str| {
        let mut all = node.host.namespace().processes().unwrap();
        all.retain(|process| has_word(process, word));
        all
    };
    let kill = |word: &str| {
        let mut all = all_with(word);
        assert_eq!(all.len(), 1, "one process has the word `{word}'");
        all[0].kill().unwrap();
        all.remove(0)
    };
    kill("--kept");
    scripts.wait_for("ended");
    // What it has left behind does not go on beside the next.
    wait_until("none of them is left", || all_with(&up).is_empty());
    assert_eq!(scripts.log(), ["begun", "begun", "ended"]);
    // Who is killed is replaced, be it the one that sees to that.
    for word in ["--keeper", "--kept", "--keeper"] {
        let killed = kill(word);
        wait_until("both are there again", || {
            let is_there = |word| {
                let all = all_with(word);
                all.len() == 1 && all[0].pid() != killed.pid()
            };
            is_there("--keeper") && is_there("--kept")
        });
    }
    assert_eq!(node.state(), "MASTER");
    assert!(node.json()["last_transition"]["ago_ms"].as_u64().unwrap() >= ago);
    node.carpctl(&format!(
        "carp0 downscript {}",
        scripts.script("down", "say down")
    ));
    node.carpctl("carp0 down");
    scripts.wait_for("down");
}

/// As a unit of its own, which a service with no more rights than it needs cannot start.
#[test]
fn runner_beside_the_service_ends_once_its_hooks_have() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let node = &net.one;
    let scripts = Scripts::of(node);
    scripts.for_all(
        "10-slow",
        "say began\nwhile [ ! -e $0.go ]; do sleep 0.05; done\nsay ended",
    );
    let mut runner = node.command("hooks").spawn().unwrap();
    let mut service = node.command("daemon --no-hooks").spawn().unwrap();
    wait_until("the service listens", || node.services().len() == 2);
    node.carpctl(&format!("carp0 vhid 99 pass {PASS} carpdev vmx0 {V4}"));
    scripts.wait_for("began");
    let end = |child: &Child| kill_process(Pid::from_child(child), Signal::TERM).unwrap();
    end(&runner);
    assert!(runner.try_wait().unwrap().is_none());
    fs::write(scripts.directory.join("hooks.d/10-slow.go"), "").unwrap();
    assert!(runner.wait().unwrap().success());
    assert_eq!(scripts.log()[..2], ["began", "ended"]);
    end(&service);
    assert!(service.wait().unwrap().success());
}
