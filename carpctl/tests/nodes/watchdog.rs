//! No test waits for ever: one that does ends them all, and it is said what each process and
//! thread of it was doing.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use carp_net::carp_fsm::Timestamp;
use carp_net::lab::{self, Namespace};

/// A test that has made a network, until it is dropped.
pub(crate) struct Watched(ThreadId);

struct Test {
    thread: ThreadId,
    name: String,
    since: Timestamp,
    hosts: Vec<u64>,
}

static TESTS: Mutex<Vec<Test>> = Mutex::new(Vec::new());

fn tests() -> MutexGuard<'static, Vec<Test>> {
    TESTS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watched {
    /// Watches over the test that the calling thread runs.
    pub(crate) fn new() -> Self {
        static WATCHDOG: Once = Once::new();
        WATCHDOG.call_once(|| drop(thread::spawn(watch)));
        let current = thread::current();
        tests().push(Test {
            thread: current.id(),
            name: current.name().unwrap_or("a test").to_owned(),
            since: lab::now(),
            hosts: Vec::new(),
        });
        Self(current.id())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        tests().retain(|test| test.thread != self.0);
    }
}

/// Has the processes on a host be those of the test that the calling thread runs.
pub(crate) fn belongs_to_this_test(host: &Namespace) {
    let current = thread::current().id();
    if let Some(test) = tests().iter_mut().find(|test| test.thread == current) {
        test.hosts.push(host.inode());
    }
}

fn watch() {
    loop {
        thread::sleep(Duration::from_secs(1));
        let tests = tests();
        let now = lab::now();
        if tests.iter().all(|test| now - test.since < LIMIT) {
            continue;
        }
        let mut report = String::from("\nwatchdog: a test hangs\n");
        for test in tests.iter() {
            writeln!(report, "{}: for {:?}", test.name, now - test.since).unwrap();
        }
        report += &doings("self");
        let processes = processes(&tests);
        for process in &processes {
            report += &doings(process);
        }
        // Not what the harness captures.
        std::io::stderr().write_all(report.as_bytes()).ok();
        for process in processes {
            let pid = process
                .parse()
                .ok()
                .and_then(rustix::process::Pid::from_raw);
            if let Some(pid) = pid {
                rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok();
            }
        }
        std::process::exit(101);
    }
}

/// The processes on the hosts of these tests, other than this one.
fn processes(tests: &[Test]) -> Vec<String> {
    let hosts: Vec<String> = tests
        .iter()
        .flat_map(|test| &test.hosts)
        .map(|inode| format!("net:[{inode}]"))
        .collect();
    let own = std::process::id().to_string();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| *name != own && name.bytes().all(|byte| byte.is_ascii_digit()))
        .filter(|name| {
            let namespace = fs::read_link(format!("/proc/{name}/ns/net")).unwrap_or_default();
            hosts.iter().any(|host| Path::new(host) == namespace)
        })
        .collect()
}

/// What the kernel tells of each thread of a process.
fn doings(process: &str) -> String {
    let read = |path: String| {
        let bytes = fs::read(path).unwrap_or_default();
        String::from_utf8_lossy(&bytes)
            .replace('\0', " ")
            .trim()
            .to_owned()
    };
    let mut said = format!("{process}: {}\n", read(format!("/proc/{process}/cmdline")));
    let threads = fs::read_dir(format!("/proc/{process}/task"));
    for thread in threads.into_iter().flatten().flatten() {
        let thread = thread.path();
        let of = |file| read(format!("{}/{file}", thread.display()));
        let status = of("status");
        let state = status.lines().find(|line| line.starts_with("State:"));
        writeln!(
            said,
            "  {} {} {} syscall {}\n{}",
            thread.display(),
            of("comm"),
            state.unwrap_or_default(),
            of("syscall"),
            of("stack"),
        )
        .unwrap();
    }
    said
}

/// Some times what the longest takes, with the time it waits for others.
const LIMIT: Duration = Duration::from_secs(300);
