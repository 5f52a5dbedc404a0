//! What a lab leaves in the process that made it: nothing. Alone in its program, because it
//! counts what the whole process has.
#![cfg(all(target_os = "linux", feature = "lab"))]
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests are tests"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use carp_net::lab::{Lab, Namespace};

#[path = "support/lab.rs"]
mod lab;
use lab::lab;

#[test]
fn nothing_is_left_of_a_lab() {
    // Once unmeasured, so that what the process keeps for ever is there already.
    let Some(first) = lab() else { return };
    busy(first);
    let here = Namespace::current().unwrap();
    let before = traces();
    busy(Lab::new().unwrap());
    assert_eq!(traces(), before);
    assert_eq!(Namespace::current().unwrap(), here);
}

/// Has everything that a lab has at work, and drops some of it while it is.
fn busy(lab: Lab) {
    let one = lab.host("one").unwrap();
    let two = lab.host("two").unwrap();
    one.add_address("192.0.2.1/24").unwrap();
    two.add_address("192.0.2.2/24").unwrap();
    let target = "192.0.2.1".parse().unwrap();
    let echo = two.echo(target, 1_000).unwrap();
    let (tap, other_tap) = (lab.tap().unwrap(), two.tap("vmx0").unwrap());
    let asker = two.ask(target, Duration::from_millis(1)).unwrap();
    let mut child = one.command("sleep").arg("1000").spawn().unwrap();
    assert!(echo.wait_for_answers(100, Duration::from_secs(10)));
    assert!(asker.wait_for_answer(Duration::from_secs(10)).is_some());
    tap.stop().unwrap();
    asker.stop().unwrap();
    drop((echo, other_tap));
    drop((one, lab, two));
    assert!(!child.wait().unwrap().success());
}

/// The descriptors, threads and children of this process.
fn traces() -> (BTreeSet<PathBuf>, usize, String) {
    let descriptors = fs::read_dir("/proc/self/fd").unwrap();
    let targets = descriptors.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    let threads = fs::read_dir("/proc/self/task").unwrap().count();
    let children = fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    (targets.collect(), threads, children)
}
