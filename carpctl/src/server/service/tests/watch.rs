//! Those who are told what happens: what they hear, and what they cost when they do not listen.

use std::io::{BufRead as _, BufReader};
use std::time::Duration;

use carp_net::memory::Observed;

use super::*;
use crate::vocabulary::demotion::Demand;
use crate::vocabulary::protocol::decode;
use crate::vocabulary::watch::{Happening, What};

/// A reader that reads.
struct Reader(BufReader<UnixStream>);

impl Reader {
    /// Watches `interfaces`, or all.
    fn of(bench: &Bench, interfaces: &[&str]) -> Self {
        let mut stream = bench.connect();
        stream.write_all(&watch(interfaces)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        Self(BufReader::new(stream))
    }

    /// `None` at the end.
    fn next(&mut self) -> Option<Reply> {
        let mut line = Vec::new();
        let read = match self.0.read_until(b'\n', &mut line) {
            // What was said last was not read.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
            read => read.unwrap(),
        };
        (read > 0).then(|| decode(&line).unwrap())
    }

    /// The names of the interfaces that it is told of before anything happens.
    fn stand(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        loop {
            let reply = self.next().unwrap();
            if reply == Reply::End {
                return names;
            }
            let Reply::Interface(report) = reply else {
                panic!("{reply:?}");
            };
            names.push(report.name);
        }
    }

    fn happening(&mut self) -> Happening {
        let reply = self.next().unwrap();
        let Reply::Happened(happening) = reply else {
            panic!("{reply:?}");
        };
        *happening
    }

    /// The next change of state, as text.
    fn transition(&mut self) -> String {
        loop {
            let happening = self.happening();
            if let What::Transition { from, to, .. } = happening.what {
                let name = happening.interface.unwrap();
                return format!("{name}: {from} -> {to}");
            }
        }
    }
}

fn watch(interfaces: &[&str]) -> Vec<u8> {
    let parse = |name: &&str| name.parse().unwrap();
    let interfaces = interfaces.iter().map(parse).collect();
    let request = Request::Watch { interfaces };
    protocol::encode(&request).unwrap().to_vec()
}

#[test]
fn reader_is_told_how_things_stand_and_then_what_happens() {
    let bench = Bench::staying();
    bench.done("carp0", "vhid 1 carpdev vmx0 192.0.2.1/24");
    bench.done("carp1", "vhid 2 carpdev vmx0 192.0.2.2/24 down");
    let mut all = Reader::of(&bench, &[]);
    let mut one = Reader::of(&bench, &["carp1"]);
    assert_eq!(all.stand(), ["carp0", "carp1"]);
    assert_eq!(one.stand(), ["carp1"]);
    bench.done("carp0", "state master");
    bench.done("carp1", "up");
    assert_eq!(all.transition(), "carp0: BACKUP -> MASTER");
    assert_eq!(all.transition(), "carp1: INIT -> BACKUP");
    assert_eq!(one.transition(), "carp1: INIT -> BACKUP");
    bench.done("carp1", "destroy");
    assert_eq!(one.transition(), "carp1: BACKUP -> INIT");
    assert_eq!(one.happening().what, What::Gone);
}

#[test]
fn demotions_are_told_to_those_whose_interfaces_they_concern() {
    let bench = Bench::staying();
    bench.done("carp0", "vhid 1 carpdev vmx0 group web");
    bench.done("carp1", "vhid 2 carpdev vmx0");
    let mut web = Reader::of(&bench, &["carp0"]);
    let mut other = Reader::of(&bench, &["carp1"]);
    assert_eq!(web.stand(), ["carp0"]);
    assert_eq!(other.stand(), ["carp1"]);
    for (group, amount) in [("web", 7), ("carp", 3)] {
        let demand = Demand::Add(amount);
        let request = Request::Demote {
            group: group.parse().unwrap(),
            demand,
        };
        client::ask_for_change(&bench.paths, &request).unwrap();
    }
    let group = |reader: &mut Reader| {
        let what = reader.happening().what;
        let What::Demotion { group, total, .. } = what else {
            panic!("{what:?}");
        };
        format!("{group} {total}")
    };
    assert_eq!(group(&mut web), "web 7");
    assert_eq!(group(&mut web), "carp 3");
    assert_eq!(group(&mut other), "carp 3");
}

#[test]
fn reader_that_stops_loses_the_oldest_and_is_told_how_many() {
    let bench = Bench::staying();
    bench.done("carp0", "vhid 1 carpdev vmx0 down");
    let mut lazy = Reader::of(&bench, &[]);
    lazy.stand();
    let mut keen = Reader::of(&bench, &[]);
    keen.stand();
    // Much more than the kernel takes and the service keeps.
    let mut told = 0;
    for _ in 0..800 {
        for word in ["up", "down"] {
            bench.done("carp0", word);
            keen.transition();
            told += 1;
        }
    }
    let (mut read, mut missed) = (0, 0);
    while read + missed < told {
        let reply = lazy.next().unwrap();
        if let Reply::Missed { count } = reply {
            missed += count;
        } else {
            assert!(matches!(reply, Reply::Happened(_)), "{reply:?}");
            read += 1;
        }
    }
    assert!(missed > 0, "{read} lines were kept");
    // It goes on where the others are.
    bench.done("carp0", "up");
    assert_eq!(lazy.transition(), "carp0: INIT -> BACKUP");
    assert_eq!(keen.transition(), "carp0: INIT -> BACKUP");
}

#[test]
fn readers_that_stop_do_not_slow_the_service() {
    let bench = Bench::staying();
    bench.done(
        "carp0",
        "vhid 1 carpdev vmx0 advbase 0 advskew 25 192.0.2.1/24",
    );
    let mut readers: Vec<Reader> = (0..20).map(|_| Reader::of(&bench, &[])).collect();
    readers.iter_mut().for_each(|reader| drop(reader.stand()));
    bench.done("carp0", "state master");
    bench.done("carp1", "vhid 2 carpdev vmx0 down");
    bench.lan.observe();
    for _ in 0..500 {
        bench.done("carp1", "up");
        bench.done("carp1", "down");
    }
    let observed = bench.lan.observed();
    let adverts = observed.iter().filter_map(|it| match it.what {
        Observed::Advert(advert) => (advert.vhid == 1).then_some(it.at),
        Observed::Announcement(_) | Observed::Change | _ => None,
    });
    let adverts: Vec<Timestamp> = adverts.collect();
    assert!(adverts.len() > 3, "one every 0.1 s: {}", adverts.len());
    for pair in adverts.windows(2) {
        let gap = pair[1] - pair[0];
        assert!(gap < Duration::from_secs(1), "{gap:?} without an advert");
    }
}

#[test]
fn reader_keeps_no_service_and_is_told_that_it_ends() {
    let bench = Bench::on_demand();
    bench.done("carp0", "create");
    let mut reader = Reader::of(&bench, &[]);
    assert_eq!(reader.stand(), ["carp0"]);
    bench.done("carp0", "destroy");
    let last = std::iter::from_fn(|| reader.next()).last();
    assert_eq!(last, Some(Reply::Ending));
    bench.ended();
}

#[test]
fn reader_that_says_more_is_let_go() {
    let bench = Bench::staying();
    let mut reader = Reader::of(&bench, &[]);
    reader.stand();
    reader.0.get_mut().write_all(b"more\n").unwrap();
    assert_eq!(reader.next(), None);
    assert_eq!(bench.show(), []);
}

// ---- what became of it ----

fn ask(bench: &Bench, request: &Request) -> Vec<Reply> {
    client::ask(&bench.paths, request).unwrap().unwrap()
}

#[test]
fn why_is_told_of_one_and_of_all() {
    let bench = Bench::staying();
    bench.done("carp0", "vhid 1 carpdev vmx0 192.0.2.1/24");
    bench.done("carp0", "state master");
    bench.done("carp1", "create");
    let of = |interface: Option<&str>| {
        let interface = interface.map(|name| name.parse().unwrap());
        let mut replies = ask(&bench, &Request::Why { interface });
        assert_eq!(replies.pop(), Some(Reply::End));
        let told = replies.into_iter().map(|reply| {
            let Reply::Why(why) = reply else {
                panic!("{reply:?}");
            };
            *why
        });
        told.collect::<Vec<_>>()
    };
    let all = of(None);
    let [carp0, carp1] = all.as_slice() else {
        panic!("{all:?}");
    };
    let went: Vec<_> = carp0
        .transitions
        .iter()
        .map(|it| (it.to, it.cause.rule.as_str()))
        .collect();
    assert_eq!(
        went,
        [(State::Backup, "configured"), (State::Master, "command")]
    );
    assert_eq!(carp0.transitions[1].cause.section.as_deref(), Some("4.7"));
    assert_eq!(carp0.now.state, State::Master);
    assert_eq!(carp0.now.advertises_every_us, Some(1_000_000));
    assert!(!carp1.now.configured && carp1.transitions.is_empty());
    assert_eq!(of(Some("carp0")).len(), 1);
}

#[test]
fn who_is_not_there_hears_nobody() {
    let bench = Bench::staying();
    bench.done("carp0", "vhid 1 carpdev vmx0 192.0.2.1/24");
    let of = |name: &str| {
        let interface = Some(name.parse().unwrap());
        ask(&bench, &Request::Peers { interface })
    };
    let nobody = crate::vocabulary::watch::peers::Peers {
        name: "carp0".to_owned(),
        peers: Vec::new(),
        refused: Vec::new(),
    };
    assert_eq!(of("carp0"), [Reply::Peers(Box::new(nobody)), Reply::End]);
    let reason = "no such interface".to_owned();
    assert_eq!(of("carp9"), [Reply::Refused { reason }]);
}
