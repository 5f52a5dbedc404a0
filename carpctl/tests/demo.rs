//! `carpctl demo` as people run it, as root and as nobody, to its end and not.
//!
//! These need the rights to make namespaces. Where they are missing each test says so and is
//! skipped; with `CI` set that is a failure.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests are tests"
)]
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, geteuid, kill_process};

#[test]
fn a_planned_switch_loses_no_echo() {
    let Some(output) = play(&mut demo(&["demo"])) else {
        return;
    };
    for line in [
        "one# carpctl carp0 vhid 99 pass … carpdev vmx0 192.0.2.10/24",
        "two# carpctl carp0 vhid 99 pass … carpdev vmx0 advskew 100 192.0.2.10/24",
        "one# carpctl carp0 down",
        "\tcarp: MASTER carpdev vmx0 vhid 99 advbase 1 advskew 0",
        "\tcarp: BACKUP carpdev vmx0 vhid 99 advbase 1 advskew 100",
        "\tcarp: INIT carpdev vmx0 vhid 99 advbase 1 advskew 0",
        "\tcarp: MASTER carpdev vmx0 vhid 99 advbase 1 advskew 100",
    ] {
        assert!(
            output.lines().any(|found| found == line),
            "{line}\n{output}"
        );
    }
    let verdict = output.lines().last().unwrap();
    assert!(verdict.starts_with("0 of "), "{output}");
    let widest = output.lines().map(|line| line.replace('\t', "        "));
    assert!(widest.map(|line| line.chars().count()).max().unwrap() <= 80);
}

#[test]
fn after_a_power_failure_the_other_node_answers_in_time() {
    let Some(output) = play(&mut demo(&["demo", "--fault", "kill"])) else {
        return;
    };
    let refusal = "carpctl: carp0: no such interface";
    assert!(output.lines().any(|line| line == refusal), "{output}");
    let verdict = output.lines().last().unwrap();
    assert!(verdict.starts_with("That is less than "), "{output}");
}

#[test]
fn it_needs_no_root() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("carpctl");
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    // Another program writes it: while this one does, a child of another test could keep it open.
    let mut copy = Command::new("cp");
    copy.arg(env!("CARGO_BIN_EXE_carpctl")).arg(&program);
    assert!(copy.status().unwrap().success());
    let mut command = Command::new(&program);
    command.arg("demo").current_dir("/");
    if geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let Some(output) = play(&mut command) else {
        return;
    };
    assert!(
        output.lines().last().unwrap().starts_with("0 of "),
        "{output}"
    );
}

#[test]
fn nothing_is_left_when_it_is_interrupted() {
    // Ctrl-C, the end of its terminal, and what nobody can prepare for.
    for (signal, patience) in [
        (Signal::INT, Duration::ZERO),
        (Signal::HUP, Duration::ZERO),
        (Signal::KILL, Duration::from_secs(5)),
    ] {
        let before = mounts_and_sockets();
        let Some(mut demo) = until_both_nodes_run() else {
            return;
        };
        let pid = Pid::from_child(&demo);
        let inside = namespaces_below(pid);
        // The network of the play, of the switch, and of three hosts, at least.
        assert!(inside.len() > 2, "{inside:?}");

        kill_process(pid, signal).unwrap();
        let status = demo.wait().unwrap();
        assert_eq!(status.signal(), Some(signal.as_raw()), "{status}");
        let mut waited = Duration::ZERO;
        while let Some(left) = processes_in(&inside) {
            assert!(waited < patience, "{signal:?}: {left:?} is left");
            thread::sleep(GLANCE);
            waited += GLANCE;
        }
        assert_eq!(mounts_and_sockets(), before);
    }
}

#[test]
fn the_play_refuses_to_run_on_the_machine_itself() {
    let output = demo(&["demo", "--on-stage"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "carpctl: demo: --on-stage is for carpctl itself\n");
}

fn demo(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_carpctl"));
    command.args(words);
    command
}

/// What it printed, if it was a success; nothing where it may not run.
fn play(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    if said.contains("namespaces") {
        skip(&said);
        return None;
    }
    assert!(output.status.success(), "{}\n{text}{said}", output.status);
    assert_eq!(said, "");
    Some(text)
}

/// A demonstration in the middle of its first election.
fn until_both_nodes_run() -> Option<Child> {
    let mut child = demo(&["demo"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let output = child.stdout.as_mut().map(BufReader::new);
    let mut lines = output.into_iter().flat_map(BufRead::lines);
    // The line of two comes before its command; the services need a moment to start.
    if !lines
        .by_ref()
        .map_while(Result::ok)
        .any(|line| line.starts_with("two# "))
    {
        let output = child.wait_with_output().unwrap();
        skip(&String::from_utf8_lossy(&output.stderr));
        return None;
    }
    let pid = Pid::from_child(&child);
    while namespaces_below(pid).len() < 4 {
        thread::sleep(GLANCE);
    }
    Some(child)
}

fn skip(reason: &str) {
    assert!(std::env::var_os("CI").is_none(), "{reason}");
    eprintln!("skipped: {reason}");
}

/// The network and pid namespaces of the processes in the pid namespace that `pid` made for its
/// children, by their numbers. They are held, so that no number comes to mean a namespace of
/// another test.
fn namespaces_below(pid: Pid) -> BTreeMap<u64, File> {
    let link = format!("/proc/{}/ns/pid_for_children", pid.as_raw_nonzero());
    let inside = fs::metadata(link).unwrap().ino();
    processes()
        .filter(|process| number_of(&process.join("ns/pid")) == Some(inside))
        .flat_map(|process| ["ns/pid", "ns/net"].map(|link| File::open(process.join(link))))
        .filter_map(Result::ok)
        .filter_map(|namespace| Some((namespace.metadata().ok()?.ino(), namespace)))
        .collect()
}

/// The number of the namespace that a link below `/proc` is of.
fn number_of(link: &Path) -> Option<u64> {
    fs::metadata(link).map(|namespace| namespace.ino()).ok()
}

/// A process in one of these namespaces. What has ended is in none, even before it is reaped.
fn processes_in(namespaces: &BTreeMap<u64, File>) -> Option<PathBuf> {
    processes().find(|process| {
        let links = ["ns/pid", "ns/net"].map(|link| number_of(&process.join(link)));
        links.iter().flatten().any(|it| namespaces.contains_key(it))
    })
}

fn processes() -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let is_number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    entries
        .map(|entry| entry.path())
        .filter(move |path| is_number(path).is_some())
}

/// What it could leave on the machine itself.
fn mounts_and_sockets() -> (String, bool) {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    (mounts, Path::new("/run/carpctl").exists())
}

const NOBODY: u32 = 65_534;

const GLANCE: Duration = Duration::from_millis(20);
