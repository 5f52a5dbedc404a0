//! §4.7: what the operator and the own link do.

use super::*;

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

/// Else it would not end where adverts are more frequent than that.
#[test]
fn overlap_is_counted_from_the_first_advert_of_the_new_master() {
    for goes in [Command::Down, Command::Backup] {
        let mut bench = Bench::master();
        bench.command(goes);
        bench.hear(1, 0, 0);
        bench.take();
        for _ in 0..3 {
            bench.pass_millis(39);
            bench.hear(1, 0, 0);
        }
        bench.pass_millis(2);
        assert!(bench.take().is_empty());
        bench.pass_millis(1);
        assert_eq!(bench.take(), ["release"], "{goes}");
    }
}

#[test]
fn bow_out_of_another_node_ends_no_hand_over() {
    let mut bench = Bench::master();
    bench.command(Command::Down);
    bench.hear(255, 255, 0);
    bench.take();
    bench.pass_millis(200);
    assert!(bench.take().is_empty(), "nobody has taken over yet");
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
    let is_held_back = |bench: &Bench| bench.node.host(bench.id).unwrap().is_held_back();
    assert!(!is_held_back(&bench));
    bench.command(Command::Backup);
    assert!(is_held_back(&bench));
    assert_eq!(bench.state(), State::Backup);
    let why = "state transition: MASTER -> BACKUP (requested: state backup)";
    assert_eq!(bench.told().last().unwrap(), why);
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
    assert!(!is_held_back(&bench));
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
    for (state, word) in [(LinkState::Down, "down"), (LinkState::Absent, "absent")] {
        let mut bench = Bench::master();
        bench.told();
        bench.input(link(state));
        assert_eq!(bench.state(), State::Init);
        assert_eq!(bench.take(), ["release"]);
        let why = format!("state transition: MASTER -> INIT (carpdev is {word})");
        assert!(bench.told().contains(&why));
        assert_eq!(bench.node.demotion("carp"), 1);
        assert!(bench.node.deadline().is_none());
        bench.input(link(LinkState::Up));
        assert_eq!(
            (bench.state(), bench.node.demotion("carp")),
            (State::Backup, 0)
        );
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
        bench.input(Bench::answer(id, family, false));
        assert_eq!(bench.node.demotion("carp"), expected);
    }
    for expected in [1, 1, 0] {
        bench.input(Bench::answer(id, family, true));
        assert_eq!(bench.node.demotion("carp"), expected);
    }
    assert_eq!(bench.node.counters().oerrors, 4);
}

#[test]
fn send_errors_must_be_in_a_row() {
    let mut bench = Bench::master();
    let id = bench.id;
    let family = Family::Inet6;
    for _ in 0..5 {
        bench.input(Bench::answer(id, family, false));
        bench.input(Bench::answer(id, family, false));
        bench.input(Bench::answer(id, family, true));
    }
    assert_eq!(bench.node.demotion("carp"), 0);
}

/// §4.7: "ignored in INIT" is ignored in all it would do.
#[test]
fn state_in_init_does_not_end_the_holding_back() {
    for ignored in [Command::Backup, Command::Master] {
        let mut bench = Bench::new(Node::builder().preempt(true), host(0, &[V4]));
        bench.command(Command::Backup);
        bench.input(link(LinkState::Down));
        bench.command(ignored);
        bench.input(link(LinkState::Up));
        bench.hear(1, 200, 0);
        assert_eq!(bench.state(), State::Backup, "{ignored}");
    }
}

/// `state backup` with nobody else there: the election begins anew, and nothing is forgotten.
#[test]
fn who_stepped_back_for_nobody_is_master_again_after_the_master_down_time() {
    let mut bench = Bench::master();
    bench.command(Command::Backup);
    bench.pass(Duration::from_micros(3_390_624));
    assert_eq!(bench.state(), State::Backup);
    bench.pass(Duration::from_micros(1));
    assert_eq!(bench.state(), State::Master);
}

/// 0/100: the master-down time is shorter than the hand-over lasts where nobody takes over.
#[test]
fn who_goes_down_while_it_steps_back_does_not_take_over() {
    let fast = host(100, &[V4]).advbase(0).unwrap();
    let mut bench = Bench::new(Node::builder(), fast);
    bench.pass_millis(2_000);
    bench.command(Command::Backup);
    bench.command(Command::Down);
    bench.take();
    bench.pass_millis(1_400);
    assert_eq!(bench.state(), State::Init);
    assert!(!bench.take().contains(&"hold".into()));
}

#[test]
fn late_answer_to_an_overtaken_hand_over_does_not_bow_out() {
    let mut bench = Bench::master();
    bench.answers = false;
    bench.command(Command::Backup);
    bench.command(Command::Master);
    bench.input(Input::Held(bench.id));
    bench.command(Command::Backup);
    bench.take();
    let silenced = Input::Silenced(bench.id);
    bench.input(silenced.clone());
    assert!(bench.take().is_empty(), "that was the first one");
    bench.input(silenced);
    assert_eq!(bench.take(), ["bow-out inet"]);
}
