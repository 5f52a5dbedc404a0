//! Which changes move an election, and which only the setting: each on a master and on a backup, in
//! virtual time, done and, before that, rehearsed.

use carp_net::memory::Memory;

use super::*;
use crate::server::service::control::Ticket;
use crate::vocabulary::rehearsal::Follows;

/// Two nodes, of which the first is master and the second backup.
struct Pair {
    clock: Memory,
    nodes: [Control<Memory>; 2],
}

const COMMON: &str = "vhid 1 carpdev vmx0 192.0.2.10/24 2001:db8::10/64";

impl Pair {
    fn new() -> Self {
        let lan = Lan::new(7);
        let node = || {
            Control::new(
                Driver::new(lan.node(), Settings::default().of_node()).unwrap(),
                false,
            )
        };
        let nodes = [node(), node()];
        let clock = lan.node();
        let mut pair = Self { clock, nodes };
        pair.say(0, COMMON);
        pair.say(1, &format!("{COMMON} advskew 100"));
        pair.pass(Duration::from_secs(10));
        assert_eq!(pair.roles(), [State::Master, State::Backup]);
        pair
    }

    fn say(&mut self, which: usize, line: &str) {
        let change = understood("carp0", line);
        self.nodes[which].change(Ticket(1), "carp0".parse().unwrap(), change);
        self.pass(Duration::from_millis(300));
        let (_, reply) = self.nodes[which].poll_reply().unwrap();
        assert!(matches!(reply, Reply::Done { .. }), "{line}: {reply:?}");
    }

    fn pass(&mut self, time: Duration) {
        let end = self.clock.now() + time;
        while self.clock.now() < end {
            for node in &mut self.nodes {
                node.process();
            }
            let next = self.nodes.iter().filter_map(Control::deadline).min();
            let next = next.map_or(end, |next| next.min(end));
            self.clock.wait(Some(next.max(self.clock.now()))).unwrap();
        }
    }

    fn report(&self, which: usize) -> Report {
        self.nodes[which].report("carp0".parse().unwrap()).unwrap()
    }

    fn roles(&self) -> [State; 2] {
        [0, 1].map(|which| self.report(which).carp.unwrap().state)
    }

    /// Whether `line` moves the election of a node; what is rehearsed of it must say the same.
    fn moves(which: usize, line: &str) -> bool {
        let mut pair = Self::new();
        let change = understood("carp0", line);
        let rehearsal = pair.nodes[which].rehearse("carp0".parse().unwrap(), &change);
        let rehearsal = rehearsal.unwrap();
        let before = pair.report(which);
        let kept: Vec<_> = before.addresses.iter().map(|it| it.installed).collect();
        let transitions = |pair: &Self| {
            let stats = pair.nodes[which].stats("carp0".parse().unwrap());
            let counters = serde_json::to_value(stats).unwrap()["counters"].take();
            counters["transitions"].as_u64().unwrap()
        };
        let counted = transitions(&pair);
        pair.say(which, line);
        let moved = transitions(&pair) != counted;
        let is_sure = rehearsal.election.follows == Follows::Yes;
        assert_eq!(moved, is_sure, "{line}: {rehearsal}");
        if !moved {
            let after = pair.report(which);
            let was_there = |it: &&crate::vocabulary::report::Address| {
                let mut before = before.addresses.iter();
                before.any(|old| old.address == it.address)
            };
            let now: Vec<_> = after.addresses.iter().filter(was_there).collect();
            let now: Vec<_> = now.iter().map(|it| it.installed).collect();
            assert_eq!(now, kept.get(..now.len()).unwrap(), "{line}");
            // Nor does it later on.
            pair.pass(Duration::from_secs(8));
            assert_eq!(transitions(&pair), counted, "{line}, later");
        }
        moved
    }
}

#[test]
fn settings_that_are_nobody_elses_or_only_numbers_move_no_election() {
    for line in [
        "up",
        "description rack",
        "group web",
        "mtu 1400",
        "advskew 50",
        "advbase 2",
        "peers openbsd",
        "advdemote both",
        "alias 192.0.2.11/24",
        "inet 192.0.2.10/25",
        "192.0.2.10/24 broadcast 192.0.2.0",
        "-inet6",
        "upscript /bin/true",
        "carpdev vmx0",
        "lladdr vhid",
        "vhid 1",
        "-carppeer",
        "mcast6",
        "-description -mtu",
    ] {
        assert!(!Pair::moves(0, line), "{line} on a master");
        assert!(!Pair::moves(1, line), "{line} on a backup");
    }
}

#[test]
fn what_others_know_a_node_by_begins_an_election() {
    for line in [
        "vhid 7",
        "carpdev vmx1",
        "lladdr carpdev",
        "lladdr 02:00:5e:00:00:07",
        "-inet -inet6",
        "down",
    ] {
        assert!(Pair::moves(0, line), "{line} on a master");
        assert!(Pair::moves(1, line), "{line} on a backup");
    }
    assert!(Pair::moves(0, "state backup"));
    assert!(!Pair::moves(0, "state master"));
    assert!(Pair::moves(1, "state master"));
    assert!(!Pair::moves(1, "state backup"));
}

#[test]
fn up_lets_go_of_a_node_that_is_held_back() {
    let mut pair = Pair::new();
    let preempt = Assignment {
        setting: Setting::Preempt,
        value: 1,
    };
    pair.nodes[0].assign(Ticket(1), &[preempt]);
    pair.nodes[0].poll_reply().unwrap();
    pair.say(0, "state backup");
    pair.pass(Duration::from_secs(8));
    assert_eq!(pair.roles(), [State::Backup, State::Master]);
    let mut rehearse = |line| {
        let change = understood("carp0", line);
        let rehearsal = pair.nodes[0].rehearse("carp0".parse().unwrap(), &change);
        rehearsal.unwrap().election
    };
    let stays = rehearse("advbase 1");
    assert_eq!(stays.follows, Follows::No);
    assert!(stays.why.contains("holds back until"), "{stays}");
    let up = rehearse("up");
    assert_eq!(up.follows, Follows::Maybe);
    assert!(up.why.contains("(preempt)"), "{up}");
    pair.say(0, "up");
    pair.pass(Duration::from_secs(8));
    assert_eq!(pair.roles(), [State::Master, State::Backup]);
}
