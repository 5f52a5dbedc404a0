//! Groups, and demotion that is in the skew: who is told, and how slow adverts become.

use super::*;
use crate::{Ailment, Dialect, Owner, VirtualHost};
use carp_proto::{Key, Vhid};

fn demote(group: &str, owner: &str, amount: i32) -> Input {
    Input::Demote {
        group: group.into(),
        owner: owner.into(),
        amount,
    }
}

/// Masters with vhids 1 to 3: in no group of their own, in `db`, and in `db` and `web`.
fn grouped() -> (Node, [crate::HostId; 3]) {
    let mut node = Node::new(Node::builder().manage_addresses(false), 1);
    let groups: [&[&str]; 3] = [&[], &["db"], &["db", "web", "db", "carp"]];
    let mut vhid = 0;
    let ids = groups.map(|groups| {
        vhid += 1;
        let vhid = Vhid::new(vhid).unwrap();
        let host = VirtualHost::new(vhid, Key::none()).with_groups(groups);
        let id = node.add(crate::Timestamp::ZERO, LINK, host).unwrap();
        node.handle(
            crate::Timestamp::ZERO,
            Input::Command {
                id,
                command: Command::Master,
            },
        );
        id
    });
    while node.poll_action().is_some() {}
    (node, ids)
}

/// Which of them advertise after `input`, and with which byte 4.
fn told(node: &mut Node, ids: [crate::HostId; 3], input: Input) -> Vec<(usize, u8)> {
    node.handle(crate::Timestamp::ZERO, input);
    let mut told = Vec::new();
    while let Some(action) = node.poll_action() {
        if let Action::Send { id, payload, .. } = action {
            let which = ids.iter().position(|known| *known == id).unwrap();
            told.push((which + 1, payload[4]));
        }
    }
    told
}

/// §5.2, item 2: the sum over the groups of a host; those of the group are told, and no others.
#[test]
fn groups_add_up_and_only_their_hosts_are_told() {
    let (mut node, ids) = grouped();
    assert_eq!(told(&mut node, ids, demote("db", "a", 5)), [(2, 5), (3, 5)]);
    assert_eq!(told(&mut node, ids, demote("web", "a", 7)), [(3, 12)]);
    let all = [(1, 1), (2, 6), (3, 13)];
    assert_eq!(told(&mut node, ids, demote("carp", "a", 1)), all);
    assert_eq!(told(&mut node, ids, demote("nobody", "a", 9)), []);
    let sums = ids.map(|id| node.host(id).unwrap().demotion());
    assert_eq!(sums, [1, 6, 13]);
    // Less is told with the next advert, and again is nothing new.
    assert_eq!(told(&mut node, ids, demote("db", "a", 4)), []);
    assert_eq!(told(&mut node, ids, demote("db", "a", 4)), []);
    assert_eq!(told(&mut node, ids, demote("web", "b", 250)), [(3, 255)]);
    assert_eq!(node.demotion("web"), 257);
}

#[test]
fn each_host_is_in_carp_and_in_each_group_once() {
    let (node, ids) = grouped();
    let groups = |id| node.host(id).unwrap().config().groups().collect::<Vec<_>>();
    assert_eq!(groups(ids[0]), ["carp"]);
    assert_eq!(groups(ids[2]), ["carp", "db", "web"]);
}

#[test]
fn owner_and_age_of_a_demotion_stay() {
    let mut bench = Bench::master();
    let began = bench.now;
    bench.input(demote("carp", "haproxy", 50));
    bench.pass_millis(5_000);
    bench.input(demote("carp", "haproxy", 60));
    let entry = bench.node.demotions().next().unwrap();
    assert_eq!((entry.amount, entry.since), (60, began));
    bench.input(demote("carp", "haproxy", 0));
    assert_eq!(bench.node.demotions().count(), 0);
    bench.input(demote("carp", "haproxy", 1));
    assert_eq!(bench.node.demotions().next().unwrap().since, bench.now);
}

/// However large it was, what is taken away leaves nothing.
#[test]
fn demotion_never_leaks() {
    for (one, other) in [(i32::MAX, i32::MAX), (i32::MIN, i32::MIN), (i32::MIN, -1)] {
        let mut bench = Bench::master();
        bench.input(demote("carp", "one", one));
        bench.input(demote("carp", "other", other));
        assert_eq!(bench.node.demotion("carp"), one.saturating_add(other));
        bench.input(demote("carp", "other", 0));
        assert_eq!(bench.node.demotion("carp"), one);
        bench.input(demote("carp", "one", 0));
        assert_eq!(bench.node.demotion("carp"), 0);
    }
}

/// §4.7 of [F]: by 240, in its dialect alone, and a change of dialect is no way to leak any.
#[test]
fn own_demotion_follows_the_dialect() {
    for (dialect, by) in [(Dialect::FreeBsd, 240), (Dialect::NetBsd, 1)] {
        let mut bench = Bench::new(Node::builder(), host(0, &[V4]).speaking(dialect));
        bench.input(link(LinkState::Down));
        let entry = bench.node.demotions().next().unwrap();
        assert_eq!(entry.owner, &Owner::Host(bench.id, Ailment::Carpdev));
        assert_eq!(entry.amount, by);
        let told = host(0, &[V4]).speaking(Dialect::Portable);
        bench.node.change(bench.now, bench.id, LINK, told).unwrap();
        assert_eq!(bench.node.demotion("carp"), 1, "{dialect}");
        bench.input(link(LinkState::Up));
        assert_eq!(bench.node.demotion("carp"), 0, "{dialect}");
    }
}

/// The lease must outlast the interval of a demoted master, and a freeze is what leaves too little
/// of it: 4 s less 1.9375 s, or less 1 s where adverts stay as they are.
#[test]
fn demotion_in_the_skew_makes_adverts_slower_and_freezes_sooner() {
    for (dialect, limit) in [
        (Dialect::NetBsd, 2_042_500),
        (Dialect::FreeBsd, 2_042_500),
        (Dialect::Ucarp, 2_042_500),
        (Dialect::Portable, 2_980_000),
        (Dialect::OpenBsd, 2_980_000),
    ] {
        for (late, is_frozen) in [(limit - 1, false), (limit, true)] {
            let mut bench = Bench::new(Node::builder(), host(0, &[V4]).speaking(dialect));
            bench.command(Command::Master);
            bench.pass_millis(10_000);
            assert_eq!(bench.node.lease(bench.id), Some(Duration::from_secs(4)));
            bench.told();
            let advertises = bench.node.deadline().unwrap().at;
            bench
                .node
                .handle_timeout(advertises + Duration::from_micros(late));
            bench.drain();
            let told = bench.told();
            let froze = told.iter().any(|line| line.contains("frozen"));
            assert_eq!(froze, is_frozen, "{dialect} {late} {told:?}");
        }
    }
}

/// A demoted master's lease is renewed before it ends, whatever the interval.
#[test]
fn lease_outlasts_the_slowest_adverts() {
    for dialect in Dialect::ALL {
        for (base, skew) in [
            (0, 0),
            (0, 1),
            (0, 254),
            (1, 0),
            (1, 254),
            (7, 3),
            (254, 254),
        ] {
            let told = host(skew, &[V4]).advbase(base).unwrap().speaking(dialect);
            let slowest = told.claim(i32::MAX).interval.advert();
            let bench = Bench::new(Node::builder(), told);
            let lease = bench.node.lease(bench.id).unwrap();
            assert!(
                lease > slowest,
                "{dialect} {base}/{skew}: {lease:?}, {slowest:?}"
            );
        }
    }
}

/// §10, rule 7: byte 4 is for those who look there. Whoever speaks another dialect does not yield to
/// everybody because of its own.
#[test]
fn byte_4_is_sent_but_not_compared_where_the_dialect_does_not_look_there() {
    for dialect in [Dialect::FreeBsd, Dialect::NetBsd, Dialect::Ucarp] {
        let told = host(0, &[V4])
            .speaking(dialect)
            .demotion_in(Some(crate::DemotionForm::Both));
        let mut bench = Bench::new(Node::builder(), told);
        bench.command(Command::Master);
        bench.input(demote("carp", "test", 50));
        let said = bench.take();
        assert!(
            said.iter().any(|line| line.ends_with(" 50")),
            "{dialect} {said:?}"
        );
        bench.hear(2, 0, 0);
        assert_eq!(bench.state(), State::Master, "{dialect}");
    }
}

fn fails_to_send(bench: &mut Bench, family: Family) {
    for _ in 0..3 {
        bench.input(Bench::answer(bench.id, family, false));
    }
    assert_eq!(bench.node.demotion("carp"), 1);
}

/// Whoever yields because of send errors sends nothing any more, and so has no successes.
#[test]
fn send_errors_of_a_host_that_has_yielded_do_not_demote_for_ever() {
    let mut bench = Bench::master();
    fails_to_send(&mut bench, Family::Inet);
    for seconds in 0..310 {
        bench.hear(1, 50, 0);
        let expected = i32::from(seconds < 300);
        assert_eq!(bench.node.demotion("carp"), expected, "{seconds}");
        bench.pass_millis(1_000);
    }
    assert_eq!(bench.state(), State::Backup);
}

#[test]
fn send_errors_of_a_family_end_with_its_last_address() {
    let mut bench = Bench::new(Node::builder(), host(0, &[V4, V6]));
    bench.command(Command::Master);
    fails_to_send(&mut bench, Family::Inet6);
    let (now, id) = (bench.now, bench.id);
    bench.node.change(now, id, LINK, host(0, &[V4])).unwrap();
    bench.pass_millis(301_000);
    bench.hear(1, 50, 0);
    assert_eq!(bench.node.demotion("carp"), 0);
}

#[test]
fn send_errors_end_with_the_link_and_with_down() {
    let ways = [
        Input::Link {
            link: LINK,
            state: LinkState::Down,
        },
        Input::Link {
            link: LINK,
            state: LinkState::Absent,
        },
    ];
    for way in ways {
        let mut bench = Bench::master();
        fails_to_send(&mut bench, Family::Inet);
        bench.input(way);
        let reasons = bench.node.demotions().map(|entry| entry.owner.clone());
        let reasons: Vec<Owner> = reasons.collect();
        assert_eq!(reasons, [Owner::Host(bench.id, Ailment::Carpdev)]);
    }
    let mut bench = Bench::new(Node::builder().manage_addresses(false), host(0, &[V4]));
    bench.command(Command::Master);
    fails_to_send(&mut bench, Family::Inet);
    bench.command(Command::Down);
    assert_eq!(bench.node.demotion("carp"), 0);
}

/// All virtual hosts of a node go together, so that a dead link demotes by enough for each dialect.
#[test]
fn a_dead_link_demotes_by_enough_for_every_dialect_of_the_node() {
    for (other, expected) in [
        (Dialect::Portable, 1),
        (Dialect::OpenBsd, 1),
        (Dialect::NetBsd, 1),
        (Dialect::FreeBsd, 240),
    ] {
        let mut bench = Bench::backup();
        let elsewhere = VirtualHost::new(Vhid::new(7).unwrap(), Key::none()).speaking(other);
        bench
            .node
            .add(bench.now, crate::LinkId(9), elsewhere)
            .unwrap();
        bench.input(Input::Link {
            link: LINK,
            state: LinkState::Down,
        });
        assert_eq!(bench.node.demotion("carp"), expected, "{other}");
    }
}
