//! A whole service on a simulated network, spoken to over its socket.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};

use carp_net::Driver;
use carp_net::carp_fsm::carp_proto::Key;
use carp_net::carp_fsm::{Damage, LinkState, TakenDown};
use carp_net::memory::{Harm, Lan};
use proptest::prelude::*;
use tempfile::TempDir;

use super::live::{Live, Wishes};
use super::*;
use crate::clients::client;
use crate::clients::render;
use crate::paths::Paths;
use crate::server::notify::Notifier;
use crate::vocabulary::change::{CarriedKey, Change};
use crate::vocabulary::metrics::MetricsAddress;
use crate::vocabulary::protocol::{self, MAX_LINE, Reply, Request};
use crate::vocabulary::report::{Report, State};
use crate::vocabulary::settings::{Assignment, Setting};
use crate::vocabulary::words;

mod anew;
mod condition;
mod demotion;
mod hooks;
mod least;
mod metrics;
mod obstacles;
mod prefix;
mod socket;
mod watch;

/// Where a service serves metrics, in its directory.
const METRICS: &str = "metrics.sock";

/// A service in a thread of its own.
struct Bench {
    paths: Paths,
    lan: Lan,
    wishes: Wishes,
    service: JoinHandle<()>,
    _directory: TempDir,
}

impl Bench {
    /// A service as the first command starts it.
    fn on_demand() -> Self {
        Self::start(true)
    }

    /// A service that stays; it ends with the test program.
    fn staying() -> Self {
        Self::start(false)
    }

    fn start(on_demand: bool) -> Self {
        Self::managed(on_demand, None)
    }

    /// A service that tells a service manager.
    fn managed(on_demand: bool, notifier: Option<Notifier>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let paths = Paths::within(directory.path().to_owned(), 7);
        let listener = Listener::claim(&paths, None).unwrap();
        let wishes = Wishes::default();
        let lan = Lan::new(42);
        let driver = Driver::new(Live::new(&lan, &wishes), Settings::default().of_node()).unwrap();
        let control = Control::new(driver, on_demand);
        let service = Service::new(control, listener, Keeper::new(None, notifier), &[]).unwrap();
        let scraped = MetricsAddress::Unix(directory.path().join(METRICS));
        let door = Door::open(&scraped, &paths, None).unwrap();
        let service = service.scraped_through(door).unwrap();
        Self {
            paths,
            lan,
            wishes,
            service: thread::spawn(move || service.run().unwrap()),
            _directory: directory,
        }
    }

    /// Has `interface` changed by `line`.
    fn done(&self, interface: &str, line: &str) {
        let reply = change(&self.paths, interface, line);
        assert_eq!(reply, done(&[]), "{interface} {line}");
    }

    /// The reason why `interface` is not changed by `line`.
    fn refused(&self, interface: &str, line: &str) -> String {
        let reply = change(&self.paths, interface, line);
        let Reply::Refused { reason } = reply else {
            panic!("{interface} {line}: {reply:?}");
        };
        reason
    }

    fn show(&self) -> Vec<Report> {
        let request = Request::Show { interface: None };
        let mut replies = client::ask(&self.paths, &request).unwrap().unwrap();
        assert_eq!(replies.pop(), Some(Reply::End));
        let reports = replies.into_iter().map(|reply| {
            let Reply::Interface(report) = reply else {
                panic!("{reply:?}");
            };
            *report
        });
        reports.collect()
    }

    fn report(&self, interface: &str) -> Report {
        let found = self
            .show()
            .into_iter()
            .find(|report| report.name == interface);
        found.unwrap_or_else(|| panic!("{interface} is not there"))
    }

    fn state(&self, interface: &str) -> State {
        self.report(interface).carp.unwrap().state
    }

    fn connect(&self) -> UnixStream {
        UnixStream::connect(self.paths.socket()).unwrap()
    }

    /// Waits until the service has ended by itself.
    fn ended(self) {
        self.service.join().unwrap();
        assert!(!self.paths.socket().exists());
    }
}

/// Has `interface` changed by `line`, with a password.
fn change(paths: &Paths, interface: &str, line: &str) -> Reply {
    ask_for(paths, interface, understood(interface, line))
}

fn understood(interface: &str, line: &str) -> Change {
    let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
    let mut change = words::parse(interface, &words).unwrap().change;
    change.key = Some(CarriedKey(Key::from_password("SharedSecret")));
    change
}

fn ask_for(paths: &Paths, interface: &str, change: Change) -> Reply {
    let interface = interface.parse().unwrap();
    let request = Request::Change { interface, change };
    let mut replies = client::ask_for_change(paths, &request).unwrap();
    assert_eq!(replies.len(), 1);
    replies.remove(0)
}

fn done(notes: &[&str]) -> Reply {
    let notes = notes.iter().copied().map(str::to_owned).collect();
    Reply::Done { notes }
}

// ---- the operator's session ----

#[test]
fn session_of_the_how_to() {
    let bench = Bench::on_demand();
    bench.done("carp0", "vhid 99 carpdev vmx0 advskew 100");
    bench.done("carp0", "inet 192.0.2.10 netmask 255.255.255.0");
    assert_eq!(
        render::interface(&bench.report("carp0")),
        "carp0: flags=8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> mtu 1500\n\
         \tlladdr 00:00:5e:00:01:63\n\
         \tcarp: BACKUP carpdev vmx0 vhid 99 advbase 1 advskew 100\n\
         \tgroups: carp\n\
         \tstatus: backup\n\
         \tinet 192.0.2.10 netmask 0xffffff00 broadcast 192.0.2.255\n"
    );
    bench.done("carp0", "destroy");
    bench.ended();
}

#[test]
fn commands_move_the_election() {
    let bench = Bench::staying();
    bench.done("carp0", "vhid 1 carpdev vmx0 192.0.2.10/24");
    assert_eq!(bench.state("carp0"), State::Backup);
    bench.done("carp0", "state master");
    assert_eq!(bench.state("carp0"), State::Master);
    let installed = |report: &Report| report.addresses.iter().all(|address| address.installed);
    assert!(installed(&bench.report("carp0")));
    bench.done("carp0", "state backup");
    assert_eq!(bench.state("carp0"), State::Backup);
    bench.done("carp0", "down");
    assert_eq!(bench.state("carp0"), State::Init);
    assert!(
        bench
            .report("carp0")
            .flags
            .iter()
            .all(|flag| flag.to_string() != "UP")
    );
    bench.done("carp0", "up");
    assert_eq!(bench.state("carp0"), State::Backup);
    bench.done("carp0", "down advskew 7");
    assert_eq!(bench.state("carp0"), State::Init);
    bench.done("carp0", "up state master");
    assert_eq!(bench.state("carp0"), State::Master);
    // Nothing to hold, so nothing to wait for.
    bench.done("carp1", "vhid 2 carpdev vmx0 state master");
    assert_eq!(bench.state("carp1"), State::Master);
}

#[test]
fn address_that_cannot_be_put_in_place_is_told_to_whoever_wants_a_master() {
    let bench = Bench::staying();
    bench.done("carp0", "vhid 1 carpdev vmx0 192.0.2.10/24");
    bench.wishes.refuse_holding(true);
    let expected = "192.0.2.10: Permission denied (os error 13)";
    assert_eq!(bench.refused("carp0", "state master"), expected);
    assert_eq!(bench.state("carp0"), State::Backup);
    bench.wishes.refuse_holding(false);
    bench.done("carp0", "state master");
}

#[test]
fn interface_can_be_made_word_by_word() {
    let bench = Bench::staying();
    bench.done("carp0", "create");
    assert_eq!(bench.report("carp0").carp, None);
    assert_eq!(bench.refused("carp0", "create"), "exists already");
    bench.done("carp0", "vhid 1");
    bench.done("carp0", "carpdev vmx0");
    bench.done("carp0", "2001:db8::10/64");
    assert_eq!(bench.state("carp0"), State::Backup);
    bench.done("carp0", "destroy");
    assert!(bench.show().is_empty());
    assert_eq!(bench.refused("carp0", "destroy"), "no such interface");
}

#[test]
fn interfaces_are_listed_in_the_order_of_their_numbers_however_many_there_are() {
    let bench = Bench::staying();
    let many: Vec<String> = (0..300).map(|number| format!("carp{number}")).collect();
    for name in many.iter().rev() {
        bench.done(
            name,
            "carpdev vmx0 192.0.2.1/24 2001:db8::1/64 alias 192.0.2.2/24 down",
        );
    }
    let shown: Vec<String> = bench.show().into_iter().map(|report| report.name).collect();
    assert_eq!(shown, many);
}

#[test]
fn counters_of_the_service_come_before_those_of_its_interfaces() {
    let bench = Bench::staying();
    bench.done("carp0", "vhid 99 carpdev vmx0 192.0.2.10/24");
    bench.done("carp1", "create");
    let ask = |interface: Option<&str>| {
        let interface = interface.map(|name| name.parse().unwrap());
        let request = Request::Stats { interface };
        client::ask(&bench.paths, &request).unwrap().unwrap()
    };
    let names = |replies: &[Reply]| -> Vec<Option<String>> {
        let (end, stats) = replies.split_last().unwrap();
        assert_eq!(*end, Reply::End);
        let name = |reply: &Reply| {
            let Reply::Stats(stats) = reply else {
                panic!("{reply:?}");
            };
            stats.name.clone()
        };
        stats.iter().map(name).collect()
    };
    let (carp0, carp1) = (Some("carp0".to_owned()), Some("carp1".to_owned()));
    assert_eq!(names(&ask(None)), [None, carp0.clone(), carp1]);
    assert_eq!(names(&ask(Some("carp0"))), [None, carp0]);
    let reason = "no such interface".to_owned();
    assert_eq!(ask(Some("carp2")), [Reply::Refused { reason }]);
    bench.done("carp0", "state master");
    let sent = || match ask(Some("carp0")).as_slice() {
        [Reply::Stats(service), Reply::Stats(carp0), Reply::End] => {
            assert_eq!(service.counters, carp0.counters);
            serde_json::to_value(carp0.counters).unwrap()["opackets"].as_u64()
        }
        replies => panic!("{replies:?}"),
    };
    wait_for(|| sent() > Some(0));
}

#[test]
fn settings_come_before_any_interface() {
    let bench = Bench::on_demand();
    let assign = |value| {
        let setting = Setting::Preempt;
        let assign = vec![Assignment { setting, value }];
        client::ask_for_change(&bench.paths, &Request::Settings { assign }).unwrap()
    };
    let reply = |before, now| {
        let default = Settings::default();
        let [before, now] = [before, now].map(|preempt| Settings { preempt, ..default });
        [Reply::Settings { before, now }]
    };
    assert_eq!(assign(1), reply(false, true));
    bench.done("carp0", "vhid 1 carpdev vmx0");
    let would =
        "the service would end with its last interface: net.inet.carp.preempt would be 0 again";
    let lost = "the service ends with its last interface: net.inet.carp.preempt is 0 again";
    let (_, notes) = rehearsed(&bench, understood("carp0", "destroy"));
    assert_eq!(notes, [would]);
    assert_eq!(change(&bench.paths, "carp0", "destroy"), done(&[lost]));
    bench.ended();
}

#[test]
fn service_without_anything_left_to_serve_ends() {
    let bench = Bench::on_demand();
    bench.refused("carp0", "vhid 1 192.0.2.10/24");
    bench.ended();
}

#[test]
fn service_without_a_supervisor_says_at_once_that_it_cannot_be_restarted() {
    let bench = Bench::staying();
    let replies = client::ask_to_restart(&bench.paths).unwrap();
    let [Reply::Refused { reason }] = replies.as_slice() else {
        panic!("{replies:?}");
    };
    assert!(reason.contains("--unsupervised"), "{reason}");
}

// ---- helpers ----

/// `report` without what the passing of time changes.
fn still(mut report: Report) -> Report {
    report.last_transition = None;
    report
}

/// Asks again and again, each time over the socket, until `done` says so.
fn wait_for(done: impl Fn() -> bool) {
    let tries = 10_000;
    assert!((0..tries).any(|_| done()), "it never came to be");
}

/// Says why a test does not run; where everything must run, that is a failure.
fn skip(why: &str) {
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "skipped: {why}");
    println!("skipped: {why}");
}

/// What `change` of `carp0` would change, and the notes of that.
fn rehearsed(bench: &Bench, change: Change) -> (Vec<String>, Vec<String>) {
    let interface = "carp0".parse().unwrap();
    let request = Request::Rehearse { interface, change };
    let replies = client::ask(&bench.paths, &request).unwrap().unwrap();
    let [Reply::Rehearsal(rehearsal)] = replies.as_slice() else {
        panic!("{replies:?}");
    };
    let changes = rehearsal.changes.iter().map(ToString::to_string);
    (changes.collect(), rehearsal.notes.clone())
}
