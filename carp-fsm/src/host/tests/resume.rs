//! A node that goes on in another process, in each of its roles.

use super::*;
use crate::{Damage, HostId, SavedHost, SavedNode, Timestamp, VirtualHost};

/// What a process that ends has left to the next one.
struct Records {
    config: NodeConfig,
    node: SavedNode,
    host: SavedHost,
    told_to_be: VirtualHost,
    id: HostId,
}

fn save(bench: &Bench) -> Records {
    let view = bench.node.host(bench.id).unwrap();
    Records {
        config: bench.node.config(),
        node: bench.node.save(),
        host: bench.node.save_host(bench.now, bench.id).unwrap(),
        told_to_be: view.config().clone(),
        id: bench.id,
    }
}

/// The successor, `after` the other process was last alive at `last_alive`.
fn resume(records: Records, last_alive: Timestamp, after: Duration) -> Bench {
    let mut bench = Bench::backup();
    bench.take();
    bench.told();
    bench.now = last_alive + after;
    bench.id = records.id;
    bench.node = Node::resume(
        bench.now,
        records.config,
        99,
        records.node,
        [(records.host, records.told_to_be)],
        last_alive,
    );
    bench.drain();
    bench
}

/// Ended in good order and begun anew `after` milliseconds later.
fn restarted(before: &Bench, after: u64) -> Bench {
    resume(save(before), before.now, Duration::from_millis(after))
}

/// Saved, then killed a while later.
fn killed(mut before: Bench, lived_on: u64, after: u64) -> Bench {
    let records = save(&before);
    before.pass_millis(lived_on);
    resume(records, before.now, Duration::from_millis(after))
}

const ALMOST: Duration = Duration::from_micros(1_390_624);

// ---- exact ----

#[test]
fn restarted_master_keeps_the_beat_and_tells_nobody() {
    let mut bench = restarted(&Bench::master(), 100);
    assert_eq!(
        (bench.state(), bench.take()),
        (State::Master, vec!["hold".into()])
    );
    assert!(bench.told().is_empty());
    let mut other = Bench::master();
    other.pass_millis(100);
    other.take();
    for _ in 0..100 {
        assert_eq!(bench.node.deadline(), other.node.deadline());
        let span = bench.node.deadline().unwrap().at - bench.now;
        bench.pass(span);
        other.pass(span);
        assert_eq!(bench.take(), other.take());
    }
}

#[test]
fn restarted_master_says_with_which_cookie_it_began() {
    let cookie = |bench: &mut Bench| loop {
        let at = bench.node.deadline().unwrap().at;
        bench.node.handle_timeout(at);
        while let Some(action) = bench.node.poll_action() {
            if let Action::Send { payload, .. } = action {
                return payload;
            }
        }
    };
    let mut before = Bench::master();
    let mut after = restarted(&before, 1);
    assert_eq!(cookie(&mut before), cookie(&mut after));
}

#[test]
fn restart_forgets_no_counter_and_no_demotion() {
    let mut before = Bench::master();
    before.hear(1, 200, 0);
    let damage = Damage::Address;
    before.input(Input::Damaged {
        id: before.id,
        damage,
    });
    before.input(Input::Mended(before.id));
    before.input(Input::Demote {
        group: "carp".into(),
        owner: "test".into(),
        amount: 7,
    });
    let after = restarted(&before, 1);
    assert_eq!(after.node.counters(), before.node.counters());
    assert_eq!(after.node.demotion("carp"), 7);
    let view = |bench: &Bench| {
        let host = bench.node.host(bench.id).unwrap();
        (*host.counters(), host.last_transition(), host.trouble())
    };
    assert_eq!(view(&after), view(&before));
}

#[test]
fn restarted_backup_waits_no_longer_than_it_would_have() {
    let mut before = Bench::backup();
    before.pass_millis(2_000);
    let mut bench = restarted(&before, 500);
    assert_eq!((bench.state(), bench.take()), (State::Backup, vec![]));
    bench.pass(Duration::from_micros(890_624));
    assert_eq!(bench.state(), State::Backup);
    bench.pass(Duration::from_micros(1));
    assert_eq!(bench.state(), State::Master);
}

#[test]
fn restart_on_the_way_to_master_asks_again() {
    let mut before = Bench::backup();
    before.answers = false;
    before.pass_millis(3_391);
    let mut bench = restarted(&before, 10);
    assert_eq!(bench.state(), State::Master);
    assert_eq!(bench.take(), ["hold", ADVERT, ANNOUNCE]);
    let told = bench.told();
    assert_eq!(
        told,
        ["state transition: BACKUP -> MASTER (master timed out (inet))"]
    );
}

#[test]
fn restart_in_a_hand_over_goes_on_with_it() {
    let mut before = Bench::master();
    before.hear(1, 0, 0);
    before.pass_millis(50);
    let mut bench = restarted(&before, 10);
    assert_eq!(
        (bench.state(), bench.take()),
        (State::Backup, vec!["hand over".into()])
    );
    bench.pass_millis(59);
    assert!(bench.take().is_empty());
    bench.pass_millis(1);
    assert_eq!(bench.take(), ["release"]);
}

#[test]
fn restart_before_the_bow_out_sends_it() {
    let mut before = Bench::master();
    before.answers = false;
    before.command(Command::Down);
    let mut bench = restarted(&before, 10);
    assert_eq!(
        (bench.state(), bench.take()),
        (State::Init, vec!["hand over".into(), "bow-out inet".into()])
    );
    bench.pass_millis(1_500);
    assert_eq!(bench.take().last().unwrap(), "release");
}

#[test]
fn host_that_is_down_stays_down() {
    let mut before = Bench::backup();
    before.command(Command::Down);
    let mut bench = restarted(&before, 10);
    bench.pass_millis(10_000);
    assert_eq!((bench.state(), bench.take()), (State::Init, vec![]));
    let mut before = Bench::backup();
    before.input(link(LinkState::Absent));
    let mut bench = restarted(&before, 10);
    assert_eq!(
        (bench.state(), bench.node.demotion("carp")),
        (State::Init, 1)
    );
    bench.input(link(LinkState::Up));
    assert_eq!(
        (bench.state(), bench.node.demotion("carp")),
        (State::Backup, 0)
    );
}

#[test]
fn what_state_backup_began_goes_on() {
    let mut before = Bench::new(Node::builder().preempt(true), host(0, &[V4]));
    before.command(Command::Backup);
    let mut bench = restarted(&before, 10);
    assert!(bench.node.host(bench.id).unwrap().is_held_back());
    bench.hear(1, 100, 5);
    assert_eq!(bench.state(), State::Backup);
}

#[test]
fn worse_master_is_answered_no_more_often_across_a_restart() {
    let mut before = Bench::master();
    before.hear(1, 200, 0);
    before.pass_millis(10);
    let mut bench = restarted(&before, 10);
    bench.take();
    bench.hear(1, 200, 0);
    assert!(bench.take().is_empty());
}

#[test]
fn list_before_a_change_counts_on_as_long_as_it_would_have() {
    let mut before = Bench::backup();
    let changed = host(100, &[V4, "192.0.2.11/24"]);
    before
        .node
        .change(before.now, before.id, LINK, changed)
        .unwrap();
    before.drain();
    let old = advert(1, 0, 0, &[V4]);
    for _ in 0..290 {
        before.pass_millis(1_000);
        before.receive(Family::Inet, &old).unwrap();
    }
    let mut bench = restarted(&before, 1_000);
    assert!(bench.receive(Family::Inet, &old).is_ok());
    bench.pass_millis(9_000);
    assert!(bench.receive(Family::Inet, &old).is_err());
}

// ---- stale ----

#[test]
fn killed_master_sends_its_advert_at_once() {
    let mut before = Bench::master();
    before.pass_millis(1_000); // its first announcements are over
    let mut bench = killed(before, 500, 100);
    assert_eq!(
        (bench.state(), bench.take()),
        (State::Master, vec!["hold".into()])
    );
    bench.pass(Duration::ZERO);
    assert_eq!(bench.take(), [ADVERT]);
    bench.pass(ALMOST);
    assert!(bench.take().is_empty());
    bench.pass(Duration::from_micros(1));
    assert_eq!(bench.take(), [ADVERT]);
    assert!(bench.told().is_empty(), "no transition");
}

#[test]
fn killed_master_announces_nothing_before_its_advert() {
    let mut before = Bench::backup();
    before.pass(Duration::from_micros(3_390_625));
    let mut bench = killed(before, 10, 100);
    bench.take();
    bench.pass(Duration::ZERO);
    let done = bench.take();
    assert_eq!(done.first().unwrap(), ADVERT);
    assert!(done[1..].iter().all(|line| line == ANNOUNCE), "{done:?}");
}

#[test]
fn master_killed_long_after_it_was_saved_has_not_been_frozen() {
    let mut bench = killed(Bench::master(), 3_600_000, 200);
    bench.pass_millis(3_600_000);
    assert_eq!((bench.state(), bench.told()), (State::Master, vec![]));
    assert_eq!(bench.node.counters().freezes, 0);
}

#[test]
fn killed_backup_waits_for_a_whole_master_down_time() {
    let mut bench = killed(Bench::backup(), 3_000, 300);
    bench.pass(Duration::from_micros(3_390_624));
    assert_eq!((bench.state(), bench.take()), (State::Backup, vec![]));
    bench.pass(Duration::from_micros(1));
    assert_eq!(bench.state(), State::Master);
}

#[test]
fn restarted_node_wakes_its_links_and_ids_as_they_were() {
    let before = Bench::master();
    let mut bench = restarted(&before, 1);
    let other = VirtualHost::new(carp_proto::Vhid::new(7).unwrap(), crate::testing::key());
    let next = bench.node.add(bench.now, LINK, other).unwrap();
    assert_ne!(next, bench.id, "an id is never used twice");
    assert!(
        bench.node.add(bench.now, LINK, host(0, &[V4])).is_err(),
        "its vhid is taken"
    );
}

// ---- after others must have taken it for dead ----

#[test]
fn master_resumed_too_late_listens_first() {
    for lived_on in [0, 500] {
        let mut bench = killed(Bench::master(), lived_on, 2_000);
        assert_eq!((bench.state(), bench.take()), (State::Backup, vec![]));
        assert_eq!(
            bench.told(),
            [
                "frozen for 2.000 s",
                "state transition: MASTER -> BACKUP (frozen for 2.000 s)"
            ]
        );
        assert_eq!(bench.node.counters().freezes, 1);
        // Where they are still in place, it goes on answering data and says nothing.
        bench.input(Input::Adopted(bench.id));
        assert_eq!(bench.take(), ["hand over"]);
        bench.hear(1, 200, 0);
        bench.pass_millis(120);
        assert_eq!(bench.take(), ["release"]);
    }
}

#[test]
fn who_was_handing_over_when_it_died_has_nothing_more_to_say() {
    let mut before = Bench::master();
    before.command(Command::Down);
    let mut bench = restarted(&before, 10_000);
    bench.pass(Duration::ZERO);
    assert_eq!(
        (bench.state(), bench.take()),
        (State::Init, vec!["release".into()])
    );
    let mut before = Bench::master();
    before.command(Command::Backup);
    let mut bench = restarted(&before, 10_000);
    assert_eq!((bench.state(), bench.take()), (State::Backup, vec![]));
    bench.pass_millis(3_391);
    assert_eq!(bench.state(), State::Master);
}

#[test]
fn master_resumed_in_time_has_not_been_frozen() {
    // Its last advert may have left 1.39 s before, and others wait 3.39 s.
    let bench = killed(Bench::master(), 500, 1_999);
    assert_eq!(
        (bench.state(), bench.node.counters().freezes),
        (State::Master, 0)
    );
}

#[test]
fn host_resumed_too_late_on_its_way_to_master_waits_again() {
    let mut before = Bench::backup();
    before.answers = false;
    before.pass_millis(3_391);
    let mut bench = restarted(&before, 60_000);
    assert_eq!((bench.state(), bench.take()), (State::Backup, vec![]));
    bench.pass(Duration::from_micros(3_390_625));
    assert_eq!(bench.state(), State::Master);
}

#[test]
fn damage_seen_by_the_process_before_is_looked_for_anew() {
    let mut before = Bench::master();
    let damage = Damage::LinkAddress;
    before.input(Input::Damaged {
        id: before.id,
        damage,
    });
    assert_eq!(before.node.demotion("carp"), 1);
    let mut bench = restarted(&before, 1);
    assert_eq!(
        bench.node.demotion("carp"),
        0,
        "who would say that it was mended?"
    );
    assert!(bench.node.host(bench.id).unwrap().trouble().unwrap().mended);
    bench.input(Input::Damaged {
        id: before.id,
        damage,
    });
    assert_eq!(bench.node.demotion("carp"), 1);
}

/// With another MAC address it held nothing; nobody will tell the successor that it has its own.
#[test]
fn restarted_master_that_holds_nothing_makes_sure_that_it_is_the_only_one_first() {
    let mut before = Bench::master();
    let damage = Damage::LinkAddress;
    before.input(Input::Damaged {
        id: before.id,
        damage,
    });
    let again = ["hold", ADVERT, ANNOUNCE];
    let mut bench = restarted(&before, 1);
    assert!(bench.take().is_empty());
    bench.pass_millis(19);
    assert!(bench.take().is_empty(), "another node may be about to");
    bench.pass_millis(1);
    assert_eq!(bench.take(), again);
    // It was mended, and 12 of the 20 ms have passed.
    before.input(Input::Mended(before.id));
    before.pass_millis(10);
    let mut bench = restarted(&before, 2);
    bench.pass_millis(7);
    assert!(bench.take().is_empty());
    bench.pass_millis(1);
    assert_eq!(bench.take(), again);
    let mut yields = restarted(&before, 2);
    yields.hear(1, 200, 0);
    assert_eq!(
        (yields.state(), yields.take()),
        (State::Backup, vec!["release".into()])
    );
}

/// Timers of the other process say nothing any more, but what it went through is remembered for as
/// long as by any other.
#[test]
fn who_resumes_too_late_forgets_what_others_did_after_a_minute() {
    let mut before = Bench::master();
    for _ in 0..10 {
        let (id, damage) = (before.id, Damage::Address);
        before.input(Input::Damaged { id, damage });
        before.input(Input::Mended(id));
        before.pass_millis(2_000);
    }
    before.command(Command::Down);
    before.pass_millis(2_000);
    let mut bench = restarted(&before, 20_000);
    assert_eq!(bench.node.demotion("carp"), 1);
    bench.pass_millis(59_999);
    assert_eq!(bench.node.demotion("carp"), 1);
    bench.pass_millis(1);
    assert_eq!(bench.node.demotion("carp"), 0);
    let trouble = bench.node.host(bench.id).unwrap().trouble();
    assert_eq!((trouble, bench.node.deadline()), (None, None));
    let later = restarted(&bench, 20_000);
    assert_eq!(later.node.deadline(), None, "nothing is waited for");
}

#[test]
fn what_a_successor_lets_go_of_at_once_is_not_found_in_place() {
    let mut before = Bench::master();
    before.hear(1, 0, 0);
    before.pass_millis(100);
    let mut bench = restarted(&before, 50);
    bench.pass(Duration::ZERO);
    assert!(bench.take().iter().any(|action| action == "release"));
    bench.told();
    // The platform had looked before.
    bench.input(Input::Adopted(bench.id));
    assert!(!bench.node.host(bench.id).unwrap().holds());
    assert!(bench.take().is_empty() && bench.told().is_empty());
}
