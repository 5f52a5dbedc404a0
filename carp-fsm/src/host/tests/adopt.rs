//! Addresses that a former run has left, found by a virtual host that was just added.

use super::*;

/// A backup whose process has just begun, on top of what the former one left.
fn adopting(config: NodeConfig) -> Bench {
    let mut bench = Bench::new(config, host(100, &[V4]));
    bench.told();
    bench.input(Input::Adopted(bench.id));
    bench
}

fn holds(bench: &Bench) -> bool {
    bench.node.host(bench.id).unwrap().holds()
}

#[test]
fn fresh_backup_answers_data_and_says_nothing() {
    let mut bench = adopting(Node::builder());
    assert_eq!(
        (bench.state(), bench.take()),
        (State::Backup, vec!["hand over".into()])
    );
    assert_eq!(bench.told(), ["addresses of a former run adopted"]);
    bench.pass_millis(3_390);
    assert!(bench.take().is_empty() && holds(&bench));
}

#[test]
fn a_master_that_is_heard_ends_it_after_the_overlap() {
    let mut bench = adopting(Node::builder());
    bench.pass_millis(700);
    bench.take();
    bench.hear(1, 0, 0);
    bench.pass_millis(119);
    assert!(bench.take().is_empty() && holds(&bench));
    bench.pass_millis(1);
    assert_eq!(
        (bench.state(), bench.take()),
        (State::Backup, vec!["release".into()])
    );
}

#[test]
fn silence_makes_it_master_without_a_gap() {
    let mut bench = adopting(Node::builder());
    bench.take();
    bench.pass(Duration::from_micros(3_390_625));
    assert_eq!(bench.state(), State::Master);
    assert_eq!(bench.take(), ["hold", ADVERT, ANNOUNCE]);
}

#[test]
fn a_worse_master_is_preempted_without_a_gap() {
    let mut bench = adopting(Node::builder().preempt(true));
    bench.take();
    bench.hear(1, 200, 0);
    assert_eq!(bench.take(), ["hold", ADVERT, ANNOUNCE]);
}

#[test]
fn a_lease_that_ends_first_leaves_an_ordinary_backup() {
    let mut bench = adopting(Node::builder());
    bench.take();
    bench.pass_millis(2_000);
    bench.input(Input::Lapsed(bench.id));
    assert!(!holds(&bench));
    assert_eq!(bench.take(), ["release"]);
    bench.pass_millis(1_391);
    assert_eq!(bench.state(), State::Master, "it has waited long enough");
}

#[test]
fn who_does_not_run_lets_go_of_it() {
    let mut bench = Bench::new(Node::builder(), host(100, &[V4]).enabled(false));
    bench.input(Input::Adopted(bench.id));
    assert_eq!(
        (bench.state(), bench.take()),
        (State::Init, vec!["release".into()])
    );
    let mut bench = Bench::backup();
    bench.input(link(LinkState::Down));
    bench.input(Input::Adopted(bench.id));
    assert_eq!(
        (bench.state(), bench.take()),
        (State::Init, vec!["release".into()])
    );
}

#[test]
fn a_lost_link_ends_it() {
    let mut bench = adopting(Node::builder());
    bench.take();
    bench.input(link(LinkState::Absent));
    assert_eq!(
        (bench.state(), bench.take()),
        (State::Init, vec!["release".into()])
    );
}

#[test]
fn whoever_holds_already_has_nothing_to_adopt() {
    let mut taking = Bench::backup();
    taking.answers = false;
    taking.command(Command::Master);
    let master = Bench::master();
    let mut retiring = Bench::master();
    retiring.hear(1, 0, 0);
    for mut bench in [taking, master, retiring] {
        bench.take();
        bench.told();
        bench.input(Input::Adopted(bench.id));
        assert!(bench.take().is_empty() && bench.told().is_empty());
    }
}

#[test]
fn addresses_that_are_not_ours_to_manage_are_not_handed_over() {
    let mut bench = adopting(Node::builder().manage_addresses(false));
    assert!(bench.take().is_empty());
    bench.pass(Duration::from_micros(3_390_625));
    assert_eq!(bench.state(), State::Master);
}
