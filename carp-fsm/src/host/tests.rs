//! The transition table, row by row, and the stories of taking over and handing over.

use core::time::Duration;

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use carp_proto::Family;

use crate::testing::{Bench, LINK, V4, V6, advert, host};
use crate::{Action, Command, Input, LinkState, Node, NodeConfig, State};

mod adopt;
mod damage;
mod demotion;
mod freeze;
mod history;
mod lease;
mod lists;
mod local;
mod many;
mod peers;
mod resume;
mod ucarp;
mod unicast;
mod unmanaged;

const ADVERT: &str = "advert inet 1/100 0";
const ANNOUNCE: &str = "announce 192.0.2.10";

fn link(state: LinkState) -> Input {
    Input::Link { link: LINK, state }
}

// ---- §4.1, §4.5: from INIT to MASTER ----

#[test]
fn init_goes_to_backup_for_a_whole_master_down_time_even_with_preempt() {
    let mut bench = Bench::new(Node::builder().preempt(true), host(0, &[V4]));
    assert_eq!(bench.state(), State::Backup);
    bench.pass(Duration::from_micros(2_999_999));
    assert_eq!(bench.state(), State::Backup);
    assert!(bench.take().is_empty());
    bench.pass(Duration::from_micros(1));
    assert_eq!(bench.state(), State::Master);
}

#[test]
fn new_master_holds_then_advertises_then_announces() {
    let mut bench = Bench::backup();
    bench.pass(Duration::from_micros(3_390_625));
    assert_eq!(bench.take(), ["hold", ADVERT, ANNOUNCE]);
    let counters = *bench.node.host(bench.id).unwrap().counters();
    assert_eq!(counters.preempt, 1, "as kernels count becoming master");
}

#[test]
fn advert_waits_until_the_addresses_are_in_place() {
    let taking_over = |bench: &Bench| bench.node.host(bench.id).unwrap().taking_over();
    let mut bench = Bench::backup();
    bench.answers = false;
    assert_eq!(taking_over(&bench), None);
    bench.pass_millis(5_000);
    assert_eq!(
        (bench.state(), bench.take()),
        (State::Backup, vec!["hold".into()])
    );
    let why = crate::Reason::MasterDown(Family::Inet);
    assert_eq!(taking_over(&bench), Some(why));
    bench.input(Input::Held(bench.id));
    assert_eq!(taking_over(&bench), None);
    assert_eq!(
        (bench.state(), bench.take()),
        (State::Master, vec![ADVERT.into(), ANNOUNCE.into()])
    );
}

#[test]
fn late_answer_to_an_overtaken_hold_does_not_make_a_master() {
    let mut bench = Bench::backup();
    bench.answers = false;
    bench.command(Command::Master);
    bench.command(Command::Backup);
    bench.command(Command::Master);
    assert_eq!(bench.take(), ["hold", "release", "hold"]);
    bench.input(Input::Held(bench.id));
    assert_eq!(
        bench.state(),
        State::Backup,
        "the first answer is for the first hold"
    );
    bench.input(Input::Held(bench.id));
    assert_eq!(bench.state(), State::Master);
}

#[test]
fn failed_hold_leaves_a_backup_that_tries_again() {
    let mut bench = Bench::backup();
    bench.answers = false;
    bench.pass_millis(3_391);
    bench.input(Input::HoldFailed(bench.id));
    assert_eq!(bench.take(), ["hold", "release"]);
    assert_eq!(bench.state(), State::Backup);
    bench.answers = true;
    bench.pass_millis(3_391);
    assert_eq!(bench.state(), State::Master);
}

#[test]
fn better_master_heard_while_taking_over_wins() {
    let mut bench = Bench::backup();
    bench.answers = false;
    bench.pass_millis(3_391);
    bench.hear(1, 0, 0);
    assert_eq!(bench.take(), ["hold", "release"]);
    bench.input(Input::Held(bench.id));
    assert_eq!((bench.state(), bench.take()), (State::Backup, vec![]));
}

#[test]
fn worse_master_heard_while_taking_over_from_it_changes_nothing() {
    let mut bench = Bench::new(Node::builder().preempt(true), host(100, &[V4]));
    bench.answers = false;
    bench.hear(1, 200, 0);
    bench.hear(1, 200, 0);
    assert_eq!(bench.take(), ["hold"]);
    bench.input(Input::Held(bench.id));
    assert_eq!(bench.state(), State::Master);
}

#[test]
fn state_master_is_obeyed_though_a_better_master_is_heard_on_the_way() {
    let mut bench = Bench::backup();
    bench.answers = false;
    bench.command(Command::Master);
    bench.hear(1, 0, 0);
    assert_eq!(bench.take(), ["hold"]);
    bench.input(Input::Held(bench.id));
    assert_eq!(bench.state(), State::Master);
}

/// How often a new master has announced its address so many milliseconds after its first advert.
fn announced_after(millis: u64, config: NodeConfig) -> usize {
    let mut bench = Bench::new(config, host(100, &[V4]));
    bench.pass(Duration::from_micros(3_390_625));
    bench.pass_millis(millis);
    bench.take().iter().filter(|line| *line == ANNOUNCE).count()
}

#[test]
fn announcements_are_paced_then_slow() {
    let minute = 60_000;
    let expected = [
        (0, 1),
        (20, 2),
        (50, 3),
        (100, 4),
        (300, 5),
        (1_000, 6),
        (2_781, 6),
        (2_782, 7), // after two adverts
        (2_781 + minute, 7),
        (2_782 + minute, 8),
        (2_782 + 10 * minute, 17),
    ];
    for (millis, count) in expected {
        assert_eq!(
            announced_after(millis, Node::builder()),
            count,
            "after {millis} ms"
        );
    }
}

#[test]
fn announcements_end_where_no_refresh_is_wanted() {
    let config = Node::builder().announce_every(Duration::ZERO);
    assert_eq!(announced_after(10 * 60_000, config), 7);
}

#[test]
fn master_keeps_the_beat_when_called_late() {
    let mut bench = Bench::master();
    let due = bench.node.deadline().unwrap().at;
    bench.now = due + Duration::from_millis(300);
    bench.node.handle_timeout(bench.now);
    bench.drain();
    let next = bench.node.deadline().unwrap().at;
    assert_eq!(next, due + Duration::from_micros(1_390_625));
}

#[test]
fn master_called_very_late_does_not_catch_up_with_a_burst() {
    // By a whole interval; then as late as can be without having been taken for dead.
    for late in [1_390_625, 2_589_374] {
        let mut bench = Bench::master();
        bench.now = bench.node.deadline().unwrap().at + Duration::from_micros(late);
        bench.node.handle_timeout(bench.now);
        bench.drain();
        let done = bench.take();
        assert_eq!(done.first().unwrap(), ADVERT, "before any announcement");
        assert_eq!(done.iter().filter(|line| *line == ADVERT).count(), 1);
    }
}

// ---- §4.3, MASTER ----

#[test]
fn master_yields_to_better_and_to_equal() {
    for skew in [0, 99, 100] {
        let mut bench = Bench::master();
        bench.hear(1, skew, 0);
        assert_eq!(bench.state(), State::Backup, "1/{skew}");
        assert_eq!(
            bench.take(),
            ["hand over"],
            "no bow-out: a better master is there"
        );
        bench.pass_millis(119);
        assert!(bench.take().is_empty());
        bench.pass_millis(1);
        assert_eq!(bench.take(), ["release"]);
    }
}

#[test]
fn master_answers_a_worse_master_once_a_second() {
    let mut bench = Bench::master();
    bench.pass_millis(1);
    bench.hear(1, 200, 0);
    assert_eq!(bench.state(), State::Master);
    assert_eq!(bench.take(), [ADVERT, ANNOUNCE]);
    bench.hear(1, 200, 0);
    assert!(bench.take().is_empty());
    bench.pass_millis(1_000);
    bench.take();
    bench.hear(1, 200, 0);
    assert_eq!(bench.take(), [ADVERT, ANNOUNCE]);
}

/// Whoever was won by a worse master that is not answered is told again soon, however many there are.
#[test]
fn neighbours_are_told_again_after_a_worse_master_that_is_not_answered() {
    let mut bench = Bench::master();
    bench.pass_millis(1);
    bench.hear(1, 200, 0);
    // Of the series, there is one round left that is due after a second.
    bench.pass_millis(400);
    bench.take();
    bench.hear(1, 200, 0);
    bench.pass_millis(20);
    bench.hear(1, 200, 0);
    bench.pass_millis(29);
    assert!(bench.take().is_empty());
    bench.pass_millis(1);
    assert_eq!(bench.take(), [ANNOUNCE]);
    // That was the one; then there is that after two adverts.
    bench.pass_millis(2_332);
    assert_eq!(bench.take(), [ADVERT, ADVERT, ANNOUNCE]);
}

#[test]
fn master_looks_at_demotion_first() {
    let mut bench = Bench::master();
    bench.hear(1, 0, 1);
    assert_eq!(
        bench.state(),
        State::Master,
        "the other is better, but demoted"
    );
    bench.input(Input::Demote {
        group: "carp".into(),
        owner: "test".into(),
        amount: 2,
    });
    assert_eq!(
        bench.take().last().unwrap(),
        "advert inet 1/100 2",
        "raised: said at once"
    );
    bench.hear(1, 254, 1);
    assert_eq!(
        bench.state(),
        State::Backup,
        "the other is worse, but demoted less"
    );
}

#[test]
fn master_never_yields_to_a_bow_out() {
    let mut bench = Bench::master();
    bench.input(Input::Demote {
        group: "carp".into(),
        owner: "test".into(),
        amount: 2,
    });
    bench.hear(255, 255, 0);
    assert_eq!(bench.state(), State::Master);
}

#[test]
fn tied_masters_wait_different_times() {
    let mut waits = Vec::new();
    for seed in 0..4 {
        let mut node = Node::new(Node::builder(), seed);
        let now = crate::Timestamp::ZERO;
        let id = node.add(now, LINK, host(100, &[V4])).unwrap();
        node.handle(
            now,
            Input::Command {
                id,
                command: Command::Master,
            },
        );
        node.handle(now, Input::Held(id));
        let tie = advert(1, 100, 0, &[V4]).encode();
        node.handle_packet(now, LINK, &crate::testing::envelope(Family::Inet), &tie)
            .unwrap();
        while node.deadline().unwrap().timer == crate::Timer::HandOver {
            let at = node.deadline().unwrap().at;
            node.handle_timeout(at);
        }
        waits.push(node.deadline().unwrap().at - now);
    }
    waits.sort();
    waits.dedup();
    assert_eq!(waits.len(), 4);
    // As long as for a lost master, and up to a quarter of an interval more.
    let shortest = Duration::from_micros(3_390_625);
    let longest = shortest + Duration::from_micros(1_390_625 / 4);
    assert!(waits.iter().all(|wait| (shortest..longest).contains(wait)));
}

// ---- §4.3, BACKUP a–d ----

#[test]
fn backup_a_preempts_a_worse_master_only_if_told_to() {
    for preempt in [false, true] {
        let mut bench = Bench::new(Node::builder().preempt(preempt), host(100, &[V4]));
        bench.hear(1, 200, 0);
        assert_eq!(bench.state() == State::Master, preempt);
    }
}

#[test]
fn backup_a_does_not_preempt_when_demoted_more() {
    let mut bench = Bench::new(Node::builder().preempt(true), host(100, &[V4]));
    bench.input(Input::Demote {
        group: "carp".into(),
        owner: "test".into(),
        amount: 1,
    });
    bench.hear(1, 200, 0);
    assert_eq!(bench.state(), State::Backup);
}

#[test]
fn backup_b_takes_over_from_a_demoted_master_without_preempt() {
    let mut bench = Bench::backup();
    bench.hear(1, 0, 1);
    assert_eq!(bench.state(), State::Master);
}

#[test]
fn backup_c_honours_a_bow_out_at_once() {
    let mut bench = Bench::backup();
    bench.hear(255, 255, 0);
    assert_eq!(bench.state(), State::Master);
    assert!(
        bench
            .told()
            .last()
            .unwrap()
            .contains("master bowed out: 192.0.2.2")
    );
}

#[test]
fn backup_c_compares_with_advbase_tripled() {
    let mut bench = Bench::backup();
    bench.hear(3, 100, 0);
    assert_eq!(
        bench.state(),
        State::Backup,
        "3/100 is not slower than 3/100"
    );
    bench.hear(3, 101, 0);
    assert_eq!(bench.state(), State::Master);
    let told = bench.told();
    let last = told.last().unwrap();
    assert!(
        last.ends_with("(master will time out: 3/101 from 192.0.2.2)"),
        "{last}"
    );
}

#[test]
fn backup_c_is_not_for_advbase_0() {
    let fast = host(1, &[V4]).advbase(0).unwrap();
    let mut bench = Bench::new(Node::builder(), fast);
    bench.hear(1, 0, 0);
    assert_eq!(bench.state(), State::Backup);
    bench.hear(255, 255, 0);
    assert_eq!(bench.state(), State::Master, "but for a bow-out");
}

#[test]
fn backup_d_waits_on_as_long_as_the_master_is_heard() {
    let mut bench = Bench::backup();
    for _ in 0..10 {
        bench.pass_millis(3_000);
        bench.hear(1, 0, 0);
    }
    assert_eq!(bench.state(), State::Backup);
    bench.pass(Duration::from_micros(3_390_625));
    assert_eq!(bench.state(), State::Master);
}

#[test]
fn each_family_has_its_own_master_down_timer() {
    let both = &[V4, V6];
    let mut bench = Bench::new(Node::builder(), host(100, both));
    for _ in 0..3 {
        bench.pass_millis(1_000);
        let advert = advert(1, 0, 0, both);
        bench.receive(Family::Inet, &advert).unwrap();
    }
    assert_eq!(bench.state(), State::Backup);
    bench.pass_millis(391);
    assert_eq!(bench.state(), State::Master, "nothing was heard over IPv6");
    let done = bench.take();
    assert!(done.contains(&"advert inet 1/100 0".into()));
    assert!(done.contains(&"advert inet6 1/100 0".into()));
    assert!(done.contains(&"announce 2001:db8::10".into()));
}
