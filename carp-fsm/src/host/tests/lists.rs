//! Changes of the address list: two nodes that hear each other, changed one after the other.

use alloc::string::String;

use super::*;
use crate::host::lists::OLD_LIST;
use crate::{Dialect, HostId, Timer, Timestamp, VirtualHost};

const SECOND_V4: &str = "192.0.2.11/24";

/// Two nodes on a link. The first is the better one, and master.
struct Two {
    nodes: [(Node, HostId); 2],
    now: Timestamp,
    dialect: Dialect,
}

impl Two {
    fn new(dialect: Dialect, list: &[&str]) -> Self {
        let begin = |(seed, skew)| {
            let config = Node::builder().manage_addresses(false);
            let mut node = Node::new(config, seed);
            let told = host(skew, list).speaking(dialect);
            let id = node.add(Timestamp::ZERO, LINK, told).unwrap();
            (node, id)
        };
        let mut two = Self {
            nodes: [(1, 0), (2, 100)].map(begin),
            now: Timestamp::ZERO,
            dialect,
        };
        two.pass(10);
        two
    }

    fn state(&self, which: usize) -> State {
        let (node, id) = &self.nodes[which];
        node.host(*id).unwrap().state()
    }

    fn config(&self, which: usize) -> VirtualHost {
        let (node, id) = &self.nodes[which];
        node.host(*id).unwrap().config().clone()
    }

    fn change(&mut self, which: usize, list: &[&str]) {
        let skew = self.config(which).interval().advskew();
        let told = host(skew, list).speaking(self.dialect);
        let (node, id) = &mut self.nodes[which];
        node.change(self.now, *id, LINK, told).unwrap();
        self.deliver();
    }

    /// Both go on in other processes.
    fn restart(&mut self) {
        for which in [0, 1] {
            let told = self.config(which);
            let (node, id) = &mut self.nodes[which];
            let saved = (node.save_host(self.now, *id).unwrap(), told);
            let (config, of_node) = (node.config(), node.save());
            *node = Node::resume(self.now, config, 9, of_node, [saved], self.now);
        }
        self.deliver();
    }

    fn pass(&mut self, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        let due = |two: &Self| {
            let soonest = two.nodes.iter().filter_map(|(node, _)| node.deadline());
            soonest.map(|deadline| deadline.at).min()
        };
        while let Some(at) = due(self).filter(|at| *at <= until) {
            self.now = at;
            for (node, _) in &mut self.nodes {
                node.handle_timeout(at);
            }
            self.deliver();
        }
        self.now = until;
    }

    /// What one says the other hears, until both are silent.
    fn deliver(&mut self) {
        let mut quiet = 0;
        for which in [0, 1].into_iter().cycle() {
            if quiet == 2 {
                break;
            }
            quiet += 1;
            while let Some(action) = self.nodes[which].0.poll_action() {
                quiet = 0;
                let Action::Send { to, payload, .. } = action else {
                    panic!("{action:?}");
                };
                let mut envelope = crate::testing::envelope(Family::of(to));
                if which == 0 {
                    envelope.source = crate::testing::own_address(Family::of(to));
                }
                let other = &mut self.nodes[1 - which].0;
                other
                    .handle_packet(self.now, LINK, &envelope, &payload)
                    .ok();
            }
        }
        let both = [self.state(0), self.state(1)];
        let is_one_master = both != [State::Master, State::Master];
        assert!(is_one_master, "two masters at {}", self.now);
    }

    fn assert_first_is_master(&self, case: &str) {
        let states = (self.state(0), self.state(1));
        assert_eq!(states, (State::Master, State::Backup), "{case}");
    }
}

/// What a list is changed from and to.
const CHANGES: [(&[&str], &[&str]); 7] = [
    (&[V4], &[V4, SECOND_V4]),
    (&[V4, SECOND_V4], &[V4]),
    (&[V4], &[SECOND_V4]),
    // The first address of the other family, and the last one.
    (&[V4], &[V4, V6]),
    (&[V4, V6], &[V4]),
    (&[V4, V6], &[V6]),
    (&[V4], &[V6]),
];

#[test]
fn whichever_node_is_changed_first_the_master_stays() {
    for dialect in Dialect::ALL {
        for (before, after) in CHANGES {
            for (first, second) in [(0, 1), (1, 0)] {
                for between in [0, 1, 17, 299] {
                    let case = format!("{dialect} {before:?} {after:?} {first} {between}");
                    let mut two = Two::new(dialect, before);
                    two.assert_first_is_master(&case);
                    two.change(first, after);
                    two.pass(between);
                    two.assert_first_is_master(&case);
                    two.change(second, after);
                    two.pass(700);
                    two.assert_first_is_master(&case);
                }
            }
        }
    }
}

#[test]
fn a_restart_between_the_changes_is_no_matter() {
    for dialect in Dialect::ALL {
        for (before, after) in CHANGES {
            for (first, second) in [(0, 1), (1, 0)] {
                let case = format!("{dialect} {before:?} {after:?} {first}");
                let mut two = Two::new(dialect, before);
                two.change(first, after);
                two.pass(100);
                two.restart();
                two.pass(100);
                two.assert_first_is_master(&case);
                two.change(second, after);
                two.restart();
                two.pass(700);
                two.assert_first_is_master(&case);
            }
        }
    }
}

#[test]
fn many_changes_in_a_row_may_be_made_on_one_node_before_the_other() {
    let all: Vec<String> = (11..31).map(|last| format!("192.0.2.{last}/24")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    for (first, second) in [(0, 1), (1, 0)] {
        for between in [1, 200] {
            let mut two = Two::new(Dialect::Portable, &[V4]);
            for count in 1..=all.len() {
                two.change(first, &[&[V4], &all[..count]].concat());
                two.pass(between);
                two.assert_first_is_master("one is ahead");
            }
            two.pass(90);
            two.assert_first_is_master("one is ahead for a while");
            two.change(second, &[&[V4], all.as_slice()].concat());
            two.pass(700);
            two.assert_first_is_master("both are there");
        }
    }
}

/// A peer that is a BSD kernel has one list. The node that is changed first hears it still, as
/// master too: of the two the better one stays.
#[test]
fn a_master_hears_a_better_one_that_has_the_list_before() {
    let mut bench = Bench::master();
    let (now, id) = (bench.now, bench.id);
    let changed = host(100, &[V4, SECOND_V4]);
    bench.node.change(now, id, LINK, changed).unwrap();
    bench.drain();
    let better = advert(1, 0, 0, &[V4]);
    assert_eq!(bench.receive(Family::Inet, &better), Ok(()));
    assert_eq!(bench.state(), State::Backup);
}

/// The digest that is sent does not cover them, so that the list before is the same to peers.
#[test]
fn a_link_local_address_more_is_no_other_list_to_those_that_hash_none() {
    for (dialect, expected) in [(Dialect::Portable, 1), (Dialect::FreeBsd, 2)] {
        let told = |list: &[&str]| host(100, list).speaking(dialect);
        let mut bench = Bench::new(Node::builder(), told(&[V6]));
        bench.command(Command::Master);
        let (now, id) = (bench.now, bench.id);
        let changed = told(&[V6, "fe80::99/64"]);
        bench.node.change(now, id, LINK, changed).unwrap();
        bench.drain();
        bench.take();
        bench.pass(Duration::from_micros(1_390_625));
        let done = bench.take();
        let said = done.iter().filter(|line| line.starts_with("advert inet6"));
        assert_eq!(said.count(), expected, "{dialect}");
    }
}

/// Each list that counts is an advert, and no list counts twice.
#[test]
fn adverts_are_no_more_than_there_are_lists() {
    let mut bench = Bench::master();
    let said = |bench: &mut Bench| {
        bench.take();
        bench.pass(Duration::from_micros(1_390_625));
        let done = bench.take();
        done.iter().filter(|line| *line == ADVERT).count()
    };
    let mut changed = |list: &[&str]| {
        let (now, id) = (bench.now, bench.id);
        bench.node.change(now, id, LINK, host(100, list)).unwrap();
        bench.drain();
        said(&mut bench)
    };
    assert_eq!(changed(&[V4, SECOND_V4]), 2);
    assert_eq!(changed(&[SECOND_V4, V4]), 2, "the same in another order");
    assert_eq!(changed(&[V4]), 2, "as it was");
    assert_eq!(changed(&[V4, SECOND_V4]), 2, "and there again");
    assert_eq!(changed(&[SECOND_V4]), 3);
    for last in 20..30 {
        let more = format!("192.0.2.{last}/24");
        assert!(changed(&[SECOND_V4, &more]) <= 5);
    }
    bench.pass_millis(296_000);
    assert_eq!(said(&mut bench), 5, "one of now, and four before it");
    bench.pass_millis(4_000);
    assert_eq!(said(&mut bench), 1);
}

/// What is said under lists before a change ends after 300 s, to the microsecond.
#[test]
fn lists_before_a_change_end_after_five_minutes() {
    let mut bench = Bench::backup();
    let changed = host(100, &[V4, SECOND_V4]);
    bench
        .node
        .change(bench.now, bench.id, LINK, changed)
        .unwrap();
    let under_the_old_list = advert(1, 0, 0, &[V4]);
    let hears = |bench: &mut Bench| bench.receive(Family::Inet, &under_the_old_list);
    for _ in 0..100 {
        assert_eq!(hears(&mut bench), Ok(()));
        bench.pass_millis(2_999);
    }
    bench.pass(Duration::from_micros(99_999));
    assert_eq!(hears(&mut bench), Ok(()));
    bench.pass(Duration::from_micros(1));
    assert_eq!(hears(&mut bench), Err(crate::Refusal::BadDigest));
}

/// Several changes in a row are one, and this one is not: a list that has ended stays ended.
#[test]
fn list_that_has_ended_does_not_come_back_with_the_next_change() {
    let mut bench = backup_changed(&[V4], &[V4, SECOND_V4]);
    let oldest = advert(1, 0, 0, &[V4]);
    for _ in 0..100 {
        assert_eq!(bench.receive(Family::Inet, &oldest), Ok(()));
        bench.pass_millis(3_000);
    }
    let (now, id) = (bench.now, bench.id);
    let changed = host(100, &[SECOND_V4]);
    bench.node.change(now, id, LINK, changed).unwrap();
    let refused = Err(crate::Refusal::BadDigest);
    assert_eq!(bench.receive(Family::Inet, &oldest), refused);
    let older = advert(1, 0, 0, &[V4, SECOND_V4]);
    assert_eq!(bench.receive(Family::Inet, &older), Ok(()));
}

/// A change of something else is none of the list.
#[test]
fn lists_before_a_change_count_no_longer_because_of_another_change() {
    let mut bench = backup_changed(&[V4], &[V4, SECOND_V4]);
    let under_the_old_list = advert(1, 0, 0, &[V4]);
    for third in 1..=100 {
        assert_eq!(bench.receive(Family::Inet, &under_the_old_list), Ok(()));
        bench.pass_millis(3_000);
        if third == 66 {
            let (now, id) = (bench.now, bench.id);
            let slower = host(101, &[SECOND_V4, V4]);
            bench.node.change(now, id, LINK, slower).unwrap();
            bench.drain();
        }
    }
    let refused = Err(crate::Refusal::BadDigest);
    assert_eq!(bench.receive(Family::Inet, &under_the_old_list), refused);
}

/// §3, step 7, of FreeBSD: a family that a list before the change has addresses of is heard.
#[test]
fn freebsd_hears_a_family_until_the_list_with_its_addresses_ends() {
    let told = |list: &[&str]| host(100, list).speaking(Dialect::FreeBsd);
    let mut bench = Bench::new(Node::builder(), told(&[V4]));
    bench
        .node
        .change(bench.now, bench.id, LINK, told(&[V6]))
        .unwrap();
    let over_inet = advert(1, 0, 0, &[V4]);
    assert_eq!(bench.receive(Family::Inet, &over_inet), Ok(()));
    bench.pass_millis(3_000);
    assert_eq!(bench.receive(Family::Inet, &over_inet), Ok(()));
    assert_eq!(bench.state(), State::Backup);
    bench.pass_millis(297_000);
    let refused = Err(crate::Refusal::BadVhid);
    assert_eq!(bench.receive(Family::Inet, &over_inet), refused);
}

/// Three lists, one family: a peer may know the first one only, and have turned to IPv6 when the
/// second one came over that.
#[test]
fn a_family_is_spoken_as_long_as_a_list_with_it_counts() {
    let mut bench = Bench::master();
    let said = |bench: &mut Bench| {
        bench.take();
        bench.pass_millis(14_000);
        let done = bench.take();
        let over_inet6 = done.iter().filter(|line| line.starts_with("advert inet6"));
        over_inet6.count()
    };
    let change = |bench: &mut Bench, list: &[&str]| {
        let (now, id) = (bench.now, bench.id);
        bench.node.change(now, id, LINK, host(100, list)).unwrap();
        bench.drain();
    };
    change(&mut bench, &[V6]);
    assert_eq!(said(&mut bench), 20, "of now, and before it");
    change(&mut bench, &[SECOND_V4]);
    assert_eq!(said(&mut bench), 20, "two lists before it");
    bench.pass_millis(300_000);
    assert_eq!(said(&mut bench), 0);
}

/// A backup that was changed has heard a changed master over IPv6. That one is lost, and whoever
/// takes over has not been changed yet.
#[test]
fn master_with_an_older_list_is_followed_though_another_spoke_a_newer_one() {
    let mut bench = Bench::new(Node::builder(), host(100, &[V4]));
    let (now, id) = (bench.now, bench.id);
    bench.node.change(now, id, LINK, host(100, &[V6])).unwrap();
    let newer = advert(1, 0, 0, &[V6]);
    assert_eq!(bench.receive(Family::Inet6, &newer), Ok(()));
    let older = advert(1, 50, 0, &[V4]);
    for _ in 0..20 {
        bench.pass_millis(1_200);
        assert_eq!(bench.state(), State::Backup);
        assert_eq!(bench.receive(Family::Inet, &older), Ok(()));
    }
    // It is waited for no longer than any other.
    bench.pass_millis(4_000);
    assert_eq!(bench.state(), State::Master);
}

fn backup_changed(before: &[&str], after: &[&str]) -> Bench {
    let mut bench = Bench::new(Node::builder(), host(100, before));
    let (now, id) = (bench.now, bench.id);
    bench.node.change(now, id, LINK, host(100, after)).unwrap();
    bench.drain();
    bench
}

/// The master-down time of a node with advskew 100.
const MASTER_DOWN: Duration = Duration::from_micros(3_390_625);
const INSTANT: Duration = Duration::from_micros(1);

/// The master that all heard before the change may be lost with it.
#[test]
fn a_master_of_the_family_before_is_waited_for_no_longer_than_any() {
    let mut bench = backup_changed(&[V4], &[V6]);
    bench.pass(MASTER_DOWN - INSTANT);
    assert_eq!(bench.state(), State::Backup);
    bench.pass(INSTANT);
    assert_eq!(bench.state(), State::Master);
}

#[test]
fn a_family_without_addresses_is_not_waited_for_where_every_list_has_the_other() {
    let bench = backup_changed(&[V4, V6], &[V6]);
    let deadline = bench.node.deadline().unwrap();
    assert_eq!(deadline.timer, Timer::MasterDownInet6);
    assert_eq!(deadline.at, bench.now + MASTER_DOWN);
}

/// The master was changed too, and has no address of the family before any more.
#[test]
fn who_hears_its_own_family_no_longer_waits_for_the_one_before() {
    let mut bench = backup_changed(&[V4], &[V6]);
    let older = advert(1, 0, 0, &[V4]);
    assert_eq!(bench.receive(Family::Inet, &older), Ok(()));
    let newer = advert(1, 0, 0, &[V6]);
    for _ in 0..20 {
        bench.pass_millis(1_200);
        assert_eq!(bench.state(), State::Backup);
        assert_eq!(bench.receive(Family::Inet6, &newer), Ok(()));
    }
}

/// A master with the list of now spoke both families, and is lost; whoever takes over has the list
/// before, and speaks one, until the list before counts no more.
#[test]
fn a_family_more_is_waited_for_until_nobody_is_without_it() {
    let mut bench = backup_changed(&[V4], &[V4, V6]);
    let changed = bench.now;
    let newer = advert(1, 0, 0, &[V4, V6]);
    for family in Family::ALL {
        assert_eq!(bench.receive(family, &newer), Ok(()));
    }
    let waits_for_inet6 = |bench: &Bench| {
        let host = bench.node.host(bench.id).unwrap();
        let wait = host.master_down(Family::Inet6).unwrap().wait;
        wait.since + wait.length - changed
    };
    assert_eq!(waits_for_inet6(&bench), MASTER_DOWN, "it is spoken");
    let older = advert(1, 50, 0, &[V4]);
    while bench.now - changed < OLD_LIST - Duration::from_secs(2) {
        bench.pass_millis(1_200);
        assert_eq!(bench.state(), State::Backup);
        assert_eq!(bench.receive(Family::Inet, &older), Ok(()));
    }
    let ahead = changed + (OLD_LIST + MASTER_DOWN - INSTANT) - bench.now;
    let same = advert(1, 50, 0, &[V4, V6]);
    for _ in 0..3 {
        assert_eq!(bench.receive(Family::Inet, &same), Ok(()));
        bench.pass(ahead / 3);
    }
    assert_eq!(bench.state(), State::Backup);
    bench.pass(INSTANT * 3);
    assert_eq!(bench.state(), State::Master);
}
