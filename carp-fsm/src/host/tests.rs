//! The transition table, row by row, and the stories of taking over and handing over.

use core::time::Duration;

use alloc::borrow::ToOwned as _;
use alloc::vec;
use alloc::vec::Vec;

use carp_proto::Family;

use crate::testing::{Bench, LINK, V4, V6, advert, host};
use crate::{Action, Command, Input, LinkState, Node, NodeConfig, State};

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
}

#[test]
fn advert_waits_until_the_addresses_are_in_place() {
    let mut bench = Bench::backup();
    bench.answers = false;
    bench.pass_millis(5_000);
    assert_eq!(
        (bench.state(), bench.take()),
        (State::Backup, vec!["hold".into()])
    );
    bench.input(Input::Held(bench.id));
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
    let mut bench = Bench::master();
    // As late as can be without having been taken for dead.
    bench.now = bench.node.deadline().unwrap().at + Duration::from_micros(3_390_624);
    bench.node.handle_timeout(bench.now);
    bench.drain();
    let done = bench.take();
    assert_eq!(done.first().unwrap(), ADVERT, "before any announcement");
    assert_eq!(done.iter().filter(|line| *line == ADVERT).count(), 1);
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
        waits.push(node.deadline().unwrap().at);
    }
    waits.sort();
    waits.dedup();
    assert_eq!(waits.len(), 4);
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
}

#[test]
fn backup_c_is_not_for_advbase_0() {
    let fast = host(1, &[V4]).advbase(0).unwrap();
    let mut bench = Bench::new(Node::builder(), fast);
    bench.hear(1, 0, 0);
    assert_eq!(bench.state(), State::Backup);
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

// ---- §4.7: local events ----

#[test]
fn down_bows_out_and_goes_on_answering_until_the_new_master_is_heard() {
    let mut bench = Bench::master();
    bench.command(Command::Down);
    assert_eq!(bench.state(), State::Init);
    assert_eq!(bench.take(), ["hand over", "bow-out inet"]);
    bench.pass_millis(40);
    assert!(bench.take().is_empty());
    bench.hear(1, 200, 0);
    bench.pass_millis(119);
    assert!(bench.take().is_empty());
    bench.pass_millis(1);
    assert_eq!(bench.take(), ["release"]);
    bench.pass_millis(60_000);
    assert!(bench.take().is_empty());
}

#[test]
fn bow_out_waits_for_silence_but_not_for_ever() {
    let mut bench = Bench::master();
    bench.answers = false;
    bench.command(Command::Down);
    bench.pass_millis(499);
    assert_eq!(bench.take(), ["hand over"]);
    bench.pass_millis(1);
    assert_eq!(bench.take(), ["bow-out inet"]);
}

#[test]
fn bow_out_is_repeated_and_the_address_given_up_in_the_end() {
    let mut bench = Bench::master();
    bench.command(Command::Down);
    bench.pass_millis(1_499);
    let bow_outs = bench
        .take()
        .iter()
        .filter(|line| *line == "bow-out inet")
        .count();
    assert_eq!(bow_outs, 6);
    bench.pass_millis(1);
    assert_eq!(bench.take(), ["release"]);
}

#[test]
fn state_backup_hands_over_and_holds_back() {
    let mut bench = Bench::new(Node::builder().preempt(true), host(0, &[V4]));
    bench.pass_millis(3_000);
    bench.take();
    bench.command(Command::Backup);
    assert_eq!(bench.state(), State::Backup);
    assert_eq!(bench.take(), ["hand over", "bow-out inet"]);
    for _ in 0..10 {
        bench.pass_millis(1_000);
        bench.hear(1, 100, 5);
    }
    assert_eq!(
        bench.state(),
        State::Backup,
        "neither preempt nor demotion ends it"
    );
    bench.hear(255, 255, 5);
    assert_eq!(
        bench.state(),
        State::Master,
        "the loss of the other master does"
    );
    bench.take();
    bench.command(Command::Backup);
    bench.hear(1, 100, 0);
    bench.command(Command::Up);
    bench.hear(1, 100, 0);
    assert_eq!(bench.state(), State::Master, "and so does `up'");
}

#[test]
fn state_master_takes_over_and_state_is_ignored_in_init() {
    let mut bench = Bench::backup();
    bench.hear(1, 0, 0);
    bench.command(Command::Master);
    assert_eq!(bench.state(), State::Master);
    bench.command(Command::Down);
    bench.pass_millis(2_000);
    bench.take();
    for command in [Command::Master, Command::Backup] {
        bench.command(command);
        assert_eq!(bench.state(), State::Init);
    }
    assert!(bench.take().is_empty());
}

#[test]
fn master_that_retires_takes_over_again_when_the_new_one_leaves() {
    let mut bench = Bench::master();
    bench.hear(1, 0, 0);
    bench.pass_millis(50);
    bench.hear(255, 255, 0);
    assert_eq!(bench.state(), State::Master);
    assert_eq!(bench.take()[..2], ["hand over", "hold"]);
    bench.pass_millis(1_000);
    assert!(
        !bench.take().contains(&"release".into()),
        "the hand-over is called off"
    );
}

#[test]
fn down_and_up_again_within_a_hand_over_is_a_backup() {
    let mut bench = Bench::master();
    bench.command(Command::Down);
    bench.command(Command::Up);
    assert_eq!(bench.state(), State::Backup);
    bench.hear(1, 0, 0);
    bench.pass_millis(200);
    assert_eq!(bench.take().last().unwrap(), "release");
    assert_eq!(bench.state(), State::Backup);
}

#[test]
fn lost_link_lets_go_at_once_and_demotes_until_it_is_back() {
    for state in [LinkState::Down, LinkState::Absent] {
        let mut bench = Bench::master();
        bench.input(link(state));
        assert_eq!(bench.state(), State::Init);
        assert_eq!(bench.take(), ["release"]);
        assert_eq!(bench.node.demotion(), 1);
        assert!(bench.node.deadline().is_none());
        bench.input(link(LinkState::Up));
        assert_eq!((bench.state(), bench.node.demotion()), (State::Backup, 0));
        bench.pass(Duration::from_micros(3_390_625));
        assert_eq!(bench.state(), State::Master);
    }
}

#[test]
fn lost_link_during_a_hand_over_ends_it() {
    let mut bench = Bench::master();
    bench.command(Command::Down);
    bench.take();
    bench.input(link(LinkState::Down));
    assert_eq!(bench.take(), ["release"]);
    assert!(bench.node.deadline().is_none());
}

#[test]
fn three_send_errors_demote_and_three_successes_undo_it() {
    let mut bench = Bench::master();
    let id = bench.id;
    let family = Family::Inet;
    for expected in [0, 0, 1, 1] {
        bench.input(Input::SendFailed { id, family });
        assert_eq!(bench.node.demotion(), expected);
    }
    for expected in [1, 1, 0] {
        bench.input(Input::Sent { id, family });
        assert_eq!(bench.node.demotion(), expected);
    }
    assert_eq!(bench.node.counters().oerrors, 4);
}

#[test]
fn send_errors_must_be_in_a_row() {
    let mut bench = Bench::master();
    let id = bench.id;
    let family = Family::Inet6;
    for _ in 0..5 {
        bench.input(Input::SendFailed { id, family });
        bench.input(Input::SendFailed { id, family });
        bench.input(Input::Sent { id, family });
    }
    assert_eq!(bench.node.demotion(), 0);
}

// ---- freezes ----

/// A master, 10 s after it should have advertised, about to do something.
fn frozen(preempt: bool) -> Bench {
    let mut bench = Bench::new(Node::builder().preempt(preempt), host(100, &[V4]));
    bench.pass_millis(6_000);
    bench.take();
    bench.told();
    bench.now = bench.node.deadline().unwrap().at + Duration::from_secs(10);
    bench
}

#[test]
fn frozen_master_listens_before_it_speaks() {
    let mut bench = frozen(false);
    bench.node.handle_timeout(bench.now);
    bench.drain();
    assert_eq!(
        (bench.state(), bench.take()),
        (State::Backup, vec!["hand over".into()])
    );
    assert_eq!(
        bench.told(),
        ["state transition: MASTER -> BACKUP (frozen for 10.000 s)"]
    );
    assert_eq!(bench.node.counters().freezes, 1);
    bench.pass_millis(1_000);
    assert!(
        bench.take().is_empty(),
        "it goes on answering data and says nothing"
    );
    bench.hear(1, 200, 0);
    bench.pass_millis(120);
    assert_eq!(
        (bench.state(), bench.take()),
        (State::Backup, vec!["release".into()])
    );
}

#[test]
fn frozen_master_that_hears_nobody_is_master_again() {
    let mut bench = frozen(false);
    bench.node.handle_timeout(bench.now);
    bench.drain();
    bench.take();
    bench.pass(Duration::from_micros(3_390_625));
    assert_eq!(bench.state(), State::Master);
    assert_eq!(bench.take(), ["hold", ADVERT, ANNOUNCE]);
}

#[test]
fn freeze_is_noticed_before_a_packet_that_waited() {
    for (preempt, state) in [(false, State::Backup), (true, State::Master)] {
        let mut bench = frozen(preempt);
        bench.hear(1, 200, 0);
        assert_eq!(bench.state(), state);
        let expected = if preempt {
            vec!["hand over", "hold", ADVERT, ANNOUNCE]
        } else {
            vec!["hand over"]
        };
        assert_eq!(bench.take(), expected);
    }
}

#[test]
fn frozen_backup_listens_for_a_whole_master_down_time() {
    let mut bench = Bench::backup();
    bench.now = bench.now + Duration::from_secs(60);
    bench.node.handle_timeout(bench.now);
    bench.drain();
    assert_eq!((bench.state(), bench.take()), (State::Backup, vec![]));
    bench.pass(Duration::from_micros(3_390_625));
    assert_eq!(bench.state(), State::Master);
}

#[test]
fn frozen_master_that_must_go_bows_out() {
    let mut bench = frozen(false);
    bench.command(Command::Down);
    assert_eq!(
        (bench.state(), bench.take()[..2].to_vec()),
        (
            State::Init,
            vec!["hand over".to_owned(), "bow-out inet".into()]
        )
    );
    bench.pass_millis(1_500);
    assert_eq!(bench.take().last().unwrap(), "release");
}

// ---- no address, and addresses that are not ours to manage ----

#[test]
fn without_an_address_the_election_runs_and_nothing_is_held() {
    let mut bench = Bench::new(Node::builder(), host(100, &[]));
    bench.pass(Duration::from_micros(3_390_625));
    assert_eq!(
        (bench.state(), bench.take()),
        (State::Master, vec![ADVERT.into()])
    );
    bench.command(Command::Down);
    assert_eq!(
        (bench.state(), bench.take()),
        (State::Init, vec!["bow-out inet".into()])
    );
}

#[test]
fn without_an_address_a_configured_pair_is_never_hurt() {
    let mut bench = Bench::new(Node::builder().preempt(true), host(0, &[]));
    for _ in 0..10 {
        bench.pass_millis(2_000);
        let theirs = advert(1, 200, 9, &[V4]);
        assert!(bench.receive(Family::Inet, &theirs).is_err());
    }
    assert_eq!((bench.state(), bench.take()), (State::Backup, vec![]));
    bench.pass_millis(3_000);
    assert_eq!(bench.state(), State::Master);
    let theirs = advert(1, 200, 9, &[V6]);
    assert!(bench.receive(Family::Inet6, &theirs).is_err());
    assert_eq!(bench.state(), State::Backup);
}

#[test]
fn unmanaged_node_elects_and_asks_for_nothing() {
    let mut bench = Bench::new(Node::builder().manage_addresses(false), host(100, &[V4]));
    bench.pass_millis(3_391);
    assert_eq!(
        (bench.state(), bench.take()),
        (State::Master, vec![ADVERT.into()])
    );
    bench.hear(1, 0, 0);
    assert_eq!((bench.state(), bench.take()), (State::Backup, vec![]));
    bench.command(Command::Master);
    bench.take();
    bench.command(Command::Backup);
    assert_eq!(bench.take(), ["bow-out inet"]);
}

#[test]
fn every_action_names_the_host_and_its_link() {
    let mut node = Node::new(Node::builder(), 3);
    let now = crate::Timestamp::ZERO;
    let id = node.add(now, LINK, host(0, &[V4])).unwrap();
    node.handle(
        now,
        Input::Command {
            id,
            command: Command::Master,
        },
    );
    node.handle(now, Input::Held(id));
    let mut actions = Vec::new();
    while let Some(action) = node.poll_action() {
        actions.push(action);
    }
    assert!(matches!(actions[0], Action::Hold(named) if named == id));
    assert!(
        matches!(actions[1], Action::Send { id: named, link, .. } if named == id && link == LINK)
    );
    assert!(matches!(actions[2], Action::Announce { id: named, .. } if named == id));
}
